/* SPDX-License-Identifier: MIT */
/* macOS has no eventfd and no memfd, and no hypervisor there speaks vhost-user. */
#include "os/handed.h"

#include <errno.h>

int handed_map(int fd, uint64_t offset, uint64_t bytes, struct handed_memory *ret_memory)
{
	(void)fd;
	(void)offset;
	(void)bytes;
	(void)ret_memory;
	return -EOPNOTSUPP;
}

void handed_unmap(struct handed_memory *memory)
{
	(void)memory;
}

int handed_empty(const struct handed_memory *memory)
{
	(void)memory;
	return -EOPNOTSUPP;
}

bool handed_is_local(int fd)
{
	(void)fd;
	return false;
}

int handed_event_in(const struct bell *bell, int fd)
{
	(void)bell;
	(void)fd;
	return -EINVAL;
}

int handed_event_out(const struct bell *bell, int fd, struct handed_event *ret_event)
{
	(void)bell;
	(void)fd;
	(void)ret_event;
	return -EINVAL;
}

bool handed_event_clear(int fd)
{
	(void)fd;
	return false;
}

void handed_event_signal(struct bell *bell, struct handed_event event)
{
	(void)bell;
	(void)event;
}
