/* SPDX-License-Identifier: MIT */
/* The program's diallers, by the addresses of their guests: there are one or two, and a list is enough. */
#include "network/dialler.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "nat/nat.h"
#include "network/handover.h"
#include "network/network.h"
#include "network/passage.h"
#include "network/splice.h"
#include "os/socket.h"

struct gw_dialler {
	struct list link;
	struct gw_network *network;
	struct dialler dialler;
	struct ip6 address4, address6; /* IPv4 as ::ffff:a.b.c.d; zero: none */
};

static int dialler_open_here(void *owner, int family, int type)
{
	(void)owner;
	return socket_open(family, type);
}

static int dialler_open_nowhere(void *owner, int family, int type)
{
	(void)owner;
	(void)family;
	(void)type;
	return -ECONNREFUSED;
}

const struct dialler dialler_here = {.open = dialler_open_here};
const struct dialler dialler_nowhere = {.open = dialler_open_nowhere};

const struct dialler *dialler_of(const struct gw_dialler *dialler)
{
	return &dialler->dialler;
}

const struct dialler *dialler_find(const struct gw_network *network, struct ip6 address)
{
	if (ip6_is_zero(address))
		return NULL;
	list_for_each (at, &network->diallers) {
		const struct gw_dialler *dialler = container_of(at, struct gw_dialler, link);

		if (ip6_equal(dialler->address4, address) || ip6_equal(dialler->address6, address))
			return &dialler->dialler;
	}
	return NULL;
}

bool dialler_is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

	if (address->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

bool dialler_reaches(struct ip6 listening)
{
	static const struct ip6 any, loopback = {{[15] = 1}};
	const struct ip4 any4 = {{0}}, loopback4 = {{127, 0, 0, 1}};

	return ip6_equal(listening, any) || ip6_equal(listening, loopback) ||
	       ip6_equal(listening, nat_address4(any4, 0).ip) || ip6_equal(listening, nat_address4(loopback4, 0).ip);
}

static bool dialler_is4(const struct sockaddr *client)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)client;

	return client->sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

socklen_t dialler_loopback(const struct sockaddr *client, uint16_t port, struct sockaddr_storage *ret_to)
{
	const struct sockaddr_in to4 = {.sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 to6 = {.sin6_family = AF_INET6,
					 .sin6_port = htons(port),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT};

	memset(ret_to, 0, sizeof(*ret_to));
	if (dialler_is4(client)) {
		memcpy(ret_to, &to4, sizeof(to4));
		return sizeof(to4);
	}
	memcpy(ret_to, &to6, sizeof(to6));
	return sizeof(to6);
}

int dialler_take(struct gw_network *network, const struct dialler *dialler, int fd, const struct sockaddr *client,
		 uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t length = dialler_loopback(client, port, &to);

	return splice_dial(network->splices, fd, dialler, (struct sockaddr *)&to, length);
}

/* ---- life ---- */

static int dialler_read_addresses(struct gw_dialler *dialler, const struct gw_dialler_config *config,
				  struct error *ret_error)
{
	struct ip4 ip4;

	if (config->address4) {
		if (!ip4_parse(config->address4, &ip4))
			return error_set(ret_error, -EINVAL, "dialler: '%.60s' is no IPv4 address", config->address4);
		dialler->address4 = nat_address4(ip4, 0).ip;
	}
	if (config->address6 && !ip6_parse(config->address6, &dialler->address6))
		return error_set(ret_error, -EINVAL, "dialler: '%.60s' is no IPv6 address", config->address6);
	return 0;
}

int gw_dialler_new(struct gw_network *network, const struct gw_dialler_config *config, struct gw_dialler **ret_dialler,
		   struct gw_error *ret_error)
{
	struct gw_dialler_config known;
	struct gw_dialler *dialler;
	struct error error = {0};

	if (network_read_config(config, sizeof(known), &known, &error) < 0)
		return network_return_error(ret_error, &error);
	dialler = calloc(1, sizeof(*dialler));
	if (!dialler)
		error_set(&error, -ENOMEM, "out of memory");
	else
		error.code = dialler_read_addresses(dialler, &known, &error);
	if (error.code < 0) {
		free(dialler);
		return network_return_error(ret_error, &error);
	}
	dialler->network = network;
	dialler->dialler = (struct dialler){.open = known.open, .detour = known.detour, .owner = known.owner};
	list_append(&network->diallers, &dialler->link);
	*ret_dialler = dialler;
	return 0;
}

void gw_dialler_ready(struct gw_dialler *dialler)
{
	splice_table_retry(dialler->network->splices);
}

void gw_dialler_free(struct gw_dialler *dialler)
{
	if (!dialler)
		return;
	if (dialler->network->handovers)
		handover_forget(dialler->network->handovers, &dialler->dialler);
	passage_forget(dialler->network, &dialler->dialler);
	splice_table_forget(dialler->network->splices, &dialler->dialler);
	list_remove(&dialler->link);
	free(dialler);
}

void dialler_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->diallers)
		gw_dialler_free(container_of(at, struct gw_dialler, link));
}
