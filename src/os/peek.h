/* SPDX-License-Identifier: MIT */
/* Reading a stream socket without taking: from an offset behind what is still unread, and taking without reading. Where
 * a system or a kind of socket cannot, peek_start() says so and the bytes must be read. */
#ifndef OS_PEEK_H
#define OS_PEEK_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Peeks begin at the first unread byte from now on. 0; -EOPNOTSUPP: not on this socket. */
int peek_start(int fd);
/* The next peek begins this many bytes behind the first unread one. 0 or negative errno. */
int peek_seek(int fd, uint32_t offset);
/* Copies what stands at the offset, which moves on by as much. 0: the end of the stream, although bytes before it may be
 * unread. Negative errno; -EAGAIN: nothing there yet. */
ssize_t peek_read(int fd, const struct iovec *pieces, int count);
/* Throws the first `bytes` unread bytes away; the offset moves back by as much. How many, or negative errno. */
ssize_t peek_consume(int fd, uint32_t bytes);

#endif
