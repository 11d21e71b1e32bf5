/* SPDX-License-Identifier: MIT */
/* Records come from a pool, since guests come and go with what they send. A record is looked up by its address once in
 * a port's life, so a list does. */
#include "network/record.h"

int record_table_init(struct record_table *table)
{
	list_init(&table->away);
	return pool_init(&table->pool, sizeof(struct record), RECORDS_MAX);
}

static struct record *record_find_away(struct record_table *table, struct mac mac)
{
	list_for_each (at, &table->away) {
		struct record *record = container_of(at, struct record, away);

		if (mac_equal(record->mac, mac))
			return record;
	}
	return NULL;
}

static void record_forget(struct record_table *table, struct record *record)
{
	list_remove(&record->away);
	pool_give(&table->pool, record);
}

void record_table_done(struct record_table *table)
{
	while (!list_empty(&table->away))
		record_forget(table, container_of(table->away.next, struct record, away));
	pool_done(&table->pool);
}

static void record_add_counters(struct counters *counters, const struct counters *more)
{
	counters->from_guest.frames += more->from_guest.frames;
	counters->from_guest.bytes += more->from_guest.bytes;
	counters->to_guest.frames += more->to_guest.frames;
	counters->to_guest.bytes += more->to_guest.bytes;
	for (unsigned reason = 0; reason < DROP_REASONS; reason++)
		counters->drops.count[reason] += more->drops.count[reason];
}

void record_join(struct record_table *table, struct port *port, struct gw_guest *guest)
{
	struct record *record = pool_take(&table->pool);

	if (!record && !list_empty(&table->away)) {
		record_forget(table, container_of(table->away.next, struct record, away));
		record = pool_take(&table->pool);
	}
	port->owner = record;
	if (!record)
		return;
	*record = (struct record){.port = port, .guest = guest};
	list_init(&record->away);
}

bool record_hear(struct record_table *table, struct port *port, struct mac mac)
{
	struct record *record = port->owner, *before;

	if (!record || !mac_is_zero(record->mac))
		return false;
	record->mac = mac;
	before = record_find_away(table, mac);
	if (!before)
		return false;
	record_add_counters(&port->counters, &before->counters);
	record->ip4 = before->ip4;
	record_forget(table, before);
	return true;
}

void record_move(const struct port *from, struct port *to)
{
	const struct record *before = from->owner;
	struct record *record = to->owner;

	if (before && record && mac_equal(before->mac, record->mac))
		record->ip4 = before->ip4;
}

void record_leave(struct record_table *table, struct port *port)
{
	struct record *record = port->owner, *before;

	port->owner = NULL;
	if (!record)
		return;
	if (mac_is_zero(record->mac)) {
		pool_give(&table->pool, record);
		return;
	}
	record->counters = port->counters;
	record->port = NULL;
	record->guest = NULL;
	/* the address had moved here from a port that left since */
	before = record_find_away(table, record->mac);
	if (before) {
		record_add_counters(&record->counters, &before->counters);
		record_forget(table, before);
	}
	list_append(&table->away, &record->away);
}
