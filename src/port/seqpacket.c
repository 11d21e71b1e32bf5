/* SPDX-License-Identifier: MIT */
/* Guests on AF_UNIX packet connections, one frame per packet: User Mode Linux's "bess" transport. */
#include <errno.h>

#include "port/connected.h"
#include "port/kinds.h"
#include "port/packet.h"

static const struct connected_way seqpacket_way = {
	.type = SOCK_SEQPACKET,
	.outlet = {.send = packet_send, .drain = packet_drain, .wait = connected_wait, .leave = connected_leave},
	.connection_bytes = sizeof(struct connection),
	.turn_bytes = sizeof(struct packet_turn),
	.packets = true,
	.init = packet_init,
	.read = packet_read,
};

static int seqpacket_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
			  struct error *ret_error)
{
	struct doorway_words words = {
		.path = spec_string(spec, "path"),
		.connect = spec_string(spec, "connect"),
		.fd = -1,
	};

	if (endpoint_read_fd(spec, "fd", &words.fd, ret_error) < 0)
		return -EINVAL;
	return connected_open(&seqpacket_kind, &seqpacket_way, &words, spec, setup, ret_endpoint, ret_error);
}

const struct endpoint_kind seqpacket_kind = {
	.name = "seqpacket",
	.words = "path=P | connect=P | fd=N; mode= group= guests= queue= isolated= mac= csum=partial",
	.open = seqpacket_open,
};
