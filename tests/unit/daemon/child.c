/* SPDX-License-Identifier: MIT */
/* A command from its start to its end, as the daemon's loop takes part in it, without a network. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/child.h"
#include "daemon/signals.h"

static void pause_briefly(void)
{
	struct timespec step = {.tv_nsec = 2 * 1000 * 1000};

	nanosleep(&step, NULL);
}

/* The loop's part: until the command has ended, or for twenty seconds. */
static void serve(struct child *child)
{
	for (int i = 0; i < 10000 && !child->ended; i++) {
		if (signals_seen()) {
			signals_take(SIGCHLD);
			child_take_signals(child);
		}
		pause_briefly();
	}
}

static int run(const char *script, int (*prepare)(void *owner, struct error *ret_error))
{
	char *const words[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
	struct error error = {0};
	struct child child;

	child_init(&child, words);
	child.prepare = prepare;
	signals_clear();
	signals_catch(SIGCHLD, false);
	if (child_start(&child, &error) == 0)
		serve(&child);
	child_done(&child);
	return child.code;
}

static void the_code_is_the_commands_or_its_signals(void **state)
{
	(void)state;
	assert_int_equal(run("exit 0", NULL), 0);
	assert_int_equal(run("exit 41", NULL), 41);
	assert_int_equal(run("kill -TERM $$", NULL), 128 + SIGTERM);
}

static void a_command_that_was_interrupted_before_it_began_is_not_started(void **state)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	char *const words[] = {(char *)"sh", (char *)"-c", (char *)"exit 3", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct error error = {0};
		struct child child;

		child_init(&child, words);
		signals_clear();
		signals_catch(SIGCHLD, false);
		signals_catch(numbers[i], false);
		raise(numbers[i]);
		assert_int_equal(child_start(&child, &error), 0);
		serve(&child);
		assert_true(child.ended);
		assert_int_equal(child.code, 128 + numbers[i]);
		child_done(&child);
	}
}

static int refuse(void *owner, struct error *ret_error)
{
	(void)owner;
	return error_set(ret_error, -EPERM, "not today");
}

static void what_goes_wrong_before_the_command_is_told(void **state)
{
	char *const none[] = {(char *)"/nowhere/at/all", NULL}, *const folder[] = {(char *)"/", NULL};
	struct error error = {0};
	struct child child;

	(void)state;
	signals_clear();
	signals_catch(SIGCHLD, false);
	child_init(&child, none);
	assert_int_equal(child_start(&child, &error), -ENOENT);
	assert_string_equal(error.text, "/nowhere/at/all: there is no such command");
	assert_int_equal(child.code, CHILD_NOT_FOUND);
	child_init(&child, folder);
	assert_int_equal(child_start(&child, &error), -EACCES);
	assert_int_equal(child.code, CHILD_NOT_EXECUTABLE);
	child.prepare = refuse;
	assert_int_equal(child_start(&child, &error), -EPERM);
	assert_string_equal(error.text, "not today");
	assert_int_equal(child.code, 1);
	child_done(&child);
}

static void a_signal_of_another_process_is_passed_on_and_one_that_was_ignored_stays_so(void **state)
{
	/* It is asked as soon as it runs; what comes before its trap would end it with another code. */
	char *const words[] = {(char *)"sh", (char *)"-c",
			       (char *)"trap 'exit 7' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done", NULL};
	struct error error = {0};
	struct child child;

	(void)state;
	signals_clear();
	signals_catch(SIGCHLD, false);
	child_init(&child, words);
	assert_int_equal(child_start(&child, &error), 0);
	serve(&child);
	assert_int_equal(child.code, 7);

	signal(SIGUSR2, SIG_IGN);
	assert_int_equal(run("kill -USR2 $$; exit 3", NULL), 3);
	signal(SIGUSR2, SIG_DFL);
	assert_int_equal(run("kill -USR2 $$; exit 3", NULL), 128 + SIGUSR2);
}

static void one_that_takes_no_notice_is_killed_when_its_time_is_over(void **state)
{
	char *const words[] = {(char *)"sh", (char *)"-c",
			       (char *)"trap '' TERM HUP; kill -USR1 $PPID; while :; do sleep 0.01; done", NULL};
	struct error error = {0};
	struct child child;

	(void)state;
	signals_clear();
	signals_catch(SIGCHLD, false);
	child_init(&child, words);
	assert_int_equal(child_start(&child, &error), 0);
	for (int i = 0; i < 10000 && !signals_seen(); i++)
		pause_briefly();
	assert_int_equal(child_timeout_us(&child, 100), -1);
	child_end(&child, 100);
	child_end(&child, 200);
	assert_int_equal(child_timeout_us(&child, 100 + CHILD_END_US - 1), 1);
	assert_int_equal(child_timeout_us(&child, 100 + CHILD_END_US), -1);
	serve(&child);
	assert_true(child.ended);
	assert_int_equal(child.code, 128 + SIGKILL);
	assert_int_equal(child_timeout_us(&child, UINT64_MAX), -1);
}

static void the_command_has_the_mask_that_was_there_before(void **state)
{
	char *const words[] = {(char *)"sh", (char *)"-c", (char *)"exit $(umask)", NULL};
	struct error error = {0};
	struct child child;
	mode_t kept = umask(011);

	(void)state;
	signals_clear();
	signals_catch(SIGCHLD, false);
	child_init(&child, words);
	umask(077);
	assert_int_equal(child_start(&child, &error), 0);
	serve(&child);
	assert_int_equal(child.code, 11);
	umask(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_is_the_commands_or_its_signals),
		cmocka_unit_test(a_command_that_was_interrupted_before_it_began_is_not_started),
		cmocka_unit_test(what_goes_wrong_before_the_command_is_told),
		cmocka_unit_test(a_signal_of_another_process_is_passed_on_and_one_that_was_ignored_stays_so),
		cmocka_unit_test(one_that_takes_no_notice_is_killed_when_its_time_is_over),
		cmocka_unit_test(the_command_has_the_mask_that_was_there_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
