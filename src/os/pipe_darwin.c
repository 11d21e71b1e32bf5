/* SPDX-License-Identifier: MIT */
/* macOS has no splice(2): one bounded buffer, filled by recv() and emptied by send(). Not compiled on Linux, and not yet
 * run on macOS. */
#include "os/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { PIPE_BYTES_MOST = 64 * 1024 };

struct pipe {
	size_t at, held; /* what waits begins at `at` */
	size_t room;
	uint8_t bytes[];
};

int pipe_new(size_t bytes, struct pipe **ret_pipe)
{
	size_t room = bytes < PIPE_BYTES_MOST ? bytes : PIPE_BYTES_MOST;
	struct pipe *pipe = malloc(sizeof(*pipe) + room);

	if (!pipe)
		return -ENOMEM;
	*pipe = (struct pipe){.room = room};
	*ret_pipe = pipe;
	return 0;
}

void pipe_free(struct pipe *pipe)
{
	free(pipe);
}

size_t pipe_held(const struct pipe *pipe)
{
	return pipe->held;
}

ssize_t pipe_fill(struct pipe *pipe, int fd, bool *ret_all)
{
	size_t room;
	ssize_t got;

	if (pipe->held == 0)
		pipe->at = 0;
	if (pipe->at + pipe->held == pipe->room)
		return -EAGAIN;
	room = pipe->room - pipe->at - pipe->held;
	do {
		got = recv(fd, pipe->bytes + pipe->at + pipe->held, room, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	*ret_all = (size_t)got < room;
	pipe->held += (size_t)got;
	return got;
}

ssize_t pipe_fill_urgent(struct pipe *pipe, int fd)
{
	bool all;

	return pipe_fill(pipe, fd, &all);
}

ssize_t pipe_drain(struct pipe *pipe, int fd)
{
	ssize_t put;

	assert(pipe->held > 0);
	do {
		put = send(fd, pipe->bytes + pipe->at, pipe->held, MSG_DONTWAIT);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	pipe->at += (size_t)put;
	pipe->held -= (size_t)put;
	return put;
}
