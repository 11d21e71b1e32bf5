/* SPDX-License-Identifier: MIT */
/* kqueue() and kevent() made on epoll. A filter is a registration of its own in kqueue and a descriptor has only one in
 * epoll, so that the write filter is put on a duplicate. As in the original, EV_ADD on a filter that is there changes
 * its udata and does not change EV_CLEAR, and EV_DELETE of one that is not there is ENOENT. */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	KQUEUE_FDS_MOST = 1024,
	KQUEUE_EVENTS_MOST = 64,
};

struct note {
	struct note *next;
	struct kevent event; /* as added */
	int fd;              /* what epoll watches: the descriptor, its duplicate, or an eventfd */
};

/* By the epoll descriptor's number, as the original finds a queue by its own. */
static struct note *notes_of[KQUEUE_FDS_MOST];

static void note_free(struct note *note)
{
	if (note->fd != (int)note->event.ident || note->event.filter == EVFILT_USER)
		close(note->fd);
	free(note);
}

int kqueue(void)
{
	int queue = epoll_create1(EPOLL_CLOEXEC);

	if (queue >= KQUEUE_FDS_MOST) {
		close(queue);
		errno = EMFILE;
		return -1;
	}
	/* Left by a queue that was closed: its descriptors are gone, and may be somebody else's by now. */
	while (queue >= 0 && notes_of[queue]) {
		struct note *note = notes_of[queue];

		notes_of[queue] = note->next;
		free(note);
	}
	return queue;
}

static struct note **note_find(int queue, const struct kevent *change)
{
	struct note **at = &notes_of[queue];

	while (*at && ((*at)->event.ident != change->ident || (*at)->event.filter != change->filter))
		at = &(*at)->next;
	return at;
}

static int note_open(const struct kevent *change)
{
	switch (change->filter) {
	case EVFILT_READ:
		return (int)change->ident;
	case EVFILT_WRITE:
		return dup((int)change->ident);
	case EVFILT_USER:
		return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	errno = EINVAL;
	return -1;
}

static int note_add(int queue, const struct kevent *change)
{
	struct note **at = note_find(queue, change);
	struct epoll_event event = {.events = change->filter == EVFILT_WRITE ? EPOLLOUT : EPOLLIN | EPOLLRDHUP};
	struct note *note = *at;

	if (change->filter != EVFILT_USER && fcntl((int)change->ident, F_GETFD) < 0)
		return -1;
	if (note) {
		note->event.udata = change->udata;
		return 0;
	}
	note = calloc(1, sizeof(*note));
	if (!note)
		return -1;
	note->event = *change;
	note->fd = note_open(change);
	if (change->flags & EV_CLEAR)
		event.events |= (unsigned)EPOLLET;
	event.data.ptr = note;
	if (note->fd < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, note->fd, &event) < 0) {
		int code = errno;

		if (note->fd >= 0)
			note_free(note);
		else
			free(note);
		errno = code;
		return -1;
	}
	*at = note;
	return 0;
}

static int note_delete(int queue, const struct kevent *change)
{
	struct note **at = note_find(queue, change);
	struct note *note = *at;

	if (!note) {
		errno = ENOENT;
		return -1;
	}
	(void)epoll_ctl(queue, EPOLL_CTL_DEL, note->fd, NULL);
	*at = note->next;
	note_free(note);
	return 0;
}

static int note_trigger(int queue, const struct kevent *change)
{
	struct note *note = *note_find(queue, change);
	uint64_t one = 1;

	if (!note) {
		errno = ENOENT;
		return -1;
	}
	return write(note->fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

static int kevent_change(int queue, const struct kevent *change)
{
	if (change->flags & EV_DELETE)
		return note_delete(queue, change);
	if (change->flags & EV_ADD)
		return note_add(queue, change);
	if (change->filter == EVFILT_USER && (change->fflags & NOTE_TRIGGER))
		return note_trigger(queue, change);
	errno = EINVAL;
	return -1;
}

static void kevent_fill(const struct epoll_event *ready, struct kevent *ret_event)
{
	const struct note *note = ready->data.ptr;
	uint32_t end = note->event.filter == EVFILT_WRITE ? EPOLLHUP | EPOLLERR : EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	int bytes = 0;

	*ret_event = note->event;
	ret_event->flags = note->event.flags & EV_CLEAR;
	if (note->event.filter != EVFILT_USER && (ready->events & end))
		ret_event->flags |= EV_EOF;
	if (note->event.filter == EVFILT_READ && ioctl(note->fd, FIONREAD, &bytes) == 0)
		ret_event->data = bytes;
}

int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events, int event_count,
	   const struct timespec *timeout)
{
	struct epoll_event ready[KQUEUE_EVENTS_MOST];
	int count;

	for (int i = 0; i < change_count; i++) {
		if (kevent_change(queue, &changes[i]) < 0)
			return -1;
	}
	if (event_count == 0)
		return 0;
	if (event_count > KQUEUE_EVENTS_MOST)
		event_count = KQUEUE_EVENTS_MOST;
	count = epoll_pwait2(queue, ready, event_count, timeout, NULL);
	for (int i = 0; i < count; i++)
		kevent_fill(&ready[i], &events[i]);
	return count;
}
