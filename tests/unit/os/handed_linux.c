/* SPDX-License-Identifier: MIT */
/* Descriptors whose own system could make us wait. Which are memory and which events is in handed.c. */
#include "os/handed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* A file system of one file, in FUSE: it answers what it takes to open and to close the file, and nothing else, ever. */
struct silent {
	int device;
	char folder[32];
	pthread_t thread;
	unsigned unanswered;
};

static void silent_answer(const struct silent *silent, const struct fuse_in_header *in, const void *body, size_t bytes)
{
	struct fuse_out_header out = {.len = (uint32_t)(sizeof(out) + bytes), .unique = in->unique};
	struct iovec pieces[2] = {{&out, sizeof(out)}, {(void *)(uintptr_t)body, bytes}};

	assert_true(writev(silent->device, pieces, bytes > 0 ? 2 : 1) > 0);
}

static void silent_serve(struct silent *silent, const struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = PAGE};
	struct fuse_entry_out entry = {.nodeid = 2,
				       .attr = {.ino = 2, .mode = S_IFREG | 0600, .nlink = 1, .size = PAGE}};
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
	case FUSE_RELEASE:
		silent_answer(silent, in, NULL, 0);
		break;
	default:
		silent->unanswered++;
	}
}

static void *silent_run(void *owner)
{
	struct silent *silent = owner;
	static _Alignas(8) uint8_t bytes[1 << 17];

	while (read(silent->device, bytes, sizeof(bytes)) > 0)
		silent_serve(silent, (const struct fuse_in_header *)(const void *)bytes);
	return NULL;
}

/* The file, open; -1: this machine or user has no FUSE. */
static int silent_open(struct silent *silent)
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

static void silent_close(struct silent *silent)
{
	assert_int_equal(umount2(silent->folder, MNT_DETACH), 0);
	pthread_join(silent->thread, NULL);
	close(silent->device);
	rmdir(silent->folder);
}

static void a_file_whose_system_never_answers_is_refused_at_once(void **state)
{
	struct handed_memory memory;
	struct handed_event event;
	struct silent silent;
	struct bell bell = {0};
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	alarm(10);
	assert_int_equal(handed_map(fd, 0, PAGE, &memory), -EINVAL);
	assert_int_equal(handed_event_in(&bell, fd), -EINVAL);
	assert_int_equal(handed_event_out(&bell, fd, &event), -EINVAL);
	assert_int_equal(bell_open(&bell), 0);
	assert_int_equal(handed_event_in(&bell, fd), -EINVAL);
	alarm(0);
	bell_close(&bell);
	assert_int_equal(silent.unanswered, 0);
	close(fd);
	silent_close(&silent);
}

/* close() would wait for what it still has to send (SO_LINGER). */
static void a_socket_of_a_network_is_no_event(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct handed_event event;
	struct bell bell = {0};

	(void)state;
	assert_int_equal(handed_event_out(&bell, fd, &event), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_whose_system_never_answers_is_refused_at_once),
		cmocka_unit_test(a_socket_of_a_network_is_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
