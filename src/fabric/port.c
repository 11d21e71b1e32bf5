/* SPDX-License-Identifier: MIT */
/* What every kind of port shares: its start, the counting of drops, the schedule, and the producers that wait for room.
 * Being attached, and everything that follows from it, is ethswitch.c's. */
#include "fabric/port.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/ethswitch_state.h"

void port_init(struct port *port, const struct port_ops *ops, const char *name)
{
	*port = (struct port){.ops = ops};
	snprintf(port->name, sizeof(port->name), "%s", name);
	list_init(&port->link);
	list_init(&port->dirty);
	list_init(&port->ready);
	for (uint32_t queue = 0; queue < PORT_QUEUES_MAX; queue++)
		list_init(&port->waiters[queue]);
}

void port_drop(struct port *port, enum drop_reason reason, const struct frame *frame)
{
	struct ethswitch *ethswitch = port->ethswitch;
	bool first;

	assert(reason > DROP_NONE && reason < DROP_REASONS);
	first = port->counters.drops.count[reason]++ == 0;
	if (!ethswitch)
		return;
	ethswitch->drops.count[reason]++;
	if (ethswitch->observer && ethswitch->observer->on_drop)
		ethswitch->observer->on_drop(ethswitch->observer->owner, port, reason, frame);
	if (first && ethswitch->config.on_first_drop)
		ethswitch->config.on_first_drop(ethswitch->config.owner, port, reason);
}

void port_schedule(struct port *port)
{
	struct ethswitch *ethswitch = port->ethswitch;
	bool idle;

	if (!ethswitch || !list_empty(&port->ready))
		return;
	idle = list_empty(&ethswitch->ready);
	list_append(&ethswitch->ready, &port->ready);
	if (idle && ethswitch->config.on_work)
		ethswitch->config.on_work(ethswitch->config.owner);
}

void port_wait(struct port *port, uint32_t queue, struct port_waiter *waiter,
	       void (*on_room)(void *owner, struct port *port), void *owner)
{
	port_unwait(waiter);
	waiter->on_room = on_room;
	waiter->owner = owner;
	list_append(&port->waiters[queue], &waiter->link);
}

void port_unwait(struct port_waiter *waiter)
{
	if (waiter->link.next)
		list_remove(&waiter->link);
	else
		list_init(&waiter->link);
}

/* Calls each waiter before the mark, which stands at the end; true when the mark was reached. It is not when the port
 * was detached meanwhile, which empties the list: then the port's memory may be gone too. Not inlined, because gcc takes
 * the mark for a dangling pointer when it sees all of it. */
static __attribute__((noinline)) bool port_call_waiters(struct port *port, struct list *waiters,
							struct port_waiter *mark)
{
	struct port_waiter *waiter;

	list_append(waiters, &mark->link);
	do {
		waiter = container_of(list_take(waiters), struct port_waiter, link);
		if (waiter->on_room)
			waiter->on_room(waiter->owner, port);
	} while (waiter != mark && !list_empty(&mark->link));
	return waiter == mark;
}

/* Who asks again stands behind the mark. When everybody did, the one who was called first goes to the end: with little
 * room the first would get all of it every time. */
void port_room_returned(struct port *port, uint32_t queue)
{
	struct list *waiters = &port->waiters[queue], *first = waiters->next;
	struct port_waiter mark = {0};

	if (list_empty(waiters))
		return;
	list_init(&mark.link);
	if (port_call_waiters(port, waiters, &mark) && waiters->next == first) {
		list_remove(first);
		list_append(waiters, first);
	}
}

void room_write(const struct room *room, uint32_t offset, const void *bytes, size_t count)
{
	const uint8_t *next = bytes;

	assert(offset <= room->bytes && count <= room->bytes - offset);
	for (const struct iovec *piece = room->pieces; count > 0; piece++) {
		size_t here;

		if (offset >= piece->iov_len) {
			offset -= (uint32_t)piece->iov_len;
			continue;
		}
		here = piece->iov_len - offset;
		if (here > count)
			here = count;
		memcpy((uint8_t *)piece->iov_base + offset, next, here);
		next += here;
		count -= here;
		offset = 0;
	}
}
