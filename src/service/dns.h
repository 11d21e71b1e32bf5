/* SPDX-License-Identifier: MIT */
/* DNS at the gateway: guests' queries, by UDP or TCP, answered from names of our own (names.h) or passed on to the host's
 * resolvers. Pure: sockets, resolv.conf and streams are network's; messages and time come in, messages go out.
 *
 * A query passed on gets an unpredictable identifier of its own and the resolver that answered last, at first the first
 * one. Silence for 1 s (2 s when each
 * was asked already, and so on), a refusal, or a socket's error: the next one is asked, in turn. An answer is believed
 * from any resolver that was asked, when identifier and question are right. DNS_PATIENCE_US after it came the guest is told
 * SERVFAIL, which it understands better than silence. A query that came by TCP goes on by TCP. */
#ifndef SERVICE_DNS_H
#define SERVICE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "service/asker.h"
#include "service/names.h"
#include "wire/dns.h"

enum dns_limits {
	DNS_QUERIES_MAX = 512, /* under way at once */
	DNS_QUERIES_PER_GUEST = 256,
	DNS_LOOKS = 4,          /* at so many, to find who makes way */
	DNS_QUERY_BYTES = 1232, /* longer ones are refused */
	DNS_RESOLVERS_MAX = 4,
	DNS_WAIT_US = 1000 * 1000,
	DNS_PATIENCE_US = 4500 * 1000,
};

struct dns_config {
	struct names_config names;
	/* Any 16 bits, of a kind that nobody can guess (RFC 5452 9.2). */
	uint16_t (*random)(void *owner);
	/* To the resolver of this number: 0, or negative errno when it cannot be reached at all. By TCP the length is the
	 * callee's to write. Called from within the functions below; must not call them. */
	int (*send_query)(void *owner, unsigned resolver, bool tcp, const void *message, size_t bytes);
	/* To the guest; over UDP it fits what the guest said that it takes, and the network. */
	void (*send_answer)(void *owner, const struct asker *asker, const void *message, size_t bytes);
	uint32_t
		mtu_bytes; /* of the network: no datagram with an answer is larger, whatever the guest takes (RFC 9715 3.1) */
	void *owner;
};

struct dns;

/* 0 or -ENOMEM. The config is copied. */
int dns_new(const struct dns_config *config, struct dns **ret_dns);
void dns_free(struct dns *dns);

/* The names are others from now on. */
void dns_set_names(struct dns *dns, const struct names_config *names);
/* How many there are now. Their numbers may mean others than before: what is under way starts again with the first. */
void dns_set_resolvers(struct dns *dns, unsigned count, uint64_t now_us);
/* One message from a guest (TCP: without its length). DROP_NONE: answered, or passed on. Otherwise the reason; it may
 * have been refused by an answer as well. */
enum drop_reason dns_input(struct dns *dns, const struct asker *asker, const uint8_t *message, size_t bytes,
			   uint64_t now_us);
/* One message from a resolver. DROP_NONE, DROP_DNS_SHORT, _NAME, _RECORD, DROP_DNS_UNASKED. */
enum drop_reason dns_answered(struct dns *dns, unsigned resolver, const uint8_t *message, size_t bytes,
			      uint64_t now_us);
/* Its socket said that nobody is there, or its stream (`tcp`) ended: what was asked of it that way waits no longer. */
void dns_unreachable(struct dns *dns, unsigned resolver, bool tcp, uint64_t now_us);
/* Its stream ended behind an answer, as with servers that give one to a connection: what was asked there too is asked
 * once more (RFC 7766 6.2.4). */
void dns_interrupted(struct dns *dns, unsigned resolver, uint64_t now_us);
/* Is something under way that came by this stream? */
bool dns_stream_asks(const struct dns *dns, uint64_t stream);
/* The guest's stream is gone: forget its queries. */
void dns_stream_gone(struct dns *dns, uint64_t stream);

/* When dns_run() is wanted; TIMER_NEVER: nothing is under way. */
uint64_t dns_due_us(const struct dns *dns);
void dns_run(struct dns *dns, uint64_t now_us);
/* Under way now. */
size_t dns_count(const struct dns *dns);

#endif
