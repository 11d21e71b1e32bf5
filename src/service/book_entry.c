/* SPDX-License-Identifier: MIT */
/* See book_entry.h. */
#include "service/book_entry.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

/* ---- chains ---- */

static uint16_t *bucket_of(const struct book *book, enum book_chain chain, const void *key, size_t bytes)
{
	uint64_t hash = hash_bytes(&book->range.config->hash_key, key, bytes);

	return &book->buckets[chain][hash % BOOK_BUCKETS];
}

static uint16_t *entry_bucket(const struct book_entry *entry, enum book_chain chain)
{
	switch (chain) {
	case BOOK_CHAIN_CLIENT:
		return bucket_of(entry->book, chain, entry->lease.client, entry->lease.client_bytes);
	case BOOK_CHAIN_ADDRESS:
		return bucket_of(entry->book, chain, &entry->number, sizeof(entry->number));
	case BOOK_CHAIN_MAC:
	case BOOK_CHAINS:
		break;
	}
	return bucket_of(entry->book, chain, &entry->lease.mac, sizeof(entry->lease.mac));
}

void book_entry_chain(struct book_entry *entry, enum book_chain chain)
{
	uint16_t *bucket = entry_bucket(entry, chain);

	assert(!entry->chained[chain]);
	entry->next[chain] = *bucket;
	entry->chained[chain] = true;
	*bucket = (uint16_t)(entry - entry->book->entries + 1);
}

void book_entry_unchain(struct book_entry *entry, enum book_chain chain)
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

static struct book_entry *entry_at(const struct book *book, uint16_t index)
{
	return index ? &book->entries[index - 1] : NULL;
}

#define chain_for_each(at, book, chain, key, bytes)                                           \
	for (struct book_entry *at = entry_at(book, *bucket_of(book, chain, key, bytes)); at; \
	     at = entry_at(book, at->next[chain]))

struct book_entry *book_find_number(const struct book *book, uint64_t number)
{
	chain_for_each (entry, book, BOOK_CHAIN_ADDRESS, &number, sizeof(number))
		if (entry->number == number)
			return entry;
	return NULL;
}

static bool entry_is_of(const struct book_entry *entry, const struct lease_client *client)
{
	return entry->lease.client_bytes == client->id_bytes &&
	       !memcmp(entry->lease.client, client->id, client->id_bytes);
}

struct book_entry *book_find_client_and_mac(const struct book *book, const struct lease_client *client)
{
	chain_for_each (entry, book, BOOK_CHAIN_CLIENT, client->id, client->id_bytes)
		if (entry_is_of(entry, client) && mac_equal(entry->lease.mac, client->mac))
			return entry;
	return NULL;
}

/* RFC 2131 4.2 has the identifier alone tell clients apart. But machines copied from one image share theirs, so one with
 * another MAC is the same client only where its old lease is over. */
struct book_entry *book_find_client(const struct book *book, const struct lease_client *client)
{
	struct book_entry *same = book_find_client_and_mac(book, client);

	if (same)
		return same;
	chain_for_each (entry, book, BOOK_CHAIN_CLIENT, client->id, client->id_bytes)
		if (entry_is_of(entry, client) && entry->lease.state == LEASE_FREE && !entry->lease.reserved)
			return entry;
	return NULL;
}

/* By its MAC, whatever it is doing. */
struct book_entry *book_find_reservation(const struct book *book, struct mac mac)
{
	chain_for_each (entry, book, BOOK_CHAIN_MAC, &mac, sizeof(mac))
		if (entry->lease.reserved && mac_equal(entry->lease.mac, mac))
			return entry;
	return NULL;
}

const struct book_entry *book_next_of_mac(const struct book *book, struct mac mac, const struct book_entry *after)
{
	uint16_t index = after ? after->next[BOOK_CHAIN_MAC] : *bucket_of(book, BOOK_CHAIN_MAC, &mac, sizeof(mac));
	const struct book_entry *entry = entry_at(book, index);

	while (entry && !mac_equal(entry->lease.mac, mac))
		entry = entry_at(book, entry->next[BOOK_CHAIN_MAC]);
	return entry;
}

struct book_entry *book_entry_of(struct lease *lease)
{
	return container_of(lease, struct book_entry, lease);
}

/* ---- an entry's life ---- */

void book_entry_tell(const struct book_entry *entry, enum lease_state was)
{
	const struct book *book = entry->book;

	if (book->on_lease)
		book->on_lease(book->owner, &entry->lease, was);
}

static void on_due(void *owner, uint64_t now_us);

struct book_entry *book_entry_make(struct book *book, uint64_t number)
{
	struct book_entry *entry;

	if (book->used == LEASES_MAX)
		return NULL;
	entry = &book->entries[book->used++];
	entry->book = book;
	entry->number = number;
	entry->lease.is6 = book->range.is6;
	if (book->range.is6)
		entry->lease.ip6 = range_ip6(&book->range, number);
	else
		entry->lease.ip4 = ip4_from((uint32_t)number);
	timer_init(&entry->due, on_due, entry);
	list_init(&entry->spare);
	book_entry_chain(entry, BOOK_CHAIN_ADDRESS);
	return entry;
}

void book_entry_forget_client(struct book_entry *entry)
{
	book_entry_unchain(entry, BOOK_CHAIN_CLIENT);
	entry->lease.client_bytes = 0;
}

void book_entry_give_to(struct book_entry *entry, const struct lease_client *client)
{
	struct lease *lease = &entry->lease;

	if (!entry_is_of(entry, client)) {
		book_entry_forget_client(entry);
		memcpy(lease->client, client->id, client->id_bytes);
		lease->client_bytes = client->id_bytes;
		book_entry_chain(entry, BOOK_CHAIN_CLIENT);
		if (!entry->named)
			lease->name[0] = 0;
	}
	if (!lease->reserved && (!mac_equal(lease->mac, client->mac) || !entry->chained[BOOK_CHAIN_MAC])) {
		book_entry_unchain(entry, BOOK_CHAIN_MAC);
		lease->mac = client->mac;
		book_entry_chain(entry, BOOK_CHAIN_MAC);
	}
}

/* Reservations are nobody's quota, and what is away is nobody's any more. */
static bool entry_is_counted(const struct book_entry *entry)
{
	return entry->lease.state != LEASE_FREE && !entry->lease.reserved && !entry->lease.away;
}

/* Around what changes whether it is counted, or where. */
static void entry_uncount(struct book_entry *entry)
{
	if (entry_is_counted(entry))
		quota_remove(&entry->book->quota, entry->lease.place, entry->lease.lent);
}

static void entry_count(struct book_entry *entry)
{
	if (entry_is_counted(entry))
		quota_add(&entry->book->quota, entry->lease.place, entry->lease.lent);
}

void book_entry_set_place(struct book_entry *entry, uint64_t place, bool lent)
{
	entry_uncount(entry);
	if (entry->lease.away) {
		list_remove(&entry->spare);
		entry->book->counters->leases_returned++;
	}
	entry->lease.away = false;
	entry->lease.place = place;
	entry->lease.lent = lent;
	entry_count(entry);
}

void book_entry_set(struct book_entry *entry, enum lease_state state, uint64_t due_us)
{
	struct timers *timers = &entry->book->timers;

	list_remove(&entry->spare);
	entry_uncount(entry);
	entry->lease.state = state;
	entry->lease.away = false;
	entry_count(entry);
	entry->lease.due_us = due_us;
	if (due_us == UINT64_MAX)
		timer_clear(timers, &entry->due);
	else
		timer_set(timers, &entry->due, due_us);
}

void book_entry_set_free(struct book_entry *entry)
{
	enum lease_state was = entry->lease.state;

	book_entry_set(entry, LEASE_FREE, UINT64_MAX);
	if (entry->lease.reserved)
		return;
	/* An offer that nobody took is the first to go to another: a flood of questions does not wear out the memory of
	 * real leases. */
	if (was == LEASE_OFFERED)
		list_prepend(&entry->book->free, &entry->spare);
	else
		list_append(&entry->book->free, &entry->spare);
}

void book_entry_set_away(struct book_entry *entry, uint64_t now_us)
{
	entry_uncount(entry);
	entry->lease.place = 0;
	entry->lease.lent = false;
	entry->lease.away = true;
	entry->lease.away_us = now_us;
	if (!entry->lease.reserved)
		list_append(&entry->book->away, &entry->spare);
}

void book_entry_give_up(struct book_entry *entry)
{
	/* The watcher sees that it was away. */
	entry->lease.state = LEASE_FREE;
	book_entry_tell(entry, LEASE_BOUND);
	book_entry_set_free(entry);
	entry->book->counters->leases_given_up++;
}

static void on_due(void *owner, uint64_t now_us)
{
	struct book_entry *entry = owner;
	enum lease_state was = entry->lease.state;

	(void)now_us;
	book_entry_set_free(entry);
	if (was != LEASE_OFFERED)
		book_entry_tell(entry, was);
}
