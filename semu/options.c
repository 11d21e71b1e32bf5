/* SPDX-License-Identifier: MIT */
/* The command line, by getopt_long, whose own messages are not used: each error is one line that says what to do. */
#include "semu/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

enum { OPTION_VERSION = 256 };

static const uint64_t MEBIBYTE = 1 << 20;
static const uint64_t RAM_BYTES = 512 << 20; /* semu's */

static const struct option LONG[] = {
	{"kernel", required_argument, NULL, 'k'},
	{"dtb", required_argument, NULL, 'b'},
	{"initrd", required_argument, NULL, 'i'},
	{"disk", required_argument, NULL, 'd'},
	{"netdev", required_argument, NULL, 'n'},
	{"smp", required_argument, NULL, 'c'},
	{"memory", required_argument, NULL, 'm'},
	{"append", required_argument, NULL, 'a'},
	{"machine", required_argument, NULL, 'M'},
	{"headless", no_argument, NULL, 'H'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

static const char HELP[] = "semu -k Image [options]: a RISC-V machine that boots Linux\n"
			   "\n"
			   "  -k, --kernel FILE      a RISC-V Linux Image\n"
			   "  -i, --initrd FILE      an initramfs\n"
			   "  -d, --disk FILE        a disk image: the guest's /dev/vda\n"
			   "  -n, --netdev WORDS     a network card and where it leads: user, tap, none or\n"
			   "                         network=NAME, then ,key=value as in\n"
			   "                         user,hostfwd=tcp::2222-:22; again for another card;\n"
			   "                         without it one card with user\n"
			   "  -a, --append TEXT      the kernel's arguments\n"
			   "  -c, --smp N            harts, 1 to 32 (1)\n"
			   "  -m, --memory SIZE      512M, 2G (512M)\n"
			   "  -M, --machine KIND     rv64 or rv32 (what the kernel is made for)\n"
			   "  -b, --dtb FILE         a device tree; one is made without\n"
			   "  -H, --headless         accepted: there is no display\n"
			   "  -v, --verbose          say what the machine is made of, and what it did\n"
			   "  -h, --help             this text\n"
			   "      --version          the version\n"
			   "\n"
			   "Ctrl-a x quits, Ctrl-a h helps. Exit status: 0 the guest powered off, or\n"
			   "Ctrl-a x; 1 it could not be started; 2 wrong words; 3 the guest's system failed\n"
			   "(a kernel panic). semu(1) has it all; scripts/guest of guestwire's sources makes\n"
			   "a guest to begin with.\n";

const char *options_help(void)
{
	return HELP;
}

static int read_harts(const char *text, unsigned *ret_harts, struct error *ret_error)
{
	char *end;
	const unsigned long harts = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !harts || harts > MAP_HARTS_MOST)
		return error_set(ret_error, -EINVAL, "-c %s: harts are a number from 1 to %d", text, MAP_HARTS_MOST);
	*ret_harts = (unsigned)harts;
	return 0;
}

static unsigned shift_of(char unit)
{
	switch (unit) {
	case 'k':
	case 'K':
		return 10;
	case 'g':
	case 'G':
		return 30;
	default:
		return 20;
	}
}

/* A bare number is MiB, as QEMU has it. */
static int read_memory(const char *text, uint64_t *ret_bytes, struct error *ret_error)
{
	char *end;
	const unsigned long long number = strtoull(text, &end, 10);
	const bool unit = *end && strchr("kKmMgG", *end) && !end[1];
	uint64_t bytes;

	if (*text < '0' || *text > '9' || (*end && !unit) || number > UINT32_MAX)
		return error_set(ret_error, -EINVAL, "-m %s: memory is a number of MiB, or as in 256M and 2G", text);
	bytes = (uint64_t)number << shift_of(*end);
	if (bytes < MAP_RAM_LEAST || bytes > MAP_RAM_MOST || bytes % MEBIBYTE)
		return error_set(ret_error, -EINVAL, "-m %s: a machine has %u MiB to %u MiB, in whole MiB", text,
				 (unsigned)(MAP_RAM_LEAST >> 20), (unsigned)(MAP_RAM_MOST >> 20));
	*ret_bytes = bytes;
	return 0;
}

static int read_word(const char *text, unsigned *ret_word, struct error *ret_error)
{
	if (strcmp(text, "rv64") && strcmp(text, "rv32"))
		return error_set(ret_error, -EINVAL, "-M %s: a machine is rv64 or rv32", text);
	*ret_word = text[2] == '6' ? 64 : 32;
	return 0;
}

static int add_net(const char *text, struct options *options, struct error *ret_error)
{
	if (options->net_count == MAP_NETS_MOST)
		return error_set(ret_error, -EINVAL, "-n %s: a machine has at most %d network cards", text,
				 MAP_NETS_MOST);
	options->nets[options->net_count++] = text;
	return 0;
}

static int read_one(int which, struct options *options, struct error *ret_error)
{
	switch (which) {
	case 'k':
		options->kernel = optarg;
		return 0;
	case 'b':
		options->tree = optarg;
		return 0;
	case 'i':
		options->initrd = optarg;
		return 0;
	case 'd':
		if (options->disk)
			return error_set(ret_error, -EINVAL, "-d %s: a machine has one disk, and it has %s", optarg,
					 options->disk);
		options->disk = optarg;
		return 0;
	case 'n':
		return add_net(optarg, options, ret_error);
	case 'c':
		return read_harts(optarg, &options->harts, ret_error);
	case 'm':
		return read_memory(optarg, &options->ram_bytes, ret_error);
	case 'a':
		options->arguments = optarg;
		return 0;
	case 'M':
		return read_word(optarg, &options->word, ret_error);
	case 'v':
		options->verbose = true;
		return 0;
	case 'h':
		options->wish = OPTIONS_HELP;
		return 0;
	case OPTION_VERSION:
		options->wish = OPTIONS_VERSION;
		return 0;
	default: /* -H */
		return 0;
	}
}

/* "--kernl=x" may have been meant as "--kernel"; NULL: as nothing. */
static const char *nearest_option(const char *word)
{
	struct nearest nearest;

	nearest_init(&nearest, word + 2, strcspn(word + 2, "="));
	for (const struct option *option = LONG; option->name; option++)
		nearest_offer(&nearest, option->name, strlen(option->name));
	return nearest.found;
}

/* getopt tells the letter of a short option, and of a long one only where it was. */
static int refuse_option(int how, char **words, struct error *ret_error)
{
	const char *word = words[optind - 1];
	const char *near = !optopt && !strncmp(word, "--", 2) ? nearest_option(word) : NULL;

	if (how == ':')
		return error_set(ret_error, -EINVAL, "%s: needs a value; semu --help shows which", word);
	if (optopt && !strncmp(word, "--", 2) && strchr(word, '='))
		return error_set(ret_error, -EINVAL, "%s: takes no value; semu --help shows which", word);
	if (optopt && optopt < 256)
		return error_set(ret_error, -EINVAL, "unknown option -%c; semu --help lists them", optopt);
	if (near)
		return error_set(ret_error, -EINVAL, "unknown option %s; did you mean --%s?", word, near);
	return error_set(ret_error, -EINVAL, "unknown option %s; semu --help lists them", word);
}

int options_read(int count, char **words, struct options *ret_options, struct error *ret_error)
{
	struct options options = {.ram_bytes = RAM_BYTES};
	int which, failed = 0;

	optind = 0;
	opterr = 0;
	while (!failed && (which = getopt_long(count, words, ":k:b:i:d:n:c:m:a:M:Hvh", LONG, NULL)) != -1) {
		if (which == '?' || which == ':')
			return refuse_option(which, words, ret_error);
		failed = read_one(which, &options, ret_error);
	}
	if (failed)
		return failed;
	if (optind < count)
		return error_set(ret_error, -EINVAL, "%s: not an option; semu --help lists them", words[optind]);
	if (options.wish == OPTIONS_RUN && !options.kernel)
		return error_set(ret_error, -EINVAL, "no kernel; give one: semu -k Image -i rootfs.cpio");
	*ret_options = options;
	return 0;
}
