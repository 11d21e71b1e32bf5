/* SPDX-License-Identifier: MIT */
/* See served.h. */
#include "daemon/served.h"

#include <stddef.h>

const char *const served_kinds[] = {"stream", "dgram", "seqpacket", "vhost-user", NULL};
