/* SPDX-License-Identifier: MIT */
/* semu: the program. Reads what is asked for, puts a machine together, and runs it until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/plain.h"
#include "guestwire/guestwire.h"
#include "semu/devices.h"
#include "semu/devicetree.h"
#include "semu/loader.h"
#include "semu/machine.h"
#include "semu/options.h"
#include "semu/terminal.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_GUEST_FAILED = 3 };

struct program {
	struct options options;
	struct loader_file kernel, initrd, tree;
	struct loader_layout layout;
	struct devicetree_config told; /* to the guest */
	char arguments[4096];
	struct machine *machine;
	struct devices devices;
	struct terminal terminal;
	char *const *command; /* argv */
};

/* The one machine, for the handlers of the signals that end it and of its commands' ends; they come only while it looks at
 * its descriptors. */
static struct {
	struct machine *machine;
	struct spawn *commands;
	int number;
} ending;

static int complain_of(int code, const char *line)
{
	char text[NETDEV_ERROR_BYTES];

	/* Names in it may be anything. */
	snprintf(text, sizeof(text), "%s", line);
	plain_text(text);
	fprintf(stderr, "semu: %s\n", text);
	return error_is_usage(code) ? EXIT_USAGE : EXIT_FAILED;
}

static int complain(const struct error *error)
{
	return complain_of(error->code, error->text);
}

/* ---- the console ---- */

static size_t on_input(void *owner, const uint8_t *bytes, size_t count)
{
	struct program *program = owner;

	return uart_receive(&program->machine->uart, bytes, count);
}

static void on_output_room(void *owner)
{
	struct program *program = owner;

	uart_room(&program->machine->uart);
}

static void on_quit(void *owner)
{
	struct program *program = owner;

	machine_stop(program->machine, MACHINE_QUIT);
}

static void on_lost(void *owner, int code)
{
	(void)owner;
	fprintf(stderr, "semu: standard output: %s; what the guest prints from here on is lost\r\n", error_name(code));
}

static bool print(void *owner, uint8_t byte)
{
	struct program *program = owner;

	return terminal_print(&program->terminal, byte);
}

static void on_input_room(void *owner)
{
	struct program *program = owner;

	terminal_room(&program->terminal);
}

/* ---- putting it together ---- */

static int read_files(struct program *program, struct error *ret_error)
{
	const struct options *options = &program->options;
	int failed = loader_read(options->kernel, &program->kernel, ret_error);

	if (!failed && options->initrd)
		failed = loader_read(options->initrd, &program->initrd, ret_error);
	if (!failed && options->tree)
		failed = loader_read(options->tree, &program->tree, ret_error);
	return failed;
}

/* A kernel on harts of the other width hangs without a word, so whoever says how wide they are must say the same. */
static int check_word(const struct program *program, unsigned of_tree, struct error *ret_error)
{
	const struct options *options = &program->options;
	const unsigned asked = options->word, of_kernel = loader_word(&program->kernel);

	if (of_kernel && asked && of_kernel != asked)
		return error_set(ret_error, -ENOEXEC, "%s: a kernel of %u bits, and -M asks for rv%u; leave -M out",
				 options->kernel, of_kernel, asked);
	if (of_kernel && of_tree && of_kernel != of_tree)
		return error_set(ret_error, -ENOEXEC,
				 "%s: a kernel of %u bits, and %s describes rv%u; give the one that goes with the "
				 "other, or leave -b out",
				 options->kernel, of_kernel, options->tree, of_tree);
	if (asked && of_tree && asked != of_tree)
		return error_set(ret_error, -ENOEXEC, "%s: describes rv%u, and -M asks for rv%u; leave -M out",
				 options->tree, of_tree, asked);
	return 0;
}

static int check_tree(const struct program *program, const struct devicetree_facts *facts, struct error *ret_error)
{
	const struct options *options = &program->options;

	if (facts->harts && options->harts > facts->harts)
		return error_set(ret_error, -ENOEXEC,
				 "%s: has %u hart%s, and -c asks for %u; give one with as many, or leave -b out",
				 options->tree, facts->harts, facts->harts > 1 ? "s" : "", options->harts);
	return check_word(program, facts->word, ret_error);
}

static unsigned choose_word(const struct program *program, unsigned of_tree)
{
	const unsigned said = program->options.word ? program->options.word : of_tree;
	const unsigned of_kernel = loader_word(&program->kernel);

	return said ? said : of_kernel ? of_kernel : DEVICETREE_64;
}

/* NULL: none. Linux for RISC-V reads COMMAND_LINE_SIZE of them, which another kernel may have larger. */
static int write_arguments(struct program *program, const char *arguments, struct error *ret_error)
{
	enum { LINUX_BYTES = 1024 };
	const int length = snprintf(program->arguments, sizeof(program->arguments), "%s %s", LOADER_PANIC,
				    arguments ? arguments : "");

	if (length < 0 || (size_t)length >= sizeof(program->arguments))
		return error_set(ret_error, -EINVAL,
				 "the kernel's arguments have %d bytes, and at most %zu are passed on", length,
				 sizeof(program->arguments) - 1);
	if (length >= LINUX_BYTES)
		fprintf(stderr, "semu: the kernel's arguments have %d bytes; Linux reads the first %d\n", length,
			LINUX_BYTES - 1);
	return 0;
}

/* What a tree that was given says goes, unless the words say otherwise. */
static int read_tree(struct program *program, struct error *ret_error)
{
	const struct options *options = &program->options;
	struct devicetree_facts facts = {0};

	if (program->tree.bytes && devicetree_read(program->tree.bytes, program->tree.count, &facts))
		return error_set(ret_error, -ENOEXEC, "%s: not a device tree; make one: dtc -o minimal.dtb minimal.dts",
				 options->tree);
	if (check_tree(program, &facts, ret_error))
		return -ENOEXEC;
	if (write_arguments(program, options->arguments ? options->arguments : facts.arguments, ret_error))
		return -EINVAL;
	program->told = (struct devicetree_config){
		.arguments = program->arguments,
		.word = choose_word(program, facts.word),
		.harts = options->harts                                 ? options->harts
			 : facts.harts && facts.harts <= MAP_HARTS_MOST ? facts.harts
									: 1,
		.ram_bytes = options->ram_bytes,
		.timebase_hz = facts.timebase_hz ? facts.timebase_hz : CLOCK_HZ,
	};
	return 0;
}

static int plan(struct program *program, struct error *ret_error)
{
	const struct devicetree_config *told = &program->told;
	const int failed = loader_plan(&program->kernel, &program->initrd, told->word, told->ram_bytes,
				       &program->layout, ret_error);

	if (failed)
		return failed;
	program->told.initrd_start = program->layout.initrd;
	program->told.initrd_bytes = program->initrd.count;
	return 0;
}

static int make_machine(struct program *program, struct error *ret_error)
{
	static sigset_t none;
	const struct machine_config config = {
		.word = program->told.word,
		.harts = program->told.harts,
		.ram_bytes = program->told.ram_bytes,
		.timebase_hz = program->told.timebase_hz,
		.console = {.print = print, .on_room = on_input_room, .owner = program},
		.signals = &none,
	};
	int failed;

	sigemptyset(&none);
	failed = machine_new(&config, &program->machine);
	if (failed)
		return error_set(ret_error, failed, "-m %lluM: %s; give the machine less memory",
				 (unsigned long long)(config.ram_bytes >> 20), error_name(failed));
	return 0;
}

static int prepare(struct program *program, struct error *ret_error)
{
	int failed = read_files(program, ret_error);

	if (!failed)
		failed = read_tree(program, ret_error);
	if (!failed)
		failed = plan(program, ret_error);
	return failed ? failed : make_machine(program, ret_error);
}

/* ---- into the guest's memory ---- */

static void copy_file(const struct program *program, const struct loader_file *file, uint64_t at)
{
	if (file->count)
		memcpy(machine_ram(program->machine, at, file->count), file->bytes, file->count);
}

static int refuse_tree(const struct program *program, int failed, struct error *ret_error)
{
	const char *path = program->tree.path ? program->tree.path : "the device tree";

	if (failed == -ENODEV)
		return error_set(
			ret_error, failed,
			"%s: lacks a network card or the disk, and the PLIC at 0x%llx that it would need; give "
			"none: semu makes it",
			path, (unsigned long long)MAP_PLIC);
	return error_set(ret_error, failed, "%s: %s; give %s, or none: semu makes it", path,
			 failed == -ENOSPC ? "too large" : "of no use for this machine",
			 failed == -ENOSPC ? "a smaller one" : "another one");
}

static int put_tree(struct program *program, struct error *ret_error)
{
	void *room = machine_ram(program->machine, program->layout.tree, MAP_DTB_BYTES);
	int failed;

	if (!program->tree.bytes) {
		failed = devicetree_build(&program->told, room, MAP_DTB_BYTES);
	} else if (program->tree.count > MAP_DTB_BYTES / 2) {
		failed = -ENOSPC;
	} else {
		copy_file(program, &program->tree, program->layout.tree);
		failed = devicetree_fit(&program->told, room, MAP_DTB_BYTES);
	}
	return failed ? refuse_tree(program, failed, ret_error) : 0;
}

static int load(struct program *program, struct error *ret_error)
{
	int failed;

	machine_reset(program->machine);
	copy_file(program, &program->kernel, program->layout.kernel);
	copy_file(program, &program->initrd, program->layout.initrd);
	failed = put_tree(program, ret_error);
	if (!failed)
		machine_start(program->machine, program->layout.kernel, program->layout.tree);
	return failed;
}

/* ---- running ---- */

static void on_signal(int number)
{
	ending.number = number;
	machine_stop(ending.machine, MACHINE_QUIT);
}

static void on_child(int number)
{
	(void)number;
	spawn_reap(ending.commands);
}

/* Blocked but for the moments when the machine looks at its descriptors, so that the handlers may call anything. */
static void handle_signals(struct machine *machine, struct spawn *commands)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction action = {.sa_handler = on_signal}, child = {.sa_handler = on_child};
	sigset_t blocked;

	ending.machine = machine;
	ending.commands = commands;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaction(SIGCHLD, &child, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		sigaddset(&blocked, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, NULL);
}

/* ---- for whoever asked by -v ---- */

static void tell_parts(const struct program *program)
{
	const struct devicetree_config *told = &program->told;
	const struct loader_layout *layout = &program->layout;

	fprintf(stderr, "semu: rv%u, %u hart%s, %llu MiB; kernel at 0x%llx, device tree at 0x%llx", told->word,
		told->harts, told->harts > 1 ? "s" : "", (unsigned long long)(told->ram_bytes >> 20),
		(unsigned long long)layout->kernel, (unsigned long long)layout->tree);
	if (layout->initrd)
		fprintf(stderr, ", initramfs at 0x%llx", (unsigned long long)layout->initrd);
	fprintf(stderr, "\n");
}

static const char *end_name(enum machine_end end)
{
	switch (end) {
	case MACHINE_OFF:
		return "the guest powered off";
	case MACHINE_REBOOT:
		return "the guest reboots";
	case MACHINE_FAILED:
		return "the guest's system failed";
	case MACHINE_QUIT:
	case MACHINE_RUNS:
		break;
	}
	return "the machine was switched off";
}

static void tell_end(const struct program *program, enum machine_end end)
{
	const struct machine *machine = program->machine;
	const double seconds = (double)clock_ticks(&machine->aclint.clock) / machine->aclint.clock.hz;
	uint64_t instructions = 0;

	for (unsigned i = 0; i < machine->hart_count; i++)
		instructions += machine->harts[i]->instret;
	fprintf(stderr, "semu: %s after %.1f s and %.0f million instructions\n", end_name(end), seconds,
		(double)instructions / 1e6);
}

static int run(struct program *program, struct error *ret_error)
{
	enum machine_end end = MACHINE_REBOOT;
	int failed = 0;

	while (!failed && end == MACHINE_REBOOT) {
		failed = load(program, ret_error);
		if (!failed)
			end = machine_run(program->machine);
		if (!failed && program->options.verbose)
			tell_end(program, end);
	}
	terminal_close(&program->terminal);
	if (failed)
		return complain(ret_error);
	if (end != MACHINE_FAILED)
		return EXIT_OK;
	fprintf(stderr, "semu: the guest's system failed; what it printed last says why\n");
	return EXIT_GUEST_FAILED;
}

static int plug_in(struct program *program)
{
	char line[NETDEV_ERROR_BYTES];
	int failed = devices_plug(&program->devices, program->machine, &program->options, program->command, line);

	if (failed)
		return complain_of(failed, line);
	program->told.nets = program->devices.net_count;
	program->told.blk = program->devices.blk;
	program->told.rng = true;
	return 0;
}

static int start(struct program *program)
{
	struct terminal *terminal = &program->terminal;
	struct error error;
	int code;

	if (prepare(program, &error))
		return complain(&error);
	code = plug_in(program);
	if (code)
		return code;
	if (program->options.verbose)
		tell_parts(program);
	handle_signals(program->machine, &program->devices.spawn);
	terminal->on_input = on_input;
	terminal->on_room = on_output_room;
	terminal->on_quit = on_quit;
	terminal->on_lost = on_lost;
	terminal->owner = program;
	terminal_open(terminal, STDIN_FILENO, STDOUT_FILENO);
	machine_add_source(program->machine, &terminal->input);
	machine_add_source(program->machine, &terminal->output);
	return run(program, &error);
}

static void program_done(struct program *program)
{
	devices_done(&program->devices);
	machine_free(program->machine);
	loader_done(&program->kernel);
	loader_done(&program->initrd);
	loader_done(&program->tree);
}

/* Who closed standard input or output would get our sockets in their place. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int tell(enum options_wish wish)
{
	if (wish == OPTIONS_HELP)
		fputs(options_help(), stdout);
	else
		printf("semu %s\n", gw_version());
	if (!fflush(stdout))
		return EXIT_OK;
	fprintf(stderr, "semu: standard output: %s\n", error_name(-errno));
	return EXIT_FAILED;
}

int main(int count, char **words)
{
	static struct program program;
	struct error error;
	int code;

	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	if (options_read(count, words, &program.options, &error))
		return complain(&error);
	if (program.options.wish != OPTIONS_RUN)
		return tell(program.options.wish);
	program.command = words;
	code = start(&program);
	program_done(&program);
	if (ending.number) {
		signal(ending.number, SIG_DFL);
		sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
		raise(ending.number);
	}
	return code;
}
