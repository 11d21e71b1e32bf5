/* SPDX-License-Identifier: MIT */
/* A machine whose console is kept, for tests that put its RAM together themselves. */
#ifndef SEMU_DESK_H
#define SEMU_DESK_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "semu/machine.h"

enum { RAM_BYTES = 1 << 20, HZ = 1000000 };

struct desk {
	struct machine *machine;
	char printed[8]; /* then the console is full */
	size_t count;
};

static inline bool desk_print(void *owner, uint8_t byte)
{
	struct desk *desk = owner;

	if (desk->count == sizeof(desk->printed))
		return false;
	desk->printed[desk->count++] = (char)byte;
	return true;
}

static inline void desk_on_room(void *owner)
{
	(void)owner;
}

/* machine_free() ends it. */
static inline void desk_init(struct desk *desk, unsigned word, unsigned harts)
{
	const struct machine_config config = {
		.word = word,
		.harts = harts,
		.ram_bytes = RAM_BYTES,
		.timebase_hz = HZ,
		.console = {.print = desk_print, .on_room = desk_on_room, .owner = desk},
	};

	*desk = (struct desk){0};
	assert_int_equal(machine_new(&config, &desk->machine), 0);
	machine_reset(desk->machine);
}

#endif
