/* SPDX-License-Identifier: MIT */
/* What is tried on the stage: every kind of page by every kind of access, every register of control, interrupts, and random
 * words, legal or not. Jumps are left out, and what would not come back. */
#include "tests/isa/stage.h"
#include "tests/isa/word.h"

enum {
	EBREAK = 0x00100073,
	LW = 0x00052603, /* x12, 0(x10) */
	SW = 0x00b52023, /* x11, 0(x10) */
	SD = 0x00b53023,
	AMOSWAP_W = 0x08b5262f, /* x12, x11, (x10) */
	LR_W = 0x1005262f,
	WFI = 0x10500073,
	FETCH = 0, /* goes to the address itself */
};

#define SIE_BIT (1ULL << 1)
#define SPIE (1ULL << 5)
#define SPP (1ULL << 8)
#define SUM (1ULL << 18)
#define MXR (1ULL << 19)
#define ODD_VALUE 0xdeadbeef12345678ULL

/* In the slot, of supervisor mode or of user mode. */
static struct stage_case case_in_slot(const struct stage *stage, uint32_t word, bool supervisor, bool paged,
				      uint64_t sstatus)
{
	struct stage_case one = {
		.words = (uint64_t)EBREAK << 32 | word,
		.satp = paged ? stage_satp(stage) : 0,
		.sstatus = sstatus | (supervisor ? SPP : 0),
		.pc = STAGE_RAM + STAGE_SLOT,
	};

	if ((word & 3) != 3)
		one.words = (uint64_t)EBREAK << 16 | (word & 0xffff);
	if (paged)
		one.pc = supervisor ? STAGE_SUPERVISOR_SLOT : STAGE_USER_SLOT;
	return one;
}

static void access(struct stage *stage, uint32_t word, uint64_t address, uint64_t value, bool paged)
{
	for (unsigned how = 0; how < 8; how++) {
		struct stage_case one = case_in_slot(stage, word ? word : EBREAK, how & 1, paged,
						     (how & 2 ? SUM : 0) | (how & 4 ? MXR : 0));

		if (word == FETCH)
			one.pc = address;
		one.address = address;
		one.value = value;
		stage_add(stage, &one);
	}
}

/* What is stored is an EBREAK, as it may be run later. */
static void access_simply(struct stage *stage, uint64_t address, bool paged)
{
	access(stage, LW, address, 0, paged);
	access(stage, FETCH, address, 0, paged);
	access(stage, LR_W, address, 0, paged);
	access(stage, SW, address, EBREAK, paged);
}

static void access_in_all_ways(struct stage *stage, uint64_t address, bool paged)
{
	access_simply(stage, address, paged);
	access(stage, AMOSWAP_W, address, EBREAK, paged);
}

static uint64_t within(struct stage *stage, uint64_t bytes)
{
	return stage_random(stage) % bytes & ~3ULL;
}

/* Tables outside of RAM are not here: QEMU says page fault, where privileged specification 4.3.2, step 2, says access
 * fault. */
static void add_pages(struct stage *stage)
{
	for (uint64_t i = 0; i < 512; i++) {
		const uint64_t at = STAGE_PAGES_AT + 4096 * i;

		access_in_all_ways(stage, at + within(stage, 4096), true);
		/* Into the next one, which never is as good. */
		access(stage, LW, at + 4094, 0, true);
		access(stage, SW, at + 4093, 0, true);
		access(stage, SD, at + 4089 + i % 7, 0, true);
		/* Without C sepc's bit 1 is always zero (privileged specification 4.1.7), which QEMU 7.2 does not know. */
		if (stage->bits == 64)
			access(stage, FETCH, at + 4094, 0, true);
	}
	for (uint64_t i = 0; i < STAGE_LARGE_PAGES; i++)
		access_in_all_ways(stage, stage_large_at(stage, i) + within(stage, stage_large_bytes(stage)), true);
	/* Of a gigabyte. */
	for (uint64_t i = 3; i < 9 && stage->bits == 64; i++)
		access_in_all_ways(stage, (i << 30) + STAGE_LARGE + within(stage, 1 << 21), true);
}

/* Both ends of what can be translated, the end of RAM, nothing: where no RAM is, QEMU's atomic operations fault as loads. */
static void add_addresses(struct stage *stage)
{
	static const uint64_t translated[] = {
		0xffffffffc0200000,
		0xffffffbfffffffff,
		0x0000004000000000,
		0x0000003ffffffffc,
		0x8000000080200000,
		0x0000000080200000,
		0,
	};
	static const uint64_t bare[] = {
		STAGE_NOTHING,
		STAGE_RAM + STAGE_BYTES,
		STAGE_RAM + STAGE_BYTES - 4,
		STAGE_RAM + STAGE_LARGE,
	};

	for (size_t i = 0; i < sizeof(translated) / sizeof(translated[0]); i++)
		access_in_all_ways(stage, translated[i] & ~3ULL, true);
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
		access_simply(stage, bare[i], false);
	/* Atomic operations want alignment. */
	for (uint64_t i = 1; i < 8; i++) {
		access(stage, AMOSWAP_W, STAGE_RAM + STAGE_LARGE + i, 0, false);
		access(stage, LR_W | 1 << 12, STAGE_RAM + STAGE_LARGE + i, 0, false);
	}
}

/* Counters and the clock, and their upper halves, tell different times; stimecmp needs Sstc, which QEMU has only newly. */
static bool is_compared(uint32_t number)
{
	const uint32_t lower = number & ~0x80U;

	return (lower < 0xc00 || lower > 0xc02) && number != 0x14d && number != 0x15d;
}

/* Read, and written without a change: rs1 is x13, which is zero, but not x0. */
static void add_registers_of_control(struct stage *stage)
{
	for (uint32_t number = 0; number < 4096; number++)
		for (unsigned how = 0; how < 4 && is_compared(number); how++) {
			const struct stage_case one =
				case_in_slot(stage, word_i(WORD_SYSTEM, 2, 12, how & 2 ? 13 : 0, (int32_t)number),
					     how & 1, true, 0);

			stage_add(stage, &one);
		}
}

static void add_interrupts(struct stage *stage)
{
	for (unsigned how = 0; how < 64; how++) {
		const uint64_t sstatus = (how & 1 ? SIE_BIT : 0) | (how & 2 ? SPIE : 0);
		struct stage_case one =
			case_in_slot(stage, word_i(WORD_SYSTEM, 6, 12, 2, 0x144), how & 4, how & 8, sstatus);

		one.sie = how & 16 ? 2 : 0;
		one.sip = how & 32 ? 2 : 0;
		stage_add(stage, &one);
	}
}

static bool is_tried_32(uint32_t word, bool supervisor)
{
	const uint32_t funct = word >> 12 & 7;

	switch (word & 0x7f) {
	case WORD_JAL:
		return false;
	case WORD_BRANCH:
		return funct == 2 || funct == 3;
	case WORD_JALR:
		return funct;
	case WORD_ATOMIC:
		/* A conditional store that fails may fault or not; where there is no RAM see add_addresses(). */
		return word >> 27 != 3 && (word >> 15 & 31) != 0 && (word >> 15 & 31) != 11;
	case WORD_SYSTEM:
		/* Calls from supervisor mode are the end; a wait may be for ever. */
		return !funct && !(supervisor && (word == WORD_ECALL || word == WFI));
	default:
		/* Longer ones. */
		return (word & 0x1f) != 0x1f;
	}
}

static bool is_tried_16(uint32_t word)
{
	const uint32_t row = word >> 13 & 7, both = word >> 2 & 31;

	if ((word & 3) == 1)
		return row < 5;
	return (word & 3) != 2 || row != 4 || both;
}

/* A random word; half of them with fields that are likelier to be legal. */
static uint32_t random_word(struct stage *stage, bool supervisor)
{
	static const uint32_t fields[] = {0x00000000, 0x40000000, 0x02000000, 0x00100000, 0x00200000, 0x00300000,
					  0x10000000, 0x20000000, 0x80000000, 0xe0000000, 0xc0000000, 0x58000000};
	uint32_t word;

	do {
		word = (uint32_t)stage_random(stage);
		if (word & 1U << 31)
			word = (word & 0x01ffffff) | fields[stage_random(stage) % (sizeof(fields) / sizeof(fields[0]))];
		if (stage_random(stage) % 4)
			word |= 3;
	} while ((word & 3) == 3 ? !is_tried_32(word, supervisor) : !is_tried_16(word));
	return word;
}

static void add_words(struct stage *stage, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const uint64_t luck = stage_random(stage);
		const bool supervisor = luck & 1, paged = luck & 2;
		struct stage_case one = case_in_slot(stage, random_word(stage, supervisor), supervisor, paged,
						     (luck & 12) << 11 | (luck & 16 ? SUM : 0));

		one.address = (paged ? stage_open_at(stage) : STAGE_RAM) + STAGE_DATA + 0x8000;
		one.value = ODD_VALUE;
		stage_add(stage, &one);
	}
}

void cases_add(struct stage *stage)
{
	add_pages(stage);
	add_addresses(stage);
	add_registers_of_control(stage);
	add_interrupts(stage);
	add_words(stage, 40000);
}
