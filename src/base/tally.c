/* SPDX-License-Identifier: MIT */
/* See tally.h. */
#include "base/tally.h"

#include <assert.h>
#include <stddef.h>

void tally_init(struct tally *tally, struct tally_holder *holders, uint32_t room)
{
	*tally = (struct tally){.holders = holders, .room = room};
}

static struct tally_holder *tally_find(const struct tally *tally, uint64_t who)
{
	for (uint32_t i = 0; i < tally->used; i++) {
		if (tally->holders[i].who == who)
			return &tally->holders[i];
	}
	return NULL;
}

uint32_t tally_of(const struct tally *tally, uint64_t who)
{
	const struct tally_holder *holder = tally_find(tally, who);

	return holder ? holder->count : 0;
}

void tally_add(struct tally *tally, uint64_t who)
{
	struct tally_holder *holder = tally_find(tally, who);

	if (!holder) {
		assert(tally->used < tally->room);
		holder = &tally->holders[tally->used++];
		*holder = (struct tally_holder){.who = who};
	}
	holder->count++;
}

void tally_remove(struct tally *tally, uint64_t who)
{
	struct tally_holder *holder = tally_find(tally, who);

	assert(holder);
	if (--holder->count == 0)
		*holder = tally->holders[--tally->used];
}
