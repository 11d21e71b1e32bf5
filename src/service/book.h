/* SPDX-License-Identifier: MIT */
/* One family's book of leases: an array of entries that are found by client, by address and by MAC through hash chains
 * of indices. For lease.c alone, which knows of both families and of the outside. */
#ifndef SERVICE_BOOK_H
#define SERVICE_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "service/lease.h"
#include "service/range.h"
#include "service/quota.h"

enum book_chain {
	BOOK_CHAIN_CLIENT,
	BOOK_CHAIN_ADDRESS,
	BOOK_CHAIN_MAC,
	BOOK_CHAINS,
};

enum { BOOK_BUCKETS = 8192 };

struct book;

/* Once made it stays at its address for good, free or not. */
struct book_entry {
	struct lease lease;
	struct book *book;
	uint64_t number; /* range.h */
	bool named;      /* by dhcp-host=: the client cannot rename it */
	bool chained[BOOK_CHAINS];
	uint16_t next[BOOK_CHAINS]; /* index + 1 */
	struct timer due;
	struct list spare; /* on one of the book's lists while another may have it */
};

struct book {
	struct range range; /* the pool */
	uint32_t pool;      /* addresses in it, as far as LEASES_MAX */
	uint64_t fresh;     /* below it every address of the pool has an entry or is nobody's to lease */
	bool fresh_ended;
	struct book_entry *entries; /* LEASES_MAX */
	uint16_t used;
	uint16_t reserved;              /* of them by dhcp-host=; their addresses are for nobody else */
	uint16_t reserved_in_pool;      /* so many would be everybody's otherwise */
	uint16_t named;                 /* how many of them dhcp-host= has given a name */
	struct quota quota;             /* who holds how many of the rest */
	uint16_t *buckets[BOOK_CHAINS]; /* index + 1 of the first */
	struct list free;               /* the one free for longest is first */
	struct list away;               /* the one away for longest is first */
	struct timers timers;
	void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was); /* may be NULL */
	void *owner;
	struct lease_counters *counters;
};

/* Stays where it is: entries point to it. `counters` may be another book's too. 0 or -ENOMEM; book_done() in both cases. */
int book_init(struct book *book, const struct service_config *config, bool is6, struct lease_counters *counters);
void book_done(struct book *book);
/* With the configuration's addresses of now, and nothing leased. What was reserved stays so where the net has it, and the
 * address that was the only one is the only one of now. How many reservations are lost. */
size_t book_restart(struct book *book);

/* LEASES_PER_MAC of its entries are not free. */
bool book_mac_is_full(const struct book *book, struct mac mac);
/* The port is gone: what was offered there is free, and what is leased is away. */
void book_leave(struct book *book, uint64_t place, uint64_t now_us);
/* The MAC is heard at this port: what it holds is there. */
void book_hear(struct book *book, struct mac mac, uint64_t place);
/* The client's: its reservation, or what it has or had; not what was declined. */
struct book_entry *book_find(const struct book *book, const struct lease_client *client);
/* lease_offer4() and lease_claim4(); number 0: none is wanted. */
struct lease *book_offer(struct book *book, const struct lease_client *client, uint64_t wanted, uint64_t now_us);
struct lease *book_claim(struct book *book, const struct lease_client *client, uint64_t number, uint64_t now_us);
/* lease_reserve4() */
int book_reserve(struct book *book, struct mac mac, uint64_t number, const char *name);
/* All but the name; what is bound is away. -EINVAL when the address is not (any more) the book's to give to that client. */
int book_restore(struct book *book, const struct lease *saved, uint64_t now_us, struct lease **ret_lease);
/* Has dhcp-host= given this name to another MAC? */
bool book_names_another(const struct book *book, const char *name, size_t bytes, struct mac mac);

/* The first label, as lease_set_name() has it; 0 when it is none. */
size_t book_label_bytes(const char *name, size_t bytes);

#endif
