/* SPDX-License-Identifier: MIT */
/* Does a guest accept connections at a port? It is called from the gateway's address, through NAT, as by a forward whose
 * client is one end of a pair of sockets; who answers is hung up on at once.
 *
 * An attempt looks up the name, asks for its place, and calls. What fails is tried again DIAL_PAUSE_US later, and a call
 * that is not answered in DIAL_CALL_US is made anew: a guest that is only starting would be asked again by TCP much
 * later. The one timer is the attempt's next step, or the end of the patience if that comes first. An answer may come
 * during a delivery, and is looked at by a task. */
#include "network/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network/addressee.h"
#include "network/network.h"
#include "os/socket.h"

enum dial_times {
	DIAL_PAUSE_US = 100 * 1000,
	DIAL_CALL_US = 1000 * 1000,
};

struct gw_dial {
	struct list link; /* network->dials */
	struct gw_network *network;
	struct addressee guest;
	uint16_t port;
	uint64_t end_us;
	int outcome; /* of the last attempt */
	int fd;      /* our end of the call; -1: none */
	struct nat_call call;
	struct neighbour_waiter waiter;
	struct timer timer;
	struct task answered;
	void (*on_done)(void *owner, int error);
	void *owner;
};

static void dial_wake(struct gw_dial *dial, uint64_t pause_us)
{
	struct gw_network *network = dial->network;
	uint64_t due_us = ethswitch_now_us(network->ethswitch) + pause_us;

	timer_set(loop_timers(network->loop), &dial->timer, due_us < dial->end_us ? due_us : dial->end_us);
}

static void dial_hang_up(struct gw_dial *dial)
{
	nat_call_end(&dial->call);
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
}

static void dial_stop(struct gw_dial *dial)
{
	neighbour_cancel(&dial->waiter);
	dial_hang_up(dial);
	loop_cancel(dial->network->loop, &dial->answered);
	timer_clear(loop_timers(dial->network->loop), &dial->timer);
}

/* The dial may be no more when this returns. */
static void dial_finish(struct gw_dial *dial, int outcome)
{
	dial_stop(dial);
	dial->on_done(dial->owner, outcome);
}

static void dial_failed(struct gw_dial *dial, int outcome)
{
	dial->outcome = outcome;
	dial_wake(dial, DIAL_PAUSE_US);
}

/* ---- an attempt ---- */

static void dial_on_answer(void *owner, int error)
{
	struct gw_dial *dial = owner;

	dial->outcome = error;
	loop_defer(dial->network->loop, &dial->answered);
}

static void dial_on_answered(void *owner)
{
	struct gw_dial *dial = owner;

	if (dial->outcome == 0) {
		dial_finish(dial, 0);
		return;
	}
	dial_hang_up(dial);
	dial_failed(dial, dial->outcome);
}

static void dial_call(struct gw_dial *dial, struct ip6 guest, const struct neighbour_place *place)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct nat *nat = user_nat(dial->network->user);
	struct nat_accepted accepted = {.guest = {.ip = guest, .port = dial->port},
					.port = place->port,
					.mac = place->mac,
					.call = &dial->call};
	int fds[2], error = socket_pair(SOCK_STREAM, fds);

	if (error < 0) {
		dial_failed(dial, error);
		return;
	}
	nat_far_address(nat, &nobody, !nat_address_is4(&accepted.guest), &accepted.far);
	error = nat_tcp_accepted(nat, fds[0], &accepted);
	dial->fd = fds[1];
	if (error >= 0) {
		dial_wake(dial, DIAL_CALL_US);
		return;
	}
	close(fds[0]);
	dial_hang_up(dial);
	dial_failed(dial, error);
}

static void dial_on_found(void *owner, const struct neighbour_place *place)
{
	struct gw_dial *dial = owner;
	struct ip6 guest;

	if (place && addressee_find(dial->network, &dial->guest, &guest) == 0)
		dial_call(dial, guest, place);
	else
		dial_failed(dial, -EHOSTUNREACH);
}

static void dial_attempt(struct gw_dial *dial)
{
	struct gw_network *network = dial->network;
	struct neighbour_place place;
	struct ip6 guest;
	int error = addressee_find(network, &dial->guest, &guest);

	if (error >= 0)
		error = neighbour_find(network->neighbours, guest, &place);
	if (error >= 0) {
		dial_call(dial, guest, &place);
	} else if (error == -EINPROGRESS) {
		neighbour_wait(network->neighbours, guest, &dial->waiter, dial_on_found, dial);
		timer_set(loop_timers(network->loop), &dial->timer, dial->end_us);
	} else {
		dial_failed(dial, -EHOSTUNREACH);
	}
}

static void dial_on_due(void *owner, uint64_t now_us)
{
	struct gw_dial *dial = owner;

	if (dial->fd >= 0) {
		dial_hang_up(dial);
		dial->outcome = -ETIMEDOUT;
	}
	if (now_us >= dial->end_us)
		dial_finish(dial, dial->outcome);
	else
		dial_attempt(dial);
}

/* ---- life ---- */

int gw_dial_new(struct gw_network *network, const char *guest, uint16_t port, uint64_t timeout_us,
		void (*on_done)(void *owner, int error), void *owner, struct gw_dial **ret_dial)
{
	size_t length = strlen(guest), brackets = length >= 2 && guest[0] == '[' && guest[length - 1] == ']';
	struct gw_dial *dial;
	int error;

	if (!network->user)
		return -EOPNOTSUPP;
	dial = calloc(1, sizeof(*dial));
	if (!dial)
		return -ENOMEM;
	error = port == 0 ? -EINVAL
			  : addressee_parse(network, guest + brackets, length - 2 * brackets, &dial->guest, NULL);
	if (error < 0) {
		free(dial);
		return error;
	}
	network_set_now(network);
	dial->network = network;
	dial->port = port;
	dial->end_us = ethswitch_now_us(network->ethswitch);
	dial->end_us = timeout_us < UINT64_MAX - dial->end_us ? dial->end_us + timeout_us : UINT64_MAX - 1;
	dial->outcome = -EHOSTUNREACH;
	dial->fd = -1;
	dial->call = (struct nat_call){.on_answer = dial_on_answer, .owner = dial};
	dial->on_done = on_done;
	dial->owner = owner;
	timer_init(&dial->timer, dial_on_due, dial);
	task_init(&dial->answered, dial_on_answered, dial);
	list_append(&network->dials, &dial->link);
	dial_wake(dial, 0);
	*ret_dial = dial;
	return 0;
}

void gw_dial_free(struct gw_dial *dial)
{
	if (!dial)
		return;
	dial_stop(dial);
	list_remove(&dial->link);
	free(dial);
}

void dial_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->dials)
		gw_dial_free(container_of(at, struct gw_dial, link));
}
