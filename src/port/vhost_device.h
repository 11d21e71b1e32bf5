/* SPDX-License-Identifier: MIT */
/* One vhost-user guest's device: what its front end has said of features, memory and rings, and the data plane
 * (virtnet.h) that runs by it. It answers requests; the socket that they come by is vhost_user.c's.
 *
 * A ring starts when its size, addresses and kick descriptor are known and the guest has kicked, and stops when the front
 * end asks for its base. Without the protocol's own features all rings are on at once; with them each is switched on. While
 * rings run the front end may replace the memory and switch logging on: they go on where they were, or when the memory
 * that they stand in is back. */
#ifndef PORT_VHOST_DEVICE_H
#define PORT_VHOST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/limbo.h"
#include "port/endpoint.h"
#include "port/vhost_log.h"
#include "port/vhost_memory.h"
#include "port/vhost_ring.h"
#include "port/virtnet.h"
#include "wire/vhost.h"

struct vhost_device {
	struct virtnet virtnet;
	uint32_t mtu_bytes;
	struct limbo *limbo;
	/* The kick of a guest whose event is none, or a call that cannot be made: it is to go. Not during a delivery. */
	void (*on_lost)(struct vhost_device *device, enum drop_reason reason);
	bool owned;        /* the front end has said so, */
	bool asked_before; /* … after it asked for the protocol's features */
	uint64_t protocol; /* features that the front end accepted */
	char far_end[128];
	uint8_t status;
	int backend; /* for requests of ours, or -1 */
	struct vhost_memory memory;
	struct vhost_log log;
	struct vhost_ring rings[VIRTNET_RINGS_ALL]; /* the control queue's is VIRTNET_CONTROL */
};

/* What came, and what goes back: the payload is replaced by the answer's. */
struct vhost_exchange {
	struct vhost_header header;
	union vhost_payload payload;
	int descriptors[VHOST_REGIONS_MAX]; /* taken ones are -1 afterwards */
	uint32_t descriptor_count;
	uint32_t answer_bytes; /* of a request that is always answered */
};

/* The virtnet is initialised by the caller, who attaches its port. */
void vhost_device_init(struct vhost_device *device, const struct endpoint_setup *setup, uint32_t pairs_max,
		       void (*on_lost)(struct vhost_device *device, enum drop_reason reason));
/* Everything is unmapped and closed. The port is detached behind it. */
void vhost_device_done(struct vhost_device *device);
/* A checked message. DROP_NONE: done, and the payload is the answer if there is one. Else it was not done. */
enum drop_reason vhost_device_request(struct vhost_device *device, struct vhost_exchange *exchange);

/* For a handler of SIGBUS: true when the address was this guest's, which has empty memory there now. It is
 * to go. */
bool vhost_device_fault(struct vhost_device *device, const void *at);

extern const struct virtnet_owner vhost_device_owner;

#endif
