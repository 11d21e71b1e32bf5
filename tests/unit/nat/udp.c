/* SPDX-License-Identifier: MIT */
/* UDP through host sockets: mappings, who may answer, batches, errors; over a script of sockets, and once over real ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "unit/nat/world.h"

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
	assert_sent(world, 0, FAR6, 53, 10, 0);
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

static void who_goes_on_talking_is_not_forgotten(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 4; i++) {
		guest_says(world, plain, 4000, 53, 10);
		world_wait(world, UDP_SHORT_US - 1);
		assert_int_equal(nat_flow_count(world->nat), 1);
	}
	world_wait(world, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(world->script.opened, 1);
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

static void the_oldest_gives_up_its_descriptor_when_there_are_no_more(void **state)
{
	struct world *world = *state;

	world->script.open_most = 2;
	for (uint16_t i = 0; i < 4; i++)
		guest_says(world, plain, (uint16_t)(4000 + i), 53, 10);
	assert_int_equal(nat_flow_count(world->nat), 2);
	assert_int_equal(world->script.sent_count, 4);
	assert_int_equal(guest_drops(world, DROP_NAT_SOCKETS_FULL), 0);
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

/* As of a kernel without IPv6. */
static void a_host_without_such_sockets_is_told_to_the_guest(void **state)
{
	struct world *world = *state;
	struct icmp_header header;

	world->script.open_error = -EAFNOSUPPORT;
	guest_says(world, plain6, 4000, 53, 10);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_UDP_SEND_REFUSED));
	guest_got_error(world, 0, &header);
	assert_int_equal(header.type, ICMP6_UNREACHABLE);
	assert_int_equal(header.code, ICMP6_UNREACHABLE_ROUTE);
	assert_int_equal(world->notices, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void a_socket_that_cannot_be_watched_is_a_named_drop_and_closed(void **state)
{
	struct world *world = *state;

	world->script.unwatchable = true;
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(guest_drops(world, DROP_NAT_SOCKETS_FULL), 1);
	assert_int_equal(world->script.opened, 1);
	assert_int_equal(world->script.closed, 1);
	assert_int_equal(world->script.sent_count, 0);
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
	/* of two bytes of zero alone it is none */
	for (size_t i = 0; i < 2; i++) {
		guest_add_udp(world, plain, 4000, 53, 10, 1);
		world->bytes[0][14 + 20 + UDP_CHECKSUM_AT + i] = 0;
		guest_send(world);
		assert_int_equal(guest_drops(world, DROP_UDP_CHECKSUM), 2 + i);
	}
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

static void flows_show_what_they_are(void *owner, const struct nat_flow_info *info)
{
	size_t *count = owner;

	(*count)++;
	assert_int_equal(info->protocol, IP_PROTOCOL_UDP);
	assert_string_equal(info->state, "request");
	assert_int_equal(info->from_guest_bytes, 10);
	assert_int_equal(info->to_guest_bytes, 300);
	assert_int_equal(info->idle_us, 5000);
	assert_int_equal(info->guest.port, 4000);
}

static void flows_can_be_listed(void **state)
{
	struct world *world = *state;
	size_t count = 0;

	guest_says(world, plain, 4000, 53, 10);
	script_will_receive(world, FAR, 53, 300, 0, 7);
	script_ready(world, world->script.last_fd);
	world_wait(world, 5000);
	assert_int_equal(nat_each_flow(world->nat, 0, SIZE_MAX, flows_show_what_they_are, &count), 0);
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

/* A network namespace whose loopback takes 1300 bytes; false where that is not allowed. */
static bool enter_narrow_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = 1300};
	bool done;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	done = ioctl(fd, SIOCSIFMTU, &request) == 0;
	request.ifr_flags = IFF_UP;
	done = done && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return done;
}

static void check_narrow(bool is6)
{
	struct world *world = calloc(1, sizeof(*world));
	struct guest_packet packet = {.from = is6 ? GUEST6 : GUEST,
				      .to = is6 ? "fd00::2" : "10.0.2.2",
				      .dont_fragment = true};
	struct icmp_header icmp;
	uint16_t port = 0;
	int fd = loopback_socket(is6, &port);

	assert_true(fd >= 0);
	world_defaults(world);
	world_start(world, false);
	guest_says(world, packet, 4000, port, 1400);
	assert_int_equal(guest_drops(world, DROP_UDP_SEND_LONG), 1);
	guest_got_error(world, 0, &icmp);
	assert_int_equal(icmp.type, is6 ? ICMP6_TOO_BIG : ICMP4_UNREACHABLE);
	assert_int_equal(icmp.code, is6 ? 0 : ICMP4_UNREACHABLE_FRAGMENT);
	assert_int_equal(icmp.rest, 1300);
	/* several of them together are refused one by one, and those that fit go */
	for (int i = 0; i < 3; i++)
		guest_add_udp(world, packet, 4000, port, 1400, 1);
	guest_add_udp(world, packet, 4000, port, 500, 1);
	guest_send(world);
	assert_int_equal(guest_drops(world, DROP_UDP_SEND_LONG), 4);
	assert_int_equal(answer_all(fd, 0), 1);
	packet.dont_fragment = false;
	if (!is6) {
		guest_says(world, packet, 4000, port, 1400);
		assert_int_equal(answer_all(fd, 0), 1);
	}
	close(fd);
	world_free(world);
}

/* Last: the namespace stays. */
static void the_kernels_mtu_reaches_the_guest(void **state)
{
	(void)state;
	if (!enter_narrow_namespace())
		skip();
	check_narrow(false);
	check_narrow(true);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

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
		scripted(who_goes_on_talking_is_not_forgotten),
		cmocka_unit_test(a_full_table_gives_up_the_oldest),
		scripted(the_oldest_gives_up_its_descriptor_when_there_are_no_more),
		scripted(no_descriptor_is_a_named_drop_and_one_notice),
		scripted(a_host_without_such_sockets_is_told_to_the_guest),
		scripted(a_socket_that_cannot_be_watched_is_a_named_drop_and_closed),
		scripted(another_guests_datagram_is_refused),
		scripted(a_guests_port_takes_its_flows_along),
		scripted(wrong_datagrams_get_their_names),
		scripted(the_gateway_is_the_hosts_loopback),
		cmocka_unit_test(without_host_loopback_the_gateway_leads_nowhere),
		scripted(flows_can_be_listed),
		cmocka_unit_test(the_systems_sockets_do_it_too),
		cmocka_unit_test(the_systems_sockets_do_it_too_by_ipv6),
		cmocka_unit_test(the_kernels_mtu_reaches_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
