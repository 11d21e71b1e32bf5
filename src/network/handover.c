/* SPDX-License-Identifier: MIT */
/* States, and who has the guest's socket:
 *   CARRIED    the spliced pair, which has the host's as well
 *   OVER       nobody any more: the flow and the detour go in the next round, since the pair may end anywhere
 *   LINGERING  this file: both ends have said all, and the guest may have to hear it still. The flow and the detour stay until its
 *              kernel is done: without them its last words would find nobody. A timer looks, while there are such */
#include "network/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "nat/nat.h"
#include "network/dialler.h"
#include "network/network.h"
#include "network/splice.h"
#include "os/socket.h"
#include "os/tcp_repair.h"

enum handover_state {
	HANDOVER_CARRIED,
	HANDOVER_OVER,
	HANDOVER_LINGERING,
};

struct handover {
	struct list link;
	struct handover_table *table;
	enum handover_state state;
	struct splice *splice;   /* CARRIED */
	int fd;                  /* LINGERING, these three */
	uint32_t unread;         /* of what was said to the guest, when it was looked at last */
	uint64_t deadline_us;    /* put off while the guest reads */
	struct splice_info last; /* of the pair, when it has gone */
	uint64_t led_us;         /* when the detour was asked for last */
	const struct dialler *dialler;
	struct sockaddr_storage guest, far;
	struct nat_carrier carrier;
};

struct handover_table {
	struct gw_network *network;
	struct list all;
	size_t count;
	struct task task;
	struct timer timer;
};

/* ---- ends ---- */

static int handover_detour(const struct handover *handover, bool on)
{
	return handover->dialler->detour(handover->dialler->owner, (const struct sockaddr *)&handover->guest,
					 (const struct sockaddr *)&handover->far, on);
}

static void handover_close(int fd, bool reset)
{
	if (fd < 0)
		return;
	if (reset)
		socket_reset(fd);
	else
		close(fd);
}

/* A reset goes before the detour by which it reaches the guest. */
static void handover_end(struct handover *handover, bool reset)
{
	if (handover->splice)
		splice_reset(handover->splice);
	handover_close(handover->fd, reset);
	(void)handover_detour(handover, false);
	nat_carrier_done(&handover->carrier);
	list_remove(&handover->link);
	handover->table->count--;
	free(handover);
}

static void handover_look_later(struct handover_table *table)
{
	struct loop *loop = table->network->loop;

	if (!table->timer.set)
		timer_set(loop_timers(loop), &table->timer, loop_now_us(loop) + HANDOVER_LOOK_US);
}

/* splice_keeper.on_end */
static void handover_on_end(void *owner, int near, const struct splice_info *last)
{
	struct handover *handover = owner;
	struct handover_table *table = handover->table;

	handover->splice = NULL;
	handover->carrier.fd = -1;
	handover->fd = near;
	handover->last = *last;
	if (near < 0) {
		handover->state = HANDOVER_OVER;
		loop_defer(table->network->loop, &table->task);
	} else {
		handover->state = HANDOVER_LINGERING;
		(void)socket_unread(near, &handover->unread);
		handover->deadline_us = loop_now_us(table->network->loop) + HANDOVER_LINGER_US;
		handover_look_later(table);
	}
}

static void handover_on_turn(void *owner)
{
	struct handover_table *table = owner;

	list_for_each_safe (at, &table->all) {
		struct handover *handover = container_of(at, struct handover, link);

		if (handover->state == HANDOVER_OVER)
			handover_end(handover, false);
	}
}

static void handover_look(struct handover *handover, uint64_t now_us)
{
	uint32_t unread;

	if (socket_unread(handover->fd, &unread) < 0 || unread == handover->unread)
		return;
	handover->unread = unread;
	handover->deadline_us = now_us + HANDOVER_LINGER_US;
}

static void handover_on_timer(void *owner, uint64_t now_us)
{
	struct handover_table *table = owner;
	bool more = false;

	list_for_each_safe (at, &table->all) {
		struct handover *handover = container_of(at, struct handover, link);

		if (handover->state != HANDOVER_LINGERING)
			continue;
		handover_look(handover, now_us);
		if (now_us >= handover->deadline_us || tcp_repair_is_over(handover->fd))
			handover_end(handover, now_us >= handover->deadline_us);
		else
			more = true;
	}
	if (more)
		handover_look_later(table);
}

/* ---- what NAT asks ---- */

static void handover_on_nat_end(void *owner)
{
	handover_end(owner, true);
}

static void handover_on_look(void *owner, uint64_t *ret_from_guest_bytes, uint64_t *ret_to_guest_bytes,
			     uint64_t *ret_moved_us)
{
	struct handover *handover = owner;

	if (handover->splice)
		splice_look_at(handover->splice, &handover->last);
	*ret_from_guest_bytes = handover->last.from_near_bytes;
	*ret_to_guest_bytes = handover->last.to_near_bytes;
	*ret_moved_us = handover->last.moved_us;
}

/* Somebody may have taken the rule away (systemd-networkd takes those that it did not make). If it is there still it is asked
 * for in vain. */
static void handover_on_stray(void *owner)
{
	struct handover *handover = owner;
	uint64_t now_us = loop_now_us(handover->table->network->loop);

	if (now_us - handover->led_us < HANDOVER_LEAD_US)
		return;
	handover->led_us = now_us;
	(void)handover_detour(handover, true);
}

/* ---- taking over ---- */

/* The guest's socket with the far end's name; negative errno. Until the detour is there it is silent, and so it goes. */
static int handover_open(const struct handover *handover, const struct tcp_repair *state)
{
	const struct dialler *dialler = handover->dialler;
	const int on = 1;
	int fd = dialler->open(dialler->owner, state->there.ss_family, SOCK_STREAM), error;

	if (fd < 0)
		return fd;
	socket_stay_here(fd);
	error = tcp_repair_begin(fd, state);
	if (error == 0)
		error = handover_detour(handover, true);
	if (error == 0) {
		error = tcp_repair_end(fd);
		if (error < 0)
			(void)handover_detour(handover, false);
	}
	if (error < 0) {
		close(fd);
		return error;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

/* The pair may be over before this returns, and then the connection is. */
static void handover_carry(struct handover *handover, int near, int far)
{
	const struct splice_keeper keeper = {.on_end = handover_on_end, .owner = handover};
	const struct splice_info nothing = {.state = ""};

	if (splice_keep(handover->table->network->splices, near, far, &keeper, &handover->splice) == 0)
		return;
	handover_close(near, true);
	handover_close(far, true);
	handover_on_end(handover, -1, &nothing);
}

/* What is captured stays frames. */
int handover_is_wanted(const struct handover_table *table, struct ip6 guest)
{
	const struct dialler *dialler = dialler_find(table->network, guest);

	if (!dialler || !dialler->detour)
		return -EOPNOTSUPP;
	if (table->count == HANDOVER_MOST || splice_table_is_full(table->network->splices))
		return -EAGAIN;
	return capture_list_any(table->network) ? -EAGAIN : 0;
}

int handover_take(struct handover_table *table, int fd, const struct tcp_repair *state,
		  struct nat_carrier **ret_carrier)
{
	const struct nat_address guest = nat_address_read((const struct sockaddr *)&state->there);
	const struct dialler *dialler = dialler_find(table->network, guest.ip);
	struct handover *handover;
	int near = handover_is_wanted(table, guest.ip); /* it was asked a while ago */

	if (near < 0)
		return near;
	handover = calloc(1, sizeof(*handover));
	if (!handover)
		return -EAGAIN;
	*handover = (struct handover){
		.table = table, .fd = -1, .dialler = dialler, .guest = state->there, .far = state->here};
	handover->led_us = loop_now_us(table->network->loop);
	handover->carrier = (struct nat_carrier){.end = handover_on_nat_end,
						 .look = handover_on_look,
						 .stray = handover_on_stray,
						 .owner = handover,
						 .fd = fd};
	near = handover_open(handover, state);
	if (near < 0) {
		free(handover);
		return near;
	}
	list_append(&table->all, &handover->link);
	table->count++;
	*ret_carrier = &handover->carrier;
	handover_carry(handover, near, fd);
	return 0;
}

/* ---- the table ---- */

int handover_table_new(struct gw_network *network, struct handover_table **ret_table)
{
	struct handover_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->network = network;
	list_init(&table->all);
	task_init(&table->task, handover_on_turn, table);
	timer_init(&table->timer, handover_on_timer, table);
	*ret_table = table;
	return 0;
}

void handover_forget(struct handover_table *table, const struct dialler *dialler)
{
	list_for_each_safe (at, &table->all) {
		struct handover *handover = container_of(at, struct handover, link);

		if (!dialler || handover->dialler == dialler)
			handover_end(handover, true);
	}
}

void handover_table_free(struct handover_table *table)
{
	if (!table)
		return;
	handover_forget(table, NULL);
	loop_cancel(table->network->loop, &table->task);
	timer_clear(loop_timers(table->network->loop), &table->timer);
	free(table);
}
