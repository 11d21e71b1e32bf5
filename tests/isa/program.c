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
	SP = 2,
	RECORD = 3,
	LINK = 4,
	OPERANDS = 4, /* only where a body begins */
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

void program_emit(struct program *program, uint32_t word)
{
	const size_t bytes = (word & 3) == 3 ? 4 : 2;

	assert(program->code_bytes + bytes <= PROGRAM_CODE_MOST);
	memcpy(program->image + program->code_bytes, &word, bytes);
	program->code_bytes += bytes;
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

void program_emit_record(struct program *program)
{
	emit_jump(program, LINK, 0);
}

void program_emit_pointer(struct program *program)
{
	program_emit_address(program, SP, program->zone_at + PROGRAM_WINDOW_AT);
}

void program_add_step(struct program *program, enum program_kind kind, size_t at)
{
	assert(program->step_count < PROGRAM_STEPS_MOST);
	program->steps[program->step_count++] = (struct program_step){.at = at, .end = program->code_bytes};
	program->kinds[kind]++;
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
	for (unsigned i = 0; i < 32; i++)
		emit_store(program, i, RECORD, program_x_at(program, i));
	if (program->has_float) {
		program_emit(program, word_i(WORD_SYSTEM, 2, 5, 0, FCSR));
		program_emit(program, word_s(WORD_STORE, 2, RECORD, 5, 0));
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

/* x5 and x6 are used before they are loaded. */
static void emit_body_start(struct program *program)
{
	program_emit_address(program, 5, program->next_at);
	emit_load(program, OPERANDS, 5, 0);
	program_emit(program, word_i(WORD_IMMEDIATE, 0, 6, OPERANDS, SET_BYTES));
	emit_store(program, 6, 5, 0);
	if (program->has_float) {
		program_emit(program, word_i(WORD_SYSTEM, 1, 0, 0, FCSR));
		for (unsigned i = 0; i < 32; i++)
			program_emit(program, word_i(WORD_LOAD_FP, 3, i, OPERANDS, (int32_t)(256 + 8 * i)));
	}
	for (unsigned i = 1; i < 32; i++)
		if (i != OPERANDS)
			emit_load(program, i, OPERANDS, program_x_at(program, i));
	program_emit_address(program, RECORD, program->results_at);
	program_emit_pointer(program);
	program_emit_address(program, X8, program->zone_at + PROGRAM_POINTER_8);
	program_emit_address(program, X9, program->zone_at + PROGRAM_POINTER_9);
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

static void emit_bodies(struct program *program)
{
	for (unsigned body = 0; body < PROGRAM_BODIES; body++) {
		program->bodies[body] = program->step_count;
		emit_body_start(program);
		while (program->step_count < program->bodies[body] + PROGRAM_STEPS_OF_BODY)
			unit_make(program);
		emit_body_end(program);
	}
}

/* The sets of operands that make so many results, and where they end. */
static size_t count_sets(struct program *program, uint64_t results)
{
	const uint64_t of_run = program->kinds[PROGRAM_SINGLE];

	program->sets = (unsigned)((results + of_run - 1) / of_run) * PROGRAM_BODIES;
	return program->operands_at + SET_BYTES * (size_t)program->sets;
}

/* The routine stands at the base, so that every step reaches it. */
static void emit_all(struct program *program, uint64_t results)
{
	emit_record_routine(program);
	program->entry = program->code_bytes;
	emit_bodies(program);
	program->image_bytes = count_sets(program, results);
	program_emit_address(program, A1, program->next_at);
	emit_load(program, A1, A1, 0);
	program_emit_address(program, A0, program->image_bytes);
	program_emit(program, word_b(0, A0, A1, 8));
	emit_jump(program, 0, program->entry);
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A0, 0, 0));
	program_emit(program, word_i(WORD_IMMEDIATE, 0, A7, 0, SYSCALL_EXIT));
	program_emit(program, WORD_ECALL);
}

static void put_operands(struct program *program)
{
	const uint64_t first = PROGRAM_BASE + program->operands_at;
	uint8_t *to = program->image + program->operands_at;

	memcpy(program->image + program->next_at, &first, word_bytes(program));
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

/* Code, zone, next_at's page, records; then operands, as many as the code needs. */
static void lay_out(struct program *program)
{
	const size_t steps = PROGRAM_STEPS_OF_BODY + PROGRAM_STEPS_OF_UNIT;

	program->zone_at = PROGRAM_CODE_MOST;
	program->next_at = program->zone_at + PROGRAM_ZONE_BYTES;
	program->results_at = program->next_at + PAGE;
	program->operands_at = (program->results_at + steps * program_record_bytes(program) + PAGE - 1) / PAGE * PAGE;
}

/* False: no memory. */
static bool make_image(struct program *program, uint64_t results)
{
	uint8_t *image = calloc(1, PROGRAM_CODE_MOST);

	if (!image)
		return false;
	program->image = image;
	emit_all(program, results);
	program->memory_bytes = (program->image_bytes + PAGE - 1) / PAGE * PAGE;
	program->image = calloc(1, program->image_bytes);
	if (program->image) {
		memcpy(program->image, image, program->code_bytes);
		put_operands(program);
	}
	free(image);
	return program->image;
}

struct program *program_new(char extension, unsigned bits, uint64_t seed, uint64_t results)
{
	struct program *program = calloc(1, sizeof(*program));

	if (!program)
		return NULL;
	program->extension = extension;
	program->bits = bits;
	program->has_float = extension == 'f' || extension == 'd' || (extension == 'c' && bits == 64);
	program->random = seed;
	lay_out(program);
	if (!make_image(program, results)) {
		free(program);
		return NULL;
	}
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
