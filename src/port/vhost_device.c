/* SPDX-License-Identifier: MIT */
/* See vhost_device.h. One function for each request, and a table of them. */
#include "port/vhost_device.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "fabric/ethswitch.h"
#include "wire/ethernet.h"

#define VHOST_BIT(number) (UINT64_C(1) << (number))
#define VHOST_FEATURES                                                                             \
	(VIRTNET_FEATURES | VIRTNET_FEATURE(MTU) | VIRTNET_FEATURE(STATUS) | VIRTNET_FEATURE(MQ) | \
	 VIRTNET_FEATURE(CTRL_VQ) | VHOST_BIT(VHOST_F_LOG_ALL) | VHOST_BIT(VHOST_F_PROTOCOL_FEATURES))
#define VHOST_PROTOCOL_FEATURES                                                                                 \
	(VHOST_BIT(VHOST_P_MQ) | VHOST_BIT(VHOST_P_LOG_SHMFD) | VHOST_BIT(VHOST_P_RARP) |                       \
	 VHOST_BIT(VHOST_P_REPLY_ACK) | VHOST_BIT(VHOST_P_NET_MTU) | VHOST_BIT(VHOST_P_BACKEND_REQ) |           \
	 VHOST_BIT(VHOST_P_CONFIG) | VHOST_BIT(VHOST_P_RESET_DEVICE) | VHOST_BIT(VHOST_P_CONFIGURE_MEM_SLOTS) | \
	 VHOST_BIT(VHOST_P_STATUS))

enum { VHOST_ADDRESS_LOG = 1 };

static struct vhost_device *vhost_device_of(const struct virtnet *virtnet)
{
	return container_of((uintptr_t)virtnet, struct vhost_device, virtnet);
}

/* The message's only descriptor, or -1. */
static int vhost_only(const struct vhost_exchange *exchange)
{
	return exchange->descriptor_count > 0 ? exchange->descriptors[0] : -1;
}

/* It is somebody else's now if the request was done. */
static enum drop_reason vhost_taken(struct vhost_exchange *exchange, enum drop_reason reason)
{
	if (reason == DROP_NONE)
		exchange->descriptors[0] = -1;
	return reason;
}

/* ---- the dirty log ---- */

static bool vhost_device_logs(const struct vhost_device *device)
{
	return device->virtnet.features & VHOST_BIT(VHOST_F_LOG_ALL) && device->log.bytes > 0;
}

static void vhost_on_written(struct virtnet *virtnet, const struct iovec *pieces, uint32_t count, uint32_t bytes)
{
	struct vhost_device *device = vhost_device_of(virtnet);
	uint64_t guest;

	for (uint32_t i = 0; i < count && bytes > 0; i++) {
		uint32_t part = pieces[i].iov_len < bytes ? (uint32_t)pieces[i].iov_len : bytes;

		if (vhost_memory_guest(&device->memory, pieces[i].iov_base, &guest))
			vhost_log_mark(&device->log, guest, part);
		bytes -= part;
	}
}

/* Which entries were written is not worth knowing: a ring is a few pages. */
static void vhost_on_returned(struct virtnet *virtnet, uint32_t number)
{
	struct vhost_device *device = vhost_device_of(virtnet);
	const struct ring *ring = &virtnet->rings[number].ring;
	bool packed = virtnet->features & VIRTNET_FEATURE(RING_PACKED);
	uint64_t guest;

	if (packed && vhost_memory_guest(&device->memory, ring->packed.desc, &guest))
		vhost_log_mark(&device->log, guest, packed_desc_bytes(ring->size));
	if (packed && vhost_memory_guest(&device->memory, ring->packed.device, &guest))
		vhost_log_mark(&device->log, guest, sizeof(struct packed_event));
	if (!packed && device->rings[number].address.flags & VHOST_ADDRESS_LOG)
		vhost_log_mark(&device->log, device->rings[number].address.log, split_used_bytes(ring->size));
}

/* ---- what the data plane says ---- */

static void vhost_on_call(struct virtnet *virtnet, uint32_t number)
{
	struct vhost_ring *ring = &vhost_device_of(virtnet)->rings[number];

	handed_event_signal(ring->bell, ring->call);
}

static void vhost_on_broken(struct virtnet *virtnet, uint32_t number, enum drop_reason reason)
{
	struct vhost_ring *ring = &vhost_device_of(virtnet)->rings[number];

	(void)reason;
	handed_event_signal(ring->bell, ring->err);
}

static void vhost_look(const struct virtnet *virtnet, struct port_status *ret_status)
{
	snprintf(ret_status->far_end, sizeof(ret_status->far_end), "%s", vhost_device_of(virtnet)->far_end);
}

const struct virtnet_owner vhost_device_owner = {
	.call = vhost_on_call,
	.on_broken = vhost_on_broken,
	.look = vhost_look,
};

static const struct virtnet_owner vhost_device_logging_owner = {
	.call = vhost_on_call,
	.on_broken = vhost_on_broken,
	.on_written = vhost_on_written,
	.on_returned = vhost_on_returned,
	.look = vhost_look,
};

static void vhost_device_watch_writes(struct vhost_device *device)
{
	device->virtnet.owner = vhost_device_logs(device) ? &vhost_device_logging_owner : &vhost_device_owner;
}

/* ---- rings ---- */

static void vhost_on_lost(struct virtnet *virtnet, enum drop_reason reason)
{
	struct vhost_device *device = vhost_device_of(virtnet);

	device->on_lost(device, reason);
}

/* All that run, over a change of what they stand on. */
static void vhost_rings_pause(struct vhost_device *device, bool *ret_ran)
{
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++) {
		ret_ran[i] = vhost_ring_runs(&device->rings[i]) || device->rings[i].bereft;
		vhost_ring_stop(&device->rings[i]);
	}
}

/* Each of them, by one of vhost_ring.h's ways; the first reason. */
static enum drop_reason vhost_rings_again(struct vhost_device *device, const bool *ran,
					  enum drop_reason (*again)(struct vhost_ring *ring))
{
	enum drop_reason first = DROP_NONE;

	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++) {
		enum drop_reason reason = ran[i] ? again(&device->rings[i]) : DROP_NONE;

		first = first == DROP_NONE ? reason : first;
	}
	return first;
}

/* The control queue's number: behind the pairs that there are, or behind the only one (virtio 1.2, 5.1.2). */
static bool vhost_is_control(const struct vhost_device *device, uint64_t number)
{
	uint64_t features = device->virtnet.features;

	if (!(features & VIRTNET_FEATURE(CTRL_VQ)))
		return false;
	return number == (features & VIRTNET_FEATURE(MQ) ? 2 * device->virtnet.pairs_max : 2);
}

static struct vhost_ring *vhost_device_ring(struct vhost_device *device, uint64_t number)
{
	if (vhost_is_control(device, number))
		return &device->rings[VIRTNET_CONTROL];
	return number < VIRTNET_RINGS_MAX ? &device->rings[number] : NULL;
}

/* ---- requests: features ---- */

/* What may be accepted. A driver refuses MQ without a control queue, and has no other use for one here. */
static uint64_t vhost_features(const struct vhost_device *device)
{
	const uint64_t several = VIRTNET_FEATURE(MQ) | VIRTNET_FEATURE(CTRL_VQ);

	return device->virtnet.pairs_max > 1 ? VHOST_FEATURES : VHOST_FEATURES & ~several;
}

/* CTRL_VQ is for front ends that pass on what they are offered. User Mode Linux's and crosvm's leave the control queue to
 * the back end too. cloud-hypervisor's serves the queue itself, but offers it to its guest, as MQ needs, only if the back
 * end does; DPDK's never passes it on. QEMU's has a control queue in any case, and is not told of ours: see below for how
 * it is known. */
static uint64_t vhost_offered(const struct vhost_device *device)
{
	bool passes_on = device->owned && !device->asked_before;

	return passes_on ? vhost_features(device) : vhost_features(device) & ~VIRTNET_FEATURE(CTRL_VQ);
}

static enum drop_reason vhost_get_features(struct vhost_device *device, struct vhost_exchange *exchange)
{
	exchange->payload.number = vhost_offered(device);
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

static enum drop_reason vhost_set_features(struct vhost_device *device, struct vhost_exchange *exchange)
{
	uint64_t features = exchange->payload.number;

	if (features & ~vhost_features(device))
		return DROP_VHOST_REQUEST;
	virtnet_set_features(&device->virtnet, features, device->mtu_bytes);
	if (!(features & VIRTNET_FEATURE(CTRL_VQ)))
		virtnet_use(&device->virtnet, 0);
	vhost_device_watch_writes(device);
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL && !(features & VHOST_BIT(VHOST_F_PROTOCOL_FEATURES)); i++)
		virtnet_switch(&device->virtnet, i, true);
	return DROP_NONE;
}

/* CONFIG is for front ends that keep none of a network device's configuration: User Mode Linux's driver reads the link's
 * state and the MTU by it, rust-vmm's may, Firecracker's generic one must. QEMU keeps all of it itself, has no use for
 * CONFIG with a network device, and warns of each back end that offers it, once for each pair of queues ("supports
 * VHOST_USER_PROTOCOL_F_CONFIG but QEMU does not", vhost_user_backend_init()). It is told apart by its order: it asks for
 * these features before SET_OWNER, and for each further pair again; the others ask after. Who accepts CONFIG without
 * having been offered it gets it. */
static enum drop_reason vhost_get_protocol_features(struct vhost_device *device, struct vhost_exchange *exchange)
{
	exchange->payload.number = VHOST_PROTOCOL_FEATURES;
	device->asked_before |= !device->owned;
	if (device->asked_before)
		exchange->payload.number &= ~VHOST_BIT(VHOST_P_CONFIG);
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

static enum drop_reason vhost_set_protocol_features(struct vhost_device *device, struct vhost_exchange *exchange)
{
	if (exchange->payload.number & ~VHOST_PROTOCOL_FEATURES)
		return DROP_VHOST_REQUEST;
	device->protocol = exchange->payload.number;
	return DROP_NONE;
}

/* Pairs to QEMU, single queues to cloud-hypervisor and crosvm. crosvm's guest has exactly as many, and reads in our
 * configuration how many pairs are among them: who takes that is told of all queues. For the others the number of pairs
 * is right if they have up to half as many. */
static enum drop_reason vhost_get_queue_num(struct vhost_device *device, struct vhost_exchange *exchange)
{
	uint32_t pairs = device->virtnet.pairs_max;
	bool takes_config = device->protocol & VHOST_BIT(VHOST_P_CONFIG);

	exchange->payload.number = takes_config ? 2 * pairs + (pairs > 1 ? 1 : 0) : pairs;
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

static enum drop_reason vhost_set_owner(struct vhost_device *device, struct vhost_exchange *exchange)
{
	(void)exchange;
	device->owned = true;
	return DROP_NONE;
}

static enum drop_reason vhost_reset(struct vhost_device *device, struct vhost_exchange *exchange)
{
	(void)exchange;
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++) {
		vhost_ring_end(&device->rings[i]);
		virtnet_switch(&device->virtnet, i, false);
	}
	virtnet_use(&device->virtnet, 0);
	device->status = 0;
	return DROP_NONE;
}

static enum drop_reason vhost_set_status(struct vhost_device *device, struct vhost_exchange *exchange)
{
	device->status = (uint8_t)exchange->payload.number;
	return device->status == 0 ? vhost_reset(device, exchange) : DROP_NONE;
}

static enum drop_reason vhost_get_status(struct vhost_device *device, struct vhost_exchange *exchange)
{
	exchange->payload.number = device->status;
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

/* ---- requests: memory ---- */

/* The old one stays until the new one is whole. */
static enum drop_reason vhost_set_mem_table(struct vhost_device *device, struct vhost_exchange *exchange)
{
	const struct vhost_table *table = &exchange->payload.table;
	struct vhost_memory memory = {.count = 0};
	bool ran[VIRTNET_RINGS_ALL];
	struct memory guest;

	memory_init(&guest);
	for (uint32_t i = 0; i < table->count; i++) {
		if (vhost_memory_add(&memory, &guest, &table->regions[i], exchange->descriptors[i]) < 0) {
			vhost_memory_clear(&memory, &guest);
			return DROP_VHOST_MEMORY;
		}
	}
	vhost_rings_pause(device, ran);
	vhost_memory_clear(&device->memory, &device->virtnet.memory);
	device->memory = memory;
	device->virtnet.memory = guest;
	return vhost_rings_again(device, ran, vhost_ring_start);
}

static enum drop_reason vhost_get_max_mem_slots(struct vhost_device *device, struct vhost_exchange *exchange)
{
	(void)device;
	exchange->payload.number = MEMORY_REGIONS_MAX;
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

/* Rings keep what they have; those that wait for it go on. */
static enum drop_reason vhost_add_mem_reg(struct vhost_device *device, struct vhost_exchange *exchange)
{
	bool waits[VIRTNET_RINGS_ALL];

	if (vhost_memory_add(&device->memory, &device->virtnet.memory, &exchange->payload.region.region,
			     exchange->descriptors[0]) < 0)
		return DROP_VHOST_MEMORY;
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++)
		waits[i] = device->rings[i].bereft;
	return vhost_rings_again(device, waits, vhost_ring_resume);
}

/* QEMU takes a region away and adds a larger or smaller one in its place, whatever stands in it. */
static enum drop_reason vhost_rem_mem_reg(struct vhost_device *device, struct vhost_exchange *exchange)
{
	bool ran[VIRTNET_RINGS_ALL];
	enum drop_reason reason;
	int error;

	vhost_rings_pause(device, ran);
	error = vhost_memory_remove(&device->memory, &device->virtnet.memory, &exchange->payload.region.region);
	reason = vhost_rings_again(device, ran, vhost_ring_resume);
	return error < 0 ? DROP_VHOST_MEMORY : reason;
}

static enum drop_reason vhost_set_log_base(struct vhost_device *device, struct vhost_exchange *exchange)
{
	if (vhost_log_set(&device->log, &exchange->payload.log, exchange->descriptors[0]) < 0)
		return DROP_VHOST_MEMORY;
	vhost_device_watch_writes(device);
	exchange->payload.number = 0;
	exchange->answer_bytes = sizeof(uint64_t);
	return DROP_NONE;
}

/* It would be told that something is dirty: nobody listens, all look at the log itself. */
static enum drop_reason vhost_set_log_fd(struct vhost_device *device, struct vhost_exchange *exchange)
{
	(void)device;
	(void)exchange;
	return DROP_NONE;
}

/* ---- requests: rings ---- */

static enum drop_reason vhost_set_vring_num(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.state.ring);

	return ring ? vhost_ring_set_size(ring, exchange->payload.state.number) : DROP_VHOST_RING;
}

static enum drop_reason vhost_set_vring_addr(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.address.ring);

	return ring ? vhost_ring_set_address(ring, &exchange->payload.address) : DROP_VHOST_RING;
}

static enum drop_reason vhost_set_vring_base(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.state.ring);

	return ring ? vhost_ring_set_base(ring, exchange->payload.state.number) : DROP_VHOST_RING;
}

static enum drop_reason vhost_get_vring_base(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.state.ring);

	if (!ring)
		return DROP_VHOST_RING;
	exchange->payload.state.number = vhost_ring_take_base(ring);
	exchange->answer_bytes = sizeof(exchange->payload.state);
	return DROP_NONE;
}

static enum drop_reason vhost_set_vring_kick(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.number & VHOST_RING_MASK);

	return ring ? vhost_taken(exchange, vhost_ring_set_kick(ring, vhost_only(exchange))) : DROP_VHOST_RING;
}

static enum drop_reason vhost_set_vring_call(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.number & VHOST_RING_MASK);

	return ring ? vhost_taken(exchange, vhost_ring_set_call(ring, vhost_only(exchange))) : DROP_VHOST_RING;
}

static enum drop_reason vhost_set_vring_err(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_ring *ring = vhost_device_ring(device, exchange->payload.number & VHOST_RING_MASK);

	return ring ? vhost_taken(exchange, vhost_ring_set_err(ring, vhost_only(exchange))) : DROP_VHOST_RING;
}

static enum drop_reason vhost_set_vring_enable(struct vhost_device *device, struct vhost_exchange *exchange)
{
	const struct vhost_state *state = &exchange->payload.state;
	const struct vhost_ring *ring = vhost_device_ring(device, state->ring);

	if (!ring)
		return DROP_VHOST_RING;
	virtnet_switch(&device->virtnet, ring->number, state->number != 0);
	return DROP_NONE;
}

/* ---- requests: the network ---- */

/* The guest has moved here: a frame in its name tells the switch where it is now. */
static enum drop_reason vhost_send_rarp(struct vhost_device *device, struct vhost_exchange *exchange)
{
	static const uint8_t request[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3}; /* RFC 903: reverse, who am I */
	uint8_t bytes[60] = {0};
	struct frame frame;

	memset(bytes, 0xff, 6);
	memcpy(bytes + 6, exchange->payload.bytes, 6);
	memcpy(bytes + 12, request, sizeof(request));
	memcpy(bytes + 22, exchange->payload.bytes, 6);
	memcpy(bytes + 32, exchange->payload.bytes, 6);
	frame_init(&frame, bytes, sizeof(bytes));
	ethswitch_input(&device->virtnet.port, &frame, 1);
	return DROP_NONE;
}

static enum drop_reason vhost_net_set_mtu(struct vhost_device *device, struct vhost_exchange *exchange)
{
	return exchange->payload.number <= device->mtu_bytes ? DROP_NONE : DROP_VHOST_REQUEST;
}

static enum drop_reason vhost_set_backend_req_fd(struct vhost_device *device, struct vhost_exchange *exchange)
{
	limbo_close_one(device->limbo, &device->backend);
	/* kept for the front end's sake alone, and not what could not be closed again */
	if (!handed_is_local(vhost_only(exchange)))
		return DROP_NONE;
	device->backend = vhost_only(exchange);
	return vhost_taken(exchange, DROP_NONE);
}

/* struct virtio_net_config (virtio 1.2, 5.1.4): the address is the front end's own to choose. */
static enum drop_reason vhost_get_config(struct vhost_device *device, struct vhost_exchange *exchange)
{
	struct vhost_config *config = &exchange->payload.config;
	uint8_t all[VHOST_CONFIG_BYTES] = {0};

	all[6] = 1; /* the link is up */
	all[8] = (uint8_t)device->virtnet.pairs_max;
	all[10] = (uint8_t)device->mtu_bytes;
	all[11] = (uint8_t)(device->mtu_bytes >> 8);
#ifdef PLANTED
	config->bytes++; /* the planted fault of `make fuzz` */
#endif
	memcpy(config->data, all + config->offset, config->bytes);
	exchange->answer_bytes = VHOST_CONFIG_HEADER_BYTES + config->bytes;
	return DROP_NONE;
}

/* There is nothing that a driver may write. */
static enum drop_reason vhost_set_config(struct vhost_device *device, struct vhost_exchange *exchange)
{
	(void)device;
	(void)exchange;
	return DROP_NONE;
}

static enum drop_reason (*const vhost_requests[VHOST_REQUESTS])(struct vhost_device *, struct vhost_exchange *) = {
	[VHOST_GET_FEATURES] = vhost_get_features,
	[VHOST_SET_FEATURES] = vhost_set_features,
	[VHOST_SET_OWNER] = vhost_set_owner,
	[VHOST_RESET_OWNER] = vhost_reset,
	[VHOST_SET_MEM_TABLE] = vhost_set_mem_table,
	[VHOST_SET_LOG_BASE] = vhost_set_log_base,
	[VHOST_SET_LOG_FD] = vhost_set_log_fd,
	[VHOST_SET_VRING_NUM] = vhost_set_vring_num,
	[VHOST_SET_VRING_ADDR] = vhost_set_vring_addr,
	[VHOST_SET_VRING_BASE] = vhost_set_vring_base,
	[VHOST_GET_VRING_BASE] = vhost_get_vring_base,
	[VHOST_SET_VRING_KICK] = vhost_set_vring_kick,
	[VHOST_SET_VRING_CALL] = vhost_set_vring_call,
	[VHOST_SET_VRING_ERR] = vhost_set_vring_err,
	[VHOST_GET_PROTOCOL_FEATURES] = vhost_get_protocol_features,
	[VHOST_SET_PROTOCOL_FEATURES] = vhost_set_protocol_features,
	[VHOST_GET_QUEUE_NUM] = vhost_get_queue_num,
	[VHOST_SET_VRING_ENABLE] = vhost_set_vring_enable,
	[VHOST_SEND_RARP] = vhost_send_rarp,
	[VHOST_NET_SET_MTU] = vhost_net_set_mtu,
	[VHOST_SET_BACKEND_REQ_FD] = vhost_set_backend_req_fd,
	[VHOST_GET_CONFIG] = vhost_get_config,
	[VHOST_SET_CONFIG] = vhost_set_config,
	[VHOST_RESET_DEVICE] = vhost_reset,
	[VHOST_GET_MAX_MEM_SLOTS] = vhost_get_max_mem_slots,
	[VHOST_ADD_MEM_REG] = vhost_add_mem_reg,
	[VHOST_REM_MEM_REG] = vhost_rem_mem_reg,
	[VHOST_SET_STATUS] = vhost_set_status,
	[VHOST_GET_STATUS] = vhost_get_status,
};

/* The access that faulted is under way: nothing but what a signal handler may is done here. */
bool vhost_device_fault(struct vhost_device *device, const void *at)
{
	return vhost_memory_fault(&device->memory, at) || vhost_log_fault(&device->log, at);
}

enum drop_reason vhost_device_request(struct vhost_device *device, struct vhost_exchange *exchange)
{
	exchange->answer_bytes = 0;
	return vhost_requests[exchange->header.request](device, exchange);
}

void vhost_device_init(struct vhost_device *device, const struct endpoint_setup *setup, uint32_t pairs_max,
		       void (*on_lost)(struct vhost_device *device, enum drop_reason reason))
{
	device->mtu_bytes = ethswitch_mtu(setup->ethswitch);
	device->limbo = setup->limbo;
	device->virtnet.pairs_max = pairs_max;
	device->on_lost = on_lost;
	device->backend = -1;
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++)
		vhost_ring_init(&device->rings[i], i, &device->virtnet, &device->memory, setup, vhost_on_lost);
	virtnet_set_features(&device->virtnet, 0, device->mtu_bytes);
}

void vhost_device_done(struct vhost_device *device)
{
	for (uint32_t i = 0; i < VIRTNET_RINGS_ALL; i++)
		vhost_ring_done(&device->rings[i]);
	vhost_memory_clear(&device->memory, &device->virtnet.memory);
	vhost_log_clear(&device->log);
	limbo_close_one(device->limbo, &device->backend);
}
