/* SPDX-License-Identifier: MIT */
/* macOS has no such files, nor hypervisors that share their memory by them. */
#include "os/memoryfile.h"

bool memoryfile_is_at(const char *path)
{
	(void)path;
	return false;
}
