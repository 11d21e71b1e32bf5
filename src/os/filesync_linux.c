/* SPDX-License-Identifier: MIT */
/* See filesync.h. libc's aio_fsync() is a thread, and has no names for these calls. */
#include "os/filesync.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct filesync {
	aio_context_t context; /* 0: not opened, or there is none */
	int told;              /* an eventfd; -1: not opened */
	int result;
};

int filesync_new(struct filesync **ret_sync)
{
	struct filesync *sync = malloc(sizeof(*sync));

	if (!sync)
		return -ENOMEM;
	*sync = (struct filesync){.told = -1};
	*ret_sync = sync;
	return 0;
}

void filesync_free(struct filesync *sync)
{
	if (!sync)
		return;
	if (sync->context)
		syscall(SYS_io_destroy, sync->context);
	if (sync->told >= 0)
		close(sync->told);
	free(sync);
}

/* 0 or negative errno; what is missing is tried again the next time. */
static int filesync_open(struct filesync *sync)
{
	if (sync->told < 0)
		sync->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sync->told < 0)
		return -errno;
	return sync->context || syscall(SYS_io_setup, 1, &sync->context) == 0 ? 0 : -errno;
}

static int filesync_submit(const struct filesync *sync, int fd)
{
	struct iocb request = {.aio_lio_opcode = IOCB_CMD_FSYNC,
			       .aio_fildes = (uint32_t)fd,
			       .aio_flags = IOCB_FLAG_RESFD,
			       .aio_resfd = (uint32_t)sync->told};
	struct iocb *all[] = {&request};

	return syscall(SYS_io_submit, sync->context, 1L, all) == 1 ? 0 : -errno;
}

void filesync_start(struct filesync *sync, int fd)
{
	if (filesync_open(sync) == 0 && filesync_submit(sync, fd) == 0)
		sync->result = -EINPROGRESS;
	else
		sync->result = fsync(fd) < 0 ? -errno : 0;
}

static void filesync_collect(struct filesync *sync, const struct timespec *timeout)
{
	struct io_event event;
	uint64_t count;

	/* First, and always: the eventfd is written after the event is there. */
	(void)!read(sync->told, &count, sizeof(count));
	if (sync->result == -EINPROGRESS && syscall(SYS_io_getevents, sync->context, 1L, 1L, &event, timeout) == 1)
		sync->result = (int)event.res;
}

int filesync_result(struct filesync *sync)
{
	const struct timespec none = {0};

	filesync_collect(sync, &none);
	return sync->result;
}

void filesync_wait(struct filesync *sync)
{
	/* A signal ends a wait. */
	while (sync->result == -EINPROGRESS)
		filesync_collect(sync, NULL);
}

int filesync_fd(const struct filesync *sync)
{
	return sync->told;
}
