/* SPDX-License-Identifier: MIT */
/* Who holds how many of what there is little of: a number for each holder of at least one. When all is taken it tells who
 * makes way. Holders are numbers to it, and few: ports, not guests, and so they are looked for one after the other. */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdint.h>

struct tally_holder {
	uint64_t who;
	uint32_t count; /* never 0 */
};

struct tally {
	struct tally_holder *holders;
	uint32_t used, room;
};

/* With memory of the caller's for as many holders as there can be: of things that there are `room` of, so many. */
void tally_init(struct tally *tally, struct tally_holder *holders, uint32_t room);
uint32_t tally_of(const struct tally *tally, uint64_t who);
/* One more, and one less of what was added. */
void tally_add(struct tally *tally, uint64_t who);
void tally_remove(struct tally *tally, uint64_t who);

#endif
