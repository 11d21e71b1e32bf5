/* SPDX-License-Identifier: MIT */
/* against_qemu EXTENSION RESULTS [SEED]: runs random programs (program.h) in a hart and in QEMU's user mode, side by side, and compares
 * every record: all registers and flags after every instruction, and after sequences of some. EXTENSION is one of i m a f d c, or
 * i32 m32 a32; RESULTS are of single instructions. The last line is `N passed, N failed, N skipped`; a difference is told
 * with the seed that makes it again. */
#include <errno.h>
#include <fcntl.h>
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
#include "tests/isa/program.h"

enum {
	PAGE = 4096,
	A0 = 10,
	A1 = 11,
	A2 = 12,
	A7 = 17,
	SYSCALL_WRITE = 64,
	NOT_HERE = 127, /* a shell's word for it */
	RESULTS_AT_ONCE = 1000000,
	STEP_MOST = 1000, /* instructions, with the routine's: more than any needs */
};

enum outcome { SAME, DIFFERENT, NO_QEMU };

struct run {
	struct hart hart;
	struct hart_machine machine;
	const struct program *program;
	int from_qemu;
	uint8_t *theirs;
	unsigned writes;
	bool differs;
};

/* ---- QEMU ---- */

static void close_on_exec(int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The child: standard output is the pipe. */
static void become_qemu(unsigned bits, int file, int output)
{
	const char *qemu = bits == 64 ? "qemu-riscv64" : "qemu-riscv32";
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	dup2(output, STDOUT_FILENO);
	execlp(qemu, qemu, path, (char *)NULL);
	_exit(NOT_HERE);
}

/* Its process, and what it writes; negative errno. */
static pid_t start_qemu(const struct program *program, int *ret_output)
{
	const int file = memfd_create("program", 0);
	int pipe_ends[2], error;
	pid_t child;

	if (file < 0 || pipe(pipe_ends) < 0)
		return -errno;
	error = program_write(program, file);
	if (error)
		return error;
	fcntl(pipe_ends[1], F_SETPIPE_SZ, 1 << 20);
	close_on_exec(pipe_ends[0]);
	close_on_exec(pipe_ends[1]);
	child = fork();
	if (child == 0)
		become_qemu(program->bits, file, pipe_ends[1]);
	close(file);
	close(pipe_ends[1]);
	*ret_output = pipe_ends[0];
	return child;
}

static bool read_all(int fd, uint8_t *to, size_t bytes)
{
	while (bytes) {
		const ssize_t got = read(fd, to, bytes);

		if (got <= 0)
			return false;
		to += got;
		bytes -= (size_t)got;
	}
	return true;
}

/* ---- telling a difference ---- */

static uint64_t word_at(const uint8_t *from, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, from, bytes);
	return value;
}

static void tell_step(const struct program *program, const struct program_step *step)
{
	printf("  at 0x%zx:", PROGRAM_BASE + step->at);
	for (size_t at = step->at; at < step->end;) {
		const size_t bytes = (program->image[at] & 3) == 3 ? 4 : 2;

		printf(bytes == 4 ? " %08" PRIx64 : " %04" PRIx64, word_at(program->image + at, bytes));
		at += bytes;
	}
	putchar('\n');
}

/* Each register that differs in the record, or that is not what it was in the record before. */
static void tell_registers(const struct program *program, const uint8_t *before, const uint8_t *ours,
			   const uint8_t *theirs)
{
	const size_t wide = program->bits / 8, f_bytes = program_record_bytes(program) - program_f_at(program, 0);

	for (size_t at = 0; at < program_f_at(program, 0); at += wide)
		if (memcmp(ours + at, theirs + at, wide) || (before && memcmp(ours + at, before + at, wide)))
			printf("  %s%zu ours %016" PRIx64 " theirs %016" PRIx64 "\n",
			       at == 0          ? "fcsr, x"
			       : at < 32 * wide ? "x"
						: "window after x",
			       at / wide, word_at(ours + at, wide), word_at(theirs + at, wide));
	for (size_t i = 0; i < f_bytes / 8; i++) {
		const size_t at = program_f_at(program, (unsigned)i);

		if (memcmp(ours + at, theirs + at, 8) || (before && memcmp(ours + at, before + at, 8)))
			printf("  f%zu ours %016" PRIx64 " theirs %016" PRIx64 "\n", i, word_at(ours + at, 8),
			       word_at(theirs + at, 8));
	}
}

static void tell_before(const struct program *program, const uint8_t *before)
{
	printf("  registers before it:\n");
	for (unsigned i = 0; before && i < 32; i++) {
		printf("  x%-2u %016" PRIx64, i, word_at(before + program_x_at(program, i), program->bits / 8));
		if (program->has_float)
			printf("  f%-2u %016" PRIx64, i, word_at(before + program_f_at(program, i), 8));
		putchar('\n');
	}
}

/* Writes of records and of the zone take turns. */
static void tell(const struct run *run, const uint8_t *ours, size_t bytes)
{
	const struct program *program = run->program;
	const size_t record = program_record_bytes(program), body = run->writes / 2 % PROGRAM_BODIES;
	size_t at = 0;

	while (at < bytes && ours[at] == run->theirs[at])
		at++;
	if (run->writes % 2) {
		printf("  memory differs after body %zu at byte %zu of the zone\n", body, at);
		return;
	}
	at -= at % record;
	tell_step(program, &program->steps[program->bodies[body] + at / record]);
	tell_registers(program, at ? ours + at - record : NULL, ours + at, run->theirs + at);
	tell_before(program, at ? ours + at - record : NULL);
}

/* ---- the hart, whose system calls are answered as QEMU's are ---- */

static uint8_t *memory_at(const struct run *run, uint64_t at)
{
	return run->machine.ram + (at - PROGRAM_BASE);
}

static void stop(struct run *run)
{
	run->hart.waiting = true;
}

static void on_write(struct run *run)
{
	const uint64_t at = run->hart.x[A1], bytes = run->hart.x[A2];

	/* A hart gone wrong may ask for anything. */
	if (at < PROGRAM_BASE || at - PROGRAM_BASE > run->program->memory_bytes || bytes > run->program->memory_bytes ||
	    at - PROGRAM_BASE + bytes > run->program->memory_bytes) {
		printf("  a write of %" PRIu64 " bytes at 0x%" PRIx64 "\n", bytes, at);
		run->differs = true;
	} else if (!read_all(run->from_qemu, run->theirs, bytes)) {
		printf("  QEMU ended early\n");
		run->differs = true;
	} else if (memcmp(memory_at(run, at), run->theirs, bytes)) {
		tell(run, memory_at(run, at), bytes);
		run->differs = true;
	}
	run->writes++;
	run->hart.x[A0] = bytes;
	run->hart.sepc += 4;
	if (run->differs)
		stop(run);
}

/* The trap handler's environment call. */
static void on_call(void *owner, struct hart *hart)
{
	struct run *run = owner;

	if (hart->scause != TRAP_USER_ECALL) {
		printf("  trap %" PRIu64 " at 0x%" PRIx64 ", value 0x%" PRIx64 "\n", hart->scause, hart->sepc,
		       hart->stval);
		run->differs = true;
		stop(run);
	} else if (hart->x[A7] == SYSCALL_WRITE) {
		on_write(run);
	} else {
		stop(run);
	}
}

/* The program's memory, and after it a page with the handler: ecall, sret. */
static void prepare(struct run *run, const struct program *program)
{
	static const uint32_t handler[] = {0x00000073, 0x10200073};

	run->program = program;
	run->machine = lone_hart_machine();
	run->machine.owner = run;
	run->machine.word = program->bits;
	run->machine.environment_call = on_call;
	run->machine.ram_start = PROGRAM_BASE;
	run->machine.ram_bytes = program->memory_bytes + PAGE;
	run->machine.ram = aligned_alloc(PAGE, program->memory_bytes + PAGE);
	run->theirs = malloc(program->memory_bytes);
	if (!run->machine.ram || !run->theirs || code_new(&run->machine.code))
		abort();
	memset(run->machine.ram, 0, program->memory_bytes + PAGE);
	memcpy(run->machine.ram, program->image, program->image_bytes);
	memcpy(run->machine.ram + program->memory_bytes, handler, sizeof(handler));
	hart_init(&run->hart, &run->machine, PROGRAM_BASE + program->entry);
	run->hart.stvec = PROGRAM_BASE + program->memory_bytes;
	run->hart.mode = HART_USER;
	run->hart.sstatus |= SSTATUS_FS;
	hart_choose_tlb(&run->hart);
}

static enum outcome compare(const struct program *program)
{
	struct run *run = aligned_alloc(_Alignof(struct run), sizeof(*run));
	enum outcome outcome;
	pid_t child;
	int status;

	if (!run)
		abort();
	memset(run, 0, sizeof(*run));
	prepare(run, program);
	child = start_qemu(program, &run->from_qemu);
	if (child < 0)
		abort();
	/* One turn: the end of one would break a reservation. A hart gone wrong may never come to its end. */
	hart_run(&run->hart, (uint64_t)program->sets * PROGRAM_STEPS_OF_BODY * STEP_MOST);
	close(run->from_qemu);
	waitpid(child, &status, 0);
	if (!run->differs && (run->writes != 2 * program->sets || status)) {
		printf("  ended after %u of %u writes; QEMU's status is 0x%x\n", run->writes, 2 * program->sets,
		       (unsigned)status);
		run->differs = true;
	}
	outcome = run->differs ? DIFFERENT : SAME;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
		outcome = NO_QEMU;
	code_free(run->machine.code);
	free(run->machine.ram);
	free(run->theirs);
	free(run);
	return outcome;
}

/* Adds up what was compared. */
static enum outcome compare_seed(const char *extension, uint64_t seed, uint64_t results, uint64_t *kinds)
{
	struct program *program = program_new(extension[0], extension[1] ? 32 : 64, seed, results);
	enum outcome outcome;

	if (!program)
		abort();
	outcome = compare(program);
	for (unsigned i = 0; i < PROGRAM_KINDS; i++)
		kinds[i] += program->kinds[i] * (program->sets / PROGRAM_BODIES);
	if (outcome == DIFFERENT)
		printf("seed %" PRIu64 ": against_qemu %s %" PRIu64 " %" PRIu64 " makes it again\n", seed, extension,
		       results, seed);
	program_free(program);
	return outcome;
}

static bool is_extension(const char *name)
{
	return strchr("imafdc", name[0]) && (!name[1] || (strchr("ima", name[0]) && !strcmp(name + 1, "32")));
}

int main(int argc, char **argv)
{
	uint64_t results = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	uint64_t kinds[PROGRAM_KINDS] = {0};
	enum outcome outcome = SAME;

	if (!results || !is_extension(argv[1])) {
		fprintf(stderr, "usage: against_qemu i|m|a|f|d|c|i32|m32|a32 RESULTS [SEED]\n");
		return 2;
	}
	printf("%s: %" PRIu64 " results of single instructions from seed %" PRIu64 "\n", argv[1], results, seed);
	for (uint64_t done = 0; done < results && outcome == SAME; done += RESULTS_AT_ONCE, seed++) {
		const uint64_t left = results - done;

		outcome = compare_seed(argv[1], seed, left < RESULTS_AT_ONCE ? left : RESULTS_AT_ONCE, kinds);
	}
	if (outcome == SAME)
		printf("compared: %" PRIu64 " single instructions, %" PRIu64 " that set up, %" PRIu64 " sequences\n",
		       kinds[PROGRAM_SINGLE], kinds[PROGRAM_SETUP], kinds[PROGRAM_SEQUENCE]);
	if (outcome == NO_QEMU)
		printf("QEMU's user mode is not here\n");
	printf("%d passed, %d failed, %d skipped\n", outcome == SAME, outcome == DIFFERENT, outcome == NO_QEMU);
	return outcome == DIFFERENT;
}
