/* SPDX-License-Identifier: MIT */
/* uplink=user: the way out through the host's own sockets. NAT, the resolver and the file server, and which of the
 * gateway's frames are theirs. The gateway stays the port; what belongs to its services stays with them. */
#ifndef NETWORK_USER_H
#define NETWORK_USER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/drop.h"
#include "base/error.h"
#include "fabric/ethswitch.h"
#include "loop/loop.h"
#include "network/description.h"

enum { USER_RESOLVERS_BYTES = 4 * 80 };

struct gateway;
struct lease_table;
struct nat;
struct nat_address;
struct nat_carrier;
struct tcp_repair;
struct user;

struct user_config {
	const struct description *description; /* these outlive it */
	const struct lease_table *leases;
	struct gateway *gateway;
	struct ethswitch *ethswitch;
	struct loop *loop;
	const char *network; /* its name */
	/* guestfwd=…-cmd:COMMAND: a stream socket that is the command's input and output, or negative errno; NULL: the
	 * program runs none. */
	int (*open_command)(void *owner, const char *command);
	/* smb=: the same of a file server for the folder. */
	int (*open_share)(void *owner, const char *folder);
	/* Those of nat_config. */
	int (*may_hand_over)(void *owner, const struct nat_address *guest);
	int (*hand_over)(void *owner, int fd, const struct tcp_repair *state, struct nat_carrier **ret_carrier);
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

/* 0; or negative errno, and a text where the person's words are to blame. */
int user_new(const struct user_config *config, struct user **ret_user, struct error *ret_error);
void user_free(struct user *user);

/* In a delivery. Is this parsed frame, a whole packet, NAT's? Then it was taken, or counted as dropped at the guest's port. */
bool user_input(struct user *user, const struct frame *frame);
/* In a delivery, a whole frame with its checksums. Is it a question to the resolver or for a file? Then `ret_reason` says
 * what became of it. */
bool user_ask(struct user *user, const uint8_t *bytes, size_t length, enum drop_reason *ret_reason);
/* In a delivery, at its end. */
void user_flush(struct user *user);
/* Outside; true: there is more. */
bool user_run(struct user *user);
void user_port_gone(struct user *user, struct port *port);

/* The way itself, for looking and for what comes in. */
struct nat *user_nat(const struct user *user);

/* The description has other addresses from now on. */
void user_readdress(struct user *user);

/* This machine has lost an address. Outside a delivery. */
void user_address_lost(struct user *user);

/* "192.0.2.53:53 [2001:db8::53]:53": whom the resolver asks as things are now; "" while nothing is passed on. */
const char *user_resolvers(const struct user *user, char text[USER_RESOLVERS_BYTES]);

/* Has this machine a way to the IPv6 internet, by these? Nothing is sent. 1, 0; negative errno: no descriptor was left to look
 * by. */
int user_host_has_ip6(const struct outbounds *outbounds);

#endif
