/* SPDX-License-Identifier: MIT */
/* A socket with a path, made so that the path exists only while it can be used: it is bound and made ready under
 * another name in the same directory, with its mode and group, and then renamed. A path that a living process serves
 * is refused with that process's number; a socket file left by a killed one is replaced; what is no socket is never
 * touched.
 *
 * What surprises: the kernel goes on to report the name of the bind, not of the rename, to getsockname() and to who
 * asks where a datagram came from. */
#ifndef OS_UNIX_LISTENER_H
#define OS_UNIX_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct error;

/* mode= and group=. */
struct unix_access {
	bool has_mode; /* else 0600 */
	uint32_t mode;
	const char *group; /* a name or a number; NULL: the process's own */
	bool takes_rights; /* descriptors may come along (socket.h) */
};

struct unix_listener {
	int fd; /* not blocking; a stream or seqpacket socket listens, a datagram socket is bound */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device; /* of the socket's file: it is removed only while it is still this one */
	ino_t inode;
};

/* `type` is SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM; `access` may be NULL. 0, or negative errno and nothing left
 * behind: -EADDRINUSE (served, or not a socket), -ENOENT (no such directory), -EINVAL (group), … */
int unix_listener_open(const char *path, int type, const struct unix_access *access, struct unix_listener *ret_listener,
		       struct error *ret_error);
/* Removes the file if it is still ours. The descriptor is the caller's then. */
void unix_listener_remove(const struct unix_listener *listener);
/* … and closes. May be called twice. */
void unix_listener_close(struct unix_listener *listener);

#endif
