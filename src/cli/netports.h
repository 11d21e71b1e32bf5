/* SPDX-License-Identifier: MIT */
/* -t -u -T -U of `guestwire netns`: kept as they are read, and made when the network and the namespace are there. Also what
 * splices forwards to the namespace, which needs no option. */
#ifndef CLI_NETPORTS_H
#define CLI_NETPORTS_H

#include "daemon/portmap.h"

struct error;
struct gw_network;
struct inside;
struct log;
struct namespace;
struct namespace_addresses;

struct netports {
	struct portspec *specs[PORTMAP_WAYS];
	size_t counts[PORTMAP_WAYS];
	struct log *log; /* what cannot be had is said there */
	struct inside *inside;
	struct portmap *portmap;
};

/* `netports` is zeroed. -EINVAL and a text. */
int netports_add(struct netports *netports, enum portmap_way way, const char *text, struct error *ret_error);
/* The namespace has its addresses, and the log stays until netports_stop(); nothing else runs in it yet. */
int netports_start(struct netports *netports, struct gw_network *network, struct log *log, struct namespace *namespace,
		   const struct namespace_addresses *addresses, struct error *ret_error);
/* Before the network ends. */
void netports_stop(struct netports *netports);
void netports_done(struct netports *netports);

#endif
