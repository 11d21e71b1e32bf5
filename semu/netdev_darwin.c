/* SPDX-License-Identifier: MIT */
/* vmnet is the system's own network, for root or with an entitlement; whoever has neither gets user mode. */
#include "semu/netdev.h"

#include <stddef.h>

const char *const netdev_usual[] = {"vmnet", "user", NULL};
