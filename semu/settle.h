/* SPDX-License-Identifier: MIT */
/* What was written to a disk's file is to outlive a power cut. */
#ifndef SEMU_SETTLE_H
#define SEMU_SETTLE_H

/* The bytes and the file's length, not its times. 0, or negative errno. */
int settle_file(int fd);

#endif
