/* SPDX-License-Identifier: MIT */
/* Linux: one call for many messages, UDP_SEGMENT and UDP_GRO for many datagrams as one message, and the queue of errors
 * (IP_RECVERR), which tells of unconnected sockets too what became of what they sent. */
#include "nat/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "os/mmsg.h"
#include "os/outbound.h"
#include "os/socket.h"

enum {
	DATAGRAM_SOL_UDP = 17,
	DATAGRAM_UDP_SEGMENT = 103, /* linux/udp.h, which older C libraries do not repeat */
	DATAGRAM_UDP_GRO = 104,
	DATAGRAM_CONTROL_BYTES = 256,
	DATAGRAM_BUFFER_BYTES = 4 * 1024 * 1024, /* of 1400 bytes at 1.5 Gbit/s: 10 ms of not being run */
	/* UDP_MAX_SEGMENTS since Linux 6.10 or so, 64 before: EINVAL tells. */
	DATAGRAM_SEGMENTS_MAX = 128,
};

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* All of them are wishes: without one of them something is known or carried less. */
static void datagram_wish(int fd, enum datagram_kind kind, bool is6)
{
	if (is6) {
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		option_set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		option_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		option_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
		if (kind == DATAGRAM_ECHO)
			option_set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	} else {
		option_set(fd, IPPROTO_IP, IP_RECVERR, 1);
		option_set(fd, IPPROTO_IP, IP_RECVTOS, 1);
		option_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
		if (kind == DATAGRAM_ECHO)
			option_set(fd, IPPROTO_IP, IP_RECVTTL, 1);
	}
	if (kind == DATAGRAM_FORWARD)
		option_set(fd, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
}

static int datagram_open(void *owner, enum datagram_kind kind, bool is6, const struct outbound *outbound)
{
	int protocol = kind != DATAGRAM_ECHO ? IPPROTO_UDP : is6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), error;

	(void)owner;
	if (fd < 0)
		return -errno;
	datagram_wish(fd, kind, is6);
	error = outbound ? outbound_bind(fd, outbound) : 0;
	if (error >= 0)
		return fd;
	close(fd);
	return error;
}

static void datagram_close(void *owner, int fd)
{
	(void)owner;
	close(fd);
}

static void datagram_set_stream(void *owner, int fd)
{
	(void)owner;
	option_set(fd, DATAGRAM_SOL_UDP, DATAGRAM_UDP_GRO, 1);
	socket_raise_receive_buffer(fd, DATAGRAM_BUFFER_BYTES);
}

static int datagram_set_way(void *owner, int fd, bool is6, const struct datagram_way *was,
			    const struct datagram_way *now)
{
	int level = is6 ? IPPROTO_IPV6 : IPPROTO_IP, error = 0;

	(void)owner;
	if (was->service != now->service)
		error = option_set(fd, level, is6 ? IPV6_TCLASS : IP_TOS, now->service);
	if (error == 0 && was->hop_limit != now->hop_limit)
		error = option_set(fd, level, is6 ? IPV6_UNICAST_HOPS : IP_TTL, now->hop_limit ? now->hop_limit : -1);
	/* What routers told the kernel of the path is an error then, with the MTU, and the guest is told in turn. */
	if (error == 0 && was->dont_fragment != now->dont_fragment) {
		if (is6)
			error = option_set(fd, level, IPV6_MTU_DISCOVER,
					   now->dont_fragment ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT);
		else
			error = option_set(fd, level, IP_MTU_DISCOVER,
					   now->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
	}
	return error;
}

/* One more control message; `header->msg_controllen` is how far they go. */
static void control_add(struct msghdr *header, void *control, int level, int type, const void *value, size_t bytes)
{
	struct cmsghdr *message = (struct cmsghdr *)(void *)((uint8_t *)control + header->msg_controllen);

	header->msg_control = control;
	header->msg_controllen += CMSG_SPACE(bytes);
	message->cmsg_level = level;
	message->cmsg_type = type;
	message->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(message), value, bytes);
}

static void control_add_here(struct msghdr *header, void *control, const struct datagram_here *here)
{
	if (here->ip_bytes == sizeof(struct in_addr)) {
		struct in_pktinfo info = {.ipi_ifindex = (int)here->interface};

		memcpy(&info.ipi_spec_dst, here->ip, sizeof(info.ipi_spec_dst));
		control_add(header, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (here->ip_bytes == sizeof(struct in6_addr)) {
		struct in6_pktinfo info = {.ipi6_ifindex = here->interface};

		memcpy(&info.ipi6_addr, here->ip, sizeof(info.ipi6_addr));
		control_add(header, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

static void send_header(const struct datagram_send *send, void *control, struct msghdr *header)
{
	uint16_t segment = (uint16_t)send->segment_bytes;

	*header = (struct msghdr){
		.msg_name = (void *)(uintptr_t)send->to,
		.msg_namelen = send->to_bytes,
		.msg_iov = (struct iovec *)(uintptr_t)send->pieces,
		.msg_iovlen = send->piece_count,
	};
	if (send->segment_bytes > 0 && send->segment_bytes < send->bytes)
		control_add(header, control, DATAGRAM_SOL_UDP, DATAGRAM_UDP_SEGMENT, &segment, sizeof(segment));
	if (send->from)
		control_add_here(header, control, send->from);
}

static int datagram_send(void *owner, int fd, const struct datagram_send *sends, unsigned count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} controls[DATAGRAM_BATCH];
	struct mmsg messages[DATAGRAM_BATCH];

	(void)owner;
	if (count > DATAGRAM_BATCH)
		count = DATAGRAM_BATCH;
	for (unsigned i = 0; i < count; i++) {
		if (sends[i].from || sends[i].segment_bytes > 0)
			memset(&controls[i], 0, sizeof(controls[i]));
		send_header(&sends[i], &controls[i], &messages[i].header);
	}
	return mmsg_send(fd, messages, count);
}

static int control_int(const struct cmsghdr *message)
{
	int value = 0;

	if (message->cmsg_len >= CMSG_LEN(sizeof(value)))
		memcpy(&value, CMSG_DATA(message), sizeof(value));
	else if (message->cmsg_len > CMSG_LEN(0))
		value = *CMSG_DATA(message); /* IP_TOS is one byte */
	return value;
}

/* What came to a group or to everybody is answered from an address of the system's choice. */
static void receipt_read_here(const struct cmsghdr *message, struct datagram_here *here)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info;

	if (message->cmsg_level == IPPROTO_IP && message->cmsg_len >= CMSG_LEN(sizeof(info))) {
		memcpy(&info, CMSG_DATA(message), sizeof(info));
		here->ip_bytes = sizeof(info.ipi_spec_dst);
		memcpy(here->ip, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
	} else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_len >= CMSG_LEN(sizeof(info6))) {
		memcpy(&info6, CMSG_DATA(message), sizeof(info6));
		if (IN6_IS_ADDR_MULTICAST(&info6.ipi6_addr))
			return;
		here->interface = IN6_IS_ADDR_LINKLOCAL(&info6.ipi6_addr) ? info6.ipi6_ifindex : 0;
		here->ip_bytes = sizeof(info6.ipi6_addr);
		memcpy(here->ip, &info6.ipi6_addr, sizeof(info6.ipi6_addr));
	}
}

static void receipt_read(struct msghdr *header, uint32_t bytes, struct datagram_receipt *receipt)
{
	receipt->bytes = bytes;
	receipt->segment_bytes = 0;
	receipt->service = receipt->hop_limit = 0;
	receipt->truncated = header->msg_flags & MSG_TRUNC;
	memset(&receipt->here, 0, sizeof(receipt->here));
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		int level = at->cmsg_level, type = at->cmsg_type;

		if (level == DATAGRAM_SOL_UDP && type == DATAGRAM_UDP_GRO)
			receipt->segment_bytes = (uint32_t)control_int(at);
		else if ((level == IPPROTO_IP && type == IP_TOS) || (level == IPPROTO_IPV6 && type == IPV6_TCLASS))
			receipt->service = (uint8_t)control_int(at);
		else if ((level == IPPROTO_IP && type == IP_TTL) || (level == IPPROTO_IPV6 && type == IPV6_HOPLIMIT))
			receipt->hop_limit = (uint8_t)control_int(at);
		else if ((level == IPPROTO_IP && type == IP_PKTINFO) || (level == IPPROTO_IPV6 && type == IPV6_PKTINFO))
			receipt_read_here(at, &receipt->here);
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
			.msg_iovlen = receipts[i].piece_count,
			.msg_control = &controls[i],
			.msg_controllen = sizeof(controls[i]),
		};
	got = mmsg_receive(fd, messages, count);
	for (int i = 0; i < got; i++)
		receipt_read(&messages[i].header, messages[i].bytes, &receipts[i]);
	return got;
}

static void error_read(const struct cmsghdr *message, struct datagram_error *error)
{
	struct sock_extended_err extended;
	size_t bytes = message->cmsg_len - CMSG_LEN(0), left;

	if (message->cmsg_len < CMSG_LEN(sizeof(extended)))
		return;
	memcpy(&extended, CMSG_DATA(message), sizeof(extended));
	error->error = -(int)extended.ee_errno;
	error->icmp = extended.ee_origin == SO_EE_ORIGIN_ICMP || extended.ee_origin == SO_EE_ORIGIN_ICMP6;
	error->type = extended.ee_type;
	error->code = extended.ee_code;
	error->mtu = extended.ee_errno == EMSGSIZE ? extended.ee_info : 0;
	/* SO_EE_OFFENDER: an address behind the structure. */
	left = bytes - sizeof(extended);
	if (left > sizeof(error->from))
		left = sizeof(error->from);
	memcpy(&error->from, CMSG_DATA(message) + sizeof(extended), left);
	error->has_from = left >= sizeof(struct sockaddr_in) && error->icmp &&
			  (error->from.ss_family == AF_INET || error->from.ss_family == AF_INET6);
}

static int datagram_error(void *owner, int fd, bool is6, struct datagram_error *ret_error)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[DATAGRAM_CONTROL_BYTES];
	} control;
	struct iovec piece = {.iov_base = ret_error->message, .iov_len = sizeof(ret_error->message)};
	struct msghdr header = {
		.msg_name = &ret_error->to,
		.msg_namelen = sizeof(ret_error->to),
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);

	(void)owner;
	if (got < 0)
		return -EAGAIN;
	ret_error->error = 0;
	ret_error->icmp = ret_error->has_from = false;
	ret_error->mtu = 0;
	ret_error->bytes = (uint32_t)got;
	ret_error->has_to = header.msg_namelen >= sizeof(struct sockaddr_in) &&
			    ret_error->to.ss_family == (is6 ? AF_INET6 : AF_INET);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at)) {
		if ((at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
		    (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR))
			error_read(at, ret_error);
	}
	return 0;
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
	.segments_max = DATAGRAM_SEGMENTS_MAX,
};
