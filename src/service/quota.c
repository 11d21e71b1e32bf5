/* SPDX-License-Identifier: MIT */
/* See quota.h. */
#include "service/quota.h"

#include <errno.h>
#include <stdlib.h>

int quota_init(struct quota *quota, uint32_t most)
{
	*quota = (struct quota){.holders = calloc(most, sizeof(*quota->holders))};
	tally_init(&quota->places, quota->holders, most);
	return quota->holders ? 0 : -ENOMEM;
}

void quota_done(struct quota *quota)
{
	free(quota->holders);
}

void quota_restart(struct quota *quota)
{
	quota->held = quota->lent = 0;
	quota->wanted = false;
	tally_init(&quota->places, quota->holders, quota->places.room);
}

void quota_add(struct quota *quota, uint64_t place, bool lent)
{
	quota->held++;
	quota->lent += lent;
	tally_add(&quota->places, place);
}

void quota_remove(struct quota *quota, uint64_t place, bool lent)
{
	quota->held--;
	quota->lent -= lent;
	tally_remove(&quota->places, place);
}

uint32_t quota_held(const struct quota *quota, uint64_t place)
{
	return tally_of(&quota->places, place);
}

/* The gateway may have been given more addresses of the pool's since it was counted. */
static uint32_t quota_free(const struct quota *quota)
{
	return quota->most > quota->held ? quota->most - quota->held : 0;
}

/* Of a port that holds so many already. */
static bool quota_allows(const struct quota *quota, uint32_t held)
{
	return held < QUOTA_TIMES * (quota_free(quota) + quota->lent);
}

enum quota_verdict quota_ask(struct quota *quota, uint64_t place, bool alone)
{
	if (place == 0)
		return QUOTA_OWN;
	if (!quota_allows(quota, quota_held(quota, place)))
		return alone ? QUOTA_LENT : QUOTA_NONE;
	if (quota_free(quota) == 0)
		quota->wanted = true;
	return QUOTA_OWN;
}

enum quota_verdict quota_ask_again(struct quota *quota, uint64_t place)
{
	if (place == 0 || quota_allows(quota, quota_held(quota, place) - 1))
		return QUOTA_OWN;
	if (!quota->wanted)
		return QUOTA_LENT;
	quota->wanted = false;
	return QUOTA_NONE;
}

bool quota_is_full(const struct quota *quota, uint64_t place, bool alone)
{
	uint32_t held = quota_held(quota, place);

	/* Of a pool that is empty everybody is refused. */
	return place != 0 && !alone && held >= QUOTA_TIMES && !quota_allows(quota, held);
}
