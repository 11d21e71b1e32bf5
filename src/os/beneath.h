/* SPDX-License-Identifier: MIT */
/* Files below a folder, and nowhere else, whatever names and symbolic links say: what a guest asks for by name is opened
 * through here. For reading, and only regular files. */
#ifndef OS_BENEATH_H
#define OS_BENEATH_H

#include <stdint.h>

/* `path` is relative to `folder`, a descriptor. A symbolic link is followed where it stays below the folder and the system
 * can promise so, and refused elsewhere. A descriptor, or negative errno: -ENOENT for what is no regular file, -EACCES for
 * what leads out. Nothing blocks, whatever stands there. */
int beneath_open(int folder, const char *path, uint64_t *ret_bytes);

/* The same part by part, without any link: for systems that promise nothing. */
int beneath_walk(int folder, const char *path);

#endif
