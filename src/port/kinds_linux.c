/* SPDX-License-Identifier: MIT */
/* The kinds of guest that Linux has. */
#include "port/kinds.h"

const struct endpoint_kind *const endpoint_kinds[] = {
	&stream_kind, &dgram_kind, &seqpacket_kind, &tap_kind, &vhost_user_kind, NULL,
};
