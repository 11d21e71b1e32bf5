/* SPDX-License-Identifier: MIT */
/* Reassembly, by a map of the 8-byte units that have come: a fragment that touches one of them again overlaps, and when
 * all up to the end are there the packet is whole. The units lie in blocks of a small pool at the places where they belong,
 * so that nothing is sorted, and the whole packet is a list of these blocks.
 *
 * Between IP header and payload stands nothing afterwards: IPv6's headers before the fragment header are for routers on
 * the way, of which there are none left, and IPv4's options likewise. */
#include "nat/fragment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/reader.h"
#include "nat/share.h"
#include "wire/icmp.h"
#include "wire/udp.h"

enum {
	FRAGMENT_PAYLOAD_MAX = 65536,
	FRAGMENT_UNITS = FRAGMENT_PAYLOAD_MAX / FRAGMENT_UNIT,
	FRAGMENT_PIECES = FRAGMENT_PAYLOAD_MAX / FRAGMENT_BLOCK_BYTES,
	FRAGMENT_ECN_CE = 3, /* RFC 3168 5.3 */
	FRAGMENT_L3_MAX = 14 + 2 * 4,
};

_Static_assert(FRAGMENT_PIECES + 1 <= FRAME_PIECES_MAX, "a whole packet is a frame");

/* What fragments of one datagram have in common (RFC 791 3.2, RFC 8200 4.5). */
struct fragment_key {
	struct port *port;
	struct ip6 from, to; /* IPv4 as ::ffff:a.b.c.d */
	uint32_t id;
	uint16_t vlan;
	uint8_t protocol; /* of IPv4 */
	uint8_t is6;
};

/* One fragment, understood. */
struct fragment {
	struct fragment_key key;
	uint32_t at; /* of its payload in the frame */
	uint32_t bytes;
	uint32_t offset; /* in the datagram's payload */
	bool more;
	uint8_t protocol; /* what the payload is */
	uint8_t service;
};

struct fragment_datagram {
	struct list link; /* of the free, of those under way (oldest first), or of the whole ones */
	struct fragment_key key;
	uint64_t due_us;
	struct share *share; /* of who sent it, while it is under way: its blocks are held there */
	struct list shared;  /* of those that hold, oldest first */
	uint32_t block_count;
	uint32_t got_bytes;
	uint32_t end;        /* the payload's length, once the last fragment came; 0 before */
	uint32_t head_bytes; /* Ethernet and IP header; 0: the first fragment has not come */
	uint16_t l3;
	bool congested; /* one of them was marked on its way */
	uint8_t *blocks[FRAGMENT_PIECES];
	uint8_t head[FRAME_HEAD_BYTES];
	struct iovec pieces[FRAGMENT_PIECES];
	uint64_t units[FRAGMENT_UNITS / 64];
};

struct fragments {
	struct fragments_config config;
	struct timer timer;
	struct pool datagrams;
	struct pool blocks;
	struct shares shares;
	struct list waiting; /* oldest first: each waits as long as the others */
	struct list whole;
};

static void fragments_on_due(void *owner, uint64_t now_us);

int fragments_new(const struct fragments_config *config, struct fragments **ret_fragments)
{
	struct fragments *fragments = calloc(1, sizeof(*fragments));
	int error;

	if (!fragments)
		return -ENOMEM;
	fragments->config = *config;
	list_init(&fragments->waiting);
	list_init(&fragments->whole);
	timer_init(&fragments->timer, fragments_on_due, fragments);
	error = pool_init(&fragments->datagrams, sizeof(struct fragment_datagram), FRAGMENT_DATAGRAMS_MAX);
	if (error >= 0)
		error = pool_init(&fragments->blocks, FRAGMENT_BLOCK_BYTES, FRAGMENT_BLOCKS);
	if (error >= 0)
		error = shares_init(&fragments->shares);
	if (error < 0) {
		pool_done(&fragments->blocks);
		pool_done(&fragments->datagrams);
		free(fragments);
		return error;
	}
	*ret_fragments = fragments;
	return 0;
}

/* It is under way no more. */
static void datagram_unshare(struct fragments *fragments, struct fragment_datagram *datagram)
{
	if (!datagram->share)
		return;
	list_remove(&datagram->shared);
	datagram->share->holds -= datagram->block_count;
	share_leave(&fragments->shares, datagram->share);
	datagram->share = NULL;
}

static void datagram_free(struct fragments *fragments, struct fragment_datagram *datagram)
{
	datagram_unshare(fragments, datagram);
	for (int i = 0; i < FRAGMENT_PIECES; i++) {
		if (datagram->blocks[i])
			pool_give(&fragments->blocks, datagram->blocks[i]);
	}
	list_remove(&datagram->link);
	pool_give(&fragments->datagrams, datagram);
}

static void datagrams_free(struct fragments *fragments, struct list *datagrams)
{
	struct list *at;

	while ((at = list_take(datagrams)))
		datagram_free(fragments, container_of(at, struct fragment_datagram, link));
}

void fragments_free(struct fragments *fragments)
{
	if (!fragments)
		return;
	timer_clear(fragments->config.timers, &fragments->timer);
	datagrams_free(fragments, &fragments->waiting);
	datagrams_free(fragments, &fragments->whole);
	pool_done(&fragments->datagrams);
	pool_done(&fragments->blocks);
	shares_done(&fragments->shares);
	free(fragments);
}

void fragments_flush(struct fragments *fragments)
{
	datagrams_free(fragments, &fragments->whole);
}

size_t fragments_count(const struct fragments *fragments)
{
	return fragments->datagrams.taken;
}

size_t fragments_blocks(const struct fragments *fragments)
{
	return fragments->blocks.taken;
}

/* ---- what a frame says ---- */

static enum drop_reason fragment_read4(const struct frame *frame, struct reader *reader, struct fragment *fragment)
{
	struct ip4_header ip;
	enum drop_reason reason = ip4_header_read(reader, frame->length - frame->layout.l3, IP4_SUM_CHECK, &ip);
	struct nat_address from, to;

	if (reason)
		return reason;
	from = nat_address4(ip.from, 0);
	to = nat_address4(ip.to, 0);
	fragment->key.from = from.ip;
	fragment->key.to = to.ip;
	fragment->key.id = ip.id;
	fragment->key.protocol = fragment->protocol = ip.protocol;
	fragment->at = frame->layout.l3 + (uint32_t)ip.header_bytes;
	fragment->bytes = (uint32_t)ip.total_bytes - ip.header_bytes;
	fragment->offset = ip.fragment_offset;
	fragment->more = ip.more_fragments;
	fragment->service = ip.service;
	return DROP_NONE;
}

/* A first fragment's message, behind all headers; `reader` is over it. */
static bool fragment_is_ndp(const struct ip6_extensions *extensions, const struct reader *reader)
{
	return extensions->protocol == IP_PROTOCOL_ICMP6 && extensions->fragment_offset == 0 && reader->left > 0 &&
	       reader->next[0] >= ICMP6_ROUTER_SOLICIT && reader->next[0] <= ICMP6_REDIRECT;
}

static enum drop_reason fragment_read6(const struct frame *frame, struct reader *reader, struct fragment *fragment)
{
	struct ip6_extensions extensions;
	struct ip6_header ip;
	enum drop_reason reason = ip6_header_read(reader, frame->length - frame->layout.l3, &ip);

	if (!reason)
		reason = ip6_extensions_read(reader, ip.next_header, &extensions);
	if (reason)
		return reason;
	if (!extensions.fragment || extensions.bytes > ip.payload_bytes)
		return DROP_IP6_EXTENSION_SHORT;
	if (fragment_is_ndp(&extensions, reader))
		return DROP_FRAGMENT_NDP;
	fragment->key.from = ip.from;
	fragment->key.to = ip.to;
	fragment->key.id = extensions.fragment_id;
	fragment->key.is6 = true;
	/* Behind the fragment header of a first fragment there may be more of them: those are payload here. */
	fragment->protocol = extensions.fragment_protocol;
	fragment->at = frame->layout.l3 + IP6_HEADER_BYTES + (uint32_t)extensions.fragment_bytes;
	fragment->bytes = (uint32_t)ip.payload_bytes - extensions.fragment_bytes;
	fragment->offset = extensions.fragment_offset;
	fragment->more = extensions.more_fragments;
	fragment->service = ip.service;
	return DROP_NONE;
}

/* RFC 8200 4.5: all but the last are multiples of 8, and none ends beyond the largest packet. */
static enum drop_reason fragment_check(const struct fragment *fragment)
{
	/* IPv6's largest packet is 40 bytes longer than IPv4's, and no frame of ours. */
	uint32_t most = fragment->key.is6 ? FRAME_BYTES_MAX - FRAGMENT_L3_MAX - IP6_HEADER_BYTES
					  : IP4_PACKET_MAX - IP4_HEADER_BYTES;

	if (fragment->bytes == 0 || (fragment->more && fragment->bytes % FRAGMENT_UNIT != 0))
		return DROP_FRAGMENT_LENGTH;
	if (fragment->offset + fragment->bytes > most)
		return DROP_FRAGMENT_BEYOND;
	return DROP_NONE;
}

static enum drop_reason fragment_read(const struct frame *frame, struct port *from, struct fragment *ret_fragment)
{
	const struct frame_layout *layout = &frame->layout;
	enum drop_reason reason;
	struct reader reader;

	memset(ret_fragment, 0, sizeof(*ret_fragment)); /* the key is compared as bytes */
	ret_fragment->key.port = from;
	ret_fragment->key.vlan = layout->vlan;
	reader_init(&reader, frame->head + layout->l3, frame->head_bytes - layout->l3);
	if (layout->type == ETHERTYPE_IPV6)
		reason = fragment_read6(frame, &reader, ret_fragment);
	else
		reason = fragment_read4(frame, &reader, ret_fragment);
	return reason ? reason : fragment_check(ret_fragment);
}

/* ---- datagrams under way ---- */

static struct fragment_datagram *datagram_find(const struct fragments *fragments, const struct fragment_key *key)
{
	list_for_each (at, &fragments->waiting) {
		struct fragment_datagram *datagram = container_of(at, struct fragment_datagram, link);

		if (memcmp(&datagram->key, key, sizeof(*key)) == 0)
			return datagram;
	}
	return NULL;
}

static void fragments_set_timer(struct fragments *fragments)
{
	struct fragment_datagram *oldest;

	if (list_empty(&fragments->waiting)) {
		timer_clear(fragments->config.timers, &fragments->timer);
		return;
	}
	oldest = container_of(fragments->waiting.next, struct fragment_datagram, link);
	timer_set(fragments->config.timers, &fragments->timer, oldest->due_us);
}

static void datagram_give_up(struct fragments *fragments, struct fragment_datagram *datagram)
{
	datagram_free(fragments, datagram);
	fragments_set_timer(fragments);
}

/* The oldest datagram of the guest that holds most, but for one. NULL: there is none. */
static struct fragment_datagram *fragments_heaviest(const struct fragments *fragments,
						    const struct fragment_datagram *spared)
{
	struct share *heaviest = shares_heaviest(&fragments->shares, spared ? spared->share : NULL);
	struct list *first;

	if (!heaviest)
		return NULL;
	first = heaviest->kinds[0].next;
	if (spared && first == &spared->shared)
		first = first->next;
	return container_of(first, struct fragment_datagram, shared);
}

/* From one of the pools, when it is empty after another datagram than this made room. */
static void *fragments_take(struct fragments *fragments, struct pool *pool, const struct fragment_datagram *spared)
{
	void *item = pool_take(pool);
	struct fragment_datagram *heaviest = item ? NULL : fragments_heaviest(fragments, spared);

	if (heaviest) {
		port_drop(heaviest->key.port, DROP_FRAGMENT_DISPLACED, NULL);
		datagram_give_up(fragments, heaviest);
		item = pool_take(pool);
	}
	return item;
}

static struct fragment_datagram *datagram_new(struct fragments *fragments, const struct fragment_key *key,
					      uint64_t now_us)
{
	struct fragment_datagram *datagram = fragments_take(fragments, &fragments->datagrams, NULL);

	if (!datagram)
		return NULL;
	memset(datagram, 0, sizeof(*datagram));
	datagram->key = *key;
	datagram->due_us = now_us + FRAGMENT_WAIT_US;
	list_append(&fragments->waiting, &datagram->link);
	datagram->share = share_join(&fragments->shares, key->port);
	list_append(&datagram->share->kinds[0], &datagram->shared);
	fragments_set_timer(fragments);
	return datagram;
}

/* Marks the units as come; false: one of them had. */
static bool datagram_mark(struct fragment_datagram *datagram, uint32_t offset, uint32_t bytes)
{
	uint32_t first = offset / FRAGMENT_UNIT, end = (offset + bytes + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT;

	for (uint32_t unit = first; unit < end; unit++) {
		uint64_t bit = (uint64_t)1 << unit % 64;

		if (datagram->units[unit / 64] & bit)
			return false;
		datagram->units[unit / 64] |= bit;
	}
	return true;
}

/* False: no block is left to be given up for it. */
static bool datagram_fill(struct fragments *fragments, struct fragment_datagram *datagram, const struct frame *frame,
			  const struct fragment *fragment)
{
	uint32_t done = 0;

	while (done < fragment->bytes) {
		uint32_t offset = fragment->offset + done, block = offset / FRAGMENT_BLOCK_BYTES;
		uint32_t within = offset % FRAGMENT_BLOCK_BYTES, count = FRAGMENT_BLOCK_BYTES - within;

		if (count > fragment->bytes - done)
			count = fragment->bytes - done;
		if (!datagram->blocks[block]) {
			datagram->blocks[block] = fragments_take(fragments, &fragments->blocks, datagram);
			if (!datagram->blocks[block])
				return false;
			datagram->block_count++;
			datagram->share->holds++;
		}
		frame_copy(frame, fragment->at + done, datagram->blocks[block] + within, count);
		done += count;
	}
	datagram->got_bytes += fragment->bytes;
	return true;
}

/* The headers of the first fragment, as those of a whole packet; lengths are filled in at the end. */
static void datagram_take_head(struct fragment_datagram *datagram, const struct frame *frame,
			       const struct fragment *fragment)
{
	uint16_t l3 = frame->layout.l3;
	uint8_t *ip = datagram->head + l3;

	assert(l3 <= FRAGMENT_L3_MAX);
	datagram->l3 = l3;
	if (fragment->key.is6) {
		memcpy(datagram->head, frame->head, (size_t)l3 + IP6_HEADER_BYTES);
		ip[IP6_NEXT_HEADER_AT] = fragment->protocol;
		datagram->head_bytes = l3 + (uint32_t)IP6_HEADER_BYTES;
	} else {
		memcpy(datagram->head, frame->head, (size_t)l3 + IP4_HEADER_BYTES);
		ip[0] = 4 << 4 | IP4_HEADER_BYTES / 4;
		memset(ip + IP4_FRAGMENT_AT, 0, 2);
		datagram->head_bytes = l3 + (uint32_t)IP4_HEADER_BYTES;
	}
}

/* Does this fragment contradict what is known of the datagram's end? */
static bool datagram_is_beyond(const struct fragment_datagram *datagram, const struct fragment *fragment)
{
	uint32_t end = fragment->offset + fragment->bytes;

	if (datagram->end)
		return fragment->more ? end > datagram->end : end != datagram->end;
	if (fragment->more)
		return false;
	/* The last one: nothing may have come from behind it. */
	for (uint32_t unit = (end + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT; unit < FRAGMENT_UNITS; unit++) {
		if (datagram->units[unit / 64] & (uint64_t)1 << unit % 64)
			return true;
	}
	return false;
}

static enum drop_reason datagram_add(struct fragments *fragments, struct fragment_datagram *datagram,
				     const struct frame *frame, const struct fragment *fragment)
{
	if (datagram_is_beyond(datagram, fragment))
		return DROP_FRAGMENT_BEYOND;
	if (!datagram_mark(datagram, fragment->offset, fragment->bytes))
		return DROP_FRAGMENT_OVERLAP;
	if (!datagram_fill(fragments, datagram, frame, fragment))
		return DROP_FRAGMENT_FULL;
	if (fragment->offset == 0)
		datagram_take_head(datagram, frame, fragment);
	if (!fragment->more)
		datagram->end = fragment->offset + fragment->bytes;
	if ((fragment->service & FRAGMENT_ECN_CE) == FRAGMENT_ECN_CE)
		datagram->congested = true;
	return DROP_NONE;
}

static void datagram_finish_head(struct fragment_datagram *datagram)
{
	uint8_t *ip = datagram->head + datagram->l3;

	if (datagram->key.is6) {
		/* The traffic class straddles the first two bytes; ECN is its end. */
		if (datagram->congested)
			ip[1] |= FRAGMENT_ECN_CE << 4;
		ip6_header_patch(ip, (uint16_t)datagram->end);
	} else {
		if (datagram->congested)
			ip[1] |= FRAGMENT_ECN_CE;
		ip4_header_patch(ip, (uint16_t)(IP4_HEADER_BYTES + datagram->end), (uint16_t)datagram->key.id);
	}
}

/* As a frame: the headers and what follows them up to FRAME_HEAD_BYTES as its head, the blocks as its body. */
static enum drop_reason datagram_frame(struct fragment_datagram *datagram, struct frame *ret_frame)
{
	uint32_t headers = datagram->head_bytes, early = FRAME_HEAD_BYTES - headers;

	datagram_finish_head(datagram);
	if (early > datagram->end)
		early = datagram->end;
	memcpy(datagram->head + headers, datagram->blocks[0], early);
	*ret_frame = (struct frame){
		.head = datagram->head,
		.head_bytes = headers + early,
		.length = headers + datagram->end,
		.body = datagram->pieces,
	};
	for (uint32_t offset = early; offset < datagram->end;) {
		uint32_t within = offset % FRAGMENT_BLOCK_BYTES, count = FRAGMENT_BLOCK_BYTES - within;

		if (count > datagram->end - offset)
			count = datagram->end - offset;
		datagram->pieces[ret_frame->body_pieces++] =
			(struct iovec){.iov_base = datagram->blocks[offset / FRAGMENT_BLOCK_BYTES] + within,
				       .iov_len = count};
		offset += count;
	}
	return frame_parse(ret_frame);
}

enum drop_reason fragment_input(struct fragments *fragments, struct port *from, const struct frame *frame,
				uint64_t now_us, struct frame *ret_frame, bool *ret_whole)
{
	struct fragment_datagram *datagram;
	struct fragment fragment;
	enum drop_reason reason = fragment_read(frame, from, &fragment);

	*ret_whole = !reason && fragment.offset == 0 && !fragment.more;
	/* RFC 6946 4: a fragment header around a whole packet has nothing to do with others of that number. */
	if (*ret_whole)
		*ret_frame = *frame;
	if (reason || *ret_whole)
		return reason;
	datagram = datagram_find(fragments, &fragment.key);
	if (!datagram)
		datagram = datagram_new(fragments, &fragment.key, now_us);
	if (!datagram)
		return DROP_FRAGMENT_FULL;
	reason = datagram_add(fragments, datagram, frame, &fragment);
	if (reason) {
		datagram_give_up(fragments, datagram);
		return reason;
	}
	if (datagram->end == 0 || datagram->got_bytes < datagram->end)
		return DROP_NONE;
	datagram_unshare(fragments, datagram);
	list_remove(&datagram->link);
	list_append(&fragments->whole, &datagram->link);
	fragments_set_timer(fragments);
	*ret_whole = true;
	return datagram_frame(datagram, ret_frame);
}

/* ---- time ---- */

static void datagram_tell(struct fragments *fragments, struct fragment_datagram *datagram)
{
	const struct fragments_config *config = &fragments->config;
	uint32_t early = FRAME_HEAD_BYTES - datagram->head_bytes;

	if (datagram->head_bytes == 0) {
		config->on_late(config->owner, datagram->key.port, NULL, 0);
		return;
	}
	/* At least a unit of the first fragment is there; more is not certain. */
	early = early < FRAGMENT_UNIT ? early : FRAGMENT_UNIT;
	memcpy(datagram->head + datagram->head_bytes, datagram->blocks[0], early);
	datagram->end = early;
	datagram_finish_head(datagram);
	config->on_late(config->owner, datagram->key.port, datagram->head, datagram->head_bytes + early);
}

static void fragments_on_due(void *owner, uint64_t now_us)
{
	struct fragments *fragments = owner;

	while (!list_empty(&fragments->waiting)) {
		struct fragment_datagram *oldest =
			container_of(fragments->waiting.next, struct fragment_datagram, link);

		if (oldest->due_us > now_us)
			break;
		datagram_tell(fragments, oldest);
		datagram_free(fragments, oldest);
	}
	fragments_set_timer(fragments);
}

void fragments_port_gone(struct fragments *fragments, struct port *port)
{
	list_for_each_safe (at, &fragments->waiting) {
		struct fragment_datagram *datagram = container_of(at, struct fragment_datagram, link);

		if (datagram->key.port == port)
			datagram_free(fragments, datagram);
	}
	fragments_set_timer(fragments);
}
