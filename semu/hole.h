/* SPDX-License-Identifier: MIT */
/* Giving back the space of a part of a file, which reads as zeros from then on. */
#ifndef SEMU_HOLE_H
#define SEMU_HOLE_H

#include <stdint.h>

/* 0 or negative errno; -EOPNOTSUPP: not on this system, or not with this file. */
int hole_punch(int fd, uint64_t offset, uint64_t bytes);

#endif
