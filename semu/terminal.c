/* SPDX-License-Identifier: MIT */
/* Raw mode and back, the keys after Ctrl-a, and output that waits. The descriptors are not made non-blocking: they are shared
 * with whoever started the program. Instead nothing is read or written that poll() has not promised. */
#include "semu/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { KEY_ESCAPE = 1 };

/* A tty takes so much without blocking when poll() says that it takes any; so does a pipe. */
enum { WRITE_BYTES = 256 };

/* ---- raw mode. The one thing of the process that a signal handler must find, and so the one that is global. ---- */

static struct {
	int fd; /* of the terminal that is raw; -1: none */
	struct termios before, raw;
} mode = {.fd = -1};

static void restore(void)
{
	if (mode.fd >= 0)
		tcsetattr(mode.fd, TCSANOW, &mode.before);
}

/* What ends the program by a signal: the terminal first, then the signal's own effect. */
static void on_fatal(int number)
{
	restore();
	signal(number, SIG_DFL);
	raise(number);
}

/* Stopped from outside: the shell gets its terminal as it was. */
static void on_stop(int number)
{
	(void)number;
	restore();
	raise(SIGSTOP);
}

static void on_continue(int number)
{
	(void)number;
	if (mode.fd >= 0)
		tcsetattr(mode.fd, TCSANOW, &mode.raw);
}

static void handle(int number, void (*handler)(int number))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(number, &action, NULL);
}

static void handle_signals(void)
{
	static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGQUIT};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		handle(fatal[i], on_fatal);
	handle(SIGTSTP, on_stop);
	handle(SIGCONT, on_continue);
}

/* Newlines of this program itself still return the carriage: OPOST stays. */
static void make_raw(int fd)
{
	if (mode.fd >= 0 || tcgetattr(fd, &mode.before))
		return;
	mode.raw = mode.before;
	mode.raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	mode.raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	mode.raw.c_cc[VMIN] = 1;
	mode.raw.c_cc[VTIME] = 0;
	mode.fd = fd;
	atexit(restore);
	handle_signals();
	tcsetattr(fd, TCSANOW, &mode.raw);
}

/* ---- output ---- */

/* Whether a write of WRITE_BYTES would not block. A file always takes it. */
static bool can_write(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLOUT};

	return poll(&polled, 1, 0) > 0 && polled.revents & POLLOUT;
}

/* What is printed from now on is taken, and goes nowhere. That nobody reads any more is how a pipe ends, and no news. */
static void give_up(struct terminal *terminal, int code)
{
	terminal->output.fd = -1;
	terminal->printed_count = 0;
	if (code != -EPIPE)
		terminal->on_lost(terminal->owner, code);
}

static void forget_printed(struct terminal *terminal, size_t count)
{
	terminal->printed_first = (terminal->printed_first + count) % TERMINAL_OUTPUT_BYTES;
	terminal->printed_count -= count;
}

static void write_out(struct terminal *terminal)
{
	while (terminal->printed_count && can_write(terminal->output.fd)) {
		const size_t to_end = TERMINAL_OUTPUT_BYTES - terminal->printed_first;
		size_t count = terminal->printed_count < to_end ? terminal->printed_count : to_end;
		ssize_t done;

		count = count < WRITE_BYTES ? count : WRITE_BYTES;
		done = write(terminal->output.fd, terminal->printed + terminal->printed_first, count);
		if (done > 0)
			forget_printed(terminal, (size_t)done);
		else if (done < 0 && errno != EINTR && errno != EAGAIN)
			give_up(terminal, -errno);
		else
			break;
	}
}

static void on_output(void *owner)
{
	struct terminal *terminal = owner;

	write_out(terminal);
	terminal->output.events = terminal->printed_count ? POLLOUT : 0;
	if (terminal->full && terminal->printed_count < TERMINAL_OUTPUT_BYTES) {
		terminal->full = false;
		terminal->on_room(terminal->owner);
	}
}

/* Goes out when the descriptors are looked at next: a line at a time rather than a byte. */
bool terminal_print(struct terminal *terminal, uint8_t byte)
{
	if (terminal->output.fd < 0)
		return true;
	if (terminal->printed_count == TERMINAL_OUTPUT_BYTES) {
		terminal->full = true;
		return false;
	}
	terminal->printed[(terminal->printed_first + terminal->printed_count++) % TERMINAL_OUTPUT_BYTES] = byte;
	terminal->output.events = POLLOUT;
	return true;
}

static void print_text(struct terminal *terminal, const char *text)
{
	for (; *text; text++)
		terminal_print(terminal, (uint8_t)*text);
}

/* ---- input ---- */

static const char HELP[] = "\r\n"
			   "Ctrl-a x       quit: the machine is switched off\r\n"
			   "Ctrl-a h       this help\r\n"
			   "Ctrl-a Ctrl-a  Ctrl-a for the guest\r\n";

/* The key after Ctrl-a. True: it is the guest's. */
static bool on_key(struct terminal *terminal, uint8_t key)
{
	switch (key) {
	case 'x':
		terminal->on_quit(terminal->owner);
		return false;
	case 'h':
	case '?':
		print_text(terminal, HELP);
		return false;
	case KEY_ESCAPE:
		return true;
	default:
		return false;
	}
}

/* Appends what of it is the guest's. */
static void take_keys(struct terminal *terminal, const uint8_t *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const bool was_escaped = terminal->escaped;

		terminal->escaped = !was_escaped && keys[i] == KEY_ESCAPE;
		if (terminal->escaped || (was_escaped && !on_key(terminal, keys[i])))
			continue;
		if (terminal->waiting_count < TERMINAL_INPUT_BYTES)
			terminal->waiting[terminal->waiting_count++] = keys[i];
	}
}

static size_t room_to_read(const struct terminal *terminal)
{
	return terminal->tty ? TERMINAL_INPUT_BYTES : TERMINAL_INPUT_BYTES - terminal->waiting_count;
}

void terminal_room(struct terminal *terminal)
{
	const size_t taken = terminal->on_input(terminal->owner, terminal->waiting, terminal->waiting_count);

	terminal->waiting_count -= taken;
	memmove(terminal->waiting, terminal->waiting + taken, terminal->waiting_count);
	terminal->input.events = room_to_read(terminal) ? POLLIN : 0;
}

static bool can_read(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

static void on_typed(void *owner)
{
	struct terminal *terminal = owner;
	uint8_t keys[TERMINAL_INPUT_BYTES];
	ssize_t got;

	if (!room_to_read(terminal) || !can_read(terminal->input.fd))
		return;
	got = read(terminal->input.fd, keys, room_to_read(terminal));
	if (got > 0) {
		take_keys(terminal, keys, (size_t)got);
		terminal_room(terminal);
	} else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		terminal->input.fd = -1;
}

/* ---- life ---- */

void terminal_open(struct terminal *terminal, int input, int output)
{
	terminal->input = (struct machine_source){.fd = input, .events = POLLIN, .run = on_typed, .owner = terminal};
	terminal->output = (struct machine_source){.fd = output, .run = on_output, .owner = terminal};
	terminal->tty = isatty(input);
	if (terminal->tty)
		make_raw(input);
}

void terminal_close(struct terminal *terminal)
{
	write_out(terminal);
	restore();
	mode.fd = -1;
}
