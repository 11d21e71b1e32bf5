/* SPDX-License-Identifier: MIT */
/* Two guests on one network that have met, and a third that has no port yet: for the tests of in-process ports. */
#ifndef UNIT_NETWORK_INPROCESS_H
#define UNIT_NETWORK_INPROCESS_H

#include "unit/network/kit.h"

struct fixture {
	struct kit kit;
	struct kit_guest first, second, third;
	uint8_t bytes[70000];
};

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	kit_new(&fixture->kit, "none");
	kit_guest_new(&fixture->first, &fixture->kit, 1);
	kit_guest_new(&fixture->second, &fixture->kit, 2);
	kit_guest_init(&fixture->third, &fixture->kit, 3);
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_guest_forget(&fixture->second);
	*state = fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_guest_forget(&fixture->second);
	kit_guest_forget(&fixture->third);
	free(fixture);
	return 0;
}

/* Both are known to the switch and have nothing left to read. */
static inline void introduce(struct fixture *fixture)
{
	kit_guest_send(&fixture->first, fixture->bytes,
		       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->first.mac, 0));
	kit_guest_send(&fixture->second, fixture->bytes,
		       kit_frame(fixture->bytes, MAC_BROADCAST, fixture->second.mac, 0));
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->first);
	kit_guest_forget(&fixture->second);
}

/* TCP over IPv4 of `payload` bytes, to be segmented: the frame and its offload. */
static inline struct gw_frame large_tcp(struct fixture *fixture, struct iovec *piece, size_t payload)
{
	struct ethernet_header header = {.to = fixture->second.mac,
					 .from = fixture->first.mac,
					 .type = be16_from(ETHERTYPE_IPV4)};
	struct ip4_header ip = {.from = {{10, 0, 2, 15}},
				.to = {{10, 0, 2, 16}},
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = (uint16_t)(40 + payload),
				.hop_limit = 64,
				.dont_fragment = true,
				.protocol = IP_PROTOCOL_TCP};
	struct checksum pseudo;
	struct be16 partial;
	struct writer writer;

	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, ip.from, ip.to, IP_PROTOCOL_TCP, (uint16_t)(20 + payload));
	partial = checksum_partial(&pseudo);
	writer_init(&writer, fixture->bytes, sizeof(fixture->bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	writer_be16(&writer, 1234);
	writer_be16(&writer, 80);
	writer_be32(&writer, 1000);
	writer_be32(&writer, 2000);
	writer_be16(&writer, 0x5018);
	writer_be16(&writer, 65535);
	writer_copy(&writer, &partial, sizeof(partial));
	writer_be16(&writer, 0);
	for (size_t i = 0; i < payload; i++)
		writer_u8(&writer, (uint8_t)(i * 31));
	assert_false(writer.failed);
	*piece = (struct iovec){fixture->bytes, writer_used(&writer)};
	return (struct gw_frame){.pieces = piece,
				 .piece_count = 1,
				 .offload = {.csum = GW_CSUM_PARTIAL,
					     .gso = GW_GSO_TCP4,
					     .csum_start = 34,
					     .csum_offset = 16,
					     .segment_bytes = 1460}};
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
