/* SPDX-License-Identifier: MIT */
/* Virtio devices in a device tree that was given. It may name some that this machine has not (a sound card, a screen, a disk
 * that nobody asked for): a kernel that looked for one of them would find nothing at all at its address, and panic. And it
 * may lack some that were asked for, a second card: without a word in the tree nobody would ever find it. */
#ifndef SEMU_DEVICETREE_VIRTIO_H
#define SEMU_DEVICETREE_VIRTIO_H

struct devicetree_config;

/* Disables what is not there and adds the cards and the disk that are, in a tree with room to grow. 0, or libfdt's error;
 * -FDT_ERR_NOTFOUND: something was to be added, and there is no interrupt controller that it could use. */
int devicetree_virtio_fit(const struct devicetree_config *config, void *tree);

#endif
