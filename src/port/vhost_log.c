/* SPDX-License-Identifier: MIT */
/* See vhost_log.h. */
#include "port/vhost_log.h"

#include <errno.h>
#include <stdatomic.h>

int vhost_log_set(struct vhost_log *log, const struct vhost_log_place *place, int fd)
{
	struct handed_memory mapped;
	int error = handed_map(fd, place->offset, place->bytes, &mapped);

	if (error < 0)
		return error;
	vhost_log_clear(log);
	log->mapped = mapped;
	log->bytes = place->bytes;
	return 0;
}

void vhost_log_clear(struct vhost_log *log)
{
	handed_unmap(&log->mapped);
	log->bytes = 0;
}

void vhost_log_mark(struct vhost_log *log, uint64_t guest, uint64_t bytes)
{
	uint64_t last;

	if (bytes == 0 || log->bytes == 0)
		return;
	last = (guest + bytes - 1) / VHOST_LOG_PAGE_BYTES;
	for (uint64_t page = guest / VHOST_LOG_PAGE_BYTES; page <= last && page / 8 < log->bytes; page++) {
		_Atomic uint8_t *at = (_Atomic uint8_t *)(log->mapped.at + page / 8);

		atomic_fetch_or_explicit(at, (uint8_t)(1u << page % 8),
					 memory_order_release); /* behind what was written there */
	}
}

bool vhost_log_fault(const struct vhost_log *log, const void *at)
{
	uintptr_t first = (uintptr_t)log->mapped.map;

	return (uintptr_t)at >= first && (uintptr_t)at - first < log->mapped.map_bytes &&
	       handed_empty(&log->mapped) == 0;
}
