/* SPDX-License-Identifier: MIT */
/* The flow table: who is found, who makes way, who may speak, and who is woken. */
#include "nat/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fabric/ethswitch.h"
#include "nat/nat_state.h"

enum { FLOWS = 8 };

struct fixture {
	struct nat nat;
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct port gateway, one, other;
	int ended;
	uint16_t last_ended;
	uint64_t idle_us[300]; /* by guest_port */
};

static struct fixture fixture;
static const struct mac guest_mac = {{2, 0, 0, 0, 0, 1}};

static void flow_end(struct flow *flow)
{
	fixture.ended++;
	fixture.last_ended = flow->key.guest_port;
	flow_free(flow);
}

static bool flow_run(struct flow *flow, struct flow_budget *budget)
{
	(void)flow;
	(void)budget;
	return false;
}

static void on_flow(void *owner, const struct flow *flow)
{
	uint8_t *seen = owner;

	seen[flow->key.guest_port]++;
}

static void flow_look(const struct flow *flow, struct nat_flow_info *ret_info)
{
	ret_info->idle_us = fixture.idle_us[flow->key.guest_port];
}

static const struct flow_ops ops = {.run = flow_run, .end = flow_end, .look = flow_look};

static uint64_t clock_us(void *owner)
{
	(void)owner;
	return 1;
}

static void port_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	(void)frame;
}

static void port_flush(struct port *port)
{
	(void)port;
}

/* The switch hears the guest at this port. */
static void speak(struct port *port)
{
	uint8_t bytes[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct frame frame;

	frame_init(&frame, bytes, sizeof(bytes));
	ethswitch_input(port, &frame, 1);
}

static int set_up(void **state)
{
	static const struct port_ops port_ops = {.queue = port_queue, .flush = port_flush};
	const struct ethswitch_config config = {.mtu_bytes = 1500};
	const struct hash_key key = {{1, 2}};

	(void)state;
	fixture = (struct fixture){.ended = 0};
	assert_int_equal(loop_new(clock_us, NULL, &fixture.loop), 0);
	fixture.nat.config.loop = fixture.loop;
	fixture.nat.config.gateway = &fixture.gateway;
	assert_int_equal(ethswitch_new(&config, &fixture.ethswitch), 0);
	ethswitch_set_now(fixture.ethswitch, 1);
	fixture.nat.config.ethswitch = fixture.ethswitch;
	port_init(&fixture.gateway, &port_ops, "gateway");
	port_init(&fixture.one, &port_ops, "one");
	port_init(&fixture.other, &port_ops, "other");
	ethswitch_attach(fixture.ethswitch, &fixture.one);
	ethswitch_attach(fixture.ethswitch, &fixture.other);
	return flow_table_init(&fixture.nat.flows, &fixture.nat, &key, FLOWS);
}

static int tear_down(void **state)
{
	(void)state;
	flow_table_done(&fixture.nat.flows);
	ethswitch_detach(&fixture.one);
	ethswitch_detach(&fixture.other);
	ethswitch_free(fixture.ethswitch);
	loop_free(fixture.loop);
	return 0;
}

static struct flow_key key_of(uint16_t port)
{
	const struct nat_address guest = nat_address4((struct ip4){{10, 0, 2, 15}}, port);
	const struct nat_address far = nat_address4((struct ip4){{192, 0, 2, 1}}, 80);

	return flow_key(IP_PROTOCOL_TCP, false, &guest, &far);
}

static struct flow *make(uint16_t number, struct port *port)
{
	const struct flow_key key = key_of(number);

	return flow_new(&fixture.nat.flows, &key, &ops, port, guest_mac, 0);
}

static struct flow *find(uint16_t number)
{
	const struct flow_key key = key_of(number);

	return flow_find(&fixture.nat.flows, &key);
}

static void a_flow_is_found_by_its_addresses_until_it_is_freed(void **state)
{
	struct flow *flows[FLOWS];

	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++)
		flows[i] = make(i, &fixture.one);
	for (uint16_t i = 0; i < FLOWS; i++)
		assert_ptr_equal(find(i), flows[i]);
	assert_null(find(FLOWS));
	flow_free(flows[3]);
	assert_null(find(3));
	assert_int_equal(fixture.nat.flows.count, FLOWS - 1);
	for (uint16_t i = 4; i < FLOWS; i++)
		assert_ptr_equal(find(i), flows[i]);
}

static void every_part_of_a_key_tells_flows_apart(void **state)
{
	const struct flow_key key = key_of(1);
	struct flow_key other;

	(void)state;
	assert_non_null(make(1, &fixture.one));
	for (size_t i = 0; i < offsetof(struct flow_key, zero); i++) {
		other = key;
		((uint8_t *)&other)[i] ^= 1;
		assert_null(flow_find(&fixture.nat.flows, &other));
	}
	assert_non_null(flow_find(&fixture.nat.flows, &key));
}

static void a_full_table_gives_up_what_is_missed_least_and_the_oldest_of_it(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++)
		make(i, &fixture.one);
	assert_null(make(100, &fixture.one));
	assert_int_equal(fixture.nat.counters.flows_full, 1);
	flow_set_spare(find(5), FLOW_SPARE_IDLE);
	flow_set_spare(find(2), FLOW_SPARE_IDLE);
	flow_set_spare(find(6), FLOW_SPARE_DONE);
	flow_set_spare(find(5), FLOW_SPARE_IDLE); /* used again */
	assert_non_null(make(101, &fixture.one));
	assert_int_equal(fixture.last_ended, 6);
	assert_non_null(make(102, &fixture.one));
	assert_int_equal(fixture.last_ended, 2);
	assert_non_null(make(103, &fixture.one));
	assert_int_equal(fixture.last_ended, 5);
	assert_null(make(104, &fixture.one));
	assert_int_equal(fixture.ended, 3);
	flow_set_spare(find(3), FLOW_SPARE_OPENING);
	flow_set_spare(find(4), FLOW_SPARE_OPENING);
	flow_set_spare(find(4), FLOW_SPARE_NOT); /* it is open */
	assert_non_null(make(105, &fixture.one));
	assert_int_equal(fixture.last_ended, 3);
	assert_int_equal(fixture.one.counters.drops.count[DROP_NAT_FLOWS_FULL], 1);
	assert_null(make(106, &fixture.one));
}

static uint64_t displaced(const struct port *port)
{
	return port->counters.drops.count[DROP_NAT_FLOW_DISPLACED];
}

static void a_guest_has_its_share_of_a_table_that_another_has_filled(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++) {
		make(i, &fixture.one);
		fixture.idle_us[i] = i == 3 ? 90 : i == 6 ? 80 : 10;
	}
	/* the one that was idle longest, and so on up to the share: half of it */
	for (uint16_t i = 0; i < FLOWS / 2; i++) {
		assert_non_null(make(100 + i, &fixture.other));
		if (i < 2)
			assert_int_equal(fixture.last_ended, i == 0 ? 3 : 6);
	}
	assert_int_equal(displaced(&fixture.one), FLOWS / 2);
	assert_null(make(104, &fixture.other));
	assert_null(make(105, &fixture.one));
	assert_int_equal(fixture.nat.counters.flows_full, 2);
	/* what is not missed goes first, and a share's holder gives up its own */
	flow_set_spare(find(101), FLOW_SPARE_IDLE);
	assert_non_null(make(106, &fixture.other));
	assert_int_equal(fixture.last_ended, 101);
	assert_int_equal(displaced(&fixture.other), 0);
	flow_free(find(106));
	assert_non_null(make(107, &fixture.one));
	flow_set_spare(find(107), FLOW_SPARE_IDLE);
	assert_non_null(make(108, &fixture.other));
	assert_int_equal(fixture.last_ended, 107);
	assert_int_equal(displaced(&fixture.one), FLOWS / 2 + 1);
}

/* Else a guest that floods would end what others do not use at the moment. */
static void who_holds_more_than_its_share_takes_nothing_from_who_holds_less(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++) {
		make(i, i < 2 ? &fixture.other : &fixture.one);
		flow_set_spare(find(i), i < 2 ? FLOW_SPARE_DONE : FLOW_SPARE_OPENING);
	}
	for (uint16_t i = 0; i < 20; i++) {
		assert_non_null(make(100 + i, &fixture.one));
		flow_set_spare(find(100 + i), FLOW_SPARE_OPENING);
	}
	assert_non_null(find(0));
	assert_non_null(find(1));
	assert_int_equal(fixture.one.counters.drops.count[DROP_NAT_FLOWS_FULL], 20);
}

/* A look at all of them for each newcomer would be a way to keep everybody waiting. */
static void only_some_connections_are_looked_at_and_each_in_its_turn(void **state)
{
	enum { MANY = 256 };
	const struct hash_key key = {{1, 2}};

	(void)state;
	flow_table_done(&fixture.nat.flows);
	assert_int_equal(flow_table_init(&fixture.nat.flows, &fixture.nat, &key, MANY), 0);
	for (uint16_t i = 0; i < MANY; i++) {
		make(i, &fixture.one);
		fixture.idle_us[i] = i;
	}
	for (uint16_t i = 1; i <= MANY / 4 / FLOW_LOOKS; i++) {
		assert_non_null(make(256 + i, &fixture.other));
		assert_int_equal(fixture.last_ended, i * FLOW_LOOKS - 1);
	}
}

static void a_guest_that_moves_takes_its_share_along(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++)
		make(i, &fixture.one);
	fixture.one.away = true;
	speak(&fixture.other);
	for (uint16_t i = 0; i < FLOWS; i++)
		assert_true(flow_is_owner(find(i), &fixture.other, guest_mac, 0));
	assert_int_equal(fixture.nat.flows.shares.count, 1);
	assert_null(make(100, &fixture.other));
	assert_non_null(make(101, &fixture.one));
	assert_int_equal(displaced(&fixture.other), 1);
}

static void a_flow_without_a_descriptor_takes_anothers_and_not_its_own(void **state)
{
	struct flow *flow = make(1, &fixture.one);

	(void)state;
	flow_set_spare(flow, FLOW_SPARE_IDLE);
	assert_false(flow_give_one_up(flow));
	flow_set_spare(make(2, &fixture.one), FLOW_SPARE_IDLE);
	assert_true(flow_give_one_up(flow));
	assert_int_equal(fixture.last_ended, 2);
}

static void only_its_port_mac_and_vlan_own_a_flow(void **state)
{
	const struct mac other_mac = {{2, 0, 0, 0, 0, 2}};
	struct flow *flow = make(1, &fixture.one);

	(void)state;
	speak(&fixture.one);
	assert_true(flow_is_owner(flow, &fixture.one, guest_mac, 0));
	assert_false(flow_is_owner(flow, &fixture.other, guest_mac, 0));
	assert_false(flow_is_owner(flow, &fixture.one, other_mac, 0));
	assert_false(flow_is_owner(flow, &fixture.one, guest_mac, 7));
}

static void a_port_that_goes_takes_its_flows_along(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < FLOWS; i++)
		make(i, i % 2 ? &fixture.one : &fixture.other);
	flow_port_gone(&fixture.nat.flows, &fixture.one);
	assert_int_equal(fixture.ended, FLOWS / 2);
	assert_null(find(1));
	assert_non_null(find(2));
}

static void a_guest_that_moves_takes_its_flows_along(void **state)
{
	struct flow *first = make(1, &fixture.one), *second = make(2, &fixture.one);

	(void)state;
	speak(&fixture.one);
	assert_false(flow_is_owner(first, &fixture.other, guest_mac, 0));
	fixture.one.away = true;
	speak(&fixture.other);
	assert_true(flow_is_owner(first, &fixture.other, guest_mac, 0));
	assert_ptr_equal(first->port, &fixture.other);
	assert_false(flow_is_owner(first, &fixture.one, guest_mac, 0));
	/* of the second it has said nothing yet */
	flow_port_gone(&fixture.nat.flows, &fixture.one);
	assert_int_equal(fixture.ended, 0);
	assert_ptr_equal(second->port, &fixture.other);
	flow_port_gone(&fixture.nat.flows, &fixture.other);
	assert_int_equal(fixture.ended, 2);
}

static void a_flow_stands_once_on_one_list_that_wakes_it(void **state)
{
	struct flow *flow = make(1, &fixture.one);

	(void)state;
	assert_int_equal(flow->wait, FLOW_WAIT_NOTHING);
	flow_schedule(flow);
	flow_schedule(flow);
	assert_int_equal(flow->wait, FLOW_WAIT_TURN);
	assert_ptr_equal(fixture.nat.flows.turn.next, &flow->turn);
	assert_ptr_equal(fixture.nat.flows.turn.next->next, &fixture.nat.flows.turn);
	flow_wait_room(flow, &fixture.one, 0);
	assert_int_equal(flow->wait, FLOW_WAIT_ROOM);
	assert_true(list_empty(&fixture.nat.flows.turn));
	port_room_returned(&fixture.one, 0);
	assert_int_equal(flow->wait, FLOW_WAIT_TURN);
	assert_true(list_empty(&fixture.one.waiters[0]));
	/* something else wakes it while it waits */
	flow_wait_room(flow, &fixture.one, 0);
	flow_schedule(flow);
	assert_int_equal(flow->wait, FLOW_WAIT_TURN);
	assert_true(list_empty(&fixture.one.waiters[0]));
	flow_free(flow);
	assert_true(list_empty(&fixture.nat.flows.turn));
	flow = make(2, &fixture.one);
	flow_wait_room(flow, NULL, 0); /* nobody would call it */
	assert_int_equal(flow->wait, FLOW_WAIT_TURN);
	flow_wait_room(flow, &fixture.one, 0);
	flow_free(flow);
	assert_true(list_empty(&fixture.one.waiters[0]));
}

/* Others come and go in between; those that stay are told once, whatever the size of the parts. */
static void flows_are_told_in_parts_each_once(void **state)
{
	(void)state;
	for (size_t most = 1; most <= FLOWS; most++) {
		struct flow *flows[FLOWS - 1];
		uint8_t seen[200] = {0};
		size_t at = 0, parts = 0;

		for (uint16_t i = 0; i < FLOWS - 1; i++)
			flows[i] = make((uint16_t)(1 + i), &fixture.one);
		do {
			at = flow_each(&fixture.nat.flows, at, most, on_flow, seen);
			flow_free(make((uint16_t)(100 + parts++), &fixture.one));
			assert_true(parts <= FLOWS * 4);
		} while (at);
		for (uint16_t i = 0; i < FLOWS - 1; i++) {
			assert_int_equal(seen[1 + i], 1);
			flow_free(flows[i]);
		}
		assert_true(most < FLOWS || parts == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flow_is_found_by_its_addresses_until_it_is_freed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_part_of_a_key_tells_flows_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_table_gives_up_what_is_missed_least_and_the_oldest_of_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_guest_has_its_share_of_a_table_that_another_has_filled, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(who_holds_more_than_its_share_takes_nothing_from_who_holds_less, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_some_connections_are_looked_at_and_each_in_its_turn, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_guest_that_moves_takes_its_share_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flow_without_a_descriptor_takes_anothers_and_not_its_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_its_port_mac_and_vlan_own_a_flow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(flows_are_told_in_parts_each_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_port_that_goes_takes_its_flows_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_guest_that_moves_takes_its_flows_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flow_stands_once_on_one_list_that_wakes_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
