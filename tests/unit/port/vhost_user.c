/* SPDX-License-Identifier: MIT */
/* Guests whose memory is the wire: a front end of the tests' own, honest and not, against the endpoint. */
#include "unit/port/vhost_bed.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kit/vhost_front.h"
#include "os/socket.h"
#include "unit/fabric/packet.h"
#include "virtio/net.h"

static void frames_pass_both_ways_whatever_was_negotiated(void **state)
{
	static const uint64_t more[] = {
		0,
		FEATURES(EVENT_IDX),
		FEATURES(INDIRECT_DESC),
		FEATURES(RING_PACKED),
		FEATURES(RING_PACKED) | FEATURES(EVENT_IDX) | FEATURES(INDIRECT_DESC),
	};
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];

	(void)state;
	for (size_t kind = 0; kind < sizeof(more) / sizeof(more[0]); kind++) {
		uint8_t bytes[1514], got[2000];
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | more[kind]);
		for (unsigned i = 0; i < 500; i++) {
			size_t count = 60 + i * 37 % 1454;

			frame_make(bytes, count, 1, 2);
			vhost_front_frame(&bed.front, header, bytes, count);
			pump(bed.fixture);
			assert_int_equal(bed.fixture->probe.frames, i + 1);
			assert_memory_equal(bed.fixture->probe.last, bytes, count);
			probe_send(bed.fixture, 2, count);
			frame_make(bytes, count, 2, 1);
			assert_int_equal(vhost_front_receive(&bed.front, got, sizeof(got)),
					 count + VIRTIO_NET_HEADER_BYTES);
			assert_memory_equal(got + VIRTIO_NET_HEADER_BYTES, bytes, count);
		}
		assert_int_equal(fixture_drops(bed.port), 0);
		assert_int_equal(bed.port->counters.to_guest.frames, 500);
		bed_done(&bed);
	}
}

static void the_guest_is_told_once_a_batch_and_only_if_it_asked(void **state)
{
	struct bed bed;
	eventfd_t count;
	uint8_t got[2000];

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	ring_driver_want_interrupt(&bed.front.drivers[0], true);
	while (eventfd_read(bed.front.call[0], &count) == 0)
		;
	probe_send(bed.fixture, 0xffff, 100);
	assert_int_equal(eventfd_read(bed.front.call[0], &count), 0);
	assert_int_equal(count, 1);
	ring_driver_want_interrupt(&bed.front.drivers[0], false);
	probe_send(bed.fixture, 0xffff, 100);
	assert_int_equal(eventfd_read(bed.front.call[0], &count), -1);
	assert_true(vhost_front_receive(&bed.front, got, sizeof(got)) > 0);
	assert_true(vhost_front_receive(&bed.front, got, sizeof(got)) > 0);
	bed_done(&bed);
}

static void a_guest_that_does_not_read_fills_its_rings_and_its_queue_only(void **state)
{
	static const unsigned offered = 1000;
	unsigned received = 0;
	struct bed bed;
	uint8_t got[2000];
	uint64_t dropped;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (unsigned i = 0; i < offered; i++)
		probe_send(bed.fixture, 0xffff, 1000);
	dropped = bed.port->counters.drops.count[DROP_QUEUE_FULL];
	assert_true(dropped > 0);
	assert_int_equal(bed.port->counters.to_guest.frames + dropped, offered);
	assert_true(fixture_look(bed.port).queued_peak_bytes <= 100000);
	/* what was queued follows, in order, as soon as there is room */
	for (int rounds = 0; rounds < 200; rounds++) {
		while (vhost_front_receive(&bed.front, got, sizeof(got)) == 1012)
			received++;
		pump(bed.fixture);
	}
	assert_int_equal(received, offered - dropped);
	assert_int_equal(fixture_look(bed.port).queued_bytes, 0);
	bed_done(&bed);
}

static void offloads_are_taken_from_the_header_and_told_in_it(void **state)
{
	struct virtio_net header = {.needs_csum = true, .csum_start = 34, .csum_offset = 16};
	uint8_t bytes[200] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 186, 0, 1, 0, 0, 64, 6};
	uint8_t raw[VIRTIO_NET_HEADER_BYTES], got[2000];
	struct bed bed;
	struct frame frame;

	(void)state;
	bytes[46] = 0x50; /* TCP, no options */
	bed_init(&bed);
	vhost_front_start(&bed.front, plain | FEATURES(CSUM) | FEATURES(GUEST_CSUM));
	virtio_net_write(&header, raw);
	vhost_front_frame(&bed.front, raw, bytes, sizeof(bytes));
	pump(bed.fixture);
	assert_int_equal(bed.fixture->probe.frames, 1);
	assert_int_equal(bed.fixture->probe.offload.csum, CSUM_PARTIAL);
	assert_true(bed.port->accepts.csum);
	assert_false(bed.port->accepts.tso4);
	/* that a sum was checked is the device's to say (virtio 1.2, 5.1.6.2), and a guest's word for it is not passed on */
	header = (struct virtio_net){.data_valid = true};
	virtio_net_write(&header, raw);
	vhost_front_frame(&bed.front, raw, bytes, sizeof(bytes));
	pump(bed.fixture);
	assert_int_equal(bed.fixture->probe.frames, 2);
	assert_int_equal(bed.fixture->probe.offload.csum, CSUM_UNKNOWN);
	memcpy(bytes, (uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, 12);
	frame_init(&frame, bytes, sizeof(bytes));
	frame.offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16};
	ethswitch_input(&bed.fixture->probe.port, &frame, 1);
	assert_int_equal(vhost_front_receive(&bed.front, got, sizeof(got)), sizeof(bytes) + VIRTIO_NET_HEADER_BYTES);
	assert_int_equal(virtio_net_read(got, &header), DROP_NONE);
	assert_true(header.needs_csum);
	assert_int_equal(header.csum_start, 34);
	bed_done(&bed);
}

/* Three datagrams of 1000 bytes and one of 500, as one frame. */
static void datagrams_in_one_frame_stay_so_for_a_guest_that_takes_them_and_are_cut_for_others(void **state)
{
	static const uint64_t csum = FEATURES(CSUM) | FEATURES(GUEST_CSUM);
	static const uint64_t uso = FEATURES(HOST_USO) | FEATURES(GUEST_USO4) | FEATURES(GUEST_USO6);
	static const struct offload offload = {
		.csum = CSUM_PARTIAL, .gso = GSO_UDP, .segment_bytes = 1000, .csum_start = 34, .csum_offset = 6};

	(void)state;
	for (int takes = 0; takes < 2; takes++) {
		struct packet_spec from_guest = {.from = 1, .to = 2, .udp = true, .payload = 3500, .partial = true};
		struct packet_spec to_guest = {.from = 2, .to = 1, .udp = true, .payload = 3500, .partial = true};
		uint8_t bytes[4000], got[4100], raw[VIRTIO_NET_HEADER_BYTES];
		struct virtio_net header = {.needs_csum = true,
					    .gso = VIRTIO_NET_GSO_USO,
					    .segment_bytes = 1000,
					    .csum_start = 34,
					    .csum_offset = 6};
		uint32_t length = packet_build(bytes, &from_guest, NULL), frames = 0;
		struct packet_view view;
		struct frame frame;
		struct bed bed;
		size_t count;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain | csum | (takes ? uso : 0));
		assert_int_equal(bed.port->accepts.uso, takes);
		virtio_net_write(&header, raw);
		vhost_front_frame(&bed.front, raw, bytes, length);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->probe.frames, 1);
		assert_int_equal(bed.fixture->probe.offload.gso, GSO_UDP);
		assert_int_equal(bed.fixture->probe.offload.segment_bytes, 1000);
		packet_build(bytes, &to_guest, NULL);
		frame_init(&frame, bytes, length);
		frame.offload = offload;
		ethswitch_input(&bed.fixture->probe.port, &frame, 1);
		while ((count = vhost_front_receive(&bed.front, got, sizeof(got))) > 0) {
			assert_int_equal(virtio_net_read(got, &header), DROP_NONE);
			assert_int_equal(header.gso, takes ? VIRTIO_NET_GSO_USO : VIRTIO_NET_GSO_NONE);
			assert_true(header.needs_csum ||
				    !packet_wrong(got + sizeof(raw), (uint32_t)(count - sizeof(raw)), &view));
			assert_int_equal(count - sizeof(raw), takes ? length : frames < 3 ? 1042 : 542);
			assert_memory_equal(got + sizeof(raw) + 42, bytes + 42 + frames * 1000,
					    count - sizeof(raw) - 42);
			frames++;
		}
		assert_int_equal(frames, takes ? 1 : 4);
		assert_int_equal(fixture_drops(bed.port), 0);
		bed_done(&bed);
	}
}

static void rings_go_on_where_they_were_when_the_memory_is_told_anew(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100];
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain | FEATURES(RING_PACKED));
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (int i = 0; i < 10; i++) {
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		pump(bed.fixture);
		assert_int_equal(vhost_front_set_memory(&bed.front), 0);
	}
	assert_int_equal(bed.fixture->probe.frames, 10);
	assert_int_equal(fixture_drops(bed.port), 0);
	bed_done(&bed);
}

static void a_stopped_ring_tells_where_it_was_and_a_switched_off_one_is_emptied(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	struct vhost_state stop = {.ring = 1}, off = {.ring = 1, .number = 0};
	union vhost_payload answer;
	uint8_t bytes[100];
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (int i = 0; i < 3; i++)
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
	pump(bed.fixture);
	vhost_front_send(&bed.front, VHOST_SET_VRING_ENABLE, VHOST_VERSION | VHOST_NEED_REPLY, &off, sizeof(off), NULL,
			 0);
	assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
	vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
	pump(bed.fixture);
	assert_int_equal(bed.fixture->probe.frames, 3);
	assert_int_equal(bed.port->counters.drops.count[DROP_RING_OFF], 1);
	vhost_front_send(&bed.front, VHOST_GET_VRING_BASE, VHOST_VERSION, &stop, sizeof(stop), NULL, 0);
	assert_int_equal(vhost_front_answer(&bed.front, &answer), sizeof(struct vhost_state));
	assert_int_equal(answer.state.number, 4);
	/* stopped: nothing is taken any more */
	vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
	pump(bed.fixture);
	assert_int_equal(ring_driver_out(&bed.front.drivers[1]), 1);
	bed_done(&bed);
}

static void a_dirty_log_has_every_page_that_was_written(void **state)
{
	static const uint8_t zeroes[1 << 16];
	struct vhost_log_place place = {.bytes = 1 << 16};
	struct bed bed;
	uint8_t *log, got[2000];
	unsigned marked = 0;
	int fd = memfd_create("log", MFD_CLOEXEC);
	union vhost_payload answer;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	assert_int_equal(ftruncate(fd, 1 << 16), 0);
	log = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	vhost_front_send(&bed.front, VHOST_SET_LOG_BASE, VHOST_VERSION, &place, sizeof(place), &fd, 1);
	assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
	probe_send(bed.fixture, 0xffff, 1000);
	assert_memory_equal(log, zeroes, 1 << 16);
	/* the log is used from the moment that its feature is */
	assert_int_equal(vhost_front_tell(&bed.front, VHOST_SET_FEATURES,
					  bed.front.features | UINT64_C(1) << VHOST_F_LOG_ALL),
			 0);
	probe_send(bed.fixture, 0xffff, 1000);
	for (int i = 0; i < 1 << 16; i++)
		marked += (unsigned)__builtin_popcount(log[i]);
	/* three pieces at most, each in a page of its own or over two, and the used ring */
	assert_in_range(marked, 2, 8);
	while (vhost_front_receive(&bed.front, got, sizeof(got)) > 0)
		;
	munmap(log, 1 << 16);
	close(fd);
	bed_done(&bed);
}

static void a_guest_may_come_back_and_finds_no_descriptor_lost(void **state)
{
	struct bed bed;
	unsigned before;

	(void)state;
	bed_init(&bed);
	before = fixture_descriptors();
	for (int i = 0; i < 20; i++) {
		vhost_front_start(&bed.front, plain);
		vhost_front_done(&bed.front);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->port_count, 0);
		bed_join(&bed);
	}
	assert_int_equal(fixture_descriptors(), before);
	bed_done(&bed);
}

static void a_message_in_pieces_is_put_together(void **state)
{
	struct vhost_header header = {VHOST_GET_CONFIG, VHOST_VERSION, 24};
	uint8_t bytes[36] = {0}, answer[64];
	struct bed bed;

	(void)state;
	memcpy(bytes, &header, sizeof(header));
	bytes[16] = 12;
	bed_init(&bed);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(recv(bed.front.fd, answer, sizeof(answer), MSG_DONTWAIT), -1);
		assert_int_equal(send(bed.front.fd, bytes + i, 1, 0), 1);
		pump(bed.fixture);
	}
	assert_int_equal(recv(bed.front.fd, answer, sizeof(answer), MSG_DONTWAIT), 36);
	assert_int_equal(answer[24 + 6], 1);
	assert_int_equal(answer[24 + 10] | answer[24 + 11] << 8, 1500);
	bed_done(&bed);
}

static void a_guest_that_moved_here_is_found_by_its_rarp(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	assert_int_equal(vhost_front_tell(&bed.front, VHOST_SEND_RARP, UINT64_C(0x090000000002)), 0);
	assert_int_equal(bed.fixture->probe.frames, 1);
	assert_ptr_equal(ethswitch_find(bed.fixture->ethswitch, (struct mac){{2, 0, 0, 0, 0, 9}}, 0), bed.port);
	bed_done(&bed);
}

/* QEMU 7.2 does so once for each pair of queues. */
static void memory_that_was_added_twice_is_removed_twice(void **state)
{
	struct vhost_one_region region = {.region = {.guest = 0x1000, .bytes = 4096, .user = 0x1000}};
	static const uint32_t requests[] = {VHOST_ADD_MEM_REG, VHOST_ADD_MEM_REG, VHOST_REM_MEM_REG, VHOST_REM_MEM_REG,
					    VHOST_REM_MEM_REG};
	union vhost_payload answer;
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_set_features(&bed.front, plain);
	for (size_t i = 0; i < 5; i++) {
		vhost_front_send(&bed.front, requests[i], VHOST_VERSION | VHOST_NEED_REPLY, &region, sizeof(region),
				 &bed.front.memory_fd, requests[i] == VHOST_ADD_MEM_REG);
		assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
		assert_int_equal(answer.number != 0, i == 4);
	}
	bed_done(&bed);
}

/* User Mode Linux wants so. */
static void the_request_that_agrees_on_acknowledgements_is_acknowledged(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	assert_int_equal(vhost_front_tell(&bed.front, VHOST_SET_PROTOCOL_FEATURES, UINT64_C(1) << VHOST_P_REPLY_ACK),
			 0);
	bed_done(&bed);
}

/* QEMU asks before it owns, once for each pair, warns of what it has no use for, and has a control queue of its own. */
static void the_configuration_and_the_control_queue_are_offered_to_who_owns_the_device(void **state)
{
	union vhost_payload answer;
	struct bed bed;

	(void)state;
	for (unsigned owns_first = 0; owns_first < 2; owns_first++) {
		bed_init(&bed);
		if (owns_first)
			vhost_front_send(&bed.front, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, NULL, 0);
		for (int pair = 0; pair < 3; pair++) {
			vhost_front_send(&bed.front, VHOST_GET_PROTOCOL_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
			assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
			assert_int_equal(answer.number >> VHOST_P_CONFIG & 1, owns_first);
			assert_int_equal(answer.number >> VHOST_P_MQ & 1, 1);
			vhost_front_send(&bed.front, VHOST_GET_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
			assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
			assert_int_equal(!!(answer.number & FEATURES(CTRL_VQ)), owns_first);
			assert_int_equal(!!(answer.number & FEATURES(MQ)), 1);
			vhost_front_send(&bed.front, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, NULL, 0);
		}
		bed_done(&bed);
	}
}

/* User Mode Linux says 0, and DPDK's virtio-user leaves the half of the used place 0: it would not see what is returned. */
static void a_packed_ring_of_which_less_is_said_is_at_its_beginning(void **state)
{
	static const uint32_t said[] = {0, RING_PACKED_START};
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES] = {0},
			     bytes[60] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ring_driver_used used;
		struct bed bed;

		bed_init(&bed);
		bed.front.packed_base = said[i];
		vhost_front_start(&bed.front, plain | FEATURES(RING_PACKED));
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		pump(bed.fixture);
		assert_int_equal(bed.port->counters.from_guest.frames, 1);
		assert_true(ring_driver_harvest(&bed.front.drivers[1], &used));
		bed_done(&bed);
	}
}

static void a_guest_of_one_queue_is_not_offered_more(void **state)
{
	static const uint32_t pairs[] = {1, 8}, queues[] = {2, 17};
	struct bed bed;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const uint64_t several = VIRTNET_FEATURE(MQ) | VIRTNET_FEATURE(CTRL_VQ);
		union vhost_payload answer;

		bed.fixture = fixture_new();
		fixture_open(bed.fixture, "vhost-user,path=%s,queues=%u", bed.fixture->path, pairs[i]);
		bed_join(&bed);
		vhost_front_send(&bed.front, VHOST_SET_OWNER, VHOST_VERSION, NULL, 0, NULL, 0);
		vhost_front_send(&bed.front, VHOST_GET_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
		assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
		assert_int_equal(answer.number & several, pairs[i] == 1 ? 0 : several);
		for (int takes_config = 0; takes_config < 2; takes_config++) {
			uint64_t protocol = UINT64_C(1) << VHOST_P_MQ | (uint64_t)takes_config << VHOST_P_CONFIG;

			vhost_front_send(&bed.front, VHOST_SET_PROTOCOL_FEATURES, VHOST_VERSION, &protocol,
					 sizeof(protocol), NULL, 0);
			vhost_front_send(&bed.front, VHOST_GET_QUEUE_NUM, VHOST_VERSION, NULL, 0, NULL, 0);
			assert_int_equal(vhost_front_answer(&bed.front, &answer), 8);
			assert_int_equal(answer.number, takes_config ? queues[i] : pairs[i]);
		}
		bed_done(&bed);
	}
}

static struct endpoint *faulty;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!faulty->fault(faulty, info->si_addr))
		signal(number, SIG_DFL);
}

static void a_guest_that_takes_its_memory_away_is_dropped_and_another_goes_on(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES] = {0},
			     bytes[1000] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 6};
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	for (int packed = 0; packed < 2; packed++) {
		uint64_t features = plain | (packed ? FEATURES(RING_PACKED) : 0);
		struct vhost_front other;
		struct bed bed;

		bed_init(&bed);
		vhost_front_unseal(&bed.front);
		faulty = bed.fixture->endpoint;
		vhost_front_start(&bed.front, features);
		vhost_front_init(&other, fixture_connect(bed.fixture->path, SOCK_STREAM), pump, bed.fixture);
		pump(bed.fixture);
		vhost_front_start(&other, features);
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		assert_int_equal(ftruncate(bed.front.memory_fd, 0), 0);
		pump(bed.fixture);
		assert_int_equal(bed.fixture->port_count, 1);
		assert_int_equal(bed.fixture->gone.count[DROP_VHOST_FAULT], 1);
		vhost_front_frame(&other, header, bytes, sizeof(bytes));
		pump(bed.fixture);
		assert_int_equal(bed.fixture->ports[0]->counters.from_guest.frames, 1);
		assert_int_equal(bed.fixture->port_count, 1);
		assert_int_equal(ftruncate(bed.front.memory_fd, (off_t)(VHOST_FRONT_RINGS * bed.front.ring_bytes)), 0);
		vhost_front_done(&other);
		bed_done(&bed);
	}
	sigaction(SIGBUS, &before, NULL);
}

/* Where a packed ring stands is written into it when the guest leaves: the fault comes with the guest's own end. */
static void a_guest_that_takes_its_memory_away_as_it_goes_leaves_once(void **state)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
	struct bed bed;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	bed_init(&bed);
	vhost_front_unseal(&bed.front);
	faulty = bed.fixture->endpoint;
	vhost_front_start(&bed.front, plain | FEATURES(RING_PACKED));
	assert_int_equal(ftruncate(bed.front.memory_fd, 0), 0);
	assert_int_equal(shutdown(bed.front.fd, SHUT_RDWR), 0);
	pump(bed.fixture);
	assert_int_equal(bed.fixture->port_count, 0);
	assert_int_equal(bed.fixture->endpoint->guests, 0);
	check_rest(&bed);
	assert_int_equal(ftruncate(bed.front.memory_fd, (off_t)(VHOST_FRONT_RINGS * bed.front.ring_bytes)), 0);
	bed_done(&bed);
	sigaction(SIGBUS, &before, NULL);
}

static void words_that_do_not_go_together_are_refused(void **state)
{
	static const char *const words[] = {"vhost-user",
					    "vhost-user,path=/run/x,connect=/run/y",
					    "vhost-user,fd=900",
					    "vhost-user,path=/nowhere/at/all",
					    "vhost-user,path=/tmp/x,mtu=3",
					    "vhost-user,path=/tmp/x,queues=9"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct fixture *fixture = fixture_new();

		assert_true(fixture_try_open(fixture, words[i]) < 0);
		assert_true(strlen(fixture->error.text) > 10);
		fixture->endpoint = NULL;
		fixture_free(fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_both_ways_whatever_was_negotiated),
		cmocka_unit_test(the_guest_is_told_once_a_batch_and_only_if_it_asked),
		cmocka_unit_test(a_guest_that_does_not_read_fills_its_rings_and_its_queue_only),
		cmocka_unit_test(offloads_are_taken_from_the_header_and_told_in_it),
		cmocka_unit_test(datagrams_in_one_frame_stay_so_for_a_guest_that_takes_them_and_are_cut_for_others),
		cmocka_unit_test(rings_go_on_where_they_were_when_the_memory_is_told_anew),
		cmocka_unit_test(a_stopped_ring_tells_where_it_was_and_a_switched_off_one_is_emptied),
		cmocka_unit_test(a_dirty_log_has_every_page_that_was_written),
		cmocka_unit_test(a_guest_may_come_back_and_finds_no_descriptor_lost),
		cmocka_unit_test(a_message_in_pieces_is_put_together),
		cmocka_unit_test(a_guest_that_moved_here_is_found_by_its_rarp),
		cmocka_unit_test(memory_that_was_added_twice_is_removed_twice),
		cmocka_unit_test(the_request_that_agrees_on_acknowledgements_is_acknowledged),
		cmocka_unit_test(the_configuration_and_the_control_queue_are_offered_to_who_owns_the_device),
		cmocka_unit_test(a_packed_ring_of_which_less_is_said_is_at_its_beginning),
		cmocka_unit_test(a_guest_of_one_queue_is_not_offered_more),
		cmocka_unit_test(a_guest_that_takes_its_memory_away_is_dropped_and_another_goes_on),
		cmocka_unit_test(a_guest_that_takes_its_memory_away_as_it_goes_leaves_once),
		cmocka_unit_test(words_that_do_not_go_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
