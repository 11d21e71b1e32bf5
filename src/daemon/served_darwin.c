/* SPDX-License-Identifier: MIT */
/* See served.h. No hypervisor of macOS speaks vhost-user. */
#include "daemon/served.h"

#include <stddef.h>

const char *const served_kinds[] = {"stream", "dgram", "seqpacket", NULL};
