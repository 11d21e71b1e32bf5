/* SPDX-License-Identifier: MIT */
/* The gateway's resolver: service/dns with the host's resolvers behind it, which stand in /etc/resolv.conf. The file is
 * looked at before every query, so that what replaced it counts from the next one on. Nothing is open while nothing is
 * asked: each time there are queries again, they leave from ports that nobody knows (RFC 5452 9.2). */
#ifndef NETWORK_RESOLVER_H
#define NETWORK_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/drop.h"
#include "loop/loop.h"
#include "service/asker.h"
#include "service/lease.h"

struct outbounds;
struct resolver;
struct resolvconf_server;

enum resolver_limits {
	RESOLVER_STREAMS_MAX = 64, /* of all guests; with one more, the guest that has most of them loses one */
};

struct resolver_config {
	struct loop *loop;
	const struct service_config *service; /* these two outlive it */
	const struct ip4 *home4;              /* what host.guestwire.internal is; these two, as well */
	const struct ip6 *home6;
	const struct lease_table *leases;
	const char *network;               /* its name: guests are NAME.network.internal */
	bool alone;                        /* nothing is passed on: our own names alone */
	const struct outbounds *outbounds; /* by what those are asked that are not this machine */
	/* These and nobody else; none: those of resolv.conf. */
	const struct resolvconf_server *servers;
	size_t server_count;
	/* By UDP, to the guest. */
	void (*send)(void *owner, const struct asker *asker, const void *message, size_t bytes);
	/* What a resolver of the host's said and nobody had asked, or was no answer at all. */
	void (*on_drop)(void *owner, enum drop_reason reason);
	void *owner;
};

/* 0 or negative errno. */
int resolver_new(const struct resolver_config *config, struct resolver **ret_resolver);
void resolver_free(struct resolver *resolver);
/* The service's addresses have become others. */
void resolver_readdress(struct resolver *resolver);
/* Its sockets may have lost the address that they had, and interfaces may have other numbers: what is under way is asked again,
 * by other sockets. Outside a delivery. */
void resolver_begin_anew(struct resolver *resolver);
/* Whom it asks, as things are now, "192.0.2.53:53 [2001:db8::53]:53"; "" where that is nobody. */
void resolver_describe(const struct resolver *resolver, char *text, size_t room);
/* A guest's datagram. */
enum drop_reason resolver_input(struct resolver *resolver, const struct asker *asker, const uint8_t *message,
				size_t bytes);
/* A guest's connection: the guest's end of a pair of sockets, or negative errno. `asker->stream` is ours to fill in. */
int resolver_connect(struct resolver *resolver, const struct asker *asker);

#endif
