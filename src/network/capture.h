/* SPDX-License-Identifier: MIT */
/* Frames shown to the host program as they pass. The switch is observed only while a capture exists. */
#ifndef NETWORK_CAPTURE_H
#define NETWORK_CAPTURE_H

#include <stdbool.h>

#include "base/list.h"
#include "fabric/ethswitch.h"

struct capture_list {
	struct list captures; /* struct gw_capture */
	struct observer observer;
	unsigned showing; /* callbacks on the stack */
	bool sweep;       /* one was freed meanwhile */
};

struct gw_network;

/* Is anybody looking? */
bool capture_list_any(const struct gw_network *network);
/* Ends all of them. */
void capture_list_done(struct gw_network *network);

#endif
