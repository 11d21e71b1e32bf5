/* SPDX-License-Identifier: MIT */
/* The Internet checksum, in the byte order of memory: sums of words as they lie there, and only the folded 16 bits are
 * looked at as bytes (RFC 1071 1B). So nothing here asks which end comes first. A piece that begins at an odd place is
 * summed as if it began at an even one and its sum swapped (RFC 1071 2B). */
#include "base/checksum.h"

#include <string.h>

static uint64_t checksum_plus(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static uint64_t checksum_word(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Four sums side by side: one alone waits for its own carry at every word. */
static uint64_t checksum_bytes(const uint8_t *at, size_t count)
{
	uint64_t sum[4] = {0};
	uint8_t tail[8] = {0};

	for (; count >= 32; at += 32, count -= 32) {
		sum[0] = checksum_plus(sum[0], checksum_word(at));
		sum[1] = checksum_plus(sum[1], checksum_word(at + 8));
		sum[2] = checksum_plus(sum[2], checksum_word(at + 16));
		sum[3] = checksum_plus(sum[3], checksum_word(at + 24));
	}
	for (; count >= 8; at += 8, count -= 8)
		sum[0] = checksum_plus(sum[0], checksum_word(at));
	if (count > 0) {
		memcpy(tail, at, count);
		sum[1] = checksum_plus(sum[1], checksum_word(tail));
	}
	return checksum_plus(checksum_plus(sum[0], sum[1]), checksum_plus(sum[2], sum[3]));
}

void checksum_add(struct checksum *checksum, const void *bytes, size_t count)
{
	uint16_t piece;

	if (count == 0)
		return;
	piece = checksum_fold(checksum_bytes(bytes, count));
	if (checksum->odd)
		piece = (uint16_t)(piece << 8 | piece >> 8);
	checksum->sum += piece;
	checksum->odd ^= count & 1;
}

void checksum_add_u16(struct checksum *checksum, uint16_t value)
{
	struct be16 number = be16_from(value);

	checksum_add(checksum, number.byte, sizeof(number.byte));
}

void checksum_add_u32(struct checksum *checksum, uint32_t value)
{
	struct be32 number = be32_from(value);

	checksum_add(checksum, number.byte, sizeof(number.byte));
}

static struct be16 checksum_memory(uint16_t folded)
{
	struct be16 number;

	memcpy(number.byte, &folded, sizeof(folded));
	return number;
}

struct be16 checksum_partial(const struct checksum *checksum)
{
	return checksum_memory(checksum_fold(checksum->sum));
}

struct be16 checksum_final(const struct checksum *checksum)
{
	return checksum_memory((uint16_t)~checksum_fold(checksum->sum));
}
