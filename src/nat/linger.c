/* SPDX-License-Identifier: MIT */
/* See linger.h. A task that asks for another turn keeps the loop awake: there is nothing else to it. */
#include "nat/linger.h"

static void linger_on_turn(void *owner)
{
	struct lingering *linger = owner;
	uint64_t now_us = loop_now_us(linger->loop);

	if (now_us < linger->until_us && linger->left > 0) {
		linger->left--;
		loop_defer(linger->loop, &linger->task);
	} else if (now_us < linger->until_us) {
		now_us = linger->until_us;
	}
	linger->on_turn(linger->owner, now_us);
}

void linger_init(struct lingering *linger, struct loop *loop, void (*on_turn)(void *owner, uint64_t now_us),
		 void *owner)
{
	*linger = (struct lingering){.loop = loop, .on_turn = on_turn, .owner = owner};
	task_init(&linger->task, linger_on_turn, linger);
}

void linger_done(struct lingering *linger)
{
	if (linger->loop)
		loop_cancel(linger->loop, &linger->task);
}

/* One side has spoken, in time or not: what is remembered of it. */
static void linger_count(const struct conversation *conversation, uint64_t now_us, uint8_t *turns)
{
	if (now_us - conversation->at_us > LINGER_QUICK_US)
		*turns = 0;
	else if (*turns < LINGER_TURNS)
		++*turns;
}

static bool linger_for(struct lingering *linger, uint64_t now_us, uint8_t turns)
{
	if (turns < LINGER_TURNS)
		return false;
	linger->until_us = now_us + LINGER_US;
	linger->left = LINGER_LOOKS_MOST;
	loop_defer(linger->loop, &linger->task);
	return true;
}

void linger_opened(struct lingering *linger, struct conversation *conversation)
{
	conversation->opened = true;
	conversation->at_us = loop_now_us(linger->loop);
	conversation->questions = linger->openings;
	(void)linger_for(linger, conversation->at_us, conversation->questions);
}

bool linger_asked(struct lingering *linger, struct conversation *conversation)
{
	uint64_t now_us = loop_now_us(linger->loop);

	if (conversation->asked)
		conversation->answers = 0; /* it does not wait for answers */
	else
		linger_count(conversation, now_us, &conversation->questions);
	if (conversation->opened)
		linger->openings = conversation->questions;
	conversation->opened = false;
	conversation->asked = true;
	conversation->at_us = now_us;
	return linger_for(linger, now_us, conversation->answers);
}

void linger_answered(struct lingering *linger, struct conversation *conversation)
{
	uint64_t now_us = loop_now_us(linger->loop);

	if (!conversation->asked)
		return;
	linger_count(conversation, now_us, &conversation->answers);
	conversation->asked = false;
	conversation->at_us = now_us;
	(void)linger_for(linger, now_us, conversation->questions);
}
