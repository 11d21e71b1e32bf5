/* SPDX-License-Identifier: MIT */
/* What the program tells a person while a network runs: one line per event, on standard error, or in a file, where each
 * line begins with the time; what a full disk does not take goes to standard error. The library never logs; its events come
 * here. What a guest can cause is bounded: a port has LOG_LINES lines at once, and one more each LOG_PAUSE_US, or who asks
 * for leases without end would fill the disk. Nothing waits for who does not read: such lines are left out, too, and the
 * next that is written says how many. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/allowance.h"

struct error;
struct gw_event;

enum log_limits {
	LOG_LINES = 100,
	LOG_PAUSE_US = 4 * 1000 * 1000,
};

struct log {
	int fd;           /* -1: nowhere */
	const char *path; /* of a file that is made anew when it was renamed or removed; NULL: it is none */
	bool stamped;     /* it is a file */
	bool verbose;
	bool quiet; /* joining, leaving, leases and drops only when it is verbose; set after log_open() */
	bool made;  /* the file was not there before */
	struct allowance allowance; /* by port */
	uint64_t left_out;          /* lines, since the last that was written */
};

/* `path` NULL: standard error; else it stays the caller's until log_close(). Appends; makes the file with mode 0600. */
int log_open(struct log *log, const char *path, bool verbose, struct error *ret_error);
void log_close(struct log *log);
/* Before log_close(), when nothing came of it: a file that was made and got no line is removed. */
void log_discard(const struct log *log, const char *path);
void log_line(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As log_line(), with -v only. */
void log_more(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_event(struct log *log, const struct gw_event *event);

#endif
