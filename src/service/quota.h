/* SPDX-License-Identifier: MIT */
/* How much of a pool of addresses one port may hold: whoever makes up machines at his port does not get what the others'
 * machines need, and a port with a hundred real ones gets as much as there is.
 *
 * A port is given a further address while it holds fewer than QUOTA_TIMES those that are free. So nobody is limited while
 * there is plenty; one port that takes all it can stops at four fifths, the next at four fifths of the rest; and the last
 * address is for a port that holds next to none. What it was given stays its own: no address is taken from a machine that
 * may be using it.
 *
 * Nothing is kept back for others where there are none. What the only port holds beyond its share is lent: for a short time
 * (LEASE_LENT_S), and again and again, until another port needs an address and none is left. Then the next that is to be
 * renewed is not, which is a quarter of a minute later at the most with a client that renews when it is told to. Lent
 * addresses count as free in all that is reckoned here. */
#ifndef SERVICE_QUOTA_H
#define SERVICE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tally.h"

enum { QUOTA_TIMES = 4 };

enum quota_verdict {
	QUOTA_NONE,
	QUOTA_LENT,
	QUOTA_OWN,
};

struct quota {
	uint32_t most; /* addresses for everybody */
	uint32_t held; /* of them, lent ones too */
	uint32_t lent;
	bool wanted; /* somebody was refused what is lent */
	struct tally places;
	struct tally_holder *holders;
};

/* There are `most` at most, and none at first. 0 or -ENOMEM. */
int quota_init(struct quota *quota, uint32_t most);
void quota_done(struct quota *quota);
/* Nobody holds anything any more. */
void quota_restart(struct quota *quota);
/* Places are ports, as numbers; 0 is none of them, and is never refused. */
void quota_add(struct quota *quota, uint64_t place, bool lent);
void quota_remove(struct quota *quota, uint64_t place, bool lent);
uint32_t quota_held(const struct quota *quota, uint64_t place);

/* May the port hold one more? `alone`: there is no other port. */
enum quota_verdict quota_ask(struct quota *quota, uint64_t place, bool alone);
/* May it go on holding one that is lent to it? */
enum quota_verdict quota_ask_again(struct quota *quota, uint64_t place);
/* Is it its share that keeps the port from one more? */
bool quota_is_full(const struct quota *quota, uint64_t place, bool alone);

#endif
