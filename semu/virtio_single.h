/* SPDX-License-Identifier: MIT */
/* A virtio device with one queue whose requests are answered at once, in the order in which they come: the disk and the
 * random numbers. Its kind says what a request is; everything else, from the registers to the ring, is here.
 * A request is pieces of the guest's memory that were checked to lie in it; what they hold changes whenever the guest likes. */
#ifndef SEMU_VIRTIO_SINGLE_H
#define SEMU_VIRTIO_SINGLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "semu/virtio_mmio.h"
#include "virtio/memory.h"
#include "virtio/ring.h"

enum virtio_single_limits {
	VIRTIO_SINGLE_ENTRIES_MOST = 256,
};

struct virtio_single_request {
	struct iovec *readable, *writable; /* may be cut and skipped in place */
	uint32_t readable_pieces, writable_pieces;
	uint32_t readable_bytes, writable_bytes;
};

struct virtio_single_kind {
	uint32_t id;
	uint64_t features; /* the kind's own */
	const void *config;
	size_t config_bytes;
	/* How many bytes were written, from the start of the writable ones; or DROP_RING_… negated, of a request that
	 * cannot be. */
	int64_t (*answer)(void *owner, const struct virtio_single_request *request);
	void *owner;
};

struct virtio_single {
	struct virtio_mmio mmio;
	struct virtio_single_kind kind;
	struct memory memory;
	struct ring ring;
	struct iovec pieces[RING_PIECES_MAX];
};

void virtio_single_init(struct virtio_single *single, struct machine *machine, uint64_t start, unsigned line,
			const struct virtio_single_kind *kind);

#endif
