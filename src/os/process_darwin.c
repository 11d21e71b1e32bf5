/* SPDX-License-Identifier: MIT */
/* sysctl(3) has the state of a process. */
#include "os/process.h"

#include <sys/proc.h>
#include <sys/sysctl.h>

bool process_is_stopped(pid_t pid)
{
	int words[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
	struct kinfo_proc process;
	size_t bytes = sizeof(process);

	return pid > 0 && sysctl(words, 4, &process, &bytes, NULL, 0) == 0 && bytes == sizeof(process) &&
	       process.kp_proc.p_stat == SSTOP;
}
