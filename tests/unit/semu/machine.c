/* SPDX-License-Identifier: MIT */
/* Whole machines with a few instructions in their RAM: turns, sleep, sources, and how it all ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "semu/trap.h"
#include "tests/unit/semu/desk.h"
#include "tests/unit/semu/words.h"

enum { TEXT = 0x1000, OTHER = 0x2000, FLAG = 0x3000 };

static void put(struct desk *desk, uint64_t at, const struct words *words)
{
	memcpy(machine_ram(desk->machine, at, sizeof(words->words)), words->words, sizeof(words->words));
}

static enum machine_end run(struct desk *desk, const struct words *words)
{
	put(desk, TEXT, words);
	machine_start(desk->machine, TEXT, 0x1234);
	return machine_run(desk->machine);
}

static void a_guest_says_how_it_ends(void **state)
{
	static const struct {
		uint64_t type, reason;
		enum machine_end end;
	} table[] = {
		{0, 0, MACHINE_OFF},    {0, 1, MACHINE_FAILED}, {1, 0, MACHINE_REBOOT},
		{1, 1, MACHINE_FAILED}, {2, 0, MACHINE_FAILED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct words words = {0};
		struct desk desk;

		desk_init(&desk, 64, 1);
		words_sbi(&words, WORDS_SRST, 0, table[i].type, table[i].reason);
		assert_int_equal(run(&desk, &words), table[i].end);
		machine_free(desk.machine);
	}
}

static void a_hart_starts_with_its_number_and_the_tree(void **state)
{
	struct words words = {0};
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 1);
	words_add(&words, words_addi(5, 10, 0));
	words_add(&words, words_addi(6, 11, 0));
	words_sbi(&words, WORDS_SRST, 0, 0, 0);
	assert_int_equal(run(&desk, &words), MACHINE_OFF);
	assert_int_equal(desk.machine->harts[0]->x[5], 0);
	assert_int_equal(desk.machine->harts[0]->x[6], 0x1234);
	machine_free(desk.machine);
}

/* ---- sources ---- */

struct probe {
	struct machine_source source;
	struct machine *machine;
	unsigned looks, runs;
	uint64_t instret; /* of hart 0 when it ran first */
	int64_t timeout_us;
	bool ends;
};

static int64_t probe_timeout(void *owner)
{
	struct probe *probe = owner;

	/* The time has passed when it is asked for again. */
	return probe->looks++ && probe->timeout_us > 0 ? 0 : probe->timeout_us;
}

static void probe_run(void *owner)
{
	struct probe *probe = owner;

	if (!probe->runs++)
		probe->instret = probe->machine->harts[0]->instret;
	probe->timeout_us = -1;
	if (probe->ends)
		machine_stop(probe->machine, MACHINE_QUIT);
}

static void probe_add(struct probe *probe, struct desk *desk, int fd)
{
	*probe = (struct probe){
		.source = {.fd = fd, .events = 1, .timeout_us = probe_timeout, .run = probe_run, .owner = probe},
		.machine = desk->machine,
		.timeout_us = -1};
	machine_add_source(desk->machine, &probe->source);
}

/* Waits for the timer once, with the interrupt not taken, and powers off. */
static void a_hart_that_waits_sleeps_until_its_timer(void **state)
{
	struct words words = {0};
	struct probe probe;
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 2);
	probe_add(&probe, &desk, -1);
	words_set(&words, 5, SIP_TIMER);
	words_add(&words, words_csrw(WORDS_SIE, 5));
	words_add(&words, words_csrr(8, WORDS_TIME));
	words_add(&words, words_addi(10, 8, 2000)); /* 2 ms */
	words_sbi_now(&words, WORDS_TIMER, 0);
	words_add(&words, WORDS_WFI);
	words_add(&words, words_csrr(9, WORDS_TIME));
	words_sbi(&words, WORDS_SRST, 0, 0, 0);
	assert_int_equal(run(&desk, &words), MACHINE_OFF);
	assert_true(desk.machine->harts[0]->x[9] - desk.machine->harts[0]->x[8] >= 2000);
	assert_int_equal(probe.runs, 0);
	/* The first look, one for the sleep, one more: a signal may come. */
	assert_in_range(probe.looks, 2, 8);
	machine_free(desk.machine);
}

static void a_descriptor_and_a_timeout_wake_a_machine_that_sleeps(void **state)
{
	struct words words = {0};
	struct probe piped, timed;
	struct desk desk;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	desk_init(&desk, 64, 1);
	probe_add(&piped, &desk, ends[0]);
	probe_add(&timed, &desk, -1);
	assert_int_equal(write(ends[1], "x", 1), 1);
	piped.ends = true;
	words_add(&words, WORDS_WFI);
	words_add(&words, WORDS_SPIN);
	assert_int_equal(run(&desk, &words), MACHINE_QUIT);
	assert_int_equal(piped.runs, 1);
	assert_int_equal(timed.runs, 0);

	machine_reset(desk.machine);
	piped.source.events = 0;
	timed.ends = true;
	timed.looks = 0;
	timed.timeout_us = 1000;
	assert_int_equal(run(&desk, &words), MACHINE_QUIT);
	assert_int_equal(piped.runs, 1);
	assert_int_equal(timed.runs, 1);
	machine_free(desk.machine);
	close(ends[0]);
	close(ends[1]);
}

static bool doorbell(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	struct probe *probe = owner;

	(void)offset;
	(void)bytes;
	(void)value;
	probe->source.pending = true;
	machine_attend(probe->machine);
	return true;
}

static void what_a_device_leaves_pending_is_done_at_once(void **state)
{
	struct words words = {0};
	struct probe probe;
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 1);
	probe_add(&probe, &desk, -1);
	probe.ends = true;
	bus_add(&desk.machine->bus,
		&(struct bus_device){.start = MAP_RNG, .bytes = 16, .store = doorbell, .owner = &probe});
	words_set(&words, 5, MAP_RNG);
	words_add(&words, words_sw(5, 0));
	words_add(&words, WORDS_SPIN);
	assert_int_equal(run(&desk, &words), MACHINE_QUIT);
	assert_in_range(probe.instret, 2, 200);
	machine_free(desk.machine);
}

/* ---- several harts ---- */

static void a_hart_starts_another_and_is_told_of_it(void **state)
{
	struct words words = {0}, other = {0};
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 4);
	words_sbi(&words, WORDS_HSM, 0, 2, OTHER);
	words_add(&words, WORDS_SPIN);
	words_sbi(&other, WORDS_SRST, 0, 0, 0);
	put(&desk, OTHER, &other);
	assert_int_equal(run(&desk, &words), MACHINE_OFF);
	assert_true(desk.machine->started[2]);
	assert_false(desk.machine->started[1]);
	assert_int_equal(desk.machine->running, 2);
	machine_free(desk.machine);
}

static void an_interrupt_from_another_hart_wakes_one_that_waits(void **state)
{
	struct words words = {0}, other = {0};
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 2);
	words_sbi(&words, WORDS_HSM, 0, 1, OTHER);
	words_sbi(&words, WORDS_IPI, 0, 2, 0);
	words_add(&words, WORDS_SPIN);
	words_set(&other, 5, SIP_SOFTWARE);
	words_add(&other, words_csrw(WORDS_SIE, 5));
	words_add(&other, WORDS_WFI);
	words_sbi(&other, WORDS_SRST, 0, 0, 0);
	put(&desk, OTHER, &other);
	assert_int_equal(run(&desk, &words), MACHINE_OFF);
	assert_int_equal(desk.machine->running, 1);
	machine_free(desk.machine);
}

static void a_machine_without_a_hart_has_failed(void **state)
{
	struct words words = {0};
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 2);
	words_sbi(&words, WORDS_HSM, 1, 0, 0);
	assert_int_equal(run(&desk, &words), MACHINE_FAILED);
	machine_free(desk.machine);
}

/* ---- again ---- */

static void a_reset_leaves_nothing_behind(void **state)
{
	struct words words = {0}, reboot = {0};
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 2);
	words_sbi(&reboot, WORDS_SRST, 0, 1, 0);
	assert_int_equal(run(&desk, &reboot), MACHINE_REBOOT);
	memset(machine_ram(desk.machine, FLAG, 64), 0xff, 64);
	hart_raise(desk.machine->harts[0], SIP_SOFTWARE);
	machine_reset(desk.machine);
	assert_int_equal(*machine_ram(desk.machine, FLAG, 1), 0);
	assert_int_equal(*machine_ram(desk.machine, TEXT, 1), 0);
	assert_int_equal(desk.machine->harts[0]->sip, 0);
	/* Other code at the same place is what runs. */
	words_sbi(&words, WORDS_SRST, 0, 0, 0);
	assert_int_equal(run(&desk, &words), MACHINE_OFF);
	machine_free(desk.machine);
}

static void only_ram_is_ram(void **state)
{
	struct desk desk;

	(void)state;
	desk_init(&desk, 64, 1);
	assert_non_null(machine_ram(desk.machine, 0, RAM_BYTES));
	assert_non_null(machine_ram(desk.machine, RAM_BYTES, 0));
	assert_null(machine_ram(desk.machine, 1, RAM_BYTES));
	assert_null(machine_ram(desk.machine, UINT64_MAX, 2));
	assert_null(machine_ram(desk.machine, 4, UINT64_MAX));
	machine_free(desk.machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_says_how_it_ends),
		cmocka_unit_test(a_hart_starts_with_its_number_and_the_tree),
		cmocka_unit_test(a_hart_that_waits_sleeps_until_its_timer),
		cmocka_unit_test(a_descriptor_and_a_timeout_wake_a_machine_that_sleeps),
		cmocka_unit_test(what_a_device_leaves_pending_is_done_at_once),
		cmocka_unit_test(a_hart_starts_another_and_is_told_of_it),
		cmocka_unit_test(an_interrupt_from_another_hart_wakes_one_that_waits),
		cmocka_unit_test(a_machine_without_a_hart_has_failed),
		cmocka_unit_test(a_reset_leaves_nothing_behind),
		cmocka_unit_test(only_ram_is_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
