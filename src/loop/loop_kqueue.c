/* SPDX-License-Identifier: MIT */
/* Readiness on macOS. kqueue tells reading and writing as two events and has no event for a hangup alone: with nothing
 * asked, a read filter by edge stands in, and only its end of file is told. Compiled on Linux only by its contract test,
 * over the stand-in of tests/platform/kqueue; not yet run on macOS. */
#include "loop/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
/* after sys/types.h, which it needs and does not include */
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"

enum {
	BACKEND_EVENTS_MOST = 64,
};

struct backend {
	int kqueue;
};

static void *backend_udata(uint64_t key)
{
	return (void *)(uintptr_t)key;
}

static uint64_t backend_key(const struct kevent *event)
{
	return (uint64_t)(uintptr_t)event->udata;
}

int backend_new(struct backend **ret_backend)
{
	struct backend *backend = malloc(sizeof(*backend));
	struct kevent wake;
	int result = -ENOMEM;

	if (!backend)
		return result;
	backend->kqueue = kqueue();
	if (backend->kqueue < 0)
		goto fail;
	EV_SET(&wake, 0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, backend_udata(BACKEND_WAKE));
	if (kevent(backend->kqueue, &wake, 1, NULL, 0, NULL) < 0)
		goto fail;
	*ret_backend = backend;
	return 0;

fail:
	result = -errno;
	backend_free(backend);
	return result;
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	if (backend->kqueue >= 0)
		close(backend->kqueue);
	free(backend);
}

int backend_fd(const struct backend *backend)
{
	return backend->kqueue;
}

/* EV_CLEAR or not, of the filters that `events` needs. Reading is always watched: the end of file comes by it. */
static uint16_t backend_read_flags(unsigned events)
{
	return !(events & LOOP_READ) || (events & LOOP_EDGE) ? EV_CLEAR : 0;
}

static uint16_t backend_write_flags(unsigned events)
{
	return events & LOOP_EDGE ? EV_CLEAR : 0;
}

static int backend_apply(struct backend *backend, int fd, int16_t filter, unsigned flags, uint64_t key)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)fd, filter, (uint16_t)flags, 0, 0, backend_udata(key));
	if (kevent(backend->kqueue, &change, 1, NULL, 0, NULL) < 0)
		/* What epoll says of a file that is always ready. */
		return errno == EINVAL ? -EPERM : -errno;
	return 0;
}

int backend_add(struct backend *backend, int fd, unsigned events, uint64_t key)
{
	int result = backend_apply(backend, fd, EVFILT_READ, EV_ADD | backend_read_flags(events), key);

	if (result < 0 || !(events & LOOP_WRITE))
		return result;
	result = backend_apply(backend, fd, EVFILT_WRITE, EV_ADD | backend_write_flags(events), key);
	if (result < 0)
		(void)backend_apply(backend, fd, EVFILT_READ, EV_DELETE, key);
	return result;
}

/* A filter that goes on is deleted first: EV_CLEAR cannot be taken back by EV_ADD, and a change tells an edge anew. */
int backend_change(struct backend *backend, int fd, unsigned was, unsigned events, uint64_t key)
{
	unsigned changed = events & LOOP_EDGE ? LOOP_READ | LOOP_WRITE : was ^ events;
	int result = 0;

	if (changed & (LOOP_READ | LOOP_EDGE)) {
		(void)backend_apply(backend, fd, EVFILT_READ, EV_DELETE, key);
		result = backend_apply(backend, fd, EVFILT_READ, EV_ADD | backend_read_flags(events), key);
	}
	if (result < 0 || !(changed & (LOOP_WRITE | LOOP_EDGE)))
		return result;
	if (was & LOOP_WRITE)
		(void)backend_apply(backend, fd, EVFILT_WRITE, EV_DELETE, key);
	if (events & LOOP_WRITE)
		result = backend_apply(backend, fd, EVFILT_WRITE, EV_ADD | backend_write_flags(events), key);
	return result;
}

void backend_remove(struct backend *backend, int fd, unsigned was)
{
	(void)backend_apply(backend, fd, EVFILT_READ, EV_DELETE, 0);
	if (was & LOOP_WRITE)
		(void)backend_apply(backend, fd, EVFILT_WRITE, EV_DELETE, 0);
}

void backend_wake(struct backend *backend)
{
	struct kevent wake;
	int keep = errno; /* a signal handler's caller must not see it change */

	EV_SET(&wake, 0, EVFILT_USER, 0, NOTE_TRIGGER, 0, backend_udata(BACKEND_WAKE));
	(void)kevent(backend->kqueue, &wake, 1, NULL, 0, NULL);
	errno = keep;
}

static unsigned backend_events(const struct kevent *event)
{
	unsigned told = event->filter == EVFILT_READ ? LOOP_READ : LOOP_WRITE;

	if (event->flags & (EV_EOF | EV_ERROR))
		told |= LOOP_HANGUP;
	return told;
}

/* Reading and writing of one descriptor become one event. At most 64 are looked through. */
static int backend_merge(struct backend_event *events, int count, const struct backend_event *event)
{
	for (int i = 0; i < count; i++) {
		if (events[i].key == event->key) {
			events[i].events |= event->events;
			return count;
		}
	}
	events[count] = *event;
	return count + 1;
}

int backend_wait(struct backend *backend, struct backend_event *events, int most, int64_t timeout_us)
{
	struct kevent ready[BACKEND_EVENTS_MOST];
	struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
	int merged = 0;
	int count;

	if (most > BACKEND_EVENTS_MOST)
		most = BACKEND_EVENTS_MOST;
	count = kevent(backend->kqueue, NULL, 0, ready, most, timeout_us < 0 ? NULL : &timeout);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		struct backend_event event = {backend_key(&ready[i]), backend_events(&ready[i])};

		merged = backend_merge(events, merged, &event);
	}
	return merged;
}
