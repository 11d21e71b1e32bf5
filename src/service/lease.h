/* SPDX-License-Identifier: MIT */
/* Who has which address: DHCPv4 and DHCPv6 leases and dhcp-host= reservations of one network. Pure; saved and loaded as
 * lines of text through the caller. An address is offered before it is leased, and a declined one is left alone for a
 * while. The same client gets the same address again as long as nobody else needs it. */
#ifndef SERVICE_LEASE_H
#define SERVICE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/service.h"

enum lease_limits {
	LEASES_MAX = 4096,
	LEASE_NAME_BYTES = 64,   /* one label, RFC 1035 2.3.4 */
	LEASE_CLIENT_BYTES = 130, /* a DUID and an IAID */
	LEASE_OFFER_US = 10 * 1000 * 1000,
	LEASE_DECLINE_US = 600 * 1000 * 1000,
};

enum lease_state {
	LEASE_FREE,     /* was leased; kept for the client's return, may be taken for another */
	LEASE_OFFERED,  /* until due_us */
	LEASE_BOUND,    /* until due_us; UINT64_MAX for ever */
	LEASE_DECLINED, /* somebody else answers there; until due_us */
};

struct lease {
	enum lease_state state;
	bool is6;
	bool reserved; /* by dhcp-host= */
	struct ip4 ip4;
	struct ip6 ip6;
	struct mac mac;
	char name[LEASE_NAME_BYTES]; /* from dhcp-host= or the client's option 12, letters, digits and '-' only; or "" */
	uint8_t client[LEASE_CLIENT_BYTES];
	uint8_t client_bytes;
	uint64_t due_us;
};

struct lease_table;

int lease_table_new(const struct service_config *config, struct lease_table **ret_leases);
void lease_table_free(struct lease_table *leases);
/* dhcp-host=MAC,IP[,NAME] and its IPv6 form MAC,[IP6][,NAME]; -EEXIST when the address or the MAC is taken, -ERANGE
 * when the address lies outside the network. `name` may be NULL. */
int lease_reserve4(struct lease_table *leases, struct mac mac, struct ip4 address, const char *name);
int lease_reserve6(struct lease_table *leases, struct mac mac, struct ip6 address, const char *name);
/* Told of every change that show, the log and the state file want to know: bound, renewed, released, declined, expired. */
void lease_table_watch(struct lease_table *leases, void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was),
		       void *owner);
void lease_each(const struct lease_table *leases, uint64_t now_us, void (*on_lease)(void *owner, const struct lease *lease),
		void *owner);
/* The lease of an address or a MAC that is bound now; NULL. */
const struct lease *lease_find_ip4(const struct lease_table *leases, struct ip4 address, uint64_t now_us);
const struct lease *lease_find_ip6(const struct lease_table *leases, struct ip6 address, uint64_t now_us);
const struct lease *lease_find_mac(const struct lease_table *leases, struct mac mac, bool is6, uint64_t now_us);
/* One line without the newline, times as seconds since 1970 (`wall_s` is now); 0 when it does not fit. */
size_t lease_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room);
/* The reverse; a line that makes no sense, lies outside the network or has run out is refused: -EINVAL. */
int lease_restore(struct lease_table *leases, const char *line, uint64_t now_us, uint64_t wall_s);

#endif
