/* SPDX-License-Identifier: MIT */
/* UDP headers and checksums, with and without IPv6's rule. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

static const struct header_row {
	const char *what;
	const char *bytes;
	size_t packet_bytes; /* 0: as many as there are */
	enum drop_reason verdict;
	size_t payload;
} header_rows[] = {
	{"empty", "0044 0043 0008 0000", 0, DROP_NONE, 0},
	{"four bytes", "0044 0043 000c 0000 01020304", 0, DROP_NONE, 4},
	{"what is behind is cut off", "0044 0043 000a 0000 01020304", 0, DROP_NONE, 2},
	{"the head of a large datagram", "0044 0043 ffe3 0000 01020304", 65507, DROP_NONE, 4},
	{"nothing", "", 0, DROP_UDP_SHORT, 0},
	{"7 bytes", "0044 0043 0008 00", 0, DROP_UDP_SHORT, 0},
	{"length 0", "0044 0043 0000 0000", 0, DROP_UDP_LENGTH, 0},
	{"length 7", "0044 0043 0007 0000", 0, DROP_UDP_LENGTH, 0},
	{"beyond the packet", "0044 0043 000d 0000 01020304", 0, DROP_UDP_LENGTH, 0},
	{"beyond a large packet", "0044 0043 ffe4 0000 01020304", 65507, DROP_UDP_LENGTH, 0},
};

static void headers_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		const struct header_row *row = &header_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct udp_header header;
		size_t packet = row->packet_bytes ? row->packet_bytes : hex.count;

		print_message("%s\n", row->what);
		assert_int_equal(udp_header_read(&reader, packet, &header), row->verdict);
		if (row->verdict == DROP_NONE)
			assert_int_equal(reader.left, row->payload);
		hex_done(&hex);
	}
}

static void what_is_written_is_what_is_read(void **state)
{
	struct udp_header header = {.from_port = 67, .to_port = 68, .bytes = 8, .checksum = 0xabcd};
	uint8_t bytes[UDP_HEADER_BYTES];
	struct udp_header again;
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	udp_header_write(&writer, &header);
	assert_false(writer.failed);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(udp_header_read(&reader, sizeof(bytes), &again), DROP_NONE);
	assert_int_equal(again.from_port, 67);
	assert_int_equal(again.to_port, 68);
	assert_int_equal(again.bytes, 8);
	assert_int_equal(again.checksum, 0xabcd);
}

static void a_filled_checksum_is_right_until_a_bit_changes(void **state)
{
	struct hex hex = hex_read("0044 0043 000b ffff 010203");
	struct checksum pseudo;

	(void)state;
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, (struct ip4){{10, 0, 2, 15}}, (struct ip4){{10, 0, 2, 2}}, IP_PROTOCOL_UDP,
		   (uint16_t)hex.count);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, false), DROP_UDP_CHECKSUM);
	udp_checksum_fill(&pseudo, hex.bytes, hex.count);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, false), DROP_NONE);
	hex.bytes[9] ^= 0x80;
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, true), DROP_UDP_CHECKSUM);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, UDP_HEADER_BYTES - 1, false), DROP_UDP_SHORT);
	hex_done(&hex);
}

static void no_checksum_is_for_ipv4_alone(void **state)
{
	struct hex hex = hex_read("0044 0043 0009 0000 01");
	struct checksum pseudo;

	(void)state;
	checksum_init(&pseudo);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, false), DROP_NONE);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, true), DROP_UDP_CHECKSUM);
	hex_done(&hex);
}

static void a_sum_of_zero_is_sent_as_all_ones(void **state)
{
	/* 0044 + 0043 + 000a + ff6e = ffff: inverted 0, which would say "none" */
	struct hex hex = hex_read("0044 0043 000a 0000 ff6e");
	struct checksum pseudo;

	(void)state;
	checksum_init(&pseudo);
	udp_checksum_fill(&pseudo, hex.bytes, hex.count);
	assert_int_equal(hex.bytes[6], 0xff);
	assert_int_equal(hex.bytes[7], 0xff);
	assert_int_equal(udp_checksum_verify(&pseudo, hex.bytes, hex.count, true), DROP_NONE);
	hex_done(&hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_get_their_verdicts),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(a_filled_checksum_is_right_until_a_bit_changes),
		cmocka_unit_test(no_checksum_is_for_ipv4_alone),
		cmocka_unit_test(a_sum_of_zero_is_sent_as_all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
