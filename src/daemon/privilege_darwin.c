/* SPDX-License-Identifier: MIT */
/* macOS has no namespaces, and so nobody who would have to give anything up. Not compiled on Linux. */
#include "daemon/privilege.h"

void privilege_drop(void)
{
}
