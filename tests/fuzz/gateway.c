/* SPDX-License-Identifier: MIT */
/* covers: src/service/service.c */
/* A sequence of frames for the gateway of a small network with a lease table that stays: each chunk is a byte of flags
 * (1: make the checksums right, 2: ten minutes pass before it, 4 and 8: the port, 16: it is the only one), two bytes of length and a frame. Every reply must be a
 * whole frame of the gateway, with right lengths and checksums, within the MTU. */
#include <assert.h>

#include "unit/service/guest.h"
#include "wire/ethernet.h"
#include "wire/tcp.h"

enum {
	FLAG_CHECKSUMS = 1,
	FLAG_TIME = 2,
	FLAG_PORT = 4 | 8,
	FLAG_ALONE = 16,
	FRAMES_MAX = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void put_sum(uint8_t *bytes, size_t count, size_t at, uint32_t pseudo)
{
	unsigned sum;

	if (at + 2 > count)
		return;
	bytes[at] = bytes[at + 1] = 0;
	sum = ~guest_sum(pseudo, bytes, count) & 0xffff;
	bytes[at] = (uint8_t)(sum >> 8);
	bytes[at + 1] = (uint8_t)sum;
}

static void put_transport_sum(uint8_t protocol, const uint8_t *addresses, size_t address_bytes, uint8_t *bytes,
			      size_t count)
{
	uint32_t pseudo = guest_sum((uint32_t)(protocol + count), addresses, address_bytes);

	switch (protocol) {
	case IP_PROTOCOL_ICMP:
		put_sum(bytes, count, ICMP_CHECKSUM_AT, 0);
		break;
	case IP_PROTOCOL_ICMP6:
		put_sum(bytes, count, ICMP_CHECKSUM_AT, pseudo);
		break;
	case IP_PROTOCOL_TCP:
		put_sum(bytes, count, TCP_CHECKSUM_AT, pseudo);
		break;
	case IP_PROTOCOL_UDP:
		put_sum(bytes, count, UDP_CHECKSUM_AT, pseudo);
		break;
	}
}

/* For a plain packet without options and extensions, which is where the services are. */
static void put_checksums(uint8_t *frame, size_t count)
{
	uint8_t *ip = frame + 14;
	size_t total;

	if (count >= 34 && frame[12] == 0x08 && frame[13] == 0 && ip[0] == 0x45) {
		put_sum(ip, 20, IP4_CHECKSUM_AT, 0);
		total = guest_u16(ip + 2);
		if (total >= 20 && total <= count - 14)
			put_transport_sum(ip[9], ip + 12, 8, ip + 20, total - 20);
	} else if (count >= 54 && frame[12] == 0x86 && frame[13] == 0xdd) {
		total = guest_u16(ip + 4);
		if (total <= count - 54)
			put_transport_sum(ip[6], ip + 8, 32, ip + 40, total);
	}
}

static struct service_config fuzz_config(void)
{
	struct service_config config = guest_config();

	config.dhcp4_last = ip4_of("10.0.2.16");
	config.dhcp6_last = ip6_of("fd00:2::101");
	config.router4 = config.router6 = true;
	config.routes4[0] = (struct service_route4){ip4_of("192.168.0.0"), 16, ip4_of("10.0.2.9")};
	config.route4_count = 1;
	strcpy(config.boot_file, "pxe.0");
	return config;
}

static void one_frame(struct guest *guest, const uint8_t *bytes, size_t count, uint8_t flags)
{
	uint8_t *frame = malloc(count ? count : 1);
	enum drop_reason verdict;

	assert(frame);
	memcpy(frame, bytes, count);
	if (flags & FLAG_CHECKSUMS)
		put_checksums(frame, count);
	if (flags & FLAG_TIME)
		guest->now_us += 600ull * 1000 * 1000;
	guest->origin = (struct origin){.place = flags & FLAG_PORT, .alone = flags & FLAG_ALONE};
	verdict = service_input(&guest->config, guest->leases, &guest->origin, frame, count, guest->now_us,
				&guest->reply);
	assert((unsigned)verdict < DROP_REASONS);
	assert(guest_flaw(&guest->config, &guest->reply) == NULL);
	/* An answer is for who asked and for nobody else. */
	assert(!guest->reply.length || !memcmp(guest->reply.bytes, frame + 6, 6));
#ifdef PLANTED
	if (verdict == DROP_TCP_PORT_CLOSED && guest->reply.length == 0)
		assert(((const volatile uint8_t *)frame)[count] <= 0xff);
#endif
	free(frame);
}

static void count_lease(void *owner, const struct lease *lease)
{
	(void)lease;
	++*(unsigned *)owner;
}

/* Making a table costs more than all else here, so one that nothing was ever entered in serves the next input too. */
static struct guest *guest_take(struct guest *last)
{
	struct service_config config = fuzz_config();
	unsigned leases = 0;

	if (last)
		lease_each(last->leases, last->now_us, count_lease, &leases);
	if (last && leases == 0) {
		last->now_us = 1000;
		return last;
	}
	if (last)
		guest_free(last);
	return guest_new(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	static struct guest *guest;

	guest = guest_take(guest);
	for (unsigned i = 0; i < FRAMES_MAX && count >= 3; i++) {
		size_t length = guest_u16(bytes + 1);

		if (length > count - 3)
			length = count - 3;
		one_frame(guest, bytes + 3, length, bytes[0]);
		bytes += 3 + length;
		count -= 3 + length;
	}
	return 0;
}
