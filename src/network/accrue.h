/* SPDX-License-Identifier: MIT */
/* Accruing: a stream that is quick and does not pause is told of less often, each time more of it. Who sends on the same
 * machine pays for every wake-up of ours; where that is to leave a virtual machine, it was a sixth of its time.
 *
 *   PLAIN      each byte is told of. The last ACCRUE_MEASURE_BYTES without a pause say how long ACCRUE_BYTES take; where
 *              that is short, then
 *   ACCRUING   the kernel tells of ACCRUE_BYTES and of an end (SO_RCVLOWAT). What is less is looked for when four times
 *              that time has gone without a move, and that is a pause: PLAIN again, and to be measured anew
 *
 * So what comes last before a pause is late once, by an eighth of the time that the stream took before, and by no more than
 * ACCRUE_PATIENCE_US. Down at MTU 1500, without and with it, Gbit/s (BBR at the far end): one connection 16.7 and 19.6, eight
 * 15.6 and 18.6, for half the CPU time. */
#ifndef NETWORK_ACCRUE_H
#define NETWORK_ACCRUE_H

#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

enum accrue_limits {
	ACCRUE_BYTES = 512 * 1024,
	ACCRUE_MEASURE_BYTES = 32 * ACCRUE_BYTES,
	ACCRUE_PATIENCE_US = 8000,      /* four times what ACCRUE_BYTES take is more: too slow to be worth it */
	ACCRUE_PATIENCE_LEAST_US = 200, /* who sends may lose its processor */
};

/* Of one direction of one socket. */
struct accrual {
	struct loop *loop;
	struct timer timer;
	int fd;
	uint64_t since_us, last_us; /* PLAIN: what is measured, and its last move */
	uint64_t bytes;             /* … moved after the first */
	uint64_t patience_us;       /* ACCRUING; 0: PLAIN */
	/* The socket may hold something that nothing will tell of. */
	void (*on_pause)(void *owner);
	void *owner;
};

void accrue_init(struct accrual *accrual, struct loop *loop, void (*on_pause)(void *owner), void *owner);
/* So many bytes were taken from the socket. It is the same one until accrue_end(). */
void accrue_moved(struct accrual *accrual, int fd, size_t bytes);
/* Before the socket is closed or given away: each byte is told of again. */
void accrue_end(struct accrual *accrual);

#endif
