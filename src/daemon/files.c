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

size_t files_flows(uint64_t files)
{
	const uint64_t other = FILES_OTHER + files / FILES_OTHER_SHARE;

	if (files < other + FILES_FLOWS_LEAST)
		return FILES_FLOWS_LEAST;
	return files - other < SIZE_MAX ? (size_t)(files - other) : SIZE_MAX;
}

bool files_low(uint64_t files, size_t flows, char *text, size_t room)
{
	enum { PARTS = FILES_OTHER_SHARE - 1 };
	enum { WANTED = (FILES_FLOWS_USUAL + FILES_OTHER + PARTS - 1) / PARTS * FILES_OTHER_SHARE };

	if (flows == 0 || flows >= FILES_FLOWS_USUAL || flows < files_flows(files))
		return false;
	snprintf(text, room,
		 "this process may have %llu files open, and a conversation of a guest with the world takes one: with "
		 "more than %zu of them, older ones end; ulimit -Hn %d, before it is started, allows more",
		 (unsigned long long)files, flows, WANTED);
	return true;
}
