/* SPDX-License-Identifier: MIT */
/* The table. Chains of indices under SipHash; before them a small cache by a cheap hash, whose hits are proved by the
 * whole key, so that an entry need not be taken out of it. An entry's key is 0 when it is free.
 *
 * When the table is full, a few entries a time are looked at, going round: one that is too old is reused, and so is one
 * of a port that has more addresses than the port that asks, so that a guest that invents addresses hurts itself. */
#include "fabric/mactable.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MACTABLE_CHAINS = ETHSWITCH_ADDRESSES_MAX,
	MACTABLE_LOOKS = 16,
	MACTABLE_MOVES_US = 1000 * 1000,
	MACTABLE_TOLD = 2, /* conflicts of one port: the second shows that it is not one guest's mistake */
};

_Static_assert(ETHSWITCH_ADDRESSES_MAX < UINT16_MAX, "entries are told by 16 bits");

static struct mac mactable_mac(uint64_t key)
{
	return (struct mac){{(uint8_t)(key >> 40), (uint8_t)(key >> 32), (uint8_t)(key >> 24), (uint8_t)(key >> 16),
			     (uint8_t)(key >> 8), (uint8_t)key}};
}

int mactable_init(struct mactable *table, const struct hash_key *key, bool mac_move)
{
	*table = (struct mactable){.key = *key, .mac_move = mac_move, .hand = 1};
	table->entries = calloc(ETHSWITCH_ADDRESSES_MAX + 1, sizeof(table->entries[0]));
	table->chains = calloc(MACTABLE_CHAINS, sizeof(table->chains[0]));
	table->cache = calloc(MACTABLE_CACHE, sizeof(table->cache[0]));
	if (!table->entries || !table->chains || !table->cache) {
		mactable_done(table);
		return -ENOMEM;
	}
	for (size_t i = 0; i < MACTABLE_CACHE; i++)
		table->cache[i] = &table->entries[0];
	return 0;
}

void mactable_done(struct mactable *table)
{
	free(table->entries);
	free(table->chains);
	free(table->cache);
	*table = (struct mactable){0};
}

static uint16_t *mactable_chain(const struct mactable *table, uint64_t key)
{
	return &table->chains[hash_bytes(&table->key, &key, sizeof(key)) % MACTABLE_CHAINS];
}

static struct mactable_entry *mactable_look(const struct mactable *table, uint64_t key)
{
	struct mactable_entry **cached = mactable_cached(table, key);

	if ((*cached)->key == key)
		return *cached;
	for (uint16_t i = *mactable_chain(table, key); i != 0; i = table->entries[i].next) {
		if (table->entries[i].key == key)
			return *cached = &table->entries[i];
	}
	return NULL;
}

static void mactable_end_claim(struct mactable *table, struct mactable_entry *entry)
{
	if (entry->claimant)
		table->claims--;
	entry->claimant = NULL;
}

static void mactable_remove(struct mactable *table, struct mactable_entry *entry)
{
	uint16_t index = (uint16_t)(entry - table->entries);
	uint16_t *link = mactable_chain(table, entry->key);

	while (*link != index)
		link = &table->entries[*link].next;
	*link = entry->next;
	entry->port->learned--;
	mactable_end_claim(table, entry);
	*entry = (struct mactable_entry){.next = table->free};
	table->free = index;
}

/* Frees what is too old among the next few entries, and one of a port with more than `more_than` addresses. */
static void mactable_make_room(struct mactable *table, uint32_t more_than, uint64_t now_us)
{
	for (int i = 0; i < MACTABLE_LOOKS && table->touched > 0; i++) {
		struct mactable_entry *entry = &table->entries[table->hand];

		table->hand = table->hand < table->touched ? (uint16_t)(table->hand + 1) : 1;
		if (!entry->key)
			continue;
		if (mactable_aged(entry, now_us)) {
			mactable_remove(table, entry);
		} else if (entry->port->learned > more_than) {
			mactable_remove(table, entry);
			more_than = UINT32_MAX;
		}
	}
}

static struct mactable_entry *mactable_take(struct mactable *table, const struct port *port, uint64_t now_us)
{
	uint16_t index;

	if (port->learned >= ETHSWITCH_ADDRESSES_PER_PORT)
		mactable_make_room(table, UINT32_MAX, now_us);
	if (port->learned >= ETHSWITCH_ADDRESSES_PER_PORT)
		return NULL;
	if (table->free == 0 && table->touched == ETHSWITCH_ADDRESSES_MAX)
		mactable_make_room(table, port->learned + 1, now_us);
	index = table->free;
	if (index != 0)
		table->free = table->entries[index].next;
	else if (table->touched < ETHSWITCH_ADDRESSES_MAX)
		index = ++table->touched;
	else
		return NULL;
	return &table->entries[index];
}

static void mactable_learned(struct port *port, struct mac mac, struct mactable_news *news)
{
	if (mac_equal(port->conflict, mac)) {
		port->conflict = (struct mac){{0}};
		port->told = 0;
	}
	*news = (struct mactable_news){MACTABLE_LEARNED, port, NULL};
}

static void mactable_learn(struct mactable *table, struct port *port, uint64_t key, uint64_t now_us,
			   struct mactable_news *news)
{
	struct mactable_entry *entry = mactable_take(table, port, now_us);
	uint16_t *chain;

	if (!entry)
		return;
	chain = mactable_chain(table, key);
	*entry = (struct mactable_entry){.key = key, .port = port, .heard_us = now_us, .next = *chain};
	*chain = (uint16_t)(entry - table->entries);
	port->learned++;
	mactable_learned(port, mactable_mac(key), news);
}

static void mactable_give(struct mactable *table, struct mactable_entry *entry, struct port *port, uint64_t now_us,
			  struct mactable_news *news)
{
	struct port *before = entry->port;

	before->learned--;
	port->learned++;
	entry->port = port;
	entry->heard_us = now_us;
	mactable_end_claim(table, entry);
	mactable_learned(port, mactable_mac(entry->key), news);
	news->second = before;
}

static enum drop_reason mactable_move(struct mactable *table, struct mactable_entry *entry, struct port *port,
				      uint64_t now_us, struct mactable_news *news)
{
	if (now_us - entry->moves_us >= MACTABLE_MOVES_US) {
		entry->moves_us = now_us;
		entry->moves = 0;
	}
	if (entry->moves >= ETHSWITCH_MOVES_MAX)
		return DROP_SOURCE_FLAPPING;
	entry->moves++;
	mactable_give(table, entry, port, now_us, news);
	return DROP_NONE;
}

/* May this port take the address without asking? */
static bool mactable_at_once(const struct mactable *table, const struct port *owner, const struct port *port)
{
	if (port->uplink || owner->away)
		return true;
	return port->locked ? !owner->locked : table->mac_move && !owner->locked;
}

/* A loop brings the addresses of everybody, and so may a guest that lies: each is refused, few are told. */
static bool mactable_tells(struct port *claimant, struct mac mac, uint64_t now_us)
{
	if (mac_equal(claimant->conflict, mac) && now_us - claimant->conflict_us < ETHSWITCH_AGE_US)
		return false;
	if (now_us - claimant->told_us >= ETHSWITCH_AGE_US)
		claimant->told = 0;
	if (claimant->told == 0)
		claimant->told_us = now_us;
	return claimant->told < MACTABLE_TOLD && ++claimant->told;
}

static void mactable_conflict(struct port *owner, struct port *claimant, struct mac mac, uint64_t now_us,
			      struct mactable_news *news)
{
	bool tells = mactable_tells(claimant, mac, now_us);

	claimant->conflict = mac;
	claimant->conflict_us = now_us;
	if (tells)
		*news = (struct mactable_news){MACTABLE_CONFLICT, owner, claimant};
}

static enum drop_reason mactable_claim(struct mactable *table, struct mactable_entry *entry, struct port *port,
				       uint64_t now_us, struct mactable_news *news)
{
	if (mactable_aged(entry, now_us)) {
		mactable_give(table, entry, port, now_us, news);
		return DROP_NONE;
	}
	if (mactable_at_once(table, entry->port, port))
		return mactable_move(table, entry, port, now_us, news);
	if (entry->claimant) {
		if (now_us - entry->claim_us >= ETHSWITCH_CLAIM_US)
			return mactable_move(table, entry, port, now_us, news);
		return DROP_SOURCE_CONFLICT;
	}
	/* Known to be in conflict with an owner that lives: it is not asked again for every frame. */
	if (mac_equal(port->conflict, mactable_mac(entry->key)) && now_us - entry->heard_us < ETHSWITCH_CLAIM_US) {
		mactable_conflict(entry->port, port, mactable_mac(entry->key), now_us, news);
		return DROP_SOURCE_CONFLICT;
	}
	/* It was asked just now and has answered: for a port that is in conflict already, one question a second. */
	if (!mac_is_zero(port->conflict) && entry->claim_us && now_us - entry->claim_us < ETHSWITCH_CLAIM_US)
		return DROP_SOURCE_CONFLICT;
	table->claims++;
	entry->claimant = port;
	entry->claim_us = now_us;
	*news = (struct mactable_news){MACTABLE_CLAIMED, entry->port, port};
	return DROP_SOURCE_CONFLICT;
}

/* The owner speaks while somebody waits for its silence. */
static void mactable_answer(struct mactable *table, struct mactable_entry *entry, uint64_t now_us,
			    struct mactable_news *news)
{
	struct port *claimant = entry->claimant;

	mactable_end_claim(table, entry);
	mactable_conflict(entry->port, claimant, mactable_mac(entry->key), now_us, news);
}

enum drop_reason mactable_hear(struct mactable *table, struct port *port, uint64_t mac, uint16_t vlan, uint64_t now_us,
			       struct mactable_news *news)
{
	uint64_t key = mactable_key(mac, vlan);
	struct mactable_entry *entry = mactable_look(table, key);

	if (!entry) {
		mactable_learn(table, port, key, now_us, news);
		return DROP_NONE;
	}
	if (entry->port != port)
		return mactable_claim(table, entry, port, now_us, news);
	if (entry->claimant)
		mactable_answer(table, entry, now_us, news);
	else if (mactable_aged(entry, now_us))
		mactable_learned(port, mactable_mac(key), news);
	entry->heard_us = now_us;
	return DROP_NONE;
}

struct port *mactable_find_far(const struct mactable *table, uint64_t key, uint64_t now_us)
{
	const struct mactable_entry *entry = mactable_look(table, key);

	return entry && !mactable_aged(entry, now_us) ? entry->port : NULL;
}

void mactable_forget(struct mactable *table, struct port *port)
{
	for (uint16_t i = 1; i <= table->touched && (port->learned > 0 || table->claims > 0); i++) {
		struct mactable_entry *entry = &table->entries[i];

		if (!entry->key)
			continue;
		if (entry->claimant == port)
			mactable_end_claim(table, entry);
		if (entry->port == port)
			mactable_remove(table, entry);
	}
}

void mactable_each(const struct mactable *table, uint64_t now_us,
		   void (*on_address)(void *owner, struct mac mac, uint16_t vlan, struct port *port, uint64_t heard_us),
		   void *owner)
{
	for (uint16_t i = 1; i <= table->touched; i++) {
		const struct mactable_entry *entry = &table->entries[i];

		if (entry->key && !mactable_aged(entry, now_us))
			on_address(owner, mactable_mac(entry->key), (uint16_t)(entry->key >> 48 & 0xfff), entry->port,
				   entry->heard_us);
	}
}
