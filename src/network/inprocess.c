/* SPDX-License-Identifier: MIT */
/* In-process ports. To the guest: the frames of one delivery are gathered and shown to the host program in one call, or
 * written into room that it lends. From the guest: a batch goes straight into the switch; from within a callback it is
 * copied into a bounded queue and handed in by run(), since delivery never recurses. */
#include "network/inprocess.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/framequeue.h"
#include "network/network.h"
#include "network/offload.h"

enum inprocess_limits {
	INPROCESS_BATCH = PORT_TURN_FRAMES,
	INPROCESS_PIECES = 512,             /* a batch in fewer pieces than this is shown whole */
	INPROCESS_QUEUE_BYTES = 256 * 1024, /* a turn's worth of what callbacks send */
};

struct gw_port {
	struct port port;
	struct list link; /* network->ports or ports_gone */
	struct gw_network *network;
	struct gw_port_config config;
	bool freed;
	bool written;           /* rooms were committed: flush() tells the far end */
	struct framequeue sent; /* from within callbacks, each behind a struct inprocess_prefix */
	/* of the delivery under way */
	size_t batch_count, piece_count;
	struct gw_frame batch[INPROCESS_BATCH];
	struct iovec pieces[INPROCESS_PIECES];
};

/* How an offload is kept in the queue: no padding, and within FRAMEQUEUE_PREFIX_MAX. */
struct inprocess_prefix {
	uint16_t csum_start, csum_offset, segment_bytes;
	uint8_t csum, gso, ecn, unused;
};

_Static_assert(sizeof(struct inprocess_prefix) == 10, "no padding");
_Static_assert(INPROCESS_PIECES >= 1 + FRAME_PIECES_MAX, "the largest frame fits an empty batch");

/* ---- to the guest ---- */

static void inprocess_count(struct gw_port *port, size_t frame_bytes)
{
	port->port.counters.to_guest.frames++;
	port->port.counters.to_guest.bytes += frame_bytes;
}

static void inprocess_drop_untaken(struct gw_port *port, const struct gw_frame *shown)
{
	struct frame frame = {.head = shown->pieces[0].iov_base,
			      .head_bytes = (uint32_t)shown->pieces[0].iov_len,
			      .body = shown->pieces + 1,
			      .body_pieces = (uint32_t)shown->piece_count - 1};

	for (size_t i = 0; i < shown->piece_count; i++)
		frame.length += (uint32_t)shown->pieces[i].iov_len;
	port_drop(&port->port, DROP_ROOM_REFUSED, &frame);
}

static size_t inprocess_frame_bytes(const struct gw_frame *frame)
{
	size_t bytes = 0;

	for (size_t i = 0; i < frame->piece_count; i++)
		bytes += frame->pieces[i].iov_len;
	return bytes;
}

/* Shows the host program what was gathered. */
static void inprocess_show(struct gw_port *port)
{
	size_t count = port->batch_count, taken;

	if (count == 0)
		return;
	port->network->calling++;
	taken = port->config.to_guest(port->config.owner, port->batch, count);
	port->network->calling--;
	for (size_t i = 0; i < count; i++) {
		if (i < taken)
			inprocess_count(port, inprocess_frame_bytes(&port->batch[i]));
		else
			inprocess_drop_untaken(port, &port->batch[i]);
	}
	port->batch_count = 0;
	port->piece_count = 0;
}

static void inprocess_gather(struct gw_port *port, const struct frame *frame)
{
	struct iovec *pieces;
	size_t count = 0;

	if (port->batch_count == INPROCESS_BATCH || port->piece_count + 1 + frame->body_pieces > INPROCESS_PIECES)
		inprocess_show(port);
	if (port->freed) {
		port_drop(&port->port, DROP_PORT_CLOSED, frame);
		return;
	}
	pieces = port->pieces + port->piece_count;
	if (frame->head_bytes > 0)
		pieces[count++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)frame->head, .iov_len = frame->head_bytes};
	for (uint32_t i = 0; i < frame->body_pieces; i++)
		pieces[count++] = frame->body[i];
	port->piece_count += count;
	port->batch[port->batch_count++] =
		(struct gw_frame){.pieces = pieces, .piece_count = count, .offload = offload_show(&frame->offload)};
}

static void inprocess_give_back(struct gw_port *port, struct gw_room *room)
{
	if (port->freed)
		return;
	port->network->calling++;
	port->config.cancel(port->config.owner, room);
	port->network->calling--;
}

static int inprocess_reserve(struct port *base, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	struct gw_port *port = container_of(base, struct gw_port, port);
	struct gw_room room = {0};
	int error;

	(void)flow;
	if (port->freed)
		return -EMSGSIZE;
	port->network->calling++;
	error = port->config.reserve(port->config.owner, least, wanted, &room);
	port->network->calling--;
	/* freed within the call: its memory may be gone with it */
	if (port->freed)
		return -EMSGSIZE;
	if (error != 0)
		return error == -EMSGSIZE ? -EMSGSIZE : -EAGAIN;
	/* the host program lent less than it was asked for: its bug, and not ours to write past */
	if (room.bytes < least || room.piece_count > ROOM_PIECES_MAX) {
		inprocess_give_back(port, &room);
		return -EAGAIN;
	}
	*ret_room = (struct room){.port = base,
				  .pieces = room.pieces,
				  .piece_count = (uint32_t)room.piece_count,
				  .bytes = room.bytes > wanted ? wanted : (uint32_t)room.bytes,
				  .owner = room.owner};
	return 0;
}

static struct gw_room inprocess_room(const struct room *room)
{
	return (struct gw_room){.pieces = room->pieces,
				.piece_count = room->piece_count,
				.bytes = room->bytes,
				.owner = room->owner};
}

/* Also after gw_port_free(): the room was lent before it. */
static void inprocess_commit(struct port *base, struct room *room, const struct frame *frame)
{
	struct gw_port *port = container_of(base, struct gw_port, port);
	struct gw_offload same = offload_show(&frame->offload);
	struct gw_room lent = inprocess_room(room);

	if (port->freed)
		return;
	inprocess_count(port, frame->length);
	port->written = true;
	port->network->calling++;
	port->config.commit(port->config.owner, &lent, frame->length, &same);
	port->network->calling--;
}

static void inprocess_cancel(struct port *base, struct room *room)
{
	struct gw_port *port = container_of(base, struct gw_port, port);
	struct gw_room lent = inprocess_room(room);

	inprocess_give_back(port, &lent);
}

/* A pushed frame into the guest's own memory. */
static void inprocess_write(struct gw_port *port, const struct frame *frame)
{
	struct room room;
	uint32_t offset = frame->head_bytes;
	int error = inprocess_reserve(&port->port, 0, frame->length, frame->length, &room);

	if (error < 0) {
		port_drop(&port->port, error == -EMSGSIZE ? DROP_FRAME_TOO_LARGE_FOR_PORT : DROP_ROOM_REFUSED, frame);
		return;
	}
	room_write(&room, 0, frame->head, frame->head_bytes);
	for (uint32_t i = 0; i < frame->body_pieces; i++) {
		room_write(&room, offset, frame->body[i].iov_base, frame->body[i].iov_len);
		offset += (uint32_t)frame->body[i].iov_len;
	}
	inprocess_commit(&port->port, &room, frame);
}

static void inprocess_queue(struct port *base, const struct frame *frame)
{
	struct gw_port *port = container_of(base, struct gw_port, port);

	if (port->freed)
		port_drop(base, DROP_PORT_CLOSED, frame);
	else if (port->config.reserve)
		inprocess_write(port, frame);
	else
		inprocess_gather(port, frame);
}

static void inprocess_flush(struct port *base)
{
	struct gw_port *port = container_of(base, struct gw_port, port);

	if (port->freed) {
		port->batch_count = port->piece_count = 0;
		return;
	}
	inprocess_show(port);
	if (!port->written || port->freed)
		return;
	port->written = false;
	if (!port->config.flush)
		return;
	port->network->calling++;
	port->config.flush(port->config.owner);
	port->network->calling--;
}

/* ---- from the guest ---- */

/* A view of the host program's frame: the head is copied, the rest stays where it is. `*pieces_used` of the network's
 * pieces are taken so far. False: no pieces left for it in this batch. */
static bool inprocess_view(struct gw_network *network, const struct gw_frame *from, size_t bytes, uint8_t *head,
			   size_t *pieces_used, struct frame *ret_frame)
{
	size_t head_bytes = bytes < FRAME_HEAD_BYTES ? bytes : FRAME_HEAD_BYTES, filled = 0;
	struct iovec *body = network->pieces + *pieces_used;
	uint32_t body_pieces = 0;

	if (bytes > head_bytes && *pieces_used + from->piece_count > NETWORK_PIECES)
		return false;
	for (size_t i = 0; i < from->piece_count; i++) {
		const struct iovec *piece = &from->pieces[i];
		size_t here = head_bytes - filled < piece->iov_len ? head_bytes - filled : piece->iov_len;

		if (here > 0)
			memcpy(head + filled, piece->iov_base, here);
		filled += here;
		if (here < piece->iov_len)
			body[body_pieces++] = (struct iovec){.iov_base = (uint8_t *)piece->iov_base + here,
							     .iov_len = piece->iov_len - here};
	}
	*pieces_used += body_pieces;
	*ret_frame = (struct frame){.head = head,
				    .head_bytes = (uint32_t)head_bytes,
				    .length = (uint32_t)bytes,
				    .body = body,
				    .body_pieces = body_pieces,
				    .offload = ret_frame->offload};
	return true;
}

/* What can be told before the switch looks at it. */
static enum drop_reason inprocess_check(const struct gw_frame *from, struct offload *ret_offload, size_t *ret_bytes)
{
	size_t bytes = 0;

	if (from->piece_count > ROOM_PIECES_MAX)
		return DROP_FRAME_LONG;
	for (size_t i = 0; i < from->piece_count; i++) {
		if (from->pieces[i].iov_len > FRAME_BYTES_MAX)
			return DROP_FRAME_LONG;
		bytes += from->pieces[i].iov_len;
	}
	if (bytes > FRAME_BYTES_MAX)
		return DROP_FRAME_LONG;
	if (bytes < FRAME_BYTES_MIN)
		return DROP_FRAME_SHORT;
	*ret_bytes = bytes;
	return offload_read(&from->offload, ret_offload);
}

/* Up to a turn's frames straight into the switch; how many of them were dealt with. */
static size_t inprocess_input(struct gw_port *port, const struct gw_frame *frames, size_t count)
{
	uint8_t heads[INPROCESS_BATCH][FRAME_HEAD_BYTES];
	struct frame batch[INPROCESS_BATCH];
	size_t done = 0, batch_count = 0, pieces_used = 0, bytes;

	for (; done < count && batch_count < INPROCESS_BATCH; done++) {
		struct frame *frame = &batch[batch_count];
		enum drop_reason reason = inprocess_check(&frames[done], &frame->offload, &bytes);

		if (reason != DROP_NONE) {
			port_drop(&port->port, reason, NULL);
			continue;
		}
		if (!inprocess_view(port->network, &frames[done], bytes, heads[batch_count], &pieces_used, frame))
			break;
		batch_count++;
	}
	if (batch_count > 0)
		ethswitch_input(&port->port, batch, batch_count);
	return done;
}

/* Copies for the next round; how many frames were dealt with. */
static size_t inprocess_keep(struct gw_port *port, const struct gw_frame *frames, size_t count)
{
	static const uint8_t nothing[1];
	size_t done = 0, bytes;

	for (; done < count; done++) {
		struct offload offload;
		enum drop_reason reason = inprocess_check(&frames[done], &offload, &bytes);
		struct inprocess_prefix prefix;
		struct frame frame;

		if (reason != DROP_NONE) {
			port_drop(&port->port, reason, NULL);
			continue;
		}
		prefix = (struct inprocess_prefix){.csum_start = offload.csum_start,
						   .csum_offset = offload.csum_offset,
						   .segment_bytes = offload.segment_bytes,
						   .csum = (uint8_t)frames[done].offload.csum,
						   .gso = (uint8_t)frames[done].offload.gso,
						   .ecn = offload.ecn};
		frame = (struct frame){.head = nothing,
				       .length = (uint32_t)bytes,
				       .body = frames[done].pieces,
				       .body_pieces = (uint32_t)frames[done].piece_count};
		if (framequeue_put(&port->sent, &prefix, sizeof(prefix), &frame, 0) != DROP_NONE)
			break;
	}
	if (!framequeue_empty(&port->sent))
		port_schedule(&port->port);
	return done;
}

/* One kept frame into the scratch memory, in one piece. */
static void inprocess_unpack(struct gw_port *port, uint8_t *to, struct frame *ret_frame)
{
	struct inprocess_prefix prefix;
	struct iovec pieces[32];
	size_t bytes, offset = 0, skip = sizeof(prefix);
	int count = framequeue_peek_frame(&port->sent, pieces, 32, &bytes);
	struct gw_offload offload;

	for (int i = 0; i < count; i++) {
		const uint8_t *from = pieces[i].iov_base;
		size_t left = pieces[i].iov_len, here = skip < left ? skip : left;

		memcpy((uint8_t *)&prefix + sizeof(prefix) - skip, from, here);
		skip -= here;
		memcpy(to + offset, from + here, left - here);
		offset += left - here;
	}
	frame_init(ret_frame, to, offset);
	offload = (struct gw_offload){.csum = (enum gw_csum)prefix.csum,
				      .gso = (enum gw_gso)prefix.gso,
				      .ecn = prefix.ecn != 0,
				      .csum_start = prefix.csum_start,
				      .csum_offset = prefix.csum_offset,
				      .segment_bytes = prefix.segment_bytes};
	offload_read(&offload, &ret_frame->offload);
	framequeue_consume_frame(&port->sent);
}

/* Up to a turn's kept frames into the switch, and at most this many; how many. */
static size_t inprocess_hand_in(struct gw_port *port, size_t most)
{
	struct frame batch[PORT_TURN_FRAMES];
	size_t used = 0, count = 0;

	while (count < PORT_TURN_FRAMES && count < most && used + FRAME_BYTES_MAX <= NETWORK_SCRATCH_BYTES &&
	       !framequeue_empty(&port->sent)) {
		inprocess_unpack(port, port->network->scratch + used, &batch[count]);
		used += batch[count++].length;
	}
	if (!framequeue_empty(&port->sent))
		port_schedule(&port->port);
	if (count > 0)
		ethswitch_input(&port->port, batch, count);
	return count;
}

static void inprocess_run(struct port *base)
{
	inprocess_hand_in(container_of(base, struct gw_port, port), PORT_TURN_FRAMES);
}

size_t gw_port_send(struct gw_port *port, const struct gw_frame *frames, size_t count)
{
	size_t done = 0;

	if (port->freed)
		return 0;
	if (network_is_busy(port->network))
		return inprocess_keep(port, frames, count);
	network_set_now(port->network);
	/* what a callback sent came first; what one sends now, perhaps in answer, has its turn later */
	for (size_t kept = port->sent.frames; kept > 0;)
		kept -= inprocess_hand_in(port, kept);
	while (done < count && !port->freed)
		done += inprocess_input(port, frames + done, count - done);
	return done;
}

void gw_port_room(struct gw_port *port)
{
	if (!port->freed)
		port_room_returned(&port->port, 0);
}

/* ---- its life ---- */

static void inprocess_look(const struct port *base, struct port_status *ret_status)
{
	const struct gw_port *port = container_of(base, const struct gw_port, port);

	ret_status->queued_bytes = port->sent.bytes;
	ret_status->queued_peak_bytes = port->sent.peak;
	ret_status->queue_bound_bytes = port->sent.bound;
}

static const struct port_ops inprocess_pushed_ops = {.queue = inprocess_queue,
						     .flush = inprocess_flush,
						     .run = inprocess_run,
						     .look = inprocess_look};

static const struct port_ops inprocess_lent_ops = {.queue = inprocess_queue,
						   .flush = inprocess_flush,
						   .run = inprocess_run,
						   .reserve = inprocess_reserve,
						   .commit = inprocess_commit,
						   .cancel = inprocess_cancel,
						   .look = inprocess_look};

static int inprocess_check_config(struct gw_network *network, const struct gw_port_config *config,
				  struct error *ret_error)
{
	uint32_t least = ethswitch_mtu(network->ethswitch) + ETHERNET_HEADER_BYTES;
	bool lends = config->reserve && config->commit && config->cancel;

	if (!lends && (config->reserve || config->commit || config->cancel))
		return error_set(ret_error, -EINVAL, "port %s: reserve, commit and cancel must be given together",
				 config->name);
	if (!lends && !config->to_guest)
		return error_set(ret_error, -EINVAL, "port %s: neither to_guest nor reserve is given", config->name);
	if (config->frame_bytes > 0 && config->frame_bytes < least)
		return error_set(ret_error, -EMSGSIZE,
				 "port %s: takes frames of %zu bytes, the network's MTU of %u needs %u; use mtu=%zu",
				 config->name, config->frame_bytes, ethswitch_mtu(network->ethswitch), least,
				 config->frame_bytes > ETHERNET_HEADER_BYTES
					 ? config->frame_bytes - ETHERNET_HEADER_BYTES
					 : 0);
	return network_check_name(network, "port", config->name, ret_error);
}

static int inprocess_set_options(struct gw_port *port, struct error *ret_error)
{
	const struct gw_port_config *config = &port->config;
	uint32_t mtu_bytes = ethswitch_mtu(port->network->ethswitch);
	struct port *base = &port->port;

	base->accepts = (struct port_accepts){.csum = config->csum,
					      .tso4 = config->tso4 && config->csum,
					      .tso6 = config->tso6 && config->csum,
					      .ecn = config->ecn,
					      .uso = config->uso && config->csum,
					      .frame_bytes = mtu_bytes + ETHERNET_HEADER_BYTES + ETHERNET_VLAN_BYTES};
	if (config->frame_bytes > 0)
		base->accepts.frame_bytes =
			config->frame_bytes < FRAME_BYTES_MAX ? (uint32_t)config->frame_bytes : FRAME_BYTES_MAX;
	base->isolated = config->isolated || port->network->description.isolated;
	if (config->mac) {
		if (!mac_parse(config->mac, &base->lock) || mac_is_group(base->lock) || mac_is_zero(base->lock))
			return error_set(ret_error, -EINVAL, "port %s: mac=%s: not the MAC address of one machine",
					 base->name, config->mac);
		base->locked = true;
	}
	return 0;
}

int gw_port_new(struct gw_network *network, const struct gw_port_config *config, struct gw_port **ret_port,
		struct gw_error *ret_error)
{
	char chosen[NETWORK_GUEST_NAME_BYTES];
	struct gw_port_config known;
	struct gw_port *port = NULL;
	struct error error = {0};

	if (network_read_config(config, sizeof(known), &known, &error) < 0)
		return network_return_error(ret_error, &error);
	if (!known.name) {
		network_choose_name(network, "port", chosen);
		known.name = chosen;
	}
	if (inprocess_check_config(network, &known, &error) < 0)
		return network_return_error(ret_error, &error);
	port = calloc(1, sizeof(*port));
	if (!port) {
		error_set(&error, -ENOMEM, "port %s: out of memory", known.name);
		return network_return_error(ret_error, &error);
	}
	port->network = network;
	port->config = known;
	port_init(&port->port, known.reserve ? &inprocess_lent_ops : &inprocess_pushed_ops, known.name);
	if (inprocess_set_options(port, &error) < 0) {
		free(port);
		return network_return_error(ret_error, &error);
	}
	port->config.name = port->port.name;
	port->config.mac = NULL; /* the caller's memory; read already */
	framequeue_init(&port->sent, ethswitch_blocks(network->ethswitch), INPROCESS_QUEUE_BYTES);
	list_append(&network->ports, &port->link);
	network_set_now(network);
	ethswitch_attach(network->ethswitch, &port->port);
	*ret_port = port;
	network_on_joined(network, &port->port, NULL, "in this process");
	return 0;
}

static void inprocess_end(struct gw_port *port)
{
	list_remove(&port->link);
	network_on_left(port->network, &port->port, "freed");
	ethswitch_detach(&port->port);
	framequeue_done(&port->sent);
	free(port);
}

void gw_port_free(struct gw_port *port)
{
	if (!port || port->freed)
		return;
	port->freed = true;
	if (!network_is_busy(port->network)) {
		inprocess_end(port);
		return;
	}
	list_remove(&port->link);
	list_append(&port->network->ports_gone, &port->link);
	network_bury_later(port->network);
}

void inprocess_bury(struct gw_network *network)
{
	list_for_each_safe (at, &network->ports_gone)
		inprocess_end(container_of(at, struct gw_port, link));
}

void inprocess_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->ports)
		inprocess_end(container_of(at, struct gw_port, link));
	inprocess_bury(network);
}
