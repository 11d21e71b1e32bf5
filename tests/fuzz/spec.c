/* SPDX-License-Identifier: MIT */
/* covers: src/base/spec.c */
/* Words of a person after --guest: the input is `what to ask for`, a newline, and the text. */
#include "base/spec.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Each string lies inside the spec and ends there. */
static void check_inside(const struct spec *spec, const char *string)
{
	if (string && strcmp(string, "on") != 0)
		assert(string >= spec->text && string + strlen(string) < spec->text + sizeof(spec->text));
}

static void ask(struct spec *spec, const char *key)
{
	uint32_t number = 1, mode = 2;
	bool truth = false;
	size_t at = 0;

	check_inside(spec, spec_string(spec, key));
	spec_bool(spec, key, &truth, NULL);
	spec_u32(spec, key, 5, 70000, &number, NULL);
	assert(number == 1 || (number >= 5 && number <= 70000));
	spec_mode(spec, key, &mode, NULL);
	assert(mode <= 0777);
	while (spec_next(spec, key, &at))
		assert(at <= spec->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	char text[SPEC_BYTES_MAX + 64];
	struct error error = {0};
	struct spec spec;
	char *line;

	if (count >= sizeof(text))
		return 0;
	memcpy(text, bytes, count);
	text[count] = '\0';
	line = strchr(text, '\n');
	if (line)
		*line++ = '\0';
	if (spec_parse(&spec, line ? line : text, &error) < 0)
		return 0;
#ifdef PLANTED
	if (spec.count == 3 && strcmp(spec.options[2].key, "mtu") == 0)
		return ((const volatile uint8_t *)bytes)[count] & 0;
#endif
	for (char *key = line ? strtok(text, " ") : NULL; key; key = strtok(NULL, " "))
		ask(&spec, key);
	spec_finish(&spec, &error);
	return 0;
}
