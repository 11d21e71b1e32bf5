/* SPDX-License-Identifier: MIT */
/* gw_guest_*: a spec becomes an endpoint with a name, and what happens at it becomes events. */
#include "network/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "network/event.h"

static void guest_on_joined(void *owner, struct endpoint *endpoint, struct port *port)
{
	struct gw_guest *guest = owner;

	network_on_joined(guest->network, port, guest, endpoint->describe);
}

static void guest_on_left(void *owner, struct endpoint *endpoint, struct port *port, const char *reason)
{
	struct gw_guest *guest = owner;

	(void)endpoint;
	network_on_left(guest->network, port, reason);
}

static void guest_on_notice(void *owner, struct endpoint *endpoint, const char *text)
{
	struct gw_guest *guest = owner;

	(void)endpoint;
	event_send(guest->network, GW_EVENT_NOTICE, guest->name, NULL, "%s", text);
}

/* The network's isolated= is a guest's default; its own word comes later and wins. */
static int guest_add_default(const struct gw_network *network, struct spec *spec, struct error *ret_error)
{
	if (!network->description.isolated)
		return 0;
	if (spec->count == SPEC_OPTIONS_MAX)
		return error_set(ret_error, -EINVAL, "%s: more than %d options", spec->kind, SPEC_OPTIONS_MAX - 1);
	memmove(spec->options + 1, spec->options, spec->count * sizeof(*spec->options));
	spec->options[0] = (struct spec_option){.key = "isolated", .value = "on"};
	spec->count++;
	return 0;
}

static int guest_read_name(struct gw_guest *guest, struct spec *spec, struct error *ret_error)
{
	const char *name = spec_string(spec, "name");
	int error;

	(void)spec_string(spec, "id"); /* QEMU's name for its own end */
	if (!name) {
		network_choose_name(guest->network, spec->kind, guest->name);
		return 0;
	}
	error = network_check_name(guest->network, "guest", name, ret_error);
	if (error >= 0)
		memcpy(guest->name, name, strlen(name) + 1);
	return error;
}

static int guest_open(struct gw_guest *guest, const char *text, struct error *ret_error)
{
	struct spec spec;
	int error;

	if ((error = spec_parse(&spec, text, ret_error)) < 0 ||
	    (error = guest_read_name(guest, &spec, ret_error)) < 0 ||
	    (error = guest_add_default(guest->network, &spec, ret_error)) < 0)
		return error;
	guest->setup = (struct endpoint_setup){.loop = guest->network->loop,
					       .ethswitch = guest->network->ethswitch,
					       .bell = &guest->network->bell,
					       .limbo = &guest->network->limbo,
					       .name = guest->name,
					       .on_joined = guest_on_joined,
					       .on_left = guest_on_left,
					       .on_notice = guest_on_notice,
					       .owner = guest};
	network_set_now(guest->network);
	return endpoint_open(&spec, &guest->setup, &guest->endpoint, ret_error);
}

int gw_guest_add(struct gw_network *network, const char *spec, struct gw_guest **ret_guest, struct gw_error *ret_error)
{
	struct gw_guest *guest = calloc(1, sizeof(*guest));
	struct error error = {0};

	if (!guest) {
		error_set(&error, -ENOMEM, "%.40s: out of memory", spec);
		return network_return_error(ret_error, &error);
	}
	guest->network = network;
	list_init(&guest->link);
	error.code = guest_open(guest, spec, &error);
	if (error.code < 0) {
		free(guest);
		return network_return_error(ret_error, &error);
	}
	guest->endpoint->owner = guest;
	list_append(&network->guests, &guest->link);
	if (ret_guest)
		*ret_guest = guest;
	return 0;
}

/* It has no name any more, but is found when its memory faults: a ring that is left may be written to (ring_leave()). */
static void guest_end(struct gw_guest *guest)
{
	list_remove(&guest->link);
	list_append(&guest->network->guests_gone, &guest->link);
	endpoint_close(guest->endpoint);
	list_remove(&guest->link);
	free(guest);
}

void gw_guest_remove(struct gw_guest *guest)
{
	if (!guest)
		return;
	if (!network_is_busy(guest->network)) {
		network_set_now(guest->network);
		guest_end(guest);
		return;
	}
	/* where it is, for who asks for all of them may be on the stack */
	guest->removed = true;
	network_bury_later(guest->network);
}

struct gw_guest *gw_guest_find(struct gw_network *network, const char *name)
{
	list_for_each (at, &network->guests) {
		struct gw_guest *guest = container_of(at, struct gw_guest, link);

		if (!guest->removed && strcmp(guest->name, name) == 0)
			return guest;
	}
	return NULL;
}

const char *gw_guest_name(const struct gw_guest *guest)
{
	return guest->name;
}

void guest_bury(struct gw_network *network)
{
	list_for_each_safe (at, &network->guests) {
		struct gw_guest *guest = container_of(at, struct gw_guest, link);

		if (guest->removed)
			guest_end(guest);
	}
}

void guest_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->guests)
		guest_end(container_of(at, struct gw_guest, link));
}
