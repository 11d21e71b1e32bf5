/* SPDX-License-Identifier: MIT */
/* Whole conversations with the DHCPv4 server, as guests hold them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/dhcp4.h"

static void a_guest_discovers_requests_renews_and_releases(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER}), DROP_NONE);
	assert_heard(DHCP4_OFFER, "10.0.2.15");
	assert_null(lease_now(guest));
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST,
						 .requested = "10.0.2.15",
						 .server = "10.0.2.2",
						 .hostname = "vm1"}),
			 DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.15");
	assert_string_equal(lease_now(guest)->name, "vm1");
	assert_int_equal(lease_now(guest)->due_us, guest->now_us + 60 * MINUTE_US);
	/* Renewing: unicast, ciaddr, neither 50 nor 54. */
	guest->now_us += 30 * MINUTE_US;
	assert_int_equal(
		say(guest,
		    (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.15", .from = "10.0.2.15", .to = "10.0.2.2"}),
		DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.15");
	assert_true(ip4_equal(heard.to, ip4_of("10.0.2.15")) && mac_equal(heard.to_mac, guest->mac));
	assert_true(ip4_equal(heard.message.client, ip4_of("10.0.2.15")));
	assert_int_equal(lease_now(guest)->due_us, guest->now_us + 60 * MINUTE_US);
	/* Rebinding: the same, to all. */
	guest->now_us += 55 * MINUTE_US;
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.15", .from = "10.0.2.15"}),
			 DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.15");
	assert_int_equal(say(guest, (struct say){.type = DHCP4_RELEASE,
						 .client = "10.0.2.15",
						 .server = "10.0.2.2",
						 .from = "10.0.2.15",
						 .to = "10.0.2.2"}),
			 DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
	assert_null(lease_now(guest));
	get(guest, NULL, "10.0.2.15");
}

static void an_offer_is_sent_as_the_client_can_hear_it(void **state)
{
	struct guest *guest = *state;

	say(guest, (struct say){.type = DHCP4_DISCOVER});
	assert_true(mac_equal(heard.to_mac, guest->mac) && ip4_equal(heard.to, ip4_of("10.0.2.15")));
	say(guest, (struct say){.type = DHCP4_DISCOVER, .flags = DHCP4_FLAG_BROADCAST});
	assert_true(mac_equal(heard.to_mac, guest->mac) && ip4_equal(heard.to, IP4_BROADCAST));
	assert_int_equal(heard.message.flags, DHCP4_FLAG_BROADCAST);
}

static void each_option_has_its_bytes(void **state)
{
	static const struct {
		uint8_t code;
		const char *value;
	} rows[] = {
		{1, "ffffff00"},
		{3, "0a000202"},
		{6, "0a000203"},
		{12, "766d31"},
		{15, "6c61622e6578616d706c65"},
		{26, "05dc"},
		{28, "0a0002ff"},
		{51, "00000e10"},
		{53, "02"},
		{54, "0a000202"},
		{58, "00000708"},
		{59, "00000c4e"},
		{61, "616263"},
		{66, "31302e302e322e39"},
		{67, "7078652e30"},
		{81, "0affff766d312e6c61622e6578616d706c65"}, /* N and O: the server enters no names; RFC 4702 2.2 */
		{119, "036c6162076578616d706c6500076578616d706c6500"},
		{121, "10c0a80a000209000a000202"}, /* 192.168/16 via .9, and the default route */
	};
	struct guest *guest = *state;

	guest->config.router4 = true;
	guest->config.routes4[0] = (struct service_route4){ip4_of("192.168.0.0"), 16, ip4_of("10.0.2.9")};
	guest->config.route4_count = 1;
	strcpy(guest->config.boot_server, "10.0.2.9");
	strcpy(guest->config.boot_file, "pxe.0");
	say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15", .id = "abc", .hostname = "vm1"});
	say(guest, (struct say){.type = DHCP4_DISCOVER, .id = "abc", .fqdn = "vm1.old"});
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(option(rows[i].code), rows[i].value);
	assert_true(ip4_equal(heard.message.server, ip4_of("10.0.2.9")));
	assert_string_equal((const char *)heard.message.file, "pxe.0");
}

static void only_what_was_asked_is_sent_beside_the_mandatory(void **state)
{
	static const uint8_t mandatory[] = {51, 53, 54};
	struct guest *guest = *state;

	guest->config.router4 = true;
	say(guest, (struct say){.type = DHCP4_DISCOVER, .wants = "\x01\x06"});
	for (unsigned code = 1; code < 255; code++) {
		bool expected = code == 1 || code == 6 || memchr(mandatory, (int)code, sizeof(mandatory));

		assert_int_equal(strcmp(option((uint8_t)code), "-") != 0, expected);
	}
}

static void without_an_uplink_there_is_no_router_and_no_default_route(void **state)
{
	struct guest *guest = *state;

	say(guest, (struct say){.type = DHCP4_DISCOVER});
	assert_string_equal(option(3), "-");
	assert_string_equal(option(121), "-");
	guest->config.routes4[0] = (struct service_route4){ip4_of("192.168.0.0"), 16, ip4_of("10.0.2.9")};
	guest->config.route4_count = 1;
	guest->config.dns4_count = 0;
	say(guest, (struct say){.type = DHCP4_DISCOVER});
	assert_string_equal(option(121), "10c0a80a000209");
	assert_string_equal(option(6), "-");
}

static void a_lease_time_is_given_within_bounds(void **state)
{
	static const struct {
		uint32_t asked, offered;
		const char *expected;
	} rows[] = {
		{0, 3600, "00000e10"},         {600, 3600, "00000258"},
		{7200, 3600, "00000e10"},      {1, 3600, "0000003c"},
		{1, 30, "00000001"},           {0, UINT32_MAX, "ffffffff"},
		{600, UINT32_MAX, "00000258"}, {UINT32_MAX, 3600, "00000e10"},
	};
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		guest->config.lease_s = rows[i].offered;
		say(guest, (struct say){.type = DHCP4_DISCOVER, .lease_s = rows[i].asked});
		assert_string_equal(option(51), rows[i].expected);
		if (!strcmp(rows[i].expected, "ffffffff"))
			assert_string_equal(option(58), "ffffffff");
	}
}

static void a_guest_that_comes_back_keeps_its_address(void **state)
{
	struct guest *guest = *state;

	get(guest, NULL, "10.0.2.15");
	/* init-reboot */
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15"}), DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.15");
	guest->now_us += 600 * MINUTE_US;
	assert_null(lease_now(guest));
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15"}), DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.15");
}

static void a_guest_unknown_to_a_new_server_keeps_an_address_that_is_free(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(
		say(guest,
		    (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.17", .from = "10.0.2.17", .to = "10.0.2.2"}),
		DROP_NONE);
	assert_heard(DHCP4_ACK, "10.0.2.17");
}

static void a_wrong_address_is_refused_at_once(void **state)
{
	static const struct say rows[] = {
		{.type = DHCP4_REQUEST, .requested = "10.0.2.16"},                      /* has another */
		{.type = DHCP4_REQUEST, .requested = "192.168.7.9"},                    /* comes from elsewhere */
		{.type = DHCP4_REQUEST, .requested = "10.0.2.2", .server = "10.0.2.2"}, /* ours */
		{.type = DHCP4_REQUEST, .client = "10.0.2.99", .from = "10.0.2.99", .to = "10.0.2.2"},
	};
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* As a client of whom something is known, and as one of whom nothing is. */
		for (unsigned number = 1; number <= 2; number++) {
			guest->mac = guest_mac(1);
			get(guest, NULL, "10.0.2.15");
			guest->mac = guest_mac(number);
			if (i == 0 && number == 2)
				continue;
			assert_int_equal(say(guest, rows[i]), DROP_DHCP4_NO_LEASE);
			assert_heard(DHCP4_NAK, "0.0.0.0");
			assert_true(mac_equal(heard.to_mac, guest->mac) && ip4_equal(heard.to, IP4_BROADCAST));
			assert_string_equal(option(51), "-");
			assert_string_equal(option(1), "-");
			assert_true(ip4_is_zero(heard.message.client));
		}
	}
	/* What another client has. */
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15"}),
			 DROP_DHCP4_NO_LEASE);
	assert_heard(DHCP4_NAK, "0.0.0.0");
}

static void an_offer_that_was_not_taken_is_free_again(void **state)
{
	static const struct say elsewhere = {.type = DHCP4_REQUEST, .requested = "10.0.2.44", .server = "10.0.2.9"};
	struct guest *guest = *state;
	struct lease_client client = {.mac = guest->mac, .id = {1, 0x52, 0x54, 0, 0, 0, 1}, .id_bytes = 7};

	assert_int_equal(say(guest, elsewhere), DROP_DHCP4_OTHER_SERVER); /* nothing is known of it */
	say(guest, (struct say){.type = DHCP4_DISCOVER});
	assert_int_equal(lease_find_client(guest->leases, false, &client)->state, LEASE_OFFERED);
	assert_int_equal(say(guest, elsewhere), DROP_DHCP4_OTHER_SERVER);
	assert_int_equal(guest->reply.length, 0);
	assert_int_equal(lease_find_client(guest->leases, false, &client)->state, LEASE_FREE);
	get(guest, NULL, "10.0.2.15");
	assert_int_equal(say(guest, elsewhere), DROP_DHCP4_OTHER_SERVER);
	assert_int_equal(lease_now(guest)->state, LEASE_BOUND);
}

static void a_declined_address_is_not_offered_again_soon(void **state)
{
	struct guest *guest = *state;

	get(guest, NULL, "10.0.2.15");
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP4_DECLINE, .requested = "10.0.2.16", .server = "10.0.2.2"}),
			 DROP_DHCP4_NO_LEASE);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP4_DECLINE, .requested = "10.0.2.15", .server = "10.0.2.2"}),
			 DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
	get(guest, NULL, "10.0.2.16");
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15"}),
			 DROP_DHCP4_NO_LEASE);
}

static void a_guest_with_an_address_of_its_own_is_told_the_rest(void **state)
{
	static const uint8_t times[] = {51, 58, 59};
	struct guest *guest = *state;

	assert_int_equal(
		say(guest,
		    (struct say){.type = DHCP4_INFORM, .client = "10.0.2.99", .from = "10.0.2.99", .to = "10.0.2.2"}),
		DROP_NONE);
	assert_heard(DHCP4_ACK, "0.0.0.0");
	assert_true(ip4_equal(heard.to, ip4_of("10.0.2.99")) && mac_equal(heard.to_mac, guest->mac));
	assert_string_equal(option(6), "0a000203");
	for (size_t i = 0; i < sizeof(times); i++)
		assert_string_equal(option(times[i]), "-");
	assert_null(lease_now(guest));
	/* Some leave ciaddr out and mean their source. */
	assert_int_equal(say(guest, (struct say){.type = DHCP4_INFORM, .from = "10.0.2.98", .to = "10.0.2.2"}),
			 DROP_NONE);
	assert_true(ip4_equal(heard.to, ip4_of("10.0.2.98")));
	assert_int_equal(say(guest, (struct say){.type = DHCP4_INFORM}), DROP_DHCP4_FORMAT);
}

static void a_reservation_goes_to_its_mac_and_a_changed_one_is_enforced(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(lease_reserve4(guest->leases, guest_mac(7), ip4_of("10.0.2.77"), "db"), 0);
	guest->mac = guest_mac(7);
	get(guest, "abc", "10.0.2.77");
	assert_string_equal(option(12), "6462");
	get(guest, NULL, "10.0.2.77");
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .client = "10.0.2.16", .from = "10.0.2.16"}),
			 DROP_DHCP4_NO_LEASE);
	assert_heard(DHCP4_NAK, "0.0.0.0");
	guest->mac = guest_mac(8);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.77"}),
			 DROP_DHCP4_NO_LEASE);
}

static void one_mac_with_two_identifiers_gets_two_addresses(void **state)
{
	struct guest *guest = *state;

	get(guest, "one", "10.0.2.15");
	get(guest, "two", "10.0.2.16");
	get(guest, NULL, "10.0.2.17");
	get(guest, "one", "10.0.2.15");
}

static void a_boot_rom_and_its_system_are_one_client(void **state)
{
	struct guest *guest = *state;
	uint8_t message[600];
	struct say words = {.type = DHCP4_DISCOVER};
	size_t bytes;

	get(guest, NULL, "10.0.2.15");
	/* Option 61 as most systems send it: 1 and the MAC; in place of the END of a message without options but 53. */
	bytes = say_write(guest, &words, message, sizeof(message));
	memcpy(message + 240 + 3, "\x3d\x07\x01\x52\x54\0\0\0\1\xff", 10);
	guest_udp4(guest, MAC_BROADCAST, (struct ip4){{0}}, IP4_BROADCAST, 68, 67, message, bytes);
	assert_int_equal(guest_send(guest), DROP_NONE);
	hear(guest);
	assert_heard(DHCP4_OFFER, "10.0.2.15");
	assert_string_equal(option(61), "01525400000001");
}

static void an_empty_pool_has_its_reason(void **state)
{
	struct guest *guest = *state;

	for (unsigned i = 1; i <= 4; i++) {
		guest->mac = guest_mac(i);
		assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER}), DROP_NONE);
	}
	guest->mac = guest_mac(5);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER}), DROP_DHCP4_POOL_EMPTY);
	assert_int_equal(guest->reply.length, 0);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15"}),
			 DROP_DHCP4_NO_LEASE);
	assert_heard(DHCP4_NAK, "0.0.0.0");
}

static void releases_of_others_change_nothing(void **state)
{
	static const struct say release = {.type = DHCP4_RELEASE, .client = "10.0.2.15", .server = "10.0.2.2"},
				decline = {.type = DHCP4_DECLINE, .requested = "10.0.2.15", .server = "10.0.2.2"};
	struct guest *guest = *state;

	assert_int_equal(say(guest, decline), DROP_DHCP4_NO_LEASE); /* of nobody */
	say(guest, (struct say){.type = DHCP4_DISCOVER});
	assert_int_equal(say(guest, release), DROP_DHCP4_NO_LEASE);
	get(guest, NULL, "10.0.2.15");
	assert_int_equal(say(guest, release), DROP_NONE);
	assert_int_equal(say(guest, decline), DROP_DHCP4_NO_LEASE);
	get(guest, NULL, "10.0.2.15");
	assert_int_equal(say(guest, (struct say){.type = DHCP4_RELEASE, .client = "10.0.2.15", .server = "10.0.2.9"}),
			 DROP_DHCP4_OTHER_SERVER);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_RELEASE, .client = "10.0.2.16", .server = "10.0.2.2"}),
			 DROP_DHCP4_NO_LEASE);
	guest->mac = guest_mac(2);
	assert_int_equal(say(guest, release), DROP_DHCP4_NO_LEASE);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP4_DECLINE, .requested = "10.0.2.15", .server = "10.0.2.9"}),
			 DROP_DHCP4_OTHER_SERVER);
	guest->mac = guest_mac(1);
	assert_non_null(lease_now(guest));
}

static void what_does_not_fit_the_clients_message_is_left_out(void **state)
{
	struct guest *guest = *state;
	size_t small;

	guest->config.search_count = SERVICE_SEARCH_MAX;
	for (size_t i = 0; i < SERVICE_SEARCH_MAX; i++)
		memset(guest->config.search[i], 'a', 60);
	say(guest, (struct say){.type = DHCP4_DISCOVER});
	small = guest->reply.length;
	assert_true(small <= 14 + 576);
	assert_string_equal(option(1), "ffffff00");
	say(guest, (struct say){.type = DHCP4_DISCOVER, .size = 1500});
	assert_true(guest->reply.length > small);
	assert_true(strlen(option(119)) == 2 * 8 * 62);
	guest->config.mtu_bytes = 576;
	say(guest, (struct say){.type = DHCP4_DISCOVER, .size = 1500});
	assert_heard(DHCP4_OFFER, "10.0.2.15");
	guest->config.mtu_bytes = 1500;
}

static void an_option_is_sent_whole_or_not_at_all(void **state)
{
	struct guest *guest = *state;
	size_t whole = 0, out = 0;

	memset(guest->config.boot_file, 'b', sizeof(guest->config.boot_file) - 1);
	memset(guest->config.domain, 'a', sizeof(guest->config.domain) - 1);
	for (uint16_t size = 576; size <= 900; size++) {
		say(guest, (struct say){.type = DHCP4_DISCOVER, .size = size});
		assert_heard(DHCP4_OFFER, "10.0.2.15");
		assert_true(guest->reply.length <= 14U + size);
		out += strlen(option(DHCP4_OPTION_DOMAIN)) == 1;
		whole += strlen(option(DHCP4_OPTION_DOMAIN)) == 2 * (sizeof(guest->config.domain) - 1);
	}
	assert_true(whole > 0 && out > 0 && whole + out == 900 - 576 + 1);
}

static void a_boot_server_that_is_a_name_stands_where_names_stand(void **state)
{
	struct guest *guest = *state;

	strcpy(guest->config.boot_file, "ipxe.efi");
	say(guest, (struct say){.type = DHCP4_DISCOVER, .wants = "\x01"});
	assert_true(ip4_equal(heard.message.server, guest->config.host4));
	assert_string_equal((const char *)heard.message.file, "ipxe.efi");
	assert_string_equal(option(67), "-");
	strcpy(guest->config.boot_server, "boot.lab");
	say(guest, (struct say){.type = DHCP4_DISCOVER, .wants = "\x01"});
	assert_true(ip4_is_zero(heard.message.server));
	assert_string_equal((const char *)heard.message.server_name, "boot.lab");
}

/* A message that `guest` sends in another's name: its chaddr, and all that stands in it, is the other's. */
static enum drop_reason say_as(struct guest *guest, struct mac other, struct say words)
{
	struct mac own = guest->mac;
	uint8_t message[400];
	size_t bytes;

	guest->mac = other;
	bytes = say_write(guest, &words, message, sizeof(message));
	guest->mac = own;
	guest_udp4(guest, words.to ? guest->config.mac : MAC_BROADCAST, ip4_of(words.from ? words.from : "0.0.0.0"),
		   ip4_of(words.to ? words.to : "255.255.255.255"), 68, 67, message, bytes);
	return guest_send(guest);
}

static void nobody_asks_releases_or_declines_in_anothers_name(void **state)
{
	static const struct say rows[] = {
		{.type = DHCP4_DISCOVER},
		{.type = DHCP4_REQUEST, .requested = "10.0.2.15", .server = "10.0.2.2"},
		{.type = DHCP4_REQUEST, .client = "10.0.2.15", .from = "10.0.2.15", .to = "10.0.2.2"},
		{.type = DHCP4_RELEASE,
		 .client = "10.0.2.15",
		 .server = "10.0.2.2",
		 .from = "10.0.2.15",
		 .to = "10.0.2.2"},
		{.type = DHCP4_DECLINE, .requested = "10.0.2.15", .server = "10.0.2.2"},
		{.type = DHCP4_INFORM, .client = "10.0.2.15", .from = "10.0.2.15"},
	};
	struct guest *guest = *state;
	uint64_t due_us;

	get(guest, NULL, "10.0.2.15");
	due_us = lease_now(guest)->due_us;
	guest->now_us += MINUTE_US;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		guest->mac = guest_mac(2);
		assert_int_equal(say_as(guest, guest_mac(1), rows[i]), DROP_DHCP4_SENDER);
		assert_int_equal(guest->reply.length, 0);
		guest->mac = guest_mac(1);
		assert_int_equal(lease_now(guest)->due_us, due_us);
	}
}

static void one_mac_cannot_take_the_whole_pool(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;
	char id[4] = "\1a?";

	(void)state;
	config.dhcp4_last = ip4_of("10.0.2.30");
	guest = guest_new(&config);
	for (int i = 0; i < LEASES_PER_MAC; i++) {
		id[2] = (char)('0' + i);
		assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER, .id = id}), DROP_NONE);
	}
	id[2] = 'x';
	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER, .id = id}), DROP_DHCP4_TOO_MANY);
	assert_int_equal(guest->reply.length, 0);
	assert_int_equal(say(guest, (struct say){.type = DHCP4_REQUEST, .id = id, .requested = "10.0.2.30"}),
			 DROP_DHCP4_TOO_MANY);
	assert_heard(DHCP4_NAK, "0.0.0.0");
	/* Those that it has stay its own, and others get theirs. */
	id[2] = '0';
	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER, .id = id}), DROP_NONE);
	assert_heard(DHCP4_OFFER, "10.0.2.15");
	guest->mac = guest_mac(2);
	get(guest, NULL, "10.0.2.23");
	guest_free(guest);
}

static void options_in_pieces_are_joined(void **state)
{
	struct guest *guest = *state;
	uint8_t message[400];
	size_t bytes =
		say_write(guest, &(struct say){.type = DHCP4_REQUEST, .requested = "10.0.2.15", .server = "10.0.2.2"},
			  message, sizeof(message));
	static const uint8_t pieces[] = {61, 2, 0,   'a', 12, 2,   'v', 'm', 55, 1,  1,
					 61, 1, 'b', 12,  1,  '7', 55,  1,   6,  255};
	struct lease_client client = {.mac = guest->mac, .id = {0, 'a', 'b'}, .id_bytes = 3};
	const struct lease *lease;

	memcpy(message + 240 + 3 + 6 + 6, pieces, sizeof(pieces)); /* behind 53, 50 and 54 */
	guest_udp4(guest, MAC_BROADCAST, (struct ip4){{0}}, IP4_BROADCAST, 68, 67, message, bytes);
	assert_int_equal(guest_send(guest), DROP_NONE);
	hear(guest);
	assert_heard(DHCP4_ACK, "10.0.2.15");
	assert_string_equal(option(61), "006162");
	assert_string_equal(option(1), "ffffff00");
	assert_string_equal(option(6), "0a000203");
	assert_string_equal(option(15), "-");
	lease = lease_find_client(guest->leases, false, &client);
	assert_non_null(lease);
	assert_string_equal(lease->name, "vm7");
}

/* Each changes one thing in a good DISCOVER. */
static void malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		enum drop_reason verdict;
	} rows[] = {
		{"nothing", 0, 1, DROP_NONE},
		{"a reply", 0, 2, DROP_DHCP4_FORMAT},
		{"not Ethernet", 1, 6, DROP_DHCP4_FORMAT},
		{"through a relay", 24, 10, DROP_DHCP4_RELAYED},
		{"a group as its MAC", 28, 1, DROP_DHCP4_SENDER},
		{"another's MAC", 33, 2, DROP_DHCP4_SENDER},
		{"no cookie", 236, 0, DROP_DHCP4_COOKIE},
		{"a type of two bytes", 241, 2, DROP_DHCP4_OPTION_LENGTH},
		{"an option beyond the end", 241, 255, DROP_DHCP4_OPTION_LENGTH},
		{"no type", 240, 255, DROP_DHCP4_TYPE},
		{"an offer", 242, 2, DROP_DHCP4_TYPE},
		{"a nak", 242, 6, DROP_DHCP4_TYPE},
		{"an unknown type", 242, 77, DROP_DHCP4_TYPE},
	};
	struct guest *guest = *state;
	struct say words = {.type = DHCP4_DISCOVER};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t message[400];
		size_t bytes = say_write(guest, &words, message, sizeof(message));

		message[rows[i].at] = rows[i].value;
		guest_udp4(guest, MAC_BROADCAST, (struct ip4){{0}}, IP4_BROADCAST, 68, 67, message, bytes);
		assert_int_equal(guest_send(guest), rows[i].verdict);
		assert_int_equal(guest->reply.length > 0, rows[i].verdict == DROP_NONE);
	}
	guest_udp4(guest, MAC_BROADCAST, (struct ip4){{0}}, IP4_BROADCAST, 68, 67, "short", 5);
	assert_int_equal(guest_send(guest), DROP_DHCP4_SHORT);
}

static void a_request_for_no_address_at_all_is_malformed(void **state)
{
	assert_int_equal(say(*state, (struct say){.type = DHCP4_REQUEST}), DROP_DHCP4_FORMAT);
}

#define test(name) cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_guest_discovers_requests_renews_and_releases),
		test(an_offer_is_sent_as_the_client_can_hear_it),
		test(each_option_has_its_bytes),
		test(only_what_was_asked_is_sent_beside_the_mandatory),
		test(without_an_uplink_there_is_no_router_and_no_default_route),
		test(a_lease_time_is_given_within_bounds),
		test(a_guest_that_comes_back_keeps_its_address),
		test(a_guest_unknown_to_a_new_server_keeps_an_address_that_is_free),
		test(a_wrong_address_is_refused_at_once),
		test(an_offer_that_was_not_taken_is_free_again),
		test(a_declined_address_is_not_offered_again_soon),
		test(a_guest_with_an_address_of_its_own_is_told_the_rest),
		test(a_reservation_goes_to_its_mac_and_a_changed_one_is_enforced),
		test(one_mac_with_two_identifiers_gets_two_addresses),
		test(a_boot_rom_and_its_system_are_one_client),
		test(an_empty_pool_has_its_reason),
		test(releases_of_others_change_nothing),
		test(what_does_not_fit_the_clients_message_is_left_out),
		test(an_option_is_sent_whole_or_not_at_all),
		test(a_boot_server_that_is_a_name_stands_where_names_stand),
		test(nobody_asks_releases_or_declines_in_anothers_name),
		test(one_mac_cannot_take_the_whole_pool),
		test(options_in_pieces_are_joined),
		test(malformed_messages_are_refused),
		test(a_request_for_no_address_at_all_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
