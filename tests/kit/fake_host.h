/* SPDX-License-Identifier: MIT */
/* A host without a network, for programs that put a whole network of ours under test: NAT's sockets are numbers here, what
 * comes and goes at them is told by a script, and every other socket is refused. Nothing leaves the process.
 *
 * To be included once, by the program itself: its definitions stand in for those of src/nat and src/os, which the linker
 * then leaves in their archives. */
#ifndef KIT_FAKE_HOST_H
#define KIT_FAKE_HOST_H

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nat/datagram.h"
#include "nat/tcp_socket.h"
#include "os/entropy.h"

enum {
	FAKE_STREAMS = 64,
	FAKE_FIRST = 1 << 20,  /* descriptors below are the system's: pairs that the resolver makes */
	FAKE_DATAGRAMS = 1024, /* by descriptor */
};

/* A TCP socket and the world behind it. */
struct fake_stream {
	bool open, connected, ended, peeks, seeks, homeless;
	int error;
	uint32_t waiting; /* bytes that can be read; all of them are 0 */
	uint32_t seen;    /* where the next peek begins */
	uint32_t takes;   /* bytes that a send takes, each time */
	struct watch *watch;
};

/* A datagram socket: an eventfd, so that the loop can be told. */
struct fake_datagram {
	bool open, is6;
	struct sockaddr_storage last;         /* whom it sent to */
	uint32_t bytes, segment_bytes, count; /* to be received, from there */
	bool stranger;                        /* or from somebody else */
	bool fails;
	struct datagram_error error;
};

static struct fake_stream fake_streams[FAKE_STREAMS];
static struct fake_datagram fake_datagrams[FAKE_DATAGRAMS];
static bool fake_peeks = true;

/* All other sockets. */
int socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	errno = EACCES;
	return -1;
}

/* The same input gives the same run. */
int entropy_fill(void *to, size_t count)
{
	memset(to, 0x5a, count);
	return 0;
}

/* ---- TCP ---- */

static struct fake_stream *fake_stream(int fd)
{
	assert(fd >= FAKE_FIRST && fake_streams[fd - FAKE_FIRST].open);
	return &fake_streams[fd - FAKE_FIRST];
}

static int fake_open(void *owner, int family, const struct outbound *outbound)
{
	(void)owner;
	(void)outbound;
	assert(family == AF_INET || family == AF_INET6);
	for (int i = 0; i < FAKE_STREAMS; i++) {
		if (fake_streams[i].open)
			continue;
		fake_streams[i] = (struct fake_stream){.open = true, .takes = UINT32_MAX, .peeks = fake_peeks};
		return FAKE_FIRST + i;
	}
	return -EMFILE;
}

void tcp_socket_chores_init(struct tcp_socket_chores *chores, struct loop *loop)
{
	*chores = (struct tcp_socket_chores){.loop = loop, .spares = {{.fd = -1}, {.fd = -1}}};
}

void tcp_socket_chores_done(struct tcp_socket_chores *chores)
{
	assert(chores->spares[0].fd < 0 && chores->spares[1].fd < 0);
}

static void fake_prepare(void *owner, int family)
{
	(void)owner;
	(void)family;
}

/* Every second one is connected at once. */
static int fake_connect(void *owner, int fd, const struct sockaddr *address, socklen_t bytes, uint16_t port)
{
	(void)owner;
	assert(fake_stream(fd) && address->sa_family && bytes);
	fake_stream(fd)->connected = port % 2;
	return port % 2 ? 0 : -EINPROGRESS;
}

static void fake_adopt(void *owner, int fd)
{
	(void)owner;
	(void)fd;
}

static int fake_error(void *owner, int fd)
{
	struct fake_stream *stream;
	int error;

	(void)owner;
	if (fd < FAKE_FIRST)
		return 0;
	stream = fake_stream(fd);
	error = stream->error;
	stream->error = 0;
	return -error;
}

static ssize_t fake_send(void *owner, int fd, const struct iovec *pieces, int count)
{
	size_t bytes = 0;

	(void)owner;
	for (int i = 0; i < count; i++) {
		volatile uint8_t last = ((const uint8_t *)pieces[i].iov_base)[pieces[i].iov_len - 1];

		(void)last; /* it must be there */
		bytes += pieces[i].iov_len;
	}
	if (fd < FAKE_FIRST)
		return writev(fd, pieces, count) < 0 ? -errno : (ssize_t)bytes;
	if (fake_stream(fd)->error)
		return fake_error(owner, fd);
	bytes = bytes < fake_stream(fd)->takes ? bytes : fake_stream(fd)->takes;
	return bytes > 0 ? (ssize_t)bytes : -EAGAIN;
}

static ssize_t fake_get(struct fake_stream *stream, uint32_t from, const struct iovec *pieces, int count)
{
	uint32_t left = stream->waiting - from;
	ssize_t got = 0;

	assert(from <= stream->waiting);
	if (left == 0 && stream->error) {
		int error = stream->error;

		stream->error = 0;
		return -error;
	}
	if (left == 0)
		return stream->ended ? 0 : -EAGAIN;
	for (int i = 0; i < count && left > 0; i++) {
		uint32_t here = pieces[i].iov_len < left ? (uint32_t)pieces[i].iov_len : left;

		memset(pieces[i].iov_base, 0, here);
		left -= here;
		got += here;
	}
	return got;
}

static ssize_t fake_read(void *owner, int fd, const struct iovec *pieces, int count)
{
	ssize_t got;

	(void)owner;
	if (fd < FAKE_FIRST) {
		got = readv(fd, pieces, count);
		return got < 0 ? -errno : got;
	}
	got = fake_get(fake_stream(fd), 0, pieces, count);
	if (got > 0)
		fake_stream(fd)->waiting -= (uint32_t)got;
	return got;
}

static int fake_peek_start(void *owner, int fd, bool is_tcp)
{
	(void)owner;
	(void)is_tcp;
	return fd >= FAKE_FIRST && fake_stream(fd)->peeks ? 0 : -EOPNOTSUPP;
}

static int fake_peek_seek(void *owner, int fd, uint32_t offset)
{
	(void)owner;
	fake_stream(fd)->seen = offset;
	fake_stream(fd)->seeks = true;
	assert(offset <= fake_stream(fd)->waiting);
	return 0;
}

static ssize_t fake_peek(void *owner, int fd, const struct iovec *pieces, int count)
{
	struct fake_stream *stream = fake_stream(fd);
	ssize_t got = fake_get(stream, stream->seen, pieces, count);

	(void)owner;
	if (got > 0 && stream->seeks)
		stream->seen += (uint32_t)got;
	return got;
}

static ssize_t fake_consume(void *owner, int fd, uint32_t bytes)
{
	struct fake_stream *stream = fake_stream(fd);

	(void)owner;
	assert(bytes <= stream->waiting);
	stream->waiting -= bytes;
	stream->seen = stream->seen > bytes ? stream->seen - bytes : 0;
	return (ssize_t)bytes;
}

static bool fake_is_homeless(void *owner, int fd)
{
	(void)owner;
	return fd >= FAKE_FIRST && fake_stream(fd)->homeless;
}

static int fake_shut(void *owner, int fd)
{
	(void)owner;
	return fd < FAKE_FIRST ? shutdown(fd, SHUT_WR) : 0;
}

static void fake_close(void *owner, int fd, bool reset)
{
	(void)owner;
	(void)reset;
	if (fd < FAKE_FIRST)
		close(fd);
	else
		fake_stream(fd)->open = false;
}

static int fake_watch(void *owner, struct loop *loop, struct watch *watch, unsigned events)
{
	(void)owner;
	if (watch->fd < FAKE_FIRST)
		return loop_watch(loop, watch, events);
	fake_stream(watch->fd)->watch = watch;
	watch->watched = true;
	return 0;
}

static void fake_unwatch(void *owner, struct loop *loop, struct watch *watch, bool closes)
{
	(void)closes;
	(void)owner;
	if (watch->fd < FAKE_FIRST)
		loop_unwatch(loop, watch);
	else
		fake_stream(watch->fd)->watch = NULL;
	watch->watched = false;
}

const struct nat_socket_ops tcp_socket_system = {
	.open = fake_open,
	.prepare = fake_prepare,
	.connect = fake_connect,
	.adopt = fake_adopt,
	.error = fake_error,
	.send = fake_send,
	.read = fake_read,
	.peek_start = fake_peek_start,
	.peek_seek = fake_peek_seek,
	.peek = fake_peek,
	.consume = fake_consume,
	.is_homeless = fake_is_homeless,
	.shut = fake_shut,
	.close = fake_close,
	.watch = fake_watch,
	.unwatch = fake_unwatch,
};

static void fake_tell(struct fake_stream *stream, unsigned events)
{
	if (stream->open && stream->watch)
		stream->watch->on_ready(stream->watch->owner, events);
}

/* ---- datagrams ---- */

static int fake_datagram_open(void *owner, enum datagram_kind kind, bool is6, const struct outbound *outbound)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	(void)owner;
	(void)kind;
	(void)outbound;
	assert(fd < FAKE_DATAGRAMS);
	if (fd < 0)
		return -errno;
	fake_datagrams[fd] = (struct fake_datagram){.open = true, .is6 = is6};
	return fd;
}

static void fake_datagram_close(void *owner, int fd)
{
	(void)owner;
	assert(fake_datagrams[fd].open);
	fake_datagrams[fd].open = false;
	close(fd);
}

static void fake_datagram_set_stream(void *owner, int fd)
{
	(void)owner;
	assert(fake_datagrams[fd].open);
}

static int fake_datagram_set_way(void *owner, int fd, bool is6, const struct datagram_way *was,
				 const struct datagram_way *now)
{
	(void)owner;
	(void)was;
	(void)now;
	assert(fake_datagrams[fd].open && fake_datagrams[fd].is6 == is6);
	return 0;
}

static int fake_datagram_send(void *owner, int fd, const struct datagram_send *sends, unsigned count)
{
	struct fake_datagram *datagram = &fake_datagrams[fd];

	(void)owner;
	assert(datagram->open && count > 0);
	for (unsigned i = 0; i < count; i++) {
		uint32_t bytes = 0;

		for (uint32_t j = 0; j < sends[i].piece_count; j++)
			bytes += (uint32_t)sends[i].pieces[j].iov_len;
		assert(bytes == sends[i].bytes);
		memcpy(&datagram->last, sends[i].to, sends[i].to_bytes);
	}
	if (datagram->fails) {
		datagram->fails = false;
		return datagram->error.error;
	}
	return (int)count;
}

static int fake_datagram_receive(void *owner, int fd, struct datagram_receipt *receipts, unsigned count)
{
	struct fake_datagram *datagram = &fake_datagrams[fd];
	unsigned got = 0;

	(void)owner;
	for (; got < count && datagram->count > 0; got++, datagram->count--) {
		struct datagram_receipt *receipt = &receipts[got];
		uint32_t left = datagram->bytes;

		for (uint32_t i = 0; i < receipt->piece_count && left > 0; i++) {
			uint32_t here = (uint32_t)receipt->pieces[i].iov_len;

			here = here < left ? here : left;
			memset(receipt->pieces[i].iov_base, 0, here);
			left -= here;
		}
		receipt->bytes = datagram->bytes - left;
		receipt->truncated = left > 0;
		receipt->segment_bytes = datagram->segment_bytes;
		receipt->service = receipt->hop_limit = 0;
		receipt->from = datagram->last;
		if (datagram->stranger) /* stands at the same place in both families */
			((struct sockaddr_in *)(void *)&receipt->from)->sin_port ^= 1;
	}
	return got > 0 ? (int)got : -EAGAIN;
}

static int fake_datagram_error(void *owner, int fd, bool is6, struct datagram_error *ret_error)
{
	struct fake_datagram *datagram = &fake_datagrams[fd];

	(void)owner;
	(void)is6;
	if (!datagram->error.error)
		return -EAGAIN;
	*ret_error = datagram->error;
	datagram->error.error = 0;
	return 0;
}

static bool fake_datagram_is_homeless(void *owner, int fd)
{
	(void)owner;
	return !fake_datagrams[fd].open;
}

const struct datagram_ops datagram_system = {
	.open = fake_datagram_open,
	.close = fake_datagram_close,
	.set_stream = fake_datagram_set_stream,
	.set_way = fake_datagram_set_way,
	.send = fake_datagram_send,
	.receive = fake_datagram_receive,
	.error = fake_datagram_error,
	.is_homeless = fake_datagram_is_homeless,
	.segments_max = 64,
};

static void fake_datagram_tell(int fd)
{
	(void)!write(fd, &(uint64_t){1}, sizeof(uint64_t));
}

#endif
