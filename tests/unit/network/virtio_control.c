/* SPDX-License-Identifier: MIT */
/* The control queue: commands, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kit/ring_driver.h"
#include "network/virtio_control.h"

enum { CONTROL_SIZE = 64, CONTROL_PAGES = 200 };

struct bed {
	void *bytes;
	struct memory memory;
	struct ring_driver driver;
	struct virtio_control control;
};

static void bed_init(struct bed *bed, bool packed)
{
	struct ring_driver_setup setup = {.bytes = ring_driver_bytes(CONTROL_SIZE, CONTROL_PAGES),
					  .address = 1 << 20,
					  .size = CONTROL_SIZE,
					  .packed = packed,
					  .indirect = true,
					  .seed = 1};
	struct ring_setup ring;

	*bed = (struct bed){.bytes = aligned_alloc(4096, (setup.bytes + 4095) / 4096 * 4096),
			    .control = {.pairs_max = 4, .pairs = 1}};
	setup.memory = bed->bytes;
	ring_driver_init(&bed->driver, &setup);
	ring_driver_connect(&bed->driver, &bed->memory, false, &ring);
	ring.base.avail = ring.base.used = packed ? RING_PACKED_START : 0;
	assert_int_equal(ring_init(&bed->control.ring, &ring), 0);
}

static void bed_done(struct bed *bed)
{
	ring_driver_done(&bed->driver);
	free(bed->bytes);
}

/* Each byte of the command in a piece of its own. */
static int bed_offer(struct bed *bed, const uint8_t *command, uint32_t count, bool answer)
{
	struct ring_driver_piece pieces[16] = {0};
	int id;

	for (uint32_t i = 0; i < count; i++)
		pieces[i].bytes = 1;
	pieces[count] = (struct ring_driver_piece){.bytes = 1, .writable = true};
	id = ring_driver_offer(&bed->driver, pieces, count + answer, count % 2);
	for (uint32_t i = 0; id >= 0 && i < count; i++)
		*bed->driver.buffers[id].pieces[i].at = command[i];
	ring_driver_publish(&bed->driver);
	return id;
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
		bool tell;

		bed_init(&bed, packed);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct ring_driver_used used;
			uint8_t answer = 0xff;

			assert_true(bed_offer(&bed, rows[i].command, rows[i].count, true) >= 0);
			assert_false(virtio_control_serve(&bed.control, &tell));
			assert_true(tell);
			assert_true(ring_driver_harvest(&bed.driver, &used));
			assert_int_equal(used.bytes, 1);
			ring_driver_read(&bed.driver, used.id, 0, &answer, 1);
			ring_driver_release(&bed.driver, used.id);
			assert_int_equal(answer, rows[i].answer);
			assert_int_equal(bed.control.pairs, rows[i].pairs);
		}
		assert_int_equal(bed.control.ring.broken, DROP_NONE);
		bed_done(&bed);
	}
}

static void a_command_without_room_for_an_answer_breaks_the_ring(void **state)
{
	struct bed bed;
	bool tell;

	(void)state;
	bed_init(&bed, false);
	assert_true(bed_offer(&bed, (const uint8_t[]){4, 0, 3, 0}, 4, false) >= 0);
	assert_false(virtio_control_serve(&bed.control, &tell));
	assert_int_equal(bed.control.ring.broken, DROP_RING_LENGTH);
	assert_int_equal(bed.control.pairs, 1);
	bed_done(&bed);
}

static void a_driver_without_end_waits_for_its_turn(void **state)
{
	struct bed bed;
	bool tell;

	(void)state;
	bed_init(&bed, true);
	for (int i = 0; i < VIRTIO_CONTROL_TURN + 4; i++)
		assert_true(bed_offer(&bed, (const uint8_t[]){4}, 1, true) >= 0);
	assert_true(virtio_control_serve(&bed.control, &tell));
	assert_int_equal(bed.driver.published_count, VIRTIO_CONTROL_TURN + 4);
	assert_false(virtio_control_serve(&bed.control, &tell));
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_answered),
		cmocka_unit_test(a_command_without_room_for_an_answer_breaks_the_ring),
		cmocka_unit_test(a_driver_without_end_waits_for_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
