/* SPDX-License-Identifier: MIT */
/* The sockets around service/dns. One UDP socket and one connection for each of the host's resolvers, made when they are
 * wanted and closed when nothing is under way. */
#include "network/resolver.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "base/tally.h"
#include "network/dnsstream.h"
#include "network/resolvfile.h"
#include "os/entropy.h"
#include "os/outbound.h"
#include "os/own_address.h"
#include "os/socket.h"
#include "port/inet.h"
#include "service/dns.h"
#include "service/resolvconf.h"

enum {
	RESOLVER_PORT = 53,
	RESOLVER_MESSAGE_BYTES = 65535,
	RESOLVER_TURN = 32, /* answers of one socket, before others get their turn */
};

/* One of the host's. */
struct upstream {
	struct resolver *resolver;
	struct sockaddr_storage address;
	socklen_t address_bytes;
	struct watch watch; /* UDP; fd -1: not open */
	struct dnsstream *stream;
	bool stream_answers; /* it has brought an answer */
};

/* A guest's connection. */
struct resolver_client {
	struct list link;
	struct resolver *resolver;
	struct asker asker;
	struct dnsstream *stream;
};

struct resolver {
	struct resolver_config config;
	char domain[128];
	const char *also[SERVICE_SEARCH_MAX + 1];
	size_t also_count;
	struct dns *dns;
	struct timer timer;
	struct upstream upstreams[DNS_RESOLVERS_MAX];
	unsigned upstream_count;
	bool known; /* `file` is what was read */
	struct stat file;
	size_t text_bytes;
	struct list clients; /* the one that was silent for longest is first */
	size_t client_count;
	struct tally places; /* whose the clients are */
	struct tally_holder holders[RESOLVER_STREAMS_MAX];
	uint64_t last_stream;
	char text[RESOLVFILE_BYTES]; /* of the file */
	uint8_t message[RESOLVER_MESSAGE_BYTES];
};

/* ---- after every call into dns ---- */

static void upstream_close(struct upstream *upstream)
{
	if (upstream->watch.fd >= 0) {
		loop_unwatch(upstream->resolver->config.loop, &upstream->watch);
		close(upstream->watch.fd);
		upstream->watch.fd = -1;
	}
	dnsstream_free(upstream->stream);
	upstream->stream = NULL;
}

static void resolver_close(struct resolver *resolver)
{
	for (unsigned i = 0; i < DNS_RESOLVERS_MAX; i++)
		upstream_close(&resolver->upstreams[i]);
}

/* When to look again. Sockets of which nothing is expected are closed from the timer, since they may be on the stack. */
static void resolver_settle(struct resolver *resolver)
{
	struct timers *timers = loop_timers(resolver->config.loop);
	uint64_t due_us = dns_due_us(resolver->dns);

	if (dns_count(resolver->dns) == 0)
		due_us = loop_now_us(resolver->config.loop);
	timer_set(timers, &resolver->timer, due_us);
}

static void resolver_on_timer(void *owner, uint64_t now_us)
{
	struct resolver *resolver = owner;

	dns_run(resolver->dns, now_us);
	if (dns_count(resolver->dns) == 0)
		resolver_close(resolver);
	else
		resolver_settle(resolver);
}

/* ---- to the host's resolvers ---- */

static struct resolver *upstream_of(struct upstream *upstream, unsigned *ret_number)
{
	struct resolver *resolver = upstream->resolver;

	*ret_number = (unsigned)(upstream - resolver->upstreams);
	return resolver;
}

/* Was it an answer to anything? */
static bool upstream_answered(struct resolver *resolver, unsigned number, const uint8_t *message, size_t bytes)
{
	enum drop_reason verdict =
		dns_answered(resolver->dns, number, message, bytes, loop_now_us(resolver->config.loop));

	if (verdict != DROP_NONE)
		resolver->config.on_drop(resolver->config.owner, verdict);
	return verdict == DROP_NONE;
}

static void upstream_on_ready(void *owner, unsigned events)
{
	struct upstream *upstream = owner;
	unsigned number;
	struct resolver *resolver = upstream_of(upstream, &number);
	uint64_t now_us = loop_now_us(resolver->config.loop);

	(void)events;
	for (int i = 0; i < RESOLVER_TURN && upstream->watch.fd >= 0; i++) {
		ssize_t got = recv(upstream->watch.fd, resolver->message, sizeof(resolver->message), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got >= 0)
			(void)upstream_answered(resolver, number, resolver->message, (size_t)got);
		else
			dns_unreachable(resolver->dns, number, false, now_us);
	}
	resolver_settle(resolver);
}

/* A socket to ask it by. outbound= says what leaves this machine, and a resolver on it is asked without leaving. */
static int upstream_socket(const struct upstream *upstream, int type)
{
	const struct sockaddr *address = (const struct sockaddr *)&upstream->address;
	const struct outbound *outbound =
		outbounds_of(upstream->resolver->config.outbounds, upstream->address.ss_family);
	int here = outbound ? own_address_look(address, upstream->address_bytes) : 1, fd, error;

	fd = here < 0 ? here : socket_open(upstream->address.ss_family, type);
	if (fd < 0 || here)
		return fd;
	error = outbound_bind(fd, outbound);
	if (error >= 0)
		return fd;
	close(fd);
	return error;
}

static int upstream_open(struct upstream *upstream)
{
	struct loop *loop = upstream->resolver->config.loop;
	int fd, error;

	if (upstream->watch.fd >= 0)
		return 0;
	fd = upstream_socket(upstream, SOCK_DGRAM);
	if (fd < 0)
		return fd;
	watch_init(&upstream->watch, fd, upstream_on_ready, upstream);
	error = connect(fd, (const struct sockaddr *)&upstream->address, upstream->address_bytes) < 0 ? -errno : 0;
	if (error >= 0)
		error = loop_watch(loop, &upstream->watch, LOOP_READ);
	if (error < 0)
		upstream_close(upstream);
	return error;
}

static void upstream_on_message(void *owner, struct dnsstream *stream, const uint8_t *message, size_t bytes)
{
	struct upstream *upstream = owner;
	unsigned number;
	struct resolver *resolver = upstream_of(upstream, &number);

	(void)stream;
	if (upstream_answered(resolver, number, message, bytes))
		upstream->stream_answers = true;
	resolver_settle(resolver);
}

static void upstream_on_end(void *owner, struct dnsstream *stream)
{
	struct upstream *upstream = owner;
	unsigned number;
	struct resolver *resolver = upstream_of(upstream, &number);
	uint64_t now_us = loop_now_us(resolver->config.loop);

	upstream->stream = NULL;
	dnsstream_free(stream);
	if (upstream->stream_answers)
		dns_interrupted(resolver->dns, number, now_us);
	else
		dns_unreachable(resolver->dns, number, true, now_us);
	resolver_settle(resolver);
}

static const struct dnsstream_ops upstream_ops = {.on_message = upstream_on_message, .on_end = upstream_on_end};

static int upstream_connect(struct upstream *upstream)
{
	int fd, error = 0;

	if (upstream->stream)
		return 0;
	upstream->stream_answers = false;
	fd = upstream_socket(upstream, SOCK_STREAM);
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&upstream->address, upstream->address_bytes) < 0 &&
	    errno != EINPROGRESS)
		error = -errno;
	if (error >= 0)
		error = dnsstream_new(upstream->resolver->config.loop, fd, &upstream_ops, upstream, &upstream->stream);
	if (error < 0)
		close(fd);
	return error;
}

static int resolver_on_query(void *owner, unsigned number, bool tcp, const void *message, size_t bytes)
{
	struct resolver *resolver = owner;
	struct upstream *upstream = &resolver->upstreams[number];
	int error = tcp ? upstream_connect(upstream) : upstream_open(upstream);

	if (error < 0)
		return error;
	if (tcp)
		return dnsstream_send(upstream->stream, message, bytes);
	/* An error of the datagram before is no reason not to send this one. */
	for (int i = 0; i < 2; i++) {
		if (send(upstream->watch.fd, message, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
	}
	return -errno;
}

static uint16_t resolver_on_random(void *owner)
{
	struct resolver *resolver = owner;
	uint16_t number = 0;

	/* asked for once already when the network was made: it does not fail later */
	if (entropy_fill(&number, sizeof(number)) < 0)
		number = (uint16_t)loop_now_us(resolver->config.loop);
	return number;
}

/* ---- resolv.conf ---- */

static void upstream_set(struct upstream *upstream, const struct resolvconf_server *server)
{
	uint16_t port = htons(server->port ? server->port : RESOLVER_PORT);
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port};

	if (!server->is6) {
		memcpy(&in.sin_addr, server->ip4.byte, sizeof(in.sin_addr));
		memcpy(&upstream->address, &in, sizeof(in));
		upstream->address_bytes = sizeof(in);
		return;
	}
	memcpy(&in6.sin6_addr, server->ip6.byte, sizeof(in6.sin6_addr));
	if (server->scope[0]) {
		in6.sin6_scope_id = if_nametoindex(server->scope);
		if (in6.sin6_scope_id == 0)
			in6.sin6_scope_id = (uint32_t)strtoul(server->scope, NULL, 10);
	}
	memcpy(&upstream->address, &in6, sizeof(in6));
	upstream->address_bytes = sizeof(in6);
}

/* A file that was just written may be written once more within the second that its time names. */
static bool resolver_file_is_same(const struct stat *a, const struct stat *b)
{
	return time(NULL) - a->st_mtime > 1 && a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtime == b->st_mtime && a->st_ctime == b->st_ctime;
}

/* From now on these are asked. */
static void resolver_take(struct resolver *resolver, const struct resolvconf_server *servers, size_t count)
{
	resolver_close(resolver);
	resolver->upstream_count = 0;
	for (size_t i = 0; i < count && resolver->upstream_count < DNS_RESOLVERS_MAX; i++)
		upstream_set(&resolver->upstreams[resolver->upstream_count++], &servers[i]);
	dns_set_resolvers(resolver->dns, resolver->upstream_count, loop_now_us(resolver->config.loop));
}

/* Without a resolver libc asks this machine, and so do we. */
static void resolver_parse(const char *text, size_t bytes, struct resolvconf *ret_conf)
{
	resolvconf_parse(text, bytes, ret_conf);
	if (ret_conf->server_count == 0)
		ret_conf->servers[ret_conf->server_count++] = (struct resolvconf_server){.ip4 = {{127, 0, 0, 1}}};
}

/* Reads the file where it is another than last time. With no descriptor left to read it by, the resolvers stay who they
 * were, and the next query looks again. */
static void resolver_look(struct resolver *resolver)
{
	char text[RESOLVFILE_BYTES];
	struct resolvconf conf;
	struct stat file;
	ssize_t got;
	size_t bytes;

	if (resolver->config.alone || resolver->config.server_count > 0)
		return;
	if (stat(RESOLVFILE_PATH, &file) < 0)
		memset(&file, 0, sizeof(file));
	if (resolver->known && resolver_file_is_same(&file, &resolver->file))
		return;
	got = resolvfile_read(text, sizeof(text));
	if (got < 0)
		return;
	resolver->file = file;
	bytes = (size_t)got;
	if (resolver->known && bytes == resolver->text_bytes && memcmp(text, resolver->text, bytes) == 0)
		return;
	resolver->known = true;
	resolver->text_bytes = bytes;
	memcpy(resolver->text, text, bytes);
	resolver_parse(text, bytes, &conf);
	resolver_take(resolver, conf.servers, conf.server_count);
}

void resolver_begin_anew(struct resolver *resolver)
{
	const struct resolver_config *config = &resolver->config;

	if (config->alone)
		return;
	resolver_close(resolver);
	resolver->known = false;
	if (config->server_count > 0)
		resolver_take(resolver, config->servers, config->server_count);
	else
		resolver_look(resolver);
	resolver_settle(resolver);
}

void resolver_describe(const struct resolver *resolver, char *text, size_t room)
{
	const struct resolver_config *config = &resolver->config;
	char file[RESOLVFILE_BYTES], address[INET_TEXT_BYTES];
	ssize_t bytes = config->server_count > 0 ? 0 : resolvfile_read(file, sizeof(file));
	struct resolvconf conf = {.server_count = config->server_count};
	size_t used = 0;

	*text = '\0';
	if (config->alone || bytes < 0)
		return;
	if (config->server_count > 0)
		memcpy(conf.servers, config->servers, config->server_count * sizeof(*conf.servers));
	else
		resolver_parse(file, (size_t)bytes, &conf);
	for (size_t i = 0; i < conf.server_count && used < room; i++) {
		struct upstream upstream;

		upstream_set(&upstream, &conf.servers[i]);
		inet_address_format(&upstream.address, address);
		used += (size_t)snprintf(text + used, room - used, "%s%s", i ? " " : "", address);
	}
}

/* ---- names of guests ---- */

/* One search among the leases. */
struct resolver_search {
	const char *label;
	bool reserved; /* among the reservations, else among the others */
	bool known;    /* one of them has the name: */
	struct mac mac;
	bool found;
	struct names_addresses addresses;
};

static void resolver_on_lease(void *owner, const struct lease *lease)
{
	struct resolver_search *search = owner;

	if (lease->reserved != search->reserved || strcasecmp(lease->name, search->label) != 0)
		return;
	if (lease->reserved) {
		search->known = true;
		search->mac = lease->mac;
	} else if (search->known && !mac_equal(lease->mac, search->mac)) {
		return;
	}
	if (lease->state != LEASE_BOUND)
		return;
	search->found = true;
	if (lease->is6) {
		search->addresses.has6 = true;
		search->addresses.ip6 = lease->ip6;
	} else {
		search->addresses.has4 = true;
		search->addresses.ip4 = lease->ip4;
	}
}

/* As of forwards: a name that dhcp-host= gives is that guest's, whatever another calls itself and whoever is away. */
static bool resolver_find_name(void *owner, const char *label, struct names_addresses *ret_addresses)
{
	const struct resolver *resolver = owner;
	struct resolver_search search = {.label = label, .reserved = true};
	uint64_t now_us = loop_now_us(resolver->config.loop);

	lease_each(resolver->config.leases, now_us, resolver_on_lease, &search);
	search.reserved = false;
	lease_each(resolver->config.leases, now_us, resolver_on_lease, &search);
	if (search.found)
		*ret_addresses = search.addresses;
	return search.found;
}

static bool resolver_give_label(const struct lease *lease, char *ret_label)
{
	if (!lease || !lease->name[0])
		return false;
	for (size_t i = 0; i < NAMES_LABEL_BYTES; i++)
		ret_label[i] = (char)tolower((unsigned char)lease->name[i]);
	ret_label[NAMES_LABEL_BYTES - 1] = '\0';
	return true;
}

static bool resolver_find_ip4(void *owner, struct ip4 address, char *ret_label)
{
	const struct resolver *resolver = owner;
	uint64_t now_us = loop_now_us(resolver->config.loop);

	return resolver_give_label(lease_find_ip4(resolver->config.leases, address, now_us), ret_label);
}

static bool resolver_find_ip6(void *owner, struct ip6 address, char *ret_label)
{
	const struct resolver *resolver = owner;
	uint64_t now_us = loop_now_us(resolver->config.loop);

	return resolver_give_label(lease_find_ip6(resolver->config.leases, address, now_us), ret_label);
}

/* ---- guests ---- */

enum drop_reason resolver_input(struct resolver *resolver, const struct asker *asker, const uint8_t *message,
				size_t bytes)
{
	enum drop_reason verdict;

	resolver_look(resolver);
	verdict = dns_input(resolver->dns, asker, message, bytes, loop_now_us(resolver->config.loop));
	resolver_settle(resolver);
	return verdict;
}

static void client_free(struct resolver_client *client)
{
	list_remove(&client->link);
	client->resolver->client_count--;
	tally_remove(&client->resolver->places, client->asker.place);
	dns_stream_gone(client->resolver->dns, client->asker.stream);
	dnsstream_free(client->stream);
	free(client);
}

static void client_on_message(void *owner, struct dnsstream *stream, const uint8_t *message, size_t bytes)
{
	struct resolver_client *client = owner;

	(void)stream;
	list_remove(&client->link);
	list_append(&client->resolver->clients, &client->link);
	(void)resolver_input(client->resolver, &client->asker, message, bytes);
}

/* Who has asked all it wanted to may close its side, and hear the answers (RFC 9293 3.6). */
static bool client_awaits(void *owner)
{
	const struct resolver_client *client = owner;

	return dns_stream_asks(client->resolver->dns, client->asker.stream);
}

static void client_on_end(void *owner, struct dnsstream *stream)
{
	(void)stream;
	client_free(owner);
}

static const struct dnsstream_ops client_ops = {.on_message = client_on_message,
						.awaits = client_awaits,
						.on_end = client_on_end};

/* There is room for no more: of the place that has most the connection that was silent for longest goes. */
static void resolver_make_place(struct resolver *resolver)
{
	struct resolver_client *spare = NULL;
	uint32_t most = 0;

	list_for_each (at, &resolver->clients) {
		struct resolver_client *client = container_of(at, struct resolver_client, link);
		uint32_t count = tally_of(&resolver->places, client->asker.place);

		if (count > most) {
			most = count;
			spare = client;
		}
	}
	client_free(spare);
}

int resolver_connect(struct resolver *resolver, const struct asker *asker)
{
	struct resolver_client *client;
	int fds[2], error;

	if (resolver->client_count == RESOLVER_STREAMS_MAX)
		resolver_make_place(resolver);
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	error = socket_pair(SOCK_STREAM, fds);
	if (error >= 0) {
		error = dnsstream_new(resolver->config.loop, fds[1], &client_ops, client, &client->stream);
		if (error < 0) {
			close(fds[0]);
			close(fds[1]);
		}
	}
	if (error < 0) {
		free(client);
		return error;
	}
	client->resolver = resolver;
	client->asker = *asker;
	client->asker.stream = ++resolver->last_stream;
	list_append(&resolver->clients, &client->link);
	resolver->client_count++;
	tally_add(&resolver->places, asker->place);
	return fds[0];
}

static void resolver_on_answer(void *owner, const struct asker *asker, const void *message, size_t bytes)
{
	struct resolver *resolver = owner;

	if (!asker->stream) {
		resolver->config.send(resolver->config.owner, asker, message, bytes);
		return;
	}
	list_for_each (at, &resolver->clients) {
		struct resolver_client *client = container_of(at, struct resolver_client, link);

		if (client->asker.stream == asker->stream)
			(void)dnsstream_send(client->stream, message, bytes);
	}
}

/* ---- life ---- */

/* A net that is shared with the host is not ours to speak for: of its addresses we know the guest's alone. */
static struct names_config resolver_names(struct resolver *resolver)
{
	const struct service_config *service = resolver->config.service;

	return (struct names_config){.domain = resolver->domain,
				     .also = resolver->also,
				     .also_count = resolver->also_count,
				     .ip4 = service->ip4,
				     .ip6 = service->ip6,
				     .host4 = *resolver->config.home4,
				     .host6 = *resolver->config.home6,
				     .net4 = service->shares_net ? service->dhcp4_first : service->net4,
				     .prefix4 = service->shares_net ? 32 : service->prefix4,
				     .net6 = service->shares_net ? service->dhcp6_first : service->net6,
				     .prefix6 = service->shares_net ? 128 : service->prefix6,
				     .find_name = resolver_find_name,
				     .find_ip4 = resolver_find_ip4,
				     .find_ip6 = resolver_find_ip6,
				     .owner = resolver};
}

void resolver_readdress(struct resolver *resolver)
{
	struct names_config names = resolver_names(resolver);

	dns_set_names(resolver->dns, &names);
}

static int resolver_make_dns(struct resolver *resolver)
{
	const struct service_config *service = resolver->config.service;
	struct dns_config config = {.random = resolver_on_random,
				    .send_query = resolver_on_query,
				    .send_answer = resolver_on_answer,
				    .mtu_bytes = service->mtu_bytes,
				    .owner = resolver};

	if (service->domain[0])
		resolver->also[resolver->also_count++] = service->domain;
	for (size_t i = 0; i < service->search_count; i++)
		resolver->also[resolver->also_count++] = service->search[i];
	config.names = resolver_names(resolver);
	return dns_new(&config, &resolver->dns);
}

int resolver_new(const struct resolver_config *config, struct resolver **ret_resolver)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int error;

	if (!resolver)
		return -ENOMEM;
	resolver->config = *config;
	list_init(&resolver->clients);
	tally_init(&resolver->places, resolver->holders, RESOLVER_STREAMS_MAX);
	timer_init(&resolver->timer, resolver_on_timer, resolver);
	snprintf(resolver->domain, sizeof(resolver->domain), "%s.internal", config->network);
	for (char *letter = resolver->domain; *letter; letter++)
		*letter = (char)tolower((unsigned char)*letter);
	for (unsigned i = 0; i < DNS_RESOLVERS_MAX; i++) {
		resolver->upstreams[i].resolver = resolver;
		watch_init(&resolver->upstreams[i].watch, -1, upstream_on_ready, &resolver->upstreams[i]);
	}
	error = resolver_make_dns(resolver);
	if (error < 0) {
		free(resolver);
		return error;
	}
	if (config->server_count > 0 && !config->alone)
		resolver_take(resolver, config->servers, config->server_count);
	*ret_resolver = resolver;
	return 0;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	list_for_each_safe (at, &resolver->clients)
		client_free(container_of(at, struct resolver_client, link));
	resolver_close(resolver);
	timer_clear(loop_timers(resolver->config.loop), &resolver->timer);
	dns_free(resolver->dns);
	free(resolver);
}
