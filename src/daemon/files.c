/* SPDX-License-Identifier: MIT */
/* The table's usual size is an upper bound that few networks reach; what is said is said where some would. */
#include "daemon/files.h"

#include <stdio.h>
#include <sys/resource.h>

uint64_t files_raise(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return UINT64_MAX;
	if (files.rlim_cur < files.rlim_max) {
		rlim_t before = files.rlim_cur;

		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			files.rlim_cur = before;
	}
	return files.rlim_cur == RLIM_INFINITY ? UINT64_MAX : files.rlim_cur;
}

bool files_low(uint64_t files, size_t flows, char *text, size_t room)
{
	size_t wanted = (flows < FILES_FLOWS_USUAL ? flows : FILES_FLOWS_USUAL) + FILES_OTHER;

	if (flows == 0 || files >= wanted)
		return false;
	snprintf(text, room,
		 "this process may have %llu files open, and a conversation of a guest with the world takes one: with "
		 "more than that, older ones end; ulimit -Hn %zu, before it is started, allows more",
		 (unsigned long long)files, wanted);
	return true;
}
