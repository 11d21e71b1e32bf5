/* SPDX-License-Identifier: MIT */
/* Whole conversations with the DHCPv6 server, as guests hold them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "unit/service/guest.h"
#include "wire/dhcp6.h"

#define MINUTE_US (60 * 1000000ull)

static const uint8_t server_id[] = {0, 3, 0, 1, 0x52, 0x55, 0x0a, 0, 2, 2};

/* What the guest says, with what it leaves unsaid at 0. */
struct say {
	uint8_t type;
	bool server;       /* our DUID */
	bool other_server; /* another's */
	bool nobody;       /* without a client identifier */
	bool rapid;
	bool prefix; /* wants an IA_PD */
	bool unicast;
	unsigned ias;        /* IA_NAs, 1 … */
	const char *address; /* in the first of them */
	const char *address2;
	const char *wants; /* ORO, pairs of bytes, of `wants_bytes` */
	size_t wants_bytes;
	const char *name; /* 39 */
};

static struct {
	struct dhcp6 message;
	struct dhcp6_request options;
	uint8_t type;
} heard;

static void ia_write(struct writer *writer, unsigned id, const struct say *words)
{
	struct dhcp6_ia ia = {.id = id};

	if (id == 1 && words->address)
		ia.addresses[ia.address_count++].address = ip6_of(words->address);
	if (id == 1 && words->address2)
		ia.addresses[ia.address_count++].address = ip6_of(words->address2);
	dhcp6_ia_write(writer, &ia);
}

static size_t say_write(const struct guest *guest, const struct say *words, uint8_t *to, size_t room)
{
	uint8_t duid[10] = {0, 3, 0, 1}, other[10] = {0, 3, 0, 1, 9};
	struct dhcp6 message = {.type = words->type, .transaction = 0x123456};
	struct writer writer;

	memcpy(duid + 4, guest->mac.byte, 6);
	writer_init(&writer, to, room);
	dhcp6_write(&writer, &message);
	if (!words->nobody)
		dhcp6_option_write(&writer, DHCP6_OPTION_CLIENT_ID, duid, sizeof(duid));
	if (words->server)
		dhcp6_option_write(&writer, DHCP6_OPTION_SERVER_ID, server_id, sizeof(server_id));
	if (words->other_server)
		dhcp6_option_write(&writer, DHCP6_OPTION_SERVER_ID, other, sizeof(other));
	for (unsigned i = 1; i <= words->ias; i++)
		ia_write(&writer, i, words);
	if (words->prefix)
		dhcp6_ia_pd_write(&writer, 9, DHCP6_STATUS_SUCCESS);
	if (words->rapid)
		dhcp6_option_write(&writer, DHCP6_OPTION_RAPID_COMMIT, NULL, 0);
	if (words->wants)
		dhcp6_option_write(&writer, DHCP6_OPTION_ORO, words->wants, words->wants_bytes);
	if (words->name)
		dhcp6_fqdn_write(&writer, DHCP6_FQDN_SERVER_UPDATES, words->name);
	assert_false(writer.failed);
	return writer_used(&writer);
}

static void hear(struct guest *guest)
{
	struct reader reader;

	memset(&heard, 0, sizeof(heard));
	assert_null(guest_flaw(&guest->config, &guest->reply));
	if (guest->reply.length == 0)
		return;
	assert_memory_equal(guest->reply.bytes, guest->mac.byte, 6);
	assert_memory_equal(guest->reply.bytes + 14 + 8, ip6_link_local(guest->config.mac).byte, 16);
	assert_memory_equal(guest->reply.bytes + 14 + 24, ip6_link_local(guest->mac).byte, 16);
	assert_int_equal(guest_u16(guest->reply.bytes + 54), 547);
	assert_int_equal(guest_u16(guest->reply.bytes + 56), 546);
	reader_init(&reader, guest->reply.bytes + 62, guest->reply.length - 62);
	assert_int_equal(dhcp6_read(&reader, &heard.message), DROP_NONE);
	assert_int_equal(dhcp6_request_read(&heard.message, &heard.options), DROP_NONE);
	assert_int_equal(heard.message.transaction, 0x123456);
	assert_int_equal(heard.options.server_id.count, sizeof(server_id));
	assert_memory_equal(heard.options.server_id.bytes, server_id, sizeof(server_id));
	heard.type = heard.message.type;
}

static enum drop_reason say(struct guest *guest, struct say words)
{
	uint8_t message[1200];
	size_t bytes = say_write(guest, &words, message, sizeof(message));
	struct ip6 to = words.unicast ? ip6_link_local(guest->config.mac) : DHCP6_SERVERS;
	enum drop_reason verdict;

	guest_udp6(guest, words.unicast ? guest->config.mac : ip6_multicast_mac(to), ip6_link_local(guest->mac), to,
		   546, 547, message, bytes);
	verdict = guest_send(guest);
	hear(guest);
	return verdict;
}

/* The first IA of what was heard as text: its addresses with their lifetimes, or its status. */
static const char *ia_text(size_t number)
{
	static char text[512];
	const struct dhcp6_ia *ia = &heard.options.ias[number];
	char address[IP6_TEXT_BYTES];
	size_t at = 0;

	if (number >= heard.options.ia_count)
		return "none";
	text[0] = 0;
	if (ia->has_status)
		at += (size_t)snprintf(text, sizeof(text), "status %u", ia->status);
	for (size_t i = 0; i < ia->address_count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %u", at ? " " : "",
				       ip6_format(ia->addresses[i].address, address), ia->addresses[i].valid_s);
	return text;
}

static const struct lease *lease_now(const struct guest *guest)
{
	return lease_find_mac(guest->leases, guest->mac, true, guest->now_us);
}

static void get(struct guest *guest, const char *expected)
{
	assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1, .rapid = true}), DROP_NONE);
	assert_int_equal(heard.type, DHCP6_REPLY);
	assert_string_equal(ia_text(0), expected);
}

static void a_guest_solicits_requests_renews_rebinds_and_releases(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1}), DROP_NONE);
	assert_int_equal(heard.type, DHCP6_ADVERTISE);
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_int_equal(heard.options.ias[0].t1_s, 1800);
	assert_int_equal(heard.options.ias[0].t2_s, 2880);
	assert_int_equal(heard.options.ias[0].addresses[0].preferred_s, 3600);
	assert_null(lease_now(guest));
	assert_int_equal(say(guest, (struct say){.type = DHCP6_REQUEST,
						 .server = true,
						 .ias = 1,
						 .address = "fd00:2::100",
						 .name = "vm1.lab"}),
			 DROP_NONE);
	assert_int_equal(heard.type, DHCP6_REPLY);
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_string_equal(lease_now(guest)->name, "vm1");
	guest->now_us += 30 * MINUTE_US;
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::100"}),
			 DROP_NONE);
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_int_equal(lease_now(guest)->due_us, guest->now_us + 60 * MINUTE_US);
	guest->now_us += 50 * MINUTE_US;
	assert_int_equal(say(guest, (struct say){.type = DHCP6_REBIND, .ias = 1, .address = "fd00:2::100"}), DROP_NONE);
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RELEASE, .server = true, .ias = 1, .address = "fd00:2::100"}),
			 DROP_NONE);
	assert_int_equal(heard.type, DHCP6_REPLY);
	assert_true(heard.options.has_status && heard.options.status == DHCP6_STATUS_SUCCESS);
	assert_int_equal(heard.options.ia_count, 0);
	assert_null(lease_now(guest));
	get(guest, "fd00:2::100 3600");
}

static void rapid_commit_binds_at_once_and_says_so(void **state)
{
	struct guest *guest = *state;

	get(guest, "fd00:2::100 3600");
	assert_true(heard.options.rapid_commit);
	assert_non_null(lease_now(guest));
	assert_int_equal(heard.options.client_id.count, 10);
	assert_memory_equal(heard.options.client_id.bytes + 4, guest->mac.byte, 6);
}

static void several_interfaces_each_get_an_address(void **state)
{
	say(*state, (struct say){.type = DHCP6_SOLICIT, .ias = 2});
	assert_int_equal(heard.options.ia_count, 2);
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_string_equal(ia_text(1), "fd00:2::101 3600");
	assert_int_equal(heard.options.ias[1].id, 2);
}

static void a_full_pool_says_so(void **state)
{
	struct guest *guest = *state;

	for (unsigned i = 1; i <= 4; i++) {
		guest->mac = guest_mac(i);
		say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1});
	}
	guest->mac = guest_mac(5);
	assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1}), DROP_DHCP6_POOL_EMPTY);
	assert_int_equal(heard.type, DHCP6_ADVERTISE);
	assert_string_equal(ia_text(0), "status 2");
	assert_int_equal(say(guest, (struct say){.type = DHCP6_REQUEST, .server = true, .ias = 1}),
			 DROP_DHCP6_POOL_EMPTY);
	assert_string_equal(ia_text(0), "status 2");
}

static void an_address_of_another_network_is_refused(void **state)
{
	struct guest *guest = *state;

	say(guest, (struct say){.type = DHCP6_REQUEST, .server = true, .ias = 1, .address = "fd00:9::1"});
	assert_string_equal(ia_text(0), "status 4");
	assert_null(lease_now(guest));
	/* Where it is renewed it is ended. */
	say(guest, (struct say){.type = DHCP6_REBIND, .ias = 1, .address = "fd00:9::1"});
	assert_string_equal(ia_text(0), "fd00:9::1 0");
}

static void what_nobody_knows_is_renewed_if_it_is_free(void **state)
{
	struct guest *guest = *state;

	say(guest, (struct say){.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::102"});
	assert_string_equal(ia_text(0), "fd00:2::102 3600");
	guest->mac = guest_mac(2);
	say(guest, (struct say){.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::102"});
	assert_string_equal(ia_text(0), "status 3");
	say(guest, (struct say){.type = DHCP6_REBIND, .ias = 1});
	assert_string_equal(ia_text(0), "status 3");
	assert_null(lease_now(guest));
}

static void addresses_beside_the_lease_are_ended(void **state)
{
	struct guest *guest = *state;

	get(guest, "fd00:2::100 3600");
	say(guest,
	    (struct say){
		    .type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::100", .address2 = "fd00:2::77"});
	assert_string_equal(ia_text(0), "fd00:2::100 3600 fd00:2::77 0");
}

static void a_declined_address_is_not_given_again_soon(void **state)
{
	struct guest *guest = *state;

	get(guest, "fd00:2::100 3600");
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_DECLINE, .server = true, .ias = 1, .address = "fd00:2::100"}),
			 DROP_NONE);
	assert_true(heard.options.has_status && heard.options.status == DHCP6_STATUS_SUCCESS);
	get(guest, "fd00:2::101 3600");
}

static void ending_what_is_not_ones_own_changes_nothing(void **state)
{
	struct guest *guest = *state;

	get(guest, "fd00:2::100 3600");
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RELEASE, .server = true, .ias = 1, .address = "fd00:2::101"}),
			 DROP_DHCP6_NO_LEASE);
	assert_string_equal(ia_text(0), "status 3");
	guest->mac = guest_mac(2);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RELEASE, .server = true, .ias = 1, .address = "fd00:2::100"}),
			 DROP_DHCP6_NO_LEASE);
	assert_string_equal(ia_text(0), "status 3");
	guest->mac = guest_mac(1);
	assert_non_null(lease_now(guest));
}

/* A message with the DUID of `other` in a frame of the guest's. */
static enum drop_reason say_as(struct guest *guest, struct mac other, struct say words)
{
	struct mac own = guest->mac;
	uint8_t message[1200];
	enum drop_reason verdict;
	size_t bytes;

	guest->mac = other;
	bytes = say_write(guest, &words, message, sizeof(message));
	guest->mac = own;
	guest_udp6(guest, ip6_multicast_mac(DHCP6_SERVERS), ip6_link_local(guest->mac), DHCP6_SERVERS, 546, 547,
		   message, bytes);
	verdict = guest_send(guest);
	hear(guest);
	return verdict;
}

static void nobody_renews_releases_or_declines_with_anothers_identifiers(void **state)
{
	static const struct say rows[] = {
		{.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::100"},
		{.type = DHCP6_REBIND, .ias = 1, .address = "fd00:2::100"},
		{.type = DHCP6_RELEASE, .server = true, .ias = 1, .address = "fd00:2::100"},
		{.type = DHCP6_DECLINE, .server = true, .ias = 1, .address = "fd00:2::100"},
	};
	struct guest *guest = *state;
	uint64_t due_us;

	get(guest, "fd00:2::100 3600");
	due_us = lease_now(guest)->due_us;
	guest->now_us += MINUTE_US;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		guest->mac = guest_mac(2);
		assert_int_equal(say_as(guest, guest_mac(1), rows[i]), DROP_DHCP6_NO_LEASE);
		assert_string_equal(ia_text(0), "status 3");
		guest->mac = guest_mac(1);
		assert_int_equal(lease_now(guest)->due_us, due_us);
	}
	/* Asking with them is another client's first question. */
	guest->mac = guest_mac(2);
	say_as(guest, guest_mac(1), (struct say){.type = DHCP6_SOLICIT, .ias = 1, .rapid = true});
	assert_string_equal(ia_text(0), "fd00:2::101 3600");
}

static void one_mac_cannot_take_the_whole_pool(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp6_last = ip6_of("fd00:2::fff");
	guest = guest_new(&config);
	assert_int_equal(say_as(guest, guest_mac(1), (struct say){.type = DHCP6_SOLICIT, .ias = 4}), DROP_NONE);
	assert_int_equal(say_as(guest, guest_mac(3), (struct say){.type = DHCP6_SOLICIT, .ias = 4}), DROP_NONE);
	assert_int_equal(say_as(guest, guest_mac(4), (struct say){.type = DHCP6_SOLICIT, .ias = 1}),
			 DROP_DHCP6_TOO_MANY);
	assert_string_equal(ia_text(0), "status 2");
	guest->mac = guest_mac(2);
	get(guest, "fd00:2::108 3600");
	guest_free(guest);
}

static void made_up_machines_at_one_port_leave_addresses_for_others(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp6_last = ip6_of("fd00:2::113"); /* 20 */
	guest = guest_new(&config);
	guest->origin.place = 1;
	assert_int_equal(lease_reserve6(guest->leases, guest_mac(99), ip6_of("fd00:2::999"), NULL), 0);
	for (unsigned machine = 1; machine <= 30; machine++) {
		guest->mac = guest_mac(machine);
		assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1, .rapid = true}),
				 machine <= 16 ? DROP_NONE : DROP_DHCP6_PORT_SHARE);
	}
	assert_string_equal(ia_text(0), "status 2");
	guest->mac = guest_mac(99);
	get(guest, "fd00:2::999 3600");
	guest->origin.place = 2;
	guest->mac = guest_mac(41);
	get(guest, "fd00:2::110 3600");
	guest_free(guest);
}

static void the_only_ports_last_addresses_are_lent_until_another_needs_them(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp6_last = ip6_of("fd00:2::109"); /* 10 */
	guest = guest_new(&config);
	guest->origin = (struct origin){.place = 1, .alone = true};
	for (unsigned machine = 1; machine <= 10; machine++) {
		char expected[64];

		guest->mac = guest_mac(machine);
		snprintf(expected, sizeof(expected), "fd00:2::10%u %u", machine - 1, machine <= 8 ? 3600 : 122);
		get(guest, expected);
	}
	assert_int_equal(heard.options.ias[0].t1_s, 15);
	guest->origin = (struct origin){.place = 2, .alone = false};
	guest->mac = guest_mac(41);
	assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 1}), DROP_DHCP6_POOL_EMPTY);
	guest->now_us += MINUTE_US / 4;
	guest->origin.place = 1;
	guest->mac = guest_mac(10);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::109"}),
			 DROP_DHCP6_PORT_SHARE);
	assert_string_equal(ia_text(0), "fd00:2::109 0"); /* it is to stop using it */
	guest->mac = guest_mac(9);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP6_RENEW, .server = true, .ias = 1, .address = "fd00:2::108"}),
			 DROP_NONE);
	assert_string_equal(ia_text(0), "fd00:2::108 122");
	guest->now_us += LEASE_RECALL_US;
	guest->origin.place = 2;
	guest->mac = guest_mac(41);
	get(guest, "fd00:2::109 3600");
	guest_free(guest);
}

static void a_guest_asks_whether_it_is_still_on_this_link(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(say(guest, (struct say){.type = DHCP6_CONFIRM, .ias = 1, .address = "fd00:2::100"}),
			 DROP_NONE);
	assert_true(heard.options.has_status && heard.options.status == DHCP6_STATUS_SUCCESS);
	say(guest, (struct say){.type = DHCP6_CONFIRM, .ias = 1, .address = "fd00:2::100", .address2 = "fd00:9::1"});
	assert_true(heard.options.has_status && heard.options.status == DHCP6_STATUS_NOT_ON_LINK);
	assert_int_equal(say(guest, (struct say){.type = DHCP6_CONFIRM, .ias = 1}), DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
}

static void information_is_given_without_an_address(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(say(guest, (struct say){.type = DHCP6_INFORMATION_REQUEST,
						 .nobody = true,
						 .wants = "\0\x17\0\x18",
						 .wants_bytes = 4}),
			 DROP_NONE);
	assert_int_equal(heard.type, DHCP6_REPLY);
	assert_null(heard.options.client_id.bytes);
	assert_int_equal(heard.options.dns_count, 1);
	assert_true(ip6_equal(heard.options.dns[0], ip6_of("fd00:2::3")));
	assert_int_equal(heard.options.search.count, 2);
	assert_string_equal(heard.options.search.name[1], "example");
	assert_int_equal(heard.options.ia_count, 0);
	say(guest, (struct say){.type = DHCP6_INFORMATION_REQUEST, .wants = "\0\x18", .wants_bytes = 2});
	assert_int_equal(heard.options.dns_count, 0);
	assert_int_equal(heard.options.client_id.count, 10);
}

static void a_boot_file_of_the_gateways_own_is_a_url(void **state)
{
	static const char option[] = "\0\x3b\0\x19tftp://[fd00:2::2]/a/file";
	const struct say words = {.type = DHCP6_INFORMATION_REQUEST, .wants = "\0\x3b", .wants_bytes = 2};
	struct guest *guest = *state;

	strcpy(guest->config.boot_file, "/a/file");
	say(guest, words);
	assert_null(memmem(guest->reply.bytes, guest->reply.length, "tftp", 4));
	guest->config.serves_files = true;
	say(guest, words);
	assert_non_null(memmem(guest->reply.bytes, guest->reply.length, option, sizeof(option) - 1));
	say(guest, (struct say){.type = DHCP6_INFORMATION_REQUEST, .wants = "\0\x18", .wants_bytes = 2});
	assert_null(memmem(guest->reply.bytes, guest->reply.length, "tftp", 4));
}

static void a_name_is_answered_and_no_prefix_is_given(void **state)
{
	say(*state, (struct say){.type = DHCP6_SOLICIT,
				 .ias = 1,
				 .prefix = true,
				 .name = "vm1",
				 .wants = "\0\x27",
				 .wants_bytes = 2});
	assert_string_equal(ia_text(0), "fd00:2::100 3600");
	assert_int_equal(heard.options.ia_pd_count, 1);
	assert_int_equal(heard.options.ia_pds[0], 9);
	assert_true(heard.options.has_fqdn);
	assert_int_equal(heard.options.fqdn_flags, DHCP6_FQDN_NO_UPDATE | DHCP6_FQDN_OVERRIDE);
	assert_string_equal(heard.options.hostname, "vm1");
}

static void a_reservation_goes_to_its_mac(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(lease_reserve6(guest->leases, guest_mac(7), ip6_of("fd00:2::77"), NULL), 0);
	guest->mac = guest_mac(7);
	get(guest, "fd00:2::77 3600");
}

static void leases_for_ever_have_times_for_ever(void **state)
{
	struct guest *guest = *state;

	guest->config.lease_s = LEASE_FOR_EVER_S;
	get(guest, "fd00:2::100 4294967295");
	assert_int_equal(heard.options.ias[0].t1_s, UINT32_MAX);
	assert_int_equal(lease_now(guest)->due_us, UINT64_MAX);
}

static void messages_with_wrong_identifiers_are_refused(void **state)
{
	static const struct {
		struct say words;
		enum drop_reason verdict;
	} rows[] = {
		{{.type = DHCP6_SOLICIT, .nobody = true, .ias = 1}, DROP_DHCP6_CLIENT_ID},
		{{.type = DHCP6_SOLICIT, .server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_CONFIRM, .server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_REBIND, .server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_REQUEST, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_REQUEST, .other_server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_REQUEST, .server = true, .nobody = true, .ias = 1}, DROP_DHCP6_CLIENT_ID},
		{{.type = DHCP6_RENEW, .other_server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_RELEASE, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_DECLINE, .other_server = true, .ias = 1}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_INFORMATION_REQUEST, .other_server = true}, DROP_DHCP6_SERVER_ID},
		{{.type = DHCP6_INFORMATION_REQUEST, .ias = 1}, DROP_DHCP6_TYPE},
		{{.type = DHCP6_ADVERTISE, .server = true}, DROP_DHCP6_TYPE},
		{{.type = DHCP6_REPLY, .server = true}, DROP_DHCP6_TYPE},
		{{.type = DHCP6_RELAY_FORWARD}, DROP_DHCP6_TYPE},
		{{.type = DHCP6_SOLICIT, .ias = 1, .unicast = true}, DROP_DHCP6_TYPE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(say(*state, rows[i].words), rows[i].verdict);
		assert_int_equal(((struct guest *)*state)->reply.length, 0);
	}
}

static void who_speaks_to_us_alone_is_told_to_speak_to_all(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(say(guest, (struct say){.type = DHCP6_REQUEST, .server = true, .ias = 1, .unicast = true}),
			 DROP_NONE);
	assert_true(heard.options.has_status && heard.options.status == DHCP6_STATUS_USE_MULTICAST);
	assert_null(lease_now(guest));
}

static void malformed_messages_are_refused(void **state)
{
	struct guest *guest = *state;
	uint8_t message[] = {1, 0, 0, 1, 0, 1, 0, 4, 0, 3, 0, 1};
	struct ip6 from = ip6_link_local(guest->mac);

	guest_udp6(guest, ip6_multicast_mac(DHCP6_SERVERS), from, DHCP6_SERVERS, 546, 547, message, 3);
	assert_int_equal(guest_send(guest), DROP_DHCP6_SHORT);
	guest_udp6(guest, ip6_multicast_mac(DHCP6_SERVERS), from, DHCP6_SERVERS, 546, 547, message, 11);
	assert_int_equal(guest_send(guest), DROP_DHCP6_OPTION_LENGTH);
	guest_udp6(guest, ip6_multicast_mac(DHCP6_SERVERS), from, DHCP6_SERVERS, 546, 547, message, 12);
	guest->frame[60] ^= 1;
	assert_int_equal(guest_send(guest), DROP_UDP_CHECKSUM);
	assert_int_equal(guest->reply.length, 0);
}

static void the_longest_answer_fits_the_smallest_mtu(void **state)
{
	struct guest *guest = *state;

	guest->config.mtu_bytes = 1280;
	guest->config.search_count = SERVICE_SEARCH_MAX;
	guest->config.dns6_count = SERVICE_DNS_MAX;
	for (size_t i = 0; i < SERVICE_SEARCH_MAX; i++) {
		memset(guest->config.search[i], 'a', 250);
		for (size_t j = 50; j < 250; j += 50)
			guest->config.search[i][j] = '.';
	}
	assert_int_equal(say(guest, (struct say){.type = DHCP6_SOLICIT, .ias = 4, .rapid = true, .prefix = true}),
			 DROP_NONE);
	assert_int_equal(heard.options.ia_count, 4);
	assert_int_equal(heard.options.dns_count, 4);
	assert_int_equal(heard.options.search.count, 2);
}

#define test(name) cmocka_unit_test_setup_teardown(name, guest_setup, guest_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_guest_solicits_requests_renews_rebinds_and_releases),
		test(rapid_commit_binds_at_once_and_says_so),
		test(several_interfaces_each_get_an_address),
		test(a_full_pool_says_so),
		test(an_address_of_another_network_is_refused),
		test(what_nobody_knows_is_renewed_if_it_is_free),
		test(addresses_beside_the_lease_are_ended),
		test(a_declined_address_is_not_given_again_soon),
		test(ending_what_is_not_ones_own_changes_nothing),
		test(nobody_renews_releases_or_declines_with_anothers_identifiers),
		test(one_mac_cannot_take_the_whole_pool),
		test(made_up_machines_at_one_port_leave_addresses_for_others),
		test(the_only_ports_last_addresses_are_lent_until_another_needs_them),
		test(a_guest_asks_whether_it_is_still_on_this_link),
		test(information_is_given_without_an_address),
		test(a_boot_file_of_the_gateways_own_is_a_url),
		test(a_name_is_answered_and_no_prefix_is_given),
		test(a_reservation_goes_to_its_mac),
		test(leases_for_ever_have_times_for_ever),
		test(messages_with_wrong_identifiers_are_refused),
		test(who_speaks_to_us_alone_is_told_to_speak_to_all),
		test(malformed_messages_are_refused),
		test(the_longest_answer_fits_the_smallest_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
