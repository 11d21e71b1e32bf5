/* SPDX-License-Identifier: MIT */
/* A switch between ports that keep what they are given: g is the gateway, a, b and c are guests. One to a test program. */
#ifndef UNIT_FABRIC_ETHSWITCH_FIXTURE_H
#define UNIT_FABRIC_ETHSWITCH_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "unit/fabric/packet.h"
#include "unit/fabric/record_port.h"

enum { SECOND = 1000 * 1000, GATEWAY = 0x9999, NOBODY = 0x7777, ALL = 0xffff };

static struct ethswitch *ethswitch;
static struct record_port g, a, b, c;
static struct record_port *const everybody[] = {&g, &a, &b, &c};
static uint8_t bytes[PACKET_BYTES_MAX];
static unsigned learned, claims, conflicts;
static struct port *first_port, *second_port, *moved_from;

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

static inline void on_learned(void *owner, struct port *port, struct mac mac, struct port *before)
{
	(void)owner;
	(void)port;
	assert_int_equal(mac.byte[0], 0x52);
	learned++;
	moved_from = before;
}

static inline void on_claim(void *owner, struct port *first, struct port *second, struct mac mac)
{
	(void)owner;
	(void)mac;
	first_port = first;
	second_port = second;
	claims++;
}

static inline void on_conflict(void *owner, struct port *first, struct port *second, struct mac mac)
{
	(void)owner;
	(void)mac;
	first_port = first;
	second_port = second;
	conflicts++;
}

static inline struct mac mac_of(uint16_t number)
{
	struct mac mac;

	packet_mac(mac.byte, number);
	return mac;
}

static inline void start_with(struct ethswitch_config config)
{
	config.mtu_bytes = 1500;
	config.gateway = mac_of(GATEWAY);
	config.on_learned = on_learned;
	config.on_claim = on_claim;
	config.on_conflict = on_conflict;
	learned = claims = conflicts = 0;
	assert_int_equal(ethswitch_new(&config, &ethswitch), 0);
	ethswitch_set_now(ethswitch, 1000 * (uint64_t)SECOND);
	for (size_t i = 0; i < 4; i++) {
		record_port_init(everybody[i], (const char *[]){"gateway", "a", "b", "c"}[i]);
		ethswitch_attach(ethswitch, &everybody[i]->port);
	}
	g.port.uplink = true;
}

static inline int start(void **state)
{
	(void)state;
	start_with((struct ethswitch_config){0});
	return 0;
}

static inline int finish(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		ethswitch_detach(&everybody[i]->port);
		record_port_clear(everybody[i]);
	}
	assert_int_equal(ethswitch_frames(ethswitch)->taken, 0);
	ethswitch_free(ethswitch);
	return 0;
}

static inline void later(uint64_t us)
{
	ethswitch_set_now(ethswitch, ethswitch_now_us(ethswitch) + us);
}

static inline struct frame frame_of(struct packet_spec spec)
{
	static struct iovec body;
	struct frame frame;
	uint32_t length = packet_build(bytes, &spec, NULL);

	body = (struct iovec){bytes + 256, length > 256 ? length - 256 : 0};
	frame = (struct frame){.head = bytes,
			       .head_bytes = length < 256 ? length : 256,
			       .length = length,
			       .body = &body,
			       .body_pieces = length > 256};
	return frame;
}

static inline void send_spec(struct record_port *from, struct packet_spec spec, struct offload offload)
{
	struct frame frame = frame_of(spec);

	frame.offload = offload;
	ethswitch_input(&from->port, &frame, 1);
}

/* A small frame between numbered addresses. */
static inline void send(struct record_port *from, uint16_t source, uint16_t to)
{
	send_spec(from, (struct packet_spec){.from = source, .to = to, .payload = 100}, (struct offload){0});
}

static inline void send_gso(struct record_port *from, uint16_t source, uint16_t to, bool is6, uint16_t segment_bytes,
			    uint32_t payload)
{
	send_spec(from, (struct packet_spec){.from = source, .to = to, .is6 = is6, .payload = payload, .partial = true},
		  (struct offload){CSUM_PARTIAL, is6 ? GSO_TCP6 : GSO_TCP4, false, is6 ? 54 : 34, 16, segment_bytes});
}

static inline void forget(void)
{
	for (size_t i = 0; i < 4; i++)
		record_port_clear(everybody[i]);
}

static inline void check_counts(size_t at_g, size_t at_a, size_t at_b, size_t at_c)
{
	size_t expected[] = {at_g, at_a, at_b, at_c};

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(everybody[i]->count, expected[i]);
		assert_int_equal(everybody[i]->flushes, expected[i] > 0);
	}
	forget();
}

static inline uint64_t dropped(const struct record_port *record, enum drop_reason reason)
{
	uint64_t all = 0;

	for (int i = 0; i < DROP_REASONS; i++)
		all += record->port.counters.drops.count[i];
	assert_int_equal(all, record->port.counters.drops.count[reason]);
	return all;
}

/* Everybody says a word, so that everybody is known. */
static inline void introduce(void)
{
	send(&g, GATEWAY, ALL);
	send(&a, 1, ALL);
	send(&b, 2, ALL);
	send(&c, 3, ALL);
	forget();
}

static inline void check_segments(const struct record_port *record, bool is6, uint32_t payload)
{
	uint32_t at = 0;

	for (size_t i = 0; i < record->count; i++) {
		const struct record *frame = &record->frames[i];
		struct packet_view view;

		assert_true(frame->length <= 1514);
		assert_null(packet_wrong(frame->bytes, frame->length, &view));
		assert_int_equal(view.is6, is6);
		assert_int_equal(view.sequence, at);
		assert_memory_equal(frame->bytes + view.payload, bytes + view.payload + at, view.end - view.payload);
		at += view.end - view.payload;
	}
	assert_int_equal(at, payload);
}

#endif
