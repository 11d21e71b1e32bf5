/* SPDX-License-Identifier: MIT */
/* covers: src/wire/domain.c */
/* The input is names, compressed or not, and once more a name as text. Its first byte says where a compressed one
 * begins. */
#include "wire/domain.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_name(const char *name)
{
	uint8_t wire[DOMAIN_WIRE_BYTES];
	char again[DOMAIN_TEXT_BYTES];
	struct writer writer;
	struct reader reader;
	size_t at = 0;

	assert(strlen(name) < DOMAIN_TEXT_BYTES);
	if (name[0] == '\0')
		return;
	assert(domain_valid(name));
	writer_init(&writer, wire, sizeof(wire));
	domain_write(&writer, name);
	assert(!writer.failed && writer_used(&writer) == strlen(name) + 2);
	reader_init(&reader, wire, writer_used(&writer));
	assert(domain_read(&reader, again) && strcmp(name, again) == 0 && reader.left == 0);
	assert(domain_read_compressed(wire, writer_used(&writer), &at, again));
	assert(strcmp(name, again) == 0 && at == writer_used(&writer));
	writer_init(&writer, wire, sizeof(wire));
	domain_write_partial(&writer, name);
	reader_init(&reader, wire, writer_used(&writer));
	assert(!writer.failed && domain_read_partial(&reader, again) && strcmp(name, again) == 0);
}

static void check_list(const uint8_t *bytes, size_t count)
{
	uint8_t wire[DOMAIN_LIST_MAX * DOMAIN_WIRE_BYTES];
	struct domain_list list, again;
	struct writer writer;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (!domain_list_read(&reader, &list))
		return;
	writer_init(&writer, wire, sizeof(wire));
	domain_list_write(&writer, &list);
	reader_init(&reader, wire, writer_used(&writer));
	assert(!writer.failed && domain_list_read(&reader, &again));
	assert(memcmp(&list, &again, sizeof(list)) == 0);
#ifdef PLANTED
	if (list.count == 2 && strlen(list.name[0]) == 3 && strlen(list.name[1]) == 3)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
}

static void check_text(const uint8_t *bytes, size_t count)
{
	char text[300] = {0};
	uint8_t wire[DOMAIN_WIRE_BYTES];
	struct writer writer;

	memcpy(text, bytes, count < sizeof(text) ? count : sizeof(text) - 1);
	if (domain_valid(text)) {
		check_name(text);
		return;
	}
	writer_init(&writer, wire, sizeof(wire));
	domain_write_partial(&writer, text);
	assert(writer.failed == (text[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	char name[DOMAIN_TEXT_BYTES];
	struct reader reader;
	size_t at;

	check_text(bytes, count);
	check_list(bytes, count);
	reader_init(&reader, bytes, count);
	if (domain_read_partial(&reader, name))
		check_name(name);
	if (count == 0)
		return 0;
	at = bytes[0];
	if (domain_read_compressed(bytes, count, &at, name)) {
		assert(at > bytes[0] && at <= count);
		check_name(name);
	}
	return 0;
}
