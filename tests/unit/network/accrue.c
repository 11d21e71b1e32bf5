/* SPDX-License-Identifier: MIT */
/* When a socket tells of each byte and when of many, by a clock of our own, asked of the socket itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "network/accrue.h"
#include "os/socket.h"

struct bench {
	uint64_t now_us;
	struct loop *loop;
	struct accrual accrual;
	int ends[2];
	int pauses;
};

static uint64_t bench_now_us(void *owner)
{
	return ((struct bench *)owner)->now_us;
}

static void bench_on_pause(void *owner)
{
	((struct bench *)owner)->pauses++;
}

static int bench_init(void **state)
{
	static struct bench bench;

	bench = (struct bench){.now_us = 1000000};
	assert_int_equal(loop_new(bench_now_us, &bench, &bench.loop), 0);
	assert_int_equal(socket_pair_tcp(bench.ends), 0);
	accrue_init(&bench.accrual, bench.loop, bench_on_pause, &bench);
	*state = &bench;
	return 0;
}

static int bench_done(void **state)
{
	struct bench *bench = *state;

	accrue_end(&bench->accrual);
	assert_int_equal(loop_timeout_us(bench->loop), -1);
	loop_free(bench->loop);
	close(bench->ends[0]);
	close(bench->ends[1]);
	return 0;
}

static void bench_pass(struct bench *bench, uint64_t us)
{
	bench->now_us += us;
	assert_true(loop_turn(bench->loop, 0) >= 0);
}

/* `total` bytes in pieces of 64 KiB, one each so often. */
static void bench_stream(struct bench *bench, size_t total, uint64_t each_us)
{
	const size_t piece = 64 * 1024;

	for (size_t moved = 0; moved < total; moved += piece) {
		bench_pass(bench, each_us);
		accrue_moved(&bench->accrual, bench->ends[0], piece);
	}
}

static int told_from(const struct bench *bench)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	assert_int_equal(getsockopt(bench->ends[0], SOL_SOCKET, SO_RCVLOWAT, &bytes, &length), 0);
	return bytes;
}

static void a_quick_stream_is_told_of_less_often_until_it_pauses(void **state)
{
	struct bench *bench = *state;

	for (int i = 1; i <= 3; i++) {
		bench_stream(bench, ACCRUE_MEASURE_BYTES, 100);
		assert_int_equal(told_from(bench), 1); /* the first piece began the time */
		bench_stream(bench, 1, 100);
		assert_int_equal(told_from(bench), ACCRUE_BYTES);
		/* 8 pieces are ACCRUE_BYTES: 800 us. Four times that is waited, and from the last move. */
		bench_pass(bench, 3100);
		accrue_moved(&bench->accrual, bench->ends[0], 1);
		bench_pass(bench, 3199);
		assert_int_equal(bench->pauses, i - 1);
		assert_int_equal(told_from(bench), ACCRUE_BYTES);
		bench_pass(bench, 1);
		assert_int_equal(bench->pauses, i);
		assert_int_equal(told_from(bench), 1);
		bench_pass(bench, ACCRUE_PATIENCE_US);
	}
	assert_int_equal(bench->pauses, 3);
}

static void a_stream_that_is_too_slow_is_told_of_each_byte(void **state)
{
	struct bench *bench = *state;

	/* 8 * 251 us * 4 is more than the patience, and 8 * 250 is not. */
	bench_stream(bench, 4 * (size_t)ACCRUE_MEASURE_BYTES, 251);
	assert_int_equal(told_from(bench), 1);
	assert_int_equal(loop_timeout_us(bench->loop), -1);
	bench_stream(bench, 2 * (size_t)ACCRUE_MEASURE_BYTES, 250);
	assert_int_equal(told_from(bench), ACCRUE_BYTES);
	assert_int_equal(bench->pauses, 0);
}

static void a_pause_begins_the_measurement_anew(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 8; i++) {
		bench_stream(bench, ACCRUE_MEASURE_BYTES / 2, 10);
		bench_pass(bench, ACCRUE_PATIENCE_US + 1);
	}
	assert_int_equal(told_from(bench), 1);
	bench_stream(bench, ACCRUE_MEASURE_BYTES + 65536, 10);
	assert_int_equal(told_from(bench), ACCRUE_BYTES);
}

static void who_is_very_quick_is_not_thought_to_pause_at_once(void **state)
{
	struct bench *bench = *state;

	bench_stream(bench, ACCRUE_MEASURE_BYTES + 65536, 0);
	assert_int_equal(told_from(bench), ACCRUE_BYTES);
	bench_pass(bench, ACCRUE_PATIENCE_LEAST_US - 1);
	assert_int_equal(bench->pauses, 0);
	bench_pass(bench, 1);
	assert_int_equal(bench->pauses, 1);
}

static void at_the_end_each_byte_is_told_of(void **state)
{
	struct bench *bench = *state;

	bench_stream(bench, ACCRUE_MEASURE_BYTES + 65536, 100);
	assert_int_equal(told_from(bench), ACCRUE_BYTES);
	accrue_end(&bench->accrual);
	assert_int_equal(told_from(bench), 1);
	bench_pass(bench, 2 * ACCRUE_PATIENCE_US);
	assert_int_equal(bench->pauses, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_quick_stream_is_told_of_less_often_until_it_pauses, bench_init,
						bench_done),
		cmocka_unit_test_setup_teardown(a_stream_that_is_too_slow_is_told_of_each_byte, bench_init, bench_done),
		cmocka_unit_test_setup_teardown(a_pause_begins_the_measurement_anew, bench_init, bench_done),
		cmocka_unit_test_setup_teardown(who_is_very_quick_is_not_thought_to_pause_at_once, bench_init,
						bench_done),
		cmocka_unit_test_setup_teardown(at_the_end_each_byte_is_told_of, bench_init, bench_done),
	};

	return cmocka_run_group_tests_name("network/accrue", tests, NULL, NULL);
}
