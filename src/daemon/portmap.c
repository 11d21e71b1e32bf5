/* SPDX-License-Identifier: MIT */
/* One entry for each port, or range of them, that was made. An entry's passages are made when the insider has answered;
 * until then it is waited for, also by an entry that has been ended meanwhile. */
#include "daemon/portmap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/list.h"
#include "daemon/inside.h"
#include "daemon/portleads.h"
#include "daemon/procfile.h"
#include "daemon/ticker.h"
#include "os/socket.h"

enum {
	PORTMAP_SPECS_MAX = 16,   /* of one way */
	PORTMAP_RANGE_MAX = 1024, /* ports of one forward */
	PORTMAP_TEXT_BYTES = 512,
	PORTMAP_PORT_FDS = 2,    /* of a port: both families; with UDP in the passages beside them are as many again */
	PORTMAP_FILES_SHARE = 5, /* a part of the limit for one `all`: four of them leave the rest */
};

struct portmap_entry {
	struct list link; /* of its rule's */
	struct portmap *map;
	enum portmap_way way;
	uint16_t port, to;
	unsigned forward; /* its number; 0: none */
	struct gw_passage *passages[2];
	int here[2]; /* sockets of passages in, -1: none; the passages' */
	bool seen;   /* in this round of auto */
	bool ended;  /* it goes when nothing is asked any more */
	unsigned asked;
	int error; /* the worst answer */
	struct portmap_ask {
		struct portmap_entry *entry;
		int family;
	} asks[2];
};

struct portmap_rule {
	struct portspec spec;
	struct list entries;
};

struct portmap_round {
	struct procfile_ports ports;
	enum portmap_way way;
};

struct portmap {
	struct portmap_config config;
	struct portmap_rule *rules[PORTMAP_WAYS][PORTMAP_SPECS_MAX];
	size_t counts[PORTMAP_WAYS];
	int tables[PORTMAP_WAYS][2]; /* what `auto` reads, for each family; -1: not asked for, or not there */
	struct procfile_ports told[PORTMAP_WAYS]; /* it was said that this one cannot be had */
	struct portmap_round round;
	struct gw_watch *watch; /* of the ticker */
	int ticker;
	struct portleads *leads; /* while a rule is made; `auto` never takes what is ours */
};

static const char *const portmap_options[] = {"-t", "-u", "-T", "-U"};

const char *portmap_option(enum portmap_way way)
{
	return portmap_options[way];
}

static bool portmap_is_in(enum portmap_way way)
{
	return way == PORTMAP_TCP_IN || way == PORTMAP_UDP_IN;
}

static int portmap_type(enum portmap_way way)
{
	return way == PORTMAP_TCP_IN || way == PORTMAP_TCP_OUT ? SOCK_STREAM : SOCK_DGRAM;
}

/* ---- entries ---- */

static void portmap_entry_end(struct portmap_entry *entry)
{
	list_remove(&entry->link);
	if (entry->forward)
		(void)gw_forward_remove(entry->map->config.network, entry->forward);
	for (int i = 0; i < 2; i++)
		gw_passage_free(entry->passages[i]);
	entry->forward = 0;
	entry->passages[0] = entry->passages[1] = NULL;
	entry->ended = true;
	if (entry->asked == 0)
		free(entry);
}

static struct portmap_entry *portmap_entry_new(struct portmap *map, struct portmap_rule *rule, enum portmap_way way,
					       uint16_t port, uint16_t to)
{
	struct portmap_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->map = map;
	entry->way = way;
	entry->port = port;
	entry->to = to;
	entry->here[0] = entry->here[1] = -1;
	list_append(&rule->entries, &entry->link);
	return entry;
}

static socklen_t portmap_address(const struct portspec *spec, int family, uint16_t port,
				 struct sockaddr_storage *ret_address)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(spec->ifname[0] ? INADDR_ANY : INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(ret_address, 0, sizeof(*ret_address));
	if (family == AF_INET) {
		if (spec->address[0])
			inet_pton(AF_INET, spec->address, &in.sin_addr);
		memcpy(ret_address, &in, sizeof(in));
		return sizeof(in);
	}
	if (spec->address[0])
		inet_pton(AF_INET6, spec->address, &in6.sin6_addr);
	else if (!spec->ifname[0])
		in6.sin6_addr = in6addr_loopback;
	memcpy(ret_address, &in6, sizeof(in6));
	return sizeof(in6);
}

static bool portmap_has_family(const struct portspec *spec, int family)
{
	return !spec->address[0] || spec->is6 == (family == AF_INET6);
}

static bool portmap_has_no_family(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

/* `fd` is the passage's, or closed. */
static int portmap_pass(struct portmap_entry *entry, int family, int fd, struct gw_dialler *through)
{
	struct gw_passage_config config = GW_INIT(struct gw_passage_config);
	char to[32];
	int error;

	snprintf(to, sizeof(to), family == AF_INET ? "127.0.0.1:%u" : "[::1]:%u", entry->to);
	config.fd = fd;
	config.to = to;
	config.through = through;
	error = gw_passage_new(entry->map->config.network, &config, &entry->passages[family == AF_INET6], NULL);
	if (error < 0)
		close(fd);
	return error;
}

/* ---- out ---- */

static void portmap_on_bound(void *owner, int result)
{
	struct portmap_ask *ask = owner;
	struct portmap_entry *entry = ask->entry;

	entry->asked--;
	if (result >= 0 && !entry->ended)
		result = portmap_pass(entry, ask->family, result, NULL);
	else if (result >= 0)
		close(result);
	/* Without IPv6 inside there is IPv4, and the other way round. */
	if (result < 0 && !(portmap_has_no_family(result) && entry->error == 0))
		entry->error = result;
	if (entry->ended && entry->asked == 0)
		free(entry);
}

static int portmap_ask_out(struct portmap_entry *entry, const struct portspec *spec)
{
	static const int families[] = {AF_INET, AF_INET6};
	int error = 0;

	for (int i = 0; i < 2 && error == 0; i++) {
		struct inside_wish wish = {.family = families[i],
					   .type = portmap_type(entry->way),
					   .ifname = spec->ifname[0] ? spec->ifname : NULL};

		if (!portmap_has_family(spec, families[i]))
			continue;
		wish.address_bytes = portmap_address(spec, families[i], entry->port, &wish.address);
		entry->asks[i] = (struct portmap_ask){.entry = entry, .family = families[i]};
		error = inside_bind(entry->map->config.inside, &wish, portmap_on_bound, &entry->asks[i]);
		entry->asked += error == 0;
	}
	return error;
}

/* ---- in ---- */

/* Beside the forward's wildcard: who sends to the loopback finds the more precise one. */
static int portmap_listen_here(struct portmap_entry *entry, const struct portspec *spec, int family)
{
	struct gw_dialler *through = inside_dialler(entry->map->config.inside);
	const int on = 1;
	struct sockaddr_storage address;
	socklen_t bytes = portmap_address(spec, family, entry->port, &address);
	int fd = socket_open(family, SOCK_DGRAM), error = 0;

	if (fd < 0)
		return fd;
	socket_share_address(fd, true);
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, bytes) < 0)
		error = -errno;
	if (error == 0 && !through)
		error = -EPIPE;
	if (error < 0) {
		close(fd);
		return error;
	}
	entry->here[family == AF_INET6] = fd;
	return portmap_pass(entry, family, fd, through);
}

/* Once the forward is bound beside them nobody else shall be. */
static void portmap_unshare(const struct portmap_entry *entry)
{
	for (int i = 0; i < 2; i++) {
		if (entry->passages[i] && entry->here[i] >= 0)
			socket_share_address(entry->here[i], false);
	}
}

static bool portmap_is_loopback(const struct portspec *spec)
{
	return strncmp(spec->address, "127.", 4) == 0 || strcmp(spec->address, "::1") == 0;
}

/* "tcp:192.0.2.1%eth0:22-80-netns:32" */
static int portmap_forward(struct portmap_entry *entry, const struct portspec *spec, uint16_t last,
			   struct gw_error *ret_error)
{
	const bool brackets = spec->is6;
	char text[PORTMAP_TEXT_BYTES];

	snprintf(text, sizeof(text), "%s:%s%s%s%s%s:%u-%u-%s:%u-%u",
		 portmap_type(entry->way) == SOCK_STREAM ? "tcp" : "udp", brackets ? "[" : "", spec->address,
		 spec->ifname[0] ? "%" : "", spec->ifname, brackets ? "]" : "", entry->port, last,
		 entry->map->config.guest, entry->to, entry->to + (last - entry->port));
	return gw_forward_add(entry->map->config.network, text, &entry->forward, ret_error);
}

/* One port, or with TCP a range of them. */
static int portmap_make_in(struct portmap_entry *entry, const struct portspec *spec, uint16_t last,
			   struct error *ret_error)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct gw_error error = {0};

	if (entry->way == PORTMAP_UDP_IN && (portmap_is_loopback(spec) || !spec->address[0])) {
		for (int i = 0; i < 2 && error.code == 0; i++) {
			if (!spec->ifname[0] && portmap_has_family(spec, families[i]))
				error.code = portmap_listen_here(entry, spec, families[i]);
			if (portmap_has_no_family(error.code) && !spec->address[0])
				error.code = 0;
		}
		if (error.code < 0)
			return error_set(ret_error, error.code, "%s %u: %s", portmap_options[entry->way], entry->port,
					 error_name(error.code));
		if (portmap_is_loopback(spec)) {
			portmap_unshare(entry);
			return 0;
		}
	}
	error.code = portmap_forward(entry, spec, last, &error);
	portmap_unshare(entry);
	if (error.code < 0)
		return error_set(ret_error, error.code, "%s: %s", portmap_options[entry->way], error.text);
	return 0;
}

/* ---- what was said by number, and all ---- */

static int portmap_check_range(const struct portmap *map, const struct portspec *spec, enum portmap_way way,
			       const struct portspec_range *range, struct error *ret_error)
{
	enum portleads_side side = portmap_is_in(way) ? PORTLEADS_HERE : PORTLEADS_INSIDE;

	for (unsigned port = range->first; port <= range->last; port++) {
		unsigned to = range->to + (port - range->first);

		if (!portleads_add(map->leads, side, spec, (uint16_t)port, (uint16_t)to))
			return error_set(
				ret_error, -ELOOP,
				"netns: %s %u: leads to port %u %s, which leads back to it, in circles without "
				"end; leave one of the two out",
				portmap_options[way], port, to, portmap_is_in(way) ? "inside" : "of this machine");
	}
	return 0;
}

/* `last` beyond `port`: a range of TCP's in. The entry is the rule's, or gone. */
static int portmap_make(struct portmap *map, struct portmap_rule *rule, enum portmap_way way, uint16_t port,
			uint16_t last, uint16_t to, struct error *ret_error)
{
	struct portmap_entry *entry = portmap_entry_new(map, rule, way, port, to);
	int error;

	if (!entry)
		return error_set(ret_error, -ENOMEM, "out of memory");
	if (portmap_is_in(way)) {
		error = portmap_make_in(entry, &rule->spec, last, ret_error);
	} else {
		error = portmap_ask_out(entry, &rule->spec);
		if (error < 0)
			error_set(ret_error, error, "%s %u: %s", portmap_options[way], port, error_name(error));
	}
	if (error < 0)
		portmap_entry_end(entry);
	return error;
}

static int portmap_make_range(struct portmap *map, struct portmap_rule *rule, enum portmap_way way,
			      const struct portspec_range *range, struct error *ret_error)
{
	const unsigned most = way == PORTMAP_TCP_IN ? PORTMAP_RANGE_MAX : 1;
	int error = portmap_check_range(map, &rule->spec, way, range, ret_error);

	for (unsigned first = range->first; first <= range->last && error == 0; first += most) {
		unsigned last = first + most - 1 < range->last ? first + most - 1 : range->last;

		error = portmap_make(map, rule, way, (uint16_t)first, (uint16_t)last,
				     (uint16_t)(range->to + (first - range->first)), ret_error);
		if (error == -ENOBUFS && inside_wait(map->config.inside, PORTMAP_START_US) == 0)
			error = portmap_make(map, rule, way, (uint16_t)first, (uint16_t)last,
					     (uint16_t)(range->to + (first - range->first)), ret_error);
	}
	return error;
}

static void portmap_tell(struct portmap *map, enum portmap_way way, uint16_t port, const char *why)
{
	char text[PORTMAP_TEXT_BYTES];

	if (procfile_has(&map->told[way], port))
		return;
	procfile_put(&map->told[way], port, true);
	snprintf(text, sizeof(text), "%s: port %u is left out: %s", portmap_options[way], port, why);
	map->config.on_notice(map->config.owner, text);
}

static rlim_t portmap_files(void)
{
	struct rlimit files;

	return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0;
}

/* Everything but the ephemeral ports, as far as it can be had without taking the descriptors of what the ports are for. */
static void portmap_make_all(struct portmap *map, struct portmap_rule *rule, enum portmap_way way)
{
	struct error error = {0};
	rlim_t left = portmap_files() / PORTMAP_FILES_SHARE;
	uint16_t first, last;

	procfile_ephemeral(&first, &last);
	for (unsigned port = 1; port <= UINT16_MAX && error.code != -EMFILE && error.code != -EPIPE; port++) {
		struct portspec_range range = {(uint16_t)port, (uint16_t)port, (uint16_t)port};

		const rlim_t cost = way == PORTMAP_UDP_IN ? 2 * PORTMAP_PORT_FDS : PORTMAP_PORT_FDS;

		if ((port >= first && port <= last) || procfile_has(&rule->spec.excluded, (uint16_t)port))
			continue;
		if (left < cost) {
			portmap_tell(
				map, way, (uint16_t)port,
				"too few open files are allowed for it and those above; `ulimit -Hn` says how many");
			return;
		}
		error.code = portmap_make_range(map, rule, way, &range, &error);
		left -= error.code == -ELOOP ? 0 : cost;
	}
}

/* What could not be had inside. */
static int portmap_check(const struct portmap_rule *rule, struct error *ret_error)
{
	list_for_each (at, &rule->entries) {
		const struct portmap_entry *entry = container_of(at, struct portmap_entry, link);

		if (entry->passages[0] || entry->passages[1] || entry->forward)
			continue;
		return error_set(ret_error, entry->error ? entry->error : -EADDRNOTAVAIL,
				 "netns: %s %u: the namespace has it in use, or may not have it: %s",
				 portmap_options[entry->way], entry->port,
				 error_name(entry->error ? entry->error : -EADDRNOTAVAIL));
	}
	return 0;
}

/* ---- auto ---- */

static void portmap_put_listening(const char *listening, struct procfile_ports *ports)
{
	const char *colon = strrchr(listening, ':');

	if (colon)
		procfile_put(ports, (uint16_t)strtoul(colon + 1, NULL, 10), false);
}

static void portmap_on_forward(void *owner, const struct gw_forward_info *info)
{
	struct portmap_round *round = owner;

	if (strcmp(info->protocol, portmap_type(round->way) == SOCK_STREAM ? "tcp" : "udp") == 0)
		portmap_put_listening(info->listening, &round->ports);
}

/* Of this machine's are those that lead inside; of the namespace's the others. */
static void portmap_on_passage(void *owner, const struct gw_passage_info *info)
{
	struct portmap_round *round = owner;

	if (info->to_guest != portmap_is_in(round->way) &&
	    strcmp(info->protocol, portmap_type(round->way) == SOCK_STREAM ? "tcp" : "udp") == 0)
		portmap_put_listening(info->listening, &round->ports);
}

/* What is listened on at the other side, by others than us. */
static void portmap_look(struct portmap *map, struct portmap_round *round)
{
	struct gw_network *network = map->config.network;
	uint16_t first, last;

	for (int i = 0; i < 2; i++) {
		if (map->tables[round->way][i] >= 0)
			(void)procfile_read(map->tables[round->way][i], portmap_type(round->way), &round->ports);
	}
	if (!portmap_is_in(round->way))
		gw_network_each_forward(network, portmap_on_forward, round);
	gw_network_each_passage(network, portmap_on_passage, round);
	if (portmap_type(round->way) == SOCK_STREAM)
		return;
	/* A UDP client looks like a server, but for its port. */
	procfile_ephemeral(&first, &last);
	for (unsigned port = first; port <= last; port++)
		procfile_put(&round->ports, (uint16_t)port, false);
}

static void portmap_end_unseen(struct portmap_rule *rule)
{
	list_for_each_safe (at, &rule->entries) {
		struct portmap_entry *entry = container_of(at, struct portmap_entry, link);
		bool failed = entry->asked == 0 && !entry->forward && !entry->passages[0] && !entry->passages[1];

		if (failed && entry->seen)
			portmap_tell(entry->map, entry->way, entry->port,
				     error_name(entry->error ? entry->error : -EADDRNOTAVAIL));
		if (!entry->seen || failed)
			portmap_entry_end(entry);
	}
}

static void portmap_run_auto(struct portmap *map, struct portmap_rule *rule, enum portmap_way way)
{
	struct portmap_round *round = &map->round;
	struct error error = {0};

	memset(round, 0, sizeof(*round));
	round->way = way;
	portmap_look(map, round);
	list_for_each (at, &rule->entries) {
		struct portmap_entry *entry = container_of(at, struct portmap_entry, link);

		entry->seen = procfile_has(&round->ports, entry->port);
		procfile_put(&round->ports, entry->port, false);
	}
	portmap_end_unseen(rule);
	for (unsigned port = 1; port <= UINT16_MAX; port++) {
		if (!procfile_has(&round->ports, (uint16_t)port) || procfile_has(&rule->spec.excluded, (uint16_t)port))
			continue;
		if (portmap_make(map, rule, way, (uint16_t)port, (uint16_t)port, (uint16_t)port, &error) < 0)
			portmap_tell(map, way, (uint16_t)port, error.text);
	}
}

static void portmap_on_tick(void *owner, unsigned events)
{
	struct portmap *map = owner;

	(void)events;
	ticker_take(map->ticker);
	for (int way = 0; way < PORTMAP_WAYS; way++) {
		for (size_t i = 0; i < map->counts[way]; i++) {
			if (map->rules[way][i]->spec.kind == PORTSPEC_AUTO)
				portmap_run_auto(map, map->rules[way][i], (enum portmap_way)way);
		}
	}
}

static void portmap_on_table(void *owner, int result)
{
	if (result >= 0)
		*(int *)owner = result;
}

static int portmap_start_auto(struct portmap *map, enum portmap_way way)
{
	static const int families[] = {AF_INET, AF_INET6};
	int error = 0;

	for (int i = 0; i < 2 && error >= 0 && map->tables[way][i] < 0; i++) {
		if (portmap_is_in(way))
			error = inside_open_table(map->config.inside, families[i], portmap_type(way), portmap_on_table,
						  &map->tables[way][i]);
		else
			map->tables[way][i] = procfile_open(families[i], portmap_type(way));
	}
	if (error >= 0)
		error = inside_wait(map->config.inside, PORTMAP_START_US);
	if (error < 0 || map->watch)
		return error;
	map->ticker = ticker_open(PORTMAP_EACH_US);
	if (map->ticker < 0)
		return map->ticker;
	return gw_watch_new(map->config.network, map->ticker, 1, portmap_on_tick, map, &map->watch);
}

/* ---- life ---- */

int portmap_new(const struct portmap_config *config, struct portmap **ret_portmap, struct error *ret_error)
{
	struct portmap *map = calloc(1, sizeof(*map));

	if (!map)
		return error_set(ret_error, -ENOMEM, "out of memory");
	map->config = *config;
	map->ticker = -1;
	for (int way = 0; way < PORTMAP_WAYS; way++)
		map->tables[way][0] = map->tables[way][1] = -1;
	*ret_portmap = map;
	return 0;
}

void portmap_free(struct portmap *map)
{
	if (!map)
		return;
	gw_watch_free(map->watch);
	if (map->ticker >= 0)
		close(map->ticker);
	for (int way = 0; way < PORTMAP_WAYS; way++) {
		for (size_t i = 0; i < map->counts[way]; i++) {
			list_for_each_safe (at, &map->rules[way][i]->entries)
				portmap_entry_end(container_of(at, struct portmap_entry, link));
			free(map->rules[way][i]);
		}
		for (int i = 0; i < 2; i++) {
			if (map->tables[way][i] >= 0)
				close(map->tables[way][i]);
		}
	}
	free(map);
}

static int portmap_fulfil(struct portmap *map, struct portmap_rule *rule, enum portmap_way way, struct error *ret_error)
{
	int error = 0;

	switch (rule->spec.kind) {
	case PORTSPEC_NONE:
		return 0;
	case PORTSPEC_AUTO:
		error = portmap_start_auto(map, way);
		return error < 0 ? error_set(ret_error, error, "netns: %s auto: %s", portmap_options[way],
					     error_name(error))
				 : 0;
	case PORTSPEC_ALL:
		portmap_make_all(map, rule, way);
		(void)inside_wait(map->config.inside, PORTMAP_START_US);
		return 0;
	case PORTSPEC_PORTS:
		for (size_t i = 0; i < rule->spec.count && error == 0; i++)
			error = portmap_make_range(map, rule, way, &rule->spec.ranges[i], ret_error);
		if (error == 0 && inside_wait(map->config.inside, PORTMAP_START_US) < 0)
			error = error_set(ret_error, -ETIMEDOUT, "netns: %s: the process inside says nothing",
					  portmap_options[way]);
		return error == 0 ? portmap_check(rule, ret_error) : error;
	}
	return 0;
}

int portmap_add(struct portmap *map, enum portmap_way way, const struct portspec *spec, struct error *ret_error)
{
	struct portmap_rule *rule;
	int error;

	if (map->counts[way] == PORTMAP_SPECS_MAX)
		return error_set(ret_error, -EINVAL, "netns: more than %d times %s", PORTMAP_SPECS_MAX,
				 portmap_options[way]);
	rule = calloc(1, sizeof(*rule));
	map->leads = calloc(1, sizeof(*map->leads));
	if (!rule || !map->leads) {
		free(rule);
		free(map->leads);
		map->leads = NULL;
		return error_set(ret_error, -ENOMEM, "out of memory");
	}
	portleads_learn(map->leads, map->config.network, portmap_type(way));
	map->rules[way][map->counts[way]++] = rule;
	rule->spec = *spec;
	list_init(&rule->entries);
	error = portmap_fulfil(map, rule, way, ret_error);
	free(map->leads);
	map->leads = NULL;
	return error;
}
