/* SPDX-License-Identifier: MIT */
/* semu_loops [COUNT]: how many million instructions a second a hart does in a few loops, each of COUNT million instructions (200),
 * and QEMU's user mode with the same bytes beside it where it is installed. Seconds are of CPU time. `semu_loops COUNT
 * NAME` runs one loop in the hart alone, for a tool that counts the host's instructions. */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kit/lone_hart.h"
#include "semu/code.h"
#include "tests/isa/word.h"

enum {
	BASE = 0x10000000, /* of the code, which a page holds; its data is on the next ones */
	BYTES = 0x10000,
	DATA = BASE + 0x1000,
	LINK = 1,
	A0 = 10, /* counts down */
	A1 = 11, /* where the data is */
	A2 = 12,
	A3 = 13,
	A4 = 14,
	A5 = 15,
	A7 = 17,
	SYSCALL_EXIT = 93,
	BODY_MOST = 24,
};

#define ADD(rd, rs1, rs2) word_r(WORD_REGISTER, 0, 0, rd, rs1, rs2)
#define MUL(rd, rs1, rs2) word_r(WORD_REGISTER, 0, 1, rd, rs1, rs2)
#define XOR(rd, rs1, rs2) word_r(WORD_REGISTER, 4, 0, rd, rs1, rs2)
#define ADDI(rd, rs1, imm) word_i(WORD_IMMEDIATE, 0, rd, rs1, imm)
#define ANDI(rd, rs1, imm) word_i(WORD_IMMEDIATE, 7, rd, rs1, imm)
#define SLLI(rd, rs1, imm) word_i(WORD_IMMEDIATE, 1, rd, rs1, imm)
#define SRLI(rd, rs1, imm) word_i(WORD_IMMEDIATE, 5, rd, rs1, imm)
#define LD(rd, rs1, imm) word_i(WORD_LOAD, 3, rd, rs1, imm)
#define LBU(rd, rs1, imm) word_i(WORD_LOAD, 4, rd, rs1, imm)
#define SD(rs2, rs1, imm) word_s(WORD_STORE, 3, rs1, rs2, imm)
#define SB(rs2, rs1, imm) word_s(WORD_STORE, 0, rs1, rs2, imm)
#define BEQ(rs1, rs2, to) word_b(0, rs1, rs2, to)
#define BNE(rs1, rs2, to) word_b(1, rs1, rs2, to)
#define CALL(to) word_j(LINK, to)
#define RETURN word_i(WORD_JALR, 0, 0, LINK, 0)

struct loop {
	const char *name;
	unsigned each; /* instructions of one round */
	uint32_t body[BODY_MOST];
};

enum { LOOPS = 4 };

/* Each goes back to its first word while a0 is not zero, and ends behind its last one. */
static void loops_make(struct loop *ret_loops)
{
	const struct loop loops[LOOPS] = {
		{"integer", 5, {ADD(A2, A2, A0), XOR(A2, A2, A3), SLLI(A3, A2, 3), ADDI(A0, A0, -1), BNE(A0, 0, -16)}},
		{"memory",
		 6,
		 {LD(A2, A1, 0), LD(A3, A1, 64), ADD(A2, A2, A3), SD(A2, A1, 128), ADDI(A0, A0, -1), BNE(A0, 0, -20)}},
		/* A function that saves what it uses, called twice. */
		{"calls",
		 16,
		 {CALL(20), CALL(16), ADDI(A0, A0, -1), BNE(A0, 0, -12), word_j(0, 28), SD(LINK, A1, 8), SD(A0, A1, 16),
		  ADD(A2, A2, A0), LD(LINK, A1, 8), LD(A0, A1, 16), RETURN}},
		/* What text is made of: bytes, tests, a table, a product. */
		{"mixed",
		 14,
		 {ANDI(A2, A0, 255), ADD(A3, A1, A2), LBU(A4, A3, 0), ADDI(A4, A4, 1), SRLI(A5, A4, 2), ADD(A4, A4, A5),
		  SB(A4, A3, 1), MUL(A5, A4, A0), BEQ(A5, A1, 16), XOR(A4, A4, A5), SLLI(A5, A5, 1), SD(A5, A1, 512),
		  ADDI(A0, A0, -1), BNE(A0, 0, -52)}},
	};

	memcpy(ret_loops, loops, sizeof(loops));
}

struct program {
	uint8_t memory[BYTES];
	unsigned code_bytes;
};

static void emit(struct program *program, uint32_t word)
{
	memcpy(program->memory + program->code_bytes, &word, sizeof(word));
	program->code_bytes += sizeof(word);
}

/* lui and addi of a number below 2 GiB. */
static void emit_number(struct program *program, unsigned rd, uint32_t number)
{
	emit(program, ((number + 0x800) & 0xfffff000) | rd << 7 | WORD_LUI);
	emit(program, ADDI(rd, rd, (int32_t)(number << 20) >> 20));
}

static void program_make(struct program *program, const struct loop *loop, uint64_t instructions)
{
	memset(program, 0, sizeof(*program));
	emit_number(program, A0, (uint32_t)(instructions / loop->each));
	emit_number(program, A1, DATA);
	for (unsigned i = 0; i < BODY_MOST && loop->body[i]; i++)
		emit(program, loop->body[i]);
	emit(program, ADDI(A0, 0, 0));
	emit(program, ADDI(A7, 0, SYSCALL_EXIT));
	emit(program, WORD_ECALL);
}

/* ---- the hart ---- */

static double seconds_of(struct timespec from, struct timespec to)
{
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Million instructions a second; negative: no memory. */
static double run_hart(const struct program *program)
{
	struct hart_machine machine = lone_hart_machine();
	struct hart *hart = aligned_alloc(_Alignof(struct hart), sizeof(*hart));
	struct timespec from, to;
	double speed = -1;

	machine.ram_start = BASE;
	machine.ram_bytes = BYTES;
	machine.ram = aligned_alloc(4096, BYTES);
	if (hart && machine.ram && !code_new(&machine.code)) {
		memcpy(machine.ram, program->memory, BYTES);
		hart_init(hart, &machine, BASE);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		hart_run(hart, INT64_MAX);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		speed = (double)hart->instret / seconds_of(from, to) / 1e6;
		code_free(machine.code);
	}
	free(machine.ram);
	free(hart);
	return speed;
}

/* ---- QEMU ---- */

static int program_file(const struct program *program)
{
	const int file = memfd_create("loop", 0);
	const struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
	} elf = {.head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			  .e_type = ET_EXEC,
			  .e_machine = EM_RISCV,
			  .e_version = EV_CURRENT,
			  .e_entry = BASE,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1},
		 .segment = {.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W | PF_X,
			     .p_offset = 4096,
			     .p_vaddr = BASE,
			     .p_filesz = BYTES,
			     .p_memsz = BYTES,
			     .p_align = 4096}};

	if (file >= 0 && (pwrite(file, &elf, sizeof(elf), 0) != (ssize_t)sizeof(elf) ||
			  pwrite(file, program->memory, BYTES, 4096) != BYTES)) {
		close(file);
		return -1;
	}
	return file;
}

/* Seconds of CPU time; negative: QEMU is not here. */
static double seconds_in_qemu(const struct program *program)
{
	const int file = program_file(program);
	struct rusage used;
	char path[64];
	int status;
	pid_t child;

	if (file < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	child = fork();
	if (child == 0) {
		execlp("qemu-riscv64", "qemu-riscv64", path, (char *)NULL);
		_exit(127);
	}
	close(file);
	if (child < 0 || wait4(child, &status, 0, &used) < 0 || status)
		return -1;
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double run_qemu(const struct loop *loop, uint64_t instructions)
{
	static struct program program;
	double nothing, all;

	program_make(&program, loop, loop->each);
	nothing = seconds_in_qemu(&program);
	program_make(&program, loop, instructions);
	all = seconds_in_qemu(&program);
	return nothing < 0 || all < 0 ? -1 : (double)instructions / (all - nothing) / 1e6;
}

int main(int count, char **words)
{
	const uint64_t instructions = (count > 1 ? strtoull(words[1], NULL, 10) : 200) * 1000000;
	static struct program program;
	struct loop loops[LOOPS];

	loops_make(loops);
	for (size_t i = 0; i < LOOPS; i++) {
		if (count > 2 && strcmp(words[2], loops[i].name))
			continue;
		program_make(&program, &loops[i], instructions);
		printf("%-8s semu %6.0f MIPS", loops[i].name, run_hart(&program));
		if (count <= 2)
			printf("   qemu-riscv64 %6.0f MIPS", run_qemu(&loops[i], instructions));
		printf("\n");
	}
	return 0;
}
