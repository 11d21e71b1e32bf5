/* SPDX-License-Identifier: MIT */
/* Leases as lines of text. Strict when reading: exactly the words that were written, one space between them; a state
 * file that a person edited wrongly loses the wrong lines and no others. */
#include "service/leaseline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/lease.h"

enum { WORDS = 6 };

static const char *const state_words[] = {
	[LEASE_FREE] = "free",
	[LEASE_OFFERED] = "free",
	[LEASE_BOUND] = "bound",
	[LEASE_DECLINED] = "declined",
};

static void hex_format(const uint8_t *bytes, size_t count, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int hex_parse(const char *text, uint8_t *bytes, size_t room, uint8_t *ret_count)
{
	size_t length = strlen(text);

	if (length % 2 || length / 2 > room)
		return -EINVAL;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_count = (uint8_t)(length / 2);
	return 0;
}

size_t leaseline_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room)
{
	bool over = lease->state != LEASE_FREE && lease->due_us <= now_us;
	const char *state = state_words[over ? LEASE_FREE : lease->state];
	char address[IP6_TEXT_BYTES], mac[MAC_TEXT_BYTES], expires[24], client[2 * LEASE_CLIENT_BYTES + 1];
	int length;

	if (over || lease->state == LEASE_FREE || lease->state == LEASE_OFFERED)
		snprintf(expires, sizeof(expires), "-");
	else if (lease->due_us == UINT64_MAX)
		snprintf(expires, sizeof(expires), "never");
	else
		snprintf(expires, sizeof(expires), "%" PRIu64, wall_s + (lease->due_us - now_us + 999999) / 1000000);
	hex_format(lease->client, lease->client_bytes, client);
	length = snprintf(text, room, "%s %s %s %s %s %s",
			  lease->is6 ? ip6_format(lease->ip6, address) : ip4_format(lease->ip4, address),
			  mac_format(lease->mac, mac), state, expires, lease->name[0] ? lease->name : "-",
			  client[0] ? client : "-");
	return length > 0 && (size_t)length < room ? (size_t)length : 0;
}

static bool line_split(const char *line, char *text, size_t room, char *ret_words[WORDS])
{
	size_t count = 0;

	if (strlen(line) >= room)
		return false;
	memcpy(text, line, strlen(line) + 1);
	for (char *at = text; at; count++) {
		if (count == WORDS || *at == 0 || *at == ' ')
			return false;
		ret_words[count] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = 0;
	}
	return count == WORDS;
}

static bool seconds_parse(const char *text, uint64_t *ret_seconds)
{
	uint64_t value = 0;

	if (strlen(text) > 18)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*ret_seconds = value;
	return true;
}

static bool due_parse(const char *expires, uint64_t now_us, uint64_t wall_s, uint32_t longest_s, struct lease *lease)
{
	uint64_t longest = lease->state == LEASE_DECLINED ? LEASE_DECLINE_US / 1000000 : longest_s;
	uint64_t at_s;

	if (!strcmp(expires, "never"))
		at_s = UINT64_MAX;
	else if (!seconds_parse(expires, &at_s))
		return false;
	lease->due_us = UINT64_MAX;
	if (at_s <= wall_s) {
		lease->state = LEASE_FREE;
		return true;
	}
	/* For ever stays so only while the network still leases for ever. */
	if (at_s == UINT64_MAX && longest == LEASE_FOR_EVER_S)
		return true;
	at_s -= wall_s;
	lease->due_us = now_us + (at_s < longest ? at_s : longest) * 1000000;
	return true;
}

static bool state_parse(const char *state, const char *expires, uint64_t now_us, uint64_t wall_s, uint32_t longest_s,
			struct lease *lease)
{
	lease->due_us = UINT64_MAX;
	if (!strcmp(state, "free"))
		return !strcmp(expires, "-");
	if (!strcmp(state, "bound"))
		lease->state = LEASE_BOUND;
	else if (!strcmp(state, "declined"))
		lease->state = LEASE_DECLINED;
	else
		return false;
	return due_parse(expires, now_us, wall_s, longest_s, lease);
}

int leaseline_parse(const char *line, uint64_t now_us, uint64_t wall_s, uint32_t longest_s, struct lease *ret_lease)
{
	char text[LEASE_LINE_BYTES];
	char *word[WORDS];
	struct lease lease = {.state = LEASE_FREE};

	if (!line_split(line, text, sizeof(text), word))
		return -EINVAL;
	lease.is6 = strchr(word[0], ':') != NULL;
	if (lease.is6 ? !ip6_parse(word[0], &lease.ip6) : !ip4_parse(word[0], &lease.ip4))
		return -EINVAL;
	if (!mac_parse(word[1], &lease.mac) || !state_parse(word[2], word[3], now_us, wall_s, longest_s, &lease))
		return -EINVAL;
	if (strlen(word[4]) >= sizeof(lease.name))
		return -EINVAL;
	if (strcmp(word[4], "-") != 0)
		memcpy(lease.name, word[4], strlen(word[4]));
	if (strcmp(word[5], "-") != 0 &&
	    hex_parse(word[5], lease.client, sizeof(lease.client), &lease.client_bytes) < 0)
		return -EINVAL;
	/* Bound to nobody is no lease. */
	if (lease.state == LEASE_BOUND && lease.client_bytes == 0)
		return -EINVAL;
	*ret_lease = lease;
	return 0;
}
