/* SPDX-License-Identifier: MIT */
/* The dirty log of a guest that is being migrated: one bit for each 4 KiB of its memory that the device wrote, in memory
 * that the front end shares and clears. */
#ifndef PORT_VHOST_LOG_H
#define PORT_VHOST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "os/handed.h"
#include "wire/vhost.h"

struct vhost_log {
	struct handed_memory mapped;
	uint64_t bytes;
};

/* 0 or negative errno; the old one is gone then. */
int vhost_log_set(struct vhost_log *log, const struct vhost_log_place *place, int fd);
void vhost_log_clear(struct vhost_log *log);
/* What lies beyond the log is not marked: the front end made it too small. */
void vhost_log_mark(struct vhost_log *log, uint64_t guest, uint64_t bytes);
/* As vhost_memory_fault(). */
bool vhost_log_fault(const struct vhost_log *log, const void *at);

#endif
