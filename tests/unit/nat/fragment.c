/* SPDX-License-Identifier: MIT */
/* Fragments of guests put together, seen by what leaves by a socket; their bounds, and what is wrong with them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "nat/fragment.h"
#include "unit/nat/world.h"

#define GUEST "10.0.2.15"
#define FAR "198.51.100.7"
#define GUEST6 "fd00::15"
#define FAR6 "2001:db8::7"
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static int setup(void **state)
{
	*state = world_new();
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	fragments_port_gone(world->fragments, &world->guest->port);
	assert_int_equal(fragments_count(world->fragments), 0);
	assert_int_equal(fragments_blocks(world->fragments), 0);
	world_free(world);
	return 0;
}

static uint8_t datagram[66000];

/* A whole UDP datagram in `datagram`, its payload counting up from 1. */
static size_t datagram_make(bool is6, size_t payload)
{
	struct guest_packet packet = {.from = is6 ? GUEST6 : GUEST,
				      .to = is6 ? FAR6 : FAR,
				      .protocol = IP_PROTOCOL_UDP};
	struct udp_header header = {.from_port = 4000, .to_port = 53, .bytes = (uint16_t)(UDP_HEADER_BYTES + payload)};
	struct checksum pseudo = packet_sum(&packet, UDP_HEADER_BYTES + payload);
	struct writer writer;

	writer_init(&writer, datagram, sizeof(datagram));
	udp_header_write(&writer, &header);
	for (size_t i = 0; i < payload; i++)
		writer_u8(&writer, (uint8_t)(1 + i));
	udp_checksum_fill(&pseudo, datagram, UDP_HEADER_BYTES + payload);
	return UDP_HEADER_BYTES + payload;
}

/* Adds [offset, offset + bytes) of it to the batch. */
static void fragment_add(struct world *world, bool is6, uint32_t id, uint16_t offset, size_t bytes, bool more)
{
	struct guest_packet packet = {.from = is6 ? GUEST6 : GUEST,
				      .to = is6 ? FAR6 : FAR,
				      .protocol = IP_PROTOCOL_UDP};
	uint8_t with_header[4096];
	struct writer writer;

	if (!is6) {
		packet.id = (uint16_t)id;
		packet.offset = offset;
		packet.more = more;
		guest_add(world, &packet, datagram + offset, bytes);
		return;
	}
	packet.protocol = IP_PROTOCOL_FRAGMENT;
	writer_init(&writer, with_header, sizeof(with_header));
	ip6_fragment_write(&writer, IP_PROTOCOL_UDP, offset, more, id);
	writer_copy(&writer, datagram + offset, bytes);
	guest_add(world, &packet, with_header, writer_used(&writer));
}

static void assert_whole(struct world *world, size_t index, size_t payload)
{
	const struct script_sent *sent = &world->script.sent[index];

	assert_int_equal(world->script.sent_count, index + 1);
	assert_int_equal(sent->bytes, payload);
	for (size_t i = 0; i < payload && i < SCRIPT_DATA; i++)
		assert_int_equal(sent->data[i], (uint8_t)(1 + i));
	assert_int_equal(fragments_count(world->fragments), 0);
}

static void send_all(struct world *world, bool is6, uint32_t id, size_t bytes, bool backwards)
{
	enum { SLICE = 1448 };
	size_t slices = (bytes + SLICE - 1) / SLICE;

	for (size_t i = 0; i < slices; i++) {
		size_t at = (backwards ? slices - 1 - i : i) * SLICE;

		fragment_add(world, is6, id, (uint16_t)at, bytes - at < SLICE ? bytes - at : SLICE, at + SLICE < bytes);
	}
	guest_send(world);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_NONE));
}

static void fragments_become_the_datagram_in_any_order(void **state)
{
	struct world *world = *state;

	send_all(world, false, 1, datagram_make(false, 4000), false);
	assert_whole(world, 0, 4000);
	send_all(world, false, 2, datagram_make(false, 3999), true);
	assert_whole(world, 1, 3999);
	send_all(world, true, 3, datagram_make(true, 4000), false);
	assert_whole(world, 2, 4000);
	send_all(world, true, 3, datagram_make(true, 2000), true);
	assert_whole(world, 3, 2000);
}

static void the_largest_datagram_is_put_together(void **state)
{
	struct world *world = *state;

	send_all(world, false, 1, datagram_make(false, 65507), false);
	assert_whole(world, 0, 65507);
	send_all(world, true, 1, datagram_make(true, 65487), true);
	assert_whole(world, 1, 65487);
}

static void a_small_one_too(void **state)
{
	struct world *world = *state;

	datagram_make(false, 10);
	fragment_add(world, false, 1, 0, 8, true);
	fragment_add(world, false, 1, 8, 10, false);
	guest_send(world);
	assert_whole(world, 0, 10);
}

static void datagrams_are_told_apart(void **state)
{
	struct world *world = *state;

	datagram_make(false, 100);
	fragment_add(world, false, 1, 0, 48, true);
	fragment_add(world, false, 2, 48, 60, false);
	guest_send(world);
	assert_int_equal(fragments_count(world->fragments), 2);
	assert_int_equal(world->script.sent_count, 0);
	fragment_add(world, false, 2, 0, 48, true);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
	fragment_add(world, false, 1, 48, 60, false);
	guest_send(world);
	assert_whole(world, 1, 100);
}

/* Each row ends with the datagram forgotten. */
static const struct wrong_row {
	const char *what;
	struct {
		uint16_t offset;
		uint16_t bytes;
		bool more;
	} fragments[3];
	enum drop_reason verdict;
} wrong_rows[] = {
	{"overlap by a unit", {{0, 48, true}, {40, 48, true}}, DROP_FRAGMENT_OVERLAP},
	{"the same twice", {{0, 48, true}, {0, 48, true}}, DROP_FRAGMENT_OVERLAP},
	{"one inside another", {{0, 80, true}, {16, 8, true}}, DROP_FRAGMENT_OVERLAP},
	{"the end inside the last unit", {{0, 80, true}, {72, 4, false}}, DROP_FRAGMENT_OVERLAP},
	{"the end inside", {{0, 80, true}, {48, 4, false}}, DROP_FRAGMENT_BEYOND},
	{"behind the end", {{80, 8, false}, {88, 8, true}}, DROP_FRAGMENT_BEYOND},
	{"two ends", {{80, 8, false}, {96, 8, false}}, DROP_FRAGMENT_BEYOND},
	{"an end before what came", {{160, 8, true}, {80, 8, false}}, DROP_FRAGMENT_BEYOND},
};

static void wrong_fragments_take_the_whole_datagram_along(void **state)
{
	struct world *world = *state;

	datagram_make(false, 1000);
	for (size_t is6 = 0; is6 < 2; is6++) {
		for (size_t i = 0; i < ROWS(wrong_rows); i++) {
			const struct wrong_row *row = &wrong_rows[i];

			print_message("%s\n", row->what);
			for (size_t j = 0; j < 2; j++)
				fragment_add(world, is6, (uint32_t)i, row->fragments[j].offset, row->fragments[j].bytes,
					     row->fragments[j].more);
			guest_send(world);
			assert_int_equal(world->last_drop, row->verdict);
			assert_int_equal(fragments_count(world->fragments), 0);
		}
	}
	assert_int_equal(world->script.sent_count, 0);
}

static void fragments_that_make_no_sense_are_refused_at_once(void **state)
{
	struct world *world = *state;

	datagram_make(false, 1000);
	fragment_add(world, false, 1, 0, 47, true);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_FRAGMENT_LENGTH);
	fragment_add(world, true, 1, 8, 0, false);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_FRAGMENT_LENGTH);
	fragment_add(world, false, 1, 65528, 100, false);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_FRAGMENT_BEYOND);
	assert_int_equal(fragments_count(world->fragments), 0);
}

static void a_fragment_header_without_fragments_means_nothing(void **state)
{
	struct world *world = *state;

	fragment_add(world, true, 1, 0, datagram_make(true, 100), false);
	guest_send(world);
	assert_whole(world, 0, 100);
}

/* RFC 6946 4: it neither ends nor spoils what comes in pieces under the same number. */
static void a_whole_packet_and_fragments_of_its_number_are_told_apart(void **state)
{
	struct world *world = *state;
	size_t bytes = datagram_make(true, 100);

	fragment_add(world, true, 1, 0, 48, true);
	fragment_add(world, true, 1, 0, bytes, false);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(world->script.sent[0].bytes, 100);
	fragment_add(world, true, 1, 48, 60, false);
	guest_send(world);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_NONE));
	assert_whole(world, 1, 100);
}

/* RFC 8200 4.5: what stands behind the fragment header is cut as well, and counts for the offsets. */
static void headers_behind_the_fragment_header_are_a_part_of_what_is_cut(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST6, .to = FAR6, .protocol = IP_PROTOCOL_FRAGMENT};
	const uint8_t options[8] = {IP_PROTOCOL_UDP, 0, 1, 4};
	uint8_t whole[8 + 108], part[8 + sizeof(whole)];
	struct writer writer;

	datagram_make(true, 100);
	memcpy(whole, options, sizeof(options));
	memcpy(whole + sizeof(options), datagram, 108);
	for (uint16_t at = 0; at < sizeof(whole); at += 64) {
		bool more = at + 64U < sizeof(whole);

		writer_init(&writer, part, sizeof(part));
		ip6_fragment_write(&writer, IP_PROTOCOL_DESTINATION, at, more, 9);
		writer_copy(&writer, whole + at, more ? 64 : sizeof(whole) - at);
		guest_add(world, &packet, part, writer_used(&writer));
	}
	guest_send(world);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_NONE));
	assert_whole(world, 0, 100);
}

static void neighbour_discovery_in_fragments_is_refused(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST6, .to = FAR6, .protocol = IP_PROTOCOL_FRAGMENT};
	uint8_t bytes[24] = {IP_PROTOCOL_ICMP6, 0, 0, 1, 0, 0, 0, 1, ICMP6_NEIGHBOUR_ADVERT};

	guest_add(world, &packet, bytes, 16);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_FRAGMENT_NDP);
	/* nor behind one more header */
	memmove(bytes + 16, bytes + 8, 8);
	memcpy(bytes + 8, (const uint8_t[]){IP_PROTOCOL_ICMP6, 0, 1, 4, 0, 0, 0, 0}, 8);
	bytes[0] = IP_PROTOCOL_DESTINATION;
	guest_add(world, &packet, bytes, sizeof(bytes));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_FRAGMENT_NDP);
	bytes[16] = ICMP6_ECHO_REQUEST;
	guest_add(world, &packet, bytes, sizeof(bytes));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_NONE);
}

static void congestion_of_one_fragment_is_that_of_all(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST, .to = FAR, .protocol = IP_PROTOCOL_UDP, .id = 1, .service = 2};

	datagram_make(false, 100);
	packet.more = true;
	guest_add(world, &packet, datagram, 48);
	packet.more = false;
	packet.offset = 48;
	packet.service = 3;
	guest_add(world, &packet, datagram + 48, 60);
	guest_send(world);
	assert_whole(world, 0, 100);
	assert_int_equal(world->script.sent[0].way.service, 3);
}

static void what_does_not_come_in_time_is_given_up_and_told(void **state)
{
	struct world *world = *state;

	datagram_make(false, 100);
	fragment_add(world, false, 1, 0, 48, true);
	guest_send(world);
	world_wait(world, FRAGMENT_WAIT_US - 1);
	fragment_add(world, false, 2, 48, 60, false);
	guest_send(world);
	world_wait(world, 1);
	assert_int_equal(guest_drops(world, DROP_FRAGMENT_LATE), 1);
	assert_int_equal(fragments_count(world->fragments), 1);
	/* the headers and as much of the payload as an error must quote */
	assert_int_equal(world->late_bytes, 14 + IP4_HEADER_BYTES + 8);
	/* without the first one nobody knows whom to tell of what */
	world_wait(world, FRAGMENT_WAIT_US);
	assert_int_equal(guest_drops(world, DROP_FRAGMENT_LATE), 2);
	assert_int_equal(world->late_bytes, 0);
}

/* What a guest wants of the others: first fragments whose rest never comes, each of so many bytes. */
static void flood(struct world *world, uint32_t count, uint16_t bytes)
{
	for (uint32_t i = 0; i < count; i++) {
		for (uint16_t at = 0; at < bytes; at = (uint16_t)(at + 2048)) {
			fragment_add(world, false, i, at, 8, true);
			guest_send(world);
			assert_string_equal(drop_name(world->last_drop), drop_name(DROP_NONE));
		}
	}
}

static void of_one_guests_datagrams_the_oldest_makes_room(void **state)
{
	struct world *world = *state;

	datagram_make(false, 100);
	flood(world, 3 * FRAGMENT_DATAGRAMS_MAX, 8);
	assert_int_equal(fragments_count(world->fragments), FRAGMENT_DATAGRAMS_MAX);
	assert_int_equal(guest_drops(world, DROP_FRAGMENT_DISPLACED), 2 * FRAGMENT_DATAGRAMS_MAX);
	/* the oldest that is left, and the youngest of those that are not */
	fragment_add(world, false, 2 * FRAGMENT_DATAGRAMS_MAX, 8, 100, false);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
	fragment_add(world, false, 2 * FRAGMENT_DATAGRAMS_MAX - 1, 8, 100, false);
	guest_send(world);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(world->guest->count, 0); /* nobody is told: it is not late */
}

static void memory_for_all_has_an_end(void **state)
{
	struct world *world = *state;

	datagram_make(false, 65507);
	flood(world, FRAGMENT_DATAGRAMS_MAX, 60000);
	assert_true(guest_drops(world, DROP_FRAGMENT_DISPLACED) > 0);
	assert_true(fragments_blocks(world->fragments) <= FRAGMENT_BLOCKS);
	send_all(world, false, 60000, datagram_make(false, 65507), true);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(world->script.sent[0].bytes, 65507);
}

static void the_guest_that_holds_most_makes_room(void **state)
{
	struct world *world = *state;
	struct record_port *quiet = world->guest, *loud = calloc(1, sizeof(*loud));

	record_port_init(loud, "vm2");
	ethswitch_attach(world->ethswitch, &loud->port);
	/* whether the other was first or not */
	for (uint32_t i = 0; i < 2; i++) {
		size_t bytes = datagram_make(false, 20000), most = i == 0 ? 8 : 60000;

		world->guest = quiet;
		fragment_add(world, false, 1, 0, 1448, true);
		guest_send(world);
		world->guest = loud;
		world->guest_mac.byte[5] = 2;
		flood(world, 2 * FRAGMENT_DATAGRAMS_MAX, (uint16_t)most);
		world->guest = quiet;
		world->guest_mac.byte[5] = 1;
		for (size_t at = 1448; at < bytes; at += 1448)
			fragment_add(world, false, 1, (uint16_t)at, bytes - at < 1448 ? bytes - at : 1448,
				     at + 1448 < bytes);
		guest_send(world);
		assert_string_equal(drop_name(world->last_drop), drop_name(DROP_NONE));
		assert_int_equal(world->script.sent_count, i + 1);
	}
	assert_int_equal(guest_drops(world, DROP_FRAGMENT_DISPLACED), 0);
	assert_true(loud->port.counters.drops.count[DROP_FRAGMENT_DISPLACED] > 0);
	fragments_port_gone(world->fragments, &loud->port);
	ethswitch_detach(&loud->port);
	record_port_clear(loud);
	free(loud);
}

/* A batch ends them all at once, and they stay until it is delivered. */
static void what_is_whole_is_not_given_up(void **state)
{
	struct world *world = *state;
	uint32_t count = FRAGMENT_BLOCKS / 32;

	datagram_make(false, 65507);
	for (uint32_t id = 0; id < count; id++) {
		for (uint32_t at = 0; at < 65507; at += 1448) {
			if (at > 0)
				fragment_add(world, false, id, (uint16_t)at,
					     UDP_HEADER_BYTES + 65507 - at < 1448 ? UDP_HEADER_BYTES + 65507 - at
										  : 1448,
					     at + 1448 < UDP_HEADER_BYTES + 65507);
		}
		guest_send(world);
	}
	for (uint32_t id = 0; id < count; id++)
		fragment_add(world, false, id, 0, 1448, true);
	fragment_add(world, false, count, 0, 1448, true);
	guest_send(world);
	assert_int_equal(world->script.sent_count, count);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_FRAGMENT_FULL));
	assert_int_equal(fragments_count(world->fragments), 0);
}

static void the_ports_end_is_the_fragments_end(void **state)
{
	struct world *world = *state;

	datagram_make(false, 100);
	fragment_add(world, false, 1, 0, 48, true);
	guest_send(world);
	fragments_port_gone(world->fragments, &world->guest->port);
	assert_int_equal(fragments_count(world->fragments), 0);
	world_wait(world, FRAGMENT_WAIT_US);
	assert_int_equal(guest_drops(world, DROP_FRAGMENT_LATE), 0);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(fragments_become_the_datagram_in_any_order),
		scripted(the_largest_datagram_is_put_together),
		scripted(a_small_one_too),
		scripted(datagrams_are_told_apart),
		scripted(wrong_fragments_take_the_whole_datagram_along),
		scripted(fragments_that_make_no_sense_are_refused_at_once),
		scripted(a_fragment_header_without_fragments_means_nothing),
		scripted(a_whole_packet_and_fragments_of_its_number_are_told_apart),
		scripted(headers_behind_the_fragment_header_are_a_part_of_what_is_cut),
		scripted(neighbour_discovery_in_fragments_is_refused),
		scripted(congestion_of_one_fragment_is_that_of_all),
		scripted(what_does_not_come_in_time_is_given_up_and_told),
		scripted(of_one_guests_datagrams_the_oldest_makes_room),
		scripted(memory_for_all_has_an_end),
		scripted(the_guest_that_holds_most_makes_room),
		scripted(what_is_whole_is_not_given_up),
		scripted(the_ports_end_is_the_fragments_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
