/* SPDX-License-Identifier: MIT */
/* See steer.h. */
#include "fabric/steer.h"

#include <string.h>

#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* Two odd numbers with half of their bits set, and shifts by half a word: each bit of the word moves every bit of the
 * number. */
static uint32_t steer_mix(uint32_t number, uint32_t word)
{
	number = (number ^ word) * 0x9e3779b1u;
	return (number ^ number >> 15) * 0x85ebca77u;
}

static uint32_t steer_mix_address(uint32_t number, const uint8_t *address, uint32_t bytes)
{
	for (uint32_t at = 0; at < bytes; at += sizeof(uint32_t)) {
		uint32_t word;

		memcpy(&word, address + at, sizeof(word));
		number = steer_mix(number, word);
	}
	return number;
}

uint32_t steer_ends(const struct steer_ends *ends)
{
	bool both = ends->protocol == IP_PROTOCOL_TCP;
	bool port = both || ends->protocol == IP_PROTOCOL_UDP;
	uint32_t number = steer_mix(ends->protocol, port ? ends->guest_port : 0);

	number = steer_mix_address(number, ends->guest, ends->address_bytes);
	if (both) {
		number = steer_mix(number, ends->far_port);
		number = steer_mix_address(number, ends->far, ends->address_bytes);
	}
	number ^= number >> 16;
	return number ? number : 1;
}

static uint16_t steer_port(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t steer_frame(const struct frame *frame, bool from_guest)
{
	const struct frame_layout *layout = &frame->layout;
	const uint8_t *ip = frame->head + layout->l3, *from, *to, *ports = frame->head + layout->l4;
	struct steer_ends ends = {.protocol = layout->fragment ? IP_PROTOCOL_FRAGMENT : layout->protocol};

	/* an IP header that was not understood leaves no protocol */
	if (layout->type == ETHERTYPE_IPV4 && ends.protocol != 0) {
		from = ip + IP4_FROM_AT;
		ends.address_bytes = sizeof(struct ip4);
	} else if (layout->type == ETHERTYPE_IPV6 && ends.protocol != 0) {
		from = ip + IP6_FROM_AT;
		ends.address_bytes = sizeof(struct ip6);
	} else {
		return 0;
	}
	to = from + ends.address_bytes;
	ends.guest = from_guest ? from : to;
	ends.far = from_guest ? to : from;
	if (layout->payload) {
		ends.guest_port = steer_port(from_guest ? ports : ports + 2);
		ends.far_port = steer_port(from_guest ? ports + 2 : ports);
	}
	return steer_ends(&ends);
}

uint32_t steer_head(const uint8_t *head, uint32_t bytes)
{
	struct frame frame;

	frame_init(&frame, head, bytes);
	return frame_parse(&frame) == DROP_NONE ? steer_frame(&frame, false) : 0;
}
