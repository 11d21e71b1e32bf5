/* SPDX-License-Identifier: MIT */
/* What the two layouts of a ring are to the honest driver: for ring_driver.c and its two layouts alone. */
#ifndef KIT_RING_DRIVER_LAYOUT_H
#define KIT_RING_DRIVER_LAYOUT_H

#include "kit/ring_driver.h"

struct ring_driver_layout {
	/* At the start of the memory. */
	size_t (*ring_bytes)(uint16_t size);
	void (*init)(struct ring_driver *driver);
	void (*connect)(const struct ring_driver *driver, struct ring_setup *setup);
	void (*offer)(struct ring_driver *driver, struct ring_driver_buffer *buffer);
	/* True: the device wants to be told. */
	bool (*publish)(struct ring_driver *driver);
	/* The next used entry, which stays, and then leaves. */
	bool (*harvest)(struct ring_driver *driver, struct ring_driver_used *ret_used);
	void (*harvested)(struct ring_driver *driver, const struct ring_driver_buffer *buffer);
	void (*want_interrupt)(struct ring_driver *driver, bool wanted);
	void (*want_interrupt_after)(struct ring_driver *driver, uint16_t slots);
};

extern const struct ring_driver_layout ring_driver_split;
extern const struct ring_driver_layout ring_driver_packed;

uint64_t ring_driver_address(const struct ring_driver *driver, const void *at);

#endif
