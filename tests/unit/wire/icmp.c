/* SPDX-License-Identifier: MIT */
/* ICMP and ICMPv6 headers, errors and checksums. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/ipv6.h"

static void an_echo_is_read_and_written(void **state)
{
	struct hex hex = hex_read("08 00 1234 beef 0007 616263");
	struct reader reader = hex_reader(&hex);
	struct icmp_header header;
	struct writer writer;
	uint8_t bytes[ICMP_HEADER_BYTES];

	(void)state;
	assert_int_equal(icmp_header_read(&reader, &header), DROP_NONE);
	assert_int_equal(header.type, ICMP4_ECHO_REQUEST);
	assert_int_equal(header.code, 0);
	assert_int_equal(header.checksum, 0x1234);
	assert_int_equal(icmp_echo_id(&header), 0xbeef);
	assert_int_equal(icmp_echo_sequence(&header), 7);
	assert_int_equal(icmp_echo_rest(0xbeef, 7), header.rest);
	assert_int_equal(reader.left, 3);
	writer_init(&writer, bytes, sizeof(bytes));
	icmp_header_write(&writer, &header);
	assert_memory_equal(bytes, hex.bytes, sizeof(bytes));
	hex_done(&hex);
}

static void seven_bytes_are_short(void **state)
{
	struct hex hex = hex_read("08 00 1234 beef 00");
	struct reader reader = hex_reader(&hex);
	struct icmp_header header;

	(void)state;
	assert_int_equal(icmp_header_read(&reader, &header), DROP_ICMP_SHORT);
	assert_int_equal(icmp_checksum_verify(NULL, hex.bytes, 3), DROP_ICMP_SHORT);
	hex_done(&hex);
}

static void errors_are_told_from_questions(void **state)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12};
	static const uint8_t others4[] = {0, 8, 9, 13, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(errors4); i++)
		assert_true(icmp4_is_error(errors4[i]));
	for (size_t i = 0; i < sizeof(others4); i++)
		assert_false(icmp4_is_error(others4[i]));
	assert_true(icmp6_is_error(ICMP6_UNREACHABLE));
	assert_true(icmp6_is_error(127));
	assert_false(icmp6_is_error(ICMP6_ECHO_REQUEST));
	assert_false(icmp6_is_error(ICMP6_NEIGHBOUR_SOLICIT));
}

static void an_error_quotes_what_fits(void **state)
{
	struct icmp_header header = {.type = ICMP4_UNREACHABLE,
				     .code = ICMP4_UNREACHABLE_FRAGMENT,
				     .checksum = 9,
				     .rest = 1400};
	uint8_t packet[1500];
	uint8_t bytes[1500];
	struct writer writer;

	(void)state;
	memset(packet, 0x45, sizeof(packet));
	writer_init(&writer, bytes, sizeof(bytes));
	icmp4_error_write(&writer, &header, packet, sizeof(packet));
	assert_int_equal(writer_used(&writer), 556); /* with an IPv4 header 576 */
	writer_init(&writer, bytes, sizeof(bytes));
	icmp6_error_write(&writer, &header, packet, sizeof(packet));
	assert_int_equal(writer_used(&writer), 1240); /* with an IPv6 header 1280 */
	assert_memory_equal(bytes + 8, packet, 1232);
	writer_init(&writer, bytes, sizeof(bytes));
	icmp4_error_write(&writer, &header, packet, 28);
	assert_int_equal(writer_used(&writer), 36);
	assert_int_equal(bytes[2] | bytes[3], 0);
}

static void an_example_has_its_checksum(void **state)
{
	/* 0800 + 0001 + 0001 + 6162 = 6964 -> 969b */
	struct hex hex = hex_read("08 00 0000 0001 0001 6162");

	(void)state;
	icmp_checksum_fill(NULL, hex.bytes, hex.count);
	assert_int_equal(hex.bytes[2], 0x96);
	assert_int_equal(hex.bytes[3], 0x9b);
	assert_int_equal(icmp_checksum_verify(NULL, hex.bytes, hex.count), DROP_NONE);
	hex.bytes[9] ^= 1;
	assert_int_equal(icmp_checksum_verify(NULL, hex.bytes, hex.count), DROP_ICMP_CHECKSUM);
	hex_done(&hex);
}

static void icmp6_counts_its_addresses(void **state)
{
	struct hex hex = hex_read("80 00 ffff 0001 0001 616263");
	struct checksum pseudo;

	(void)state;
	checksum_init(&pseudo);
	ip6_pseudo(&pseudo, (struct ip6){{0xfe, 0x80, [15] = 1}}, IP6_ALL_NODES, IP_PROTOCOL_ICMP6,
		   (uint32_t)hex.count);
	icmp_checksum_fill(&pseudo, hex.bytes, hex.count);
	assert_int_equal(icmp_checksum_verify(&pseudo, hex.bytes, hex.count), DROP_NONE);
	assert_int_equal(icmp_checksum_verify(NULL, hex.bytes, hex.count), DROP_ICMP_CHECKSUM);
	hex_done(&hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_is_read_and_written),    cmocka_unit_test(seven_bytes_are_short),
		cmocka_unit_test(errors_are_told_from_questions), cmocka_unit_test(an_error_quotes_what_fits),
		cmocka_unit_test(an_example_has_its_checksum),    cmocka_unit_test(icmp6_counts_its_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
