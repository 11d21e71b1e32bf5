/* SPDX-License-Identifier: MIT */
/* See bell.h. The request that is told is a read of nothing from the eventfd itself, which it refuses before it would wait;
 * libc has no names for these calls. */
#include "os/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BELL_UNREAD_MAX = 32 };

int bell_open(struct bell *bell)
{
	aio_context_t context = 0;

	if (bell->context)
		return 0;
	if (syscall(SYS_io_setup, BELL_UNREAD_MAX, &context) < 0)
		return -errno;
	*bell = (struct bell){.context = context};
	return 0;
}

void bell_close(struct bell *bell)
{
	if (bell->context)
		syscall(SYS_io_destroy, (aio_context_t)bell->context);
	*bell = (struct bell){0};
}

/* 0 or negative errno. */
static int bell_submit(const struct bell *bell, int fd, int flags)
{
	struct iocb request = {.aio_lio_opcode = IOCB_CMD_PREAD,
			       .aio_fildes = (uint32_t)fd,
			       .aio_rw_flags = flags,
			       .aio_flags = IOCB_FLAG_RESFD,
			       .aio_resfd = (uint32_t)fd};
	struct iocb *all[] = {&request};

	return syscall(SYS_io_submit, (aio_context_t)bell->context, 1L, all) == 1 ? 0 : -errno;
}

static void bell_forget(struct bell *bell)
{
	struct io_event events[BELL_UNREAD_MAX];

	(void)!syscall(SYS_io_getevents, (aio_context_t)bell->context, 0L, (long)BELL_UNREAD_MAX, events, NULL);
	bell->unread = 0;
}

/* ---- without asynchronous I/O ---- */

/* Eventfds and a few others (timers, signals, epoll) have no type; what is remembered of it is enough. */
static bool bell_has_no_type(int fd)
{
	struct statx status;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0 &&
	       (status.stx_mode & S_IFMT) == 0;
}

static int bell_check_by_writing(int fd)
{
	uint64_t nothing = 0;
	int flags;

	if (!bell_has_no_type(fd))
		return -EINVAL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -EINVAL;
	/* Of those an eventfd alone can be written, and there is always room to add nothing. */
	return write(fd, &nothing, sizeof(nothing)) == sizeof(nothing) ? 0 : -EINVAL;
}

static void bell_ring_by_writing(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	uint64_t one = 1;

	if (poll(&ready, 1, 0) > 0 && ready.revents & POLLOUT)
		(void)!write(fd, &one, sizeof(one));
}

/* ---- both ---- */

int bell_check(const struct bell *bell, int fd)
{
	/* Which file is to be told is looked at before what is asked for, and flags that nobody knows are refused. */
	const int flags = -1;
	int code;

	if (!bell->context)
		return bell_check_by_writing(fd);
	code = bell_submit(bell, fd, flags);
	return code == -EOPNOTSUPP ? 0 : -EINVAL;
}

void bell_ring(struct bell *bell, int fd)
{
	/* Refused besides only where the kernel has no memory. */
	if (!bell->context || bell_submit(bell, fd, RWF_NOWAIT) < 0) {
		bell_ring_by_writing(fd);
		return;
	}
	if (++bell->unread == BELL_UNREAD_MAX)
		bell_forget(bell);
}
