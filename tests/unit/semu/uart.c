/* SPDX-License-Identifier: MIT */
/* A 16550A as its driver sees it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "semu/uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };
enum { READY = 1, OVERRUN = 2, EMPTY = 0x60 };

struct desk {
	struct uart uart;
	char printed[64];
	size_t count, room;
	unsigned rooms; /* on_room() */
	bool line;
};

static bool put(void *owner, uint8_t byte)
{
	struct desk *desk = owner;

	if (desk->count == desk->room)
		return false;
	desk->printed[desk->count++] = (char)byte;
	return true;
}

static void on_room(void *owner)
{
	((struct desk *)owner)->rooms++;
}

static void on_line(void *owner, bool up)
{
	struct desk *desk = owner;

	assert_int_not_equal(desk->line, up);
	desk->line = up;
}

static void store(struct desk *desk, uint64_t offset, uint64_t value)
{
	assert_true(uart_store(&desk->uart, offset, 1, value));
}

static uint64_t load(struct desk *desk, uint64_t offset)
{
	uint64_t value;

	assert_true(uart_load(&desk->uart, offset, 1, &value));
	return value;
}

static int set_up(void **state)
{
	static struct desk desk;

	desk = (struct desk){.room = sizeof(desk.printed)};
	desk.uart = (struct uart){.put = put, .on_room = on_room, .on_line = on_line, .owner = &desk};
	uart_reset(&desk.uart);
	*state = &desk;
	return 0;
}

static void what_is_sent_is_printed(void **state)
{
	struct desk *desk = *state;

	store(desk, DATA, 'h');
	store(desk, DATA, 'i');
	assert_memory_equal(desk->printed, "hi", 2);
	assert_int_equal(load(desk, LSR), EMPTY);
}

static void output_that_nobody_takes_waits_in_order(void **state)
{
	struct desk *desk = *state;

	desk->room = 1;
	for (const char *at = "abcd"; *at; at++)
		store(desk, DATA, (uint8_t)*at);
	assert_int_equal(load(desk, LSR), 0);
	desk->room = 3;
	uart_room(&desk->uart);
	assert_int_equal(load(desk, LSR), 0);
	store(desk, DATA, 'e');
	desk->room = 64;
	uart_room(&desk->uart);
	assert_int_equal(load(desk, LSR), EMPTY);
	assert_memory_equal(desk->printed, "abcde", 5);
	/* A driver that does not look loses what does not fit, and nothing else. */
	desk->room = desk->count;
	for (int i = 0; i < 100; i++)
		store(desk, DATA, 'x');
	desk->room = 64;
	uart_room(&desk->uart);
	assert_int_equal(desk->count, 5 + UART_SEND_BYTES);
}

static void the_empty_transmitter_interrupts_once(void **state)
{
	struct desk *desk = *state;

	store(desk, IER, 2);
	assert_true(desk->line);
	assert_int_equal(load(desk, IIR), 2);
	assert_false(desk->line);
	assert_int_equal(load(desk, IIR), 1);
	store(desk, DATA, 'a');
	assert_true(desk->line);
	desk->room = desk->count;
	store(desk, DATA, 'b');
	assert_false(desk->line);
	desk->room = 64;
	uart_room(&desk->uart);
	assert_true(desk->line);
	store(desk, IER, 0);
	assert_false(desk->line);
}

static void nothing_is_received_before_the_driver_asks(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(uart_receive(&desk->uart, (const uint8_t *)"ab", 2), 0);
	assert_int_equal(load(desk, LSR), EMPTY);
	store(desk, IER, 1);
	assert_int_equal(desk->rooms, 1);
	assert_int_equal(uart_receive(&desk->uart, (const uint8_t *)"ab", 2), 2);
	assert_true(desk->line);
	assert_int_equal(load(desk, IIR), 4);
	assert_int_equal(load(desk, LSR), EMPTY | READY);
	assert_int_equal(load(desk, DATA), 'a');
	assert_int_equal(desk->rooms, 1);
	assert_int_equal(load(desk, DATA), 'b');
	assert_int_equal(desk->rooms, 2);
	assert_false(desk->line);
	assert_int_equal(load(desk, DATA), 0);
}

static void a_full_fifo_takes_no_more(void **state)
{
	struct desk *desk = *state;
	uint8_t bytes[UART_RECEIVE_BYTES + 10];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	store(desk, IER, 1);
	store(desk, IIR, 0xc1);
	assert_int_equal(uart_receive(&desk->uart, bytes, 3), 3);
	assert_int_equal(load(desk, IIR), 0xcc);
	assert_int_equal(uart_receive(&desk->uart, bytes + 3, sizeof(bytes) - 3), UART_RECEIVE_BYTES - 3);
	assert_int_equal(load(desk, IIR), 0xc4);
	for (unsigned i = 0; i < UART_RECEIVE_BYTES; i++)
		assert_int_equal(load(desk, DATA), i & 0xff);
	assert_int_equal(load(desk, LSR), EMPTY);
}

static void the_firmwares_console_reads_without_interrupts(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(uart_take(&desk->uart), -1);
	assert_int_equal(desk->rooms, 1);
	assert_int_equal(uart_receive(&desk->uart, (const uint8_t *)"\xff", 1), 1);
	assert_int_equal(uart_take(&desk->uart), 0xff);
	assert_int_equal(uart_take(&desk->uart), -1);
}

static void the_loop_leads_back(void **state)
{
	struct desk *desk = *state;

	store(desk, MCR, 0x10 | 0x0a);
	assert_int_equal(load(desk, MSR) & 0xf0, 0x90);
	store(desk, DATA, 'z');
	assert_int_equal(desk->count, 0);
	assert_int_equal(load(desk, DATA), 'z');
	for (int i = 0; i < UART_RECEIVE_BYTES + 1; i++)
		store(desk, DATA, 'y');
	store(desk, IER, 4);
	assert_int_equal(load(desk, IIR), 6);
	assert_int_equal(load(desk, LSR) & OVERRUN, OVERRUN);
	assert_int_equal(load(desk, IIR), 1);
}

static void the_other_registers_keep_what_is_written(void **state)
{
	struct desk *desk = *state;
	uint64_t value;

	store(desk, LCR, 0x80);
	store(desk, DATA, 0x34);
	store(desk, IER, 0x12);
	assert_int_equal(load(desk, DATA), 0x34);
	assert_int_equal(load(desk, IER), 0x12);
	assert_int_equal(desk->count, 0);
	store(desk, LCR, 3);
	assert_int_equal(load(desk, LCR), 3);
	assert_int_equal(load(desk, IER), 0);
	store(desk, IER, 0xf2);
	assert_int_equal(load(desk, IER), 2);
	store(desk, SCRATCH, 0xa5);
	assert_int_equal(load(desk, SCRATCH), 0xa5);
	store(desk, 8, 0xff);
	assert_int_equal(load(desk, 8), 0);
	assert_true(uart_load(&desk->uart, SCRATCH, 8, &value));
	assert_int_equal(value, 0xa5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_sent_is_printed, set_up),
		cmocka_unit_test_setup(output_that_nobody_takes_waits_in_order, set_up),
		cmocka_unit_test_setup(the_empty_transmitter_interrupts_once, set_up),
		cmocka_unit_test_setup(nothing_is_received_before_the_driver_asks, set_up),
		cmocka_unit_test_setup(a_full_fifo_takes_no_more, set_up),
		cmocka_unit_test_setup(the_firmwares_console_reads_without_interrupts, set_up),
		cmocka_unit_test_setup(the_loop_leads_back, set_up),
		cmocka_unit_test_setup(the_other_registers_keep_what_is_written, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
