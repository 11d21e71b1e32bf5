/* SPDX-License-Identifier: MIT */
/* The learning switch: one Ethernet segment. It owns the address table, the pools and the order of delivery; it does
 * not own its ports. Pure: time and random numbers come in, nothing is sent but through ports.
 *
 * Ownership of an address. The port where a source address was first heard owns it. A second port that uses it is
 * refused (SOURCE_CONFLICT) while the owner is alive; "alive" is found out, not assumed: the first refused frame makes a
 * claim, on_claim() lets the gateway ask the owner for a sign of life, and
 *   owner heard within CLAIM_US after the claim           -> conflict: on_conflict() once (port->told says
 *                                                            whether it is the port's second address), refused on
 *   owner silent for CLAIM_US after the claim, or detached -> moved: the claimant owns it
 * What was heard before the claim says nothing: a guest that moves was alive at its old port until just now. In a conflict
 * the claim is made anew, and on_claim() called again, whenever the owner has been silent for CLAIM_US: a guest that went
 * without a word loses its address in the end. From a port that knows its guest to be away (port.h: a vhost-user guest whose
 * rings are stopped, as they are when it has been migrated) anybody takes it at once. A port whose lock is this address takes it at once from one
 * that is not locked to it, and an uplink from anyone. The gateway's address belongs to the first uplink that
 * uses it. This is also what stops loops between networks: a frame that comes back carries an address owned elsewhere. With
 * mac_move every claim moves at once, and MOVES_MAX moves in a second are SOURCE_FLAPPING. Who waits for room at the port
 * that an address has moved from is called, to ask at the other.
 *
 * Order of delivery: ethswitch_input() routes each frame of the batch to queue() of its ports, then flush()es the dirty
 * ones. A frame handed in or room reserved meanwhile is a programming error: ports keep what they have and
 * port_schedule() themselves; ethswitch_run() serves them in rounds. That goes for the callbacks below too.
 *
 * Who counts a drop. A frame that goes nowhere is counted once, at the port it came from; a frame that a port cannot take
 * (too large for it, no room to cut it) at that port, at each one when it was for several. */
#ifndef FABRIC_ETHSWITCH_H
#define FABRIC_ETHSWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/pool.h"
#include "fabric/frame.h"
#include "fabric/port.h"
#include "wire/ethernet.h"

enum ethswitch_limits {
	ETHSWITCH_ADDRESSES_MAX = 8192,
	ETHSWITCH_ADDRESSES_PER_PORT = 2048,
	ETHSWITCH_AGE_US = 300 * 1000 * 1000, /* IEEE 802.1D 7.9.2's default */
	ETHSWITCH_CLAIM_US = 1000 * 1000,
	ETHSWITCH_MOVES_MAX = 8,
	ETHSWITCH_SCRATCH_BYTES = 65536, /* heads of cut frames: 500 to 800 segments between two flushes */
};

/* Who watches. Every member may be NULL; a NULL observer costs one test per frame. */
struct observer {
	void (*on_from_guest)(void *owner, struct port *port, const struct frame *frame);
	void (*on_to_guest)(void *owner, struct port *port, const struct frame *frame);
	/* Every drop, with the frame where there is one. */
	void (*on_drop)(void *owner, struct port *port, enum drop_reason reason, const struct frame *frame);
	void *owner;
};

struct ethswitch_config {
	uint32_t mtu_bytes; /* what an IP packet may have on this network */
	struct hash_key key;
	bool mac_move;
	struct mac gateway; /* no guest may use it; all zero: there is none */
	size_t frames;      /* pool frames of FRAME_BYTES_MAX and a header's room; 0: 64 */
	size_t blocks;      /* blocks for the ports' queues; 0: 4096 */
	/* All may be NULL. on_learned: an address is new on this port (joined, came back after ageing, or moved there from
	 * `before`, which is NULL otherwise). */
	void (*on_learned)(void *owner, struct port *port, struct mac mac, struct port *before);
	void (*on_claim)(void *owner, struct port *first, struct port *second, struct mac mac);
	void (*on_conflict)(void *owner, struct port *first, struct port *second, struct mac mac);
	/* The first drop for this reason on this port. */
	void (*on_first_drop)(void *owner, struct port *port, enum drop_reason reason);
	/* Something was scheduled while nothing was: ethswitch_run() is wanted. */
	void (*on_work)(void *owner);
	void *owner;
};

int ethswitch_new(const struct ethswitch_config *config, struct ethswitch **ret_ethswitch);
/* All ports must be detached. */
void ethswitch_free(struct ethswitch *ethswitch);

/* The time that everything here goes by, from its owner, at the start of each turn. */
void ethswitch_set_now(struct ethswitch *ethswitch, uint64_t now_us);
uint64_t ethswitch_now_us(const struct ethswitch *ethswitch);
uint32_t ethswitch_mtu(const struct ethswitch *ethswitch);
/* Blocks for queues (framequeue.h) and frames of FRAME_ROOM_BYTES; shared by all ports of the network. */
struct pool *ethswitch_blocks(struct ethswitch *ethswitch);
struct pool *ethswitch_frames(struct ethswitch *ethswitch);
/* Every drop on this network so far, of ports that left too. Who refuses before there is a port counts here himself. */
struct drops *ethswitch_drops(struct ethswitch *ethswitch);
/* NULL ends it. Read on every frame: attach it only while somebody looks. */
void ethswitch_observe(struct ethswitch *ethswitch, const struct observer *observer);

void ethswitch_attach(struct ethswitch *ethswitch, struct port *port);
/* Forgets its addresses, its waiters (called, so that they see it is gone: port->ethswitch is NULL) and its schedule.
 * May be called from the port's own queue(), flush() or run(), and twice; the port's memory may go at once, but for the
 * port whose ethswitch_input() is under way. */
void ethswitch_detach(struct port *port);
/* All ports, for show: list of struct port by its link. */
struct list *ethswitch_ports(struct ethswitch *ethswitch);

/* A batch from a port's far end. The frames and their bytes are the caller's; they are not needed after the return, and
 * `layout` and `offload` are written to. */
void ethswitch_input(struct port *from, struct frame *frames, size_t count);
/* Whose frames are being delivered; NULL: nobody's, or the port has gone meanwhile. */
struct port *ethswitch_source(const struct ethswitch *ethswitch);
/* True while a delivery is under way: input must be kept for a round of its own. */
bool ethswitch_busy(const struct ethswitch *ethswitch);
/* One round of the scheduled ports; true when there is more. */
bool ethswitch_run(struct ethswitch *ethswitch);

/* Lends room for one frame from `from` to this destination. One known port: its own room. Several or unknown, or a port
 * without reserve(): a pool frame that commit delivers, and `ret_room->port` is NULL. 0, -EAGAIN, -EMSGSIZE, as reserve().
 * On -EAGAIN `ret_room->port` and its `queue` are what to port_wait() for; NULL: the pool is empty, and only a later turn helps. */
int ethswitch_reserve(struct port *from, const struct destination *to, uint32_t least, uint32_t wanted,
		      struct room *ret_room);
/* The first min(bytes, FRAME_HEAD_BYTES) bytes once more from private memory: what is routed and counted. */
void ethswitch_commit(struct port *from, struct room *room, const void *head, uint32_t bytes,
		      const struct offload *offload);
void ethswitch_cancel(struct port *from, struct room *room);
/* Tells the far ends of everything committed since the last flush: once per batch. */
void ethswitch_flush(struct ethswitch *ethswitch);

/* Where an address is, or NULL. Does not refresh it. */
struct port *ethswitch_find(const struct ethswitch *ethswitch, struct mac mac, uint16_t vlan);
/* Calls for each known address, aged ones left out. */
void ethswitch_each_address(const struct ethswitch *ethswitch,
			    void (*on_address)(void *owner, struct mac mac, uint16_t vlan, struct port *port,
					       uint64_t heard_us),
			    void *owner);
/* The port that has this address in conflict with its owner, for show; NULL when there is none. */
struct port *ethswitch_conflict(const struct ethswitch *ethswitch, struct mac mac);

enum { FRAME_ROOM_BYTES = 69632 }; /* FRAME_BYTES_MAX behind a tap's or a ring's header, in whole pages */

#endif
