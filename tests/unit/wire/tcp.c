/* SPDX-License-Identifier: MIT */
/* TCP headers, options and checksums. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

static const struct header_row {
	const char *what;
	const char *bytes;
	size_t segment_bytes; /* 0: as many as there are */
	enum drop_reason verdict;
	size_t data;
} header_rows[] = {
	{"no options", "04d2 0050 00000001 00000002 5010 ffff 0000 0000 61626364", 0, DROP_NONE, 4},
	{"40 bytes of options", "04d2 0050 00000001 00000002 f010 ffff 0000 0000 01*40", 0, DROP_NONE, 0},
	{"the head of a large segment", "04d2 0050 00000001 00000002 5010 ffff 0000 0000 00*9", 65000, DROP_NONE, 9},
	{"nothing", "", 0, DROP_TCP_SHORT, 0},
	{"19 bytes", "04d2 0050 00000001 00000002 5010 ffff 0000 00", 0, DROP_TCP_SHORT, 0},
	{"offset 4", "04d2 0050 00000001 00000002 4010 ffff 0000 0000", 0, DROP_TCP_OFFSET, 0},
	{"offset 0", "04d2 0050 00000001 00000002 0010 ffff 0000 0000", 0, DROP_TCP_OFFSET, 0},
	{"offset beyond the segment", "04d2 0050 00000001 00000002 6010 ffff 0000 0000 010101", 0, DROP_TCP_OFFSET, 0},
	{"offset beyond what is seen", "04d2 0050 00000001 00000002 6010 ffff 0000 0000 010101", 99, DROP_TCP_SHORT, 0},
};

static void headers_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(header_rows[0]); i++) {
		const struct header_row *row = &header_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct tcp_header header;
		size_t segment = row->segment_bytes ? row->segment_bytes : hex.count;

		print_message("%s\n", row->what);
		assert_int_equal(tcp_header_read(&reader, segment, &header), row->verdict);
		if (row->verdict == DROP_NONE)
			assert_int_equal(reader.left, row->data);
		hex_done(&hex);
	}
}

static const struct option_row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict;
	struct tcp_options options;
} option_rows[] = {
	{"none", "", DROP_NONE, {0}},
	{"a SYN of Linux",
	 "020405b4 0402 080a 00000064 00000000 01 030307",
	 DROP_NONE,
	 {.has_mss = true,
	  .mss = 1460,
	  .sack_permitted = true,
	  .has_timestamps = true,
	  .timestamp = 100,
	  .has_window_scale = true,
	  .window_scale = 7}},
	{"an ACK with two blocks",
	 "0101 0512 00000001 00000002 00000003 00000004",
	 DROP_NONE,
	 {.sack_count = 2, .sacks = {{1, 2}, {3, 4}}}},
	{"nothing counts behind the end", "00 02 ffffff", DROP_NONE, {0}},
	{"unknown ones are skipped",
	 "fe06 f989 0000 030300 0303ff",
	 DROP_NONE,
	 {.has_window_scale = true, .window_scale = 14}},
	{"a scale above 14 means 14", "0303ff 01", DROP_NONE, {.has_window_scale = true, .window_scale = 14}},
	{"length 0", "0200 05b4", DROP_TCP_OPTION_LENGTH, {0}},
	{"length 1", "fe01 0000", DROP_TCP_OPTION_LENGTH, {0}},
	{"no length", "010101 02", DROP_TCP_OPTION_LENGTH, {0}},
	{"beyond the header", "02 05 05b4", DROP_TCP_OPTION_LENGTH, {0}},
	{"MSS of 1 byte", "0203 05 00", DROP_TCP_OPTION_LENGTH, {0}},
	{"MSS of 3 bytes", "0205 05b400 000000", DROP_TCP_OPTION_LENGTH, {0}},
	{"scale of 2 bytes", "0304 0707", DROP_TCP_OPTION_LENGTH, {0}},
	{"SACK permitted with a value", "0404 0000", DROP_TCP_OPTION_LENGTH, {0}},
	{"SACK of half a block", "0506 00000001 0101", DROP_TCP_OPTION_LENGTH, {0}},
	{"SACK of no block", "0502 0101", DROP_TCP_OPTION_LENGTH, {0}},
	{"timestamps of 4 bytes", "0806 00000001 0101", DROP_TCP_OPTION_LENGTH, {0}},
};

static void expect_options(const struct tcp_options *found, const struct tcp_options *expected)
{
	assert_int_equal(found->has_mss, expected->has_mss);
	assert_int_equal(found->mss, expected->mss);
	assert_int_equal(found->has_window_scale, expected->has_window_scale);
	assert_int_equal(found->window_scale, expected->window_scale);
	assert_int_equal(found->sack_permitted, expected->sack_permitted);
	assert_int_equal(found->has_timestamps, expected->has_timestamps);
	assert_int_equal(found->timestamp, expected->timestamp);
	assert_int_equal(found->timestamp_echo, expected->timestamp_echo);
	assert_int_equal(found->sack_count, expected->sack_count);
	for (int i = 0; i < expected->sack_count; i++) {
		assert_int_equal(found->sacks[i].left, expected->sacks[i].left);
		assert_int_equal(found->sacks[i].right, expected->sacks[i].right);
	}
}

static void options_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(option_rows) / sizeof(option_rows[0]); i++) {
		const struct option_row *row = &option_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct tcp_header header = {.header_bytes = (uint16_t)(TCP_HEADER_BYTES + hex.count)};
		struct tcp_options options = {0};

		print_message("%s\n", row->what);
		header.options = hex.count ? hex.bytes : NULL;
		assert_int_equal(tcp_options_read(&header, &options), row->verdict);
		expect_options(&options, &row->options);
		hex_done(&hex);
	}
}

static const struct tcp_options written_options[] = {
	{0},
	{.has_mss = true, .mss = 1460},
	{.has_mss = true, .mss = 1460, .has_window_scale = true, .window_scale = 8, .sack_permitted = true},
	{.has_mss = true,
	 .mss = 1440,
	 .has_window_scale = true,
	 .window_scale = 14,
	 .sack_permitted = true,
	 .has_timestamps = true,
	 .timestamp = 0xfffffffe,
	 .timestamp_echo = 5},
	{.has_timestamps = true, .timestamp = 1, .timestamp_echo = 2},
	{.has_timestamps = true,
	 .timestamp = 1,
	 .timestamp_echo = 2,
	 .sack_count = 3,
	 .sacks = {{1, 2}, {3, 4}, {5, 6}}},
	{.sack_count = 4, .sacks = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}},
};

static void what_is_written_is_what_is_read(void **state)
{
	struct tcp_header header = {
		.from_port = 1234,
		.to_port = 80,
		.sequence = 0x01020304,
		.acknowledgement = 0xfffffffe,
		.flags = TCP_SYN | TCP_ACK | TCP_CWR,
		.window = 0xfedc,
		.checksum = 0x1234,
		.urgent = 7,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(written_options) / sizeof(written_options[0]); i++) {
		uint8_t bytes[TCP_HEADER_MAX];
		struct tcp_options options;
		struct tcp_header again;
		struct writer writer;
		struct reader reader;

		writer_init(&writer, bytes, sizeof(bytes));
		tcp_header_write(&writer, &header, &written_options[i]);
		assert_false(writer.failed);
		assert_int_equal(writer_used(&writer) % 4, 0);
		reader_init(&reader, bytes, writer_used(&writer));
		assert_int_equal(tcp_header_read(&reader, writer_used(&writer), &again), DROP_NONE);
		assert_int_equal(reader.left, 0);
		assert_int_equal(again.from_port, 1234);
		assert_int_equal(again.to_port, 80);
		assert_int_equal(again.sequence, 0x01020304);
		assert_int_equal(again.acknowledgement, 0xfffffffe);
		assert_int_equal(again.flags, TCP_SYN | TCP_ACK | TCP_CWR);
		assert_int_equal(again.window, 0xfedc);
		assert_int_equal(again.checksum, 0x1234);
		assert_int_equal(again.urgent, 7);
		assert_int_equal(tcp_options_read(&again, &options), DROP_NONE);
		expect_options(&options, &written_options[i]);
	}
}

static void options_as_they_came_are_written_again(void **state)
{
	struct hex hex = hex_read("04d2 0050 00000001 00000002 6010 ffff abcd 0000 fe04f989");
	struct reader reader = hex_reader(&hex);
	uint8_t bytes[TCP_HEADER_MAX];
	struct tcp_header header;
	struct writer writer;

	(void)state;
	assert_int_equal(tcp_header_read(&reader, hex.count, &header), DROP_NONE);
	writer_init(&writer, bytes, sizeof(bytes));
	tcp_header_write(&writer, &header, NULL);
	assert_int_equal(writer_used(&writer), hex.count);
	assert_memory_equal(bytes, hex.bytes, hex.count);
	hex_done(&hex);
}

static void too_many_options_fail_the_writer(void **state)
{
	struct tcp_options full = {.has_timestamps = true, .sack_count = 4};
	struct tcp_options wrong = {.sack_count = 5};
	struct tcp_header header = {0};
	uint8_t bytes[TCP_HEADER_MAX];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	tcp_header_write(&writer, &header, &full);
	assert_true(writer.failed);
	writer_init(&writer, bytes, sizeof(bytes));
	tcp_header_write(&writer, &header, &wrong);
	assert_true(writer.failed);
}

static void a_filled_checksum_is_right_until_a_bit_changes(void **state)
{
	struct hex hex = hex_read("04d2 0050 00000001 00000002 5018 ffff ffff 0000 6162636465");
	struct checksum pseudo;

	(void)state;
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, (struct ip4){{10, 0, 2, 15}}, (struct ip4){{10, 0, 2, 2}}, IP_PROTOCOL_TCP,
		   (uint16_t)hex.count);
	assert_int_equal(tcp_checksum_verify(&pseudo, hex.bytes, hex.count), DROP_TCP_CHECKSUM);
	tcp_checksum_fill(&pseudo, hex.bytes, hex.count);
	assert_int_equal(tcp_checksum_verify(&pseudo, hex.bytes, hex.count), DROP_NONE);
	hex.bytes[hex.count - 1] ^= 1;
	assert_int_equal(tcp_checksum_verify(&pseudo, hex.bytes, hex.count), DROP_TCP_CHECKSUM);
	assert_int_equal(tcp_checksum_verify(&pseudo, hex.bytes, TCP_HEADER_BYTES - 1), DROP_TCP_SHORT);
	hex_done(&hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_get_their_verdicts),
		cmocka_unit_test(options_get_their_verdicts),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(options_as_they_came_are_written_again),
		cmocka_unit_test(too_many_options_fail_the_writer),
		cmocka_unit_test(a_filled_checksum_is_right_until_a_bit_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
