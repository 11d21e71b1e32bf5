/* SPDX-License-Identifier: MIT */
/* What surrounds a hart that has RAM and nothing else: no device answers, its clock stands, and an environment call from
 * supervisor mode ends the run. */
#ifndef KIT_LONE_HART_H
#define KIT_LONE_HART_H

#include "semu/hart.h"

static inline bool lone_hart_on_load(void *owner, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	(void)owner;
	(void)at;
	(void)bytes;
	(void)ret_value;
	return false;
}

static inline bool lone_hart_on_store(void *owner, uint64_t at, unsigned bytes, uint64_t value)
{
	(void)owner;
	(void)at;
	(void)bytes;
	(void)value;
	return false;
}

static inline void lone_hart_on_call(void *owner, struct hart *hart)
{
	(void)owner;
	hart->waiting = true;
}

static inline uint64_t lone_hart_on_time(void *owner)
{
	(void)owner;
	return 0;
}

/* Of RV64; the RAM, and whatever else, is filled in by the caller. */
static inline struct hart_machine lone_hart_machine(void)
{
	return (struct hart_machine){
		.word = 64,
		.load = lone_hart_on_load,
		.store = lone_hart_on_store,
		.environment_call = lone_hart_on_call,
		.time = lone_hart_on_time,
	};
}

#endif
