/* SPDX-License-Identifier: MIT */
/* What stands before the first '-' is the guests' side, and what stands behind it the target: neither addresses nor ports
 * have a '-' in them. */
#include "network/guestfwd.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/socket.h"
#include "port/inet.h"

#define GUESTFWD_FORM "guestfwd=tcp:ADDRESS:PORT-TARGET, TARGET unix:PATH, tcp:ADDRESS:PORT or cmd:COMMAND"

/* NULL: it begins otherwise. */
static const char *guestfwd_behind(const char *text, const char *word)
{
	size_t bytes = strlen(word);

	return strncmp(text, word, bytes) == 0 ? text + bytes : NULL;
}

/* "tcp:10.0.2.100:80"; QEMU lets "tcp" be left out. */
static int guestfwd_read_address(struct guestfwd *guestfwd, const char *text, size_t bytes, struct error *ret_error)
{
	struct sockaddr_storage address;
	char side[INET_TEXT_BYTES + 8];
	socklen_t address_bytes;
	const char *at;
	int error;

	if (bytes >= sizeof(side))
		return error_set(ret_error, -EINVAL, "guestfwd=%.60s…: too long an address", text);
	memcpy(side, text, bytes);
	side[bytes] = '\0';
	at = guestfwd_behind(side, "tcp:");
	if (!at)
		at = guestfwd_behind(side, ":");
	if (!at || !strchr(at, ':'))
		return error_set(ret_error, -EINVAL, "guestfwd=%s: must be " GUESTFWD_FORM, text);
	error = inet_address_parse("guestfwd", at, &address, &address_bytes, ret_error);
	if (error < 0)
		return error;
	guestfwd->address = nat_address_read((const struct sockaddr *)&address);
	return guestfwd->address.port ? 0 : error_set(ret_error, -EINVAL, "guestfwd=%s: port 0 is none", text);
}

static int guestfwd_read_unix(struct guestfwd *guestfwd, const char *path, struct error *ret_error)
{
	struct sockaddr_un address;
	int error = socket_unix_address(path, &address, &guestfwd->target_bytes, ret_error);

	if (error < 0)
		return error;
	memcpy(&guestfwd->target, &address, sizeof(address));
	return 0;
}

static int guestfwd_read_target(struct guestfwd *guestfwd, const char *text, const char *target,
				struct error *ret_error)
{
	const char *at;

	guestfwd->kind = GUESTFWD_SOCKET;
	if ((at = guestfwd_behind(target, "unix:")) && *at)
		return guestfwd_read_unix(guestfwd, at, ret_error);
	if ((at = guestfwd_behind(target, "tcp:")))
		return inet_address_parse("guestfwd", at, &guestfwd->target, &guestfwd->target_bytes, ret_error);
	if (!(at = guestfwd_behind(target, "cmd:")) || !*at)
		return error_set(ret_error, -EINVAL, "guestfwd=%s: '%s' is no target; it must be " GUESTFWD_FORM, text,
				 target);
	if (strlen(at) >= sizeof(guestfwd->command))
		return error_set(ret_error, -EINVAL,
				 "guestfwd=%.60s…: a command of more than %d bytes; put it into a script", text,
				 GUESTFWD_COMMAND_BYTES - 1);
	guestfwd->kind = GUESTFWD_COMMAND;
	memcpy(guestfwd->command, at, strlen(at) + 1);
	return 0;
}

int guestfwd_add(struct guestfwd_list *list, const char *text, struct error *ret_error)
{
	struct guestfwd guestfwd = {0};
	const char *dash = strchr(text, '-');
	int error;

	if (list->count == GUESTFWD_MAX)
		return error_set(ret_error, -EINVAL, "guestfwd=%s: more than %d; leave some out", text, GUESTFWD_MAX);
	if (!dash)
		return error_set(ret_error, -EINVAL, "guestfwd=%s: must be " GUESTFWD_FORM, text);
	if ((error = guestfwd_read_address(&guestfwd, text, (size_t)(dash - text), ret_error)) < 0 ||
	    (error = guestfwd_read_target(&guestfwd, text, dash + 1, ret_error)) < 0)
		return error;
	if (guestfwd_find(list, &guestfwd.address))
		return error_set(ret_error, -EINVAL, "guestfwd=%s: that address and port have a target already", text);
	list->items[list->count++] = guestfwd;
	return 0;
}

int guestfwd_add_share(struct guestfwd_list *list, struct ip4 address, const char *folder, struct error *ret_error)
{
	static const uint16_t ports[GUESTFWD_SHARE_PORTS] = {139, 445};
	char text[IP4_TEXT_BYTES];

	if (strlen(folder) >= sizeof(list->items[0].folder))
		return error_set(ret_error, -EINVAL, "smb=%.60s…: a path of more than %d bytes", folder,
				 GUESTFWD_COMMAND_BYTES - 1);
	for (size_t i = 0; i < GUESTFWD_SHARE_PORTS; i++) {
		struct guestfwd share = {.address = nat_address4(address, ports[i]), .kind = GUESTFWD_SHARE};

		if (guestfwd_find(list, &share.address))
			return error_set(ret_error, -EINVAL,
					 "smb=%s: %s port %u has a guestfwd= already; choose another smbserver=",
					 folder, ip4_format(address, text), ports[i]);
		memcpy(share.folder, folder, strlen(folder) + 1);
		list->items[list->count++] = share;
	}
	return 0;
}

const struct guestfwd *guestfwd_share(const struct guestfwd_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].kind == GUESTFWD_SHARE)
			return &list->items[i];
	}
	return NULL;
}

const struct guestfwd *guestfwd_find(const struct guestfwd_list *list, const struct nat_address *address)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct nat_address *own = &list->items[i].address;

		if (own->port == address->port && ip6_equal(own->ip, address->ip))
			return &list->items[i];
	}
	return NULL;
}

int guestfwd_connect(const struct guestfwd *guestfwd)
{
	int fd = socket_open(guestfwd->target.ss_family, SOCK_STREAM), error;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&guestfwd->target, guestfwd->target_bytes) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = -errno;
	close(fd);
	/* nobody listens there, or its queue is full: what TCP calls refused */
	return guestfwd->target.ss_family == AF_UNIX ? -ECONNREFUSED : error;
}
