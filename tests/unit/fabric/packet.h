/* SPDX-License-Identifier: MIT */
/* Packets for tests, and a second opinion on them: built and checked byte by byte, with a checksum of its own and nothing
 * of fabric/, so that the code and its test cannot share a mistake. */
#ifndef UNIT_FABRIC_PACKET_H
#define UNIT_FABRIC_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PACKET_BYTES_MAX = 70000 };

struct packet_spec {
	uint16_t from, to; /* the last two bytes of the addresses; `to` 0xffff is broadcast */
	uint8_t tags;      /* 0 … 2 */
	uint16_t vlan;
	bool is6;
	bool udp;
	uint8_t ip_options;  /* bytes, a multiple of 4; of 8 with is6 (a destination options header) */
	uint8_t tcp_options; /* bytes, a multiple of 4 */
	uint8_t tcp_flags;
	uint32_t sequence;
	uint16_t id;
	uint32_t payload; /* bytes */
	uint8_t seed;     /* of the payload */
	bool partial;     /* the checksum holds the pseudo-header's sum only */
};

struct packet_view {
	uint32_t l3, l4, payload, end;
	bool is6, udp;
	uint16_t vlan, id;
	uint32_t sequence;
	uint8_t tcp_flags;
};

static inline uint32_t packet_get(const uint8_t *at, int bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *at++;
	return value;
}

static inline void packet_put(uint8_t *at, int bytes, uint32_t value)
{
	while (bytes-- > 0) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

/* The plain sum of RFC 1071, a word at a time. */
static inline uint32_t packet_sum(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint8_t packet_octet(uint8_t seed, uint32_t offset)
{
	return (uint8_t)(seed + offset * 7 + (offset >> 8) * 13);
}

static inline void packet_mac(uint8_t *at, uint16_t number)
{
	memset(at, number == 0xffff ? 0xff : 0, 6);
	if (number != 0xffff) {
		at[0] = 0x52;
		packet_put(at + 4, 2, number);
	}
}

/* The pseudo-header's sum over the addresses that stand in the IP header. */
static inline uint32_t packet_pseudo(const uint8_t *bytes, const struct packet_view *view)
{
	uint32_t sum = view->is6 ? packet_sum(bytes + view->l3 + 8, 32, 0) : packet_sum(bytes + view->l3 + 12, 8, 0);

	sum += view->udp ? 17 : 6;
	sum += view->end - view->l4;
	return packet_sum(NULL, 0, (sum & 0xffff) + (sum >> 16));
}

static inline uint8_t *packet_field(uint8_t *bytes, const struct packet_view *view)
{
	return bytes + view->l4 + (view->udp ? 6 : 16);
}

/* Writes the lengths and sums that follow from `view`, all anew. */
static inline void packet_finish(uint8_t *bytes, const struct packet_view *view, bool partial)
{
	uint8_t *ip = bytes + view->l3, *field = packet_field(bytes, view);
	uint32_t sum;

	if (view->is6) {
		packet_put(ip + 4, 2, view->end - view->l3 - 40);
	} else {
		packet_put(ip + 2, 2, view->end - view->l3);
		packet_put(ip + 10, 2, 0);
		packet_put(ip + 10, 2, ~packet_sum(ip, (uint32_t)(ip[0] & 15) * 4, 0));
	}
	if (view->udp)
		packet_put(bytes + view->l4 + 4, 2, view->end - view->l4);
	sum = packet_pseudo(bytes, view);
	packet_put(field, 2, sum);
	if (partial)
		return;
	packet_put(field, 2, 0);
	sum = ~packet_sum(bytes + view->l4, view->end - view->l4, sum) & 0xffff;
	packet_put(field, 2, view->udp && sum == 0 ? 0xffff : sum);
}

static inline uint32_t packet_build_ip(uint8_t *ip, const struct packet_spec *spec)
{
	uint32_t protocol = spec->udp ? 17 : 6;

	if (!spec->is6) {
		ip[0] = (uint8_t)(0x40 | (5 + spec->ip_options / 4));
		packet_put(ip + 4, 2, spec->id);
		ip[8] = 64;
		ip[9] = (uint8_t)protocol;
		packet_put(ip + 12, 4, 0x0a000000u | spec->from);
		packet_put(ip + 16, 4, 0x0a000000u | spec->to);
		memset(ip + 20, 1, spec->ip_options); /* no operation */
		return 20u + spec->ip_options;
	}
	ip[0] = 0x60;
	ip[6] = spec->ip_options ? 60 : (uint8_t)protocol;
	ip[7] = 64;
	packet_put(ip + 8, 4, 0xfd000000u);
	packet_put(ip + 20, 4, spec->from);
	packet_put(ip + 24, 4, 0xfd000000u);
	packet_put(ip + 36, 4, spec->to);
	if (spec->ip_options) {
		ip[40] = (uint8_t)protocol;
		ip[41] = (uint8_t)(spec->ip_options / 8 - 1);
	}
	return 40u + spec->ip_options;
}

/* `bytes` has PACKET_BYTES_MAX; how many are used. */
static inline uint32_t packet_build(uint8_t *bytes, const struct packet_spec *spec, struct packet_view *ret_view)
{
	struct packet_view view = {.is6 = spec->is6, .udp = spec->udp, .vlan = spec->tags ? spec->vlan : 0, .l3 = 14};

	memset(bytes, 0, 300);
	packet_mac(bytes, spec->to);
	packet_mac(bytes + 6, spec->from);
	for (int i = 0; i < spec->tags; i++, view.l3 += 4) {
		packet_put(bytes + view.l3 - 2, 2, i + 1 < spec->tags ? 0x88a8 : 0x8100);
		packet_put(bytes + view.l3, 2, i == 0 ? spec->vlan : 7u);
	}
	packet_put(bytes + view.l3 - 2, 2, spec->is6 ? 0x86dd : 0x0800);
	view.l4 = view.l3 + packet_build_ip(bytes + view.l3, spec);
	packet_put(bytes + view.l4, 2, 4000);
	packet_put(bytes + view.l4 + 2, 2, 5000);
	view.payload = view.l4 + 8;
	if (!spec->udp) {
		view.payload = view.l4 + 20 + spec->tcp_options;
		packet_put(bytes + view.l4 + 4, 4, spec->sequence);
		bytes[view.l4 + 12] = (uint8_t)((5 + spec->tcp_options / 4) << 4);
		bytes[view.l4 + 13] = spec->tcp_flags;
		packet_put(bytes + view.l4 + 14, 2, 1000);
		memset(bytes + view.l4 + 20, 1, spec->tcp_options);
	}
	view.end = view.payload + spec->payload;
	for (uint32_t i = 0; i < spec->payload; i++)
		bytes[view.payload + i] = packet_octet(spec->seed, i);
	view.id = spec->id;
	view.sequence = spec->sequence;
	view.tcp_flags = spec->tcp_flags;
	packet_finish(bytes, &view, spec->partial);
	if (ret_view)
		*ret_view = view;
	return view.end;
}

/* What segment `index` of a packet must be, made from the packet as built: into `to`; how many bytes. */
static inline uint32_t packet_segment(const uint8_t *bytes, const struct packet_view *whole, uint32_t segment_bytes,
				      uint32_t index, bool ecn, bool partial, uint8_t *to)
{
	struct packet_view view = *whole;
	uint32_t offset = index * segment_bytes, count = whole->end - whole->payload - offset;
	bool last = count <= segment_bytes;

	if (!last)
		count = segment_bytes;
	memcpy(to, bytes, whole->payload);
	memcpy(to + whole->payload, bytes + whole->payload + offset, count);
	view.end = whole->payload + count;
	if (!view.is6)
		packet_put(to + view.l3 + 4, 2, whole->id + index);
	if (!view.udp) {
		packet_put(to + view.l4 + 4, 4, whole->sequence + offset);
		if (!last)
			to[view.l4 + 13] &= 0xf6;
		if (ecn && index > 0)
			to[view.l4 + 13] &= 0x7f;
	}
	packet_finish(to, &view, partial);
	return view.end;
}

/* NULL, or what is wrong with a packet that claims to be finished. */
static inline const char *packet_wrong(const uint8_t *bytes, uint32_t length, struct packet_view *ret_view)
{
	struct packet_view view = {.l3 = 14};
	uint32_t type = packet_get(bytes + 12, 2), protocol, bytes_l4;

	for (int tags = 0; type == 0x8100 || type == 0x88a8; tags++, view.l3 += 4) {
		if (tags == 0)
			view.vlan = (uint16_t)(packet_get(bytes + view.l3, 2) & 0xfff);
		type = packet_get(bytes + view.l3 + 2, 2);
	}
	if (type != 0x0800 && type != 0x86dd)
		return "not IP";
	view.is6 = type == 0x86dd;
	if (view.is6) {
		view.end = view.l3 + 40 + packet_get(bytes + view.l3 + 4, 2);
		protocol = bytes[view.l3 + 6];
		view.l4 = view.l3 + 40;
		if (protocol == 60) {
			protocol = bytes[view.l4];
			view.l4 += (uint32_t)(bytes[view.l4 + 1] + 1) * 8;
		}
	} else {
		view.end = view.l3 + packet_get(bytes + view.l3 + 2, 2);
		protocol = bytes[view.l3 + 9];
		view.l4 = view.l3 + (uint32_t)(bytes[view.l3] & 15) * 4;
		view.id = (uint16_t)packet_get(bytes + view.l3 + 4, 2);
		if (packet_sum(bytes + view.l3, view.l4 - view.l3, 0) != 0xffff)
			return "IPv4 checksum";
	}
	if (view.end > length)
		return "IP length";
	view.udp = protocol == 17;
	if (!view.udp && protocol != 6)
		return "neither TCP nor UDP";
	bytes_l4 = view.end - view.l4;
	if (view.udp && packet_get(bytes + view.l4 + 4, 2) != bytes_l4)
		return "UDP length";
	if (view.udp && packet_get(bytes + view.l4 + 6, 2) == 0)
		return "UDP without a checksum";
	if (packet_sum(bytes + view.l4, bytes_l4, packet_pseudo(bytes, &view)) != 0xffff)
		return "transport checksum";
	view.payload = view.l4 + (view.udp ? 8u : (uint32_t)(bytes[view.l4 + 12] >> 4) * 4);
	if (!view.udp) {
		view.sequence = packet_get(bytes + view.l4 + 4, 4);
		view.tcp_flags = bytes[view.l4 + 13];
	}
	*ret_view = view;
	return NULL;
}

#endif
