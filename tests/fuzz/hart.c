/* SPDX-License-Identifier: MIT */
/* covers: semu/decode.c semu/decode_float.c semu/compressed.c semu/mmu.c */
/* A hart runs the input: the first bytes choose the width, the mode, the translation and what the registers hold; the rest
 * is code, and by it the trap handler and part of the page tables. RAM is small and ends where the sanitizer looks on. */
#include "semu/code.h"
#include "semu/hart.h"
#include "semu/trap.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define RAM 0x80000000ULL

enum {
	RAM_BYTES = 8 * 4096,
	TABLES_AT = 4 * 4096, /* root, middle, last: one page each */
	INSTRUCTIONS = 500,
};

struct head {
	uint8_t how, satp, seed, entries[4], flags[4];
	uint8_t sstatus[4], handler;
};

static bool on_load(void *owner, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	(void)owner;
	(void)bytes;
	*ret_value = at;
	return at >> 12 == 0x10000;
}

static bool on_store(void *owner, uint64_t at, unsigned bytes, uint64_t value)
{
	(void)owner;
	(void)bytes;
	(void)value;
	return at >> 12 == 0x10000;
}

static void on_call(void *owner, struct hart *hart)
{
	(void)owner;
	hart->x[10] = hart->pc;
}

static uint64_t on_time(void *owner)
{
	(void)owner;
	return 7;
}

static void put(uint8_t *ram, size_t at, uint64_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

/* RAM is where it is, for both modes, as one large page and as small ones; four entries are the input's. */
static void put_tables(uint8_t *ram, const struct head *head)
{
	const uint64_t first = (RAM + TABLES_AT) >> 12;

	put(ram, TABLES_AT, (first + 1) << 10 | 1);
	put(ram, TABLES_AT + 8 * 2, (RAM >> 12) << 10 | (head->how & 8 ? 0xcf : 0xdf));
	put(ram, TABLES_AT + 4096, (first + 2) << 10 | 1);
	for (unsigned i = 0; i < 8; i++)
		put(ram, TABLES_AT + 8192 + 8 * (size_t)i, ((RAM >> 12) + i) << 10 | 0xdf);
	for (unsigned i = 0; i < 4; i++)
		put(ram, TABLES_AT + (size_t)4096 * (i % 3) + head->entries[i] % 16 * 8u,
		    (first + head->entries[i] / 16) << 10 | head->flags[i]);
}

/* Places in RAM, above all about its end, small numbers, and numbers of all sizes. */
static uint64_t value_of(uint64_t random)
{
	switch (random & 7) {
	case 0:
		return RAM + RAM_BYTES - 8 + (random >> 3 & 15);
	case 1:
	case 2:
	case 3:
		return RAM + (random >> 3) % RAM_BYTES;
	case 4:
		return (random >> 3) % (8 * 4096);
	case 5:
		return 0x10000000;
	case 6:
		return random >> (random >> 3 & 63);
	default:
		return random;
	}
}

static void set_registers(struct hart *hart, const struct head *head)
{
	uint64_t random = head->seed;

	for (unsigned i = 1; i < 32; i++) {
		random = (random + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
		hart->x[i] = hart_word(hart, value_of(random ^ random >> 29));
		hart->f[i] = value_of(random ^ random >> 31) << (random & 31);
	}
}

static void start(struct hart *hart, const struct head *head)
{
	uint64_t sstatus = 0;

	memcpy(&sstatus, head->sstatus, sizeof(head->sstatus));
	hart->mode = head->how & 2 ? HART_USER : HART_SUPERVISOR;
	hart->sstatus = sstatus & (SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
	hart->sie = head->how >> 4;
	hart->stvec = hart_word(hart, RAM + head->handler * 2u);
	if (head->how & 4)
		hart->satp = (head->how & 1 ? 1ULL << 31 : 8ULL << 60) | ((RAM + TABLES_AT) >> 12);
	set_registers(hart, head);
	hart_choose_tlb(hart);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static struct code *code;
	static struct hart hart;
	struct hart_machine machine = {
		.ram_start = RAM,
		.ram_bytes = RAM_BYTES,
		.load = on_load,
		.store = on_store,
		.environment_call = on_call,
		.time = on_time,
	};
	struct head head;

	if (count < sizeof(head) || (!code && code_new(&code)))
		return 0;
	memcpy(&head, bytes, sizeof(head));
	bytes += sizeof(head);
	count -= sizeof(head);
	machine.ram = aligned_alloc(4096, RAM_BYTES);
	assert(machine.ram);
	memset(machine.ram, 0, RAM_BYTES);
	put_tables(machine.ram, &head);
	memcpy(machine.ram, bytes, count < RAM_BYTES ? count : RAM_BYTES);
	machine.code = code;
	machine.word = head.how & 1 ? 32 : 64;
	code->fences++;
	hart_init(&hart, &machine, RAM);
	start(&hart, &head);
	hart_run(&hart, INSTRUCTIONS);
	assert(hart.x[0] == 0);
	free(machine.ram);
	return 0;
}
