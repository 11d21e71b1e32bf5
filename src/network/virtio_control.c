/* SPDX-License-Identifier: MIT */
/* See virtio_control.h. */
#include "network/virtio_control.h"

#include "virtio/pieces.h"

enum virtio_control_command {
	CONTROL_MQ = 4,          /* class */
	CONTROL_MQ_PAIRS = 0,    /* command of it */
	CONTROL_PAIRS_BYTES = 4, /* class, command, and the number */
	CONTROL_PIECES = 64,     /* drivers use three or four */
};

enum virtio_control_answer {
	CONTROL_OK = 0,
	CONTROL_ERROR = 1,
};

/* Virtio 1.2, 5.1.6.5.6. */
static enum virtio_control_answer virtio_control_do(struct virtio_control *control, const struct iovec *pieces,
						    const struct ring_chain *chain)
{
	uint8_t words[CONTROL_PAIRS_BYTES];
	uint32_t pairs;

	if (chain->readable_bytes < sizeof(words))
		return CONTROL_ERROR;
	pieces_read(pieces, chain->readable_pieces, 0, words, sizeof(words));
	pairs = (uint32_t)words[2] | (uint32_t)words[3] << 8;
	if (words[0] != CONTROL_MQ || words[1] != CONTROL_MQ_PAIRS || pairs == 0 || pairs > control->pairs_max)
		return CONTROL_ERROR;
	control->pairs = pairs;
	return CONTROL_OK;
}

bool virtio_control_serve(struct virtio_control *control, bool *ret_tell)
{
	struct ring *ring = &control->ring;
	struct iovec pieces[CONTROL_PIECES];
	struct ring_chain chain;
	bool more = true;
	uint32_t done;

	for (done = 0; done < VIRTIO_CONTROL_TURN; done++) {
		uint8_t answer;

		more = ring_take(ring, RING_BOTH, pieces, CONTROL_PIECES, &chain);
		if (!more)
			break;
		if (chain.writable_bytes == 0) {
			ring_break(ring, DROP_RING_LENGTH);
			break;
		}
		answer = (uint8_t)virtio_control_do(control, pieces, &chain);
		pieces_write(pieces + chain.readable_pieces, chain.writable_pieces, 0, &answer, sizeof(answer));
		ring_return(ring, &chain, sizeof(answer));
	}
	*ret_tell = ring_flush(ring);
	return ring->broken == DROP_NONE && (more || ring_arm(ring));
}
