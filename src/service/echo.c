/* SPDX-License-Identifier: MIT */
/* Ping: echo requests to the gateway's own addresses, answered with what they brought (RFC 792, RFC 4443 4.2). */
#include <stddef.h>

#include "service/reply.h"
#include "service/service.h"
#include "wire/icmp.h"

static enum drop_reason echo_reply(const struct service_config *config, const struct packet *packet, uint8_t type,
				   struct reply *ret_reply)
{
	struct reply_draft draft;
	struct reader reader;
	struct icmp_header header;
	enum drop_reason verdict;

	ret_reply->length = 0;
	reader_init(&reader, packet->transport, packet->transport_bytes);
	verdict = icmp_header_read(&reader, &header);
	if (verdict != DROP_NONE)
		return verdict;
	header.type = type;
	header.checksum = 0;
	reply_begin_back(&draft, ret_reply, config, packet, packet->protocol);
	reply_be_long(&draft);
	icmp_header_write(&draft.writer, &header);
	writer_copy(&draft.writer, reader.next, reader.left);
	reply_end(&draft);
	return ret_reply->length ? DROP_NONE : DROP_FRAME_LONG;
}

enum drop_reason echo4_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply)
{
	return echo_reply(config, packet, ICMP4_ECHO_REPLY, ret_reply);
}

enum drop_reason echo6_input(const struct service_config *config, const struct packet *packet, struct reply *ret_reply)
{
	return echo_reply(config, packet, ICMP6_ECHO_REPLY, ret_reply);
}
