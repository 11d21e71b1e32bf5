/* SPDX-License-Identifier: MIT */
/* What is an address as a whole has no port: fd00::15:22 is a guest, [fd00::15]:22 its port 22. */
#include "cli/guestport.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static bool guestport_is_mac(const char *word)
{
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2 ? word[i] != ':' : !isxdigit((unsigned char)word[i]))
			return false;
	}
	return word[17] == '\0';
}

static int guestport_read_port(const char *word, const char *digits, uint16_t *ret_port, struct error *ret_error)
{
	unsigned long number = 0;
	size_t length = strlen(digits);

	for (size_t i = 0; i < length && length <= 5; i++)
		number = isdigit((unsigned char)digits[i]) ? number * 10 + (unsigned long)(digits[i] - '0') : 65536;
	if (length == 0 || length > 5 || number == 0 || number > 65535)
		return error_set(ret_error, -EINVAL, "%.200s: '%.40s' is no port: a number from 1 to 65535", word,
				 digits);
	*ret_port = (uint16_t)number;
	return 0;
}

int guestport_parse(const char *word, char guest[GUESTPORT_GUEST_BYTES], uint16_t *ret_port, struct error *ret_error)
{
	const char *begin = word, *end = word + strlen(word), *port = NULL;
	unsigned char bytes[16];
	uint16_t number = 0;
	int result = 0;

	if (*word == '[') {
		end = strchr(word, ']');
		if (!end || (end[1] && end[1] != ':'))
			return error_set(ret_error, -EINVAL, "%.200s: [ADDRESS] or [ADDRESS]:PORT", word);
		begin++;
		port = end[1] ? end + 2 : NULL;
	} else if (strrchr(word, ':') && !guestport_is_mac(word) && inet_pton(AF_INET6, word, bytes) != 1) {
		end = strrchr(word, ':');
		port = end + 1;
	}
	if (end == begin || end - begin >= GUESTPORT_GUEST_BYTES)
		return error_set(ret_error, -EINVAL, "%.200s: no guest's name or address", word);
	if (port)
		result = guestport_read_port(word, port, &number, ret_error);
	if (result < 0)
		return result;
	snprintf(guest, GUESTPORT_GUEST_BYTES, "%.*s", (int)(end - begin), begin);
	*ret_port = number;
	return 0;
}
