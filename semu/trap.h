/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, all taken in supervisor mode: there is no machine mode for them to pass through. */
#ifndef SEMU_TRAP_H
#define SEMU_TRAP_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

enum trap_cause {
	TRAP_FETCH_MISALIGNED = 0,
	TRAP_FETCH_ACCESS = 1,
	TRAP_ILLEGAL = 2,
	TRAP_BREAKPOINT = 3,
	TRAP_LOAD_MISALIGNED = 4,
	TRAP_LOAD_ACCESS = 5,
	TRAP_STORE_MISALIGNED = 6,
	TRAP_STORE_ACCESS = 7,
	TRAP_USER_ECALL = 8,
	TRAP_FETCH_PAGE = 12,
	TRAP_LOAD_PAGE = 13,
	TRAP_STORE_PAGE = 15,
};

#define SSTATUS_SIE (1ULL << 1)
#define SSTATUS_SPIE (1ULL << 5)
#define SSTATUS_SPP (1ULL << 8)
#define SSTATUS_FS (3ULL << 13)
#define SSTATUS_SUM (1ULL << 18)
#define SSTATUS_MXR (1ULL << 19)

#define SIP_SOFTWARE (1ULL << 1)
#define SIP_TIMER (1ULL << 5)
#define SIP_EXTERNAL (1ULL << 9)

/* The pc must be that of the instruction at fault. */
void trap_enter(struct hart *hart, uint64_t cause, uint64_t value);
/* Takes the first interrupt that is pending and enabled, if the mode lets it; ends a wait either way. */
void trap_interrupt(struct hart *hart);
/* SRET. */
void trap_leave(struct hart *hart);

#endif
