/* SPDX-License-Identifier: MIT */
/* Virtio devices as an emulator sees them. */
#include "unit/network/virtio_machine.h"

#include <pthread.h>

static void frames_pass_both_ways_whatever_was_negotiated(void **state)
{
	static const uint64_t more[] = {
		0,
		GW_VIRTIO_FEATURE(EVENT_IDX),
		GW_VIRTIO_FEATURE(INDIRECT_DESC),
		GW_VIRTIO_FEATURE(RING_PACKED),
		GW_VIRTIO_FEATURE(RING_PACKED) | GW_VIRTIO_FEATURE(EVENT_IDX) | GW_VIRTIO_FEATURE(INDIRECT_DESC),
	};
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	for (size_t kind = 0; kind < sizeof(more) / sizeof(more[0]); kind++) {
		machine_start(machine, PLAIN | more[kind]);
		introduce(fixture);
		for (unsigned i = 0; i < 300; i++) {
			size_t count = 60 + i * 37 % 1454;

			for (size_t at = 0; at < count; at++)
				fixture->bytes[at] = (uint8_t)(at * 7 + i);
			kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, (uint8_t)i);
			machine_send(machine, fixture->bytes, count);
			kit_settle(&fixture->kit);
			assert_int_equal(fixture->peer.frame_count, 1);
			assert_int_equal(fixture->peer.frames[0].length, count);
			assert_memory_equal(fixture->peer.frames[0].bytes, fixture->bytes, count);
			kit_guest_forget(&fixture->peer);
			kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, (uint8_t)i);
			kit_guest_send(&fixture->peer, fixture->bytes, count);
			assert_int_equal(machine_receive(machine, 0, fixture->got), count + HEADER);
			assert_memory_equal(fixture->got + HEADER, fixture->bytes, count);
		}
		assert_int_equal(gw_virtio_reset(machine->virtio), 0);
	}
	assert_int_equal(machine->resets, 0);
}

static void a_batch_interrupts_once_and_only_who_asked(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	struct iovec pieces[10];
	struct gw_frame frames[10];

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, 3);
	for (size_t i = 0; i < 10; i++) {
		pieces[i] = (struct iovec){fixture->bytes, 64};
		frames[i] = (struct gw_frame){.pieces = &pieces[i], .piece_count = 1};
	}
	gw_port_send(fixture->peer.port, frames, 10);
	assert_int_equal(machine->interrupts[0], 1);
	ring_driver_want_interrupt(&machine->drivers[0], false);
	gw_port_send(fixture->peer.port, frames, 10);
	assert_int_equal(machine->interrupts[0], 1);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(machine_receive(machine, 0, fixture->got), 64 + HEADER);
}

/* TCP over IPv4, to be segmented; its sum is the pseudo-header's. */
static size_t large_tcp(uint8_t *bytes, struct mac to, struct mac from, size_t payload)
{
	struct ethernet_header header = {.to = to, .from = from, .type = be16_from(ETHERTYPE_IPV4)};
	struct ip4_header ip = {.from = {{10, 0, 2, 15}},
				.to = {{10, 0, 2, 16}},
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = (uint16_t)(40 + payload),
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_TCP};
	struct checksum pseudo;
	struct be16 partial;
	struct writer writer;

	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, ip.from, ip.to, IP_PROTOCOL_TCP, (uint16_t)(20 + payload));
	partial = checksum_partial(&pseudo);
	writer_init(&writer, bytes, 70000);
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	writer_be32(&writer, 1234 << 16 | 80);
	writer_be32(&writer, 1000);
	writer_be32(&writer, 2000);
	writer_be32(&writer, 0x5018ffff);
	writer_copy(&writer, &partial, sizeof(partial));
	writer_be16(&writer, 0);
	for (size_t i = 0; i < payload; i++)
		writer_u8(&writer, (uint8_t)(i * 31));
	assert_false(writer.failed);
	return writer_used(&writer);
}

static const struct virtio_net tso = {.needs_csum = true,
				      .gso = VIRTIO_NET_GSO_TCP4,
				      .segment_bytes = 1460,
				      .header_bytes = 54,
				      .csum_start = 34,
				      .csum_offset = 16};

static void two_machines(struct fixture *fixture, uint64_t first, uint64_t second)
{
	uint8_t bytes[64];

	machine_new(&fixture->machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_new(&fixture->other, &fixture->kit, 2, (struct gw_virtio_config){0});
	machine_start(&fixture->machine, PLAIN | first);
	machine_start(&fixture->other, PLAIN | second);
	machine_send(&fixture->other, bytes, kit_frame(bytes, MAC_BROADCAST, fixture->other.mac, 0));
	kit_settle(&fixture->kit);
	introduce(fixture);
	machine_forget(&fixture->other);
}

static void a_large_segment_goes_from_ring_to_ring_as_one_frame(void **state)
{
	const uint64_t offloads = GW_VIRTIO_FEATURE(CSUM) | GW_VIRTIO_FEATURE(GUEST_CSUM) |
				  GW_VIRTIO_FEATURE(HOST_TSO4) | GW_VIRTIO_FEATURE(GUEST_TSO4);
	struct fixture *fixture = *state;
	struct virtio_net header;
	size_t count;

	two_machines(fixture, offloads, offloads | GW_VIRTIO_FEATURE(RING_PACKED));
	count = large_tcp(fixture->bytes, fixture->other.mac, fixture->machine.mac, 60000);
	assert_true(machine_offer(&fixture->machine, 1, &tso, fixture->bytes, count));
	ring_driver_publish(&fixture->machine.drivers[1]);
	gw_virtio_kick(fixture->machine.virtio, 1);
	kit_settle(&fixture->kit);
	assert_int_equal(machine_receive(&fixture->other, 0, fixture->got), count + HEADER);
	assert_memory_equal(fixture->got + HEADER, fixture->bytes, count);
	assert_int_equal(virtio_net_read(fixture->got, &header), DROP_NONE);
	assert_true(header.needs_csum);
	assert_int_equal(header.gso, VIRTIO_NET_GSO_TCP4);
	assert_int_equal(header.segment_bytes, 1460);
}

static void a_driver_without_offloads_gets_segments(void **state)
{
	struct fixture *fixture = *state;
	struct virtio_net header;
	size_t count, segments = 0, payload = 0;

	two_machines(fixture, GW_VIRTIO_FEATURE(CSUM) | GW_VIRTIO_FEATURE(HOST_TSO4), 0);
	count = large_tcp(fixture->bytes, fixture->other.mac, fixture->machine.mac, 14600);
	assert_true(machine_offer(&fixture->machine, 1, &tso, fixture->bytes, count));
	ring_driver_publish(&fixture->machine.drivers[1]);
	gw_virtio_kick(fixture->machine.virtio, 1);
	kit_settle(&fixture->kit);
	while ((count = machine_receive(&fixture->other, 0, fixture->got)) > 0) {
		assert_int_equal(count, 1514 + HEADER);
		assert_int_equal(virtio_net_read(fixture->got, &header), DROP_NONE);
		assert_false(header.needs_csum || header.data_valid || header.gso);
		for (size_t at = HEADER + 54; at < count; at++)
			assert_int_equal(fixture->got[at], (uint8_t)(payload++ * 31));
		segments++;
	}
	assert_int_equal(segments, 10);
}

static void what_is_offered_is_what_was_asked_for(void **state)
{
	struct gw_virtio_config config = {.pairs = 4,
					  .mtu = 1400,
					  .name = "eth0",
					  .without = GW_VIRTIO_FEATURE(RING_PACKED) | GW_VIRTIO_FEATURE(HOST_USO),
					  .also = UINT64_C(1) << 40};
	const uint64_t of_the_device = GW_VIRTIO_FEATURE(CTRL_VQ) | GW_VIRTIO_FEATURE(MQ) | GW_VIRTIO_FEATURE(MAC) |
				       GW_VIRTIO_FEATURE(MTU) | GW_VIRTIO_FEATURE(STATUS) |
				       GW_VIRTIO_FEATURE(GUEST_USO6);
	static const uint8_t right[] = {0x52, 0x54, 0, 0, 0, 1, 1, 0, 4, 0, 0x78, 0x05, 0, 0};
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	struct gw_virtio_config plain = GW_INIT(struct gw_virtio_config);
	struct gw_virtio *virtio;
	uint64_t features;
	uint8_t bytes[14];

	machine_new(machine, &fixture->kit, 1, config);
	features = gw_virtio_features(machine->virtio);
	assert_false(features & (GW_VIRTIO_FEATURE(RING_PACKED) | GW_VIRTIO_FEATURE(HOST_USO)));
	assert_true(features & UINT64_C(1) << 40);
	assert_int_equal(features & of_the_device, of_the_device);
	assert_int_equal(gw_virtio_queues(machine->virtio), 9);
	gw_virtio_config_read(machine->virtio, 0, bytes, sizeof(bytes));
	assert_memory_equal(bytes, right, sizeof(right));
	gw_virtio_config_read(machine->virtio, 5, bytes, 4);
	assert_memory_equal(bytes, right + 5, 4);
	gw_virtio_config_read(machine->virtio, SIZE_MAX, bytes, 2);
	assert_memory_equal(bytes, right + 12, 2);

	plain.on_interrupt = on_interrupt;
	assert_int_equal(gw_virtio_new(fixture->kit.network, &plain, &virtio, NULL), 0);
	features = gw_virtio_features(virtio);
	assert_false(features & (GW_VIRTIO_FEATURE(MAC) | GW_VIRTIO_FEATURE(MQ) | GW_VIRTIO_FEATURE(CTRL_VQ)));
	assert_int_equal(gw_virtio_queues(virtio), 2);
	assert_true(kit_port(&fixture->kit, "virtio0").found);
	gw_virtio_free(virtio);
}

static void what_cannot_be_is_refused_in_words(void **state)
{
	static const struct {
		struct gw_virtio_config config;
		int error;
		const char *words;
	} rows[] = {
		{{0}, -EINVAL, "on_interrupt"},
		{{.on_interrupt = on_interrupt, .pairs = 9}, -EINVAL, "there can be 8"},
		{{.on_interrupt = on_interrupt, .mtu = 9000}, -EMSGSIZE, "the network's is 1500"},
		{{.on_interrupt = on_interrupt, .mtu = 67}, -EINVAL, "less than 68"},
		{{.on_interrupt = on_interrupt, .mac = "ff:ff:ff:ff:ff:ff"}, -EINVAL, "not the MAC address"},
		{{.on_interrupt = on_interrupt, .mac_only = true}, -EINVAL, "mac_only needs mac"},
		{{.on_interrupt = on_interrupt, .without = GW_VIRTIO_FEATURE(VERSION_1)}, -EINVAL, "VERSION_1"},
		{{.on_interrupt = on_interrupt, .also = GW_VIRTIO_FEATURE(MQ)}, -EINVAL, "the transport's"},
		{{.on_interrupt = on_interrupt, .name = "vm9"}, -EEXIST, "in use"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gw_virtio_config config = rows[i].config;
		struct gw_virtio *virtio;
		struct gw_error error = {0};

		config.size = sizeof(config);
		assert_int_equal(gw_virtio_new(fixture->kit.network, &config, &virtio, &error), rows[i].error);
		if (!strstr(error.text, rows[i].words))
			fail_msg("'%s' lacks '%s'", error.text, rows[i].words);
	}
	gw_virtio_free(NULL);
}

static void what_waited_for_another_driver_is_dropped_by_name(void **state)
{
	const uint64_t offloads = GW_VIRTIO_FEATURE(CSUM) | GW_VIRTIO_FEATURE(GUEST_CSUM) |
				  GW_VIRTIO_FEATURE(HOST_TSO4) | GW_VIRTIO_FEATURE(GUEST_TSO4);
	struct fixture *fixture = *state;
	uint64_t waited;
	size_t count;

	two_machines(fixture, offloads, offloads);
	/* more than the driver has room for */
	for (unsigned i = 0; i < 7; i++) {
		count = large_tcp(fixture->bytes, fixture->other.mac, fixture->machine.mac, 60000);
		assert_true(machine_offer(&fixture->machine, 1, &tso, fixture->bytes, count));
		ring_driver_publish(&fixture->machine.drivers[1]);
		gw_virtio_kick(fixture->machine.virtio, 1);
		kit_settle(&fixture->kit);
	}
	waited = kit_port(&fixture->kit, "virtio1").info.queued_bytes / 60000;
	assert_true(waited > 0);
	assert_int_equal(gw_virtio_reset(fixture->other.virtio), 0);
	assert_int_equal(kit_port(&fixture->kit, "virtio1").info.queued_bytes, 0);
	assert_int_equal(kit_drops(&fixture->kit, "virtio1", "ring-off"), waited);
	machine_start(&fixture->other, PLAIN);
	assert_int_equal(machine_receive(&fixture->other, 0, fixture->got), 0);
}

static void a_queue_goes_on_at_the_place_where_it_stopped(void **state)
{
	static const uint64_t layouts[] = {PLAIN, PLAIN | GW_VIRTIO_FEATURE(RING_PACKED)};
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	for (size_t layout = 0; layout < 2; layout++) {
		machine_start(machine, layouts[layout]);
		introduce(fixture);
		/* more than once around the ring */
		for (unsigned i = 0; i < 200; i++) {
			struct gw_virtio_queue queue = machine_queue(machine, 1);

			assert_int_equal(gw_virtio_stop(machine->virtio, 1, &queue.place), 0);
			machine_send(machine, fixture->bytes,
				     kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, (uint8_t)i));
			kit_settle(&fixture->kit);
			assert_int_equal(fixture->peer.frame_count, 0);
			assert_int_equal(gw_virtio_start(machine->virtio, 1, &queue), 0);
			kit_settle(&fixture->kit);
			assert_int_equal(fixture->peer.frame_count, 1);
			assert_int_equal(fixture->peer.frames[0].bytes[20], (uint8_t)i);
			kit_guest_forget(&fixture->peer);
		}
		assert_int_equal(gw_virtio_reset(machine->virtio), 0);
	}
	assert_int_equal(machine->resets, 0);
}

static void callbacks_may_kick_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine->ask_inside = true;
	kit_guest_send(&fixture->peer, fixture->bytes, kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, 1));
	assert_int_equal(machine->interrupts[0], 1);
	assert_true(machine->inside);
	assert_int_equal(gw_network_timeout_us(fixture->kit.network), 0);
	kit_settle(&fixture->kit);
}

/* What the device wrote to the control queue's answer, or -1 when it did not answer. */
static int control(struct machine *machine, uint8_t class, uint8_t command, uint16_t pairs)
{
	struct ring_driver_piece pieces[] = {{.bytes = 2}, {.bytes = 2}, {.bytes = 1, .writable = true}};
	struct ring_driver *driver = &machine->drivers[4];
	int id = ring_driver_offer(driver, pieces, 3, false);
	struct ring_driver_used used;
	uint8_t answer;

	assert_true(id >= 0);
	memcpy(driver->buffers[id].pieces[0].at, (uint8_t[]){class, command}, 2);
	memcpy(driver->buffers[id].pieces[1].at, (uint8_t[]){(uint8_t)pairs, (uint8_t)(pairs >> 8)}, 2);
	ring_driver_publish(driver);
	gw_virtio_kick(machine->virtio, 4);
	kit_settle(machine->kit);
	if (!ring_driver_harvest(driver, &used))
		return -1;
	assert_int_equal(used.bytes, 1);
	ring_driver_read(driver, used.id, 0, &answer, 1);
	ring_driver_release(driver, used.id);
	return answer;
}

static void the_driver_chooses_how_many_pairs_it_uses(void **state)
{
	const uint64_t features = PLAIN | GW_VIRTIO_FEATURE(MQ) | GW_VIRTIO_FEATURE(CTRL_VQ);
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	static const struct virtio_net none;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){.pairs = 2});
	machine_start(machine, features);
	for (unsigned queue = 2; queue < QUEUES; queue++)
		machine_start_queue(machine, queue);
	machine_rooms(machine, 2);
	introduce(fixture);
	/* the second pair is off until it is asked for */
	kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 3);
	assert_true(machine_offer(machine, 3, &none, fixture->bytes, 64));
	ring_driver_publish(&machine->drivers[3]);
	gw_virtio_kick(machine->virtio, 3);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 0);
	assert_int_equal(kit_drops(&fixture->kit, "virtio0", "ring-off"), 1);
	assert_int_equal(control(machine, 4, 0, 0), 1);
	assert_int_equal(control(machine, 4, 0, 3), 1);
	assert_int_equal(control(machine, 0, 0, 1), 1);
	assert_int_equal(control(machine, 4, 0, 2), 0);
	assert_true(machine->interrupts[4] > 0);
	assert_true(machine_offer(machine, 3, &none, fixture->bytes, 64));
	ring_driver_publish(&machine->drivers[3]);
	gw_virtio_kick(machine->virtio, 3);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->peer.frame_count, 1);
	assert_int_equal(control(machine, 4, 0, 1), 0);
	/* a command without room for the answer */
	ring_driver_offer_frame(&machine->drivers[4], "\4\0\1\0", 4, 1);
	ring_driver_publish(&machine->drivers[4]);
	gw_virtio_kick(machine->virtio, 4);
	kit_settle(&fixture->kit);
	assert_int_equal(machine->resets, 1);
	assert_int_equal(machine->reset_queue, 4);
	assert_int_equal(kit_drops(&fixture->kit, "virtio0", "ring-length"), 1);
}

static void on_port(void *owner, const struct gw_port_info *info)
{
	*(struct gw_port_info *)owner = *info;
}

static void its_counters_are_its_ports(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	struct gw_port_info info = {0};
	uint8_t bytes[64];

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){.mac_only = true});
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine_send(machine, bytes, kit_frame(bytes, MAC_BROADCAST, (struct mac){{2, 0, 0, 0, 0, 77}}, 0));
	kit_settle(&fixture->kit);
	gw_virtio_describe(machine->virtio, on_port, &info);
	assert_int_equal(info.counters.from_guest_frames,
			 kit_port(&fixture->kit, "virtio0").info.counters.from_guest_frames);
	assert_true(info.counters.from_guest_frames >= 1);
	assert_int_equal(info.mac_count, 1);
	assert_int_equal(fixture->peer.frame_count, 0);
}

/* ---- from another thread ---- */

enum { STORM = 20000 };

struct storm {
	struct machine *machine;
	struct mac peer;
};

/* A processor that sends without a pause, waiting only for room in its ring. */
static void *send_without_pause(void *owner)
{
	static const struct virtio_net none;
	struct storm *storm = owner;
	uint8_t bytes[64];

	for (uint32_t i = 0; i < STORM; i++) {
		kit_frame(bytes, storm->peer, storm->machine->mac, 0);
		memcpy(bytes + 20, &i, sizeof(i));
		while (!machine_offer(storm->machine, 1, &none, bytes, sizeof(bytes)))
			;
		if (ring_driver_publish(&storm->machine->drivers[1]))
			gw_virtio_kick(storm->machine->virtio, 1);
	}
	return NULL;
}

struct counted {
	uint32_t next;
	bool in_order;
};

static size_t count_frames(void *owner, const struct gw_frame *frames, size_t count)
{
	struct counted *counted = owner;

	for (size_t i = 0; i < count; i++) {
		uint32_t number;

		if (((const uint8_t *)frames[i].pieces[0].iov_base)[0] & 1)
			continue;
		memcpy(&number, (const uint8_t *)frames[i].pieces[0].iov_base + 20, sizeof(number));
		counted->in_order &= number == counted->next++;
	}
	return count;
}

/* The network sleeps in its own wait: a kick that got lost would end this test by its time limit. */
static void kicks_from_another_thread_lose_nothing(void **state)
{
	static const uint64_t layouts[] = {PLAIN, PLAIN | GW_VIRTIO_FEATURE(EVENT_IDX),
					   PLAIN | GW_VIRTIO_FEATURE(RING_PACKED) | GW_VIRTIO_FEATURE(EVENT_IDX)};
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_port_config port = GW_INIT(struct gw_port_config);
	struct counted counted;
	struct machine machine;
	struct gw_port *peer;
	struct kit kit = {0};
	uint8_t hello[64];
	struct iovec piece = {hello, sizeof(hello)};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};

	(void)state;
	config.uplink = "none,ipv6=off";
	assert_int_equal(gw_network_new(&config, &kit.network, NULL), 0);
	port.to_guest = count_frames;
	port.owner = &counted;
	assert_int_equal(gw_port_new(kit.network, &port, &peer, NULL), 0);
	machine_new(&machine, &kit, 1, (struct gw_virtio_config){0});
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct storm storm = {.machine = &machine, .peer = {{2, 0, 0, 0, 0, 9}}};
		pthread_t thread;

		counted = (struct counted){.in_order = true};
		machine_start(&machine, layouts[i]);
		kit_frame(hello, MAC_BROADCAST, storm.peer, 0);
		gw_port_send(peer, &frame, 1);
		assert_int_equal(pthread_create(&thread, NULL, send_without_pause, &storm), 0);
		while (counted.next < STORM && counted.in_order)
			assert_int_equal(gw_network_run(kit.network, 10 * 1000 * 1000), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(counted.in_order);
		assert_int_equal(gw_virtio_reset(machine.virtio), 0);
	}
	assert_int_equal(machine.resets, 0);
	gw_network_free(kit.network);
	machine_free(&machine);
}

/* ---- its end ---- */

static void a_device_ends_while_its_queues_run(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = &fixture->machine;
	unsigned interrupts;

	machine_new(machine, &fixture->kit, 1, (struct gw_virtio_config){0});
	machine_start(machine, PLAIN);
	introduce(fixture);
	machine_send(machine, fixture->bytes, kit_frame(fixture->bytes, fixture->peer.mac, machine->mac, 7));
	interrupts = machine->interrupts[0] + machine->interrupts[1];
	gw_virtio_free(machine->virtio);
	for (unsigned i = 0; i < QUEUES; i++)
		mprotect(machine->space[i], SPACE_BYTES, PROT_NONE);
	kit_guest_send(&fixture->peer, fixture->bytes, kit_frame(fixture->bytes, machine->mac, fixture->peer.mac, 1));
	kit_settle(&fixture->kit);
	assert_int_equal(machine->interrupts[0] + machine->interrupts[1], interrupts);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(frames_pass_both_ways_whatever_was_negotiated),
		T(a_batch_interrupts_once_and_only_who_asked),
		T(a_large_segment_goes_from_ring_to_ring_as_one_frame),
		T(a_driver_without_offloads_gets_segments),
		T(what_is_offered_is_what_was_asked_for),
		T(what_cannot_be_is_refused_in_words),
		T(what_waited_for_another_driver_is_dropped_by_name),
		T(a_queue_goes_on_at_the_place_where_it_stopped),
		T(callbacks_may_kick_and_nothing_else),
		T(the_driver_chooses_how_many_pairs_it_uses),
		T(its_counters_are_its_ports),
		cmocka_unit_test(kicks_from_another_thread_lose_nothing),
		T(a_device_ends_while_its_queues_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
