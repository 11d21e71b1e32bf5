/* SPDX-License-Identifier: MIT */
/* What a person types, and what is said of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "semu/options.h"

enum { WORDS_MOST = 64 };

/* The line is cut at its blanks. */
static int read_line(const char *line, struct options *ret_options, struct error *ret_error)
{
	static char text[1024];
	static char name[] = "semu";
	char *words[WORDS_MOST + 1] = {name};
	int count = 1;

	assert_true(strlen(line) < sizeof(text));
	memcpy(text, line, strlen(line) + 1);
	for (char *word = strtok(text, " "); word && count < WORDS_MOST; word = strtok(NULL, " "))
		words[count++] = word;
	return options_read(count, words, ret_options, ret_error);
}

static void every_word_is_understood(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(
		read_line("-k Image -b t.dtb -i r.cpio -d d.img -n user -n tap,ifname=t0 -c 4 -m 2G -a quiet -H -v "
			  "-M rv32",
			  &options, &error),
		0);
	assert_string_equal(options.kernel, "Image");
	assert_string_equal(options.tree, "t.dtb");
	assert_string_equal(options.initrd, "r.cpio");
	assert_string_equal(options.disk, "d.img");
	assert_int_equal(options.net_count, 2);
	assert_string_equal(options.nets[1], "tap,ifname=t0");
	assert_int_equal(options.harts, 4);
	assert_int_equal(options.ram_bytes, 2ULL << 30);
	assert_string_equal(options.arguments, "quiet");
	assert_int_equal(options.word, 32);
	assert_true(options.verbose);
}

static void long_names_are_the_same(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(
		read_line("--kernel=Image --dtb t --initrd=r --disk d --netdev user --smp 2 --memory=300 --append q "
			  "--headless --verbose --machine rv64",
			  &options, &error),
		0);
	assert_string_equal(options.kernel, "Image");
	assert_string_equal(options.tree, "t");
	assert_int_equal(options.net_count, 1);
	assert_int_equal(options.harts, 2);
	assert_int_equal(options.ram_bytes, 300ULL << 20);
	assert_int_equal(options.word, 64);
}

static void what_is_not_said_is_left_open(void **state)
{
	struct options options;
	struct error error;

	(void)state;
	assert_int_equal(read_line("-k Image", &options, &error), 0);
	assert_int_equal(options.harts, 0);
	assert_int_equal(options.word, 0);
	assert_int_equal(options.net_count, 0);
	assert_int_equal(options.ram_bytes, 512ULL << 20);
	assert_int_equal(options.wish, OPTIONS_RUN);
	assert_int_equal(read_line("--help", &options, &error), 0);
	assert_int_equal(options.wish, OPTIONS_HELP);
	assert_int_equal(read_line("--version", &options, &error), 0);
	assert_int_equal(options.wish, OPTIONS_VERSION);
}

static void the_help_fits_a_terminal(void **state)
{
	size_t length;

	(void)state;
	for (const char *line = options_help(); *line; line += length + (line[length] == '\n')) {
		length = strcspn(line, "\n");
		if (length > 80)
			fail_msg("%zu columns: %.*s", length, (int)length, line);
	}
}

static void wrong_words_get_one_line(void **state)
{
	static const struct {
		const char *line, *text;
	} table[] = {
		{"", "no kernel; give one: semu -k Image -i rootfs.cpio"},
		{"-k", "-k: needs a value; semu --help shows which"},
		{"-k Image --initrd", "--initrd: needs a value; semu --help shows which"},
		{"-k Image -z", "unknown option -z; semu --help lists them"},
		{"-k Image --bogus", "unknown option --bogus; semu --help lists them"},
		{"-k Image --memry=1G", "unknown option --memry=1G; did you mean --memory?"},
		{"-k Image --headless=1", "--headless=1: takes no value; semu --help shows which"},
		{"-k Image rootfs.cpio", "rootfs.cpio: not an option; semu --help lists them"},
		{"-k Image -c 0", "-c 0: harts are a number from 1 to 32"},
		{"-k Image -c 33", "-c 33: harts are a number from 1 to 32"},
		{"-k Image -c 4x", "-c 4x: harts are a number from 1 to 32"},
		{"-k Image -c -1", "-c -1: harts are a number from 1 to 32"},
		{"-k Image -m lots", "-m lots: memory is a number of MiB, or as in 256M and 2G"},
		{"-k Image -m 2GB", "-m 2GB: memory is a number of MiB, or as in 256M and 2G"},
		{"-k Image -m 4G", "-m 4G: a machine has 16 MiB to 3840 MiB, in whole MiB"},
		{"-k Image -m 8", "-m 8: a machine has 16 MiB to 3840 MiB, in whole MiB"},
		{"-k Image -m 99999999999999999999",
		 "-m 99999999999999999999: memory is a number of MiB, or as in 256M "
		 "and 2G"},
		{"-k Image -m 70000K", "-m 70000K: a machine has 16 MiB to 3840 MiB, in whole MiB"},
		{"-k Image -d one -d two", "-d two: a machine has one disk, and it has one"},
		{"-k Image -M riscv", "-M riscv: a machine is rv64 or rv32"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct options options;
		struct error error = {0};

		assert_int_equal(read_line(table[i].line, &options, &error), -EINVAL);
		assert_string_equal(error.text, table[i].text);
	}
}

static void there_are_only_so_many_cards(void **state)
{
	char line[1024] = "-k Image";
	struct options options;
	struct error error;

	(void)state;
	for (int i = 0; i < MAP_NETS_MOST; i++)
		strncat(line, " -n none", sizeof(line) - strlen(line) - 1);
	assert_int_equal(read_line(line, &options, &error), 0);
	strncat(line, " -n user", sizeof(line) - strlen(line) - 1);
	assert_int_equal(read_line(line, &options, &error), -EINVAL);
	assert_string_equal(error.text, "-n user: a machine has at most 16 network cards");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_is_understood),      cmocka_unit_test(long_names_are_the_same),
		cmocka_unit_test(what_is_not_said_is_left_open), cmocka_unit_test(wrong_words_get_one_line),
		cmocka_unit_test(the_help_fits_a_terminal),      cmocka_unit_test(there_are_only_so_many_cards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
