/* SPDX-License-Identifier: MIT */
/* Random bytes by getentropy(), which gives 256 at most. Not compiled on Linux, and not yet run on macOS. */
#include "os/entropy.h"

#include <errno.h>
#include <sys/random.h>

int entropy_fill(void *to, size_t count)
{
	char *at = to;

	while (count > 0) {
		size_t part = count < 256 ? count : 256;

		if (getentropy(at, part) < 0)
			return -errno;
		at += part;
		count -= part;
	}
	return 0;
}
