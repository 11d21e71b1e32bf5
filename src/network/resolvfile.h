/* SPDX-License-Identifier: MIT */
/* The host's /etc/resolv.conf as a file: reading it, and nothing of what stands in it. */
#ifndef NETWORK_RESOLVFILE_H
#define NETWORK_RESOLVFILE_H

#include <stddef.h>
#include <sys/types.h>

#define RESOLVFILE_PATH "/etc/resolv.conf"

enum { RESOLVFILE_BYTES = 16 * 1024 };

/* How many bytes; 0 where there is no file. Negative errno: no descriptor was left to read it by, and what stands in it is
 * not known. */
ssize_t resolvfile_read(char *text, size_t room);

#endif
