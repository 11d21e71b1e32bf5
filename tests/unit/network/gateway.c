/* SPDX-License-Identifier: MIT */
/* The gateway through the switch: what guests get from it, and what its own queue and room cost. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "unit/network/kit.h"
#include "wire/icmp.h"
#include "wire/ipv6.h"

struct fixture {
	struct kit kit;
	struct kit_guest first, second;
	uint8_t bytes[70000];
};

static void begin(struct fixture *fixture, const char *uplink)
{
	kit_new(&fixture->kit, uplink);
	kit_guest_new(&fixture->first, &fixture->kit, 1);
	kit_settle(&fixture->kit);
	kit_guest_init(&fixture->second, &fixture->kit, 2);
}

static void end(struct fixture *fixture)
{
	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_guest_forget(&fixture->second);
	free(fixture);
}

static struct fixture *fixture_new(const char *uplink)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	begin(fixture, uplink);
	return fixture;
}

/* Type of the ICMPv6 message in a frame, or 0. */
static uint8_t icmp6_type(const struct kit_frame *frame)
{
	bool is = frame->length > 54 && frame->bytes[12] == 0x86 && frame->bytes[13] == 0xdd &&
		  frame->bytes[20] == IP_PROTOCOL_ICMP6;

	return is ? frame->bytes[54] : 0;
}

static void the_first_guest_to_join_is_told_of_the_router(void **state)
{
	struct fixture *fixture = fixture_new("none");

	(void)state;
	assert_int_equal(fixture->first.frame_count, 1);
	assert_int_equal(icmp6_type(&fixture->first.frames[0]), ICMP6_ROUTER_ADVERT);
	kit_guest_forget(&fixture->first);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_settle(&fixture->kit);
	/* later ones ask */
	assert_int_equal(fixture->second.frame_count, 0);
	end(fixture);
}

/* RFC 4861 6.2.1: at least every 1800 s, since lifetimes run out. */
static void the_router_is_told_of_again_while_somebody_is_there(void **state)
{
	struct fixture *fixture = fixture_new("none,router=on");

	(void)state;
	kit_guest_forget(&fixture->first);
	for (int i = 0; i < 5; i++) {
		kit_pass(&fixture->kit, 1799ULL * 1000 * 1000);
		assert_int_equal(fixture->first.frame_count, 0);
		kit_pass(&fixture->kit, 1000 * 1000);
		assert_int_equal(fixture->first.frame_count, 1);
		assert_int_equal(icmp6_type(&fixture->first.frames[0]), ICMP6_ROUTER_ADVERT);
		kit_guest_forget(&fixture->first);
	}
	gw_port_free(fixture->first.port);
	kit_pass(&fixture->kit, 1800ULL * 1000 * 1000);
	assert_int_equal(gw_network_timeout_us(fixture->kit.network), -1);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_pass(&fixture->kit, 1800ULL * 1000 * 1000);
	assert_int_equal(fixture->second.frame_count, 1);
	end(fixture);
}

static void the_end_withdraws_the_router(void **state)
{
	struct fixture *fixture = fixture_new("none,router=on");

	(void)state;
	assert_int_equal(fixture->first.frame_count, 1);
	assert_int_not_equal(fixture->first.frames[0].bytes[60] << 8 | fixture->first.frames[0].bytes[61], 0);
	kit_done(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 2);
	assert_int_equal(icmp6_type(&fixture->first.frames[1]), ICMP6_ROUTER_ADVERT);
	assert_int_equal(fixture->first.frames[1].bytes[60] << 8 | fixture->first.frames[1].bytes[61], 0);
	kit_guest_forget(&fixture->first);
	free(fixture);
}

static void the_end_says_nothing_when_nobody_is_there(void **state)
{
	struct fixture *fixture = fixture_new("none");
	size_t before;

	(void)state;
	gw_port_free(fixture->first.port);
	kit_settle(&fixture->kit);
	before = fixture->kit.event_count;
	gw_network_free(fixture->kit.network);
	assert_int_equal(fixture->kit.event_count, before);
	free(fixture->kit.events);
	kit_guest_forget(&fixture->first);
	free(fixture);
}

/* An option of the last DHCP answer, as text. */
static void answer_option(const struct kit_guest *guest, uint8_t code, char *text, size_t room)
{
	const struct kit_frame *frame = &guest->frames[guest->frame_count - 1];
	struct dhcp4 message;
	struct reader reader;
	int bytes;

	reader_init(&reader, frame->bytes + 42, frame->length - 42);
	assert_int_equal(dhcp4_read(&reader, &message), DROP_NONE);
	bytes = dhcp4_option_join(&message, code, (uint8_t *)text, room - 1);
	assert_true(bytes >= 0);
	text[bytes] = '\0';
}

static void the_words_of_the_uplink_reach_the_guest(void **state)
{
	struct fixture *fixture = fixture_new("none,ipv6=off,hostname=box,domainname=example.org,bootfile=ipxe.efi,"
					      "tftp-server-name=10.0.2.2,mtu=1400");
	char text[64];
	size_t count;

	(void)state;
	count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
			 KIT_NOWHERE);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	kit_settle(&fixture->kit);
	answer_option(&fixture->first, DHCP4_OPTION_HOSTNAME, text, sizeof(text));
	assert_string_equal(text, "box");
	answer_option(&fixture->first, DHCP4_OPTION_DOMAIN, text, sizeof(text));
	assert_string_equal(text, "example.org");
	answer_option(&fixture->first, DHCP4_OPTION_BOOT_FILE, text, sizeof(text));
	assert_string_equal(text, "ipxe.efi");
	answer_option(&fixture->first, DHCP4_OPTION_BOOT_SERVER, text, sizeof(text));
	assert_string_equal(text, "10.0.2.2");
	answer_option(&fixture->first, DHCP4_OPTION_MTU, text, sizeof(text));
	assert_memory_equal(text, "\x05\x78", 2);
	end(fixture);
}

static void without_ipv6_nothing_is_said_of_it(void **state)
{
	struct fixture *fixture = fixture_new("none,ipv6=off");

	(void)state;
	assert_int_equal(fixture->first.frame_count, 0);
	kit_done(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 0);
	free(fixture);
}

static void guests_get_leases(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct ip4 address = kit_guest_lease(&fixture->first);
	const struct kit_event *event = kit_event(&fixture->kit, GW_EVENT_LEASE);

	(void)state;
	assert_in_range(ip4_value(address), 0x0a00020f, 0x0a0002fe);
	assert_non_null(event);
	assert_string_equal(event->port, "vm1");
	assert_string_equal(event->mac, "52:54:00:00:00:01");
	assert_non_null(strstr(event->text, "vm1: 10.0.2."));
	assert_non_null(strstr(event->text, "leased to 52:54:00:00:00:01"));
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	assert_false(ip4_equal(kit_guest_lease(&fixture->second), address));
	end(fixture);
}

static void a_lease_is_renewed_released_and_runs_out(void **state)
{
	struct fixture *fixture = fixture_new("none,lease=60");
	struct ip4 address = kit_guest_lease(&fixture->first);
	size_t count;

	(void)state;
	count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_REQUEST, address, KIT_NOWHERE, KIT_NOWHERE);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	kit_settle(&fixture->kit);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_LEASE)->text, "renewed by"));
	count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_RELEASE, address, KIT_NOWHERE, KIT_GATEWAY);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_LEASE)->text, "released by"));
	assert_true(ip4_equal(kit_guest_lease(&fixture->first), address));
	kit_pass(&fixture->kit, 61 * 1000 * 1000);
	count = kit_arp(fixture->bytes, fixture->first.mac, address, KIT_GATEWAY);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_LEASE)->text, "expired"));
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_LEASE), 5);
	end(fixture);
}

static void arp_is_answered_to_the_asker_alone(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct ethernet_header header;
	size_t count;

	(void)state;
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_guest_forget(&fixture->first);
	count = kit_arp(fixture->bytes, fixture->first.mac, (struct ip4){{10, 0, 2, 20}}, KIT_GATEWAY);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 1);
	memcpy(&header, fixture->first.frames[0].bytes, sizeof(header));
	assert_true(mac_equal(header.to, fixture->first.mac));
	assert_memory_equal(&header.from, "\x52\x55\x0a\x00\x02\x02", 6);
	/* the request is flooded, the answer is not */
	assert_int_equal(fixture->second.frame_count, 1);
	end(fixture);
}

/* An echo request of `payload` bytes; its checksum is left to be completed when `partial`. */
static struct gw_frame echo(struct fixture *fixture, struct iovec *piece, size_t payload)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = fixture->first.mac,
					 .type = be16_from(ETHERTYPE_IPV4)};
	struct ip4_header ip = {.from = {{10, 0, 2, 20}},
				.to = KIT_GATEWAY,
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = (uint16_t)(28 + payload),
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_ICMP};
	struct icmp_header icmp = {.type = ICMP4_ECHO_REQUEST, .rest = icmp_echo_rest(1, 1)};
	struct writer writer;

	writer_init(&writer, fixture->bytes, sizeof(fixture->bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	icmp_header_write(&writer, &icmp);
	for (size_t i = 0; i < payload; i++)
		writer_u8(&writer, (uint8_t)(i * 3));
	assert_false(writer.failed);
	*piece = (struct iovec){fixture->bytes, writer_used(&writer)};
	return (struct gw_frame){.pieces = piece, .piece_count = 1};
}

static void a_ping_as_large_as_the_mtu_is_answered_whole(void **state)
{
	static const struct {
		const char *uplink;
		size_t payload;
	} rows[] = {{"none", 56}, {"none", 1472}, {"none,mtu=9000", 8972}, {"none,mtu=65520", 65492}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture *fixture = fixture_new(rows[i].uplink);
		struct iovec piece;
		struct gw_frame frame = echo(fixture, &piece, rows[i].payload);
		const struct kit_frame *answer;

		icmp_checksum_fill(NULL, fixture->bytes + 34, 8 + rows[i].payload);
		kit_guest_forget(&fixture->first);
		assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
		kit_settle(&fixture->kit);
		assert_int_equal(fixture->first.frame_count, 1);
		answer = &fixture->first.frames[0];
		assert_int_equal(answer->length, piece.iov_len);
		assert_int_equal(answer->bytes[34], ICMP4_ECHO_REPLY);
		assert_int_equal(icmp_checksum_verify(NULL, answer->bytes + 34, 8 + rows[i].payload), DROP_NONE);
		assert_memory_equal(answer->bytes + 42, fixture->bytes + 42, rows[i].payload);
		end(fixture);
	}
}

static void a_partial_checksum_is_completed_before_a_service_sees_it(void **state)
{
	struct fixture *fixture = fixture_new("none");
	uint8_t bytes[700];
	size_t count = kit_dhcp(bytes, sizeof(bytes), fixture->first.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
				KIT_NOWHERE);
	struct iovec piece = {bytes, count};
	struct gw_frame frame = {.pieces = &piece,
				 .piece_count = 1,
				 .offload = {.csum = GW_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 6}};
	struct checksum pseudo;
	struct be16 partial;
	struct ip4 address;

	(void)state;
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, KIT_NOWHERE, IP4_BROADCAST, IP_PROTOCOL_UDP, (uint16_t)(count - 34));
	partial = checksum_partial(&pseudo);
	memcpy(bytes + 40, &partial, sizeof(partial));
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_guest_answer(&fixture->first, &address), DHCP4_OFFER);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "udp-checksum"), 0);
	/* sent as it is the sum is wrong, and that is seen */
	frame.offload = (struct gw_offload){.csum = GW_CSUM_UNKNOWN};
	gw_port_send(fixture->first.port, &frame, 1);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "udp-checksum"), 1);
	end(fixture);
}

static void refusals_are_limited_and_come_back(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct iovec piece;
	struct gw_frame frame = echo(fixture, &piece, 56);

	(void)state;
	/* for a machine beyond the network: no route */
	memcpy(fixture->bytes + 30, "\x08\x08\x08\x08", 4);
	ip4_header_patch(fixture->bytes + 14, 84, 1);
	icmp_checksum_fill(NULL, fixture->bytes + 34, 64);
	kit_guest_forget(&fixture->first);
	for (int i = 0; i < 150; i++) {
		gw_port_send(fixture->first.port, &frame, 1);
		kit_settle(&fixture->kit);
	}
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "ip4-no-route"), 150);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_FIRST_DROP)->text, "(from vm1)"));
	assert_int_equal(fixture->first.frame_count, 100);
	kit_pass(&fixture->kit, 100 * 1000);
	for (int i = 0; i < 20; i++) {
		gw_port_send(fixture->first.port, &frame, 1);
		kit_settle(&fixture->kit);
	}
	assert_int_equal(fixture->first.frame_count, 110);
	/* Another machine has an allowance of its own. Two may share one by chance: eight of them do not. */
	kit_guest_forget(&fixture->first);
	for (uint8_t i = 0; i < 8; i++) {
		fixture->bytes[11] = (uint8_t)(0x40 + i);
		gw_port_send(fixture->first.port, &frame, 1);
		kit_settle(&fixture->kit);
	}
	assert_in_range(fixture->first.frame_count, 1, 8);
	end(fixture);
}

static void refusals_to_made_up_machines_leave_other_ports_theirs(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct iovec piece;
	struct gw_frame frame = echo(fixture, &piece, 56);
	struct kit_guest others[4];
	unsigned told = 0;

	(void)state;
	memcpy(fixture->bytes + 30, "\x08\x08\x08\x08", 4);
	ip4_header_patch(fixture->bytes + 14, 84, 1);
	icmp_checksum_fill(NULL, fixture->bytes + 34, 64);
	for (int machine = 0; machine < 300; machine++) {
		fixture->bytes[10] = (uint8_t)(1 + machine / 100);
		fixture->bytes[11] = (uint8_t)machine;
		for (int i = 0; i < 100; i++) {
			kit_guest_forget(&fixture->first);
			gw_port_send(fixture->first.port, &frame, 1);
			kit_settle(&fixture->kit);
		}
	}
	assert_int_equal(fixture->first.frame_count, 0); /* none is left to it */
	/* Two ports may share one by chance: four of them do not. */
	for (uint8_t i = 0; i < 4; i++) {
		kit_guest_new(&others[i], &fixture->kit, (uint8_t)(2 + i));
		memcpy(fixture->bytes + 6, others[i].mac.byte, 6);
		for (int j = 0; j < 50; j++) {
			gw_port_send(others[i].port, &frame, 1);
			kit_settle(&fixture->kit);
		}
		told += others[i].frame_count == 50;
	}
	assert_true(told > 0);
	end(fixture);
	for (int i = 0; i < 4; i++)
		kit_guest_forget(&others[i]);
}

/* A client that heard nothing would wait, because of another's flood. */
static void a_client_is_told_no_however_many_errors_were_sent(void **state)
{
	struct fixture *fixture = fixture_new("none");
	size_t count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_REQUEST, KIT_NOWHERE,
				(struct ip4){{10, 9, 9, 9}}, KIT_GATEWAY);

	(void)state;
	kit_guest_forget(&fixture->first);
	for (int i = 0; i < 150; i++) {
		kit_guest_send(&fixture->first, fixture->bytes, count);
		kit_settle(&fixture->kit);
	}
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "dhcp4-no-lease"), 150);
	assert_int_equal(fixture->first.frame_count, 150);
	end(fixture);
}

/* One question from each of many made-up machines at this port: how many are offered an address. */
static unsigned count_offers(struct fixture *fixture, struct kit_guest *guest, uint8_t series, unsigned machines)
{
	unsigned count = 0;

	for (unsigned i = 0; i < machines; i++) {
		struct mac mac = {{0x52, 0x54, 0, series, (uint8_t)(i >> 8), (uint8_t)i}};
		size_t bytes =
			kit_dhcp(fixture->bytes, 700, mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE, KIT_NOWHERE);
		struct ip4 address;

		kit_guest_forget(guest);
		kit_guest_send(guest, fixture->bytes, bytes);
		kit_settle(&fixture->kit);
		count += kit_guest_answer(guest, &address) == DHCP4_OFFER;
	}
	return count;
}

static void a_port_is_offered_no_more_addresses_than_leave_some_to_others(void **state)
{
	struct fixture *fixture = fixture_new("none,dhcpend=10.0.2.34"); /* 20 */
	const struct kit_event *event;

	(void)state;
	assert_int_equal(count_offers(fixture, &fixture->first, 1, 30), 20); /* nobody else is there */
	kit_pass(&fixture->kit, 11 * 1000 * 1000);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	assert_int_equal(count_offers(fixture, &fixture->first, 2, 30), 16);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "dhcp4-port-share"), 14);
	event = kit_event(&fixture->kit, GW_EVENT_FIRST_DROP);
	assert_non_null(strstr(event->text, "gateway: first drop for dhcp4-port-share: "));
	assert_non_null(strstr(event->text, "(from vm1)"));
	assert_int_equal(count_offers(fixture, &fixture->second, 3, 1), 1);
	/* Who comes to a port that is new holds nothing; what was offered at the one that is gone is free. */
	gw_port_free(fixture->first.port);
	kit_guest_forget(&fixture->first);
	kit_guest_new(&fixture->first, &fixture->kit, 1);
	assert_int_equal(count_offers(fixture, &fixture->first, 4, 30), 16);
	end(fixture);
}

static void the_queue_of_answers_is_bounded(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct iovec piece;
	struct gw_frame frame = echo(fixture, &piece, 1472);
	struct kit_port_call gateway;

	(void)state;
	icmp_checksum_fill(NULL, fixture->bytes + 34, 1480);
	kit_guest_forget(&fixture->first);
	fixture->first.take = 0;
	for (int i = 0; i < 400; i++)
		gw_port_send(fixture->first.port, &frame, 1);
	gateway = kit_port(&fixture->kit, "gateway");
	assert_string_equal(gateway.kind, "gateway");
	assert_true(gateway.info.queue_bound_bytes > 0);
	assert_true(gateway.info.queued_peak_bytes <= gateway.info.queue_bound_bytes);
	assert_true(kit_drops(&fixture->kit, "gateway", "queue-full") >= 400 - 512 * 1024 / 1514 - 1);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_port(&fixture->kit, "gateway").info.queued_bytes, 0);
	end(fixture);
}

static void a_guest_without_room_does_not_hold_up_the_answers_of_others(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct ip4 address = {{10, 0, 2, 20}};

	(void)state;
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	fixture->first.take = 0;
	kit_guest_send(&fixture->first, fixture->bytes,
		       kit_arp(fixture->bytes, fixture->first.mac, address, KIT_GATEWAY));
	kit_guest_send(&fixture->second, fixture->bytes,
		       kit_arp(fixture->bytes, fixture->second.mac, address, KIT_GATEWAY));
	kit_guest_forget(&fixture->second);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(fixture->second.frames[0].bytes[21], ARP_REPLY);
	end(fixture);
}

/* ---- two guests with one address ---- */

static void a_second_guest_with_the_same_address_is_told_of_by_name(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct ip4 address = kit_guest_lease(&fixture->first);
	const struct kit_event *event;
	struct arp arp;
	struct reader reader;
	size_t count;

	(void)state;
	kit_pass(&fixture->kit, 5 * 1000 * 1000);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	fixture->second.mac = fixture->first.mac;
	kit_settle(&fixture->kit);
	count = kit_dhcp(fixture->bytes, 700, fixture->second.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
			 KIT_NOWHERE);
	kit_guest_send(&fixture->second, fixture->bytes, count);
	kit_settle(&fixture->kit);
	/* the first was silent for a while: it alone is asked whether it is there */
	assert_true(fixture->first.frame_count >= 1);
	assert_int_equal(fixture->first.frames[0].bytes[13], ETHERTYPE_ARP & 0xff);
	reader_init(&reader, fixture->first.frames[0].bytes + 14, fixture->first.frames[0].length - 14);
	assert_int_equal(arp_read(&reader, &arp), DROP_NONE);
	assert_true(ip4_equal(arp.target, address));
	assert_int_equal(fixture->second.frame_count, 0);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_CONFLICT), 0);
	/* it is */
	count = kit_arp(fixture->bytes, fixture->first.mac, address, KIT_GATEWAY);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	count = kit_dhcp(fixture->bytes, 700, fixture->second.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
			 KIT_NOWHERE);
	kit_guest_send(&fixture->second, fixture->bytes, count);
	kit_settle(&fixture->kit);
	event = kit_event(&fixture->kit, GW_EVENT_CONFLICT);
	assert_non_null(event);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_CONFLICT), 1);
	assert_string_equal(event->port, "vm2");
	assert_string_equal(event->mac, "52:54:00:00:00:01");
	assert_non_null(strstr(event->text, "vm1"));
	assert_non_null(strstr(event->text, "vm2"));
	assert_non_null(strstr(event->text, "give one of them mac="));
	assert_true(kit_port(&fixture->kit, "vm2").info.conflict);
	assert_false(kit_port(&fixture->kit, "vm1").info.conflict);
	assert_int_equal(kit_drops(&fixture->kit, "vm2", "source-conflict"), 2);
	assert_true(ip4_equal(kit_guest_lease(&fixture->first), address));
	end(fixture);
}

static void a_guest_without_a_lease_is_asked_at_the_address_it_spoke_of(void **state)
{
	struct fixture *fixture = fixture_new("none,dhcp=off,ipv6=off");
	struct ip4 address = {{10, 0, 2, 77}};
	struct reader reader;
	struct arp arp;

	(void)state;
	kit_guest_send(&fixture->first, fixture->bytes,
		       kit_arp(fixture->bytes, fixture->first.mac, address, KIT_GATEWAY));
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_pass(&fixture->kit, 5 * 1000 * 1000);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_guest_send(&fixture->second, fixture->bytes,
		       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->first.mac, 0));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 1);
	reader_init(&reader, fixture->first.frames[0].bytes + 14, fixture->first.frames[0].length - 14);
	assert_int_equal(arp_read(&reader, &arp), DROP_NONE);
	assert_true(ip4_equal(arp.target, address));
	end(fixture);
}

static void a_guest_whose_first_port_is_silent_has_moved(void **state)
{
	struct fixture *fixture = fixture_new("none");
	struct ip4 address = kit_guest_lease(&fixture->first);

	(void)state;
	kit_pass(&fixture->kit, 5 * 1000 * 1000);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	fixture->second.mac = fixture->first.mac;
	kit_guest_send(&fixture->second, fixture->bytes,
		       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->second.mac, 0));
	kit_pass(&fixture->kit, 1500 * 1000);
	kit_guest_send(&fixture->second, fixture->bytes,
		       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->second.mac, 0));
	assert_true(ip4_equal(kit_guest_lease(&fixture->second), address));
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_CONFLICT), 0);
	end(fixture);
}

static void an_isolated_guests_answers_reach_no_other(void **state)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct fixture *fixture = fixture_new("none");
	uint8_t *flags = fixture->bytes + 14 + 20 + 8 + 10;
	size_t count;

	(void)state;
	config.isolated = true;
	gw_port_free(fixture->first.port);
	kit_settle(&fixture->kit);
	kit_guest_join(&fixture->first, "one", &config);
	kit_guest_join(&fixture->second, "two", &config);
	kit_guest_forget(&fixture->first);
	/* an offer to a client that wants it broadcast, and a no */
	count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
			 KIT_NOWHERE);
	*flags = 0x80;
	kit_guest_send(&fixture->first, fixture->bytes, count);
	count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_REQUEST, KIT_NOWHERE,
			 (struct ip4){{10, 9, 9, 9}}, KIT_GATEWAY);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 2);
	assert_int_equal(fixture->second.frame_count, 0);
	end(fixture);
}

static void the_answer_to_a_guest_that_left_is_not_flooded(void **state)
{
	struct fixture *fixture = fixture_new("none");
	size_t count = kit_dhcp(fixture->bytes, 700, fixture->first.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
				KIT_NOWHERE);

	(void)state;
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	kit_guest_forget(&fixture->second);
	gw_port_free(fixture->first.port);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->second.frame_count, 0);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "destination-gone"), 1);
	end(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_guest_to_join_is_told_of_the_router),
		cmocka_unit_test(the_router_is_told_of_again_while_somebody_is_there),
		cmocka_unit_test(an_isolated_guests_answers_reach_no_other),
		cmocka_unit_test(the_answer_to_a_guest_that_left_is_not_flooded),
		cmocka_unit_test(the_end_withdraws_the_router),
		cmocka_unit_test(the_end_says_nothing_when_nobody_is_there),
		cmocka_unit_test(the_words_of_the_uplink_reach_the_guest),
		cmocka_unit_test(without_ipv6_nothing_is_said_of_it),
		cmocka_unit_test(guests_get_leases),
		cmocka_unit_test(a_lease_is_renewed_released_and_runs_out),
		cmocka_unit_test(arp_is_answered_to_the_asker_alone),
		cmocka_unit_test(a_ping_as_large_as_the_mtu_is_answered_whole),
		cmocka_unit_test(a_partial_checksum_is_completed_before_a_service_sees_it),
		cmocka_unit_test(refusals_are_limited_and_come_back),
		cmocka_unit_test(refusals_to_made_up_machines_leave_other_ports_theirs),
		cmocka_unit_test(a_client_is_told_no_however_many_errors_were_sent),
		cmocka_unit_test(a_port_is_offered_no_more_addresses_than_leave_some_to_others),
		cmocka_unit_test(the_queue_of_answers_is_bounded),
		cmocka_unit_test(a_guest_without_room_does_not_hold_up_the_answers_of_others),
		cmocka_unit_test(a_second_guest_with_the_same_address_is_told_of_by_name),
		cmocka_unit_test(a_guest_without_a_lease_is_asked_at_the_address_it_spoke_of),
		cmocka_unit_test(a_guest_whose_first_port_is_silent_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
