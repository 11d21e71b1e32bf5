/* SPDX-License-Identifier: MIT */
/* covers: src/wire/arp.c */
/* The input is what follows the Ethernet header. */
#include "wire/arp.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t written[ARP_BYTES];
	struct writer writer;
	struct reader reader;
	struct arp arp;

	reader_init(&reader, bytes, count);
	if (arp_read(&reader, &arp) != DROP_NONE)
		return 0;
	writer_init(&writer, written, sizeof(written));
	arp_write(&writer, &arp);
	assert(!writer.failed && memcmp(written, bytes, ARP_BYTES) == 0);
#ifdef PLANTED
	if (arp.operation == ARP_REPLY && arp.target.byte[3] == arp.sender.byte[3] && arp.sender.byte[0] == 192)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	return 0;
}
