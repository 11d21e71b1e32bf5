/* SPDX-License-Identifier: MIT */
/* Requests are answered in their order, so that a ring of those under way says what an answer is for. */
#include "daemon/inside.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/insider.h"
#include "daemon/procfile.h"
#include "hostnet/detour.h"
#include "os/clock.h"
#include "os/socket.h"

enum { INSIDE_KINDS = 4 }; /* two families, two types */

/* Unconnected sockets of one kind. */
struct inside_ready {
	int family, type;
	int fds[INSIDE_READY_MOST];
	unsigned count;
	unsigned wanted; /* this many are kept */
	bool asked;
	bool missed; /* somebody wanted one and there was none */
	int error;   /* why there is none; told once */
};

struct inside_asked {
	struct inside_ready *ready; /* INSIDER_SOCKETS; else */
	int family, type;
	bool table;
	void (*on_answer)(void *owner, int result);
	void *owner;
};

struct inside {
	struct inside_config config;
	struct gw_watch *watch; /* NULL: the insider has gone */
	struct gw_dialler *dialler;
	struct inside_ready ready[INSIDE_KINDS];
	struct inside_asked asked[INSIDE_ASKED_MAX];
	unsigned asked_first, asked_count;
};

/* ---- asking ---- */

static int inside_ask(struct inside *inside, const struct insider_request *request, const struct inside_asked *asked)
{
	int result;

	if (!inside->watch)
		return -EPIPE;
	if (inside->asked_count == INSIDE_ASKED_MAX)
		return -ENOBUFS;
	result = rights_send(inside->config.channel, request, sizeof(*request), NULL, 0);
	if (result < 0)
		return result == -EAGAIN ? -ENOBUFS : result;
	inside->asked[(inside->asked_first + inside->asked_count++) % INSIDE_ASKED_MAX] = *asked;
	return 0;
}

static void inside_fill(struct inside *inside, struct inside_ready *ready)
{
	const struct insider_request request = {.want = INSIDER_SOCKETS,
						.count = ready->wanted - ready->count,
						.family = ready->family,
						.type = ready->type};
	const struct inside_asked asked = {.ready = ready};

	if (!ready->asked && request.count > 0 && inside_ask(inside, &request, &asked) == 0)
		ready->asked = true;
}

/* gw_dialler_config.open */
static int inside_open(void *owner, int family, int type)
{
	struct inside *inside = owner;
	struct inside_ready *ready = inside->ready;
	int error;

	while (ready->family != family || ready->type != type) {
		if (++ready == inside->ready + INSIDE_KINDS)
			return -EAFNOSUPPORT;
	}
	if (ready->count > 0) {
		int fd = ready->fds[--ready->count];

		if (ready->count < ready->wanted / 2)
			inside_fill(inside, ready);
		return fd;
	}
	error = ready->error;
	ready->error = 0;
	if (error < 0)
		return error;
	ready->wanted = INSIDE_READY_MOST;
	ready->missed = true;
	inside_fill(inside, ready);
	return inside->watch ? -EAGAIN : -EPIPE;
}

/* gw_dialler_config.detour */
static int inside_detour(void *owner, const struct sockaddr *guest, const struct sockaddr *far, bool on)
{
	struct inside *inside = owner;

	if (on)
		return detour_add(inside->config.detour, guest, far);
	detour_remove(inside->config.detour, guest, far);
	return 0;
}

int inside_bind(struct inside *inside, const struct inside_wish *wish, void (*on_answer)(void *owner, int result),
		void *owner)
{
	const struct inside_asked asked = {.family = wish->family,
					   .type = wish->type,
					   .on_answer = on_answer,
					   .owner = owner};
	struct insider_request request = {.want = INSIDER_BIND,
					  .family = wish->family,
					  .type = wish->type,
					  .address_bytes = wish->address_bytes,
					  .address = wish->address};

	if (wish->ifname) {
		if (strlen(wish->ifname) >= sizeof(request.ifname))
			return -ENODEV;
		memcpy(request.ifname, wish->ifname, strlen(wish->ifname) + 1);
	}
	return inside_ask(inside, &request, &asked);
}

int inside_open_table(struct inside *inside, int family, int type, void (*on_answer)(void *owner, int result),
		      void *owner)
{
	const struct inside_asked asked = {
		.family = family, .type = type, .table = true, .on_answer = on_answer, .owner = owner};
	const struct insider_request request = {.want = INSIDER_TABLE, .family = family, .type = type};

	return inside_ask(inside, &request, &asked);
}

/* ---- answers ---- */

static bool inside_is_socket(int fd, int family, int type)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	int found;

	return socket_type(fd, &found) == 0 && found == type &&
	       getsockname(fd, (struct sockaddr *)&address, &length) == 0 && address.ss_family == family &&
	       socket_set_nonblocking(fd) == 0;
}

static bool inside_is_sound(const struct inside_asked *asked, const struct insider_answer *answer, const int *fds,
			    size_t count)
{
	size_t most = asked->ready ? asked->ready->wanted - asked->ready->count : 1;
	int family = asked->ready ? asked->ready->family : asked->family;
	int type = asked->ready ? asked->ready->type : asked->type;

	if (count > most || answer->error > 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (asked->table ? !procfile_is(fds[i]) : !inside_is_socket(fds[i], family, type))
			return false;
	}
	return true;
}

static void inside_take(struct inside *inside, const struct inside_asked *asked, const struct insider_answer *answer,
			const int *fds, size_t count)
{
	struct inside_ready *ready = asked->ready;
	bool missed;

	if (!ready) {
		asked->on_answer(asked->owner, count > 0 ? fds[0] : answer->error);
		return;
	}
	missed = ready->missed;
	ready->asked = ready->missed = false;
	ready->error = count == 0 && missed ? answer->error : 0;
	for (size_t i = 0; i < count; i++)
		ready->fds[ready->count++] = fds[i];
	if (missed)
		gw_dialler_ready(inside->dialler);
}

/* Whoever waits still is told, and the network does without. */
static void inside_end(struct inside *inside, int error)
{
	gw_watch_free(inside->watch);
	inside->watch = NULL;
	while (inside->asked_count > 0) {
		struct inside_asked asked = inside->asked[inside->asked_first];

		inside->asked_first = (inside->asked_first + 1) % INSIDE_ASKED_MAX;
		inside->asked_count--;
		if (asked.on_answer)
			asked.on_answer(asked.owner, error);
	}
	gw_dialler_free(inside->dialler);
	inside->dialler = NULL;
	for (int i = 0; i < INSIDE_KINDS; i++) {
		while (inside->ready[i].count > 0)
			close(inside->ready[i].fds[--inside->ready[i].count]);
	}
}

static void inside_fail(struct inside *inside, const char *text)
{
	inside_end(inside, -EPIPE);
	if (inside->config.on_notice)
		inside->config.on_notice(inside->config.owner, text);
}

/* False: nothing more is there. */
static bool inside_receive(struct inside *inside)
{
	struct insider_answer answer;
	struct inside_asked asked;
	int fds[RIGHTS_FDS_MAX];
	size_t count = 0;
	ssize_t got = rights_receive(inside->config.channel, &answer, sizeof(answer), fds, &count);

	if (got == -EAGAIN)
		return false;
	if (got <= 0) {
		inside_fail(inside, "the process inside the namespace has gone: what is on the loopback interfaces "
				    "goes as packets from now on");
		return false;
	}
	/* They were sent, and this process had no room for them. */
	if (count == 0 && answer.error == 0)
		answer.error = -EMFILE;
	asked = inside->asked[inside->asked_first];
	if (got != (ssize_t)sizeof(answer) || inside->asked_count == 0 ||
	    !inside_is_sound(&asked, &answer, fds, count)) {
		while (count > 0)
			close(fds[--count]);
		inside_fail(inside, "the process inside the namespace gave nonsense: it is not asked any more");
		return false;
	}
	inside->asked_first = (inside->asked_first + 1) % INSIDE_ASKED_MAX;
	inside->asked_count--;
	inside_take(inside, &asked, &answer, fds, count);
	return inside->watch;
}

static void inside_on_ready(void *owner, unsigned events)
{
	struct inside *inside = owner;

	(void)events;
	for (int i = 0; i < INSIDE_ASKED_MAX && inside_receive(inside); i++)
		;
}

int inside_wait(struct inside *inside, uint64_t timeout_us)
{
	uint64_t end_us = clock_now_us(NULL) + timeout_us, now_us;

	while (inside->watch && inside->asked_count > 0) {
		struct pollfd poll_fd = {.fd = inside->config.channel, .events = POLLIN};

		now_us = clock_now_us(NULL);
		if (now_us >= end_us)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, (int)((end_us - now_us) / 1000) + 1) > 0)
			inside_on_ready(inside, 0);
	}
	return inside->watch ? 0 : -EPIPE;
}

/* ---- life ---- */

static void inside_init_ready(struct inside *inside)
{
	static const int families[] = {AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (int i = 0; i < INSIDE_KINDS; i++)
		inside->ready[i] = (struct inside_ready){.family = families[i / 2],
							 .type = types[i % 2],
							 .wanted = INSIDE_READY_FIRST};
}

static int inside_start(struct inside *inside, struct gw_error *ret_error)
{
	struct gw_dialler_config config = GW_INIT(struct gw_dialler_config);
	int result = socket_set_nonblocking(inside->config.channel);

	if (result >= 0)
		result = gw_watch_new(inside->config.network, inside->config.channel, 1, inside_on_ready, inside,
				      &inside->watch);
	if (result < 0)
		return result;
	config.address4 = inside->config.address4 && *inside->config.address4 ? inside->config.address4 : NULL;
	config.address6 = inside->config.address6 && *inside->config.address6 ? inside->config.address6 : NULL;
	config.open = inside_open;
	config.detour = inside->config.detour && inside->config.detour->routes >= 0 ? inside_detour : NULL;
	config.owner = inside;
	return gw_dialler_new(inside->config.network, &config, &inside->dialler, ret_error);
}

int inside_new(const struct inside_config *config, struct inside **ret_inside, struct error *ret_error)
{
	struct inside *inside = calloc(1, sizeof(*inside));
	struct gw_error why = {0};
	int result;

	if (!inside)
		return error_set(ret_error, -ENOMEM, "out of memory");
	inside->config = *config;
	inside_init_ready(inside);
	result = inside_start(inside, &why);
	if (result < 0) {
		error_set(ret_error, result, "the namespace's sockets: %s",
			  why.text[0] ? why.text : error_name(result));
		inside_free(inside);
		return result;
	}
	for (int i = 0; i < INSIDE_KINDS; i++)
		inside_fill(inside, &inside->ready[i]);
	*ret_inside = inside;
	return 0;
}

void inside_free(struct inside *inside)
{
	if (!inside)
		return;
	inside_end(inside, -ECANCELED);
	free(inside);
}

struct gw_dialler *inside_dialler(struct inside *inside)
{
	return inside->dialler;
}
