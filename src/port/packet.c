/* SPDX-License-Identifier: MIT */
/* See packet.h. */
#include "port/packet.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "fabric/ethswitch.h"

enum { PACKET_QUEUE_PIECES = 32 }; /* what framequeue_peek_frame() needs at most */

void packet_turn_init(struct packet_turn *turn)
{
	turn->taken = 0;
	turn->batch = PACKET_BATCH;
}

/* At most half of what the pool has: a delivery may need frames of its own. */
static void packet_turn_take(struct packet_turn *turn, struct pool *frames)
{
	size_t most = (frames->count - frames->taken + 1) / 2;

	if (most > turn->batch)
		most = turn->batch;
	for (turn->taken = 0; turn->taken < most; turn->taken++) {
		void *frame = pool_take(frames);

		if (!frame)
			break;
		turn->room[turn->taken] = (struct iovec){frame, FRAME_BYTES_MAX};
	}
}

int packet_turn_receive(struct packet_turn *turn, struct pool *frames, int fd, bool names)
{
	uint8_t byte;

	packet_turn_take(turn, frames);
	if (turn->taken == 0)
		return recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0 ? -errno : -ENOMEM;
	for (unsigned i = 0; i < turn->taken; i++) {
		turn->received[i].header = (struct msghdr){
			.msg_iov = &turn->room[i],
			.msg_iovlen = 1,
			.msg_name = names ? &turn->from[i] : NULL,
			.msg_namelen = names ? sizeof(turn->from[i]) : 0,
		};
	}
	return mmsg_receive(fd, turn->received, turn->taken);
}

void packet_turn_adapt(struct packet_turn *turn, int count)
{
	size_t bytes = 0, batch;

	for (int i = 0; i < count; i++)
		bytes += turn->received[i].bytes;
	batch = bytes ? PORT_TURN_BYTES / (bytes / (size_t)count + 1) : PACKET_BATCH;
	if (batch < PACKET_BATCH_LEAST)
		batch = PACKET_BATCH_LEAST;
	turn->batch = batch < PACKET_BATCH ? (unsigned)batch : PACKET_BATCH;
}

void packet_turn_done(struct packet_turn *turn, struct pool *frames)
{
	while (turn->taken > 0)
		pool_give(frames, turn->room[--turn->taken].iov_base);
}

bool packet_turn_frame(const struct packet_turn *turn, unsigned index, struct frame *ret_frame,
		       enum drop_reason *ret_verdict)
{
	const struct mmsg *message = &turn->received[index];
	const void *bytes = turn->room[index].iov_base;

	*ret_verdict = DROP_NONE;
	if (message->header.msg_flags & MSG_TRUNC) {
		*ret_verdict = DROP_DATAGRAM_TRUNCATED;
		return false;
	}
	/* vfkit and libkrun begin with it, so that a server learns of them before their first frame. */
	if (message->bytes == PACKET_GREETING_BYTES && memcmp(bytes, "VFKT", PACKET_GREETING_BYTES) == 0)
		return false;
	frame_init(ret_frame, bytes, message->bytes);
	return true;
}

/* EFAULT: a guest has taken back what is to be sent. It is copied, where somebody deals with the fault. */
static bool packet_is_full(int code)
{
	return code == -EAGAIN || code == -ENOBUFS || code == -ENOMEM || code == -EFAULT;
}

int packet_send_gathered(struct packet_turn *turn, int fd, struct outlet *outlet, const struct sockaddr_un *to,
			 socklen_t to_length, uint32_t *index)
{
	struct gather *gather = &outlet->gather;

	for (uint32_t i = *index; i < gather->count; i++) {
		turn->sending[i].header = (struct msghdr){
			.msg_iov = &gather->piece[gather->entry[i].first],
			.msg_iovlen = gather->entry[i].pieces,
			.msg_name = (void *)(uintptr_t)to,
			.msg_namelen = to_length,
		};
	}
	while (*index < gather->count) {
		int sent = mmsg_send(fd, &turn->sending[*index], gather->count - *index);
		struct frame frame;

		for (int i = 0; i < sent; i++)
			outlet_sent(outlet, (*index)++);
		if (sent > 0)
			continue;
		if (sent != -EMSGSIZE)
			return packet_is_full(sent) ? -EAGAIN : sent;
		gather_frame(gather, (*index)++, &frame);
		port_drop(&outlet->port, DROP_FRAME_TOO_LARGE_FOR_PORT, &frame);
	}
	return 0;
}

int packet_send_queued(int fd, struct outlet *outlet, const struct sockaddr_un *to, socklen_t to_length, unsigned most)
{
	struct iovec pieces[PACKET_QUEUE_PIECES];
	unsigned done = 0;

	while (done < most) {
		struct mmsg message = {.header = {.msg_name = (void *)(uintptr_t)to, .msg_namelen = to_length}};
		size_t bytes;
		int count = framequeue_peek_frame(&outlet->queue, pieces, PACKET_QUEUE_PIECES, &bytes);
		int sent;

		if (count == 0)
			break;
		message.header.msg_iov = pieces;
		message.header.msg_iovlen = (size_t)count;
		sent = mmsg_send(fd, &message, 1);
		if (sent < 0 && sent != -EMSGSIZE)
			return done ? (int)done : packet_is_full(sent) ? -EAGAIN : sent;
		if (sent < 0)
			outlet_drop_queued(outlet, DROP_FRAME_TOO_LARGE_FOR_PORT);
		else
			framequeue_consume_frame(&outlet->queue);
		done++;
	}
	return (int)done;
}

void packet_init(struct connection *connection)
{
	packet_turn_init(connection->connected->turn);
}

/* True when an empty packet says that the far end has closed. */
static bool packet_is_end(const struct connection *connection, const struct mmsg *message)
{
	return message->bytes == 0 && connection->connected->way->type == SOCK_SEQPACKET;
}

const char *packet_read(struct connection *connection, bool *ret_idle)
{
	struct port *port = &connection->outlet.port;
	struct pool *pool = ethswitch_frames(connection->outlet.endpoint->setup->ethswitch);
	struct packet_turn *turn = connection->connected->turn;
	struct frame frames[PACKET_BATCH];
	int got = packet_turn_receive(turn, pool, connection->fd, false);
	bool ended = false;
	size_t count = 0;

	for (int i = 0; i < got && !ended; i++) {
		enum drop_reason verdict;

		ended = packet_is_end(connection, &turn->received[i]);
		if (ended)
			continue;
		if (packet_turn_frame(turn, (unsigned)i, &frames[count], &verdict))
			count++;
		else if (verdict != DROP_NONE)
			port_drop(port, verdict, NULL);
	}
	if (count > 0)
		ethswitch_input(port, frames, count);
	if (got > 0)
		packet_turn_adapt(turn, got);
	packet_turn_done(turn, pool);
	if (got == -ENOMEM)
		port_drop(port, DROP_POOL_EMPTY, NULL);
	*ret_idle = got == -EAGAIN;
	if (ended)
		return "closed the connection";
	return got >= 0 || got == -EAGAIN || got == -ENOMEM || got == -EINTR ? NULL : error_name(got);
}

const char *packet_drain(struct outlet *outlet)
{
	int sent = packet_send_queued(connection_of(outlet)->fd, outlet, NULL, 0, PORT_TURN_FRAMES);

	return sent >= 0 || sent == -EAGAIN ? NULL : error_name(sent);
}

void packet_send(struct outlet *outlet)
{
	struct connection *connection = connection_of(outlet);
	uint32_t index = 0;
	int code = packet_send_gathered(connection->connected->turn, connection->fd, outlet, NULL, 0, &index);

	if (code == 0)
		return;
	if (code == -EAGAIN) {
		outlet_keep_from(outlet, index, 0);
		return;
	}
	outlet_drop_from(outlet, index,
			 connection->connected->way->type == SOCK_DGRAM ? DROP_DATAGRAM_GUEST_GONE : DROP_PORT_CLOSED);
	outlet_leave_later(outlet, error_name(code));
}
