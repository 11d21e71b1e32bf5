/* SPDX-License-Identifier: MIT */
/* A guest at the gateway's door, for the tests of service: a network, its leases, a clock, and the frames that the guest
 * composes. Replies are judged by guest_flaw(), whose arithmetic is its own: it shares no code with what it judges. */
#ifndef TESTS_UNIT_SERVICE_GUEST_H
#define TESTS_UNIT_SERVICE_GUEST_H

#include <stdlib.h>
#include <string.h>

#include "service/lease.h"
#include "service/service.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/udp.h"

#define UNUSED __attribute__((unused))

struct guest {
	struct service_config config;
	struct lease_table *leases;
	struct origin origin; /* of no port, unless a test says otherwise */
	uint64_t now_us;
	struct reply reply;
	struct mac mac;
	uint8_t frame[65600];
	size_t length;
};

static UNUSED struct mac guest_mac(unsigned number)
{
	return (struct mac){{0x52, 0x54, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}};
}

static UNUSED struct ip4 ip4_of(const char *text)
{
	struct ip4 address = {{0}};

	if (!ip4_parse(text, &address))
		abort();
	return address;
}

static UNUSED struct ip6 ip6_of(const char *text)
{
	struct ip6 address = {{0}};

	if (!ip6_parse(text, &address))
		abort();
	return address;
}

/* 10.0.2.0/24 and fd00:2::/64, a pool of four addresses each, no uplink. */
static UNUSED struct service_config guest_config(void)
{
	struct service_config config = {
		.mtu_bytes = 1500,
		.mac = {{0x52, 0x55, 0x0a, 0, 2, 2}},
		.ip4 = true,
		.net4 = ip4_of("10.0.2.0"),
		.prefix4 = 24,
		.host4 = ip4_of("10.0.2.2"),
		.dhcp4_first = ip4_of("10.0.2.15"),
		.dhcp4_last = ip4_of("10.0.2.18"),
		.dhcp4 = true,
		.dns4 = {ip4_of("10.0.2.3")},
		.dns4_count = 1,
		.lease_s = 3600,
		.ip6 = true,
		.net6 = ip6_of("fd00:2::"),
		.prefix6 = 64,
		.host6 = ip6_of("fd00:2::2"),
		.dhcp6_first = ip6_of("fd00:2::100"),
		.dhcp6_last = ip6_of("fd00:2::103"),
		.dhcp6 = true,
		.dns6 = {ip6_of("fd00:2::3")},
		.dns6_count = 1,
		.domain = "lab.example",
		.search = {"lab.example", "example"},
		.search_count = 2,
	};

	return config;
}

/* A new one, on a network as in `config`, which is copied. */
static UNUSED struct guest *guest_new(const struct service_config *config)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		abort();
	guest->config = *config;
	guest->mac = guest_mac(1);
	guest->now_us = 1000;
	if (lease_table_new(&guest->config, &guest->leases) < 0)
		abort();
	return guest;
}

static UNUSED void guest_free(struct guest *guest)
{
	lease_table_free(guest->leases);
	free(guest);
}

/* ---- frames that the guest composes ---- */

static UNUSED void guest_ethernet(struct guest *guest, struct writer *writer, struct mac to, uint16_t type)
{
	struct ethernet_header header = {.to = to, .from = guest->mac, .type = be16_from(type)};

	writer_init(writer, guest->frame, sizeof(guest->frame));
	ethernet_header_write(writer, &header);
}

static UNUSED void guest_ip4(struct guest *guest, struct mac to_mac, struct ip4 from, struct ip4 to, uint8_t protocol,
			     const void *payload, size_t bytes)
{
	struct ip4_header header = {.from = from,
				    .to = to,
				    .header_bytes = 20,
				    .total_bytes = (uint16_t)(20 + bytes),
				    .hop_limit = 64,
				    .protocol = protocol};
	struct writer writer;

	guest_ethernet(guest, &writer, to_mac, ETHERTYPE_IPV4);
	ip4_header_write(&writer, &header);
	writer_copy(&writer, payload, bytes);
	guest->length = writer_used(&writer);
}

static UNUSED void guest_ip6(struct guest *guest, struct mac to_mac, struct ip6 from, struct ip6 to, uint8_t protocol,
			     uint8_t hop_limit, const void *payload, size_t bytes)
{
	struct ip6_header header = {.from = from,
				    .to = to,
				    .payload_bytes = (uint16_t)bytes,
				    .hop_limit = hop_limit,
				    .next_header = protocol};
	struct writer writer;

	guest_ethernet(guest, &writer, to_mac, ETHERTYPE_IPV6);
	ip6_header_write(&writer, &header);
	writer_copy(&writer, payload, bytes);
	guest->length = writer_used(&writer);
}

static UNUSED size_t guest_udp(uint8_t *to, uint16_t from_port, uint16_t to_port, const void *payload, size_t bytes)
{
	struct udp_header header = {.from_port = from_port, .to_port = to_port, .bytes = (uint16_t)(8 + bytes)};
	struct writer writer;

	writer_init(&writer, to, 8 + bytes);
	udp_header_write(&writer, &header);
	writer_copy(&writer, payload, bytes);
	return writer_used(&writer);
}

static UNUSED void guest_udp4(struct guest *guest, struct mac to_mac, struct ip4 from, struct ip4 to,
			      uint16_t from_port, uint16_t to_port, const void *payload, size_t bytes)
{
	static uint8_t datagram[65536];
	size_t count = guest_udp(datagram, from_port, to_port, payload, bytes);
	struct checksum pseudo;

	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, from, to, IP_PROTOCOL_UDP, (uint16_t)count);
	udp_checksum_fill(&pseudo, datagram, count);
	guest_ip4(guest, to_mac, from, to, IP_PROTOCOL_UDP, datagram, count);
}

static UNUSED void guest_udp6(struct guest *guest, struct mac to_mac, struct ip6 from, struct ip6 to,
			      uint16_t from_port, uint16_t to_port, const void *payload, size_t bytes)
{
	static uint8_t datagram[65536];
	size_t count = guest_udp(datagram, from_port, to_port, payload, bytes);
	struct checksum pseudo;

	checksum_init(&pseudo);
	ip6_pseudo(&pseudo, from, to, IP_PROTOCOL_UDP, (uint32_t)count);
	udp_checksum_fill(&pseudo, datagram, count);
	guest_ip6(guest, to_mac, from, to, IP_PROTOCOL_UDP, 64, datagram, count);
}

/* Fills in the checksum of `message`, which is 0 or more bytes of ICMP, and sends it. */
static UNUSED void guest_icmp4(struct guest *guest, struct mac to_mac, struct ip4 from, struct ip4 to, uint8_t *message,
			       size_t bytes)
{
	icmp_checksum_fill(NULL, message, bytes);
	guest_ip4(guest, to_mac, from, to, IP_PROTOCOL_ICMP, message, bytes);
}

static UNUSED void guest_icmp6(struct guest *guest, struct mac to_mac, struct ip6 from, struct ip6 to,
			       uint8_t hop_limit, uint8_t *message, size_t bytes)
{
	struct checksum pseudo;

	checksum_init(&pseudo);
	ip6_pseudo(&pseudo, from, to, IP_PROTOCOL_ICMP6, (uint32_t)bytes);
	icmp_checksum_fill(&pseudo, message, bytes);
	guest_ip6(guest, to_mac, from, to, IP_PROTOCOL_ICMP6, hop_limit, message, bytes);
}

/* What the gateway says to the frame just composed. */
static UNUSED enum drop_reason guest_send(struct guest *guest)
{
	/* The very bytes and none behind them, for the address sanitizer. */
	uint8_t *exact = malloc(guest->length ? guest->length : 1);
	enum drop_reason verdict;

	if (!exact)
		abort();
	memcpy(exact, guest->frame, guest->length);
	verdict = service_input(&guest->config, guest->leases, &guest->origin, exact, guest->length, guest->now_us,
				&guest->reply);
	free(exact);
	return verdict;
}

/* ---- judging replies ---- */

static UNUSED unsigned guest_u16(const uint8_t *at)
{
	return (unsigned)(at[0] << 8 | at[1]);
}

static UNUSED uint32_t guest_u32(const uint8_t *at)
{
	return (uint32_t)guest_u16(at) << 16 | guest_u16(at + 2);
}

/* RFC 1071 by the book: 0xffff over bytes with a right checksum among them. */
static UNUSED unsigned guest_sum(uint32_t sum, const uint8_t *at, size_t bytes)
{
	for (; bytes > 1; at += 2, bytes -= 2)
		sum += guest_u16(at);
	if (bytes)
		sum += (uint32_t)at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static UNUSED const char *transport_flaw(const uint8_t *addresses, size_t address_bytes, uint8_t protocol,
					 const uint8_t *at, size_t bytes)
{
	uint32_t pseudo = guest_sum((uint32_t)(protocol + bytes), addresses, address_bytes);

	switch (protocol) {
	case 1:
		return bytes < 8 || guest_sum(0, at, bytes) != 0xffff ? "ICMP" : NULL;
	case 58:
		return bytes < 4 || guest_sum(pseudo, at, bytes) != 0xffff ? "ICMPv6" : NULL;
	case 6:
		return bytes < 20 || (at[12] >> 4) * 4 != (int)bytes || guest_sum(pseudo, at, bytes) != 0xffff ? "TCP"
													       : NULL;
	case 17:
		if (bytes < 8 || guest_u16(at + 4) != bytes || guest_u16(at + 6) == 0)
			return "UDP header";
		return guest_sum(pseudo, at, bytes) != 0xffff ? "UDP checksum" : NULL;
	}
	return "protocol";
}

/* What is wrong with the reply as a frame of the gateway's; NULL: nothing, or there is no reply. */
static UNUSED const char *guest_flaw(const struct service_config *config, const struct reply *reply)
{
	const uint8_t *ethernet = reply->bytes, *ip = reply->bytes + 14;
	size_t bytes = reply->length - 14;

	if (reply->length == 0)
		return NULL;
	if (reply->length < 14 || reply->length > 14 + config->mtu_bytes)
		return "length";
	if (memcmp(ethernet + 6, config->mac.byte, 6) != 0)
		return "Ethernet source";
	switch (guest_u16(ethernet + 12)) {
	case 0x0806:
		return bytes == 28 && !memcmp(ip, "\0\1\x08\0\6\4\0", 7) && !memcmp(ip + 8, config->mac.byte, 6)
			       ? NULL
			       : "ARP";
	case 0x0800:
		if (bytes < 20 || ip[0] != 0x45 || guest_u16(ip + 2) != bytes || ip[8] != 64 ||
		    guest_sum(0, ip, 20) != 0xffff)
			return "IPv4 header";
		return transport_flaw(ip + 12, 8, ip[9], ip + 20, bytes - 20);
	case 0x86dd:
		if (bytes < 40 || ip[0] != 0x60 || guest_u16(ip + 4) != bytes - 40)
			return "IPv6 header";
		return transport_flaw(ip + 8, 32, ip[6], ip + 40, bytes - 40);
	}
	return "type";
}

static inline int guest_setup(void **state)
{
	struct service_config config = guest_config();

	*state = guest_new(&config);
	return 0;
}

static inline int guest_teardown(void **state)
{
	guest_free(*state);
	return 0;
}

#endif
