/* SPDX-License-Identifier: MIT */
/* What the program tells a person while a network runs: one line per event, on standard error, or in a file, where each
 * line begins with the time; what a full disk does not take goes to standard error. The library never logs; its events come
 * here. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

struct error;
struct gw_event;

struct log {
	int fd;       /* -1: nowhere */
	bool stamped; /* it is a file */
	bool verbose;
	bool quiet; /* joining, leaving, leases and drops only when it is verbose; set after log_open() */
	bool made;  /* the file was not there before */
};

/* `path` NULL: standard error. Appends; makes the file with mode 0600. */
int log_open(struct log *log, const char *path, bool verbose, struct error *ret_error);
void log_close(struct log *log);
/* Before log_close(), when nothing came of it: a file that was made and got no line is removed. */
void log_discard(const struct log *log, const char *path);
void log_line(const struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As log_line(), with -v only. */
void log_more(const struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_event(const struct log *log, const struct gw_event *event);

#endif
