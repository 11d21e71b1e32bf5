/* SPDX-License-Identifier: MIT */
/* Lines out of what a connection gave. The memory starts small and doubles up to the bound. */
#include "control/line.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void lines_init(struct lines *lines, size_t bound)
{
	*lines = (struct lines){.bound = bound};
}

void lines_done(struct lines *lines)
{
	free(lines->bytes);
	lines_init(lines, lines->bound);
}

/* Most requests are short: start small, double up to the bound (and one more byte for the newline). */
static int lines_grow(struct lines *lines)
{
	size_t room = lines->room ? lines->room * 2 : 512;
	char *bytes;

	if (lines->room > lines->bound)
		return -EMSGSIZE;
	if (room > lines->bound)
		room = lines->bound + 1;
	bytes = realloc(lines->bytes, room);
	if (!bytes)
		return -ENOMEM;
	lines->bytes = bytes;
	lines->room = room;
	return 0;
}

int lines_room(struct lines *lines, char **ret_to, size_t *ret_count)
{
	int result;

	if (lines->start) {
		memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
	}
	if (lines->end == lines->room) {
		result = lines_grow(lines);
		if (result < 0)
			return result;
	}
	*ret_to = lines->bytes + lines->end;
	*ret_count = lines->room - lines->end;
	return 0;
}

void lines_filled(struct lines *lines, size_t count)
{
	assert(count <= lines->room - lines->end);
	lines->end += count;
}

const char *lines_next(struct lines *lines, size_t *ret_length)
{
	const char *line = lines_rest(lines, ret_length);
	const char *newline = *ret_length ? memchr(line, '\n', *ret_length) : NULL;

	if (!newline)
		return NULL;
	*ret_length = (size_t)(newline - line);
	lines->start += *ret_length + 1;
	return line;
}

const char *lines_rest(const struct lines *lines, size_t *ret_length)
{
	*ret_length = lines->end - lines->start;
	return lines->bytes ? lines->bytes + lines->start : NULL;
}
