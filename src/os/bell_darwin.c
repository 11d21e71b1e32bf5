/* SPDX-License-Identifier: MIT */
/* macOS has no eventfd. */
#include "os/bell.h"

#include <errno.h>

int bell_open(struct bell *bell)
{
	(void)bell;
	return -EOPNOTSUPP;
}

void bell_close(struct bell *bell)
{
	(void)bell;
}

int bell_check(const struct bell *bell, int fd)
{
	(void)bell;
	(void)fd;
	return -EINVAL;
}

void bell_ring(struct bell *bell, int fd)
{
	(void)bell;
	(void)fd;
}
