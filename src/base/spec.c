/* SPDX-License-Identifier: MIT */
/* `KIND,key=value,…`, cut in place in a copy of the text: the strings that readers get point into the spec. An error
 * repeats what the person wrote, because there may be many specs on one command line. */
#include "base/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

/* Ends the word at `*at` and moves past its comma; `,,` becomes one comma of the word. NULL when the text is used up. */
static char *spec_cut_word(char **at)
{
	char *word = *at, *from = word, *to = word;

	if (!word)
		return NULL;
	for (; *from && (from[0] != ',' || from[1] == ','); from++) {
		if (*from == ',')
			from++;
		*to++ = *from;
	}
	*at = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}

static int spec_add_option(struct spec *spec, char *word, const char *text, struct error *ret_error)
{
	char *equals = strchr(word, '=');

	if (equals == word || !*word)
		return error_set(ret_error, -EINVAL, "%s: an option without a name", text);
	if (spec->count == SPEC_OPTIONS_MAX)
		return error_set(ret_error, -EINVAL, "%s: more than %d options", text, SPEC_OPTIONS_MAX);
	if (equals)
		*equals = '\0';
	spec->options[spec->count++] = (struct spec_option){.key = word, .value = equals ? equals + 1 : "on"};
	return 0;
}

int spec_parse(struct spec *ret_spec, const char *text, struct error *ret_error)
{
	struct spec *spec = ret_spec;
	size_t length = strlen(text);
	char *at = spec->text, *word;

	spec->count = 0;
	spec->kind = "";
	spec->asked[0] = '\0';
	if (length >= sizeof(spec->text))
		return error_set(ret_error, -EINVAL, "%.40s…: longer than %d bytes", text, SPEC_BYTES_MAX - 1);
	memcpy(spec->text, text, length + 1);
	spec->kind = spec_cut_word(&at);
	/* QEMU lets the first key be named. */
	if (strncmp(spec->kind, "type=", 5) == 0)
		spec->kind += 5;
	if (!*spec->kind)
		return error_set(ret_error, -EINVAL, "'%s': a kind must come first, as in KIND,key=value", text);
	if (strchr(spec->kind, '='))
		return error_set(ret_error, -EINVAL, "%s: '%s' where a kind must stand, as in KIND,key=value", text,
				 spec->kind);
	while ((word = spec_cut_word(&at))) {
		int error = spec_add_option(spec, word, text, ret_error);

		if (error < 0)
			return error;
	}
	return 0;
}

/* Whether the list `one, two, three` holds the word. */
static bool spec_list_holds(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t piece = strcspn(list, ",");

		if (piece == length && memcmp(list, word, length) == 0)
			return true;
		list += piece;
		list += strspn(list, ", ");
	}
	return false;
}

/* Notes what readers ask for. A list that is full stays as it is: it only makes an error's advice shorter. */
static void spec_ask(struct spec *spec, const char *key)
{
	size_t used = strlen(spec->asked), length = strlen(key), comma = used > 0 ? 2 : 0;

	if (used + comma + length >= sizeof(spec->asked) || spec_list_holds(spec->asked, key))
		return;
	memcpy(spec->asked + used, ", ", comma);
	memcpy(spec->asked + used + comma, key, length + 1);
}

const char *spec_string(struct spec *spec, const char *key)
{
	const char *value = NULL;

	spec_ask(spec, key);
	for (size_t i = 0; i < spec->count; i++) {
		if (strcmp(spec->options[i].key, key) != 0)
			continue;
		spec->options[i].used = true;
		value = spec->options[i].value;
	}
	return value;
}

const char *spec_next(struct spec *spec, const char *key, size_t *at)
{
	spec_ask(spec, key);
	while (*at < spec->count) {
		struct spec_option *option = &spec->options[(*at)++];

		if (strcmp(option->key, key) != 0)
			continue;
		option->used = true;
		return option->value;
	}
	return NULL;
}

int spec_bool(struct spec *spec, const char *key, bool *value, struct error *ret_error)
{
	static const char *const words[2][4] = {{"off", "no", "false", "n"}, {"on", "yes", "true", "y"}};
	const char *given = spec_string(spec, key);

	if (!given)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 4; j++) {
			if (strcmp(given, words[i][j]) == 0) {
				*value = i == 1;
				return 0;
			}
		}
	}
	return error_set(ret_error, -EINVAL, "%s,%s=%s: must be on or off", spec->kind, key, given);
}

/* Digits of the base alone: no sign, no space, no prefix. */
static bool spec_number(const char *text, uint32_t base, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		uint32_t digit = (uint32_t)(unsigned char)*text - '0';

		if (digit >= base)
			return false;
		number = number * base + digit;
		if (number > UINT32_MAX)
			return false;
	}
	*ret_number = (uint32_t)number;
	return true;
}

int spec_u32(struct spec *spec, const char *key, uint32_t least, uint32_t most, uint32_t *value,
	     struct error *ret_error)
{
	const char *given = spec_string(spec, key);
	uint32_t number;

	if (!given)
		return 0;
	if (!spec_number(given, 10, &number) || number < least || number > most)
		return error_set(ret_error, -EINVAL, "%s,%s=%s: must be a number from %u to %u", spec->kind, key, given,
				 least, most);
	*value = number;
	return 0;
}

int spec_mode(struct spec *spec, const char *key, uint32_t *value, struct error *ret_error)
{
	const char *given = spec_string(spec, key);
	uint32_t number;

	if (!given)
		return 0;
	if (!spec_number(given, 8, &number) || number > 0777)
		return error_set(ret_error, -EINVAL, "%s,%s=%s: must be an octal file mode, such as 0660", spec->kind,
				 key, given);
	*value = number;
	return 0;
}

/* How much of what readers asked for an error has room for, in whole words, behind `used` bytes of other text. */
static int spec_asked_length(const struct spec *spec, size_t used)
{
	size_t length = strlen(spec->asked), most = sizeof(((struct error *)0)->text) - SPEC_REFUSAL_BYTES;

	if (used + length <= most)
		return (int)length;
	for (length = used < most ? most - used : 0; length > 0 && spec->asked[length] != ',';)
		length--;
	return (int)length;
}

/* Names the one that may have been meant, or else those there are. */
static int spec_refuse(const struct spec *spec, const struct spec_option *option, struct error *ret_error)
{
	size_t used = 2 * (strlen(spec->kind) + strlen(option->key)) + strlen(option->value);
	struct nearest nearest;
	int length;

	nearest_init(&nearest, option->key, strlen(option->key));
	for (const char *at = spec->asked; *at; at += strspn(at, ", ")) {
		nearest_offer(&nearest, at, strcspn(at, ","));
		at += strcspn(at, ",");
	}
	if (nearest.found)
		return error_set(ret_error, -EINVAL, "%s,%s=%s: unknown option '%s'; did you mean %.*s=?", spec->kind,
				 option->key, option->value, option->key, (int)nearest.found_length, nearest.found);
	length = spec_asked_length(spec, used);
	return error_set(ret_error, -EINVAL, "%s,%s=%s: unknown option '%s'; %s takes %.*s%s", spec->kind, option->key,
			 option->value, option->key, spec->kind, length, spec->asked,
			 spec->asked[length] ? " and more" : "");
}

int spec_finish(const struct spec *spec, struct error *ret_error)
{
	for (size_t i = 0; i < spec->count; i++) {
		const struct spec_option *option = &spec->options[i];

		if (option->used)
			continue;
		/* QEMU's word for that, too. */
		if (strcmp(option->key, "help") == 0)
			return error_set(ret_error, -EINVAL, "%s takes %.*s", spec->kind,
					 spec_asked_length(spec, strlen(spec->kind)), spec->asked);
		if (!spec->asked[0])
			return error_set(ret_error, -EINVAL, "%s,%s=%s: %s takes no options", spec->kind, option->key,
					 option->value, spec->kind);
		return spec_refuse(spec, option, ret_error);
	}
	return 0;
}

const char *spec_escape(const char *value, char *text, size_t size)
{
	size_t used = 0;

	for (; *value && used + 2 < size; value++) {
		if (*value == ',')
			text[used++] = ',';
		text[used++] = *value;
	}
	text[used] = '\0';
	return text;
}
