/* SPDX-License-Identifier: MIT */
/* TFTP messages and their options. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/wire/hex.h"
#include "wire/tftp.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "boot" and "octet", with their NULs */
#define BOOT "626f6f7400"
#define OCTET "6f6374657400"

static const struct tftp_row {
	const char *what;
	const char *bytes;
	enum drop_reason verdict;
} tftp_rows[] = {
	{"read request", "0001 " BOOT OCTET, DROP_NONE},
	{"mode in capitals", "0001 " BOOT "4f4354455400", DROP_NONE},
	{"netascii", "0001 " BOOT "6e6574617363696900", DROP_NONE},
	{"write request", "0002 " BOOT OCTET, DROP_NONE},
	{"data", "0003 0001 00*512", DROP_NONE},
	{"empty data", "0003 0001", DROP_NONE},
	{"acknowledgement", "0004 0001", DROP_NONE},
	{"acknowledgement, padded", "0004 0001 00*42", DROP_NONE},
	{"error without its text's end", "0005 0001 6e6f", DROP_NONE},
	{"options acknowledged", "0006 626c6b73697a6500 3130303000", DROP_NONE},
	{"half an option", "0001 " BOOT OCTET "626c6b", DROP_NONE},
	{"an option without a value", "0001 " BOOT OCTET "626c6b73697a6500", DROP_NONE},
	{"nothing", "", DROP_TFTP_SHORT},
	{"one byte", "00", DROP_TFTP_SHORT},
	{"data without a block", "0003 00", DROP_TFTP_SHORT},
	{"acknowledgement of nothing", "0004", DROP_TFTP_SHORT},
	{"error without a code", "0005 01", DROP_TFTP_SHORT},
	{"opcode 0", "0000 0001", DROP_TFTP_OPCODE},
	{"opcode 7", "0007 0001", DROP_TFTP_OPCODE},
	{"path without end", "0001 626f6f74", DROP_TFTP_TEXT},
	{"no path", "0001", DROP_TFTP_TEXT},
	{"path too long", "0001 61*512 00" OCTET, DROP_TFTP_TEXT},
	{"mode without end", "0001 " BOOT "6f63746574", DROP_TFTP_TEXT},
	{"mode too long", "0001 " BOOT "6f*64 00", DROP_TFTP_TEXT},
	{"mail", "0001 " BOOT "6d61696c00", DROP_TFTP_MODE},
	{"octets", "0001 " BOOT "6f637465747300", DROP_TFTP_MODE},
};

static void messages_get_their_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(tftp_rows); i++) {
		struct hex hex = hex_read(tftp_rows[i].bytes);
		struct reader reader = hex_reader(&hex);
		struct tftp_message message;

		print_message("%s\n", tftp_rows[i].what);
		assert_int_equal(tftp_read(&reader, &message), tftp_rows[i].verdict);
		hex_done(&hex);
	}
}

static struct tftp_message read_back(const struct writer *writer)
{
	struct tftp_message message;
	struct reader reader;

	assert_false(writer->failed);
	reader_init(&reader, writer->start, writer_used(writer));
	assert_int_equal(tftp_read(&reader, &message), DROP_NONE);
	return message;
}

static void requests_are_read_as_they_were_written(void **state)
{
	struct tftp_options options = {.has_block = true,
				       .block_bytes = 1428,
				       .has_size = true,
				       .has_timeout = true,
				       .timeout_s = 3,
				       .has_window = true,
				       .window_blocks = 16};
	struct tftp_message message;
	struct writer writer;
	uint8_t bytes[256];

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	tftp_request_write(&writer, "pxe/boot.img", TFTP_NETASCII, &options);
	message = read_back(&writer);
	assert_int_equal(message.opcode, TFTP_READ);
	assert_string_equal(message.path, "pxe/boot.img");
	assert_int_equal(message.mode, TFTP_NETASCII);
	assert_memory_equal(&message.options, &options, sizeof(options));
	writer_init(&writer, bytes, sizeof(bytes));
	options.size_bytes = 123456789012345678;
	tftp_oack_write(&writer, &options);
	message = read_back(&writer);
	assert_int_equal(message.opcode, TFTP_OACK);
	assert_true(message.options.size_bytes == 123456789012345678);
}

static void answers_are_read_as_they_were_written(void **state)
{
	struct tftp_message message;
	struct writer writer;
	uint8_t bytes[64];

	(void)state;
	writer_init(&writer, bytes, sizeof(bytes));
	tftp_data_write(&writer, 0xfffe);
	writer_copy(&writer, "abc", 3);
	message = read_back(&writer);
	assert_int_equal(message.opcode, TFTP_DATA);
	assert_int_equal(message.block, 0xfffe);
	assert_int_equal(message.data_bytes, 3);
	assert_memory_equal(message.data, "abc", 3);
	writer_init(&writer, bytes, sizeof(bytes));
	tftp_ack_write(&writer, 7);
	message = read_back(&writer);
	assert_int_equal(message.opcode, TFTP_ACK);
	assert_int_equal(message.block, 7);
	writer_init(&writer, bytes, sizeof(bytes));
	tftp_error_write(&writer, TFTP_ERROR_NOT_FOUND, "no such file");
	message = read_back(&writer);
	assert_int_equal(message.opcode, TFTP_ERROR);
	assert_int_equal(message.error, TFTP_ERROR_NOT_FOUND);
	writer_init(&writer, bytes, 5);
	tftp_error_write(&writer, TFTP_ERROR_NOT_FOUND, "no such file");
	assert_true(writer.failed);
}

static const struct option_row {
	const char *what;
	const char *bytes; /* behind "0001 boot octet" */
	struct tftp_options options;
} option_rows[] = {
	{"none", "", {0}},
	{"blksize 8", "626c6b73697a6500 3800", {.has_block = true, .block_bytes = 8}},
	{"BLKSIZE 9", "424c4b53495a4500 3900", {.has_block = true, .block_bytes = 9}},
	{"blksize 7", "626c6b73697a6500 3700", {0}},
	{"blksize 65465", "626c6b73697a6500 363534363500", {0}},
	{"blksize -1", "626c6b73697a6500 2d3100", {0}},
	{"blksize empty", "626c6b73697a6500 00", {0}},
	{"blksize 19 digits", "626c6b73697a6500 31*19 00", {0}},
	{"blksize 8x", "626c6b73697a6500 387800", {0}},
	{"timeout 0", "74696d656f757400 3000", {0}},
	{"timeout 255", "74696d656f757400 32353500", {.has_timeout = true, .timeout_s = 255}},
	{"timeout 256", "74696d656f757400 32353600", {0}},
	{"windowsize 0", "77696e646f7773697a6500 3000", {0}},
	{"windowsize 4", "77696e646f7773697a6500 3400", {.has_window = true, .window_blocks = 4}},
	{"tsize 0 behind one unknown", "786f78 00 3100 7473697a6500 3000", {.has_size = true}},
	{"tsize behind a name too long", "78*40 00 3100 7473697a6500 3000", {.has_size = true}},
};

static void options_that_make_no_sense_are_not_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(option_rows); i++) {
		char text[512] = "0001 " BOOT OCTET;
		struct tftp_message message;
		struct reader reader;
		struct hex hex;

		print_message("%s\n", option_rows[i].what);
		strncat(text, option_rows[i].bytes, sizeof(text) - strlen(text) - 1);
		hex = hex_read(text);
		reader = hex_reader(&hex);
		assert_int_equal(tftp_read(&reader, &message), DROP_NONE);
		assert_memory_equal(&message.options, &option_rows[i].options, sizeof(message.options));
		hex_done(&hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_get_their_verdicts),
		cmocka_unit_test(requests_are_read_as_they_were_written),
		cmocka_unit_test(answers_are_read_as_they_were_written),
		cmocka_unit_test(options_that_make_no_sense_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
