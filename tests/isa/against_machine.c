/* SPDX-License-Identifier: MIT */
/* against_machine 64|32 [SEED]: plays the stage (stage.h) in a hart and in qemu-system-riscv64 or -riscv32, and compares every
 * record, and all of memory at the end: page faults, illegal instructions, registers of control, interrupts. QEMU's RAM is a file that
 * both see. The last line is `N passed, N failed, N skipped`. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/lone_hart.h"
#include "semu/code.h"
#include "semu/trap.h"
#include "tests/isa/stage.h"

enum {
	NOT_HERE = 127,
	TOLD_MOST = 12,
	SCAUSE_AT = 256,
	STVAL_AT = 272,
	SSTATUS_AT = 280,
	QEMU_SECONDS = 100,
};

/* Without what this hart does not have. With two harts: one alone gets atomic operations made of a load and a store, which
 * fault as a load. */
#define WITHOUT "h=false,v=false,zba=false,zbb=false,zbc=false,zbs=false,sstc=false"
#define CPU_64 "rv64," WITHOUT
#define CPU_32 "rv32,f=false,d=false,c=false," WITHOUT

static void become_qemu(unsigned bits, int file)
{
	const char *qemu = bits == 64 ? "qemu-system-riscv64" : "qemu-system-riscv32";
	char memory[128];

	snprintf(memory, sizeof(memory), "memory-backend-file,id=ram,size=%d,share=on,mem-path=/proc/self/fd/%d",
		 STAGE_BYTES, file);
	alarm(QEMU_SECONDS);
	execlp(qemu, qemu, "-machine", "virt,memory-backend=ram", "-cpu", bits == 64 ? CPU_64 : CPU_32, "-object",
	       memory, "-m", "64M", "-smp", "2", "-bios", "none", "-display", "none", "-serial", "none", "-monitor",
	       "none", (char *)NULL);
	_exit(NOT_HERE);
}

/* Its status, or negative errno. */
static int run_qemu(unsigned bits, int file)
{
	const pid_t child = fork();
	int status = -errno;

	if (child == 0)
		become_qemu(bits, file);
	if (child > 0)
		waitpid(child, &status, 0);
	return status;
}

static void run_hart(unsigned bits, uint8_t *ram)
{
	struct hart_machine machine = lone_hart_machine();
	struct hart *hart = aligned_alloc(_Alignof(struct hart), sizeof(*hart));

	machine.word = bits;
	machine.ram = ram;
	machine.ram_start = STAGE_RAM;
	machine.ram_bytes = STAGE_BYTES;
	if (!hart || code_new(&machine.code))
		abort();
	hart_init(hart, &machine, STAGE_RAM + STAGE_SUPERVISOR);
	/* About 100 for each case. */
	hart_run(hart, 1000ULL * STAGE_CASES_MOST);
	code_free(machine.code);
	free(hart);
}

static uint64_t at(const uint8_t *ram, size_t offset)
{
	uint64_t value;

	memcpy(&value, ram + offset, sizeof(value));
	return value;
}

static void tell(const uint8_t *ours, const uint8_t *theirs, size_t number)
{
	static const char *const names[] = {"scause", "sepc", "stval", "sstatus"};
	const size_t record = STAGE_RECORDS + number * STAGE_RECORD_BYTES;
	struct stage_case one;

	memcpy(&one, ours + STAGE_CASES + number * sizeof(one), sizeof(one));
	printf("case %zu: words %012" PRIx64 " pc %" PRIx64 " %s%s sstatus %" PRIx64 " address %" PRIx64 "\n", number,
	       one.words & 0xffffffffffff, one.pc, one.sstatus & SSTATUS_SPP ? "supervisor" : "user",
	       one.satp ? " paged" : "", one.sstatus, one.address);
	for (size_t i = 0; i < STAGE_RECORD_BYTES; i += 8)
		if (at(ours, record + i) != at(theirs, record + i))
			printf("  %s%zu ours %" PRIx64 " theirs %" PRIx64 "\n", i < 256 ? "x" : names[(i - 256) / 8],
			       i / 8, at(ours, record + i), at(theirs, record + i));
}

/* How much of stval says something. That of a breakpoint is its address or nothing; of a misaligned access that leads to
 * no memory, QEMU tells the aligned address. */
static uint64_t stval_of(const uint8_t *ram, size_t record)
{
	const uint64_t stval = at(ram, record + STVAL_AT);

	switch (at(ram, record + SCAUSE_AT)) {
	case TRAP_BREAKPOINT:
		return 0;
	case TRAP_LOAD_ACCESS:
	case TRAP_STORE_ACCESS:
		return stval & ~7ULL;
	default:
		return stval;
	}
}

/* QEMU 7.2 forgets that raising a flag makes the floating-point state dirty, where no f register is written. */
static uint64_t sstatus_of(const uint8_t *ram, size_t number)
{
	const uint64_t sstatus = at(ram, STAGE_RECORDS + number * STAGE_RECORD_BYTES + SSTATUS_AT);
	const uint64_t word = at(ram, STAGE_CASES + number * sizeof(struct stage_case));
	const bool to_integer = (word & 0x7f) == 0x53 && (word >> 27 & 31) >= 0x14;

	return to_integer ? sstatus & ~(SSTATUS_FS | 1ULL << 63) : sstatus;
}

/* Whether it differs where the architecture does not leave it open. */
static bool is_different(const uint8_t *ours, const uint8_t *theirs, size_t number)
{
	const size_t record = STAGE_RECORDS + number * STAGE_RECORD_BYTES;

	return memcmp(ours + record, theirs + record, STVAL_AT) || stval_of(ours, record) != stval_of(theirs, record) ||
	       sstatus_of(ours, number) != sstatus_of(theirs, number);
}

static bool compare(const uint8_t *ours, const uint8_t *theirs, size_t cases)
{
	unsigned different = 0;

	for (size_t i = 0; i < cases; i++)
		if (is_different(ours, theirs, i) && different++ < TOLD_MOST)
			tell(ours, theirs, i);
	for (size_t i = 0; i < STAGE_LARGE + STAGE_LARGE_BYTES; i += i == STAGE_CASES - 8 ? STAGE_LARGE - i : 8)
		if (at(ours, i) != at(theirs, i) && different++ < TOLD_MOST)
			printf("memory at %zx: ours %" PRIx64 " theirs %" PRIx64 "\n", i, at(ours, i), at(theirs, i));
	printf("%zu cases, %u differences\n", cases, different);
	return !different;
}

static uint8_t *map(int file)
{
	uint8_t *ram = mmap(NULL, STAGE_BYTES, PROT_READ | PROT_WRITE,
			    file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);

	if (ram == MAP_FAILED)
		abort();
	return ram;
}

int main(int argc, char **argv)
{
	const unsigned bits = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 0;
	const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	const int file = memfd_create("ram", 0);
	struct stage stage;
	uint8_t *ours = map(-1), *theirs;
	int status;
	bool same;

	if (bits != 64 && bits != 32) {
		fprintf(stderr, "usage: against_machine 64|32 [SEED]\n");
		return 2;
	}
	if (file < 0 || ftruncate(file, STAGE_BYTES))
		abort();
	theirs = map(file);
	stage_init(&stage, bits, ours, seed);
	cases_add(&stage);
	stage_finish(&stage);
	memcpy(theirs, ours, STAGE_BYTES);
	status = run_qemu(bits, file);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) {
		printf("qemu-system-riscv%u is not here\n0 passed, 0 failed, 1 skipped\n", bits);
		return 0;
	}
	run_hart(bits, ours);
	same = compare(ours, theirs, stage.cases) && !status;
	if (!same)
		printf("seed %" PRIu64 ", QEMU's status 0x%x\n", seed, (unsigned)status);
	printf("%d passed, %d failed, 0 skipped\n", same, !same);
	return !same;
}
