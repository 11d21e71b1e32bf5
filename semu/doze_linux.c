/* SPDX-License-Identifier: MIT */
/* ppoll(2) is just that. */
#include "semu/doze.h"

#include <stddef.h>
#include <time.h>

int doze_poll(struct pollfd *polled, unsigned count, uint64_t most_ns, const sigset_t *signals)
{
	const struct timespec timeout = {.tv_sec = (time_t)(most_ns / 1000000000),
					 .tv_nsec = (long)(most_ns % 1000000000)};

	return ppoll(polled, count, most_ns == UINT64_MAX ? NULL : &timeout, signals);
}
