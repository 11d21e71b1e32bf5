/* SPDX-License-Identifier: MIT */
/* The bounded reader. Once failed it has nothing left, so that no later, smaller read can succeed by chance and be
 * taken for the field that it is not. */
#include "base/reader.h"

#include <string.h>

void reader_init(struct reader *reader, const void *bytes, size_t count)
{
	*reader = (struct reader){.next = bytes, .left = count};
}

const uint8_t *reader_skip(struct reader *reader, size_t count)
{
	const uint8_t *bytes = reader->next;

	if (reader->failed || count > reader->left) {
		reader->failed = true;
		reader->left = 0;
		return NULL;
	}
	if (count > 0)
		reader->next += count;
	reader->left -= count;
	return bytes;
}

uint8_t reader_u8(struct reader *reader)
{
	const uint8_t *bytes = reader_skip(reader, 1);

	return bytes ? bytes[0] : 0;
}

uint16_t reader_be16(struct reader *reader)
{
	const uint8_t *bytes = reader_skip(reader, 2);

	if (!bytes)
		return 0;
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t reader_be32(struct reader *reader)
{
	const uint8_t *bytes = reader_skip(reader, 4);

	if (!bytes)
		return 0;
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

void reader_copy(struct reader *reader, void *to, size_t count)
{
	const uint8_t *bytes = reader_skip(reader, count);

	if (count == 0)
		return;
	if (bytes)
		memcpy(to, bytes, count);
	else
		memset(to, 0, count);
}

struct reader reader_cut(struct reader *reader, size_t count)
{
	const uint8_t *bytes = reader_skip(reader, count);

	if (reader->failed)
		return (struct reader){.failed = true};
	return (struct reader){.next = bytes, .left = count};
}
