/* SPDX-License-Identifier: MIT */
/* Random numbers for the guest, from the host's kernel (virtio 1.2, 5.4). */
#ifndef SEMU_VIRTIO_RNG_H
#define SEMU_VIRTIO_RNG_H

struct machine;
struct virtio_rng;

/* On the machine's bus at MAP_RNG; outlives the machine. 0 or -ENOMEM. */
int virtio_rng_new(struct machine *machine, struct virtio_rng **ret_rng);
void virtio_rng_free(struct virtio_rng *rng);

#endif
