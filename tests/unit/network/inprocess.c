/* SPDX-License-Identifier: MIT */
/* In-process ports as a host program sees them: batches, offloads, callbacks that send and end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/list.h"
#include "unit/network/inprocess.h"

static void a_frame_reaches_the_other_guest_before_send_returns(void **state)
{
	struct fixture *fixture = *state;
	size_t count = kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 7);

	assert_int_equal(kit_guest_send(&fixture->first, fixture->bytes, count), 1);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(fixture->second.frames[0].length, count);
	assert_memory_equal(fixture->second.frames[0].bytes, fixture->bytes, count);
	assert_int_equal(fixture->first.frame_count, 0);
}

static void a_batch_arrives_as_a_batch_and_in_order(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[100][64];
	struct iovec pieces[100];
	struct gw_frame frames[100];
	struct gw_counters before;

	introduce(fixture);
	before = kit_port(&fixture->kit, "vm2").info.counters;
	for (size_t i = 0; i < 100; i++) {
		kit_frame(bytes[i], fixture->second.mac, fixture->first.mac, (uint8_t)i);
		pieces[i] = (struct iovec){bytes[i], 64};
		frames[i] = (struct gw_frame){.pieces = &pieces[i], .piece_count = 1};
	}
	assert_int_equal(gw_port_send(fixture->first.port, frames, 100), 100);
	assert_int_equal(fixture->second.frame_count, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(fixture->second.frames[i].bytes[20], i);
	assert_int_equal(fixture->second.batches, 2);
	assert_int_equal(kit_port(&fixture->kit, "vm1").info.counters.from_guest_frames, 101);
	assert_int_equal(kit_port(&fixture->kit, "vm2").info.counters.to_guest_frames, before.to_guest_frames + 100);
	assert_int_equal(kit_port(&fixture->kit, "vm2").info.counters.to_guest_bytes, before.to_guest_bytes + 100 * 64);
}

static void a_frame_in_many_small_pieces_arrives_whole(void **state)
{
	struct fixture *fixture = *state;
	struct iovec pieces[1024];
	struct gw_frame frame = {.pieces = pieces, .piece_count = 1024};

	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	for (size_t i = 64; i < 1500; i++)
		fixture->bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < 1023; i++)
		pieces[i] = (struct iovec){fixture->bytes + i, 1};
	pieces[1023] = (struct iovec){fixture->bytes + 1023, 1500 - 1023};
	introduce(fixture);
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(fixture->second.frames[0].length, 1500);
	assert_memory_equal(fixture->second.frames[0].bytes, fixture->bytes, 1500);
}

static void what_cannot_be_a_frame_is_counted_by_name(void **state)
{
	static uint8_t long_bytes[65536 + 64];
	struct fixture *fixture = *state;
	struct iovec pieces[2] = {{long_bytes, sizeof(long_bytes)}, {long_bytes, SIZE_MAX - 10}};
	struct gw_frame frame = {.pieces = pieces, .piece_count = 1};

	kit_frame(long_bytes, fixture->second.mac, fixture->first.mac, 0);
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	frame.piece_count = 2;
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	frame.piece_count = 1025;
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(kit_drops(&fixture->kit, "vm1", "frame-long"), 3);
	assert_int_equal(kit_guest_send(&fixture->first, long_bytes, 13), 1);
	assert_int_equal(kit_guest_send(&fixture->first, long_bytes, 0), 1);
	assert_int_equal(kit_drops(&fixture->kit, "vm1", "frame-short"), 2);
	frame = (struct gw_frame){.pieces = pieces, .piece_count = 1, .offload = {.gso = (enum gw_gso)99}};
	pieces[0].iov_len = 100;
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(kit_drops(&fixture->kit, "vm1", "offload-gso-type"), 1);
	frame.offload = (struct gw_offload){.csum = (enum gw_csum)99};
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(kit_drops(&fixture->kit, "vm1", "offload-csum-range"), 1);
	assert_int_equal(fixture->second.frame_count, 0);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_FIRST_DROP), 4);
}

static void a_port_that_takes_offloads_gets_them_uncut(void **state)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct fixture *fixture = *state;
	struct iovec piece;
	struct gw_frame frame;

	config.csum = config.tso4 = true;
	gw_port_free(fixture->second.port);
	kit_guest_join(&fixture->second, "vm2", &config);
	introduce(fixture);
	frame = large_tcp(fixture, &piece, 60000);
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(fixture->second.frames[0].length, 60054);
	assert_memory_equal(fixture->second.frames[0].bytes, fixture->bytes, 60054);
	assert_int_equal(fixture->second.frames[0].offload.csum, GW_CSUM_PARTIAL);
	assert_int_equal(fixture->second.frames[0].offload.gso, GW_GSO_TCP4);
	assert_int_equal(fixture->second.frames[0].offload.segment_bytes, 1460);
	assert_int_equal(fixture->second.frames[0].offload.csum_start, 34);
	assert_int_equal(fixture->second.frames[0].offload.csum_offset, 16);
}

static void a_port_that_takes_none_gets_segments_with_whole_checksums(void **state)
{
	struct fixture *fixture = *state;
	struct iovec piece;
	struct gw_frame frame;
	size_t payload = 0;

	introduce(fixture);
	frame = large_tcp(fixture, &piece, 14600);
	assert_int_equal(gw_port_send(fixture->first.port, &frame, 1), 1);
	assert_int_equal(fixture->second.frame_count, 10);
	for (size_t i = 0; i < 10; i++) {
		const struct kit_frame *segment = &fixture->second.frames[i];
		struct checksum checksum;

		assert_int_equal(segment->length, 1514);
		assert_int_not_equal(segment->offload.csum, GW_CSUM_PARTIAL);
		assert_int_equal(segment->offload.gso, GW_GSO_NONE);
		checksum_init(&checksum);
		ip4_pseudo(&checksum, (struct ip4){{10, 0, 2, 15}}, (struct ip4){{10, 0, 2, 16}}, IP_PROTOCOL_TCP,
			   1480);
		checksum_add(&checksum, segment->bytes + 34, 1480);
		assert_int_equal(be16_value(checksum_final(&checksum)), 0);
		for (size_t j = 54; j < segment->length; j++)
			assert_int_equal(segment->bytes[j], (uint8_t)(payload++ * 31));
	}
}

static void what_a_batch_leaves_untaken_is_dropped_and_counted(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[10][64];
	struct iovec pieces[10];
	struct gw_frame frames[10];
	uint64_t before;

	introduce(fixture);
	before = kit_port(&fixture->kit, "vm2").info.counters.to_guest_frames;
	fixture->second.take = 4;
	for (size_t i = 0; i < 10; i++) {
		kit_frame(bytes[i], fixture->second.mac, fixture->first.mac, (uint8_t)i);
		pieces[i] = (struct iovec){bytes[i], 64};
		frames[i] = (struct gw_frame){.pieces = &pieces[i], .piece_count = 1};
	}
	assert_int_equal(gw_port_send(fixture->first.port, frames, 10), 10);
	assert_int_equal(fixture->second.frame_count, 4);
	assert_int_equal(kit_drops(&fixture->kit, "vm2", "room-refused"), 6);
	assert_int_equal(kit_port(&fixture->kit, "vm2").info.counters.to_guest_frames, before + 4);
}

static void answer_at_once(struct kit_guest *guest, const struct kit_frame *frame)
{
	uint8_t bytes[64];
	struct mac back;

	memcpy(&back, frame->bytes + 6, 6);
	kit_frame(bytes, back, guest->mac, (uint8_t)(frame->bytes[20] + 1));
	assert_int_equal(kit_guest_send(guest, bytes, 64), 1);
}

static void what_a_callback_sends_goes_out_in_the_next_round(void **state)
{
	struct fixture *fixture = *state;
	size_t count = kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 41);

	introduce(fixture);
	fixture->second.on_frame = answer_at_once;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 41);
	kit_guest_send(&fixture->first, fixture->bytes, count);
	assert_int_equal(fixture->first.frame_count, 0);
	assert_int_equal(gw_network_timeout_us(fixture->kit.network), 0);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 1);
	assert_int_equal(fixture->first.frames[0].bytes[20], 42);
}

static void callbacks_that_answer_each_other_take_turns(void **state)
{
	struct fixture *fixture = *state;

	introduce(fixture);
	fixture->first.on_frame = fixture->second.on_frame = answer_at_once;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	for (int i = 0; i < 20; i++)
		assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	/* a ping-pong without end is one frame a round, never a stack */
	assert_in_range(fixture->first.frame_count + fixture->second.frame_count, 15, 21);
	fixture->first.on_frame = fixture->second.on_frame = NULL;
	kit_settle(&fixture->kit);
}

static void send_more_than_is_kept(struct kit_guest *guest, const struct kit_frame *frame)
{
	static uint8_t bytes[200][1514];
	static struct iovec pieces[200];
	static struct gw_frame frames[200];
	struct mac back;
	size_t sent;

	guest->on_frame = NULL;
	memcpy(&back, frame->bytes + 6, 6);
	for (size_t i = 0; i < 200; i++) {
		kit_frame(bytes[i], back, guest->mac, (uint8_t)i);
		pieces[i] = (struct iovec){bytes[i], 1514};
		frames[i] = (struct gw_frame){.pieces = &pieces[i], .piece_count = 1};
	}
	sent = gw_port_send(guest->port, frames, 200);
	/* 256 KiB of frames of 1514 and a prefix */
	assert_in_range(sent, 160, 180);
	guest->take = sent; /* for the test to see */
}

static void what_callbacks_send_is_bounded_and_told(void **state)
{
	struct fixture *fixture = *state;
	size_t kept;

	introduce(fixture);
	fixture->second.on_frame = send_more_than_is_kept;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	kept = fixture->second.take;
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, kept);
	for (size_t i = 0; i < kept; i++)
		assert_int_equal(fixture->first.frames[i].bytes[20], i);
	assert_int_equal(kit_port(&fixture->kit, "vm2").info.queue_bound_bytes, 256 * 1024);
	assert_int_equal(kit_port(&fixture->kit, "vm2").info.queued_bytes, 0);
	assert_true(kit_port(&fixture->kit, "vm2").info.queued_peak_bytes > 200 * 1024);
}

static void what_a_callback_sent_comes_before_what_is_sent_later(void **state)
{
	struct fixture *fixture = *state;

	introduce(fixture);
	fixture->second.on_frame = answer_at_once;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 10);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	fixture->second.on_frame = NULL;
	kit_frame(fixture->bytes, fixture->first.mac, fixture->second.mac, 99);
	kit_guest_send(&fixture->second, fixture->bytes, 64);
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->first.frame_count, 2);
	assert_int_equal(fixture->first.frames[0].bytes[20], 11);
	assert_int_equal(fixture->first.frames[1].bytes[20], 99);
}

static struct gw_frame *send_what;
static struct kit_guest *send_whose;

static void send_once(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)frame;
	guest->on_frame = NULL;
	assert_int_equal(gw_port_send(send_whose->port, send_what, 1), 1);
}

static void offloads_of_what_a_callback_sends_are_kept(void **state)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct fixture *fixture = *state;
	uint8_t bytes[64];
	struct iovec piece;
	struct gw_frame frame;

	config.csum = config.tso4 = true;
	gw_port_free(fixture->second.port);
	kit_guest_join(&fixture->second, "vm2", &config);
	introduce(fixture);
	frame = large_tcp(fixture, &piece, 30000);
	send_what = &frame;
	send_whose = &fixture->first;
	fixture->first.on_frame = send_once;
	kit_guest_send(&fixture->second, bytes, kit_frame(bytes, fixture->first.mac, fixture->second.mac, 0));
	kit_settle(&fixture->kit);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(fixture->second.frames[0].length, 30054);
	assert_memory_equal(fixture->second.frames[0].bytes, fixture->bytes, 30054);
	assert_int_equal(fixture->second.frames[0].offload.gso, GW_GSO_TCP4);
	assert_int_equal(fixture->second.frames[0].offload.csum, GW_CSUM_PARTIAL);
	assert_int_equal(fixture->second.frames[0].offload.csum_start, 34);
	assert_int_equal(fixture->second.frames[0].offload.csum_offset, 16);
	assert_int_equal(fixture->second.frames[0].offload.segment_bytes, 1460);
}

static void free_self(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)frame;
	gw_port_free(guest->port);
	gw_port_free(guest->port);
	assert_int_equal(kit_guest_send(guest, guest->frames[0].bytes, 64), 0);
}

static void a_port_may_be_freed_within_its_own_callback(void **state)
{
	struct fixture *fixture = *state;

	introduce(fixture);
	fixture->second.on_frame = free_self;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	assert_int_equal(fixture->second.frame_count, 1);
	assert_int_equal(kit_drops(&fixture->kit, "vm2", "port-closed"), 1);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	fixture->second.port = NULL;
	kit_guest_join(&fixture->second, "vm2", NULL);
}

static struct kit_guest *free_whom;

static void free_another(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)frame;
	guest->on_frame = NULL;
	gw_port_free(free_whom->port);
}

static void a_callback_may_free_the_port_that_the_frame_came_from(void **state)
{
	struct fixture *fixture = *state;

	introduce(fixture);
	free_whom = &fixture->first;
	fixture->second.on_frame = free_another;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 0);
	kit_guest_send(&fixture->first, fixture->bytes, 64);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	assert_string_equal(kit_event(&fixture->kit, GW_EVENT_GUEST_LEFT)->port, "vm1");
}

static void free_what_is_told(void *owner, const struct gw_port_info *info)
{
	struct fixture *fixture = owner;

	if (strcmp(info->name, "vm1") == 0) {
		gw_port_free(fixture->first.port);
		gw_port_free(fixture->second.port);
	}
}

static void who_is_told_of_ports_may_free_them(void **state)
{
	struct fixture *fixture = *state;

	gw_network_each_port(fixture->kit.network, free_what_is_told, fixture);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 2);
}

/* A guest that the program plays on both sides: what reaches one goes out by the other. */
static void send_from_the_first(struct kit_guest *guest, const struct kit_frame *frame)
{
	struct fixture *fixture = container_of(guest, struct fixture, second);

	kit_guest_send(&fixture->first, frame->bytes, frame->length);
	kit_guest_forget(guest);
}

static void a_port_whose_frames_come_back_to_it_holds_nobody_up(void **state)
{
	struct fixture *fixture = *state;

	introduce(fixture);
	fixture->second.on_frame = send_from_the_first;
	kit_frame(fixture->bytes, fixture->second.mac, fixture->first.mac, 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kit_guest_send(&fixture->first, fixture->bytes, 64), 1);
	fixture->second.on_frame = NULL;
	kit_settle(&fixture->kit);
}

/* ---- options and errors ---- */

static void options_of_a_port_hold(void **state)
{
	struct gw_port_config config = GW_INIT(struct gw_port_config);
	struct fixture *fixture = *state;

	config.mac = "52:54:00:00:00:03";
	config.isolated = true;
	kit_guest_join(&fixture->third, "vm3", &config);
	kit_frame(fixture->bytes, MAC_BROADCAST, (struct mac){{2, 0, 0, 0, 0, 1}}, 0);
	kit_guest_send(&fixture->third, fixture->bytes, 64);
	assert_int_equal(kit_drops(&fixture->kit, "vm3", "source-spoofed"), 1);
	kit_frame(fixture->bytes, MAC_BROADCAST, fixture->third.mac, 0);
	kit_guest_send(&fixture->third, fixture->bytes, 64);
	assert_int_equal(fixture->first.frame_count, 1);
	assert_true(kit_port(&fixture->kit, "vm3").info.isolated);
}

static int reserve_nothing(void *owner, size_t least, size_t wanted, struct gw_room *ret_room)
{
	(void)owner;
	(void)least;
	(void)wanted;
	(void)ret_room;
	return -EAGAIN;
}

static void what_a_port_cannot_be_is_told(void **state)
{
	static const struct {
		const char *name, *mac;
		size_t frame_bytes;
		bool to_guest, reserve;
		int code;
		const char *says;
	} rows[] = {
		{"vm1", NULL, 0, true, false, -EEXIST, "'vm1': is in use"},
		{"gateway", NULL, 0, true, false, -EEXIST, "'gateway': is in use"},
		{"a.1", NULL, 0, true, false, -EINVAL, "'a.1': must be"},
		{"", NULL, 0, true, false, -EINVAL, "letters, digits"},
		{"vm9", NULL, 0, false, false, -EINVAL, "neither to_guest nor reserve"},
		{"vm9", NULL, 0, true, true, -EINVAL, "reserve, commit and cancel"},
		{"vm9", NULL, 1000, true, false, -EMSGSIZE, "use mtu=986"},
		{"vm9", "02:00", 0, true, false, -EINVAL, "mac=02:00"},
		{"vm9", "ff:ff:ff:ff:ff:ff", 0, true, false, -EINVAL, "mac=ff:ff"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_port_config config = GW_INIT(struct gw_port_config);
		struct gw_port *port = (struct gw_port *)&config;
		struct gw_error error = {0};

		config.name = rows[i].name;
		config.mac = rows[i].mac;
		config.frame_bytes = rows[i].frame_bytes;
		config.to_guest = rows[i].to_guest ? kit_guest_take : NULL;
		config.reserve = rows[i].reserve ? reserve_nothing : NULL;
		assert_int_equal(gw_port_new(fixture->kit.network, &config, &port, &error), rows[i].code);
		assert_int_equal(error.code, rows[i].code);
		assert_ptr_equal(port, &config);
		if (!strstr(error.text, rows[i].says))
			fail_msg("'%s' lacks '%s'", error.text, rows[i].says);
		assert_int_equal(gw_port_new(fixture->kit.network, &config, &port, NULL), rows[i].code);
	}
}

static void a_port_without_a_name_gets_one(void **state)
{
	struct fixture *fixture = *state;

	kit_guest_join(&fixture->third, NULL, NULL);
	assert_string_equal(kit_port(&fixture->kit, "port0").kind, "in-process");
	gw_port_free(NULL);
}

static size_t take_without_owner(void *owner, const struct gw_frame *frames, size_t count)
{
	(void)frames;
	assert_null(owner);
	return count;
}

static void a_header_from_before_the_structure_grew_still_works(void **state)
{
	struct fixture *fixture = *state;
	struct gw_port_config config = GW_INIT(struct gw_port_config);

	/* as if all behind to_guest were of a later version: garbage to an old program */
	config.reserve = reserve_nothing;
	config.size = offsetof(struct gw_port_config, reserve);
	config.to_guest = take_without_owner;
	config.name = "old";
	assert_int_equal(gw_port_new(fixture->kit.network, &config, &fixture->third.port, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(a_frame_reaches_the_other_guest_before_send_returns),
		with_fixture(a_batch_arrives_as_a_batch_and_in_order),
		with_fixture(a_frame_in_many_small_pieces_arrives_whole),
		with_fixture(what_cannot_be_a_frame_is_counted_by_name),
		with_fixture(a_port_that_takes_offloads_gets_them_uncut),
		with_fixture(a_port_that_takes_none_gets_segments_with_whole_checksums),
		with_fixture(what_a_batch_leaves_untaken_is_dropped_and_counted),
		with_fixture(what_a_callback_sends_goes_out_in_the_next_round),
		with_fixture(callbacks_that_answer_each_other_take_turns),
		with_fixture(what_callbacks_send_is_bounded_and_told),
		with_fixture(what_a_callback_sent_comes_before_what_is_sent_later),
		with_fixture(offloads_of_what_a_callback_sends_are_kept),
		with_fixture(a_port_may_be_freed_within_its_own_callback),
		with_fixture(a_callback_may_free_the_port_that_the_frame_came_from),
		with_fixture(who_is_told_of_ports_may_free_them),
		with_fixture(a_port_whose_frames_come_back_to_it_holds_nobody_up),
		with_fixture(options_of_a_port_hold),
		with_fixture(what_a_port_cannot_be_is_told),
		with_fixture(a_port_without_a_name_gets_one),
		with_fixture(a_header_from_before_the_structure_grew_still_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
