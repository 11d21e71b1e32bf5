/* SPDX-License-Identifier: MIT */
/* IP fragments, both ways: those of guests put together (RFC 791 3.2, RFC 8200 4.5), and datagrams that are larger than
 * the network's MTU cut for them. Bounded in every direction: datagrams under way, the memory of all of them, and time.
 * Nothing is allocated for a packet. When one of the bounds is met, the oldest datagram of the port that holds most memory
 * makes room: who sends beginnings without ends gives up his own, and no other guest's wait for theirs in vain.
 *
 * A datagram whose fragments overlap is given up whole (RFC 5722 4), IPv4's as well: nobody honest makes such. An exact
 * repetition is an overlap too. Neighbour discovery in fragments is refused (RFC 6980 5). */
#ifndef NAT_FRAGMENT_H
#define NAT_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/timer.h"
#include "fabric/frame.h"
#include "fabric/port.h"
#include "nat/nat_state.h"

enum fragment_limits {
	FRAGMENT_UNIT = 8, /* offsets are multiples of it */
	FRAGMENT_DATAGRAMS_MAX = 128,
	FRAGMENT_BLOCKS = 320, /* 640 KiB for all datagrams under way */
	FRAGMENT_BLOCK_BYTES = 2048,
	FRAGMENT_WAIT_US = 30 * 1000 * 1000, /* RFC 8200 says 60 s, RFC 791 15 s at least */
};

struct fragments;

struct fragments_config {
	struct timers *timers; /* the loop's: one is set while something waits */
	/* A datagram was given up because its rest did not come. `frame` is its beginning, as if that were a packet, as
	 * much of it as an error quotes; NULL without the first fragment. To be counted (DROP_FRAGMENT_LATE at the port)
	 * and, when there is a frame, told to its sender (RFC 8200 4.5, RFC 1122 3.3.2). Outside a delivery. */
	void (*on_late)(void *owner, struct port *port, const uint8_t *frame, uint32_t bytes);
	void *owner;
};

/* 0 or -ENOMEM. The config is copied. */
int fragments_new(const struct fragments_config *config, struct fragments **ret_fragments);
void fragments_free(struct fragments *fragments);

/* In a delivery: a parsed frame whose layout says `fragment`. DROP_NONE and *ret_whole: it was the last one missing, and
 * `ret_frame` is the whole packet, parsed, valid until fragments_flush(); its IP header says that it is no fragment.
 * DROP_NONE without: kept. Else the reason: DROP_FRAGMENT_… or what is wrong with the headers. */
enum drop_reason fragment_input(struct fragments *fragments, struct port *from, const struct frame *frame,
				uint64_t now_us, struct frame *ret_frame, bool *ret_whole);
/* In a delivery, at its end: packets that were made whole are given up. */
void fragments_flush(struct fragments *fragments);
/* The port is about to be detached. */
void fragments_port_gone(struct fragments *fragments, struct port *port);
/* Datagrams under way, and blocks that they hold. */
size_t fragments_count(const struct fragments *fragments);
size_t fragments_blocks(const struct fragments *fragments);

/* A whole packet in an untagged frame, larger than the MTU, as fragments: the one from *offset of the packet's payload on,
 * into room for a frame; *offset moves behind it. How many bytes; 0: that was the last. */
uint32_t fragment_cut(const uint8_t *frame, uint32_t bytes, uint32_t mtu_bytes, uint32_t id, uint32_t *offset,
		      uint8_t *to);
/* Outside a delivery: a transport's whole message to the flow's guest, cut to the network's MTU where it must be, with
 * its checksum filled in. `head->id` is the identification, `id6` that of IPv6's fragments. 0; -EAGAIN: there was no room
 * for all of it, and the flow waits (what went is lost, like any packet of which a part is); -EMSGSIZE: longer than a packet. */
int fragment_send(struct flow *flow, const struct nat_head *head, uint32_t id6, const uint8_t *message, uint32_t bytes,
		  struct flow_budget *budget);

#endif
