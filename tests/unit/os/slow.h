/* SPDX-License-Identifier: MIT */
/* A disk in FUSE that takes as long for fsync() as the test says: a folder of files in memory. Needs root; skip where
 * slow_open() says so. */
#ifndef TESTS_UNIT_OS_SLOW_H
#define TESTS_UNIT_OS_SLOW_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	SLOW_FILES = 16,
	SLOW_FILE_BYTES = 1 << 16,
	SLOW_WAITING = 16,
	SLOW_PATIENCE_MS = 10 * 1000,
};

struct slow_file {
	char name[64]; /* "": none */
	uint32_t mode, bytes;
	uint8_t *data;
};

struct slow {
	int device;
	char folder[32];
	pthread_t thread;
	struct slow_file files[SLOW_FILES]; /* node 2 and on; 1 is the folder */
	pthread_mutex_t lock;               /* of what follows */
	bool held;
	int error;                      /* what fsync() of a file comes to */
	uint64_t waiting[SLOW_WAITING]; /* fsync() that was not answered yet */
	unsigned waiting_count;
	unsigned asked;   /* fsync() so far */
	bool was_awaited; /* the test waits for a disk that waits for the test: no signal would end that */
};

static inline void slow_answer(const struct slow *slow, uint64_t unique, int error, const void *body, size_t bytes)
{
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + bytes), .error = -error, .unique = unique};
	struct iovec pieces[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)body, bytes}};

	assert_true(writev(slow->device, pieces, bytes > 0 ? 2 : 1) > 0 || errno == ENOENT);
}

static inline struct fuse_attr slow_attr(const struct slow *slow, uint64_t node)
{
	const struct slow_file *file = &slow->files[node - 2 < SLOW_FILES ? node - 2 : 0];

	if (node == 1)
		return (struct fuse_attr){.ino = 1, .mode = S_IFDIR | 0700, .nlink = 2};
	return (struct fuse_attr){.ino = node, .mode = S_IFREG | file->mode, .nlink = 1, .size = file->bytes};
}

/* SLOW_FILES: none. */
static inline unsigned slow_find(const struct slow *slow, const char *name)
{
	unsigned i = 0;

	while (i < SLOW_FILES && strcmp(slow->files[i].name, name) != 0)
		i++;
	return i;
}

static inline void slow_remove(struct slow *slow, const char *name)
{
	unsigned i = slow_find(slow, name);

	if (i == SLOW_FILES)
		return;
	free(slow->files[i].data);
	slow->files[i] = (struct slow_file){0};
}

static inline void slow_create(struct slow *slow, const struct fuse_in_header *in)
{
	const struct fuse_create_in *create = (const void *)(in + 1);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out opened;
	} made = {.opened = {.open_flags = FOPEN_DIRECT_IO}};
	unsigned i = slow_find(slow, "");

	assert_true(i < SLOW_FILES);
	snprintf(slow->files[i].name, sizeof(slow->files[i].name), "%s", (const char *)(create + 1));
	slow->files[i].mode = create->mode & 0777;
	slow->files[i].data = calloc(1, SLOW_FILE_BYTES);
	made.entry = (struct fuse_entry_out){.nodeid = i + 2, .attr = slow_attr(slow, i + 2)};
	slow_answer(slow, in->unique, 0, &made, sizeof(made));
}

static inline void slow_lookup(struct slow *slow, const struct fuse_in_header *in)
{
	unsigned i = slow_find(slow, (const char *)(in + 1));
	struct fuse_entry_out entry = {.nodeid = i + 2};

	if (i < SLOW_FILES)
		entry.attr = slow_attr(slow, i + 2);
	slow_answer(slow, in->unique, i < SLOW_FILES ? 0 : ENOENT, &entry, i < SLOW_FILES ? sizeof(entry) : 0);
}

static inline void slow_write(struct slow *slow, const struct fuse_in_header *in)
{
	const struct fuse_write_in *write = (const void *)(in + 1);
	struct slow_file *file = &slow->files[in->nodeid - 2];
	struct fuse_write_out wrote = {.size = write->size};

	assert_true(write->offset + write->size <= SLOW_FILE_BYTES);
	memcpy(file->data + write->offset, write + 1, write->size);
	file->bytes = (uint32_t)write->offset + write->size;
	slow_answer(slow, in->unique, 0, &wrote, sizeof(wrote));
}

static inline void slow_read(struct slow *slow, const struct fuse_in_header *in)
{
	const struct fuse_read_in *read = (const void *)(in + 1);
	const struct slow_file *file = &slow->files[in->nodeid - 2];
	uint64_t left = read->offset < file->bytes ? file->bytes - read->offset : 0;

	slow_answer(slow, in->unique, 0, file->data + read->offset, left < read->size ? left : read->size);
}

/* Names only change; whoever has the file open goes on with it. */
static inline void slow_rename(struct slow *slow, const struct fuse_in_header *in, size_t head)
{
	const char *from = (const char *)(in + 1) + head, *to = from + strlen(from) + 1;
	unsigned i = slow_find(slow, from);

	slow_remove(slow, to);
	snprintf(slow->files[i].name, sizeof(slow->files[i].name), "%s", to);
	slow_answer(slow, in->unique, 0, NULL, 0);
}

static inline void slow_fsync(struct slow *slow, const struct fuse_in_header *in)
{
	pthread_mutex_lock(&slow->lock);
	slow->asked++;
	if (slow->held && slow->waiting_count < SLOW_WAITING)
		slow->waiting[slow->waiting_count++] = in->unique;
	else
		slow_answer(slow, in->unique, in->opcode == FUSE_FSYNC ? slow->error : 0, NULL, 0);
	pthread_mutex_unlock(&slow->lock);
}

static inline void slow_set(struct slow *slow, const struct fuse_in_header *in)
{
	const struct fuse_setattr_in *set = (const void *)(in + 1);
	struct fuse_attr_out attr = {0};

	if (in->opcode == FUSE_SETATTR && set->valid & FATTR_MODE && in->nodeid >= 2)
		slow->files[in->nodeid - 2].mode = set->mode & 0777;
	attr.attr = slow_attr(slow, in->nodeid);
	slow_answer(slow, in->unique, 0, &attr, sizeof(attr));
}

static inline void slow_serve(struct slow *slow, const struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 1 << 16};
	struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};

	switch (in->opcode) {
	case FUSE_INIT:
		slow_answer(slow, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		slow_lookup(slow, in);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		slow_set(slow, in);
		break;
	case FUSE_CREATE:
		slow_create(slow, in);
		break;
	case FUSE_OPEN:
		slow_answer(slow, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_OPENDIR:
		opened.open_flags = 0;
		slow_answer(slow, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_WRITE:
		slow_write(slow, in);
		break;
	case FUSE_READ:
		slow_read(slow, in);
		break;
	case FUSE_RENAME:
		slow_rename(slow, in, sizeof(struct fuse_rename_in));
		break;
	case FUSE_RENAME2:
		slow_rename(slow, in, sizeof(struct fuse_rename2_in));
		break;
	case FUSE_UNLINK:
		slow_remove(slow, (const char *)(in + 1));
		slow_answer(slow, in->unique, 0, NULL, 0);
		break;
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		slow_fsync(slow, in);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		slow_answer(slow, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		slow_answer(slow, in->unique, ENOSYS, NULL, 0);
	}
}

/* From now on fsync() waits, until it is let go. */
static inline void slow_hold(struct slow *slow)
{
	pthread_mutex_lock(&slow->lock);
	slow->held = true;
	pthread_mutex_unlock(&slow->lock);
}

static inline void slow_let_go(struct slow *slow)
{
	pthread_mutex_lock(&slow->lock);
	slow->held = false;
	while (slow->waiting_count > 0)
		slow_answer(slow, slow->waiting[--slow->waiting_count], slow->error, NULL, 0);
	pthread_mutex_unlock(&slow->lock);
}

static inline bool slow_is_held(struct slow *slow)
{
	bool held;

	pthread_mutex_lock(&slow->lock);
	held = slow->held;
	pthread_mutex_unlock(&slow->lock);
	return held;
}

static inline void *slow_run(void *owner)
{
	struct slow *slow = owner;
	static _Alignas(8) uint8_t bytes[1 << 18];

	for (;;) {
		struct pollfd ready = {.fd = slow->device, .events = POLLIN};

		if (poll(&ready, 1, SLOW_PATIENCE_MS) == 0 && slow_is_held(slow)) {
			slow->was_awaited = true;
			slow_let_go(slow);
		} else if (ready.revents && read(slow->device, bytes, sizeof(bytes)) <= 0) {
			return NULL;
		} else if (ready.revents) {
			slow_serve(slow, (const struct fuse_in_header *)(const void *)bytes);
		}
	}
}

/* -1: this machine or user has no FUSE. */
static inline int slow_open(struct slow *slow)
{
	char options[64];

	*slow = (struct slow){.device = open("/dev/fuse", O_RDWR | O_CLOEXEC), .lock = PTHREAD_MUTEX_INITIALIZER};
	if (slow->device < 0)
		return -1;
	snprintf(slow->folder, sizeof(slow->folder), "/tmp/gw-slow-XXXXXX");
	assert_non_null(mkdtemp(slow->folder));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", slow->device, getuid(),
		 getgid());
	if (mount("fuse", slow->folder, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		rmdir(slow->folder);
		close(slow->device);
		return -1;
	}
	assert_int_equal(pthread_create(&slow->thread, NULL, slow_run, slow), 0);
	return 0;
}

/* From now on fsync() of files comes to this; 0: all is well. */
static inline void slow_fail(struct slow *slow, int error)
{
	pthread_mutex_lock(&slow->lock);
	slow->error = error;
	pthread_mutex_unlock(&slow->lock);
}

/* How often the disk was asked to sync. */
static inline unsigned slow_asked(struct slow *slow)
{
	unsigned asked;

	pthread_mutex_lock(&slow->lock);
	asked = slow->asked;
	pthread_mutex_unlock(&slow->lock);
	return asked;
}

/* While nobody does anything. */
static inline unsigned slow_files(const struct slow *slow)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SLOW_FILES; i++)
		count += slow->files[i].name[0] != 0;
	return count;
}

static inline void slow_close(struct slow *slow)
{
	slow_let_go(slow);
	assert_false(slow->was_awaited);
	assert_int_equal(umount2(slow->folder, MNT_DETACH), 0);
	pthread_join(slow->thread, NULL);
	close(slow->device);
	rmdir(slow->folder);
	for (unsigned i = 0; i < SLOW_FILES; i++)
		free(slow->files[i].data);
}

#endif
