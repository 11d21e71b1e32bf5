/* SPDX-License-Identifier: MIT */
/* The data plane with an owner of the test's own: what an owner is told, and when. That frames pass is vhost_user.c's. */
#include "port/virtnet.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "fabric/ethswitch.h"
#include "kit/ring_driver.h"
#include "virtio/net.h"
#include "virtio/pieces.h"

enum { SIZE = 16, PAGES = 64, GUEST = 0x40000000, TO_GUEST = 0, FROM_GUEST = 1 };

struct bed {
	struct virtnet virtnet;
	struct virtnet_scratch *scratch;
	struct ethswitch *ethswitch;
	uint8_t *memory[2];
	struct ring_driver drivers[2];
	unsigned written, returned, harvested; /* how often told; chains that the driver saw when told */
};

static struct bed *bed_of(struct virtnet *virtnet)
{
	return container_of(virtnet, struct bed, virtnet);
}

static void on_call(struct virtnet *virtnet, uint32_t ring)
{
	(void)virtnet;
	(void)ring;
}

static void on_broken(struct virtnet *virtnet, uint32_t ring, enum drop_reason reason)
{
	(void)virtnet;
	fail_msg("ring %u broke: %s", ring, drop_text(reason));
}

/* Whoever copies the memory from now on copies all of it: the count of buffers is the last that is written. */
static void on_written(struct virtnet *virtnet, const struct iovec *pieces, uint32_t count, uint32_t bytes)
{
	const uint8_t *header = pieces[0].iov_base;

	assert_true(count > 0 && bytes > VIRTIO_NET_HEADER_BYTES);
	assert_true(pieces[0].iov_len >= VIRTIO_NET_HEADER_BYTES);
	assert_int_equal(header[VIRTIO_NET_BUFFERS_OFFSET], 1);
	bed_of(virtnet)->written++;
}

/* The driver sees what was returned already. */
static void on_returned(struct virtnet *virtnet, uint32_t ring)
{
	struct bed *bed = bed_of(virtnet);
	struct ring_driver_used used;

	bed->returned++;
	while (ring_driver_harvest(&bed->drivers[ring], &used)) {
		bed->harvested++;
		ring_driver_release(&bed->drivers[ring], used.id);
	}
}

static const struct virtnet_owner owner = {
	.call = on_call,
	.on_broken = on_broken,
	.on_written = on_written,
	.on_returned = on_returned,
};

static const struct virtnet_owner silent = {.call = on_call, .on_broken = on_broken};

static void bed_start(struct bed *bed, uint32_t ring)
{
	struct ring_setup setup;

	ring_driver_connect(&bed->drivers[ring], &bed->virtnet.memory, true, &setup);
	assert_int_equal(virtnet_start(&bed->virtnet, ring, &setup), 0);
	virtnet_switch(&bed->virtnet, ring, true);
}

static void bed_init(struct bed *bed, bool packed, bool event_idx)
{
	const struct ethswitch_config config = {.mtu_bytes = 1500};
	size_t bytes = (ring_driver_bytes(SIZE, PAGES) + 4095) / 4096 * 4096;

	*bed = (struct bed){.scratch = virtnet_scratch_new()};
	assert_int_equal(ethswitch_new(&config, &bed->ethswitch), 0);
	virtnet_init(&bed->virtnet, &owner, bed->scratch, "g", ethswitch_blocks(bed->ethswitch), 100000);
	virtnet_set_features(&bed->virtnet,
			     VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(MRG_RXBUF) |
				     (packed ? VIRTNET_FEATURE(RING_PACKED) : 0) |
				     (event_idx ? VIRTNET_FEATURE(EVENT_IDX) : 0),
			     1500);
	ethswitch_attach(bed->ethswitch, &bed->virtnet.port);
	for (uint32_t ring = 0; ring < 2; ring++) {
		struct ring_driver_setup setup = {.bytes = bytes,
						  .address = GUEST + 2 * ring * bytes,
						  .size = SIZE,
						  .packed = packed,
						  .event_idx = event_idx,
						  .seed = ring + 1};

		bed->memory[ring] = setup.memory = aligned_alloc(4096, bytes);
		memset(bed->memory[ring], 0, bytes);
		ring_driver_init(&bed->drivers[ring], &setup);
	}
}

static void bed_done(struct bed *bed)
{
	virtnet_stop(&bed->virtnet, TO_GUEST);
	virtnet_stop(&bed->virtnet, FROM_GUEST);
	virtnet_done(&bed->virtnet);
	ethswitch_detach(&bed->virtnet.port);
	ethswitch_free(bed->ethswitch);
	virtnet_scratch_free(bed->scratch);
	for (int i = 0; i < 2; i++) {
		ring_driver_done(&bed->drivers[i]);
		free(bed->memory[i]);
	}
}

static void a_log_is_told_of_what_stands_there_already(void **state)
{
	uint8_t bytes[100] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct port *port;
		struct frame frame;
		struct bed bed;

		bed_init(&bed, packed, false);
		port = &bed.virtnet.port;
		bed_start(&bed, TO_GUEST);
		for (int i = 0; i < 4; i++)
			assert_true(ring_driver_offer_room(&bed.drivers[TO_GUEST], 1526, 1) >= 0);
		ring_driver_publish(&bed.drivers[TO_GUEST]);
		frame_init(&frame, bytes, sizeof(bytes));
		for (int i = 0; i < 3; i++)
			port->ops->queue(port, &frame);
		assert_int_equal(bed.written, 3);
		assert_int_equal(bed.returned, 0);
		port->ops->flush(port);
		assert_int_equal(bed.returned, 1);
		assert_int_equal(bed.harvested, 3);
		/* and what is still to be shown when the ring stops */
		port->ops->queue(port, &frame);
		virtnet_stop(&bed.virtnet, TO_GUEST);
		assert_int_equal(bed.harvested, 4);
		bed_done(&bed);
	}
}

/* A driver that offers a little at a time, at any moment: a signal, since two threads rarely meet on a busy machine. */
enum { TOLD_ROOM = 300, TOLD_FRAME = 1500, TOLD_LOOKS = 200000, TOLD_EVERY_US = 20 };

static struct ring_driver *offering;
static volatile sig_atomic_t told;

static bool offer_a_little(void)
{
	struct ring_driver_used used;

	while (ring_driver_harvest(offering, &used))
		ring_driver_release(offering, used.id);
	return ring_driver_offer_room(offering, TOLD_ROOM, 1) >= 0;
}

static void on_moment(int number)
{
	(void)number;
	offer_a_little();
	told |= ring_driver_publish(offering);
}

/* Whenever a frame still waits after a look, whoever offers more is asked to tell, or has told already, or will be looked
 * at anyway. */
static void look_and_offer(struct bed *bed, const sigset_t *moments)
{
	uint8_t bytes[TOLD_FRAME] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct port *port = &bed->virtnet.port;
	struct frame frame;

	frame_init(&frame, bytes, sizeof(bytes));
	for (int i = 0; i < TOLD_LOOKS; i++) {
		told = false;
		sigprocmask(SIG_UNBLOCK, moments, NULL);
		if (framequeue_empty(&bed->virtnet.waiting[0]))
			port->ops->queue(port, &frame);
		else
			virtnet_kick(&bed->virtnet, TO_GUEST);
		port->ops->flush(port);
		sigprocmask(SIG_BLOCK, moments, NULL);
		if (!framequeue_empty(&bed->virtnet.waiting[0]) && offer_a_little())
			assert_true(ring_driver_publish(offering) || told || bed->virtnet.looked);
	}
}

static void no_telling_of_room_is_lost(void **state)
{
	const struct sigaction action = {.sa_handler = on_moment, .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, TOLD_EVERY_US}, {0, TOLD_EVERY_US}}, never = {{0, 0}, {0, 0}};
	struct sigaction before;
	sigset_t moments;

	(void)state;
	sigemptyset(&moments);
	sigaddset(&moments, SIGALRM);
	for (int packed = 0; packed < 2; packed++) {
		struct bed bed;

		bed_init(&bed, packed, true);
		bed.virtnet.owner = &silent;
		bed_start(&bed, TO_GUEST);
		offering = &bed.drivers[TO_GUEST];
		sigprocmask(SIG_BLOCK, &moments, NULL);
		assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
		setitimer(ITIMER_REAL, &often, NULL);
		look_and_offer(&bed, &moments);
		setitimer(ITIMER_REAL, &never, NULL);
		sigprocmask(SIG_UNBLOCK, &moments, NULL);
		sigaction(SIGALRM, &before, NULL);
		bed_done(&bed);
	}
}

static void a_guest_is_away_while_no_ring_from_it_runs(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, false, false);
	bed_start(&bed, TO_GUEST);
	assert_true(bed.virtnet.port.away);
	virtnet_stop(&bed.virtnet, TO_GUEST);
	bed_start(&bed, FROM_GUEST);
	assert_false(bed.virtnet.port.away);
	virtnet_stop(&bed.virtnet, FROM_GUEST);
	assert_true(bed.virtnet.port.away);
	bed_done(&bed);
}

/* As one that is pushed: the port is told what the switch found (virtio 1.2, 5.1.6.4.1). */
static void a_segment_in_lent_room_says_how_long_its_headers_are(void **state)
{
	const struct frame frame = {.length = 100,
				    .offload = {.csum = CSUM_PARTIAL, .gso = GSO_TCP4, .segment_bytes = 40},
				    .layout = {.l3 = 14, .l4 = 34, .payload = 54}};
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES + 100];
	struct virtio_net header;
	struct room room;
	struct bed bed;

	(void)state;
	bed_init(&bed, false, false);
	bed.virtnet.owner = &silent;
	bed_start(&bed, TO_GUEST);
	assert_true(ring_driver_offer_room(&bed.drivers[TO_GUEST], sizeof(bytes), 1) >= 0);
	ring_driver_publish(&bed.drivers[TO_GUEST]);
	assert_int_equal(bed.virtnet.port.ops->reserve(&bed.virtnet.port, 0, 100, 100, &room), 0);
	bed.virtnet.port.ops->commit(&bed.virtnet.port, &room, &frame);
	bed.virtnet.port.ops->flush(&bed.virtnet.port);
	assert_int_equal(ring_driver_receive(&bed.drivers[TO_GUEST], bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(virtio_net_read(bytes, &header), DROP_NONE);
	assert_int_equal(header.gso, VIRTIO_NET_GSO_TCP4);
	assert_int_equal(header.header_bytes, 54);
	bed_done(&bed);
}

/* What the guest sends comes out as it is, whatever its driver. */
struct heard {
	struct port port;
	uint8_t bytes[200];
	uint32_t length;
};

static void heard_queue(struct port *port, const struct frame *frame)
{
	struct heard *heard = container_of(port, struct heard, port);

	heard->length = frame->length;
	assert_true(frame->length <= sizeof(heard->bytes));
	frame_copy(frame, 0, heard->bytes, frame->length);
}

static void heard_flush(struct port *port)
{
	(void)port;
}

static const struct port_ops heard_ops = {.queue = heard_queue, .flush = heard_flush};

static const uint8_t old_frame[100] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0,
				       0,    0,    1,    0x88, 0xb5, 1,    2, 3, [99] = 9};

static void check_from_guest(struct bed *bed, uint32_t header_bytes)
{
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES + sizeof(old_frame)] = {0};
	struct heard heard = {.length = 0};

	port_init(&heard.port, &heard_ops, "heard");
	heard.port.accepts.frame_bytes = sizeof(heard.bytes);
	ethswitch_attach(bed->ethswitch, &heard.port);
	memcpy(bytes + header_bytes, old_frame, sizeof(old_frame));
	assert_true(ring_driver_offer_frame(&bed->drivers[FROM_GUEST], bytes, header_bytes + sizeof(old_frame), 5) >=
		    0);
	ring_driver_publish(&bed->drivers[FROM_GUEST]);
	virtnet_kick(&bed->virtnet, FROM_GUEST);
	while (ethswitch_run(bed->ethswitch))
		;
	assert_int_equal(heard.length, sizeof(old_frame));
	assert_memory_equal(heard.bytes, old_frame, sizeof(old_frame));
	ethswitch_detach(&heard.port);
}

/* Pushed, or in lent room; the driver's buffer has no byte more than is needed. */
static void check_to_guest(struct bed *bed, uint32_t header_bytes, bool lent)
{
	struct ring_driver *driver = &bed->drivers[TO_GUEST];
	struct port *port = &bed->virtnet.port;
	uint8_t bytes[sizeof(old_frame)];
	struct ring_driver_used used;
	struct frame frame;
	struct room room;

	frame_init(&frame, old_frame, sizeof(old_frame));
	assert_true(ring_driver_offer_room(driver, header_bytes + sizeof(old_frame), 3) >= 0);
	ring_driver_publish(driver);
	if (lent) {
		assert_int_equal(port->ops->reserve(port, 0, sizeof(old_frame), sizeof(old_frame), &room), 0);
		assert_int_equal(room.bytes, sizeof(old_frame));
		pieces_write(room.pieces, room.piece_count, 0, old_frame, sizeof(old_frame));
		port->ops->commit(port, &room, &frame);
	} else {
		port->ops->queue(port, &frame);
	}
	port->ops->flush(port);
	assert_true(ring_driver_harvest(driver, &used));
	assert_int_equal(used.bytes, header_bytes + sizeof(old_frame));
	ring_driver_read(driver, used.id, header_bytes, bytes, sizeof(bytes));
	assert_memory_equal(bytes, old_frame, sizeof(bytes));
	ring_driver_release(driver, used.id);
}

/* Ten bytes, without the count of buffers, unless these are mergeable (virtio 1.2, 5.1.6.1). The firmware OVMF has such a
 * driver for a device that knows both, and everybody for one with disable-modern=on. */
static void a_driver_of_before_1_0_has_a_shorter_header(void **state)
{
	static const struct {
		uint64_t features;
		uint32_t header_bytes;
	} drivers[] = {{0, VIRTIO_NET_SHORT_HEADER_BYTES},
		       {VIRTNET_FEATURE(MRG_RXBUF), VIRTIO_NET_HEADER_BYTES},
		       {VIRTNET_FEATURE(VERSION_1), VIRTIO_NET_HEADER_BYTES}};

	(void)state;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		struct bed bed;

		bed_init(&bed, false, false);
		bed.virtnet.owner = &silent;
		virtnet_set_features(&bed.virtnet, drivers[i].features, 1500);
		bed_start(&bed, TO_GUEST);
		bed_start(&bed, FROM_GUEST);
		check_from_guest(&bed, drivers[i].header_bytes);
		check_to_guest(&bed, drivers[i].header_bytes, false);
		check_to_guest(&bed, drivers[i].header_bytes, true);
		bed_done(&bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_is_told_of_what_stands_there_already),
		cmocka_unit_test(no_telling_of_room_is_lost),
		cmocka_unit_test(a_guest_is_away_while_no_ring_from_it_runs),
		cmocka_unit_test(a_segment_in_lent_room_says_how_long_its_headers_are),
		cmocka_unit_test(a_driver_of_before_1_0_has_a_shorter_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
