/* SPDX-License-Identifier: MIT */
/* A vhost-user front end that joins a tap to any back end, so that a real kernel's TCP drives the back end's rings: the tap
 * is read into the shared memory that descriptors name and written from it, with virtio-net's header on both sides. What
 * the back end takes of checksums and segments is what the tap's kernel may leave undone.
 *
 *   vhost_join SOCKET TAP [pairs=N] [packed] [size=N] [buffer=BYTES] [without=HEX]
 *
 * `buffer` is the size of each that is offered for frames to the guest, `without` are feature bits that are not accepted.
 * One thread for each pair of queues. Prints "ready", and at SIGTERM "FRAMES-UP FRAMES-DOWN KICKS CALLS SLEEPS". What
 * surprises: both ways run in one thread, as a guest with one processor; its system calls, one for each frame, are a
 * cost that a guest does not have. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kit/plain_driver.h"
#include "kit/vhost_front.h"
#include "virtio/net.h"

enum {
	JOIN_GUEST_ADDRESS = 0x40000000,
	JOIN_FRAME_BYTES = 68 << 10, /* the largest that a tap gives */
	JOIN_TURN_FRAMES = 64,
	JOIN_TURN_BYTES = 128 << 10, /* to the tap, before its answers are looked for */
	JOIN_TRAIN_PIECES = 64,      /* of one write */
	JOIN_PUBLISH_FRAMES = 16,    /* at the latest, and earlier when the tap is empty */
};

struct pair {
	struct plain_driver from, to; /* the guest */
	int kick[2], call[2];         /* to, from */
	int tap;
	int epoll;  /* of the calls and the tap, by edge: nothing is read to be asked again */
	bool stuck; /* every buffer from the guest is out */
	bool held;  /* a frame was harvested that did not belong to the one before */
	uint16_t held_id;
	uint32_t held_bytes;
	uint64_t frames_up, frames_down, kicks, calls, sleeps;
};

struct join {
	struct vhost_front front;
	uint64_t protocol;
	const char *tap_name;
	uint32_t pairs_wanted, pair_count;
	bool packed;
	uint16_t size;
	uint32_t buffer_bytes;
	uint64_t without;
	uint8_t *memory;
	size_t memory_bytes;
	struct pair *pairs;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "vhost_join: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- the messages ---- */

static void wait_readable(void *owner)
{
	const struct vhost_front *front = owner;
	struct pollfd ready = {.fd = front->fd, .events = POLLIN};

	require(poll(&ready, 1, 5000) == 1, "the back end does not answer");
}

/* A back end's socket may have its name a moment before it listens. */
static void join_connect(struct join *join, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int tries = 200;

	require(strlen(path) < sizeof(address.sun_path), "the path is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	join->front.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(join->front.fd >= 0, "a socket");
	while (connect(join->front.fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		require(errno == ECONNREFUSED && --tries > 0, path);
		usleep(10 * 1000);
	}
	join->front.pump = wait_readable;
	join->front.owner = &join->front;
}

static uint64_t join_ask(struct join *join, uint32_t request)
{
	union vhost_payload answer;

	vhost_front_send(&join->front, request, VHOST_VERSION, NULL, 0, NULL, 0);
	require(vhost_front_answer(&join->front, &answer) == sizeof(uint64_t), vhost_request_name(request));
	return answer.number;
}

/* Acknowledged where the back end can. */
static void join_say(struct join *join, uint32_t request, const void *payload, uint32_t bytes, int fd)
{
	bool acknowledged = join->protocol & UINT64_C(1) << VHOST_P_REPLY_ACK;
	union vhost_payload answer;

	require(vhost_front_send(&join->front, request, VHOST_VERSION | (acknowledged ? VHOST_NEED_REPLY : 0), payload,
				 bytes, &fd, fd >= 0),
		vhost_request_name(request));
	if (acknowledged)
		require(vhost_front_answer(&join->front, &answer) == sizeof(uint64_t) && answer.number == 0,
			vhost_request_name(request));
}

static void join_say_number(struct join *join, uint32_t request, uint64_t number, int fd)
{
	join_say(join, request, &number, sizeof(number), fd);
}

static void join_say_state(struct join *join, uint32_t request, uint32_t ring, uint32_t number)
{
	struct vhost_state state = {ring, number};

	join_say(join, request, &state, sizeof(state), -1);
}

/* All that is offered and that we know what to do with. */
static void join_agree(struct join *join)
{
	uint64_t offered = join_ask(join, VHOST_GET_FEATURES), protocol;
	uint64_t wanted = (VIRTNET_FEATURES & ~VIRTNET_FEATURE(INDIRECT_DESC)) | UINT64_C(1)
											 << VHOST_F_PROTOCOL_FEATURES;

	if (!join->packed)
		wanted &= ~VIRTNET_FEATURE(RING_PACKED);
	if (join->pairs_wanted > 1)
		wanted |= VIRTNET_FEATURE(MQ);
	join->front.features = offered & wanted & ~join->without;
	require(join->front.features & VIRTNET_FEATURE(VERSION_1), "a back end from before virtio 1.0");
	require(offered & UINT64_C(1) << VHOST_F_PROTOCOL_FEATURES, "a back end without protocol features");
	protocol = join_ask(join, VHOST_GET_PROTOCOL_FEATURES) &
		   (UINT64_C(1) << VHOST_P_REPLY_ACK | UINT64_C(1) << VHOST_P_MQ);
	join_say_number(join, VHOST_SET_PROTOCOL_FEATURES, protocol, -1);
	join->protocol = protocol;
	vhost_front_send(&join->front, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, NULL, 0);
	join->packed = join->front.features & VIRTNET_FEATURE(RING_PACKED);
	join->pair_count = 1;
	if (join->front.features & VIRTNET_FEATURE(MQ) && protocol & UINT64_C(1) << VHOST_P_MQ)
		join->pair_count = (uint32_t)join_ask(join, VHOST_GET_QUEUE_NUM);
	if (join->pair_count > join->pairs_wanted)
		join->pair_count = join->pairs_wanted;
	join_say_number(join, VHOST_SET_FEATURES, join->front.features, -1);
}

static void join_share_memory(struct join *join)
{
	size_t from = plain_driver_bytes(join->size, JOIN_FRAME_BYTES),
	       to = plain_driver_bytes(join->size, join->buffer_bytes);
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct vhost_table table = {.count = 1};

	join->memory_bytes = join->pair_count * (from + to);
	require(fd >= 0 && ftruncate(fd, (off_t)join->memory_bytes) == 0, "memory");
	join->memory = mmap(NULL, join->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(join->memory != MAP_FAILED, "memory");
	table.regions[0] = (struct vhost_region){.guest = JOIN_GUEST_ADDRESS,
						 .bytes = join->memory_bytes,
						 .user = (uintptr_t)join->memory};
	join_say(join, VHOST_SET_MEM_TABLE, &table, 8 + sizeof(table.regions[0]), fd);
	close(fd);
}

static uint64_t join_user(const struct join *join, uint64_t guest)
{
	return guest - JOIN_GUEST_ADDRESS + (uintptr_t)join->memory;
}

static void join_set_ring(struct join *join, uint32_t number, const struct plain_driver *driver, int kick, int call)
{
	struct ring_setup setup;
	struct vhost_address address = {.ring = number};

	plain_driver_setup(driver, &setup);
	address.desc = join_user(join, setup.desc);
	address.avail = join_user(join, setup.driver);
	address.used = join_user(join, setup.device);
	address.log = setup.device;
	join_say_state(join, VHOST_SET_VRING_NUM, number, setup.size);
	join_say_state(join, VHOST_SET_VRING_BASE, number,
		       join->packed ? setup.base.avail | (uint32_t)setup.base.used << 16 : 0);
	join_say(join, VHOST_SET_VRING_ADDR, &address, sizeof(address), -1);
	join_say_number(join, VHOST_SET_VRING_CALL, number, call);
	join_say_number(join, VHOST_SET_VRING_KICK, number, kick);
	join_say_state(join, VHOST_SET_VRING_ENABLE, number, 1);
	eventfd_write(kick, 1);
}

/* ---- the tap ---- */

static uint32_t tap_offloads(uint64_t features)
{
	uint32_t flags = 0;

	if (!(features & VIRTNET_FEATURE(CSUM)))
		return 0;
	flags |= TUN_F_CSUM;
	flags |= features & VIRTNET_FEATURE(HOST_TSO4) ? TUN_F_TSO4 : 0;
	flags |= features & VIRTNET_FEATURE(HOST_TSO6) ? TUN_F_TSO6 : 0;
	flags |= features & VIRTNET_FEATURE(HOST_ECN) && flags & TUN_F_TSO4 ? TUN_F_TSO_ECN : 0;
	flags |= features & VIRTNET_FEATURE(HOST_USO) ? 0x60 : 0; /* TUN_F_USO4 and 6, of Linux 6.2 */
	return flags;
}

static int join_open_tap(const struct join *join)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), header = VIRTIO_NET_HEADER_BYTES;
	uint32_t flags = tap_offloads(join->front.features);

	if (join->pair_count > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", join->tap_name);
	require(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0, "a tap");
	require(ioctl(fd, TUNSETVNETHDRSZ, &header) == 0, "the tap's header");
	if (ioctl(fd, TUNSETOFFLOAD, flags) < 0)
		require(ioctl(fd, TUNSETOFFLOAD, flags & 0x1f) == 0, "the tap's offloads");
	return fd;
}

/* ---- frames ---- */

static void pair_kick(struct pair *pair, struct plain_driver *driver, int kick)
{
	if (!plain_driver_publish(driver))
		return;
	eventfd_write(kick, 1);
	pair->kicks++;
}

static void pair_reclaim(struct pair *pair)
{
	uint32_t bytes;
	uint16_t id;

	while (plain_driver_harvest(&pair->from, &id, &bytes))
		plain_driver_put_back(&pair->from, id);
}

/* True when the tap may have more. */
static bool pair_from_tap(struct pair *pair)
{
	bool more = true;

	pair_reclaim(pair);
	for (uint32_t i = 1; more && i <= JOIN_TURN_FRAMES; i++) {
		ssize_t got;
		uint16_t id;

		pair->stuck = !plain_driver_take(&pair->from, &id);
		if (pair->stuck)
			break;
		got = read(pair->tap, plain_driver_buffer(&pair->from, id), JOIN_FRAME_BYTES);
		more = got > 0;
		if (more) {
			plain_driver_offer(&pair->from, id, (uint32_t)got);
			pair->frames_up++;
		} else {
			plain_driver_put_back(&pair->from, id);
		}
		if (!more || i % JOIN_PUBLISH_FRAMES == 0)
			pair_kick(pair, &pair->from, pair->kick[1]);
	}
	pair_kick(pair, &pair->from, pair->kick[1]);
	return more && !pair->stuck;
}

static void pair_offer_rooms(struct pair *pair)
{
	uint16_t id;

	while (plain_driver_take(&pair->to, &id))
		plain_driver_offer(&pair->to, id, pair->to.buffer_bytes);
	pair_kick(pair, &pair->to, pair->kick[0]);
}

/* A driver believes a back end that says that a sum is right, and a tap does not; but it believes that one which is still
 * to be made would be. Of TCP and UDP without options or extensions between, which is all that back ends make. */
static void believe(uint8_t *header, uint32_t bytes)
{
	const uint8_t *frame = header + VIRTIO_NET_HEADER_BYTES;
	struct virtio_net fields;
	uint8_t protocol = 0;

	if (bytes < VIRTIO_NET_HEADER_BYTES + 54 || virtio_net_read(header, &fields) != DROP_NONE ||
	    fields.needs_csum || !fields.data_valid)
		return;
	fields.csum_start = 34;
	if (frame[12] == 0x08 && frame[13] == 0x00 && frame[14] == 0x45) {
		protocol = frame[23];
	} else if (frame[12] == 0x86 && frame[13] == 0xdd) {
		protocol = frame[20];
		fields.csum_start = 54;
	}
	if (protocol != 6 && protocol != 17)
		return;
	fields.needs_csum = true;
	fields.data_valid = false;
	fields.csum_offset = protocol == 6 ? 16 : 6;
	virtio_net_write(&fields, header);
}

/* Segments of one flow that follow each other become one frame for the tap, as a driver hands them to its kernel (GRO):
 * else the front end's calls were what a back end that cuts its segments waits for. */
struct train {
	uint8_t *head;       /* of the first, in the ring; NULL: nothing may follow */
	uint32_t head_bytes; /* with virtio-net's header */
	uint32_t segment_bytes;
	uint32_t bytes; /* of payload, of all */
	uint32_t frames;
};

enum { AT_IP = VIRTIO_NET_HEADER_BYTES + 14, AT_TCP = AT_IP + 20, TCP_ACK_ALONE = 0x10, TCP_PUSH = 0x08 };

static uint32_t number32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* IPv4 without options, one whole packet of TCP data, nothing left to be done: how many bytes before the data, or 0. */
static uint32_t train_head(const uint8_t *at, uint32_t bytes)
{
	uint32_t head = AT_TCP + (bytes > AT_TCP + 20 ? at[AT_TCP + 12] >> 4 : 0U) * 4U;

	if (bytes <= AT_TCP + 20 || at[1] != VIRTIO_NET_GSO_NONE || at[AT_IP - 2] != 0x08 || at[AT_IP - 1] != 0x00 ||
	    at[AT_IP] != 0x45 || at[AT_IP + 6] & 0x3f || at[AT_IP + 7] || at[AT_IP + 9] != 6)
		return 0;
	if ((uint32_t)(at[AT_IP + 2] << 8 | at[AT_IP + 3]) != bytes - AT_IP || head < AT_TCP + 20 || head >= bytes)
		return 0;
	return (at[AT_TCP + 13] & ~TCP_PUSH) == TCP_ACK_ALONE ? head : 0;
}

static void train_start(struct train *train, uint8_t *at, uint32_t bytes)
{
	uint32_t head = train_head(at, bytes);

	*train = (struct train){.frames = 1};
	if (!head || at[AT_TCP + 13] & TCP_PUSH)
		return;
	train->head = at;
	train->head_bytes = head;
	train->segment_bytes = train->bytes = bytes - head;
}

/* The next of the same flow: only its length, identification, numbers and PSH may differ from the first's. */
static bool train_takes(struct train *train, const uint8_t *at, uint32_t bytes)
{
	uint8_t *first = train->head;
	uint32_t head = train->head_bytes;

	if (!first || train_head(at, bytes) != head || bytes - head > train->segment_bytes ||
	    head - AT_IP + train->bytes + bytes - head > UINT16_MAX)
		return false;
	if (memcmp(at + VIRTIO_NET_HEADER_BYTES, first + VIRTIO_NET_HEADER_BYTES, 14 + 2) != 0 ||
	    memcmp(at + AT_IP + 8, first + AT_IP + 8, 2) != 0 || memcmp(at + AT_IP + 12, first + AT_IP + 12, 12) != 0 ||
	    memcmp(at + AT_TCP + 8, first + AT_TCP + 8, 5) != 0 ||
	    memcmp(at + AT_TCP + 14, first + AT_TCP + 14, 2) != 0 ||
	    memcmp(at + AT_TCP + 20, first + AT_TCP + 20, head - AT_TCP - 20) != 0)
		return false;
	if (number32(at + AT_TCP + 4) != number32(first + AT_TCP + 4) + train->bytes)
		return false;
	train->bytes += bytes - head;
	train->frames++;
	first[AT_TCP + 13] |= at[AT_TCP + 13];
	if (bytes - head < train->segment_bytes || at[AT_TCP + 13] & TCP_PUSH)
		train->head = NULL;
	return true;
}

/* The first frame's headers say what they are of now. */
static void train_finish(const struct train *train, uint8_t *first)
{
	struct virtio_net fields = {.needs_csum = true,
				    .gso = VIRTIO_NET_GSO_TCP4,
				    .header_bytes = (uint16_t)(train->head_bytes - VIRTIO_NET_HEADER_BYTES),
				    .segment_bytes = (uint16_t)train->segment_bytes,
				    .csum_start = 34,
				    .csum_offset = 16,
				    .buffers = 1};
	uint32_t bytes = train->head_bytes - AT_IP + train->bytes, sum = 0;

	if (train->frames < 2)
		return;
	virtio_net_write(&fields, first);
	first[AT_IP + 2] = (uint8_t)(bytes >> 8);
	first[AT_IP + 3] = (uint8_t)bytes;
	first[AT_IP + 10] = first[AT_IP + 11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(first[AT_IP + i] << 8 | first[AT_IP + i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	first[AT_IP + 10] = (uint8_t)(sum >> 8);
	first[AT_IP + 11] = (uint8_t)sum;
}

static bool pair_harvest(struct pair *pair, uint16_t *ret_id, uint32_t *ret_bytes)
{
	if (!pair->held)
		return plain_driver_harvest(&pair->to, ret_id, ret_bytes);
	pair->held = false;
	*ret_id = pair->held_id;
	*ret_bytes = pair->held_bytes;
	return true;
}

/* How many bytes; 0: there was none. */
static uint32_t pair_one_to_tap(struct pair *pair)
{
	struct iovec pieces[RING_PIECES_MAX];
	uint16_t ids[RING_PIECES_MAX], id;
	uint32_t bytes, count = 0, buffers = 1, sum = 0;
	struct train train = {.head = NULL};
	uint8_t *first = NULL;

	while ((count < buffers || (train.head && count < JOIN_TRAIN_PIECES)) && pair_harvest(pair, &id, &bytes)) {
		uint8_t *at = plain_driver_buffer(&pair->to, id);
		uint32_t skip = 0;

		if (count == 0) {
			first = at;
			buffers = (uint32_t)(at[VIRTIO_NET_BUFFERS_OFFSET] | at[VIRTIO_NET_BUFFERS_OFFSET + 1] << 8);
			if (buffers == 1)
				train_start(&train, at, bytes);
		} else if (count >= buffers) {
			skip = train.head_bytes;
			if (!train_takes(&train, at, bytes)) {
				pair->held = true;
				pair->held_id = id;
				pair->held_bytes = bytes;
				break;
			}
		}
		pieces[count] = (struct iovec){at + skip, bytes - skip};
		ids[count++] = id;
		sum += bytes;
	}
	if (count == 0)
		return 0;
	believe(first, (uint32_t)pieces[0].iov_len);
	train_finish(&train, first);
	/* what the tap refuses is lost, as on any wire */
	if (writev(pair->tap, pieces, (int)count) > 0)
		pair->frames_down++;
	while (count > 0)
		plain_driver_put_back(&pair->to, ids[--count]);
	return sum;
}

/* True when there may be more. */
static bool pair_to_tap(struct pair *pair)
{
	uint32_t sum = 0;
	bool more = true;

	for (uint32_t i = 1; more && i <= JOIN_TURN_FRAMES && sum < JOIN_TURN_BYTES; i++) {
		uint32_t bytes = pair_one_to_tap(pair);

		sum += bytes;
		more = bytes > 0;
		if (!more || i % JOIN_PUBLISH_FRAMES == 0)
			pair_offer_rooms(pair);
	}
	return more;
}

static void pair_sleep(struct pair *pair)
{
	struct epoll_event ready[3];
	int count = 0;

	if (!plain_driver_arm(&pair->to) && !(pair->stuck && plain_driver_arm(&pair->from)))
		count = epoll_wait(pair->epoll, ready, 3, -1);
	pair->sleeps++;
	for (int i = 0; i < count; i++)
		pair->calls += ready[i].data.fd != pair->tap;
	plain_driver_disarm(&pair->to);
	plain_driver_disarm(&pair->from);
}

static void pair_watch(struct pair *pair)
{
	const int fds[3] = {pair->call[0], pair->call[1], pair->tap};

	pair->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fds[i]};

		require(epoll_ctl(pair->epoll, EPOLL_CTL_ADD, fds[i], &event) == 0, "epoll");
	}
}

/* To the tap first: what its kernel answers at once goes in the same turn. */
static void *pair_run(void *argument)
{
	struct pair *pair = argument;

	for (;;) {
		bool more = pair_to_tap(pair);

		more |= pair_from_tap(pair);
		if (!more)
			pair_sleep(pair);
	}
	return NULL;
}

/* ---- life ---- */

static void join_start_pair(struct join *join, uint32_t number, size_t *offset)
{
	struct pair *pair = &join->pairs[number];
	struct plain_driver *drivers[2] = {&pair->to, &pair->from};
	uint32_t buffers[2] = {join->buffer_bytes, JOIN_FRAME_BYTES};

	pair->tap = join_open_tap(join);
	for (int i = 0; i < 2; i++) {
		struct plain_driver *driver = drivers[i];

		driver->memory = join->memory + *offset;
		driver->address = JOIN_GUEST_ADDRESS + *offset;
		driver->size = join->size;
		driver->buffer_bytes = buffers[i];
		driver->packed = join->packed;
		driver->event_idx = join->front.features & VIRTNET_FEATURE(EVENT_IDX);
		driver->writable = i == 0;
		*offset += plain_driver_bytes(join->size, buffers[i]);
		plain_driver_init(driver);
		pair->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		pair->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		require(pair->kick[i] >= 0 && pair->call[i] >= 0, "eventfd");
		join_set_ring(join, 2 * number + (uint32_t)i, driver, pair->kick[i], pair->call[i]);
	}
	pair_watch(pair);
	pair_offer_rooms(pair);
	eventfd_write(pair->kick[0], 1);
}

static void join_read_words(struct join *join, char **words)
{
	*join = (struct join){.tap_name = words[2], .pairs_wanted = 1, .size = 256, .buffer_bytes = 4096};
	for (char **word = words + 3; *word; word++) {
		if (!strncmp(*word, "pairs=", 6))
			join->pairs_wanted = (uint32_t)atoi(*word + 6);
		else if (!strcmp(*word, "packed"))
			join->packed = true;
		else if (!strncmp(*word, "size=", 5))
			join->size = (uint16_t)atoi(*word + 5);
		else if (!strncmp(*word, "buffer=", 7))
			join->buffer_bytes = (uint32_t)atoi(*word + 7);
		else if (!strncmp(*word, "without=", 8))
			join->without = strtoull(*word + 8, NULL, 16);
		else
			require(false, *word);
	}
}

/* Until a signal, or the back end goes. */
static void join_wait(const struct join *join)
{
	struct pollfd ready[2] = {{.fd = join->front.fd, .events = POLLIN}, {.events = POLLIN}};
	struct pair sum = {0};
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	ready[1].fd = signalfd(-1, &signals, SFD_CLOEXEC);
	while (poll(ready, 2, -1) < 0)
		;
	for (uint32_t i = 0; i < join->pair_count; i++) {
		sum.frames_up += join->pairs[i].frames_up;
		sum.frames_down += join->pairs[i].frames_down;
		sum.kicks += join->pairs[i].kicks;
		sum.calls += join->pairs[i].calls;
		sum.sleeps += join->pairs[i].sleeps;
	}
	printf("%llu %llu %llu %llu %llu\n", (unsigned long long)sum.frames_up, (unsigned long long)sum.frames_down,
	       (unsigned long long)sum.kicks, (unsigned long long)sum.calls, (unsigned long long)sum.sleeps);
}

int main(int argc, char **argv)
{
	static struct join join;
	size_t offset = 0;
	sigset_t signals;
	pthread_t thread;

	if (argc < 3) {
		fprintf(stderr,
			"usage: vhost_join SOCKET TAP [pairs=N] [packed] [size=N] [buffer=BYTES] [without=HEX]\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	join_read_words(&join, argv);
	join_connect(&join, argv[1]);
	join_agree(&join);
	join.pairs = calloc(join.pair_count, sizeof(*join.pairs));
	require(join.pairs, "memory");
	join_share_memory(&join);
	for (uint32_t i = 0; i < join.pair_count; i++)
		join_start_pair(&join, i, &offset);
	for (uint32_t i = 0; i < join.pair_count; i++)
		require(pthread_create(&thread, NULL, pair_run, &join.pairs[i]) == 0, "a thread");
	printf("ready\n");
	fflush(stdout);
	join_wait(&join);
	return 0;
}
