/* SPDX-License-Identifier: MIT */
/* A network's life: made from a description, run in turns, ended in the reverse order. The switch goes by the time that
 * the loop reads once a turn; a call from outside a turn reads the clock itself. */
#include "network/network.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network/dialler.h"
#include "network/dial.h"
#include "network/event.h"
#include "network/guest.h"
#include "network/handover.h"
#include "network/inprocess.h"
#include "network/passage.h"
#include "network/reservation.h"
#include "network/virtio.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "service/lease.h"

#define NETWORK_TEXT_OF(number) #number
#define NETWORK_TEXT(number) NETWORK_TEXT_OF(number)

const char *gw_version(void)
{
	return NETWORK_TEXT(GW_VERSION_MAJOR) "." NETWORK_TEXT(GW_VERSION_MINOR) "." NETWORK_TEXT(GW_VERSION_PATCH);
}

int network_return_error(struct gw_error *ret_error, const struct error *error)
{
	if (ret_error) {
		ret_error->code = error->code;
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", error->text);
	}
	return error->code;
}

int network_read_config(const void *config, size_t bytes, void *ret_known, struct error *ret_error)
{
	size_t size;

	memcpy(&size, config, sizeof(size));
	if (size < sizeof(size))
		return error_set(ret_error, -EINVAL, "a structure without its size was given; make it with GW_INIT");
	memset(ret_known, 0, bytes);
	memcpy(ret_known, config, size < bytes ? size : bytes);
	return 0;
}

/* ---- time, turns and what waits for them ---- */

/* The loop's clock: read once a turn, before anything is served, and so the switch's too. */
static uint64_t network_clock(void *owner)
{
	struct gw_network *network = owner;
	uint64_t now_us = network->now_us(network->owner);

	if (network->ethswitch)
		ethswitch_set_now(network->ethswitch, now_us);
	return now_us;
}

void network_set_now(struct gw_network *network)
{
	network_clock(network);
}

bool network_is_busy(const struct gw_network *network)
{
	return network->calling > 0 || ethswitch_busy(network->ethswitch);
}

static void network_on_rounds(void *owner)
{
	struct gw_network *network = owner;

	if (ethswitch_run(network->ethswitch))
		loop_defer(network->loop, &network->rounds);
}

static void network_on_work(void *owner)
{
	struct gw_network *network = owner;

	loop_defer(network->loop, &network->rounds);
}

static void network_on_burial(void *owner)
{
	struct gw_network *network = owner;

	inprocess_bury(network);
	guest_bury(network);
}

void network_bury_later(struct gw_network *network)
{
	loop_defer(network->loop, &network->burial);
}

int gw_network_fd(const struct gw_network *network)
{
	return loop_fd(network->loop);
}

int64_t gw_network_timeout_us(const struct gw_network *network)
{
	return virtio_is_kicked(network) ? 0 : loop_timeout_us(network->loop);
}

int gw_network_run(struct gw_network *network, int64_t timeout_us)
{
	int served;

	if (network->turning || network_is_busy(network))
		return -EBUSY;
	network->turning = true;
	virtio_take_kicks(network);
	served = loop_turn(network->loop, timeout_us);
	virtio_take_kicks(network);
	network->turning = false;
	return served < 0 ? served : 0;
}

void gw_network_wake(struct gw_network *network)
{
	loop_wake(network->loop);
}

static bool network_fault_among(const struct list *guests, const void *address)
{
	list_for_each (at, guests) {
		struct endpoint *endpoint = container_of(at, struct gw_guest, link)->endpoint;

		if (endpoint && endpoint->fault && endpoint->fault(endpoint, address))
			return true;
	}
	return false;
}

/* The one that is ending is on the second. */
int gw_network_fault(struct gw_network *network, const void *address)
{
	return network_fault_among(&network->guests, address) || network_fault_among(&network->guests_gone, address);
}

/* ---- names ---- */

static bool network_has_name(struct gw_network *network, const char *name)
{
	if (strcmp(name, "gateway") == 0 || gw_guest_find(network, name))
		return true;
	list_for_each (at, ethswitch_ports(network->ethswitch)) {
		if (strcmp(container_of(at, struct port, link)->name, name) == 0)
			return true;
	}
	return false;
}

static bool network_is_word(const char *name, size_t room)
{
	size_t length = strlen(name);

	if (length == 0 || length >= room || name[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)name[i];

		if (letter >= 0x80 || (!isalnum(letter) && letter != '-' && letter != '_'))
			return false;
	}
	return true;
}

int network_check_name(struct gw_network *network, const char *what, const char *name, struct error *ret_error)
{
	if (!network_is_word(name, NETWORK_GUEST_NAME_BYTES))
		return error_set(ret_error, -EINVAL, "%s name '%.60s': must be 1 to %d letters, digits, '-' and '_'",
				 what, name, NETWORK_GUEST_NAME_BYTES - 1);
	if (network_has_name(network, name))
		return error_set(ret_error, -EEXIST, "%s name '%s': is in use on network %s; choose another", what,
				 name, network->name);
	return 0;
}

void network_choose_name(struct gw_network *network, const char *kind, char *name)
{
	unsigned number = 0;

	do
		snprintf(name, NETWORK_GUEST_NAME_BYTES, "%.32s%u", kind, number++);
	while (network_has_name(network, name));
}

/* ---- what happens on the network ---- */

static bool network_is_alone(const struct gw_network *network)
{
	const struct list *ports = ethswitch_ports(network->ethswitch);

	return ports->next == ports->previous;
}

static void network_advertise_later(struct gw_network *network, uint64_t now_us)
{
	if (network->description.service.ip6)
		timer_set(loop_timers(network->loop), &network->advertisement,
			  now_us + (uint64_t)SERVICE_ADVERTISE_S * 1000 * 1000);
}

/* RFC 4861 6.2.4. With nobody there the timer rests, too. */
static void network_on_advertisement(void *owner, uint64_t now_us)
{
	struct gw_network *network = owner;

	if (network_is_alone(network))
		return;
	gateway_advertise(network->gateway);
	network_advertise_later(network, now_us);
}

void network_on_joined(struct gw_network *network, struct port *port, struct gw_guest *guest, const char *far_end)
{
	struct port_status status = {0};

	record_join(&network->records, port, guest);
	forward_table_forget(&network->forwards);
	if (port->ops->look)
		port->ops->look(port, &status);
	event_send(network, GW_EVENT_GUEST_JOINED, port->name, NULL, "%s: joined (%s)", port->name,
		   status.far_end[0] ? status.far_end : far_end);
	if (!network->advertised)
		gateway_advertise(network->gateway);
	network->advertised = true;
	if (!network->advertisement.set)
		network_advertise_later(network, network->now_us(network->owner));
}

void network_on_left(struct gw_network *network, struct port *port, const char *reason)
{
	gateway_port_gone(network->gateway, port);
	if (network->user)
		user_port_gone(network->user, port);
	lease_table_leave(network->leases, (uintptr_t)port, ethswitch_now_us(network->ethswitch));
	event_send(network, GW_EVENT_GUEST_LEFT, port->name, NULL, "%s: left (%s)", port->name, reason);
	record_leave(&network->records, port);
	forward_table_forget(&network->forwards);
}

static void network_on_learned(void *owner, struct port *port, struct mac mac, struct port *before)
{
	struct gw_network *network = owner;
	char text[MAC_TEXT_BYTES];
	bool returned;

	lease_table_hear(network->leases, mac, (uintptr_t)port);
	if (port->uplink)
		return;
	returned = record_hear(&network->records, port, mac);
	if (before) {
		record_move(before, port);
		forward_table_forget(&network->forwards);
	}
	/* a guest may make up thousands; who shows them shows the first eight, too */
	if (port->learned <= sizeof(((struct gw_port_info *)0)->macs) / sizeof(char *))
		event_send(network, GW_EVENT_ADDRESS, port->name, &mac, "%s: %s %s", port->name, mac_format(mac, text),
			   returned ? "is back" : "heard");
}

static void network_on_claim(void *owner, struct port *first, struct port *second, struct mac mac)
{
	struct gw_network *network = owner;
	const struct record *record = first->owner;

	(void)second;
	gateway_probe(network->gateway, mac, record ? record->ip4 : (struct ip4){{0}});
}

static void network_on_conflict(void *owner, struct port *first, struct port *second, struct mac mac)
{
	event_send_conflict(owner, first, second, mac);
}

static void network_on_first_drop(void *owner, struct port *port, enum drop_reason reason)
{
	event_send_first_drop(owner, port, reason);
}

static void network_on_address(void *owner, struct mac mac, struct ip6 address)
{
	struct gw_network *network = owner;
	struct port *port = ethswitch_find(network->ethswitch, mac, 0);
	struct record *record = port && !port->uplink ? port->owner : NULL;
	const struct nat_address named = {.ip = address};

	if (record && mac_equal(record->mac, mac) && nat_address_is4(&named))
		record->ip4 = nat_address_ip4(&named);
	if (network->neighbours)
		neighbour_hear(network->neighbours, address, mac);
}

static void network_on_serve(void *owner)
{
	struct gw_network *network = owner;

	if (network->user)
		hostwatch_look(&network->hostwatch);
}

static void network_on_lease(void *owner, const struct lease *lease, enum lease_state was)
{
	struct gw_network *network = owner;

	if (lease->state == LEASE_OFFERED)
		return;
	forward_table_forget(&network->forwards);
	event_send_lease(network, lease, was, gateway_is_expiring(network->gateway));
	lease_file_touch(&network->lease_file);
}

static void network_on_notice(void *owner, const char *text)
{
	event_send(owner, GW_EVENT_NOTICE, NULL, NULL, "%s", text);
}

static int network_on_command(void *owner, const char *command)
{
	struct gw_network *network = owner;
	int fd;

	network->calling++;
	fd = network->open_command(network->owner, command);
	network->calling--;
	return fd;
}

static int network_on_share(void *owner, const char *folder)
{
	struct gw_network *network = owner;
	int fd;

	network->calling++;
	fd = network->open_share(network->owner, folder);
	network->calling--;
	return fd;
}

static int network_may_hand_over(void *owner, const struct nat_address *guest)
{
	return handover_is_wanted(((struct gw_network *)owner)->handovers, guest->ip);
}

static int network_on_hand_over(void *owner, int fd, const struct tcp_repair *state, struct nat_carrier **ret_carrier)
{
	struct gw_network *network = owner;

	return handover_take(network->handovers, fd, state, ret_carrier);
}

/* ---- making and ending one ---- */

static int network_make_switch(struct gw_network *network)
{
	const struct service_config *service = &network->description.service;
	struct ethswitch_config config = {.mtu_bytes = service->mtu_bytes,
					  .mac_move = network->description.mac_move,
					  .on_learned = network_on_learned,
					  .on_claim = network_on_claim,
					  .on_conflict = network_on_conflict,
					  .on_first_drop = network_on_first_drop,
					  .on_work = network_on_work,
					  .owner = network};
	int error = entropy_fill(&config.key, sizeof(config.key));

	/* With neither family there is no gateway to be forged: on such a wire another network's may be heard. */
	if (service->ip4 || service->ip6)
		config.gateway = service->mac;
	if (error >= 0)
		error = ethswitch_new(&config, &network->ethswitch);
	if (error >= 0)
		ethswitch_set_now(network->ethswitch, loop_now_us(network->loop));
	return error;
}

static int network_make_leases(struct gw_network *network, const struct gw_network_config *config,
			       struct error *ret_error)
{
	struct service_config *service = &network->description.service;
	int error = entropy_fill(&service->hash_key, sizeof(service->hash_key));

	if (error >= 0)
		error = lease_table_new(service, &network->leases);
	if (error < 0)
		return error_set(ret_error, error, "network %s: %s", network->name, error_name(error));
	for (const char *const *host = config->dhcp_hosts; error >= 0 && host && *host; host++)
		error = reservation_add(network->leases, service, *host, ret_error);
	if (error >= 0 && config->state_dir)
		error = lease_file_init(&network->lease_file, network->loop, network->leases, config->state_dir,
					network->name, network_on_notice, network, ret_error);
	return error;
}

static void network_on_ask(void *owner, struct ip6 address)
{
	struct gw_network *network = owner;

	gateway_ask(network->gateway, address);
}

/* An address that is leased is its client's while that is here: nobody else may say that he has it. */
static bool network_may_have(void *owner, struct mac mac, struct ip6 address)
{
	struct gw_network *network = owner;
	uint64_t now_us = ethswitch_now_us(network->ethswitch);
	const struct nat_address named = {.ip = address};
	const struct lease *lease = nat_address_is4(&named)
					    ? lease_find_ip4(network->leases, nat_address_ip4(&named), now_us)
					    : lease_find_ip6(network->leases, address, now_us);

	return !lease || mac_equal(lease->mac, mac) || !ethswitch_find(network->ethswitch, lease->mac, 0);
}

static int network_make_neighbours(struct gw_network *network)
{
	struct neighbours_config config = {.loop = network->loop,
					   .ethswitch = network->ethswitch,
					   .ask = network_on_ask,
					   .may_have = network_may_have,
					   .owner = network};
	int error = entropy_fill(&config.key, sizeof(config.key));

	return error < 0 ? error : neighbours_new(&config, &network->neighbours);
}

/* Where the host knows no way to the IPv6 internet the guests are told none: they would wait for it (RFC 8305). */
static int network_make_user(struct gw_network *network, struct error *ret_error)
{
	struct user_config config = {.description = &network->description,
				     .leases = network->leases,
				     .gateway = network->gateway,
				     .ethswitch = network->ethswitch,
				     .loop = network->loop,
				     .network = network->name,
				     .open_command = network->open_command ? network_on_command : NULL,
				     .open_share = network->open_share ? network_on_share : NULL,
				     .may_hand_over = network->description.splice ? network_may_hand_over : NULL,
				     .hand_over = network->description.splice ? network_on_hand_over : NULL,
				     .on_notice = network_on_notice,
				     .owner = network};
	int error;

	if (!network->description.router_given && user_host_has_ip6(&network->description.outbounds) <= 0)
		network->description.service.router6 = false;
	if (config.hand_over && handover_table_new(network, &network->handovers) < 0)
		return error_set(ret_error, -ENOMEM, "out of memory");
	error = user_new(&config, &network->user, ret_error);
	if (error < 0)
		return error;
	gateway_set_user(network->gateway, network->user);
	hostwatch_start(&network->hostwatch, network);
	return network_make_neighbours(network);
}

static int network_make_gateway(struct gw_network *network, struct error *ret_error)
{
	struct gateway_config config = {.service = &network->description.service,
					.leases = network->leases,
					.ethswitch = network->ethswitch,
					.timers = loop_timers(network->loop),
					.on_serve = network_on_serve,
					.on_address = network_on_address,
					.owner = network};
	int error = gateway_new(&config, &network->gateway);

	if (error < 0)
		return error;
	lease_table_watch(network->leases, network_on_lease, network);
	return network->description.user ? network_make_user(network, ret_error) : 0;
}

static int network_make_splices(struct gw_network *network)
{
	const struct splice_table_config config = {.loop = network->loop,
						   .on_notice = network_on_notice,
						   .owner = network};

	return splice_table_new(&config, &network->splices);
}

/* hostfwd=, one after the other. */
static int network_make_forwards(struct gw_network *network, struct error *ret_error)
{
	const char *text = network->description.forwards;
	int error = 0;

	for (; error >= 0 && *text; text += strlen(text) + 1)
		error = forward_add(network, text, NULL, ret_error);
	return error;
}

/* The parts that need no words of the person's. */
static int network_make_rest(struct gw_network *network)
{
	int error = loop_new(network_clock, network, &network->loop);

	if (error < 0)
		return error;
	network->pieces = malloc(NETWORK_PIECES * sizeof(*network->pieces));
	network->scratch = malloc(NETWORK_SCRATCH_BYTES);
	if (!network->pieces || !network->scratch)
		return -ENOMEM;
	error = record_table_init(&network->records);
	if (error >= 0)
		error = network_make_splices(network);
	return error < 0 ? error : network_make_switch(network);
}

static void network_limit_flows(struct description *description, size_t most)
{
	size_t flows = description->flows ? description->flows : NAT_FLOWS_MAX;

	if (most > 0 && most < flows)
		description->flows = (uint32_t)most;
}

static int network_make(struct gw_network *network, const struct gw_network_config *config, struct error *ret_error)
{
	const char *name = config->name ? config->name : "default";
	int error;

	if (!network_is_word(name, sizeof(network->name)))
		return error_set(ret_error, -EINVAL,
				 "network name '%.60s': must be 1 to %zu letters, digits, '-' and '_'", name,
				 sizeof(network->name) - 1);
	memcpy(network->name, name, strlen(name) + 1);
	error = description_parse(&network->description, config->uplink ? config->uplink : "user", ret_error);
	if (error < 0)
		return error;
	network_limit_flows(&network->description, config->flows_max);
	error = network_make_rest(network);
	if (error < 0)
		return error_set(ret_error, error, "network %s: %s", name, error_name(error));
	error = network_make_leases(network, config, ret_error);
	if (error < 0)
		return error;
	error = network_make_gateway(network, ret_error);
	if (error >= 0)
		return network_make_forwards(network, ret_error);
	return ret_error->text[0] ? error : error_set(ret_error, error, "network %s: %s", name, error_name(error));
}

int gw_network_new(const struct gw_network_config *config, struct gw_network **ret_network, struct gw_error *ret_error)
{
	struct gw_network_config known;
	struct gw_network *network;
	struct error error = {0};

	if (network_read_config(config, sizeof(known), &known, &error) < 0)
		return network_return_error(ret_error, &error);
	network = calloc(1, sizeof(*network));
	if (!network) {
		error_set(&error, -ENOMEM, "out of memory");
		return network_return_error(ret_error, &error);
	}
	network->now_us = known.now_us ? known.now_us : clock_now_us;
	network->on_event = known.on_event;
	network->open_command = known.open_command;
	network->open_share = known.open_share;
	network->owner = known.owner;
	list_init(&network->captures.captures);
	list_init(&network->guests);
	list_init(&network->ports);
	list_init(&network->virtios);
	list_init(&network->watches);
	list_init(&network->dials);
	list_init(&network->diallers);
	list_init(&network->passages);
	list_init(&network->guests_gone);
	list_init(&network->ports_gone);
	list_init(&network->records.away);
	forward_table_init(&network->forwards);
	task_init(&network->rounds, network_on_rounds, network);
	task_init(&network->burial, network_on_burial, network);
	timer_init(&network->advertisement, network_on_advertisement, network);
	error.code = network_make(network, &known, &error);
	if (error.code < 0) {
		gw_network_free(network);
		return network_return_error(ret_error, &error);
	}
	*ret_network = network;
	return 0;
}

/* The last advertisement, and what is queued still. A port that always has more does not hold up the end. */
static void network_say_goodbye(struct gw_network *network)
{
	network_set_now(network);
	if (network->advertised && !network_is_alone(network))
		gateway_withdraw(network->gateway);
	for (int rounds = 0; rounds < 16 && ethswitch_run(network->ethswitch); rounds++)
		;
}

/* Also of one that was only half made. */
void gw_network_free(struct gw_network *network)
{
	if (!network)
		return;
	if (network->gateway) {
		network_say_goodbye(network);
		capture_list_done(network);
		inprocess_done(network);
		virtio_done(network);
		guest_done(network);
		gateway_expire(network->gateway);
	}
	lease_file_done(&network->lease_file);
	passage_done(network);
	dialler_done(network);
	handover_table_free(network->handovers);
	splice_table_free(network->splices);
	relay_table_free(network->relays);
	list_for_each_safe (at, &network->watches)
		watch_end(at);
	dial_done(network);
	forward_table_done(&network->forwards);
	neighbours_free(network->neighbours);
	if (network->user) {
		hostwatch_stop(&network->hostwatch);
		gateway_set_user(network->gateway, NULL);
		user_free(network->user);
	}
	gateway_free(network->gateway);
	lease_table_free(network->leases);
	if (network->ethswitch)
		ethswitch_free(network->ethswitch);
	record_table_done(&network->records);
	free(network->pieces);
	free(network->scratch);
	bell_close(&network->bell);
	loop_free(network->loop);
	free(network);
}
