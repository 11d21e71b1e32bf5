/* SPDX-License-Identifier: MIT */
/* proc(5): "PID (NAME) STATE …", and a name may hold anything. */
#include "os/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool process_is_stopped(pid_t pid)
{
	char path[64], text[512], *end;
	ssize_t count;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	count = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[count > 0 ? count : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'T';
}
