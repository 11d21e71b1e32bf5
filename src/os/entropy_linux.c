/* SPDX-License-Identifier: MIT */
/* Random bytes by getrandom(), which needs no descriptor and no /dev. */
#include "os/entropy.h"

#include <errno.h>
#include <sys/random.h>

int entropy_fill(void *to, size_t count)
{
	char *at = to;

	while (count > 0) {
		ssize_t got = getrandom(at, count, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		count -= (size_t)got;
	}
	return 0;
}
