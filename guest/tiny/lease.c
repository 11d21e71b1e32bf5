/* SPDX-License-Identifier: MIT */
/* udhcpc [CARD]: an address by DHCP (RFC 2131), which is then the card's until the machine ends: nobody renews it. */
#include <asm/socket.h>

#include "card.h"
#include "command.h"
#include "text.h"

enum {
	OPTIONS_SOCKET = 1,
	CLIENT_PORT = 68,
	SERVER_PORT = 67,
	PATIENCE_MS = 1000,
	TRIES = 5,
	OPTIONS_BYTES = 312,

	DISCOVER = 1,
	OFFER = 2,
	REQUEST = 3,
	ACK = 5,

	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_ADDRESS = 50,
	OPTION_MESSAGE = 53,
	OPTION_SERVER = 54,
	OPTION_END = 255,
};

struct message {
	uint8_t op, hardware, hardware_bytes, hops;
	uint32_t id;
	uint16_t seconds, flags;
	uint32_t client, yours, server, relay;
	uint8_t mac[16];
	uint8_t names[192];
	uint8_t cookie[4];
	uint8_t options[OPTIONS_BYTES];
};

struct offer {
	uint8_t kind;
	uint32_t address, server, router, mask;
};

static unsigned put_option(uint8_t *at, uint8_t option, const void *value, uint8_t bytes)
{
	at[0] = option;
	at[1] = bytes;
	memcpy(at + 2, value, bytes);
	return 2u + bytes;
}

static bool send_message(long socket, const uint8_t mac[6], uint8_t kind, const struct offer *offer)
{
	const struct sockaddr_in to = socket_address(UINT32_MAX, SERVER_PORT);
	static const uint8_t cookie[] = {99, 130, 83, 99};
	struct message message = {.op = 1,
				  .hardware = 1,
				  .hardware_bytes = 6,
				  .flags = 0x80 /* broadcast, in network order */};
	unsigned used;

	memcpy(&message.id, mac + 2, 4);
	memcpy(message.mac, mac, 6);
	memcpy(message.cookie, cookie, sizeof(cookie));
	used = put_option(message.options, OPTION_MESSAGE, &kind, 1);
	if (kind == REQUEST) {
		used += put_option(message.options + used, OPTION_ADDRESS, &offer->address, 4);
		used += put_option(message.options + used, OPTION_SERVER, &offer->server, 4);
	}
	message.options[used] = OPTION_END;
	return KERNEL6(sendto, socket, &message, sizeof(message), 0, &to, sizeof(to)) == sizeof(message);
}

static void read_option(const uint8_t *option, struct offer *offer)
{
	if (option[0] == OPTION_MESSAGE && option[1] == 1)
		offer->kind = option[2];
	if (option[1] < 4)
		return;
	if (option[0] == OPTION_MASK)
		memcpy(&offer->mask, option + 2, 4);
	if (option[0] == OPTION_ROUTER)
		memcpy(&offer->router, option + 2, 4);
	if (option[0] == OPTION_SERVER)
		memcpy(&offer->server, option + 2, 4);
}

/* What the server says to the message just sent; anything else is not the answer. */
static bool await(long socket, const uint8_t mac[6], uint8_t kind, struct offer *ret_offer)
{
	struct message message;
	const long bytes = KERNEL6(recvfrom, socket, &message, sizeof(message), 0, 0, 0);
	const long used = bytes - (long)offsetof(struct message, options);
	struct offer offer = {.address = message.yours};

	for (long at = 0; at + 1 < used && message.options[at] != OPTION_END;) {
		if (message.options[at] == 0) {
			at++;
			continue;
		}
		if (at + 2 + message.options[at + 1] > used)
			break;
		read_option(message.options + at, &offer);
		at += 2 + message.options[at + 1];
	}
	if (used <= 0 || offer.kind != kind || message.mac[5] != mac[5])
		return false;
	*ret_offer = offer;
	return true;
}

static bool ask(long socket, const uint8_t mac[6], struct offer *ret_offer)
{
	for (unsigned i = 0; i < TRIES; i++) {
		if (send_message(socket, mac, DISCOVER, NULL) && await(socket, mac, OFFER, ret_offer) &&
		    send_message(socket, mac, REQUEST, ret_offer) && await(socket, mac, ACK, ret_offer))
			return true;
	}
	return false;
}

static long open_client(const char *card)
{
	const struct sockaddr_in here = socket_address(0, CLIENT_PORT);
	const long socket = socket_open(CARD_DATAGRAM, 0);
	const int on = 1;

	if (socket < 0)
		return socket;
	KERNEL5(setsockopt, socket, OPTIONS_SOCKET, SO_BROADCAST, &on, sizeof(on));
	KERNEL5(setsockopt, socket, OPTIONS_SOCKET, SO_BINDTODEVICE, card, text_length(card));
	socket_set_patience(socket, PATIENCE_MS);
	KERNEL3(bind, socket, &here, sizeof(here));
	return socket;
}

static int take(const char *card, const struct offer *offer)
{
	unsigned bits = 0;

	for (uint32_t mask = offer->mask; mask != 0; mask >>= 1)
		bits += mask & 1;
	if (card_set_address(card, offer->address, bits) < 0 ||
	    (offer->router != 0 && card_set_gateway(offer->router) < 0))
		return 1;
	say(card);
	say(": ");
	say_address(offer->address);
	say("/");
	say_number(bits);
	say(", gateway ");
	say_address(offer->router);
	say("\n");
	return 0;
}

int lease(const char *const *words)
{
	const char *card = words[1] != NULL ? words[1] : "eth0";
	struct offer offer;
	uint8_t mac[6];
	bool found;
	long socket;

	if (card_read_mac(card, mac) < 0 || card_up(card) < 0 || (socket = open_client(card)) < 0) {
		say(card);
		say(": no such card\n");
		return 1;
	}
	found = ask(socket, mac, &offer);
	KERNEL1(close, socket);
	if (found)
		return take(card, &offer);
	say(card);
	say(": no lease\n");
	return 1;
}
