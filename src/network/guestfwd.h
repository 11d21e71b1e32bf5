/* SPDX-License-Identifier: MIT */
/* guestfwd=tcp:ADDRESS:PORT-TARGET in QEMU's words: an address and TCP port on the guests' side whose connections go to a
 * unix socket, to an address of the host's side, or to a command of the program's. Each of a guest's connections makes one
 * at the target. What is a pair here is a list of the network; who serves a flow to it asks guestfwd_find(). smb=FOLDER is
 * two more of them, at the ports of SMB, whose target is a file server of the program's. */
#ifndef NETWORK_GUESTFWD_H
#define NETWORK_GUESTFWD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"
#include "nat/nat.h"

enum guestfwd_limits {
	GUESTFWD_MAX = 16,
	GUESTFWD_SHARE_PORTS = 2, /* NetBIOS' sessions (RFC 1002 4.3) and SMB itself */
	GUESTFWD_COMMAND_BYTES = 1024,
};

enum guestfwd_kind { GUESTFWD_SOCKET, GUESTFWD_COMMAND, GUESTFWD_SHARE };

struct guestfwd {
	struct nat_address address; /* the guests' side */
	enum guestfwd_kind kind;
	struct sockaddr_storage target; /* of a socket: unix, IPv4 or IPv6 */
	socklen_t target_bytes;
	union {
		char command[GUESTFWD_COMMAND_BYTES];
		char folder[GUESTFWD_COMMAND_BYTES]; /* of a share */
	};
};

struct guestfwd_list {
	struct guestfwd items[GUESTFWD_MAX + GUESTFWD_SHARE_PORTS];
	size_t count;
};

/* "tcp:10.0.2.100:80-unix:/run/web.sock", "…-tcp:127.0.0.1:8080", "…-cmd:COMMAND". -EINVAL and a text that begins with
 * guestfwd=. */
int guestfwd_add(struct guestfwd_list *list, const char *text, struct error *ret_error);
/* The folder, at each of the ports of this address; once in a list, and after all others. -EINVAL and a text that begins
 * with smb=. */
int guestfwd_add_share(struct guestfwd_list *list, struct ip4 address, const char *folder, struct error *ret_error);
/* The first of them; NULL: smb= was not given. */
const struct guestfwd *guestfwd_share(const struct guestfwd_list *list);
/* NULL: none is there. */
const struct guestfwd *guestfwd_find(const struct guestfwd_list *list, const struct nat_address *address);
/* A socket that is connected, or connecting, to the target; a command or a share is opened by whoever can. Negative errno, never
 * -ENOENT: that is a refusal to the guest. */
int guestfwd_connect(const struct guestfwd *guestfwd);

#endif
