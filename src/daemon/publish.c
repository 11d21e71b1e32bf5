/* SPDX-License-Identifier: MIT */
/* Fields stand between colons; an IPv6 address keeps its own in brackets. Of three fields the first says what they are: a
 * port of this machine, or empty, is followed by a guest, an address by a port. */
#include "daemon/publish.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum {
	PUBLISH_FIELDS_MAX = 4,
	PUBLISH_FIELD_BYTES = 80,
};

struct publish {
	const char *text; /* as it was typed */
	char fields[PUBLISH_FIELDS_MAX][PUBLISH_FIELD_BYTES];
	unsigned count;
	const char *protocol;
	const char *address, *host, *guest, *port; /* among the fields, or "" */
};

struct ports {
	unsigned first, last;
};

static int publish_refuse(const struct publish *publish, const char *what, const char *word, struct error *ret_error)
{
	return error_set(ret_error, -EINVAL, "%.200s: %.80s%s", publish->text, word, what);
}

/* "80", "80-90"; no sign, no blank. */
static bool publish_read_ports(const char *word, struct ports *ret_ports)
{
	unsigned numbers[2] = {0}, at = 0, digits = 0;

	for (; *word; word++) {
		if (*word == '-' && at == 0 && digits) {
			at = 1;
			digits = 0;
			continue;
		}
		if (!isdigit((unsigned char)*word) || ++digits > 5)
			return false;
		numbers[at] = numbers[at] * 10 + (unsigned)(*word - '0');
	}
	*ret_ports = (struct ports){numbers[0], at ? numbers[1] : numbers[0]};
	return digits > 0;
}

static bool publish_is_ports(const char *word)
{
	struct ports ports;

	return publish_read_ports(word, &ports);
}

static bool publish_is_address(const char *word)
{
	char address[PUBLISH_FIELD_BYTES];
	unsigned char bytes[16];
	size_t length = strlen(word);

	if (inet_pton(AF_INET, word, bytes) == 1)
		return true;
	if (length < 3 || word[0] != '[' || word[length - 1] != ']')
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)length - 2, word + 1);
	return inet_pton(AF_INET6, address, bytes) == 1;
}

/* Cuts at colons and takes the protocol off the end. */
static int publish_split(struct publish *publish, struct error *ret_error)
{
	const char *at = publish->text, *slash = strrchr(at, '/');
	size_t length = slash ? (size_t)(slash - at) : strlen(at);
	bool brackets = false;
	size_t used = 0;

	publish->protocol = !slash || strcasecmp(slash + 1, "tcp") == 0 ? "tcp" : "udp";
	if (slash && strcasecmp(slash + 1, publish->protocol) != 0)
		return publish_refuse(publish, ": tcp or udp would do", slash + 1, ret_error);
	publish->count = 1;
	for (size_t i = 0; i < length; i++) {
		brackets = at[i] == '[' || (brackets && at[i] != ']');
		if (at[i] == ':' && !brackets) {
			if (++publish->count > PUBLISH_FIELDS_MAX)
				return publish_refuse(publish,
						      "too many colons; an IPv6 address stands in brackets, as [::1]",
						      "", ret_error);
			used = 0;
			continue;
		}
		if (used + 1 == PUBLISH_FIELD_BYTES)
			return publish_refuse(publish, "too long", "", ret_error);
		publish->fields[publish->count - 1][used++] = at[i];
	}
	return 0;
}

/* Which field is what. */
static int publish_sort(struct publish *publish, struct error *ret_error)
{
	char(*fields)[PUBLISH_FIELD_BYTES] = publish->fields;
	bool guest = publish->count == 3 && !publish_is_address(fields[0]);

	publish->address = publish->host = publish->guest = "";
	publish->port = fields[publish->count - 1];
	if (publish->count == 4)
		publish->guest = fields[2];
	if (publish->count == 4 || (publish->count == 3 && !guest)) {
		publish->address = fields[0];
		publish->host = fields[1];
	} else if (publish->count > 1) {
		publish->host = fields[0];
	}
	if (guest && !*fields[0] && (!*fields[1] || publish_is_ports(fields[1])))
		publish->host = fields[1]; /* no address is every interface */
	else if (guest)
		publish->guest = fields[1];
	if (publish->count == 2 && *publish->host && !publish_is_ports(publish->host))
		return publish_refuse(publish, " is no port of this machine; HOST:GUEST:PORT has it in front",
				      publish->host, ret_error);
	if (guest && *publish->host && !publish_is_ports(publish->host))
		return publish_refuse(publish, " is neither a port nor an address of this machine", publish->host,
				      ret_error);
	if (publish_is_ports(publish->guest))
		return publish_refuse(publish, " is no guest: ADDR:HOST:PORT or HOST:GUEST:PORT", publish->guest,
				      ret_error);
	return 0;
}

static int publish_check_range(const struct publish *publish, const char *word, unsigned least, struct ports *ret_ports,
			       struct error *ret_error)
{
	if (!publish_read_ports(word, ret_ports))
		return publish_refuse(publish,
				      *word ? " is no port: a number, or a range as 8000-8010" : "no port at the end",
				      word, ret_error);
	if (ret_ports->first < least || ret_ports->last > 65535)
		return publish_refuse(publish,
				      least ? " is no port: they are 1 to 65535" : " is no port: they are 0 to 65535",
				      word, ret_error);
	if (ret_ports->first > ret_ports->last)
		return publish_refuse(publish, ": the range runs backwards", word, ret_error);
	return 0;
}

static int publish_check(const struct publish *publish, struct error *ret_error)
{
	struct ports host = {0}, guest;
	int result = publish_check_range(publish, publish->port, 1, &guest, ret_error);

	if (result == 0 && *publish->host)
		result = publish_check_range(publish, publish->host, 0, &host, ret_error);
	if (result < 0)
		return result;
	if (*publish->address && !publish_is_address(publish->address))
		return publish_refuse(
			publish, " is no address of this machine: 127.0.0.1 or [::1] would do, or none for every one",
			publish->address, ret_error);
	if (host.last == 0 && guest.last != guest.first)
		return publish_refuse(publish, ": a range needs as many ports of this machine", publish->port,
				      ret_error);
	if (host.last && host.last - host.first != guest.last - guest.first)
		return publish_refuse(publish, "the two ranges differ in length", "", ret_error);
	return 0;
}

int publish_spec(const char *text, char spec[PUBLISH_SPEC_BYTES], struct error *ret_error)
{
	struct publish publish = {.text = text};
	bool brackets;
	int result;

	if (strncmp(text, "tcp:", 4) == 0 || strncmp(text, "udp:", 4) == 0 || strncmp(text, "unix:", 5) == 0) {
		if (strlen(text) >= PUBLISH_SPEC_BYTES)
			return publish_refuse(&publish, "too long", "", ret_error);
		memcpy(spec, text, strlen(text) + 1);
		return 0;
	}
	if ((result = publish_split(&publish, ret_error)) < 0 || (result = publish_sort(&publish, ret_error)) < 0 ||
	    (result = publish_check(&publish, ret_error)) < 0)
		return result;
	/* "8-ball" behind a port and '-' would be the end of a range. */
	brackets = isdigit((unsigned char)*publish.guest) && strchr(publish.guest, '-');
	snprintf(spec, PUBLISH_SPEC_BYTES, "%s:%s:%s-%s%s%s:%s", publish.protocol, publish.address,
		 *publish.host ? publish.host : "0", brackets ? "[" : "", publish.guest, brackets ? "]" : "",
		 publish.port);
	return 0;
}
