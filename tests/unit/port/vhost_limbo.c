/* SPDX-License-Identifier: MIT */
/* Front ends that hand over files whose system never answers, not even when they are closed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/os/silent.h"
#include "unit/port/vhost_bed.h"

/* As each descriptor that a message may have. */
static const struct {
	uint32_t request, bytes;
	uint64_t payload[6];
	enum drop_reason verdict;
} messages[] = {
	{VHOST_SET_MEM_TABLE, 40, {1, 0, 4096, 0, 0}, DROP_VHOST_MEMORY},
	{VHOST_SET_LOG_BASE, 16, {4096, 0}, DROP_VHOST_MEMORY},
	{VHOST_SET_LOG_FD, 0, {0}, DROP_NONE},
	{VHOST_SET_VRING_KICK, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_VRING_CALL, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_VRING_ERR, 8, {0}, DROP_VHOST_EVENT},
	{VHOST_SET_BACKEND_REQ_FD, 0, {0}, DROP_NONE},
	{VHOST_SET_OWNER, 0, {0}, DROP_VHOST_DESCRIPTORS},
};

static void whatever_it_is_handed_over_as_it_is_never_closed(void **state)
{
	struct silent silent;
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, messages[i].request, VHOST_VERSION, messages[i].payload, messages[i].bytes,
				 &fd, 1);
		pump(bed.fixture);
		check_verdict(&bed, "a file that never closes", "", messages[i].verdict);
		assert_int_equal(bed.fixture->limbo.kept, 1);
		bed_done(&bed);
	}
	assert_int_equal(silent.closes, 0);
	assert_int_equal(silent.unanswered, 0);
	silent_close(&silent);
}

static void their_number_has_an_end_and_who_is_there_stays(void **state)
{
	struct vhost_front other;
	unsigned before = 0;
	struct silent silent;
	struct bed bed;
	int fd = silent_open(&silent);

	(void)state;
	if (fd < 0)
		skip();
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (unsigned i = 0; i < LIMBO_MAX + 20; i++) {
		vhost_front_init(&other, fixture_connect(bed.fixture->path, SOCK_STREAM), pump, bed.fixture);
		pump(bed.fixture);
		vhost_front_send(&other, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, &fd, 1);
		pump(bed.fixture);
		vhost_front_done(&other);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->port_count, 1);
	}
	assert_int_equal(bed.fixture->limbo.kept, LIMBO_MAX);
	assert_int_equal(silent_descriptors(&silent, false), LIMBO_MAX + 1);
	assert_int_equal(bed.fixture->notices, before + 1);
	assert_int_equal(bed.fixture->gone.count[DROP_VHOST_DESCRIPTORS], LIMBO_MAX);
	assert_int_equal(bed.fixture->gone.count[DROP_VHOST_LIMBO], 20);
	assert_int_equal(silent.closes, 0);
	bed_done(&bed);
	silent_close(&silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_it_is_handed_over_as_it_is_never_closed),
		cmocka_unit_test(their_number_has_an_end_and_who_is_there_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
