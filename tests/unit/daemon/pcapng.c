/* SPDX-License-Identifier: MIT */
/* pcapng: the exact bytes, there and back again, and what a reader must refuse. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/pcapng.h"

/* Numbers in this machine's order, as the format wants them. */
static void put32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

static void a_section_begins_with_its_magic_and_has_no_known_length(void **state)
{
	uint8_t bytes[128], wanted[16];
	size_t count = pcapng_write_section(bytes, sizeof(bytes), "guestwire");
	struct pcapng_block block;

	(void)state;
	assert_int_equal(count, 8 + 16 + 4 + 12 + 4 + 4);
	put32(wanted, 0x0a0d0d0a);
	put32(wanted + 4, (uint32_t)count);
	put32(wanted + 8, 0x1a2b3c4d);
	memcpy(wanted + 12, (uint16_t[]){1, 0}, 4);
	assert_memory_equal(bytes, wanted, 16);
	assert_memory_equal(bytes + 16, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_memory_equal(bytes + 28, "guestwire\0\0\0", 12);
	assert_int_equal(pcapng_read(bytes, count, &block), 1);
	assert_int_equal(block.type, PCAPNG_SECTION);
	assert_int_equal(block.bytes, count);
}

static void an_interface_is_ethernet_and_has_the_ports_name(void **state)
{
	uint8_t bytes[64], wanted[8];
	size_t count = pcapng_write_interface(bytes, sizeof(bytes), "stream.1");
	struct pcapng_block block;

	(void)state;
	memcpy(wanted, (uint16_t[]){1, 0}, 4);
	put32(wanted + 4, PCAPNG_SNAP_BYTES);
	assert_memory_equal(bytes + 8, wanted, 8);
	assert_int_equal(pcapng_read(bytes, count, &block), 1);
	assert_int_equal(block.type, PCAPNG_INTERFACE);
	assert_int_equal(block.text_length, 8);
	assert_memory_equal(block.text, "stream.1", 8);
}

static size_t write_packet(uint8_t *bytes, size_t room, const char *comment, uint64_t lost)
{
	static char one[] = "abc", other[] = "defgh";
	const struct iovec pieces[] = {{one, 3}, {other, 0}, {other, 5}};
	const struct pcapng_packet packet = {
		.interface = 3,
		.time_us = 0x0005123456789abc,
		.direction = PCAPNG_OUTBOUND,
		.lost = lost,
		.comment = comment,
		.pieces = pieces,
		.piece_count = 3,
		.length = 8,
	};

	return pcapng_write_packet(bytes, room, &packet);
}

static void a_packet_has_direction_comment_and_what_was_lost(void **state)
{
	uint8_t bytes[256];
	size_t count = write_packet(bytes, sizeof(bytes), "dropped: queue-full", 9);
	struct pcapng_block block;

	(void)state;
	assert_true(count > 0 && count % 4 == 0);
	assert_int_equal(pcapng_read(bytes, count, &block), 1);
	assert_int_equal(block.type, PCAPNG_PACKET);
	assert_int_equal(block.interface, 3);
	assert_true(block.time_us == 0x0005123456789abc);
	assert_int_equal(block.direction, PCAPNG_OUTBOUND);
	assert_int_equal(block.lost, 9);
	assert_int_equal(block.captured, 8);
	assert_int_equal(block.length, 8);
	assert_memory_equal(block.frame, "abcdefgh", 8);
	assert_int_equal(block.text_length, 19);
	assert_memory_equal(block.text, "dropped: queue-full", 19);
}

static void a_plain_packet_has_its_flags_alone(void **state)
{
	uint8_t bytes[256], wanted[16];
	size_t count = write_packet(bytes, sizeof(bytes), NULL, 0);

	(void)state;
	assert_int_equal(count, 8 + 20 + 8 + 8 + 4 + 4);
	memcpy(wanted, (uint16_t[]){2, 4}, 4);
	put32(wanted + 4, 2);
	put32(wanted + 8, 0);
	put32(wanted + 12, (uint32_t)count);
	assert_memory_equal(bytes + 36, wanted, 16);
}

static void what_does_not_fit_is_not_written(void **state)
{
	uint8_t bytes[256];
	size_t count = write_packet(bytes, sizeof(bytes), "why", 1);

	(void)state;
	for (size_t room = 0; room < count; room++)
		assert_int_equal(write_packet(bytes, room, "why", 1), 0);
	assert_int_equal(write_packet(bytes, count, "why", 1), count);
	assert_int_equal(pcapng_write_section(bytes, 20, "x"), 0);
	assert_int_equal(pcapng_write_interface(bytes, 20, "x"), 0);
	assert_int_equal(pcapng_write_statistics(bytes, 20, 0, 0, 0, 0), 0);
}

static void a_frame_shorter_than_it_says_is_not_written(void **state)
{
	uint8_t bytes[256];
	const struct iovec piece = {bytes, 4};
	const struct pcapng_packet packet = {.pieces = &piece, .piece_count = 1, .length = 5};

	(void)state;
	assert_int_equal(pcapng_write_packet(bytes + 8, sizeof(bytes) - 8, &packet), 0);
}

static void the_statistics_say_what_was_lost_in_all(void **state)
{
	uint8_t bytes[128];
	size_t count = pcapng_write_statistics(bytes, sizeof(bytes), 2, 77, 100, 11);
	struct pcapng_block block;

	(void)state;
	assert_int_equal(pcapng_read(bytes, count, &block), 1);
	assert_int_equal(block.type, PCAPNG_STATISTICS);
	assert_int_equal(block.interface, 2);
	assert_int_equal(block.time_us, 77);
	assert_int_equal(block.lost, 11);
}

static void a_block_that_has_not_come_whole_waits(void **state)
{
	uint8_t bytes[256];
	size_t count = write_packet(bytes, sizeof(bytes), "why", 1);
	struct pcapng_block block;

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pcapng_read(bytes, i, &block), 0);
	assert_int_equal(pcapng_read(bytes, count, &block), 1);
}

static void other_blocks_are_passed_over(void **state)
{
	uint8_t bytes[12];
	struct pcapng_block block;

	(void)state;
	put32(bytes, 4);
	put32(bytes + 4, 12);
	put32(bytes + 8, 12);
	assert_int_equal(pcapng_read(bytes, sizeof(bytes), &block), 1);
	assert_int_equal(block.bytes, 12);
}

/* At an offset of a good packet, another number. */
static void each_lie_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t offset;
		uint32_t value;
	} rows[] = {
		{"a length below a block's", 4, 8},
		{"a length that is no multiple of 4", 4, 57},
		{"a length beyond every block", 4, PCAPNG_BLOCK_BYTES + 4},
		{"another length at the end", 52, 52},
		{"a frame longer than the block", 20, 32},
		{"a frame of 4 GiB", 20, UINT32_MAX},
		{"an option longer than the block", 36, 0xffff0002},
	};
	uint8_t bytes[256];
	struct pcapng_block block;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t count = write_packet(bytes, sizeof(bytes), "c", 0);

		assert_int_equal(count, 60);
		put32(bytes + (rows[i].offset == 52 ? count - 4 : rows[i].offset), rows[i].value);
		if (pcapng_read(bytes, count, &block) != -EINVAL)
			fail_msg("%s: not refused", rows[i].what);
	}
	pcapng_write_section(bytes, sizeof(bytes), "x");
	put32(bytes + 8, 0x4d3c2b1a);
	assert_int_equal(pcapng_read(bytes, sizeof(bytes), &block), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_begins_with_its_magic_and_has_no_known_length),
		cmocka_unit_test(an_interface_is_ethernet_and_has_the_ports_name),
		cmocka_unit_test(a_packet_has_direction_comment_and_what_was_lost),
		cmocka_unit_test(a_plain_packet_has_its_flags_alone),
		cmocka_unit_test(what_does_not_fit_is_not_written),
		cmocka_unit_test(a_frame_shorter_than_it_says_is_not_written),
		cmocka_unit_test(the_statistics_say_what_was_lost_in_all),
		cmocka_unit_test(a_block_that_has_not_come_whole_waits),
		cmocka_unit_test(other_blocks_are_passed_over),
		cmocka_unit_test(each_lie_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
