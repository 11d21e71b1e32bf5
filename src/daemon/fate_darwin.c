/* SPDX-License-Identifier: MIT */
/* macOS has nothing of the kind. */
#include "daemon/fate.h"

void fate_share(pid_t parent)
{
	(void)parent;
}
