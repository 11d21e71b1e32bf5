/* SPDX-License-Identifier: MIT */
/* A network namespace as a guest: made, or entered, by a process of ours that stays in it (the insider). It makes the tap
 * and hands it out, sets addresses and routes as it is told, and then holds the namespace until its channel closes.
 * Nothing of this process itself ever leaves its own namespaces. Linux only: namespace_darwin.c says so to the person.
 *
 * Order: namespace_start(), namespace_join(), namespace_configure(); namespace_enter() is for the command's process. */
#ifndef DAEMON_NAMESPACE_H
#define DAEMON_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hostnet/detour.h"

struct error;

enum namespace_limits {
	NAMESPACE_IFNAME_BYTES = 16,
	NAMESPACE_MAC_BYTES = 18,
	NAMESPACE_ADDRESS_BYTES = 64,
	NAMESPACE_ROUTES_BYTES = 512,
};

struct namespace_request {
	const char *attach; /* NULL: a new one. A process's number, a path, or a name that `ip netns` gave */
	const char *ifname;
	uint32_t mtu_bytes;
	bool own_ids; /* user and group keep their numbers in a new one; else both are 0, as root's */
};

/* What gw_address_assign() tells; "" for what there is not. */
struct namespace_addresses {
	char address4[NAMESPACE_ADDRESS_BYTES], address6[NAMESPACE_ADDRESS_BYTES];
	char router4[NAMESPACE_ADDRESS_BYTES], router6[NAMESPACE_ADDRESS_BYTES];
	char routes4[NAMESPACE_ROUTES_BYTES]; /* "NET@VIA NET@VIA" */
};

struct namespace
{
	pid_t insider; /* 0: none */
	int channel;   /* to it; -1 */
	int tap, net;  /* -1 */
	int user;      /* the user namespace that owns `net`, where it is not our own; -1 */
	struct detour detour;
	char ifname[NAMESPACE_IFNAME_BYTES];
	char mac[NAMESPACE_MAC_BYTES];
};

/* For namespace_done(). */
void namespace_init(struct namespace *namespace);
/* Starts the insider and does not wait for it. Before this process opens what the insider should not have. */
int namespace_start(struct namespace *namespace, const struct namespace_request *request, struct error *ret_error);
/* Waits for the tap: tap, net, user, ifname and mac are there. */
int namespace_join(struct namespace *namespace, struct error *ret_error);
/* Sets addresses and routes, and all up. */
int namespace_configure(struct namespace *namespace, const struct namespace_addresses *addresses,
			struct error *ret_error);
/* Takes the calling process there for good; and into a mount namespace of its own where `resolv_conf`, if it is not
 * NULL, lies over /etc/resolv.conf. */
int namespace_enter(const struct namespace *namespace, const char *resolv_conf, struct error *ret_error);
/* Ends the insider; the tap's descriptor is closed if it is there still. */
void namespace_done(struct namespace *namespace);

#endif
