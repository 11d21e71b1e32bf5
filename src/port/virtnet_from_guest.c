/* SPDX-License-Identifier: MIT */
/* From a virtio guest (virtnet.h): a turn's chains become a batch of frames, which is handed to the switch and then given
 * back; and which pair the guest sends a conversation in. */
#include "port/virtnet_state.h"

#include "fabric/ethswitch.h"
#include "fabric/steer.h"
#include "port/steering.h"
#include "port/vnet_header.h"
#include "virtio/pieces.h"

struct virtnet_batch {
	uint32_t chains;
	uint32_t pieces, bytes; /* of the chains */
	uint32_t frames;
};

/* False when there is no more for now. */
static bool virtnet_take_one(struct virtnet *virtnet, struct virtnet_ring *ring, struct virtnet_batch *batch)
{
	struct iovec *pieces = virtnet->scratch->pieces + batch->pieces;
	struct ring_chain *chain = &virtnet->scratch->chains[batch->chains];

	if (!ring_take(&ring->ring, RING_FROM_GUEST, pieces, RING_PIECES_MAX, chain))
		return false;
	if (chain->readable_bytes < ring->ring.header_bytes) {
		ring_break(&ring->ring, DROP_RING_HEADER);
		return false;
	}
	pieces_fetch(pieces);
	batch->chains++;
	batch->pieces += chain->readable_pieces;
	batch->bytes += chain->readable_bytes;
	return true;
}

/* A chain that was taken as a frame, or dropped by name. */
static void virtnet_read_one(struct virtnet *virtnet, const struct virtnet_ring *ring, struct virtnet_batch *batch,
			     struct iovec *pieces, const struct ring_chain *chain)
{
	struct virtnet_scratch *scratch = virtnet->scratch;
	struct frame *frame = &scratch->frames[batch->frames];
	uint8_t *head = scratch->heads[batch->frames];
	uint32_t header_bytes = ring->ring.header_bytes, most = header_bytes + FRAME_HEAD_BYTES;
	uint32_t bytes = chain->readable_bytes;
	struct offload offload;
	enum drop_reason reason;

	bytes = (uint32_t)pieces_read(pieces, chain->readable_pieces, 0, head, bytes < most ? bytes : most);
	reason = vnet_header_read(head, &offload);
	if (reason != DROP_NONE) {
		port_drop(&virtnet->port, reason, NULL);
		return;
	}
	/* that it was checked is the device's to say (virtio 1.2, 5.1.6.2) */
	if (offload.csum == CSUM_VERIFIED)
		offload.csum = CSUM_UNKNOWN;
	*frame = (struct frame){
		.head = head + header_bytes,
		.head_bytes = bytes - header_bytes,
		.length = chain->readable_bytes - header_bytes,
		.offload = offload,
		.body = pieces,
		.body_pieces = pieces_skip(pieces, chain->readable_pieces, bytes),
	};
	batch->frames++;
}

static void virtnet_read_all(struct virtnet *virtnet, const struct virtnet_ring *ring, struct virtnet_batch *batch)
{
	struct virtnet_scratch *scratch = virtnet->scratch;
	struct iovec *pieces = scratch->pieces;

	for (uint32_t i = 0; i < batch->chains; i++) {
		if (ring->on)
			virtnet_read_one(virtnet, ring, batch, pieces, &scratch->chains[i]);
		else
			port_drop(&virtnet->port, DROP_RING_OFF, NULL);
		pieces += scratch->chains[i].readable_pieces;
	}
}

static void virtnet_hear(struct virtnet *virtnet, uint32_t flow, uint32_t pair, uint64_t now_us)
{
	uint32_t before;

	/* what waits there is to come first */
	if (virtnet_choose(virtnet, flow, &before) && before != pair && !framequeue_empty(&virtnet->waiting[before]))
		return;
	steering_hear(&virtnet->steering, flow, pair, now_us);
}

/* Frames that the guest sent, as the switch has parsed them. */
static void virtnet_hear_all(struct virtnet *virtnet, uint32_t pair, const struct frame *frames, uint32_t count)
{
	const struct ethswitch *ethswitch = virtnet->port.ethswitch;
	uint32_t last = 0;

	if (!ethswitch || virtnet->used_count < 2)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t flow = steer_frame(&frames[i], true);

		if (flow != last)
			virtnet_hear(virtnet, flow, pair, ethswitch_now_us(ethswitch));
		last = flow;
	}
}

/* What is left of a turn. */
struct virtnet_budget {
	uint32_t chains;
	uint32_t bytes;
};

/* One pair's part of a turn; true when there may be more. */
static bool virtnet_serve(struct virtnet *virtnet, uint32_t pair, struct virtnet_budget *budget)
{
	uint32_t number = virtnet_from_guest(pair);
	struct virtnet_ring *ring = &virtnet->rings[number];
	struct virtnet_batch batch = {0};
	bool more = true;

	while (more && batch.chains < budget->chains && batch.bytes < budget->bytes &&
	       batch.pieces + RING_PIECES_MAX <= VIRTNET_PIECES)
		more = virtnet_take_one(virtnet, ring, &batch);
	virtnet_read_all(virtnet, ring, &batch);
	budget->chains -= batch.chains;
	budget->bytes -= batch.bytes < budget->bytes ? batch.bytes : budget->bytes;
	if (batch.frames > 0) {
		ethswitch_input(&virtnet->port, virtnet->scratch->frames, batch.frames);
		virtnet_hear_all(virtnet, pair, virtnet->scratch->frames, batch.frames);
	}
	/* A ring that broke meanwhile still returns what it gave: the memory is there. */
	for (uint32_t i = 0; i < batch.chains; i++)
		ring_return(&ring->ring, &virtnet->scratch->chains[i], 0);
	if (batch.chains > 0)
		ring->dirty = true;
	virtnet_flush_ring(virtnet, number);
	virtnet_check(virtnet, number);
	return more || ring_arm(&ring->ring);
}

/* A pair that was served goes to the end; one that the budget did not reach comes first in the next turn. */
void virtnet_serve_all(struct virtnet *virtnet)
{
	struct virtnet_budget budget = {.chains = PORT_TURN_FRAMES, .bytes = PORT_TURN_BYTES};
	uint32_t first = virtnet->turn;

	for (uint32_t i = 0; i < VIRTNET_PAIRS_MAX && budget.chains > 0 && budget.bytes > 0; i++) {
		uint32_t pair = (first + i) % VIRTNET_PAIRS_MAX;
		const struct virtnet_ring *ring = &virtnet->rings[virtnet_from_guest(pair)];

		if (!(virtnet->kicked & 1u << pair))
			continue;
		virtnet->kicked &= (uint8_t) ~(1u << pair);
		virtnet->turn = (pair + 1) % VIRTNET_PAIRS_MAX;
		/* it may be stopped by what another's frames brought about */
		if (ring->started && ring->ring.broken == DROP_NONE && virtnet_serve(virtnet, pair, &budget))
			virtnet->kicked |= (uint8_t)(1u << pair);
	}
}
