/* SPDX-License-Identifier: MIT */
/* macOS has no /proc and no namespaces: nothing is ever found. Not compiled on Linux. */
#include "daemon/procfile.h"

#include <errno.h>

bool procfile_is(int fd)
{
	(void)fd;
	return false;
}

int procfile_open(int family, int type)
{
	(void)family;
	(void)type;
	return -EOPNOTSUPP;
}

int procfile_read(int fd, int type, struct procfile_ports *ports)
{
	(void)fd;
	(void)type;
	(void)ports;
	return -EOPNOTSUPP;
}

uint16_t procfile_parse(const char *line, int type)
{
	(void)line;
	(void)type;
	return 0;
}

void procfile_ephemeral(uint16_t *ret_first, uint16_t *ret_last)
{
	*ret_first = 49152;
	*ret_last = UINT16_MAX;
}

bool procfile_has(const struct procfile_ports *ports, uint16_t port)
{
	(void)ports;
	(void)port;
	return false;
}

void procfile_put(struct procfile_ports *ports, uint16_t port, bool there)
{
	(void)ports;
	(void)port;
	(void)there;
}
