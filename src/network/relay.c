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

#include "base/list.h"
#include "os/mmsg.h"

enum { RELAY_BUCKETS = 1024, RELAY_TURNS = 4 /* batches of one socket, before others have their turn */ };

struct client {
	struct list bucket;
	struct list age; /* of the relay's shorts or longs */
	struct relay *relay;
	struct watch watch; /* of its socket at the far side */
	struct sockaddr_storage address;
	socklen_t address_bytes;
	uint64_t used_us;
	unsigned to_far, from_far; /* both stop at 2: then it is a stream */
};

struct relay {
	struct relay_config config;
	struct watch watch;
	struct timer timer;
	struct list shorts, longs;
	size_t count;
	struct relay_counters counters;
	uint64_t noticed_us;
	struct list buckets[RELAY_BUCKETS];
	/* of one turn */
	struct mmsg messages[RELAY_BATCH];
	struct iovec pieces[RELAY_BATCH];
	struct sockaddr_storage froms[RELAY_BATCH];
	uint8_t (*bytes)[RELAY_DATAGRAM_BYTES]; /* [RELAY_BATCH]; touched only as far as datagrams are long */
};

/* ---- clients ---- */

/* What two datagrams of one client share: a sockaddr_in's padding is not among it. */
static size_t relay_key(const struct sockaddr_storage *address, uint8_t key[20])
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

static struct list *relay_bucket(struct relay *relay, const uint8_t *key, size_t bytes)
{
	return &relay->buckets[hash_bytes(&relay->config.key, key, bytes) % RELAY_BUCKETS];
}

static struct client *relay_find(struct relay *relay, const struct sockaddr_storage *address)
{
	uint8_t wanted[20], key[20];
	size_t bytes = relay_key(address, wanted);

	list_for_each (at, relay_bucket(relay, wanted, bytes)) {
		struct client *client = container_of(at, struct client, bucket);

		if (client->address.ss_family == address->ss_family && relay_key(&client->address, key) == bytes &&
		    memcmp(key, wanted, bytes) == 0)
			return client;
	}
	return NULL;
}

static void client_end(struct client *client)
{
	loop_unwatch(client->relay->config.loop, &client->watch);
	close(client->watch.fd);
	list_remove(&client->bucket);
	list_remove(&client->age);
	client->relay->count--;
	free(client);
}

static uint64_t client_due_us(const struct client *client)
{
	return client->used_us + (client->to_far >= 2 && client->from_far >= 2 ? RELAY_LONG_US : RELAY_SHORT_US);
}

static void client_use(struct client *client, unsigned *way)
{
	struct relay *relay = client->relay;

	*way += *way < 2;
	client->used_us = loop_now_us(relay->config.loop);
	list_remove(&client->age);
	list_append(client->to_far >= 2 && client->from_far >= 2 ? &relay->longs : &relay->shorts, &client->age);
	if (!relay->timer.set)
		timer_set(loop_timers(relay->config.loop), &relay->timer, client_due_us(client));
}

static struct client *relay_first(const struct list *ages)
{
	return list_empty(ages) ? NULL : container_of(ages->next, struct client, age);
}

static void relay_on_timer(void *owner, uint64_t now_us)
{
	struct relay *relay = owner;
	struct list *ages[2] = {&relay->shorts, &relay->longs};
	uint64_t next_us = TIMER_NEVER;
	struct client *client;

	for (int i = 0; i < 2; i++) {
		while ((client = relay_first(ages[i])) && client_due_us(client) <= now_us)
			client_end(client);
		if (client && client_due_us(client) < next_us)
			next_us = client_due_us(client);
	}
	if (next_us != TIMER_NEVER)
		timer_set(loop_timers(relay->config.loop), &relay->timer, next_us);
}

static void relay_notice(struct relay *relay)
{
	const uint64_t pause_us = (uint64_t)60 * 1000 * 1000, now_us = loop_now_us(relay->config.loop);

	if (!relay->config.on_notice || (relay->noticed_us && now_us - relay->noticed_us < pause_us))
		return;
	relay->noticed_us = now_us ? now_us : 1;
	relay->config.on_notice(relay->config.owner, "no descriptor is left for another client over UDP: its datagrams "
						     "are lost; raise the limit of open files (ulimit -n)");
}

static void client_on_ready(void *owner, unsigned events);

static int relay_open(struct relay *relay)
{
	const struct sockaddr *to = (const struct sockaddr *)&relay->config.to;
	int fd = relay->config.dialler->open(relay->config.dialler->owner, to->sa_family, SOCK_DGRAM);
	int error;

	if (fd == -EMFILE || fd == -ENFILE)
		relay_notice(relay);
	if (fd < 0 || connect(fd, to, relay->config.to_bytes) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* NULL: there is none now. A far side that makes its sockets ready beforehand has one for the next datagram. */
static struct client *relay_new_client(struct relay *relay, const struct sockaddr_storage *address, socklen_t bytes)
{
	struct client *client = relay_first(&relay->shorts);
	uint8_t key[20];
	int fd;

	if (relay->count >= relay->config.most)
		client_end(client ? client : relay_first(&relay->longs));
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
	if (loop_watch(relay->config.loop, &client->watch, LOOP_READ) < 0) {
		close(fd);
		free(client);
		return NULL;
	}
	list_append(relay_bucket(relay, key, relay_key(address, key)), &client->bucket);
	relay->count++;
	relay->counters.clients++;
	return client;
}

/* ---- moving ---- */

static void relay_prepare(struct relay *relay, bool named)
{
	for (unsigned i = 0; i < RELAY_BATCH; i++) {
		relay->pieces[i] = (struct iovec){relay->bytes[i], RELAY_DATAGRAM_BYTES};
		relay->messages[i] = (struct mmsg){.header = {.msg_iov = &relay->pieces[i], .msg_iovlen = 1}};
		if (named) {
			relay->messages[i].header.msg_name = &relay->froms[i];
			relay->messages[i].header.msg_namelen = sizeof(relay->froms[i]);
		}
	}
}

/* `count` messages from `first` on. How many went. What a socket says of an earlier datagram (ECONNREFUSED) costs none of
 * these: it is asked again. */
static unsigned relay_send(struct relay *relay, int fd, unsigned first, unsigned count)
{
	unsigned done = 0, errors = 0;

	for (unsigned i = first; i < first + count; i++)
		relay->pieces[i].iov_len = relay->messages[i].bytes;
	while (done < count && errors < 2) {
		int sent = mmsg_send(fd, &relay->messages[first + done], count - done);

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
	uint8_t wanted[20], key[20];
	size_t bytes = relay_key(&relay->froms[first], wanted);
	unsigned next = first + 1;

	while (next < count && relay->froms[next].ss_family == relay->froms[first].ss_family &&
	       relay_key(&relay->froms[next], key) == bytes && memcmp(key, wanted, bytes) == 0)
		next++;
	return next - first;
}

static void relay_to_far(struct relay *relay, unsigned first, unsigned count)
{
	struct client *client = relay_find(relay, &relay->froms[first]);
	unsigned sent;

	if (!client)
		client = relay_new_client(relay, &relay->froms[first], relay->messages[first].header.msg_namelen);
	if (!client) {
		relay->counters.dropped += count;
		return;
	}
	for (unsigned i = first; i < first + count; i++) {
		relay->messages[i].header.msg_name = NULL;
		relay->messages[i].header.msg_namelen = 0;
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
		int got;

		relay_prepare(relay, true);
		got = mmsg_receive(relay->watch.fd, relay->messages, RELAY_BATCH);
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
	int got;

	(void)events;
	relay_prepare(relay, false);
	got = mmsg_receive(client->watch.fd, relay->messages, RELAY_BATCH);
	if (got <= 0)
		return;
	for (int i = 0; i < got; i++) {
		relay->messages[i].header.msg_name = &client->address;
		relay->messages[i].header.msg_namelen = client->address_bytes;
	}
	relay->counters.from_far += relay_send(relay, relay->watch.fd, 0, (unsigned)got);
	client_use(client, &client->from_far);
}

/* ---- life ---- */

int relay_new(const struct relay_config *config, struct relay **ret_relay)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int error;

	if (!relay)
		return -ENOMEM;
	relay->config = *config;
	if (relay->config.most == 0)
		relay->config.most = RELAY_CLIENTS_MAX;
	list_init(&relay->shorts);
	list_init(&relay->longs);
	for (int i = 0; i < RELAY_BUCKETS; i++)
		list_init(&relay->buckets[i]);
	timer_init(&relay->timer, relay_on_timer, relay);
	watch_init(&relay->watch, config->fd, relay_on_ready, relay);
	relay->bytes = malloc(RELAY_BATCH * sizeof(*relay->bytes));
	error = relay->bytes ? loop_watch(config->loop, &relay->watch, LOOP_READ) : -ENOMEM;
	if (error < 0) {
		free(relay->bytes);
		free(relay);
		return error;
	}
	*ret_relay = relay;
	return 0;
}

void relay_free(struct relay *relay)
{
	struct client *client;

	if (!relay)
		return;
	while ((client = relay_first(&relay->shorts)) || (client = relay_first(&relay->longs)))
		client_end(client);
	loop_unwatch(relay->config.loop, &relay->watch);
	timer_clear(loop_timers(relay->config.loop), &relay->timer);
	free(relay->bytes);
	free(relay);
}

size_t relay_count(const struct relay *relay)
{
	return relay->count;
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}
