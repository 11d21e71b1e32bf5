/* SPDX-License-Identifier: MIT */
/* The switch: who hears what, who owns an address, what is refused, and ports that go meanwhile. Room that ports lend is in
 * ethswitch_reserve.c. */
#include "unit/fabric/ethswitch_fixture.h"

static void a_frame_to_an_unknown_address_is_flooded(void **state)
{
	(void)state;
	send(&a, 1, NOBODY);
	check_counts(1, 0, 1, 1);
}

static void broadcast_and_multicast_go_to_all_but_the_sender(void **state)
{
	struct frame frame;

	(void)state;
	introduce();
	send(&a, 1, ALL);
	check_counts(1, 0, 1, 1);
	frame = frame_of((struct packet_spec){.from = 1, .to = 2, .payload = 9});
	bytes[0] = 0x33;
	ethswitch_input(&a.port, &frame, 1);
	check_counts(1, 0, 1, 1);
}

static void after_learning_unicast_reaches_only_its_port(void **state)
{
	(void)state;
	introduce();
	assert_int_equal(learned, 4);
	for (int i = 0; i < 10; i++)
		send(&a, 1, 2);
	assert_int_equal(b.count, 10);
	assert_int_equal(g.count + a.count + c.count, 0);
	assert_int_equal(learned, 4);
	assert_ptr_equal(ethswitch_find(ethswitch, mac_of(2), 0), &b.port);
	assert_null(ethswitch_find(ethswitch, mac_of(NOBODY), 0));
	assert_int_equal(a.port.counters.from_guest.frames, 11);
}

static void addresses_are_learnt_per_vlan_and_tags_pass(void **state)
{
	struct packet_spec spec = {.from = 1, .to = 2, .tags = 2, .vlan = 40, .payload = 100};

	(void)state;
	introduce();
	send_spec(&a, spec, (struct offload){0});
	assert_memory_equal(b.frames[0].bytes, bytes, b.frames[0].length);
	check_counts(1, 0, 1, 1);
	spec.from = 2;
	spec.to = 1;
	send_spec(&b, spec, (struct offload){0});
	check_counts(0, 1, 0, 0);
}

static void a_batch_is_flushed_once_at_each_port(void **state)
{
	struct frame frames[64];

	(void)state;
	introduce();
	frames[0] = frame_of((struct packet_spec){.from = 1, .to = 2, .payload = 100});
	for (int i = 1; i < 64; i++)
		frames[i] = frames[0];
	ethswitch_input(&a.port, frames, 64);
	assert_int_equal(b.count, 64);
	assert_int_equal(b.flushes, 1);
	assert_false(ethswitch_busy(ethswitch));
}

static void frames_that_go_nowhere_are_counted_at_their_source(void **state)
{
	struct frame frame;

	(void)state;
	introduce();
	send(&a, 1, 1);
	check_counts(0, 0, 0, 0);
	assert_int_equal(dropped(&a, DROP_DESTINATION_SAME_PORT), 1);
	for (uint8_t last = 0; last < 17; last++) {
		frame = frame_of((struct packet_spec){.from = 2, .to = 1, .payload = 9});
		memcpy(bytes, (uint8_t[]){0x01, 0x80, 0xc2, 0, 0, last}, 6);
		ethswitch_input(&b.port, &frame, 1);
	}
	assert_int_equal(dropped(&b, DROP_DESTINATION_RESERVED), 16);
	check_counts(1, 1, 0, 1);
	ethswitch_detach(&a.port);
	ethswitch_detach(&b.port);
	ethswitch_detach(&g.port);
	send(&c, 3, ALL);
	assert_int_equal(dropped(&c, DROP_NO_OTHER_PORT), 1);
}

static void sources_that_may_not_be_are_dropped(void **state)
{
	struct frame frame = frame_of((struct packet_spec){.from = 1, .to = 2, .payload = 9});

	(void)state;
	bytes[6] |= 1;
	ethswitch_input(&a.port, &frame, 1);
	memset(bytes + 6, 0, 6);
	ethswitch_input(&a.port, &frame, 1);
	assert_int_equal(dropped(&a, DROP_SOURCE_MULTICAST), 2);
	send(&b, GATEWAY, ALL);
	assert_int_equal(dropped(&b, DROP_SOURCE_GATEWAY), 1);
	check_counts(0, 0, 0, 0);
	assert_int_equal(learned, 0);
	send(&g, GATEWAY, ALL);
	check_counts(0, 1, 1, 1);
}

static void the_gateways_address_belongs_to_the_first_uplink_that_uses_it(void **state)
{
	(void)state;
	c.port.uplink = true;
	send(&g, GATEWAY, ALL);
	forget();
	send(&c, GATEWAY, ALL);
	assert_int_equal(dropped(&c, DROP_SOURCE_GATEWAY), 1);
	check_counts(0, 0, 0, 0);
	ethswitch_detach(&g.port);
	send(&c, GATEWAY, ALL);
	check_counts(0, 1, 1, 0);
}

static void a_locked_port_sends_with_its_own_address_only(void **state)
{
	(void)state;
	a.port.locked = true;
	a.port.lock = mac_of(1);
	send(&a, 5, ALL);
	assert_int_equal(dropped(&a, DROP_SOURCE_SPOOFED), 1);
	check_counts(0, 0, 0, 0);
	assert_null(ethswitch_find(ethswitch, mac_of(5), 0));
	send(&a, 1, ALL);
	check_counts(1, 0, 1, 1);
}

static void isolated_ports_reach_the_gateway_and_open_ports_only(void **state)
{
	(void)state;
	introduce();
	a.port.isolated = b.port.isolated = g.port.isolated = true; /* an uplink is never isolated */
	send(&a, 1, ALL);
	check_counts(1, 0, 0, 1);
	send(&a, 1, NOBODY);
	check_counts(1, 0, 0, 1);
	send(&a, 1, GATEWAY);
	send(&a, 1, 3);
	assert_int_equal(dropped(&a, DROP_NONE), 0);
	check_counts(1, 0, 0, 1);
	send(&a, 1, 2);
	assert_int_equal(dropped(&a, DROP_DESTINATION_ISOLATED), 1);
	send(&c, 3, 1);
	send(&g, GATEWAY, 2);
	check_counts(0, 1, 1, 0);
	ethswitch_detach(&g.port);
	ethswitch_detach(&c.port);
	send(&b, 2, ALL);
	assert_int_equal(dropped(&b, DROP_DESTINATION_ISOLATED), 1);
}

static void two_guests_with_one_address_are_told_apart_and_the_first_keeps_it(void **state)
{
	(void)state;
	introduce();
	send(&b, 1, 3);
	assert_true(claims == 1 && conflicts == 0);
	send(&a, 1, 3);
	check_counts(0, 0, 0, 1);
	assert_int_equal(conflicts, 1);
	assert_true(first_port == &a.port && second_port == &b.port);
	assert_ptr_equal(ethswitch_conflict(ethswitch, mac_of(1)), &b.port);
	assert_null(ethswitch_conflict(ethswitch, mac_of(2)));
	send(&b, 1, 3);
	assert_int_equal(dropped(&b, DROP_SOURCE_CONFLICT), 2);
	check_counts(0, 0, 0, 0);
	assert_int_equal(conflicts, 1);
	send(&c, 3, 1);
	send(&a, 1, 3);
	check_counts(0, 1, 0, 1);
}

static void a_real_move_is_followed_when_the_owner_does_not_answer(void **state)
{
	(void)state;
	introduce();
	later(60 * SECOND);
	send(&b, 1, 3);
	assert_true(claims == 1 && conflicts == 0);
	assert_null(ethswitch_conflict(ethswitch, mac_of(1)));
	later(SECOND);
	send(&b, 1, 3);
	check_counts(0, 0, 0, 1);
	send(&c, 3, 1);
	check_counts(0, 0, 1, 0);
	assert_true(claims == 1 && conflicts == 0);
}

static void an_owner_that_answers_the_claim_makes_it_a_conflict(void **state)
{
	(void)state;
	introduce();
	later(60 * SECOND);
	send(&b, 1, 3);
	later(1000);
	send(&a, 1, GATEWAY);
	assert_true(claims == 1 && conflicts == 1);
	later(2 * SECOND);
	send(&a, 1, GATEWAY);
	send(&b, 1, 3);
	assert_int_equal(dropped(&b, DROP_SOURCE_CONFLICT), 2);
}

static void a_reconnect_is_followed_at_once(void **state)
{
	(void)state;
	introduce();
	ethswitch_detach(&a.port);
	assert_null(ethswitch_find(ethswitch, mac_of(1), 0));
	send(&b, 1, 3);
	check_counts(0, 0, 0, 1);
	assert_true(claims == 0 && conflicts == 0);
	assert_ptr_equal(ethswitch_find(ethswitch, mac_of(1), 0), &b.port);
}

static void on_room(void *owner, struct port *port)
{
	(void)port;
	++*(unsigned *)owner;
}

static void a_guest_that_is_away_loses_its_address_at_once_and_who_waits_for_it_is_called(void **state)
{
	struct port_waiter waiter = {0};
	unsigned called = 0;

	(void)state;
	introduce();
	port_wait(&a.port, 0, &waiter, on_room, &called);
	a.port.away = true;
	send(&b, 1, 3);
	check_counts(0, 0, 0, 1);
	assert_true(claims == 0 && conflicts == 0);
	assert_ptr_equal(ethswitch_find(ethswitch, mac_of(1), 0), &b.port);
	assert_ptr_equal(moved_from, &a.port);
	assert_int_equal(called, 1);
	/* back again, it has to ask like anybody */
	a.port.away = false;
	send(&a, 1, 3);
	assert_int_equal(dropped(&a, DROP_SOURCE_CONFLICT), 1);
	assert_int_equal(claims, 1);
}

static void a_frame_that_comes_back_by_a_loop_is_refused(void **state)
{
	(void)state;
	introduce();
	send(&a, 1, ALL);
	send(&c, 1, ALL);
	assert_int_equal(dropped(&c, DROP_SOURCE_CONFLICT), 1);
	check_counts(1, 0, 1, 1);
}

static void with_mac_move_a_loop_is_flapping(void **state)
{
	(void)state;
	finish(NULL);
	start_with((struct ethswitch_config){.mac_move = true});
	introduce();
	for (int i = 0; i < 100; i++)
		send(i % 2 ? &a : &b, 1, GATEWAY);
	assert_int_equal(dropped(&b, DROP_SOURCE_FLAPPING), 50 - ETHSWITCH_MOVES_MAX / 2);
	assert_int_equal(dropped(&a, DROP_NONE), 0);
	assert_int_equal(conflicts, 0);
}

static void an_address_that_is_silent_too_long_is_unknown_again(void **state)
{
	(void)state;
	introduce();
	later(ETHSWITCH_AGE_US);
	send(&a, 1, 2);
	check_counts(1, 0, 1, 1);
}

static void sizes_are_held_against_the_network_and_the_port(void **state)
{
	(void)state;
	introduce();
	send_spec(&a, (struct packet_spec){.from = 1, .to = 2, .payload = 1460}, (struct offload){0});
	send_spec(&a, (struct packet_spec){.from = 1, .to = 2, .tags = 2, .payload = 1460}, (struct offload){0});
	assert_int_equal(b.count, 2);
	send_spec(&a, (struct packet_spec){.from = 1, .to = 2, .payload = 1461}, (struct offload){0});
	assert_int_equal(dropped(&a, DROP_FRAME_LONG), 1);
	b.port.accepts.frame_bytes = 1000;
	send_spec(&a, (struct packet_spec){.from = 1, .to = 2, .payload = 1000 - 54}, (struct offload){0});
	assert_int_equal(b.count, 3);
	send_spec(&a, (struct packet_spec){.from = 1, .to = 2, .payload = 1000 - 53}, (struct offload){0});
	assert_int_equal(dropped(&b, DROP_FRAME_TOO_LARGE_FOR_PORT), 1);
	assert_int_equal(b.count, 3);
	/* flooded: the others still get it */
	forget();
	send_spec(&a, (struct packet_spec){.from = 1, .to = ALL, .payload = 1000}, (struct offload){0});
	check_counts(1, 0, 0, 1);
	assert_int_equal(dropped(&b, DROP_FRAME_TOO_LARGE_FOR_PORT), 2);
	assert_int_equal(dropped(&a, DROP_FRAME_LONG), 1);
}

static void segments_larger_than_the_network_or_the_port_are_dropped(void **state)
{
	(void)state;
	introduce();
	b.port.accepts = (struct port_accepts){.csum = true, .tso4 = true, .frame_bytes = 1514};
	send_gso(&a, 1, 2, false, 1460, 20000);
	check_counts(0, 0, 1, 0);
	send_gso(&a, 1, 2, false, 1461, 20000);
	assert_int_equal(dropped(&a, DROP_OFFLOAD_GSO_SIZE), 1);
	b.port.accepts.frame_bytes = 1513;
	send_gso(&a, 1, 2, false, 1460, 20000);
	assert_int_equal(dropped(&b, DROP_FRAME_TOO_LARGE_FOR_PORT), 1);
	check_counts(0, 0, 0, 0);
}

static void a_large_segment_goes_uncut_and_uncopied_to_a_port_that_takes_it(void **state)
{
	(void)state;
	introduce();
	b.port.accepts = (struct port_accepts){.csum = true, .tso4 = true, .frame_bytes = 1514};
	send_gso(&a, 1, 2, false, 1460, 65000);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.last_frame, (uint64_t)(uintptr_t)bytes);
	assert_int_equal(b.frames[0].offload.gso, GSO_TCP4);
	assert_int_equal(b.frames[0].offload.csum, CSUM_PARTIAL);
	assert_memory_equal(b.frames[0].bytes, bytes, b.frames[0].length);
}

static void one_flooded_frame_is_made_to_fit_each_port(void **state)
{
	(void)state;
	introduce();
	g.port.accepts = (struct port_accepts){.csum = true, .tso4 = true, .tso6 = true, .frame_bytes = 1514};
	c.port.accepts.csum = true;
	for (int is6 = 0; is6 < 2; is6++) {
		send_gso(&a, 1, ALL, is6, 1400, 65000);
		assert_int_equal(g.count, 1);
		assert_int_equal(g.frames[0].offload.gso, is6 ? GSO_TCP6 : GSO_TCP4);
		assert_int_equal(b.count, 47);
		assert_int_equal(b.frames[0].offload.csum, CSUM_VERIFIED);
		check_segments(&b, is6, 65000);
		assert_int_equal(c.count, 47);
		assert_int_equal(c.frames[46].offload.csum, CSUM_PARTIAL);
		check_counts(1, 0, 47, 47);
	}
}

static void a_guest_that_does_not_finish_its_sums_is_helped(void **state)
{
	struct packet_spec spec = {.from = 1, .to = 2, .payload = 4000, .partial = true};
	struct packet_view view;

	(void)state;
	introduce();
	a.port.adopt_csum = true;
	send_spec(&a, spec, (struct offload){0});
	assert_int_equal(b.count, 3);
	check_segments(&b, false, 4000);
	forget();
	spec.udp = true;
	spec.payload = 1000;
	send_spec(&a, spec, (struct offload){0});
	assert_null(packet_wrong(b.frames[0].bytes, b.frames[0].length, &view));
	check_counts(0, 0, 1, 0);
	spec.payload = 2000;
	send_spec(&a, spec, (struct offload){0});
	assert_int_equal(dropped(&a, DROP_FRAME_LONG), 1);
}

static void a_frame_in_too_many_pieces_is_gathered(void **state)
{
	static struct iovec pieces[1000];
	struct frame frame;

	(void)state;
	introduce();
	frame = frame_of((struct packet_spec){.from = 1, .to = 2, .payload = 1200});
	for (uint32_t i = 0; i < frame.length - 256; i++)
		pieces[i] = (struct iovec){bytes + 256 + i, 1};
	frame.body = pieces;
	frame.body_pieces = frame.length - 256;
	ethswitch_input(&a.port, &frame, 1);
	assert_int_equal(b.count, 1);
	assert_true(b.pieces_max < FRAME_PIECES_MAX);
	assert_memory_equal(b.frames[0].bytes, bytes, b.frames[0].length);
	assert_int_equal(ethswitch_frames(ethswitch)->taken, 0);
}

static void an_empty_pool_is_a_reason_and_not_a_crash(void **state)
{
	static struct iovec pieces[200];
	struct pool *pool = ethswitch_frames(ethswitch);
	struct frame frame;
	void *all[64];
	struct room room;

	(void)state;
	introduce();
	for (int i = 0; i < 64; i++)
		all[i] = pool_take(pool);
	frame = frame_of((struct packet_spec){.from = 1, .to = 2, .payload = 600});
	for (uint32_t i = 0; i < 200; i++)
		pieces[i] = (struct iovec){bytes + 256 + 2 * i, i < 199 ? 2 : frame.length - 256 - 398};
	frame.body = pieces;
	frame.body_pieces = 200;
	ethswitch_input(&a.port, &frame, 1);
	assert_int_equal(dropped(&a, DROP_POOL_EMPTY), 1);
	assert_int_equal(ethswitch_reserve(&g.port, &(struct destination){.mac = mac_of(2)}, 60, 60, &room), -EAGAIN);
	assert_null(room.port);
	for (int i = 0; i < 64; i++)
		pool_give(pool, all[i]);
}

static unsigned from_guest, to_guest, drops;

static void see_from_guest(void *owner, struct port *port, const struct frame *frame)
{
	(void)owner;
	(void)port;
	(void)frame;
	from_guest++;
}

static void see_to_guest(void *owner, struct port *port, const struct frame *frame)
{
	(void)owner;
	(void)port;
	assert_int_equal(frame->offload.gso, GSO_NONE);
	to_guest++;
}

static void see_drop(void *owner, struct port *port, enum drop_reason reason, const struct frame *frame)
{
	(void)owner;
	(void)port;
	assert_true(frame && reason == DROP_DESTINATION_SAME_PORT);
	drops++;
}

static void an_observer_sees_what_is_let_in_what_goes_out_and_what_is_dropped(void **state)
{
	struct observer observer = {see_from_guest, see_to_guest, see_drop, NULL};

	(void)state;
	introduce();
	ethswitch_observe(ethswitch, &observer);
	from_guest = to_guest = drops = 0;
	send_gso(&a, 1, ALL, false, 1000, 5000);
	send(&a, 1, 1);
	assert_int_equal(from_guest, 2);
	assert_int_equal(to_guest, 15);
	assert_int_equal(drops, 1);
	ethswitch_observe(ethswitch, NULL);
	send(&a, 1, 2);
	assert_int_equal(from_guest, 2);
}

/* ---- ports that go while frames are delivered ---- */

static struct record_port *goer;

static void make_goer_go(struct record_port *record)
{
	(void)record;
	ethswitch_detach(&goer->port);
}

static void a_port_may_go_in_its_own_queue_another_s_and_the_source_s(void **state)
{
	struct frame frames[3];

	(void)state;
	introduce();
	a.on_queue = make_goer_go; /* reached before b and c */
	goer = &a;
	send(&g, GATEWAY, ALL);
	assert_true(a.count == 1 && b.count == 1 && c.count == 1);
	assert_int_equal(a.flushes, 0); /* gone, and not touched again */
	forget();
	ethswitch_attach(ethswitch, &a.port); /* now the last */
	b.on_queue = make_goer_go;
	goer = &c; /* the next one */
	send(&g, GATEWAY, ALL);
	check_counts(0, 1, 1, 0);
	a.on_queue = NULL;
	goer = &g;
	for (int i = 0; i < 3; i++)
		frames[i] = frame_of((struct packet_spec){.from = GATEWAY, .to = ALL, .payload = 9});
	ethswitch_input(&g.port, frames, 3);
	assert_int_equal(dropped(&g, DROP_PORT_CLOSED), 2);
	check_counts(0, 1, 1, 0);
}

static void a_port_may_go_between_two_segments_and_in_a_flush(void **state)
{
	(void)state;
	introduce();
	goer = &b;
	b.on_queue = make_goer_go;
	send_gso(&a, 1, 2, false, 1000, 5000);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.flushes, 0);
	b.on_queue = NULL;
	forget();
	ethswitch_attach(ethswitch, &b.port);
	b.on_flush = make_goer_go;
	send(&a, 1, ALL);
	check_counts(1, 0, 1, 1);
	assert_null(b.port.ethswitch);
	ethswitch_detach(&b.port);
}

static void ask_for_a_flush(struct record_port *record)
{
	(void)record;
	ethswitch_flush(ethswitch);
	assert_true(ethswitch_busy(ethswitch));
	assert_int_equal(g.flushes, 0);
}

static void a_flush_that_is_asked_for_during_a_delivery_is_left_to_its_end(void **state)
{
	(void)state;
	introduce();
	b.on_queue = ask_for_a_flush; /* reached behind g */
	send(&a, 1, ALL);
	check_counts(1, 0, 1, 1);
	assert_false(ethswitch_busy(ethswitch));
}

static unsigned runs;

static void count_run(struct record_port *record)
{
	(void)record;
	runs++;
}

static void a_port_that_went_has_no_more_turns(void **state)
{
	(void)state;
	runs = 0;
	a.on_run = b.on_run = count_run;
	port_schedule(&a.port);
	port_schedule(&b.port);
	ethswitch_detach(&a.port);
	assert_false(ethswitch_run(ethswitch));
	assert_int_equal(runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_to_an_unknown_address_is_flooded),
		TEST(broadcast_and_multicast_go_to_all_but_the_sender),
		TEST(after_learning_unicast_reaches_only_its_port),
		TEST(addresses_are_learnt_per_vlan_and_tags_pass),
		TEST(a_batch_is_flushed_once_at_each_port),
		TEST(frames_that_go_nowhere_are_counted_at_their_source),
		TEST(sources_that_may_not_be_are_dropped),
		TEST(the_gateways_address_belongs_to_the_first_uplink_that_uses_it),
		TEST(a_locked_port_sends_with_its_own_address_only),
		TEST(isolated_ports_reach_the_gateway_and_open_ports_only),
		TEST(two_guests_with_one_address_are_told_apart_and_the_first_keeps_it),
		TEST(a_real_move_is_followed_when_the_owner_does_not_answer),
		TEST(an_owner_that_answers_the_claim_makes_it_a_conflict),
		TEST(a_guest_that_is_away_loses_its_address_at_once_and_who_waits_for_it_is_called),
		TEST(a_reconnect_is_followed_at_once),
		TEST(a_frame_that_comes_back_by_a_loop_is_refused),
		TEST(with_mac_move_a_loop_is_flapping),
		TEST(an_address_that_is_silent_too_long_is_unknown_again),
		TEST(sizes_are_held_against_the_network_and_the_port),
		TEST(segments_larger_than_the_network_or_the_port_are_dropped),
		TEST(a_large_segment_goes_uncut_and_uncopied_to_a_port_that_takes_it),
		TEST(one_flooded_frame_is_made_to_fit_each_port),
		TEST(a_guest_that_does_not_finish_its_sums_is_helped),
		TEST(a_frame_in_too_many_pieces_is_gathered),
		TEST(an_empty_pool_is_a_reason_and_not_a_crash),
		TEST(an_observer_sees_what_is_let_in_what_goes_out_and_what_is_dropped),
		TEST(a_port_may_go_in_its_own_queue_another_s_and_the_source_s),
		TEST(a_port_may_go_between_two_segments_and_in_a_flush),
		TEST(a_flush_that_is_asked_for_during_a_delivery_is_left_to_its_end),
		TEST(a_port_that_went_has_no_more_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
