/* SPDX-License-Identifier: MIT */
/* Clients are found by a keyed hash of their address, and stand in the order of their last datagram on one of two lists, for
 * questions and for streams: what is first on a list ends first, so that one timer serves all. A full table gives up the
 * question that is silent for longest, then the stream.
 *
 * A datagram that finds no room is lost, as in any network: nothing is queued here. */
#include "network/relay.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/list.h"
#include "os/mmsg.h"

enum { RELAY_KEY_BYTES = 20 };

struct client {
	struct list bucket;
	struct list age; /* of the table's shorts or longs */
	struct relay *relay;
	struct watch watch; /* of its socket at the far side */
	struct sockaddr_storage address;
	socklen_t address_bytes;
	uint64_t used_us;
	unsigned to_far, from_far; /* both stop at 2: then it is a stream */
};

/* One listening socket's. */
struct relay {
	struct relay_table *table;
	const struct dialler *dialler;
	struct sockaddr_storage to;
	socklen_t to_bytes;
	struct watch watch;
	struct relay_counters counters;
};

struct relay_table {
	struct relay_table_config config;
	struct timer timer;
	struct list shorts, longs;
	size_t count;
	uint64_t noticed_us;
	struct list buckets[RELAY_BUCKETS];
	/* of one turn of one relay */
	unsigned used;
	struct mmsg messages[RELAY_BATCH];
	struct iovec pieces[RELAY_BATCH];
	struct sockaddr_storage froms[RELAY_BATCH];
	uint8_t (*bytes)[RELAY_DATAGRAM_BYTES]; /* [RELAY_BATCH]; touched only as far as datagrams are long */
};

/* ---- clients ---- */

/* What two datagrams of one client share: a sockaddr_in's padding is not among it. */
static size_t relay_key(const struct sockaddr_storage *address, uint8_t key[RELAY_KEY_BYTES])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

	if (address->ss_family == AF_INET) {
		memcpy(key, &in->sin_port, 2);
		memcpy(key + 2, &in->sin_addr, 4);
		return 6;
	}
	memcpy(key, &in6->sin6_port, 2);
	memcpy(key + 2, &in6->sin6_addr, 16);
	return 18;
}

/* The relay's own address is part of it: a client may talk to several. */
static struct list *relay_bucket(const struct relay *relay, const uint8_t *key, size_t bytes)
{
	struct {
		const struct relay *relay;
		uint8_t key[RELAY_KEY_BYTES + 4];
	} whole;

	memset(&whole, 0, sizeof(whole));
	whole.relay = relay;
	memcpy(whole.key, key, bytes);
	return &relay->table->buckets[hash_bytes(&relay->table->config.key, &whole, sizeof(whole)) % RELAY_BUCKETS];
}

static struct client *relay_find(struct relay *relay, const struct sockaddr_storage *address)
{
	uint8_t wanted[RELAY_KEY_BYTES], key[RELAY_KEY_BYTES];
	size_t bytes = relay_key(address, wanted);

	list_for_each (at, relay_bucket(relay, wanted, bytes)) {
		struct client *client = container_of(at, struct client, bucket);

		if (client->relay == relay && client->address.ss_family == address->ss_family &&
		    relay_key(&client->address, key) == bytes && memcmp(key, wanted, bytes) == 0)
			return client;
	}
	return NULL;
}

static void client_end(struct client *client)
{
	loop_unwatch(client->relay->table->config.loop, &client->watch);
	close(client->watch.fd);
	list_remove(&client->bucket);
	list_remove(&client->age);
	client->relay->table->count--;
	free(client);
}

static uint64_t client_due_us(const struct client *client)
{
	return client->used_us + (client->to_far >= 2 && client->from_far >= 2 ? RELAY_LONG_US : RELAY_SHORT_US);
}

static void client_use(struct client *client, unsigned *way)
{
	struct relay_table *table = client->relay->table;

	*way += *way < 2;
	client->used_us = loop_now_us(table->config.loop);
	list_remove(&client->age);
	list_append(client->to_far >= 2 && client->from_far >= 2 ? &table->longs : &table->shorts, &client->age);
	if (!table->timer.set)
		timer_set(loop_timers(table->config.loop), &table->timer, client_due_us(client));
}

static struct client *relay_oldest(const struct list *ages)
{
	return list_empty(ages) ? NULL : container_of(ages->next, struct client, age);
}

static void relay_table_on_timer(void *owner, uint64_t now_us)
{
	struct relay_table *table = owner;
	struct list *ages[2] = {&table->shorts, &table->longs};
	uint64_t next_us = TIMER_NEVER;
	struct client *client;

	for (int i = 0; i < 2; i++) {
		while ((client = relay_oldest(ages[i])) && client_due_us(client) <= now_us)
			client_end(client);
		if (client && client_due_us(client) < next_us)
			next_us = client_due_us(client);
	}
	if (next_us != TIMER_NEVER)
		timer_set(loop_timers(table->config.loop), &table->timer, next_us);
}

static void relay_table_notice(struct relay_table *table)
{
	const uint64_t pause_us = (uint64_t)60 * 1000 * 1000, now_us = loop_now_us(table->config.loop);

	if (!table->config.on_notice || (table->noticed_us && now_us - table->noticed_us < pause_us))
		return;
	table->noticed_us = now_us ? now_us : 1;
	table->config.on_notice(table->config.owner, "no descriptor is left for another client over UDP: its datagrams "
						     "are lost; raise the limit of open files (ulimit -n)");
}

static void client_on_ready(void *owner, unsigned events);

static int relay_open(struct relay *relay)
{
	const struct sockaddr *to = (const struct sockaddr *)&relay->to;
	int fd = relay->dialler->open(relay->dialler->owner, to->sa_family, SOCK_DGRAM);
	int error;

	if (error_is_out_of_files(fd))
		relay_table_notice(relay->table);
	if (fd < 0 || connect(fd, to, relay->to_bytes) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* NULL: there is none now. A far side that makes its sockets ready beforehand has one for the next datagram. */
static struct client *relay_new_client(struct relay *relay, const struct sockaddr_storage *address, socklen_t bytes)
{
	struct client *client = relay_oldest(&relay->table->shorts);
	uint8_t key[RELAY_KEY_BYTES];
	int fd;

	if (relay->table->count >= relay->table->config.most)
		client_end(client ? client : relay_oldest(&relay->table->longs));
	fd = relay_open(relay);
	if (fd < 0)
		return NULL;
	client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return NULL;
	}
	client->relay = relay;
	client->address = *address;
	client->address_bytes = bytes;
	list_init(&client->age);
	watch_init(&client->watch, fd, client_on_ready, client);
	if (loop_watch(relay->table->config.loop, &client->watch, LOOP_READ) < 0) {
		close(fd);
		free(client);
		return NULL;
	}
	list_append(relay_bucket(relay, key, relay_key(address, key)), &client->bucket);
	relay->table->count++;
	relay->counters.clients++;
	return client;
}

/* ---- moving ---- */

/* Only what the last turn has used is not as it should be. */
static void relay_prepare(struct relay_table *table)
{
	for (unsigned i = 0; i < table->used; i++) {
		table->pieces[i] = (struct iovec){table->bytes[i], RELAY_DATAGRAM_BYTES};
		table->messages[i] = (struct mmsg){.header = {.msg_iov = &table->pieces[i],
							      .msg_iovlen = 1,
							      .msg_name = &table->froms[i],
							      .msg_namelen = sizeof(table->froms[i])}};
	}
	table->used = 0;
}

/* How many, or negative errno. */
static int relay_receive(struct relay_table *table, int fd)
{
	int got;

	relay_prepare(table);
	got = mmsg_receive(fd, table->messages, RELAY_BATCH);
	table->used = got > 0 ? (unsigned)got : 0;
	return got;
}

/* `count` messages from `first` on. How many went. What a socket says of an earlier datagram (ECONNREFUSED) costs none of
 * these: it is asked again. */
static unsigned relay_send(struct relay *relay, int fd, unsigned first, unsigned count)
{
	unsigned done = 0, errors = 0;

	for (unsigned i = first; i < first + count; i++)
		relay->table->pieces[i].iov_len = relay->table->messages[i].bytes;
	while (done < count && errors < 2) {
		int sent = mmsg_send(fd, &relay->table->messages[first + done], count - done);

		if (sent > 0)
			done += (unsigned)sent;
		else
			errors = sent == -EAGAIN ? 2 : errors + 1;
	}
	relay->counters.dropped += count - done;
	return done;
}

/* How many messages from `first` on are of one client. */
static unsigned relay_run(const struct relay *relay, unsigned first, unsigned count)
{
	uint8_t wanted[RELAY_KEY_BYTES], key[RELAY_KEY_BYTES];
	size_t bytes = relay_key(&relay->table->froms[first], wanted);
	unsigned next = first + 1;

	while (next < count && relay->table->froms[next].ss_family == relay->table->froms[first].ss_family &&
	       relay_key(&relay->table->froms[next], key) == bytes && memcmp(key, wanted, bytes) == 0)
		next++;
	return next - first;
}

static void relay_to_far(struct relay *relay, unsigned first, unsigned count)
{
	struct client *client = relay_find(relay, &relay->table->froms[first]);
	unsigned sent;

	if (!client)
		client = relay_new_client(relay, &relay->table->froms[first],
					  relay->table->messages[first].header.msg_namelen);
	if (!client) {
		relay->counters.dropped += count;
		return;
	}
	for (unsigned i = first; i < first + count; i++) {
		relay->table->messages[i].header.msg_name = NULL;
		relay->table->messages[i].header.msg_namelen = 0;
	}
	sent = relay_send(relay, client->watch.fd, first, count);
	relay->counters.to_far += sent;
	client_use(client, &client->to_far);
}

static void relay_on_ready(void *owner, unsigned events)
{
	struct relay *relay = owner;

	(void)events;
	for (int turn = 0; turn < RELAY_TURNS; turn++) {
		int got = relay_receive(relay->table, relay->watch.fd);

		if (got <= 0)
			return;
		for (unsigned at = 0, run; at < (unsigned)got; at += run) {
			run = relay_run(relay, at, (unsigned)got);
			relay_to_far(relay, at, run);
		}
		if (got < RELAY_BATCH)
			return;
	}
}

/* By a hangup too: the error of the socket (nobody listens there) is taken by the receiving. */
static void client_on_ready(void *owner, unsigned events)
{
	struct client *client = owner;
	struct relay *relay = client->relay;
	int got = relay_receive(relay->table, client->watch.fd);

	(void)events;
	if (got <= 0)
		return;
	for (int i = 0; i < got; i++) {
		relay->table->messages[i].header.msg_name = &client->address;
		relay->table->messages[i].header.msg_namelen = client->address_bytes;
	}
	relay->counters.from_far += relay_send(relay, relay->watch.fd, 0, (unsigned)got);
	client_use(client, &client->from_far);
}

/* ---- life ---- */

int relay_table_new(const struct relay_table_config *config, struct relay_table **ret_table)
{
	struct relay_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->bytes = malloc(RELAY_BATCH * sizeof(*table->bytes));
	if (!table->bytes) {
		free(table);
		return -ENOMEM;
	}
	table->config = *config;
	if (table->config.most == 0)
		table->config.most = RELAY_CLIENTS_MAX;
	table->used = RELAY_BATCH;
	list_init(&table->shorts);
	list_init(&table->longs);
	for (int i = 0; i < RELAY_BUCKETS; i++)
		list_init(&table->buckets[i]);
	timer_init(&table->timer, relay_table_on_timer, table);
	*ret_table = table;
	return 0;
}

void relay_table_free(struct relay_table *table)
{
	if (!table)
		return;
	assert(table->count == 0);
	timer_clear(loop_timers(table->config.loop), &table->timer);
	free(table->bytes);
	free(table);
}

size_t relay_table_count(const struct relay_table *table)
{
	return table->count;
}

int relay_new(struct relay_table *table, int fd, const struct dialler *dialler, const struct sockaddr *to,
	      socklen_t to_bytes, struct relay **ret_relay)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int error;

	if (!relay)
		return -ENOMEM;
	assert(to_bytes <= sizeof(relay->to));
	relay->table = table;
	relay->dialler = dialler;
	memcpy(&relay->to, to, to_bytes);
	relay->to_bytes = to_bytes;
	watch_init(&relay->watch, fd, relay_on_ready, relay);
	error = loop_watch(table->config.loop, &relay->watch, LOOP_READ);
	if (error < 0) {
		free(relay);
		return error;
	}
	*ret_relay = relay;
	return 0;
}

void relay_redirect(struct relay *relay, const struct dialler *dialler)
{
	relay->dialler = dialler;
}

static void relay_end_clients(const struct relay *relay, struct list *ages)
{
	list_for_each_safe (at, ages) {
		struct client *client = container_of(at, struct client, age);

		if (client->relay == relay)
			client_end(client);
	}
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	relay_end_clients(relay, &relay->table->shorts);
	relay_end_clients(relay, &relay->table->longs);
	loop_unwatch(relay->table->config.loop, &relay->watch);
	free(relay);
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}
