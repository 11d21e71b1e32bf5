/* SPDX-License-Identifier: MIT */
/* Frames as short lines, whole and cut at every byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/frameline.h"

#define MACS "\xff\xff\xff\xff\xff\xff\x52\x54\x00\x12\x34\x56"
#define SAID "52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, "
#define IP4(protocol, fragment) \
	"\x45\x00\x00\x28\x00\x00" fragment "\x40" protocol "\x00\x00\x0a\x00\x02\x0f\x0a\x00\x02\x02"
#define IP6(next) \
	"\x60\x00\x00\x00\x00\x08" next "\x40\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0f\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
#define ROW(bytes, text)                       \
	{                                      \
		bytes, sizeof(bytes) - 1, text \
	}

static const struct {
	const char *bytes;
	size_t count;
	const char *wanted;
} rows[] = {
	ROW(MACS "\x08\x06\0\1\x08\0\6\4\0\1\x52\x54\0\x12\x34\x56\x0a\0\2\x0f\0\0\0\0\0\0\x0a\0\2\2",
	    SAID "ARP who has 10.0.2.2 tell 10.0.2.15, 42 bytes"),
	ROW(MACS "\x08\x06\0\1\x08\0\6\4\0\2\x52\x54\0\x12\x34\x56\x0a\0\2\x0f\0\0\0\0\0\0\x0a\0\2\2",
	    SAID "ARP 10.0.2.15 is here, 42 bytes"),
	ROW(MACS "\x08\x00" IP4("\x06", "\0\0") "\x12\x67\x00\x50\0\0\0\0\0\0\0\0\x50\x12\0\0\0\0\0\0",
	    SAID "TCP 10.0.2.15:4711 > 10.0.2.2:80 [S.], 54 bytes"),
	ROW(MACS "\x08\x00" IP4("\x11", "\0\0") "\x00\x44\x00\x43\0\x08\0\0",
	    SAID "UDP 10.0.2.15:68 > 10.0.2.2:67, 42 bytes"),
	ROW(MACS "\x08\x00" IP4("\x01", "\0\0") "\x08\0\0\0", SAID "10.0.2.15 > 10.0.2.2 ICMP type 8, 38 bytes"),
	ROW(MACS "\x08\x00" IP4("\x2f", "\0\0"), SAID "10.0.2.15 > 10.0.2.2 protocol 47, 34 bytes"),
	ROW(MACS "\x08\x00" IP4("\x11", "\x20\x03"),
	    SAID "IPv4 10.0.2.15 > 10.0.2.2, a fragment of protocol 17, 34 bytes"),
	ROW(MACS "\x81\x00\x00\x07\x08\x00" IP4("\x11", "\0\0") "\x00\x44\x00\x43\0\x08\0\0",
	    SAID "vlan 7, UDP 10.0.2.15:68 > 10.0.2.2:67, 46 bytes"),
	ROW(MACS "\x86\xdd" IP6("\x11") "\x00\x35\x10\x00\0\x08\0\0",
	    SAID "UDP [fd00::f]:53 > [fd00::2]:4096, 62 bytes"),
	ROW(MACS "\x86\xdd" IP6("\x3a") "\x85\0\0\0", SAID "fd00::f > fd00::2 ICMPv6 type 133, 58 bytes"),
	ROW(MACS "\x88\xb5", SAID "type 0x88b5, 14 bytes"),
	ROW(MACS "\x08\x06", SAID "ARP, 14 bytes"),
	ROW(MACS "\x08\x00", SAID "IPv4, 14 bytes"),
	ROW(MACS "\x86\xdd", SAID "IPv6, 14 bytes"),
	ROW("\x01\x02", "2 bytes"),
	ROW("", "0 bytes"),
};

static void each_frame_reads_as_it_should(void **state)
{
	char line[FRAMELINE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(frameline_format((const uint8_t *)rows[i].bytes, rows[i].count, rows[i].count,
						     line),
				    rows[i].wanted);
}

static void a_frame_cut_anywhere_is_read_no_further(void **state)
{
	char line[FRAMELINE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t count = 0; count <= rows[i].count; count++) {
			/* Memory of exactly that size, so that the sanitizer sees one byte too many. */
			uint8_t *bytes = malloc(count ? count : 1);

			assert_non_null(bytes);
			memcpy(bytes, rows[i].bytes, count);
			assert_non_null(strstr(frameline_format(bytes, count, 1514, line), "1514 bytes"));
			free(bytes);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_reads_as_it_should),
		cmocka_unit_test(a_frame_cut_anywhere_is_read_no_further),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
