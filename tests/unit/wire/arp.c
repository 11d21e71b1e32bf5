/* SPDX-License-Identifier: MIT */
/* ARP messages, RFC 826. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/arp.h"

static const struct arp_row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict;
} arp_rows[] = {
	{"request", "0001 0800 06 04 0001 525400123456 0a000205 000000000000 0a000202", DROP_NONE},
	{"reply", "0001 0800 06 04 0002 525400123456 0a000205 525400123457 0a000202", DROP_NONE},
	{"padded to 46", "0001 0800 06 04 0001 525400123456 0a000205 00*6 0a000202 00*18", DROP_NONE},
	{"nothing", "", DROP_ARP_SHORT},
	{"one byte missing", "0001 0800 06 04 0001 525400123456 0a000205 00*6 0a0002", DROP_ARP_SHORT},
	{"token ring", "0006 0800 06 04 0001 525400123456 0a000205 00*6 0a000202", DROP_ARP_FORMAT},
	{"not IPv4", "0001 86dd 06 04 0001 525400123456 0a000205 00*6 0a000202", DROP_ARP_FORMAT},
	{"MAC of 8 bytes", "0001 0800 08 04 0001 525400123456 0a000205 00*6 0a000202", DROP_ARP_FORMAT},
	{"address of 16 bytes", "0001 0800 06 10 0001 525400123456 0a000205 00*6 0a000202", DROP_ARP_FORMAT},
	{"operation 0", "0001 0800 06 04 0000 525400123456 0a000205 00*6 0a000202", DROP_ARP_OPERATION},
	{"reverse request", "0001 0800 06 04 0003 525400123456 0a000205 00*6 0a000202", DROP_ARP_OPERATION},
	{"operation 257", "0001 0800 06 04 0101 525400123456 0a000205 00*6 0a000202", DROP_ARP_OPERATION},
};

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(arp_rows) / sizeof(arp_rows[0]); i++) {
		struct hex hex = hex_read(arp_rows[i].bytes);
		struct reader reader = hex_reader(&hex);
		struct arp arp;

		print_message("%s\n", arp_rows[i].what);
		assert_int_equal(arp_read(&reader, &arp), arp_rows[i].verdict);
		hex_done(&hex);
	}
}

static void what_is_written_is_what_is_read(void **state)
{
	struct arp arp = {
		.operation = ARP_REPLY,
		.sender_mac = {{0x52, 0x55, 10, 0, 2, 2}},
		.sender = {{10, 0, 2, 2}},
		.target_mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}},
		.target = {{10, 0, 2, 15}},
	};
	struct hex expected = hex_read("0001 0800 06 04 0002 52550a000202 0a000202 525400123456 0a00020f");
	uint8_t bytes[ARP_BYTES];
	struct writer writer;
	struct reader reader;
	struct arp again;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	arp_write(&writer, &arp);
	assert_false(writer.failed);
	assert_memory_equal(bytes, expected.bytes, expected.count);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(arp_read(&reader, &again), DROP_NONE);
	assert_int_equal(again.operation, ARP_REPLY);
	assert_true(mac_equal(again.sender_mac, arp.sender_mac));
	assert_true(mac_equal(again.target_mac, arp.target_mac));
	assert_true(ip4_equal(again.sender, arp.sender));
	assert_true(ip4_equal(again.target, arp.target));
	hex_done(&expected);
}

static void no_room_fails_the_writer(void **state)
{
	struct arp arp = {.operation = ARP_REQUEST};
	uint8_t bytes[ARP_BYTES - 1];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	arp_write(&writer, &arp);
	assert_true(writer.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(no_room_fails_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
