/* SPDX-License-Identifier: MIT */
/* TFTP messages. Options are text on the wire, numbers here. */
#include "wire/tftp.h"

#include <assert.h>
#include <string.h>

enum {
	TFTP_WORD_BYTES = 32, /* a mode, an option's name or its value; longer ones are none of ours */
	TFTP_DIGITS_MAX = 18,
};

static char tftp_small(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
}

/* Modes and options are "case insensitive" (RFC 1350 5, RFC 2347). */
static bool tftp_word_equal(const char *word, const char *small)
{
	while (*word && tftp_small(*word) == *small) {
		word++;
		small++;
	}
	return *word == *small;
}

/* Text up to its NUL; false when it has none or does not fit, and the reader stands behind it in the second case. */
static bool tftp_text_read(struct reader *reader, char *ret_text, size_t room)
{
	const uint8_t *end = reader->left ? memchr(reader->next, 0, reader->left) : NULL;
	size_t bytes = end ? (size_t)(end - reader->next) + 1 : 0;
	const uint8_t *text;

	if (!end) {
		reader->failed = true;
		return false;
	}
	text = reader_skip(reader, bytes);
	if (bytes > room)
		return false;
	memcpy(ret_text, text, bytes);
	return true;
}

/* A decimal number to its end. */
static bool tftp_number_parse(const char *text, uint64_t *ret_value)
{
	uint64_t value = 0;
	int digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < TFTP_DIGITS_MAX; text++, digits++)
		value = value * 10 + (uint64_t)(*text - '0');
	if (digits == 0 || *text)
		return false;
	*ret_value = value;
	return true;
}

static void tftp_option_take(struct tftp_options *options, const char *name, uint64_t value)
{
	if (tftp_word_equal(name, "blksize") && value >= TFTP_BLOCK_MIN && value <= TFTP_BLOCK_MAX) {
		options->has_block = true;
		options->block_bytes = (uint32_t)value;
	} else if (tftp_word_equal(name, "tsize")) {
		options->has_size = true;
		options->size_bytes = value;
	} else if (tftp_word_equal(name, "timeout") && value >= 1 && value <= TFTP_TIMEOUT_MAX_S) {
		options->has_timeout = true;
		options->timeout_s = (uint32_t)value;
	} else if (tftp_word_equal(name, "windowsize") && value >= 1 && value <= UINT16_MAX) {
		options->has_window = true;
		options->window_blocks = (uint32_t)value;
	}
}

/* Pairs of name and value to the end. A client's padding behind them is not the server's to judge. */
static void tftp_options_read(struct reader *reader, struct tftp_options *options)
{
	while (reader->left > 0 && !reader->failed) {
		char name[TFTP_WORD_BYTES], text[TFTP_WORD_BYTES];
		uint64_t value;
		bool known = tftp_text_read(reader, name, sizeof(name));

		if (tftp_text_read(reader, text, sizeof(text)) && known && tftp_number_parse(text, &value))
			tftp_option_take(options, name, value);
	}
}

static enum drop_reason tftp_request_read(struct reader *reader, struct tftp_message *message)
{
	char mode[TFTP_WORD_BYTES];

	if (!tftp_text_read(reader, message->path, sizeof(message->path)) ||
	    !tftp_text_read(reader, mode, sizeof(mode)))
		return DROP_TFTP_TEXT;
	if (tftp_word_equal(mode, "octet"))
		message->mode = TFTP_OCTET;
	else if (tftp_word_equal(mode, "netascii"))
		message->mode = TFTP_NETASCII;
	else
		return DROP_TFTP_MODE; /* "mail" was obsolete in 1992 */
	tftp_options_read(reader, &message->options);
	return DROP_NONE;
}

static enum drop_reason tftp_block_read(struct reader *reader, struct tftp_message *message)
{
	message->block = reader_be16(reader);
	if (message->opcode == TFTP_DATA) {
		message->data_bytes = reader->left;
		message->data = reader_skip(reader, reader->left);
	}
	return reader->failed ? DROP_TFTP_SHORT : DROP_NONE;
}

static enum drop_reason tftp_body_read(struct reader *reader, struct tftp_message *message)
{
	switch (message->opcode) {
	case TFTP_READ:
	case TFTP_WRITE:
		return tftp_request_read(reader, message);
	case TFTP_DATA:
	case TFTP_ACK:
		return tftp_block_read(reader, message);
	case TFTP_ERROR:
		message->error = reader_be16(reader);
		return reader->failed ? DROP_TFTP_SHORT : DROP_NONE;
	case TFTP_OACK:
		tftp_options_read(reader, &message->options);
		return DROP_NONE;
	}
	return DROP_TFTP_OPCODE;
}

enum drop_reason tftp_read(struct reader *reader, struct tftp_message *ret_message)
{
	uint16_t opcode = reader_be16(reader);

	if (reader->failed)
		return DROP_TFTP_SHORT;
	memset(ret_message, 0, sizeof(*ret_message));
	if (opcode < TFTP_READ || opcode > TFTP_OACK)
		return DROP_TFTP_OPCODE;
	ret_message->opcode = (enum tftp_opcode)opcode;
	return tftp_body_read(reader, ret_message);
}

static void tftp_text_write(struct writer *writer, const char *text)
{
	writer_copy(writer, text, strlen(text) + 1);
}

static void tftp_option_write(struct writer *writer, const char *name, uint64_t value)
{
	char text[TFTP_DIGITS_MAX + 4];
	size_t at = sizeof(text);

	tftp_text_write(writer, name);
	text[--at] = '\0';
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	tftp_text_write(writer, text + at);
}

static void tftp_options_write(struct writer *writer, const struct tftp_options *options)
{
	if (options->has_block)
		tftp_option_write(writer, "blksize", options->block_bytes);
	if (options->has_size)
		tftp_option_write(writer, "tsize", options->size_bytes);
	if (options->has_timeout)
		tftp_option_write(writer, "timeout", options->timeout_s);
	if (options->has_window)
		tftp_option_write(writer, "windowsize", options->window_blocks);
}

void tftp_request_write(struct writer *writer, const char *path, enum tftp_mode mode,
			const struct tftp_options *options)
{
	writer_be16(writer, TFTP_READ);
	tftp_text_write(writer, path);
	tftp_text_write(writer, mode == TFTP_OCTET ? "octet" : "netascii");
	tftp_options_write(writer, options);
}

void tftp_data_write(struct writer *writer, uint16_t block)
{
	writer_be16(writer, TFTP_DATA);
	writer_be16(writer, block);
}

void tftp_ack_write(struct writer *writer, uint16_t block)
{
	writer_be16(writer, TFTP_ACK);
	writer_be16(writer, block);
}

void tftp_error_write(struct writer *writer, enum tftp_error error, const char *text)
{
	writer_be16(writer, TFTP_ERROR);
	writer_be16(writer, (uint16_t)error);
	tftp_text_write(writer, text);
}

void tftp_oack_write(struct writer *writer, const struct tftp_options *options)
{
	writer_be16(writer, TFTP_OACK);
	tftp_options_write(writer, options);
}
