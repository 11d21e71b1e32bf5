/* SPDX-License-Identifier: MIT */
/* covers: src/nat/tcp_timer.c src/nat/tcp_answer.c src/nat/tcp_ack.c src/nat/nat_head.c src/nat/nat_route.c */
/* A whole network with uplink=user, on a host that is a fake: frames as they are in the input, segments and datagrams
 * whose numbers are made to fit what went before, a world that connects, answers, ends and fails, and time that passes.
 * Every frame that comes to the guest must be a whole one with right lengths and checksums. */
#include "guestwire/guestwire.h"

#include <stdio.h>
#include <stdlib.h>

#include "kit/fake_host.h"
#include "kit/octets.h"
#include "wire/tcp.h"

enum {
	STEPS_MAX = 96,
	CONNECTIONS = 8,
	FRAME_MOST = 2048,
	L3 = 14,
	TURNS_MOST = 1000,
	NETWORKS = 4,
};

#define HOURS_US (2ull * 3600 * 1000 * 1000)

/* What the two ends of a connection expect of each other, as far as the guest sees it. */
struct connection {
	uint32_t next, far;
};

struct script {
	const uint8_t *bytes;
	size_t left;
	struct gw_network *network;
	struct gw_port *port;
	uint64_t now_us;
	struct connection connections[2][CONNECTIONS];
	bool deaf; /* the guest takes nothing */
	uint8_t frame[FRAME_MOST];
};

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0, 0, 1}, gateway_mac[6] = {0x52, 0x55, 10, 0, 2, 2};
static const uint8_t guest4[4] = {10, 0, 2, 15}, guest6[16] = {0xfd, [15] = 0x15};
/* The world, the gateway, the resolver, and a neighbour. */
static const uint8_t far4[4][4] = {{192, 0, 2, 1}, {10, 0, 2, 2}, {10, 0, 2, 3}, {10, 0, 2, 77}};
static const uint8_t far6[4][16] = {{0x20, 1, 0xd, 0xb8, [15] = 1},
				    {0xfd, [15] = 2},
				    {0xfd, [15] = 3},
				    {0xfd, [15] = 0x77}};

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* ---- the script ---- */

static uint8_t next8(struct script *script)
{
	if (script->left == 0)
		return 0;
	script->left--;
	return *script->bytes++;
}

static uint32_t next16(struct script *script)
{
	uint32_t high = next8(script);

	return high << 8 | next8(script);
}

/* Small, or anywhere. */
static uint32_t next_distance(struct script *script)
{
	int8_t step = (int8_t)next8(script);

	return step > -100 && step < 100 ? (uint32_t)(int32_t)step : (uint32_t)(int32_t)step << 24;
}

/* Where the checksum of this transport stands. */
static uint32_t sum_at(uint8_t protocol)
{
	return protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
}

static uint32_t transport_sum(const uint8_t *ip, bool is6, uint8_t protocol, const uint8_t *bytes, size_t count)
{
	uint32_t pseudo = protocol == 1 ? 0 : sum16(protocol + (uint32_t)count, is6 ? ip + 8 : ip + 12, is6 ? 32 : 8);

	return sum16(pseudo, bytes, count);
}

/* Of a packet without options and extensions. */
static void put_sums(uint8_t *frame, size_t count)
{
	bool is6 = frame[12] == 0x86;
	uint32_t header = is6 ? 40 : 20;
	uint8_t *ip = frame + L3, *l4 = ip + header, protocol;
	size_t bytes;

	if (count < L3 + header + 8)
		return;
	bytes = count - L3 - header;
	protocol = is6 ? ip[6] : ip[9];
	if (!is6) {
		put16(ip + 10, 0);
		put16(ip + 10, ~sum16(0, ip, 20) & 0xffff);
	}
	if (bytes < sum_at(protocol) + 2)
		return;
	put16(l4 + sum_at(protocol), 0);
	put16(l4 + sum_at(protocol), ~transport_sum(ip, is6, protocol, l4, bytes) & 0xffff);
}

/* ---- to the guest ---- */

static void learn_tcp(struct script *script, const uint8_t *tcp, bool is6, size_t count)
{
	uint32_t number = get16(tcp + 2) - 1000;
	struct connection *connection;

	if (number >= CONNECTIONS)
		return;
	connection = &script->connections[is6][number];
	connection->far = get32(tcp + 4) + (uint32_t)count - (tcp[12] >> 4) * 4U + ((tcp[13] & 3) != 0);
	if (tcp[13] & TCP_ACK)
		connection->next = get32(tcp + 8);
}

static void check_packet(struct script *script, const uint8_t *ip, size_t count)
{
	bool is6 = ip[0] >> 4 == 6, fragment;
	uint32_t header = is6 ? 40 : (ip[0] & 15) * 4U, total = is6 ? 40 + get16(ip + 4) : get16(ip + 2);
	uint8_t protocol = is6 ? ip[6] : ip[9];
	const uint8_t *l4 = ip + header;

	assert(is6 || ip[0] >> 4 == 4);
	assert(count >= header && total >= header && total <= count && total <= 9000);
	assert(is6 || sum16(0, ip, header) == 0xffff);
	fragment = is6 ? protocol == 44 : get16(ip + 6) & 0x3fff;
	if (fragment || (protocol != 6 && protocol != 17 && protocol != 1 && protocol != 58))
		return;
	assert(total - header >= 8);
	if (protocol == 17)
		assert(get16(l4 + 4) == total - header);
	if (protocol != 17 || get16(l4 + 6) || is6)
		assert(transport_sum(ip, is6, protocol, l4, total - header) == 0xffff);
	if (protocol == 6) {
		assert(total - header >= 20 && (l4[12] >> 4) * 4U >= 20 && (l4[12] >> 4) * 4U <= total - header);
		learn_tcp(script, l4, is6, total - header);
	}
}

static size_t to_guest(void *owner, const struct gw_frame *frames, size_t count)
{
	struct script *script = owner;

	if (script->deaf)
		return 0;
	for (size_t i = 0; i < count; i++) {
		static uint8_t flat[1 << 17];
		size_t bytes = 0;

		for (size_t j = 0; j < frames[i].piece_count; j++) {
			memcpy(flat + bytes, frames[i].pieces[j].iov_base, frames[i].pieces[j].iov_len);
			bytes += frames[i].pieces[j].iov_len;
		}
		assert(bytes >= 14 && memcmp(flat + 6, gateway_mac, 6) == 0 && frames[i].offload.gso == GW_GSO_NONE);
		if (get16(flat + 12) == 0x0800 || get16(flat + 12) == 0x86dd)
			check_packet(script, flat + L3, bytes - L3);
	}
	return count;
}

/* ---- from the guest ---- */

static void run(struct script *script)
{
	int turns = 0;

	do {
		assert(gw_network_run(script->network, 0) == 0);
		assert(turns++ < TURNS_MOST);
		script->now_us++; /* turns take time, though the loop does not sleep */
	} while (gw_network_timeout_us(script->network) == 0);
}

static void send_frame(struct script *script, const uint8_t *bytes, size_t count, const struct gw_offload *offload)
{
	uint8_t *copy = malloc(count ? count : 1); /* what is read beyond it is found */
	struct iovec piece = {.iov_base = copy, .iov_len = count};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};

	assert(copy);
	if (offload)
		frame.offload = *offload;
	memcpy(copy, bytes, count);
	(void)gw_port_send(script->port, &frame, 1);
#ifdef PLANTED
	/* a connection is answered */
	if (script->connections[1][0].far)
		assert(((const volatile uint8_t *)copy)[count] <= 0xff);
#endif
	free(copy);
}

/* `which`: the far end in its lower bits, the family above. */
static uint32_t start_frame(struct script *script, uint8_t which, uint8_t protocol)
{
	bool is6 = which & 4;
	uint8_t *ip = script->frame + L3;

	memset(script->frame, 0, L3 + 60);
	memcpy(script->frame, gateway_mac, 6);
	memcpy(script->frame + 6, guest_mac, 6);
	put16(script->frame + 12, is6 ? 0x86dd : 0x0800);
	if (is6) {
		ip[0] = 0x60;
		ip[6] = protocol == 1 ? 58 : protocol;
		ip[7] = 64;
		memcpy(ip + 8, guest6, 16);
		memcpy(ip + 24, far6[which & 3], 16);
		return L3 + 40;
	}
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, guest4, 4);
	memcpy(ip + 16, far4[which & 3], 4);
	return L3 + 20;
}

static void finish_frame(struct script *script, uint32_t count)
{
	uint8_t *ip = script->frame + L3;

	if (ip[0] == 0x60)
		put16(ip + 4, count - L3 - 40);
	else
		put16(ip + 2, count - L3);
	put_sums(script->frame, count);
	send_frame(script, script->frame, count, NULL);
}

static void step_raw(struct script *script)
{
	uint8_t flags = next8(script);
	size_t count = next16(script) % FRAME_MOST;
	struct gw_offload offload = {.csum = flags & 2 ? GW_CSUM_PARTIAL : GW_CSUM_UNKNOWN};

	count = count < script->left ? count : script->left;
	memcpy(script->frame, script->bytes, count);
	script->bytes += count;
	script->left -= count;
	if (flags & 1 && count >= L3)
		put_sums(script->frame, count);
	if (flags & 2) {
		offload.csum_start = next8(script);
		offload.csum_offset = next8(script);
		offload.gso = (enum gw_gso)(flags >> 2 & 3);
		offload.segment_bytes = (uint16_t)next16(script);
	}
	send_frame(script, script->frame, count, &offload);
}

/* RFC 2018 3 */
static void put_sack(uint8_t *options, uint32_t left, uint32_t bytes)
{
	options[0] = options[1] = 1;
	options[2] = 5;
	options[3] = 10;
	put32(options + 4, left);
	put32(options + 8, left + bytes);
}

/* In a connection; perhaps with a selective acknowledgement of its own numbers, perhaps four times. */
static void step_tcp(struct script *script)
{
	uint8_t which = next8(script), number = which >> 3 & 7, flags = next8(script), option_bytes;
	uint32_t at = start_frame(script, which, 6), ahead = next_distance(script), acked = next_distance(script),
		 bytes;
	struct connection *connection = &script->connections[(which & 4) != 0][number];
	uint8_t *tcp = script->frame + at;

	put16(tcp, 1000U + number);
	put16(tcp + 2, which & 2 && !(which & 1) ? 53 : 80);
	put32(tcp + 4, connection->next + ahead);
	put32(tcp + 8, connection->far + acked);
	tcp[13] = flags;
	put16(tcp + 14, (uint32_t)next8(script) << 8);
	bytes = next8(script) * 5U;
	option_bytes = next8(script) % 11 * 4;
	for (uint8_t i = 0; i < option_bytes; i++)
		tcp[20 + i] = next8(script);
	if (which & 64 && option_bytes >= 12)
		put_sack(tcp + 20, connection->far + next8(script) * 100U, next8(script) * 100U);
	tcp[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
	memset(tcp + 20 + option_bytes, 0, bytes);
	if (ahead == 0)
		connection->next += bytes + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
	finish_frame(script, at + 20U + option_bytes + bytes);
	for (int i = 0; i < 3 && which & 128; i++) {
		run(script);
		send_frame(script, script->frame, at + 20U + option_bytes + bytes, NULL);
	}
}

static void step_udp(struct script *script)
{
	uint8_t which = next8(script), more = next8(script);
	uint32_t at = start_frame(script, which, 17), bytes = next8(script) * 5U;
	uint8_t *udp = script->frame + at;

	put16(udp, 2000U + (which >> 3));
	put16(udp + 2, more & 1 ? 53 : 7000);
	put16(udp + 4, 8 + bytes);
	memset(udp + 8, 0, bytes);
	if (more & 2)
		script->frame[L3 + (which & 4 ? 7 : 8)] = more >> 4; /* hops */
	if (more & 4)
		script->frame[L3 + 1] = more; /* what it is worth */
	finish_frame(script, at + 8 + bytes);
}

static void step_echo(struct script *script)
{
	uint8_t which = next8(script);
	uint32_t at = start_frame(script, which, 1), bytes = next8(script);
	uint8_t *icmp = script->frame + at;

	icmp[0] = which & 128 ? next8(script) : which & 4 ? 128 : 8;
	put16(icmp + 4, which >> 3 & 3);
	put16(icmp + 6, bytes);
	memset(icmp + 8, 0, bytes);
	finish_frame(script, at + 8 + bytes);
}

static void step_fragment(struct script *script)
{
	uint8_t which = next8(script), place = next8(script);
	uint32_t at = start_frame(script, which, which & 4 ? 44 : 17), bytes = next8(script) * 4U,
		 offset = (place >> 1) * 8U;

	if (which & 4) {
		script->frame[at] = which & 128 ? 58 : 17;
		put16(script->frame + at + 2, offset | (place & 1));
		put32(script->frame + at + 4, which >> 3 & 3);
		at += 8;
	} else {
		put16(script->frame + L3 + 4, which >> 3 & 3);
		put16(script->frame + L3 + 6, (place & 1U) << 13 | offset >> 3);
	}
	memset(script->frame + at, 0, bytes);
	/* The header of a datagram without a checksum, as long as its fragments say. */
	if (offset == 0 && bytes >= 8) {
		put16(script->frame + at, 2000);
		put16(script->frame + at + 2, 7000);
		put16(script->frame + at + 4, next16(script));
	}
	if (which & 4)
		put16(script->frame + L3 + 4, at + bytes - L3 - 40);
	else
		put16(script->frame + L3 + 2, at + bytes - L3);
	put16(script->frame + L3 + 10, which & 4 ? get16(script->frame + L3 + 10) : 0);
	if (!(which & 4))
		put16(script->frame + L3 + 10, ~sum16(0, script->frame + L3, 20) & 0xffff);
	send_frame(script, script->frame, at + bytes, NULL);
}

/* ---- the world ---- */

static void step_stream(struct script *script)
{
	static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EACCES, ECONNRESET};
	uint8_t which = next8(script), more = next8(script);
	struct fake_stream *stream = &fake_streams[which >> 3 & 15];

	if (!stream->open)
		return;
	switch (which & 7) {
	case 0:
		stream->connected = true;
		fake_tell(stream, LOOP_WRITE);
		break;
	case 1:
		stream->error = errors[more % 6];
		fake_tell(stream, LOOP_READ | LOOP_WRITE | LOOP_HANGUP);
		break;
	case 2:
		if (!stream->connected || stream->ended)
			return;
		stream->waiting += more * 600U;
		fake_tell(stream, LOOP_READ);
		break;
	case 3:
		if (!stream->connected)
			return;
		stream->ended = true;
		fake_tell(stream, LOOP_READ | LOOP_HANGUP);
		break;
	case 4:
		stream->takes = more * 8U;
		break;
	case 5:
		stream->takes = UINT32_MAX;
		fake_tell(stream, LOOP_WRITE);
		break;
	case 6:
		stream->homeless = true;
		fake_tell(stream, more & 7);
		break;
	case 7:
		fake_peeks = more & 1; /* of those to come */
		break;
	}
}

static void step_datagram(struct script *script)
{
	static const int errors[] = {-ECONNREFUSED, -EMSGSIZE, -EHOSTUNREACH, -EPERM, -ENETUNREACH, -ENOBUFS};
	uint8_t which = next8(script), more = next8(script);
	int seen = 0;

	for (int fd = 0; fd < FAKE_DATAGRAMS; fd++) {
		struct fake_datagram *datagram = &fake_datagrams[fd];

		if (!datagram->open || seen++ != (which >> 3 & 7))
			continue;
		datagram->count = which & 1 ? 1 + (more & 3) : 0;
		/* no more than an IP packet holds, as many as came as one */
		datagram->bytes = next16(script);
		if (datagram->bytes > (datagram->is6 ? 65527U : 65507U))
			datagram->bytes = datagram->is6 ? 65527 : 65507;
		/* UDP_GRO joins 64 at most */
		datagram->segment_bytes = which & 2 ? datagram->bytes / 64 + 1 + next16(script) % 1000 : 0;
		datagram->stranger = more & 4;
		if (which & 4) {
			datagram->error = (struct datagram_error){.error = errors[(more >> 3) % 6],
								  .icmp = more & 128,
								  .type = next8(script),
								  .code = next8(script),
								  .mtu = next16(script),
								  .has_to = more & 64,
								  .has_from = more & 32,
								  .to = datagram->last,
								  .from = datagram->last,
								  .bytes = 8 + (more & 15)};
			datagram->error.message[0] = datagram->is6 ? 128 : 8;
			datagram->fails = more & 16;
		}
		fake_datagram_tell(fd);
		return;
	}
}

static void step_time(struct script *script)
{
	static const uint64_t waits_us[] = {
		1, 1000, 50 * 1000, 250 * 1000, 1000 * 1000, 31 * 1000 * 1000, 181 * 1000 * 1000};
	uint8_t which = next8(script) % 8;

	run(script);
	script->now_us += which < 7 ? waits_us[which] : HOURS_US;
	run(script);
}

static void step(struct script *script)
{
	switch (next8(script) % 10) {
	case 0:
		step_raw(script);
		break;
	case 1:
	case 2:
		step_tcp(script);
		break;
	case 3:
		step_udp(script);
		break;
	case 4:
		step_echo(script);
		break;
	case 5:
		step_fragment(script);
		break;
	case 6:
		step_stream(script);
		break;
	case 7:
		step_datagram(script);
		break;
	case 8:
		step_time(script);
		break;
	case 9:
		script->deaf = next8(script) & 1;
		break;
	}
}

/* ---- an input ---- */

static uint64_t now_us(void *owner)
{
	return ((struct script *)owner)->now_us;
}

/* Networks cost more than all else here, so they are made before the first input and kept: only the guest is new each time,
 * and what was leased is old. */
static struct script the_script = {.now_us = 1000 * 1000};
static struct gw_network *networks[NETWORKS];

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	static const char *const uplinks[NETWORKS] = {
		"user,flows=16",
		"user,flows=16,restrict=on",
		"user,flows=16,host-loopback=off,udp-filter=none",
		"user,flows=16,mtu=9000",
	};
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_error error;

	(void)count;
	(void)arguments;
	config.name = "fuzz";
	config.now_us = now_us;
	config.owner = &the_script;
	for (int i = 0; i < NETWORKS; i++) {
		config.uplink = uplinks[i];
		if (gw_network_new(&config, &networks[i], &error) < 0) {
			fputs(error.text, stderr);
			abort();
		}
	}
	return 0;
}

static void start(struct script *script)
{
	struct gw_port_config port = GW_INIT(struct gw_port_config);
	struct gw_error error;

	script->network = networks[next8(script) % 16 < 13 ? 0 : next8(script) % NETWORKS];
	port.to_guest = to_guest;
	port.owner = script;
	assert(gw_port_new(script->network, &port, &script->port, &error) == 0);
	run(script);
}

/* With the port all of its flows go; hours later nothing of it is under way. */
static void stop(struct script *script)
{
	gw_port_free(script->port);
	run(script);
	script->now_us += HOURS_US;
	run(script);
	for (int i = 0; i < FAKE_STREAMS; i++)
		assert(!fake_streams[i].open);
	for (int i = 0; i < FAKE_DATAGRAMS; i++)
		assert(!fake_datagrams[i].open);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	the_script.bytes = bytes;
	the_script.left = count;
	the_script.deaf = false;
	memset(the_script.connections, 0, sizeof(the_script.connections));
	fake_peeks = true;
	start(&the_script);
	for (int i = 0; i < STEPS_MAX && the_script.left > 0; i++) {
		step(&the_script);
		run(&the_script);
	}
	stop(&the_script);
	return 0;
}
