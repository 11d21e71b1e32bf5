/* SPDX-License-Identifier: MIT */
/* The ACLINT: a timer for each hart (MTIMER) and two ways to interrupt another one (MSWI, SSWI). The registers are those of the
 * specification (RISC-V ACLINT 1.0-rc4); since there is no machine mode, timer and software interrupts go straight to
 * supervisor mode. MTIMECMP is the hart's own timer, which
 * SBI's call and stimecmp set as well. */
#ifndef SEMU_ACLINT_H
#define SEMU_ACLINT_H

#include <stdbool.h>
#include <stdint.h>

#include "semu/clock.h"
#include "semu/map.h"

struct hart;

struct aclint {
	struct clock clock;
	struct hart *const *harts; /* the machine's */
	unsigned count;
	bool asked[MAP_HARTS_MOST]; /* MSWI's bits */
};

void aclint_init(struct aclint *aclint, struct hart *const *harts, unsigned count, uint32_t hz);
/* Nothing is asked; the clock goes on. The timers are the harts' own. */
void aclint_reset(struct aclint *aclint);

/* The registers, as a bus_device has them. */
bool aclint_mtimer_load(void *aclint, uint64_t offset, unsigned bytes, uint64_t *ret_value);
bool aclint_mtimer_store(void *aclint, uint64_t offset, unsigned bytes, uint64_t value);
bool aclint_mswi_load(void *aclint, uint64_t offset, unsigned bytes, uint64_t *ret_value);
bool aclint_mswi_store(void *aclint, uint64_t offset, unsigned bytes, uint64_t value);
bool aclint_sswi_load(void *aclint, uint64_t offset, unsigned bytes, uint64_t *ret_value);
bool aclint_sswi_store(void *aclint, uint64_t offset, unsigned bytes, uint64_t value);

#endif
