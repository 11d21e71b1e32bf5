/* SPDX-License-Identifier: MIT */
/* See steering.h. */
#include "port/steering.h"

/* The low bits: the high ones choose among pairs where nothing was heard. */
static uint32_t steering_index(uint32_t flow)
{
	return flow % STEERING_PLACES;
}

void steering_hear(struct steering *steering, uint32_t flow, uint32_t pair, uint64_t now_us)
{
	struct steering_place *place = &steering->places[steering_index(flow)];
	bool taken = place->flow != 0 && now_us - place->heard_us < STEERING_IDLE_US;

	if (flow == 0 || (taken && place->flow != flow))
		return;
	*place = (struct steering_place){now_us, flow, pair};
}

bool steering_find(const struct steering *steering, uint32_t flow, uint32_t *ret_pair)
{
	const struct steering_place *place = &steering->places[steering_index(flow)];

	if (flow == 0 || place->flow != flow)
		return false;
	*ret_pair = place->pair;
	return true;
}
