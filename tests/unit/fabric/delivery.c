/* SPDX-License-Identifier: MIT */
/* The memory that cut frames borrow until the flush, when there is too little of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "unit/fabric/packet.h"
#include "unit/fabric/record_port.h"

enum { BATCH = 64, SEGMENTS_MAX = 8192 };

/* Keeps views, and looks at them only at the flush, as a port does that writes then. */
struct late_port {
	struct port port;
	struct frame frames[SEGMENTS_MAX];
	size_t count;
	size_t flushes;
	uint32_t sequence;
};

static struct ethswitch *ethswitch;
static struct record_port a;
static struct late_port late;
static uint8_t bytes[PACKET_BYTES_MAX], flat[PACKET_BYTES_MAX];
static struct packet_view whole;

static void late_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	assert_true(late.count < SEGMENTS_MAX);
	late.frames[late.count++] = *frame;
}

static void late_flush(struct port *port)
{
	(void)port;
	for (size_t i = 0; i < late.count; i++) {
		struct packet_view view = {0};
		uint32_t payload;

		frame_copy(&late.frames[i], 0, flat, late.frames[i].length);
		assert_null(packet_wrong(flat, late.frames[i].length, &view));
		payload = view.end - view.payload;
		assert_int_equal(view.sequence, late.sequence);
		assert_memory_equal(flat + view.payload, bytes + whole.payload + late.sequence, payload);
		late.sequence = (late.sequence + payload) % (whole.end - whole.payload);
	}
	late.count = 0;
	late.flushes++;
}

static const struct port_ops late_ops = {.queue = late_queue, .flush = late_flush};

static void start_with(uint32_t mtu_bytes)
{
	struct ethswitch_config config = {.mtu_bytes = mtu_bytes};

	memset(&late, 0, sizeof(late));
	assert_int_equal(ethswitch_new(&config, &ethswitch), 0);
	record_port_init(&a, "a");
	ethswitch_attach(ethswitch, &a.port);
	port_init(&late.port, &late_ops, "late");
	late.port.accepts.frame_bytes = 1514;
	ethswitch_attach(ethswitch, &late.port);
}

static int start(void **state)
{
	(void)state;
	start_with(1500);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	ethswitch_detach(&a.port);
	ethswitch_detach(&late.port);
	record_port_clear(&a);
	ethswitch_free(ethswitch);
	return 0;
}

static void send_many(uint32_t payload, uint16_t segment_bytes, bool partial)
{
	struct packet_spec spec = {.from = 1, .to = 2, .payload = payload, .partial = partial, .seed = 3};
	uint32_t length = packet_build(bytes, &spec, &whole);
	struct iovec body = {bytes + 256, length - 256};
	struct frame frames[BATCH];

	for (int i = 0; i < BATCH; i++) {
		frames[i] = (struct frame){
			.head = bytes, .head_bytes = 256, .length = length, .body = &body, .body_pieces = 1};
		if (segment_bytes)
			frames[i].offload = (struct offload){CSUM_PARTIAL, GSO_TCP4, false, 34, 16, segment_bytes};
	}
	ethswitch_input(&a.port, frames, BATCH);
	assert_int_equal(late.sequence, 0);
	assert_int_equal(late.count, 0);
}

static void more_segments_than_there_is_memory_for_are_flushed_early(void **state)
{
	(void)state;
	send_many(65000, 1460, true);
	assert_true(late.flushes > 1);
}

static void a_frame_of_the_most_segments_arrives_whole(void **state)
{
	(void)state;
	send_many(65000, 32, true);
	assert_true(late.flushes > BATCH);
}

static void the_head_of_a_helped_guest_outlives_the_flushes_of_its_own_segments(void **state)
{
	/* an MTU that is never, so that one frame's segments need more than all of the memory, from the first frame on */
	finish(state);
	start_with(100);
	a.port.adopt_csum = true;
	send_many(60000, 0, true);
	assert_true(late.flushes > BATCH);
	late.flushes = 0;
	late.port.accepts.frame_bytes = 60;
	send_many(60000, 0, true); /* nothing fits: nothing arrives, and everything is counted */
	assert_int_equal(late.flushes, 0);
	assert_int_equal(late.port.counters.drops.count[DROP_FRAME_TOO_LARGE_FOR_PORT], BATCH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
	const struct CMUnitTest tests[] = {
		TEST(more_segments_than_there_is_memory_for_are_flushed_early),
		TEST(a_frame_of_the_most_segments_arrives_whole),
		TEST(the_head_of_a_helped_guest_outlives_the_flushes_of_its_own_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
