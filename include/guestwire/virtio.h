/* SPDX-License-Identifier: MIT */
/* guestwire: the data plane of a virtio network device, for emulators in this process.
 *
 * The emulator has the registers of the device (virtio-mmio, virtio-pci) and nothing else: it says where the guest's
 * memory is, what the driver accepted and where its queues are, passes notifications on as kicks, and raises an interrupt
 * when it is told to. The network walks the rings, moves the frames between the guest's memory and wherever they go, and
 * answers the control queue. Virtio 1.2 and newer drivers (VERSION_1), split and packed rings.
 *
 * What a driver does, and what the emulator calls:
 *
 *   reads the features, sets FEATURES_OK       gw_virtio_features(), gw_virtio_accept()
 *   reads the device's configuration           gw_virtio_config_read()
 *   makes a queue ready                        gw_virtio_start()
 *   notifies                                   gw_virtio_kick()
 *   resets a queue, or the device              gw_virtio_stop(), gw_virtio_reset()
 *
 * Queues are numbered as in the standard: 0 to the guest, 1 from it, 2 and 3 the next pair …, the control queue last.
 *
 * Threads. gw_virtio_kick() may be called from any thread or signal handler, as gw_network_wake(); it needs no turn that
 * the caller waits for. Everything else is for the network's thread, and not from within a callback of the network, where
 * functions that can fail return -EBUSY. The callbacks come from the network's thread.
 *
 * What the guest writes is never trusted: a ring that lies is counted under its reason, stands still, and on_needs_reset
 * tells it. Only memory that was added, and only between its add and its remove, is read or written. */
#ifndef GUESTWIRE_VIRTIO_H
#define GUESTWIRE_VIRTIO_H

#include <guestwire/guestwire.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers of bits: virtio 1.2, 5.1.3 and 6. */
enum gw_virtio_feature {
	GW_VIRTIO_CSUM = 0,
	GW_VIRTIO_GUEST_CSUM = 1,
	GW_VIRTIO_MTU = 3,
	GW_VIRTIO_MAC = 5,
	GW_VIRTIO_GUEST_TSO4 = 7,
	GW_VIRTIO_GUEST_TSO6 = 8,
	GW_VIRTIO_GUEST_ECN = 9,
	GW_VIRTIO_HOST_TSO4 = 11,
	GW_VIRTIO_HOST_TSO6 = 12,
	GW_VIRTIO_HOST_ECN = 13,
	GW_VIRTIO_MRG_RXBUF = 15,
	GW_VIRTIO_STATUS = 16,
	GW_VIRTIO_CTRL_VQ = 17,
	GW_VIRTIO_MQ = 22,
	GW_VIRTIO_INDIRECT_DESC = 28,
	GW_VIRTIO_EVENT_IDX = 29,
	GW_VIRTIO_VERSION_1 = 32,
	GW_VIRTIO_RING_PACKED = 34,
	GW_VIRTIO_GUEST_USO4 = 54,
	GW_VIRTIO_GUEST_USO6 = 55,
	GW_VIRTIO_HOST_USO = 56,
};

/* GW_VIRTIO_FEATURE(MRG_RXBUF) | GW_VIRTIO_FEATURE(EVENT_IDX) */
#define GW_VIRTIO_FEATURE(name) (UINT64_C(1) << GW_VIRTIO_##name)

enum gw_virtio_limits {
	GW_VIRTIO_PAIRS_MAX = 8,
	GW_VIRTIO_QUEUE_ENTRIES_MAX = 1024,
	GW_VIRTIO_CONFIG_BYTES = 12, /* struct virtio_net_config, as far as it is offered */
	GW_VIRTIO_REGIONS_MAX = 64,
};

struct gw_virtio;

struct gw_virtio_config {
	size_t size;
	const char *name; /* of its port; NULL: "virtio0", "virtio1" … */
	const char *mac;  /* the device's address; NULL: none is offered, and the driver makes one up */
	bool mac_only;    /* frames from other addresses are dropped; needs mac */
	bool isolated;
	uint32_t mtu; /* what the driver is told; 0: the network's, which is also the most */
	uint32_t
		pairs; /* of queues, at most GW_VIRTIO_PAIRS_MAX; 0: 1. With more than one MQ and CTRL_VQ are offered */
	uint64_t without; /* features that are not to be offered */
	uint64_t
		also; /* features that are the emulator's own (RING_RESET, NOTIFICATION_DATA …): offered, and ignored */
	/* Raise the queue's interrupt. Once for a batch, and only when the driver wants it. */
	void (*on_interrupt)(void *owner, unsigned queue);
	/* The guest lied in this queue: set DEVICE_NEEDS_RESET and raise the interrupt of the configuration. Told once
	 * for each start of the queue. `reason` is one of gw_drop_name(). May be NULL. */
	void (*on_needs_reset)(void *owner, unsigned queue, unsigned reason);
	void *owner;
};

/* A queue as the driver describes it. */
struct gw_virtio_queue {
	size_t size;
	uint16_t entries; /* at most GW_VIRTIO_QUEUE_ENTRIES_MAX; of a split ring a power of two */
	uint64_t desc;    /* guest addresses */
	uint64_t driver;  /* split: the avail ring; packed: the driver's event suppression */
	uint64_t device;  /* split: the used ring; packed: the device's event suppression */
	uint32_t place;   /* where it goes on: what gw_virtio_stop() gave; 0: it is new */
};

/* on_interrupt must be given. -EINVAL for what cannot be, -EMSGSIZE for an mtu that is larger than the network's,
 * -EEXIST for a name that is in use. */
GW_API int gw_virtio_new(struct gw_network *network, const struct gw_virtio_config *config,
			 struct gw_virtio **ret_virtio, struct gw_error *ret_error);
/* No callback follows, and the guest's memory is not touched any more. Not from within a callback of the network. */
GW_API void gw_virtio_free(struct gw_virtio *virtio);

/* ---- memory ---- */

/* `bytes` bytes at `host` are the guest's, at its address `address`; also while queues run. The network reads and writes
 * them as the guest's processors do, at any time during its turns. -EINVAL: empty, nowhere, beyond 2^64, or over another
 * region; -ENOSPC. */
GW_API int gw_virtio_memory_add(struct gw_virtio *virtio, uint64_t address, void *host, uint64_t bytes);
/* The region that begins there; it is not touched after the return. Queues that stand in it are stopped, and
 * on_needs_reset tells it. -ENOENT. */
GW_API int gw_virtio_memory_remove(struct gw_virtio *virtio, uint64_t address);

/* ---- what the driver asks ---- */

GW_API uint64_t gw_virtio_features(const struct gw_virtio *virtio);
/* How many queues there are, the control queue included. */
GW_API unsigned gw_virtio_queues(const struct gw_virtio *virtio);
/* Copies a part of struct virtio_net_config; behind its end are zeros. Nothing in it can be written by a driver. */
GW_API void gw_virtio_config_read(const struct gw_virtio *virtio, size_t offset, void *ret_bytes, size_t bytes);

/* ---- what the driver says ---- */

/* FEATURES_OK. -EINVAL: something that is not offered, or no VERSION_1: leave FEATURES_OK clear. -EBUSY while a queue
 * is started. */
GW_API int gw_virtio_accept(struct gw_virtio *virtio, uint64_t features);
/* The queue is ready. Interrupts may be raised before the return. -EINVAL: no such queue, nothing was accepted, or a size
 * or an address that cannot be; -EFAULT: not the guest's memory, or not one region; -EBUSY: it is started already. */
GW_API int gw_virtio_start(struct gw_virtio *virtio, unsigned queue, const struct gw_virtio_queue *setup);
/* Nothing of it is touched after the return, and it may be started anew. The place is for a snapshot of the machine, and
 * may be NULL; it is 0 for a queue that does not run. -EINVAL: no such queue. */
GW_API int gw_virtio_stop(struct gw_virtio *virtio, unsigned queue, uint32_t *ret_place);
/* All queues stop and nothing is accepted: the device as it was made. Memory stays. 0 or -EBUSY. */
GW_API int gw_virtio_reset(struct gw_virtio *virtio);
/* From any thread or signal handler: the driver has notified this queue, whatever number the guest wrote. The network
 * looks in its next turn, for which it is woken. */
GW_API void gw_virtio_kick(struct gw_virtio *virtio, unsigned queue);

/* ---- looking ---- */

/* Its port's counters and drops, as gw_network_each_port() tells them. Valid during the call. */
GW_API void gw_virtio_describe(struct gw_virtio *virtio, void (*on_port)(void *owner, const struct gw_port_info *info),
			       void *owner);

#ifdef __cplusplus
}
#endif

#endif
