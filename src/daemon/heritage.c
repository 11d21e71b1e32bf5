/* SPDX-License-Identifier: MIT */
/* umask(2) tells only by changing it. */
#include "daemon/heritage.h"

#include <sys/stat.h>

void heritage_keep(struct heritage *heritage)
{
	heritage->mask = umask(077);
	umask(heritage->mask);
	getrlimit(RLIMIT_NOFILE, &heritage->files);
}

void heritage_give(const struct heritage *heritage)
{
	umask(heritage->mask);
	setrlimit(RLIMIT_NOFILE, &heritage->files);
}
