/* SPDX-License-Identifier: MIT */
/* What cannot be had on the way there is said once and left out: without the process inside there are packets. */
#include "cli/netports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "daemon/inside.h"
#include "daemon/log.h"
#include "daemon/namespace.h"

/* Elsewhere -u is --uplink. */
static bool netports_is_uplink(const char *text)
{
	size_t length = strcspn(text, ",");

	return (length == 4 && (strncmp(text, "user", 4) == 0 || strncmp(text, "none", 4) == 0));
}

int netports_add(struct netports *netports, enum portmap_way way, const char *text, struct error *ret_error)
{
	struct portspec *specs = realloc(netports->specs[way], (netports->counts[way] + 1) * sizeof(*specs));

	if (!specs)
		return error_set(ret_error, -ENOMEM, "no memory");
	netports->specs[way] = specs;
	if (portspec_parse(portmap_option(way), text, &specs[netports->counts[way]], ret_error) < 0)
		return way == PORTMAP_UDP_IN && netports_is_uplink(text)
			       ? error_set(ret_error, -EINVAL,
					   "-u %.100s: -u is --udp-ports here, as with pasta; --uplink %.100s is "
					   "written out",
					   text, text)
			       : ret_error->code;
	netports->counts[way]++;
	return 0;
}

static void netports_on_notice(void *owner, const char *text)
{
	const struct netports *netports = owner;

	log_line(netports->log, "%s", text);
}

/* "10.0.2.15/24" without its prefix. */
static void netports_cut_prefix(const char *address, char text[NAMESPACE_ADDRESS_BYTES])
{
	snprintf(text, NAMESPACE_ADDRESS_BYTES, "%.*s", (int)strcspn(address, "/"), address);
}

static int netports_make_map(struct netports *netports, struct gw_network *network, struct error *ret_error)
{
	const struct portmap_config config = {.network = network,
					      .inside = netports->inside,
					      .guest = "",
					      .on_notice = netports_on_notice,
					      .owner = netports};
	int error = portmap_new(&config, &netports->portmap, ret_error);

	for (int way = 0; way < PORTMAP_WAYS; way++) {
		for (size_t i = 0; i < netports->counts[way] && error == 0; i++)
			error = portmap_add(netports->portmap, (enum portmap_way)way, &netports->specs[way][i],
					    ret_error);
	}
	return error;
}

int netports_start(struct netports *netports, struct gw_network *network, struct log *log, struct namespace *namespace,
		   const struct namespace_addresses *addresses, struct error *ret_error)
{
	char address4[NAMESPACE_ADDRESS_BYTES], address6[NAMESPACE_ADDRESS_BYTES];
	struct inside_config config = {.network = network,
				       .channel = namespace->channel,
				       .address4 = address4,
				       .address6 = address6,
				       .detour = &namespace->detour,
				       .on_notice = netports_on_notice,
				       .owner = netports};
	int error;

	netports->log = log;
	netports_cut_prefix(addresses->address4, address4);
	netports_cut_prefix(addresses->address6, address6);
	error = inside_new(&config, &netports->inside, ret_error);
	return error < 0 ? error : netports_make_map(netports, network, ret_error);
}

void netports_stop(struct netports *netports)
{
	portmap_free(netports->portmap);
	inside_free(netports->inside);
	netports->portmap = NULL;
	netports->inside = NULL;
}

void netports_done(struct netports *netports)
{
	for (int way = 0; way < PORTMAP_WAYS; way++)
		free(netports->specs[way]);
}
