/* SPDX-License-Identifier: MIT */
/* The order of unix_listener_open() is the point of this file: look who is there, bind beside it, set mode and group,
 * listen, rename into place. POSIX throughout, so that it needs no twin. */
#include "os/unix_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/entropy.h"
#include "os/socket.h"

enum unix_listener_limits {
	UNIX_LISTENER_BACKLOG = 128, /* what Linux allowed for decades; more is cut by the kernel anyway */
	UNIX_LISTENER_TRIES = 16,
	UNIX_LISTENER_NAME_BYTES = 10,
	UNIX_LISTENER_GROUP_LEAST = 4096, /* of an entry: some groups have thousands of members */
	UNIX_LISTENER_GROUP_MOST = 16 * 1024 * 1024,
};

static int unix_listener_refuse_served(const char *path, int fd, struct error *ret_error)
{
	pid_t pid;

	/* The system knows who listens, but not who has bound a datagram socket. */
	if (socket_peer_pid(fd, &pid) == 0 && pid == getpid())
		return error_set(ret_error, -EADDRINUSE, "%s: is served already, by this process; choose another path",
				 path);
	if (socket_peer_pid(fd, &pid) == 0)
		return error_set(ret_error, -EADDRINUSE,
				 "%s: another process (pid %ld) is listening there; stop it or choose another path",
				 path, (long)pid);
	return error_set(ret_error, -EADDRINUSE,
			 "%s: another process is listening there; stop it or choose another path", path);
}

/* 0: nobody is behind the file. -EPROTOTYPE: somebody may be, with another type of socket. */
static int unix_listener_probe(const struct sockaddr_un *address, socklen_t length, int type, struct error *ret_error)
{
	const char *path = address->sun_path;
	int fd = socket_open(AF_UNIX, type);
	int result = 0;

	if (fd < 0)
		return error_set(ret_error, fd, "%s: cannot open a socket: %s", path, error_name(fd));
	if (connect(fd, (const struct sockaddr *)address, length) == 0 || errno == EAGAIN || errno == EINPROGRESS)
		result = unix_listener_refuse_served(path, fd, ret_error);
	else if (errno == EPROTOTYPE)
		result = -EPROTOTYPE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		result = error_set(ret_error, -errno, "%s: cannot tell whether another process is listening there: %s",
				   path, error_name(-errno));
	close(fd);
	return result;
}

static int unix_listener_refuse(const char *path, int code, struct error *ret_error)
{
	return error_set(ret_error, code, "%s: cannot make a socket there: %s%s", path, error_name(code),
			 code == -EACCES || code == -EROFS ? "; choose a folder where you may write" : "");
}

/* 0 when the path is free or holds a socket file that nobody serves. */
static int unix_listener_check(const struct sockaddr_un *address, socklen_t length, struct error *ret_error)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	const char *path = address->sun_path;
	struct stat there;
	int result = 0;

	if (lstat(path, &there) < 0)
		return errno == ENOENT ? 0 : unix_listener_refuse(path, -errno, ret_error);
	if (!S_ISSOCK(there.st_mode))
		return error_set(ret_error, -EEXIST,
				 "%s: something that is not a socket is there; remove it or choose another path", path);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		result = unix_listener_probe(address, length, types[i], ret_error);
		if (result != -EPROTOTYPE)
			break;
	}
	return result;
}

/* A name in the same directory, no longer than the path itself, so that what fits stays fitting. */
static int unix_listener_temporary(const struct sockaddr_un *address, struct sockaddr_un *ret_temporary)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t chosen[UNIX_LISTENER_NAME_BYTES];
	char *name;
	size_t length;
	int result = entropy_fill(chosen, sizeof(chosen));

	if (result < 0)
		return result;
	*ret_temporary = *address;
	name = strrchr(ret_temporary->sun_path, '/');
	name = name ? name + 1 : ret_temporary->sun_path;
	length = strlen(name);
	if (length > sizeof(chosen))
		length = sizeof(chosen);
	for (size_t i = 0; i < length; i++)
		name[i] = letters[chosen[i] % (sizeof(letters) - 1)];
	if (length > 1)
		name[0] = '.';
	name[length] = 0;
	return 0;
}

static int unix_listener_bind(int fd, const struct sockaddr_un *address, struct sockaddr_un *ret_temporary,
			      struct error *ret_error)
{
	int result = -EADDRINUSE;

	/* Linux gives the file the mode of the socket: nobody gets in between bind() and chmod(). Elsewhere it fails. */
	(void)fchmod(fd, 0600);
	for (int i = 0; i < UNIX_LISTENER_TRIES && result == -EADDRINUSE; i++) {
		result = unix_listener_temporary(address, ret_temporary);
		if (result == 0 && bind(fd, (struct sockaddr *)ret_temporary, sizeof(*ret_temporary)) < 0)
			result = -errno;
	}
	if (result == -ENOENT)
		return error_set(ret_error, result, "%s: its directory does not exist; make it or choose another path",
				 address->sun_path);
	return result < 0 ? unix_listener_refuse(address->sun_path, result, ret_error) : 0;
}

/* A number that is one of the system's: the last means none. */
static bool unix_listener_group_number(const char *name, gid_t *ret_gid)
{
	char *end;
	unsigned long number;

	if (*name < '0' || *name > '9')
		return false;
	number = strtoul(name, &end, 10);
	if (*end || number >= (gid_t)-1)
		return false;
	*ret_gid = (gid_t)number;
	return true;
}

/* 0, -ERANGE when the entry, with all of the group's members, needs a larger buffer, or -EINVAL. */
static int unix_listener_group_named(const char *name, size_t room, gid_t *ret_gid)
{
	char *buffer = malloc(room);
	struct group entry, *found = NULL;
	int code = buffer ? -getgrnam_r(name, &entry, buffer, room, &found) : -ENOMEM;

	if (found)
		*ret_gid = found->gr_gid;
	else if (code != -ERANGE)
		code = -EINVAL;
	free(buffer);
	return code;
}

static int unix_listener_find_group(const char *name, gid_t *ret_gid)
{
	int code = unix_listener_group_number(name, ret_gid) ? 0 : -ERANGE;

	for (size_t room = UNIX_LISTENER_GROUP_LEAST; code == -ERANGE && room <= UNIX_LISTENER_GROUP_MOST; room *= 4)
		code = unix_listener_group_named(name, room, ret_gid);
	return code;
}

/* Whoever else may write in the directory may have put a link in the socket's place, which must not be followed. */
static int unix_listener_admit(const char *temporary, const char *path, const struct unix_access *access,
			       struct error *ret_error)
{
	mode_t mode = access && access->has_mode ? (mode_t)access->mode & 0777 : 0600;
	gid_t gid;

	if (access && access->group) {
		if (unix_listener_find_group(access->group, &gid) < 0)
			return error_set(ret_error, -EINVAL,
					 "group=%s: there is no such group; `getent group` lists them", access->group);
		if (lchown(temporary, (uid_t)-1, gid) < 0)
			return error_set(ret_error, -errno,
					 "%s: cannot give it to the group %s: %s; be a member of it, or root", path,
					 access->group, error_name(-errno));
	}
	if (fchmodat(AT_FDCWD, temporary, mode, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(ret_error, -errno, "%s: cannot set its mode: %s", path, error_name(-errno));
	return 0;
}

static int unix_listener_publish(struct unix_listener *listener, int type, const char *temporary,
				 struct error *ret_error)
{
	struct stat made;

	if (type != SOCK_DGRAM && listen(listener->fd, UNIX_LISTENER_BACKLOG) < 0)
		return error_set(ret_error, -errno, "%s: cannot listen: %s", listener->path, error_name(-errno));
	if (lstat(temporary, &made) < 0 || rename(temporary, listener->path) < 0)
		return error_set(ret_error, -errno, "%s: cannot make a socket there: %s", listener->path,
				 error_name(-errno));
	listener->device = made.st_dev;
	listener->inode = made.st_ino;
	return 0;
}

int unix_listener_open(const char *path, int type, const struct unix_access *access, struct unix_listener *ret_listener,
		       struct error *ret_error)
{
	struct unix_listener listener = {.fd = -1};
	struct sockaddr_un address;
	struct sockaddr_un temporary;
	socklen_t length;
	int result = socket_unix_address(path, &address, &length, ret_error);

	if (result == 0)
		result = unix_listener_check(&address, length, ret_error);
	if (result < 0)
		return result;
	memcpy(listener.path, address.sun_path, sizeof(listener.path));
	listener.fd = socket_open(AF_UNIX, type);
	if (listener.fd < 0)
		return error_set(ret_error, listener.fd, "%s: cannot open a socket: %s", path, error_name(listener.fd));
	if (access && access->takes_rights)
		socket_take_rights(listener.fd, true);
	result = unix_listener_bind(listener.fd, &address, &temporary, ret_error);
	if (result < 0)
		goto close_socket;
	result = unix_listener_admit(temporary.sun_path, path, access, ret_error);
	if (result == 0)
		result = unix_listener_publish(&listener, type, temporary.sun_path, ret_error);
	if (result < 0)
		goto remove_file;
	*ret_listener = listener;
	return 0;

remove_file:
	unlink(temporary.sun_path);
close_socket:
	close(listener.fd);
	return result;
}

void unix_listener_remove(const struct unix_listener *listener)
{
	struct stat there;

	if (lstat(listener->path, &there) == 0 && there.st_dev == listener->device && there.st_ino == listener->inode)
		unlink(listener->path);
}

void unix_listener_close(struct unix_listener *listener)
{
	if (listener->fd < 0)
		return;
	unix_listener_remove(listener);
	close(listener->fd);
	listener->fd = -1;
}
