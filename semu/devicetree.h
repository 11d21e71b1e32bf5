/* SPDX-License-Identifier: MIT */
/* What the kernel is told of the machine: a device tree made from what there is, or one that was given, made to fit. */
#ifndef SEMU_DEVICETREE_H
#define SEMU_DEVICETREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum devicetree_word { DEVICETREE_32 = 32, DEVICETREE_64 = 64 };

struct devicetree_config {
	enum devicetree_word word; /* of the harts */
	unsigned harts;
	uint64_t ram_bytes;
	uint32_t timebase_hz;
	const char *arguments; /* of the kernel; NULL: with a tree that was given, its own */
	uint64_t initrd_start; /* a guest's address */
	uint64_t initrd_bytes; /* 0: there is none */
	unsigned nets;         /* map_net(0) and on */
	bool blk, rng;
};

/* Into `bytes` bytes at `tree`. 0, or -ENOSPC. */
int devicetree_build(const struct devicetree_config *config, void *tree, size_t bytes);

/* What a tree that was given says of the harts; 0 and NULL where it says nothing. -EINVAL: it is not a device tree. */
struct devicetree_facts {
	unsigned word;
	unsigned harts;
	uint32_t timebase_hz;
	const char *arguments; /* in the tree */
};
int devicetree_read(const void *tree, size_t bytes, struct devicetree_facts *ret_facts);
/* The tree in `bytes` bytes gets this RAM, these arguments and this initramfs, the network cards and the disk that it lacks,
 * and virtio devices that the machine has not are disabled; all else stays. 0, -ENOSPC, -ENODEV (there is no PLIC for what it
 * lacks), or -EINVAL. */
int devicetree_fit(const struct devicetree_config *config, void *tree, size_t bytes);
/* Of a node below the root. 0, or libfdt's error. */
int devicetree_set_reg(void *tree, int node, uint64_t start, uint64_t bytes);

#endif
