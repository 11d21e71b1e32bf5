/* SPDX-License-Identifier: MIT */
/* A few instructions of a guest, put together by a test. */
#ifndef SEMU_WORDS_H
#define SEMU_WORDS_H

#include <assert.h>
#include <stdint.h>

enum { WORDS_MOST = 64 };
enum { WORDS_WFI = 0x10500073, WORDS_SPIN = 0x0000006f, WORDS_ECALL = 0x73 };
enum { WORDS_SIE = 0x104, WORDS_TIME = 0xc01 };
enum {
	WORDS_BASE = 0x10,
	WORDS_TIMER = 0x54494d45,
	WORDS_IPI = 0x735049,
	WORDS_RFENCE = 0x52464e43,
	WORDS_HSM = 0x48534d,
	WORDS_SRST = 0x53525354,
	WORDS_DBCN = 0x4442434e,
};

struct words {
	unsigned count;
	uint32_t words[WORDS_MOST];
};

static inline uint32_t words_addi(unsigned rd, unsigned rs1, int value)
{
	return (uint32_t)value << 20 | rs1 << 15 | rd << 7 | 0x13;
}

static inline uint32_t words_csrw(unsigned number, unsigned rs1)
{
	return number << 20 | rs1 << 15 | 1U << 12 | 0x73;
}

static inline uint32_t words_csrr(unsigned rd, unsigned number)
{
	return number << 20 | 2U << 12 | rd << 7 | 0x73;
}

/* x0 to the address in rs1 */
static inline uint32_t words_sw(unsigned rs1, unsigned offset)
{
	return offset << 7 | rs1 << 15 | 2U << 12 | 0x23;
}

static inline void words_add(struct words *words, uint32_t word)
{
	assert(words->count < WORDS_MOST);
	words->words[words->count++] = word;
}

/* A register to any value of 32 bits, with zeros above it. */
static inline void words_set(struct words *words, unsigned rd, uint64_t value)
{
	words_add(words, ((uint32_t)value + 0x800) >> 12 << 12 | rd << 7 | 0x37);
	words_add(words, words_addi(rd, rd, (int)(value & 0xfff)));
	words_add(words, 32U << 20 | rd << 15 | 1U << 12 | rd << 7 | 0x13); /* slli 32 */
	words_add(words, 32U << 20 | rd << 15 | 5U << 12 | rd << 7 | 0x13); /* srli 32 */
}

/* With the arguments that are in the registers. */
static inline void words_sbi_now(struct words *words, uint64_t extension, uint64_t function)
{
	words_set(words, 17, extension);
	words_set(words, 16, function);
	words_add(words, WORDS_ECALL);
}

static inline void words_sbi(struct words *words, uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1)
{
	words_set(words, 10, a0);
	words_set(words, 11, a1);
	words_sbi_now(words, extension, function);
}

#endif
