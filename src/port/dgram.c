/* SPDX-License-Identifier: MIT */
/* Guests on AF_UNIX datagrams, one frame each: vfkit, libkrun, Apple's VZ, QEMU's -netdev dgram. This file reads the
 * words; a socket with a path is shared_dgram.c, an inherited pair is connected.c with packet.c. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "port/connected.h"
#include "port/kinds.h"
#include "port/packet.h"
#include "port/shared_dgram.h"

static const struct connected_way dgram_pair_way = {
	.type = SOCK_DGRAM,
	.outlet = {.send = packet_send, .drain = packet_drain, .wait = connected_wait, .leave = connected_leave},
	.connection_bytes = sizeof(struct connection),
	.turn_bytes = sizeof(struct packet_turn),
	.packets = true,
	.init = packet_init,
	.read = packet_read,
};

/* QEMU's own words, seen from here: local.path is where we listen, remote.path whom we send to. */
static int dgram_read_qemu_words(struct spec *spec, struct shared_dgram_words *words, int64_t *fd,
				 struct error *ret_error)
{
	const char *local = spec_string(spec, "local.type"), *remote = spec_string(spec, "remote.type");

	if (remote && strcmp(remote, "unix") != 0)
		return error_set(
			ret_error, -EINVAL,
			"dgram: remote.type=%s: unix alone; over IP guests connect to stream,tcp=[ADDRESS:]PORT",
			remote);
	if (remote)
		words->remote = spec_string(spec, "remote.path");
	if (!local)
		return 0;
	if (strcmp(local, "fd") == 0)
		return endpoint_read_fd(spec, "local.str", fd, ret_error);
	if (strcmp(local, "unix") != 0)
		return error_set(
			ret_error, -EINVAL,
			"dgram: local.type=%s: unix or fd; over IP guests connect to stream,tcp=[ADDRESS:]PORT", local);
	words->path = spec_string(spec, "local.path");
	return 0;
}

static int dgram_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		      struct error *ret_error)
{
	struct shared_dgram_words words = {.path = spec_string(spec, "path"), .remote = spec_string(spec, "remote")};
	struct doorway_words pair = {.fd = -1};

	if (endpoint_read_fd(spec, "fd", &pair.fd, ret_error) < 0 ||
	    dgram_read_qemu_words(spec, &words, &pair.fd, ret_error) < 0)
		return -EINVAL;
	if (words.path && pair.fd < 0)
		return shared_dgram_open(&dgram_kind, &words, spec, setup, ret_endpoint, ret_error);
	if (words.path || words.remote)
		return error_set(ret_error, -EINVAL, "dgram: give path=, path= and remote=, or fd= alone");
	return connected_open(&dgram_kind, &dgram_pair_way, &pair, spec, setup, ret_endpoint, ret_error);
}

const struct endpoint_kind dgram_kind = {
	.name = "dgram",
	.words = "path=P[,remote=P] | fd=N; mode= group= guests= queue= isolated= mac= csum=partial",
	.open = dgram_open,
};
