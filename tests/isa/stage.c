/* SPDX-License-Identifier: MIT */
/* The code around the cases and the page tables that they use. */
#include "tests/isa/stage.h"

#include <assert.h>
#include <string.h>

#include "tests/isa/word.h"

enum {
	FENCE_I = 0x0000100f,
	SFENCE_VMA = 0x12000073,
	SRET = 0x10200073,
	MRET = 0x30200073,
	EBREAK = 0x00100073,
	WFI = 0x10500073,
	SSTATUS = 0x100,
	SIE = 0x104,
	STVEC = 0x105,
	SSCRATCH = 0x140,
	SEPC = 0x141,
	SCAUSE = 0x142,
	STVAL = 0x143,
	SIP = 0x144,
	SATP = 0x180,
	MSTATUS = 0x300,
	MEDELEG = 0x302,
	MIDELEG = 0x303,
	MTVEC = 0x305,
	MCOUNTEREN = 0x306,
	MEPC = 0x341,
	PMPCFG0 = 0x3a0,
	PMPADDR0 = 0x3b0,
	MHARTID = 0xf14,
	SCOUNTEREN = 0x106,
};

/* Offsets in struct stage_case and in the state: next case, next record, end of cases. */
enum {
	NEXT_CASE = 0,
	NEXT_RECORD = 8,
	CASES_END = 16,
};

struct code {
	uint8_t *ram;
	size_t at;
	unsigned bits;
};

uint64_t stage_random(struct stage *stage)
{
	uint64_t mixed = stage->random += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

static void put(uint8_t *ram, size_t at, uint64_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

static void emit(struct code *code, uint32_t word)
{
	memcpy(code->ram + code->at, &word, sizeof(word));
	code->at += sizeof(word);
}

static void emit_address(struct code *code, unsigned rd, size_t to)
{
	const uint32_t offset = (uint32_t)(to - code->at);

	emit(code, ((offset + 0x800) & 0xfffff000) | rd << 7 | WORD_AUIPC);
	emit(code, word_i(WORD_IMMEDIATE, 0, rd, rd, (int32_t)(offset << 20) >> 20));
}

static void emit_load(struct code *code, unsigned rd, unsigned base, size_t offset)
{
	emit(code, word_i(WORD_LOAD, code->bits == 64 ? 3 : 2, rd, base, (int32_t)offset));
}

static void emit_store(struct code *code, unsigned rs, unsigned base, size_t offset)
{
	emit(code, word_s(WORD_STORE, code->bits == 64 ? 3 : 2, base, rs, (int32_t)offset));
}

static void emit_jump(struct code *code, size_t to)
{
	emit(code, word_j(0, (int32_t)((int64_t)to - (int64_t)code->at)));
}

static void emit_write(struct code *code, uint32_t csr, unsigned rs)
{
	emit(code, word_i(WORD_SYSTEM, 1, 0, rs, (int32_t)csr));
}

static void emit_read(struct code *code, unsigned rd, uint32_t csr)
{
	emit(code, word_i(WORD_SYSTEM, 2, rd, 0, (int32_t)csr));
}

/* A small constant into a register of control; x5 is lost. */
static void emit_set(struct code *code, uint32_t csr, int32_t value)
{
	emit(code, ((uint32_t)(value + 0x800) & 0xfffff000) | 5 << 7 | WORD_LUI);
	emit(code, word_i(WORD_IMMEDIATE, 0, 5, 5, (int32_t)((uint32_t)value << 20) >> 20));
	emit_write(code, csr, 5);
}

/* Its own trap is the end: the test device powers off. */
static void put_machine_mode(const struct stage *stage)
{
	struct code code = {.ram = stage->ram, .bits = stage->bits};
	size_t trap = 256;

	/* Only the first hart goes on. */
	emit_read(&code, 5, MHARTID);
	emit(&code, word_b(0, 5, 0, 12));
	emit(&code, WFI);
	emit(&code, word_j(0, -4));
	emit_address(&code, 5, trap);
	emit_write(&code, MTVEC, 5);
	emit_set(&code, PMPADDR0, -1);
	emit_set(&code, PMPCFG0, 0x1f);
	emit_set(&code, MEDELEG, 0xb1ff); /* all but calls from supervisor mode */
	emit_set(&code, MIDELEG, 0x222);
	emit_set(&code, MCOUNTEREN, 7);
	emit_set(&code, MSTATUS, 0x800); /* to supervisor mode */
	emit_address(&code, 5, STAGE_SUPERVISOR);
	emit_write(&code, MEPC, 5);
	emit(&code, MRET);
	assert(code.at <= trap);
	code.at = trap;
	emit(&code, 0x100000 | 5 << 7 | WORD_LUI);
	emit(&code, 0x5000 | 6 << 7 | WORD_LUI);
	emit(&code, word_i(WORD_IMMEDIATE, 0, 6, 6, 0x555));
	emit(&code, word_s(WORD_STORE, 2, 5, 6, 0));
	emit_jump(&code, code.at);
}

/* To the case at x30. */
static void emit_case(struct code *code)
{
	static const struct {
		uint32_t csr;
		size_t at;
	} set[] = {
		{SATP, offsetof(struct stage_case, satp)}, {SSTATUS, offsetof(struct stage_case, sstatus)},
		{SEPC, offsetof(struct stage_case, pc)},   {SIE, offsetof(struct stage_case, sie)},
		{SIP, offsetof(struct stage_case, sip)},
	};

	emit_address(code, 27, STAGE_SLOT);
	for (size_t at = 0; at < sizeof(uint64_t); at += code->bits / 8) {
		emit_load(code, 28, 30, offsetof(struct stage_case, words) + at);
		emit_store(code, 28, 27, at);
	}
	emit(code, FENCE_I);
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		emit_load(code, 28, 30, set[i].at);
		emit_write(code, set[i].csr, 28);
	}
	emit(code, SFENCE_VMA);
	emit_load(code, 11, 30, offsetof(struct stage_case, value));
	emit_load(code, 10, 30, offsetof(struct stage_case, address));
	for (unsigned i = 1; i < 32; i++)
		if (i != 10 && i != 11)
			emit(code, word_i(WORD_IMMEDIATE, 0, i, 10, 0));
	emit(code, SRET);
}

/* The record: x1 to x31 in their places, sip in that of x0. */
static void emit_record(struct code *code)
{
	static const uint32_t csrs[] = {SCAUSE, SEPC, STVAL, SSTATUS};

	emit_write(code, SSCRATCH, 31);
	emit_address(code, 31, STAGE_STATE);
	emit_load(code, 31, 31, NEXT_RECORD);
	for (unsigned i = 1; i < 31; i++)
		emit_store(code, i, 31, 8 * (size_t)i);
	emit_read(code, 1, SSCRATCH);
	emit_store(code, 1, 31, 248);
	for (size_t i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
		emit_read(code, 1, csrs[i]);
		emit_store(code, 1, 31, 256 + 8 * i);
	}
	emit_read(code, 1, SIP);
	emit_store(code, 1, 31, 0);
	emit_write(code, SIE, 0);
	emit_write(code, SIP, 0);
	emit(code, word_i(WORD_IMMEDIATE, 0, 30, 31, STAGE_RECORD_BYTES));
	emit_address(code, 31, STAGE_STATE);
	emit_store(code, 30, 31, NEXT_RECORD);
	emit_load(code, 30, 31, NEXT_CASE);
	emit(code, word_i(WORD_IMMEDIATE, 0, 30, 30, sizeof(struct stage_case)));
	emit_store(code, 30, 31, NEXT_CASE);
}

static void put_supervisor_mode(const struct stage *stage)
{
	struct code code = {.ram = stage->ram, .at = STAGE_SUPERVISOR, .bits = stage->bits};
	const size_t handler = STAGE_SUPERVISOR + 0x400;
	size_t again;

	emit_address(&code, 5, handler);
	emit_write(&code, STVEC, 5);
	emit_set(&code, SCOUNTEREN, 7);
	again = code.at;
	emit_address(&code, 31, STAGE_STATE);
	emit_load(&code, 30, 31, NEXT_CASE);
	emit_load(&code, 29, 31, CASES_END);
	emit(&code, word_b(1, 29, 30, 8));
	emit(&code, WORD_ECALL);
	emit_case(&code);
	assert(code.at <= handler);
	code.at = handler;
	emit_record(&code);
	emit_jump(&code, again);
}

/* ---- page tables ---- */

enum {
	V = 1,
	R = 2,
	W = 4,
	X = 8,
	U = 16,
	A = 64,
	D = 128,
	LEAF = V | R | W | X | U | A | D,
	MIDDLE_FIRST = 64, /* large pages in the table of 0x40000000, */
	ROOT_FIRST = 576,  /* and in the root of Sv32 */
	LARGE_32 = 1 << 22,
};

static uint64_t entry(uint64_t physical, uint64_t flags)
{
	return physical >> 12 << 10 | flags;
}

static void put_entry(const struct stage *stage, size_t table, size_t index, uint64_t value)
{
	const size_t bytes = stage->bits / 8;

	memcpy(stage->ram + table + bytes * index, &value, bytes);
}

/* Reserved, or an extension's. Sv32 has none: there they are an address above 4 GiB, which QEMU 7.2 cuts off. */
static uint64_t odd_bit(const struct stage *stage, size_t number)
{
	return stage->bits == 64 ? 1ULL << (54 + number % 10) : 0;
}

/* The first half of an instruction ends each page. */
static void put_data(const struct stage *stage)
{
	for (size_t i = 0; i < 16; i++)
		stage->ram[STAGE_DATA + i * 4096 + 4094] = WORD_IMMEDIATE;
}

/* Pages with every set of flags; the upper half with a bit that is the system's, or odd. */
static void put_pages(const struct stage *stage)
{
	const size_t table = stage->bits == 64 ? STAGE_PAGES : STAGE_SLOTS, first = stage->bits == 64 ? 0 : 512;

	for (size_t i = 0; i < 512; i++) {
		const uint64_t more = i < 256 ? 0 : i < 384 ? 1ULL << (8 + i % 2) : odd_bit(stage, i);

		put_entry(stage, table, first + i, entry(STAGE_RAM + STAGE_DATA + i % 16 * 4096, (i & 255) | more));
	}
	/* The last table of all leads to tables still. */
	put_entry(stage, table, first + 511, entry(STAGE_RAM + STAGE_DATA, V));
}

static void put_large(const struct stage *stage, size_t number, uint64_t value)
{
	if (stage->bits == 64)
		put_entry(stage, STAGE_MIDDLE, MIDDLE_FIRST + number, value);
	else
		put_entry(stage, STAGE_ROOT, ROOT_FIRST + number, value);
}

/* Large pages with every set of flags, some that are not aligned, tables with a leaf's flags. */
static void put_large_pages(const struct stage *stage)
{
	const size_t table = stage->bits == 64 ? STAGE_PAGES : STAGE_SLOTS;

	for (size_t i = 0; i < 256; i++)
		if (i & (R | X) || !(i & V))
			put_large(stage, i, entry(STAGE_RAM + STAGE_LARGE, i));
	for (size_t i = 0; i < 64; i++)
		put_large(stage, 256 + i, entry(STAGE_RAM + STAGE_LARGE + (4096ULL << i % 9), LEAF));
	for (size_t i = 0; i < 8; i++)
		put_large(stage, 328 + i,
			  entry(STAGE_RAM + table, V | (i & 1 ? U : 0) | (i & 2 ? A : 0) | (i & 4 ? D : 0)));
	for (size_t i = 0; i < 10; i++)
		put_large(stage, 336 + i, entry(STAGE_RAM + STAGE_LARGE, LEAF) | odd_bit(stage, i));
}

static void put_slots(const struct stage *stage)
{
	put_entry(stage, STAGE_SLOTS, 0, entry(STAGE_RAM + STAGE_SLOT, V | X | U | R | A));
	put_entry(stage, STAGE_SLOTS, 1, entry(STAGE_RAM + STAGE_SLOT, V | X | R | A));
}

/* Sv39: the third gigabyte is RAM. */
static void put_root_64(const struct stage *stage)
{
	put_entry(stage, STAGE_MIDDLE, 0, entry(STAGE_RAM + STAGE_SLOTS, V));
	put_entry(stage, STAGE_MIDDLE, 1, entry(STAGE_RAM + STAGE_PAGES, V));
	put_entry(stage, STAGE_ROOT, 1, entry(STAGE_RAM + STAGE_MIDDLE, V));
	put_entry(stage, STAGE_ROOT, 2, entry(STAGE_RAM, LEAF & ~(uint64_t)U));
	put_entry(stage, STAGE_ROOT, 4, entry(STAGE_RAM, LEAF));
	put_entry(stage, STAGE_ROOT, 5, entry(STAGE_RAM, V | R | U));
	put_entry(stage, STAGE_ROOT, 6, entry(STAGE_RAM + STAGE_LARGE, LEAF));
	put_entry(stage, STAGE_ROOT, 511, entry(STAGE_RAM, LEAF));
}

/* Sv32: RAM where it is, but for the large pages. */
static void put_root_32(const struct stage *stage)
{
	put_entry(stage, STAGE_ROOT, STAGE_USER_SLOT >> 22, entry(STAGE_RAM + STAGE_SLOTS, V));
	for (uint64_t at = 0; at < STAGE_BYTES; at += LARGE_32)
		put_entry(stage, STAGE_ROOT, (STAGE_RAM + at) >> 22, entry(STAGE_RAM + at, LEAF & ~(uint64_t)U));
	put_entry(stage, STAGE_ROOT, stage_open_at(stage) >> 22, entry(STAGE_RAM, LEAF));
}

uint64_t stage_satp(const struct stage *stage)
{
	return (stage->bits == 64 ? 8ULL << 60 : 1ULL << 31) | (STAGE_RAM + STAGE_ROOT) >> 12;
}

uint64_t stage_large_at(const struct stage *stage, uint64_t number)
{
	return stage->bits == 64 ? STAGE_USER_SLOT + ((MIDDLE_FIRST + number) << 21) : (ROOT_FIRST + number) << 22;
}

uint64_t stage_large_bytes(const struct stage *stage)
{
	return stage->bits == 64 ? 1 << 21 : LARGE_32;
}

uint64_t stage_open_at(const struct stage *stage)
{
	return stage->bits == 64 ? 4ULL << 30 : 0x60000000;
}

void stage_init(struct stage *stage, unsigned bits, uint8_t *ram, uint64_t seed)
{
	*stage = (struct stage){.bits = bits, .ram = ram, .random = seed};
	put_machine_mode(stage);
	put_supervisor_mode(stage);
	put_pages(stage);
	put_large_pages(stage);
	put_slots(stage);
	put_data(stage);
	if (bits == 64)
		put_root_64(stage);
	else
		put_root_32(stage);
	put(ram, STAGE_SLOT + 8, (uint64_t)EBREAK << 32 | EBREAK);
}

void stage_add(struct stage *stage, const struct stage_case *one)
{
	if (stage->cases < STAGE_CASES_MOST)
		memcpy(stage->ram + STAGE_CASES + stage->cases++ * sizeof(*one), one, sizeof(*one));
}

void stage_finish(struct stage *stage)
{
	put(stage->ram, STAGE_STATE + NEXT_CASE, STAGE_RAM + STAGE_CASES);
	put(stage->ram, STAGE_STATE + NEXT_RECORD, STAGE_RAM + STAGE_RECORDS);
	put(stage->ram, STAGE_STATE + CASES_END, STAGE_RAM + STAGE_CASES + stage->cases * sizeof(struct stage_case));
}
