/* SPDX-License-Identifier: MIT */
/* proc(5): "sl local_address rem_address st …", addresses as HEX:PORT. The kernel writes whole lines, as many as fit into a
 * read; a file is read anew from its beginning each time. */
#include "daemon/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	PROCFILE_STATE_CLOSE = 7,   /* include/net/tcp_states.h: a UDP socket without a peer, … */
	PROCFILE_STATE_LISTEN = 10, /* … and a TCP socket that listens */
};

bool procfile_is(int fd)
{
	struct statfs where;

	return fstatfs(fd, &where) == 0 && where.f_type == PROC_SUPER_MAGIC;
}

int procfile_open(int family, int type)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/net/%s%s", type == SOCK_STREAM ? "tcp" : "udp",
		 family == AF_INET ? "" : "6");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint16_t procfile_parse(const char *line, int type)
{
	unsigned port = 0, state = 0;

	/* "  0: 0100007F:1F90 00000000:0000 0A" */
	if (sscanf(line, " %*u: %*32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x", &port, &state) != 2)
		return 0;
	if (state != (type == SOCK_STREAM ? PROCFILE_STATE_LISTEN : PROCFILE_STATE_CLOSE))
		return 0;
	return (uint16_t)port;
}

/* Whole lines out of what came; what is left moves to the front. */
static size_t procfile_take(char *text, size_t count, int type, struct procfile_ports *ports)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', count - (size_t)(line - text)))) {
		*end = '\0';
		procfile_put(ports, procfile_parse(line, type), true);
		line = end + 1;
	}
	count -= (size_t)(line - text);
	memmove(text, line, count);
	return count;
}

int procfile_read(int fd, int type, struct procfile_ports *ports)
{
	char text[16 * 1024];
	size_t held = 0;
	off_t at = 0;
	ssize_t got;

	while ((got = pread(fd, text + held, sizeof(text) - held, at)) > 0) {
		at += got;
		held = procfile_take(text, held + (size_t)got, type, ports);
		if (held == sizeof(text))
			return -EBADMSG;
	}
	return got < 0 ? -errno : 0;
}

void procfile_ephemeral(uint16_t *ret_first, uint16_t *ret_last)
{
	unsigned first = 32768, last = 60999; /* the kernel's own */
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (file) {
		if (fscanf(file, "%u %u", &first, &last) != 2 || first > UINT16_MAX || last > UINT16_MAX) {
			first = 32768;
			last = 60999;
		}
		fclose(file);
	}
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
}

bool procfile_has(const struct procfile_ports *ports, uint16_t port)
{
	return ports->bits[port / 8] >> (port % 8) & 1;
}

void procfile_put(struct procfile_ports *ports, uint16_t port, bool there)
{
	uint8_t bit = (uint8_t)(1U << (port % 8));

	if (port > 0 && there)
		ports->bits[port / 8] |= bit;
	else
		ports->bits[port / 8] &= (uint8_t)~bit;
}
