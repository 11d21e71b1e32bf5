/* SPDX-License-Identifier: MIT */
/* One network as a program: its folder, its control socket, its log, and the loop that runs until somebody ends it. What
 * belongs to a process and not to a library happens here: signals, the umask, the limit of open files. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

struct config;
struct detach;
struct error;
struct gw_network;

struct daemon {
	const struct config *config; /* without guests: one of each kind is served in the runtime folder */
	const char *name;
	const char *base; /* runtime_base() */
	struct detach *detach;
	const char *pidfile;       /* or NULL */
	const char *log_file;      /* or NULL: standard error */
	const char *notify_socket; /* NOTIFY_SOCKET, or NULL */
	bool verbose;
	/* Everything is served: what a person wants to see goes to standard output. */
	void (*on_up)(void *owner, struct gw_network *network, const char *control_path);
	void *owner;
};

/* Returns when the network has ended and nothing of it is left: 0, or what was in the way; -EINVAL: a word that a person
 * typed wrongly. */
int daemon_run(const struct daemon *daemon, struct error *ret_error);

#endif
