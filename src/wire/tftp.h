/* SPDX-License-Identifier: MIT */
/* TFTP messages: RFC 1350, and the options of RFC 2347, 2348 (blksize), 2349 (timeout, tsize) and 7440 (windowsize). */
#ifndef WIRE_TFTP_H
#define WIRE_TFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/reader.h"
#include "base/writer.h"

enum tftp_sizes {
	TFTP_PORT = 69,
	TFTP_HEADER_BYTES = 4,  /* of DATA and ACK */
	TFTP_BLOCK_BYTES = 512, /* without blksize */
	TFTP_BLOCK_MIN = 8,     /* RFC 2348 */
	TFTP_BLOCK_MAX = 65464,
	TFTP_TIMEOUT_MAX_S = 255, /* RFC 2349 */
	TFTP_PATH_BYTES = 512,    /* ours, with the final NUL */
};

enum tftp_opcode {
	TFTP_READ = 1,
	TFTP_WRITE = 2,
	TFTP_DATA = 3,
	TFTP_ACK = 4,
	TFTP_ERROR = 5,
	TFTP_OACK = 6,
};

enum tftp_error {
	TFTP_ERROR_OTHER = 0,
	TFTP_ERROR_NOT_FOUND = 1,
	TFTP_ERROR_ACCESS = 2,
	TFTP_ERROR_OPERATION = 4,
	TFTP_ERROR_TRANSFER = 5, /* unknown transfer ID */
	TFTP_ERROR_OPTION = 8,   /* RFC 2347 */
};

enum tftp_mode {
	TFTP_OCTET,
	TFTP_NETASCII,
};

/* 0 in a `has_` member: not asked for, not said. */
struct tftp_options {
	bool has_block, has_size, has_timeout, has_window;
	uint32_t block_bytes;
	uint64_t size_bytes;
	uint32_t timeout_s;
	uint32_t window_blocks;
};

struct tftp_message {
	enum tftp_opcode opcode;
	char path[TFTP_PATH_BYTES]; /* READ, WRITE; where it leads has been checked by nobody */
	enum tftp_mode mode;
	struct tftp_options options; /* READ, WRITE, OACK */
	uint16_t block;              /* DATA, ACK */
	uint16_t error;              /* ERROR; enum tftp_error */
	const uint8_t *data;         /* DATA; its owner is the message's */
	size_t data_bytes;
};

/* An option that is unknown, or whose value makes no sense, is as if it were not there (RFC 2347). Text without its NUL
 * at the end of an ERROR is forgiven.
 * DROP_NONE, DROP_TFTP_SHORT, DROP_TFTP_OPCODE, DROP_TFTP_TEXT (no NUL, too long), DROP_TFTP_MODE. */
enum drop_reason tftp_read(struct reader *reader, struct tftp_message *ret_message);

void tftp_request_write(struct writer *writer, const char *path, enum tftp_mode mode,
			const struct tftp_options *options);
/* The header; the data follows. */
void tftp_data_write(struct writer *writer, uint16_t block);
void tftp_ack_write(struct writer *writer, uint16_t block);
void tftp_error_write(struct writer *writer, enum tftp_error error, const char *text);
void tftp_oack_write(struct writer *writer, const struct tftp_options *options);

#endif
