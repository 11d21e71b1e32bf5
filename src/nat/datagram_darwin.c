/* SPDX-License-Identifier: MIT */
/* macOS: one datagram a message, and no queue of errors: what a router says reaches nobody but a connected socket, which
 * these are not. A forward's answers leave from the address that the routes choose. */
/* The options of RFC 3542 are hidden without it. */
#define __APPLE_USE_RFC_3542 1

#include "nat/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "os/mmsg.h"
#include "os/outbound.h"
#include "os/socket.h"

enum {
	DATAGRAM_CONTROL_BYTES = 128,
	DATAGRAM_BUFFER_BYTES = 1024 * 1024,
};

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int datagram_open(void *owner, enum datagram_kind kind, bool is6, const struct outbound *outbound)
{
	int protocol = kind != DATAGRAM_ECHO ? IPPROTO_UDP : is6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM, protocol), error;

	(void)owner;
	if (fd < 0)
		return -errno;
	error = socket_set_nonblocking(fd);
	if (error >= 0 && outbound)
		error = outbound_bind(fd, outbound);
	if (error < 0) {
		close(fd);
		return error;
	}
	option_set(fd, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
	if (is6)
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return fd;
}

static void datagram_close(void *owner, int fd)
{
	(void)owner;
	close(fd);
}

static void datagram_set_stream(void *owner, int fd)
{
	(void)owner;
	socket_raise_receive_buffer(fd, DATAGRAM_BUFFER_BYTES);
}

static int datagram_set_way(void *owner, int fd, bool is6, const struct datagram_way *was,
			    const struct datagram_way *now)
{
	enum { SYSTEM_HOPS = 64 };
	int level = is6 ? IPPROTO_IPV6 : IPPROTO_IP, hops = now->hop_limit ? now->hop_limit : SYSTEM_HOPS, error = 0;

	(void)owner;
	if (was->service != now->service)
		error = option_set(fd, level, is6 ? IPV6_TCLASS : IP_TOS, now->service);
	if (error == 0 && was->hop_limit != now->hop_limit)
		error = option_set(fd, level, is6 ? IPV6_UNICAST_HOPS : IP_TTL, hops);
	if (error == 0 && was->dont_fragment != now->dont_fragment)
		error = option_set(fd, level, is6 ? IPV6_DONTFRAG : IP_DONTFRAG, now->dont_fragment);
	return error;
}

static int datagram_send(void *owner, int fd, const struct datagram_send *sends, unsigned count)
{
	struct mmsg messages[DATAGRAM_BATCH];

	(void)owner;
	if (count > DATAGRAM_BATCH)
		count = DATAGRAM_BATCH;
	for (unsigned i = 0; i < count; i++)
		messages[i].header = (struct msghdr){
			.msg_name = (void *)(uintptr_t)sends[i].to,
			.msg_namelen = sends[i].to_bytes,
			.msg_iov = (struct iovec *)(uintptr_t)sends[i].pieces,
			.msg_iovlen = (int)sends[i].piece_count,
		};
	return mmsg_send(fd, messages, count);
}

static void receipt_read(struct msghdr *header, uint32_t bytes, struct datagram_receipt *receipt)
{
	receipt->bytes = bytes;
	receipt->segment_bytes = 0;
	receipt->service = receipt->hop_limit = 0;
	receipt->truncated = header->msg_flags & MSG_TRUNC;
	memset(&receipt->here, 0, sizeof(receipt->here));
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		int value = 0;

		if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVTOS && at->cmsg_len > CMSG_LEN(0))
			receipt->service = *CMSG_DATA(at);
		if (at->cmsg_level != IPPROTO_IPV6 || at->cmsg_type != IPV6_TCLASS ||
		    at->cmsg_len < CMSG_LEN(sizeof(value)))
			continue;
		memcpy(&value, CMSG_DATA(at), sizeof(value));
		receipt->service = (uint8_t)value;
	}
}

static int datagram_receive(void *owner, int fd, struct datagram_receipt *receipts, unsigned count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[DATAGRAM_CONTROL_BYTES];
	} controls[DATAGRAM_RECEIPTS];
	struct mmsg messages[DATAGRAM_RECEIPTS];
	int got;

	(void)owner;
	if (count > DATAGRAM_RECEIPTS)
		count = DATAGRAM_RECEIPTS;
	for (unsigned i = 0; i < count; i++)
		messages[i].header = (struct msghdr){
			.msg_name = &receipts[i].from,
			.msg_namelen = sizeof(receipts[i].from),
			.msg_iov = (struct iovec *)(uintptr_t)receipts[i].pieces,
			.msg_iovlen = (int)receipts[i].piece_count,
			.msg_control = &controls[i],
			.msg_controllen = sizeof(controls[i]),
		};
	got = mmsg_receive(fd, messages, count);
	for (int i = 0; i < got; i++)
		receipt_read(&messages[i].header, messages[i].bytes, &receipts[i]);
	return got;
}

static int datagram_error(void *owner, int fd, bool is6, struct datagram_error *ret_error)
{
	(void)owner;
	(void)fd;
	(void)is6;
	(void)ret_error;
	return -EAGAIN;
}

static bool datagram_is_homeless(void *owner, int fd)
{
	(void)owner;
	return outbound_is_lost(fd);
}

const struct datagram_ops datagram_system = {
	.open = datagram_open,
	.close = datagram_close,
	.set_stream = datagram_set_stream,
	.set_way = datagram_set_way,
	.send = datagram_send,
	.receive = datagram_receive,
	.error = datagram_error,
	.is_homeless = datagram_is_homeless,
	.segments_max = 1,
};
