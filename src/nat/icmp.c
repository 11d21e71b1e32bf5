/* SPDX-License-Identifier: MIT */
/* Echoes. A request goes at once; a reply is received whole, gets the guest's identifier and its checksum, and goes to the
 * guest in fragments if need be: there are few of them, and nothing here is worth a batch. */
#include "nat/icmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/reader.h"
#include "nat/datagram_error.h"
#include "nat/fragment.h"
#include "wire/icmp.h"

enum {
	ICMP_ATTEMPTS = 8,
	ICMP_ERRORS_TURN = 64,
	ICMP_PIECES = FRAME_PIECES_MAX + 2,
};

struct icmp_flow {
	struct flow flow; /* the first member: flow.h */
	struct icmp *icmp;
	struct watch watch;
	struct datagram_way way;
	bool has_errors;
	uint64_t bytes_from_guest, bytes_to_guest;
	uint64_t used_us;
};

_Static_assert(sizeof(struct icmp_flow) <= FLOW_BYTES, "flow.h");

struct icmp {
	struct nat *nat;
	const struct datagram_ops *ops;
	void *ops_owner;
	bool noticed; /* that ping sockets are forbidden, or that descriptors ran out */
	uint16_t id;  /* of IPv4 packets to guests */
	uint32_t id6;
	uint32_t local_mtu; /* told by this host with the last EMSGSIZE */
	struct datagram_error error;
	uint8_t message[IP4_PACKET_MAX];
};

/* ---- life of a flow ---- */

static void icmp_end(struct flow *base)
{
	struct icmp_flow *flow = container_of(base, struct icmp_flow, flow);
	struct icmp *icmp = flow->icmp;

	if (flow->watch.fd >= 0) {
		loop_unwatch(base->nat->config.loop, &flow->watch);
		icmp->ops->close(icmp->ops_owner, flow->watch.fd);
	}
	flow_free(base);
}

/* The timer is not moved for each echo: when it is due, it is seen how long the flow was idle. */
static void icmp_on_due(struct flow *base, uint64_t now_us)
{
	struct icmp_flow *flow = container_of(base, struct icmp_flow, flow);

	if (now_us - flow->used_us >= ICMP_IDLE_US)
		icmp_end(base);
	else
		flow_set_timer(base, flow->used_us + ICMP_IDLE_US);
}

static void icmp_look(const struct flow *base, struct nat_flow_info *ret_info)
{
	const struct icmp_flow *flow = container_of(base, const struct icmp_flow, flow);

	ret_info->state = "echo";
	ret_info->from_guest_bytes = flow->bytes_from_guest;
	ret_info->to_guest_bytes = flow->bytes_to_guest;
	ret_info->idle_us = nat_now_us(base->nat) - flow->used_us;
}

static bool icmp_run(struct flow *base, struct flow_budget *budget);

static const struct flow_ops icmp_flow_ops = {.run = icmp_run,
					      .on_due = icmp_on_due,
					      .end = icmp_end,
					      .look = icmp_look};

static void icmp_used(struct icmp_flow *flow)
{
	flow->used_us = nat_now_us(flow->flow.nat);
	flow_set_spare(&flow->flow, FLOW_SPARE_IDLE);
}

static void icmp_on_ready(void *owner, unsigned events)
{
	struct icmp_flow *flow = owner;

	flow->has_errors = flow->has_errors || (events & LOOP_HANGUP);
	flow_schedule(&flow->flow);
}

static void icmp_notice(struct icmp *icmp, int error)
{
	const struct nat_config *config = &icmp->nat->config;

	if (icmp->noticed || !config->on_notice)
		return;
	icmp->noticed = true;
	if (error == -EACCES || error == -EPERM)
		config->on_notice(config->owner,
				  "guests cannot ping beyond the network: this user may not open ping "
				  "sockets; `sysctl -w net.ipv4.ping_group_range='0 2147483647'` allows it");
	else
		config->on_notice(config->owner,
				  "guests cannot ping beyond the network: the host gives no ping socket");
}

static enum drop_reason icmp_make(struct icmp *icmp, const struct nat_packet *packet, const struct flow_key *key,
				  const struct outbound *outbound, struct icmp_flow **ret_flow)
{
	struct nat *nat = icmp->nat;
	int fd = icmp->ops->open(icmp->ops_owner, DATAGRAM_ECHO, packet->is6, outbound);
	bool lost = nat_outbound_is_lost(nat, outbound, packet->is6, fd);
	struct icmp_flow *flow;
	struct flow *base;

	if (fd == -EAFNOSUPPORT || lost) {
		nat_refuse_packet(nat, packet, nat_refusal_of(fd), 0);
		return lost ? DROP_NAT_OUTBOUND_GONE : DROP_ICMP_SEND_REFUSED;
	}
	if (fd < 0 && !error_is_out_of_files(fd)) {
		icmp_notice(icmp, fd);
		return fd == -EACCES || fd == -EPERM ? DROP_ICMP_FORBIDDEN : DROP_NAT_SOCKETS_FULL;
	}
	base = flow_new(&nat->flows, key, &icmp_flow_ops, packet->from, packet->mac, packet->vlan);
	if (!base) {
		if (fd >= 0)
			icmp->ops->close(icmp->ops_owner, fd);
		return DROP_NAT_FLOWS_FULL;
	}
	flow = container_of(base, struct icmp_flow, flow);
	flow->icmp = icmp;
	while (error_is_out_of_files(fd) && flow_give_one_up(base))
		fd = icmp->ops->open(icmp->ops_owner, DATAGRAM_ECHO, packet->is6, outbound);
	if (fd < 0) {
		icmp_notice(icmp, fd);
		flow_free(base);
		return DROP_NAT_SOCKETS_FULL;
	}
	watch_init(&flow->watch, fd, icmp_on_ready, flow);
	if (loop_watch(nat->config.loop, &flow->watch, LOOP_READ | LOOP_EDGE) < 0) {
		icmp_end(base);
		return DROP_NAT_SOCKETS_FULL;
	}
	flow_set_timer(base, nat_now_us(nat) + ICMP_IDLE_US);
	*ret_flow = flow;
	return DROP_NONE;
}

static uint8_t icmp_request(bool is6)
{
	return is6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST;
}

static uint8_t icmp_reply(bool is6)
{
	return is6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
}

/* ---- errors ---- */

/* The beginning of a request as the guest knows it: with its own identifier. */
static void icmp_restore(const struct icmp_flow *flow, uint8_t type, uint16_t sequence, uint8_t *message)
{
	struct icmp_header header = {.type = type, .rest = icmp_echo_rest(flow->flow.key.guest_port, sequence)};
	struct writer writer;

	writer_init(&writer, message, ICMP_HEADER_BYTES);
	icmp_header_write(&writer, &header);
}

static void icmp_error_told(struct icmp_flow *flow, struct datagram_error *error)
{
	bool is6 = flow->flow.key.is6, has_from;
	struct nat_address far, from;
	struct icmp_header quoted;
	struct reader reader;

	reader_init(&reader, error->message, error->bytes);
	if (!error->has_to || icmp_header_read(&reader, &quoted) != DROP_NONE || quoted.type != icmp_request(is6))
		return;
	has_from = datagram_error_from(flow->flow.nat, error, is6, &from);
	nat_far_address(flow->flow.nat, (const struct sockaddr *)(const void *)&error->to, is6, &far);
	icmp_restore(flow, quoted.type, icmp_echo_sequence(&quoted), error->message);
	datagram_error_tell(&flow->flow, &far, flow->flow.key.protocol, error->message, error->bytes, error->bytes,
			    datagram_error_refusal(error, is6), error->mtu, has_from ? &from : NULL);
}

/* How many there were of ICMP's. */
static unsigned icmp_errors(struct icmp_flow *flow)
{
	struct icmp *icmp = flow->icmp;
	unsigned told = 0;

	icmp->local_mtu = 0;
	for (int i = 0;; i++) {
		flow->has_errors = i == ICMP_ERRORS_TURN;
		if (flow->has_errors ||
		    icmp->ops->error(icmp->ops_owner, flow->watch.fd, flow->flow.key.is6, &icmp->error) < 0)
			break;
		if (icmp->error.icmp) {
			told++;
			icmp_error_told(flow, &icmp->error);
		} else if (icmp->error.error == -EMSGSIZE) {
			icmp->local_mtu = icmp->error.mtu;
		}
	}
	return told;
}

/* ---- from guests ---- */

/* Over all of the message; guests' kernels leave some of them to the device. */
static enum drop_reason icmp_verify(const struct nat_packet *packet)
{
	struct iovec pieces[ICMP_PIECES];
	struct checksum sum;
	int count = frame_slice(packet->frame, packet->l4, packet->transport_bytes, pieces, ICMP_PIECES);

	if (packet->frame->offload.csum != CSUM_UNKNOWN)
		return DROP_NONE;
	checksum_init(&sum);
	if (packet->is6)
		ip6_pseudo(&sum, packet->guest.ip, packet->far.ip, IP_PROTOCOL_ICMP6, packet->transport_bytes);
	for (int i = 0; i < count; i++)
		checksum_add(&sum, pieces[i].iov_base, pieces[i].iov_len);
	return count >= 0 && be16_value(checksum_final(&sum)) == 0 ? DROP_NONE : DROP_ICMP_CHECKSUM;
}

static enum drop_reason icmp_read(const struct nat_packet *packet, struct icmp_header *ret_header)
{
	uint8_t bytes[ICMP_HEADER_BYTES];
	struct reader reader;

	if (packet->transport_bytes < ICMP_HEADER_BYTES)
		return DROP_ICMP_SHORT;
	frame_copy(packet->frame, packet->l4, bytes, sizeof(bytes));
	reader_init(&reader, bytes, sizeof(bytes));
	icmp_header_read(&reader, ret_header);
	return icmp_verify(packet);
}

/* Every hop counts here, and a reply of -1 hop less is the same as any router's. */
static void icmp_set_way(struct icmp_flow *flow, const struct nat_packet *packet)
{
	uint32_t mtu_bytes = ethswitch_mtu(flow->flow.nat->config.ethswitch);
	struct datagram_way way = {
		.service = packet->service,
		.hop_limit = packet->hop_limit > 1 ? (uint8_t)(packet->hop_limit - 1) : 0,
		.dont_fragment =
			packet->dont_fragment && packet->l4 - packet->l3 + packet->transport_bytes <= mtu_bytes,
	};

	if (way.service == flow->way.service && way.hop_limit == flow->way.hop_limit &&
	    way.dont_fragment == flow->way.dont_fragment)
		return;
	flow->icmp->ops->set_way(flow->icmp->ops_owner, flow->watch.fd, packet->is6, &flow->way, &way);
	flow->way = way;
}

static enum drop_reason icmp_send_refused(struct icmp_flow *flow, const struct nat_packet *packet, int error)
{
	uint32_t mtu = flow->icmp->local_mtu;

	if (error == -EMSGSIZE && mtu == 0)
		mtu = packet->is6 ? IP6_MTU_MIN : 576;
	if (error != -EAGAIN && error != -ENOBUFS)
		nat_refuse_packet(flow->flow.nat, packet, nat_refusal_of(error), mtu);
	return DROP_ICMP_SEND_REFUSED;
}

static enum drop_reason icmp_send(struct icmp_flow *flow, const struct nat_packet *packet,
				  const struct icmp_header *header, const struct sockaddr_storage *to,
				  socklen_t to_bytes)
{
	struct icmp *icmp = flow->icmp;
	uint8_t start[ICMP_HEADER_BYTES];
	struct iovec pieces[ICMP_PIECES];
	struct datagram_send send = {
		.pieces = pieces,
		.bytes = packet->transport_bytes,
		.to = (const struct sockaddr *)(const void *)to,
		.to_bytes = to_bytes,
	};
	int count = frame_slice(packet->frame, packet->l4 + ICMP_HEADER_BYTES,
				packet->transport_bytes - ICMP_HEADER_BYTES, pieces + 1, ICMP_PIECES - 1);

	/* The header from private memory: what was checked is what is sent. */
	icmp_restore(flow, header->type, icmp_echo_sequence(header), start);
	pieces[0] = (struct iovec){.iov_base = start, .iov_len = sizeof(start)};
	send.piece_count = count < 0 ? 1 : 1 + (uint32_t)count;
	icmp_set_way(flow, packet);
	for (int tries = 0;; tries++) {
		int sent = icmp->ops->send(icmp->ops_owner, flow->watch.fd, &send, 1);

		if (sent > 0)
			return DROP_NONE;
		/* An error of an earlier echo's, perhaps; then the queue has it, and this one goes. */
		if (sent == -EAGAIN || icmp_errors(flow) == 0 || tries == 2)
			return icmp_send_refused(flow, packet, sent);
	}
}

static enum drop_reason icmp_refuse_route(struct icmp *icmp, const struct nat_packet *packet, enum drop_reason reason)
{
	nat_refuse_packet(icmp->nat, packet, reason == DROP_NAT_RESTRICTED ? NAT_REFUSE_PROHIBITED : NAT_REFUSE_HOST,
			  0);
	return reason;
}

/* An error about something that came from us. Of TCP there is somebody to tell, of all else there is not. */
static void icmp_error_taken(struct icmp *icmp, const struct nat_packet *packet, const struct icmp_header *header)
{
	bool is4_unreachable = !packet->is6 && header->type == ICMP4_UNREACHABLE;

	if (packet->is6 && header->type == ICMP6_TOO_BIG)
		tcp_too_big(icmp->nat, packet, header->rest);
	else if (is4_unreachable && header->code == ICMP4_UNREACHABLE_FRAGMENT)
		tcp_too_big(icmp->nat, packet, header->rest & UINT16_MAX);
	else if (is4_unreachable || (packet->is6 && header->type == ICMP6_UNREACHABLE))
		tcp_unreachable(icmp->nat, packet);
}

static enum drop_reason icmp_input(void *state, const struct nat_packet *packet)
{
	struct icmp *icmp = state;
	struct nat_address guest = packet->guest, place;
	const struct outbound *outbound;
	struct icmp_flow *flow = NULL;
	struct sockaddr_storage to;
	struct icmp_header header;
	enum drop_reason reason = icmp_read(packet, &header);
	struct flow_key key;
	struct flow *found;
	socklen_t to_bytes;

	if (reason)
		return reason;
	if (packet->is6 ? icmp6_is_error(header.type) : icmp4_is_error(header.type)) {
		icmp_error_taken(icmp, packet, &header);
		return DROP_NONE;
	}
	if (header.type != icmp_request(packet->is6) || header.code != 0)
		return DROP_ICMP_TYPE;
	reason = nat_host_address(icmp->nat, &packet->far, &to, &to_bytes);
	if (reason)
		return icmp_refuse_route(icmp, packet, reason);
	guest.port = icmp_echo_id(&header);
	outbound = nat_outbound(icmp->nat, &to, &place);
	key = flow_key(packet->is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP, packet->is6, &guest, &place);
	found = flow_find(&icmp->nat->flows, &key);
	if (found && !flow_is_owner(found, packet->from, packet->mac, packet->vlan))
		return DROP_NAT_FLOW_OWNER;
	if (found)
		flow = container_of(found, struct icmp_flow, flow);
	else
		reason = icmp_make(icmp, packet, &key, outbound, &flow);
	if (reason)
		return reason;
	icmp_used(flow);
	flow->bytes_from_guest += packet->transport_bytes;
	return icmp_send(flow, packet, &header, &to, to_bytes);
}

/* ---- to guests ---- */

/* False: the flow waits for room. */
static bool icmp_deliver(struct icmp_flow *flow, struct icmp *icmp, const struct datagram_receipt *receipt,
			 struct flow_budget *budget)
{
	bool is6 = flow->flow.key.is6;
	struct nat_head head = nat_head_of(&flow->flow);
	struct checksum pseudo;
	struct icmp_header header;
	struct nat_address far;
	struct reader reader;
	int error;

	reader_init(&reader, icmp->message, receipt->bytes);
	if (receipt->truncated || icmp_header_read(&reader, &header) != DROP_NONE || header.type != icmp_reply(is6))
		return true;
	nat_far_address(icmp->nat, (const struct sockaddr *)(const void *)&receipt->from, is6, &far);
	head.from = far.ip;
	head.service = receipt->service;
	head.hop_limit = receipt->hop_limit > 1 ? (uint8_t)(receipt->hop_limit - 1) : receipt->hop_limit;
	head.id = icmp->id++;
	pseudo = nat_head_pseudo(&head, receipt->bytes);
	icmp_restore(flow, header.type, icmp_echo_sequence(&header), icmp->message);
	icmp_checksum_fill(is6 ? &pseudo : NULL, icmp->message, receipt->bytes);
	icmp_used(flow);
	flow->bytes_to_guest += receipt->bytes;
	error = fragment_send(&flow->flow, &head, icmp->id6++, icmp->message, receipt->bytes, budget);
	if (error < 0)
		port_drop(flow->flow.port, error == -EAGAIN ? DROP_ROOM_REFUSED : DROP_FRAME_TOO_LARGE_FOR_PORT, NULL);
	return error != -EAGAIN;
}

static bool icmp_run(struct flow *base, struct flow_budget *budget)
{
	struct icmp_flow *flow = container_of(base, struct icmp_flow, flow);
	struct icmp *icmp = flow->icmp;
	const struct iovec piece = {.iov_base = icmp->message, .iov_len = sizeof(icmp->message)};
	int attempts = 0;

	if (flow->has_errors)
		icmp_errors(flow);
	while (budget->frames > 0 && budget->bytes > 0) {
		struct datagram_receipt receipt = {.pieces = &piece, .piece_count = 1};
		int got = icmp->ops->receive(icmp->ops_owner, flow->watch.fd, &receipt, 1);

		if (got == -EAGAIN || (got < 0 && attempts++ == ICMP_ATTEMPTS))
			return flow->has_errors;
		if (got < 0)
			icmp_errors(flow); /* one of them stood in the way */
		else if (!icmp_deliver(flow, icmp, &receipt, budget))
			return false;
	}
	return true;
}

/* As UDP's mappings. */
static void icmp_address_lost(void *state)
{
	struct icmp *icmp = state;

	if (!icmp->nat->config.outbounds)
		return;
	list_for_each_safe (at, &icmp->nat->flows.all) {
		struct flow *base = container_of(at, struct flow, all);
		struct icmp_flow *flow = container_of(base, struct icmp_flow, flow);

		if (base->ops == &icmp_flow_ops && icmp->ops->is_homeless(icmp->ops_owner, flow->watch.fd))
			icmp_end(base);
	}
}

/* ---- life ---- */

int icmp_start(struct nat *nat, const struct datagram_ops *ops, void *ops_owner, struct icmp **ret_icmp)
{
	struct icmp *icmp = calloc(1, sizeof(*icmp));

	if (!icmp)
		return -ENOMEM;
	icmp->nat = nat;
	icmp->ops = ops;
	icmp->ops_owner = ops_owner;
	*ret_icmp = icmp;
	return 0;
}

static int icmp_start_system(struct nat *nat, void **ret_state)
{
	struct icmp *icmp = NULL;
	int error = icmp_start(nat, &datagram_system, NULL, &icmp);

	*ret_state = icmp;
	return error;
}

static void icmp_stop(void *state)
{
	free(state);
}

const struct nat_protocol icmp_protocol = {
	.name = "icmp",
	.start = icmp_start_system,
	.stop = icmp_stop,
	.input = icmp_input,
	.address_lost = icmp_address_lost,
};
