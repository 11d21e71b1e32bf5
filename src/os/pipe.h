/* SPDX-License-Identifier: MIT */
/* The store between two sockets: what was taken from the one waits in it until the other takes it. On Linux a pipe of the
 * kernel's, so that by splice(2) no byte passes through this process; elsewhere a buffer and two copies.
 *
 * splice(2) knows no MSG_NOSIGNAL: a process that drains into a socket ignores SIGPIPE. */
#ifndef OS_PIPE_H
#define OS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pipe;

/* `bytes` is a wish: less is no error (Linux counts the pages of a user's pipes). 0 or negative errno. */
int pipe_new(size_t bytes, struct pipe **ret_pipe);
void pipe_free(struct pipe *pipe);
/* What waits in it. */
size_t pipe_held(const struct pipe *pipe);
/* From the socket, without waiting. How many bytes; 0: the far end has stopped sending. -EAGAIN: nothing is there, or, with
 * something held, the pipe is full; into an empty pipe it is always the first. `ret_all` is set with bytes: true: the socket
 * had no more, though its end or urgent data may have come meanwhile. */
ssize_t pipe_fill(struct pipe *pipe, int fd, bool *ret_all);
/* The same of one byte, into an empty pipe: before an urgent one pipe_fill() stands still, and says that the stream ends there
 * if its end has come. */
ssize_t pipe_fill_urgent(struct pipe *pipe, int fd);
/* To the socket, as much of what is held as it takes. -EAGAIN: nothing now. */
ssize_t pipe_drain(struct pipe *pipe, int fd);

#endif
