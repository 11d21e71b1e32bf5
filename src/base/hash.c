/* SPDX-License-Identifier: MIT */
/* SipHash (Aumasson and Bernstein, 2012) with one round for each word and three at the end: what hash tables need, not
 * what message authentication needs. */
#include "base/hash.h"

struct sip {
	uint64_t v[4];
};

static uint64_t sip_rotate(uint64_t word, unsigned int by)
{
	return word << by | word >> (64 - by);
}

static void sip_round(struct sip *sip)
{
	uint64_t *v = sip->v;

	v[0] += v[1];
	v[1] = sip_rotate(v[1], 13) ^ v[0];
	v[0] = sip_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = sip_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = sip_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = sip_rotate(v[1], 17) ^ v[2];
	v[2] = sip_rotate(v[2], 32);
}

static void sip_take(struct sip *sip, uint64_t word)
{
	sip->v[3] ^= word;
	sip_round(sip);
	sip->v[0] ^= word;
}

/* Up to 8 bytes, the first one lowest. */
static uint64_t sip_word(const uint8_t *bytes, size_t count)
{
	uint64_t word = 0;

	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	size_t left = count;
	struct sip sip = {{
		key->half[0] ^ 0x736f6d6570736575,
		key->half[1] ^ 0x646f72616e646f6d,
		key->half[0] ^ 0x6c7967656e657261,
		key->half[1] ^ 0x7465646279746573,
	}};

	for (; left >= 8; at += 8, left -= 8)
		sip_take(&sip, sip_word(at, 8));
	sip_take(&sip, sip_word(at, left) | (uint64_t)count << 56);
	sip.v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&sip);
	return sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
}
