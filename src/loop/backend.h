/* SPDX-License-Identifier: MIT */
/* What loop.c asks of a system's readiness call: loop_epoll.c or loop_kqueue.c, one of them in a build. It maps a
 * descriptor and a 64-bit key to events and back; slots, timers, tasks and time are loop.c's. */
#ifndef LOOP_BACKEND_H
#define LOOP_BACKEND_H

#include <stdint.h>

struct backend;

struct backend_event {
	uint64_t key;
	unsigned events; /* enum loop_events */
};

int backend_new(struct backend **ret_backend);
void backend_free(struct backend *backend);
/* A descriptor that can be polled for reading. */
int backend_fd(const struct backend *backend);
int backend_add(struct backend *backend, int fd, unsigned events, uint64_t key);
int backend_change(struct backend *backend, int fd, unsigned was, unsigned events, uint64_t key);
void backend_remove(struct backend *backend, int fd, unsigned was);
/* Thread- and signal-safe: the wait returns with an event whose key is BACKEND_WAKE. */
void backend_wake(struct backend *backend);
/* How many events; 0 on timeout or signal; negative errno. timeout_us -1 waits for ever. */
int backend_wait(struct backend *backend, struct backend_event *events, int most, int64_t timeout_us);

#define BACKEND_WAKE UINT64_MAX

#endif
