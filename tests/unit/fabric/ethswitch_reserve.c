/* SPDX-License-Identifier: MIT */
/* Room: lent by a port or by the switch, committed, cancelled and refused. */
#include "unit/fabric/ethswitch_fixture.h"

struct lender {
	struct record_port record;
	uint8_t memory[66000];
	struct iovec pieces[3];
	int error;
	uint32_t flow, queue;
	uint32_t committed;
	uint32_t cancelled;
	struct offload offload;
};

static struct lender lender;

static int lend(struct port *port, uint32_t flow, uint32_t least, uint32_t wanted, struct room *ret_room)
{
	(void)port;
	assert_true(least <= wanted);
	lender.flow = flow;
	ret_room->queue = lender.queue;
	if (lender.error)
		return lender.error;
	lender.pieces[0] = (struct iovec){lender.memory, 5};
	lender.pieces[1] = (struct iovec){lender.memory + 5, 1};
	lender.pieces[2] = (struct iovec){lender.memory + 6, wanted - 6};
	*ret_room = (struct room){.pieces = lender.pieces, .piece_count = 3, .bytes = wanted};
	return 0;
}

static void take(struct port *port, struct room *room, const struct frame *frame)
{
	(void)port;
	assert_true(frame->length <= room->bytes && frame->layout.l3 > 0);
	lender.committed = frame->length;
	lender.offload = frame->offload;
}

static void leave(struct port *port, struct room *room)
{
	(void)port;
	(void)room;
	lender.cancelled++;
}

static const struct port_ops lender_ops = {
	.queue = record_queue, .flush = record_flush, .reserve = lend, .commit = take, .cancel = leave};

static void start_lender(struct port_accepts accepts)
{
	memset(&lender, 0, sizeof(lender));
	record_port_init(&lender.record, "lender");
	lender.record.port.ops = &lender_ops;
	lender.record.port.accepts = accepts;
	ethswitch_attach(ethswitch, &lender.record.port);
	send(&lender.record, 7, ALL);
	forget();
}

static void end_lender(void)
{
	ethswitch_detach(&lender.record.port);
	record_port_clear(&lender.record);
}

static void produce_as(struct record_port *from, uint16_t source, uint16_t to, uint32_t payload, struct offload offload)
{
	struct packet_spec spec = {.from = source,
				   .to = to,
				   .payload = payload,
				   .partial = offload.csum == CSUM_PARTIAL};
	uint32_t length = packet_build(bytes, &spec, NULL);
	struct room room;

	assert_int_equal(ethswitch_reserve(&from->port, &(struct destination){.mac = mac_of(to)}, length, length + 20,
					   &room),
			 0);
	assert_true(room.bytes >= length);
	room_write(&room, 0, bytes, length);
	ethswitch_commit(&from->port, &room, bytes, length, &offload);
	ethswitch_flush(ethswitch);
}

static void produce(uint16_t to, uint32_t payload, struct offload offload)
{
	produce_as(&g, GATEWAY, to, payload, offload);
}

static const struct offload tso = {CSUM_PARTIAL, GSO_TCP4, false, 34, 16, 1400};

static void a_known_port_lends_its_own_room(void **state)
{
	struct port_accepts all = {.csum = true, .tso4 = true, .tso6 = true, .frame_bytes = 1514};

	(void)state;
	start_lender(all);
	produce(7, 60000, tso);
	assert_int_equal(lender.committed, 60054);
	assert_memory_equal(lender.memory, bytes, 60054);
	assert_int_equal(lender.offload.gso, GSO_TCP4);
	assert_int_equal(lender.record.count, 0);
	assert_int_equal(lender.record.flushes, 1);
	assert_int_equal(ethswitch_frames(ethswitch)->touched, 0);
	assert_int_equal(g.port.counters.from_guest.frames, 1);
	end_lender();
}

static void a_port_without_the_offload_gets_segments_out_of_a_pool_frame(void **state)
{
	(void)state;
	start_lender((struct port_accepts){.frame_bytes = 1514});
	produce(7, 60000, tso); /* larger than a frame of this port: its room is asked for, and not used */
	assert_int_equal(lender.committed, 0);
	assert_int_equal(lender.cancelled, 1);
	assert_int_equal(lender.record.count, 43);
	check_segments(&lender.record, false, 60000);
	forget();
	record_port_clear(&lender.record);
	produce(7, 1000, (struct offload){CSUM_PARTIAL, GSO_NONE, false, 34, 16, 0}); /* lent, but not as it is */
	assert_int_equal(lender.cancelled, 2);
	assert_int_equal(lender.record.count, 1);
	check_segments(&lender.record, false, 1000);
	end_lender();
}

static void what_is_to_be_cut_for_a_port_waits_while_it_has_no_room(void **state)
{
	struct room room;

	(void)state;
	start_lender((struct port_accepts){.frame_bytes = 1514});
	lender.error = -EAGAIN;
	lender.queue = 3;
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(7), .flow = 5}, 1514, 60054,
					   &room),
			 -EAGAIN);
	assert_ptr_equal(room.port, &lender.record.port);
	assert_int_equal(room.queue, 3);
	assert_int_equal(lender.flow, 5);
	end_lender();
}

static void several_or_unknown_destinations_get_a_pool_frame(void **state)
{
	(void)state;
	introduce();
	produce(ALL, 100, (struct offload){0});
	check_counts(0, 1, 1, 1);
	produce(NOBODY, 100, (struct offload){0});
	check_counts(0, 1, 1, 1);
	produce(2, 100, (struct offload){0});
	assert_memory_equal(b.frames[0].bytes, bytes, b.frames[0].length);
	check_counts(0, 0, 1, 0);
}

static void refusals_of_room_tell_whom_to_wait_for(void **state)
{
	struct room room;

	(void)state;
	start_lender((struct port_accepts){.frame_bytes = 1514});
	lender.error = -EAGAIN;
	lender.queue = 3;
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(7), .flow = 77}, 60, 1000,
					   &room),
			 -EAGAIN);
	assert_ptr_equal(room.port, &lender.record.port);
	assert_int_equal(room.queue, 3);
	assert_int_equal(lender.flow, 77);
	lender.error = -EMSGSIZE;
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(7)}, 60, 1000, &room),
			 -EMSGSIZE);
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(NOBODY)}, FRAME_BYTES_MAX + 1,
					   FRAME_BYTES_MAX + 1, &room),
			 -EMSGSIZE);
	end_lender();
}

static void a_room_that_is_cancelled_or_refused_goes_back(void **state)
{
	struct room room;
	uint32_t length;

	(void)state;
	introduce();
	start_lender((struct port_accepts){.frame_bytes = 1514});
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(7)}, 60, 1000, &room), 0);
	ethswitch_cancel(&g.port, &room);
	assert_int_equal(lender.cancelled, 1);
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(2)}, 60, 1000, &room), 0);
	assert_int_equal(ethswitch_frames(ethswitch)->taken, 1);
	ethswitch_cancel(&g.port, &room);
	assert_int_equal(ethswitch_frames(ethswitch)->taken, 0);
	/* what was written has an offload that does not fit: counted at the producer, nothing is committed */
	length = packet_build(bytes, &(struct packet_spec){.from = GATEWAY, .to = 7, .payload = 100}, NULL);
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(7)}, length, length, &room), 0);
	ethswitch_commit(&g.port, &room, bytes, length, &(struct offload){.gso = GSO_TCP4});
	assert_int_equal(dropped(&g, DROP_OFFLOAD_GSO_CSUM), 1);
	assert_true(lender.cancelled == 2 && lender.committed == 0);
	end_lender();
}

static void what_was_written_into_a_ports_own_room_is_judged_like_any_frame(void **state)
{
	(void)state;
	introduce();
	start_lender((struct port_accepts){.frame_bytes = 1000});
	produce_as(&a, GATEWAY, 7, 100, (struct offload){0});
	assert_int_equal(dropped(&a, DROP_SOURCE_GATEWAY), 1);
	assert_int_equal(lender.cancelled, 1);
	b.port.locked = true;
	b.port.lock = mac_of(2);
	produce_as(&b, 3, 7, 100, (struct offload){0});
	assert_int_equal(dropped(&b, DROP_SOURCE_SPOOFED), 1);
	assert_int_equal(lender.cancelled, 2);
	produce_as(&c, 3, 7, 1200, (struct offload){0});
	assert_int_equal(dropped(&lender.record, DROP_FRAME_TOO_LARGE_FOR_PORT), 1);
	assert_int_equal(lender.cancelled, 3);
	assert_int_equal(lender.committed, 0);
	produce_as(&c, 3, 7, 100, (struct offload){0});
	assert_true(lender.committed > 0);
	assert_int_equal(lender.cancelled, 3);
	end_lender();
}

static size_t seen_from_guest, seen_to_guest;

static void see_from_guest(void *owner, struct port *port, const struct frame *frame)
{
	assert_ptr_equal(owner, &lender);
	assert_ptr_equal(port, &g.port);
	assert_true(frame->length > 100);
	seen_from_guest++;
}

static void see_to_guest(void *owner, struct port *port, const struct frame *frame)
{
	assert_ptr_equal(owner, &lender);
	assert_ptr_equal(port, &lender.record.port);
	assert_true(frame->length > 100);
	seen_to_guest++;
}

static void an_observer_sees_what_was_written_into_a_ports_own_room(void **state)
{
	struct observer observer = {.on_from_guest = see_from_guest, .on_to_guest = see_to_guest, .owner = &lender};

	(void)state;
	start_lender((struct port_accepts){.frame_bytes = 1514});
	seen_from_guest = seen_to_guest = 0;
	ethswitch_observe(ethswitch, &observer);
	produce(7, 100, (struct offload){0});
	assert_int_equal(seen_from_guest, 1);
	assert_int_equal(seen_to_guest, 1);
	ethswitch_observe(ethswitch, NULL);
	produce(7, 100, (struct offload){0});
	assert_int_equal(seen_to_guest, 1);
	end_lender();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_known_port_lends_its_own_room),
		TEST(a_port_without_the_offload_gets_segments_out_of_a_pool_frame),
		TEST(what_is_to_be_cut_for_a_port_waits_while_it_has_no_room),
		TEST(several_or_unknown_destinations_get_a_pool_frame),
		TEST(refusals_of_room_tell_whom_to_wait_for),
		TEST(a_room_that_is_cancelled_or_refused_goes_back),
		TEST(what_was_written_into_a_ports_own_room_is_judged_like_any_frame),
		TEST(an_observer_sees_what_was_written_into_a_ports_own_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
