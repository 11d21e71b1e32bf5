/* SPDX-License-Identifier: MIT */
/* A frame as one short line for a person: addresses, what it is, from where to where, how long. It is not a dissector:
 * `guestwire capture -w - | tcpdump -r -` is. */
#ifndef CLI_FRAMELINE_H
#define CLI_FRAMELINE_H

#include <stddef.h>
#include <stdint.h>

enum frameline_limits {
	FRAMELINE_BYTES = 256,
};

/* "52:54:00:… > ff:ff:…, ARP who has 10.0.2.2 tell 10.0.2.15, 42 bytes" */
const char *frameline_format(const uint8_t *frame, size_t captured, size_t length, char line[FRAMELINE_BYTES]);

#endif
