/* SPDX-License-Identifier: MIT */
/* Rings as front ends that lie describe them: where they are, what is in them, and the descriptors by which they are
 * kicked and called. */
#include "unit/port/vhost_bed.h"

#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "kit/vhost_front.h"
#include "virtio/net.h"

enum { PAGE = 4096, BYTES = 16 * PAGE };

static void a_ring_that_is_not_whole_in_the_memory_is_refused(void **state)
{
	static const struct {
		const char *what;
		int64_t desc, avail, used; /* from the region's start, or its end when negative */
		uint32_t size;
	} places[] = {
		{"descriptors that end behind it", -PAGE, 0x1000, 0x2000, 1024},
		{"descriptors by a byte", -128 * 16 + 16, 0x1000, 0x2000, 128},
		{"an avail ring that ends behind it", 0, -4, 0x2000, 128},
		{"a used ring that ends behind it", 0, 0x1000, -8, 128},
		{"descriptors at an odd place", 8, 0x1000, 0x2000, 128},
		{"an avail ring at an odd place", 0, 0x1001, 0x2000, 128},
		{"a used ring at an odd place", 0, 0x1000, 0x2002, 128},
		{"a size that is no power of two", 0, 0x1000, 0x2000, 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct vhost_address address = {.ring = 1};
		struct vhost_table table = {.count = 1, .regions = {{0, 0, 0x70000000, 0}}};
		struct vhost_state size = {1, places[i].size};
		int64_t end;
		uint64_t ring = 1;
		struct bed bed;

		bed_init(&bed);
		end = (int64_t)bed.front.ring_bytes;
		table.regions[0].bytes = bed.front.ring_bytes;
		address.desc = 0x70000000 + (uint64_t)(places[i].desc + (places[i].desc < 0 ? end : 0));
		address.avail = 0x70000000 + (uint64_t)(places[i].avail + (places[i].avail < 0 ? end : 0));
		address.used = 0x70000000 + (uint64_t)(places[i].used + (places[i].used < 0 ? end : 0));
		vhost_front_set_features(&bed.front, plain);
		vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION, &table, 40, &bed.front.memory_fd, 1);
		vhost_front_send(&bed.front, VHOST_SET_VRING_NUM, VHOST_VERSION, &size, sizeof(size), NULL, 0);
		vhost_front_send(&bed.front, VHOST_SET_VRING_ADDR, VHOST_VERSION, &address, sizeof(address), NULL, 0);
		vhost_front_send(&bed.front, VHOST_SET_VRING_KICK, VHOST_VERSION, &ring, sizeof(ring),
				 &bed.front.kick[1], 1);
		bed_settle(&bed);
		check_verdict(&bed, places[i].what, "before the kick", DROP_NONE);
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		check_verdict(&bed, places[i].what, "with the kick", DROP_VHOST_RING);
		assert_int_equal(bed.fixture->port_count, 0);
		bed_done(&bed);
	}
}

/* What was kicked before the ring was stopped may be seen only behind it: it stays stopped, since the guest goes on
 * somewhere else. */
static void a_late_kick_does_not_start_a_ring_that_was_stopped(void **state)
{
	static const uint32_t requests[] = {VHOST_GET_VRING_BASE, VHOST_RESET_OWNER, VHOST_RESET_DEVICE};
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100];

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct vhost_state stop = {.ring = 1};
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, requests[i], VHOST_VERSION, &stop,
				 requests[i] == VHOST_GET_VRING_BASE ? sizeof(stop) : 0, NULL, 0);
		bed_settle(&bed);
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		assert_int_equal(bed.fixture->probe.frames, 0);
		assert_true(bed.port->away);
		bed_done(&bed);
	}
}

/* A look and a read for each kick would be two system calls; but whoever looks at the event next finds it empty. */
static void a_kick_is_not_read_while_its_ring_runs_and_is_when_it_stops(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	struct vhost_state stop = {.ring = 1};
	uint8_t bytes[100];
	eventfd_t count;
	struct bed bed;

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (uint64_t i = 1; i <= 3; i++) {
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		bed_settle(&bed);
		assert_int_equal(bed.fixture->probe.frames, i);
	}
	assert_int_equal(eventfd_read(bed.front.kick[1], &count), 0);
	assert_int_equal(count, 3);
	eventfd_write(bed.front.kick[1], 1);
	vhost_front_send(&bed.front, VHOST_GET_VRING_BASE, VHOST_VERSION, &stop, sizeof(stop), NULL, 0);
	bed_settle(&bed);
	assert_int_equal(eventfd_read(bed.front.kick[1], &count), -1);
	bed_done(&bed);
}

/* As many pieces as there are bytes. */
static void offer_in_bytes(struct bed *bed, const uint8_t *bytes, uint32_t count)
{
	struct ring_driver_piece pieces[RING_DRIVER_PIECES_MAX] = {{0}};
	struct ring_driver *driver = &bed->front.drivers[1];
	int id;

	for (uint32_t i = 0; i < count; i++)
		pieces[i] = (struct ring_driver_piece){.bytes = 1};
	id = ring_driver_offer(driver, pieces, count, false);
	assert_true(id >= 0);
	for (uint32_t i = 0; i < count; i++)
		*driver->buffers[id].pieces[i].at = bytes[i];
	ring_driver_publish(driver);
	eventfd_write(bed->front.kick[1], 1);
}

static void a_header_in_as_many_pieces_as_it_has_bytes_is_read(void **state)
{
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES + 60] = {0};

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct bed bed;

		frame_make(bytes + VIRTIO_NET_HEADER_BYTES, 60, 1, 2);
		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		offer_in_bytes(&bed, bytes, sizeof(bytes));
		bed_settle(&bed);
		assert_int_equal(bed.fixture->probe.frames, 1);
		assert_memory_equal(bed.fixture->probe.last, bytes + VIRTIO_NET_HEADER_BYTES, 60);
		assert_int_equal(fixture_drops(bed.port), 0);
		bed_done(&bed);
	}
}

/* As large as the header: a frame of no bytes. Smaller: the ring is broken. In either the turn ends. */
static void a_chain_of_no_more_than_a_header_is_dropped_by_name(void **state)
{
	static const uint8_t bytes[VIRTIO_NET_HEADER_BYTES];

	(void)state;
	for (uint32_t count = 1; count <= VIRTIO_NET_HEADER_BYTES; count++) {
		bool whole = count == VIRTIO_NET_HEADER_BYTES;
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		for (int i = 0; i < 8; i++)
			offer_in_bytes(&bed, bytes, count);
		bed_settle(&bed);
		check_rest(&bed);
		assert_int_equal(bed.port->counters.drops.count[DROP_FRAME_SHORT], whole ? 8 : 0);
		assert_int_equal(bed.port->counters.drops.count[DROP_RING_HEADER], whole ? 0 : 1);
		assert_int_equal(bed.fixture->port_count, 1);
		bed_done(&bed);
	}
}

/* ---- descriptors ---- */

enum kind {
	KIND_MEMORY,
	KIND_MEMORY_READ_ONLY,
	KIND_MEMORY_SMALL,
	KIND_MEMORY_PATH, /* O_PATH */
	KIND_EVENT,
	KIND_STREAM,
	KIND_DATAGRAM,
	KIND_PIPE_READ,
	KIND_PIPE_WRITE,
	KIND_TTY,
	KIND_NULL,
	KIND_PROC,
	KIND_DIRECTORY,
	KIND_TIMER,
	KIND_EPOLL,
	KIND_SIGNAL,
	KINDS,
};

static const char *const kind_names[KINDS] = {"memory",
					      "memory to be read only",
					      "memory of a page",
					      "a path to memory",
					      "an eventfd",
					      "a stream socket",
					      "a datagram socket",
					      "a pipe to read from",
					      "a pipe to write to",
					      "a terminal",
					      "/dev/null",
					      "a file of /proc",
					      "a directory",
					      "a timer",
					      "an epoll",
					      "a signalfd"};

/* `ret_others` is to be closed too, where it is not -1. */
static int kind_open(enum kind kind, int *ret_other)
{
	int fds[2] = {-1, -1};
	char path[64];
	sigset_t none;

	*ret_other = -1;
	sigemptyset(&none);
	switch (kind) {
	case KIND_MEMORY:
	case KIND_MEMORY_SMALL:
		fds[0] = memfd_create("lie", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fds[0], kind == KIND_MEMORY ? BYTES : PAGE), 0);
		return fds[0];
	case KIND_MEMORY_READ_ONLY:
	case KIND_MEMORY_PATH:
		*ret_other = memfd_create("lie", MFD_CLOEXEC);
		assert_int_equal(ftruncate(*ret_other, BYTES), 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", *ret_other);
		return open(path, kind == KIND_MEMORY_PATH ? O_PATH : O_RDONLY);
	case KIND_EVENT:
		return eventfd(0, 0);
	case KIND_STREAM:
	case KIND_DATAGRAM:
		assert_int_equal(socketpair(AF_UNIX, kind == KIND_STREAM ? SOCK_STREAM : SOCK_DGRAM, 0, fds), 0);
		*ret_other = fds[1];
		return fds[0];
	case KIND_PIPE_READ:
	case KIND_PIPE_WRITE:
		assert_int_equal(pipe(fds), 0);
		*ret_other = fds[kind == KIND_PIPE_READ];
		return fds[kind == KIND_PIPE_WRITE];
	case KIND_TTY:
		assert_int_equal(openpty(&fds[1], &fds[0], NULL, NULL, NULL), 0);
		*ret_other = fds[1];
		return fds[0];
	case KIND_NULL:
		return open("/dev/null", O_RDWR);
	case KIND_PROC:
		return open("/proc/self/oom_score_adj", O_RDWR);
	case KIND_DIRECTORY:
		return open("/tmp", O_RDONLY | O_DIRECTORY);
	case KIND_TIMER:
		return timerfd_create(CLOCK_MONOTONIC, 0);
	case KIND_EPOLL:
		return epoll_create1(0);
	case KIND_SIGNAL:
		return signalfd(-1, &none, 0);
	case KINDS:
		break;
	}
	return -1;
}

struct role {
	uint32_t request, bytes;
	uint64_t payload[6];
	uint32_t takes; /* bits of kinds */
	enum drop_reason refusal;
};

static void a_descriptor_that_is_not_what_it_is_said_to_be_is_refused(void **state)
{
	const uint32_t memory = 1u << KIND_MEMORY, event = 1u << KIND_EVENT, told = event | 1u << KIND_STREAM;
	const struct role roles[] = {
		{VHOST_ADD_MEM_REG, 40, {0, 0x1000, 2 * PAGE, 0x1000, 0}, memory, DROP_VHOST_MEMORY},
		{VHOST_SET_MEM_TABLE, 40, {1, 0x1000, 2 * PAGE, 0x1000, 0}, memory, DROP_VHOST_MEMORY},
		{VHOST_SET_LOG_BASE, 16, {2 * PAGE, 0}, memory, DROP_VHOST_MEMORY},
		{VHOST_SET_VRING_KICK, 8, {0}, event, DROP_VHOST_EVENT},
		{VHOST_SET_VRING_CALL, 8, {0}, told, DROP_VHOST_EVENT},
		{VHOST_SET_VRING_ERR, 8, {0}, told, DROP_VHOST_EVENT},
		/* never used, and closed with the guest */
		{VHOST_SET_LOG_FD, 0, {0}, UINT32_MAX, DROP_NONE},
		{VHOST_SET_BACKEND_REQ_FD, 0, {0}, UINT32_MAX, DROP_NONE},
	};
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		for (enum kind kind = 0; kind < KINDS; kind++) {
			const struct role *role = &roles[i];
			/* A file of a system that is on no disk: for all that one knows, closing it takes for ever. */
			bool kept = kind == KIND_PROC;
			int other, fd = kind_open(kind, &other);
			struct bed bed;

			assert_true(fd >= 0);
			bed_init(&bed);
			vhost_front_send(&bed.front, role->request, VHOST_VERSION, role->payload, role->bytes, &fd, 1);
			bed_settle(&bed);
			check_verdict(&bed, vhost_request_name(role->request), kind_names[kind],
				      role->takes & 1u << kind ? DROP_NONE : role->refusal);
			check_rest(&bed);
			assert_int_equal(bed.fixture->limbo.kept, kept);
			descriptors += bed.fixture->limbo.kept;
			bed_done(&bed);
			close(fd);
			if (other >= 0)
				close(other);
			assert_int_equal(fixture_descriptors(), descriptors);
			assert_int_equal(mappings(), maps);
		}
	}
}

/* Its far end may make it block again and fill it: nobody waits for it. */
static void a_full_eventfd_is_not_waited_for(void **state)
{
	uint8_t got[2000];
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (int ring = 0; ring < 2; ring++) {
		assert_int_equal(fcntl(bed.front.call[ring], F_SETFL, 0), 0);
		assert_int_equal(fcntl(bed.front.kick[ring], F_SETFL, 0), 0);
		while (eventfd_write(bed.front.call[ring], UINT64_MAX - 1) < 0) {
			eventfd_t count;

			eventfd_read(bed.front.call[ring], &count);
		}
	}
	alarm(10);
	for (int i = 0; i < 20; i++)
		probe_send(bed.fixture, 0xffff, 100);
	for (int i = 0; i < 20; i++)
		assert_int_equal(vhost_front_receive(&bed.front, got, sizeof(got)), 112);
	alarm(0);
	check_rest(&bed);
	bed_done(&bed);
}

/* It stays readable after each read. */
static void a_kick_that_counts_down_by_one_is_no_reason_to_look_for_ever(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100];
	struct bed bed;

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	bed_init(&bed);
	for (int ring = 0; ring < 2; ring++) {
		close(bed.front.kick[ring]);
		bed.front.kick[ring] = eventfd(1u << 30, EFD_SEMAPHORE);
	}
	vhost_front_start(&bed.front, plain);
	check_rest(&bed);
	for (int i = 0; i < 10; i++) {
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		check_rest(&bed);
	}
	assert_int_equal(bed.fixture->probe.frames, 10);
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_that_is_not_whole_in_the_memory_is_refused),
		cmocka_unit_test(a_late_kick_does_not_start_a_ring_that_was_stopped),
		cmocka_unit_test(a_kick_is_not_read_while_its_ring_runs_and_is_when_it_stops),
		cmocka_unit_test(a_header_in_as_many_pieces_as_it_has_bytes_is_read),
		cmocka_unit_test(a_chain_of_no_more_than_a_header_is_dropped_by_name),
		cmocka_unit_test(a_descriptor_that_is_not_what_it_is_said_to_be_is_refused),
		cmocka_unit_test(a_full_eventfd_is_not_waited_for),
		cmocka_unit_test(a_kick_that_counts_down_by_one_is_no_reason_to_look_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
