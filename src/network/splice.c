/* SPDX-License-Identifier: MIT */
/* Theory of operation. A pair has two sides; a side is a socket, watched by edge, and the direction of the bytes that come
 * from it. A direction has a pipe only while something of it waits there: pipes come from the table, so that an idle pair
 * costs two descriptors, and a connection never costs the making of a pipe.
 *
 * A direction is moved until it must stop, and then something will start it again:
 *   nothing in the pipe, and the socket has nothing       the next edge on its own socket
 *   something in the pipe, and the other socket is full    the next edge on the other socket
 *   its share of the turn is used up                       the table's list of turns
 *   no pipe to be had                                      the table's list of the starved, and the table's timer
 *   it streams, and what the socket has is less than       the next edge, or its pause (accrue.h)
 *     accrues
 * The pipe is filled only when empty: so -EAGAIN has one meaning, and no more is held than one filling.
 *
 * Ends. A side that stops sending: its pipe is emptied, then the other socket is shut for writing. A side that fails: what it
 * sent before still goes to the other, and once that has left this machine's socket, or SPLICE_LINGER_US is over, the other
 * is reset, too. */
#include "network/splice.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/list.h"
#include "network/accrue.h"
#include "os/pipe.h"
#include "os/socket.h"

enum splice_state {
	SPLICE_STATE_WAITING,    /* for a socket of the far side */
	SPLICE_STATE_CONNECTING, /* the far side; the near one is not read yet */
	SPLICE_STATE_OPEN,
	SPLICE_STATE_ENDING, /* a side failed; on the table's list of those to look at */
};

struct side {
	struct watch watch;
	struct splice *splice;
	struct pipe *pipe; /* what came from here and did not go yet; NULL: nothing */
	struct accrual accrual;
	uint64_t bytes; /* that came from here */
	bool readable, writable;
	bool hung;   /* its end, its failure or urgent data is there, perhaps behind other data */
	bool ended;  /* nothing more will come from here */
	bool shut;   /* it was told that nothing more will come from the other */
	bool failed; /* it was reset */
};

struct splice {
	struct list link; /* of the table's pairs */
	struct list turn; /* of the turns or the starved */
	struct list look; /* of those to look at: waiting or ending */
	struct splice_table *table;
	enum splice_state state;
	struct splice_keeper keeper; /* on_end NULL: nobody */
	uint64_t moved_us;
	uint64_t deadline_us;          /* WAITING and ENDING */
	const struct dialler *dialler; /* WAITING */
	struct sockaddr_storage to;
	socklen_t to_bytes;
	struct side near, far;
};

struct splice_table {
	struct splice_table_config config;
	struct list pairs, turns, starved, looks;
	size_t count;
	struct task task;
	struct timer timer;
	struct pipe *spare[SPLICE_PIPES_SPARE];
	unsigned spares;
	uint64_t noticed_us; /* 0: never */
	struct splice_counters counters;
};

/* ---- pipes ---- */

static void splice_notice(struct splice_table *table, const char *text)
{
	const uint64_t pause_us = (uint64_t)60 * 1000 * 1000, now_us = loop_now_us(table->config.loop);

	if (!table->config.on_notice || (table->noticed_us && now_us - table->noticed_us < pause_us))
		return;
	table->noticed_us = now_us ? now_us : 1;
	table->config.on_notice(table->config.owner, text);
}

static void splice_look_later(struct splice_table *table)
{
	if (!table->timer.set)
		timer_set(loop_timers(table->config.loop), &table->timer,
			  loop_now_us(table->config.loop) + SPLICE_LOOK_US);
}

static bool side_get_pipe(struct side *side)
{
	struct splice_table *table = side->splice->table;

	if (side->pipe)
		return true;
	if (table->spares > 0)
		side->pipe = table->spare[--table->spares];
	else if (pipe_new(SPLICE_PIPE_BYTES, &side->pipe) < 0) {
		splice_notice(table, "no descriptor is left for a pipe: connections over the loopback interface wait; "
				     "raise the limit of open files (ulimit -n)");
		list_remove(&side->splice->turn);
		list_append(&table->starved, &side->splice->turn);
		splice_look_later(table);
		return false;
	}
	return true;
}

static void splice_take_turn(struct splice *splice)
{
	list_remove(&splice->turn);
	list_append(&splice->table->turns, &splice->turn);
	loop_defer(splice->table->config.loop, &splice->table->task);
}

/* One that still holds something is of no use to another. */
static void side_put_pipe(struct side *side)
{
	struct splice_table *table = side->splice->table;
	struct pipe *pipe = side->pipe;

	side->pipe = NULL;
	if (!pipe)
		return;
	if (pipe_held(pipe) == 0 && table->spares < SPLICE_PIPES_SPARE)
		table->spare[table->spares++] = pipe;
	else
		pipe_free(pipe);
	if (!list_empty(&table->starved))
		splice_take_turn(container_of(table->starved.next, struct splice, turn));
}

/* ---- life and death of a pair ---- */

static void side_close(struct side *side, bool reset)
{
	side_put_pipe(side);
	accrue_end(&side->accrual);
	if (side->watch.fd < 0)
		return;
	loop_unwatch(side->splice->table->config.loop, &side->watch);
	if (reset)
		socket_reset(side->watch.fd);
	else
		close(side->watch.fd);
}

static void splice_end(struct splice *splice, bool reset)
{
	const struct splice_keeper keeper = splice->keeper;
	struct splice_table *table = splice->table;
	struct splice_info last;
	int kept = -1;

	/* First from the lists: a pipe that comes back would give this one its turn. */
	list_remove(&splice->turn);
	list_remove(&splice->look);
	list_remove(&splice->link);
	if (keeper.on_end && !reset) {
		kept = splice->near.watch.fd;
		accrue_end(&splice->near.accrual);
		loop_unwatch(table->config.loop, &splice->near.watch);
		splice->near.watch.fd = -1;
	}
	side_close(&splice->near, reset);
	side_close(&splice->far, reset);
	table->counters.connections_reset += reset;
	table->count--;
	splice_look_at(splice, &last);
	last.near = last.far = -1;
	free(splice);
	if (keeper.on_end)
		keeper.on_end(keeper.owner, kept, &last);
}

static void splice_end_later(struct splice *splice, uint64_t after_us)
{
	splice->deadline_us = loop_now_us(splice->table->config.loop) + after_us;
	list_remove(&splice->look);
	list_append(&splice->table->looks, &splice->look);
	splice_look_later(splice->table);
}

/* ---- moving ---- */

/* One filling of the pipe. False: stop. */
static bool side_fill(struct side *from)
{
	bool all = false;
	ssize_t got;

	if (from->ended || !from->readable || !side_get_pipe(from))
		return false;
	got = pipe_fill(from->pipe, from->watch.fd, &all);
	/* A failure is told once; and an end already before an urgent byte, of which the loop may not have told yet. */
	from->failed = from->failed || (got < 0 && got != -EAGAIN);
	if (got <= 0 && (got != -EAGAIN || from->hung))
		got = pipe_fill_urgent(from->pipe, from->watch.fd);
	if (got > 0) {
		from->bytes += (uint64_t)got;
		/* What comes later is a new edge; what came with the data is none. */
		if (all && !from->hung)
			from->readable = false;
		return true;
	}
	if (got == -EAGAIN)
		from->readable = false;
	else
		from->ended = true;
	if (got < 0 && got != -EAGAIN)
		from->failed = true;
	return false;
}

/* False: stop. */
static bool side_drain(struct side *from, struct side *to, size_t *moved)
{
	ssize_t put;

	if (!to->writable)
		return false;
	put = pipe_drain(from->pipe, to->watch.fd);
	if (put > 0) {
		*moved += (size_t)put;
		return true;
	}
	to->writable = false;
	to->failed = to->failed || put != -EAGAIN;
	return false;
}

/* What came from `from`, until it must stop. True: only because its share of the turn is used up. */
static bool side_move(struct side *from, struct side *to)
{
	struct splice_counters *counters = &from->splice->table->counters;
	const uint64_t before = from->bytes;
	size_t moved = 0;
	bool more = true;

	while (more && !to->failed && moved < SPLICE_TURN_BYTES) {
		if (from->pipe && pipe_held(from->pipe) > 0)
			more = side_drain(from, to, &moved);
		else
			more = side_fill(from);
	}
	*(from == &from->splice->near ? &counters->bytes_from_client : &counters->bytes_to_client) += moved;
	if (moved > 0)
		from->splice->moved_us = loop_now_us(from->splice->table->config.loop);
	if (from->bytes > before)
		accrue_moved(&from->accrual, from->watch.fd, (size_t)(from->bytes - before));
	if (from->pipe && (to->failed || pipe_held(from->pipe) == 0))
		side_put_pipe(from);
	return more && !to->failed;
}

/* Nothing of it will go any more. */
static bool side_is_through(const struct side *from, const struct side *to)
{
	return to->failed || (from->ended && !from->pipe);
}

/* The end of what came from it, told to the other. A failure is told otherwise. */
static void side_pass_end(const struct side *from, struct side *to)
{
	if (!from->ended || from->pipe || from->failed || to->failed || to->shut)
		return;
	to->shut = true;
	/* -ENOTCONN: it was reset meanwhile, and reading it will say so. */
	(void)shutdown(to->watch.fd, SHUT_WR);
}

/* All was handed over that came before the failure, and has left: what is in a socket when it is reset is lost. */
static bool splice_may_reset(const struct splice *splice)
{
	const struct side *whole = splice->near.failed ? &splice->far : &splice->near;
	uint32_t unsent = 0;

	if (splice->near.failed && splice->far.failed)
		return true;
	if (loop_now_us(splice->table->config.loop) >= splice->deadline_us)
		return true;
	if (!side_is_through(&splice->near, &splice->far) || !side_is_through(&splice->far, &splice->near))
		return false;
	return socket_unread(whole->watch.fd, &unsent) < 0 || unsent == 0;
}

/* Moves what can be moved, and ends the pair when it is over. The pair may be gone afterwards. */
static void splice_move(struct splice *splice)
{
	struct side *near = &splice->near, *far = &splice->far;
	bool more = side_move(near, far);

	more = side_move(far, near) || more;
	side_pass_end(near, far);
	side_pass_end(far, near);
	if ((near->failed || far->failed) && splice->state != SPLICE_STATE_ENDING) {
		splice->state = SPLICE_STATE_ENDING;
		splice_end_later(splice, SPLICE_LINGER_US);
	}
	if (splice->state == SPLICE_STATE_ENDING && splice_may_reset(splice))
		splice_end(splice, true);
	else if (near->shut && far->shut)
		splice_end(splice, false);
	else if (more)
		splice_take_turn(splice);
}

/* ---- connecting ---- */

static void splice_refuse(struct splice *splice)
{
	splice->table->counters.connections_refused++;
	splice_end(splice, true);
}

static void splice_on_near(void *owner, unsigned events);

static void splice_open(struct splice *splice)
{
	const int on = 1;
	int error;

	splice->state = SPLICE_STATE_OPEN;
	/* What is passed on has waited once already, at its sender's. Other sockets than TCP's know no such thing. */
	(void)setsockopt(splice->near.watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(splice->far.watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	splice->near.readable = splice->near.writable = true;
	splice->far.readable = splice->far.writable = true;
	error = loop_watch(splice->table->config.loop, &splice->near.watch, LOOP_READ | LOOP_WRITE | LOOP_EDGE);
	if (error < 0)
		splice_end(splice, true);
	else
		splice_move(splice);
}

static bool side_has_error(const struct side *side)
{
	int error = 0;
	socklen_t length = sizeof(error);

	return getsockopt(side->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0;
}

/* A connected socket has a peer; one that is connecting, or failed to, has none. */
static void splice_look_connected(struct splice *splice)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (getpeername(splice->far.watch.fd, (struct sockaddr *)&peer, &length) == 0)
		splice_open(splice);
	else if (side_has_error(&splice->far))
		splice_refuse(splice);
}

static void side_on_ready(struct side *side, unsigned events)
{
	struct splice *splice = side->splice;

	if (splice->state == SPLICE_STATE_CONNECTING) {
		splice_look_connected(splice);
		return;
	}
	side->hung = side->hung || (events & LOOP_HANGUP);
	/* A hangup is read: after the data it is an end or an error. */
	side->readable = side->readable || (events & (LOOP_READ | LOOP_HANGUP));
	side->writable = side->writable || (events & (LOOP_WRITE | LOOP_HANGUP));
	/* Behind its end nothing is read that would tell of a reset. */
	if (events & LOOP_HANGUP && side->ended && !side->failed)
		side->failed = side_has_error(side);
	splice_move(splice);
}

static void splice_on_near(void *owner, unsigned events)
{
	side_on_ready(&((struct splice *)owner)->near, events);
}

static void splice_on_far(void *owner, unsigned events)
{
	side_on_ready(&((struct splice *)owner)->far, events);
}

/* The pair may be gone afterwards. */
static void side_on_pause(void *owner)
{
	struct side *side = owner;

	side->readable = true;
	splice_move(side->splice);
}

/* The loopback interface connects within the call, mostly: then no turn is waited for. 0 or negative errno, and then the far
 * descriptor is the caller's still. */
static int splice_set_far(struct splice *splice, int fd)
{
	int error;

	watch_init(&splice->far.watch, fd, splice_on_far, splice);
	error = loop_watch(splice->table->config.loop, &splice->far.watch, LOOP_READ | LOOP_WRITE | LOOP_EDGE);
	if (error < 0) {
		splice->far.watch.fd = -1;
		return error;
	}
	splice->state = SPLICE_STATE_CONNECTING;
	splice_look_connected(splice);
	return 0;
}

/* Asks for a socket and connects it. The pair may be gone, or wait, afterwards. */
static void splice_connect(struct splice *splice)
{
	int fd = splice->dialler->open(splice->dialler->owner, splice->to.ss_family, SOCK_STREAM);

	if (fd == -EAGAIN)
		return;
	list_remove(&splice->look);
	if (fd >= 0)
		socket_stay_here(fd);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&splice->to, splice->to_bytes) < 0 && errno != EINPROGRESS) {
		close(fd);
		fd = -ECONNREFUSED;
	}
	if (fd < 0) {
		splice_refuse(splice);
	} else if (splice_set_far(splice, fd) < 0) {
		close(fd);
		splice_end(splice, true);
	}
}

static int splice_make(struct splice_table *table, int near, struct splice **ret_splice)
{
	struct splice *splice;

	if (splice_table_is_full(table)) {
		table->counters.connections_full++;
		splice_notice(table, "too many connections over the loopback interface: another one was reset");
		return -ENFILE;
	}
	splice = calloc(1, sizeof(*splice));
	if (!splice)
		return -ENOMEM;
	list_init(&splice->turn);
	list_init(&splice->look);
	splice->table = table;
	splice->near.splice = splice->far.splice = splice;
	accrue_init(&splice->near.accrual, table->config.loop, side_on_pause, &splice->near);
	accrue_init(&splice->far.accrual, table->config.loop, side_on_pause, &splice->far);
	splice->far.watch.fd = -1;
	watch_init(&splice->near.watch, near, splice_on_near, splice);
	list_append(&table->pairs, &splice->link);
	table->count++;
	*ret_splice = splice;
	return 0;
}

/* It never came to be: the near descriptor goes back to the caller. */
static void splice_unmake(struct splice *splice)
{
	splice->keeper.on_end = NULL;
	splice->near.watch.fd = -1;
	splice_end(splice, false);
}

int splice_keep(struct splice_table *table, int near, int far, const struct splice_keeper *keeper,
		struct splice **ret_splice)
{
	struct splice *splice;
	int error = splice_make(table, near, &splice);

	if (error < 0)
		return error;
	if (keeper) {
		splice->keeper = *keeper;
		*ret_splice = splice;
	}
	error = splice_set_far(splice, far);
	if (error < 0) {
		splice_unmake(splice);
		return error;
	}
	table->counters.connections++;
	return 0;
}

int splice_new(struct splice_table *table, int near, int far)
{
	return splice_keep(table, near, far, NULL, NULL);
}

void splice_reset(struct splice *splice)
{
	splice->keeper.on_end = NULL;
	splice_end(splice, true);
}

int splice_dial(struct splice_table *table, int near, const struct dialler *dialler, const struct sockaddr *to,
		socklen_t length)
{
	struct splice *splice;
	int error;

	if (length > sizeof(splice->to))
		return -EINVAL;
	error = splice_make(table, near, &splice);
	if (error < 0)
		return error;
	splice->dialler = dialler;
	memcpy(&splice->to, to, length);
	splice->to_bytes = length;
	socket_stay_here(near);
	splice_end_later(splice, SPLICE_SOCKET_US);
	table->counters.connections++;
	splice_connect(splice);
	return 0;
}

/* ---- the table ---- */

/* Those there at the start: one that takes another turn waits for the next. */
static void splice_table_on_turn(void *owner)
{
	struct splice_table *table = owner;
	struct list now, *link;

	list_init(&now);
	list_append_all(&now, &table->turns);
	while ((link = list_take(&now)))
		splice_move(container_of(link, struct splice, turn));
}

static void splice_look(struct splice *splice, uint64_t now_us)
{
	if (splice->state == SPLICE_STATE_ENDING) {
		splice_move(splice);
		return;
	}
	assert(splice->state == SPLICE_STATE_WAITING);
	if (now_us >= splice->deadline_us)
		splice_refuse(splice);
}

static void splice_table_on_timer(void *owner, uint64_t now_us)
{
	struct splice_table *table = owner;

	list_for_each_safe (at, &table->looks)
		splice_look(container_of(at, struct splice, look), now_us);
	/* Perhaps a descriptor was closed elsewhere. One try is enough to know. */
	if (!list_empty(&table->starved))
		splice_take_turn(container_of(table->starved.next, struct splice, turn));
	if (!list_empty(&table->looks) || !list_empty(&table->starved))
		splice_look_later(table);
}

int splice_table_new(const struct splice_table_config *config, struct splice_table **ret_table)
{
	struct splice_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->config = *config;
	if (table->config.most == 0)
		table->config.most = SPLICE_PAIRS_MAX;
	list_init(&table->pairs);
	list_init(&table->turns);
	list_init(&table->starved);
	list_init(&table->looks);
	task_init(&table->task, splice_table_on_turn, table);
	timer_init(&table->timer, splice_table_on_timer, table);
	*ret_table = table;
	return 0;
}

void splice_table_free(struct splice_table *table)
{
	if (!table)
		return;
	list_for_each_safe (at, &table->pairs)
		splice_end(container_of(at, struct splice, link), true);
	while (table->spares > 0)
		pipe_free(table->spare[--table->spares]);
	loop_cancel(table->config.loop, &table->task);
	timer_clear(loop_timers(table->config.loop), &table->timer);
	free(table);
}

void splice_table_retry(struct splice_table *table)
{
	list_for_each_safe (at, &table->looks) {
		struct splice *splice = container_of(at, struct splice, look);

		if (splice->state == SPLICE_STATE_WAITING)
			splice_connect(splice);
	}
}

void splice_table_forget(struct splice_table *table, const struct dialler *dialler)
{
	list_for_each_safe (at, &table->looks) {
		struct splice *splice = container_of(at, struct splice, look);

		if (splice->state == SPLICE_STATE_WAITING && splice->dialler == dialler)
			splice_refuse(splice);
	}
}

bool splice_table_is_full(const struct splice_table *table)
{
	return table->count >= table->config.most;
}

size_t splice_table_count(const struct splice_table *table)
{
	return table->count;
}

const struct splice_counters *splice_table_counters(const struct splice_table *table)
{
	return &table->counters;
}

static const char *splice_state_name(enum splice_state state)
{
	switch (state) {
	case SPLICE_STATE_WAITING:
	case SPLICE_STATE_CONNECTING:
		return "connecting";
	case SPLICE_STATE_OPEN:
		return "open";
	case SPLICE_STATE_ENDING:
		return "ending";
	}
	return "";
}

void splice_look_at(const struct splice *splice, struct splice_info *ret_info)
{
	*ret_info = (struct splice_info){.state = splice_state_name(splice->state),
					 .near = splice->near.watch.fd,
					 .far = splice->far.watch.fd,
					 .from_near_bytes = splice->near.bytes,
					 .to_near_bytes = splice->far.bytes,
					 .moved_us = splice->moved_us};
}

void splice_table_each(const struct splice_table *table, void (*on_pair)(void *owner, const struct splice_info *info),
		       void *owner)
{
	list_for_each (at, &table->pairs) {
		struct splice_info info;

		splice_look_at(container_of(at, struct splice, link), &info);
		on_pair(owner, &info);
	}
}
