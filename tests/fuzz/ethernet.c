/* SPDX-License-Identifier: MIT */
/* covers: src/wire/ethernet.c */
/* The input is a frame, and once more a MAC address as text. */
#include "wire/ethernet.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_frame(const uint8_t *bytes, size_t count)
{
	uint8_t written[ETHERNET_HEADER_BYTES + ETHERNET_VLAN_BYTES];
	struct ethernet_header header;
	struct ethernet_tags tags;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (ethernet_header_read(&reader, &header) != DROP_NONE)
		return;
	writer_init(&writer, written, sizeof(written));
	ethernet_header_write(&writer, &header);
	assert(!writer.failed && memcmp(written, bytes, ETHERNET_HEADER_BYTES) == 0);
	if (ethernet_tags_read(&reader, header.type, &tags) != DROP_NONE)
		return;
	assert(reader.left == count - ETHERNET_HEADER_BYTES - (size_t)tags.count * ETHERNET_VLAN_BYTES);
#ifdef PLANTED
	if (tags.count == 2 && tags.type == ETHERTYPE_ARP && mac_is_group(header.to))
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	if (tags.count != 1)
		return;
	ethernet_tag_write(&writer, tags.vlan, be16_from(tags.type));
	reader_init(&reader, written + ETHERNET_HEADER_BYTES, ETHERNET_VLAN_BYTES);
	assert(ethernet_tags_read(&reader, be16_from(ETHERTYPE_VLAN), &tags) == DROP_VLAN_TRUNCATED || tags.count == 1);
}

static void check_text(const uint8_t *bytes, size_t count)
{
	char text[64] = {0};
	char again[MAC_TEXT_BYTES];
	struct mac mac, second;

	memcpy(text, bytes, count < sizeof(text) ? count : sizeof(text) - 1);
	if (!mac_parse(text, &mac))
		return;
	assert(mac_parse(mac_format(mac, again), &second));
	assert(mac_equal(mac, second) && mac_is_zero(mac) == (strcmp(again, "00:00:00:00:00:00") == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	check_frame(bytes, count);
	check_text(bytes, count);
	return 0;
}
