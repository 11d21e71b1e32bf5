/* SPDX-License-Identifier: MIT */
/* fsync() that nobody waits for, one at a time. On Linux it is a request of asynchronous I/O, which a worker of the
 * kernel's carries out and tells of on an eventfd; on macOS the same, but it has to be looked at.
 *
 * What cannot be held: where there is no asynchronous I/O (a kernel without it, a filter, fs.aio-max-nr used up, none for
 * fsync before Linux 4.18), filesync_start() is fsync() itself, and waits for the disk. */
#ifndef OS_FILESYNC_H
#define OS_FILESYNC_H

struct filesync;

/* 0 or -ENOMEM. */
int filesync_new(struct filesync **ret_sync);
/* Waits for what is under way, and on Linux some 20 ms for the kernel if anything ever was. */
void filesync_free(struct filesync *sync);

/* None is under way. The descriptor stays open until it is over. Not across a fork(). */
void filesync_start(struct filesync *sync, int fd);
/* -EINPROGRESS, 0, or why it failed. */
int filesync_result(struct filesync *sync);
/* Until what is under way is over. */
void filesync_wait(struct filesync *sync);
/* Readable when what was started is over; -1: it has to be looked at from time to time. The same from the first start on. */
int filesync_fd(const struct filesync *sync);

#endif
