/* SPDX-License-Identifier: MIT */
/* The words that are names, and what a name may be. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "network/description_parts.h"

#define DESCRIPTION_LABEL_BYTES 64

bool description_is_label(const char *text, size_t length)
{
	if (length == 0 || length >= DESCRIPTION_LABEL_BYTES || text[0] == '-' || text[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)text[i];

		if (letter >= 0x80 || (!isalnum(letter) && letter != '-' && letter != '_'))
			return false;
	}
	return true;
}

/* Labels with dots between them, RFC 1035 2.3.1; a dot at the end is dropped. */
static bool description_is_domain(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= SERVICE_NAME_BYTES)
		return false;
	while (*text) {
		size_t label = strcspn(text, ".");

		if (!description_is_label(text, label))
			return false;
		text += label;
		text += *text == '.';
	}
	return true;
}

static int description_domain(const struct spec *spec, const char *key, const char *given, char *name,
			      struct error *ret_error)
{
	size_t length = strlen(given);

	if (!description_is_domain(given))
		return error_set(ret_error, -EINVAL, "%s,%s=%s: not a domain name, as example.org is", spec->kind, key,
				 given);
	if (given[length - 1] == '.')
		length--;
	memcpy(name, given, length);
	name[length] = '\0';
	return 0;
}

int description_text(struct spec *spec, const char *key, char *text, size_t room, struct error *ret_error)
{
	const char *given = spec_string(spec, key);

	if (!given)
		return 0;
	if (!*given || strlen(given) >= room)
		return error_set(ret_error, -EINVAL, "%s,%s=%.40s: must be 1 to %zu characters", spec->kind, key, given,
				 room - 1);
	memcpy(text, given, strlen(given) + 1);
	return 0;
}

int description_read_names(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *domain = spec_string(spec, "domainname"), *given;
	size_t at = 0;
	int error;

	if ((error = description_text(spec, "hostname", service->hostname, sizeof(service->hostname), ret_error)) < 0)
		return error;
	if (service->hostname[0] && !description_is_domain(service->hostname))
		return error_set(ret_error, -EINVAL,
				 "%s,hostname=%s: must be one word of letters, digits, '-' and dots", spec->kind,
				 service->hostname);
	if (domain && (error = description_domain(spec, "domainname", domain, service->domain, ret_error)) < 0)
		return error;
	while ((given = spec_next(spec, "dnssearch", &at))) {
		if (service->search_count == SERVICE_SEARCH_MAX)
			return error_set(ret_error, -EINVAL, "%s,dnssearch=%s: more than %d; leave some out",
					 spec->kind, given, SERVICE_SEARCH_MAX);
		if ((error = description_domain(spec, "dnssearch", given, service->search[service->search_count++],
						ret_error)) < 0)
			return error;
	}
	if ((error = description_text(spec, "tftp-server-name", service->boot_server, sizeof(service->boot_server),
				      ret_error)) < 0)
		return error;
	return description_text(spec, "bootfile", service->boot_file, sizeof(service->boot_file), ret_error);
}
