/* SPDX-License-Identifier: MIT */
/* The gateway's front desk: which frames are whose, and how the rest is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "unit/service/guest.h"
#include "wire/tcp.h"

/* What the first bytes of an ICMP answer, or the flags of a TCP one, say; "" for no answer. */
static const char *answer(const struct guest *guest)
{
	static char text[32];
	const uint8_t *ip = guest->reply.bytes + 14;
	bool is6 = guest->reply.length && guest_u16(ip - 2) == 0x86dd;
	const uint8_t *transport = ip + (is6 ? 40 : 20);

	if (guest->reply.length == 0)
		return "";
	if (ip[is6 ? 6 : 9] == 6)
		snprintf(text, sizeof(text), "flags %x", transport[13]);
	else if (ip[is6 ? 6 : 9] == 17)
		snprintf(text, sizeof(text), "udp %u", guest_u16(transport));
	else
		snprintf(text, sizeof(text), "%u/%u", transport[0], transport[1]);
	return text;
}

static uint8_t transport[64];
static size_t transport_bytes;

/* A small message of the protocol, for which the checksum is filled in over the addresses; ICMP's type is `type`, TCP's
 * flags and UDP's destination port too. */
static void compose_transport(uint8_t protocol, unsigned type, struct checksum *pseudo)
{
	struct tcp_header tcp = {.from_port = 1000, .to_port = 22, .sequence = 100, .flags = (uint8_t)type};
	struct udp_header udp = {.from_port = 1000, .to_port = (uint16_t)type, .bytes = 16};
	struct writer writer;

	memset(transport, 0, sizeof(transport));
	writer_init(&writer, transport, sizeof(transport));
	transport_bytes = 16;
	switch (protocol) {
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_ICMP6:
		transport[0] = (uint8_t)type;
		transport_bytes = 24;
		icmp_checksum_fill(protocol == IP_PROTOCOL_ICMP ? NULL : pseudo, transport, 24);
		break;
	case IP_PROTOCOL_TCP:
		tcp_header_write(&writer, &tcp, NULL);
		transport_bytes = 20;
		tcp_checksum_fill(pseudo, transport, 20);
		break;
	case IP_PROTOCOL_UDP:
		udp_header_write(&writer, &udp);
		udp_checksum_fill(pseudo, transport, 16);
		break;
	}
}

static size_t expected_bytes(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP                                     ? 20
	       : protocol == IP_PROTOCOL_ICMP || protocol == IP_PROTOCOL_ICMP6 ? 24
									       : 16;
}

struct row4 {
	const char *what;
	const char *from, *to;
	bool group;
	uint8_t protocol;
	unsigned type;
	enum drop_reason verdict;
	const char *answer;
};

static void each_ipv4_packet_has_its_verdict_and_its_answer(void **state)
{
	static const struct row4 rows[] = {
		{"a ping", "10.0.2.15", "10.0.2.2", false, 1, 8, DROP_NONE, "0/0"},
		{"an error", "10.0.2.15", "10.0.2.2", false, 1, 3, DROP_NONE, ""},
		{"an echo reply", "10.0.2.15", "10.0.2.2", false, 1, 0, DROP_ICMP_TYPE, ""},
		{"a router solicitation", "10.0.2.15", "10.0.2.2", false, 1, 10, DROP_ICMP_TYPE, ""},
		{"UDP to a closed port", "10.0.2.15", "10.0.2.2", false, 17, 53, DROP_UDP_PORT_CLOSED, "3/3"},
		{"UDP to all", "10.0.2.15", "255.255.255.255", true, 17, 137, DROP_NONE, ""},
		{"UDP to the network", "10.0.2.15", "10.0.2.255", true, 17, 137, DROP_NONE, ""},
		{"a SYN", "10.0.2.15", "10.0.2.2", false, 6, TCP_SYN, DROP_TCP_PORT_CLOSED, "flags 14"},
		{"an ACK", "10.0.2.15", "10.0.2.2", false, 6, TCP_ACK, DROP_TCP_PORT_CLOSED, "flags 4"},
		{"a FIN", "10.0.2.15", "10.0.2.2", false, 6, TCP_FIN, DROP_TCP_PORT_CLOSED, "flags 14"},
		{"a reset", "10.0.2.15", "10.0.2.2", false, 6, TCP_RST, DROP_TCP_PORT_CLOSED, ""},
		{"another protocol", "10.0.2.15", "10.0.2.2", false, 47, 0, DROP_IP4_PROTOCOL, "3/2"},
		{"the world", "10.0.2.15", "192.0.2.1", false, 17, 53, DROP_IP4_NO_ROUTE, "3/0"},
		{"a ping to the world", "10.0.2.15", "192.0.2.1", false, 1, 8, DROP_IP4_NO_ROUTE, "3/0"},
		{"an error to the world", "10.0.2.15", "192.0.2.1", false, 1, 11, DROP_IP4_NO_ROUTE, ""},
		{"a SYN to the world", "10.0.2.15", "192.0.2.1", false, 6, TCP_SYN, DROP_IP4_NO_ROUTE, "3/0"},
		{"a neighbour through us", "10.0.2.15", "10.0.2.16", false, 1, 8, DROP_IP4_NO_ROUTE, "3/1"},
		{"this network", "10.0.2.15", "0.0.0.0", false, 17, 53, DROP_IP4_NO_ROUTE, ""},
		{"a loopback address", "10.0.2.15", "127.0.0.1", false, 17, 53, DROP_IP4_NO_ROUTE, ""},
		{"a reserved address", "10.0.2.15", "240.0.0.1", false, 17, 53, DROP_IP4_NO_ROUTE, ""},
		{"the world, but sent to all", "10.0.2.15", "192.0.2.1", true, 17, 53, DROP_NONE, ""},
		{"us, but sent to all", "10.0.2.15", "10.0.2.2", true, 1, 8, DROP_NONE, ""},
		{"SSDP", "10.0.2.15", "239.255.255.250", true, 17, 1900, DROP_NONE, ""},
		{"mDNS", "10.0.2.15", "224.0.0.251", true, 17, 5353, DROP_NONE, ""},
		{"IGMP", "10.0.2.15", "224.0.0.22", true, 2, 0, DROP_NONE, ""},
		{"from nobody", "0.0.0.0", "10.0.2.2", false, 1, 8, DROP_IP4_SOURCE, ""},
		{"UDP from nobody", "0.0.0.0", "10.0.2.2", false, 17, 53, DROP_IP4_SOURCE, ""},
		{"from this network", "0.1.2.3", "10.0.2.2", false, 1, 8, DROP_IP4_SOURCE, ""},
		{"from loopback", "127.0.0.1", "10.0.2.2", false, 1, 8, DROP_IP4_SOURCE, ""},
		{"from a group", "224.0.0.1", "10.0.2.2", false, 6, TCP_SYN, DROP_IP4_SOURCE, ""},
		{"from all", "255.255.255.255", "10.0.2.2", false, 17, 67, DROP_IP4_SOURCE, ""},
		{"from all of the network", "10.0.2.255", "192.0.2.1", false, 1, 8, DROP_IP4_SOURCE, ""},
		{"from us", "10.0.2.2", "10.0.2.2", false, 1, 8, DROP_IP4_SOURCE, ""},
		{"DHCP of no length", "10.0.2.15", "10.0.2.2", false, 17, 67, DROP_DHCP4_SHORT, ""},
		{"DHCP to all of the network", "10.0.2.15", "10.0.2.255", true, 17, 67, DROP_DHCP4_SHORT, ""},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row4 *row = &rows[i];
		struct ip4 from = ip4_of(row->from), to = ip4_of(row->to);
		struct checksum pseudo;

		checksum_init(&pseudo);
		ip4_pseudo(&pseudo, from, to, row->protocol, (uint16_t)expected_bytes(row->protocol));
		compose_transport(row->protocol, row->type, &pseudo);
		guest_ip4(guest, row->group ? MAC_BROADCAST : config.mac, from, to, row->protocol, transport,
			  transport_bytes);
		if (guest_send(guest) != row->verdict || strcmp(answer(guest), row->answer) != 0)
			fail_msg("%s: answered %s", row->what, answer(guest));
		assert_null(guest_flaw(&config, &guest->reply));
	}
	guest_free(guest);
}

static void each_ipv6_packet_has_its_verdict_and_its_answer(void **state)
{
	static const struct row4 rows[] = {
		{"a ping", "fd00:2::15", "fd00:2::2", false, 58, 128, DROP_NONE, "129/0"},
		{"an error", "fd00:2::15", "fd00:2::2", false, 58, 1, DROP_NONE, ""},
		{"an echo reply", "fd00:2::15", "fd00:2::2", false, 58, 129, DROP_ICMP_TYPE, ""},
		{"UDP to a closed port", "fd00:2::15", "fd00:2::2", false, 17, 53, DROP_UDP_PORT_CLOSED, "1/4"},
		{"the same within the link", "fe80::1", "fe80::5055:aff:fe00:202", false, 17, 53, DROP_UDP_PORT_CLOSED,
		 "1/4"},
		{"UDP to all nodes", "fd00:2::15", "ff02::1", true, 17, 137, DROP_NONE, ""},
		{"a SYN", "fd00:2::15", "fd00:2::2", false, 6, TCP_SYN, DROP_TCP_PORT_CLOSED, "flags 14"},
		{"a SYN to all nodes", "fd00:2::15", "ff02::1", true, 6, TCP_SYN, DROP_TCP_PORT_CLOSED, ""},
		{"another protocol", "fd00:2::15", "fd00:2::2", false, 47, 0, DROP_IP6_NEXT_HEADER, ""},
		{"nothing", "fd00:2::15", "fd00:2::2", false, 59, 0, DROP_NONE, ""},
		{"the world", "fd00:2::15", "2001:db8::1", false, 17, 53, DROP_IP6_NO_ROUTE, "1/0"},
		{"an error to the world", "fd00:2::15", "2001:db8::1", false, 58, 3, DROP_IP6_NO_ROUTE, ""},
		{"a neighbour through us", "fd00:2::15", "fd00:2::16", false, 58, 128, DROP_IP6_NO_ROUTE, "1/3"},
		{"the world, but sent to all", "fd00:2::15", "2001:db8::1", true, 17, 53, DROP_NONE, ""},
		{"mDNS", "fe80::1", "ff02::fb", true, 17, 5353, DROP_NONE, ""},
		{"an MLD report", "fe80::1", "ff02::16", true, 58, 143, DROP_NONE, ""},
		{"an MLD report from nobody", "::", "ff02::16", true, 58, 143, DROP_NONE, ""},
		{"an MLD query", "fe80::1", "ff02::1", true, 58, 130, DROP_NONE, ""},
		{"DHCPv6 of no type", "fe80::1", "ff02::1:2", true, 17, 547, DROP_DHCP6_TYPE, ""},
		{"a ping from nobody", "::", "fd00:2::2", false, 58, 128, DROP_IP6_SOURCE, ""},
		{"UDP from nobody", "::", "fd00:2::2", false, 17, 53, DROP_IP6_SOURCE, ""},
		{"from nobody to the world", "::", "2001:db8::1", false, 58, 128, DROP_IP6_SOURCE, ""},
		{"from a group", "ff02::1", "fd00:2::2", false, 58, 128, DROP_IP6_SOURCE, ""},
		{"from loopback", "::1", "fd00:2::2", false, 58, 128, DROP_IP6_SOURCE, ""},
		{"from us", "fd00:2::2", "fd00:2::2", false, 58, 128, DROP_IP6_SOURCE, ""},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row4 *row = &rows[i];
		struct ip6 from = ip6_of(row->from), to = ip6_of(row->to);
		struct checksum pseudo;

		checksum_init(&pseudo);
		ip6_pseudo(&pseudo, from, to, row->protocol, (uint32_t)expected_bytes(row->protocol));
		compose_transport(row->protocol, row->type, &pseudo);
		guest_ip6(guest, row->group ? ip6_multicast_mac(to) : config.mac, from, to, row->protocol, 64,
			  transport, transport_bytes);
		if (guest_send(guest) != row->verdict || strcmp(answer(guest), row->answer) != 0)
			fail_msg("%s: answered %s", row->what, answer(guest));
		assert_null(guest_flaw(&config, &guest->reply));
	}
	guest_free(guest);
}

static void frames_for_others_and_of_other_types_are_passed_over(void **state)
{
	static const struct {
		const char *what;
		struct mac to, from;
		unsigned type;
		enum drop_reason verdict;
	} rows[] = {
		{"another machine", {{2, 0, 0, 0, 0, 9}}, {{2, 0, 0, 0, 0, 1}}, 0x0800, DROP_NONE},
		{"spanning tree", {{1, 0x80, 0xc2, 0, 0, 0}}, {{2, 0, 0, 0, 0, 1}}, 0x0026, DROP_NONE},
		{"LLDP", {{1, 0x80, 0xc2, 0, 0, 0x0e}}, {{2, 0, 0, 0, 0, 1}}, 0x88cc, DROP_NONE},
		{"a tagged broadcast", {{255, 255, 255, 255, 255, 255}}, {{2, 0, 0, 0, 0, 1}}, 0x8100, DROP_NONE},
		{"tagged, for us", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{2, 0, 0, 0, 0, 1}}, 0x8100, DROP_VLAN_TAGGED},
		{"tagged twice, for us", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{2, 0, 0, 0, 0, 1}}, 0x88a8, DROP_VLAN_TAGGED},
		{"an unknown type, for us",
		 {{0x52, 0x55, 0x0a, 0, 2, 2}},
		 {{2, 0, 0, 0, 0, 1}},
		 0x1234,
		 DROP_ETHERTYPE},
		{"from a group", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{3, 0, 0, 0, 0, 1}}, 0x0800, DROP_SOURCE_MULTICAST},
		{"from nobody", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{0}}, 0x0800, DROP_SOURCE_MULTICAST},
		{"from ourselves",
		 {{255, 255, 255, 255, 255, 255}},
		 {{0x52, 0x55, 0x0a, 0, 2, 2}},
		 0x0806,
		 DROP_SOURCE_GATEWAY},
		{"IPv4 of nothing", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{2, 0, 0, 0, 0, 1}}, 0x0800, DROP_IP4_SHORT},
		{"IPv6 of nothing", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{2, 0, 0, 0, 0, 1}}, 0x86dd, DROP_IP6_SHORT},
		{"ARP of nothing", {{0x52, 0x55, 0x0a, 0, 2, 2}}, {{2, 0, 0, 0, 0, 1}}, 0x0806, DROP_ARP_SHORT},
	};
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ethernet_header header = {.to = rows[i].to,
						 .from = rows[i].from,
						 .type = be16_from((uint16_t)rows[i].type)};
		struct writer writer;

		writer_init(&writer, guest->frame, sizeof(guest->frame));
		ethernet_header_write(&writer, &header);
		guest->length = 14;
		if (guest_send(guest) != rows[i].verdict)
			fail_msg("%s", rows[i].what);
		assert_int_equal(guest->reply.length, 0);
	}
	guest->length = 13;
	assert_int_equal(guest_send(guest), DROP_FRAME_SHORT);
	guest_free(guest);
}

static void a_network_of_one_family_does_not_speak_the_other(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	uint8_t echo[8] = {8};

	(void)state;
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, echo, 8);
	guest->config.ip4 = false;
	assert_int_equal(guest_send(guest), DROP_ETHERTYPE);
	echo[0] = 128;
	guest_icmp6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, 64, echo, 8);
	assert_int_equal(guest_send(guest), DROP_NONE);
	guest->config.ip6 = false;
	assert_int_equal(guest_send(guest), DROP_ETHERTYPE);
	guest_free(guest);
}

static void without_dhcp_its_ports_are_closed_and_its_group_is_not_ours(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest;

	(void)state;
	config.dhcp4 = config.dhcp6 = false;
	guest = guest_new(&config);
	guest_udp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, 68, 67, "x", 1);
	assert_int_equal(guest_send(guest), DROP_UDP_PORT_CLOSED);
	guest_udp4(guest, MAC_BROADCAST, (struct ip4){{0}}, IP4_BROADCAST, 68, 67, "x", 1);
	assert_int_equal(guest_send(guest), DROP_NONE);
	guest_udp6(guest, ip6_multicast_mac(ip6_of("ff02::1:2")), ip6_of("fe80::1"), ip6_of("ff02::1:2"), 546, 547, "x",
		   1);
	assert_int_equal(guest_send(guest), DROP_NONE);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void fragments_are_not_for_us(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	uint8_t echo[16] = {58, 0, 0, 1, 0, 0, 0, 1, 128};

	(void)state;
	guest_icmp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, echo, 16);
	guest->frame[20] = 0x20;                               /* more fragments */
	guest->frame[24] = (uint8_t)(guest->frame[24] - 0x20); /* and the checksum accordingly */
	assert_int_equal(guest_send(guest), DROP_IP4_FRAGMENT);
	echo[0] = 58;
	guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, IP_PROTOCOL_FRAGMENT, 64, echo, 16);
	assert_int_equal(guest_send(guest), DROP_IP6_FRAGMENT);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void checksums_are_looked_at_and_none_is_fine_over_ipv4_alone(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);

	(void)state;
	guest_udp4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, 68, 99, "x", 1);
	guest->frame[41] ^= 1;
	assert_int_equal(guest_send(guest), DROP_UDP_CHECKSUM);
	memset(guest->frame + 40, 0, 2);
	assert_int_equal(guest_send(guest), DROP_UDP_PORT_CLOSED);
	guest->frame[25] ^= 1;
	assert_int_equal(guest_send(guest), DROP_IP4_CHECKSUM);
	guest_udp6(guest, config.mac, ip6_of("fd00:2::15"), config.host6, 68, 99, "x", 1);
	memset(guest->frame + 60, 0, 2);
	assert_int_equal(guest_send(guest), DROP_UDP_CHECKSUM);
	memset(transport, 0, 20);
	transport[12] = 0x50;
	guest_ip4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_TCP, transport, 20);
	assert_int_equal(guest_send(guest), DROP_TCP_CHECKSUM);
	assert_int_equal(guest->reply.length, 0);
	guest_free(guest);
}

static void a_reset_fits_the_segment_it_refuses(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct tcp_header tcp = {.from_port = 1000, .to_port = 22, .sequence = 0xffffffff, .acknowledgement = 77};
	static const struct {
		uint8_t flags, answer;
		size_t data;
		uint32_t sequence, acknowledgement;
	} rows[] = {
		{TCP_SYN, TCP_RST | TCP_ACK, 0, 0, 0},
		{TCP_SYN | TCP_FIN, TCP_RST | TCP_ACK, 10, 0, 11},
		{TCP_ACK, TCP_RST, 10, 77, 0},
		{0, TCP_RST | TCP_ACK, 4, 0, 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t segment[40] = {0};
		struct checksum pseudo;
		struct writer writer;

		tcp.flags = rows[i].flags;
		writer_init(&writer, segment, sizeof(segment));
		tcp_header_write(&writer, &tcp, NULL);
		checksum_init(&pseudo);
		ip4_pseudo(&pseudo, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_TCP, (uint16_t)(20 + rows[i].data));
		tcp_checksum_fill(&pseudo, segment, 20 + rows[i].data);
		guest_ip4(guest, config.mac, ip4_of("10.0.2.15"), config.host4, IP_PROTOCOL_TCP, segment,
			  20 + rows[i].data);
		assert_int_equal(guest_send(guest), DROP_TCP_PORT_CLOSED);
		assert_null(guest_flaw(&config, &guest->reply));
		assert_int_equal(guest_u16(guest->reply.bytes + 34), 22);
		assert_int_equal(guest_u16(guest->reply.bytes + 36), 1000);
		assert_int_equal(guest_u32(guest->reply.bytes + 38), rows[i].sequence);
		assert_int_equal(guest_u32(guest->reply.bytes + 42), rows[i].acknowledgement);
		assert_int_equal(guest->reply.bytes[47], rows[i].answer);
	}
	guest_free(guest);
}

static void an_error_quotes_what_it_is_about_and_no_more_than_it_may(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	static uint8_t payload[1400];

	(void)state;
	guest_udp4(guest, config.mac, ip4_of("10.0.2.15"), ip4_of("192.0.2.1"), 9, 10, payload, 1400);
	assert_int_equal(guest_send(guest), DROP_IP4_NO_ROUTE);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_int_equal(guest->reply.length, 14 + 576);
	assert_memory_equal(guest->reply.bytes + 42, guest->frame + 14, 576 - 28);
	guest_udp6(guest, config.mac, ip6_of("fd00:2::15"), ip6_of("2001:db8::1"), 9, 10, payload, 1400);
	assert_int_equal(guest_send(guest), DROP_IP6_NO_ROUTE);
	assert_null(guest_flaw(&config, &guest->reply));
	assert_int_equal(guest->reply.length, 14 + 1280);
	assert_memory_equal(guest->reply.bytes + 22, config.host6.byte, 16);
	/* Ethernet's padding is no part of the packet. */
	guest_udp4(guest, config.mac, ip4_of("10.0.2.15"), ip4_of("192.0.2.1"), 9, 10, "x", 1);
	guest->length = 60;
	assert_int_equal(guest_send(guest), DROP_IP4_NO_ROUTE);
	assert_int_equal(guest->reply.length, 14 + 28 + 29);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_ipv4_packet_has_its_verdict_and_its_answer),
		cmocka_unit_test(each_ipv6_packet_has_its_verdict_and_its_answer),
		cmocka_unit_test(frames_for_others_and_of_other_types_are_passed_over),
		cmocka_unit_test(a_network_of_one_family_does_not_speak_the_other),
		cmocka_unit_test(without_dhcp_its_ports_are_closed_and_its_group_is_not_ours),
		cmocka_unit_test(fragments_are_not_for_us),
		cmocka_unit_test(checksums_are_looked_at_and_none_is_fine_over_ipv4_alone),
		cmocka_unit_test(a_reset_fits_the_segment_it_refuses),
		cmocka_unit_test(an_error_quotes_what_it_is_about_and_no_more_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
