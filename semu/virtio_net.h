/* SPDX-License-Identifier: MIT */
/* A network card. Its data plane is guestwire's (guestwire/virtio.h): this is what connects it to the registers, to the
 * interrupt, and to the machine's loop. */
#ifndef SEMU_VIRTIO_NET_H
#define SEMU_VIRTIO_NET_H

struct error;
struct machine;
struct netdev;
struct virtio_net;

/* Network device `index` of the machine's map, on the netdev's network, which is another source of the machine's from now
 * on. The machine and the netdev outlive it. 0, or negative errno and a text. */
int virtio_net_new(struct machine *machine, unsigned index, struct netdev *netdev, struct virtio_net **ret_net,
		   struct error *ret_error);
void virtio_net_free(struct virtio_net *net);

#endif
