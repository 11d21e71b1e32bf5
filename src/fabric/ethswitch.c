/* SPDX-License-Identifier: MIT */
/* The switch. A frame's way: one look at its head (frame_parse), its size, its source (which is learnt), its
 * destination, and delivery.c for each port that is one. Nothing is copied and nothing allocated, but for two kinds of
 * frames: those in more pieces than a port takes are gathered into a pool frame, and those of a guest that leaves
 * checksums unfinished without saying so get a head of their own to write to. */
#include "fabric/ethswitch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/delivery.h"
#include "fabric/ethswitch_state.h"
#include "fabric/segment.h"

enum {
	ETHSWITCH_FRAMES = 64,
	ETHSWITCH_BLOCKS = 4096,
	ETHSWITCH_BLOCK_BYTES = 4096,
	ETHSWITCH_FROM_AT = 6, /* the source address, IEEE 802.3 3.1.1 */
};

#define ETHSWITCH_GROUP ((uint64_t)1 << 40) /* in an address as a number */

/* ---- life ---- */

static uint64_t ethswitch_address(const uint8_t *at)
{
	struct mac mac;

	memcpy(mac.byte, at, sizeof(mac.byte));
	return mactable_number(mac);
}

static int ethswitch_init_pools(struct ethswitch *ethswitch)
{
	const struct ethswitch_config *config = &ethswitch->config;
	int error = pool_init(&ethswitch->frames, FRAME_ROOM_BYTES, config->frames ? config->frames : ETHSWITCH_FRAMES);

	if (error)
		return error;
	return pool_init(&ethswitch->blocks, ETHSWITCH_BLOCK_BYTES, config->blocks ? config->blocks : ETHSWITCH_BLOCKS);
}

int ethswitch_new(const struct ethswitch_config *config, struct ethswitch **ret_ethswitch)
{
	struct ethswitch *ethswitch = calloc(1, sizeof(*ethswitch));
	int error;

	if (!ethswitch)
		return -ENOMEM;
	ethswitch->config = *config;
	ethswitch->gateway_number = mactable_number(config->gateway);
	list_init(&ethswitch->ports);
	list_init(&ethswitch->ready);
	list_init(&ethswitch->dirty);
	list_init(&ethswitch->held);
	ethswitch->scratch = malloc(ETHSWITCH_SCRATCH_BYTES);
	ethswitch->view = malloc(ROOM_PIECES_MAX * sizeof(ethswitch->view[0]));
	error = ethswitch->scratch && ethswitch->view ? 0 : -ENOMEM;
	if (!error)
		error = ethswitch_init_pools(ethswitch);
	if (!error)
		error = mactable_init(&ethswitch->addresses, &config->key, config->mac_move);
	if (error) {
		ethswitch_free(ethswitch);
		return error;
	}
	*ret_ethswitch = ethswitch;
	return 0;
}

void ethswitch_free(struct ethswitch *ethswitch)
{
	if (!ethswitch)
		return;
	assert(list_empty(&ethswitch->ports));
	mactable_done(&ethswitch->addresses);
	pool_done(&ethswitch->blocks);
	pool_done(&ethswitch->frames);
	free(ethswitch->view);
	free(ethswitch->scratch);
	free(ethswitch);
}

void ethswitch_set_now(struct ethswitch *ethswitch, uint64_t now_us)
{
	ethswitch->now_us = now_us;
}

uint64_t ethswitch_now_us(const struct ethswitch *ethswitch)
{
	return ethswitch->now_us;
}

uint32_t ethswitch_mtu(const struct ethswitch *ethswitch)
{
	return ethswitch->config.mtu_bytes;
}

struct pool *ethswitch_blocks(struct ethswitch *ethswitch)
{
	return &ethswitch->blocks;
}

struct pool *ethswitch_frames(struct ethswitch *ethswitch)
{
	return &ethswitch->frames;
}

struct list *ethswitch_ports(struct ethswitch *ethswitch)
{
	return &ethswitch->ports;
}

struct drops *ethswitch_drops(struct ethswitch *ethswitch)
{
	return &ethswitch->drops;
}

struct port *ethswitch_source(const struct ethswitch *ethswitch)
{
	return ethswitch->source;
}

void ethswitch_observe(struct ethswitch *ethswitch, const struct observer *observer)
{
	ethswitch->observer = observer;
}

bool ethswitch_busy(const struct ethswitch *ethswitch)
{
	return ethswitch->busy;
}

void ethswitch_attach(struct ethswitch *ethswitch, struct port *port)
{
	assert(!port->ethswitch && port->ops->queue && port->ops->flush);
	port->ethswitch = ethswitch;
	list_append(&ethswitch->ports, &port->link);
}

void ethswitch_detach(struct port *port)
{
	struct ethswitch *ethswitch = port->ethswitch;
	struct list *waiter;

	if (!ethswitch)
		return;
	if (ethswitch->cursor == &port->link)
		ethswitch->cursor = port->link.next;
	if (ethswitch->source == port)
		ethswitch->source = NULL;
	if (ethswitch->target == port)
		ethswitch->target = NULL;
	if (ethswitch->gateway == port)
		ethswitch->gateway = NULL;
	mactable_forget(&ethswitch->addresses, port);
	list_remove(&port->link);
	list_remove(&port->dirty);
	list_remove(&port->ready);
	port->conflict = (struct mac){{0}};
	port->ethswitch = NULL;
	for (uint32_t queue = 0; queue < PORT_QUEUES_MAX; queue++) {
		while ((waiter = list_take(&port->waiters[queue]))) {
			struct port_waiter *who = container_of(waiter, struct port_waiter, link);

			if (who->on_room)
				who->on_room(who->owner, port);
		}
	}
}

/* ---- what a frame must be ---- */

static enum drop_reason ethswitch_check_size(const struct ethswitch *ethswitch, const struct frame *frame)
{
	uint32_t packet = segment_bytes_max(frame) - frame->layout.l3;

	if (frame->offload.gso == GSO_NONE)
		return packet > ethswitch->config.mtu_bytes ? DROP_FRAME_LONG : DROP_NONE;
	packet = (uint32_t)frame->layout.payload - frame->layout.l3 + frame->offload.segment_bytes;
	return packet > ethswitch->config.mtu_bytes ? DROP_OFFLOAD_GSO_SIZE : DROP_NONE;
}

static void ethswitch_tell(const struct ethswitch *ethswitch, const struct mactable_news *news, const uint8_t *source)
{
	const struct ethswitch_config *config = &ethswitch->config;
	struct mac mac;

	memcpy(mac.byte, source, sizeof(mac.byte));
	switch (news->event) {
	case MACTABLE_NOTHING:
		break;
	case MACTABLE_LEARNED:
		for (uint32_t queue = 0; news->second && queue < PORT_QUEUES_MAX; queue++)
			port_room_returned(news->second, queue);
		if (config->on_learned)
			config->on_learned(config->owner, news->first, mac, news->second);
		break;
	case MACTABLE_CLAIMED:
		if (config->on_claim)
			config->on_claim(config->owner, news->first, news->second, mac);
		break;
	case MACTABLE_CONFLICT:
		if (config->on_conflict)
			config->on_conflict(config->owner, news->first, news->second, mac);
		break;
	}
}

/* The gateway's address is its own: another uplink that uses it is the far side of a loop. */
static bool ethswitch_is_gateway(struct ethswitch *ethswitch, struct port *from)
{
	if (!from->uplink)
		return false;
	if (!ethswitch->gateway)
		ethswitch->gateway = from;
	return ethswitch->gateway == from;
}

/* A source that this port did not bring lately. Not inlined: every frame would pay for its room on the stack. */
static __attribute__((noinline)) enum drop_reason ethswitch_learn(struct ethswitch *ethswitch, struct port *from,
								  uint64_t mac, const struct frame *frame)
{
	struct mactable_news news = {.event = MACTABLE_NOTHING};
	enum drop_reason reason =
		mactable_hear(&ethswitch->addresses, from, mac, frame->layout.vlan, ethswitch->now_us, &news);

	if (news.event != MACTABLE_NOTHING)
		ethswitch_tell(ethswitch, &news, frame->head + ETHSWITCH_FROM_AT);
	return reason;
}

/* Checks the source and learns it. */
static enum drop_reason ethswitch_check_source(struct ethswitch *ethswitch, struct port *from,
					       const struct frame *frame)
{
	uint64_t mac = ethswitch_address(frame->head + ETHSWITCH_FROM_AT);

	if ((mac & ETHSWITCH_GROUP) || mac == 0)
		return DROP_SOURCE_MULTICAST;
	if (mac == ethswitch->gateway_number && !ethswitch_is_gateway(ethswitch, from))
		return DROP_SOURCE_GATEWAY;
	if (from->locked && !from->uplink && mac != mactable_number(from->lock))
		return DROP_SOURCE_SPOOFED;
	if (mactable_hears(&ethswitch->addresses, from, mac, frame->layout.vlan, ethswitch->now_us))
		return DROP_NONE;
	return ethswitch_learn(ethswitch, from, mac, frame);
}

enum drop_reason ethswitch_judge(struct ethswitch *ethswitch, struct port *from, const struct frame *frame)
{
	enum drop_reason reason = ethswitch_check_size(ethswitch, frame);

	return reason ? reason : ethswitch_check_source(ethswitch, from, frame);
}

/* ---- frames that are copied ---- */

enum drop_reason ethswitch_gather(struct ethswitch *ethswitch, struct frame *frame)
{
	uint8_t *bytes = delivery_borrow(ethswitch);

	if (!bytes)
		return DROP_POOL_EMPTY;
	delivery_hold(ethswitch, bytes);
	frame_copy(frame, 0, bytes, frame->length);
	frame->head = bytes;
	frame->head_bytes = frame->length;
	frame->body = NULL;
	frame->body_pieces = 0;
	return DROP_NONE;
}

/* A head that we may write to, kept for the whole frame, and the sums of a guest that does not finish them. */
static void ethswitch_adopt(struct ethswitch *ethswitch, struct frame *frame)
{
	uint32_t head_bytes = frame->head_bytes < FRAME_HEAD_BYTES ? frame->head_bytes : FRAME_HEAD_BYTES;
	size_t list_bytes = (frame->body_pieces + 1) * sizeof(struct iovec);
	uint8_t *at = delivery_scratch(ethswitch, list_bytes + FRAME_HEAD_BYTES);
	struct iovec *pieces;

	if (!at) {
		delivery_flush_ports(ethswitch);
		at = delivery_scratch(ethswitch, list_bytes + FRAME_HEAD_BYTES);
		assert(at);
	}
	ethswitch->scratch_kept = ethswitch->scratch_used;
	pieces = (struct iovec *)(void *)at;
	frame->body_pieces = (uint32_t)frame_slice(frame, head_bytes, frame->length - head_bytes, pieces,
						   (int)frame->body_pieces + 1);
	frame->body = pieces;
	frame->head = memcpy(at + list_bytes, frame->head, head_bytes);
	frame->head_bytes = head_bytes;
	segment_adopt(frame, at + list_bytes, ethswitch->config.mtu_bytes);
}

/* ---- where a frame goes ---- */

static void ethswitch_flood(struct ethswitch *ethswitch, struct port *from, const struct frame *frame)
{
	bool reached = false, isolated = false;

	ethswitch->cursor = ethswitch->ports.next;
	while (ethswitch->cursor != &ethswitch->ports) {
		struct port *port = container_of(ethswitch->cursor, struct port, link);

		ethswitch->cursor = ethswitch->cursor->next;
		if (port == from)
			continue;
		if (ethswitch_isolates(from, port)) {
			isolated = true;
			continue;
		}
		reached = true;
		delivery_to(ethswitch, port, frame);
	}
	ethswitch->cursor = NULL;
	if (!reached)
		port_drop(from, isolated ? DROP_DESTINATION_ISOLATED : DROP_NO_OTHER_PORT, frame);
}

/* 01:80:c2:00:00:00 … 0f end at every bridge, IEEE 802.1D 7.12.6. */
static bool ethswitch_is_reserved(uint64_t mac)
{
	return (mac & ~(uint64_t)0xf) == 0x0180c2000000;
}

static void ethswitch_route(struct ethswitch *ethswitch, struct port *from, const struct frame *frame)
{
	uint64_t mac = ethswitch_address(frame->head);
	struct port *to;

	if (mac & ETHSWITCH_GROUP) {
		if (ethswitch_is_reserved(mac))
			port_drop(from, DROP_DESTINATION_RESERVED, frame);
		else
			ethswitch_flood(ethswitch, from, frame);
		return;
	}
	to = mactable_find(&ethswitch->addresses, mac, frame->layout.vlan, ethswitch->now_us);
	if (!to)
		ethswitch_flood(ethswitch, from, frame);
	else if (to == from)
		port_drop(from, DROP_DESTINATION_SAME_PORT, frame);
	else if (ethswitch_isolates(from, to))
		port_drop(from, DROP_DESTINATION_ISOLATED, frame);
	else
		delivery_to(ethswitch, to, frame);
}

/* Everything that decides whether a frame is let in. */
static enum drop_reason ethswitch_accept(struct ethswitch *ethswitch, struct port *from, struct frame *frame)
{
	enum drop_reason reason = frame_parse(frame);

	if (!reason && frame->body_pieces >= FRAME_PIECES_MAX)
		reason = ethswitch_gather(ethswitch, frame);
	if (!reason && from->adopt_csum)
		ethswitch_adopt(ethswitch, frame);
	return reason ? reason : ethswitch_judge(ethswitch, from, frame);
}

void ethswitch_input_one(struct ethswitch *ethswitch, struct port *from, struct frame *frame)
{
	enum drop_reason reason = ethswitch_accept(ethswitch, from, frame);

	if (reason) {
		port_drop(from, reason, frame);
	} else {
		if (ethswitch->observer && ethswitch->observer->on_from_guest)
			ethswitch->observer->on_from_guest(ethswitch->observer->owner, from, frame);
		ethswitch_route(ethswitch, from, frame);
	}
	ethswitch->scratch_kept = 0;
}

void ethswitch_input(struct port *from, struct frame *frames, size_t count)
{
	struct ethswitch *ethswitch = from->ethswitch;

	assert(ethswitch && !ethswitch->busy);
	ethswitch->busy = true;
	ethswitch->source = from;
	for (size_t i = 0; i < count; i++) {
		ethswitch_count(from, frames[i].length);
		if (ethswitch->source == from)
			ethswitch_input_one(ethswitch, from, &frames[i]);
		else
			port_drop(from, DROP_PORT_CLOSED, &frames[i]);
	}
	delivery_flush(ethswitch);
	ethswitch->source = NULL;
	ethswitch->busy = false;
}

void ethswitch_flush(struct ethswitch *ethswitch)
{
	if (ethswitch->busy)
		return; /* what is under way ends with one */
	ethswitch->busy = true;
	delivery_flush(ethswitch);
	ethswitch->busy = false;
}

bool ethswitch_run(struct ethswitch *ethswitch)
{
	struct list round, *ready;

	assert(!ethswitch->busy);
	list_init(&round);
	list_append_all(&round, &ethswitch->ready);
	while ((ready = list_take(&round))) {
		struct port *port = container_of(ready, struct port, ready);

		if (port->ops->run)
			port->ops->run(port);
	}
	ethswitch_flush(ethswitch);
	return !list_empty(&ethswitch->ready);
}

/* ---- looking ---- */

struct port *ethswitch_find(const struct ethswitch *ethswitch, struct mac mac, uint16_t vlan)
{
	return mactable_find(&ethswitch->addresses, mactable_number(mac), vlan, ethswitch->now_us);
}

void ethswitch_each_address(const struct ethswitch *ethswitch,
			    void (*on_address)(void *owner, struct mac mac, uint16_t vlan, struct port *port,
					       uint64_t heard_us),
			    void *owner)
{
	mactable_each(&ethswitch->addresses, ethswitch->now_us, on_address, owner);
}

struct port *ethswitch_conflict(const struct ethswitch *ethswitch, struct mac mac)
{
	list_for_each (at, &ethswitch->ports) {
		struct port *port = container_of(at, struct port, link);

		if (mac_equal(port->conflict, mac) && !mac_is_zero(mac) &&
		    ethswitch->now_us - port->conflict_us < ETHSWITCH_AGE_US)
			return port;
	}
	return NULL;
}
