/* SPDX-License-Identifier: MIT */
/* The kernel forgets it when the process's user changes, and so it is asked last. */
#include "daemon/fate.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void fate_share(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have ended before we asked. */
	if (getppid() != parent)
		_exit(1);
}
