/* SPDX-License-Identifier: MIT */
/* covers: src/wire/ndp.c */
/* The input's first byte says who sends to whom, and whether the hop limit is right; a message follows. */
#include "wire/ndp.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum first_bits {
	FROM_NOBODY = 1,
	FROM_GLOBAL = 2,
	TO_ALL = 4,
	TO_SOLICITED = 8,
	FORWARDED = 128,
};

static struct ip6_header header_of(uint8_t first, const uint8_t *message, size_t count)
{
	struct ip6_header ip = {.from = {{0xfe, 0x80, [15] = 1}}, .to = {{0xfe, 0x80, [15] = 2}}};
	struct ip6 target;

	ip.hop_limit = first & FORWARDED ? 64 : NDP_HOP_LIMIT;
	if (first & FROM_NOBODY)
		ip.from = (struct ip6){0};
	else if (first & FROM_GLOBAL)
		ip.from = (struct ip6){{0xfd, [15] = 1}};
	if (first & TO_ALL)
		ip.to = IP6_ALL_NODES;
	if (first & TO_SOLICITED && count >= 24) {
		memcpy(target.byte, message + 8, sizeof(target.byte));
		ip.to = ip6_solicited_node(target);
	}
	return ip;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t first[4096], second[4096];
	struct writer writer, twice;
	struct ndp ndp, again;
	struct reader reader;
	struct ip6_header ip;

	if (count == 0)
		return 0;
	ip = header_of(bytes[0], bytes + 1, count - 1);
	reader_init(&reader, bytes + 1, count - 1);
	if (ndp_read(&reader, &ip, &ndp) != DROP_NONE)
		return 0;
	assert(ndp.prefix_count <= NDP_PREFIXES_MAX && ndp.dns_count <= NDP_DNS_MAX);
#ifdef PLANTED
	if (ndp.prefix_count == 1 && ndp.prefixes[0].bits > 64)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	writer_init(&writer, first, sizeof(first));
	ndp_write(&writer, &ndp);
	if (writer.failed)
		return 0; /* eight names of full length in one option */
	reader_init(&reader, first, writer_used(&writer));
	assert(ndp_read(&reader, &ip, &again) == DROP_NONE);
	assert(again.prefix_count == ndp.prefix_count && again.dns_count == ndp.dns_count);
	assert(again.search.count == ndp.search.count && again.mtu_bytes == ndp.mtu_bytes);
	writer_init(&twice, second, sizeof(second));
	ndp_write(&twice, &again);
	assert(!twice.failed && writer_used(&twice) == writer_used(&writer));
	assert(memcmp(first, second, writer_used(&writer)) == 0);
	return 0;
}
