/* SPDX-License-Identifier: MIT */
/* First the address is taken off, then each word between commas is read; at the end what is excluded is cut out of the
 * ranges. */
#include "daemon/portspec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct portspec_reader {
	const char *option, *whole;
	struct error *ret_error;
	bool chosen; /* a word said which ports; else they are only excluded */
};

static int portspec_wrong(const struct portspec_reader *reader, const char *what)
{
	return error_set(reader->ret_error, -EINVAL,
			 "%s %.100s: %s; as none, auto, all, 22, 22-80,443, 8080:80, 127.0.0.1/22, ~25", reader->option,
			 reader->whole, what);
}

/* "22" or "22-80", all of `text`. */
static bool portspec_read_range(const char *text, size_t length, uint16_t *ret_first, uint16_t *ret_last)
{
	unsigned long numbers[2] = {0, 0};
	int at = 0;

	if (length == 0 || text[0] == '-' || text[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '-' && at++ == 0)
			continue;
		if (text[i] < '0' || text[i] > '9' || at > 1)
			return false;
		numbers[at] = numbers[at] * 10 + (unsigned long)(text[i] - '0');
		if (numbers[at] > UINT16_MAX)
			return false;
	}
	if (at == 0)
		numbers[1] = numbers[0];
	*ret_first = (uint16_t)numbers[0];
	*ret_last = (uint16_t)numbers[1];
	return numbers[0] > 0 && numbers[0] <= numbers[1];
}

/* ---- the address ---- */

static int portspec_read_address(const struct portspec_reader *reader, struct portspec *spec, const char **text)
{
	const char *slash = strchr(*text, '/'), *percent, *at = *text, *end;
	struct in6_addr address;
	size_t length;

	if (!slash)
		return 0;
	percent = memchr(at, '%', (size_t)(slash - at));
	if (percent) {
		length = (size_t)(slash - percent - 1);
		if (length == 0 || length >= sizeof(spec->ifname))
			return portspec_wrong(reader, "the name of an interface has 1 to 15 letters");
		memcpy(spec->ifname, percent + 1, length);
	}
	end = percent ? percent : slash;
	if (end - at >= 2 && *at == '[' && end[-1] == ']') {
		at++;
		end--;
	}
	length = (size_t)(end - at);
	if (length >= sizeof(spec->address) || (length == 0 && !percent))
		return portspec_wrong(reader, "what is before the '/' must be an address");
	memcpy(spec->address, at, length);
	*text = slash + 1;
	if (length == 0)
		return 0;
	spec->is6 = inet_pton(AF_INET6, spec->address, &address) == 1;
	if (!spec->is6 && inet_pton(AF_INET, spec->address, &address) != 1)
		return portspec_wrong(reader, "what is before the '/' must be an address");
	return 0;
}

/* ---- the words ---- */

static int portspec_read_excluded(const struct portspec_reader *reader, struct portspec *spec, const char *word,
				  size_t length)
{
	uint16_t first, last;

	if (!portspec_read_range(word, length, &first, &last))
		return portspec_wrong(reader, "behind a '~' must be a port or a range of 1 to 65535");
	for (unsigned port = first; port <= last; port++)
		procfile_put(&spec->excluded, (uint16_t)port, true);
	return 0;
}

static int portspec_read_ports(struct portspec_reader *reader, struct portspec *spec, const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);
	size_t from_length = colon ? (size_t)(colon - word) : length;
	struct portspec_range range;
	uint16_t to_last;

	if (!portspec_read_range(word, from_length, &range.first, &range.last))
		return portspec_wrong(reader, "a port must be 1 to 65535, and a range go upwards");
	range.to = range.first;
	to_last = range.last;
	if (colon && !portspec_read_range(colon + 1, length - from_length - 1, &range.to, &to_last))
		return portspec_wrong(reader, "behind the ':' must be a port or a range of 1 to 65535");
	if (to_last - range.to != range.last - range.first)
		return portspec_wrong(reader, "both sides of a ':' must have as many ports");
	if (spec->count == PORTSPEC_RANGES_MAX)
		return portspec_wrong(reader, "too many ranges; say it by several options");
	spec->kind = PORTSPEC_PORTS;
	spec->ranges[spec->count++] = range;
	reader->chosen = true;
	return 0;
}

static bool portspec_is(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && strncmp(word, name, length) == 0;
}

static int portspec_read_word(struct portspec_reader *reader, struct portspec *spec, const char *word, size_t length)
{
	static const char *const names[] = {[PORTSPEC_NONE] = "none", [PORTSPEC_AUTO] = "auto", [PORTSPEC_ALL] = "all"};

	if (length > 0 && word[0] == '~')
		return portspec_read_excluded(reader, spec, word + 1, length - 1);
	for (int kind = PORTSPEC_NONE; kind <= PORTSPEC_ALL; kind++) {
		if (!portspec_is(word, length, names[kind]))
			continue;
		if (reader->chosen)
			return portspec_wrong(reader, "none, auto and all stand alone, or before a '~'");
		spec->kind = (enum portspec_kind)kind;
		reader->chosen = true;
		return 0;
	}
	if (reader->chosen && spec->kind != PORTSPEC_PORTS)
		return portspec_wrong(reader, "none, auto and all stand alone, or before a '~'");
	return portspec_read_ports(reader, spec, word, length);
}

/* ---- cutting ---- */

static int portspec_cut_one(const struct portspec_reader *reader, const struct portspec *from,
			    const struct portspec_range *range, struct portspec *to)
{
	bool open = false;

	for (unsigned port = range->first; port <= range->last; port++) {
		if (procfile_has(&from->excluded, (uint16_t)port)) {
			open = false;
			continue;
		}
		if (!open && to->count == PORTSPEC_RANGES_MAX)
			return portspec_wrong(reader, "too many ranges; say it by several options");
		if (!open)
			to->ranges[to->count++] =
				(struct portspec_range){.first = (uint16_t)port,
							.to = (uint16_t)(range->to + (port - range->first))};
		to->ranges[to->count - 1].last = (uint16_t)port;
		open = true;
	}
	return 0;
}

static int portspec_cut(const struct portspec_reader *reader, struct portspec *spec)
{
	struct portspec from = *spec;
	int error = 0;

	spec->count = 0;
	for (size_t i = 0; i < from.count && error == 0; i++)
		error = portspec_cut_one(reader, &from, &from.ranges[i], spec);
	return error;
}

int portspec_parse(const char *option, const char *text, struct portspec *ret_spec, struct error *ret_error)
{
	struct portspec_reader reader = {.option = option, .whole = text, .ret_error = ret_error};
	struct portspec spec = {.kind = PORTSPEC_ALL};
	int error = portspec_read_address(&reader, &spec, &text);

	if (error == 0 && *text == '\0')
		return portspec_wrong(&reader, "no port");
	while (error == 0) {
		size_t length = strcspn(text, ",");

		error = portspec_read_word(&reader, &spec, text, length);
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	if (error == 0)
		error = portspec_cut(&reader, &spec);
	if (error == 0)
		*ret_spec = spec;
	return error;
}
