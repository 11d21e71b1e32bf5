/* SPDX-License-Identifier: MIT */
/* User mode needs no privilege and can always be had. */
#include "semu/netdev.h"

#include <stddef.h>

const char *const netdev_usual[] = {"user", NULL};
