/* SPDX-License-Identifier: MIT */
/* A disk belongs to one machine that writes it, or to several that only read: two file systems on one disk destroy it. On
 * Linux the lock is the one that QEMU takes and heeds, so that it holds between semu and QEMU, too. */
#ifndef SEMU_DISKLOCK_H
#define SEMU_DISKLOCK_H

#include <stdbool.h>

/* Until the descriptor is closed. 0, or -EBUSY: another machine has it. A file system without locks is no error. */
int disklock_take(int fd, bool readonly);

#endif
