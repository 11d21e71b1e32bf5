/* SPDX-License-Identifier: MIT */
/* Timers and software interrupts by their registers, and the time they go by. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "semu/aclint.h"
#include "semu/code.h"
#include "semu/hart.h"
#include "semu/trap.h"

enum { HARTS = 2, MTIME = 0x7ff8 };

struct desk {
	struct hart_machine machine;
	struct hart *harts[HARTS];
	struct aclint aclint;
};

static uint64_t no_time(void *owner)
{
	(void)owner;
	return 0;
}

static int set_up(void **state)
{
	static struct desk desk;

	desk = (struct desk){.machine = {.word = 64, .time = no_time}};
	assert_int_equal(code_new(&desk.machine.code), 0);
	for (unsigned i = 0; i < HARTS; i++) {
		desk.harts[i] = malloc(sizeof(struct hart));
		assert_non_null(desk.harts[i]);
		hart_init(desk.harts[i], &desk.machine, 0);
	}
	aclint_init(&desk.aclint, desk.harts, HARTS, 1000000);
	*state = &desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	for (unsigned i = 0; i < HARTS; i++)
		free(desk->harts[i]);
	code_free(desk->machine.code);
	return 0;
}

static void a_timer_is_written_whole_or_by_halves(void **state)
{
	struct desk *desk = *state;
	uint64_t value;

	assert_true(aclint_mtimer_store(&desk->aclint, 8, 8, 0x1122334455667788));
	assert_int_equal(desk->harts[1]->timer, 0x1122334455667788);
	assert_true(aclint_mtimer_store(&desk->aclint, 8, 4, 0xaabbccdd));
	assert_true(aclint_mtimer_store(&desk->aclint, 12, 4, 0xffffffff00000001));
	assert_int_equal(desk->harts[1]->timer, 0x1aabbccdd);
	assert_true(aclint_mtimer_load(&desk->aclint, 8, 8, &value));
	assert_int_equal(value, 0x1aabbccdd);
	assert_true(aclint_mtimer_load(&desk->aclint, 12, 4, &value));
	assert_int_equal(value, 1);
	assert_int_equal(desk->harts[0]->timer, UINT64_MAX);
}

static void the_time_goes_on_and_cannot_be_set(void **state)
{
	struct desk *desk = *state;
	uint64_t first, later, high;

	assert_true(aclint_mtimer_load(&desk->aclint, MTIME, 8, &first));
	assert_true(aclint_mtimer_store(&desk->aclint, MTIME, 8, UINT64_MAX));
	assert_true(aclint_mtimer_load(&desk->aclint, MTIME, 8, &later));
	assert_true(aclint_mtimer_load(&desk->aclint, MTIME + 4, 4, &high));
	assert_true(later >= first && later < 1000000000);
	assert_int_equal(high, 0);
}

static void software_interrupts_reach_their_hart(void **state)
{
	struct desk *desk = *state;
	uint64_t value;

	assert_true(aclint_mswi_store(&desk->aclint, 4, 4, 1));
	assert_int_equal(desk->harts[1]->sip, SIP_SOFTWARE);
	assert_true(aclint_mswi_load(&desk->aclint, 4, 4, &value));
	assert_int_equal(value, 1);
	assert_true(aclint_mswi_store(&desk->aclint, 4, 4, 0xfffffffe));
	assert_int_equal(desk->harts[1]->sip, 0);
	assert_true(aclint_sswi_store(&desk->aclint, 0, 4, 1));
	assert_int_equal(desk->harts[0]->sip, SIP_SOFTWARE);
	assert_true(aclint_sswi_store(&desk->aclint, 0, 4, 0));
	assert_int_equal(desk->harts[0]->sip, SIP_SOFTWARE);
	assert_true(aclint_sswi_load(&desk->aclint, 0, 4, &value));
	assert_int_equal(value, 0);
}

static void harts_that_are_not_there_have_no_registers(void **state)
{
	struct desk *desk = *state;
	uint64_t value = 1;

	assert_true(aclint_mtimer_store(&desk->aclint, 8 * HARTS, 8, 5));
	assert_true(aclint_mtimer_load(&desk->aclint, 8 * HARTS, 8, &value));
	assert_int_equal(value, 0);
	assert_true(aclint_mswi_store(&desk->aclint, 4 * HARTS, 4, 1));
	assert_true(aclint_mswi_load(&desk->aclint, 4 * HARTS, 4, &value));
	assert_int_equal(value, 0);
	assert_true(aclint_sswi_store(&desk->aclint, 0x3ffc, 4, 1));
	assert_false(aclint_mtimer_load(&desk->aclint, 0, 2, &value));
	assert_false(aclint_mtimer_store(&desk->aclint, 0, 1, 0));
	assert_false(aclint_mswi_load(&desk->aclint, 0, 8, &value));
	assert_false(aclint_sswi_store(&desk->aclint, 0, 1, 1));
	for (unsigned i = 0; i < HARTS; i++)
		assert_int_equal(desk->harts[i]->sip, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_timer_is_written_whole_or_by_halves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_time_goes_on_and_cannot_be_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(software_interrupts_reach_their_hart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(harts_that_are_not_there_have_no_registers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
