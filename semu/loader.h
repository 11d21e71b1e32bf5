/* SPDX-License-Identifier: MIT */
/* Files into the guest's memory: the kernel, the initramfs, the device tree; each where map.h says. Every file may be anything:
 * what cannot be booted is told by one line that says what to do. */
#ifndef SEMU_LOADER_H
#define SEMU_LOADER_H

#include <stddef.h>
#include <stdint.h>

/* What every kernel is told before its own arguments: a panic ends in a warm reboot, by which the machine knows it. */
#define LOADER_PANIC "panic=-1 reboot=panic_warm"

struct error;

/* A file, read once: a reboot loads it again from here. */
struct loader_file {
	const char *path;
	uint8_t *bytes; /* NULL: there is none */
	size_t count;
};

/* The path must stay. 0 or negative errno. */
int loader_read(const char *path, struct loader_file *ret_file, struct error *ret_error);
void loader_done(struct loader_file *file);

/* Of how many bits its harts must be, 32 or 64; 0: its header does not tell, or it is no kernel. */
unsigned loader_word(const struct loader_file *kernel);

/* Where things come to stand. */
struct loader_layout {
	uint64_t kernel;
	uint64_t initrd; /* 0: none */
	uint64_t tree;
};

/* Whether the kernel can be booted and where all of it goes; -ENOEXEC. */
int loader_plan(const struct loader_file *kernel, const struct loader_file *initrd, unsigned word, uint64_t ram_bytes,
		struct loader_layout *ret_layout, struct error *ret_error);

#endif
