/* SPDX-License-Identifier: MIT */
#include "kit/vhost_front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtio/net.h"

enum {
	FRONT_GUEST_ADDRESS = 0x40000000,
	FRONT_USER_ADDRESS = 0x70000000,
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "vhost_front: %s: %s\n", what, strerror(errno));
	abort();
}

void vhost_front_init(struct vhost_front *front, int fd, void (*pump)(void *owner), void *owner)
{
	*front = (struct vhost_front){
		.fd = fd,
		.pump = pump,
		.owner = owner,
		.rings = 2,
		.packed_base = RING_PACKED_START | (uint32_t)RING_PACKED_START << 16,
	};
	front->ring_bytes = (ring_driver_bytes(VHOST_FRONT_SIZE, VHOST_FRONT_PAGES) + 4095) / 4096 * 4096;
	front->memory_fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	require(front->memory_fd >= 0 &&
			ftruncate(front->memory_fd, (off_t)(VHOST_FRONT_RINGS * front->ring_bytes)) == 0,
		"memory");
	front->memory = mmap(NULL, VHOST_FRONT_RINGS * front->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     front->memory_fd, 0);
	require(front->memory != MAP_FAILED, "memory");
	for (int i = 0; i < VHOST_FRONT_RINGS; i++) {
		front->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		front->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		require(front->kick[i] >= 0 && front->call[i] >= 0, "eventfd");
	}
}

void vhost_front_unseal(struct vhost_front *front)
{
	munmap(front->memory, VHOST_FRONT_RINGS * front->ring_bytes);
	close(front->memory_fd);
	front->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	require(front->memory_fd >= 0 &&
			ftruncate(front->memory_fd, (off_t)(VHOST_FRONT_RINGS * front->ring_bytes)) == 0,
		"memory");
	front->memory = mmap(NULL, VHOST_FRONT_RINGS * front->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     front->memory_fd, 0);
	require(front->memory != MAP_FAILED, "memory");
}

void vhost_front_done(struct vhost_front *front)
{
	for (int i = 0; i < VHOST_FRONT_RINGS; i++) {
		ring_driver_done(&front->drivers[i]);
		close(front->kick[i]);
		close(front->call[i]);
	}
	munmap(front->memory, VHOST_FRONT_RINGS * front->ring_bytes);
	close(front->memory_fd);
	close(front->fd);
}

bool vhost_front_send(struct vhost_front *front, uint32_t request, uint32_t flags, const void *payload, uint32_t bytes,
		      const int *descriptors, uint32_t count)
{
	struct vhost_header header = {request, flags, bytes};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(64 * sizeof(int))];
	} control;
	struct iovec pieces[2] = {{&header, VHOST_HEADER_BYTES}, {(void *)(uintptr_t)payload, bytes}};
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

	if (count > 0) {
		struct cmsghdr *part;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		part = CMSG_FIRSTHDR(&message);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(part), descriptors, count * sizeof(int));
	}
	return sendmsg(front->fd, &message, MSG_NOSIGNAL) == (ssize_t)(VHOST_HEADER_BYTES + bytes);
}

int vhost_front_answer(struct vhost_front *front, union vhost_payload *ret_payload)
{
	struct vhost_header header;

	front->pump(front->owner);
	if (recv(front->fd, &header, sizeof(header), MSG_DONTWAIT) != (ssize_t)sizeof(header))
		return -1;
	require(header.flags == (VHOST_VERSION | VHOST_REPLY), "an answer's flags");
	require(header.bytes <= sizeof(*ret_payload), "an answer's size");
	if (header.bytes > 0)
		require(recv(front->fd, ret_payload, header.bytes, MSG_DONTWAIT) == (ssize_t)header.bytes,
			"an answer's payload");
	return (int)header.bytes;
}

static int front_verdict(struct vhost_front *front)
{
	union vhost_payload answer;

	return vhost_front_answer(front, &answer) == sizeof(uint64_t) ? (int)answer.number : -1;
}

int vhost_front_tell(struct vhost_front *front, uint32_t request, uint64_t number)
{
	vhost_front_send(front, request, VHOST_VERSION | VHOST_NEED_REPLY, &number, sizeof(number), NULL, 0);
	return front_verdict(front);
}

void vhost_front_set_features(struct vhost_front *front, uint64_t features)
{
	union vhost_payload answer;
	uint64_t protocol = UINT64_C(1) << VHOST_P_REPLY_ACK | UINT64_C(1) << VHOST_P_CONFIG |
			    UINT64_C(1) << VHOST_P_LOG_SHMFD | UINT64_C(1) << VHOST_P_CONFIGURE_MEM_SLOTS;

	vhost_front_send(front, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, NULL, 0);
	vhost_front_send(front, VHOST_GET_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
	require(vhost_front_answer(front, &answer) == 8 && (answer.number & features) == features,
		"features that are not offered");
	vhost_front_send(front, VHOST_GET_PROTOCOL_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
	require(vhost_front_answer(front, &answer) == 8 && (answer.number & protocol) == protocol,
		"protocol features that are not offered");
	vhost_front_send(front, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol, sizeof(protocol), NULL, 0);
	front->features = features | UINT64_C(1) << VHOST_F_PROTOCOL_FEATURES;
	require(vhost_front_tell(front, VHOST_SET_FEATURES, front->features) == 0, "SET_FEATURES");
}

int vhost_front_set_memory(struct vhost_front *front)
{
	struct vhost_table table = {.count = front->rings};
	int descriptors[VHOST_FRONT_RINGS];

	for (uint32_t i = 0; i < front->rings; i++) {
		uint64_t at = i * front->ring_bytes;

		/* a hole between them: a buffer may not cross it */
		table.regions[i] = (struct vhost_region){.guest = FRONT_GUEST_ADDRESS + 2 * at,
							 .bytes = front->ring_bytes,
							 .user = FRONT_USER_ADDRESS + 3 * at,
							 .offset = at};
		descriptors[i] = front->memory_fd;
	}
	vhost_front_send(front, VHOST_SET_MEM_TABLE, VHOST_VERSION | VHOST_NEED_REPLY, &table,
			 (uint32_t)(8 + front->rings * sizeof(struct vhost_region)), descriptors, front->rings);
	return front_verdict(front);
}

/* The driver's addresses are the guest's; the back end is told our own. */
static uint64_t front_user(const struct vhost_front *front, uint32_t ring, uint64_t guest)
{
	uint64_t at = ring * front->ring_bytes;

	return guest - (FRONT_GUEST_ADDRESS + 2 * at) + FRONT_USER_ADDRESS + 3 * at;
}

static void front_event(struct vhost_front *front, uint32_t request, uint32_t ring, int fd)
{
	uint64_t number = ring;

	vhost_front_send(front, request, VHOST_VERSION | VHOST_NEED_REPLY, &number, sizeof(number), &fd, 1);
	require(front_verdict(front) == 0, vhost_request_name(request));
}

static void front_state(struct vhost_front *front, uint32_t request, uint32_t ring, uint32_t number)
{
	struct vhost_state state = {ring, number};

	vhost_front_send(front, request, VHOST_VERSION | VHOST_NEED_REPLY, &state, sizeof(state), NULL, 0);
	require(front_verdict(front) == 0, vhost_request_name(request));
}

static void front_offer_rooms(struct vhost_front *front, uint32_t pair)
{
	struct ring_driver *driver = &front->drivers[2 * pair];

	while (ring_driver_offer_room(driver, VHOST_FRONT_ROOM_BYTES, 3) >= 0)
		;
	if (ring_driver_publish(driver))
		eventfd_write(front->kick[2 * pair], 1);
}

void vhost_front_set_ring(struct vhost_front *front, uint32_t ring)
{
	struct ring_driver_setup setup = {
		.memory = front->memory + ring * front->ring_bytes,
		.bytes = front->ring_bytes,
		.address = FRONT_GUEST_ADDRESS + 2 * ring * front->ring_bytes,
		.size = VHOST_FRONT_SIZE,
		.packed = front->features & VIRTNET_FEATURE(RING_PACKED),
		.event_idx = front->features & VIRTNET_FEATURE(EVENT_IDX),
		.indirect = front->features & VIRTNET_FEATURE(INDIRECT_DESC),
		.seed = ring + 1,
	};
	struct memory memory;
	struct ring_setup places;
	struct vhost_address address = {.ring = ring};

	memory_init(&memory);
	ring_driver_done(&front->drivers[ring]);
	ring_driver_init(&front->drivers[ring], &setup);
	ring_driver_connect(&front->drivers[ring], &memory, true, &places);
	address.desc = front_user(front, ring, places.desc);
	address.avail = front_user(front, ring, places.driver);
	address.used = front_user(front, ring, places.device);
	address.log = places.device;
	address.flags = 1;
	front_state(front, VHOST_SET_VRING_NUM, ring, VHOST_FRONT_SIZE);
	front_state(front, VHOST_SET_VRING_BASE, ring, setup.packed ? front->packed_base : 0);
	vhost_front_send(front, VHOST_SET_VRING_ADDR, VHOST_VERSION | VHOST_NEED_REPLY, &address, sizeof(address), NULL,
			 0);
	require(front_verdict(front) == 0, "SET_VRING_ADDR");
	front_event(front, VHOST_SET_VRING_CALL, ring, front->call[ring]);
	front_event(front, VHOST_SET_VRING_KICK, ring, front->kick[ring]);
	front_state(front, VHOST_SET_VRING_ENABLE, ring, 1);
	eventfd_write(front->kick[ring], 1);
	front->pump(front->owner);
}

void vhost_front_start(struct vhost_front *front, uint64_t features)
{
	vhost_front_set_features(front, features);
	require(vhost_front_set_memory(front) == 0, "SET_MEM_TABLE");
	for (uint32_t ring = 0; ring < front->rings; ring++)
		vhost_front_set_ring(front, ring);
	for (uint32_t pair = 0; pair < front->rings / 2; pair++)
		front_offer_rooms(front, pair);
	front->pump(front->owner);
}

void vhost_front_frame(struct vhost_front *front, const void *header, const void *bytes, size_t count)
{
	vhost_front_frame_in(front, 0, header, bytes, count);
}

void vhost_front_frame_in(struct vhost_front *front, uint32_t pair, const void *header, const void *bytes, size_t count)
{
	static uint8_t whole[VIRTIO_NET_HEADER_BYTES + 66000];
	struct ring_driver *driver = &front->drivers[2 * pair + 1];
	struct ring_driver_used used;

	memcpy(whole, header, VIRTIO_NET_HEADER_BYTES);
	memcpy(whole + VIRTIO_NET_HEADER_BYTES, bytes, count);
	while (ring_driver_harvest(driver, &used))
		ring_driver_release(driver, used.id);
	require(ring_driver_offer_frame(driver, whole, VIRTIO_NET_HEADER_BYTES + count, 24) >= 0,
		"no descriptors left");
	if (ring_driver_publish(driver))
		eventfd_write(front->kick[2 * pair + 1], 1);
}

size_t vhost_front_receive(struct vhost_front *front, void *to, size_t most)
{
	return vhost_front_receive_in(front, 0, to, most);
}

size_t vhost_front_receive_in(struct vhost_front *front, uint32_t pair, void *to, size_t most)
{
	size_t bytes = ring_driver_receive(&front->drivers[2 * pair], to, most);

	if (bytes > 0)
		front_offer_rooms(front, pair);
	return bytes;
}
