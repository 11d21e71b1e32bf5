/* SPDX-License-Identifier: MIT */
/* The lease book. What is due stands in a heap of timers that is run at each look: no scan, and no wake-up. What
 * surprises: the arrays are reserved whole at start, but are zero pages until they are used. */
#include "service/book.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service/book_entry.h"

/* ---- choosing ---- */

/* The next address of the pool that never had an entry. */
static struct book_entry *book_take_fresh(struct book *book)
{
	while (!book->fresh_ended && book->used < LEASES_MAX) {
		uint64_t number = book->fresh;

		if (number == book->range.last)
			book->fresh_ended = true;
		else
			book->fresh++;
		if (!range_is_ours(&book->range, number) && !book_find_number(book, number))
			return book_entry_make(book, number);
	}
	return NULL;
}

static struct book_entry *book_take_wanted(struct book *book, uint64_t number)
{
	struct book_entry *entry = book_find_number(book, number);

	if (!range_holds(&book->range, number))
		return NULL;
	if (!entry)
		return book_entry_make(book, number);
	/* Free, and nobody is remembered there. */
	if (entry->lease.state != LEASE_FREE || entry->lease.reserved || entry->lease.client_bytes)
		return NULL;
	return entry;
}

/* Reserved for this client's MAC, unless the address is declined or another interface of the same IPv6 client has it
 * (one machine may ask for several, RFC 8415 4.2). */
static struct book_entry *book_find_reserved(const struct book *book, const struct lease_client *client)
{
	enum { IAID_BYTES = 4 };
	struct book_entry *entry = book_find_reservation(book, client->mac);
	const struct lease *lease;

	if (!entry || entry->lease.state == LEASE_DECLINED)
		return NULL;
	lease = &entry->lease;
	if (book->range.is6 && lease->state != LEASE_FREE && lease->client_bytes == client->id_bytes &&
	    client->id_bytes > IAID_BYTES && memcmp(lease->client, client->id, IAID_BYTES) != 0 &&
	    !memcmp(lease->client + IAID_BYTES, client->id + IAID_BYTES, (size_t)client->id_bytes - IAID_BYTES))
		return NULL;
	return entry;
}

struct book_entry *book_find(const struct book *book, const struct lease_client *client)
{
	struct book_entry *entry = book_find_reserved(book, client);

	return entry ? entry : book_find_client(book, client);
}

bool book_mac_is_full(const struct book *book, struct mac mac)
{
	unsigned held = 0;

	for (const struct book_entry *entry = book_next_of_mac(book, mac, NULL); entry;
	     entry = book_next_of_mac(book, mac, entry))
		held += entry->lease.state != LEASE_FREE;
	return held >= LEASES_PER_MAC;
}

/* May the MAC have one more entry? If it has LEASES_PER_MAC, a free one of them is nobody's from now on, and the first
 * to be taken: who makes up identifiers wears out neither the pool nor the memory of other clients' leases. */
static bool book_make_room(struct book *book, struct mac mac)
{
	struct book_entry *spare = NULL;
	unsigned count = 0;

	for (const struct book_entry *entry = book_next_of_mac(book, mac, NULL); entry;
	     entry = book_next_of_mac(book, mac, entry)) {
		count++;
		if (entry->lease.state == LEASE_FREE && !entry->lease.reserved)
			spare = &book->entries[entry - book->entries];
	}
	if (count < LEASES_PER_MAC)
		return true;
	if (!spare)
		return false;
	book_entry_forget_client(spare);
	book_entry_unchain(spare, BOOK_CHAIN_MAC);
	list_remove(&spare->spare);
	list_prepend(&book->free, &spare->spare);
	return true;
}

/* What the client's port may have: `entry`, which is the client's, or NULL for one more. */
static enum quota_verdict book_ask_quota(struct book *book, struct book_entry *entry, const struct lease_client *client,
					 uint64_t now_us)
{
	uint64_t place = client->origin.place;
	enum quota_verdict verdict;

	if (entry && entry->lease.reserved)
		return QUOTA_OWN;
	if (!entry || entry->lease.state == LEASE_FREE)
		return quota_ask(&book->quota, place, client->origin.alone);
	book_entry_set_place(entry, place, entry->lease.lent);
	if (!entry->lease.lent)
		return QUOTA_OWN;
	verdict = quota_ask_again(&book->quota, place);
	/* Its client is told so, and has a moment to stop using it. */
	if (verdict == QUOTA_NONE) {
		book_entry_forget_client(entry);
		if (entry->lease.due_us > now_us + LEASE_RECALL_US)
			book_entry_set(entry, entry->lease.state, now_us + LEASE_RECALL_US);
	}
	return verdict;
}

/* `entry`, or NULL for a new one, is about to be the client's. */
static enum quota_verdict book_may_have(struct book *book, struct book_entry *entry, const struct lease_client *client,
					uint64_t now_us)
{
	bool is_its = entry && (entry->lease.reserved || mac_equal(entry->lease.mac, client->mac));
	enum quota_verdict verdict = book_ask_quota(book, entry, client, now_us);

	return verdict != QUOTA_NONE && (is_its || book_make_room(book, client->mac)) ? verdict : QUOTA_NONE;
}

/* The first to be taken, if nobody is remembered there. */
static struct book_entry *book_take_nobodys(const struct book *book)
{
	struct book_entry *entry;

	if (list_empty(&book->free))
		return NULL;
	entry = container_of(book->free.next, struct book_entry, spare);
	return entry->lease.client_bytes ? NULL : entry;
}

/* The one that has been away for longest. The only port's clients need not wait for who may be back soon. */
static struct book_entry *book_take_away(struct book *book, const struct lease_client *client, uint64_t now_us)
{
	struct book_entry *entry;

	if (list_empty(&book->away))
		return NULL;
	entry = container_of(book->away.next, struct book_entry, spare);
	if (!client->origin.alone && now_us - entry->lease.away_us < LEASE_RETURN_US)
		return NULL;
	book_entry_give_up(entry);
	return entry;
}

/* One client, one address: what it had before its reservation goes. */
static struct lease *entry_hold(struct book_entry *entry, const struct lease_client *client, enum quota_verdict verdict,
				uint64_t now_us)
{
	struct book_entry *had = book_find_client(entry->book, client);

	assert(client->id_bytes > 0);
	if (had && had != entry)
		book_entry_forget_client(had);
	book_entry_give_to(entry, client);
	book_entry_set_place(entry, client->origin.place, verdict == QUOTA_LENT);
	if (entry->lease.state != LEASE_BOUND)
		book_entry_set(entry, LEASE_OFFERED, now_us + LEASE_OFFER_US);
	return &entry->lease;
}

struct lease *book_offer(struct book *book, const struct lease_client *client, uint64_t wanted, uint64_t now_us)
{
	struct book_entry *entry = book_find(book, client);
	enum quota_verdict verdict = book_may_have(book, entry, client, now_us);

	if (verdict == QUOTA_NONE)
		return NULL;
	if (!entry && wanted)
		entry = book_take_wanted(book, wanted);
	if (!entry)
		entry = book_take_nobodys(book);
	if (!entry)
		entry = book_take_fresh(book);
	if (!entry && !list_empty(&book->free))
		entry = container_of(book->free.next, struct book_entry, spare);
	if (!entry)
		entry = book_take_away(book, client, now_us);
	return entry ? entry_hold(entry, client, verdict, now_us) : NULL;
}

struct lease *book_claim(struct book *book, const struct lease_client *client, uint64_t number, uint64_t now_us)
{
	struct book_entry *entry = book_find(book, client);
	enum quota_verdict verdict;

	if (entry && entry->number != number)
		return NULL;
	verdict = book_may_have(book, entry, client, now_us);
	if (verdict == QUOTA_NONE)
		return NULL;
	if (!entry)
		entry = book_take_wanted(book, number);
	return entry ? entry_hold(entry, client, verdict, now_us) : NULL;
}

/* ---- ports ---- */

void book_leave(struct book *book, uint64_t place, uint64_t now_us)
{
	/* Reservations were the first to be made, and are not counted. */
	for (uint16_t i = 0; i < book->reserved || (i < book->used && quota_held(&book->quota, place) > 0); i++) {
		struct book_entry *entry = &book->entries[i];

		if (entry->lease.place != place)
			continue;
		if (entry->lease.state == LEASE_BOUND)
			book_entry_set_away(entry, now_us);
		else if (entry->lease.state == LEASE_OFFERED)
			book_entry_set_free(entry);
		else
			book_entry_set_place(entry, 0, entry->lease.lent);
	}
}

void book_hear(struct book *book, struct mac mac, uint64_t place)
{
	for (const struct book_entry *at = book_next_of_mac(book, mac, NULL); at;
	     at = book_next_of_mac(book, mac, at)) {
		struct book_entry *entry = &book->entries[at - book->entries];

		if (entry->lease.state != LEASE_FREE && entry->lease.place != place)
			book_entry_set_place(entry, place, entry->lease.lent);
	}
}
/* ---- the book ---- */

/* RFC 1123 2.1: letters, digits and hyphens, no hyphen at an end; 0 when it is no such label. */
size_t book_label_bytes(const char *name, size_t bytes)
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

/* What there is for everybody: so many addresses, and room for so many. */
static void book_set_most(struct book *book)
{
	uint32_t addresses = book->pool - book->reserved_in_pool, room = LEASES_MAX - book->reserved;

	book->quota.most = addresses < room ? addresses : room;
}

static void book_begin(struct book *book, const struct service_config *config, bool is6)
{
	range_init(&book->range, config, is6);
	book->fresh = book->range.first;
	book->fresh_ended = book->range.first > book->range.last || !(is6 ? config->dhcp6 : config->dhcp4);
	list_init(&book->free);
	list_init(&book->away);
	timers_init(&book->timers);
	book->pool = range_count(&book->range, LEASES_MAX);
	book->reserved = book->reserved_in_pool = 0;
	quota_restart(&book->quota);
	book_set_most(book);
}

int book_init(struct book *book, const struct service_config *config, bool is6, struct lease_counters *counters)
{
	*book = (struct book){.counters = counters};
	if (quota_init(&book->quota, LEASES_MAX) < 0)
		return -ENOMEM;
	book_begin(book, config, is6);
	book->entries = calloc(LEASES_MAX, sizeof(*book->entries));
	if (!book->entries)
		return -ENOMEM;
	for (int i = 0; i < BOOK_CHAINS; i++) {
		book->buckets[i] = calloc(BOOK_BUCKETS, sizeof(*book->buckets[i]));
		if (!book->buckets[i])
			return -ENOMEM;
	}
	return 0;
}

void book_done(struct book *book)
{
	quota_done(&book->quota);
	free(book->entries);
	for (int i = 0; i < BOOK_CHAINS; i++)
		free(book->buckets[i]);
}

int book_reserve(struct book *book, struct mac mac, uint64_t number, const char *name)
{
	size_t bytes = name ? strlen(name) : 0;
	struct book_entry *entry;

	if (bytes > 0 && book_label_bytes(name, bytes) != bytes)
		return -EINVAL;
	if (range_is_ours(&book->range, number) || book_find_number(book, number) || book_find_reservation(book, mac))
		return -EEXIST;
	entry = book_entry_make(book, number);
	if (!entry)
		return -ENOSPC;
	entry->lease.reserved = true;
	entry->lease.mac = mac;
	book_entry_chain(entry, BOOK_CHAIN_MAC);
	if (bytes > 0)
		memcpy(entry->lease.name, name, bytes + 1);
	entry->named = bytes > 0;
	book->named += entry->named;
	book->reserved++;
	book->reserved_in_pool += range_holds(&book->range, number);
	book_set_most(book);
	return 0;
}

bool book_names_another(const struct book *book, const char *name, size_t bytes, struct mac mac)
{
	unsigned left = book->named;

	for (const struct book_entry *entry = book->entries; left > 0; entry++) {
		left -= entry->named;
		if (entry->named && !mac_equal(entry->lease.mac, mac) && strlen(entry->lease.name) == bytes &&
		    strncasecmp(entry->lease.name, name, bytes) == 0)
			return true;
	}
	return false;
}

/* What survives a restart. */
struct book_kept {
	uint64_t number;
	struct mac mac;
	char name[LEASE_NAME_BYTES]; /* "": none */
};

static size_t book_keep(const struct book *book, struct book_kept *ret_kept)
{
	size_t count = 0;

	for (uint16_t i = 0; i < book->used; i++) {
		const struct book_entry *entry = &book->entries[i];

		if (!entry->lease.reserved)
			continue;
		ret_kept[count] = (struct book_kept){.number = entry->number, .mac = entry->lease.mac};
		if (entry->named)
			memcpy(ret_kept[count].name, entry->lease.name, sizeof(ret_kept[count].name));
		count++;
	}
	return count;
}

size_t book_restart(struct book *book)
{
	const uint64_t only = book->range.first;
	const bool has_one = book->range.first == book->range.last;
	struct book_kept *kept = calloc(book->used + (size_t)1, sizeof(*kept));
	size_t count = kept ? book_keep(book, kept) : 0, lost = 0;

	memset(book->entries, 0, book->used * sizeof(*book->entries));
	book->used = book->named = 0;
	for (int i = 0; i < BOOK_CHAINS; i++)
		memset(book->buckets[i], 0, BOOK_BUCKETS * sizeof(*book->buckets[i]));
	book_begin(book, book->range.config, book->range.is6);
	for (size_t i = 0; i < count; i++) {
		uint64_t number = has_one && kept[i].number == only ? book->range.first : kept[i].number;

		lost += !range_in_net(&book->range, number) ||
			book_reserve(book, kept[i].mac, number, kept[i].name) < 0;
	}
	free(kept);
	return lost;
}

/* The entry that a saved lease belongs to, or NULL: not (any more) the table's to give to that client. */
static struct book_entry *book_find_restored(struct book *book, const struct lease *saved)
{
	uint64_t number = book->range.is6 ? range_number6(saved->ip6) : ip4_value(saved->ip4);
	struct book_entry *entry = book_find_number(book, number);
	struct book_entry *reserved = book_find_reservation(book, saved->mac);

	if (book->range.is6 && !range_has6(&book->range, saved->ip6))
		return NULL;
	/* Its reservation is this address and no other; and what is reserved is nobody else's. */
	if (reserved || (entry && entry->lease.reserved))
		return entry == reserved && entry->lease.state == LEASE_FREE ? entry : NULL;
	if (entry || !range_holds(&book->range, number))
		return NULL;
	return book_entry_make(book, number);
}

int book_restore(struct book *book, const struct lease *saved, uint64_t now_us, struct lease **ret_lease)
{
	struct lease_client client = {.mac = saved->mac, .id_bytes = saved->client_bytes};
	struct book_entry *entry;

	memcpy(client.id, saved->client, saved->client_bytes);
	if (client.id_bytes && book_find_client_and_mac(book, &client))
		return -EINVAL;
	entry = book_find_restored(book, saved);
	if (!entry)
		return -EINVAL;
	if (client.id_bytes)
		book_entry_give_to(entry, &client);
	if (saved->state == LEASE_FREE)
		book_entry_set_free(entry);
	else
		book_entry_set(entry, saved->state, saved->due_us);
	if (saved->state == LEASE_BOUND)
		book_entry_set_away(entry, now_us);
	*ret_lease = &entry->lease;
	return 0;
}
