/* SPDX-License-Identifier: MIT */
/* The frame around the units, and the ELF file. */
#include "tests/isa/program.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/isa/unit.h"
#include "tests/isa/word.h"

enum {
	LINK = 1,
	SP = 2,
	RECORD = 3,
	OPERANDS = 4,
	X8 = 8,
	X9 = 9,
	A0 = 10,
	A1 = 11,
	A2 = 12,
	A7 = 17,
	SYSCALL_WRITE = 64,
	SYSCALL_EXIT = 93,
	FCSR = 3,
	SET_BYTES = 512, /* one of operands: 32 integer registers and 32 others, or 32 of 32 bits */
	PAGE = 4096,
};

uint64_t program_random(struct program *program)
{
	uint64_t mixed = program->random += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

unsigned program_choose(struct program *program, unsigned limit)
{
	return (unsigned)((program_random(program) >> 32) * limit >> 32);
}

void program_emit_short(struct program *program, uint16_t word)
{
	memcpy(program->image + program->code_bytes, &word, sizeof(word));
	program->code_bytes += sizeof(word);
}

void program_emit(struct program *program, uint32_t word)
{
	memcpy(program->image + program->code_bytes, &word, sizeof(word));
	program->code_bytes += sizeof(word);
}

void program_emit_address(struct program *program, unsigned rd, size_t at)
{
	const uint32_t offset = (uint32_t)(at - program->code_bytes);

	program_emit(program, ((offset + 0x800) & 0xfffff000) | rd << 7 | WORD_AUIPC);
	program_emit(program, word_i(WORD_IMMEDIATE, 0, rd, rd, (int32_t)(offset << 20) >> 20));
}

static void emit_jump(struct program *program, unsigned rd, size_t at)
{
	program_emit(program, word_j(rd, (int32_t)((int64_t)at - (int64_t)program->code_bytes)));
}

static size_t word_bytes(const struct program *program)
{
	return program->bits / 8;
}

static void emit_load(struct program *program, unsigned rd, unsigned base, size_t offset)
{
	program_emit(program, word_i(WORD_LOAD, program->bits == 64 ? 3 : 2, rd, base, (int32_t)offset));
}

static void emit_store(struct program *program, unsigned rs, unsigned base, size_t offset)
{
	program_emit(program, word_s(WORD_STORE, program->bits == 64 ? 3 : 2, base, rs, (int32_t)offset));
}

static size_t window_at(const struct program *program)
{
	return 32 * word_bytes(program);
}

size_t program_x_at(const struct program *program, unsigned number)
{
	return number * word_bytes(program);
}

size_t program_f_at(const struct program *program, unsigned number)
{
	return window_at(program) + PROGRAM_WINDOW_BYTES + 8 * (size_t)number;
}

size_t program_record_bytes(const struct program *program)
{
	return program_f_at(program, program->has_float ? 32 : 0);
}

/* x5 and x6 are used once they are stored, and loaded again. */
static void emit_record_routine(struct program *program)
{
	for (unsigned i = 1; i < 32; i++)
		emit_store(program, i, RECORD, program_x_at(program, i));
	if (program->has_float) {
		program_emit(program, word_i(WORD_SYSTEM, 2, 5, 0, FCSR));
		emit_store(program, 5, RECORD, 0);
		for (unsigned i = 0; i < 32; i++)
			program_emit(program, word_s(WORD_STORE_FP, 3, RECORD, i, (int32_t)program_f_at(program, i)));
	}
	program_emit_address(program, 6, program->zone_at + PROGRAM_WINDOW_AT);
	for (size_t i = 0; i < PROGRAM_WINDOW_BYTES; i += word_bytes(program)) {
		emit_load(program, 5, 6, i);
		emit_store(program, 5, RECORD, window_at(program) + i);
	}
	emit_load(program, 5, RECORD, program_x_at(program, 5));
	emit_load(program, 6, RECORD, program_x_at(program, 6));
	program_emit(program, word_i(WORD_IMMEDIATE, 0, RECORD, RECORD, (int32_t)program_record_bytes(program)));
	program_emit(program, word_i(WORD_JALR, 0, 0, LINK, 0));
}

static void emit_body_start(struct program *program)
{
	if (program->has_float) {
		program_emit(program, word_i(WORD_SYSTEM, 1, 0, 0, FCSR));
		for (unsigned i = 0; i < 32; i++)
			program_emit(program, word_i(WORD_LOAD_FP, 3, i, OPERANDS, (int32_t)(256 + 8 * i)));
	}
	program_emit_address(program, RECORD, program->results_at);
	for (unsigned i = 5; i < 32; i++)
		emit_load(program, i, OPERANDS, program_x_at(program, i));
	program_emit_address(program, SP, program->zone_at + PROGRAM_WINDOW_AT);
	program_emit_address(program, X8, program->zone_at + PROGRAM_POINTER_8);
	program_emit_address(program, X9, program->zone_at + PROGRAM_POINTER_9);
	program_emit(program, word_i(WORD_IMMEDIATE, 0, OPERANDS, OPERANDS, SET_BYTES));
}

/* a1 and a2 are set: what and how many. */
static void emit_write(struct program *program)
{
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A0, 0, 1));
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A7, 0, SYSCALL_WRITE));
	program_emit(program, WORD_ECALL);
}

static void emit_body_end(struct program *program)
{
	program_emit_address(program, A1, program->results_at);
	program_emit(program, word_r(WORD_REGISTER, 0, 0x20, A2, RECORD, A1));
	emit_write(program);
	program_emit_address(program, A1, program->zone_at);
	program_emit(program, PROGRAM_ZONE_BYTES | A2 << 7 | WORD_LUI);
	emit_write(program);
}

static void emit_unit(struct program *program, size_t unit)
{
	program->units[unit] = program->code_bytes;
	unit_make(program);
	program->ends[unit] = program->code_bytes;
	emit_jump(program, LINK, 0);
	/* Some change it. */
	program_emit_address(program, SP, program->zone_at + PROGRAM_WINDOW_AT);
}

static void emit_bodies(struct program *program)
{
	for (size_t unit = 0; unit < PROGRAM_UNITS; unit++) {
		if (unit % PROGRAM_UNITS_OF_BODY == 0)
			emit_body_start(program);
		emit_unit(program, unit);
		if (unit % PROGRAM_UNITS_OF_BODY == PROGRAM_UNITS_OF_BODY - 1)
			emit_body_end(program);
	}
}

/* The routine stands at the base, so that every unit reaches it. */
static void emit_all(struct program *program, size_t operands_end)
{
	size_t again;

	emit_record_routine(program);
	program->entry = program->code_bytes;
	program_emit_address(program, OPERANDS, program->operands_at);
	again = program->code_bytes;
	emit_bodies(program);
	program_emit_address(program, A0, operands_end);
	program_emit(program, word_b(0, A0, OPERANDS, 8));
	emit_jump(program, 0, again);
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A0, 0, 0));
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A7, 0, SYSCALL_EXIT));
	program_emit(program, WORD_ECALL);
	assert(program->code_bytes <= PROGRAM_CODE_MOST);
}

static void put_operands(struct program *program)
{
	uint8_t *to = program->image + program->operands_at;

	for (size_t set = 0; set < program->sets; set++, to += SET_BYTES)
		for (unsigned i = 0; i < 32; i++) {
			const uint64_t x = unit_integer(program), f = unit_number(program);

			memcpy(to + program_x_at(program, i), &x, word_bytes(program));
			memcpy(to + 256 + 8 * (size_t)i, &f, sizeof(f));
		}
	for (size_t at = 0; at < PROGRAM_ZONE_BYTES; at += 8) {
		const uint64_t value = program->has_float && at & 8 ? unit_number(program) : unit_integer(program);

		memcpy(program->image + program->zone_at + at, &value, sizeof(value));
	}
}

struct program *program_new(char extension, unsigned bits, uint64_t seed, uint64_t results)
{
	struct program *program = calloc(1, sizeof(*program));
	size_t operands_end;

	if (!program)
		return NULL;
	program->extension = extension;
	program->bits = bits;
	program->has_float = extension == 'f' || extension == 'd' || (extension == 'c' && bits == 64);
	program->random = seed;
	program->sets = (unsigned)((results + PROGRAM_UNITS - 1) / PROGRAM_UNITS) * PROGRAM_BODIES;
	program->zone_at = PROGRAM_CODE_MOST;
	program->operands_at = program->zone_at + PROGRAM_ZONE_BYTES;
	operands_end = program->operands_at + SET_BYTES * (size_t)program->sets;
	program->image_bytes = operands_end;
	program->results_at = (operands_end + PAGE - 1) / PAGE * PAGE;
	program->memory_bytes =
		(program->results_at + PROGRAM_UNITS_OF_BODY * program_record_bytes(program) + PAGE - 1) / PAGE * PAGE;
	program->image = calloc(1, program->image_bytes);
	if (!program->image) {
		free(program);
		return NULL;
	}
	emit_all(program, operands_end);
	put_operands(program);
	return program;
}

void program_free(struct program *program)
{
	if (!program)
		return;
	free(program->image);
	free(program);
}

/* ---- the file: one segment that may be all; the image begins at PAGE ---- */

static size_t put_header_64(const struct program *program, uint8_t *to)
{
	const Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = PROGRAM_BASE + program->entry,
		.e_phoff = sizeof(header),
		.e_flags = 5, /* compressed, double */
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	const Elf64_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = PAGE,
		.p_vaddr = PROGRAM_BASE,
		.p_paddr = PROGRAM_BASE,
		.p_filesz = program->image_bytes,
		.p_memsz = program->memory_bytes,
		.p_align = PAGE,
	};

	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), &segment, sizeof(segment));
	return PAGE;
}

static size_t put_header_32(const struct program *program, uint8_t *to)
{
	const Elf32_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = EV_CURRENT,
		.e_entry = (uint32_t)(PROGRAM_BASE + program->entry),
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 1,
	};
	const Elf32_Phdr segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W | PF_X,
		.p_offset = PAGE,
		.p_vaddr = PROGRAM_BASE,
		.p_paddr = PROGRAM_BASE,
		.p_filesz = (uint32_t)program->image_bytes,
		.p_memsz = (uint32_t)program->memory_bytes,
		.p_align = PAGE,
	};

	memcpy(to, &header, sizeof(header));
	memcpy(to + sizeof(header), &segment, sizeof(segment));
	return PAGE;
}

static int write_all(int fd, const uint8_t *from, size_t bytes)
{
	while (bytes) {
		const ssize_t done = write(fd, from, bytes);

		if (done < 0)
			return -errno;
		from += done;
		bytes -= (size_t)done;
	}
	return 0;
}

int program_write(const struct program *program, int fd)
{
	uint8_t header[PAGE] = {0};
	const size_t bytes = program->bits == 64 ? put_header_64(program, header) : put_header_32(program, header);
	const int error = write_all(fd, header, bytes);

	return error ? error : write_all(fd, program->image, program->image_bytes);
}
