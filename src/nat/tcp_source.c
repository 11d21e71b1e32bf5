/* SPDX-License-Identifier: MIT */
/* Where a flow's bytes for its guest stand until the guest acknowledges them: in the kernel, peeked at an offset; or,
 * where a socket has no such offset, in a bounded ring. Either way a byte is known by its number of sequence. */
#include <errno.h>
#include <string.h>

#include "nat/tcp.h"

enum { TCP_SOURCE_PIECES = 32 };

void tcp_source_start(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;

	to->peeks = tcp->nat->config.peek == NAT_PEEK_AUTO &&
		    tcp->sockets->peek_start(tcp->sockets_owner, flow->fd, flow->ours) == 0;
	to->base = to->peek_at = to->first + 1;
}

/* The next peek begins at this number. False: this socket cannot, and from now on the ring has what it has. A flow of few
 * bytes never asks: it has consumed all before it peeks again. */
static bool tcp_source_seek(struct tcp_flow *flow, uint32_t sequence)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;

	if (sequence == (to->seeks ? to->peek_at : to->base))
		return true;
	to->seeks = true;
	to->peek_at = sequence;
	to->peeks = tcp->sockets->peek_seek(tcp->sockets_owner, flow->fd, sequence - to->base) == 0;
	return to->peeks;
}

static ssize_t tcp_source_peek(struct tcp_flow *flow, const struct iovec *pieces, int count, uint32_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t sequence = to->seeks ? to->peek_at : to->base;
	ssize_t got;

	got = tcp->sockets->peek(tcp->sockets_owner, flow->fd, pieces, count);
	if (got > 0)
		to->peek_at = sequence + (uint32_t)got;
	/* Less than asked for: there is no more, and the next edge tells of more (epoll(7)), but for an end. */
	if (got > 0 && (uint32_t)got < bytes && !to->hangup && !tcp_before(to->peek_at, to->max))
		to->readable = false;
	return got;
}

/* More from the socket into the ring, which is read dry of what it had. */
static ssize_t tcp_source_fill(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_chain *ring = &flow->to_guest.ring;
	uint8_t bytes[16 * 1024];
	size_t room = TCP_RING_BYTES - ring->bytes, free = tcp->pool.count - tcp->pool.taken;
	struct iovec piece = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	ssize_t got;

	/* What is read must find a place: the blocks for it are there before. */
	if (room > free * (TCP_CHAIN_BLOCK_BYTES - sizeof(void *)))
		room = free * (TCP_CHAIN_BLOCK_BYTES - sizeof(void *));
	if (room == 0)
		return -ENOBUFS;
	if (piece.iov_len > room)
		piece.iov_len = room;
	got = tcp->sockets->read(tcp->sockets_owner, flow->fd, &piece, 1);
	if (got == -ECONNRESET)
		flow->to_guest.reset = true; /* told once */
	if (got <= 0)
		return got;
	piece.iov_len = (size_t)got;
	return tcp_chain_append(ring, &tcp->pool, &piece, 1, 0);
}

/* Copies from the ring; how many bytes. */
static uint32_t tcp_source_copy(const struct tcp_chain *ring, uint32_t offset, const struct iovec *pieces, int count,
				uint32_t bytes)
{
	struct iovec from[TCP_SOURCE_PIECES];
	int parts = tcp_chain_slice(ring, offset, bytes, from, TCP_SOURCE_PIECES), part = 0;
	uint32_t done = 0;

	for (int i = 0; i < count && part < parts; i++) {
		uint8_t *to = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left > 0 && part < parts) {
			size_t here = left < from[part].iov_len ? left : from[part].iov_len;

			memcpy(to, from[part].iov_base, here);
			to += here;
			left -= here;
			done += (uint32_t)here;
			from[part].iov_base = (uint8_t *)from[part].iov_base + here;
			from[part].iov_len -= here;
			part += from[part].iov_len == 0;
		}
	}
	return done;
}

static ssize_t tcp_source_ring(struct tcp_flow *flow, uint32_t sequence, const struct iovec *pieces, int count,
			       uint32_t bytes)
{
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t offset = sequence - to->base;

	while (to->ring.bytes < offset + bytes) {
		ssize_t got = tcp_source_fill(flow);

		if (got == -EAGAIN)
			to->readable = to->hangup = false;
		if (got <= 0 && to->ring.bytes > offset)
			break; /* first what there is: an end, and a pool that is empty, will be told again */
		if (got <= 0)
			return got;
	}
	return tcp_source_copy(&to->ring, offset, pieces, count, bytes);
}

ssize_t tcp_source_read(struct tcp_flow *flow, uint32_t sequence, const struct iovec *pieces, int count, uint32_t bytes)
{
	if (flow->to_guest.peeks && tcp_source_seek(flow, sequence))
		return tcp_source_peek(flow, pieces, count, bytes);
	return tcp_source_ring(flow, sequence, pieces, count, bytes);
}

void tcp_source_was_reset(struct tcp_flow *flow)
{
	struct tcp_to_guest *to = &flow->to_guest;

	if (to->ended && !to->reset)
		to->reset_late = true;
	else
		to->reset = true;
}

/* What cannot be consumed now stays; it is tried again with the next acknowledgement. */
void tcp_source_consume(struct tcp_flow *flow)
{
	struct tcp *tcp = tcp_state_of(flow);
	struct tcp_to_guest *to = &flow->to_guest;
	uint32_t sequence = to->ended && tcp_before(to->end, to->una) ? to->end : to->una;

	if (!tcp_before(to->base, sequence))
		return;
	if (!to->peeks) {
		uint32_t here = sequence - to->base < to->ring.bytes ? sequence - to->base : to->ring.bytes;

		tcp_chain_consume(&to->ring, &tcp->pool, here);
		tcp_feed_poor(tcp);
		to->base += here;
		/* The rest was peeked, before the socket said that it does not know offsets. */
	}
	while (to->base != sequence) {
		ssize_t got = tcp->sockets->consume(tcp->sockets_owner, flow->fd, sequence - to->base);

		if (got == -ECONNRESET && !to->reset && !to->reset_late) {
			/* told once, and the bytes are there still */
			tcp_source_was_reset(flow);
			continue;
		}
		if (got <= 0)
			break;
		to->base += (uint32_t)got;
	}
	to->peek_at = tcp_later(to->peek_at, to->base);
}

uint32_t tcp_source_kept(const struct tcp_flow *flow)
{
	const struct tcp_to_guest *to = &flow->to_guest;
	uint32_t acknowledged = to->una - to->base;

	return to->ring.bytes > acknowledged ? (uint32_t)to->ring.bytes - acknowledged : 0;
}

void tcp_source_stop(struct tcp_flow *flow)
{
	tcp_chain_clear(&flow->to_guest.ring, &tcp_state_of(flow)->pool);
}
