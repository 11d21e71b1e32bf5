/* SPDX-License-Identifier: MIT */
/* The header's bytes, its plain form, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "virtio/net.h"

static const struct {
	const char *what;
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES];
	enum drop_reason verdict;
	struct virtio_net plain;
	bool only_read; /* it has bytes that are not kept */
} rows[] = {
	{"nothing", {0}, DROP_NONE, {0}, false},
	{"one buffer", {[10] = 1}, DROP_NONE, {.buffers = 1}, false},
	{"a checked sum", {2}, DROP_NONE, {.data_valid = true}, false},
	{"a sum to fill in",
	 {1, 0, 0, 0, 0, 0, 34, 0, 16, 1},
	 DROP_NONE,
	 {.needs_csum = true, .csum_start = 34, .csum_offset = 0x110},
	 false},
	{"where a sum would be, without the flag", {0, 0, 0, 0, 0, 0, 34, 0, 16, 0}, DROP_NONE, {0}, true},
	{"TCP over IPv4",
	 {1, 1, 66, 0, 0xa8, 0x05, 34, 0, 16, 0, 0x34, 0x12},
	 DROP_NONE,
	 {.needs_csum = true,
	  .gso = VIRTIO_NET_GSO_TCP4,
	  .header_bytes = 66,
	  .segment_bytes = 1448,
	  .csum_start = 34,
	  .csum_offset = 16,
	  .buffers = 0x1234},
	 false},
	{"TCP over IPv6 with ECN",
	 {1, 0x84, 0, 0, 100, 0, 54, 0, 16, 0},
	 DROP_NONE,
	 {.needs_csum = true,
	  .ecn = true,
	  .gso = VIRTIO_NET_GSO_TCP6,
	  .segment_bytes = 100,
	  .csum_start = 54,
	  .csum_offset = 16},
	 false},
	{"USO",
	 {1, 5, 0, 0, 100, 0, 34, 0, 6, 0},
	 DROP_NONE,
	 {.needs_csum = true, .gso = VIRTIO_NET_GSO_USO, .segment_bytes = 100, .csum_start = 34, .csum_offset = 6},
	 false},
	{"a segment size without segmentation", {0, 0, 9, 0, 9, 0}, DROP_NONE, {0}, true},
	{"ECN without segmentation", {0, 0x80}, DROP_NONE, {0}, true},
	{"flags that nobody knows", {0xf8}, DROP_NONE, {0}, true},
	{"UFO", {1, 3, 0, 0, 100, 0}, DROP_OFFLOAD_GSO_TYPE, {0}, true},
	{"an unknown type", {1, 2, 0, 0, 100, 0}, DROP_OFFLOAD_GSO_TYPE, {0}, true},
	{"an unknown type with ECN", {1, 0xff, 0, 0, 100, 0}, DROP_OFFLOAD_GSO_TYPE, {0}, true},
};

static void each_row_is_read_as_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct virtio_net plain = {0};
		enum drop_reason verdict = virtio_net_read(rows[i].bytes, &plain);

		if (verdict != rows[i].verdict)
			fail_msg("%s: %s", rows[i].what, drop_name(verdict));
		if (plain.needs_csum != rows[i].plain.needs_csum || plain.data_valid != rows[i].plain.data_valid ||
		    plain.ecn != rows[i].plain.ecn || plain.gso != rows[i].plain.gso ||
		    plain.header_bytes != rows[i].plain.header_bytes ||
		    plain.segment_bytes != rows[i].plain.segment_bytes ||
		    plain.csum_start != rows[i].plain.csum_start || plain.csum_offset != rows[i].plain.csum_offset ||
		    plain.buffers != rows[i].plain.buffers)
			fail_msg("%s: another plain form", rows[i].what);
	}
}

static void what_was_written_is_read_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[VIRTIO_NET_HEADER_BYTES];

		if (rows[i].only_read)
			continue;
		memset(bytes, 0xff, sizeof(bytes));
		virtio_net_write(&rows[i].plain, bytes);
		if (memcmp(bytes, rows[i].bytes, sizeof(bytes)) != 0)
			fail_msg("%s", rows[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_read_as_it_says),
		cmocka_unit_test(what_was_written_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
