/* SPDX-License-Identifier: MIT */
/* What a packet is found to be before any service looks at it. */
#include "service/packet.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"

/* The frame just composed, in exactly its bytes. */
static enum drop_reason parse(struct guest *guest, struct packet *ret_packet)
{
	uint8_t *exact = malloc(guest->length);
	enum drop_reason verdict;

	if (!exact)
		abort();
	memcpy(exact, guest->frame, guest->length);
	verdict = packet_parse(exact, guest->length, ret_packet);
	free(exact);
	return verdict;
}

static void each_frame_has_its_verdict(void **state)
{
	static const struct {
		const char *what;
		bool is6;
		size_t at; /* of the byte that is changed, in the IP packet */
		uint8_t value;
		size_t length; /* of the frame; 0: as composed */
		enum drop_reason verdict;
	} rows[] = {
		{"an IPv4 packet", false, 0, 0x45, 0, DROP_NONE},
		{"another version", false, 0, 0x65, 0, DROP_IP4_VERSION},
		{"a header of 16 bytes", false, 0, 0x44, 0, DROP_IP4_HEADER_LENGTH},
		{"a total length beyond the frame", false, 3, 40, 0, DROP_IP4_TOTAL_LENGTH},
		{"a total length below the header", false, 3, 19, 0, DROP_IP4_TOTAL_LENGTH},
		{"a wrong checksum", false, 8, 63, 0, DROP_IP4_CHECKSUM},
		{"half a header", false, 0, 0x45, 30, DROP_IP4_SHORT},
		{"no header", false, 0, 0x45, 14, DROP_IP4_SHORT},
		{"half an Ethernet header", false, 0, 0x45, 13, DROP_FRAME_SHORT},
		{"an IPv6 packet", true, 0, 0x60, 0, DROP_NONE},
		{"another version", true, 0, 0x45, 0, DROP_IP6_VERSION},
		{"a payload beyond the frame", true, 5, 9, 0, DROP_IP6_PAYLOAD_LENGTH},
		{"half a header", true, 0, 0x60, 40, DROP_IP6_SHORT},
		{"an extension of which nothing is there", true, 5, 0, 0, DROP_IP6_EXTENSION_SHORT},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet packet;

		if (rows[i].is6)
			guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), config.host6,
				  rows[i].at == 5 && rows[i].value == 0 ? IP_PROTOCOL_HOP_BY_HOP : IP_PROTOCOL_UDP, 64,
				  "\0\0\0\0\0\0\0\0", 8);
		else
			guest_ip4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_UDP, "12345678", 8);
		guest->frame[14 + rows[i].at] = rows[i].value;
		if (rows[i].length)
			guest->length = rows[i].length;
		if (parse(guest, &packet) != rows[i].verdict)
			fail_msg("%s", rows[i].what);
	}
	guest_ip4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_UDP, "12345678", 8);
	guest->frame[12] = 0x81;
	guest->frame[13] = 0;
	assert_int_equal(parse(guest, &(struct packet){0}), DROP_ETHERTYPE);
	guest_free(guest);
}

static void padding_is_no_part_of_a_packet(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct packet packet;

	(void)state;
	guest_ip4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_UDP, "12345678", 8);
	guest->length = 60;
	assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
	assert_int_equal(packet.count, 28);
	assert_ptr_equal(packet.bytes, guest->frame + 14);
	assert_ptr_equal(packet.transport, guest->frame + 34);
	assert_int_equal(packet.transport_bytes, 8);
	guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, IP_PROTOCOL_UDP, 64, "12345678", 8);
	guest->length += 9;
	assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
	assert_int_equal(packet.count, 48);
	assert_int_equal(packet.transport_bytes, 8);
	guest_free(guest);
}

/* RFC 6946: a fragment header around a whole packet makes no fragment of it. */
static void a_fragment_is_what_is_not_whole(void **state)
{
	static const struct {
		uint16_t offset;
		bool more, is_fragment;
	} rows[] = {{0, false, false}, {0, true, true}, {8, false, true}};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[16] = {0};
		struct packet packet;
		struct writer writer;

		writer_init(&writer, bytes, sizeof(bytes));
		ip6_fragment_write(&writer, IP_PROTOCOL_UDP, rows[i].offset, rows[i].more, 1);
		guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, IP_PROTOCOL_FRAGMENT, 64, bytes, 16);
		assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
		assert_int_equal(packet.fragment, rows[i].is_fragment);
		assert_true(packet.extensions.fragment);
		assert_int_equal(packet.protocol, IP_PROTOCOL_UDP);
		assert_int_equal(packet.transport_bytes, 8);
	}
	guest_free(guest);
}

static void to_one_machine_means_so_on_ethernet_too(void **state)
{
	const struct {
		struct mac mac;
		const char *to;
		bool unicast;
	} rows[] = {
		{guest_mac(9), "10.0.2.2", true},   {MAC_BROADCAST, "10.0.2.2", false},
		{guest_mac(9), "224.0.0.1", false}, {guest_mac(9), "255.255.255.255", false},
		{guest_mac(9), "fd00:2::2", true},  {{{0x33, 0x33}}, "fd00:2::2", false},
		{guest_mac(9), "ff02::1", false},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet packet;

		if (strchr(rows[i].to, ':'))
			guest_ip6(guest, rows[i].mac, ip6_of("fd00:2::15"), ip6_of(rows[i].to), IP_PROTOCOL_UDP, 64, "",
				  0);
		else
			guest_ip4(guest, rows[i].mac, ip4_of("10.0.2.15"), ip4_of(rows[i].to), IP_PROTOCOL_UDP, "", 0);
		assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
		assert_int_equal(packet_is_unicast(&packet), rows[i].unicast);
	}
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_has_its_verdict),
		cmocka_unit_test(padding_is_no_part_of_a_packet),
		cmocka_unit_test(a_fragment_is_what_is_not_whole),
		cmocka_unit_test(to_one_machine_means_so_on_ethernet_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
