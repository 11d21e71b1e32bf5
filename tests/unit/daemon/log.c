/* SPDX-License-Identifier: MIT */
/* What is written, what is left out, and where it goes when the file is moved. */
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

#include "base/error.h"
#include "daemon/log.h"
#include "guestwire/guestwire.h"

static char folder[32], path[64], moved[64];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/guestwire-test-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(moved, sizeof(moved), "%s/log.1", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	unlink(moved);
	return rmdir(folder);
}

/* How many lines of the file have the word. */
static unsigned lines(const char *name, const char *word)
{
	FILE *file = fopen(name, "r");
	char line[2048];
	unsigned count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, word) != NULL;
	fclose(file);
	return count;
}

static void renew(struct log *log, const char *port, const char *text)
{
	struct gw_event event = GW_INIT(struct gw_event);

	event.type = GW_EVENT_LEASE;
	event.port = port;
	event.text = text;
	log_event(log, &event);
}

static void a_guest_that_asks_without_end_fills_no_disk_and_silences_no_other(void **state)
{
	struct log log;

	(void)state;
	assert_int_equal(log_open(&log, path, false, NULL), 0);
	for (int i = 0; i < 100000; i++)
		renew(&log, "stream.1", "stream.1: renewed");
	assert_int_equal(lines(path, "stream.1: renewed"), LOG_LINES);
	/* of many others nearly each has a bucket of its own */
	for (int i = 0; i < 100; i++) {
		char port[16];

		snprintf(port, sizeof(port), "tap%d", i);
		renew(&log, port, "joined");
	}
	assert_true(lines(path, "joined") > 80);
	assert_true(lines(path, "lines were left out here") >= 1);
	/* what is no guest's doing is always said */
	log_line(&log, "the end");
	assert_int_equal(lines(path, "the end"), 1);
	log_close(&log);
	unlink(path);
}

static void what_was_left_out_is_said_at_the_end_too(void **state)
{
	struct log log;

	(void)state;
	assert_int_equal(log_open(&log, path, false, NULL), 0);
	for (int i = 0; i < LOG_LINES + 7; i++)
		renew(&log, "stream.1", "stream.1: renewed");
	log_close(&log);
	assert_int_equal(lines(path, " 7 lines were left out here"), 1);
	unlink(path);
}

static void nobody_waits_for_who_does_not_read(void **state)
{
	struct log log = {.fd = -1};
	char text[64 * 1024];
	ssize_t count;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	log.fd = ends[1];
	alarm(20);
	for (int i = 0; i < 10000; i++)
		log_line(&log, "line %d: %0100d", i, 0);
	alarm(0);
	assert_true(log.left_out > 1000);
	count = read(ends[0], text, sizeof(text) - 1);
	assert_true(count > 4096);
	log_line(&log, "again");
	assert_int_equal(log.left_out, 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	while ((count = read(ends[0], text, sizeof(text) - 1)) > 0)
		text[count] = '\0';
	assert_non_null(strstr(text, "lines were left out here"));
	assert_non_null(strstr(text, "guestwire: again\n"));
	close(ends[0]);
	close(ends[1]);
}

static void a_file_that_was_renamed_is_made_anew(void **state)
{
	struct stat status;
	struct log log;

	(void)state;
	assert_int_equal(log_open(&log, path, false, NULL), 0);
	log_line(&log, "first");
	assert_int_equal(rename(path, moved), 0);
	log_line(&log, "second");
	assert_int_equal(lines(moved, "first"), 1);
	assert_int_equal(lines(moved, "second"), 0);
	assert_int_equal(lines(path, "second"), 1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0077, 0);
	assert_int_equal(unlink(path), 0);
	log_line(&log, "third");
	assert_int_equal(lines(path, "third"), 1);
	/* what is no file there now is left alone */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	log_line(&log, "fourth");
	assert_int_equal(unlink(path), 0);
	log_close(&log);
}

static void a_pipe_without_a_reader_is_refused(void **state)
{
	struct error error = {0};
	struct log log;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(log_open(&log, path, false, &error), -ENXIO);
	assert_non_null(strstr(error.text, "/log: "));
	unlink(path);
}

static void names_of_guests_move_no_cursor(void **state)
{
	struct log log;

	(void)state;
	assert_int_equal(log_open(&log, path, false, NULL), 0);
	log_line(&log, "a\033[2Jb\xff");
	log_close(&log);
	assert_int_equal(lines(path, "a?[2Jb?"), 1);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_asks_without_end_fills_no_disk_and_silences_no_other),
		cmocka_unit_test(what_was_left_out_is_said_at_the_end_too),
		cmocka_unit_test(nobody_waits_for_who_does_not_read),
		cmocka_unit_test(a_file_that_was_renamed_is_made_anew),
		cmocka_unit_test(a_pipe_without_a_reader_is_refused),
		cmocka_unit_test(names_of_guests_move_no_cursor),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
