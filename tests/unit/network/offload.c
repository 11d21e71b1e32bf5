/* SPDX-License-Identifier: MIT */
/* Offloads there and back, and numbers that only a lying guest can have made. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "network/offload.h"

static void every_offload_comes_back_as_it_was(void **state)
{
	static const enum csum_state csums[] = {CSUM_UNKNOWN, CSUM_PARTIAL, CSUM_VERIFIED};
	static const enum gso_type gsos[] = {GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP};

	(void)state;
	for (size_t i = 0; i < 3 * 4 * 2; i++) {
		const struct offload offload = {.csum = csums[i % 3],
						.gso = gsos[i / 3 % 4],
						.ecn = i >= 12,
						.csum_start = 34,
						.csum_offset = 16,
						.segment_bytes = 1448};
		struct gw_offload shown = offload_show(&offload);
		struct offload again;

		assert_int_equal(offload_read(&shown, &again), DROP_NONE);
		assert_int_equal(again.csum, offload.csum);
		assert_int_equal(again.gso, offload.gso);
		assert_int_equal(again.ecn, offload.ecn);
		assert_int_equal(again.csum_start, 34);
		assert_int_equal(again.csum_offset, 16);
		assert_int_equal(again.segment_bytes, 1448);
	}
}

static void numbers_that_mean_nothing_have_a_verdict(void **state)
{
	static const struct {
		int csum, gso;
		enum drop_reason verdict;
	} rows[] = {
		{0, 4, DROP_OFFLOAD_GSO_TYPE},   {0, -1, DROP_OFFLOAD_GSO_TYPE},   {0, 255, DROP_OFFLOAD_GSO_TYPE},
		{3, 0, DROP_OFFLOAD_CSUM_RANGE}, {-1, 0, DROP_OFFLOAD_CSUM_RANGE}, {3, 4, DROP_OFFLOAD_GSO_TYPE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_offload shown = {.csum = (enum gw_csum)rows[i].csum, .gso = (enum gw_gso)rows[i].gso};
		struct offload read = {.segment_bytes = 77};

		assert_int_equal(offload_read(&shown, &read), rows[i].verdict);
		assert_int_equal(read.segment_bytes, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_offload_comes_back_as_it_was),
		cmocka_unit_test(numbers_that_mean_nothing_have_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
