/* SPDX-License-Identifier: MIT */
/* A buffer in pieces of any size: copying in and out at an offset, and cutting. The pieces may be a guest's memory, so
 * that what was copied out, and nothing else, is what may be checked. */
#ifndef VIRTIO_PIECES_H
#define VIRTIO_PIECES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* How many bytes were copied: fewer than `bytes` when the pieces end before. */
size_t pieces_read(const struct iovec *pieces, uint32_t count, size_t offset, void *to, size_t bytes);
size_t pieces_write(const struct iovec *pieces, uint32_t count, size_t offset, const void *from, size_t bytes);
size_t pieces_bytes(const struct iovec *pieces, uint32_t count);
/* Drops the first `offset` bytes, in place: how many pieces are left, from the start of the array. */
uint32_t pieces_skip(struct iovec *pieces, uint32_t count, size_t offset);
/* Ends after `bytes`, in place: how many pieces are left. */
uint32_t pieces_cut(struct iovec *pieces, uint32_t count, size_t bytes);

#endif
