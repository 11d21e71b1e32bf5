/* SPDX-License-Identifier: MIT */
/* virtio-net's header and our offloads, both ways. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "port/vnet_header.h"

static const struct {
	const char *what;
	uint8_t header[VNET_HEADER_BYTES];
	enum drop_reason verdict;
	struct offload offload;
	bool same; /* written back from a frame with 54 bytes of headers it is the same bytes */
} rows[] = {
	{"nothing", {0}, DROP_NONE, {.csum = CSUM_UNKNOWN}, true},
	{"a sum to fill in",
	 {1, 0, 0, 0, 0, 0, 34, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16},
	 true},
	{"a sum that was checked", {2}, DROP_NONE, {.csum = CSUM_VERIFIED}, true},
	{"TCP over IPv4",
	 {1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .gso = GSO_TCP4, .csum_start = 34, .csum_offset = 16, .segment_bytes = 1460},
	 true},
	{"the same with ECN",
	 {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL,
	  .gso = GSO_TCP4,
	  .ecn = true,
	  .csum_start = 34,
	  .csum_offset = 16,
	  .segment_bytes = 1460},
	 true},
	{"TCP over IPv6",
	 {1, 4, 54, 0, 0xa0, 5, 54, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .gso = GSO_TCP6, .csum_start = 54, .csum_offset = 16, .segment_bytes = 1440},
	 true},
	{"UDP segments",
	 {1, 5, 54, 0, 0x78, 5, 34, 0, 6, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .gso = GSO_UDP, .csum_start = 34, .csum_offset = 6, .segment_bytes = 1400},
	 true},
	{"a header length that lies",
	 {1, 1, 0xff, 0xff, 0xb4, 5, 34, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .gso = GSO_TCP4, .csum_start = 34, .csum_offset = 16, .segment_bytes = 1460},
	 false},
	{"both flags: what is unfinished was not checked",
	 {3, 0, 0, 0, 0, 0, 34, 0, 16, 0},
	 DROP_NONE,
	 {.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16},
	 false},
	{"UDP fragments (UFO)", {1, 3, 42, 0, 0x78, 5, 34, 0, 6, 0}, DROP_OFFLOAD_GSO_TYPE, {0}, false},
	{"an unknown type", {0, 2}, DROP_OFFLOAD_GSO_TYPE, {0}, false},
	{"another unknown type", {0, 0x7f}, DROP_OFFLOAD_GSO_TYPE, {0}, false},
};

static void headers_are_read_and_written_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = {.layout = {.payload = 54}};
		uint8_t header[VNET_HEADER_BYTES];

		if (vnet_header_read(rows[i].header, &frame.offload) != rows[i].verdict)
			fail_msg("%s", rows[i].what);
		if (rows[i].verdict != DROP_NONE)
			continue;
		assert_int_equal(frame.offload.csum, rows[i].offload.csum);
		assert_int_equal(frame.offload.gso, rows[i].offload.gso);
		assert_int_equal(frame.offload.ecn, rows[i].offload.ecn);
		assert_int_equal(frame.offload.csum_start, rows[i].offload.csum_start);
		assert_int_equal(frame.offload.csum_offset, rows[i].offload.csum_offset);
		assert_int_equal(frame.offload.segment_bytes, rows[i].offload.segment_bytes);
		vnet_header_write(&frame, header);
		if ((memcmp(header, rows[i].header, sizeof(header)) == 0) != rows[i].same)
			fail_msg("%s: written otherwise", rows[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read_and_written_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
