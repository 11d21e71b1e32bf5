/* SPDX-License-Identifier: MIT */
/* A request is a buffer to be filled, as far as we like: the driver asks again. */
#include "semu/virtio_rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "semu/virtio_single.h"
#include "virtio/pieces.h"

enum virtio_rng_constant {
	VIRTIO_RNG_ID = 4,
	VIRTIO_RNG_BYTES_MOST = 256, /* of one request, and of one getentropy() */
};

struct virtio_rng {
	struct virtio_single single;
};

static int64_t answer(void *owner, const struct virtio_single_request *request)
{
	uint8_t bytes[VIRTIO_RNG_BYTES_MOST];

	(void)owner;
	if (request->writable_bytes == 0)
		return -DROP_RING_DIRECTION;
	if (getentropy(bytes, sizeof(bytes)) < 0)
		return 0;
	return (int64_t)pieces_write(request->writable, request->writable_pieces, 0, bytes, sizeof(bytes));
}

int virtio_rng_new(struct machine *machine, struct virtio_rng **ret_rng)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));

	if (!rng)
		return -ENOMEM;
	virtio_single_init(&rng->single, machine, MAP_RNG, MAP_LINE_RNG,
			   &(struct virtio_single_kind){.id = VIRTIO_RNG_ID, .answer = answer, .owner = rng});
	*ret_rng = rng;
	return 0;
}

void virtio_rng_free(struct virtio_rng *rng)
{
	free(rng);
}
