/* SPDX-License-Identifier: MIT */
/* What has changed is put into the description, in which everybody looks; NAT, the resolver and the leases have copies and
 * are told. Flows go on: a guest keeps its old address until it renews the lease, and is refused it then. */
#include "network/hostwatch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "network/event.h"
#include "network/network.h"
#include "os/own_address.h"
#include "service/lease.h"

static void hostwatch_describe(const struct hostaddress *host, char *text, size_t room)
{
	char ip4[INET_ADDRSTRLEN] = "none", ip6[INET6_ADDRSTRLEN] = "none";

	if (host->ip4.found)
		inet_ntop(AF_INET, &host->ip4.address, ip4, sizeof(ip4));
	if (host->ip6.found)
		inet_ntop(AF_INET6, &host->ip6.address, ip6, sizeof(ip6));
	snprintf(text, room, "%s and %s", ip4, ip6);
}

/* A family that is gone keeps its last address: it may well be back in a moment. */
static bool hostwatch_has_changed(const struct hostaddress *was, const struct hostaddress *now)
{
	return (now->ip4.found && memcmp(&was->ip4, &now->ip4, sizeof(was->ip4)) != 0) ||
	       (now->ip6.found && memcmp(&was->ip6, &now->ip6, sizeof(was->ip6)) != 0);
}

static void hostwatch_look_at_address(struct gw_network *network)
{
	struct description *description = &network->description;
	char was[128], is[128];
	struct hostaddress host;
	struct resolvconf conf;
	size_t lost;

	if (description_look(description, &host, &conf) < 0)
		return;
	if (!hostwatch_has_changed(&description->worn, &host)) {
		if (description_wear_resolvers(description, &conf))
			gateway_advertise(network->gateway);
		return;
	}
	if (!host.ip4.found)
		host.ip4 = description->worn.ip4;
	if (!host.ip6.found)
		host.ip6 = description->worn.ip6;
	hostwatch_describe(&description->worn, was, sizeof(was));
	hostwatch_describe(&host, is, sizeof(is));
	gateway_withdraw(network->gateway);
	description_wear(description, &host, &conf);
	lost = lease_table_restart(network->leases);
	user_readdress(network->user);
	gateway_advertise(network->gateway);
	event_send(network, GW_EVENT_NOTICE, NULL, NULL,
		   "this machine's addresses are %s now, %s before: guests wear them from their next lease on", is,
		   was);
	if (lost > 0)
		event_send(network, GW_EVENT_NOTICE, NULL, NULL,
			   "%zu reserved addresses (dhcp-host=) are none of the new net, and are nobody's", lost);
}

static void hostwatch_look_at_ip6(struct gw_network *network)
{
	struct service_config *service = &network->description.service;
	int has = user_host_has_ip6(&network->description.outbounds);

	/* With no descriptor left nobody knows, and guests keep the way that they have. */
	if (has < 0 || network->description.router_given || !service->ip6 || service->router6 == (has > 0))
		return;
	service->router6 = has > 0;
	gateway_advertise(network->gateway);
}

void hostwatch_look(struct hostwatch *watch)
{
	struct gw_network *network = watch->network;
	uint64_t now_us = loop_now_us(network->loop);

	if (watch->looked_us && now_us - watch->looked_us < HOSTWATCH_PAUSE_US)
		return;
	watch->looked_us = now_us;
	hostwatch_look_at_ip6(network);
	if (network->description.wears_host)
		hostwatch_look_at_address(network);
}

/* ---- an address is lost ---- */

static void hostwatch_on_ready(void *owner, unsigned events)
{
	struct hostwatch *watch = owner;
	struct loop *loop = watch->network->loop;

	(void)events;
	if (own_address_has_gone(watch->watch.fd))
		timer_set(loop_timers(loop), &watch->lost, loop_now_us(loop) + HOSTWATCH_LOST_US);
}

static void hostwatch_on_lost(void *owner, uint64_t now_us)
{
	struct hostwatch *watch = owner;

	(void)now_us;
	user_address_lost(watch->network->user);
}

void hostwatch_start(struct hostwatch *watch, struct gw_network *network)
{
	int fd = own_address_watch();

	watch->network = network;
	timer_init(&watch->lost, hostwatch_on_lost, watch);
	watch_init(&watch->watch, fd < 0 ? -1 : fd, hostwatch_on_ready, watch);
	if (fd < 0 || loop_watch(network->loop, &watch->watch, LOOP_READ) == 0)
		return;
	close(fd);
	watch->watch.fd = -1;
}

void hostwatch_stop(struct hostwatch *watch)
{
	timer_clear(loop_timers(watch->network->loop), &watch->lost);
	if (watch->watch.fd < 0)
		return;
	loop_unwatch(watch->network->loop, &watch->watch);
	close(watch->watch.fd);
}
