/* SPDX-License-Identifier: MIT */
/* The bounded writer. Like the reader it fails once: after that nothing more is written, so that what was built is
 * whole up to the failure and its owner asks once, at the end. */
#include "base/writer.h"

#include <string.h>

void writer_init(struct writer *writer, void *bytes, size_t count)
{
	*writer = (struct writer){.start = bytes, .next = bytes, .left = count};
}

/* Room that is not zeroed yet: every caller fills all of it. */
static uint8_t *writer_room(struct writer *writer, size_t count)
{
	uint8_t *room = writer->next;

	if (writer->failed || count > writer->left) {
		writer->failed = true;
		writer->left = 0;
		return NULL;
	}
	if (count > 0)
		writer->next += count;
	writer->left -= count;
	return room;
}

void writer_u8(struct writer *writer, uint8_t value)
{
	uint8_t *room = writer_room(writer, 1);

	if (room)
		room[0] = value;
}

void writer_be16(struct writer *writer, uint16_t value)
{
	struct be16 number = be16_from(value);

	writer_copy(writer, number.byte, sizeof(number.byte));
}

void writer_be32(struct writer *writer, uint32_t value)
{
	struct be32 number = be32_from(value);

	writer_copy(writer, number.byte, sizeof(number.byte));
}

void writer_copy(struct writer *writer, const void *from, size_t count)
{
	uint8_t *room = writer_room(writer, count);

	if (room && count > 0)
		memcpy(room, from, count);
}

void writer_fill(struct writer *writer, uint8_t value, size_t count)
{
	uint8_t *room = writer_room(writer, count);

	if (room && count > 0)
		memset(room, value, count);
}

uint8_t *writer_skip(struct writer *writer, size_t count)
{
	uint8_t *room = writer_room(writer, count);

	if (room && count > 0)
		memset(room, 0, count);
	return room;
}

size_t writer_used(const struct writer *writer)
{
	return writer->start ? (size_t)(writer->next - writer->start) : 0;
}
