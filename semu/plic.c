/* SPDX-License-Identifier: MIT */
/* Lines to contexts: what is pending, enabled there and above its threshold. */
#include "semu/plic.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* Offsets: PLIC specification 1.0, 4. */
enum {
	PRIORITY = 0,
	PENDING = 0x1000,
	ENABLE = 0x2000,
	ENABLE_STEP = 0x80,
	ENABLE_END = ENABLE + PLIC_CONTEXTS_MOST * ENABLE_STEP,
	CONTEXT = 0x200000,
	CONTEXT_STEP = 0x1000,
	CONTEXT_END = CONTEXT + PLIC_CONTEXTS_MOST * CONTEXT_STEP,
	CONTEXT_THRESHOLD = 0,
	CONTEXT_CLAIM = 4,
};

/* The line that the context would claim: the highest priority, of equals the lowest number; 0: none. */
static unsigned best(const struct plic *plic, const struct plic_context *context, unsigned above)
{
	unsigned line = 0, priority = above;

	for (uint32_t left = plic->pending & context->enabled; left; left &= left - 1) {
		const unsigned each = (unsigned)__builtin_ctz(left);

		if (plic->priorities[each] > priority) {
			line = each;
			priority = plic->priorities[each];
		}
	}
	return line;
}

static void tell_contexts(struct plic *plic)
{
	for (unsigned i = 0; i < plic->context_count; i++) {
		struct plic_context *context = &plic->contexts[i];
		const bool up = best(plic, context, context->threshold);

		if (up == context->up)
			continue;
		context->up = up;
		plic->on_context(plic->owner, i, up);
	}
}

void plic_init(struct plic *plic, unsigned contexts, void (*on_context)(void *owner, unsigned context, bool up),
	       void *owner)
{
	assert(contexts <= PLIC_CONTEXTS_MOST);
	*plic = (struct plic){.context_count = contexts, .on_context = on_context, .owner = owner};
}

void plic_reset(struct plic *plic)
{
	plic->claimed = 0;
	plic->pending = plic->up;
	memset(plic->priorities, 0, sizeof(plic->priorities));
	for (unsigned i = 0; i < plic->context_count; i++) {
		plic->contexts[i].enabled = 0;
		plic->contexts[i].threshold = 0;
	}
	tell_contexts(plic);
}

void plic_raise(struct plic *plic, unsigned line, bool up)
{
	const uint32_t bit = 1U << line;

	assert(line && line < PLIC_LINES);
	if (!up) {
		plic->up &= ~bit;
		return;
	}
	plic->up |= bit;
	if (plic->claimed & bit || plic->pending & bit)
		return;
	plic->pending |= bit;
	tell_contexts(plic);
}

/* The threshold holds back interrupts, not claims: specification 8. */
static unsigned claim(struct plic *plic, struct plic_context *context)
{
	const unsigned line = best(plic, context, 0);

	if (line) {
		plic->pending &= ~(1U << line);
		plic->claimed |= 1U << line;
		tell_contexts(plic);
	}
	return line;
}

/* What is not enabled in this context, or was not claimed, is ignored: specification 9. */
static void complete(struct plic *plic, const struct plic_context *context, uint32_t line)
{
	const uint32_t bit = line < PLIC_LINES ? 1U << line : 0;

	if (!(bit & context->enabled & plic->claimed))
		return;
	plic->claimed &= ~bit;
	plic->pending |= plic->up & bit;
	tell_contexts(plic);
}

static struct plic_context *context_at(struct plic *plic, uint64_t place)
{
	return place < plic->context_count ? &plic->contexts[place] : NULL;
}

static uint32_t load_context(struct plic *plic, struct plic_context *context, uint64_t which)
{
	if (context && which == CONTEXT_THRESHOLD)
		return context->threshold;
	return context && which == CONTEXT_CLAIM ? claim(plic, context) : 0;
}

bool plic_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	struct plic *plic = owner;
	const struct plic_context *context;

	if (bytes != 4)
		return false;
	*ret_value = 0;
	if (offset < PRIORITY + 4 * PLIC_LINES)
		*ret_value = plic->priorities[offset / 4];
	else if (offset == PENDING)
		*ret_value = plic->pending;
	else if (offset >= ENABLE && offset < ENABLE_END && offset % ENABLE_STEP == 0) {
		context = context_at(plic, (offset - ENABLE) / ENABLE_STEP);
		*ret_value = context ? context->enabled : 0;
	} else if (offset >= CONTEXT && offset < CONTEXT_END)
		*ret_value =
			load_context(plic, context_at(plic, (offset - CONTEXT) / CONTEXT_STEP), offset % CONTEXT_STEP);
	return true;
}

static void store_context(struct plic *plic, struct plic_context *context, uint64_t which, uint32_t value)
{
	if (context && which == CONTEXT_THRESHOLD)
		context->threshold = value & PLIC_PRIORITY_MOST;
	else if (context && which == CONTEXT_CLAIM)
		complete(plic, context, value);
}

bool plic_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct plic *plic = owner;
	struct plic_context *context;

	if (bytes != 4)
		return false;
	if (offset >= PRIORITY + 4 && offset < PRIORITY + 4 * PLIC_LINES)
		plic->priorities[offset / 4] = value & PLIC_PRIORITY_MOST;
	else if (offset >= ENABLE && offset < ENABLE_END && offset % ENABLE_STEP == 0) {
		context = context_at(plic, (offset - ENABLE) / ENABLE_STEP);
		if (context)
			context->enabled = (uint32_t)value & ~1U;
	} else if (offset >= CONTEXT && offset < CONTEXT_END)
		store_context(plic, context_at(plic, (offset - CONTEXT) / CONTEXT_STEP), offset % CONTEXT_STEP,
			      (uint32_t)value);
	tell_contexts(plic);
	return true;
}
