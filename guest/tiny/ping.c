/* SPDX-License-Identifier: MIT */
/* ping [-c COUNT] ADDRESS: one echo request a second, by a raw socket. */
#include <linux/time_types.h>

#include "card.h"
#include "command.h"
#include "text.h"

enum { IP_HEADER_BYTES = 20, PATIENCE_MS = 1000, ECHO_REPLY = 0, ECHO_REQUEST = 8 };

struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t data[56];
};

static uint16_t checksum(const struct echo *echo)
{
	const uint8_t *bytes = (const uint8_t *)echo;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*echo); i += 2)
		sum += (uint32_t)(bytes[i] | bytes[i + 1] << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static uint32_t now_us(void)
{
	struct __kernel_timespec now;

	KERNEL2(clock_gettime64, 1, &now);
	return (uint32_t)now.tv_sec * 1000000 + (uint32_t)now.tv_nsec / 1000;
}

/* Whether the answer came, among whatever else arrives at a raw socket. */
static bool await(long socket, uint16_t sequence)
{
	uint8_t packet[IP_HEADER_BYTES + sizeof(struct echo) + 40];
	struct echo answer;

	for (unsigned others = 0; others < 64; others++) {
		const long bytes = KERNEL6(recvfrom, socket, packet, sizeof(packet), 0, 0, 0);

		if (bytes < (long)(IP_HEADER_BYTES + sizeof(answer)))
			return false;
		memcpy(&answer, packet + IP_HEADER_BYTES, sizeof(answer));
		if (answer.type == ECHO_REPLY && answer.sequence == sequence)
			return true;
	}
	return false;
}

static bool echo_once(long socket, uint32_t address, uint16_t sequence)
{
	const struct sockaddr_in to = socket_address(address, 0);
	struct echo echo = {.type = ECHO_REQUEST, .id = 1, .sequence = sequence};
	const uint32_t start_us = now_us();

	echo.checksum = checksum(&echo);
	if (KERNEL6(sendto, socket, &echo, sizeof(echo), 0, &to, sizeof(to)) < 0 || !await(socket, sequence))
		return false;
	say("64 bytes from ");
	say_address(address);
	say(": seq=");
	say_number(sequence);
	say(" time=");
	say_number(now_us() - start_us);
	say(" us\n");
	return true;
}

static void wait_a_second(void)
{
	const struct __kernel_timespec second = {.tv_sec = 1};

	KERNEL4(clock_nanosleep_time64, 1, 0, &second, 0);
}

static void summarize(uint32_t sent, uint32_t received)
{
	say_number(sent);
	say(" packets transmitted, ");
	say_number(received);
	say(" packets received, ");
	say_number((sent - received) * 100 / sent);
	say("% packet loss\n");
}

int ping(const char *const *words)
{
	uint32_t count = 3, address, received = 0;
	long socket;

	if (words[1] != NULL && text_is(words[1], "-c") && words[2] != NULL && text_number(words[2], &count) != NULL)
		words += 2;
	if (words[1] == NULL || count == 0 || text_address(words[1], &address) == NULL) {
		say("usage: ping [-c COUNT] ADDRESS\n");
		return 2;
	}
	socket = socket_open(CARD_RAW, IPPROTO_ICMP);
	if (socket < 0)
		return 1;
	socket_set_patience(socket, PATIENCE_MS);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			wait_a_second();
		received += echo_once(socket, address, (uint16_t)i);
	}
	KERNEL1(close, socket);
	summarize(count, received);
	return received == count ? 0 : 1;
}
