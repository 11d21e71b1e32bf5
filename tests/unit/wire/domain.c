/* SPDX-License-Identifier: MIT */
/* Domain names between wire and text, compressed and not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/domain.h"

#define LABEL63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define TEXT253 LABEL63 "." LABEL63 "." LABEL63 ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"

static const struct read_row {
	const char *what;
	const char *bytes;
	const char *whole;   /* NULL: refused */
	const char *partial; /* NULL: refused */
} read_rows[] = {
	{"two labels", "03666f6f 03626172 00", "foo.bar", "foo.bar"},
	{"the root", "00", "", ""},
	{"underscores and slashes", "025f74 03302f31 00", "_t.0/1", "_t.0/1"},
	{"without its root", "03666f6f", NULL, "foo"},
	{"nothing", "", NULL, ""},
	{"ends inside a label", "03666f", NULL, NULL},
	{"a label of 64", "40 61*64 00", NULL, NULL},
	{"a pointer", "c000", NULL, NULL},
	{"a dot inside", "03 61 2e 62 00", NULL, NULL},
	{"a backslash inside", "03 61 5c 62 00", NULL, NULL},
	{"a blank inside", "03 61 20 62 00", NULL, NULL},
	{"a NUL inside", "03 61 00 62 00", NULL, NULL},
	{"DEL inside", "03 61 7f 62 00", NULL, NULL},
	{"beyond ASCII", "02 c3a4 00", NULL, NULL},
	{"254 letters and dots", "3f 61*63 3f 61*63 3f 61*63 3e 61*62 00", NULL, NULL},
};

static void names_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_rows) / sizeof(read_rows[0]); i++) {
		const struct read_row *row = &read_rows[i];
		struct hex hex = hex_read(row->bytes);
		struct reader reader = hex_reader(&hex);
		char text[DOMAIN_TEXT_BYTES] = "untouched";

		print_message("%s\n", row->what);
		assert_int_equal(domain_read(&reader, text), row->whole != NULL);
		assert_int_equal(reader.failed, row->whole == NULL);
		assert_string_equal(text, row->whole ? row->whole : "untouched");
		reader = hex_reader(&hex);
		memcpy(text, "untouched", sizeof("untouched"));
		assert_int_equal(domain_read_partial(&reader, text), row->partial != NULL);
		assert_string_equal(text, row->partial ? row->partial : "untouched");
		hex_done(&hex);
	}
}

static const struct compressed_row {
	const char *what;
	const char *bytes;
	size_t at;
	const char *text; /* NULL: refused */
	size_t behind;
} compressed_rows[] = {
	/* RFC 3397 2's example: eng.apple.com and marketing.apple.com */
	{"first", "03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004", 0, "eng.apple.com", 15},
	{"second, by pointer", "03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004", 15, "marketing.apple.com",
	 27},
	{"a pointer to a pointer", "0161 00 c000 c003", 5, "a", 7},
	{"to itself", "c000", 0, NULL, 0},
	{"forwards", "c002 0161 00", 0, NULL, 0},
	{"in a ring", "0161 c000", 0, NULL, 0},
	{"half a pointer", "0161 00 c0", 3, NULL, 0},
	{"ends before the root", "0161", 0, NULL, 0},
	{"ends inside a label", "0361", 0, NULL, 0},
	{"an unknown kind of label", "4161 00", 0, NULL, 0},
	{"a label that is no text", "0120 00", 0, NULL, 0},
	{"starts behind the end", "00", 1, NULL, 0},
};

static void compressed_names_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(compressed_rows) / sizeof(compressed_rows[0]); i++) {
		const struct compressed_row *row = &compressed_rows[i];
		struct hex hex = hex_read(row->bytes);
		char text[DOMAIN_TEXT_BYTES];
		size_t at = row->at;

		print_message("%s\n", row->what);
		assert_int_equal(domain_read_compressed(hex.bytes, hex.count, &at, text), row->text != NULL);
		assert_int_equal(at, row->text ? row->behind : row->at);
		if (row->text)
			assert_string_equal(text, row->text);
		hex_done(&hex);
	}
}

static void a_name_is_valid_or_not(void **state)
{
	static const char *const good[] = {"a", "foo.bar", "x-y.example.org", LABEL63 ".org", TEXT253};
	static const char *const bad[] = {"",    ".",    ".a",       "a.",        "a..b",
					  "a b", "a\\b", "\xc3\xa4", LABEL63 "x", TEXT253 "x"};

	(void)state;
	assert_int_equal(strlen(TEXT253), 253);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(domain_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("%s\n", bad[i]);
		assert_false(domain_valid(bad[i]));
	}
}

static void what_is_written_is_what_is_read(void **state)
{
	static const char *const names[] = {"a", "foo.bar", TEXT253};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t bytes[DOMAIN_WIRE_BYTES];
		char text[DOMAIN_TEXT_BYTES];
		struct writer writer;
		struct reader reader;

		writer_init(&writer, bytes, sizeof(bytes));
		domain_write(&writer, names[i]);
		assert_false(writer.failed);
		assert_int_equal(writer_used(&writer), strlen(names[i]) + 2);
		reader_init(&reader, bytes, writer_used(&writer));
		assert_true(domain_read(&reader, text));
		assert_string_equal(text, names[i]);
	}
}

static void partial_names_have_no_root(void **state)
{
	uint8_t bytes[DOMAIN_WIRE_BYTES];
	struct writer writer;

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	domain_write_partial(&writer, "vm1");
	assert_int_equal(writer_used(&writer), 4);
	domain_write_partial(&writer, "");
	assert_int_equal(writer_used(&writer), 4);
	domain_write_partial(&writer, "vm1.lan");
	assert_int_equal(writer_used(&writer), 4 + 9);
	assert_false(writer.failed);
	domain_write_partial(&writer, "..");
	assert_true(writer.failed);
}

static void lists_skip_padding_and_what_is_too_much(void **state)
{
	struct hex hex = hex_read("0161 00 00 0162 00 0163 00 0164 00 0165 00 0166 00 0167 00 0168 00 0169 00 00*5");
	struct reader reader = hex_reader(&hex);
	uint8_t bytes[DOMAIN_WIRE_BYTES];
	struct domain_list list;
	struct writer writer;

	(void)state;
	assert_true(domain_list_read(&reader, &list));
	assert_int_equal(list.count, DOMAIN_LIST_MAX);
	assert_string_equal(list.name[0], "a");
	assert_string_equal(list.name[7], "h");
	writer_init(&writer, bytes, sizeof(bytes));
	domain_list_write(&writer, &list);
	assert_int_equal(writer_used(&writer), 24);
	hex_done(&hex);
}

static void a_list_with_a_lie_is_refused(void **state)
{
	struct hex hex = hex_read("0161 00 05 62");
	struct reader reader = hex_reader(&hex);
	struct domain_list list;

	(void)state;
	assert_false(domain_list_read(&reader, &list));
	hex_done(&hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_or_refused),
		cmocka_unit_test(compressed_names_end),
		cmocka_unit_test(a_name_is_valid_or_not),
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(partial_names_have_no_root),
		cmocka_unit_test(lists_skip_padding_and_what_is_too_much),
		cmocka_unit_test(a_list_with_a_lie_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
