/* SPDX-License-Identifier: MIT */
/* Packets for the gateway that come in fragments, and its answers that are larger than the network's MTU: with a way out
 * and without one, the gateway is the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/network/kit.h"
#include "wire/icmp.h"
#include "wire/ipv6.h"

enum { MTU = 1500, MESSAGE_MAX = 65535, WAIT_US = 30 * 1000 * 1000 };

struct fixture {
	struct kit kit;
	struct kit_guest guest;
	bool is6;
	struct ip4 from4;
	struct ip6 from6, to6;
	uint8_t message[MESSAGE_MAX], answer[MESSAGE_MAX];
	uint8_t frame[2048];
};

static struct fixture *begin(const char *uplink, bool is6)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->is6 = is6;
	fixture->from4 = (struct ip4){{10, 0, 2, 20}};
	fixture->from6 = (struct ip6){{0xfd, [15] = 0x20}};
	fixture->to6 = (struct ip6){{0xfd, [15] = 2}};
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
	free(fixture);
}

static struct checksum pseudo(struct ip6 from, struct ip6 to, size_t bytes)
{
	struct checksum sum;

	checksum_init(&sum);
	ip6_pseudo(&sum, from, to, IP_PROTOCOL_ICMP6, (uint32_t)bytes);
	return sum;
}

/* An echo request of `bytes` in all. */
static void message_make(struct fixture *fixture, size_t bytes)
{
	struct icmp_header icmp = {.type = fixture->is6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST,
				   .rest = icmp_echo_rest(7, 9)};
	struct checksum sum = pseudo(fixture->from6, fixture->to6, bytes);
	struct writer writer;

	writer_init(&writer, fixture->message, bytes);
	icmp_header_write(&writer, &icmp);
	for (size_t i = 0; writer.left > 0; i++)
		writer_u8(&writer, (uint8_t)(i * 3));
	icmp_checksum_fill(fixture->is6 ? &sum : NULL, fixture->message, bytes);
}

static void send_piece(struct fixture *fixture, uint16_t offset, size_t count, bool more)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = fixture->guest.mac,
					 .type = be16_from(fixture->is6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4)};
	struct ip4_header ip4 = {.from = fixture->from4,
				 .to = KIT_GATEWAY,
				 .header_bytes = IP4_HEADER_BYTES,
				 .total_bytes = (uint16_t)(IP4_HEADER_BYTES + count),
				 .id = 77,
				 .more_fragments = more,
				 .fragment_offset = offset,
				 .hop_limit = 64,
				 .protocol = IP_PROTOCOL_ICMP};
	struct ip6_header ip6 = {.from = fixture->from6,
				 .to = fixture->to6,
				 .payload_bytes = (uint16_t)(8 + count),
				 .next_header = IP_PROTOCOL_FRAGMENT,
				 .hop_limit = 64};
	struct writer writer;

	writer_init(&writer, fixture->frame, sizeof(fixture->frame));
	writer_copy(&writer, &header, sizeof(header));
	if (fixture->is6) {
		ip6_header_write(&writer, &ip6);
		ip6_fragment_write(&writer, IP_PROTOCOL_ICMP6, offset, more, 77);
	} else {
		ip4_header_write(&writer, &ip4);
	}
	writer_copy(&writer, fixture->message + offset, count);
	assert_false(writer.failed);
	kit_guest_send(&fixture->guest, fixture->frame, writer_used(&writer));
}

static void send_message(struct fixture *fixture, size_t bytes)
{
	enum { SLICE = 1440 };

	for (size_t at = 0; at < bytes; at += SLICE)
		send_piece(fixture, (uint16_t)at, bytes - at < SLICE ? bytes - at : SLICE, at + SLICE < bytes);
	kit_settle(&fixture->kit);
}

/* One of the answer's frames: its payload goes to its place. Where it ends, and whether there are more. */
static size_t take_piece(struct fixture *fixture, const struct kit_frame *frame, size_t expected, bool *ret_more)
{
	struct ip6_extensions extensions;
	struct ip4_header ip4;
	struct ip6_header ip6;
	struct reader reader;

	assert_true(frame->length <= ETHERNET_HEADER_BYTES + MTU);
	reader_init(&reader, frame->bytes + ETHERNET_HEADER_BYTES, frame->length - ETHERNET_HEADER_BYTES);
	if (fixture->is6) {
		assert_int_equal(ip6_header_read(&reader, reader.left, &ip6), DROP_NONE);
		assert_int_equal(ip6_extensions_read(&reader, ip6.next_header, &extensions), DROP_NONE);
		assert_int_equal(extensions.fragment_offset, expected);
		*ret_more = extensions.more_fragments;
	} else {
		assert_int_equal(ip4_header_read(&reader, reader.left, IP4_SUM_CHECK, &ip4), DROP_NONE);
		assert_int_equal(ip4.fragment_offset, expected);
		assert_int_equal(ip4.protocol, IP_PROTOCOL_ICMP);
		assert_false(ip4.dont_fragment && ip4_is_fragment(&ip4));
		*ret_more = ip4.more_fragments;
	}
	assert_true(expected + reader.left <= MESSAGE_MAX);
	memcpy(fixture->answer + expected, reader.next, reader.left);
	return expected + reader.left;
}

static size_t take_answer(struct fixture *fixture)
{
	size_t bytes = 0;
	bool more = true;

	for (size_t i = 0; i < fixture->guest.frame_count; i++) {
		assert_true(more);
		bytes = take_piece(fixture, &fixture->guest.frames[i], bytes, &more);
	}
	assert_false(more);
	return bytes;
}

static void a_ping_larger_than_the_mtu_is_answered_in_fragments(void **state)
{
	static const char *const uplinks[] = {"none", "user", "user,host-loopback=off", "user,restrict=on"};
	static const size_t sizes[] = {24, 1480, 1488, 2008, 4000, 65488};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(uplinks) / sizeof(*uplinks); i++) {
		struct fixture *fixture = begin(uplinks[i / 2], i % 2);

		for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			struct checksum sum = pseudo(fixture->to6, fixture->from6, sizes[j]);

			print_message("%s, %zu bytes of %s\n", uplinks[i / 2], sizes[j], i % 2 ? "ICMPv6" : "ICMP");
			message_make(fixture, sizes[j]);
			send_message(fixture, sizes[j]);
			assert_int_equal(take_answer(fixture), sizes[j]);
			assert_int_equal(fixture->answer[0], i % 2 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY);
			assert_int_equal(icmp_checksum_verify(i % 2 ? &sum : NULL, fixture->answer, sizes[j]),
					 DROP_NONE);
			assert_memory_equal(fixture->answer + 4, fixture->message + 4, sizes[j] - 4);
			kit_guest_forget(&fixture->guest);
		}
		end(fixture);
	}
}

static void a_rest_that_does_not_come_is_told(void **state)
{
	static const char *const uplinks[] = {"none", "user"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fixture *fixture = begin(uplinks[i / 2], i % 2);
		const struct kit_frame *frame = &fixture->guest.frames[0];
		size_t l4 = i % 2 ? 54 : 34;

		message_make(fixture, 2000);
		send_piece(fixture, 0, 1440, true);
		kit_pass(&fixture->kit, WAIT_US - 1);
		assert_int_equal(fixture->guest.frame_count, 0);
		kit_pass(&fixture->kit, 1);
		assert_int_equal(kit_drops(&fixture->kit, "vm1", "fragment-late"), 1);
		assert_int_equal(fixture->guest.frame_count, 1);
		assert_int_equal(frame->bytes[l4], i % 2 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED);
		assert_int_equal(frame->bytes[l4 + 1], ICMP_TIME_IN_REASSEMBLY);
		/* of the message its header, whatever more */
		assert_memory_equal(frame->bytes + l4 + 8 + (i % 2 ? 40 : 20), fixture->message, 8);
		/* without the first piece nobody knows of what */
		send_piece(fixture, 1440, 560, false);
		kit_pass(&fixture->kit, WAIT_US);
		assert_int_equal(kit_drops(&fixture->kit, "vm1", "fragment-late"), 2);
		assert_int_equal(fixture->guest.frame_count, 1);
		end(fixture);
	}
}

/* RFC 1122 3.2.2, RFC 4443 2.4 e: whoever that is, it is not one machine. */
static void a_group_that_sent_is_told_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture *fixture = begin("user", i);

		fixture->from4 = (struct ip4){{224, 0, 0, 1}};
		fixture->from6 = IP6_ALL_NODES;
		message_make(fixture, 2000);
		send_piece(fixture, 0, 1440, true);
		kit_pass(&fixture->kit, WAIT_US);
		assert_int_equal(kit_drops(&fixture->kit, "vm1", "fragment-late"), 1);
		assert_int_equal(fixture->guest.frame_count, 0);
		end(fixture);
	}
}

static void a_guest_that_leaves_takes_its_fragments_along(void **state)
{
	struct fixture *fixture = begin("none,ipv6=off", false);

	(void)state;
	message_make(fixture, 2000);
	send_piece(fixture, 0, 1440, true);
	kit_settle(&fixture->kit);
	gw_port_free(fixture->guest.port);
	kit_settle(&fixture->kit);
	assert_int_equal(gw_network_timeout_us(fixture->kit.network), -1);
	end(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_larger_than_the_mtu_is_answered_in_fragments),
		cmocka_unit_test(a_rest_that_does_not_come_is_told),
		cmocka_unit_test(a_group_that_sent_is_told_nothing),
		cmocka_unit_test(a_guest_that_leaves_takes_its_fragments_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
