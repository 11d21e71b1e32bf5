/* SPDX-License-Identifier: MIT */
/* When no is said, and when nothing is: RFC 1122 3.2.2, RFC 4443 2.4 e. What a reset holds stands in service.c's tests. */
#include "service/refusal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"

static void errors_are_never_about_what_must_not_have_one(void **state)
{
	const struct {
		const char *what;
		struct mac mac;
		const char *from, *to;
		uint8_t protocol, type;
		size_t bytes;
		bool answered;
	} rows[] = {
		{"a datagram", guest_mac(9), "10.0.2.15", "192.0.2.1", 17, 0, 8, true},
		{"to all on Ethernet", MAC_BROADCAST, "10.0.2.15", "192.0.2.1", 17, 0, 8, false},
		{"to all", guest_mac(9), "10.0.2.15", "255.255.255.255", 17, 0, 8, false},
		{"to a group", guest_mac(9), "10.0.2.15", "224.0.0.9", 17, 0, 8, false},
		{"from nobody", guest_mac(9), "0.0.0.0", "192.0.2.1", 17, 0, 8, false},
		{"an echo", guest_mac(9), "10.0.2.15", "192.0.2.1", 1, 8, 8, true},
		{"an error", guest_mac(9), "10.0.2.15", "192.0.2.1", 1, 3, 8, false},
		{"time exceeded", guest_mac(9), "10.0.2.15", "192.0.2.1", 1, 11, 8, false},
		{"perhaps an error", guest_mac(9), "10.0.2.15", "192.0.2.1", 1, 0, 0, false},
		{"an IPv6 datagram", guest_mac(9), "fd00:2::15", "2001:db8::1", 17, 0, 8, true},
		{"to an IPv6 group", guest_mac(9), "fd00:2::15", "ff02::1", 17, 0, 8, false},
		{"from no IPv6 address", guest_mac(9), "::", "2001:db8::1", 17, 0, 8, false},
		{"an IPv6 error", guest_mac(9), "fd00:2::15", "2001:db8::1", 58, 1, 8, false},
		{"an unknown IPv6 error", guest_mac(9), "fd00:2::15", "2001:db8::1", 58, 127, 8, false},
		{"an IPv6 echo", guest_mac(9), "fd00:2::15", "2001:db8::1", 58, 128, 8, true},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t payload[8] = {rows[i].type};
		struct packet packet;

		guest->reply.length = 1;
		if (strchr(rows[i].to, ':')) {
			guest_ip6(guest, rows[i].mac, ip6_of(rows[i].from), ip6_of(rows[i].to), rows[i].protocol, 64,
				  payload, rows[i].bytes);
			assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
			refusal_unreachable6(&config, &packet, ICMP6_UNREACHABLE_ROUTE, &guest->reply);
		} else {
			guest_ip4(guest, rows[i].mac, ip4_of(rows[i].from), ip4_of(rows[i].to), rows[i].protocol,
				  payload, rows[i].bytes);
			assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
			refusal_unreachable4(&config, &packet, ICMP4_UNREACHABLE_NET, &guest->reply);
		}
		if ((guest->reply.length > 0) != rows[i].answered)
			fail_msg("%s", rows[i].what);
		assert_null(guest_flaw(&config, &guest->reply));
		if (rows[i].answered)
			assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6);
	}
	guest_free(guest);
}

/* RFC 1122 3.2.2: only the first fragment has what an error is about. */
static void a_later_fragment_has_no_error_and_the_first_has_one(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (uint16_t offset = 0; offset <= 8; offset = (uint16_t)(offset + 8)) {
		uint8_t bytes[16] = {0};
		struct packet packet;
		struct writer writer;

		writer_init(&writer, bytes, sizeof(bytes));
		ip6_fragment_write(&writer, IP_PROTOCOL_UDP, offset, true, 1);
		guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), ip6_of("2001:db8::1"), IP_PROTOCOL_FRAGMENT, 64,
			  bytes, 16);
		assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
		refusal_unreachable6(&config, &packet, ICMP6_UNREACHABLE_ROUTE, &guest->reply);
		assert_int_equal(guest->reply.length > 0, offset == 0);
		packet.is6 = false;
		packet.protocol = IP_PROTOCOL_UDP;
		packet.ip4 = (struct ip4_header){.from = ip4_of("10.0.2.15"),
						 .to = ip4_of("192.0.2.1"),
						 .fragment_offset = offset};
		refusal_unreachable4(&config, &packet, ICMP4_UNREACHABLE_NET, &guest->reply);
		assert_int_equal(guest->reply.length > 0, offset == 0);
	}
	guest_free(guest);
}

static void within_the_link_an_error_comes_from_the_links_address(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct packet packet;

	(void)state;
	guest_ip6(guest, config.mac, ip6_link_local(guest->mac), ip6_of("fe80::77"), IP_PROTOCOL_UDP, 64, "12345678",
		  8);
	assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
	refusal_unreachable6(&config, &packet, ICMP6_UNREACHABLE_ADDRESS, &guest->reply);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_memory_equal(guest->reply.bytes + 22, ip6_link_local(config.mac).byte, 16);
	guest_free(guest);
}

/* RFC 4443 2.2 a */
static void an_error_comes_from_the_address_that_the_packet_was_for_if_it_is_the_gateways(void **state)
{
	static const char *const rows[][2] = {
		{"fd00:2::2", "fd00:2::2"}, {"fd00:2::3", "fd00:2::3"},   {"fd00:2::80", "fd00:2::80"},
		{"fe80::", "fe80::"},       {"2001:db8::1", "fd00:2::2"}, {"fd00:2::77", "fd00:2::2"},
	};
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.resolver6 = ip6_of("fd00:2::3");
	config.also6[config.also6_count++] = ip6_of("fd00:2::80");
	guest = guest_new(&config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip6 link = ip6_link_local(config.mac);
		bool local = strcmp(rows[i][0], "fe80::") == 0;
		struct ip6 to = local ? link : ip6_of(rows[i][0]), from = local ? link : ip6_of(rows[i][1]);
		struct packet packet;

		guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), to, IP_PROTOCOL_UDP, 64, "12345678", 8);
		assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
		refusal_unreachable6(&config, &packet, ICMP6_UNREACHABLE_PORT, &guest->reply);
		assert_null(guest_flaw(&config, &guest->reply));
		assert_memory_equal(guest->reply.bytes + 22, from.byte, 16);
	}
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_never_about_what_must_not_have_one),
		cmocka_unit_test(a_later_fragment_has_no_error_and_the_first_has_one),
		cmocka_unit_test(within_the_link_an_error_comes_from_the_links_address),
		cmocka_unit_test(an_error_comes_from_the_address_that_the_packet_was_for_if_it_is_the_gateways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
