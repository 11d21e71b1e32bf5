/* SPDX-License-Identifier: MIT */
/* See inet.h. */
#include "port/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* -1 when it is no port number. */
static int inet_port_parse(const char *text)
{
	char *end;
	unsigned long port;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	port = strtoul(text, &end, 10);
	return *end || port > UINT16_MAX ? -1 : (int)port;
}

static int inet_fill(const char *host, int port, struct sockaddr_storage *ret_address, socklen_t *ret_length)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	memset(ret_address, 0, sizeof(*ret_address));
	if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
		memcpy(ret_address, &four, sizeof(four));
		*ret_length = sizeof(four);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
		memcpy(ret_address, &six, sizeof(six));
		*ret_length = sizeof(six);
		return 0;
	}
	return -EINVAL;
}

int inet_address_parse(const char *word, const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_length,
		       struct error *ret_error)
{
	const char *colon = strrchr(text, ':');
	const char *port_text = colon ? colon + 1 : text;
	char host[INET_TEXT_BYTES] = "127.0.0.1";
	size_t host_bytes = colon ? (size_t)(colon - text) : 0;
	const char *start = text;
	int port = inet_port_parse(port_text);

	if (host_bytes >= 2 && text[0] == '[' && text[host_bytes - 1] == ']') {
		start++;
		host_bytes -= 2;
	}
	if (port < 0 || host_bytes >= sizeof(host))
		goto wrong;
	if (host_bytes > 0) {
		memcpy(host, start, host_bytes);
		host[host_bytes] = 0;
	}
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	/* "::1:4000" could be meant either way: IPv6 needs its brackets. */
	if ((start == text && strchr(host, ':')) || inet_fill(host, port, ret_address, ret_length) < 0)
		goto wrong;
	return 0;
wrong:
	return error_set(ret_error, -EINVAL,
			 "%s=%s: not [ADDRESS:]PORT in numbers, as in 4000, 127.0.0.1:4000 or [::1]:4000", word, text);
}

void inet_address_format(const struct sockaddr_storage *address, char *ret_text)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	ret_text[0] = 0;
	if (address->ss_family == AF_INET) {
		memcpy(&four, address, sizeof(four));
		inet_ntop(AF_INET, &four.sin_addr, host, sizeof(host));
		snprintf(ret_text, INET_TEXT_BYTES, "%s:%u", host, ntohs(four.sin_port));
	} else if (address->ss_family == AF_INET6) {
		memcpy(&six, address, sizeof(six));
		inet_ntop(AF_INET6, &six.sin6_addr, host, sizeof(host));
		snprintf(ret_text, INET_TEXT_BYTES, "[%s]:%u", host, ntohs(six.sin6_port));
	}
}
