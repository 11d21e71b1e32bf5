/* SPDX-License-Identifier: MIT */
/* Bytes of a connection, cut into lines: one JSON object each. The memory grows with what came and never beyond the
 * bound that the owner gave, so that half a line costs its sender's share and no more. It knows no sockets. */
#ifndef CONTROL_LINE_H
#define CONTROL_LINE_H

#include <stddef.h>

enum line_limits {
	LINE_REQUEST_BYTES = 64 * 1024,       /* the longest request */
	LINE_ANSWER_BYTES = 16 * 1024 * 1024, /* the longest answer: show with thousands of ports */
};

struct lines {
	char *bytes;
	size_t start; /* what was given out lies before */
	size_t end;
	size_t room;
	size_t bound;
};

void lines_init(struct lines *lines, size_t bound);
void lines_done(struct lines *lines);
/* Room for at least one more byte; how much there is. 0 or -ENOMEM; -EMSGSIZE: a line longer than the bound. */
int lines_room(struct lines *lines, char **ret_to, size_t *ret_count);
/* So many bytes were written there. */
void lines_filled(struct lines *lines, size_t count);
/* The next whole line without its newline, valid until lines_room(); or NULL. It may hold any byte. */
const char *lines_next(struct lines *lines, size_t *ret_length);
/* What stands behind the lines taken so far: for a connection that goes on with something else. */
const char *lines_rest(const struct lines *lines, size_t *ret_length);

#endif
