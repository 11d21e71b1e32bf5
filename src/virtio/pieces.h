/* SPDX-License-Identifier: MIT */
/* A buffer in pieces of any size: copying in and out at an offset, and cutting. The pieces may be a guest's memory, so
 * that what was copied out, and nothing else, is what may be checked. */
#ifndef VIRTIO_PIECES_H
#define VIRTIO_PIECES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

enum { PIECES_LINE_BYTES = 64 }; /* of a cache, on most machines */

size_t pieces_read_each(const struct iovec *pieces, uint32_t count, size_t offset, void *to, size_t bytes);
size_t pieces_write_each(const struct iovec *pieces, uint32_t count, size_t offset, const void *from, size_t bytes);

static inline bool pieces_first_has(const struct iovec *pieces, uint32_t count, size_t offset, size_t bytes)
{
	return count > 0 && bytes > 0 && offset <= pieces[0].iov_len && bytes <= pieces[0].iov_len - offset;
}

/* How many bytes were copied: fewer than `bytes` when the pieces end before. What lies in the first piece, as headers and
 * small frames do, is copied here; behind the fence nobody reads the pieces in place of the copy. */
static inline size_t pieces_read(const struct iovec *pieces, uint32_t count, size_t offset, void *to, size_t bytes)
{
	if (!pieces_first_has(pieces, count, offset, bytes))
		return pieces_read_each(pieces, count, offset, to, bytes);
	memcpy(to, (const char *)pieces[0].iov_base + offset, bytes);
	atomic_signal_fence(memory_order_seq_cst);
	return bytes;
}

static inline size_t pieces_write(const struct iovec *pieces, uint32_t count, size_t offset, const void *from,
				  size_t bytes)
{
	if (!pieces_first_has(pieces, count, offset, bytes))
		return pieces_write_each(pieces, count, offset, from, bytes);
	memcpy((char *)pieces[0].iov_base + offset, from, bytes);
	return bytes;
}

size_t pieces_bytes(const struct iovec *pieces, uint32_t count);
/* Asks for the first bytes early: they are in the cache of another processor, the guest's, and a miss for each is what
 * small frames cost most. */
static inline void pieces_fetch(const struct iovec *pieces)
{
	__builtin_prefetch(pieces[0].iov_base);
	__builtin_prefetch((const char *)pieces[0].iov_base + PIECES_LINE_BYTES);
}

/* Drops the first `offset` bytes, in place: how many pieces are left, from the start of the array. */
uint32_t pieces_skip(struct iovec *pieces, uint32_t count, size_t offset);
/* Ends after `bytes`, in place: how many pieces are left. */
uint32_t pieces_cut(struct iovec *pieces, uint32_t count, size_t bytes);

#endif
