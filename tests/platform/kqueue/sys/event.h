/* SPDX-License-Identifier: MIT */
/* A stand-in, on Linux and for tests alone, for the part of kqueue that src/loop/loop_kqueue.c uses. The names are those
 * of the BSD manual page; the numbers are nobody's. Made on epoll by kqueue.c. */
#ifndef PLATFORM_KQUEUE_SYS_EVENT_H
#define PLATFORM_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

enum {
	EVFILT_READ = -1,
	EVFILT_WRITE = -2,
	EVFILT_USER = -3,
};

enum {
	EV_ADD = 0x01,
	EV_DELETE = 0x02,
	EV_CLEAR = 0x04,
	EV_EOF = 0x08,
	EV_ERROR = 0x10,
};

enum {
	NOTE_TRIGGER = 0x01,
};

struct kevent {
	uintptr_t ident;
	int16_t filter;
	uint16_t flags;
	uint32_t fflags;
	intptr_t data;
	void *udata;
};

#define EV_SET(event, the_ident, the_filter, the_flags, the_fflags, the_data, the_udata) \
	(*(event) = (struct kevent){                                                     \
		 .ident = (the_ident),                                                   \
		 .filter = (the_filter),                                                 \
		 .flags = (the_flags),                                                   \
		 .fflags = (the_fflags),                                                 \
		 .data = (the_data),                                                     \
		 .udata = (the_udata),                                                   \
	 })

int kqueue(void);
/* One change a call at most, or a wait: all that loop_kqueue.c does. */
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events, int event_count,
	   const struct timespec *timeout);

#endif
