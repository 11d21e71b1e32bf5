/* SPDX-License-Identifier: MIT */
/* The way out through the gateway: whose each frame is, seen by who answers it. The host is a socket on this machine's
 * loopback. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/network.h"
#include "unit/network/kit.h"
#include "wire/icmp.h"
#include "wire/ipv6.h"

#define RESOLVER ((struct ip4){{10, 0, 2, 3}})
#define GUEST ((struct ip4){{10, 0, 2, 20}})

struct fixture {
	struct kit kit;
	struct kit_guest guest;
	int host; /* a UDP socket on 127.0.0.1 */
	uint16_t port;
	uint8_t bytes[2048];
};

static struct fixture *begin(const char *uplink)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);

	fixture->host = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fixture->host, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fixture->host, (struct sockaddr *)&address, &bytes), 0);
	fixture->port = ntohs(address.sin_port);
	kit_new(&fixture->kit, uplink);
	kit_guest_new(&fixture->guest, &fixture->kit, 1);
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->guest);
	return fixture;
}

static void end(struct fixture *fixture)
{
	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->guest);
	close(fixture->host);
	free(fixture);
}

/* A datagram of the guest's, with its checksum left to be completed where `partial`. */
static void send_udp(struct fixture *fixture, struct ip4 to, uint16_t port, const void *payload, size_t count,
		     bool partial)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = fixture->guest.mac,
					 .type = be16_from(ETHERTYPE_IPV4)};
	struct udp_header udp = {.from_port = 4000, .to_port = port, .bytes = (uint16_t)(UDP_HEADER_BYTES + count)};
	struct ip4_header ip = {.from = GUEST,
				.to = to,
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = (uint16_t)(IP4_HEADER_BYTES + udp.bytes),
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_UDP};
	struct gw_frame frame = {.piece_count = 1};
	struct checksum pseudo;
	struct writer writer;
	struct iovec piece;
	struct be16 sum;

	writer_init(&writer, fixture->bytes, sizeof(fixture->bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	udp_header_write(&writer, &udp);
	writer_copy(&writer, payload, count);
	assert_false(writer.failed);
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, ip.from, ip.to, IP_PROTOCOL_UDP, udp.bytes);
	if (partial) {
		sum = checksum_partial(&pseudo);
		memcpy(fixture->bytes + 40, &sum, sizeof(sum));
		frame.offload = (struct gw_offload){.csum = GW_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 6};
	} else {
		udp_checksum_fill(&pseudo, fixture->bytes + 34, udp.bytes);
	}
	piece = (struct iovec){fixture->bytes, writer_used(&writer)};
	frame.pieces = &piece;
	assert_int_equal(gw_port_send(fixture->guest.port, &frame, 1), 1);
	kit_settle(&fixture->kit);
}

/* The guest has one frame, a datagram from there with this payload. */
static void assert_answer(const struct fixture *fixture, struct ip4 from, uint16_t port, const void *payload,
			  size_t count)
{
	const struct kit_frame *frame = &fixture->guest.frames[0];

	assert_int_equal(fixture->guest.frame_count, 1);
	assert_int_equal(frame->length, 42 + count);
	assert_memory_equal(frame->bytes, &fixture->guest.mac, 6);
	assert_memory_equal(frame->bytes + 26, &from, 4);
	assert_int_equal(frame->bytes[34] << 8 | frame->bytes[35], port);
	assert_int_equal(frame->bytes[36] << 8 | frame->bytes[37], 4000);
	assert_memory_equal(frame->bytes + 42, payload, count);
}

static void the_resolvers_address_answers_arp_only_where_there_is_a_resolver(void **state)
{
	static const struct {
		const char *uplink;
		size_t answers;
	} rows[] = {{"user", 1}, {"user,restrict=on", 1}, {"user,dns=9.9.9.9", 0}, {"none", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture *fixture = begin(rows[i].uplink);
		size_t count = kit_arp(fixture->bytes, fixture->guest.mac, GUEST, RESOLVER);

		kit_guest_send(&fixture->guest, fixture->bytes, count);
		kit_settle(&fixture->kit);
		assert_int_equal(fixture->guest.frame_count, rows[i].answers);
		/* its sender is the address that was asked for */
		if (rows[i].answers)
			assert_memory_equal(fixture->guest.frames[0].bytes + 28, "\x0a\x00\x02\x03", 4);
		end(fixture);
	}
}

static void a_datagram_reaches_the_hosts_loopback_and_its_answer_the_guest(void **state)
{
	struct sockaddr_in from;
	socklen_t bytes = sizeof(from);
	char got[64];

	for (int partial = 0; partial < 2; partial++) {
		struct fixture *fixture = begin("user,ipv6=off");

		send_udp(fixture, KIT_GATEWAY, fixture->port, "question", 8, partial);
		assert_int_equal(recvfrom(fixture->host, got, sizeof(got), 0, (struct sockaddr *)&from, &bytes), 8);
		assert_memory_equal(got, "question", 8);
		assert_int_equal(sendto(fixture->host, "answer", 6, 0, (struct sockaddr *)&from, bytes), 6);
		kit_settle(&fixture->kit);
		kit_settle(&fixture->kit);
		assert_answer(fixture, KIT_GATEWAY, fixture->port, "answer", 6);
		end(fixture);
	}
	(void)state;
}

static void without_a_way_home_the_gateways_services_refuse(void **state)
{
	static const char *const uplinks[] = {"user,ipv6=off,host-loopback=off", "user,ipv6=off,restrict=on",
					      "none,ipv6=off"};
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(uplinks) / sizeof(*uplinks); i++) {
		struct fixture *fixture = begin(uplinks[i]);

		send_udp(fixture, KIT_GATEWAY, fixture->port, "question", 8, true);
		assert_int_equal(recv(fixture->host, got, sizeof(got), 0), -1);
		assert_int_equal(kit_drops(&fixture->kit, "gateway", "udp-port-closed"), 1);
		assert_int_equal(fixture->guest.frame_count, 1);
		assert_int_equal(fixture->guest.frames[0].bytes[23], IP_PROTOCOL_ICMP);
		end(fixture);
	}
}

static void what_may_not_go_out_is_dropped_at_the_guests_port(void **state)
{
	static const struct {
		const char *uplink;
		struct ip4 to;
		const char *port, *reason;
	} rows[] = {
		{"user,ipv6=off,restrict=on", {{192, 0, 2, 1}}, "vm1", "nat-restricted"},
		{"user,ipv6=off", {{127, 0, 0, 1}}, "vm1", "nat-destination"},
		{"user,ipv6=off", {{10, 0, 2, 77}}, "vm1", "nat-destination"},
		{"none,ipv6=off", {{192, 0, 2, 1}}, "gateway", "ip4-no-route"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture *fixture = begin(rows[i].uplink);

		send_udp(fixture, rows[i].to, 9, "x", 1, false);
		assert_int_equal(kit_drops(&fixture->kit, rows[i].port, rows[i].reason), 1);
		end(fixture);
	}
}

/* A piece of an ICMPv6 message to the gateway, `message` being all of it. */
static void send_fragment6(struct fixture *fixture, const uint8_t *message, uint16_t offset, uint16_t count, bool more)
{
	static const struct ip6 from = {{0xfd, [15] = 0x20}}, to = {{0xfd, [15] = 2}};
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = fixture->guest.mac,
					 .type = be16_from(ETHERTYPE_IPV6)};
	struct ip6_header ip = {.from = from,
				.to = to,
				.payload_bytes = (uint16_t)(8 + count),
				.next_header = IP_PROTOCOL_FRAGMENT,
				.hop_limit = 64};
	struct writer writer;

	writer_init(&writer, fixture->bytes, sizeof(fixture->bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip6_header_write(&writer, &ip);
	ip6_fragment_write(&writer, IP_PROTOCOL_ICMP6, offset, more, 77);
	writer_copy(&writer, message + offset, count);
	assert_false(writer.failed);
	kit_guest_send(&fixture->guest, fixture->bytes, writer_used(&writer));
	kit_settle(&fixture->kit);
}

/* An echo request may come in pieces, what belongs to the link may not (RFC 6980 5). */
static void what_comes_to_the_gateway_in_ipv6_fragments_is_put_together(void **state)
{
	static const struct {
		uint8_t type;
		uint64_t refused;
	} rows[] = {{ICMP6_ECHO_REQUEST, 0}, {135, 1}, {133, 1}};
	static const struct ip6 from = {{0xfd, [15] = 0x20}}, to = {{0xfd, [15] = 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture *fixture = begin("user");
		uint8_t message[40] = {rows[i].type};
		struct checksum pseudo;

		checksum_init(&pseudo);
		ip6_pseudo(&pseudo, from, to, IP_PROTOCOL_ICMP6, sizeof(message));
		icmp_checksum_fill(&pseudo, message, sizeof(message));
		send_fragment6(fixture, message, 0, 24, true);
		send_fragment6(fixture, message, 24, 16, false);
		assert_int_equal(kit_drops(&fixture->kit, "gateway", "ip6-fragment"), 0);
		assert_int_equal(kit_drops(&fixture->kit, "vm1", "fragment-ndp"), rows[i].refused);
		end(fixture);
	}
}

/* ---- a guest that speaks IPv6 and refuses calls as a firewall does ---- */

static const struct ip6 refuser = {{0xfd, [15] = 0x20}};

static void refuser_send(struct kit_guest *guest, struct ip6 to, uint8_t hop_limit, uint8_t *message, size_t bytes)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = guest->mac,
					 .type = be16_from(ETHERTYPE_IPV6)};
	struct ip6_header ip = {.from = refuser,
				.to = to,
				.payload_bytes = (uint16_t)bytes,
				.next_header = IP_PROTOCOL_ICMP6,
				.hop_limit = hop_limit};
	struct checksum pseudo;
	uint8_t frame[256];
	struct writer writer;

	checksum_init(&pseudo);
	ip6_pseudo(&pseudo, refuser, to, IP_PROTOCOL_ICMP6, (uint32_t)bytes);
	icmp_checksum_fill(&pseudo, message, bytes);
	writer_init(&writer, frame, sizeof(frame));
	writer_copy(&writer, &header, sizeof(header));
	ip6_header_write(&writer, &ip);
	writer_copy(&writer, message, bytes);
	assert_false(writer.failed);
	kit_guest_send(guest, frame, writer_used(&writer));
}

static void refuser_on_frame(struct kit_guest *guest, const struct kit_frame *frame)
{
	enum { L4 = 54, QUOTED = 48 };
	uint8_t advert[24] = {136, 0, 0, 0, 0x60}, error[8 + QUOTED] = {ICMP6_UNREACHABLE, 1};
	struct ip6 asker;

	if (frame->length < L4 + 8 || frame->bytes[12] != 0x86)
		return;
	memcpy(&asker, frame->bytes + 22, sizeof(asker));
	if (frame->bytes[20] == IP_PROTOCOL_ICMP6 && frame->bytes[L4] == 135) {
		memcpy(advert + 8, &refuser, sizeof(refuser));
		refuser_send(guest, asker, 255, advert, sizeof(advert));
	} else if (frame->bytes[20] == IP_PROTOCOL_TCP) {
		memcpy(error + 8, frame->bytes + 14, QUOTED);
		refuser_send(guest, asker, 64, error, sizeof(error));
	}
}

static void on_refused(void *owner, int error)
{
	*(int *)owner = error;
}

/* What the host itself begins is seen from the gateway's address, and an error about it comes there, wherever that leads. */
static void an_error_about_a_call_of_the_hosts_is_heard(void **state)
{
	static const char *const uplinks[] = {"user", "user,host-loopback=off", "user,restrict=on"};

	(void)state;
	for (size_t i = 0; i < sizeof(uplinks) / sizeof(*uplinks); i++) {
		struct fixture *fixture = begin(uplinks[i]);
		struct gw_dial *dial = NULL;
		int outcome = 1;

		fixture->guest.on_frame = refuser_on_frame;
		assert_int_equal(gw_dial_new(fixture->kit.network, "fd00::20", 22, 500 * 1000, on_refused, &outcome,
					     &dial),
				 0);
		for (int steps = 0; steps < 100 && outcome == 1; steps++)
			kit_pass(&fixture->kit, 10 * 1000);
		assert_int_equal(outcome, -ECONNREFUSED);
		gw_dial_free(dial);
		end(fixture);
	}
}

/* "host.guestwire.internal", A, IN; the name is 25 bytes on the wire. */
static const uint8_t question[] = {
	0x12, 0x34, 1,   0,   0,   1,   0, 0,   0,   0,   0,   0,   4,   'h', 'o', 's', 't', 9, 'g', 'u', 'e',
	's',  't',  'w', 'i', 'r', 'e', 8, 'i', 'n', 't', 'e', 'r', 'n', 'a', 'l', 0,   0,   1, 0,   1,
};

static void the_resolver_answers_for_names_of_our_own(void **state)
{
	static const char *const uplinks[] = {"user,ipv6=off", "user,ipv6=off,restrict=on"};

	(void)state;
	for (size_t i = 0; i < sizeof(uplinks) / sizeof(*uplinks); i++) {
		struct fixture *fixture = begin(uplinks[i]);
		const struct kit_frame *frame;

		send_udp(fixture, RESOLVER, 53, question, sizeof(question), true);
		assert_int_equal(fixture->guest.frame_count, 1);
		frame = &fixture->guest.frames[0];
		assert_memory_equal(frame->bytes + 26, "\x0a\x00\x02\x03", 4);
		assert_memory_equal(frame->bytes + 34, "\x00\x35\x0f\xa0", 4);
		assert_memory_equal(frame->bytes + 42, "\x12\x34", 2);
		assert_int_equal(frame->bytes[45] & 15, 0);
		assert_int_equal(frame->bytes[49], 1);
		assert_memory_equal(frame->bytes + frame->length - 4, "\x0a\x00\x02\x02", 4);
		end(fixture);
	}
}

static void a_question_with_a_wrong_sum_or_from_elsewhere_is_none(void **state)
{
	struct fixture *fixture = begin("user,ipv6=off");

	(void)state;
	send_udp(fixture, RESOLVER, 53, question, sizeof(question), false);
	assert_int_equal(fixture->guest.frame_count, 1);
	kit_guest_forget(&fixture->guest);
	fixture->bytes[60] ^= 1;
	kit_guest_send(&fixture->guest, fixture->bytes, 42 + sizeof(question));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->guest.frame_count, 0);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "udp-checksum"), 1);
	end(fixture);
}

static void dhcp_tells_of_the_router_and_the_resolver(void **state)
{
	struct fixture *fixture = begin("user,ipv6=off");
	const struct kit_frame *frame;
	struct dhcp4 message;
	struct reader reader;
	uint8_t value[8];
	size_t count = kit_dhcp(fixture->bytes, 700, fixture->guest.mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE,
				KIT_NOWHERE);

	(void)state;
	kit_guest_send(&fixture->guest, fixture->bytes, count);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->guest.frame_count, 1);
	frame = &fixture->guest.frames[0];
	reader_init(&reader, frame->bytes + 42, frame->length - 42);
	assert_int_equal(dhcp4_read(&reader, &message), DROP_NONE);
	assert_int_equal(dhcp4_option_join(&message, DHCP4_OPTION_ROUTER, value, sizeof(value)), 4);
	assert_memory_equal(value, "\x0a\x00\x02\x02", 4);
	assert_int_equal(dhcp4_option_join(&message, DHCP4_OPTION_DNS, value, sizeof(value)), 4);
	assert_memory_equal(value, "\x0a\x00\x02\x03", 4);
	end(fixture);
}

/* Its port's memory goes; what comes for its flow afterwards must find nobody. */
static void a_guest_that_leaves_takes_its_flows_along(void **state)
{
	struct fixture *fixture = begin("user,ipv6=off");
	struct sockaddr_in from;
	socklen_t bytes = sizeof(from);
	char got[64];

	(void)state;
	send_udp(fixture, KIT_GATEWAY, fixture->port, "question", 8, false);
	assert_int_equal(recvfrom(fixture->host, got, sizeof(got), 0, (struct sockaddr *)&from, &bytes), 8);
	gw_port_free(fixture->guest.port);
	kit_settle(&fixture->kit);
	sendto(fixture->host, "answer", 6, 0, (struct sockaddr *)&from, bytes);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->guest.frame_count, 0);
	end(fixture);
}

struct flow_call {
	size_t count;
	char text[128];
};

static void on_flow(void *owner, const struct gw_flow_info *info)
{
	struct flow_call *call = owner;

	assert_int_equal(info->size, sizeof(*info));
	call->count++;
	snprintf(call->text, sizeof(call->text), "%s %s '%s' %s %s %llu %llu", info->protocol, info->guest, info->far,
		 info->port, info->state, (unsigned long long)info->from_guest_bytes,
		 (unsigned long long)info->to_guest_bytes);
}

static void on_network(void *owner, const struct gw_network_info *info)
{
	uint64_t *made = owner;

	assert_int_equal(info->flows, 1);
	assert_int_equal(info->flows_max, 16);
	for (unsigned i = 0; i < gw_nat_counters(); i++) {
		assert_true(*gw_nat_counter_text(i));
		if (strcmp(gw_nat_counter_name(i), "flows_made") == 0)
			*made = info->nat[i];
	}
}

static void a_conversation_is_told_and_counted(void **state)
{
	struct fixture *fixture = begin("user,ipv6=off,flows=16");
	struct flow_call call = {.count = 0};
	uint64_t made = 0;

	(void)state;
	assert_int_equal(gw_network_each_flow(fixture->kit.network, 0, 100, on_flow, &call), 0);
	assert_int_equal(call.count, 0);
	send_udp(fixture, KIT_GATEWAY, fixture->port, "question", 8, false);
	assert_int_equal(gw_network_each_flow(fixture->kit.network, 0, 100, on_flow, &call), 0);
	assert_int_equal(call.count, 1);
	assert_string_equal(call.text, "udp 10.0.2.20:4000 '' vm1 request 8 0");
	gw_network_describe(fixture->kit.network, on_network, &made);
	assert_int_equal(made, 1);
	assert_string_equal(gw_nat_counter_name(gw_nat_counters()), "");
	assert_string_equal(gw_splice_counter_name(gw_splice_counters()), "");
	end(fixture);
}

static void without_a_way_out_there_are_no_flows(void **state)
{
	struct fixture *fixture = begin("none");
	struct flow_call call = {.count = 0};

	(void)state;
	assert_int_equal(gw_network_each_flow(fixture->kit.network, 0, 100, on_flow, &call), 0);
	assert_int_equal(call.count, 0);
	end(fixture);
}

static void without_a_descriptor_to_look_by_the_way_to_ipv6_is_what_it_was(void **state)
{
	struct rlimit was, none;
	struct kit kit;

	(void)state;
	kit_new(&kit, "user");
	kit.network->description.service.router6 = true;
	kit_pass(&kit, 2 * HOSTWATCH_PAUSE_US);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	hostwatch_look(&kit.network->hostwatch);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(kit.network->description.service.router6);
	kit_done(&kit);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_resolvers_address_answers_arp_only_where_there_is_a_resolver),
		cmocka_unit_test(a_datagram_reaches_the_hosts_loopback_and_its_answer_the_guest),
		cmocka_unit_test(without_a_way_home_the_gateways_services_refuse),
		cmocka_unit_test(what_may_not_go_out_is_dropped_at_the_guests_port),
		cmocka_unit_test(what_comes_to_the_gateway_in_ipv6_fragments_is_put_together),
		cmocka_unit_test(an_error_about_a_call_of_the_hosts_is_heard),
		cmocka_unit_test(the_resolver_answers_for_names_of_our_own),
		cmocka_unit_test(a_question_with_a_wrong_sum_or_from_elsewhere_is_none),
		cmocka_unit_test(dhcp_tells_of_the_router_and_the_resolver),
		cmocka_unit_test(a_conversation_is_told_and_counted),
		cmocka_unit_test(without_a_way_out_there_are_no_flows),
		cmocka_unit_test(a_guest_that_leaves_takes_its_flows_along),
		cmocka_unit_test(without_a_descriptor_to_look_by_the_way_to_ipv6_is_what_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
