/* SPDX-License-Identifier: MIT */
/* The program's standard input and output as the guest's console. A terminal becomes raw, so that every key is the guest's but
 * Ctrl-a, and is restored however the program ends: by exit() or by a signal. Input that ends (a pipe, /dev/null) is
 * merely over; output that nobody takes waits in a buffer, and then is refused, but never blocks. */
#ifndef SEMU_TERMINAL_H
#define SEMU_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "semu/machine.h"

enum { TERMINAL_OUTPUT_BYTES = 65536, TERMINAL_INPUT_BYTES = 4096 };

struct terminal {
	struct machine_source input, output;
	bool tty; /* keys that nobody takes are dropped in the end, so that those after Ctrl-a are always heard; a pipe waits */
	bool escaped;                          /* Ctrl-a was typed */
	uint8_t waiting[TERMINAL_INPUT_BYTES]; /* read, and not taken yet */
	size_t waiting_count;
	uint8_t printed[TERMINAL_OUTPUT_BYTES]; /* a ring */
	size_t printed_first, printed_count;
	bool full;
	/* What was typed; how many were taken. The rest is offered again after terminal_room(). */
	size_t (*on_input)(void *owner, const uint8_t *bytes, size_t count);
	void (*on_room)(void *owner); /* terminal_print() has room again */
	void (*on_quit)(void *owner); /* Ctrl-a x */
	void (*on_lost)(void *owner,
			int code); /* output cannot be written (negative errno), and what comes goes nowhere; once */
	void *owner;
};

/* The callbacks are set before. Both sources are the caller's to add to the machine. */
void terminal_open(struct terminal *terminal, int input, int output);
/* False: there is no room, and on_room will be called when there is. */
bool terminal_print(struct terminal *terminal, uint8_t byte);
/* on_input would take more. */
void terminal_room(struct terminal *terminal);
/* What was printed goes out, as far as it can at once, and the terminal is as it was before. */
void terminal_close(struct terminal *terminal);

#endif
