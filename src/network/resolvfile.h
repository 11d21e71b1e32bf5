/* SPDX-License-Identifier: MIT */
/* The host's /etc/resolv.conf as a file: reading it, and nothing of what stands in it. */
#ifndef NETWORK_RESOLVFILE_H
#define NETWORK_RESOLVFILE_H

#include <stddef.h>

#define RESOLVFILE_PATH "/etc/resolv.conf"

enum { RESOLVFILE_BYTES = 16 * 1024 };

/* How many bytes; 0 where there is no file. */
size_t resolvfile_read(char *text, size_t room);

#endif
