/* SPDX-License-Identifier: MIT */
/* UDP through host sockets: mappings, who may answer, batches, errors; over a script of sockets, and once over real ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <poll.h>

#include "unit/nat/world.h"

#define GUEST "10.0.2.15"
#define FAR "198.51.100.7"
#define GUEST6 "fd00::15"
#define FAR6 "2001:db8::7"

static const struct guest_packet plain = {.from = GUEST, .to = FAR};
static const struct guest_packet plain6 = {.from = GUEST6, .to = FAR6};

static int setup(void **state)
{
	*state = world_new();
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void guest_says(struct world *world, struct guest_packet packet, uint16_t from_port, uint16_t to_port,
		       size_t bytes)
{
	guest_add_udp(world, packet, from_port, to_port, bytes, 1);
	guest_send(world);
}

static void assert_counts_up(const uint8_t *bytes, size_t count, uint8_t first)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(bytes[i], (uint8_t)(first + i));
}

static void assert_sent(const struct world *world, size_t index, const char *to, uint16_t port, uint32_t bytes,
			uint32_t segment_bytes)
{
	const struct script_sent *sent = &world->script.sent[index];
	struct sockaddr_storage expected = sockaddr_of(to, port);

	assert_true(index < world->script.sent_count);
	assert_int_equal(sent->bytes, bytes);
	assert_int_equal(sent->segment_bytes, segment_bytes);
	assert_memory_equal(&sent->to, &expected, sizeof(struct sockaddr_in));
}

/* ---- mappings ---- */

static void a_datagram_leaves_by_a_socket_and_its_answer_comes_back(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	struct guest_got got;
	const uint8_t *payload;

	guest_says(world, plain, 4000, 53, 100);
	assert_int_equal(world->script.opened, 1);
	assert_sent(world, 0, FAR, 53, 100, 0);
	assert_counts_up(world->script.sent[0].data, 100, 1);
	script_will_receive(world, FAR, 53, 300, 0, 7);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 1);
	payload = guest_got_udp(world, 0, &header);
	got = guest_got(world, 0);
	assert_string_equal(got.from, FAR);
	assert_string_equal(got.to, GUEST);
	assert_int_equal(header.from_port, 53);
	assert_int_equal(header.to_port, 4000);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 300);
	assert_counts_up(payload, 300, 7);
}

static void ipv6_goes_the_same_way(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	struct guest_got got;

	guest_says(world, plain6, 4000, 53, 10);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(world->script.sent[0].to.ss_family, AF_INET6);
	script_will_receive(world, FAR6, 53, 3, 0, 9);
	script_ready(world, world->script.last_fd);
	assert_counts_up(guest_got_udp(world, 0, &header), 3, 9);
	got = guest_got(world, 0);
	assert_string_equal(got.from, FAR6);
	assert_string_equal(got.to, GUEST6);
}

static void an_empty_datagram_goes_both_ways(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	guest_says(world, plain, 4000, 53, 0);
	assert_sent(world, 0, FAR, 53, 0, 0);
	script_will_receive(world, FAR, 53, 0, 0, 0);
	script_ready(world, world->script.last_fd);
	guest_got_udp(world, 0, &header);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES);
}

static void a_guests_port_has_one_socket_whoever_it_talks_to(void **state)
{
	struct world *world = *state;
	const struct guest_packet other = {.from = GUEST, .to = "203.0.113.9"};

	guest_says(world, plain, 4000, 53, 10);
	guest_says(world, other, 4000, 99, 10);
	assert_int_equal(world->script.opened, 1);
	assert_sent(world, 1, "203.0.113.9", 99, 10, 0);
	guest_says(world, plain, 4001, 53, 10);
	assert_int_equal(world->script.opened, 2);
	assert_int_equal(nat_flow_count(world->nat), 2);
}

static void only_who_was_sent_to_may_answer(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, "203.0.113.9", 53, 10, 0, 1);
	/* another port of an address that is known: address-dependent */
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 1);
	assert_int_equal(guest_drops(world, DROP_UDP_FILTERED), 1);
}

static void many_far_ends_are_remembered(void **state)
{
	struct world *world = *state;
	char to[64];

	for (int i = 0; i < 100; i++) {
		struct guest_packet packet = {.from = GUEST, .to = to};

		snprintf(to, sizeof(to), "203.0.113.%d", i);
		guest_says(world, packet, 4000, 53, 10);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(to, sizeof(to), "203.0.113.%d", i);
		script_will_receive(world, to, 53, 10, 0, 1);
	}
	script_will_receive(world, "203.0.113.100", 53, 10, 0, 1);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 100);
	assert_int_equal(guest_drops(world, DROP_UDP_FILTERED), 1);
}

static void udp_filter_none_lets_anybody_in(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	world_defaults(world);
	world->config.udp_filter_none = true;
	world_start(world, true);
	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, "203.0.113.9", 53, 10, 0, 1);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 1);
	world_free(world);
}

static void a_question_is_forgotten_soon_and_a_stream_late(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	world_wait(world, UDP_SHORT_US - 1);
	assert_int_equal(nat_flow_count(world->nat), 1);
	world_wait(world, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(world->script.closed, 1);
	for (int i = 0; i < 2; i++) {
		guest_says(world, plain, 4000, 53, 10);
		script_will_receive(world, FAR, 53, 10, 0, 1);
	}
	script_ready(world, world->script.last_fd);
	world_wait(world, UDP_SHORT_US);
	world_wait(world, UDP_LONG_US - UDP_SHORT_US - 1);
	assert_int_equal(nat_flow_count(world->nat), 1);
	world_wait(world, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void a_full_table_gives_up_the_oldest(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	world_defaults(world);
	world->config.flows = 2;
	world_start(world, true);
	/* in one delivery: what the first one had gathered is still sent */
	for (uint16_t i = 0; i < 4; i++)
		guest_add_udp(world, plain, (uint16_t)(4000 + i), 53, 10, 1);
	guest_send(world);
	assert_int_equal(nat_flow_count(world->nat), 2);
	assert_int_equal(world->script.sent_count, 4);
	assert_int_equal(world->script.closed, 2);
	world_free(world);
}

static void no_descriptor_is_a_named_drop_and_one_notice(void **state)
{
	struct world *world = *state;

	world->script.open_error = -EMFILE;
	guest_says(world, plain, 4000, 53, 10);
	guest_says(world, plain, 4001, 53, 10);
	assert_int_equal(guest_drops(world, DROP_NAT_SOCKETS_FULL), 2);
	assert_int_equal(world->notices, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void another_guests_datagram_is_refused(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	world->guest_mac.byte[5] = 2;
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(world->last_drop, DROP_NAT_FLOW_OWNER);
	assert_int_equal(world->script.sent_count, 1);
}

static void a_guests_port_takes_its_flows_along(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	nat_port_gone(world->nat, &world->guest->port);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(world->script.closed, 1);
}

static void wrong_datagrams_get_their_names(void **state)
{
	struct world *world = *state;

	guest_add_udp(world, plain, 4000, 53, 10, 1);
	world->bytes[0][14 + 20 + 8] ^= 1;
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_UDP_CHECKSUM);
	guest_add_udp(world, plain6, 4000, 53, 10, 1);
	memset(world->bytes[0] + 14 + 40 + UDP_CHECKSUM_AT, 0, 2);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_UDP_CHECKSUM);
	guest_add_udp(world, plain, 4000, 53, 10, 1);
	world->bytes[0][14 + 20 + UDP_LENGTH_AT + 1] = 7;
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_UDP_LENGTH);
	guest_add(world, &(struct guest_packet){.from = GUEST, .to = FAR, .protocol = IP_PROTOCOL_UDP}, "1234567", 7);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_UDP_SHORT);
	assert_int_equal(world->script.sent_count, 0);
	/* IPv4 without a checksum is legal */
	guest_add_udp(world, plain, 4000, 53, 10, 1);
	memset(world->bytes[0] + 14 + 20 + UDP_CHECKSUM_AT, 0, 2);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
}

/* ---- where to ---- */

static void the_gateway_is_the_hosts_loopback(void **state)
{
	struct world *world = *state;
	const struct guest_packet packet = {.from = GUEST, .to = "10.0.2.2"};

	guest_says(world, packet, 4000, 7, 10);
	assert_sent(world, 0, "127.0.0.1", 7, 10, 0);
	script_will_receive(world, "127.0.0.1", 7, 10, 0, 1);
	script_ready(world, world->script.last_fd);
	assert_string_equal(guest_got(world, 0).from, "10.0.2.2");
}

static void without_host_loopback_the_gateway_leads_nowhere(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct guest_packet packet = {.from = GUEST, .to = "10.0.2.2"};
	struct icmp_header header;

	(void)state;
	world_defaults(world);
	world->config.host_loopback = false;
	world_start(world, true);
	guest_says(world, packet, 4000, 7, 10);
	assert_int_equal(world->last_drop, DROP_NAT_DESTINATION);
	assert_int_equal(world->script.opened, 0);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.type, ICMP4_UNREACHABLE);
	world_free(world);
}

static void a_restricted_network_sends_only_what_a_forward_asked_for(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct nat_inbound inbound = {.guest = address_of(GUEST, 5000)};
	struct icmp_header icmp;
	struct udp_header header;

	(void)state;
	world_defaults(world);
	world->config.restricted = true;
	world_start(world, true);
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(world->last_drop, DROP_NAT_RESTRICTED);
	guest_got_error(world, 0, &icmp);
	assert_int_equal(icmp.code, ICMP4_UNREACHABLE_PROHIBITED);
	inbound.port = &world->guest->port;
	inbound.mac = world->guest_mac;
	assert_int_equal(udp_forward(world->udp, script_open(&world->script, DATAGRAM_UDP, false), &inbound), 0);
	guest_says(world, plain, 5000, 1234, 10);
	assert_int_equal(world->last_drop, DROP_NAT_RESTRICTED);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, world->script.last_fd);
	guest_got_udp(world, 2, &header);
	assert_int_equal(header.from_port, 1234);
	assert_int_equal(header.to_port, 5000);
	guest_says(world, plain, 5000, 1234, 10);
	assert_sent(world, 0, FAR, 1234, 10, 0);
	/* it stays, however idle */
	world_wait(world, 10 * (uint64_t)UDP_LONG_US);
	assert_int_equal(nat_flow_count(world->nat), 1);
	udp_forward_end(world->udp, &inbound.guest);
	assert_int_equal(nat_flow_count(world->nat), 0);
	world_free(world);
}

static void a_forward_takes_the_place_of_a_mapping(void **state)
{
	struct world *world = *state;
	struct nat_inbound inbound = {.guest = address_of(GUEST, 4000),
				      .port = &world->guest->port,
				      .mac = world->guest_mac};

	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(udp_forward(world->udp, script_open(&world->script, DATAGRAM_UDP, false), &inbound), 0);
	assert_int_equal(nat_flow_count(world->nat), 1);
	assert_int_equal(world->script.closed, 1);
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(world->script.sent[1].fd, world->script.last_fd);
}

/* ---- batches from guests ---- */

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

/* ---- to guests ---- */

static void datagrams_that_came_together_are_one_frame(void **state)
{
	struct world *world = *state;
	struct udp_header header;
	const uint8_t *payload;

	world->guest->port.accepts = (struct port_accepts){.csum = true, .uso = true, .frame_bytes = 1514};
	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 5050, 1000, 3);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 1);
	assert_int_equal(guest_got(world, 0).offload.gso, GSO_UDP);
	assert_int_equal(guest_got(world, 0).offload.segment_bytes, 1000);
	payload = guest_got_udp(world, 0, &header);
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 5050);
	assert_counts_up(payload, 5050, 3);
}

static void they_are_cut_for_a_guest_without_uso(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 2500, 1000, 3);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 3);
	assert_counts_up(guest_got_udp(world, 0, &header), 1000, 3);
	assert_counts_up(guest_got_udp(world, 2, &header), 500, (uint8_t)(3 + 2000));
	assert_int_equal(header.bytes, UDP_HEADER_BYTES + 500);
}

static void check_fragments(struct world *world, const char *far, uint32_t bytes, size_t fragments)
{
	static uint8_t whole[66000];
	size_t end = 0;
	struct checksum pseudo;
	struct guest_got got;
	struct guest_packet packet;

	script_will_receive(world, far, 53, bytes, 0, 3);
	world->guest->count = 0;
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, fragments);
	for (size_t i = 0; i < fragments; i++) {
		got = guest_got(world, i);
		assert_int_equal(got.offset, end);
		assert_int_equal(got.more, i + 1 < fragments);
		memcpy(whole + end, got.transport, got.bytes);
		end += got.bytes;
	}
	assert_int_equal(end, UDP_HEADER_BYTES + bytes);
	packet = guest_packet_of(&got);
	pseudo = packet_sum(&packet, end);
	assert_int_equal(udp_checksum_verify(&pseudo, whole, end, true), DROP_NONE);
	assert_counts_up(whole + UDP_HEADER_BYTES, bytes, 3);
}

static void a_datagram_larger_than_the_link_is_cut_into_fragments(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	check_fragments(world, FAR, 1473, 2);
	check_fragments(world, FAR, 4000, 3);
	check_fragments(world, FAR, 65507, 45);
	guest_says(world, plain6, 4000, 53, 10);
	check_fragments(world, FAR6, 1453, 2);
	check_fragments(world, FAR6, 65527, 46);
}

static void dscp_and_ecn_come_to_the_guest(void **state)
{
	struct world *world = *state;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 10, 0, 1);
	world->script.receipts[0].service = 0xbb;
	script_ready(world, world->script.last_fd);
	assert_int_equal(guest_got(world, 0).service, 0xbb);
	assert_false(guest_got(world, 0).dont_fragment);
}

static void many_datagrams_come_in_turns(void **state)
{
	struct world *world = *state;
	struct udp_header header;

	guest_says(world, plain, 4000, 53, 10);
	for (int i = 0; i < 200; i++)
		script_will_receive(world, FAR, 53, 1400, 0, (uint8_t)i);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 200);
	for (size_t i = 0; i < 200; i++)
		assert_counts_up(guest_got_udp(world, i, &header), 1400, (uint8_t)i);
	assert_int_equal(ethswitch_frames(world->ethswitch)->taken, 0);
}

static void flows_show_what_they_are(void *owner, const struct nat_flow_info *info)
{
	size_t *count = owner;

	(*count)++;
	assert_int_equal(info->protocol, IP_PROTOCOL_UDP);
	assert_string_equal(info->state, "request");
	assert_int_equal(info->from_guest_bytes, 10);
	assert_int_equal(info->guest.port, 4000);
}

static void flows_can_be_listed(void **state)
{
	struct world *world = *state;
	size_t count = 0;

	guest_says(world, plain, 4000, 53, 10);
	nat_each_flow(world->nat, flows_show_what_they_are, &count);
	assert_int_equal(count, 1);
}

/* ---- real sockets ---- */

static int loopback_socket(bool is6, uint16_t *ret_port)
{
	struct sockaddr_storage address = sockaddr_of(is6 ? "::1" : "127.0.0.1", 0);
	socklen_t bytes = is6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) < 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	*ret_port =
		ntohs(is6 ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
	return fd;
}

static void wait_for_frames(struct world *world, size_t count)
{
	for (int i = 0; i < 200 && world->guest->count < count; i++) {
		struct pollfd pollfd = {.fd = loop_fd(world->loop), .events = POLLIN};

		poll(&pollfd, 1, 10);
		world_turn(world);
	}
	assert_int_equal(world->guest->count, count);
}

/* Sends back, `extra` zeros longer, what comes; how many datagrams. */
static size_t answer_all(int fd, size_t extra)
{
	struct sockaddr_storage from;
	size_t count = 0;

	for (;;) {
		static uint8_t bytes[65536];
		socklen_t from_bytes = sizeof(from);
		ssize_t got;

		memset(bytes, 0, sizeof(bytes));
		got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_bytes);
		if (got < 0)
			return count;
		assert_true(sendto(fd, bytes, (size_t)got + extra, 0, (struct sockaddr *)&from, from_bytes) > 0);
		count++;
	}
}

static void check_real(struct world *world, bool is6)
{
	struct guest_packet packet = {.from = is6 ? GUEST6 : GUEST,
				      .to = is6 ? "fd00::2" : "10.0.2.2",
				      .service = 0x28};
	struct guest_packet uso = packet;
	struct udp_header header;
	struct icmp_header icmp;
	uint16_t port = 0;
	int fd = loopback_socket(is6, &port);

	if (fd < 0)
		skip();
	record_port_clear(world->guest);
	/* 20 of one size and a shorter one: one message, and each arrives by itself */
	for (int i = 0; i < 20; i++)
		guest_add_udp(world, packet, 4000, port, 700, (uint8_t)i);
	guest_add_udp(world, packet, 4000, port, 10, 99);
	guest_send(world);
	assert_int_equal(answer_all(fd, 0), 21);
	wait_for_frames(world, 21);
	for (size_t i = 0; i < 20; i++)
		assert_counts_up(guest_got_udp(world, i, &header), 700, (uint8_t)i);
	assert_int_equal(header.from_port, port);
	assert_counts_up(guest_got_udp(world, 20, &header), 10, 99);
	assert_string_equal(guest_got(world, 0).from, packet.to);
	/* more segments than any kernel takes */
	uso.offload = (struct offload){.gso = GSO_UDP, .segment_bytes = 50};
	record_port_clear(world->guest);
	guest_add_udp(world, uso, 4000, port, 10000, 5);
	guest_send(world);
	assert_int_equal(answer_all(fd, 0), 200);
	wait_for_frames(world, 200);
	assert_counts_up(guest_got_udp(world, 199, &header), 50, (uint8_t)(5 + 199 * 50));
	/* fragments to the guest */
	record_port_clear(world->guest);
	guest_says(world, packet, 4000, port, 1000);
	assert_int_equal(answer_all(fd, 3000), 1);
	wait_for_frames(world, 3);
	/* nobody is there any more */
	close(fd);
	record_port_clear(world->guest);
	guest_says(world, packet, 4000, port, 30);
	wait_for_frames(world, 1);
	guest_got_error(world, 0, &icmp);
	assert_int_equal(icmp.type, is6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE);
	assert_int_equal(icmp.code, is6 ? ICMP6_UNREACHABLE_PORT : ICMP4_UNREACHABLE_PORT);
	assert_string_equal(guest_got(world, 0).from, packet.to);
}

static void the_systems_sockets_do_it_too(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	world_defaults(world);
	world_start(world, false);
	check_real(world, false);
	world_free(world);
}

static void the_systems_sockets_do_it_too_by_ipv6(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	(void)state;
	world_defaults(world);
	world_start(world, false);
	check_real(world, true);
	world_free(world);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(a_datagram_leaves_by_a_socket_and_its_answer_comes_back),
		scripted(ipv6_goes_the_same_way),
		scripted(an_empty_datagram_goes_both_ways),
		scripted(a_guests_port_has_one_socket_whoever_it_talks_to),
		scripted(only_who_was_sent_to_may_answer),
		scripted(many_far_ends_are_remembered),
		cmocka_unit_test(udp_filter_none_lets_anybody_in),
		scripted(a_question_is_forgotten_soon_and_a_stream_late),
		cmocka_unit_test(a_full_table_gives_up_the_oldest),
		scripted(no_descriptor_is_a_named_drop_and_one_notice),
		scripted(another_guests_datagram_is_refused),
		scripted(a_guests_port_takes_its_flows_along),
		scripted(wrong_datagrams_get_their_names),
		scripted(the_gateway_is_the_hosts_loopback),
		cmocka_unit_test(without_host_loopback_the_gateway_leads_nowhere),
		cmocka_unit_test(a_restricted_network_sends_only_what_a_forward_asked_for),
		scripted(a_forward_takes_the_place_of_a_mapping),
		scripted(equal_datagrams_become_one_message),
		scripted(flows_and_ways_are_not_mixed),
		scripted(more_segments_than_the_kernel_takes_are_split),
		scripted(an_old_kernels_limit_is_found_out),
		scripted(what_is_refused_together_goes_one_by_one),
		scripted(a_full_socket_is_a_named_drop),
		scripted(more_than_a_batch_goes_in_several),
		scripted(what_routers_say_reaches_the_guest),
		scripted(what_the_host_refuses_is_told_at_once),
		scripted(too_long_for_the_path_tells_the_kernels_mtu),
		scripted(errors_of_ipv6_are_icmpv6s),
		scripted(datagrams_that_came_together_are_one_frame),
		scripted(they_are_cut_for_a_guest_without_uso),
		scripted(a_datagram_larger_than_the_link_is_cut_into_fragments),
		scripted(dscp_and_ecn_come_to_the_guest),
		scripted(many_datagrams_come_in_turns),
		scripted(flows_can_be_listed),
		cmocka_unit_test(the_systems_sockets_do_it_too),
		cmocka_unit_test(the_systems_sockets_do_it_too_by_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
