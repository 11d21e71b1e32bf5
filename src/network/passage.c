/* SPDX-License-Identifier: MIT */
/* Accepts, and hands on. With no descriptor left the listener is not looked at for PASSAGE_PAUSE_US: the clients wait in the
 * kernel's backlog. */
#include "network/passage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network/event.h"
#include "network/network.h"
#include "network/relay.h"
#include "network/splice.h"
#include "os/entropy.h"
#include "os/socket.h"

struct gw_passage {
	struct list link;
	struct gw_network *network;
	const struct dialler *dialler;
	int fd;
	struct sockaddr_storage here; /* where it listens */
	struct sockaddr_storage to;
	socklen_t to_bytes;
	uint64_t connections;
	struct relay *relay; /* of datagrams; NULL: a listener */
	struct watch watch;
	struct timer pause;
	bool noticed;
	char listening[PASSAGE_TEXT_BYTES];
	char text[PASSAGE_TEXT_BYTES]; /* of `to` */
};

/* ---- words ---- */

static bool passage_parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port = 0;
	char *end;

	if (*text < '1' || *text > '9')
		return false;
	port = strtoul(text, &end, 10);
	if (*end || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

int passage_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes, struct error *ret_error)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	char address[INET6_ADDRSTRLEN + 2];
	size_t length = colon ? (size_t)(colon - text) : 0;
	uint16_t port;

	if (!colon || length >= sizeof(address) || !passage_parse_port(colon + 1, &port))
		goto wrong;
	memcpy(address, text, length);
	address[length] = '\0';
	memset(ret_address, 0, sizeof(*ret_address));
	if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		in.sin_port = htons(port);
		memcpy(ret_address, &in, sizeof(in));
		*ret_bytes = sizeof(in);
		return 0;
	}
	if (length < 2 || address[0] != '[' || address[length - 1] != ']')
		goto wrong;
	address[length - 1] = '\0';
	if (inet_pton(AF_INET6, address + 1, &in6.sin6_addr) != 1)
		goto wrong;
	in6.sin6_port = htons(port);
	memcpy(ret_address, &in6, sizeof(in6));
	*ret_bytes = sizeof(in6);
	return 0;
wrong:
	return error_set(ret_error, -EINVAL, "passage to '%.80s': must be 127.0.0.1:80 or [::1]:80", text);
}

void passage_format(const struct sockaddr_storage *address, char *text)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
	char host[INET6_ADDRSTRLEN] = "";

	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, PASSAGE_TEXT_BYTES, "%s:%u", host, ntohs(in->sin_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, PASSAGE_TEXT_BYTES, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
}

/* ---- connections ---- */

static void passage_on_notice(void *owner, const char *text)
{
	event_send(owner, GW_EVENT_NOTICE, NULL, NULL, "%s", text);
}

static void passage_rest(struct gw_passage *passage, int error)
{
	struct loop *loop = passage->network->loop;

	if (!passage->noticed)
		event_send(passage->network, GW_EVENT_NOTICE, NULL, NULL,
			   "%s: a connection waits: %s; raise the limit of open files (ulimit -n)", passage->listening,
			   error_name(error));
	passage->noticed = true;
	loop_unwatch(loop, &passage->watch);
	timer_set(loop_timers(loop), &passage->pause, loop_now_us(loop) + PASSAGE_PAUSE_US);
}

static void passage_on_pause(void *owner, uint64_t now_us)
{
	struct gw_passage *passage = owner;

	(void)now_us;
	if (loop_watch(passage->network->loop, &passage->watch, LOOP_READ) < 0)
		passage_rest(passage, -ENOMEM);
}

static void passage_take(struct gw_passage *passage, int fd)
{
	if (splice_dial(passage->network->splices, fd, passage->dialler, (struct sockaddr *)&passage->to,
			passage->to_bytes) == 0) {
		passage->connections++;
		return;
	}
	socket_reset(fd);
}

static void passage_on_ready(void *owner, unsigned events)
{
	struct gw_passage *passage = owner;

	(void)events;
	for (int i = 0; i < PASSAGE_TURN; i++) {
		int fd = socket_accept(passage->fd);

		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			passage_rest(passage, fd);
			return;
		}
		passage_take(passage, fd);
	}
}

/* ---- life ---- */

/* The first passage of datagrams makes the network's table. */
static int passage_make_relay(struct gw_passage *passage)
{
	struct gw_network *network = passage->network;
	struct relay_table_config config = {.loop = network->loop, .on_notice = passage_on_notice, .owner = network};
	int error = 0;

	if (!network->relays) {
		error = entropy_fill(&config.key, sizeof(config.key));
		if (error >= 0)
			error = relay_table_new(&config, &network->relays);
	}
	if (error < 0)
		return error;
	return relay_new(network->relays, passage->fd, passage->dialler, (struct sockaddr *)&passage->to,
			 passage->to_bytes, &passage->relay);
}

static int passage_start(struct gw_passage *passage)
{
	socklen_t length = sizeof(passage->here);
	int type, error = socket_type(passage->fd, &type);

	if (error >= 0)
		error = socket_set_nonblocking(passage->fd);
	if (error >= 0 && getsockname(passage->fd, (struct sockaddr *)&passage->here, &length) < 0)
		error = -errno;
	if (error < 0)
		return error;
	if (passage->here.ss_family != AF_INET && passage->here.ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	passage_format(&passage->here, passage->listening);
	passage_format(&passage->to, passage->text);
	watch_init(&passage->watch, passage->fd, passage_on_ready, passage);
	if (type == SOCK_DGRAM)
		return passage_make_relay(passage);
	return loop_watch(passage->network->loop, &passage->watch, LOOP_READ);
}

int gw_passage_new(struct gw_network *network, const struct gw_passage_config *config, struct gw_passage **ret_passage,
		   struct gw_error *ret_error)
{
	struct gw_passage_config known;
	struct gw_passage *passage;
	struct error error = {0};

	if (network_read_config(config, sizeof(known), &known, &error) < 0)
		return network_return_error(ret_error, &error);
	passage = calloc(1, sizeof(*passage));
	if (!passage) {
		error_set(&error, -ENOMEM, "out of memory");
		return network_return_error(ret_error, &error);
	}
	passage->network = network;
	passage->fd = known.fd;
	passage->dialler = known.through ? dialler_of(known.through) : &dialler_here;
	timer_init(&passage->pause, passage_on_pause, passage);
	error.code = passage_parse(known.to, &passage->to, &passage->to_bytes, &error);
	if (error.code >= 0) {
		error.code = passage_start(passage);
		if (error.code < 0)
			error_set(&error, error.code, "passage to %s: %s", known.to, error_name(error.code));
	}
	if (error.code < 0) {
		free(passage);
		return network_return_error(ret_error, &error);
	}
	list_append(&network->passages, &passage->link);
	if (ret_passage)
		*ret_passage = passage;
	return 0;
}

void gw_passage_free(struct gw_passage *passage)
{
	if (!passage)
		return;
	relay_free(passage->relay);
	loop_unwatch(passage->network->loop, &passage->watch);
	timer_clear(loop_timers(passage->network->loop), &passage->pause);
	list_remove(&passage->link);
	close(passage->fd);
	free(passage);
}

bool passage_leads(const struct gw_network *network, bool is6, uint16_t port, uint16_t to)
{
	list_for_each (at, &network->passages) {
		const struct gw_passage *passage = container_of(at, struct gw_passage, link);
		struct nat_address here = nat_address_read((const struct sockaddr *)&passage->here);

		if (passage->dialler == &dialler_here && !passage->relay &&
		    (passage->here.ss_family == AF_INET6) == is6 && here.port == port && dialler_reaches(here.ip) &&
		    nat_address_read((const struct sockaddr *)&passage->to).port == to)
			return true;
	}
	return false;
}

void passage_forget(struct gw_network *network, const struct dialler *dialler)
{
	list_for_each (at, &network->passages) {
		struct gw_passage *passage = container_of(at, struct gw_passage, link);

		if (passage->dialler != dialler)
			continue;
		passage->dialler = &dialler_nowhere;
		if (passage->relay)
			relay_redirect(passage->relay, &dialler_nowhere);
	}
}

void passage_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->passages)
		gw_passage_free(container_of(at, struct gw_passage, link));
}

void gw_network_each_passage(struct gw_network *network,
			     void (*on_passage)(void *owner, const struct gw_passage_info *info), void *owner)
{
	static const struct relay_counters none;

	list_for_each (at, &network->passages) {
		const struct gw_passage *passage = container_of(at, struct gw_passage, link);
		const struct relay_counters *relayed = passage->relay ? relay_counters(passage->relay) : &none;
		const struct gw_passage_info info = {
			.size = sizeof(info),
			.protocol = passage->relay ? "udp" : "tcp",
			.listening = passage->listening,
			.to = passage->text,
			.to_guest = passage->dialler != &dialler_here,
			.connections = passage->relay ? relayed->clients : passage->connections,
			.to_far = relayed->to_far,
			.from_far = relayed->from_far,
			.lost = relayed->dropped,
		};

		on_passage(owner, &info);
	}
}
