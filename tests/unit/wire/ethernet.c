/* SPDX-License-Identifier: MIT */
/* Ethernet headers, tags and MAC addresses as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/ethernet.h"

static const char header_text[] = "525400123456 020000000001 0800";

static void a_header_is_read_and_written(void **state)
{
	struct hex hex = hex_read(header_text);
	struct reader reader = hex_reader(&hex);
	struct ethernet_header header;
	struct writer writer;
	uint8_t written[ETHERNET_HEADER_BYTES];

	(void)state;
	assert_int_equal(ethernet_header_read(&reader, &header), DROP_NONE);
	assert_int_equal(be16_value(header.type), ETHERTYPE_IPV4);
	assert_true(mac_equal(header.to, (struct mac){{0x52, 0x54, 0, 0x12, 0x34, 0x56}}));
	assert_true(mac_equal(header.from, (struct mac){{2, 0, 0, 0, 0, 1}}));
	assert_int_equal(reader.left, 0);
	writer_init(&writer, written, sizeof(written));
	ethernet_header_write(&writer, &header);
	assert_false(writer.failed);
	assert_memory_equal(written, hex.bytes, sizeof(written));
	hex_done(&hex);
}

static void a_header_without_its_last_byte_is_short(void **state)
{
	struct hex hex = hex_read("525400123456 020000000001 08");
	struct reader reader = hex_reader(&hex);
	struct ethernet_header header;

	(void)state;
	assert_int_equal(ethernet_header_read(&reader, &header), DROP_FRAME_SHORT);
	hex_done(&hex);
}

static const struct tag_row {
	const char *what;
	uint16_t type;
	const char *bytes;
	enum drop_reason verdict;
	struct ethernet_tags tags;
} tag_rows[] = {
	{"no tag", 0x0800, "4500", DROP_NONE, {.type = 0x0800}},
	{"one tag", 0x8100, "0064 0806", DROP_NONE, {.type = 0x0806, .vlan = 100, .count = 1}},
	{"priority only", 0x8100, "e000 0806", DROP_NONE, {.type = 0x0806, .vlan = 0, .count = 1}},
	{"priority and identifier", 0x8100, "efff 86dd", DROP_NONE, {.type = 0x86dd, .vlan = 4095, .count = 1}},
	{"service tag outside", 0x88a8, "0007 8100 0008 0800", DROP_NONE, {.type = 0x0800, .vlan = 7, .count = 2}},
	{"a third tag is left",
	 0x8100,
	 "0001 8100 0002 8100 0003 0800",
	 DROP_NONE,
	 {.type = 0x8100, .vlan = 1, .count = 2}},
	{"ends before the tag", 0x8100, "", DROP_VLAN_TRUNCATED, {0}},
	{"ends inside the tag", 0x8100, "0064 08", DROP_VLAN_TRUNCATED, {0}},
	{"ends inside the second", 0x8100, "0064 8100 00", DROP_VLAN_TRUNCATED, {0}},
};

static void tags_are_read_up_to_two(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tag_rows) / sizeof(tag_rows[0]); i++) {
		const struct tag_row *row = &tag_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		struct ethernet_tags tags = {0};

		print_message("%s\n", row->what);
		assert_int_equal(ethernet_tags_read(&reader, be16_from(row->type), &tags), row->verdict);
		assert_int_equal(tags.type, row->tags.type);
		assert_int_equal(tags.vlan, row->tags.vlan);
		assert_int_equal(tags.count, row->tags.count);
		hex_done(&hex);
	}
}

static void a_written_tag_is_read_again(void **state)
{
	uint8_t bytes[ETHERNET_VLAN_BYTES];
	struct ethernet_tags tags;
	struct writer writer;
	struct reader reader;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	ethernet_tag_write(&writer, 42, be16_from(ETHERTYPE_ARP));
	assert_false(writer.failed);
	reader_init(&reader, bytes, sizeof(bytes));
	assert_int_equal(ethernet_tags_read(&reader, be16_from(ETHERTYPE_VLAN), &tags), DROP_NONE);
	assert_int_equal(tags.vlan, 42);
	assert_int_equal(tags.type, ETHERTYPE_ARP);
}

static void a_mac_has_one_text(void **state)
{
	static const char *const good[][2] = {
		{"52:54:00:12:34:56", "52:54:00:12:34:56"},
		{"FF-FF-FF-FF-FF-FF", "ff:ff:ff:ff:ff:ff"},
		{"aB:cD:eF:09:90:0a", "ab:cd:ef:09:90:0a"},
	};
	static const char *const bad[] = {
		"",
		":",
		"52:54:00:12:34",
		"52:54:00:12:34:5",
		"52:54:00:12:34:567",
		"52:54:00:12:34:56:78",
		"52:54:00:12:34:5g",
		"52:54-00:12:34:56",
		"52.54.00.12.34.56",
		" 2:54:00:12:34:56",
		"525400123456",
		"5:254:00:12:34:56",
		"52:54:00:12:34:5:",
		"52:54:00:12:34:/0",
		"52:54:00:12:34:`0",
		"52:54:00:12:34:@0",
	};
	char text[MAC_TEXT_BYTES];
	struct mac mac = {{1, 2, 3, 4, 5, 6}};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(mac_parse(good[i][0], &mac));
		assert_string_equal(mac_format(mac, text), good[i][1]);
	}
	mac = (struct mac){{1, 2, 3, 4, 5, 6}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%s\n", bad[i]);
		assert_false(mac_parse(bad[i], &mac));
		assert_true(mac_equal(mac, (struct mac){{1, 2, 3, 4, 5, 6}}));
	}
}

static void kinds_of_mac_are_told_apart(void **state)
{
	(void)state;
	assert_true(mac_is_zero((struct mac){0}));
	assert_false(mac_is_zero((struct mac){{0, 0, 0, 0, 0, 1}}));
	assert_true(mac_is_group(MAC_BROADCAST));
	assert_true(mac_is_group((struct mac){{0x33, 0x33, 0, 0, 0, 1}}));
	assert_false(mac_is_group((struct mac){{0x52, 0x54, 0, 0, 0, 1}}));
	assert_false(mac_equal(MAC_BROADCAST, (struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_and_written),
		cmocka_unit_test(a_header_without_its_last_byte_is_short),
		cmocka_unit_test(tags_are_read_up_to_two),
		cmocka_unit_test(a_written_tag_is_read_again),
		cmocka_unit_test(a_mac_has_one_text),
		cmocka_unit_test(kinds_of_mac_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
