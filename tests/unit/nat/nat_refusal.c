/* SPDX-License-Identifier: MIT */
/* What is no protocol of ours, and what the guest is told of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "unit/nat/world.h"

/* A destination option, which is padding, before the protocol. */
static void guest_sends_behind_options(struct world *world, uint8_t protocol)
{
	struct guest_packet packet = {.from = GUEST6, .to = FAR6, .protocol = IP_PROTOCOL_DESTINATION};
	uint8_t bytes[24] = {protocol, 0, 1, 4};

	guest_add(world, &packet, bytes, sizeof(bytes));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_IP6_NEXT_HEADER);
}

static void an_unknown_next_header_is_pointed_at(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST6, .to = FAR6, .protocol = 253};
	struct icmp_header header;
	uint8_t bytes[8] = {0};

	guest_add(world, &packet, bytes, sizeof(bytes));
	guest_send(world);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.type, ICMP6_PARAMETER);
	assert_int_equal(header.code, 1);
	assert_int_equal(header.rest, IP6_NEXT_HEADER_AT);
	/* where the last of the headers before it says so (RFC 4443 3.4) */
	guest_sends_behind_options(world, 253);
	guest_got_error(world, 1, &header);
	assert_int_equal(header.rest, IP6_HEADER_BYTES);
}

/* RFC 8200 4.7 */
static void that_nothing_follows_is_no_mistake(void **state)
{
	struct world *world = *state;

	guest_sends_behind_options(world, IP_PROTOCOL_NONE);
	assert_int_equal(world->guest->count, 0);
}

static void ipv4s_protocol_is_unreachable(void **state)
{
	struct world *world = *state;
	struct guest_packet packet = {.from = GUEST, .to = FAR, .protocol = 253};
	struct icmp_header header;
	uint8_t bytes[8] = {0};

	guest_add(world, &packet, bytes, sizeof(bytes));
	guest_send(world);
	assert_int_equal(world->last_drop, DROP_IP4_PROTOCOL);
	guest_got_error(world, 0, &header);
	assert_int_equal(header.type, ICMP4_UNREACHABLE);
	assert_int_equal(header.code, ICMP4_UNREACHABLE_PROTOCOL);
}

#define scripted(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scripted(an_unknown_next_header_is_pointed_at),
		scripted(that_nothing_follows_is_no_mistake),
		scripted(ipv4s_protocol_is_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
