/* SPDX-License-Identifier: MIT */
/* The control queue: commands, what is none, and which pairs are on behind them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "kit/ring_driver.h"
#include "port/virtnet.h"

enum { CONTROL_SIZE = 64, CONTROL_PAGES = 200, PAIRS = 4, GUEST = 1 << 20 };

struct bed {
	struct virtnet virtnet;
	struct virtnet_scratch *scratch;
	struct ethswitch *ethswitch;
	void *bytes;
	struct ring_driver driver;
	unsigned calls, written, returned;
	enum drop_reason broken;
};

static struct bed *bed_of(struct virtnet *virtnet)
{
	return container_of(virtnet, struct bed, virtnet);
}

static void on_call(struct virtnet *virtnet, uint32_t ring)
{
	assert_int_equal(ring, VIRTNET_CONTROL);
	bed_of(virtnet)->calls++;
}

static void on_broken(struct virtnet *virtnet, uint32_t ring, enum drop_reason reason)
{
	assert_int_equal(ring, VIRTNET_CONTROL);
	bed_of(virtnet)->broken = reason;
}

/* An answer, there already. */
static void on_written(struct virtnet *virtnet, const struct iovec *pieces, uint32_t count, uint32_t bytes)
{
	assert_int_equal(count, 1);
	assert_int_equal(bytes, 1);
	assert_in_range(*(const uint8_t *)pieces[0].iov_base, 0, 1);
	bed_of(virtnet)->written++;
}

static void on_returned(struct virtnet *virtnet, uint32_t ring)
{
	assert_int_equal(ring, VIRTNET_CONTROL);
	bed_of(virtnet)->returned++;
}

static const struct virtnet_owner owner = {.call = on_call,
					   .on_broken = on_broken,
					   .on_written = on_written,
					   .on_returned = on_returned};

/* `start`: how far both have come already. */
static void bed_init(struct bed *bed, bool packed, uint16_t start)
{
	const struct ethswitch_config config = {.mtu_bytes = 1500};
	struct ring_driver_setup setup = {.bytes = ring_driver_bytes(CONTROL_SIZE, CONTROL_PAGES),
					  .address = GUEST,
					  .size = CONTROL_SIZE,
					  .start = start,
					  .packed = packed,
					  .indirect = true,
					  .seed = 1};
	struct ring_setup ring;

	*bed = (struct bed){.scratch = virtnet_scratch_new(),
			    .bytes = aligned_alloc(4096, (setup.bytes + 4095) / 4096 * 4096)};
	assert_int_equal(ethswitch_new(&config, &bed->ethswitch), 0);
	virtnet_init(&bed->virtnet, &owner, bed->scratch, "g", ethswitch_blocks(bed->ethswitch), 100000);
	bed->virtnet.pairs_max = PAIRS;
	virtnet_set_features(&bed->virtnet,
			     VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(INDIRECT_DESC) | VIRTNET_FEATURE(CTRL_VQ) |
				     (packed ? VIRTNET_FEATURE(RING_PACKED) : 0),
			     1500);
	ethswitch_attach(bed->ethswitch, &bed->virtnet.port);
	for (uint32_t number = 0; number < VIRTNET_RINGS_ALL; number++)
		virtnet_switch(&bed->virtnet, number, true);
	setup.memory = bed->bytes;
	ring_driver_init(&bed->driver, &setup);
	ring_driver_connect(&bed->driver, &bed->virtnet.memory, false, &ring);
	assert_int_equal(virtnet_start(&bed->virtnet, VIRTNET_CONTROL, &ring), 0);
}

static void bed_done(struct bed *bed)
{
	virtnet_stop(&bed->virtnet, VIRTNET_CONTROL);
	virtnet_done(&bed->virtnet);
	ethswitch_detach(&bed->virtnet.port);
	ethswitch_free(bed->ethswitch);
	virtnet_scratch_free(bed->scratch);
	ring_driver_done(&bed->driver);
	free(bed->bytes);
}

static void bed_kick(struct bed *bed)
{
	virtnet_kick(&bed->virtnet, VIRTNET_CONTROL);
	while (ethswitch_run(bed->ethswitch))
		;
}

/* Each byte of the command in a piece of its own. */
static void bed_offer(struct bed *bed, const uint8_t *command, uint32_t count, bool answer)
{
	struct ring_driver_piece pieces[16] = {0};
	int id;

	for (uint32_t i = 0; i < count; i++)
		pieces[i].bytes = 1;
	pieces[count] = (struct ring_driver_piece){.bytes = 1, .writable = true};
	id = ring_driver_offer(&bed->driver, pieces, count + answer, count % 2);
	assert_true(id >= 0);
	for (uint32_t i = 0; i < count; i++)
		*bed->driver.buffers[id].pieces[i].at = command[i];
	ring_driver_publish(&bed->driver);
}

/* The answer, or 0xff: there is none. */
static uint8_t bed_answer(struct bed *bed)
{
	struct ring_driver_used used;
	uint8_t answer = 0xff;

	if (!ring_driver_harvest(&bed->driver, &used))
		return answer;
	assert_int_equal(used.bytes, 1);
	ring_driver_read(&bed->driver, used.id, 0, &answer, 1);
	ring_driver_release(&bed->driver, used.id);
	return answer;
}

static void check_pairs(const struct bed *bed, uint32_t pairs)
{
	for (uint32_t number = 0; number < VIRTNET_RINGS_MAX; number++)
		assert_int_equal(bed->virtnet.rings[number].on, number < 2 * pairs);
	assert_true(bed->virtnet.rings[VIRTNET_CONTROL].on);
}

static void commands_are_answered(void **state)
{
	static const struct {
		uint8_t command[8];
		uint32_t count;
		uint8_t answer;
		uint32_t pairs; /* in use behind it */
	} rows[] = {
		{{4, 0, 3, 0}, 4, 0, 3}, {{4, 0, 4, 0}, 4, 0, 4},       {{4, 0, 5, 0}, 4, 1, 4},
		{{4, 0, 0, 0}, 4, 1, 4}, {{4, 0, 1, 1}, 4, 1, 4},       {{4, 1, 1, 0}, 4, 1, 4},
		{{0, 0, 1, 0}, 4, 1, 4}, {{4, 0, 1}, 3, 1, 4},          {{4}, 1, 1, 4},
		{{0}, 0, 1, 4},          {{4, 0, 2, 0, 9, 9}, 6, 0, 2}, {{4, 0, 1, 0}, 4, 0, 1},
	};

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct bed bed;

		bed_init(&bed, packed, 0);
		check_pairs(&bed, 1);
		for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			bed_offer(&bed, rows[i].command, rows[i].count, true);
			bed_kick(&bed);
			assert_int_equal(bed_answer(&bed), rows[i].answer);
			assert_int_equal(bed.calls, i + 1);
			assert_int_equal(bed.written, i + 1);
			assert_int_equal(bed.returned, i + 1);
			check_pairs(&bed, rows[i].pairs);
		}
		assert_int_equal(bed.broken, DROP_NONE);
		bed_done(&bed);
	}
}

static void a_lie_breaks_the_queue_by_name_and_the_pairs_stay(void **state)
{
	static const struct {
		struct ring_driver_piece pieces[3];
		uint32_t count;
		enum drop_reason reason;
	} rows[] = {
		{{{NULL, 4, false}}, 1, DROP_RING_LENGTH},
		{{{NULL, 1, true}, {NULL, 4, false}}, 2, DROP_RING_DIRECTION},
		{{{NULL, 2, false}, {NULL, 1, true}, {NULL, 2, false}}, 3, DROP_RING_DIRECTION},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct bed bed;

		bed_init(&bed, i & 1, 0);
		bed_offer(&bed, (const uint8_t[]){4, 0, 3, 0}, 4, true);
		assert_true(ring_driver_offer(&bed.driver, rows[i / 2].pieces, rows[i / 2].count, false) >= 0);
		bed_offer(&bed, (const uint8_t[]){4, 0, 2, 0}, 4, true);
		bed_kick(&bed);
		assert_int_equal(bed_answer(&bed), 0);
		assert_int_equal(bed_answer(&bed), 0xff);
		assert_int_equal(bed.broken, rows[i / 2].reason);
		assert_int_equal(bed.virtnet.port.counters.drops.count[rows[i / 2].reason], 1);
		check_pairs(&bed, 3);
		bed_done(&bed);
	}
}

static void a_command_of_more_pieces_than_drivers_use_breaks_the_queue(void **state)
{
	struct ring_driver_piece pieces[100];
	struct bed bed;

	(void)state;
	for (int i = 0; i < 100; i++)
		pieces[i] = (struct ring_driver_piece){NULL, 1, i == 99};
	bed_init(&bed, false, 0);
	assert_true(ring_driver_offer(&bed.driver, pieces, 100, true) >= 0);
	ring_driver_publish(&bed.driver);
	bed_kick(&bed);
	assert_int_equal(bed.broken, DROP_RING_CHAIN_LONG);
	bed_done(&bed);
}

static void a_driver_without_end_waits_for_its_turn(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, true, 0);
	for (int i = 0; i < VIRTNET_COMMANDS + 4; i++)
		bed_offer(&bed, (const uint8_t[]){4}, 1, true);
	virtnet_kick(&bed.virtnet, VIRTNET_CONTROL);
	assert_true(ethswitch_run(bed.ethswitch));
	assert_int_equal(bed.written, VIRTNET_COMMANDS);
	while (ethswitch_run(bed.ethswitch))
		;
	assert_int_equal(bed.written, VIRTNET_COMMANDS + 4);
	bed_done(&bed);
}

static void a_queue_that_is_off_answers_when_it_is_on(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, false, 0);
	virtnet_switch(&bed.virtnet, VIRTNET_CONTROL, false);
	bed_offer(&bed, (const uint8_t[]){4, 0, 2, 0}, 4, true);
	bed_kick(&bed);
	assert_int_equal(bed_answer(&bed), 0xff);
	virtnet_switch(&bed.virtnet, VIRTNET_CONTROL, true);
	while (ethswitch_run(bed.ethswitch))
		;
	assert_int_equal(bed_answer(&bed), 0);
	check_pairs(&bed, 2);
	bed_done(&bed);
}

/* The guest said it to another device, and says it again only when it changes its mind. */
static void where_another_device_ran_all_pairs_may_be_used_until_the_guest_says_again(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct bed bed;

		bed_init(&bed, packed, 3);
		check_pairs(&bed, VIRTNET_PAIRS_MAX);
		bed_offer(&bed, (const uint8_t[]){4, 0, 2, 0}, 4, true);
		bed_kick(&bed);
		assert_int_equal(bed_answer(&bed), 0);
		check_pairs(&bed, 2);
		bed_done(&bed);
	}
}

static void what_was_said_holds_over_a_stop_and_not_over_a_new_beginning(void **state)
{
	struct ring_setup ring;
	struct bed bed;

	(void)state;
	bed_init(&bed, false, 0);
	bed_offer(&bed, (const uint8_t[]){4, 0, 2, 0}, 4, true);
	bed_kick(&bed);
	memory_init(&bed.virtnet.memory);
	ring_driver_connect(&bed.driver, &bed.virtnet.memory, false, &ring);
	ring.base = virtnet_stop(&bed.virtnet, VIRTNET_CONTROL);
	assert_int_equal(ring.base.avail, 1);
	assert_int_equal(virtnet_start(&bed.virtnet, VIRTNET_CONTROL, &ring), 0);
	check_pairs(&bed, 2);
	virtnet_stop(&bed.virtnet, VIRTNET_CONTROL);
	ring.base = (struct ring_base){0};
	memset(bed.bytes, 0, ring_driver_bytes(CONTROL_SIZE, CONTROL_PAGES));
	assert_int_equal(virtnet_start(&bed.virtnet, VIRTNET_CONTROL, &ring), 0);
	check_pairs(&bed, 1);
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_answered),
		cmocka_unit_test(a_lie_breaks_the_queue_by_name_and_the_pairs_stay),
		cmocka_unit_test(a_command_of_more_pieces_than_drivers_use_breaks_the_queue),
		cmocka_unit_test(a_driver_without_end_waits_for_its_turn),
		cmocka_unit_test(a_queue_that_is_off_answers_when_it_is_on),
		cmocka_unit_test(where_another_device_ran_all_pairs_may_be_used_until_the_guest_says_again),
		cmocka_unit_test(what_was_said_holds_over_a_stop_and_not_over_a_new_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
