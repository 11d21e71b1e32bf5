/* SPDX-License-Identifier: MIT */
/* The limit of open files: each conversation of a guest with the world is one. It belongs to the process, so the library
 * leaves it alone. */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum files_limits {
	FILES_OTHER = 64, /* guests, sockets that listen, the control socket's clients */
	FILES_FLOWS_USUAL =
		16384, /* a busy network's: fewer files than that are worth a line, fewer than the table are not */
};

/* As many as may be had without privilege: how many there may be now. */
uint64_t files_raise(void);
/* Is that low for a table of so many flows? Then a line for a person. */
bool files_low(uint64_t files, size_t flows, char *text, size_t room);

#endif
