/* SPDX-License-Identifier: MIT */
/* Datagrams. The socket is ours while nobody sends, and NAT's reader while somebody does: what comes first stays in it until
 * the guest's place is known. What is for nobody is thrown away and counted at the gateway, at most every
 * FORWARD_PAUSE_US. */
#include "network/forward.h"

#include <errno.h>
#include <sys/socket.h>

#include "network/network.h"

enum { FORWARD_UDP_THROWN = 256 };

static struct gw_network *forward_udp_network(const struct forward_socket *socket)
{
	return socket->forward->network;
}

static void forward_udp_throw_away(struct forward_socket *socket)
{
	struct gw_network *network = forward_udp_network(socket);
	uint8_t byte;

	for (int i = 0; i < FORWARD_UDP_THROWN && recv(socket->fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0; i++)
		port_drop(gateway_port(network->gateway), DROP_DESTINATION_GONE, NULL);
	forward_pause(socket);
}

static void forward_udp_begin(struct forward_socket *socket, struct nat_address guest,
			      const struct neighbour_place *place)
{
	struct gw_network *network = forward_udp_network(socket);

	loop_unwatch(network->loop, &socket->watch);
	socket->udp.guest = nat_address6(guest.ip, socket->guest_port);
	socket->udp.port = place->port;
	socket->udp.mac = place->mac;
	if (nat_udp_forward(user_nat(network->user), &socket->udp) < 0)
		forward_udp_throw_away(socket);
}

static void forward_udp_on_found(void *owner, const struct neighbour_place *place)
{
	struct forward_socket *socket = owner;
	struct neighbour_place now;
	struct nat_address guest;

	if (place && forward_find(socket->forward, &guest, &now) == 0)
		forward_udp_begin(socket, guest, &now);
	else
		forward_udp_throw_away(socket);
}

static void forward_udp_on_ready(void *owner, unsigned events)
{
	struct forward_socket *socket = owner;
	struct gw_network *network = forward_udp_network(socket);
	struct neighbour_place place;
	struct nat_address guest;
	int found = forward_find(socket->forward, &guest, &place);

	(void)events;
	if (found == 0) {
		forward_udp_begin(socket, guest, &place);
	} else if (found == -EINPROGRESS) {
		loop_unwatch(network->loop, &socket->watch);
		neighbour_wait(network->neighbours, guest.ip, &socket->waiter, forward_udp_on_found, socket);
	} else if (found == -EAGAIN) {
		forward_pause(socket);
	} else {
		forward_udp_throw_away(socket);
	}
}

/* ---- while NAT reads it ---- */

static bool forward_udp_on_check(void *owner)
{
	struct forward_socket *socket = owner;
	struct neighbour_place place;
	struct nat_address guest;

	return forward_find(socket->forward, &guest, &place) == 0 && ip6_equal(guest.ip, socket->udp.guest.ip) &&
	       place.port == socket->udp.port && mac_equal(place.mac, socket->udp.mac);
}

static void forward_udp_on_end(void *owner)
{
	forward_listen(owner);
}

/* ---- life ---- */

int forward_udp_start(struct forward_socket *socket)
{
	socket->udp = (struct nat_udp_forward){.fd = socket->fd,
					       .is6 = socket->is6,
					       .on_check = forward_udp_on_check,
					       .on_end = forward_udp_on_end,
					       .owner = socket};
	watch_init(&socket->watch, socket->fd, forward_udp_on_ready, socket);
	return loop_watch(forward_udp_network(socket)->loop, &socket->watch, LOOP_READ);
}

void forward_udp_stop(struct forward_socket *socket)
{
	neighbour_cancel(&socket->waiter);
	nat_udp_forward_end(&socket->udp);
}
