/* SPDX-License-Identifier: MIT */
/* Timers and software interrupts, by registers of 4 and 8 bytes. */
#include "semu/aclint.h"

#include <string.h>

#include "semu/hart.h"
#include "semu/trap.h"

enum { MTIME = 0x7ff8 };

void aclint_init(struct aclint *aclint, struct hart *const *harts, unsigned count, uint32_t hz)
{
	*aclint = (struct aclint){.harts = harts, .count = count};
	clock_init(&aclint->clock, hz);
}

void aclint_reset(struct aclint *aclint)
{
	memset(aclint->asked, 0, sizeof(aclint->asked));
}

/* A register of 8 bytes, read whole or by halves. */
static uint64_t part_of(uint64_t whole, uint64_t offset, unsigned bytes)
{
	return bytes == 8 ? whole : (uint32_t)(whole >> (8 * (offset & 4)));
}

bool aclint_mtimer_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	const struct aclint *aclint = owner;

	if (bytes < 4)
		return false;
	if (offset >= MTIME)
		*ret_value = part_of(clock_ticks(&aclint->clock), offset, bytes);
	else if (offset / 8 < aclint->count)
		*ret_value = part_of(aclint->harts[offset / 8]->timer, offset, bytes);
	else
		*ret_value = 0;
	return true;
}

/* The time itself cannot be set. */
bool aclint_mtimer_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct aclint *aclint = owner;
	const unsigned shift = 8 * (offset & 4);
	uint64_t whole;

	if (bytes < 4)
		return false;
	if (offset / 8 >= aclint->count)
		return true;
	whole = aclint->harts[offset / 8]->timer;
	whole = bytes == 8 ? value : (whole & ~(0xffffffffULL << shift)) | (uint64_t)(uint32_t)value << shift;
	hart_set_timer(aclint->harts[offset / 8], whole);
	return true;
}

bool aclint_mswi_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	const struct aclint *aclint = owner;

	if (bytes != 4)
		return false;
	*ret_value = offset / 4 < aclint->count && aclint->asked[offset / 4];
	return true;
}

bool aclint_mswi_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct aclint *aclint = owner;

	if (bytes != 4)
		return false;
	if (offset / 4 >= aclint->count)
		return true;
	aclint->asked[offset / 4] = value & 1;
	if (value & 1)
		hart_raise(aclint->harts[offset / 4], SIP_SOFTWARE);
	else
		hart_lower(aclint->harts[offset / 4], SIP_SOFTWARE);
	return true;
}

bool aclint_sswi_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	(void)owner;
	(void)offset;
	*ret_value = 0;
	return bytes == 4;
}

/* Only sets: the hart itself clears the bit in its sip. */
bool aclint_sswi_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	const struct aclint *aclint = owner;

	if (bytes != 4)
		return false;
	if (offset / 4 < aclint->count && value & 1)
		hart_raise(aclint->harts[offset / 4], SIP_SOFTWARE);
	return true;
}
