/* SPDX-License-Identifier: MIT */
/* A network with a clock of the test's, and guests that are functions: what the tests of network/ share. Everything here
 * goes through guestwire.h, as a host program does. */
#ifndef UNIT_NETWORK_KIT_H
#define UNIT_NETWORK_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guestwire/guestwire.h"
#include "wire/arp.h"
#include "wire/dhcp4.h"
#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

enum kit_limits {
	KIT_EVENTS = 4096,
	KIT_FRAMES = 256,
	KIT_FRAME_BYTES = 65536 + 64,
};

struct kit_event {
	enum gw_event_type type;
	char port[64], mac[18], text[512];
};

struct kit {
	struct gw_network *network;
	uint64_t now_us;
	struct kit_event *events;
	size_t event_count;
};

struct kit_frame {
	uint8_t *bytes;
	size_t length;
	struct gw_offload offload;
};

/* A guest: keeps what it gets. */
struct kit_guest {
	struct kit *kit;
	struct gw_port *port;
	struct mac mac;
	struct kit_frame frames[KIT_FRAMES];
	size_t frame_count, batches;
	size_t take; /* how many of a batch are taken; SIZE_MAX: all */
	void (*on_frame)(struct kit_guest *guest, const struct kit_frame *frame);
};

static inline uint64_t kit_clock(void *owner)
{
	return ((struct kit *)owner)->now_us;
}

static inline void kit_on_event(void *owner, const struct gw_event *event)
{
	struct kit *kit = owner;
	struct kit_event *kept = &kit->events[kit->event_count];

	assert_int_equal(event->size, sizeof(*event));
	assert_true(kit->event_count < KIT_EVENTS);
	assert_null(strchr(event->text, '\n'));
	kit->event_count++;
	kept->type = event->type;
	snprintf(kept->port, sizeof(kept->port), "%s", event->port ? event->port : "");
	snprintf(kept->mac, sizeof(kept->mac), "%s", event->mac ? event->mac : "");
	snprintf(kept->text, sizeof(kept->text), "%s", event->text);
}

static inline void kit_done(struct kit *kit)
{
	gw_network_free(kit->network);
	kit->network = NULL;
	free(kit->events);
	kit->events = NULL;
}

static inline int kit_try(struct kit *kit, const char *uplink, const char *state_dir, const char *const *hosts,
			  struct gw_error *ret_error)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	int result;

	*kit = (struct kit){.now_us = 1000 * 1000 * 1000, .events = calloc(KIT_EVENTS, sizeof(struct kit_event))};
	config.name = "lab";
	config.uplink = uplink;
	config.state_dir = state_dir;
	config.dhcp_hosts = hosts;
	config.now_us = kit_clock;
	config.on_event = kit_on_event;
	config.owner = kit;
	result = gw_network_new(&config, &kit->network, ret_error);
	if (result < 0)
		kit_done(kit);
	return result;
}

static inline void kit_new(struct kit *kit, const char *uplink)
{
	struct gw_error error = {0};

	if (kit_try(kit, uplink, NULL, NULL, &error) != 0)
		fail_msg("%s", error.text);
}

/* Turns until nothing is left to do now. */
static inline void kit_settle(struct kit *kit)
{
	int turns = 0;

	do {
		assert_int_equal(gw_network_run(kit->network, 0), 0);
		assert_true(turns++ < 1000);
	} while (gw_network_timeout_us(kit->network) == 0);
}

static inline void kit_pass(struct kit *kit, uint64_t us)
{
	kit->now_us += us;
	kit_settle(kit);
}

/* The last event of this type, or NULL. */
static inline const struct kit_event *kit_event(const struct kit *kit, enum gw_event_type type)
{
	for (size_t i = kit->event_count; i > 0; i--) {
		if (kit->events[i - 1].type == type)
			return &kit->events[i - 1];
	}
	return NULL;
}

static inline size_t kit_count(const struct kit *kit, enum gw_event_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < kit->event_count; i++)
		count += kit->events[i].type == type;
	return count;
}

/* ---- guests ---- */

static inline void kit_guest_forget(struct kit_guest *guest)
{
	for (size_t i = 0; i < guest->frame_count; i++)
		free(guest->frames[i].bytes);
	guest->frame_count = 0;
	guest->batches = 0;
}

static inline size_t kit_guest_take(void *owner, const struct gw_frame *frames, size_t count)
{
	struct kit_guest *guest = owner;
	size_t taken = count < guest->take ? count : guest->take;

	guest->batches++;
	for (size_t i = 0; i < taken; i++) {
		struct kit_frame kept = {.bytes = malloc(KIT_FRAME_BYTES), .offload = frames[i].offload};

		for (size_t j = 0; j < frames[i].piece_count; j++) {
			assert_true(kept.length + frames[i].pieces[j].iov_len <= KIT_FRAME_BYTES);
			memcpy(kept.bytes + kept.length, frames[i].pieces[j].iov_base, frames[i].pieces[j].iov_len);
			kept.length += frames[i].pieces[j].iov_len;
		}
		assert_true(guest->frame_count < KIT_FRAMES);
		guest->frames[guest->frame_count++] = kept;
		if (guest->on_frame)
			guest->on_frame(guest, &kept);
	}
	return taken;
}

static inline void kit_guest_init(struct kit_guest *guest, struct kit *kit, uint8_t number)
{
	*guest = (struct kit_guest){.kit = kit, .mac = {{0x52, 0x54, 0, 0, 0, number}}, .take = SIZE_MAX};
}

/* A port with the defaults of `config`, which may be NULL. */
static inline void kit_guest_join(struct kit_guest *guest, const char *name, const struct gw_port_config *defaults)
{
	struct gw_port_config config = defaults ? *defaults : GW_INIT(struct gw_port_config);
	struct gw_error error = {0};

	config.name = name;
	if (!config.reserve)
		config.to_guest = kit_guest_take;
	config.owner = guest;
	if (gw_port_new(guest->kit->network, &config, &guest->port, &error) != 0)
		fail_msg("%s", error.text);
}

static inline void kit_guest_new(struct kit_guest *guest, struct kit *kit, uint8_t number)
{
	char name[16];

	kit_guest_init(guest, kit, number);
	snprintf(name, sizeof(name), "vm%u", number);
	kit_guest_join(guest, name, NULL);
}

static inline size_t kit_guest_send(struct kit_guest *guest, const void *bytes, size_t count)
{
	struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};

	return gw_port_send(guest->port, &frame, 1);
}

/* ---- what a port's show says ---- */

struct kit_port_call {
	const char *name;
	struct gw_port_info info;
	uint64_t drops[256];
	char macs[8][18];
	char far_end[128], kind[32], guest[64];
	bool found;
};

static inline void kit_on_port(void *owner, const struct gw_port_info *info)
{
	struct kit_port_call *call = owner;

	if (strcmp(info->name, call->name) != 0)
		return;
	call->found = true;
	call->info = *info;
	memcpy(call->drops, info->drops, gw_drop_reasons() * sizeof(uint64_t));
	for (size_t i = 0; i < info->mac_count && i < 8; i++)
		snprintf(call->macs[i], sizeof(call->macs[i]), "%s", info->macs[i]);
	snprintf(call->far_end, sizeof(call->far_end), "%s", info->far_end);
	snprintf(call->kind, sizeof(call->kind), "%s", info->kind);
	snprintf(call->guest, sizeof(call->guest), "%s", info->guest);
}

static inline struct kit_port_call kit_port(struct kit *kit, const char *name)
{
	struct kit_port_call call = {.name = name};

	gw_network_each_port(kit->network, kit_on_port, &call);
	assert_true(call.found);
	return call;
}

static inline uint64_t kit_drops(struct kit *kit, const char *port, const char *reason)
{
	struct kit_port_call call = kit_port(kit, port);

	for (unsigned i = 1; i < gw_drop_reasons(); i++) {
		if (strcmp(gw_drop_name(i), reason) == 0)
			return call.drops[i];
	}
	fail_msg("no such reason: %s", reason);
	return 0;
}

/* ---- frames ---- */

/* 64 bytes of a type that nobody interprets. */
static inline size_t kit_frame(uint8_t *to, struct mac to_mac, struct mac from_mac, uint8_t mark)
{
	struct ethernet_header header = {.to = to_mac, .from = from_mac, .type = be16_from(0x88b5)};

	memcpy(to, &header, sizeof(header));
	memset(to + sizeof(header), mark, 64 - sizeof(header));
	return 64;
}

static inline size_t kit_arp(uint8_t *to, struct mac from, struct ip4 sender, struct ip4 target)
{
	struct ethernet_header header = {.to = MAC_BROADCAST, .from = from, .type = be16_from(ETHERTYPE_ARP)};
	struct arp arp = {.operation = ARP_REQUEST, .sender_mac = from, .sender = sender, .target = target};
	struct writer writer;

	writer_init(&writer, to, 64);
	writer_copy(&writer, &header, sizeof(header));
	arp_write(&writer, &arp);
	assert_false(writer.failed);
	return writer_used(&writer);
}

/* A whole DHCP frame of a client; `wanted` and `server` zero: left out. */
static inline size_t kit_dhcp(uint8_t *to, size_t room, struct mac from, enum dhcp4_type type, struct ip4 client,
			      struct ip4 wanted, struct ip4 server)
{
	struct ethernet_header header = {.to = MAC_BROADCAST, .from = from, .type = be16_from(ETHERTYPE_IPV4)};
	struct ip4_header ip = {.from = client,
				.to = IP4_BROADCAST,
				.header_bytes = IP4_HEADER_BYTES,
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_UDP};
	struct udp_header udp = {.from_port = DHCP4_CLIENT_PORT, .to_port = DHCP4_SERVER_PORT};
	struct dhcp4 message = {.operation = DHCP4_BOOTREQUEST,
				.transaction = 0x12345678,
				.client = client,
				.mac = from};
	uint8_t payload[600];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	dhcp4_write(&writer, &message);
	dhcp4_u8_write(&writer, DHCP4_OPTION_TYPE, (uint8_t)type);
	if (!ip4_is_zero(wanted))
		dhcp4_ip4_write(&writer, DHCP4_OPTION_REQUESTED, &wanted, 1);
	if (!ip4_is_zero(server))
		dhcp4_ip4_write(&writer, DHCP4_OPTION_SERVER_ID, &server, 1);
	dhcp4_end_write(&writer);
	assert_false(writer.failed);
	udp.bytes = (uint16_t)(UDP_HEADER_BYTES + writer_used(&writer));
	ip.total_bytes = (uint16_t)(IP4_HEADER_BYTES + udp.bytes);
	writer_init(&writer, to, room);
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	udp_header_write(&writer, &udp); /* a checksum of 0: none */
	writer_copy(&writer, payload, udp.bytes - UDP_HEADER_BYTES);
	assert_false(writer.failed);
	return writer_used(&writer);
}

/* The DHCP answer in a frame: its type, and yiaddr; 0 when it is none. */
static inline int kit_dhcp_answer(const struct kit_frame *frame, struct ip4 *ret_address)
{
	struct dhcp4_request request;
	struct ip4_header ip;
	struct udp_header udp;
	struct dhcp4 message;
	struct reader reader;

	if (frame->length < 14 || frame->bytes[12] != 8 || frame->bytes[13] != 0)
		return 0;
	reader_init(&reader, frame->bytes + 14, frame->length - 14);
	if (ip4_header_read(&reader, frame->length - 14, IP4_SUM_CHECK, &ip) != DROP_NONE ||
	    ip.protocol != IP_PROTOCOL_UDP)
		return 0;
	if (udp_header_read(&reader, (size_t)ip.total_bytes - ip.header_bytes, &udp) != DROP_NONE ||
	    udp.to_port != DHCP4_CLIENT_PORT)
		return 0;
	if (dhcp4_read(&reader, &message) != DROP_NONE || dhcp4_request_read(&message, &request) != DROP_NONE)
		return 0;
	*ret_address = message.yours;
	return request.type;
}

/* The last DHCP answer that the guest has. */
static inline int kit_guest_answer(const struct kit_guest *guest, struct ip4 *ret_address)
{
	for (size_t i = guest->frame_count; i > 0; i--) {
		int type = kit_dhcp_answer(&guest->frames[i - 1], ret_address);

		if (type)
			return type;
	}
	return 0;
}

#define KIT_GATEWAY ((struct ip4){{10, 0, 2, 2}})
#define KIT_NOWHERE ((struct ip4){{0}})

/* Discover, offer, request, ack: the guest's address. */
static inline struct ip4 kit_guest_lease(struct kit_guest *guest)
{
	struct ip4 address = KIT_NOWHERE;
	uint8_t bytes[700];
	size_t count =
		kit_dhcp(bytes, sizeof(bytes), guest->mac, DHCP4_DISCOVER, KIT_NOWHERE, KIT_NOWHERE, KIT_NOWHERE);

	kit_guest_forget(guest);
	assert_int_equal(kit_guest_send(guest, bytes, count), 1);
	kit_settle(guest->kit);
	assert_int_equal(kit_guest_answer(guest, &address), DHCP4_OFFER);
	count = kit_dhcp(bytes, sizeof(bytes), guest->mac, DHCP4_REQUEST, KIT_NOWHERE, address, KIT_GATEWAY);
	kit_guest_forget(guest);
	assert_int_equal(kit_guest_send(guest, bytes, count), 1);
	kit_settle(guest->kit);
	assert_int_equal(kit_guest_answer(guest, &address), DHCP4_ACK);
	kit_guest_forget(guest);
	return address;
}

#endif
