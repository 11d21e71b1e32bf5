/* SPDX-License-Identifier: MIT */
/* A guest that sends frames as fast as they are taken: real conversations with the world, and the same frames with bytes
 * flipped, lengths changed, headers cut and checksums made right again, from a seed. It answers what it gets as far as
 * it takes to have open connections, whose numbers the lies are then near.
 *
 *   hostile SOCKET COUNT SEED OWN-MAC GATEWAY-MAC     prints "sent COUNT, N answers, N opened" */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../kit/octets.h"

enum {
	CONNECTIONS = 64,
	TRUTH_EVERY = 16, /* what is true costs the kernel's sockets, and is no lie */
	FRAME_MOST = 1600,
	BUFFER_BYTES = 1 << 16,
	IN_BYTES = 1 << 18,
	L3 = 14,
	FIN = 1,
	SYN = 2,
	RST = 4,
	ACK = 16,
	PORTS = 20000, /* the first of ours */
	WORLD_PORT = 9000,
};

struct connection {
	uint32_t next, far;
	bool open;
};

struct frame {
	uint8_t bytes[FRAME_MOST];
	uint32_t length, l4;
	bool is6;
};

static uint8_t own_mac[6], gateway_mac[6];
static const uint8_t own4[4] = {10, 0, 2, 99}, world4[4] = {192, 0, 2, 2};
static const uint8_t own6[16] = {0xfd, [15] = 0x99}, world6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
static struct connection connections[2][CONNECTIONS];
static uint64_t state, answers, opened;
static uint8_t out[BUFFER_BYTES + FRAME_MOST + 4], in[IN_BYTES];
static size_t out_bytes, in_bytes;
static int fd;

/* ---- numbers ---- */

/* xorshift64* */
static uint32_t draw(uint32_t bound)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull >> 32) * bound >> 32);
}

/* ---- frames ---- */

static void start(struct frame *frame, bool is6, uint8_t protocol)
{
	memset(frame->bytes, 0, 128);
	memcpy(frame->bytes, gateway_mac, 6);
	memcpy(frame->bytes + 6, own_mac, 6);
	put16(frame->bytes + 12, is6 ? 0x86dd : 0x0800);
	frame->is6 = is6;
	frame->l4 = frame->length = L3 + (is6 ? 40 : 20);
	if (is6) {
		frame->bytes[L3] = 0x60;
		frame->bytes[L3 + 6] = protocol;
		frame->bytes[L3 + 7] = 64;
		memcpy(frame->bytes + L3 + 8, own6, 16);
		memcpy(frame->bytes + L3 + 24, world6, 16);
		return;
	}
	frame->bytes[L3] = 0x45;
	frame->bytes[L3 + 8] = 64;
	frame->bytes[L3 + 9] = protocol;
	memcpy(frame->bytes + L3 + 12, own4, 4);
	memcpy(frame->bytes + L3 + 16, world4, 4);
}

/* Lengths and checksums as they should be. */
static void finish_lengths(struct frame *frame)
{
	if (frame->is6)
		put16(frame->bytes + L3 + 4, frame->length - L3 - 40);
	else
		put16(frame->bytes + L3 + 2, frame->length - L3);
}

static void finish_sums(struct frame *frame)
{
	uint8_t *ip = frame->bytes + L3, *l4 = frame->bytes + frame->l4;
	uint32_t count, at, protocol, total;

	if (frame->length < frame->l4 + 8)
		return;
	count = frame->length - frame->l4;
	protocol = ip[frame->is6 ? 6 : 9];
	if (!frame->is6) {
		put16(ip + 10, 0);
		put16(ip + 10, ~sum16(0, ip, 20));
	}
	at = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
	if (count < at + 2)
		return;
	total = protocol == 1 ? 0 : sum16(protocol + count, frame->is6 ? ip + 8 : ip + 12, frame->is6 ? 32 : 8);
	put16(l4 + at, 0);
	put16(l4 + at, ~sum16(total, l4, count));
}

static void make_tcp(struct frame *frame, bool is6)
{
	uint32_t number = draw(CONNECTIONS), bytes = 0, kind = draw(16);
	struct connection *connection = &connections[is6][number];
	uint8_t *tcp, flags = ACK;

	start(frame, is6, 6);
	tcp = frame->bytes + frame->l4;
	put16(tcp, PORTS + number);
	put16(tcp + 2, WORLD_PORT);
	put32(tcp + 4, connection->next);
	put32(tcp + 8, connection->far);
	tcp[12] = 0x50;
	if (!connection->open) {
		flags = SYN;
		if (kind == 0)
			connection->next = (uint32_t)state;
	} else if (kind == 0) {
		flags = draw(2) ? FIN | ACK : RST;
		connection->open = false;
	} else if (kind < 8) {
		bytes = draw(kind == 7 ? 1400 : 64);
		connection->next += bytes;
	}
	tcp[13] = flags;
	put16(tcp + 14, draw(4) ? 65535 : draw(2000));
	frame->length += 20 + bytes;
}

static void make_udp(struct frame *frame, bool is6)
{
	uint32_t bytes = draw(16) ? draw(128) : draw(1400);
	uint8_t *udp;

	start(frame, is6, 17);
	udp = frame->bytes + frame->l4;
	put16(udp, PORTS + draw(CONNECTIONS));
	put16(udp + 2, 7000);
	put16(udp + 4, 8 + bytes);
	frame->length += 8 + bytes;
}

static void make_echo(struct frame *frame, bool is6)
{
	uint8_t *icmp;

	start(frame, is6, is6 ? 58 : 1);
	icmp = frame->bytes + frame->l4;
	icmp[0] = is6 ? 128 : 8;
	put16(icmp + 4, draw(8));
	put16(icmp + 6, draw(65536));
	frame->length += 8 + draw(64);
}

static void make_arp(struct frame *frame)
{
	static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1}, gateway[4] = {10, 0, 2, 2};

	start(frame, false, 0);
	memset(frame->bytes, 0xff, 6);
	put16(frame->bytes + 12, 0x0806);
	memcpy(frame->bytes + L3, head, 8);
	memcpy(frame->bytes + L3 + 8, own_mac, 6);
	memcpy(frame->bytes + L3 + 14, own4, 4);
	memcpy(frame->bytes + L3 + 24, gateway, 4);
	frame->length = L3 + 28;
}

static void make_fragment(struct frame *frame, bool is6)
{
	uint32_t offset = draw(8) * 8, more = draw(2), number = draw(64);

	start(frame, is6, is6 ? 44 : 17);
	if (is6) {
		frame->bytes[frame->l4] = 17;
		put16(frame->bytes + frame->l4 + 2, offset | more);
		put32(frame->bytes + frame->l4 + 4, number);
		frame->length += 8;
	} else {
		put16(frame->bytes + L3 + 4, number);
		put16(frame->bytes + L3 + 6, more << 13 | offset >> 3);
	}
	frame->length += 8 + draw(8) * 8;
}

static void make(struct frame *frame)
{
	bool is6 = draw(2);
	uint32_t kind = draw(32);

	if (kind < 20)
		make_tcp(frame, is6);
	else if (kind < 26)
		make_udp(frame, is6);
	else if (kind < 28)
		make_echo(frame, is6);
	else if (kind < 31)
		make_fragment(frame, is6);
	else
		make_arp(frame);
	finish_lengths(frame);
}

/* A lie: in the headers mostly. The source stays: another's would be another guest. */
static void mutate(struct frame *frame)
{
	uint32_t times = 1 + draw(3);

	for (uint32_t i = 0; i < times; i++) {
		uint32_t end = draw(16) ? frame->l4 + 20 : frame->length, at = 12 + draw(end - 12);

		at = at < frame->length ? at : frame->length - 1;
		switch (draw(6)) {
		case 0:
			frame->bytes[at] ^= (uint8_t)(1U << draw(8));
			break;
		case 1:
			frame->bytes[at] = draw(2) ? 0 : 0xff;
			break;
		case 2:
			put16(frame->bytes + at, draw(65536));
			break;
		case 3: /* cut */
			frame->length = L3 + draw(frame->length - L3 + 1);
			break;
		case 4: /* numbers nearby, and far away */
			if (frame->length >= frame->l4 + 12)
				put32(frame->bytes + frame->l4 + 4 + 4 * draw(2),
				      get32(frame->bytes + frame->l4 + 4) +
					      (draw(2) ? draw(3) - 1 : 0x7fffffff + draw(3)));
			break;
		case 5:
			frame->bytes[at] = (uint8_t)draw(256);
			break;
		}
	}
}

/* ---- what comes back ---- */

/* Opens connections, and keeps count of what they were sent. */
static void read_answer(const uint8_t *frame, uint32_t length)
{
	bool is6 = frame[12] == 0x86;
	uint32_t l4 = L3 + (is6 ? 40 : 20), number, payload;
	struct connection *connection;
	const uint8_t *tcp = frame + l4;

	answers++;
	if (length < l4 + 20 || frame[L3 + (is6 ? 6 : 9)] != 6)
		return;
	number = get16(tcp + 2) - PORTS;
	if (number >= CONNECTIONS)
		return;
	connection = &connections[is6][number];
	if (tcp[13] & RST) {
		connection->open = false;
		connection->next = (uint32_t)state;
	} else if ((tcp[13] & (SYN | ACK)) == (SYN | ACK)) {
		connection->next = get32(tcp + 8);
		connection->far = get32(tcp + 4) + 1;
		opened += !connection->open;
		connection->open = true;
	} else if (connection->open) {
		payload = (is6 ? get16(frame + L3 + 4) : get16(frame + L3 + 2) - 20) - (tcp[12] >> 4) * 4U;
		if (get32(tcp + 4) == connection->far)
			connection->far += payload + (tcp[13] & FIN);
		connection->next = get32(tcp + 8); /* what it has: the lies among what was sent are not it */
	}
}

static void read_answers(void)
{
	ssize_t got = recv(fd, in + in_bytes, sizeof(in) - in_bytes, MSG_DONTWAIT);
	size_t at = 0;

	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		perror("the far end");
		exit(1);
	}
	if (got < 0)
		return;
	in_bytes += (size_t)got;
	while (in_bytes - at >= 4 && in_bytes - at - 4 >= get32(in + at)) {
		read_answer(in + at + 4, get32(in + at));
		at += 4 + get32(in + at);
	}
	memmove(in, in + at, in_bytes - at);
	in_bytes -= at;
}

static void flush(void)
{
	size_t at = 0;

	while (at < out_bytes) {
		struct pollfd ready = {.fd = fd, .events = POLLIN | POLLOUT};
		ssize_t sent;

		poll(&ready, 1, -1);
		if (ready.revents & (POLLIN | POLLHUP))
			read_answers();
		sent = send(fd, out + at, out_bytes - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0)
			at += (size_t)sent;
	}
	out_bytes = 0;
}

static void send_frame(const struct frame *frame)
{
	put32(out + out_bytes, frame->length);
	memcpy(out + out_bytes + 4, frame->bytes, frame->length);
	out_bytes += 4 + frame->length;
	if (out_bytes >= BUFFER_BYTES)
		flush();
}

static void read_mac(const char *text, uint8_t *mac)
{
	unsigned byte[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", byte, byte + 1, byte + 2, byte + 3, byte + 4, byte + 5) != 6)
		exit(2);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
}

int main(int count, char **argument)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t frames;
	struct frame frame = {.length = 0};

	if (count != 6)
		return 2;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argument[1]);
	frames = strtoull(argument[2], NULL, 10);
	state = strtoull(argument[3], NULL, 10) * 2 + 1;
	read_mac(argument[4], own_mac);
	read_mac(argument[5], gateway_mac);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(address.sun_path);
		return 1;
	}
	for (uint64_t i = 0; i < frames; i++) {
		bool lies;

		make(&frame);
		lies = draw(TRUTH_EVERY) > 0;
		if (lies)
			mutate(&frame);
		if (!lies || draw(2) > 0)
			finish_sums(&frame);
		send_frame(&frame);
	}
	flush();
	printf("sent %llu, %llu answers, %llu opened\n", (unsigned long long)frames, (unsigned long long)answers,
	       (unsigned long long)opened);
	return 0;
}
