/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors, a time in nanoseconds, or a signal: the one thing of the loop that systems do differently. */
#ifndef SEMU_DOZE_H
#define SEMU_DOZE_H

#include <poll.h>
#include <signal.h>
#include <stdint.h>

/* As ppoll(2): UINT64_MAX waits for ever, `signals` (NULL: as it is) is the mask meanwhile. How many are ready; 0 or less: none. */
int doze_poll(struct pollfd *polled, unsigned count, uint64_t most_ns, const sigset_t *signals);

#endif
