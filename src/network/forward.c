/* SPDX-License-Identifier: MIT */
/* Rules: made, shown and ended. What their sockets do is forward_stream.c's and forward_udp.c's. */
#include "network/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "network/dialler.h"
#include "network/network.h"

void forward_table_init(struct forward_table *table)
{
	list_init(&table->forwards);
}

/* ---- whom it is for ---- */

/* A name is looked up again at most once in FORWARD_FOUND_US, or FORWARD_PAUSE_US while nobody has it: a burst of
 * connections costs one search. */
static int forward_find_address(struct forward *forward, struct ip6 *ret_address)
{
	uint64_t now_us = ethswitch_now_us(forward->network->ethswitch);
	uint64_t lasts_us = ip6_is_zero(forward->found) ? FORWARD_PAUSE_US : FORWARD_FOUND_US;

	if (forward->found_us == 0 || now_us - forward->found_us >= lasts_us) {
		if (addressee_find(forward->network, &forward->spec.guest, &forward->found) < 0)
			forward->found = (struct ip6){{0}};
		forward->found_us = now_us;
	}
	if (ip6_is_zero(forward->found))
		return -ENOENT;
	*ret_address = forward->found;
	return 0;
}

void forward_table_forget(struct forward_table *table)
{
	list_for_each (at, &table->forwards)
		container_of(at, struct forward, link)->found_us = 0;
}

int forward_find(struct forward *forward, struct nat_address *ret_guest, struct neighbour_place *ret_place)
{
	int error = forward_find_address(forward, &ret_guest->ip);

	ret_guest->port = 0;
	return error < 0 ? error : neighbour_find(forward->network->neighbours, ret_guest->ip, ret_place);
}

/* ---- a socket that is left alone for a while ---- */

static void forward_on_pause_over(void *owner, uint64_t now_us)
{
	struct forward_socket *socket = owner;

	(void)now_us;
	forward_listen(socket);
}

void forward_listen(struct forward_socket *socket)
{
	if (loop_watch(socket->forward->network->loop, &socket->watch, LOOP_READ) < 0)
		forward_pause(socket);
}

void forward_pause(struct forward_socket *socket)
{
	struct gw_network *network = socket->forward->network;

	loop_unwatch(network->loop, &socket->watch);
	timer_set(loop_timers(network->loop), &socket->pause, loop_now_us(network->loop) + FORWARD_PAUSE_US);
}

/* ---- a rule's life ---- */

static void forward_socket_stop(struct forward_socket *socket)
{
	struct gw_network *network = socket->forward->network;

	if (socket->forward->spec.protocol == FORWARD_UDP)
		forward_udp_stop(socket);
	else
		forward_stream_stop(socket);
	loop_unwatch(network->loop, &socket->watch);
	timer_clear(loop_timers(network->loop), &socket->pause);
}

static void forward_stop(struct forward *forward)
{
	for (size_t i = 0; i < forward->socket_count; i++)
		forward_socket_stop(&forward->sockets[i]);
}

static int forward_start(struct forward *forward, struct error *ret_error)
{
	int error = 0;

	for (size_t i = 0; i < forward->socket_count && error >= 0; i++) {
		struct forward_socket *socket = &forward->sockets[i];

		timer_init(&socket->pause, forward_on_pause_over, socket);
		error = forward->spec.protocol == FORWARD_UDP ? forward_udp_start(socket)
							      : forward_stream_start(socket);
	}
	if (error >= 0)
		return 0;
	return error_set(ret_error, error, "forward '%.200s': %s", forward->text, error_name(error));
}

static void forward_end(struct forward *forward)
{
	forward_stop(forward);
	forward_close(forward);
	list_remove(&forward->link);
	free(forward->sockets);
	free(forward->text);
	free(forward);
}

void forward_table_done(struct forward_table *table)
{
	list_for_each_safe (at, &table->forwards)
		forward_end(container_of(at, struct forward, link));
	pool_done(&table->waits);
}

static int forward_make(struct forward *forward, struct error *ret_error)
{
	int error = forward_spec_parse(forward->network, forward->text, &forward->spec, ret_error);

	if (error < 0)
		return error;
	error = forward_stream_prepare(&forward->network->forwards);
	if (error < 0)
		return error_set(ret_error, error, "forward '%.200s': %s", forward->text, error_name(error));
	error = forward_open(forward, ret_error);
	return error < 0 ? error : forward_start(forward, ret_error);
}

int forward_add(struct gw_network *network, const char *text, unsigned *ret_id, struct error *ret_error)
{
	struct forward *forward;
	int error;

	if (!network->user)
		return error_set(ret_error, -EOPNOTSUPP,
				 "forward '%.200s': network %s has no way out, and so none in; uplink=user has both",
				 text, network->name);
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return error_set(ret_error, -ENOMEM, "out of memory");
	forward->network = network;
	forward->text = strdup(text);
	list_init(&forward->link);
	error = forward->text ? forward_make(forward, ret_error) : error_set(ret_error, -ENOMEM, "out of memory");
	if (error < 0) {
		forward_end(forward);
		return error;
	}
	forward->id = ++network->forwards.last_id;
	list_append(&network->forwards.forwards, &forward->link);
	if (ret_id)
		*ret_id = forward->id;
	return 0;
}

/* ---- what a program says ---- */

int gw_forward_add(struct gw_network *network, const char *spec, unsigned *ret_id, struct gw_error *ret_error)
{
	struct error error = {0};

	network_set_now(network);
	error.code = forward_add(network, spec, ret_id, &error);
	return network_return_error(ret_error, &error);
}

int gw_forward_remove(struct gw_network *network, unsigned id)
{
	/* a connection to it may be what the callback is about, and its list is what is walked */
	if (network_is_busy(network))
		return -EBUSY;
	list_for_each (at, &network->forwards.forwards) {
		struct forward *forward = container_of(at, struct forward, link);

		if (forward->id != id)
			continue;
		network_set_now(network);
		forward_end(forward);
		return 0;
	}
	return -ENOENT;
}

static void forward_show(const struct forward *forward,
			 void (*on_forward)(void *owner, const struct gw_forward_info *info), void *owner)
{
	char guest[PORT_NAME_BYTES];
	struct ip6 address;
	bool spliced = addressee_find(forward->network, &forward->spec.guest, &address) == 0 &&
		       dialler_find(forward->network, address) != NULL;

	for (size_t i = 0; i < forward->socket_count; i++) {
		const struct forward_socket *socket = &forward->sockets[i];
		struct gw_forward_info info = GW_INIT(struct gw_forward_info);

		info.id = forward->id;
		info.spec = forward->text;
		info.protocol = forward_protocol_name(forward->spec.protocol);
		info.listening = socket->listening;
		info.guest = addressee_format(&forward->spec.guest, guest);
		info.guest_port = socket->guest_port;
		info.everywhere = forward->spec.everywhere;
		info.spliced = spliced && forward->spec.protocol != FORWARD_UDP;
		info.connections = socket->connections + socket->udp.peers;
		on_forward(owner, &info);
	}
}

void gw_network_each_forward(struct gw_network *network,
			     void (*on_forward)(void *owner, const struct gw_forward_info *info), void *owner)
{
	network->calling++;
	list_for_each (at, &network->forwards.forwards)
		forward_show(container_of(at, struct forward, link), on_forward, owner);
	network->calling--;
}
