/* SPDX-License-Identifier: MIT */
/* Who has which address: DHCPv4 and DHCPv6 leases and dhcp-host= reservations of one network. Pure; saved and loaded as
 * lines of text through the caller. An address is offered before it is leased, and a declined one is left alone for a
 * while. The same client gets the same address again as long as nobody else needs it. Nothing wakes when a lease runs
 * out: the next look at the table finds it out.
 *
 * A lease is away while the port is gone that its client was at, and after a restart until the client is heard of. It stays
 * its client's, who has it again by sending anything at all from its MAC: one that reconnects does not ask anew. It stands
 * in nobody's quota meanwhile, and when nothing else is left it is another's: what has been away for longest goes first. */
#ifndef SERVICE_LEASE_H
#define SERVICE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/service.h"

enum lease_limits {
	LEASES_MAX = 4096,  /* of each family */
	LEASES_PER_MAC = 8, /* of each family: whoever makes up identifiers does not get the whole pool */
	/* What a port holds beyond its share (quota.h) is leased for so long at a time: busybox' client takes anything
	 * shorter for as long. It is to be renewed soon, since only who renews can be told that another needs it; and who is
	 * told no (RFC 2131 4.4.5, RFC 8415 18.2.10.1) has given it up after a moment. */
	LEASE_LENT_S = 122,
	LEASE_LENT_RENEW_S = 15,
	LEASE_RECALL_US = 2 * 1000 * 1000,
	LEASE_RETURN_US = 30 * 1000 * 1000, /* who reconnects is back by then, and finds nobody at his address */
	LEASE_NAME_BYTES = 64,              /* one label, RFC 1035 2.3.4 */
	LEASE_CLIENT_BYTES = 255,           /* option 61 (RFC 2132 9.14), or an IAID and a DUID (RFC 8415 11.1: 134) */
	LEASE_OFFER_US = 10 * 1000 * 1000,
	LEASE_DECLINE_US = 600 * 1000 * 1000,
	LEASE_LINE_BYTES = 704, /* room for any line of lease_format() */
};

/* A lease of so many seconds never runs out (RFC 2131 3.3, RFC 8415 7.7). */
#define LEASE_FOR_EVER_S UINT32_MAX

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
	char name
		[LEASE_NAME_BYTES]; /* from dhcp-host= or the client's option 12, letters, digits and '-' only; or "" */
	uint8_t client[LEASE_CLIENT_BYTES];
	uint8_t client_bytes;
	uint64_t due_us;
	uint64_t place;   /* the port where its client was last heard of; 0: none */
	bool lent;        /* beyond that port's share */
	bool away;        /* bound, and … */
	uint64_t away_us; /* … since when */
};

/* What became of leases that were away, for show: X(name, "what it counts"). */
#define LEASE_COUNTER_LIST(X)                                                  \
	X(leases_returned, "leases of guests that left and came back to them") \
	X(leases_given_up, "leases of guests that left, given to others as nothing else was free")

struct lease_counters {
#define X(name, text) uint64_t name;
	LEASE_COUNTER_LIST(X)
#undef X
};

/* Who asks. `id` is what tells one client from another: option 61 or hardware type and address; IAID and DUID. The MAC
 * is the one that a reservation speaks of. */
struct lease_client {
	struct origin origin;
	struct mac mac;
	uint8_t id[LEASE_CLIENT_BYTES];
	uint8_t id_bytes; /* at least 1 */
};

struct lease_table;

/* The configuration must outlive the table. 0 or -ENOMEM. */
int lease_table_new(const struct service_config *config, struct lease_table **ret_leases);
void lease_table_free(struct lease_table *leases);
/* The configuration has other addresses: all that was leased is forgotten, without a word. What was reserved stays so where
 * the new net has it; a reservation of the address that was the only one is of the one of now. How many are lost. */
size_t lease_table_restart(struct lease_table *leases);
/* dhcp-host=MAC,IP[,NAME] and its IPv6 form MAC,[IP6][,NAME]; -EEXIST when the address or the MAC is taken, -ERANGE
 * when the address lies outside the network, -EINVAL when the name is no label, -ENOSPC when there are too many.
 * `name` may be NULL. Before lease_restore(). */
int lease_reserve4(struct lease_table *leases, struct mac mac, struct ip4 address, const char *name);
int lease_reserve6(struct lease_table *leases, struct mac mac, struct ip6 address, const char *name);
/* A port is gone: what its clients have is away. */
void lease_table_leave(struct lease_table *leases, uint64_t place, uint64_t now_us);
/* A MAC is heard at a port: what its clients have is there, and not away. */
void lease_table_hear(struct lease_table *leases, struct mac mac, uint64_t place);
const struct lease_counters *lease_table_counters(const struct lease_table *leases);
/* Told of every change that show, the log and the state file want to know: bound, renewed, released, declined, expired. */
void lease_table_watch(struct lease_table *leases,
		       void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was), void *owner);
/* Notices what has run out by now. The DHCP services begin with it; who shows or saves leases may, too. */
void lease_expire(struct lease_table *leases, uint64_t now_us);
/* Each with its state as of now. */
void lease_each(const struct lease_table *leases, uint64_t now_us,
		void (*on_lease)(void *owner, const struct lease *lease), void *owner);
/* The lease of an address or a MAC that is bound now; NULL. */
const struct lease *lease_find_ip4(const struct lease_table *leases, struct ip4 address, uint64_t now_us);
const struct lease *lease_find_ip6(const struct lease_table *leases, struct ip6 address, uint64_t now_us);
const struct lease *lease_find_mac(const struct lease_table *leases, struct mac mac, bool is6, uint64_t now_us);
/* One line without the newline, times as seconds since 1970 (`wall_s` is now); 0 when it does not fit. */
size_t lease_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room);
/* The reverse; one that has run out meanwhile comes back free, for its client's return. A line that makes no sense, or
 * whose address the table does not give out (any more) to that client, is refused: -EINVAL. */
int lease_restore(struct lease_table *leases, const char *line, uint64_t now_us, uint64_t wall_s);

/* What the DHCP services do. A lease that they are given stays valid as long as the table. */

/* The client's lease in any state but declined: its reservation, or what it has or had; NULL. */
struct lease *lease_find_client(struct lease_table *leases, bool is6, const struct lease_client *client);
/* An address for the client: the one it has or had, else the wanted one if nobody has it, else the next that was never
 * leased, else the one free for longest, else the one away for longest (for LEASE_RETURN_US only to the only port's
 * clients). Offered for LEASE_OFFER_US unless it is bound already. A `wanted` of zero is
 * none. NULL: the pool is empty, or the MAC (lease_mac_is_full) or its port (lease_port_is_full) has enough. */
struct lease *lease_offer4(struct lease_table *leases, const struct lease_client *client, struct ip4 wanted,
			   uint64_t now_us);
struct lease *lease_offer6(struct lease_table *leases, const struct lease_client *client, struct ip6 wanted,
			   uint64_t now_us);
/* Does the client's MAC hold LEASES_PER_MAC addresses, offered and declined ones too? Then it gets no other. */
bool lease_mac_is_full(const struct lease_table *leases, bool is6, const struct lease_client *client);
/* Does the client's port hold its share of the addresses, so that it gets no other while others may need one? */
bool lease_port_is_full(const struct lease_table *leases, bool is6, const struct lease_client *client);
/* Exactly this address: the one the client has or had, or one that nobody has; held like an offer. NULL: it may not. */
struct lease *lease_claim4(struct lease_table *leases, const struct lease_client *client, struct ip4 address,
			   uint64_t now_us);
struct lease *lease_claim6(struct lease_table *leases, const struct lease_client *client, struct ip6 address,
			   uint64_t now_us);
/* For how long it may be leased, of the network's time. */
uint32_t lease_seconds(const struct lease *lease, uint32_t network_s);
/* When it is to be renewed, of so many seconds. */
uint32_t lease_renew_seconds(const struct lease *lease, uint32_t lease_s);
/* Leased, or renewed, for so long from now. */
void lease_bind(struct lease_table *leases, struct lease *lease, uint32_t seconds, uint64_t now_us);
void lease_release(struct lease_table *leases, struct lease *lease);
void lease_decline(struct lease_table *leases, struct lease *lease, uint64_t now_us);
/* What the client calls itself: its first label, if that is letters, digits and '-' (RFC 1123 2.1), dhcp-host= has not
 * given it to another MAC, and it is none of those that only dhcp-host= may give (localhost, wpad, isatap); otherwise,
 * and for a lease that dhcp-host= named, nothing changes. */
void lease_set_name(struct lease_table *leases, struct lease *lease, const char *name, size_t bytes);

#endif
