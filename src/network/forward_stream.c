/* SPDX-License-Identifier: MIT */
/* Connections, by TCP or a unix socket: accepted, and handed to NAT as soon as the guest's place is known. One that is
 * accepted costs accept() and what its flow costs; the guest is looked up once for all that one turn accepts. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "network/dialler.h"
#include "network/event.h"
#include "network/forward.h"
#include "network/network.h"
#include "os/socket.h"

/* A connection that waits for its guest's place. */
struct forward_wait {
	struct list link;
	struct forward_socket *socket;
	struct neighbour_waiter waiter;
	int fd;
	struct nat_accepted accepted; /* without port and mac */
};

int forward_stream_prepare(struct forward_table *table)
{
	return table->waits.memory ? 0 : pool_init(&table->waits, sizeof(struct forward_wait), FORWARD_WAITS);
}

static void forward_hand_over(struct forward_socket *socket, int fd, struct nat_accepted *accepted,
			      const struct neighbour_place *place)
{
	struct nat *nat = user_nat(socket->forward->network->user);

	accepted->port = place->port;
	accepted->mac = place->mac;
	if (nat_tcp_accepted(nat, fd, accepted) < 0)
		socket_reset(fd);
}

/* ---- those that wait ---- */

static void forward_wait_end(struct forward_wait *wait)
{
	neighbour_cancel(&wait->waiter);
	list_remove(&wait->link);
	pool_give(&wait->socket->forward->network->forwards.waits, wait);
}

static void forward_on_found(void *owner, const struct neighbour_place *place)
{
	struct forward_wait *wait = owner;

	if (place)
		forward_hand_over(wait->socket, wait->fd, &wait->accepted, place);
	else
		socket_reset(wait->fd);
	forward_wait_end(wait);
}

static void forward_wait_begin(struct forward_socket *socket, int fd, const struct nat_accepted *accepted)
{
	struct gw_network *network = socket->forward->network;
	struct forward_wait *wait = pool_take(&network->forwards.waits);

	if (!wait) {
		socket_reset(fd);
		return;
	}
	*wait = (struct forward_wait){.socket = socket, .fd = fd, .accepted = *accepted};
	list_append(&socket->waits, &wait->link);
	neighbour_wait(network->neighbours, accepted->guest.ip, &wait->waiter, forward_on_found, wait);
}

/* ---- accepting ---- */

static void forward_on_accept_failed(struct forward_socket *socket, int error)
{
	struct forward_table *table = &socket->forward->network->forwards;

	forward_pause(socket);
	if (table->noticed || !error_is_out_of_files(error))
		return;
	table->noticed = true;
	event_send(
		socket->forward->network, GW_EVENT_NOTICE, NULL, NULL,
		"no descriptor is left for connections to %s; they wait until there is one, or raise the limit of open "
		"files (ulimit -n)",
		socket->listening);
}

/* Whom the guest sees: the client, or the gateway for this machine and for what the guest could not answer. */
static void forward_show_client(const struct forward_socket *socket, const struct sockaddr *client,
				struct nat_accepted *accepted)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct nat *nat = user_nat(socket->forward->network->user);
	bool is6 = !nat_address_is4(&accepted->guest);

	nat_far_address(nat, client, is6, &accepted->far);
	if (ip6_equal(accepted->far.ip, accepted->guest.ip))
		nat_far_address(nat, &nobody, is6, &accepted->far);
}

/* To a guest whose sockets the program can make, from this machine's loopback: the kernel carries it. */
static bool forward_splice(struct forward_socket *socket, int fd, const struct sockaddr *client, struct ip6 guest)
{
	struct gw_network *network = socket->forward->network;
	const struct dialler *dialler = dialler_find(network, guest);

	return dialler && dialler_is_loopback(client) &&
	       dialler_take(network, dialler, fd, client, socket->guest_port) >= 0;
}

/* The guest's side of what one turn accepts. */
struct forward_turn {
	int found; /* as forward_find() says */
	struct nat_address guest;
	struct neighbour_place place;
};

/* True: there may be more. */
static bool forward_accept(struct forward_socket *socket, const struct forward_turn *turn)
{
	struct nat_accepted accepted = {.guest = turn->guest};
	struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
	const struct sockaddr *client = (const struct sockaddr *)&from;
	int fd = socket_accept_from(socket->fd, &from);

	if (fd < 0) {
		if (fd != -EAGAIN)
			forward_on_accept_failed(socket, fd);
		return false;
	}
	socket->connections++;
	if (forward_splice(socket, fd, client, turn->guest.ip))
		return true;
	accepted.guest.port = socket->guest_port;
	forward_show_client(socket, client, &accepted);
	if (turn->found == 0)
		forward_hand_over(socket, fd, &accepted, &turn->place);
	else if (turn->found == -EINPROGRESS)
		forward_wait_begin(socket, fd, &accepted);
	else
		socket_reset(fd);
	return true;
}

static void forward_look(struct forward_socket *socket, struct forward_turn *ret_turn)
{
	memset(ret_turn, 0, sizeof(*ret_turn));
	ret_turn->found = forward_find(socket->forward, &ret_turn->guest, &ret_turn->place);
}

static void forward_on_ready(void *owner, unsigned events)
{
	struct forward_socket *socket = owner;
	const struct forward_table *table = &socket->forward->network->forwards;
	struct forward_turn turn;

	(void)events;
	forward_look(socket, &turn);
	for (int i = 0; i < FORWARD_TURN; i++) {
		if (turn.found == -EINPROGRESS && i > 0)
			forward_look(socket, &turn);
		if (turn.found == -EAGAIN || (turn.found == -EINPROGRESS && table->waits.taken == FORWARD_WAITS)) {
			forward_pause(socket);
			return;
		}
		if (!forward_accept(socket, &turn))
			return;
	}
}

/* ---- life ---- */

int forward_stream_start(struct forward_socket *socket)
{
	watch_init(&socket->watch, socket->fd, forward_on_ready, socket);
	return loop_watch(socket->forward->network->loop, &socket->watch, LOOP_READ);
}

void forward_stream_stop(struct forward_socket *socket)
{
	list_for_each_safe (at, &socket->waits) {
		struct forward_wait *wait = container_of(at, struct forward_wait, link);

		socket_reset(wait->fd);
		forward_wait_end(wait);
	}
}
