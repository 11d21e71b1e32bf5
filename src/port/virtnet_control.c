/* SPDX-License-Identifier: MIT */
/* The control queue of a virtio guest (virtnet.h; virtio 1.2, 5.1.6.5): commands are read and answered in the ring. How
 * many pairs of queues are used is the only one that is understood; all others are refused, which drivers expect. */
#include "port/virtnet_state.h"

#include "virtio/pieces.h"

enum virtnet_control_command {
	CONTROL_MQ = 4,          /* class */
	CONTROL_MQ_PAIRS = 0,    /* command of it */
	CONTROL_PAIRS_BYTES = 4, /* class, command, and the number */
	CONTROL_PIECES = 64,     /* drivers use three or four */
};

enum virtnet_control_answer {
	CONTROL_OK = 0,
	CONTROL_ERROR = 1,
};

/* Virtio 1.2, 5.1.6.5.6. */
static enum virtnet_control_answer virtnet_command(struct virtnet *virtnet, const struct iovec *pieces,
						   const struct ring_chain *chain)
{
	uint8_t words[CONTROL_PAIRS_BYTES];
	uint32_t pairs;

	if (chain->readable_bytes < sizeof(words))
		return CONTROL_ERROR;
	pieces_read(pieces, chain->readable_pieces, 0, words, sizeof(words));
	pairs = (uint32_t)words[2] | (uint32_t)words[3] << 8;
	if (words[0] != CONTROL_MQ || words[1] != CONTROL_MQ_PAIRS || pairs == 0 || pairs > virtnet->pairs_max)
		return CONTROL_ERROR;
	virtnet_use(virtnet, pairs);
	return CONTROL_OK;
}

/* False when there is none for now. */
static bool virtnet_command_next(struct virtnet *virtnet, struct virtnet_ring *ring)
{
	struct iovec pieces[CONTROL_PIECES], *answers;
	struct ring_chain chain;
	uint8_t answer;

	if (!ring_take(&ring->ring, RING_BOTH, pieces, CONTROL_PIECES, &chain))
		return false;
	if (chain.writable_bytes == 0) {
		ring_break(&ring->ring, DROP_RING_LENGTH);
		return false;
	}
	answers = pieces + chain.readable_pieces;
	answer = (uint8_t)virtnet_command(virtnet, pieces, &chain);
	pieces_write(answers, chain.writable_pieces, 0, &answer, sizeof(answer));
	if (virtnet->owner->on_written)
		virtnet->owner->on_written(virtnet, answers, chain.writable_pieces, sizeof(answer));
	ring_return(&ring->ring, &chain, sizeof(answer));
	ring->dirty = true;
	return true;
}

bool virtnet_serve_control(struct virtnet *virtnet)
{
	struct virtnet_ring *ring = &virtnet->rings[VIRTNET_CONTROL];
	bool more = true;

	if (!ring->started || !ring->on || ring->ring.broken != DROP_NONE)
		return false;
	for (uint32_t done = 0; more && done < VIRTNET_COMMANDS; done++)
		more = virtnet_command_next(virtnet, ring);
	virtnet_flush_ring(virtnet, VIRTNET_CONTROL);
	virtnet_check(virtnet, VIRTNET_CONTROL);
	return ring->ring.broken == DROP_NONE && (more || ring_arm(&ring->ring));
}
