/* SPDX-License-Identifier: MIT */
/* Lingering: for a moment after a question or an answer the loop looks again instead of going to sleep, where the turns
 * before were that quick. To be woken costs more than the round trip on a fast host takes else (measured: a quarter of
 * it), and an answer that comes in time carries the acknowledgement of its question.
 *
 * Only flows whose last turns all came within LINGER_QUICK_US are waited for, so that nothing is burnt for far ends that
 * are slow, for bulk, which takes no turns, or with nothing to do. That bound must be more than a turn takes without
 * lingering, or it never begins: where to wake an idle processor is to leave a virtual machine, an answer on the same
 * host was there after 45 to 70 µs, and with lingering after 20 to 30. To wait for longer than LINGER_US is to wait for
 * somebody who may want this very processor. */
#ifndef NAT_LINGER_H
#define NAT_LINGER_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"

enum linger_limits {
	LINGER_US = 50,
	LINGER_QUICK_US = 100,
	LINGER_TURNS = 3, /* quick ones in a row, before the next is waited for */
	LINGER_LOOKS_MOST = 1000,
};

/* Of the loop. */
struct lingering {
	struct loop *loop;
	struct task task;
	uint64_t until_us;
	uint32_t left;    /* turns: a clock that stands must not keep the loop awake */
	uint8_t openings; /* guests that asked quickly in a new flow, in a row */
	/* In each of these turns; what has waited for LINGER_US waits no more. */
	void (*on_turn)(void *owner, uint64_t now_us);
	void *owner;
};

/* Of one flow: who said something last, and how quick the other was. All zero: nobody. */
struct conversation {
	uint64_t at_us;
	bool opened;       /* nobody has said anything yet */
	bool asked;        /* the guest's word was the last */
	uint8_t answers;   /* quick ones, in a row */
	uint8_t questions; /* the same of the guest's */
};

void linger_init(struct lingering *linger, struct loop *loop, void (*on_turn)(void *owner, uint64_t now_us),
		 void *owner);
void linger_done(struct lingering *linger);
/* A flow that the guest has opened. Whether it is waited for is known from those before it. */
void linger_opened(struct lingering *linger, struct conversation *conversation);
/* The guest said something. True: the answer is waited for. */
bool linger_asked(struct lingering *linger, struct conversation *conversation);
/* It was answered. */
void linger_answered(struct lingering *linger, struct conversation *conversation);

#endif
