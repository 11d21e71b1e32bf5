/* SPDX-License-Identifier: MIT */
/* covers: semu/loader.c */
/* A file given as the kernel: what is taken has its place in memory beside everything else, whatever its header says. The
 * first bytes choose the machine. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "semu/loader.h"
#include "semu/map.h"

enum { CHOICES = 2, PATH_BYTES = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* As a file, since a kernel is one. */
static void read_kernel(const uint8_t *bytes, size_t count, char path[PATH_BYTES], struct loader_file *ret_kernel)
{
	const int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct error error;

	assert(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
	snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
	assert(loader_read(path, ret_kernel, &error) == 0);
	close(fd);
	assert(ret_kernel->count == count);
}

static void plan(const struct loader_file *kernel, const struct loader_file *initrd, unsigned word, uint64_t ram_bytes)
{
	struct loader_layout layout;
	struct error error;
	const int code = loader_plan(kernel, initrd, word, ram_bytes, &layout, &error);
	const unsigned own_word = loader_word(kernel);

	assert(own_word == 0 || own_word == 32 || own_word == 64);
	if (code != 0) {
		assert(code == -ENOEXEC && error.text[0] != '\0');
		return;
	}
	assert(layout.kernel >= MAP_RAM && layout.kernel - MAP_RAM + kernel->count <= layout.tree);
	assert(layout.tree + MAP_DTB_BYTES <= ram_bytes);
	if (layout.initrd)
		assert(layout.initrd >= layout.kernel + kernel->count && layout.initrd + initrd->count <= layout.tree);
#ifdef PLANTED
	assert(kernel->bytes[kernel->count + 1] != 1);
#endif
}

static void refuse_what_is_no_file(void)
{
	static const char *const paths[] = {"/proc/self/fd/99999", "/", "/dev/null"};
	struct loader_file file;
	struct error error;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert(loader_read(paths[i], &file, &error) < 0 && error.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct loader_file kernel, initrd = {.path = "initrd"};
	char path[PATH_BYTES];

	if (count < CHOICES)
		return 0;
	refuse_what_is_no_file();
	initrd.count = (size_t)(bytes[0] >> 1) << 16;
	read_kernel(bytes + CHOICES, count - CHOICES, path, &kernel);
	plan(&kernel, &initrd, bytes[0] & 1 ? 32 : 64, (uint64_t)(1 + bytes[1]) << 20);
	loader_done(&kernel);
	return 0;
}
