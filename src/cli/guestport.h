/* SPDX-License-Identifier: MIT */
/* GUEST or GUEST:PORT, as a person writes it. GUEST may be a MAC or IPv6 address and full of colons itself. */
#ifndef CLI_GUESTPORT_H
#define CLI_GUESTPORT_H

#include <stdint.h>

struct error;

enum guestport_limits {
	GUESTPORT_GUEST_BYTES = 257,
};

/* `ret_port` 0: none was given. 0, or -EINVAL and a text. */
int guestport_parse(const char *word, char guest[GUESTPORT_GUEST_BYTES], uint16_t *ret_port, struct error *ret_error);

#endif
