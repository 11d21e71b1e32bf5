/* SPDX-License-Identifier: MIT */
/* What a driver and a device see of each other in shared memory: the split ring of virtio 1.2, chapter 2.7, and the packed
 * ring of 2.8, declared here so that nothing needs the headers of a system. All numbers are little endian, on every host.
 *
 * Indexes and flags are read and written by both sides at once and are atomic; everything else is copied once, by its
 * owner's reader, and then believed only as far as it was checked. */
#ifndef VIRTIO_LAYOUT_H
#define VIRTIO_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Bytes, so that a number may stand at any address and cannot be taken for one of the host's. */
struct le16 {
	uint8_t byte[2];
};

struct le32 {
	uint8_t byte[4];
};

struct le64 {
	uint8_t byte[8];
};

static inline struct le16 le16_from(uint16_t value)
{
	return (struct le16){{(uint8_t)value, (uint8_t)(value >> 8)}};
}

/* The values by a copy: of bytes that are put together one by one, and came in a structure, compilers make shifts, 45
 * instructions for one descriptor. */
enum { LAYOUT_IS_HOSTS = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };

static inline uint16_t le16_value(struct le16 number)
{
	uint16_t raw;

	memcpy(&raw, &number, sizeof(raw));
	return LAYOUT_IS_HOSTS ? raw : __builtin_bswap16(raw);
}

static inline struct le32 le32_from(uint32_t value)
{
	return (struct le32){{(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)}};
}

static inline uint32_t le32_value(struct le32 number)
{
	uint32_t raw;

	memcpy(&raw, &number, sizeof(raw));
	return LAYOUT_IS_HOSTS ? raw : __builtin_bswap32(raw);
}

static inline struct le64 le64_from(uint64_t value)
{
	struct le32 low = le32_from((uint32_t)value);
	struct le32 high = le32_from((uint32_t)(value >> 32));

	return (struct le64){{low.byte[0], low.byte[1], low.byte[2], low.byte[3], high.byte[0], high.byte[1],
			      high.byte[2], high.byte[3]}};
}

static inline uint64_t le64_value(struct le64 number)
{
	uint64_t raw;

	memcpy(&raw, &number, sizeof(raw));
	return LAYOUT_IS_HOSTS ? raw : __builtin_bswap64(raw);
}

/* A 16-bit number that both sides touch at once. */
struct shared16 {
	_Atomic uint16_t raw;
};

static inline uint16_t shared16_swap(uint16_t raw)
{
	return LAYOUT_IS_HOSTS ? raw : __builtin_bswap16(raw);
}

static inline uint16_t shared16_load(struct shared16 *number, memory_order order)
{
	return shared16_swap(atomic_load_explicit(&number->raw, order));
}

static inline void shared16_store(struct shared16 *number, uint16_t value, memory_order order)
{
	atomic_store_explicit(&number->raw, shared16_swap(value), order);
}

/* Of a descriptor, in both layouts. */
enum desc_flags {
	DESC_NEXT = 1,
	DESC_WRITE = 2, /* the device writes */
	DESC_INDIRECT = 4,
};

enum split_flags {
	SPLIT_AVAIL_NO_INTERRUPT = 1,
	SPLIT_USED_NO_NOTIFY = 1,
};

struct split_desc {
	struct le64 address;
	struct le32 bytes;
	struct le16 flags;
	struct le16 next;
};

/* Behind the `size` entries: used_event, of the driver. */
struct split_avail {
	struct shared16 flags;
	struct shared16 index;
	struct shared16 ring[];
};

struct split_used_entry {
	struct le32 head;
	struct le32 bytes; /* written */
};

/* Behind the `size` entries: avail_event, of the device. */
struct split_used {
	struct shared16 flags;
	struct shared16 index;
	struct split_used_entry ring[];
};

enum split_alignment {
	SPLIT_DESC_ALIGNMENT = 16,
	SPLIT_AVAIL_ALIGNMENT = 2,
	SPLIT_USED_ALIGNMENT = 4,
};

static inline uint64_t split_desc_bytes(uint32_t size)
{
	return (uint64_t)sizeof(struct split_desc) * size;
}

static inline uint64_t split_avail_bytes(uint32_t size)
{
	return sizeof(struct split_avail) + (uint64_t)sizeof(struct shared16) * size + sizeof(struct shared16);
}

static inline uint64_t split_used_bytes(uint32_t size)
{
	return sizeof(struct split_used) + (uint64_t)sizeof(struct split_used_entry) * size + sizeof(struct shared16);
}

static inline struct shared16 *split_used_event(struct split_avail *avail, uint32_t size)
{
	return &avail->ring[size];
}

static inline struct shared16 *split_avail_event(struct split_used *used, uint32_t size)
{
	return (struct shared16 *)(void *)&used->ring[size];
}

/* ---- the packed ring ---- */

enum packed_desc_flags {
	PACKED_DESC_AVAIL = 1 << 7,
	PACKED_DESC_USED = 1 << 15,
};

struct packed_desc {
	struct le64 address;
	struct le32 bytes;
	struct le16 id;
	struct shared16 flags;
};

enum packed_event_flags {
	PACKED_EVENT_ENABLE = 0,
	PACKED_EVENT_DISABLE = 1,
	PACKED_EVENT_DESC = 2, /* at a place */
	PACKED_EVENT_MASK = 3,
};

struct packed_event {
	struct shared16 place; /* bit 15: the wrap counter */
	struct shared16 flags;
};

enum packed_alignment {
	PACKED_DESC_ALIGNMENT = 16,
	PACKED_EVENT_ALIGNMENT = 4,
};

_Static_assert(sizeof(struct packed_desc) == sizeof(struct split_desc), "virtio 1.2, 2.7.5 and 2.8.13");

static inline uint64_t packed_desc_bytes(uint32_t size)
{
	return (uint64_t)sizeof(struct packed_desc) * size;
}

/* Whether going from `was` to `now` passes the index after which the other side wants to be told (virtio 1.2, 2.7.10 and
 * 2.8.11). */
static inline int ring_event_passed(uint16_t event, uint16_t now, uint16_t was)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - was);
}

#endif
