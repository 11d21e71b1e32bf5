/* SPDX-License-Identifier: MIT */
/* What a guest and the DHCPv4 server say to each other, for the tests that hold whole conversations. A test file includes
 * it once, after <cmocka.h>. */
#ifndef TESTS_UNIT_SERVICE_DHCP4_H
#define TESTS_UNIT_SERVICE_DHCP4_H

#include <stdio.h>

#include "unit/service/guest.h"
#include "wire/dhcp4.h"

#define MINUTE_US (60 * 1000000ull)

/* What the guest says, with what it leaves unsaid at 0. */
struct say {
	uint8_t type;
	const char *client;    /* ciaddr */
	const char *requested; /* 50 */
	const char *server;    /* 54 */
	const char *id;        /* 61, of 3 letters */
	const char *hostname;  /* 12 */
	const char *wants;     /* 55; "" for none */
	uint32_t lease_s;
	uint16_t flags;
	uint16_t size;         /* 57 */
	const char *from, *to; /* IP; 0.0.0.0 and broadcast */
	const char *fqdn;      /* 81, with the flags 1 (S) */
};

/* What the server said to it. */
static struct {
	struct dhcp4 message;
	uint8_t type;
	struct ip4 to;
	struct mac to_mac;
} heard;

static UNUSED void put_ip4(struct writer *writer, uint8_t code, const char *text)
{
	struct ip4 address;

	if (!text)
		return;
	address = ip4_of(text);
	dhcp4_ip4_write(writer, code, &address, 1);
}

static UNUSED size_t say_write(const struct guest *guest, const struct say *say, uint8_t *to, size_t room)
{
	struct dhcp4 message = {.operation = DHCP4_BOOTREQUEST,
				.transaction = 0x12345678,
				.flags = say->flags,
				.mac = guest->mac};
	struct writer writer;

	if (say->client)
		message.client = ip4_of(say->client);
	writer_init(&writer, to, room);
	dhcp4_write(&writer, &message);
	dhcp4_u8_write(&writer, DHCP4_OPTION_TYPE, say->type);
	put_ip4(&writer, DHCP4_OPTION_REQUESTED, say->requested);
	put_ip4(&writer, DHCP4_OPTION_SERVER_ID, say->server);
	if (say->id)
		dhcp4_option_write(&writer, DHCP4_OPTION_CLIENT_ID, say->id, 3);
	if (say->hostname)
		dhcp4_text_write(&writer, DHCP4_OPTION_HOSTNAME, say->hostname);
	if (say->fqdn) {
		uint8_t fqdn[64] = {1};

		memcpy(fqdn + 3, say->fqdn, strlen(say->fqdn));
		dhcp4_option_write(&writer, DHCP4_OPTION_FQDN, fqdn, 3 + strlen(say->fqdn));
	}
	if (say->wants)
		dhcp4_option_write(&writer, DHCP4_OPTION_PARAMETERS, say->wants, strlen(say->wants));
	if (say->lease_s)
		dhcp4_u32_write(&writer, DHCP4_OPTION_LEASE_TIME, say->lease_s);
	if (say->size)
		dhcp4_u16_write(&writer, DHCP4_OPTION_MESSAGE_SIZE, say->size);
	dhcp4_end_write(&writer);
	assert_false(writer.failed);
	return writer_used(&writer);
}

static UNUSED void hear(struct guest *guest)
{
	struct reader reader;
	struct dhcp4_request options;

	memset(&heard, 0, sizeof(heard));
	assert_null(guest_flaw(&guest->config, &guest->reply));
	if (guest->reply.length == 0)
		return;
	memcpy(heard.to_mac.byte, guest->reply.bytes, 6);
	assert_memory_equal(guest->reply.bytes + 26, guest->config.host4.byte, 4);
	memcpy(heard.to.byte, guest->reply.bytes + 30, 4);
	assert_int_equal(guest_u16(guest->reply.bytes + 34), 67);
	assert_int_equal(guest_u16(guest->reply.bytes + 36), 68);
	reader_init(&reader, guest->reply.bytes + 42, guest->reply.length - 42);
	assert_true(reader.left >= DHCP4_BYTES_MIN);
	assert_int_equal(dhcp4_read(&reader, &heard.message), DROP_NONE);
	assert_int_equal(dhcp4_request_read(&heard.message, &options), DROP_NONE);
	assert_int_equal(heard.message.operation, DHCP4_BOOTREPLY);
	assert_int_equal(heard.message.transaction, 0x12345678);
	assert_true(mac_equal(heard.message.mac, guest->mac));
	assert_true(options.has_server_id && ip4_equal(options.server_id, guest->config.host4));
	heard.type = options.type;
}

static UNUSED enum drop_reason say(struct guest *guest, struct say words)
{
	uint8_t message[1400];
	size_t bytes = say_write(guest, &words, message, sizeof(message));
	bool unicast = words.to != NULL;
	enum drop_reason verdict;

	guest_udp4(guest, unicast ? guest->config.mac : MAC_BROADCAST, ip4_of(words.from ? words.from : "0.0.0.0"),
		   ip4_of(unicast ? words.to : "255.255.255.255"), 68, 67, message, bytes);
	verdict = guest_send(guest);
	hear(guest);
	return verdict;
}

/* The value of an option as hexadecimal, or "-". */
static UNUSED const char *option(uint8_t code)
{
	static char text[1200];
	uint8_t value[512];
	int bytes = dhcp4_option_join(&heard.message, code, value, sizeof(value));

	if (bytes < 0)
		return "-";
	text[0] = 0;
	for (int i = 0; i < bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", value[i]);
	return text;
}

static UNUSED void assert_heard(uint8_t type, const char *yours)
{
	char text[IP4_TEXT_BYTES];

	assert_int_equal(heard.type, type);
	assert_string_equal(ip4_format(heard.message.yours, text), yours);
}

static UNUSED const struct lease *lease_now(const struct guest *guest)
{
	return lease_find_mac(guest->leases, guest->mac, false, guest->now_us);
}

/* From nothing to an address. */
static UNUSED void get(struct guest *guest, const char *id, const char *expected)
{
	char yours[IP4_TEXT_BYTES];

	assert_int_equal(say(guest, (struct say){.type = DHCP4_DISCOVER, .id = id}), DROP_NONE);
	assert_heard(DHCP4_OFFER, expected);
	ip4_format(heard.message.yours, yours);
	assert_int_equal(say(guest,
			     (struct say){.type = DHCP4_REQUEST, .requested = yours, .server = "10.0.2.2", .id = id}),
			 DROP_NONE);
	assert_heard(DHCP4_ACK, expected);
}

#endif
