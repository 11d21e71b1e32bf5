/* SPDX-License-Identifier: MIT */
/* Ping to the gateway. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"

enum { MESSAGE_MAX = 65500 };

static uint8_t message[MESSAGE_MAX];

/* An echo request of so many bytes with its header. */
static void compose_echo(uint8_t type, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		message[i] = (uint8_t)(i * 7);
	message[0] = type;
	message[1] = message[2] = message[3] = 0;
}

static void an_ipv4_echo_is_answered_with_all_it_brought(void **state)
{
	static const size_t sizes[] = {8, 9, 64, 1479, 1480};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		compose_echo(ICMP4_ECHO_REQUEST, sizes[i]);
		guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, message, sizes[i]);
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_null(guest_flaw(&config, &guest->reply));
		assert_int_equal(guest->reply.length, 34 + sizes[i]);
		assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6);
		assert_memory_equal(guest->reply.bytes + 26, "\x0a\0\2\2\x0a\0\2\x0f", 8);
		assert_int_equal(guest->reply.bytes[34], ICMP4_ECHO_REPLY);
		assert_memory_equal(guest->reply.bytes + 38, message + 4, sizes[i] - 4);
	}
	guest_free(guest);
}

static void an_ipv6_echo_is_answered_from_the_address_it_was_sent_to(void **state)
{
	struct service_config config = guest_config();
	const struct ip6 ours[] = {config.host6, ip6_link_local(config.mac)};
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		compose_echo(ICMP6_ECHO_REQUEST, 1460);
		guest_icmp6(guest, config.mac, ip6_of("fd00:2::15"), ours[i], 64, message, 1460);
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_null(guest_flaw(&config, &guest->reply));
		assert_int_equal(guest->reply.length, 1514);
		assert_memory_equal(guest->reply.bytes + 22, ours[i].byte, 16);
		assert_memory_equal(guest->reply.bytes + 38, ip6_of("fd00:2::15").byte, 16);
		assert_int_equal(guest->reply.bytes[54], ICMP6_ECHO_REPLY);
		assert_memory_equal(guest->reply.bytes + 58, message + 4, 1456);
	}
	guest_free(guest);
}

static void a_large_mtu_makes_large_echoes(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.mtu_bytes = 65520;
	guest = guest_new(&config);
	compose_echo(ICMP4_ECHO_REQUEST, 65500);
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, message, 65500);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, 65534);
	assert_null(guest_flaw(&config, &guest->reply));
	guest_free(guest);
}

/* It came in fragments, and goes in some: that is whoever sends it's. */
static void an_echo_larger_than_the_network_is_answered_whole(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	compose_echo(ICMP4_ECHO_REQUEST, 1481);
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, message, 1481);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, 14 + 20 + 1481);
	guest_free(guest);
}

static void pings_to_all_are_ignored(void **state)
{
	static const char *const to4[] = {"255.255.255.255", "10.0.2.255", "224.0.0.1"};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		compose_echo(ICMP4_ECHO_REQUEST, 64);
		guest_icmp4(guest, MAC_BROADCAST, ip4_of("10.0.2.15"), ip4_of(to4[i]), message, 64);
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_int_equal(guest->reply.length, 0);
	}
	compose_echo(ICMP6_ECHO_REQUEST, 64);
	guest_icmp6(guest, ip6_multicast_mac(IP6_ALL_NODES), ip6_of("fd00:2::15"), IP6_ALL_NODES, 64, message, 64);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void a_damaged_echo_is_refused(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	compose_echo(ICMP4_ECHO_REQUEST, 64);
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, message, 64);
	guest->frame[60] ^= 1;
	assert_int_equal(guest_send(guest), DROP_ICMP_CHECKSUM);
	compose_echo(ICMP6_ECHO_REQUEST, 64);
	guest_icmp6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, 64, message, 64);
	guest->frame[80] ^= 1;
	assert_int_equal(guest_send(guest), DROP_ICMP_CHECKSUM);
	compose_echo(ICMP4_ECHO_REQUEST, 64);
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, message, 7);
	assert_int_equal(guest_send(guest), DROP_ICMP_SHORT);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_echo_is_answered_with_all_it_brought),
		cmocka_unit_test(an_ipv6_echo_is_answered_from_the_address_it_was_sent_to),
		cmocka_unit_test(a_large_mtu_makes_large_echoes),
		cmocka_unit_test(an_echo_larger_than_the_network_is_answered_whole),
		cmocka_unit_test(pings_to_all_are_ignored),
		cmocka_unit_test(a_damaged_echo_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
