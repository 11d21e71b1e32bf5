/* SPDX-License-Identifier: MIT */
/* ARP at the gateway's door. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"
#include "wire/arp.h"

static void compose(struct guest *guest, struct mac to, const struct arp *arp)
{
	struct writer writer;

	guest_ethernet(guest, &writer, to, ETHERTYPE_ARP);
	arp_write(&writer, arp);
	guest->length = writer_used(&writer);
}

static void each_message_has_its_verdict_and_perhaps_an_answer(void **state)
{
	static const struct {
		bool broadcast, forged;
		enum arp_operation operation;
		const char *sender, *target;
		enum drop_reason verdict;
		bool answered;
	} rows[] = {
		{true, false, ARP_REQUEST, "10.0.2.15", "10.0.2.2", DROP_NONE, true},
		{false, false, ARP_REQUEST, "10.0.2.15", "10.0.2.2", DROP_NONE, true},
		{true, false, ARP_REQUEST, "0.0.0.0", "10.0.2.2", DROP_NONE, true}, /* a probe, RFC 5227 */
		{true, false, ARP_REQUEST, "10.0.2.15", "10.0.2.16", DROP_NONE, false},
		{false, false, ARP_REQUEST, "10.0.2.15", "10.0.2.16", DROP_ARP_NOT_OURS, false},
		{true, false, ARP_REQUEST, "10.0.2.15", "10.0.2.15", DROP_NONE, false}, /* gratuitous */
		{false, false, ARP_REPLY, "10.0.2.15", "10.0.2.2", DROP_NONE, false},
		{true, false, ARP_REQUEST, "10.0.2.2", "10.0.2.2", DROP_ARP_SENDER, false},
		{true, false, ARP_REQUEST, "224.0.0.1", "10.0.2.2", DROP_ARP_SENDER, false},
		{true, false, ARP_REQUEST, "127.0.0.1", "10.0.2.2", DROP_ARP_SENDER, false},
		{true, false, ARP_REQUEST, "255.255.255.255", "10.0.2.2", DROP_ARP_SENDER, false},
		{true, true, ARP_REQUEST, "10.0.2.15", "10.0.2.2", DROP_ARP_SENDER, false},
		{true, false, (enum arp_operation)3, "10.0.2.15", "10.0.2.2", DROP_ARP_OPERATION, false},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arp arp = {.operation = rows[i].operation,
				  .sender_mac = rows[i].forged ? guest_mac(9) : guest->mac,
				  .sender = ip4_of(rows[i].sender),
				  .target = ip4_of(rows[i].target)};

		compose(guest, rows[i].broadcast ? MAC_BROADCAST : config.mac, &arp);
		assert_int_equal(guest_send(guest), rows[i].verdict);
		assert_int_equal(guest->reply.length > 0, rows[i].answered);
		assert_null(guest_flaw(&config, &guest->reply));
	}
	guest_free(guest);
}

/* address=host: the rest of the net is beyond the gateway, and so is the net that this machine was in before. */
static void the_gateway_answers_for_what_is_beyond_it_and_for_the_guests_old_router(void **state)
{
	static const struct {
		const char *sender, *target;
		bool answered;
	} rows[] = {
		{"10.0.2.15", "10.0.2.16", true},  {"10.0.2.15", "10.0.3.1", false}, {"192.0.2.7", "192.0.2.1", true},
		{"192.0.2.7", "192.0.2.7", false}, {"0.0.0.0", "192.0.2.7", false},  {"0.0.0.0", "10.0.2.16", false},
		{"10.0.2.15", "10.0.2.15", false},
	};
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.shares_net = true;
	guest = guest_new(&config);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		compose(guest, MAC_BROADCAST,
			&(struct arp){.operation = ARP_REQUEST,
				      .sender_mac = guest->mac,
				      .sender = ip4_of(rows[i].sender),
				      .target = ip4_of(rows[i].target)});
		assert_int_equal(guest_send(guest), DROP_NONE);
		assert_int_equal(guest->reply.length > 0, rows[i].answered);
	}
	guest_free(guest);
}

static void the_answer_says_where_the_gateway_is(void **state)
{
	static const uint8_t expected[] = {
		0x52, 0x54, 0,    0,    0, 1, 0x52, 0x55, 0x0a, 0, 2, 2,    0x08, 0x06, 0, 1, 8, 0,  6, 4, 0,
		2,    0x52, 0x55, 0x0a, 0, 2, 2,    10,   0,    2, 2, 0x52, 0x54, 0,    0, 0, 1, 10, 0, 2, 15,
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	compose(guest, MAC_BROADCAST,
		&(struct arp){.operation = ARP_REQUEST,
			      .sender_mac = guest->mac,
			      .sender = ip4_of("10.0.2.15"),
			      .target = config.host4});
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, sizeof(expected));
	assert_memory_equal(guest->reply.bytes, expected, sizeof(expected));
	guest_free(guest);
}

static void a_message_cut_short_is_refused(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	compose(guest, MAC_BROADCAST,
		&(struct arp){.operation = ARP_REQUEST,
			      .sender_mac = guest->mac,
			      .sender = ip4_of("10.0.2.15"),
			      .target = config.host4});
	for (guest->length = 14; guest->length < 42; guest->length++)
		assert_int_equal(guest_send(guest), DROP_ARP_SHORT);
	guest_free(guest);
}

static void a_probe_asks_one_machine_for_one_address(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct reader reader;
	struct arp arp;

	(void)state;
	arp_probe(&config, guest_mac(5), ip4_of("10.0.2.16"), &guest->reply);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_memory_equal(guest->reply.bytes, guest_mac(5).byte, 6);
	reader_init(&reader, guest->reply.bytes + 14, guest->reply.length - 14);
	assert_int_equal(arp_read(&reader, &arp), DROP_NONE);
	assert_int_equal(arp.operation, ARP_REQUEST);
	assert_true(ip4_equal(arp.sender, config.host4) && ip4_equal(arp.target, ip4_of("10.0.2.16")));
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_has_its_verdict_and_perhaps_an_answer),
		cmocka_unit_test(the_gateway_answers_for_what_is_beyond_it_and_for_the_guests_old_router),
		cmocka_unit_test(the_answer_says_where_the_gateway_is),
		cmocka_unit_test(a_message_cut_short_is_refused),
		cmocka_unit_test(a_probe_asks_one_machine_for_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
