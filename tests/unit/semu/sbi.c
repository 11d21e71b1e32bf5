/* SPDX-License-Identifier: MIT */
/* Every call of the firmware that is not there, with what a guest may give it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "semu/sbi.h"
#include "semu/trap.h"
#include "tests/unit/semu/desk.h"
#include "tests/unit/semu/words.h"

enum { HARTS = 4 };
enum { OK = 0, NOT_SUPPORTED = -2, INVALID = -3, BAD_ADDRESS = -5, AVAILABLE = -6 };

static void make(struct desk *desk, unsigned word)
{
	desk_init(desk, word, HARTS);
	machine_start(desk->machine, 0, 0);
}

static int set_up(void **state)
{
	static struct desk desk;

	make(&desk, 64);
	*state = &desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	machine_free(desk->machine);
	return 0;
}

/* a0 and up, as hart 0 gives them. Returns the error; the value is left in a1. */
static int64_t call(struct desk *desk, uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1, uint64_t a2)
{
	uint64_t *x = desk->machine->harts[0]->x;

	x[10] = a0;
	x[11] = a1;
	x[12] = a2;
	x[13] = 0;
	x[16] = function;
	x[17] = extension;
	sbi_call(desk->machine, 0);
	return (int64_t)x[10];
}

static uint64_t value(const struct desk *desk)
{
	return desk->machine->harts[0]->x[11];
}

static void the_base_says_what_there_is(void **state)
{
	static const uint64_t there[] = {0,         8,          WORDS_BASE, WORDS_TIMER, WORDS_IPI, WORDS_RFENCE,
					 WORDS_HSM, WORDS_SRST, WORDS_DBCN};
	static const uint64_t not_there[] = {9, 0x11, 0x504d55, UINT64_MAX};
	struct desk *desk = *state;

	assert_int_equal(call(desk, WORDS_BASE, 0, 0, 0, 0), OK);
	assert_int_equal(value(desk), 2 << 24);
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		assert_int_equal(call(desk, WORDS_BASE, 3, there[i], 0, 0), OK);
		assert_int_equal(value(desk), 1);
	}
	for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++) {
		assert_int_equal(call(desk, WORDS_BASE, 3, not_there[i], 0, 0), OK);
		assert_int_equal(value(desk), 0);
		assert_int_equal(call(desk, not_there[i], 0, 0, 0, 0), NOT_SUPPORTED);
	}
}

static void a_function_that_is_not_there_is_not_supported(void **state)
{
	static const uint64_t extensions[] = {WORDS_BASE, WORDS_TIMER, WORDS_IPI, WORDS_RFENCE,
					      WORDS_HSM,  WORDS_SRST,  WORDS_DBCN};
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		assert_int_equal(call(desk, extensions[i], 99, 0, 0, 0), NOT_SUPPORTED);
	assert_int_equal(desk->machine->end, MACHINE_RUNS);
}

static void masks_of_harts_are_checked(void **state)
{
	static const struct {
		uint64_t mask, base;
		int64_t error;
		unsigned harts;
	} table[] = {
		{1, 0, OK, 1},
		{5, 1, OK, 10},
		{0, UINT64_MAX, OK, 15},
		{0, 3, OK, 0},
		{16, 0, INVALID, 0},
		{2, 3, INVALID, 0},
		{1, 64, INVALID, 0},
		{1, 1ULL << 63, INVALID, 0},
		{1ULL << 63, 1, INVALID, 0},
		{UINT64_MAX, 0, INVALID, 0},
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned harts = 0;

		assert_int_equal(call(desk, WORDS_IPI, 0, table[i].mask, table[i].base, 0), table[i].error);
		for (unsigned hart = 0; hart < HARTS; hart++) {
			harts |= (desk->machine->harts[hart]->sip & SIP_SOFTWARE ? 1U : 0U) << hart;
			hart_lower(desk->machine->harts[hart], SIP_SOFTWARE);
		}
		assert_int_equal(harts, table[i].harts);
		for (unsigned function = 0; function < 3; function++)
			assert_int_equal(call(desk, WORDS_RFENCE, function, table[i].mask, table[i].base, 0),
					 table[i].error);
	}
}

static void a_timer_is_set_and_taken_back(void **state)
{
	struct desk *desk = *state;
	const struct hart *hart = desk->machine->harts[0];

	assert_int_equal(call(desk, WORDS_TIMER, 0, 12345, 0, 0), OK);
	assert_int_equal(hart->timer, 12345);
	assert_int_equal(call(desk, WORDS_TIMER, 0, UINT64_MAX, 0, 0), OK);
	assert_int_equal(hart->timer, UINT64_MAX);
	call(desk, 0, 0, 777, 0, 0);
	assert_int_equal(hart->timer, 777);
}

static void harts_are_started_and_asked_about(void **state)
{
	struct desk *desk = *state;
	const struct hart *hart = desk->machine->harts[3];

	assert_int_equal(call(desk, WORDS_HSM, 2, 3, 0, 0), OK);
	assert_int_equal(value(desk), 1);
	assert_int_equal(call(desk, WORDS_HSM, 0, 3, 0x4000, 99), OK);
	assert_int_equal(hart->pc, 0x4000);
	assert_int_equal(hart->x[10], 3);
	assert_int_equal(hart->x[11], 99);
	assert_int_equal(call(desk, WORDS_HSM, 2, 3, 0, 0), OK);
	assert_int_equal(value(desk), 0);
	assert_int_equal(call(desk, WORDS_HSM, 0, 3, 0x4000, 99), AVAILABLE);
	assert_int_equal(call(desk, WORDS_HSM, 0, 1, MAP_UART, 0), BAD_ADDRESS);
	assert_int_equal(call(desk, WORDS_HSM, 0, HARTS, 0, 0), INVALID);
	assert_int_equal(call(desk, WORDS_HSM, 2, UINT64_MAX, 0, 0), INVALID);
	assert_int_equal(call(desk, WORDS_HSM, 3, 0x80000000, 0, 0), NOT_SUPPORTED);
	assert_int_equal(call(desk, WORDS_HSM, 3, 0, 0, 0), OK);
	assert_true(desk->machine->harts[0]->waiting);
}

static void a_reset_of_no_known_kind_is_refused(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(call(desk, WORDS_SRST, 0, 3, 0, 0), INVALID);
	assert_int_equal(call(desk, WORDS_SRST, 0, 0, 2, 0), INVALID);
	assert_int_equal(desk->machine->end, MACHINE_RUNS);
	call(desk, 8, 0, 0, 0, 0);
	assert_int_equal(desk->machine->end, MACHINE_OFF);
}

static void the_console_prints_from_ram_and_nowhere_else(void **state)
{
	struct desk *desk = *state;

	memcpy(machine_ram(desk->machine, RAM_BYTES - 4, 4), "abcd", 4);
	assert_int_equal(call(desk, WORDS_DBCN, 0, 4, RAM_BYTES - 4, 0), OK);
	assert_int_equal(value(desk), 4);
	assert_int_equal(call(desk, WORDS_DBCN, 0, 5, RAM_BYTES - 4, 0), INVALID);
	assert_int_equal(call(desk, WORDS_DBCN, 0, 4, RAM_BYTES - 4, 1), INVALID);
	assert_int_equal(call(desk, WORDS_DBCN, 0, UINT64_MAX, 4, 0), INVALID);
	assert_int_equal(call(desk, WORDS_DBCN, 1, 4, MAP_UART, 0), INVALID);
	call(desk, 1, 0, 'e', 0, 0);
	assert_int_equal(call(desk, WORDS_DBCN, 2, 'f', 0, 0), OK);
	/* There is room for two more. */
	assert_int_equal(call(desk, WORDS_DBCN, 0, 4, RAM_BYTES - 4, 0), OK);
	assert_int_equal(value(desk), 2);
	assert_memory_equal(desk->printed, "abcdefab", 8);
}

static void the_console_reads_what_was_typed(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(call(desk, 2, 0, 0, 0, 0), -1);
	assert_int_equal(uart_receive(&desk->machine->uart, (const uint8_t *)"xyz", 3), 3);
	assert_int_equal(call(desk, 2, 0, 0, 0, 0), 'x');
	assert_int_equal(call(desk, WORDS_DBCN, 1, 8, 0x100, 0), OK);
	assert_int_equal(value(desk), 2);
	assert_memory_equal(machine_ram(desk->machine, 0x100, 2), "yz", 2);
}

static void the_old_calls_take_their_mask_from_memory(void **state)
{
	const uint64_t mask = 0xffffff06;
	struct desk *desk = *state;

	memcpy(machine_ram(desk->machine, 0x200, 8), &mask, 8);
	call(desk, 4, 0, 0x200, 0, 0);
	assert_false(desk->machine->harts[0]->sip & SIP_SOFTWARE);
	assert_true(desk->machine->harts[1]->sip & SIP_SOFTWARE);
	assert_true(desk->machine->harts[2]->sip & SIP_SOFTWARE);
	call(desk, 4, 0, UINT64_MAX - 3, 0, 0);
	assert_true(desk->machine->harts[0]->sip & SIP_SOFTWARE);
	call(desk, 3, 0, 0, 0, 0);
	assert_false(desk->machine->harts[0]->sip & SIP_SOFTWARE);
	for (unsigned which = 5; which < 8; which++)
		assert_int_equal(call(desk, which, 0, 0, 0, 0), 0);
}

static void thirty_two_bits_are_taken_as_they_are(void **state)
{
	struct desk desk;

	(void)state;
	make(&desk, 32);
	assert_int_equal(call(&desk, WORDS_TIMER, 0, 0xffffffff00000001, 2, 0), OK);
	assert_int_equal(desk.machine->harts[0]->timer, 0x200000001);
	assert_int_equal(call(&desk, WORDS_IPI, 0, 0, 0xffffffff, 0), OK);
	assert_true(desk.machine->harts[3]->sip & SIP_SOFTWARE);
	assert_int_equal(call(&desk, 0x54494d46, 0, 0, 0, 0), NOT_SUPPORTED);
	machine_free(desk.machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_base_says_what_there_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_function_that_is_not_there_is_not_supported, set_up, tear_down),
		cmocka_unit_test_setup_teardown(masks_of_harts_are_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_is_set_and_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(harts_are_started_and_asked_about, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reset_of_no_known_kind_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_console_prints_from_ram_and_nowhere_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_console_reads_what_was_typed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_old_calls_take_their_mask_from_memory, set_up, tear_down),
		cmocka_unit_test(thirty_two_bits_are_taken_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
