/* SPDX-License-Identifier: MIT */
/* Keys and output through pipes, and a pseudo-terminal that is left as it was. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "semu/terminal.h"

struct desk {
	struct terminal terminal;
	int keys, screen; /* our ends */
	char taken[2048];
	size_t count, room;
	unsigned rooms, quits;
	int lost;
};

static size_t on_input(void *owner, const uint8_t *bytes, size_t count)
{
	struct desk *desk = owner;
	const size_t left = desk->room - desk->count, taken = count < left ? count : left;

	memcpy(desk->taken + desk->count, bytes, taken);
	desk->count += taken;
	return taken;
}

static void on_room(void *owner)
{
	((struct desk *)owner)->rooms++;
}

static void on_quit(void *owner)
{
	((struct desk *)owner)->quits++;
}

static void on_lost(void *owner, int code)
{
	((struct desk *)owner)->lost = code;
}

static int set_up(void **state)
{
	static struct desk desk;
	int input[2], output[2];

	assert_int_equal(pipe(input), 0);
	assert_int_equal(pipe(output), 0);
	desk = (struct desk){.keys = input[1], .screen = output[0], .room = sizeof(desk.taken)};
	desk.terminal.on_input = on_input;
	desk.terminal.on_room = on_room;
	desk.terminal.on_quit = on_quit;
	desk.terminal.on_lost = on_lost;
	desk.terminal.owner = &desk;
	terminal_open(&desk.terminal, input[0], output[1]);
	*state = &desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	terminal_close(&desk->terminal);
	close(desk->keys);
	close(desk->screen);
	return 0;
}

/* As the machine does when the descriptor is ready. */
static void type(struct desk *desk, const char *keys)
{
	assert_int_equal(write(desk->keys, keys, strlen(keys)), (ssize_t)strlen(keys));
	desk->terminal.input.run(&desk->terminal);
}

static void print(struct desk *desk, const char *text)
{
	for (; *text; text++)
		assert_true(terminal_print(&desk->terminal, (uint8_t)*text));
}

/* What is on the screen now. */
static size_t see(struct desk *desk, char *ret_text, size_t room)
{
	struct pollfd polled = {.fd = desk->screen, .events = POLLIN};
	ssize_t got;

	desk->terminal.output.run(&desk->terminal);
	if (poll(&polled, 1, 0) <= 0)
		return 0;
	got = read(desk->screen, ret_text, room);
	assert_true(got >= 0);
	return (size_t)got;
}

static void keys_are_the_guests_but_those_after_the_escape(void **state)
{
	struct desk *desk = *state;
	char text[512];

	type(desk, "a\x01\x01"
		   "b\x03\x01"
		   "qc\r\x01");
	assert_int_equal(desk->count, 6);
	assert_memory_equal(desk->taken,
			    "a\x01"
			    "b\x03"
			    "c\r",
			    6);
	assert_int_equal(desk->quits, 0);
	type(desk, "x");
	assert_int_equal(desk->quits, 1);
	assert_int_equal(see(desk, text, sizeof(text)), 0);
	type(desk, "\x01h");
	assert_true(see(desk, text, sizeof(text)) > 50);
	assert_non_null(strstr(text, "Ctrl-a x"));
	assert_int_equal(desk->count, 6);
}

static void keys_that_are_not_taken_wait(void **state)
{
	struct desk *desk = *state;

	desk->room = 1;
	type(desk, "abc");
	assert_int_equal(desk->count, 1);
	desk->room = 2;
	terminal_room(&desk->terminal);
	desk->room = 64;
	type(desk, "d");
	assert_int_equal(desk->count, 4);
	assert_memory_equal(desk->taken, "abcd", 4);
	assert_int_equal(desk->terminal.input.events, POLLIN);
}

/* A guest that hangs takes nothing, and somebody has typed before he thinks of Ctrl-a x. */
static void a_guest_that_takes_nothing_can_be_quit(void **state)
{
	struct desk *desk = *state;

	desk->room = 0;
	type(desk, "hello?\r\r");
	assert_int_equal(desk->quits, 0);
	assert_int_equal(desk->terminal.input.events, POLLIN);
	type(desk, "\x01x");
	assert_int_equal(desk->quits, 1);
}

static void fill(struct desk *desk)
{
	static char keys[TERMINAL_INPUT_BYTES / 2 + 1];

	memset(keys, 'k', sizeof(keys) - 1);
	for (int i = 0; i < 2; i++)
		type(desk, keys);
}

static void a_pipe_waits_and_a_terminal_drops_what_is_too_much(void **state)
{
	struct desk *desk = *state;

	desk->room = 0;
	fill(desk);
	assert_int_equal(desk->terminal.input.events, 0);
	type(desk, "\x01x");
	assert_int_equal(desk->quits, 0);
	desk->terminal.tty = true;
	desk->terminal.input.run(&desk->terminal);
	assert_int_equal(desk->quits, 1);
	assert_int_equal(desk->terminal.waiting_count, TERMINAL_INPUT_BYTES);
	fill(desk);
	assert_int_equal(desk->terminal.input.events, POLLIN);
	assert_int_equal(desk->terminal.waiting_count, TERMINAL_INPUT_BYTES);
}

static void input_that_ends_is_over(void **state)
{
	struct desk *desk = *state;

	close(desk->keys);
	desk->terminal.input.run(&desk->terminal);
	assert_int_equal(desk->terminal.input.fd, -1);
	assert_int_equal(desk->quits, 0);
	print(desk, "on");
	assert_int_equal(see(desk, (char[8]){0}, 8), 2);
	desk->keys = -1;
}

static void output_that_nobody_reads_never_blocks(void **state)
{
	struct desk *desk = *state;
	char text[4096];
	size_t printed = 0, seen = 0, got;

	alarm(20);
	while (terminal_print(&desk->terminal, (uint8_t)('a' + printed % 26))) {
		printed++;
		desk->terminal.output.run(&desk->terminal);
	}
	alarm(0);
	/* The pipe is full, and so is the buffer. */
	assert_true(printed >= TERMINAL_OUTPUT_BYTES + 4096);
	assert_int_equal(desk->terminal.output.events, POLLOUT);
	assert_int_equal(desk->rooms, 0);
	while ((got = see(desk, text, sizeof(text))) > 0)
		for (size_t i = 0; i < got; i++, seen++)
			assert_int_equal(text[i], 'a' + (int)(seen % 26));
	assert_int_equal(seen, printed);
	assert_int_equal(desk->rooms, 1);
	assert_int_equal(desk->terminal.output.events, 0);
}

static void output_to_nobody_is_taken(void **state)
{
	struct desk *desk = *state;

	signal(SIGPIPE, SIG_IGN);
	close(desk->screen);
	print(desk, "lost");
	desk->terminal.output.run(&desk->terminal);
	assert_int_equal(desk->terminal.output.fd, -1);
	for (size_t i = 0; i < 2 * TERMINAL_OUTPUT_BYTES; i++)
		assert_true(terminal_print(&desk->terminal, 'x'));
	desk->screen = -1;
}

/* ---- a real terminal, in a child that ends in its own way ---- */

static void output_that_is_lost_is_told_once(void **state)
{
	struct desk *desk = *state;

	print(desk, "gone");
	assert_int_equal(desk->lost, 0);
	close(desk->terminal.output.fd);
	desk->terminal.output.fd = open("/dev/full", O_WRONLY);
	assert_true(desk->terminal.output.fd >= 0);
	print(desk, "gone");
	terminal_close(&desk->terminal);
	assert_int_equal(desk->lost, -ENOSPC);
	desk->lost = 0;
	print(desk, "gone");
	terminal_close(&desk->terminal);
	assert_int_equal(desk->lost, 0);
}

static void by_return(void)
{
	_exit(0);
}

static void by_fault(void)
{
	raise(SIGSEGV);
}

static void child(int tty, void (*end)(void))
{
	static struct terminal terminal;
	struct termios now;

	terminal_open(&terminal, tty, tty);
	tcgetattr(tty, &now);
	if (now.c_lflag & (ICANON | ECHO | ISIG))
		_exit(9);
	if (end == by_return)
		terminal_close(&terminal);
	end();
	_exit(8);
}

static void a_terminal_is_left_as_it_was(void **state)
{
	static void (*const ends[])(void) = {by_return, by_fault};
	struct termios before, after;
	int ours, tty, status;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_int_equal(openpty(&ours, &tty, NULL, NULL, NULL), 0);
		assert_int_equal(tcgetattr(tty, &before), 0);
		if (!fork())
			child(tty, ends[i]);
		assert_true(wait(&status) > 0);
		if (ends[i] == by_return)
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		else
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		assert_int_equal(tcgetattr(tty, &after), 0);
		assert_int_equal(before.c_lflag, after.c_lflag);
		assert_int_equal(before.c_iflag, after.c_iflag);
		close(ours);
		close(tty);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_are_the_guests_but_those_after_the_escape, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_that_are_not_taken_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_guest_that_takes_nothing_can_be_quit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pipe_waits_and_a_terminal_drops_what_is_too_much, set_up, tear_down),
		cmocka_unit_test_setup_teardown(input_that_ends_is_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(output_that_nobody_reads_never_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(output_to_nobody_is_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(output_that_is_lost_is_told_once, set_up, tear_down),
		cmocka_unit_test(a_terminal_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
