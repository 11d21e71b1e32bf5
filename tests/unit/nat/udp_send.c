/* SPDX-License-Identifier: MIT */
/* What guests' datagrams become: messages of several, one call for many, and what is refused; over a script of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/nat/world.h"

static void equal_datagrams_become_one_message(void **state)
{
	struct world *world = *state;

	for (uint8_t i = 0; i < 5; i++)
		guest_add_udp(world, plain, 4000, 53, 100, (uint8_t)(i * 100 + 1));
	guest_add_udp(world, plain, 4000, 53, 40, (uint8_t)(5 * 100 + 1));
	guest_add_udp(world, plain, 4000, 53, 100, 1);
	guest_add_udp(world, plain, 4000, 53, 101, 1);
	guest_add_udp(world, plain, 4000, 54, 101, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 4);
	assert_int_equal(world->script.calls, 1);
	assert_sent(world, 0, FAR, 53, 540, 100);
	assert_counts_up(world->script.sent[0].data, 540, 1);
	assert_sent(world, 1, FAR, 53, 100, 0);
	assert_sent(world, 2, FAR, 53, 101, 0);
	assert_sent(world, 3, FAR, 54, 101, 0);
}

/* Each segment but the last of a message has one length. */
static void shorter_ones_that_are_several_are_a_message_of_their_own(void **state)
{
	const struct guest_packet shorter = {.from = GUEST,
					     .to = FAR,
					     .offload = {.gso = GSO_UDP, .segment_bytes = 60}};
	struct world *world = *state;

	guest_add_udp(world, plain, 4000, 53, 100, 1);
	guest_add_udp(world, shorter, 4000, 53, 150, 1);
	guest_add_udp(world, shorter, 4000, 53, 120, 151);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 3);
	assert_sent(world, 0, FAR, 53, 100, 0);
	assert_sent(world, 1, FAR, 53, 150, 60);
	assert_sent(world, 2, FAR, 53, 120, 60);
}

static void no_message_is_longer_than_a_packet_may_be(void **state)
{
	const struct guest_packet several = {.from = GUEST,
					     .to = FAR,
					     .offload = {.gso = GSO_UDP, .segment_bytes = 1400}};
	struct world *world = *state;

	guest_add_udp(world, several, 4000, 53, 43 * 1400, 1);
	guest_add_udp(world, several, 4000, 53, 8 * 1400, (uint8_t)(43 * 1400 + 1));
	guest_send(world);
	assert_int_equal(world->script.sent_count, 2);
	assert_sent(world, 0, FAR, 53, 46 * 1400, 1400);
	assert_sent(world, 1, FAR, 53, 5 * 1400, 1400);
	assert_counts_up(world->script.sent[1].data, SCRIPT_DATA, (uint8_t)(46 * 1400 + 1));
}

static void flows_and_ways_are_not_mixed(void **state)
{
	struct world *world = *state;
	struct guest_packet marked = {.from = GUEST, .to = FAR, .service = 0xb9, .dont_fragment = true, .hop_limit = 3};

	guest_add_udp(world, plain, 4000, 53, 100, 1);
	guest_add_udp(world, plain, 4001, 53, 100, 1);
	guest_add_udp(world, plain, 4001, 53, 100, 1);
	guest_add_udp(world, marked, 4001, 53, 100, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 3);
	assert_sent(world, 0, FAR, 53, 100, 0);
	assert_sent(world, 1, FAR, 53, 200, 100);
	assert_int_equal(world->script.sent[1].way.service, 0);
	assert_false(world->script.sent[1].way.dont_fragment);
	assert_int_equal(world->script.sent[1].way.hop_limit, 0);
	assert_int_equal(world->script.sent[2].way.service, 0xb9);
	assert_true(world->script.sent[2].way.dont_fragment);
	assert_int_equal(world->script.sent[2].way.hop_limit, 2);
}

static void a_hop_limit_that_somebody_chose_is_carried(void **state)
{
	static const struct {
		uint8_t from_guest, sent;
	} rows[] = {{64, 0}, {63, 62}, {33, 32}, {2, 1}, {255, 0}, {128, 0}, {200, 199}, {64, 0}};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct guest_packet packet = {.from = GUEST, .to = FAR, .hop_limit = rows[i].from_guest};

		guest_add_udp(world, packet, 4000, 53, 100, 1);
		guest_send(world);
		assert_int_equal(world->script.sent_count, i + 1);
		assert_int_equal(world->script.sent[i].way.hop_limit, rows[i].sent);
	}
}

static void more_segments_than_the_kernel_takes_are_split(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST, .to = FAR, .offload = {.gso = GSO_UDP, .segment_bytes = 100}};

	guest_add_udp(world, packet, 4000, 53, 20050, 1);
	guest_add_udp(world, plain, 4000, 53, 100, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 3);
	assert_sent(world, 0, FAR, 53, 12800, 100);
	assert_sent(world, 1, FAR, 53, 7250, 100);
	assert_sent(world, 2, FAR, 53, 100, 0);
	assert_counts_up(world->script.sent[1].data, SCRIPT_DATA, (uint8_t)(12800 + 1));
}

static void an_old_kernels_limit_is_found_out(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST, .to = FAR, .offload = {.gso = GSO_UDP, .segment_bytes = 100}};

	world->script.refusals[world->script.refusal_count++] = -EINVAL;
	guest_add_udp(world, packet, 4000, 53, 6500, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 65);
	assert_sent(world, 64, FAR, 53, 100, 0);
	guest_add_udp(world, packet, 4000, 53, 6500, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 67);
	assert_sent(world, 65, FAR, 53, 6400, 100);
	assert_sent(world, 66, FAR, 53, 100, 0);
}

static void what_is_refused_together_goes_one_by_one(void **state)
{
	static const int refusals[] = {-EIO, -EMSGSIZE, -EINVAL};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		uint16_t port = (uint16_t)(4000 + i);
		size_t before = world->script.sent_count;

		world->script.refusals[world->script.refusal_count++] = refusals[i];
		for (int j = 0; j < 2; j++) {
			guest_add_udp(world, plain, port, 53, 100, 1);
			guest_add_udp(world, plain, port, 53, 100, 101);
			guest_add_udp(world, plain, port, 53, 50, 201);
			guest_send(world);
		}
		/* and the second time nobody tries */
		assert_int_equal(world->script.sent_count - before, 6);
		assert_sent(world, before, FAR, 53, 100, 0);
		assert_sent(world, before + 2, FAR, 53, 50, 0);
		assert_counts_up(world->script.sent[before + 1].data, 100, 101);
	}
	assert_int_equal(world->guest->count, 0);
}

static void a_full_socket_is_a_named_drop(void **state)
{
	struct world *world = *state;

	world->script.refusals[world->script.refusal_count++] = 0;
	world->script.refusals[world->script.refusal_count++] = -EAGAIN;
	guest_add_udp(world, plain, 4000, 53, 10, 1);
	guest_add_udp(world, plain, 4000, 54, 10, 1);
	guest_add_udp(world, plain, 4000, 55, 10, 1);
	guest_add_udp(world, plain, 4000, 55, 10, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(guest_drops(world, DROP_UDP_SEND_FULL), 3);
}

static void more_than_a_batch_goes_in_several(void **state)
{
	struct world *world = *state;

	for (uint16_t i = 0; i < WORLD_BATCH; i++)
		guest_add_udp(world, plain, 4000, (uint16_t)(1000 + i), 10, 1);
	guest_send(world);
	for (uint16_t i = 0; i < WORLD_BATCH; i++)
		guest_add_udp(world, plain, 4000, (uint16_t)(1000 + i), 10, 1);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 2 * WORLD_BATCH);
	assert_int_equal(world->script.calls, 2);
}

/* ---- errors ---- */

static struct datagram_error error_from(int error, uint8_t type, uint8_t code, const char *from, uint32_t mtu)
{
	struct datagram_error told = {.error = error, .icmp = true, .type = type, .code = code, .mtu = mtu};

	told.has_to = told.has_from = true;
	told.to = sockaddr_of(FAR, 33434);
	told.from = sockaddr_of(from, 0);
	told.bytes = 12;
	for (uint8_t i = 0; i < 12; i++)
		told.message[i] = (uint8_t)(i + 1);
	return told;
}

static void script_fails(struct world *world, struct datagram_error error)
{
	/* As the system does: the next call of the socket's is told, and the queue has the rest. */
	world->script.errors[world->script.error_count++] = error;
	world->script.refusals[world->script.refusal_count++] = error.error;
}

static const struct error_row {
	const char *what;
	int error;
	uint8_t type, code;
	uint32_t mtu;
	uint8_t told_type, told_code;
} error_rows[] = {
	{"port unreachable", -ECONNREFUSED, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_PORT, 0, ICMP4_UNREACHABLE, 3},
	{"host unreachable", -EHOSTUNREACH, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_HOST, 0, ICMP4_UNREACHABLE, 1},
	{"net unreachable", -ENETUNREACH, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_NET, 0, ICMP4_UNREACHABLE, 0},
	{"protocol unreachable", -ENOPROTOOPT, ICMP4_UNREACHABLE, 2, 0, ICMP4_UNREACHABLE, 2},
	{"prohibited", -EHOSTUNREACH, ICMP4_UNREACHABLE, 10, 0, ICMP4_UNREACHABLE, 13},
	{"too big", -EMSGSIZE, ICMP4_UNREACHABLE, ICMP4_UNREACHABLE_FRAGMENT, 1400, ICMP4_UNREACHABLE, 4},
	{"hops used up", -EHOSTUNREACH, ICMP4_TIME_EXCEEDED, 0, 0, ICMP4_TIME_EXCEEDED, 0},
	{"not put together", -EHOSTUNREACH, ICMP4_TIME_EXCEEDED, 1, 0, ICMP4_TIME_EXCEEDED, 1},
};

static void what_routers_say_reaches_the_guest(void **state)
{
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
		const struct error_row *row = &error_rows[i];
		struct world *world = *state;
		size_t sent = world->script.sent_count;
		struct ip4_header ip;
		struct icmp_header header;
		struct udp_header udp;
		struct reader reader;
		const uint8_t *quoted;

		print_message("%s\n", row->what);
		guest_says(world, plain, 4000, 33434, 12);
		script_fails(world, error_from(row->error, row->type, row->code, "192.0.2.1", row->mtu));
		/* the next datagram goes all the same */
		guest_says(world, plain, 4000, 33434, 12);
		assert_int_equal(world->script.sent_count - sent, 2);
		assert_int_equal(world->guest->count, i + 1);
		quoted = guest_got_error(world, i, &header);
		assert_string_equal(guest_got(world, i).from, "192.0.2.1");
		assert_int_equal(header.type, row->told_type);
		assert_int_equal(header.code, row->told_code);
		assert_int_equal(header.rest, row->mtu);
		reader_init(&reader, quoted, IP4_HEADER_BYTES + UDP_HEADER_BYTES + 12);
		assert_int_equal(ip4_header_read(&reader, reader.left, IP4_SUM_CHECK, &ip), DROP_NONE);
		assert_true(ip4_equal(ip.from, (struct ip4){{10, 0, 2, 15}}));
		assert_true(ip4_equal(ip.to, (struct ip4){{198, 51, 100, 7}}));
		assert_int_equal(udp_header_read(&reader, reader.left, &udp), DROP_NONE);
		assert_int_equal(udp.from_port, 4000);
		assert_int_equal(udp.to_port, 33434);
		assert_counts_up(reader.next, 12, 1);
		world->script.sent_count = 0;
	}
}

static void what_the_host_refuses_is_told_at_once(void **state)
{
	struct world *world = *state;
	struct icmp_header header;

	world->script.refusals[world->script.refusal_count++] = -ENETUNREACH;
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(guest_drops(world, DROP_UDP_SEND_REFUSED), 1);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_NET);
	assert_string_equal(guest_got(world, 0).from, "10.0.2.2");
}

static void too_long_for_the_path_tells_the_kernels_mtu(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST, .to = FAR, .dont_fragment = true};
	struct datagram_error local = {.error = -EMSGSIZE, .mtu = 1400};
	struct icmp_header header;

	world->script.refusals[world->script.refusal_count++] = -EMSGSIZE;
	world->script.errors[world->script.error_count++] = local;
	guest_says(world, packet, 4000, 53, 1472);
	assert_int_equal(guest_drops(world, DROP_UDP_SEND_LONG), 1);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_FRAGMENT);
	assert_int_equal(header.rest, 1400);
}

static void errors_of_ipv6_are_icmpv6s(void **state)
{
	struct world *world = *state;
	struct datagram_error error = {
		.error = -EMSGSIZE, .icmp = true, .type = ICMP6_TOO_BIG, .mtu = 1300, .bytes = 4};
	struct icmp_header header;

	guest_says(world, plain6, 4000, 33434, 4);
	error.has_to = error.has_from = true;
	error.to = sockaddr_of(FAR6, 33434);
	error.from = sockaddr_of("2001:db8::1", 0);
	script_fails(world, error);
	guest_says(world, plain6, 4000, 33434, 4);
	guest_got_error(world, 0, &header);
	assert_string_equal(guest_got(world, 0).from, "2001:db8::1");
	assert_int_equal(header.type, ICMP6_TOO_BIG);
	assert_int_equal(header.rest, 1300);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(equal_datagrams_become_one_message),
		scripted(shorter_ones_that_are_several_are_a_message_of_their_own),
		scripted(no_message_is_longer_than_a_packet_may_be),
		scripted(flows_and_ways_are_not_mixed),
		scripted(a_hop_limit_that_somebody_chose_is_carried),
		scripted(more_segments_than_the_kernel_takes_are_split),
		scripted(an_old_kernels_limit_is_found_out),
		scripted(what_is_refused_together_goes_one_by_one),
		scripted(a_full_socket_is_a_named_drop),
		scripted(more_than_a_batch_goes_in_several),
		scripted(what_routers_say_reaches_the_guest),
		scripted(what_the_host_refuses_is_told_at_once),
		scripted(too_long_for_the_path_tells_the_kernels_mtu),
		scripted(errors_of_ipv6_are_icmpv6s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
