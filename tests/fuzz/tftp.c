/* SPDX-License-Identifier: MIT */
/* covers: src/wire/tftp.c */
/* The input is a UDP payload. What was understood is written, and read again. */
#include "wire/tftp.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static uint8_t room[65536 + 64];

static void write_again(struct writer *writer, const struct tftp_message *message)
{
	switch (message->opcode) {
	case TFTP_READ:
	case TFTP_WRITE:
		tftp_request_write(writer, message->path, message->mode, &message->options);
		break;
	case TFTP_DATA:
		tftp_data_write(writer, message->block);
		writer_copy(writer, message->data, message->data_bytes);
		break;
	case TFTP_ACK:
		tftp_ack_write(writer, message->block);
		break;
	case TFTP_ERROR:
		tftp_error_write(writer, (enum tftp_error)message->error, "why");
		break;
	case TFTP_OACK:
		tftp_oack_write(writer, &message->options);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct tftp_message message, again;
	struct reader reader;
	struct writer writer;

	reader_init(&reader, bytes, count);
	if (count > 65535 || tftp_read(&reader, &message) != DROP_NONE)
		return 0;
#ifdef PLANTED
	if (message.options.has_block && message.options.block_bytes == 1428)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	writer_init(&writer, room, sizeof(room));
	write_again(&writer, &message);
	assert(!writer.failed);
	reader_init(&reader, room, writer_used(&writer));
	assert(tftp_read(&reader, &again) == DROP_NONE);
	assert(again.block == message.block && again.error == message.error && again.mode == message.mode);
	assert(strcmp(again.path, message.path) == 0 && again.data_bytes == message.data_bytes);
	assert(memcmp(&again.options, &message.options, sizeof(message.options)) == 0);
	return 0;
}
