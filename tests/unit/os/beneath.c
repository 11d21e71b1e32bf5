/* SPDX-License-Identifier: MIT */
/* What may be opened below a folder, by both ways. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/beneath.h"

struct fixture {
	char base[64];
	int folder;
};

static void make(const char *base, const char *name, const char *text)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_link(const char *base, const char *name, const char *to)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(symlink(to, path), 0);
}

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[128];

	strcpy(fixture->base, "/tmp/beneath-XXXXXX");
	assert_non_null(mkdtemp(fixture->base));
	make(fixture->base, "secret", "secret");
	snprintf(path, sizeof(path), "%s/folder", fixture->base);
	mkdir(path, 0700);
	fixture->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->folder >= 0);
	mkdirat(fixture->folder, "sub", 0700);
	make(path, "file", "file");
	make(path, "sub/file", "inner");
	make_link(path, "out", "../secret");
	make_link(path, "absolute", "/etc/passwd");
	make_link(path, "up", "..");
	make_link(path, "inside", "sub/file");
	mkfifoat(fixture->folder, "pipe", 0600);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	close(fixture->folder);
	snprintf(command, sizeof(command), "rm -r %s", fixture->base);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void files_below_the_folder_are_opened_and_nothing_else(void **state)
{
	static const struct {
		const char *path;
		int error;
		uint64_t bytes;
	} rows[] = {
		{"file", 0, 4},      {"sub/file", 0, 5},        {"none", -ENOENT, 0},      {"none/file", -ENOENT, 0},
		{"out", -EACCES, 0}, {"up/secret", -EACCES, 0}, {"../secret", -EACCES, 0}, {"absolute", -EACCES, 0},
		{"sub", -ENOENT, 0}, {"pipe", -ENOENT, 0},      {"file/x", -ENOTDIR, 0}};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t bytes = 0;
		int fd = beneath_open(fixture->folder, rows[i].path, &bytes);

		if (rows[i].error) {
			assert_int_equal(fd, rows[i].error);
			continue;
		}
		assert_true(fd >= 0);
		assert_int_equal(bytes, rows[i].bytes);
		close(fd);
	}
}

static void part_by_part_no_link_is_followed(void **state)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {{"file", 0},         {"sub/file", 0},   {"none", -ENOENT},       {"out", -ELOOP},
		    {"inside", -ELOOP},  {"sub/", -ENOENT}, {"sub/../file", -EXDEV}, {"", -ENOENT},
		    {"absolute", -ELOOP}};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = beneath_walk(fixture->folder, rows[i].path);

		assert_int_equal(fd < 0 ? fd : 0, rows[i].error);
		if (fd >= 0)
			close(fd);
	}
	/* a folder that is a link */
	assert_true(beneath_walk(fixture->folder, "up/secret") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_below_the_folder_are_opened_and_nothing_else, begin, end),
		cmocka_unit_test_setup_teardown(part_by_part_no_link_is_followed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
