/* SPDX-License-Identifier: MIT */
/* Neighbour discovery at the gateway's door; advertisements byte by byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"
#include "wire/ndp.h"

static const struct ip6 none6;

/* Router or neighbour solicitation. `target` may be NULL, `option` adds the source's link-layer address. */
static void solicit(struct guest *guest, struct mac to_mac, struct ip6 from, struct ip6 to, const struct ip6 *target,
		    bool option)
{
	uint8_t message[64] = {target ? ICMP6_NEIGHBOUR_SOLICIT : ICMP6_ROUTER_SOLICIT};
	size_t bytes = 8;

	if (target) {
		memcpy(message + 8, target->byte, 16);
		bytes = 24;
	}
	if (option) {
		message[bytes] = NDP_OPTION_SOURCE_MAC;
		message[bytes + 1] = 1;
		memcpy(message + bytes + 2, guest->mac.byte, 6);
		bytes += 8;
	}
	guest_icmp6(guest, to_mac, from, to, 255, message, bytes);
}

static void a_router_advertisement_says_exactly_what_is_configured(void **state)
{
	static const uint8_t
		expected[] =
			{
				134,  0,   0,    0,    64,   0xc0, 0,    0,    0,   0,    0,    0,    0,
				0,    0,   0,                                  /* hop limit 64, M and O, no router */
				1,    1,   0x52, 0x55, 0x0a, 0,    2,    2,    /* source link-layer address */
				5,    1,   0,    0,    0,    0,    0x05, 0xdc, /* MTU 1500 */
				3,    4,   64,   0xc0, 0,    0x27, 0x8d, 0,    0,   0x09, 0x3a, 0x80, 0,
				0,    0,   0, /* on-link, autonomous, 30 and 7 days */
				0xfd, 0,   0,    2,    0,    0,    0,    0,    0,   0,    0,    0,    0,
				0,    0,   0,    25,   3,    0,    0,    0,    0,   0x15, 0x18, /* RDNSS, 5400 s */
				0xfd, 0,   0,    2,    0,    0,    0,    0,    0,   0,    0,    0,    0,
				0,    0,   3,    31,   4,    0,    0,    0,    0,   0x15, 0x18, /* DNSSL */
				3,    'l', 'a',  'b',  7,    'e',  'x',  'a',  'm', 'p',  'l',  'e',  0,
				7,    'e', 'x',  'a',  'm',  'p',  'l',  'e',  0,   0,    0,
			};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	uint8_t advert[sizeof(expected)];

	(void)state;
	solicit(guest, ip6_multicast_mac(IP6_ALL_ROUTERS), ip6_link_local(guest->mac), IP6_ALL_ROUTERS, NULL, true);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_null(guest_flaw(&config, &guest->reply));
	/* To the one who asked, from the link's address, never forwarded. */
	assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6);
	assert_int_equal(guest->reply.bytes[14 + 7], 255);
	assert_memory_equal(guest->reply.bytes + 14 + 8, ip6_link_local(config.mac).byte, 16);
	assert_memory_equal(guest->reply.bytes + 14 + 24, ip6_link_local(guest->mac).byte, 16);
	assert_int_equal(guest->reply.length, 54 + sizeof(expected));
	memcpy(advert, guest->reply.bytes + 54, sizeof(advert));
	advert[2] = advert[3] = 0; /* the checksum: guest_flaw() */
	assert_memory_equal(advert, expected, sizeof(expected));
	guest_free(guest);
}

static void who_has_no_address_is_answered_as_all_nodes_and_alone(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	solicit(guest, ip6_multicast_mac(IP6_ALL_ROUTERS), none6, IP6_ALL_ROUTERS, NULL, false);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6); /* RFC 6085 */
	assert_memory_equal(guest->reply.bytes + 14 + 24, IP6_ALL_NODES.byte, 16);
	guest_free(guest);
}

static void flags_and_lifetimes_follow_the_configuration(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp6 = false;
	config.router6 = true;
	config.prefix6 = 56; /* no SLAAC */
	config.mtu_bytes = 9000;
	guest = guest_new(&config);
	ndp_advertise(&config, &guest->reply);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_int_equal(guest->reply.bytes[54 + 5], 0);
	assert_int_equal(guest_u16(guest->reply.bytes + 54 + 6),
			 9000); /* RFC 4861 6.2.1: the longest router lifetime */
	assert_int_equal(guest_u32(guest->reply.bytes + 54 + 16 + 8 + 4), 9000);
	assert_int_equal(guest->reply.bytes[54 + 32 + 2], 56);
	assert_int_equal(guest->reply.bytes[54 + 32 + 3], 0x80);
	guest_free(guest);
}

static void the_last_advertisement_ends_every_lifetime(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;
	struct reader reader;
	struct ip6_header ip;
	struct ndp ndp;

	(void)state;
	config.router6 = true;
	guest = guest_new(&config);
	ndp_withdraw(&config, &guest->reply);
	assert_null(guest_flaw(&config, &guest->reply));
	reader_init(&reader, guest->reply.bytes + 14, guest->reply.length - 14);
	assert_int_equal(ip6_header_read(&reader, reader.left, &ip), DROP_NONE);
	assert_true(ip6_equal(ip.to, IP6_ALL_NODES));
	assert_int_equal(ndp_read(&reader, &ip, &ndp), DROP_NONE);
	assert_int_equal(ndp.type, ICMP6_ROUTER_ADVERT);
	assert_int_equal(ndp.lifetime_s, 0);
	assert_int_equal(ndp.prefix_count, 1);
	assert_int_equal(ndp.prefixes[0].valid_s, 0);
	assert_int_equal(ndp.prefixes[0].preferred_s, 0);
	assert_int_equal(ndp.dns_count, 1);
	assert_int_equal(ndp.dns_s, 0);
	assert_int_equal(ndp.search_s, 0);
	guest_free(guest);
}

static void an_advertisement_fits_the_smallest_mtu_whatever_is_to_be_said(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.mtu_bytes = 1280;
	config.dns6_count = SERVICE_DNS_MAX;
	config.search_count = SERVICE_SEARCH_MAX;
	for (size_t i = 0; i < SERVICE_SEARCH_MAX; i++) {
		memset(config.search[i], 'a', 253);
		for (size_t j = 50; j < 253; j += 50)
			config.search[i][j] = '.';
	}
	guest = guest_new(&config);
	ndp_advertise(&config, &guest->reply);
	assert_true(guest->reply.length > 54 + 4 * 250);
	assert_null(guest_flaw(&config, &guest->reply));
	guest_free(guest);
}

static void without_ipv6_nothing_is_advertised(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.ip6 = false;
	guest = guest_new(&config);
	guest->reply.length = 1;
	ndp_advertise(&config, &guest->reply);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void our_addresses_are_told_to_who_asks(void **state)
{
	struct service_config config = guest_config();
	const struct ip6 ours[] = {config.host6, ip6_link_local(config.mac)};
	struct guest *guest = guest_new(&config);
	struct ip6 from = ip6_of("fd00:2::15");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t expected[32] = {136, 0, 0, 0, 0x60, [24] = 2, 1, 0x52, 0x55, 0x0a, 0, 2, 2};
		struct ip6 group = ip6_solicited_node(ours[i]);

		memcpy(expected + 8, ours[i].byte, 16);
		solicit(guest, ip6_multicast_mac(group), from, group, &ours[i], true);
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_null(guest_flaw(&config, &guest->reply));
		assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6);
		assert_int_equal(guest->reply.bytes[21], 255);
		assert_memory_equal(guest->reply.bytes + 14 + 8, ours[i].byte, 16);
		assert_memory_equal(guest->reply.bytes + 14 + 24, from.byte, 16);
		assert_int_equal(guest->reply.length, 54 + 32);
		memset(guest->reply.bytes + 56, 0, 2);
		assert_memory_equal(guest->reply.bytes + 54, expected, 32);
		/* Asked alone, as neighbours are that are known already. */
		solicit(guest, config.mac, from, ours[i], &ours[i], false);
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_int_equal(guest->reply.length, 54 + 32);
	}
	guest_free(guest);
}

static void who_is_about_to_take_our_address_is_told(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct ip6 group = ip6_solicited_node(config.host6);

	(void)state;
	solicit(guest, ip6_multicast_mac(group), none6, group, &config.host6, false);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6); /* RFC 6085 */
	assert_memory_equal(guest->reply.bytes + 14 + 24, IP6_ALL_NODES.byte, 16);
	assert_int_equal(guest->reply.bytes[54 + 4], 0x20); /* override, not solicited */
	guest_free(guest);
}

static void neighbours_of_others_are_not_our_business(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct ip6 from = ip6_of("fd00:2::15"), other = ip6_of("fd00:2::77"), group = ip6_solicited_node(other);
	struct ip6 alike = ip6_of("fd00:9::2"), our_group = ip6_solicited_node(config.host6);

	(void)state;
	solicit(guest, ip6_multicast_mac(group), from, group, &other, true);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
	solicit(guest, ip6_multicast_mac(our_group), from, our_group, &alike, true);
	assert_int_equal(guest_send(guest), DROP_NDP_NOT_OURS);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void lies_are_refused(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct ip6 from = ip6_of("fd00:2::15");
	uint8_t advert[16] = {ICMP6_ROUTER_ADVERT}, question[24] = {ICMP6_NEIGHBOUR_SOLICIT};

	(void)state;
	solicit(guest, config.mac, none6, IP6_ALL_ROUTERS, NULL, true); /* no address, yet a link-layer address */
	assert_int_equal(guest_send(guest), DROP_NDP_SOURCE);
	memcpy(question + 8, config.host6.byte, 16);
	guest_icmp6(guest, config.mac, from, config.host6, 254, question, 24);
	assert_int_equal(guest_send(guest), DROP_NDP_HOP_LIMIT);
	guest_icmp6(guest, ip6_multicast_mac(IP6_ALL_NODES), ip6_link_local(guest->mac), IP6_ALL_NODES, 255, advert,
		    16);
	assert_int_equal(guest_send(guest), DROP_NDP_ROUTER_ADVERT);
	solicit(guest, config.mac, config.host6, config.host6, &config.host6, true);
	assert_int_equal(guest_send(guest), DROP_IP6_SOURCE);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void a_probe_asks_one_machine_for_one_address(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	uint8_t expected[32] = {135, [24] = 1, 1, 0x52, 0x55, 0x0a, 0, 2, 2};
	struct ip6 address = ip6_of("fd00:2::15");

	(void)state;
	memcpy(expected + 8, address.byte, 16);
	ndp_probe(&config, guest_mac(5), address, &guest->reply);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_memory_equal(guest->reply.bytes, guest_mac(5).byte, 6);
	memset(guest->reply.bytes + 56, 0, 2);
	assert_int_equal(guest->reply.length, 54 + 32);
	assert_memory_equal(guest->reply.bytes + 54, expected, 32);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_advertisement_says_exactly_what_is_configured),
		cmocka_unit_test(who_has_no_address_is_answered_as_all_nodes_and_alone),
		cmocka_unit_test(flags_and_lifetimes_follow_the_configuration),
		cmocka_unit_test(the_last_advertisement_ends_every_lifetime),
		cmocka_unit_test(an_advertisement_fits_the_smallest_mtu_whatever_is_to_be_said),
		cmocka_unit_test(without_ipv6_nothing_is_advertised),
		cmocka_unit_test(our_addresses_are_told_to_who_asks),
		cmocka_unit_test(who_is_about_to_take_our_address_is_told),
		cmocka_unit_test(neighbours_of_others_are_not_our_business),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(a_probe_asks_one_machine_for_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
