/* SPDX-License-Identifier: MIT */
/* outbound=: which sockets are opened for it, and what happens while what it names is not there; over a script of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/nat/world.h"

#define HOME "10.0.2.2"
#define HOME6 "fd00::2"

/* IPv4 by an interface and an address, IPv6 as ever. */
static const struct outbounds chosen = {
	.ip4 = {.ifname = "vpn0", .address = {.ss_family = AF_INET}},
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world_defaults(world);
	world->config.outbounds = &chosen;
	world_start(world, true);
	*state = world;
	return 0;
}

static void says_to(struct world *world, const char *to)
{
	const struct guest_packet packet = {.from = strchr(to, ':') ? GUEST6 : GUEST, .to = to};

	guest_says(world, packet, 4000, 53, 10);
}

static void pings(struct world *world, const char *to)
{
	bool is6 = strchr(to, ':') != NULL;
	const struct guest_packet packet = {.from = is6 ? GUEST6 : GUEST,
					    .to = to,
					    .protocol = is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP};
	struct icmp_header header = {.type = is6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST,
				     .rest = icmp_echo_rest(7, 1)};
	struct checksum pseudo = packet_sum(&packet, ICMP_HEADER_BYTES);
	uint8_t message[ICMP_HEADER_BYTES];
	struct writer writer;

	writer_init(&writer, message, sizeof(message));
	icmp_header_write(&writer, &header);
	icmp_checksum_fill(is6 ? &pseudo : NULL, message, sizeof(message));
	guest_add(world, &packet, message, sizeof(message));
	guest_send(world);
}

static const struct outbound *last_outbound(const struct world *world)
{
	return world->script.outbounds[world->script.last_fd];
}

static void (*const ways[])(struct world *world, const char *to) = {says_to, pings};

static void what_leaves_by_it_and_what_stays_here_have_a_socket_each(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < 2; i++) {
		size_t opened = world->script.opened;

		ways[i](world, FAR);
		assert_ptr_equal(last_outbound(world), &chosen.ip4);
		ways[i](world, "203.0.113.9");
		assert_int_equal(world->script.opened, opened + 1);
		ways[i](world, "198.51.100.200"); /* map-host= */
		assert_int_equal(world->script.opened, opened + 2);
		assert_null(last_outbound(world));
		ways[i](world, FAR);
		ways[i](world, "198.51.100.200");
		assert_int_equal(world->script.opened, opened + 2);
		assert_int_not_equal(world->script.sent[world->script.sent_count - 1].fd,
				     world->script.sent[world->script.sent_count - 2].fd);
	}
}

static void a_family_of_which_nothing_was_said_has_one_socket_as_ever(void **state)
{
	struct world *world = *state;

	says_to(world, FAR6);
	assert_null(last_outbound(world));
	says_to(world, HOME6);
	assert_int_equal(world->script.opened, 1);
}

static void look_at_far(void *owner, const struct nat_flow_info *info)
{
	char text[IP6_TEXT_BYTES];
	char *all = owner;

	assert_int_equal(info->far.port, 0);
	strcat(all, ip6_format(info->far.ip, text));
	strcat(all, " ");
}

static void what_stays_here_is_listed_with_whom_the_guest_sees(void **state)
{
	struct world *world = *state;
	char all[200] = "";

	says_to(world, FAR);
	says_to(world, HOME);
	assert_int_equal(nat_each_flow(world->nat, 0, 100, look_at_far, all), 0);
	assert_true(strcmp(all, ":: ::ffff:10.0.2.2 ") == 0 || strcmp(all, "::ffff:10.0.2.2 :: ") == 0);
}

static void assert_unreachable(struct world *world, size_t frame)
{
	struct icmp_header header;

	assert_int_equal(world->guest->count, frame + 1);
	guest_got_error(world, frame, &header);
	assert_int_equal(header.type, ICMP4_UNREACHABLE);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_HOST);
}

static void what_is_not_there_refuses_by_name_until_it_is_back_and_says_so_once(void **state)
{
	static const int errors[] = {-ENODEV, -EADDRNOTAVAIL};
	struct world *world = *state;

	for (size_t i = 0; i < 2; i++) {
		size_t frame = world->guest->count;

		world->script.outbound_error = errors[i];
		ways[i](world, FAR);
		assert_int_equal(world->last_drop, DROP_NAT_OUTBOUND_GONE);
		assert_unreachable(world, frame);
		assert_int_equal(world->notices, 2 * i + 1);
		assert_non_null(strstr(world->notice, "outbound=vpn0 from 0.0.0.0: not on this machine now"));
		ways[1 - i](world, FAR);
		assert_int_equal(world->last_drop, DROP_NAT_OUTBOUND_GONE);
		assert_int_equal(world->notices, 2 * i + 1);
		ways[i](world, "198.51.100.200");
		assert_int_equal(world->last_drop, DROP_NONE);
		world->script.outbound_error = 0;
		ways[i](world, FAR);
		assert_int_equal(world->last_drop, DROP_NONE);
		assert_int_equal(world->notices, 2 * i + 2);
		assert_non_null(strstr(world->notice, "is back, and leads guests out by IPv4"));
		world->script.homeless = true;
		nat_address_lost(world->nat);
		world->script.homeless = false;
	}
	assert_int_equal(guest_drops(world, DROP_NAT_OUTBOUND_GONE), 4);
}

static void another_error_says_nothing_of_it(void **state)
{
	struct world *world = *state;

	world->script.outbound_error = -ENOBUFS;
	says_to(world, FAR);
	assert_int_equal(world->last_drop, DROP_NAT_SOCKETS_FULL);
	assert_int_equal(world->notices, 0);
}

static void sockets_that_have_lost_it_are_given_up_and_made_anew(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < 2; i++) {
		ways[i](world, FAR);
		ways[i](world, "198.51.100.200");
	}
	assert_int_equal(nat_flow_count(world->nat), 4);
	nat_address_lost(world->nat);
	assert_int_equal(nat_flow_count(world->nat), 4);
	world->script.homeless = true;
	nat_address_lost(world->nat);
	assert_int_equal(nat_flow_count(world->nat), 2);
	world->script.homeless = false;
	for (size_t i = 0; i < 2; i++) {
		size_t opened = world->script.opened;

		ways[i](world, FAR);
		assert_int_equal(world->script.opened, opened + 1);
		assert_ptr_equal(last_outbound(world), &chosen.ip4);
	}
}

static int set_up_mapped(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world_defaults(world);
	world->config.outbounds = &chosen;
	world->config.loopback4 = (struct ip4){{198, 51, 100, 200}};
	world_start(world, true);
	*state = world;
	return 0;
}

int main(void)
{
#define TEST(name, begin) cmocka_unit_test_setup_teardown(name, begin, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_leaves_by_it_and_what_stays_here_have_a_socket_each, set_up_mapped),
		TEST(a_family_of_which_nothing_was_said_has_one_socket_as_ever, set_up),
		TEST(what_stays_here_is_listed_with_whom_the_guest_sees, set_up),
		TEST(what_is_not_there_refuses_by_name_until_it_is_back_and_says_so_once, set_up_mapped),
		TEST(another_error_says_nothing_of_it, set_up),
		TEST(sockets_that_have_lost_it_are_given_up_and_made_anew, set_up_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
