/* SPDX-License-Identifier: MIT */
/* The platform-level interrupt controller, sifive,plic-1.0.0: 31 lines, and one context for each hart, its supervisor mode.
 * Lines are levels: a device holds its line up for as long as it wants to be heard. A line that goes up becomes pending
 * once; being claimed and completed with the line still up makes it pending again (PLIC specification 1.0, 3 and 9). */
#ifndef SEMU_PLIC_H
#define SEMU_PLIC_H

#include <stdbool.h>
#include <stdint.h>

enum { PLIC_LINES = 32, PLIC_CONTEXTS_MOST = 32, PLIC_PRIORITY_MOST = 7 };

struct plic_context {
	uint32_t enabled;
	uint8_t threshold;
	bool up; /* as on_context was told last */
};

struct plic {
	uint32_t up;      /* lines, a bit each; bit 0 is no line */
	uint32_t pending; /* waits to be claimed */
	uint32_t claimed; /* not yet completed */
	uint8_t priorities[PLIC_LINES];
	unsigned context_count;
	struct plic_context contexts[PLIC_CONTEXTS_MOST];
	/* The context's external interrupt goes up or down. */
	void (*on_context)(void *owner, unsigned context, bool up);
	void *owner;
};

void plic_init(struct plic *plic, unsigned contexts, void (*on_context)(void *owner, unsigned context, bool up),
	       void *owner);
/* Lines stay as their devices hold them; all else is as it was made. */
void plic_reset(struct plic *plic);
void plic_raise(struct plic *plic, unsigned line, bool up);
/* The registers, as a bus_device has them: 4 bytes each. */
bool plic_load(void *plic, uint64_t offset, unsigned bytes, uint64_t *ret_value);
bool plic_store(void *plic, uint64_t offset, unsigned bytes, uint64_t value);

#endif
