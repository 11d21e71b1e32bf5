/* SPDX-License-Identifier: MIT */
/* Requests that come while rings run and frames are under way: what is refused changes nothing, and what is done loses
 * nothing. */
#include "unit/port/vhost_bed.h"

#include <sys/eventfd.h>

#include "kit/vhost_front.h"
#include "virtio/net.h"

enum { RING_MEMORY_BYTES = 40, PAGE = 4096 };

static uint32_t say(struct bed *bed, uint32_t request, const void *payload, uint32_t bytes, int fd)
{
	union vhost_payload answer;

	vhost_front_send(&bed->front, request, VHOST_VERSION | VHOST_NEED_REPLY, payload, bytes, &fd, fd >= 0);
	assert_int_equal(vhost_front_answer(&bed->front, &answer), 8);
	return (uint32_t)answer.number;
}

/* Both ways, and the guest need not kick again for it. */
static void check_frames_pass(struct bed *bed, const char *what)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	size_t frames = bed->fixture->probe.frames;
	uint8_t bytes[100], got[2000];

	probe_send(bed->fixture, 0xffff, 100);
	if (vhost_front_receive(&bed->front, got, sizeof(got)) != VIRTIO_NET_HEADER_BYTES + 100)
		fail_msg("%s: no frame to the guest", what);
	frame_make(bytes, sizeof(bytes), 1, 2);
	vhost_front_frame(&bed->front, header, bytes, sizeof(bytes));
	pump(bed->fixture);
	if (bed->fixture->probe.frames != frames + 1)
		fail_msg("%s: no frame from the guest", what);
}

static void memory_that_is_refused_leaves_all_as_it_was(void **state)
{
	const struct vhost_one_region added = {.region = {.guest = 0x1000, .bytes = PAGE, .user = 0x1000}};
	struct vhost_table table = {.count = 1, .regions = {{.guest = 0x1000, .bytes = PAGE, .user = 0x1000}}};
	unsigned maps = mappings();

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		int event = eventfd(0, 0);
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		check_frames_pass(&bed, "at first");
		assert_int_equal(say(&bed, VHOST_ADD_MEM_REG, &added, sizeof(added), event), 1);
		check_frames_pass(&bed, "ADD_MEM_REG");
		assert_int_equal(say(&bed, VHOST_REM_MEM_REG, &added, sizeof(added), -1), 1);
		check_frames_pass(&bed, "REM_MEM_REG");
		assert_int_equal(say(&bed, VHOST_SET_MEM_TABLE, &table, RING_MEMORY_BYTES, event), 1);
		check_frames_pass(&bed, "SET_MEM_TABLE");
		close(event);
		bed_done(&bed);
		assert_int_equal(mappings(), maps);
	}
}

/* As the front end has told of it (kit/vhost_front.c). */
static struct vhost_one_region ring_memory(const struct bed *bed, uint32_t ring)
{
	const uint64_t at = ring * bed->front.ring_bytes;

	return (struct vhost_one_region){.region = {.guest = 0x40000000 + 2 * at,
						    .bytes = bed->front.ring_bytes,
						    .user = 0x70000000 + 3 * at,
						    .offset = at}};
}

/* QEMU does so where a region is to be larger or smaller: it takes the old one away and adds the new one, and the guest goes
 * on meanwhile. */
static void rings_wait_for_their_memory_to_come_back(void **state)
{
	const struct vhost_one_region other = {.region = {.guest = 0x1000, .bytes = PAGE, .user = 0x1000}};

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct vhost_one_region regions[2];
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		check_frames_pass(&bed, "at first");
		for (uint32_t ring = 0; ring < 2; ring++) {
			regions[ring] = ring_memory(&bed, ring);
			assert_int_equal(say(&bed, VHOST_REM_MEM_REG, &regions[ring], sizeof(regions[ring]), -1), 0);
		}
		/* a kick meanwhile finds nothing, and is not held against it */
		eventfd_write(bed.front.kick[1], 1);
		pump(bed.fixture);
		assert_int_equal(say(&bed, VHOST_ADD_MEM_REG, &other, sizeof(other), bed.front.memory_fd), 0);
		for (uint32_t ring = 0; ring < 2; ring++)
			assert_int_equal(say(&bed, VHOST_ADD_MEM_REG, &regions[ring], sizeof(regions[ring]),
					     bed.front.memory_fd),
					 0);
		check_frames_pass(&bed, "behind it");
		check_verdict(&bed, "REM_MEM_REG", "and ADD_MEM_REG", DROP_NONE);
		check_rest(&bed);
		bed_done(&bed);
	}
}

/* The guest kicks the old one, since it is told of no other, while the message with the new one is under way. */
static void a_kick_by_the_old_event_is_not_lost_with_it(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		const uint64_t ring = 1;
		uint8_t bytes[100];
		int event = eventfd(0, 0);
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		check_frames_pass(&bed, "at first");
		vhost_front_send(&bed.front, VHOST_SET_VRING_KICK, VHOST_VERSION, &ring, sizeof(ring), &event, 1);
		frame_make(bytes, sizeof(bytes), 1, 2);
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		pump(bed.fixture);
		assert_int_equal(bed.fixture->probe.frames, 2);
		close(event);
		bed_done(&bed);
	}
}

/* The device is as it was made: a driver that looks finds no trace of the last one. */
static void a_device_that_was_reset_has_no_status(void **state)
{
	union vhost_payload answer;
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	assert_int_equal(vhost_front_tell(&bed.front, VHOST_SET_STATUS, 15), 0);
	vhost_front_send(&bed.front, VHOST_RESET_DEVICE, VHOST_VERSION, NULL, 0, NULL, 0);
	vhost_front_send(&bed.front, VHOST_GET_STATUS, VHOST_VERSION, NULL, 0, NULL, 0);
	assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
	assert_int_equal(answer.number, 0);
	bed_done(&bed);
}

static uint32_t stop(struct bed *bed, uint32_t ring)
{
	const struct vhost_state state = {.ring = ring};
	union vhost_payload answer;

	vhost_front_send(&bed->front, VHOST_GET_VRING_BASE, VHOST_VERSION, &state, sizeof(state), NULL, 0);
	assert_int_equal(vhost_front_answer(&bed->front, &answer), sizeof(answer.state));
	return answer.state.number;
}

static void start_again(struct bed *bed, uint32_t ring, uint32_t base)
{
	const struct vhost_state state = {.ring = ring, .number = base};
	const uint64_t number = ring;

	assert_int_equal(say(bed, VHOST_SET_VRING_BASE, &state, sizeof(state), -1), 0);
	assert_int_equal(say(bed, VHOST_SET_VRING_CALL, &number, sizeof(number), bed->front.call[ring]), 0);
	assert_int_equal(say(bed, VHOST_SET_VRING_KICK, &number, sizeof(number), bed->front.kick[ring]), 0);
}

/* What the guest has told once it does not tell again, and the front end gives the same event to whoever is next: it says
 * still what was not seen to. */
static void a_kick_that_was_not_seen_to_is_there_for_the_next(void **state)
{
	static const struct vhost_state from_guest = {.ring = 1};
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100], got[2000];
	union vhost_payload answer;

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (int packed = 0; packed < 2; packed++) {
		uint32_t bases[2];
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		bases[0] = stop(&bed, 0);
		/* the message is seen before the kick */
		vhost_front_send(&bed.front, VHOST_GET_VRING_BASE, VHOST_VERSION, &from_guest, sizeof(from_guest), NULL,
				 0);
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		assert_int_equal(vhost_front_answer(&bed.front, &answer), sizeof(answer.state));
		bases[1] = answer.state.number;
		assert_int_equal(bed.fixture->probe.frames, 0);
		for (uint32_t ring = 0; ring < 2; ring++)
			start_again(&bed, ring, bases[ring]);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->probe.frames, 1);
		probe_send(bed.fixture, 0xffff, 100);
		assert_int_equal(vhost_front_receive(&bed.front, got, sizeof(got)), VIRTIO_NET_HEADER_BYTES + 100);
		bed_done(&bed);
	}
}

/* It had shown the guest something, and was killed before it told. Only with what is shown behind that place would the
 * guest be told again, which waits for it. */
static void a_guest_is_told_when_another_goes_on_with_its_ring(void **state)
{
	struct vhost_state elsewhere = {.ring = 0};
	eventfd_t count;
	struct bed bed;
	uint32_t base;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain | FEATURES(EVENT_IDX));
	probe_send(bed.fixture, 0xffff, 100);
	base = stop(&bed, 0);
	assert_int_equal(base, 1);
	/* as one that was never here */
	elsewhere.number = base + 1;
	assert_int_equal(say(&bed, VHOST_SET_VRING_BASE, &elsewhere, sizeof(elsewhere), -1), 0);
	eventfd_read(bed.front.call[0], &count);
	start_again(&bed, 0, base);
	eventfd_write(bed.front.kick[0], 1);
	pump(bed.fixture);
	assert_int_equal(eventfd_read(bed.front.call[0], &count), 0);
	bed_done(&bed);
}

/* Where a packed ring goes on nobody knows, and telling its memory anew does not change that. */
static void a_ring_that_is_lost_stays_so_until_it_is_new(void **state)
{
	struct vhost_state elsewhere = {.ring = 0, .number = 0x80058005};
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain | FEATURES(RING_PACKED));
	probe_send(bed.fixture, 0xffff, 100);
	stop(&bed, 0);
	assert_int_equal(say(&bed, VHOST_SET_VRING_BASE, &elsewhere, sizeof(elsewhere), -1), 0);
	start_again(&bed, 0, bed.front.packed_base);
	eventfd_write(bed.front.kick[0], 1);
	pump(bed.fixture);
	assert_int_equal(bed.port->counters.drops.count[DROP_RING_LOST], 1);
	for (uint64_t times = 2; times < 4; times++) {
		assert_int_equal(vhost_front_set_memory(&bed.front), 0);
		assert_int_equal(bed.port->counters.drops.count[DROP_RING_LOST], times);
	}
	start_again(&bed, 0, stop(&bed, 0));
	eventfd_write(bed.front.kick[0], 1);
	pump(bed.fixture);
	assert_int_equal(bed.port->counters.drops.count[DROP_RING_LOST], 4);
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_is_told_when_another_goes_on_with_its_ring),
		cmocka_unit_test(a_ring_that_is_lost_stays_so_until_it_is_new),
		cmocka_unit_test(rings_wait_for_their_memory_to_come_back),
		cmocka_unit_test(a_kick_by_the_old_event_is_not_lost_with_it),
		cmocka_unit_test(a_device_that_was_reset_has_no_status),
		cmocka_unit_test(a_kick_that_was_not_seen_to_is_there_for_the_next),
		cmocka_unit_test(memory_that_is_refused_leaves_all_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
