/* SPDX-License-Identifier: MIT */
/* Every step asks the bounded reader first whether its bytes are there; what is cut short is shown as far as it goes. */
#include "cli/frameline.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/reader.h"

enum {
	TYPE_IP4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_IP6 = 0x86dd,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
};

struct sentence {
	char *text;
	size_t used;
};

static void say(struct sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
	size_t room = FRAMELINE_BYTES - sentence->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(sentence->text + sentence->used, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		sentence->used += (size_t)length < room ? (size_t)length : room - 1;
}

static void say_mac(struct sentence *sentence, const uint8_t *mac)
{
	say(sentence, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static const char *address_text(int family, const uint8_t *bytes, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family, bytes, text, INET6_ADDRSTRLEN) ? text : "?";
}

static void say_arp(struct sentence *sentence, struct reader *reader)
{
	char sender[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN];
	const uint8_t *bytes = reader_skip(reader, 28);

	if (!bytes) {
		say(sentence, "ARP");
		return;
	}
	address_text(AF_INET, bytes + 14, sender);
	address_text(AF_INET, bytes + 24, target);
	if (bytes[7] == 1)
		say(sentence, "ARP who has %s tell %s", target, sender);
	else
		say(sentence, "ARP %s is here", sender);
}

static void say_tcp_flags(struct sentence *sentence, unsigned flags)
{
	static const char letters[] = "FSRP.U";

	say(sentence, " [");
	for (unsigned i = 0; i < 6; i++) {
		if (flags & 1u << i)
			say(sentence, "%c", letters[i]);
	}
	say(sentence, "]");
}

/* "TCP 10.0.2.15:4711 > 10.0.2.2:80 [S]" */
static void say_transport(struct sentence *sentence, struct reader *reader, unsigned protocol, const char *from,
			  const char *to)
{
	unsigned from_port = 0, to_port = 0;
	const uint8_t *flags;

	if (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP) {
		from_port = reader_be16(reader);
		to_port = reader_be16(reader);
	}
	if (reader->failed || !from_port || !to_port) {
		say(sentence, "%s > %s ", from, to);
		if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6)
			say(sentence, "ICMP%s type %u", protocol == PROTOCOL_ICMP ? "" : "v6", reader_u8(reader));
		else
			say(sentence, "protocol %u", protocol);
		return;
	}
	say(sentence, "%s %s:%u > %s:%u", protocol == PROTOCOL_TCP ? "TCP" : "UDP", from, from_port, to, to_port);
	flags = protocol == PROTOCOL_TCP ? reader_skip(reader, 10) : NULL;
	if (flags)
		say_tcp_flags(sentence, flags[9]);
}

static void say_ip4(struct sentence *sentence, struct reader *reader)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	const uint8_t *bytes = reader_skip(reader, 20);
	unsigned protocol;

	if (!bytes) {
		say(sentence, "IPv4");
		return;
	}
	protocol = bytes[9];
	address_text(AF_INET, bytes + 12, from);
	address_text(AF_INET, bytes + 16, to);
	if ((bytes[0] & 15) > 5)
		reader_skip(reader, ((size_t)(bytes[0] & 15) - 5) * 4);
	if ((bytes[6] << 8 | bytes[7]) & 0x1fff)
		say(sentence, "IPv4 %s > %s, a fragment of protocol %u", from, to, protocol);
	else
		say_transport(sentence, reader, protocol, from, to);
}

static void say_ip6(struct sentence *sentence, struct reader *reader)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], bracketed[2][INET6_ADDRSTRLEN + 2];
	const uint8_t *bytes = reader_skip(reader, 40);
	bool ports;

	if (!bytes) {
		say(sentence, "IPv6");
		return;
	}
	address_text(AF_INET6, bytes + 8, from);
	address_text(AF_INET6, bytes + 24, to);
	ports = bytes[6] == PROTOCOL_TCP || bytes[6] == PROTOCOL_UDP;
	snprintf(bracketed[0], sizeof(bracketed[0]), ports ? "[%s]" : "%s", from);
	snprintf(bracketed[1], sizeof(bracketed[1]), ports ? "[%s]" : "%s", to);
	say_transport(sentence, reader, bytes[6], bracketed[0], bracketed[1]);
}

static void say_payload(struct sentence *sentence, struct reader *reader)
{
	unsigned type = reader_be16(reader), tags = 0;

	while ((type == TYPE_VLAN || type == TYPE_QINQ) && tags++ < 2) {
		say(sentence, "vlan %u, ", reader_be16(reader) & 0xfffu);
		type = reader_be16(reader);
	}
	if (type == TYPE_ARP)
		say_arp(sentence, reader);
	else if (type == TYPE_IP4)
		say_ip4(sentence, reader);
	else if (type == TYPE_IP6)
		say_ip6(sentence, reader);
	else
		say(sentence, "type 0x%04x", type);
}

const char *frameline_format(const uint8_t *frame, size_t captured, size_t length, char line[FRAMELINE_BYTES])
{
	struct sentence sentence = {.text = line};
	struct reader reader;
	const uint8_t *macs;

	line[0] = '\0';
	reader_init(&reader, frame, captured);
	macs = reader_skip(&reader, 12);
	if (macs) {
		say_mac(&sentence, macs + 6);
		say(&sentence, " > ");
		say_mac(&sentence, macs);
		say(&sentence, ", ");
		say_payload(&sentence, &reader);
		say(&sentence, ", ");
	}
	say(&sentence, "%zu bytes", length);
	return line;
}
