/* SPDX-License-Identifier: MIT */
/* A pipe and splice(2): pages change hands in the kernel, and nothing is copied. */
#include "os/pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct pipe {
	int out, in; /* as pipe2() orders them */
	size_t room;
	size_t slots; /* of a page each */
	size_t held;
};

int pipe_new(size_t bytes, struct pipe **ret_pipe)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int ends[2], room, error;

	if (!pipe)
		return -ENOMEM;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		error = -errno;
		free(pipe);
		return error;
	}
	pipe->out = ends[0];
	pipe->in = ends[1];
	/* Refused (EPERM) once the user's pipes have pipe-user-pages-soft pages: then it stays as it was made. */
	(void)fcntl(pipe->in, F_SETPIPE_SZ, (int)bytes);
	room = fcntl(pipe->in, F_GETPIPE_SZ);
	pipe->room = room > 0 ? (size_t)room : bytes;
	pipe->slots = pipe->room / (size_t)sysconf(_SC_PAGESIZE);
	*ret_pipe = pipe;
	return 0;
}

void pipe_free(struct pipe *pipe)
{
	if (!pipe)
		return;
	close(pipe->out);
	close(pipe->in);
	free(pipe);
}

size_t pipe_held(const struct pipe *pipe)
{
	return pipe->held;
}

ssize_t pipe_fill(struct pipe *pipe, int fd, bool *ret_all)
{
	ssize_t got;

	do {
		got = splice(fd, NULL, pipe->in, NULL, pipe->room, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	/* Each slot that is taken has a byte at least: so few bytes cannot have filled them all. */
	*ret_all = pipe->held + (size_t)got < pipe->slots;
	pipe->held += (size_t)got;
	return got;
}

ssize_t pipe_fill_urgent(struct pipe *pipe, int fd)
{
	uint8_t byte;
	ssize_t got;

	do {
		got = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? -errno : 0;
	if (write(pipe->in, &byte, sizeof(byte)) < 0)
		return -errno;
	pipe->held++;
	return got;
}

ssize_t pipe_drain(struct pipe *pipe, int fd)
{
	ssize_t put;

	assert(pipe->held > 0);
	do {
		put = splice(pipe->out, NULL, fd, NULL, pipe->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	pipe->held -= (size_t)put;
	return put;
}
