/* SPDX-License-Identifier: MIT */
/* The kinds of guest that macOS has: no tap. */
#include "port/kinds.h"

const struct endpoint_kind *const endpoint_kinds[] = {
	&stream_kind,
	&dgram_kind,
	&seqpacket_kind,
	NULL,
};
