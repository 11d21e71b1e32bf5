/* SPDX-License-Identifier: MIT */
/* Echoes through ping sockets, over a script of them, and once over real ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "unit/nat/world.h"

/* An ICMP message over counting bytes, with its checksum. */
static size_t message_write(const struct guest_packet *packet, uint8_t type, uint16_t id, uint16_t sequence,
			    size_t bytes, uint8_t *to)
{
	struct icmp_header header = {.type = type, .rest = icmp_echo_rest(id, sequence)};
	struct checksum pseudo = packet_sum(packet, ICMP_HEADER_BYTES + bytes);
	struct writer writer;

	writer_init(&writer, to, ICMP_HEADER_BYTES);
	icmp_header_write(&writer, &header);
	for (size_t i = 0; i < bytes; i++)
		to[ICMP_HEADER_BYTES + i] = (uint8_t)i;
	icmp_checksum_fill(packet->protocol == IP_PROTOCOL_ICMP6 ? &pseudo : NULL, to, ICMP_HEADER_BYTES + bytes);
	return ICMP_HEADER_BYTES + bytes;
}

static struct guest_packet packet_to(const char *to)
{
	bool is6 = strchr(to, ':') != NULL;

	return (struct guest_packet){.from = is6 ? GUEST6 : GUEST,
				     .to = to,
				     .protocol = is6 ? IP_PROTOCOL_ICMP6 : IP_PROTOCOL_ICMP};
}

static void guest_pings(struct world *world, struct guest_packet packet, uint16_t id, uint16_t sequence, size_t bytes)
{
	static uint8_t message[66000];
	uint8_t type = packet.protocol == IP_PROTOCOL_ICMP6 ? ICMP6_ECHO_REQUEST : ICMP4_ECHO_REQUEST;

	guest_add(world, &packet, message, message_write(&packet, type, id, sequence, bytes, message));
	guest_send(world);
}

/* The kernel hands out the reply with the identifier of its own. */
static void far_replies(struct world *world, const char *far, uint16_t sequence, size_t bytes)
{
	static uint8_t message[66000];
	struct guest_packet packet = packet_to(far);
	uint8_t type = packet.protocol == IP_PROTOCOL_ICMP6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	struct script_receipt *receipt = &world->script.receipts[world->script.receipt_count++];

	*receipt = (struct script_receipt){.from = sockaddr_of(far, 0), .hop_limit = 55, .data = message};
	receipt->bytes = (uint32_t)message_write(&packet, type, 0x7777, sequence, bytes, message);
	script_ready(world, world->script.last_fd);
}

static void assert_reply(const struct world *world, size_t index, const char *far, uint16_t id, uint16_t sequence,
			 size_t bytes)
{
	struct guest_got got = guest_got(world, index);
	struct icmp_header header;
	const uint8_t *data = guest_got_error(world, index, &header);

	assert_string_equal(got.from, far);
	assert_int_equal(header.type, got.is6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY);
	assert_int_equal(icmp_echo_id(&header), id);
	assert_int_equal(icmp_echo_sequence(&header), sequence);
	assert_int_equal(got.bytes, ICMP_HEADER_BYTES + bytes);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(data[i], (uint8_t)i);
}

static void an_echo_leaves_and_its_reply_comes_back(void **state)
{
	struct world *world = *state;
	const struct script_sent *sent = &world->script.sent[0];

	guest_pings(world, packet_to(FAR), 0x1234, 1, 56);
	assert_int_equal(world->script.sent_count, 1);
	assert_int_equal(sent->bytes, ICMP_HEADER_BYTES + 56);
	assert_int_equal(sent->data[0], ICMP4_ECHO_REQUEST);
	assert_int_equal(sent->data[7], 1);
	assert_int_equal(sent->data[ICMP_HEADER_BYTES + 55], 55);
	far_replies(world, FAR, 1, 56);
	assert_reply(world, 0, FAR, 0x1234, 1, 56);
	assert_int_equal(guest_got(world, 0).hop_limit, 54);
}

static void ipv6_goes_the_same_way(void **state)
{
	struct world *world = *state;

	guest_pings(world, packet_to(FAR6), 0x1234, 2, 56);
	assert_int_equal(world->script.sent[0].data[0], ICMP6_ECHO_REQUEST);
	far_replies(world, FAR6, 2, 56);
	assert_reply(world, 0, FAR6, 0x1234, 2, 56);
}

static void the_gateway_is_the_hosts_loopback(void **state)
{
	struct world *world = *state;
	struct sockaddr_storage loopback = sockaddr_of("127.0.0.1", 0);

	guest_pings(world, packet_to("10.0.2.2"), 1, 1, 0);
	assert_memory_equal(&world->script.sent[0].to, &loopback, sizeof(struct sockaddr_in));
	far_replies(world, "127.0.0.1", 1, 0);
	assert_reply(world, 0, "10.0.2.2", 1, 1, 0);
}

static void each_identifier_has_a_socket_for_a_minute(void **state)
{
	struct world *world = *state;

	guest_pings(world, packet_to(FAR), 1, 1, 0);
	guest_pings(world, packet_to(FAR), 1, 2, 0);
	guest_pings(world, packet_to(FAR), 2, 1, 0);
	assert_int_equal(world->script.opened, 2);
	world_wait(world, ICMP_IDLE_US - 1);
	guest_pings(world, packet_to(FAR), 2, 2, 0);
	world_wait(world, 1);
	assert_int_equal(nat_flow_count(world->nat), 1);
	world_wait(world, ICMP_IDLE_US);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(world->script.closed, 2);
}

static void forbidden_ping_sockets_are_named_and_noticed_once(void **state)
{
	struct world *world = *state;

	world->script.open_error = -EACCES;
	guest_pings(world, packet_to(FAR), 1, 1, 0);
	guest_pings(world, packet_to(FAR), 1, 2, 0);
	assert_int_equal(guest_drops(world, DROP_ICMP_FORBIDDEN), 2);
	assert_int_equal(world->notices, 1);
	assert_non_null(strstr(world->notice, "sysctl -w net.ipv4.ping_group_range="));
	world->script.open_error = -EMFILE;
	guest_pings(world, packet_to(FAR), 1, 3, 0);
	assert_int_equal(world->last_drop, DROP_NAT_SOCKETS_FULL);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

/* As of a kernel without IPv6: no wish of a person's to forbid, so nobody but the guest is told. */
static void a_host_without_such_sockets_is_told_to_the_guest(void **state)
{
	struct world *world = *state;
	struct icmp_header header;

	world->script.open_error = -EAFNOSUPPORT;
	guest_pings(world, packet_to(FAR6), 1, 1, 0);
	assert_string_equal(drop_name(world->last_drop), drop_name(DROP_ICMP_SEND_REFUSED));
	guest_got_error(world, 0, &header);
	assert_int_equal(header.type, ICMP6_UNREACHABLE);
	assert_int_equal(header.code, ICMP6_UNREACHABLE_ROUTE);
	assert_int_equal(world->notices, 0);
	assert_int_equal(nat_flow_count(world->nat), 0);
}

static void the_oldest_gives_up_its_descriptor_when_there_are_no_more(void **state)
{
	struct world *world = *state;

	world->script.open_most = 2;
	for (uint16_t i = 0; i < 4; i++)
		guest_pings(world, packet_to(FAR), i, 1, 0);
	assert_int_equal(nat_flow_count(world->nat), 2);
	assert_int_equal(world->script.sent_count, 4);
	assert_int_equal(guest_drops(world, DROP_NAT_SOCKETS_FULL), 0);
}

static void hops_and_service_are_carried(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = packet_to(FAR);

	packet.hop_limit = 2;
	packet.service = 0x20;
	packet.dont_fragment = true;
	guest_pings(world, packet, 1, 1, 0);
	assert_int_equal(world->script.sent[0].way.hop_limit, 1);
	assert_int_equal(world->script.sent[0].way.service, 0x20);
	assert_true(world->script.sent[0].way.dont_fragment);
	packet.hop_limit = 200;
	guest_pings(world, packet, 1, 2, 0);
	assert_int_equal(world->script.sent[1].way.hop_limit, 199);
}

static void a_router_that_gave_up_is_seen_by_the_guest(void **state)
{
	struct world *world = *state;
	struct datagram_error error = {.error = -EHOSTUNREACH, .icmp = true, .type = ICMP4_TIME_EXCEEDED};
	struct guest_packet packet = packet_to(FAR);
	struct icmp_header header, quoted;
	struct ip4_header ip;
	struct reader reader;
	const uint8_t *bytes;

	guest_pings(world, packet, 0x1234, 9, 12);
	error.has_to = error.has_from = true;
	error.to = sockaddr_of(FAR, 0);
	error.from = sockaddr_of("192.0.2.1", 0);
	error.bytes = (uint32_t)message_write(&packet, ICMP4_ECHO_REQUEST, 0x7777, 9, 12, error.message);
	world->script.errors[world->script.error_count++] = error;
	world->script.refusals[world->script.refusal_count++] = -EHOSTUNREACH;
	guest_pings(world, packet, 0x1234, 10, 12);
	assert_int_equal(world->script.sent_count, 2);
	bytes = guest_got_error(world, 0, &header);
	assert_string_equal(guest_got(world, 0).from, "192.0.2.1");
	assert_int_equal(header.type, ICMP4_TIME_EXCEEDED);
	reader_init(&reader, bytes, IP4_HEADER_BYTES + ICMP_HEADER_BYTES);
	assert_int_equal(ip4_header_read(&reader, IP4_PACKET_MAX, IP4_SUM_CHECK, &ip), DROP_NONE);
	assert_true(ip4_equal(ip.to, (struct ip4){{198, 51, 100, 7}}));
	assert_int_equal(icmp_header_read(&reader, &quoted), DROP_NONE);
	assert_int_equal(icmp_echo_id(&quoted), 0x1234);
	assert_int_equal(icmp_echo_sequence(&quoted), 9);
}

/* RFC 4443 2.4 f, without one guest taking what is for another: its path's MTU may be among that. */
static void who_is_refused_much_leaves_others_their_errors(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = packet_to(FAR);

	packet.hop_limit = 1;
	for (uint16_t i = 0; i < NAT_REFUSALS + 20; i++)
		guest_pings(world, packet, 1, i, 0);
	assert_int_equal(guest_drops(world, DROP_NAT_HOP_LIMIT), NAT_REFUSALS + 20);
	assert_int_equal(world->guest->count, NAT_REFUSALS);
	world->guest_mac.byte[5]++;
	packet.from = "10.0.2.16";
	guest_pings(world, packet, 1, 1, 0);
	assert_int_equal(world->guest->count, NAT_REFUSALS + 1);
	assert_memory_equal(guest_got(world, NAT_REFUSALS).to, packet.from, strlen(packet.from) + 1);
}

/* Nor by addresses that it makes up. */
static void who_is_refused_under_many_addresses_leaves_other_ports_their_errors(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = packet_to(FAR);
	struct record_port *others = calloc(4, sizeof(*others));
	struct record_port *first = world->guest;
	unsigned told = 0;

	packet.hop_limit = 1;
	for (uint8_t machine = 1; machine <= 100; machine++) {
		world->guest_mac.byte[4] = machine;
		for (uint16_t i = 0; i < NAT_REFUSALS; i++)
			guest_pings(world, packet, 1, i, 0);
		assert_true(world->guest->count <= NAT_REFUSALS);
		record_port_clear(world->guest);
	}
	packet.from = "10.0.2.16";
	/* Two ports may share an allowance by chance: four of them do not. */
	for (uint8_t i = 0; i < 4; i++) {
		world->guest = &others[i];
		world->guest_mac = (struct mac){{0x52, 0x54, 0, 0, 1, i}};
		record_port_init(world->guest, "other");
		ethswitch_attach(world->ethswitch, &world->guest->port);
		for (uint16_t j = 0; j < NAT_REFUSALS + 20; j++)
			guest_pings(world, packet, 1, j, 0);
		assert_true(world->guest->count <= NAT_REFUSALS);
		told += world->guest->count == NAT_REFUSALS;
		ethswitch_detach(&world->guest->port);
		record_port_clear(world->guest);
	}
	assert_true(told > 0);
	free(others);
	world->guest = first;
}

static void what_the_host_refuses_is_told(void **state)
{
	struct world *world = *state;
	struct datagram_error local = {.error = -EMSGSIZE, .mtu = 1300};
	struct icmp_header header;

	world->script.refusals[world->script.refusal_count++] = -ENETUNREACH;
	guest_pings(world, packet_to(FAR), 1, 1, 0);
	assert_int_equal(guest_drops(world, DROP_ICMP_SEND_REFUSED), 1);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_NET);
	world->script.refusals[world->script.refusal_count++] = -EMSGSIZE;
	world->script.errors[world->script.error_count++] = local;
	guest_pings(world, packet_to(FAR), 1, 2, 1400);
	guest_got_error(world, 1, &header);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_FRAGMENT);
	assert_int_equal(header.rest, 1300);
	world->script.refusals[world->script.refusal_count++] = -EAGAIN;
	guest_pings(world, packet_to(FAR), 1, 3, 0);
	assert_int_equal(world->guest->count, 2);
	assert_int_equal(guest_drops(world, DROP_ICMP_SEND_REFUSED), 3);
}

static void a_large_reply_comes_in_fragments(void **state)
{
	struct world *world = *state;

	guest_pings(world, packet_to(FAR), 1, 1, 1000);
	far_replies(world, FAR, 1, 4000);
	assert_int_equal(world->guest->count, 3);
	assert_true(guest_got(world, 0).more);
	assert_int_equal(guest_got(world, 2).offset, 2960);
}

static void other_messages_are_nobodys(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = packet_to(FAR);
	uint8_t message[64];

	guest_add(world, &packet, message, message_write(&packet, ICMP4_ECHO_REPLY, 1, 1, 8, message));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_ICMP_TYPE);
	guest_add(world, &packet, message, message_write(&packet, ICMP4_UNREACHABLE, 1, 1, 28, message));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_NONE);
	guest_add(world, &packet, message, 7);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_ICMP_SHORT);
	message_write(&packet, ICMP4_ECHO_REQUEST, 1, 1, 8, message);
	message[9] ^= 1;
	guest_add(world, &packet, message, 16);
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_ICMP_CHECKSUM);
	assert_int_equal(world->script.opened, 0);
	assert_int_equal(world->guest->count, 0);
	/* what the socket hands out and is no reply */
	guest_pings(world, packet, 1, 1, 0);
	script_will_receive(world, FAR, 0, 20, 0, 99);
	script_will_receive(world, FAR, 0, 3, 0, 0);
	script_ready(world, world->script.last_fd);
	assert_int_equal(world->guest->count, 0);
}

static void another_guests_echo_is_refused(void **state)
{
	struct world *world = *state;

	guest_pings(world, packet_to(FAR), 1, 1, 0);
	world->guest_mac.byte[5] = 2;
	guest_pings(world, packet_to(FAR), 1, 1, 0);
	assert_int_equal(world->last_drop, DROP_NAT_FLOW_OWNER);
}

static void check_real(const char *to, bool *ret_forbidden)
{
	struct world *world = calloc(1, sizeof(*world));

	world_defaults(world);
	world_start(world, false);
	guest_pings(world, packet_to(to), 0x4242, 7, 1000);
	*ret_forbidden = guest_drops(world, DROP_ICMP_FORBIDDEN) || guest_drops(world, DROP_NAT_SOCKETS_FULL) ||
			 guest_drops(world, DROP_ICMP_SEND_REFUSED);
	for (int i = 0; i < 100 && !*ret_forbidden && world->guest->count < 1; i++) {
		struct pollfd pollfd = {.fd = loop_fd(world->loop), .events = POLLIN};

		poll(&pollfd, 1, 10);
		world_turn(world);
	}
	if (!*ret_forbidden) {
		assert_int_equal(world->guest->count, 1);
		assert_reply(world, 0, to, 0x4242, 7, 1000);
	}
	world_free(world);
}

/* A network namespace where ping sockets are allowed, where the host allows neither them nor this: nothing. */
static void allow_ping_sockets(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int sysctl, fd;

	if (unshare(CLONE_NEWNET) < 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	sysctl = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
	if (fd >= 0 && sysctl >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0)
		assert_true(write(sysctl, "0 2147483647", 12) <= 12);
	close(sysctl);
	close(fd);
}

static void the_systems_sockets_do_it_too(void **state)
{
	bool forbidden;

	(void)state;
	allow_ping_sockets();
	check_real("10.0.2.2", &forbidden);
	if (!forbidden)
		check_real("fd00::2", &forbidden);
	if (forbidden)
		skip();
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(an_echo_leaves_and_its_reply_comes_back),
		scripted(ipv6_goes_the_same_way),
		scripted(the_gateway_is_the_hosts_loopback),
		scripted(each_identifier_has_a_socket_for_a_minute),
		scripted(forbidden_ping_sockets_are_named_and_noticed_once),
		scripted(a_host_without_such_sockets_is_told_to_the_guest),
		scripted(the_oldest_gives_up_its_descriptor_when_there_are_no_more),
		scripted(hops_and_service_are_carried),
		scripted(a_router_that_gave_up_is_seen_by_the_guest),
		scripted(who_is_refused_much_leaves_others_their_errors),
		scripted(who_is_refused_under_many_addresses_leaves_other_ports_their_errors),
		scripted(what_the_host_refuses_is_told),
		scripted(a_large_reply_comes_in_fragments),
		scripted(other_messages_are_nobodys),
		scripted(another_guests_echo_is_refused),
		cmocka_unit_test(the_systems_sockets_do_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
