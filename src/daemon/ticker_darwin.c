/* SPDX-License-Identifier: MIT */
/* Only what is Linux's needs one so far. Not compiled on Linux. */
#include "daemon/ticker.h"

#include <errno.h>

int ticker_open(uint64_t interval_us)
{
	(void)interval_us;
	return -EOPNOTSUPP;
}

void ticker_take(int fd)
{
	(void)fd;
}
