/* SPDX-License-Identifier: MIT */
/* The limit of open files: each conversation of a guest with the world is one. It belongs to the process, so the library
 * leaves it alone. */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum files_limits {
	/* Not for conversations: sockets that listen, guests, the control socket's clients, the resolver's. More where many
	 * are allowed, since more of them come then. */
	FILES_OTHER = 64,
	FILES_OTHER_SHARE = 8, /* and one of so many */
	FILES_FLOWS_LEAST = 16,
	FILES_FLOWS_USUAL =
		16384, /* a busy network's: fewer than that are worth a line, fewer than the table holds are not */
};

/* As many as may be had without privilege: how many there may be now. */
uint64_t files_raise(void);
/* For how many conversations that is enough. */
size_t files_flows(uint64_t files);
/* Is a table of so many flows no larger, and small, because of that? Then a line for a person. */
bool files_low(uint64_t files, size_t flows, char *text, size_t room);

#endif
