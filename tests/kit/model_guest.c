/* SPDX-License-Identifier: MIT */
/* A guest's TCP, small: one connection, go-back-N by the timer, one segment by duplicates, selective acknowledgements of
 * what it has, a program that reads when it likes. Every segment it gets is checked against the pattern, its own window,
 * and its checksum. */
#include <string.h>

#include "kit/model_tcp.h"
#include "kit/octets.h"

enum {
	FIN = 1,
	SYN = 2,
	RST = 4,
	PSH = 8,
	ACK = 16,
	ETHERNET = 14,
	RTO_US = 300 * 1000,
	RETRIES = 9,
	GSO_MOST = 60000,
	FRAME_MOST = 66000,
};

static uint8_t frame[FRAME_MOST]; /* one at a time is written, and sent before the next */

static void guest_wrong(struct model_guest *guest, const char *what)
{
	if (!guest->wrong)
		guest->wrong = what;
}

static uint32_t pseudo_sum(const uint8_t *ip, bool is6, uint32_t bytes)
{
	uint32_t sum = is6 ? sum16(0, ip + 8, 32) : sum16(0, ip + 12, 8);

	return sum16(sum, (const uint8_t[]){0, 6, (uint8_t)(bytes >> 8), (uint8_t)bytes}, 4);
}

/* ---- sending ---- */

static uint32_t guest_window(struct model_guest *guest, bool syn)
{
	uint64_t unread = guest->received - guest->read, buffer = guest->config.buffer_bytes;
	uint64_t room = buffer > unread ? buffer - unread : 0;
	uint32_t scale = syn || !guest->config.scaled ? 0 : guest->config.scale;

	if (room >> scale > UINT16_MAX)
		room = (uint64_t)UINT16_MAX << scale;
	room = room >> scale << scale;
	if (guest->received + room > guest->edge)
		guest->edge = guest->received + room;
	return (uint32_t)(room >> scale);
}

static uint32_t write_ip(const struct model_guest *guest, uint32_t bytes)
{
	static const uint8_t ethernet[12] = {2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1};
	static const uint8_t guest6[16] = {0xfd, [15] = 0x15}, far6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	uint8_t *ip = frame + ETHERNET;

	memcpy(frame, ethernet, 12);
	put16(frame + 12, guest->config.is6 ? 0x86dd : 0x0800);
	if (guest->config.is6) {
		put32(ip, 6U << 28);
		put16(ip + 4, bytes);
		ip[6] = 6;
		ip[7] = 64;
		memcpy(ip + 8, guest6, 16);
		memcpy(ip + 24, far6, 16);
		return ETHERNET + 40;
	}
	put32(ip, 0x45000000 | (bytes + 20));
	put32(ip + 4, 0x4000);
	put32(ip + 8, 64 << 24 | 6 << 16);
	memcpy(ip + 12, (const uint8_t[]){10, 0, 2, 15, 192, 0, 2, 1}, 8);
	put16(ip + 10, ~sum16(0, ip, 20));
	return ETHERNET + 20;
}

static uint32_t write_sacks(const struct model_guest *guest, uint8_t *at)
{
	uint32_t count = guest->range_count < 3 ? (uint32_t)guest->range_count : 3;

	if (!guest->config.sack || count == 0)
		return 0;
	at[0] = at[1] = 1;
	at[2] = 5;
	at[3] = (uint8_t)(2 + 8 * count);
	for (uint32_t i = 0; i < count; i++) {
		put32(at + 4 + 8 * i, guest->far_first + 1 + (uint32_t)guest->ranges[i].left);
		put32(at + 8 + 8 * i, guest->far_first + 1 + (uint32_t)guest->ranges[i].right);
	}
	return 4 + 8 * count;
}

static uint32_t write_options(const struct model_guest *guest, uint8_t flags, uint8_t *at)
{
	uint32_t bytes = 4;

	if (!(flags & SYN))
		return write_sacks(guest, at);
	at[0] = 2;
	at[1] = 4;
	put16(at + 2, guest->config.mss);
	if (guest->config.scaled) {
		memcpy(at + bytes, (const uint8_t[]){1, 3, 3, guest->config.scale}, 4);
		bytes += 4;
	}
	if (guest->config.sack) {
		memcpy(at + bytes, (const uint8_t[]){1, 1, 4, 2}, 4);
		bytes += 4;
	}
	return bytes;
}

static void guest_emit(struct model_guest *guest, uint8_t flags, uint32_t sequence, uint64_t offset, uint32_t payload)
{
	uint8_t options[40];
	uint32_t option_bytes = write_options(guest, flags, options), bytes = 20 + option_bytes + payload;
	uint32_t l4 = write_ip(guest, bytes), sum;
	struct offload offload = {.csum = CSUM_UNKNOWN};
	uint8_t *tcp = frame + l4;

	memset(tcp, 0, 20);
	put16(tcp, guest->config.port);
	put16(tcp + 2, guest->config.far_port);
	put32(tcp + 4, sequence);
	if (flags & ACK)
		put32(tcp + 8, guest->far_first + 1 + (uint32_t)guest->received + guest->got_fin);
	tcp[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, guest_window(guest, flags & SYN));
	memcpy(tcp + 20, options, option_bytes);
	model_pattern(guest->config.stream + 1, offset, tcp + 20 + option_bytes, payload);
	sum = pseudo_sum(frame + ETHERNET, guest->config.is6, bytes);
	if (guest->config.offloads) {
		put16(tcp + 16, sum);
		offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = (uint16_t)l4, .csum_offset = 16};
		if (payload > guest->send_mss && guest->state == MODEL_OPEN) {
			offload.gso = guest->config.is6 ? GSO_TCP6 : GSO_TCP4;
			offload.segment_bytes = guest->send_mss;
		}
	} else {
		put16(tcp + 16, ~sum16(sum, tcp, bytes));
	}
	guest->frames++;
	guest->config.send(guest->config.owner, frame, l4 + bytes, &offload);
}

static uint32_t guest_sequence(const struct model_guest *guest, uint64_t offset)
{
	return guest->first + 1 + (uint32_t)offset;
}

static void guest_ack(struct model_guest *guest)
{
	guest_emit(guest, ACK, guest_sequence(guest, guest->max), 0, 0);
}

static void guest_arm(struct model_guest *guest)
{
	struct timers *timers = loop_timers(guest->config.loop);

	if (guest->fin_acked || guest->state == MODEL_CLOSED)
		timer_clear(timers, &guest->retransmit);
	else
		timer_set(timers, &guest->retransmit,
			  loop_now_us(guest->config.loop) + ((uint64_t)RTO_US << guest->retries));
}

static void guest_output(struct model_guest *guest)
{
	const struct model_guest_config *config = &guest->config;

	while (guest->state == MODEL_OPEN && guest->next <= config->up) {
		uint64_t limit = guest->window < guest->flight ? guest->window : guest->flight;
		uint64_t in_flight = guest->next - guest->una, left = config->up - guest->next, bytes;
		bool fin;

		bytes = limit > in_flight ? limit - in_flight : 0;
		bytes = bytes < left ? bytes : left;
		if (bytes > (config->offloads ? GSO_MOST : guest->send_mss))
			bytes = config->offloads ? GSO_MOST : guest->send_mss;
		if (left > 0 && (bytes == 0 || (bytes < guest->send_mss && bytes < left && in_flight > 0)))
			return;
		fin = bytes == left && !(config->fin_apart && bytes > 0);
		guest_emit(guest, (uint8_t)(ACK | (fin ? FIN : 0) | (bytes ? PSH : 0)),
			   guest_sequence(guest, guest->next), guest->next, (uint32_t)bytes);
		guest->next += bytes + fin;
		if (guest->next > guest->max)
			guest->max = guest->next;
	}
}

static void guest_close(struct model_guest *guest)
{
	struct timers *timers = loop_timers(guest->config.loop);

	guest->state = MODEL_CLOSED;
	guest->done_us = loop_now_us(guest->config.loop);
	timer_clear(timers, &guest->retransmit);
	timer_clear(timers, &guest->reader);
}

static void guest_on_retransmit(void *owner, uint64_t now_us)
{
	struct model_guest *guest = owner;

	(void)now_us;
	if (++guest->retries > RETRIES) {
		guest->gave_up = true;
		guest_close(guest);
		return;
	}
	if (guest->state == MODEL_SYN_SENT || guest->state == MODEL_SYN_RECEIVED) {
		guest_emit(guest, guest->state == MODEL_SYN_SENT ? SYN : SYN | ACK, guest->first, 0, 0);
	} else if (guest->window == 0 && guest->una < guest->config.up) {
		guest_emit(guest, ACK, guest_sequence(guest, guest->una), guest->una, 1); /* a probe of the window */
		if (guest->max == guest->una)
			guest->max++;
	} else {
		guest->next = guest->una;
		guest->flight = 2U * guest->send_mss;
		guest_output(guest);
	}
	guest_arm(guest);
}

/* ---- receiving ---- */

static void guest_reset_if_due(struct model_guest *guest)
{
	if (guest->state != MODEL_OPEN || guest->received + guest->una < guest->config.reset_after)
		return;
	guest_emit(guest, RST | ACK, guest_sequence(guest, guest->max), 0, 0);
	guest->sent_reset = true;
	guest_close(guest);
}

/* What a guest that is short of memory does. */
static void guest_save(struct model_guest *guest)
{
	enum { LEAST = 1000, OFTEN = 4 };

	if (guest->config.shrinks && guest->config.buffer_bytes > LEAST &&
	    random_below(guest->config.random, OFTEN) == 0) {
		guest->config.buffer_bytes -= guest->config.buffer_bytes / 4;
		guest->shrunk++;
		guest_ack(guest);
	}
	if (guest->config.reneges && guest->range_count > 0 && random_below(guest->config.random, OFTEN) == 0) {
		guest->range_count = 0;
		guest->reneged++;
	}
}

static void guest_on_reader(void *owner, uint64_t now_us)
{
	struct model_guest *guest = owner;
	uint64_t unread = guest->received - guest->read, buffer = guest->config.buffer_bytes;
	uint64_t room = buffer > unread ? buffer - unread : 0;

	(void)now_us;
	if (guest->state == MODEL_OPEN && !guest->got_fin)
		guest_save(guest);
	guest->read = guest->received;
	if (guest->state == MODEL_OPEN && !guest->got_fin && room < guest->config.buffer_bytes / 2)
		guest_ack(guest);
}

static void guest_add_range(struct model_guest *guest, uint64_t left, uint64_t right)
{
	size_t kept = 0;

	for (size_t i = 0; i < guest->range_count; i++) {
		const struct model_range range = guest->ranges[i];

		if (range.right < left || right < range.left) {
			guest->ranges[kept++] = range;
		} else {
			left = range.left < left ? range.left : left;
			right = range.right > right ? range.right : right;
		}
	}
	guest->range_count = kept;
	if (left <= guest->received) {
		guest->received = right > guest->received ? right : guest->received;
		return;
	}
	/* the newest first, as RFC 2018 4 wants it; the oldest is forgotten, which a receiver may do */
	if (guest->range_count == MODEL_RANGES_MAX)
		guest->range_count--;
	memmove(guest->ranges + 1, guest->ranges, guest->range_count * sizeof(guest->ranges[0]));
	guest->ranges[0] = (struct model_range){left, right};
	guest->range_count++;
}

/* Joins what the gap was filled to. */
static void guest_join(struct model_guest *guest)
{
	for (size_t i = 0; i < guest->range_count;) {
		if (guest->ranges[i].left > guest->received) {
			i++;
			continue;
		}
		if (guest->ranges[i].right > guest->received)
			guest->received = guest->ranges[i].right;
		guest->ranges[i] = guest->ranges[--guest->range_count];
		i = 0;
	}
}

static void guest_payload(struct model_guest *guest, int64_t offset, const uint8_t *bytes, uint32_t count, bool fin)
{
	uint64_t at = (uint64_t)offset;

	if (offset < 0) {
		if (offset + (int64_t)count > 0)
			guest_wrong(guest, "a segment that begins before the stream");
		guest_ack(guest);
		return;
	}
	if (at + count > guest->edge)
		guest_wrong(guest, "a segment beyond the guest's window");
	if (!model_pattern_is(guest->config.stream, at, bytes, count))
		guest_wrong(guest, "a wrong byte came to the guest");
	if (guest->config.shrinks && count > 0 && at + count > guest->read + guest->config.buffer_bytes) {
		guest_ack(guest); /* it was offered once, and the room is gone */
		return;
	}
	if (guest->far_end != MODEL_NEVER && at + count > guest->far_end)
		guest_wrong(guest, "bytes behind the FIN");
	if (fin && guest->far_end != MODEL_NEVER && guest->far_end != at + count)
		guest_wrong(guest, "the FIN moved");
	if (fin)
		guest->far_end = at + count;
	if (count > 0 && at + count > guest->received)
		guest_add_range(guest, at, at + count);
	guest_join(guest);
	if (guest->received == guest->far_end)
		guest->got_fin = true;
	if (count > 0 && !guest->reader.set)
		timer_set(loop_timers(guest->config.loop), &guest->reader,
			  loop_now_us(guest->config.loop) + 1 +
				  random_below(guest->config.random, guest->config.read_us));
	guest_ack(guest);
}

static void guest_acked(struct model_guest *guest, const uint8_t *tcp, bool bare)
{
	uint32_t window = get16(tcp + 14) << guest->far_scale;
	int32_t acked = (int32_t)(get32(tcp + 8) - guest_sequence(guest, guest->una));

	if (acked < 0)
		return;
	if (guest->una + (uint64_t)acked > guest->max) {
		guest_wrong(guest, "an acknowledgement of what was never sent");
		return;
	}
	if (acked > 0) {
		guest->una += (uint64_t)acked;
		if (guest->next < guest->una)
			guest->next = guest->una;
		guest->retries = 0;
		guest->duplicates = 0;
		guest->fin_acked = guest->una == guest->config.up + 1;
		if (guest->flight < 1U << 30)
			guest->flight += (uint32_t)acked;
		guest_arm(guest);
	} else if (bare && guest->next > guest->una && window == guest->window && ++guest->duplicates == 3) {
		uint64_t left = guest->config.up - guest->una;
		uint32_t bytes = left < guest->send_mss ? (uint32_t)left : guest->send_mss;

		guest_emit(guest, (uint8_t)(ACK | (bytes == left ? FIN : 0)), guest_sequence(guest, guest->una),
			   guest->una, bytes);
		/* and what follows, since the other end keeps nothing that comes early */
		guest->next = guest->una + bytes + (bytes == left);
		guest->max = guest->next > guest->max ? guest->next : guest->max;
	}
	if (window > 0 && guest->window == 0)
		guest->retries = 0;
	if (window == 0)
		guest->retries = guest->retries > 3 ? 3 : guest->retries;
	guest->window = window;
}

static void guest_options(struct model_guest *guest, const uint8_t *tcp)
{
	const uint8_t *at = tcp + 20, *end = tcp + (tcp[12] >> 4) * 4;
	bool scaled = false, sack = false;

	guest->send_mss = 536;
	while (at < end && *at != 0) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (*at == 2)
			guest->send_mss = (uint16_t)get16(at + 2);
		scaled |= *at == 3;
		sack |= *at == 4;
		if (*at == 3)
			guest->far_scale = at[2];
		at += at[1];
	}
	if ((scaled && !guest->config.scaled && guest->state == MODEL_SYN_SENT) ||
	    (sack && !guest->config.sack && guest->state == MODEL_SYN_SENT))
		guest_wrong(guest, "an option that was not offered");
	guest->config.scaled &= scaled;
	guest->config.sack &= sack;
	if (!guest->config.scaled)
		guest->far_scale = 0;
	if (guest->send_mss > guest->config.mss)
		guest->send_mss = guest->config.mss;
}

static void guest_opened(struct model_guest *guest)
{
	guest->state = MODEL_OPEN;
	guest->retries = 0;
	guest->opened_us = loop_now_us(guest->config.loop);
}

static void guest_take_syn(struct model_guest *guest, const uint8_t *tcp)
{
	uint8_t flags = tcp[13];

	if (guest->state == MODEL_SYN_SENT && flags & ACK && get32(tcp + 8) == guest->first + 1) {
		guest->far_first = get32(tcp + 4);
		guest_options(guest, tcp);
		guest->window = get16(tcp + 14);
		guest_opened(guest);
		if (guest->config.up > 0)
			guest_output(guest);
		else
			guest_ack(guest);
	} else if (guest->state == MODEL_CLOSED && !(flags & ACK) && guest->opened_us == 0 && !guest->gave_up) {
		guest->far_first = get32(tcp + 4);
		guest_options(guest, tcp);
		guest->window = get16(tcp + 14);
		guest->state = MODEL_SYN_RECEIVED;
		guest_emit(guest, SYN | ACK, guest->first, 0, 0);
	} else if (guest->state == MODEL_SYN_RECEIVED) {
		guest_emit(guest, SYN | ACK, guest->first, 0, 0);
	} else if (guest->state == MODEL_OPEN) {
		guest_ack(guest);
	}
	guest_arm(guest);
}

static void guest_take_reset(struct model_guest *guest, const uint8_t *tcp)
{
	uint32_t expected = guest->far_first + 1 + (uint32_t)guest->received + guest->got_fin;

	if (guest->state == MODEL_SYN_SENT && tcp[13] & ACK && get32(tcp + 8) == guest->first + 1) {
		guest->refused = true;
		guest_close(guest);
	} else if (guest->state == MODEL_OPEN && get32(tcp + 4) == expected) {
		guest->got_reset = true;
		guest_close(guest);
	} else if (guest->state == MODEL_OPEN) {
		guest_ack(guest); /* RFC 5961 3.2 */
	}
}

static void guest_take(struct model_guest *guest, const uint8_t *tcp, uint32_t bytes)
{
	uint32_t header = (uint32_t)(tcp[12] >> 4) * 4, payload = bytes - header;
	uint8_t flags = tcp[13];
	int64_t offset;

	if (flags & RST) {
		guest_take_reset(guest, tcp);
		return;
	}
	if (guest->state == MODEL_CLOSED &&
	    !(flags & SYN && guest->opened_us == 0 && !guest->gave_up && !(flags & ACK))) {
		/* nobody there: RFC 9293 3.10.7.1 */
		if (flags & ACK)
			guest_emit(guest, RST, get32(tcp + 8), 0, 0);
		return;
	}
	if (flags & SYN) {
		guest_take_syn(guest, tcp);
		return;
	}
	if (guest->state == MODEL_SYN_SENT || !(flags & ACK))
		return;
	if (guest->state == MODEL_SYN_RECEIVED) {
		guest_opened(guest);
		guest_arm(guest);
	}
	guest_acked(guest, tcp, payload == 0 && !(flags & FIN));
	offset = (int64_t)guest->received + guest->got_fin +
		 (int32_t)(get32(tcp + 4) - (guest->far_first + 1 + (uint32_t)guest->received + guest->got_fin));
	if (payload > 0 || flags & FIN)
		guest_payload(guest, offset, tcp + header, payload, flags & FIN);
	else if (offset < (int64_t)guest->received + guest->got_fin)
		guest_ack(guest);
	guest_output(guest);
	guest_reset_if_due(guest);
}

bool model_guest_input(struct model_guest *guest, const struct frame *from)
{
	static uint8_t flat[FRAME_MOST];
	const uint8_t *ip = flat + ETHERNET, *tcp;
	uint32_t bytes, sum;

	frame_copy(from, 0, flat, from->length);
	if (get16(flat + 12) != (guest->config.is6 ? 0x86dd : 0x0800))
		return false;
	if (ip[guest->config.is6 ? 6 : 9] != 6) {
		/* behind the IP header and ICMP's, the packet that it is about */
		if (get16(ip + (guest->config.is6 ? 40 + 8 + 40 : 20 + 8 + 20)) != guest->config.port)
			return false;
		guest->unreachable = true;
		if (guest->state == MODEL_SYN_SENT)
			guest_close(guest);
		return true;
	}
	tcp = ip + (guest->config.is6 ? 40 : 20);
	bytes = guest->config.is6 ? get16(ip + 4) : get16(ip + 2) - 20;
	if (get16(tcp + 2) != guest->config.port || get16(tcp) != guest->config.far_port)
		return false;
	sum = pseudo_sum(ip, guest->config.is6, bytes);
	if (from->offload.csum == CSUM_PARTIAL ? get16(tcp + 16) != sum : sum16(sum, tcp, bytes) != 0xffff)
		guest_wrong(guest, "a wrong checksum");
	if (!guest->config.is6 && sum16(0, ip, 20) != 0xffff)
		guest_wrong(guest, "a wrong IP checksum");
	guest_take(guest, tcp, bytes);
	return true;
}

/* ---- life ---- */

void model_guest_init(struct model_guest *guest, const struct model_guest_config *config)
{
	*guest = (struct model_guest){.config = *config, .far_end = MODEL_NEVER, .flight = 1U << 30};
	guest->first = (uint32_t)random_u64(config->random);
	guest->send_mss = config->mss;
	timer_init(&guest->retransmit, guest_on_retransmit, guest);
	timer_init(&guest->reader, guest_on_reader, guest);
}

void model_guest_done(struct model_guest *guest)
{
	timer_clear(loop_timers(guest->config.loop), &guest->retransmit);
	timer_clear(loop_timers(guest->config.loop), &guest->reader);
}

void model_guest_connect(struct model_guest *guest)
{
	guest->state = MODEL_SYN_SENT;
	guest_emit(guest, SYN, guest->first, 0, guest->config.data_on_syn && guest->config.up > 0 ? 1 : 0);
	guest_arm(guest);
}
