/* SPDX-License-Identifier: MIT */
/* Ethernet headers, VLAN tags and MAC addresses. A tag's priority is passed over: the switch sends tags on as they
 * are. */
#include "wire/ethernet.h"

#include <string.h>

enum { ETHERNET_VLAN_ID_MASK = 0x0fff };

enum drop_reason ethernet_header_read(struct reader *reader, struct ethernet_header *ret_header)
{
	const uint8_t *bytes = reader_skip(reader, ETHERNET_HEADER_BYTES);

	if (!bytes)
		return DROP_FRAME_SHORT;
	memcpy(ret_header, bytes, sizeof(*ret_header));
	return DROP_NONE;
}

static bool ethernet_is_tag(uint16_t type)
{
	return type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN;
}

enum drop_reason ethernet_tags_read(struct reader *reader, struct be16 type, struct ethernet_tags *ret_tags)
{
	struct ethernet_tags tags = {.type = be16_value(type)};

	while (ethernet_is_tag(tags.type) && tags.count < ETHERNET_TAGS_MAX) {
		const uint8_t *bytes = reader_skip(reader, ETHERNET_VLAN_BYTES);

		if (!bytes)
			return DROP_VLAN_TRUNCATED;
		if (tags.count == 0)
			tags.vlan = (uint16_t)(bytes[0] << 8 | bytes[1]) & ETHERNET_VLAN_ID_MASK;
		tags.type = (uint16_t)(bytes[2] << 8 | bytes[3]);
		tags.count++;
	}
	*ret_tags = tags;
	return DROP_NONE;
}

void ethernet_header_write(struct writer *writer, const struct ethernet_header *header)
{
	writer_copy(writer, header, sizeof(*header));
}

void ethernet_tag_write(struct writer *writer, uint16_t vlan, struct be16 type)
{
	writer_be16(writer, vlan & ETHERNET_VLAN_ID_MASK);
	writer_copy(writer, type.byte, sizeof(type.byte));
}

bool mac_equal(struct mac a, struct mac b)
{
	return memcmp(a.byte, b.byte, sizeof(a.byte)) == 0;
}

bool mac_is_zero(struct mac mac)
{
	return mac_equal(mac, (struct mac){0});
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool mac_parse(const char *text, struct mac *ret_mac)
{
	struct mac mac;
	char between;

	if (strlen(text) != MAC_TEXT_BYTES - 1)
		return false;
	between = text[2];
	if (between != ':' && between != '-')
		return false;
	for (int i = 0; i < 6; i++) {
		int high = hex_value(text[3 * i]);
		int low = hex_value(text[3 * i + 1]);

		if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? between : '\0'))
			return false;
		mac.byte[i] = (uint8_t)(high << 4 | low);
	}
	*ret_mac = mac;
	return true;
}

char *mac_format(struct mac mac, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 6; i++) {
		text[3 * i] = digits[mac.byte[i] >> 4];
		text[3 * i + 1] = digits[mac.byte[i] & 15];
		text[3 * i + 2] = i < 5 ? ':' : '\0';
	}
	return text;
}
