/* SPDX-License-Identifier: MIT */
/* One ring of a vhost-user device as its front end describes it, piece by piece: size, addresses, where it goes on, and
 * the descriptors of its kick, call and err. When all that it takes is known and the guest has kicked, the ring of the
 * data plane (virtnet.h) with the same number runs by it, until it is asked for its base. */
#ifndef PORT_VHOST_RING_H
#define PORT_VHOST_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "os/bell.h"
#include "os/handed.h"
#include "os/limbo.h"
#include "port/endpoint.h"
#include "port/vhost_memory.h"
#include "port/virtnet.h"
#include "wire/vhost.h"

struct vhost_ring {
	uint32_t number;
	struct virtnet *virtnet;
	const struct vhost_memory *memory;
	struct loop *loop;
	struct bell *bell;
	struct limbo *limbo;
	/* The kick of a guest whose event is none, or a ring that cannot be started: the guest is to go. */
	void (*on_lost)(struct virtnet *virtnet, enum drop_reason reason);

	uint32_t size;
	struct ring_base base; /* while it does not run */
	bool base_is_ours;     /* where it stopped, which the front end did not contradict; else it may not know */
	bool bereft;           /* it ran until its memory was taken away, and goes on when that is back */
	struct vhost_address address;
	bool has_address;
	int kick;           /* -1: none */
	struct watch watch; /* of kick */
	struct handed_event call, err;
};

/* The caller's memory; what it is given outlives it. */
void vhost_ring_init(struct vhost_ring *ring, uint32_t number, struct virtnet *virtnet,
		     const struct vhost_memory *memory, const struct endpoint_setup *setup,
		     void (*on_lost)(struct virtnet *virtnet, enum drop_reason reason));
void vhost_ring_done(struct vhost_ring *ring);

bool vhost_ring_runs(const struct vhost_ring *ring);
/* DROP_NONE too when something is still to come. */
enum drop_reason vhost_ring_start(struct vhost_ring *ring);
/* As start, of one that ran: without its memory it waits until that is back. */
enum drop_reason vhost_ring_resume(struct vhost_ring *ring);
/* It goes on when it is started again. */
void vhost_ring_stop(struct vhost_ring *ring);
/* No kick starts it any more but that of another descriptor. */
void vhost_ring_end(struct vhost_ring *ring);

/* What a front end says; DROP_NONE, or why it was not done. */
enum drop_reason vhost_ring_set_size(struct vhost_ring *ring, uint32_t size);
/* Also while it runs, when logging begins or ends. */
enum drop_reason vhost_ring_set_address(struct vhost_ring *ring, const struct vhost_address *address);
enum drop_reason vhost_ring_set_base(struct vhost_ring *ring, uint32_t base);
/* The descriptor, or -1 for none, is the ring's from now on if it was done. */
enum drop_reason vhost_ring_set_kick(struct vhost_ring *ring, int fd);
enum drop_reason vhost_ring_set_call(struct vhost_ring *ring, int fd);
enum drop_reason vhost_ring_set_err(struct vhost_ring *ring, int fd);
/* Ends it: where another back end would go on. */
uint32_t vhost_ring_take_base(struct vhost_ring *ring);

#endif
