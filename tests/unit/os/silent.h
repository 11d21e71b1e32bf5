/* SPDX-License-Identifier: MIT */
/* A file system in FUSE whose server does not answer. Needs root; skip where silent_open() says so. */
#ifndef TESTS_UNIT_OS_SILENT_H
#define TESTS_UNIT_OS_SILENT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SILENT_BYTES = 4096 };

/* A file system of one file, in FUSE: it answers what it takes to open and to close the file, and nothing else, ever. */
struct silent {
	int device;
	char folder[32];
	pthread_t thread;
	atomic_uint closes; /* that it was asked for, by whom one that does not answer would keep for ever */
	atomic_uint unanswered;
};

static inline void silent_answer(const struct silent *silent, const struct fuse_in_header *in, const void *body,
				 size_t bytes)
{
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + bytes), .unique = in->unique};
	struct iovec pieces[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)body, bytes}};

	assert_true(writev(silent->device, pieces, bytes > 0 ? 2 : 1) > 0);
}

static inline void silent_serve(struct silent *silent, const struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = SILENT_BYTES};
	struct fuse_entry_out entry = {.nodeid = 2,
				       .attr = {.ino = 2, .mode = S_IFREG | 0600, .nlink = 1, .size = SILENT_BYTES}};
	struct fuse_open_out opened = {.fh = 1};

	switch (in->opcode) {
	case FUSE_INIT:
		silent_answer(silent, in, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		silent_answer(silent, in, &entry, sizeof(entry));
		break;
	case FUSE_OPEN:
		silent_answer(silent, in, &opened, sizeof(opened));
		break;
	case FUSE_FLUSH:
		atomic_fetch_add(&silent->closes, 1);
		silent_answer(silent, in, NULL, 0);
		break;
	case FUSE_RELEASE:
		silent_answer(silent, in, NULL, 0);
		break;
	default:
		silent->unanswered++;
	}
}

static inline void *silent_run(void *owner)
{
	struct silent *silent = owner;
	static _Alignas(8) uint8_t bytes[1 << 17];

	while (read(silent->device, bytes, sizeof(bytes)) > 0)
		silent_serve(silent, (const struct fuse_in_header *)(const void *)bytes);
	return NULL;
}

/* The file, open; -1: this machine or user has no FUSE. */
static inline int silent_open(struct silent *silent)
{
	char options[64], path[64];

	*silent = (struct silent){.device = open("/dev/fuse", O_RDWR | O_CLOEXEC)};
	if (silent->device < 0)
		return -1;
	snprintf(silent->folder, sizeof(silent->folder), "/tmp/gw-handed-XXXXXX");
	assert_non_null(mkdtemp(silent->folder));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", silent->device, getuid(),
		 getgid());
	if (mount("fuse", silent->folder, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		rmdir(silent->folder);
		close(silent->device);
		return -1;
	}
	assert_int_equal(pthread_create(&silent->thread, NULL, silent_run, silent), 0);
	snprintf(path, sizeof(path), "%s/file", silent->folder);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* How many descriptors of the file there are; closed, or not. */
static inline unsigned silent_descriptors(const struct silent *silent, bool closed)
{
	unsigned count = 0;

	for (int fd = 3; fd < 1024; fd++) {
		char link[32], path[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, path, sizeof(path) - 1) < 0 ||
		    strncmp(path, silent->folder, strlen(silent->folder)) != 0)
			continue;
		count++;
		if (closed)
			close(fd);
	}
	return count;
}

static inline void silent_close(struct silent *silent)
{
	silent_descriptors(silent, true);
	assert_int_equal(umount2(silent->folder, MNT_DETACH), 0);
	pthread_join(silent->thread, NULL);
	close(silent->device);
	rmdir(silent->folder);
}

#endif
