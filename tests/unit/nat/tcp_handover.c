/* SPDX-License-Identifier: MIT */
/* A connection that brings much is handed over between two words: when, with which numbers, and what becomes of it. */
#include "unit/nat/tcp_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "os/tcp_repair.h"

enum { HAND_BYTES = MSS, HANDS = 8 };

static struct {
	int may, result; /* what is answered */
	int asked, handed, ended, strays;
	int fd;
	struct tcp_repair state;
	struct nat_carrier carrier;
} carrier;

static uint32_t sent, sent_down; /* by the guest, and to it */

static int carrier_may(void *owner, const struct nat_address *guest)
{
	(void)owner;
	assert_true(ip6_equal(guest->ip, guest_address.ip));
	carrier.asked++;
	return carrier.may;
}

static void carrier_end(void *owner)
{
	(void)owner;
	assert_null(carrier.carrier.flow);
	carrier.ended++;
}

static void carrier_stray(void *owner)
{
	(void)owner;
	carrier.strays++;
}

static void carrier_look(void *owner, uint64_t *ret_from_guest_bytes, uint64_t *ret_to_guest_bytes,
			 uint64_t *ret_moved_us)
{
	(void)owner;
	*ret_from_guest_bytes = 1000;
	*ret_to_guest_bytes = 2000;
	*ret_moved_us = loop_now_us(world->loop) - 7;
}

static int carrier_take(void *owner, int fd, const struct tcp_repair *state, struct nat_carrier **ret_carrier)
{
	(void)owner;
	carrier.handed++;
	carrier.fd = fd;
	carrier.state = *state;
	if (carrier.result < 0)
		return carrier.result;
	carrier.carrier =
		(struct nat_carrier){.end = carrier_end, .look = carrier_look, .stray = carrier_stray, .fd = fd};
	*ret_carrier = &carrier.carrier;
	return 0;
}

static void change(struct nat_config *nat)
{
	nat->may_hand_over = carrier_may;
	nat->hand_over = carrier_take;
}

static int set_up_carrier(void **state)
{
	(void)state;
	memset(&carrier, 0, sizeof(carrier));
	sent = sent_down = 0;
	return set_up_changed(MTU, change);
}

static void change_without_peeks(struct nat_config *nat)
{
	change(nat);
	nat->peek = NAT_PEEK_NEVER;
}

static int set_up_ring(void **state)
{
	(void)state;
	memset(&carrier, 0, sizeof(carrier));
	sent = sent_down = 0;
	return set_up_changed(MTU, change_without_peeks);
}

/* The guest sends as much, and hears what it is answered. */
static void bring(uint32_t bytes)
{
	for (uint32_t left = bytes; left > 0;) {
		for (int i = 0; i < HANDS && left > 0; i++) {
			uint32_t here = left < HAND_BYTES ? left : HAND_BYTES;

			put(&(struct hand){.flags = TCP_ACK,
					   .sequence = 6 + sent,
					   .ack = world->far + 1,
					   .window = 1000,
					   .bytes = here,
					   .offset = sent});
			sent += here;
			left -= here;
		}
		go();
		world->seen = world->guest.count;
	}
}

static void bring_much(void)
{
	open_flow(5, 1000);
	bring(TCP_HANDOVER_BYTES - HAND_BYTES);
	assert_int_equal(carrier.asked, 0);
	bring(2 * HAND_BYTES);
	assert_int_equal(carrier.asked, 1);
	assert_int_equal(carrier.handed, 0);
}

static void is_handed(void)
{
	bring_much();
	pass(2 * TCP_HANDOVER_US);
	assert_int_equal(carrier.handed, 1);
}

static void expect_address(const struct sockaddr_storage *address, const char *text, uint16_t port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(in->sin_addr.s_addr, inet_addr(text));
	assert_int_equal(in->sin_port, htons(port));
}

static void see_spliced(void *owner, const struct nat_flow_info *info)
{
	++*(int *)owner;
	assert_string_equal(info->state, "spliced");
	assert_int_equal(info->from_guest_bytes, sent + 1000);
	assert_int_equal(info->to_guest_bytes, 2000);
	assert_int_equal(info->idle_us, 7);
}

static void a_flow_that_brings_much_is_handed_over_when_the_guest_is_silent(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;
	int seen = 0;

	(void)state;
	is_handed();
	assert_int_equal(the_socket()->taken, sent);
	assert_int_equal(carrier.state.receive_next, 6 + sent);
	assert_int_equal(carrier.state.send_next, world->far + 1);
	assert_int_equal(carrier.state.send_window, 1000);
	assert_true(carrier.state.receive_window >= TCP_HANDOVER_WINDOW);
	assert_int_equal(carrier.state.mss, MSS);
	assert_true(carrier.state.scaled && carrier.state.sack);
	assert_int_equal(carrier.state.send_scale, 0);
	assert_int_equal(carrier.state.receive_scale, TCP_WINDOW_SCALE);
	expect_address(&carrier.state.there, "10.0.2.15", GUEST_PORT);
	expect_address(&carrier.state.here, "192.0.2.1", MODEL_PORT);
	assert_false(the_socket()->watch || the_socket()->closed); /* it is the carrier's */
	/* the last word opens the window that the carrier was told of */
	while (take(&header, &bytes, &options))
		;
	assert_int_equal(header.flags, TCP_ACK);
	assert_int_equal(header.acknowledgement, 6 + sent);
	assert_int_equal(header.window, carrier.state.receive_window >> TCP_WINDOW_SCALE);
	nat_each_flow(world->nat, 0, 10, see_spliced, &seen);
	assert_int_equal(seen, 1);
	nat_carrier_done(&carrier.carrier);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(carrier.ended, 0);
}

/* Up to the edge that it was told last, which does not move any more. */
static void a_guest_that_may_send_no_more_is_silent(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes, edge, moves = 0;

	(void)state;
	bring_much();
	world->seen = 0;
	do {
		while (take(&header, &bytes, &options))
			;
		edge = header.acknowledgement + ((uint32_t)header.window << TCP_WINDOW_SCALE);
		assert_int_equal(carrier.handed, 0);
		assert_true(moves++ < 1000);
		put(&(struct hand){.flags = TCP_ACK,
				   .sequence = 6 + sent,
				   .ack = world->far + 1,
				   .window = 1000,
				   .bytes = edge - 6 - sent < HAND_BYTES ? edge - 6 - sent : HAND_BYTES,
				   .offset = sent});
		sent += edge - 6 - sent < HAND_BYTES ? edge - 6 - sent : HAND_BYTES;
		ethswitch_input(world->from, world->batch, world->batched);
		world->batched = 0;
		pass(10);
	} while (6 + sent != edge);
	assert_int_equal(carrier.handed, 1);
	assert_int_equal(carrier.state.receive_next, edge);
}

/* How far the guest has been sent. */
static uint32_t sent_to_guest(void)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes = 0;

	while (take(&header, &bytes, &options)) {
		if (bytes > 0)
			sent_down = tcp_later(sent_down, header.sequence + bytes - world->far - 1);
	}
	world->guest.count = world->seen = 0;
	return sent_down;
}

static void acknowledge(uint32_t offset)
{
	give((struct hand){.flags = TCP_ACK, .sequence = 6, .ack = world->far + 1 + offset, .window = 65535});
}

static void the_guest_is_sent_nothing_new_until_it_has_all(void **state)
{
	uint32_t acknowledged = 0, all;

	(void)state;
	world->host.scripts[0].down = 4 * TCP_HANDOVER_BYTES;
	open_flow(5, 65535);
	while (carrier.asked == 0) {
		assert_true(acknowledged < 2 * TCP_HANDOVER_BYTES);
		acknowledged = sent_to_guest();
		acknowledge(acknowledged - 1000);
	}
	all = sent_to_guest();
	assert_int_equal(all, acknowledged);
	acknowledge(acknowledged - 500);
	assert_int_equal(sent_to_guest(), all);
	assert_int_equal(carrier.handed, 0);
	acknowledge(all);
	assert_int_equal(sent_to_guest(), all);
	assert_int_equal(carrier.handed, 1);
	assert_int_equal(carrier.state.send_next, world->far + 1 + all);
	assert_int_equal(the_socket()->consumed, all);
}

static void the_guest_is_sent_what_is_in_the_ring_and_no_more(void **state)
{
	uint32_t acknowledged = 0, all = 0;

	(void)state;
	world->host.scripts[0].down = 4 * TCP_HANDOVER_BYTES;
	open_flow(5, 65535);
	/* the rest of what was read from the socket at once lies in the ring */
	while (carrier.asked == 0 || the_socket()->consumed == acknowledged) {
		assert_true(acknowledged < 2 * TCP_HANDOVER_BYTES);
		acknowledged = sent_to_guest();
		acknowledge(acknowledged - 1000);
	}
	assert_int_equal(carrier.handed, 0);
	for (int i = 0; i < 10 && carrier.handed == 0; i++) {
		all = sent_to_guest();
		acknowledge(all);
	}
	assert_true(all > acknowledged);
	assert_int_equal(all, the_socket()->consumed);
	assert_int_equal(carrier.handed, 1);
	assert_int_equal(carrier.state.send_next, world->far + 1 + all);
}

static void a_guest_that_does_not_take_what_is_in_the_ring_keeps_its_connection(void **state)
{
	struct hand answer = {.flags = TCP_ACK, .sequence = 6, .window = 2 * MSS};
	uint32_t all = 0;

	(void)state;
	world->host.scripts[0].down = 4 * TCP_HANDOVER_BYTES;
	open_flow(5, 2 * MSS);
	while (carrier.asked == 0) {
		assert_true(all < 2 * TCP_HANDOVER_BYTES);
		all = sent_to_guest();
		answer.ack = world->far + 1 + all;
		give(answer);
	}
	all = sent_to_guest();
	assert_true(all < the_socket()->consumed);
	answer.ack = world->far + 1 + all;
	answer.window = 0;
	give(answer);
	for (int i = 0; i < TCP_HANDOVER_LOOKS + 2; i++)
		pass(TCP_HANDOVER_US);
	assert_int_equal(carrier.handed, 0);
	acknowledge(all);
	for (int i = 0; i < 10; i++)
		acknowledge(sent_to_guest());
	assert_true(sent_to_guest() > all + 65535);
	assert_int_equal(carrier.handed, 0);
}

static void what_comes_late_is_dropped_by_name_and_not_for_ever(void **state)
{
	(void)state;
	is_handed();
	world->seen = world->guest.count;
	give((struct hand){
		.flags = TCP_ACK, .sequence = 6 + sent, .ack = world->far + 1, .window = 1000, .bytes = 100});
	assert_int_equal(world->verdict, DROP_TCP_HANDED_OVER);
	assert_int_equal(carrier.strays, 1);
	expect_nothing();
	bring(TCP_HANDOVER_STRAYS - 200);
	assert_int_equal(carrier.ended, 0);
	bring(200);
	assert_int_equal(carrier.ended, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

/* What was behind data that was lost here is asked about (RFC 5961 3.2): whoever has no such connection any more says so. */
static void a_reset_that_comes_late_ends_the_carrier(void **state)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	(void)state;
	is_handed();
	world->seen = world->guest.count;
	give((struct hand){.flags = TCP_RST | TCP_ACK, .sequence = 6 + sent - 1, .ack = world->far + 1});
	assert_int_equal(world->verdict, DROP_TCP_SEQUENCE);
	expect_nothing();
	give((struct hand){.flags = TCP_RST | TCP_ACK, .sequence = 6 + sent + 1000, .ack = world->far + 1});
	assert_int_equal(world->verdict, DROP_TCP_SEQUENCE);
	assert_true(take(&header, &bytes, &options));
	assert_int_equal(header.flags, TCP_ACK);
	assert_int_equal(header.acknowledgement, 6 + sent);
	assert_int_equal(carrier.ended, 0);
	give((struct hand){.flags = TCP_RST | TCP_ACK, .sequence = 6 + sent, .ack = world->far + 1});
	assert_int_equal(carrier.ended, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void who_may_not_is_not_asked_again_and_who_may_later_is(void **state)
{
	static const struct {
		int may, result;
		int asked, handed;
	} rows[] = {{-EOPNOTSUPP, 0, 1, 0}, {-EAGAIN, 0, 2, 0}, {0, -EPERM, 1, 1}, {0, -EAGAIN, 2, 2}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tear_down(state);
		set_up_carrier(state);
		carrier.may = rows[i].may;
		carrier.result = rows[i].result;
		bring_much();
		pass(2 * TCP_HANDOVER_US);
		bring(TCP_HANDOVER_AGAIN + HAND_BYTES);
		pass(2 * TCP_HANDOVER_US);
		assert_int_equal(carrier.asked, rows[i].asked);
		assert_int_equal(carrier.handed, rows[i].handed);
		/* and nothing was lost by it */
		assert_int_equal(the_socket()->taken, sent);
		assert_true(the_socket()->watch);
	}
}

static void a_guest_that_does_not_become_silent_is_left_in_peace(void **state)
{
	(void)state;
	bring_much();
	for (int i = 0; i < 200; i++)
		bring(100);
	pass(2 * TCP_HANDOVER_US);
	assert_int_equal(carrier.handed, 0);
	assert_int_equal(the_socket()->taken, sent);
}

/* How much more the guest may send by the last that it was told. */
static uint32_t window_left(void)
{
	struct tcp_options options;
	struct tcp_header header;
	uint32_t bytes;

	assert_true(take(&header, &bytes, &options));
	while (take(&header, &bytes, &options))
		;
	return header.acknowledgement + ((uint32_t)header.window << TCP_WINDOW_SCALE) - 6 - sent;
}

/* It may take nothing until it has sent all that it has to say. */
static void a_guest_that_acknowledges_nothing_may_send_even_so(void **state)
{
	(void)state;
	world->host.scripts[0].down = 500;
	bring_much();
	world->seen = 0;
	bring(window_left());
	world->seen = 0;
	assert_int_equal(window_left(), 0);
	pass(2 * TCP_RTO_FIRST_US);
	assert_true(window_left() >= TCP_WINDOW_LEAST);
	assert_int_equal(carrier.handed, 0);
	/* later both come to a stand */
	bring(TCP_HANDOVER_AGAIN);
	give((struct hand){.flags = TCP_ACK, .sequence = 6 + sent, .ack = world->far + 501, .window = 1000});
	pass(2 * TCP_HANDOVER_US);
	assert_int_equal(carrier.handed, 1);
}

static void the_end_comes_before_the_handover(void **state)
{
	(void)state;
	bring_much();
	give((struct hand){.flags = TCP_ACK | TCP_FIN, .sequence = 6 + sent, .ack = world->far + 1, .window = 1000});
	pass(2 * TCP_HANDOVER_US);
	assert_int_equal(carrier.handed, 0);
	assert_true(the_socket()->shut);
}

static void a_port_that_goes_and_a_new_connection_end_the_carrier(void **state)
{
	(void)state;
	is_handed();
	give((struct hand){.flags = TCP_SYN, .sequence = 77, .window = 1000, .options = syn_options});
	assert_int_equal(carrier.ended, 1);
	assert_int_equal(nat_flow_count(world->nat), 1);
	tear_down(state);
	set_up_carrier(state);
	is_handed();
	nat_port_gone(world->nat, &world->guest.port);
	assert_int_equal(carrier.ended, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void a_carried_socket_whose_address_the_host_has_lost_is_ended(void **state)
{
	(void)state;
	is_handed();
	nat_address_lost(world->nat);
	assert_int_equal(carrier.ended, 0);
	the_socket()->homeless = true;
	nat_address_lost(world->nat);
	assert_int_equal(carrier.ended, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

#define HANDED(name) cmocka_unit_test_setup_teardown(name, set_up_carrier, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDED(a_flow_that_brings_much_is_handed_over_when_the_guest_is_silent),
		HANDED(a_guest_that_may_send_no_more_is_silent),
		HANDED(the_guest_is_sent_nothing_new_until_it_has_all),
		cmocka_unit_test_setup_teardown(the_guest_is_sent_what_is_in_the_ring_and_no_more, set_up_ring,
						tear_down),
		cmocka_unit_test_setup_teardown(a_guest_that_does_not_take_what_is_in_the_ring_keeps_its_connection,
						set_up_ring, tear_down),
		HANDED(what_comes_late_is_dropped_by_name_and_not_for_ever),
		HANDED(a_reset_that_comes_late_ends_the_carrier),
		HANDED(who_may_not_is_not_asked_again_and_who_may_later_is),
		HANDED(a_guest_that_does_not_become_silent_is_left_in_peace),
		HANDED(a_guest_that_acknowledges_nothing_may_send_even_so),
		HANDED(the_end_comes_before_the_handover),
		HANDED(a_port_that_goes_and_a_new_connection_end_the_carrier),
		HANDED(a_carried_socket_whose_address_the_host_has_lost_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
