/* SPDX-License-Identifier: MIT */
/* Reading a stream socket without taking: from an offset behind what is still unread, and taking without reading. Where
 * a system or a kind of socket cannot, peek_start() says so and the bytes must be read. */
#ifndef OS_PEEK_H
#define OS_PEEK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* May this socket be peeked at, and its bytes thrown away unread? 0; -EOPNOTSUPP: no. `is_tcp`: the caller knows that it is
 * TCP, and the system need not be asked. Peeks begin at the first unread byte, until peek_seek(). */
int peek_start(int fd, bool is_tcp);
/* The next peek begins this many bytes behind the first unread one, and from now on each behind the one before. 0, or
 * negative errno: on this socket they begin at the first unread byte for ever. */
int peek_seek(int fd, uint32_t offset);
/* Copies what stands at the offset, which moves on by as much once there was a peek_seek(). 0: the end of the stream, although bytes before it may be
 * unread. Negative errno; -EAGAIN: nothing there yet. */
ssize_t peek_read(int fd, const struct iovec *pieces, int count);
/* Throws the first `bytes` unread bytes away; the offset moves back by as much. How many, or negative errno. */
ssize_t peek_consume(int fd, uint32_t bytes);

#endif
