/* SPDX-License-Identifier: MIT */
/* Descriptors that another process handed over, of which nothing is trusted: memory that may shrink or block, and events
 * that may be anything. Checked here before they are used, and used so that they cannot block us. */
#ifndef OS_HANDED_H
#define OS_HANDED_H

#include <stdbool.h>
#include <stdint.h>

#include "os/bell.h"

struct handed_memory {
	uint8_t *at;        /* where the wanted offset stands */
	void *map;          /* whole pages around it */
	uint64_t map_bytes; /* 0: nothing is mapped */
};

/* Maps `bytes` bytes at `offset` of a file that lives in memory (memfd, tmpfs, huge pages): any other could block a read
 * for ever, and even the question what it is. The file is sealed against shrinking where it can be. 0; -EINVAL: another kind of file, or one that ends
 * before; negative errno. The descriptor stays the caller's. */
int handed_map(int fd, uint64_t offset, uint64_t bytes, struct handed_memory *ret_memory);
void handed_unmap(struct handed_memory *memory);
/* For a handler of SIGBUS: empty pages in its place, so that the access that faulted can go on. 0 or negative errno. */
int handed_empty(const struct handed_memory *memory);

/* A socket of this machine? */
bool handed_is_local(int fd);

/* What tells another process: an eventfd, or a connected stream socket as User Mode Linux has them. Not a pipe, whose
 * reader could go between a look and a write, which is a signal to us. */
struct handed_event {
	int fd; /* -1: none */
	bool socket;
};

/* An eventfd to be read, to be watched by edge. 0, or -EINVAL for anything else (bell_check()). */
int handed_event_in(const struct bell *bell, int fd);
/* One to be written. 0, or -EINVAL for anything else; the descriptor is the event's on success. */
int handed_event_out(const struct bell *bell, int fd, struct handed_event *ret_event);
/* Takes back what it counted, as far as one read does; never waits. False when it cannot be read. */
bool handed_event_clear(int fd);
/* What does not go at once has been said already; never waits, as far as the bell does not. Of none: nothing. */
void handed_event_signal(struct bell *bell, struct handed_event event);

#endif
