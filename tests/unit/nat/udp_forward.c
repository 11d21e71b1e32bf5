/* SPDX-License-Identifier: MIT */
/* Forwards by UDP: listeners and their clients, over a script of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/nat/world.h"

struct listener {
	struct nat_udp_forward forward;
	unsigned ends, checks;
	bool moved; /* what the next check says */
};

static void on_listener_end(void *owner)
{
	((struct listener *)owner)->ends++;
}

static bool on_listener_check(void *owner)
{
	struct listener *listener = owner;

	listener->checks++;
	return !listener->moved;
}

static void listen_for_guest(struct world *world, struct listener *listener, const char *guest, uint16_t guest_port)
{
	*listener = (struct listener){.forward = {.fd = nat_udp_open(world->nat, false),
						  .guest = address_of(guest, guest_port),
						  .port = &world->guest->port,
						  .mac = world->guest_mac,
						  .on_check = on_listener_check,
						  .on_end = on_listener_end,
						  .owner = listener}};
	assert_int_equal(nat_udp_forward(world->nat, &listener->forward), 0);
}

static void listen_for(struct world *world, struct listener *listener, uint16_t guest_port)
{
	listen_for_guest(world, listener, GUEST, guest_port);
}

static void listener_done(struct world *world, struct listener *listener)
{
	nat_udp_forward_end(&listener->forward);
	script_close(&world->script, listener->forward.fd);
}

static void a_restricted_network_sends_only_what_a_forward_asked_for(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct listener listener;
	struct icmp_header icmp;
	struct udp_header header;

	(void)state;
	world_defaults(world);
	world->config.restricted = true;
	world_start(world, true);
	guest_says(world, plain, 4000, 53, 10);
	assert_int_equal(world->last_drop, DROP_NAT_RESTRICTED);
	guest_got_error(world, 0, &icmp);
	assert_int_equal(icmp.code, ICMP4_UNREACHABLE_PROHIBITED);
	listen_for(world, &listener, 5000);
	guest_says(world, plain, 5000, 1234, 10);
	assert_int_equal(world->last_drop, DROP_NAT_RESTRICTED);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	guest_got_udp(world, 2, &header);
	assert_int_equal(header.from_port, 1234);
	assert_int_equal(header.to_port, 5000);
	guest_says(world, plain, 5000, 1234, 10);
	assert_sent(world, 0, FAR, 1234, 10, 0);
	assert_int_equal(world->script.sent[0].fd, listener.forward.fd);
	/* another port of the same client's did not ask */
	guest_says(world, plain, 5000, 1235, 10);
	assert_int_equal(world->last_drop, DROP_NAT_RESTRICTED);
	listener_done(world, &listener);
	world_free(world);
}

/* A client that speaks IPv4 refuses what a guest that speaks IPv6 answers: ICMP's type 3 is ICMPv6's time exceeded. */
static void errors_are_understood_in_the_clients_family_and_told_in_the_guests(void **state)
{
	struct world *world = *state;
	struct listener listener;
	struct icmp_header icmp;
	struct udp_header header;
	struct datagram_error error = {.error = -ECONNREFUSED,
				       .icmp = true,
				       .type = ICMP4_UNREACHABLE,
				       .code = ICMP4_UNREACHABLE_PORT,
				       .has_to = true,
				       .to = sockaddr_of(FAR, 1234),
				       .bytes = 4};

	listen_for_guest(world, &listener, GUEST6, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	guest_got_udp(world, 0, &header);
	guest_says(world, (struct guest_packet){.from = GUEST6, .to = guest_got(world, 0).from}, 5000, 1234, 4);
	assert_sent(world, 0, FAR, 1234, 4, 0);
	world->script.errors[world->script.error_count++] = error;
	world->script.refusals[world->script.refusal_count++] = error.error;
	guest_says(world, (struct guest_packet){.from = GUEST6, .to = guest_got(world, 0).from}, 5000, 1234, 4);
	guest_got_error(world, 1, &icmp);
	assert_int_equal(icmp.type, ICMP6_UNREACHABLE);
	assert_int_equal(icmp.code, ICMP6_UNREACHABLE_PORT);
	listener_done(world, &listener);
}

static void an_idle_listener_gives_its_socket_back_and_takes_it_again(void **state)
{
	struct world *world = *state;
	struct listener listener;

	listen_for(world, &listener, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	assert_int_equal(nat_flow_count(world->nat), 2);
	assert_int_equal(listener.forward.peers, 1);
	for (int i = 0; i < 5; i++)
		world_wait(world, 11 * 1000 * 1000);
	assert_true(listener.checks > 0);
	assert_int_equal(listener.ends, 1);
	assert_null(listener.forward.flow);
	assert_int_equal(nat_flow_count(world->nat), 0);
	assert_int_equal(world->script.closed, 0);
	assert_int_equal(nat_udp_forward(world->nat, &listener.forward), 0);
	listener_done(world, &listener);
	assert_int_equal(listener.ends, 1);
}

static void a_listener_whose_guest_moved_ends_and_its_peers_come_along(void **state)
{
	struct world *world = *state;
	struct listener listener;

	listen_for(world, &listener, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	listener.moved = true;
	world_wait(world, 11 * 1000 * 1000);
	assert_int_equal(listener.ends, 1);
	/* the peer waits for it */
	assert_int_equal(nat_flow_count(world->nat), 1);
	guest_says(world, plain, 5000, 1234, 10);
	assert_int_equal(world->last_drop, DROP_NAT_NO_FLOW);
	assert_int_equal(nat_udp_forward(world->nat, &listener.forward), 0);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	assert_int_equal(listener.forward.peers, 1);
	guest_says(world, plain, 5000, 1234, 10);
	assert_sent(world, 0, FAR, 1234, 10, 0);
	listener_done(world, &listener);
}

static void a_peer_that_comes_along_counts_at_the_new_port(void **state)
{
	struct world *world = *state;
	struct record_port *other = calloc(1, sizeof(*other));
	const struct shares *shares = &world->nat->flows.shares;
	struct listener listener;

	assert_non_null(other);
	record_port_init(other, "vm2");
	ethswitch_attach(world->ethswitch, &other->port);
	listen_for(world, &listener, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	assert_int_equal(shares->count, 1);
	listener.moved = true;
	world_wait(world, 11 * 1000 * 1000);
	listener.forward.port = &other->port;
	assert_int_equal(nat_udp_forward(world->nat, &listener.forward), 0);
	assert_int_equal(shares->count, 2);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	assert_int_equal(listener.forward.peers, 1);
	assert_int_equal(shares->count, 1);
	assert_int_equal(shares_heaviest(shares, NULL)->holds, 2);
	assert_ptr_equal(shares_heaviest(shares, NULL)->port, &other->port);
	listener_done(world, &listener);
	nat_port_gone(world->nat, &other->port);
	ethswitch_detach(&other->port);
	record_port_clear(other);
	free(other);
}

static void a_guest_that_leaves_ends_its_listener(void **state)
{
	struct world *world = *state;
	struct listener listener;

	listen_for(world, &listener, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	nat_port_gone(world->nat, &world->guest->port);
	assert_int_equal(listener.ends, 1);
	assert_int_equal(nat_flow_count(world->nat), 0);
	listener_done(world, &listener);
}

static void one_client_at_two_listeners_is_two_to_the_guest(void **state)
{
	struct world *world = *state;
	struct listener listeners[2];
	struct udp_header headers[2];

	for (size_t i = 0; i < 2; i++) {
		listen_for(world, &listeners[i], 5000);
		script_will_receive(world, FAR, 1234, 10, 0, 1);
		script_ready(world, listeners[i].forward.fd);
		guest_got_udp(world, i, &headers[i]);
	}
	assert_int_equal(headers[0].from_port, 1234);
	assert_true(headers[1].from_port >= 49152);
	for (size_t i = 0; i < 2; i++) {
		guest_says(world, plain, 5000, headers[i].from_port, 10);
		assert_sent(world, i, FAR, 1234, 10, 0);
		assert_int_equal(world->script.sent[i].fd, listeners[i].forward.fd);
	}
	/* and what the guest begins itself from that port is a mapping's */
	guest_says(world, plain, 5000, 53, 10);
	assert_int_not_equal(world->script.sent[2].fd, listeners[0].forward.fd);
	for (size_t i = 0; i < 2; i++)
		listener_done(world, &listeners[i]);
}

static void another_guests_answer_is_refused(void **state)
{
	struct guest_packet packet = plain;
	struct world *world = *state;
	struct listener listener;
	struct mac mac = world->guest_mac;

	listen_for(world, &listener, 5000);
	script_will_receive(world, FAR, 1234, 10, 0, 1);
	script_ready(world, listener.forward.fd);
	world->guest_mac.byte[5] ^= 1;
	guest_says(world, packet, 5000, 1234, 10);
	assert_int_equal(world->last_drop, DROP_NAT_FLOW_OWNER);
	assert_int_equal(world->script.sent_count, 0);
	world->guest_mac = mac;
	listener_done(world, &listener);
}

static void two_local_addresses_of_one_client_are_answered_from_each(void **state)
{
	struct world *world = *state;
	struct listener listener;
	struct udp_header headers[2];

	listen_for(world, &listener, 5000);
	for (size_t i = 0; i < 2; i++) {
		script_will_receive(world, FAR, 1234, 10, 0, 1);
		world->script.receipts[i].here =
			(struct datagram_here){.ip_bytes = 4, .ip = {192, 0, 2, (uint8_t)(1 + i)}};
		script_ready(world, listener.forward.fd);
		guest_got_udp(world, i, &headers[i]);
	}
	assert_int_not_equal(headers[0].from_port, headers[1].from_port);
	for (size_t i = 0; i < 2; i++) {
		guest_says(world, plain, 5000, headers[i].from_port, 10);
		assert_sent(world, i, FAR, 1234, 10, 0);
		assert_int_equal(world->script.sent[i].here.ip[3], 1 + i);
	}
	assert_int_equal(listener.forward.peers, 2);
	listener_done(world, &listener);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restricted_network_sends_only_what_a_forward_asked_for),
		scripted(errors_are_understood_in_the_clients_family_and_told_in_the_guests),
		scripted(an_idle_listener_gives_its_socket_back_and_takes_it_again),
		scripted(a_listener_whose_guest_moved_ends_and_its_peers_come_along),
		scripted(a_peer_that_comes_along_counts_at_the_new_port),
		scripted(a_guest_that_leaves_ends_its_listener),
		scripted(one_client_at_two_listeners_is_two_to_the_guest),
		scripted(another_guests_answer_is_refused),
		scripted(two_local_addresses_of_one_client_are_answered_from_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
