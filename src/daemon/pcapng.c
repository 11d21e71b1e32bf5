/* SPDX-License-Identifier: MIT */
/* Blocks are written front to back into a bounded cursor; the length that stands in front is filled in at the end. */
#include "daemon/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4, /* shb_userappl */
	INTERFACE_NAME = 2,
	PACKET_FLAGS = 2,
	PACKET_DROPCOUNT = 4,
	STATISTICS_RECEIVED = 4, /* isb_ifrecv */
	STATISTICS_DROPPED = 5,  /* isb_ifdrop */
	LINKTYPE_ETHERNET = 1,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	BLOCK_HEAD_BYTES = 8,
	BLOCK_BYTES_MIN = 12,
};

struct cursor {
	uint8_t *start;
	size_t used;
	size_t room;
	bool failed;
};

static void cursor_bytes(struct cursor *cursor, const void *bytes, size_t count)
{
	if (cursor->failed || count > cursor->room - cursor->used) {
		cursor->failed = true;
		return;
	}
	if (count)
		memcpy(cursor->start + cursor->used, bytes, count);
	cursor->used += count;
}

static void cursor_u16(struct cursor *cursor, unsigned value)
{
	uint16_t number = (uint16_t)value;

	cursor_bytes(cursor, &number, sizeof(number));
}

static void cursor_u32(struct cursor *cursor, uint32_t value)
{
	cursor_bytes(cursor, &value, sizeof(value));
}

/* To the next multiple of 4. */
static void cursor_pad(struct cursor *cursor)
{
	static const uint8_t zeros[4];

	cursor_bytes(cursor, zeros, -cursor->used & 3);
}

static void cursor_option(struct cursor *cursor, unsigned code, const void *bytes, size_t count)
{
	cursor_u16(cursor, code);
	cursor_u16(cursor, (unsigned)count);
	cursor_bytes(cursor, bytes, count);
	cursor_pad(cursor);
}

static void cursor_text(struct cursor *cursor, unsigned code, const char *text)
{
	cursor_option(cursor, code, text, strnlen(text, PCAPNG_COMMENT_BYTES));
}

/* Times stand as two halves, the high one first, whatever the byte order. */
static void cursor_time(struct cursor *cursor, uint64_t time_us)
{
	cursor_u32(cursor, (uint32_t)(time_us >> 32));
	cursor_u32(cursor, (uint32_t)time_us);
}

static struct cursor block_begin(void *to, size_t room, uint32_t type)
{
	struct cursor cursor = {.start = to, .room = room};

	cursor_u32(&cursor, type);
	cursor_u32(&cursor, 0);
	return cursor;
}

static size_t block_end(struct cursor *cursor)
{
	uint32_t length = (uint32_t)cursor->used + sizeof(length);

	cursor_u32(cursor, length);
	if (cursor->failed)
		return 0;
	memcpy(cursor->start + 4, &length, sizeof(length));
	return length;
}

size_t pcapng_write_section(void *to, size_t room, const char *application)
{
	struct cursor cursor = block_begin(to, room, PCAPNG_SECTION);
	int64_t length = -1; /* not known: it is a stream */

	cursor_u32(&cursor, BYTE_ORDER_MAGIC);
	cursor_u16(&cursor, 1);
	cursor_u16(&cursor, 0);
	cursor_bytes(&cursor, &length, sizeof(length));
	cursor_text(&cursor, SECTION_APPLICATION, application);
	cursor_option(&cursor, OPTION_END, NULL, 0);
	return block_end(&cursor);
}

size_t pcapng_write_interface(void *to, size_t room, const char *name)
{
	struct cursor cursor = block_begin(to, room, PCAPNG_INTERFACE);

	cursor_u16(&cursor, LINKTYPE_ETHERNET);
	cursor_u16(&cursor, 0);
	cursor_u32(&cursor, PCAPNG_SNAP_BYTES);
	cursor_text(&cursor, INTERFACE_NAME, name);
	cursor_option(&cursor, OPTION_END, NULL, 0);
	return block_end(&cursor);
}

static void packet_bytes(struct cursor *cursor, const struct pcapng_packet *packet, uint32_t captured)
{
	for (size_t i = 0; i < packet->piece_count && captured > 0; i++) {
		size_t count = packet->pieces[i].iov_len < captured ? packet->pieces[i].iov_len : captured;

		cursor_bytes(cursor, packet->pieces[i].iov_base, count);
		captured -= (uint32_t)count;
	}
	/* Pieces that are fewer than `length` said would leave a hole in the block: it fails instead. */
	cursor->failed = cursor->failed || captured > 0;
}

size_t pcapng_write_packet(void *to, size_t room, const struct pcapng_packet *packet)
{
	struct cursor cursor = block_begin(to, room, PCAPNG_PACKET);
	uint32_t captured = packet->length < PCAPNG_SNAP_BYTES ? packet->length : PCAPNG_SNAP_BYTES;
	uint32_t flags = packet->direction;

	cursor_u32(&cursor, packet->interface);
	cursor_time(&cursor, packet->time_us);
	cursor_u32(&cursor, captured);
	cursor_u32(&cursor, packet->length);
	packet_bytes(&cursor, packet, captured);
	cursor_pad(&cursor);
	cursor_option(&cursor, PACKET_FLAGS, &flags, sizeof(flags));
	if (packet->lost)
		cursor_option(&cursor, PACKET_DROPCOUNT, &packet->lost, sizeof(packet->lost));
	if (packet->comment)
		cursor_text(&cursor, OPTION_COMMENT, packet->comment);
	cursor_option(&cursor, OPTION_END, NULL, 0);
	return block_end(&cursor);
}

size_t pcapng_write_statistics(void *to, size_t room, uint32_t interface, uint64_t time_us, uint64_t kept,
			       uint64_t lost)
{
	struct cursor cursor = block_begin(to, room, PCAPNG_STATISTICS);
	uint64_t received = kept + lost;

	cursor_u32(&cursor, interface);
	cursor_time(&cursor, time_us);
	cursor_option(&cursor, STATISTICS_RECEIVED, &received, sizeof(received));
	cursor_option(&cursor, STATISTICS_DROPPED, &lost, sizeof(lost));
	cursor_option(&cursor, OPTION_END, NULL, 0);
	return block_end(&cursor);
}

/* ---- reading ---- */

static uint32_t number_at(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t time_at(const uint8_t *bytes)
{
	return (uint64_t)number_at(bytes) << 32 | number_at(bytes + 4);
}

static void block_option(struct pcapng_block *block, unsigned code, const uint8_t *bytes, unsigned count)
{
	bool packet = block->type == PCAPNG_PACKET;

	if ((packet && code == OPTION_COMMENT) || (block->type == PCAPNG_INTERFACE && code == INTERFACE_NAME)) {
		block->text = (const char *)bytes;
		block->text_length = count;
	} else if (packet && code == PACKET_FLAGS && count == 4) {
		block->direction = (enum pcapng_direction)(number_at(bytes) & 3);
	} else if (count == 8 && ((packet && code == PACKET_DROPCOUNT) ||
				  (block->type == PCAPNG_STATISTICS && code == STATISTICS_DROPPED))) {
		memcpy(&block->lost, bytes, sizeof(block->lost));
	}
}

static int block_options(struct pcapng_block *block, const uint8_t *bytes, size_t count)
{
	while (count >= 4) {
		uint16_t code, length;
		size_t padded;

		memcpy(&code, bytes, sizeof(code));
		memcpy(&length, bytes + 2, sizeof(length));
		padded = ((size_t)length + 3) & ~(size_t)3;
		if (code == OPTION_END)
			return 1;
		if (padded > count - 4)
			return -EINVAL;
		block_option(block, code, bytes + 4, length);
		bytes += 4 + padded;
		count -= 4 + padded;
	}
	return count == 0 ? 1 : -EINVAL;
}

static int block_packet(struct pcapng_block *block, const uint8_t *body, size_t count)
{
	size_t padded;

	if (count < 20)
		return -EINVAL;
	block->interface = number_at(body);
	block->time_us = time_at(body + 4);
	block->captured = number_at(body + 12);
	block->length = number_at(body + 16);
	padded = ((size_t)block->captured + 3) & ~(size_t)3;
	if (padded > count - 20)
		return -EINVAL;
	block->frame = body + 20;
	return block_options(block, body + 20 + padded, count - 20 - padded);
}

static int block_body(struct pcapng_block *block, const uint8_t *body, size_t count)
{
	switch (block->type) {
	case PCAPNG_SECTION:
		return count >= 16 && number_at(body) == BYTE_ORDER_MAGIC ? 1 : -EINVAL;
	case PCAPNG_INTERFACE:
		return count >= 8 ? block_options(block, body + 8, count - 8) : -EINVAL;
	case PCAPNG_STATISTICS:
		if (count < 12)
			return -EINVAL;
		block->interface = number_at(body);
		block->time_us = time_at(body + 4);
		return block_options(block, body + 12, count - 12);
	case PCAPNG_PACKET:
		return block_packet(block, body, count);
	}
	return 1;
}

int pcapng_read(const void *bytes, size_t count, struct pcapng_block *ret_block)
{
	const uint8_t *at = bytes;
	struct pcapng_block block = {0};
	int result;

	if (count < BLOCK_HEAD_BYTES)
		return 0;
	block.type = number_at(at);
	block.bytes = number_at(at + 4);
	if (block.bytes < BLOCK_BYTES_MIN || block.bytes % 4 || block.bytes > PCAPNG_BLOCK_BYTES)
		return -EINVAL;
	if (count < block.bytes)
		return 0;
	if (number_at(at + block.bytes - 4) != block.bytes)
		return -EINVAL;
	result = block_body(&block, at + BLOCK_HEAD_BYTES, block.bytes - BLOCK_BYTES_MIN);
	if (result == 1)
		*ret_block = block;
	return result;
}
