/* SPDX-License-Identifier: MIT */
/* The lease table: a book for each family, and what the rest of the program may ask and tell. How entries are found and
 * chosen stands in book.c, how they are written down in leaseline.c. */
#include "service/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "service/book_entry.h"
#include "service/leaseline.h"

struct lease_table {
	const struct service_config *config;
	struct book book[2]; /* IPv4, IPv6 */
	struct lease_counters counters;
};

struct lease *lease_find_client(struct lease_table *leases, bool is6, const struct lease_client *client)
{
	struct book_entry *entry = book_find(&leases->book[is6], client);

	return entry ? &entry->lease : NULL;
}

bool lease_mac_is_full(const struct lease_table *leases, bool is6, const struct lease_client *client)
{
	return book_mac_is_full(&leases->book[is6], client->mac);
}

bool lease_port_is_full(const struct lease_table *leases, bool is6, const struct lease_client *client)
{
	return quota_is_full(&leases->book[is6].quota, client->origin.place, client->origin.alone);
}

struct lease *lease_offer4(struct lease_table *leases, const struct lease_client *client, struct ip4 wanted,
			   uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_offer(&leases->book[0], client, ip4_value(wanted), now_us);
}

struct lease *lease_claim4(struct lease_table *leases, const struct lease_client *client, struct ip4 address,
			   uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_claim(&leases->book[0], client, ip4_value(address), now_us);
}

struct lease *lease_offer6(struct lease_table *leases, const struct lease_client *client, struct ip6 wanted,
			   uint64_t now_us)
{
	lease_expire(leases, now_us);
	return book_offer(&leases->book[1], client,
			  range_has6(&leases->book[1].range, wanted) ? range_number6(wanted) : 0, now_us);
}

struct lease *lease_claim6(struct lease_table *leases, const struct lease_client *client, struct ip6 address,
			   uint64_t now_us)
{
	if (!range_has6(&leases->book[1].range, address))
		return NULL;
	lease_expire(leases, now_us);
	return book_claim(&leases->book[1], client, range_number6(address), now_us);
}

uint32_t lease_seconds(const struct lease *lease, uint32_t network_s)
{
	return lease->lent && network_s > LEASE_LENT_S ? LEASE_LENT_S : network_s;
}

uint32_t lease_renew_seconds(const struct lease *lease, uint32_t lease_s)
{
	if (lease_s == LEASE_FOR_EVER_S)
		return lease_s;
	return lease->lent && lease_s / 2 > LEASE_LENT_RENEW_S ? LEASE_LENT_RENEW_S : lease_s / 2;
}

void lease_bind(struct lease_table *leases, struct lease *lease, uint32_t seconds, uint64_t now_us)
{
	enum lease_state was = lease->state;
	uint64_t due_us = seconds == LEASE_FOR_EVER_S ? UINT64_MAX : now_us + (uint64_t)seconds * 1000000;

	(void)leases;
	book_entry_set(book_entry_of(lease), LEASE_BOUND, due_us);
	book_entry_tell(book_entry_of(lease), was);
}

void lease_release(struct lease_table *leases, struct lease *lease)
{
	enum lease_state was = lease->state;

	(void)leases;
	book_entry_set_free(book_entry_of(lease));
	if (was == LEASE_BOUND)
		book_entry_tell(book_entry_of(lease), was);
}

void lease_decline(struct lease_table *leases, struct lease *lease, uint64_t now_us)
{
	enum lease_state was = lease->state;

	(void)leases;
	book_entry_forget_client(book_entry_of(lease));
	book_entry_set(book_entry_of(lease), LEASE_DECLINED, now_us + LEASE_DECLINE_US);
	book_entry_tell(book_entry_of(lease), was);
}

/* By these machines look for something, unasked: for themselves (RFC 6761 6.3), for their proxy, for the end of a tunnel
 * (RFC 5214 8.3.2). Who may call himself so is led what others send (CERT VU#598349). */
static bool lease_name_is_sought(const char *name, size_t bytes)
{
	static const char *const sought[] = {"isatap", "localhost", "wpad"};

	for (size_t i = 0; i < sizeof(sought) / sizeof(sought[0]); i++)
		if (strlen(sought[i]) == bytes && strncasecmp(sought[i], name, bytes) == 0)
			return true;
	return false;
}

void lease_set_name(struct lease_table *leases, struct lease *lease, const char *name, size_t bytes)
{
	size_t count = book_label_bytes(name, bytes);

	if (count == 0 || book_entry_of(lease)->named || lease_name_is_sought(name, count))
		return;
	/* A reservation of one family keeps its name from others in both. */
	for (int i = 0; i < 2; i++)
		if (book_names_another(&leases->book[i], name, count, lease->mac))
			return;
	memcpy(lease->name, name, count);
	lease->name[count] = 0;
}

/* ---- the table ---- */

int lease_table_new(const struct service_config *config, struct lease_table **ret_leases)
{
	struct lease_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->config = config;
	if (book_init(&table->book[0], config, false, &table->counters) < 0 ||
	    book_init(&table->book[1], config, true, &table->counters) < 0) {
		lease_table_free(table);
		return -ENOMEM;
	}
	*ret_leases = table;
	return 0;
}

size_t lease_table_restart(struct lease_table *leases)
{
	return book_restart(&leases->book[0]) + book_restart(&leases->book[1]);
}

void lease_table_leave(struct lease_table *leases, uint64_t place, uint64_t now_us)
{
	book_leave(&leases->book[0], place, now_us);
	book_leave(&leases->book[1], place, now_us);
}

void lease_table_hear(struct lease_table *leases, struct mac mac, uint64_t place)
{
	book_hear(&leases->book[0], mac, place);
	book_hear(&leases->book[1], mac, place);
}

const struct lease_counters *lease_table_counters(const struct lease_table *leases)
{
	return &leases->counters;
}

void lease_table_free(struct lease_table *leases)
{
	if (!leases)
		return;
	book_done(&leases->book[0]);
	book_done(&leases->book[1]);
	free(leases);
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
	    !range_has6(&leases->book[1].range, address))
		return -ERANGE;
	return book_reserve(&leases->book[1], mac, range_number6(address), name);
}

void lease_table_watch(struct lease_table *leases,
		       void (*on_lease)(void *owner, const struct lease *lease, enum lease_state was), void *owner)
{
	for (int i = 0; i < 2; i++) {
		leases->book[i].on_lease = on_lease;
		leases->book[i].owner = owner;
	}
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

void lease_each(const struct lease_table *leases, uint64_t now_us,
		void (*on_lease)(void *owner, const struct lease *lease), void *owner)
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

static const struct lease *lease_if_bound(const struct book_entry *entry, uint64_t now_us)
{
	if (!entry || entry->lease.state != LEASE_BOUND || lease_is_due(&entry->lease, now_us))
		return NULL;
	return &entry->lease;
}

const struct lease *lease_find_ip4(const struct lease_table *leases, struct ip4 address, uint64_t now_us)
{
	return lease_if_bound(book_find_number(&leases->book[0], ip4_value(address)), now_us);
}

const struct lease *lease_find_ip6(const struct lease_table *leases, struct ip6 address, uint64_t now_us)
{
	const struct lease *lease = lease_if_bound(book_find_number(&leases->book[1], range_number6(address)), now_us);

	return lease && ip6_equal(lease->ip6, address) ? lease : NULL;
}

const struct lease *lease_find_mac(const struct lease_table *leases, struct mac mac, bool is6, uint64_t now_us)
{
	const struct book *book = &leases->book[is6];

	for (const struct book_entry *entry = book_next_of_mac(book, mac, NULL); entry;
	     entry = book_next_of_mac(book, mac, entry))
		if (lease_if_bound(entry, now_us))
			return &entry->lease;
	return NULL;
}

/* ---- as it was before a restart ---- */

size_t lease_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room)
{
	return leaseline_format(lease, now_us, wall_s, text, room);
}

int lease_restore(struct lease_table *leases, const char *line, uint64_t now_us, uint64_t wall_s)
{
	struct lease saved, *lease;

	if (leaseline_parse(line, now_us, wall_s, leases->config->lease_s, &saved) < 0 ||
	    book_restore(&leases->book[saved.is6], &saved, now_us, &lease) < 0)
		return -EINVAL;
	lease_set_name(leases, lease, saved.name, sizeof(saved.name));
	return 0;
}
