/* SPDX-License-Identifier: MIT */
/* A disk for the guest: a file or a block device of the host (virtio 1.2, 5.2). Requests are done while the guest waits: the
 * host's page cache makes most of them a copy. A file that may not be written is a disk that is read only. */
#ifndef SEMU_VIRTIO_BLK_H
#define SEMU_VIRTIO_BLK_H

struct error;
struct machine;
struct virtio_blk;

/* On the machine's bus at MAP_BLK; outlives the machine. 0, or negative errno and a text that begins with the path. */
int virtio_blk_new(struct machine *machine, const char *path, struct virtio_blk **ret_blk, struct error *ret_error);
void virtio_blk_free(struct virtio_blk *blk);

#endif
