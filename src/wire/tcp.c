/* SPDX-License-Identifier: MIT */
/* TCP headers and options. Options are written in the order and with the padding that Linux uses, so that the fast path
 * of a guest's kernel recognises a segment that carries timestamps alone. */
#include "wire/tcp.h"

#include <string.h>

enum tcp_option_bytes {
	TCP_MSS_BYTES = 4,
	TCP_WINDOW_SCALE_BYTES = 3,
	TCP_SACK_PERMITTED_BYTES = 2,
	TCP_SACK_BLOCK_BYTES = 8,
	TCP_TIMESTAMPS_BYTES = 10,
};

struct tcp_wire {
	struct be16 from_port;
	struct be16 to_port;
	struct be32 sequence;
	struct be32 acknowledgement;
	uint8_t data_offset; /* in words, in the upper half */
	uint8_t flags;
	struct be16 window;
	struct be16 checksum;
	struct be16 urgent;
};

_Static_assert(sizeof(struct tcp_wire) == TCP_HEADER_BYTES, "RFC 9293 3.1");
_Static_assert(offsetof(struct tcp_wire, checksum) == TCP_CHECKSUM_AT, "RFC 9293 3.1");

enum drop_reason tcp_header_read(struct reader *reader, size_t segment_bytes, struct tcp_header *ret_header)
{
	const uint8_t *bytes = reader_skip(reader, TCP_HEADER_BYTES);
	const uint8_t *options = NULL;
	struct tcp_wire wire;
	uint16_t header_bytes;

	if (!bytes)
		return DROP_TCP_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	header_bytes = (uint16_t)((wire.data_offset >> 4) * 4);
	if (header_bytes < TCP_HEADER_BYTES || header_bytes > segment_bytes)
		return DROP_TCP_OFFSET;
	if (header_bytes > TCP_HEADER_BYTES) {
		options = reader_skip(reader, (size_t)header_bytes - TCP_HEADER_BYTES);
		if (!options)
			return DROP_TCP_SHORT;
	}
	*ret_header = (struct tcp_header){
		.from_port = be16_value(wire.from_port),
		.to_port = be16_value(wire.to_port),
		.sequence = be32_value(wire.sequence),
		.acknowledgement = be32_value(wire.acknowledgement),
		.header_bytes = header_bytes,
		.flags = wire.flags,
		.window = be16_value(wire.window),
		.checksum = be16_value(wire.checksum),
		.urgent = be16_value(wire.urgent),
		.options = options,
	};
	return DROP_NONE;
}

/* RFC 2018 3: whole blocks, and not more than fit. */
static bool tcp_sacks_read(struct reader *value, struct tcp_options *options)
{
	size_t count = value->left / TCP_SACK_BLOCK_BYTES;

	if (value->left % TCP_SACK_BLOCK_BYTES != 0 || count == 0 || count > TCP_SACKS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		options->sacks[i].left = reader_be32(value);
		options->sacks[i].right = reader_be32(value);
	}
	options->sack_count = (uint8_t)count;
	return true;
}

static bool tcp_option_read(uint8_t kind, struct reader *value, struct tcp_options *options)
{
	switch (kind) {
	case TCP_OPTION_MSS:
		options->has_mss = true;
		options->mss = reader_be16(value);
		break;
	case TCP_OPTION_WINDOW_SCALE:
		options->has_window_scale = true;
		options->window_scale = reader_u8(value);
		if (options->window_scale > TCP_WINDOW_SCALE_MAX)
			options->window_scale = TCP_WINDOW_SCALE_MAX;
		break;
	case TCP_OPTION_SACK_PERMITTED:
		options->sack_permitted = true;
		break;
	case TCP_OPTION_SACK:
		return tcp_sacks_read(value, options);
	case TCP_OPTION_TIMESTAMPS:
		options->has_timestamps = true;
		options->timestamp = reader_be32(value);
		options->timestamp_echo = reader_be32(value);
		break;
	default:
		return true;
	}
	return !value->failed && value->left == 0;
}

enum drop_reason tcp_options_read(const struct tcp_header *header, struct tcp_options *ret_options)
{
	struct tcp_options options = {0};
	struct reader reader;

	reader_init(&reader, header->options, header->options ? (size_t)header->header_bytes - TCP_HEADER_BYTES : 0);
	while (reader.left > 0) {
		uint8_t kind = reader_u8(&reader);
		uint8_t length;
		struct reader value;

		if (kind == TCP_OPTION_END)
			break;
		if (kind == TCP_OPTION_NOP)
			continue;
		length = reader_u8(&reader);
		if (length < 2)
			return DROP_TCP_OPTION_LENGTH;
		value = reader_cut(&reader, (size_t)length - 2);
		if (value.failed || !tcp_option_read(kind, &value, &options))
			return DROP_TCP_OPTION_LENGTH;
	}
	*ret_options = options;
	return DROP_NONE;
}

static void tcp_option_start(struct writer *writer, enum tcp_option kind, size_t bytes)
{
	writer_u8(writer, (uint8_t)kind);
	writer_u8(writer, (uint8_t)bytes);
}

static void tcp_timestamps_write(struct writer *writer, const struct tcp_options *options)
{
	/* SACK permitted, two bytes long, takes the place of the padding. */
	if (options->sack_permitted)
		tcp_option_start(writer, TCP_OPTION_SACK_PERMITTED, TCP_SACK_PERMITTED_BYTES);
	else if (options->has_timestamps)
		writer_fill(writer, TCP_OPTION_NOP, 2);
	if (options->has_timestamps) {
		tcp_option_start(writer, TCP_OPTION_TIMESTAMPS, TCP_TIMESTAMPS_BYTES);
		writer_be32(writer, options->timestamp);
		writer_be32(writer, options->timestamp_echo);
	} else if (options->sack_permitted) {
		writer_fill(writer, TCP_OPTION_NOP, 2);
	}
}

static void tcp_sacks_write(struct writer *writer, const struct tcp_options *options)
{
	if (options->sack_count > TCP_SACKS_MAX) {
		writer->failed = true;
		return;
	}
	writer_fill(writer, TCP_OPTION_NOP, 2);
	tcp_option_start(writer, TCP_OPTION_SACK, 2 + (size_t)options->sack_count * TCP_SACK_BLOCK_BYTES);
	for (int i = 0; i < options->sack_count; i++) {
		writer_be32(writer, options->sacks[i].left);
		writer_be32(writer, options->sacks[i].right);
	}
}

static void tcp_options_write(struct writer *writer, const struct tcp_options *options)
{
	if (options->has_mss) {
		tcp_option_start(writer, TCP_OPTION_MSS, TCP_MSS_BYTES);
		writer_be16(writer, options->mss);
	}
	tcp_timestamps_write(writer, options);
	if (options->has_window_scale) {
		writer_u8(writer, TCP_OPTION_NOP);
		tcp_option_start(writer, TCP_OPTION_WINDOW_SCALE, TCP_WINDOW_SCALE_BYTES);
		writer_u8(writer, options->window_scale);
	}
	if (options->sack_count > 0)
		tcp_sacks_write(writer, options);
}

void tcp_header_write(struct writer *writer, const struct tcp_header *header, const struct tcp_options *options)
{
	uint8_t bytes[TCP_HEADER_MAX - TCP_HEADER_BYTES];
	struct writer list;
	struct tcp_wire wire = {
		.from_port = be16_from(header->from_port),
		.to_port = be16_from(header->to_port),
		.sequence = be32_from(header->sequence),
		.acknowledgement = be32_from(header->acknowledgement),
		.flags = header->flags,
		.window = be16_from(header->window),
		.checksum = be16_from(header->checksum),
		.urgent = be16_from(header->urgent),
	};

	writer_init(&list, bytes, sizeof(bytes));
	if (options)
		tcp_options_write(&list, options);
	else if (header->options)
		writer_copy(&list, header->options, (size_t)header->header_bytes - TCP_HEADER_BYTES);
	if (list.failed) {
		writer->failed = true;
		return;
	}
	wire.data_offset = (uint8_t)((TCP_HEADER_BYTES + writer_used(&list)) / 4 << 4);
	writer_copy(writer, &wire, sizeof(wire));
	writer_copy(writer, bytes, writer_used(&list));
}

enum drop_reason tcp_checksum_verify(const struct checksum *pseudo, const uint8_t *segment, size_t bytes)
{
	struct checksum checksum = *pseudo;

	if (bytes < TCP_HEADER_BYTES)
		return DROP_TCP_SHORT;
	checksum_add(&checksum, segment, bytes);
	return be16_value(checksum_final(&checksum)) == 0 ? DROP_NONE : DROP_TCP_CHECKSUM;
}

void tcp_checksum_fill(const struct checksum *pseudo, uint8_t *segment, size_t bytes)
{
	struct checksum checksum = *pseudo;
	struct be16 sum = {0};

	memcpy(segment + TCP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
	checksum_add(&checksum, segment, bytes);
	sum = checksum_final(&checksum);
	memcpy(segment + TCP_CHECKSUM_AT, sum.byte, sizeof(sum.byte));
}
