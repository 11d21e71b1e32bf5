/* SPDX-License-Identifier: MIT */
/* The lease table: one book per family, each an array of entries that are found by client, by address and by MAC through
 * hash chains of indices. An entry once made stays at its address for good, free or not, so that the array only grows.
 *
 * An address is a number within its book: the IPv4 address, or the low 64 bits of the IPv6 address. What is due stands
 * in a heap of timers that is run at each look: no scan, and no wake-up. What surprises: the arrays are reserved whole
 * at start, but zero pages until they are used. */
#include "service/lease.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/timer.h"
#include "service/leaseline.h"

enum {
	BUCKETS = 8192,
	CHAINS = 3,
};

enum chain {
	CHAIN_CLIENT,
	CHAIN_ADDRESS,
	CHAIN_MAC,
};

struct book;

struct entry {
	struct lease lease;
	struct book *book;
	uint64_t number;
	bool named;             /* by dhcp-host=: the client cannot rename it */
	bool chained[CHAINS];
	uint16_t next[CHAINS];  /* index + 1 */
	struct timer due;
	struct list free;       /* on the book's list while it may be taken */
};

struct book {
	struct lease_table *table;
	bool is6;
	uint64_t first, last; /* the pool; first > last: none */
	uint64_t fresh;       /* below it every address of the pool has an entry or is nobody's to lease */
	bool fresh_ended;
	struct entry *entries; /* LEASES_MAX */
	uint16_t used;
	uint16_t *buckets[CHAINS]; /* index + 1 of the first */
	struct list free;          /* the one free for longest is first */
	struct timers timers;
};

struct lease_table {
	const struct service_config *config;
	struct book book[2]; /* IPv4, IPv6 */
	void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was);
	void *watcher;
};

/* ---- addresses as numbers ---- */

static uint64_t ip6_low(struct ip6 address)
{
	uint64_t value = 0;

	for (int i = 8; i < 16; i++)
		value = value << 8 | address.byte[i];
	return value;
}

static struct ip6 ip6_with_low(struct ip6 net, uint64_t low)
{
	for (int i = 15; i >= 8; i--, low >>= 8)
		net.byte[i] = (uint8_t)low;
	return net;
}

static bool number_is_ours4(const struct service_config *config, uint64_t number)
{
	uint32_t mask = ip4_mask(config->prefix4);

	/* RFC 3021: a /31 has neither a network nor a broadcast address. */
	if (config->prefix4 < 31 && (((uint32_t)number & ~mask) == 0 || ((uint32_t)number | mask) == UINT32_MAX))
		return true;
	if (number == ip4_value(config->host4))
		return true;
	for (size_t i = 0; i < config->dns4_count; i++)
		if (number == ip4_value(config->dns4[i]))
			return true;
	for (size_t i = 0; i < config->route4_count; i++)
		if (number == ip4_value(config->routes4[i].via))
			return true;
	return false;
}

static bool number_is_ours6(const struct service_config *config, uint64_t number)
{
	struct ip6 address = ip6_with_low(config->dhcp6_first, number);

	/* RFC 4291 2.6.1: interface 0 is every router's. */
	if (number == 0 || ip6_equal(address, config->host6))
		return true;
	for (size_t i = 0; i < config->dns6_count; i++)
		if (ip6_equal(address, config->dns6[i]))
			return true;
	return false;
}

/* Nobody's to lease: the gateway's own, a server's, or no host's address at all. */
static bool number_is_ours(const struct book *book, uint64_t number)
{
	const struct service_config *config = book->table->config;

	return book->is6 ? number_is_ours6(config, number) : number_is_ours4(config, number);
}

static bool number_in_pool(const struct book *book, uint64_t number)
{
	return number >= book->first && number <= book->last && !number_is_ours(book, number);
}

/* ---- chains ---- */

static uint16_t *bucket_of(const struct book *book, enum chain chain, const void *key, size_t bytes)
{
	uint64_t hash = hash_bytes(&book->table->config->hash_key, key, bytes);

	return &book->buckets[chain][hash % BUCKETS];
}

static uint16_t *entry_bucket(const struct entry *entry, enum chain chain)
{
	switch (chain) {
	case CHAIN_CLIENT:
		return bucket_of(entry->book, chain, entry->lease.client, entry->lease.client_bytes);
	case CHAIN_ADDRESS:
		return bucket_of(entry->book, chain, &entry->number, sizeof(entry->number));
	case CHAIN_MAC:
		break;
	}
	return bucket_of(entry->book, chain, &entry->lease.mac, sizeof(entry->lease.mac));
}

static void entry_chain(struct entry *entry, enum chain chain)
{
	uint16_t *bucket = entry_bucket(entry, chain);

	assert(!entry->chained[chain]);
	entry->next[chain] = *bucket;
	entry->chained[chain] = true;
	*bucket = (uint16_t)(entry - entry->book->entries + 1);
}

static void entry_unchain(struct entry *entry, enum chain chain)
{
	uint16_t self = (uint16_t)(entry - entry->book->entries + 1);
	uint16_t *at = entry_bucket(entry, chain);

	if (!entry->chained[chain])
		return;
	while (*at != self)
		at = &entry->book->entries[*at - 1].next[chain];
	*at = entry->next[chain];
	entry->chained[chain] = false;
}

static struct entry *entry_at(const struct book *book, uint16_t index)
{
	return index ? &book->entries[index - 1] : NULL;
}

#define chain_for_each(at, book, chain, key, bytes)                                                                              \
	for (struct entry *at = entry_at(book, *bucket_of(book, chain, key, bytes)); at; at = entry_at(book, at->next[chain]))

static struct entry *entry_by_number(const struct book *book, uint64_t number)
{
	chain_for_each(entry, book, CHAIN_ADDRESS, &number, sizeof(number))
		if (entry->number == number)
			return entry;
	return NULL;
}

static bool entry_is_of(const struct entry *entry, const struct lease_client *client)
{
	return entry->lease.client_bytes == client->id_bytes && !memcmp(entry->lease.client, client->id, client->id_bytes);
}

static struct entry *entry_by_client_and_mac(const struct book *book, const struct lease_client *client)
{
	chain_for_each(entry, book, CHAIN_CLIENT, client->id, client->id_bytes)
		if (entry_is_of(entry, client) && mac_equal(entry->lease.mac, client->mac))
			return entry;
	return NULL;
}

/* RFC 2131 4.2 has the identifier alone tell clients apart. But machines copied from one image share theirs, so one with
 * another MAC is the same client only where its old lease is over. */
static struct entry *entry_by_client(const struct book *book, const struct lease_client *client)
{
	struct entry *same = entry_by_client_and_mac(book, client);

	if (same)
		return same;
	chain_for_each(entry, book, CHAIN_CLIENT, client->id, client->id_bytes)
		if (entry_is_of(entry, client) && entry->lease.state == LEASE_FREE && !entry->lease.reserved)
			return entry;
	return NULL;
}

static struct entry *entry_by_reservation(const struct book *book, struct mac mac)
{
	chain_for_each(entry, book, CHAIN_MAC, &mac, sizeof(mac))
		if (entry->lease.reserved && mac_equal(entry->lease.mac, mac))
			return entry;
	return NULL;
}

static struct entry *entry_of(struct lease *lease)
{
	return container_of(lease, struct entry, lease);
}

/* ---- an entry's life ---- */

static void entry_tell(const struct entry *entry, enum lease_state was)
{
	const struct lease_table *table = entry->book->table;

	if (table->on_lease)
		table->on_lease(table->watcher, &entry->lease, was);
}

static void on_due(void *owner, uint64_t now_us);

/* NULL: there are LEASES_MAX already. */
static struct entry *entry_make(struct book *book, uint64_t number)
{
	struct entry *entry;

	if (book->used == LEASES_MAX)
		return NULL;
	entry = &book->entries[book->used++];
	entry->book = book;
	entry->number = number;
	entry->lease.is6 = book->is6;
	if (book->is6)
		entry->lease.ip6 = ip6_with_low(book->table->config->dhcp6_first, number);
	else
		entry->lease.ip4 = ip4_from((uint32_t)number);
	timer_init(&entry->due, on_due, entry);
	list_init(&entry->free);
	entry_chain(entry, CHAIN_ADDRESS);
	return entry;
}

static void entry_forget_client(struct entry *entry)
{
	entry_unchain(entry, CHAIN_CLIENT);
	entry->lease.client_bytes = 0;
}

static void entry_give_to(struct entry *entry, const struct lease_client *client)
{
	struct lease *lease = &entry->lease;

	if (!entry_is_of(entry, client)) {
		entry_forget_client(entry);
		memcpy(lease->client, client->id, client->id_bytes);
		lease->client_bytes = client->id_bytes;
		entry_chain(entry, CHAIN_CLIENT);
		if (!entry->named)
			lease->name[0] = 0;
	}
	if (!lease->reserved && (!mac_equal(lease->mac, client->mac) || !entry->chained[CHAIN_MAC])) {
		entry_unchain(entry, CHAIN_MAC);
		lease->mac = client->mac;
		entry_chain(entry, CHAIN_MAC);
	}
}

static void entry_set(struct entry *entry, enum lease_state state, uint64_t due_us)
{
	struct timers *timers = &entry->book->timers;

	list_remove(&entry->free);
	entry->lease.state = state;
	entry->lease.due_us = due_us;
	if (due_us == UINT64_MAX)
		timer_clear(timers, &entry->due);
	else
		timer_set(timers, &entry->due, due_us);
}

static void entry_set_free(struct entry *entry)
{
	enum lease_state was = entry->lease.state;

	entry_set(entry, LEASE_FREE, UINT64_MAX);
	if (entry->lease.reserved)
		return;
	/* An offer that nobody took is the first to go to another: a flood of questions does not wear out the memory of
	 * real leases. */
	if (was == LEASE_OFFERED)
		list_prepend(&entry->book->free, &entry->free);
	else
		list_append(&entry->book->free, &entry->free);
}

static void on_due(void *owner, uint64_t now_us)
{
	struct entry *entry = owner;
	enum lease_state was = entry->lease.state;

	(void)now_us;
	entry_set_free(entry);
	if (was != LEASE_OFFERED)
		entry_tell(entry, was);
}

/* ---- choosing ---- */

/* The next address of the pool that never had an entry. */
static struct entry *book_take_fresh(struct book *book)
{
	while (!book->fresh_ended && book->used < LEASES_MAX) {
		uint64_t number = book->fresh;

		if (number == book->last)
			book->fresh_ended = true;
		else
			book->fresh++;
		if (!number_is_ours(book, number) && !entry_by_number(book, number))
			return entry_make(book, number);
	}
	return NULL;
}

static struct entry *book_take_wanted(struct book *book, uint64_t number)
{
	struct entry *entry = entry_by_number(book, number);

	if (!number_in_pool(book, number))
		return NULL;
	if (!entry)
		return entry_make(book, number);
	/* Free, and nobody is remembered there. */
	if (entry->lease.state != LEASE_FREE || entry->lease.reserved || entry->lease.client_bytes)
		return NULL;
	return entry;
}

/* Reserved for this client's MAC, unless the address is declined or another interface of the same IPv6 client has it
 * (one machine may ask for several, RFC 8415 4.2). */
static struct entry *book_find_reserved(const struct book *book, const struct lease_client *client)
{
	enum { IAID_BYTES = 4 };
	struct entry *entry = entry_by_reservation(book, client->mac);
	const struct lease *lease;

	if (!entry || entry->lease.state == LEASE_DECLINED)
		return NULL;
	lease = &entry->lease;
	if (book->is6 && lease->state != LEASE_FREE && lease->client_bytes == client->id_bytes &&
	    client->id_bytes > IAID_BYTES && memcmp(lease->client, client->id, IAID_BYTES) != 0 &&
	    !memcmp(lease->client + IAID_BYTES, client->id + IAID_BYTES, (size_t)client->id_bytes - IAID_BYTES))
		return NULL;
	return entry;
}

static struct entry *book_find(const struct book *book, const struct lease_client *client)
{
	struct entry *entry = book_find_reserved(book, client);

	return entry ? entry : entry_by_client(book, client);
}

/* One client, one address: what it had before its reservation goes. */
static struct lease *entry_hold(struct entry *entry, const struct lease_client *client, uint64_t now_us)
{
	struct entry *had = entry_by_client(entry->book, client);

	assert(client->id_bytes > 0);
	if (had && had != entry)
		entry_forget_client(had);
	entry_give_to(entry, client);
	if (entry->lease.state != LEASE_BOUND)
		entry_set(entry, LEASE_OFFERED, now_us + LEASE_OFFER_US);
	return &entry->lease;
}

static struct lease *book_offer(struct book *book, const struct lease_client *client, uint64_t wanted, uint64_t now_us)
{
	struct entry *entry = book_find(book, client);

	if (!entry && wanted)
		entry = book_take_wanted(book, wanted);
	if (!entry)
		entry = book_take_fresh(book);
	if (!entry && !list_empty(&book->free))
		entry = container_of(book->free.next, struct entry, free);
	return entry ? entry_hold(entry, client, now_us) : NULL;
}

static struct lease *book_claim(struct book *book, const struct lease_client *client, uint64_t number, uint64_t now_us)
{
	struct entry *entry = book_find(book, client);

	if (!entry)
		entry = book_take_wanted(book, number);
	return entry && entry->number == number ? entry_hold(entry, client, now_us) : NULL;
}

struct lease *lease_find_client(struct lease_table *leases, bool is6, const struct lease_client *client)
{
	struct entry *entry = book_find(&leases->book[is6], client);

	return entry ? &entry->lease : NULL;
}

struct lease *lease_offer4(struct lease_table *leases, const struct lease_client *client, struct ip4 wanted, uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_offer(&leases->book[0], client, ip4_value(wanted), now_us);
}

struct lease *lease_claim4(struct lease_table *leases, const struct lease_client *client, struct ip4 address, uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_claim(&leases->book[0], client, ip4_value(address), now_us);
}

static bool ip6_has_number(const struct lease_table *leases, struct ip6 address)
{
	return ip6_equal(address, ip6_with_low(leases->config->dhcp6_first, ip6_low(address)));
}

struct lease *lease_offer6(struct lease_table *leases, const struct lease_client *client, struct ip6 wanted, uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_offer(&leases->book[1], client, ip6_has_number(leases, wanted) ? ip6_low(wanted) : 0, now_us);
}

struct lease *lease_claim6(struct lease_table *leases, const struct lease_client *client, struct ip6 address, uint64_t now_us)
{
	if (!ip6_has_number(leases, address))
		return NULL;
	lease_expire(leases, now_us);
	return book_claim(&leases->book[1], client, ip6_low(address), now_us);
}

void lease_bind(struct lease_table *leases, struct lease *lease, uint32_t seconds, uint64_t now_us)
{
	enum lease_state was = lease->state;
	uint64_t due_us = seconds == LEASE_FOR_EVER_S ? UINT64_MAX : now_us + (uint64_t)seconds * 1000000;

	(void)leases;
	entry_set(entry_of(lease), LEASE_BOUND, due_us);
	entry_tell(entry_of(lease), was);
}

void lease_release(struct lease_table *leases, struct lease *lease)
{
	enum lease_state was = lease->state;

	(void)leases;
	entry_set_free(entry_of(lease));
	if (was == LEASE_BOUND)
		entry_tell(entry_of(lease), was);
}

void lease_decline(struct lease_table *leases, struct lease *lease, uint64_t now_us)
{
	enum lease_state was = lease->state;

	(void)leases;
	entry_forget_client(entry_of(lease));
	entry_set(entry_of(lease), LEASE_DECLINED, now_us + LEASE_DECLINE_US);
	entry_tell(entry_of(lease), was);
}

/* RFC 1123 2.1: letters, digits and hyphens, no hyphen at an end; 0 when it is no such label. */
static size_t label_bytes(const char *name, size_t bytes)
{
	size_t count = 0;

	for (; count < bytes && name[count] && name[count] != '.'; count++) {
		char c = name[count];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return 0;
	}
	if (count == 0 || count >= LEASE_NAME_BYTES || name[0] == '-' || name[count - 1] == '-')
		return 0;
	return count;
}

void lease_set_name(struct lease *lease, const char *name, size_t bytes)
{
	size_t count = label_bytes(name, bytes);

	if (count == 0 || entry_of(lease)->named)
		return;
	memcpy(lease->name, name, count);
	lease->name[count] = 0;
}

/* ---- the table ---- */

static int book_init(struct book *book, struct lease_table *table, bool is6)
{
	const struct service_config *config = table->config;

	book->table = table;
	book->is6 = is6;
	book->first = is6 ? ip6_low(config->dhcp6_first) : ip4_value(config->dhcp4_first);
	book->last = is6 ? ip6_low(config->dhcp6_last) : ip4_value(config->dhcp4_last);
	book->fresh = book->first;
	book->fresh_ended = book->first > book->last || !(is6 ? config->dhcp6 : config->dhcp4);
	list_init(&book->free);
	timers_init(&book->timers);
	book->entries = calloc(LEASES_MAX, sizeof(*book->entries));
	if (!book->entries)
		return -ENOMEM;
	for (int i = 0; i < CHAINS; i++) {
		book->buckets[i] = calloc(BUCKETS, sizeof(*book->buckets[i]));
		if (!book->buckets[i])
			return -ENOMEM;
	}
	return 0;
}

int lease_table_new(const struct service_config *config, struct lease_table **ret_leases)
{
	struct lease_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->config = config;
	if (book_init(&table->book[0], table, false) < 0 || book_init(&table->book[1], table, true) < 0) {
		lease_table_free(table);
		return -ENOMEM;
	}
	*ret_leases = table;
	return 0;
}

void lease_table_free(struct lease_table *leases)
{
	if (!leases)
		return;
	for (int i = 0; i < 2; i++) {
		free(leases->book[i].entries);
		for (int j = 0; j < CHAINS; j++)
			free(leases->book[i].buckets[j]);
	}
	free(leases);
}

static int book_reserve(struct book *book, struct mac mac, uint64_t number, const char *name)
{
	size_t bytes = name ? strlen(name) : 0;
	struct entry *entry;

	if (bytes > 0 && label_bytes(name, bytes) != bytes)
		return -EINVAL;
	if (number_is_ours(book, number) || entry_by_number(book, number) || entry_by_reservation(book, mac))
		return -EEXIST;
	entry = entry_make(book, number);
	if (!entry)
		return -ENOSPC;
	entry->lease.reserved = true;
	entry->lease.mac = mac;
	entry_chain(entry, CHAIN_MAC);
	if (bytes > 0)
		lease_set_name(&entry->lease, name, bytes);
	entry->named = bytes > 0;
	return 0;
}

int lease_reserve4(struct lease_table *leases, struct mac mac, struct ip4 address, const char *name)
{
	uint32_t mask = ip4_mask(leases->config->prefix4), value = ip4_value(address);

	if (((value ^ ip4_value(leases->config->net4)) & mask) != 0)
		return -ERANGE;
	if (leases->config->prefix4 < 31 && ((value & ~mask) == 0 || (value | mask) == UINT32_MAX))
		return -ERANGE;
	return book_reserve(&leases->book[0], mac, value, name);
}

int lease_reserve6(struct lease_table *leases, struct mac mac, struct ip6 address, const char *name)
{
	if (!ip6_in_net(address, leases->config->net6, leases->config->prefix6) ||
	    !ip6_has_number(leases, address))
		return -ERANGE;
	return book_reserve(&leases->book[1], mac, ip6_low(address), name);
}

void lease_table_watch(struct lease_table *leases, void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was),
		       void *owner)
{
	leases->on_lease = on_lease;
	leases->watcher = owner;
}

void lease_expire(struct lease_table *leases, uint64_t now_us)
{
	timers_run(&leases->book[0].timers, now_us);
	timers_run(&leases->book[1].timers, now_us);
}

static bool lease_is_due(const struct lease *lease, uint64_t now_us)
{
	return lease->state != LEASE_FREE && lease->due_us <= now_us;
}

void lease_each(const struct lease_table *leases, uint64_t now_us, void (*on_lease)(void *owner, const struct lease *lease),
		void *owner)
{
	for (int i = 0; i < 2; i++) {
		for (uint16_t j = 0; j < leases->book[i].used; j++) {
			struct lease lease = leases->book[i].entries[j].lease;

			if (lease_is_due(&lease, now_us)) {
				lease.state = LEASE_FREE;
				lease.due_us = UINT64_MAX;
			}
			on_lease(owner, &lease);
		}
	}
}

static const struct lease *lease_if_bound(const struct entry *entry, uint64_t now_us)
{
	if (!entry || entry->lease.state != LEASE_BOUND || lease_is_due(&entry->lease, now_us))
		return NULL;
	return &entry->lease;
}

const struct lease *lease_find_ip4(const struct lease_table *leases, struct ip4 address, uint64_t now_us)
{
	return lease_if_bound(entry_by_number(&leases->book[0], ip4_value(address)), now_us);
}

const struct lease *lease_find_ip6(const struct lease_table *leases, struct ip6 address, uint64_t now_us)
{
	const struct lease *lease = lease_if_bound(entry_by_number(&leases->book[1], ip6_low(address)), now_us);

	return lease && ip6_equal(lease->ip6, address) ? lease : NULL;
}

const struct lease *lease_find_mac(const struct lease_table *leases, struct mac mac, bool is6, uint64_t now_us)
{
	chain_for_each(entry, &leases->book[is6], CHAIN_MAC, &mac, sizeof(mac))
		if (mac_equal(entry->lease.mac, mac) && lease_if_bound(entry, now_us))
			return &entry->lease;
	return NULL;
}

/* ---- as it was before a restart ---- */

size_t lease_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room)
{
	return leaseline_format(lease, now_us, wall_s, text, room);
}

/* The entry that a saved lease belongs to, or NULL: not (any more) the table's to give to that client. */
static struct entry *book_find_restored(struct book *book, const struct lease *saved)
{
	uint64_t number = book->is6 ? ip6_low(saved->ip6) : ip4_value(saved->ip4);
	struct entry *entry = entry_by_number(book, number);
	struct entry *reserved = entry_by_reservation(book, saved->mac);

	if (book->is6 && !ip6_equal(saved->ip6, ip6_with_low(book->table->config->dhcp6_first, number)))
		return NULL;
	/* Its reservation is this address and no other; and what is reserved is nobody else's. */
	if (reserved || (entry && entry->lease.reserved))
		return entry == reserved && entry->lease.state == LEASE_FREE ? entry : NULL;
	if (entry || !number_in_pool(book, number))
		return NULL;
	return entry_make(book, number);
}

int lease_restore(struct lease_table *leases, const char *line, uint64_t now_us, uint64_t wall_s)
{
	struct lease saved;
	struct lease_client client = {.id_bytes = 0};
	struct book *book;
	struct entry *entry;

	if (leaseline_parse(line, now_us, wall_s, leases->config->lease_s, &saved) < 0)
		return -EINVAL;
	book = &leases->book[saved.is6];
	client.mac = saved.mac;
	client.id_bytes = saved.client_bytes;
	memcpy(client.id, saved.client, saved.client_bytes);
	if (client.id_bytes && entry_by_client_and_mac(book, &client))
		return -EINVAL;
	entry = book_find_restored(book, &saved);
	if (!entry)
		return -EINVAL;
	if (client.id_bytes)
		entry_give_to(entry, &client);
	lease_set_name(&entry->lease, saved.name, sizeof(saved.name));
	if (saved.state == LEASE_FREE)
		entry_set_free(entry);
	else
		entry_set(entry, saved.state, saved.due_us);
	return 0;
}
