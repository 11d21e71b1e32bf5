/* SPDX-License-Identifier: MIT */
/* Captures: what they show, and that they may end at any moment. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "unit/network/kit.h"

struct shown {
	enum gw_capture_direction direction;
	unsigned reason;
	char port[64];
	uint8_t mark;
	size_t length;
	uint64_t now_us;
};

struct watcher {
	struct gw_capture *capture;
	struct shown shown[64];
	size_t count;
	bool end_at_once;
	struct gw_port *free_port;
};

static void on_frame(void *owner, const struct gw_capture_frame *frame)
{
	struct watcher *watcher = owner;
	struct shown *shown = &watcher->shown[watcher->count++];
	uint8_t bytes[64] = {0};
	size_t total = 0;

	assert_true(watcher->count <= 64);
	assert_int_equal(frame->size, sizeof(*frame));
	for (size_t i = 0; i < frame->frame.piece_count; i++) {
		const struct iovec *piece = &frame->frame.pieces[i];
		size_t here = total < 64 ? 64 - total : 0;

		memcpy(bytes + total, piece->iov_base, piece->iov_len < here ? piece->iov_len : here);
		total += piece->iov_len;
		if (total > 64)
			break;
	}
	*shown = (struct shown){.direction = frame->direction,
				.reason = frame->reason,
				.mark = bytes[20],
				.length = frame->length,
				.now_us = frame->now_us};
	snprintf(shown->port, sizeof(shown->port), "%s", frame->port);
	if (watcher->end_at_once) {
		gw_capture_free(watcher->capture);
		watcher->capture = NULL;
		watcher->end_at_once = false;
	}
	if (watcher->free_port)
		gw_port_free(watcher->free_port);
	watcher->free_port = NULL;
}

struct fixture {
	struct kit kit;
	struct kit_guest first, second;
	struct watcher all, one;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint8_t bytes[64];

	kit_new(&fixture->kit, "none");
	kit_guest_new(&fixture->first, &fixture->kit, 1);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_guest_send(&fixture->second, bytes, kit_frame(bytes, MAC_BROADCAST, fixture->second.mac, 0));
	kit_settle(&fixture->kit);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_guest_forget(&fixture->second);
	free(fixture);
	return 0;
}

static void send_mark(struct fixture *fixture, uint8_t mark)
{
	uint8_t bytes[64];

	kit_frame(bytes, fixture->second.mac, fixture->first.mac, mark);
	kit_guest_send(&fixture->first, bytes, 64);
}

static void both_ways_and_drops_are_shown(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_capture_new(fixture->kit.network, NULL, on_frame, &fixture->all, &fixture->all.capture), 0);
	fixture->kit.now_us += 12345;
	send_mark(fixture, 7);
	assert_int_equal(fixture->all.count, 2);
	assert_int_equal(fixture->all.shown[0].direction, GW_CAPTURE_FROM_GUEST);
	assert_string_equal(fixture->all.shown[0].port, "vm1");
	assert_int_equal(fixture->all.shown[0].mark, 7);
	assert_int_equal(fixture->all.shown[0].length, 64);
	assert_int_equal(fixture->all.shown[0].now_us, fixture->kit.now_us);
	assert_int_equal(fixture->all.shown[1].direction, GW_CAPTURE_TO_GUEST);
	assert_string_equal(fixture->all.shown[1].port, "vm2");
	fixture->second.take = 0;
	send_mark(fixture, 8);
	assert_int_equal(fixture->all.count, 5);
	assert_int_equal(fixture->all.shown[4].direction, GW_CAPTURE_DROPPED);
	assert_string_equal(gw_drop_name(fixture->all.shown[4].reason), "room-refused");
	assert_int_equal(fixture->all.shown[4].mark, 8);
	assert_string_equal(fixture->all.shown[4].port, "vm2");
	gw_capture_free(fixture->all.capture);
	send_mark(fixture, 9);
	assert_int_equal(fixture->all.count, 5);
}

static void a_capture_of_one_port_shows_that_one(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_capture_new(fixture->kit.network, "vm2", on_frame, &fixture->one, &fixture->one.capture),
			 0);
	assert_int_equal(gw_capture_new(fixture->kit.network, "vm", on_frame, &fixture->all, &fixture->all.capture), 0);
	send_mark(fixture, 7);
	assert_int_equal(fixture->one.count, 1);
	assert_string_equal(fixture->one.shown[0].port, "vm2");
	assert_int_equal(fixture->all.count, 0);
}

static void it_may_end_within_its_own_callback(void **state)
{
	struct fixture *fixture = *state;

	fixture->all.end_at_once = true;
	assert_int_equal(gw_capture_new(fixture->kit.network, NULL, on_frame, &fixture->all, &fixture->all.capture), 0);
	assert_int_equal(gw_capture_new(fixture->kit.network, "vm2", on_frame, &fixture->one, &fixture->one.capture),
			 0);
	send_mark(fixture, 7);
	assert_int_equal(fixture->all.count, 1);
	assert_int_equal(fixture->one.count, 1);
	fixture->one.end_at_once = true;
	send_mark(fixture, 8);
	send_mark(fixture, 9);
	assert_int_equal(fixture->one.count, 2);
}

static struct gw_capture *end_in_delivery;

static void end_capture(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)guest;
	(void)frame;
	gw_capture_free(end_in_delivery);
	end_in_delivery = NULL;
}

static void it_may_end_within_a_delivery(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_capture_new(fixture->kit.network, NULL, on_frame, &fixture->all, &fixture->all.capture), 0);
	end_in_delivery = fixture->all.capture;
	fixture->second.on_frame = end_capture;
	send_mark(fixture, 7);
	send_mark(fixture, 8);
	assert_int_equal(fixture->all.count, 2);
}

static void a_port_may_be_freed_while_it_is_shown(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(gw_capture_new(fixture->kit.network, NULL, on_frame, &fixture->all, &fixture->all.capture), 0);
	fixture->all.free_port = fixture->first.port;
	send_mark(fixture, 7);
	kit_settle(&fixture->kit);
	assert_string_equal(kit_event(&fixture->kit, GW_EVENT_GUEST_LEFT)->port, "vm1");
}

static void a_name_that_no_port_can_have_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char name[100];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(gw_capture_new(fixture->kit.network, name, on_frame, &fixture->all, &fixture->all.capture),
			 -ENOENT);
	gw_capture_free(NULL);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(both_ways_and_drops_are_shown),
		with_fixture(a_capture_of_one_port_shows_that_one),
		with_fixture(it_may_end_within_its_own_callback),
		with_fixture(it_may_end_within_a_delivery),
		with_fixture(a_port_may_be_freed_while_it_is_shown),
		with_fixture(a_name_that_no_port_can_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
