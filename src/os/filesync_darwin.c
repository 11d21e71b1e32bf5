/* SPDX-License-Identifier: MIT */
/* See filesync.h. The kernel has threads of its own for this; it tells by signals alone, which are the program's. */
#include "os/filesync.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct filesync {
	struct aiocb request;
	int result;
};

int filesync_new(struct filesync **ret_sync)
{
	*ret_sync = calloc(1, sizeof(**ret_sync));
	return *ret_sync ? 0 : -ENOMEM;
}

void filesync_free(struct filesync *sync)
{
	if (!sync)
		return;
	filesync_wait(sync);
	free(sync);
}

void filesync_start(struct filesync *sync, int fd)
{
	sync->request = (struct aiocb){.aio_fildes = fd, .aio_sigevent = {.sigev_notify = SIGEV_NONE}};
	if (aio_fsync(O_SYNC, &sync->request) == 0)
		sync->result = -EINPROGRESS;
	else
		sync->result = fsync(fd) < 0 ? -errno : 0;
}

int filesync_result(struct filesync *sync)
{
	int error;

	if (sync->result != -EINPROGRESS)
		return sync->result;
	error = aio_error(&sync->request);
	if (error == EINPROGRESS)
		return -EINPROGRESS;
	(void)aio_return(&sync->request);
	sync->result = -error;
	return sync->result;
}

void filesync_wait(struct filesync *sync)
{
	const struct aiocb *const all[] = {&sync->request};

	while (filesync_result(sync) == -EINPROGRESS)
		(void)aio_suspend(all, 1, NULL);
}

int filesync_fd(const struct filesync *sync)
{
	(void)sync;
	return -1;
}
