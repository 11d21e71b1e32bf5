/* SPDX-License-Identifier: MIT */
/* One network as a program: its folder, its control socket, its log, and the loop that runs until somebody ends it. What
 * belongs to a process and not to a library happens here: signals, the umask, the limit of open files. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>

struct child;
struct config;
struct detach;
struct error;
struct gw_network;
struct log;

struct daemon {
	const struct config *config; /* without guests: one of each kind is served in the runtime folder */
	const char *name;
	const char *base; /* rundir_base() */
	struct detach *detach;
	const char *pidfile;       /* or NULL */
	const char *log_file;      /* or NULL: standard error */
	const char *notify_socket; /* NOTIFY_SOCKET, or NULL */
	bool verbose;
	bool quiet; /* guests that come and go are logged only when it is verbose */
	/* Adds the guests, in place of those of `config`. The log stays until on_down(). May be NULL. */
	int (*on_network)(void *owner, struct gw_network *network, struct log *log, struct error *ret_error);
	/* All forwards are there: do they lead anywhere? May be NULL. */
	int (*on_forwards)(void *owner, struct gw_network *network, struct error *ret_error);
	/* Everything is served: what a person wants to see goes to standard output. */
	void (*on_up)(void *owner, struct gw_network *network, const char *control_path);
	/* The network ends next, and is whole still. May be NULL. */
	void (*on_down)(void *owner);
	void *owner;
	struct child *child; /* a command: started last, and the network ends with it; or NULL */
	const bool *over;    /* or NULL: a callback of the owner's sets it, and the network ends after that turn */
};

/* Returns when the network has ended and nothing of it is left: 0, or what was in the way; -EINVAL: a word that a person
 * typed wrongly. */
int daemon_run(const struct daemon *daemon, struct error *ret_error);

#endif
