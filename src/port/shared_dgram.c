/* SPDX-License-Identifier: MIT */
/* See shared_dgram.h.
 *
 * Theory of operation. Sending: a port's flush() makes one sendmmsg of its batch. What does not go is queued at the
 * port, and the port joins `waiting`, which a timer serves (250 us at first, doubling without progress), since POLLOUT
 * does not tell. A send may be refused because this guest's own receive queue is full (one that did not connect to us:
 * net.unix.max_dgram_qlen) or because the shared buffer is; the system tells how much of the buffer is taken, at the
 * price of a call, so that it is asked only when our own estimate, which errs upwards, has reached the limit. */
#include "port/shared_dgram.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "fabric/ethswitch.h"
#include "os/entropy.h"
#include "os/socket.h"
#include "port/dgram_address.h"
#include "port/outlet.h"
#include "port/packet.h"

enum {
	SHARED_DGRAM_MESSAGE_OVERHEAD = 1024, /* of one datagram in the buffer, beside twice its bytes: never less */
	SHARED_DGRAM_PACKET_OVERHEAD = 32,    /* what the kernel keeps of the buffer from the largest datagram */
};

struct shared_dgram {
	struct endpoint endpoint;
	struct unix_listener unix_listener;
	struct watch watch;
	struct timer retry;
	struct timer look; /* at those that are muted, while there are any */
	struct hash_key key;
	struct list buckets[SHARED_DGRAM_BUCKETS];
	struct list guests;
	struct list waiting; /* guests with something queued that may be sent */
	struct packet_turn turn;
	bool paired; /* one guest, at `remote`; whoever sends is that guest */
	struct sockaddr_un remote;
	socklen_t remote_length;
	uint32_t number;
	uint64_t retry_us;
	uint64_t unreached_us; /* when it was last said that one cannot be answered; 0: never */
	/* the send buffer */
	uint32_t buffer_bytes;
	uint32_t taken_bytes;  /* no less than what is taken, as far as we know */
	uint32_t frozen_bytes; /* held by guests that are muted */
	uint32_t asked_bytes;  /* what the system said last */
	uint64_t asked_us;
	bool full;         /* then it was at the limit: nothing is sent until it says otherwise */
	uint64_t stuck_us; /* full: since when nothing has left it */
	uint64_t high_us;  /* since when it has not been seen well below the limit; 0: it has */
};

struct dgram_guest {
	struct outlet outlet;
	struct shared_dgram *shared;
	struct list link;
	struct list bucket;
	struct list waiting;
	struct sockaddr_un address;
	socklen_t length;
	uint64_t unanswered_bytes; /* of the buffer, sent since its own last frame */
	uint64_t told_us;          /* when it was last said that it is muted; 0: never */
};

static struct shared_dgram *shared_dgram_of(struct endpoint *endpoint)
{
	return container_of(endpoint, struct shared_dgram, endpoint);
}

static struct dgram_guest *dgram_guest_of(struct outlet *outlet)
{
	return container_of(outlet, struct dgram_guest, outlet);
}

static struct loop *shared_dgram_loop(const struct shared_dgram *shared)
{
	return shared->endpoint.setup->loop;
}

/* ---- the buffer that all guests share ---- */

/* `eighths` of what is not held by muted guests, and what is. */
static uint32_t shared_dgram_level(const struct shared_dgram *shared, uint32_t eighths)
{
	return shared->frozen_bytes + (shared->buffer_bytes - shared->frozen_bytes) / 8 * eighths;
}

static uint32_t shared_dgram_limit(const struct shared_dgram *shared)
{
	return shared_dgram_level(shared, 6);
}

/* Asks the system, once a turn at most. */
static void shared_dgram_ask(struct shared_dgram *shared)
{
	uint64_t now_us = loop_now_us(shared_dgram_loop(shared));
	uint32_t bytes = 0;

	if (shared->asked_us == now_us && shared->full)
		return;
	shared->asked_us = now_us;
	if (socket_unread(shared->unix_listener.fd, &bytes) < 0)
		bytes = 0;
	if (bytes < shared->frozen_bytes)
		shared->frozen_bytes = bytes;
	if (!shared->full || bytes < shared->asked_bytes)
		shared->stuck_us = now_us;
	shared->full = bytes >= shared_dgram_limit(shared);
	if (bytes < shared_dgram_level(shared, 5))
		shared->high_us = 0;
	else if (!shared->high_us)
		shared->high_us = now_us;
	shared->asked_bytes = shared->taken_bytes = bytes;
}

static bool shared_dgram_is_full(struct shared_dgram *shared)
{
	if (shared->taken_bytes >= shared_dgram_limit(shared))
		shared_dgram_ask(shared);
	return shared->full;
}

static void shared_dgram_charge(struct dgram_guest *guest, size_t bytes)
{
	struct shared_dgram *shared = guest->shared;
	size_t cost = 2 * bytes + SHARED_DGRAM_MESSAGE_OVERHEAD;
	size_t taken = shared->taken_bytes + cost;

	guest->unanswered_bytes += cost;
	shared->taken_bytes = taken > shared->buffer_bytes ? shared->buffer_bytes : (uint32_t)taken;
}

/* Who was sent most since its own last frame; NULL: everybody has answered. */
static struct dgram_guest *shared_dgram_deafest(struct shared_dgram *shared)
{
	struct dgram_guest *most = NULL;

	list_for_each (at, &shared->guests) {
		struct dgram_guest *guest = container_of(at, struct dgram_guest, link);

		if (!guest->outlet.muted && guest->unanswered_bytes > 0 &&
		    (!most || guest->unanswered_bytes > most->unanswered_bytes))
			most = guest;
	}
	return most;
}

/* A slow guest that answers is not deaf, however full it keeps the buffer: only who may hold a quarter of it is muted soon,
 * and anybody only when nothing moves at all. */
static bool shared_dgram_is_deaf(const struct shared_dgram *shared, const struct dgram_guest *guest, uint64_t now_us)
{
	uint32_t quarter = shared_dgram_level(shared, 2) - shared->frozen_bytes;

	if (!shared->full)
		return false;
	if (guest->unanswered_bytes >= quarter && shared->high_us)
		return now_us - shared->high_us >= SHARED_DGRAM_MUTE_AFTER_US;
	return now_us - shared->stuck_us >= SHARED_DGRAM_MUTE_STUCK_US;
}

static void shared_dgram_look_later(struct shared_dgram *shared, uint64_t now_us)
{
	if (!shared->look.set)
		timer_set(loop_timers(shared_dgram_loop(shared)), &shared->look, now_us + SHARED_DGRAM_LOOK_US);
}

static void dgram_guest_mute(struct dgram_guest *guest, uint64_t now_us)
{
	guest->outlet.muted = true;
	list_remove(&guest->waiting);
	shared_dgram_look_later(guest->shared, now_us);
	if (guest->told_us && now_us - guest->told_us < SHARED_DGRAM_TELL_US)
		return;
	guest->told_us = now_us;
	endpoint_notice(
		&guest->shared->endpoint,
		"%s: does not read and fills the socket that it shares: muted until it is heard; give it a path of its "
		"own (guests=1)",
		guest->outlet.port.name);
}

/* True when somebody was muted: now there is room for the others. Those who are as deaf as the deafest are muted with
 * him: each time costs three quarters of what is left. */
static bool shared_dgram_mute(struct shared_dgram *shared, uint64_t now_us)
{
	struct dgram_guest *most = shared_dgram_deafest(shared);
	uint64_t least;

	/* A guest that has the socket to itself stalls nobody: its own queue is its bound. */
	if (shared->endpoint.guests_max == 1 || !most || !shared_dgram_is_deaf(shared, most, now_us))
		return false;
	least = most->unanswered_bytes / 2;
	list_for_each (at, &shared->guests) {
		struct dgram_guest *guest = container_of(at, struct dgram_guest, link);

		if (!guest->outlet.muted && guest->unanswered_bytes > least)
			dgram_guest_mute(guest, now_us);
	}
	shared->frozen_bytes = shared->taken_bytes < shared->buffer_bytes ? shared->taken_bytes : shared->buffer_bytes;
	shared->full = false;
	shared->high_us = 0;
	return true;
}

static void shared_dgram_retry_at(struct shared_dgram *shared)
{
	struct loop *loop = shared_dgram_loop(shared);

	if (!shared->retry.set)
		timer_set(loop_timers(loop), &shared->retry, loop_now_us(loop) + shared->retry_us);
}

static void dgram_guest_wait(struct outlet *outlet)
{
	struct dgram_guest *guest = dgram_guest_of(outlet);

	if (guest->outlet.muted || !list_empty(&guest->waiting))
		return;
	list_append(&guest->shared->waiting, &guest->waiting);
	shared_dgram_retry_at(guest->shared);
}

/* ---- to the guests ---- */

static const char *dgram_guest_why(int code)
{
	switch (code) {
	case -ECONNREFUSED:
	case -ENOENT:
		return "its socket is gone";
	case -EPERM:
		return "its socket is connected to another";
	default:
		return error_name(code);
	}
}

static void dgram_guest_send(struct outlet *outlet)
{
	struct dgram_guest *guest = dgram_guest_of(outlet);
	struct shared_dgram *shared = guest->shared;
	uint32_t index = 0;
	int code = -EAGAIN;

	if (!shared_dgram_is_full(shared))
		code = packet_send_gathered(&shared->turn, shared->unix_listener.fd, outlet, &guest->address,
					    guest->length, &index);
	for (uint32_t i = 0; i < index; i++)
		shared_dgram_charge(guest, outlet->gather.entry[i].bytes);
	if (code == 0)
		return;
	if (code == -EAGAIN) {
		outlet_keep_from(outlet, index, 0);
		return;
	}
	outlet_drop_from(outlet, index, DROP_DATAGRAM_GUEST_GONE);
	outlet_leave_later(outlet, dgram_guest_why(code));
}

/* Sends what is queued for one guest. True when something went. */
static bool dgram_guest_drain(struct dgram_guest *guest)
{
	struct outlet *outlet = &guest->outlet;
	size_t before = outlet->queue.bytes;
	int sent = packet_send_queued(guest->shared->unix_listener.fd, outlet, &guest->address, guest->length,
				      PORT_TURN_FRAMES);

	if (sent < 0 && sent != -EAGAIN) {
		outlet->way->leave(outlet, dgram_guest_why(sent));
		return false;
	}
	if (sent > 0)
		shared_dgram_charge(guest, before - outlet->queue.bytes);
	if (framequeue_empty(&outlet->queue)) {
		list_remove(&guest->waiting);
		port_room_returned(&outlet->port, 0);
	}
	return sent > 0;
}

static void shared_dgram_on_retry(void *owner, uint64_t now_us)
{
	struct shared_dgram *shared = owner;
	bool progress = false;

	shared_dgram_ask(shared);
	list_for_each_safe (at, &shared->waiting) {
		if (shared_dgram_is_full(shared))
			break;
		progress |= dgram_guest_drain(container_of(at, struct dgram_guest, waiting));
	}
	progress |= shared_dgram_mute(shared, now_us);
	shared->retry_us = progress ? SHARED_DGRAM_RETRY_LEAST_US : shared->retry_us * 2;
	if (shared->retry_us > SHARED_DGRAM_RETRY_MOST_US)
		shared->retry_us = SHARED_DGRAM_RETRY_MOST_US;
	if (list_empty(&shared->waiting))
		shared->retry_us = SHARED_DGRAM_RETRY_LEAST_US;
	else
		shared_dgram_retry_at(shared);
}

/* ---- guests come and go ---- */

static void dgram_guest_leave(struct outlet *outlet, const char *reason)
{
	struct dgram_guest *guest = dgram_guest_of(outlet);

	outlet_left(outlet, reason);
	list_remove(&guest->link);
	list_remove(&guest->bucket);
	list_remove(&guest->waiting);
	guest->shared->endpoint.told_full = false;
	free(guest);
}

static const struct outlet_way shared_dgram_way = {
	.send = dgram_guest_send,
	.wait = dgram_guest_wait,
	.leave = dgram_guest_leave,
};

static struct list *shared_dgram_bucket(struct shared_dgram *shared, const struct sockaddr_un *address,
					socklen_t length)
{
	return &shared->buckets[hash_bytes(&shared->key, address, length) % SHARED_DGRAM_BUCKETS];
}

static struct dgram_guest *shared_dgram_find(struct shared_dgram *shared, const struct sockaddr_un *address,
					     socklen_t length)
{
	list_for_each (at, shared_dgram_bucket(shared, address, length)) {
		struct dgram_guest *guest = container_of(at, struct dgram_guest, bucket);

		if (guest->length == length && memcmp(&guest->address, address, length) == 0)
			return guest;
	}
	return NULL;
}

static struct dgram_guest *shared_dgram_admit(struct shared_dgram *shared, const struct sockaddr_un *address,
					      socklen_t length)
{
	struct dgram_guest *guest = calloc(1, sizeof(*guest));
	char name[PORT_NAME_BYTES], far_end[DGRAM_ADDRESS_TEXT_BYTES];
	uint32_t frame_bytes = shared->buffer_bytes - SHARED_DGRAM_PACKET_OVERHEAD;

	if (!guest)
		return NULL;
	endpoint_port_name(&shared->endpoint, ++shared->number, name, sizeof(name));
	dgram_address_format(address, length, far_end);
	outlet_init(&guest->outlet, &shared_dgram_way, &shared->endpoint, name, far_end);
	if (guest->outlet.port.accepts.frame_bytes > frame_bytes)
		guest->outlet.port.accepts.frame_bytes = frame_bytes;
	guest->shared = shared;
	memcpy(&guest->address, address, length);
	guest->length = length;
	list_init(&guest->waiting);
	list_append(&shared->guests, &guest->link);
	list_append(shared_dgram_bucket(shared, address, length), &guest->bucket);
	outlet_join(&guest->outlet);
	return guest;
}

/* Nothing is sent to a guest that is muted, so that nothing would tell that it is gone; and it holds what others could use. */
static void shared_dgram_on_look(void *owner, uint64_t now_us)
{
	struct shared_dgram *shared = owner;
	bool more = false;

	list_for_each_safe (at, &shared->guests) {
		struct dgram_guest *guest = container_of(at, struct dgram_guest, link);

		if (!guest->outlet.muted)
			continue;
		if (dgram_address_is_alive(&guest->address, guest->length))
			more = true;
		else
			dgram_guest_leave(&guest->outlet, dgram_guest_why(-ECONNREFUSED));
	}
	if (more)
		shared_dgram_look_later(shared, now_us);
}

/* A newcomer whose name leads nowhere from here, or to where we may not write, would join with every datagram, and leave. */
static bool shared_dgram_reaches(struct shared_dgram *shared, const struct sockaddr_un *address, socklen_t length)
{
	bool relative = dgram_address_is_relative(address);
	uint64_t now_us = loop_now_us(shared_dgram_loop(shared));
	int code = dgram_address_probe(address, length);
	char far_end[DGRAM_ADDRESS_TEXT_BYTES];

	if (code != -EACCES && !(relative && (code == -ENOENT || code == -ECONNREFUSED)))
		return true;
	endpoint_drop(&shared->endpoint, DROP_DATAGRAM_NO_ADDRESS);
	if (shared->unreached_us && now_us - shared->unreached_us < SHARED_DGRAM_TELL_US)
		return false;
	shared->unreached_us = now_us;
	dgram_address_format(address, length, far_end);
	endpoint_notice(&shared->endpoint, "%s: a guest at %s cannot be answered: %s; %s", shared->endpoint.setup->name,
			far_end, error_name(code),
			relative ? "bind its socket to an absolute path"
				 : "let this user write to its socket, or run both as one user");
	return false;
}

/* A new guest finds all places taken: perhaps somebody has gone without a word. A few are asked, in turn. */
static bool shared_dgram_make_place(struct shared_dgram *shared)
{
	for (int i = 0; i < SHARED_DGRAM_PROBES && shared->endpoint.guests >= shared->endpoint.guests_max; i++) {
		struct list *first = list_take(&shared->guests);
		struct dgram_guest *guest = container_of(first, struct dgram_guest, link);

		list_append(&shared->guests, first);
		if (!dgram_address_is_alive(&guest->address, guest->length))
			dgram_guest_leave(&guest->outlet, "its socket is gone");
	}
	return shared->endpoint.guests < shared->endpoint.guests_max;
}

/* Who sent it; NULL when it may not be here, which is counted. */
static struct dgram_guest *shared_dgram_sender(struct shared_dgram *shared, const struct sockaddr_un *address,
					       socklen_t length)
{
	struct dgram_guest *guest;

	if (shared->paired) {
		address = &shared->remote;
		length = shared->remote_length;
	}
	if (length <= offsetof(struct sockaddr_un, sun_path) || length > sizeof(*address)) {
		endpoint_drop(&shared->endpoint, DROP_DATAGRAM_NO_ADDRESS);
		return NULL;
	}
	guest = shared_dgram_find(shared, address, length);
	if (guest)
		return guest;
	if (!shared_dgram_reaches(shared, address, length))
		return NULL;
	if (shared->endpoint.guests < shared->endpoint.guests_max || shared_dgram_make_place(shared))
		return shared_dgram_admit(shared, address, length);
	endpoint_refuse_guest(&shared->endpoint);
	return NULL;
}

static void shared_dgram_heard(struct dgram_guest *guest)
{
	guest->unanswered_bytes = 0;
	if (!guest->outlet.muted)
		return;
	guest->outlet.muted = false;
	if (!framequeue_empty(&guest->outlet.queue))
		dgram_guest_wait(&guest->outlet);
}

/* ---- from the guests ---- */

/* Nobody leaves between the first and the last of a batch but by shared_dgram_make_place(), and that runs while nothing is held. */
struct shared_dgram_run {
	struct dgram_guest *guest;
	size_t count;
	struct frame frames[PACKET_BATCH];
};

static void shared_dgram_run_end(struct shared_dgram_run *run)
{
	if (run->count > 0)
		ethswitch_input(&run->guest->outlet.port, run->frames, run->count);
	run->count = 0;
	run->guest = NULL;
}

static void shared_dgram_datagram(struct shared_dgram *shared, unsigned index, struct shared_dgram_run *run)
{
	const struct mmsg *message = &shared->turn.received[index];
	struct dgram_guest *guest = run->guest;
	enum drop_reason verdict;

	if (!guest || guest->length != message->header.msg_namelen ||
	    memcmp(&guest->address, &shared->turn.from[index], guest->length) != 0) {
		shared_dgram_run_end(run);
		guest = shared_dgram_sender(shared, &shared->turn.from[index], message->header.msg_namelen);
	}
	if (!guest)
		return;
	run->guest = guest;
	shared_dgram_heard(guest);
	if (packet_turn_frame(&shared->turn, index, &run->frames[run->count], &verdict))
		run->count++;
	else if (verdict != DROP_NONE)
		port_drop(&guest->outlet.port, verdict, NULL);
}

static void shared_dgram_on_ready(void *owner, unsigned events)
{
	struct shared_dgram *shared = owner;
	struct pool *pool = ethswitch_frames(shared->endpoint.setup->ethswitch);
	struct shared_dgram_run run = {.guest = NULL};
	int got = packet_turn_receive(&shared->turn, pool, shared->unix_listener.fd, true);

	(void)events;
	for (int i = 0; i < got; i++)
		shared_dgram_datagram(shared, (unsigned)i, &run);
	shared_dgram_run_end(&run);
	if (got > 0)
		packet_turn_adapt(&shared->turn, got);
	packet_turn_done(&shared->turn, pool);
	if (got == -ENOMEM)
		endpoint_drop(&shared->endpoint, DROP_POOL_EMPTY);
}

/* ---- the endpoint ---- */

static void shared_dgram_close(struct endpoint *endpoint)
{
	struct shared_dgram *shared = shared_dgram_of(endpoint);
	struct loop *loop = shared_dgram_loop(shared);

	list_for_each_safe (at, &shared->guests)
		dgram_guest_leave(&container_of(at, struct dgram_guest, link)->outlet, "closed");
	timer_clear(loop_timers(loop), &shared->retry);
	timer_clear(loop_timers(loop), &shared->look);
	loop_unwatch(loop, &shared->watch);
	unix_listener_close(&shared->unix_listener);
	free(shared);
}

static struct shared_dgram *shared_dgram_new(const struct endpoint_kind *kind, const struct endpoint_setup *setup)
{
	struct shared_dgram *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return NULL;
	endpoint_init(&shared->endpoint, kind, setup, shared_dgram_close);
	shared->unix_listener.fd = -1;
	shared->retry_us = SHARED_DGRAM_RETRY_LEAST_US;
	for (size_t i = 0; i < SHARED_DGRAM_BUCKETS; i++)
		list_init(&shared->buckets[i]);
	list_init(&shared->guests);
	list_init(&shared->waiting);
	packet_turn_init(&shared->turn);
	watch_init(&shared->watch, -1, shared_dgram_on_ready, shared);
	timer_init(&shared->retry, shared_dgram_on_retry, shared);
	timer_init(&shared->look, shared_dgram_on_look, shared);
	return shared;
}

static int shared_dgram_read_words(struct shared_dgram *shared, const struct shared_dgram_words *words,
				   struct spec *spec, struct unix_access *ret_access, struct error *ret_error)
{
	struct endpoint *endpoint = &shared->endpoint;

	endpoint->guests_max = words->remote ? 1 : ENDPOINT_GUESTS_MAX;
	shared->paired = words->remote != NULL;
	*ret_access = (struct unix_access){.has_mode = true, .mode = 0600, .group = spec_string(spec, "group")};
	if (spec_mode(spec, "mode", &ret_access->mode, ret_error) < 0)
		return -EINVAL;
	if (!words->remote && spec_u32(spec, "guests", 1, ENDPOINT_GUESTS_MAX, &endpoint->guests_max, ret_error) < 0)
		return -EINVAL;
	if (words->remote) {
		int code = socket_unix_address(words->remote, &shared->remote, &shared->remote_length, ret_error);

		if (code < 0)
			return code;
	}
	return endpoint_read_options(endpoint, spec, ret_error);
}

static int shared_dgram_start(struct shared_dgram *shared, const char *path, const struct unix_access *access,
			      struct error *ret_error)
{
	struct endpoint *endpoint = &shared->endpoint;
	int fd, code;

	code = entropy_fill(&shared->key, sizeof(shared->key));
	if (code < 0)
		return error_set(ret_error, code, "%s: no random numbers: %s", path, error_name(code));
	code = unix_listener_open(path, SOCK_DGRAM, access, &shared->unix_listener, ret_error);
	if (code < 0)
		return code;
	fd = shared->unix_listener.fd;
	shared->buffer_bytes = socket_raise_send_buffer(fd, SHARED_DGRAM_SEND_BUFFER_BYTES);
	if (shared->buffer_bytes < SHARED_DGRAM_PACKET_OVERHEAD)
		shared->buffer_bytes = SHARED_DGRAM_PACKET_OVERHEAD;
	code = endpoint_check_mtu(endpoint->setup, path, shared->buffer_bytes - SHARED_DGRAM_PACKET_OVERHEAD,
				  ret_error);
	if (code < 0)
		return code;
	watch_init(&shared->watch, fd, shared_dgram_on_ready, shared);
	code = loop_watch(shared_dgram_loop(shared), &shared->watch, LOOP_READ);
	if (code < 0)
		return error_set(ret_error, code, "%s: cannot be watched: %s", path, error_name(code));
	snprintf(endpoint->path, sizeof(endpoint->path), "%s", path);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "datagrams on %s", path);
	return 0;
}

int shared_dgram_open(const struct endpoint_kind *kind, const struct shared_dgram_words *words, struct spec *spec,
		      const struct endpoint_setup *setup, struct endpoint **ret_endpoint, struct error *ret_error)
{
	struct shared_dgram *shared = shared_dgram_new(kind, setup);
	struct unix_access access;
	int code;

	if (!shared)
		return error_set(ret_error, -ENOMEM, "%s: no memory", kind->name);
	code = shared_dgram_read_words(shared, words, spec, &access, ret_error);
	if (code == 0)
		code = shared_dgram_start(shared, words->path, &access, ret_error);
	if (code < 0) {
		shared_dgram_close(&shared->endpoint);
		return code;
	}
	/* Whoever starts later makes himself known by his first datagram. */
	if (shared->paired && dgram_address_is_alive(&shared->remote, shared->remote_length))
		shared_dgram_admit(shared, &shared->remote, shared->remote_length);
	*ret_endpoint = &shared->endpoint;
	return 0;
}
