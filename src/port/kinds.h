/* SPDX-License-Identifier: MIT */
/* One line per kind of guest; each stands in the file of its name. */
#ifndef PORT_KINDS_H
#define PORT_KINDS_H

#include "port/endpoint.h"

extern const struct endpoint_kind stream_kind;
extern const struct endpoint_kind dgram_kind;
extern const struct endpoint_kind seqpacket_kind;
extern const struct endpoint_kind tap_kind;
extern const struct endpoint_kind vhost_user_kind; /* Linux only */

#endif
