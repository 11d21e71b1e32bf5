/* SPDX-License-Identifier: MIT */
/* Which port owns which address: MAC and VLAN, in a table of fixed size under a keyed hash, so that no guest chooses its
 * place in it. The rules of ownership (ethswitch.h) are here; whom to tell of it is the switch's. Nothing is swept by the
 * clock: that an address is too old is found out when somebody looks at it. */
#ifndef FABRIC_MACTABLE_H
#define FABRIC_MACTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/hash.h"
#include "fabric/ethswitch.h"
#include "fabric/port.h"
#include "wire/ethernet.h"

/* An address as a number of 48 bits. In two loads, which compilers make of nothing less. */
static inline uint64_t mactable_number(struct mac mac)
{
	const uint8_t *byte = mac.byte;
	uint32_t high = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];

	return (uint64_t)high << 16 | (uint16_t)(byte[4] << 8 | byte[5]);
}

enum mactable_limits {
	MACTABLE_CACHE_BITS = 10,
	/* Entries found lately: a hash of its own kind costs more than the rest of a lookup. */
	MACTABLE_CACHE = 1 << MACTABLE_CACHE_BITS,
};

struct mactable_entry {
	uint64_t key;          /* 0: a free entry */
	struct port *port;     /* the owner */
	struct port *claimant; /* of a claim that nobody has answered yet */
	uint64_t heard_us;
	uint64_t claim_us; /* when last somebody else's frame made us ask the owner */
	uint64_t moves_us; /* when the window of moves began */
	uint16_t next;     /* in its chain, or of the free ones; 0: the last */
	uint8_t moves;     /* in the window */
};

struct mactable {
	struct hash_key key;
	bool mac_move;
	struct mactable_entry *entries; /* [1 … ETHSWITCH_ADDRESSES_MAX] */
	uint16_t *chains;
	uint16_t touched; /* entries above were never used */
	uint16_t free;
	uint16_t hand;                 /* where the search for an entry to reuse goes on */
	size_t claims;                 /* entries with a claimant */
	struct mactable_entry **cache; /* [MACTABLE_CACHE]; entries[0], which is always free, stands for none */
};

/* What a frame's source address changed. */
enum mactable_event {
	MACTABLE_NOTHING,
	MACTABLE_LEARNED,  /* new on `first`: joined, back after ageing, or moved there from `second` */
	MACTABLE_CLAIMED,  /* `first` should be asked whether it is alive; `second` wants its address */
	MACTABLE_CONFLICT, /* both are alive; told of two addresses of a port at most, each once, while it lasts */
};

struct mactable_news {
	enum mactable_event event;
	struct port *first;
	struct port *second;
};

int mactable_init(struct mactable *table, const struct hash_key *key, bool mac_move);
void mactable_done(struct mactable *table);
/* The port goes: its addresses and its claims too. */
void mactable_forget(struct mactable *table, struct port *port);
/* Each entry that is not too old. */
void mactable_each(const struct mactable *table, uint64_t now_us,
		   void (*on_address)(void *owner, struct mac mac, uint16_t vlan, struct port *port, uint64_t heard_us),
		   void *owner);

/* ---- what every frame asks: here, so that the usual answer costs no call ---- */

#define MACTABLE_KEY_LIVE ((uint64_t)1 << 63)

static inline uint64_t mactable_key(uint64_t mac, uint16_t vlan)
{
	return MACTABLE_KEY_LIVE | (uint64_t)vlan << 48 | mac;
}

static inline bool mactable_aged(const struct mactable_entry *entry, uint64_t now_us)
{
	return now_us - entry->heard_us >= ETHSWITCH_AGE_US;
}

static inline struct mactable_entry **mactable_cached(const struct mactable *table, uint64_t key)
{
	return &table->cache[(key * 0x9e3779b97f4a7c15) >> (64 - MACTABLE_CACHE_BITS)];
}

/* A frame with this source, a mactable_number(), came from this port, as others did before: true, and it is remembered as
 * heard. False: mactable_hear() has to look closer. */
static inline bool mactable_hears(const struct mactable *table, const struct port *port, uint64_t mac, uint16_t vlan,
				  uint64_t now_us)
{
	uint64_t key = mactable_key(mac, vlan);
	struct mactable_entry *entry = *mactable_cached(table, key);

	if (entry->key != key || entry->port != port || entry->claimant || mactable_aged(entry, now_us))
		return false;
	entry->heard_us = now_us;
	return true;
}

/* The same for any source: DROP_NONE, DROP_SOURCE_CONFLICT or DROP_SOURCE_FLAPPING. An address for which there is no room
 * is let through and not remembered. `news` is written only when there is any. */
enum drop_reason mactable_hear(struct mactable *table, struct port *port, uint64_t mac, uint16_t vlan, uint64_t now_us,
			       struct mactable_news *news);
/* What mactable_find() does for an address that was not looked for lately. */
struct port *mactable_find_far(const struct mactable *table, uint64_t key, uint64_t now_us);

/* The owner, or NULL: nobody, or nobody for too long. */
static inline struct port *mactable_find(const struct mactable *table, uint64_t mac, uint16_t vlan, uint64_t now_us)
{
	uint64_t key = mactable_key(mac, vlan);
	const struct mactable_entry *entry = *mactable_cached(table, key);

	if (entry->key != key || mactable_aged(entry, now_us))
		return mactable_find_far(table, key, now_us);
	return entry->port;
}

#endif
