/* SPDX-License-Identifier: MIT */
/* Buffers in pieces. Nothing here knows a ring. */
#include "virtio/pieces.h"

#include <string.h>

static size_t smaller(size_t left, size_t right)
{
	return left < right ? left : right;
}

size_t pieces_read_each(const struct iovec *pieces, uint32_t count, size_t offset, void *to, size_t bytes)
{
	size_t done = 0;

	for (uint32_t i = 0; i < count && done < bytes; i++) {
		size_t part;

		if (offset >= pieces[i].iov_len) {
			offset -= pieces[i].iov_len;
			continue;
		}
		part = smaller(pieces[i].iov_len - offset, bytes - done);
		memcpy((char *)to + done, (const char *)pieces[i].iov_base + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t pieces_write_each(const struct iovec *pieces, uint32_t count, size_t offset, const void *from, size_t bytes)
{
	size_t done = 0;

	for (uint32_t i = 0; i < count && done < bytes; i++) {
		size_t part;

		if (offset >= pieces[i].iov_len) {
			offset -= pieces[i].iov_len;
			continue;
		}
		part = smaller(pieces[i].iov_len - offset, bytes - done);
		memcpy((char *)pieces[i].iov_base + offset, (const char *)from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t pieces_bytes(const struct iovec *pieces, uint32_t count)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < count; i++)
		bytes += pieces[i].iov_len;
	return bytes;
}

uint32_t pieces_skip(struct iovec *pieces, uint32_t count, size_t offset)
{
	uint32_t gone = 0;

	while (gone < count && offset >= pieces[gone].iov_len)
		offset -= pieces[gone++].iov_len;
	if (gone == count)
		return 0;
	memmove(pieces, pieces + gone, (count - gone) * sizeof(*pieces));
	pieces[0].iov_base = (char *)pieces[0].iov_base + offset;
	pieces[0].iov_len -= offset;
	return count - gone;
}

uint32_t pieces_cut(struct iovec *pieces, uint32_t count, size_t bytes)
{
	for (uint32_t i = 0; i < count; i++) {
		if (bytes <= pieces[i].iov_len) {
			pieces[i].iov_len = bytes;
			return bytes > 0 ? i + 1 : i;
		}
		bytes -= pieces[i].iov_len;
	}
	return count;
}
