/* SPDX-License-Identifier: MIT */
/* The control queue of front ends that leave it to the back end, as User Mode Linux's does: which ring it is, and which
 * pairs are used by it. */
#include "unit/port/vhost_bed.h"

#include <sys/eventfd.h>

#include "virtio/net.h"

enum { PAIRS = 3, CONTROL = 2 * PAIRS };

static const uint8_t header[VIRTIO_NET_HEADER_BYTES];

static void control_init(struct bed *bed, uint32_t rings, uint64_t features)
{
	bed->fixture = fixture_new();
	fixture_open(bed->fixture, "vhost-user,path=%s,queues=%d", bed->fixture->path, PAIRS);
	bed_join(bed);
	bed->front.rings = rings;
	vhost_front_start(&bed->front, plain | FEATURES(CTRL_VQ) | features);
}

/* The answer, or 0xff when there is none. */
static uint8_t command(struct bed *bed, uint32_t ring, const uint8_t *bytes, uint32_t count)
{
	const struct ring_driver_piece pieces[] = {{.bytes = count}, {.bytes = 1, .writable = true}};
	struct ring_driver *driver = &bed->front.drivers[ring];
	int id = ring_driver_offer(driver, pieces, 2, false);
	struct ring_driver_used used;
	uint8_t answer = 0xff;

	assert_true(id >= 0);
	memcpy(driver->buffers[id].pieces[0].at, bytes, count);
	ring_driver_publish(driver);
	eventfd_write(bed->front.kick[ring], 1);
	pump(bed->fixture);
	if (!ring_driver_harvest(driver, &used))
		return answer;
	ring_driver_read(driver, used.id, 0, &answer, 1);
	ring_driver_release(driver, used.id);
	return answer;
}

static uint8_t use_pairs(struct bed *bed, uint8_t pairs)
{
	return command(bed, CONTROL, (const uint8_t[]){4, 0, pairs, 0}, 4);
}

/* How many of the pairs carry what the guest sends. */
static int pairs_that_carry(struct bed *bed)
{
	uint8_t bytes[100];
	int carry = 0;

	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		size_t before = bed->fixture->probe.frames;

		frame_make(bytes, sizeof(bytes), 1, 2);
		vhost_front_frame_in(&bed->front, pair, header, bytes, sizeof(bytes));
		pump(bed->fixture);
		carry += bed->fixture->probe.frames > before;
	}
	return carry;
}

static void the_guest_chooses_how_many_pairs_it_uses(void **state)
{
	static const uint64_t layouts[] = {0, FEATURES(RING_PACKED)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		eventfd_t told;
		struct bed bed;

		control_init(&bed, CONTROL + 1, FEATURES(MQ) | layouts[i]);
		assert_int_equal(pairs_that_carry(&bed), 1);
		assert_int_equal(bed.port->counters.drops.count[DROP_RING_OFF], PAIRS - 1);
		assert_int_equal(use_pairs(&bed, 2), 0);
		assert_int_equal(eventfd_read(bed.front.call[CONTROL], &told), 0);
		assert_int_equal(pairs_that_carry(&bed), 2);
		assert_int_equal(use_pairs(&bed, PAIRS), 0);
		assert_int_equal(use_pairs(&bed, PAIRS + 1), 1);
		assert_int_equal(use_pairs(&bed, 0), 1);
		assert_int_equal(pairs_that_carry(&bed), PAIRS);
		assert_int_equal(use_pairs(&bed, 1), 0);
		assert_int_equal(pairs_that_carry(&bed), 1);
		bed_done(&bed);
	}
}

/* cloud-hypervisor takes the commands itself. */
static void who_keeps_the_queue_to_itself_has_the_pairs_that_it_switches_on(void **state)
{
	struct bed bed;

	(void)state;
	control_init(&bed, CONTROL, FEATURES(MQ));
	assert_int_equal(pairs_that_carry(&bed), PAIRS);
	bed_done(&bed);
}

/* Virtio 1.2, 5.1.2. */
static void without_several_pairs_the_queue_stands_behind_the_first(void **state)
{
	struct bed bed;

	(void)state;
	control_init(&bed, 3, 0);
	assert_int_equal(command(&bed, 2, (const uint8_t[]){4, 0, 1, 0}, 4), 0);
	assert_int_equal(command(&bed, 2, (const uint8_t[]){1, 0, 1}, 3), 1);
	assert_int_equal(bed.port->counters.from_guest.frames, 0);
	bed_done(&bed);
}

static void a_lie_there_breaks_no_other_ring(void **state)
{
	const struct ring_driver_piece unanswerable = {.bytes = 4};
	struct bed bed;

	(void)state;
	control_init(&bed, CONTROL + 1, FEATURES(MQ));
	assert_int_equal(use_pairs(&bed, 2), 0);
	assert_true(ring_driver_offer(&bed.front.drivers[CONTROL], &unanswerable, 1, false) >= 0);
	assert_int_equal(use_pairs(&bed, 3), 0xff);
	assert_int_equal(bed.port->counters.drops.count[DROP_RING_LENGTH], 1);
	assert_int_equal(pairs_that_carry(&bed), 2);
	bed_done(&bed);
}

/* Where it stopped is asked, and told to whoever goes on; here it is the same back end, which knows what was said. */
static void the_queue_goes_on_where_it_stopped(void **state)
{
	static const uint64_t layouts[] = {0, FEATURES(RING_PACKED)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct vhost_state where = {.ring = CONTROL};
		uint64_t number = CONTROL;
		union vhost_payload answer;
		struct bed bed;

		control_init(&bed, CONTROL + 1, FEATURES(MQ) | layouts[i]);
		assert_int_equal(use_pairs(&bed, 3), 0);
		assert_int_equal(use_pairs(&bed, 2), 0);
		vhost_front_send(&bed.front, VHOST_GET_VRING_BASE, VHOST_VERSION, &where, sizeof(where), NULL, 0);
		assert_int_equal(vhost_front_answer(&bed.front, &answer), sizeof(where));
		assert_int_equal(answer.state.ring, CONTROL);
		assert_int_equal(answer.state.number & 0x7fff, layouts[i] ? 4 : 2); /* of a packed one, entries */
		where.number = answer.state.number;
		assert_int_equal(use_pairs(&bed, 1), 0xff);
		vhost_front_send(&bed.front, VHOST_SET_VRING_BASE, VHOST_VERSION, &where, sizeof(where), NULL, 0);
		vhost_front_send(&bed.front, VHOST_SET_VRING_KICK, VHOST_VERSION, &number, sizeof(number),
				 &bed.front.kick[CONTROL], 1);
		eventfd_write(bed.front.kick[CONTROL], 1);
		pump(bed.fixture);
		assert_int_equal(pairs_that_carry(&bed), 1); /* what was asked meanwhile */
		assert_int_equal(bed.port->counters.drops.count[DROP_RING_LENGTH], 0);
		bed_done(&bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_chooses_how_many_pairs_it_uses),
		cmocka_unit_test(who_keeps_the_queue_to_itself_has_the_pairs_that_it_switches_on),
		cmocka_unit_test(without_several_pairs_the_queue_stands_behind_the_first),
		cmocka_unit_test(a_lie_there_breaks_no_other_ring),
		cmocka_unit_test(the_queue_goes_on_where_it_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
