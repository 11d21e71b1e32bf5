/* SPDX-License-Identifier: MIT */
/* Readiness on Linux. The eventfd that wakes is watched by edge and never read: each write is an edge, and the counter
 * would need centuries to fill. */
#include "loop/backend.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"

enum {
	BACKEND_EVENTS_MOST = 64,
};

struct backend {
	int epoll;
	int wake;
	bool milliseconds; /* epoll_pwait2() came with Linux 5.11 */
};

static int backend_open(struct backend *backend)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = BACKEND_WAKE};

	backend->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (backend->epoll < 0)
		return -errno;
	backend->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (backend->wake < 0)
		return -errno;
	return epoll_ctl(backend->epoll, EPOLL_CTL_ADD, backend->wake, &event) < 0 ? -errno : 0;
}

int backend_new(struct backend **ret_backend)
{
	struct backend *backend = malloc(sizeof(*backend));
	int result;

	if (!backend)
		return -ENOMEM;
	*backend = (struct backend){.epoll = -1, .wake = -1};
	result = backend_open(backend);
	if (result < 0)
		backend_free(backend);
	else
		*ret_backend = backend;
	return result;
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	if (backend->wake >= 0)
		close(backend->wake);
	if (backend->epoll >= 0)
		close(backend->epoll);
	free(backend);
}

int backend_fd(const struct backend *backend)
{
	return backend->epoll;
}

static int backend_control(struct backend *backend, int operation, int fd, unsigned events, uint64_t key)
{
	struct epoll_event event = {.data.u64 = key};

	/* EPOLLHUP and EPOLLERR are always told. EPOLLRDHUP and EPOLLPRI are asked for by edge only: a flow whose far
	 * end has only stopped sending lives on, and would be told for ever. */
	if (events & LOOP_READ)
		event.events |= EPOLLIN;
	if (events & LOOP_WRITE)
		event.events |= EPOLLOUT;
	if (events & LOOP_EDGE)
		event.events |= (unsigned)EPOLLET | EPOLLRDHUP | EPOLLPRI;
	return epoll_ctl(backend->epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int backend_add(struct backend *backend, int fd, unsigned events, uint64_t key)
{
	return backend_control(backend, EPOLL_CTL_ADD, fd, events, key);
}

int backend_change(struct backend *backend, int fd, unsigned was, unsigned events, uint64_t key)
{
	(void)was;
	return backend_control(backend, EPOLL_CTL_MOD, fd, events, key);
}

void backend_remove(struct backend *backend, int fd, unsigned was)
{
	(void)was;
	(void)epoll_ctl(backend->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void backend_wake(struct backend *backend)
{
	uint64_t one = 1;
	int keep = errno; /* a signal handler's caller must not see it change */

	(void)!write(backend->wake, &one, sizeof(one));
	errno = keep;
}

static int backend_wait_ms(struct backend *backend, struct epoll_event *events, int most, int64_t timeout_us)
{
	int64_t timeout_ms = timeout_us < 0 ? -1 : timeout_us / 1000 + (timeout_us % 1000 > 0);

	return epoll_wait(backend->epoll, events, most, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
}

static int backend_wait_ns(struct backend *backend, struct epoll_event *events, int most, int64_t timeout_us)
{
	struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};

	return epoll_pwait2(backend->epoll, events, most, timeout_us < 0 ? NULL : &timeout, NULL);
}

static unsigned backend_events(uint32_t events)
{
	unsigned told = 0;

	if (events & EPOLLIN)
		told |= LOOP_READ;
	if (events & EPOLLOUT)
		told |= LOOP_WRITE;
	if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP | EPOLLPRI))
		told |= LOOP_HANGUP;
	return told;
}

int backend_wait(struct backend *backend, struct backend_event *events, int most, int64_t timeout_us)
{
	struct epoll_event ready[BACKEND_EVENTS_MOST];
	int count = -1;

	if (most > BACKEND_EVENTS_MOST)
		most = BACKEND_EVENTS_MOST;
	if (!backend->milliseconds && timeout_us > 0) {
		count = backend_wait_ns(backend, ready, most, timeout_us);
		/* EPERM too: seccomp filters made before the call existed refuse it so. */
		backend->milliseconds = count < 0 && (errno == ENOSYS || errno == EPERM);
	}
	if (backend->milliseconds || timeout_us <= 0)
		count = backend_wait_ms(backend, ready, most, timeout_us);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++)
		events[i] = (struct backend_event){ready[i].data.u64, backend_events(ready[i].events)};
	return count;
}
