/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "fabric/port.h"
#include "unit/fabric/record_port.h"

static struct ethswitch *ethswitch;
static struct record_port record;
static unsigned first_drops, observed_drops, works;

static void on_first_drop(void *owner, struct port *port, enum drop_reason reason)
{
	(void)owner;
	assert_ptr_equal(port, &record.port);
	assert_int_equal(reason, DROP_QUEUE_FULL);
	first_drops++;
}

static void on_drop(void *owner, struct port *port, enum drop_reason reason, const struct frame *frame)
{
	(void)owner;
	(void)port;
	(void)reason;
	assert_null(frame);
	observed_drops++;
}

static void on_work(void *owner)
{
	(void)owner;
	works++;
}

static int start(void **state)
{
	struct ethswitch_config config = {.mtu_bytes = 1500, .on_first_drop = on_first_drop, .on_work = on_work};

	(void)state;
	first_drops = observed_drops = works = 0;
	assert_int_equal(ethswitch_new(&config, &ethswitch), 0);
	record_port_init(&record, "record");
	ethswitch_attach(ethswitch, &record.port);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	ethswitch_detach(&record.port);
	record_port_clear(&record);
	ethswitch_free(ethswitch);
	return 0;
}

static void a_long_name_is_cut(void **state)
{
	struct port port;
	char name[200];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[199] = 0;
	port_init(&port, &record_ops, name);
	assert_int_equal(strlen(port.name), PORT_NAME_BYTES - 1);
}

static void drops_are_counted_observed_and_the_first_is_told(void **state)
{
	struct observer observer = {.on_drop = on_drop};

	(void)state;
	port_drop(&record.port, DROP_QUEUE_FULL, NULL);
	ethswitch_observe(ethswitch, &observer);
	port_drop(&record.port, DROP_QUEUE_FULL, NULL);
	ethswitch_observe(ethswitch, NULL);
	port_drop(&record.port, DROP_QUEUE_FULL, NULL);
	assert_int_equal(record.port.counters.drops.count[DROP_QUEUE_FULL], 3);
	assert_int_equal(first_drops, 1);
	assert_int_equal(observed_drops, 1);
}

static void a_port_without_a_switch_still_counts(void **state)
{
	(void)state;
	ethswitch_detach(&record.port);
	port_drop(&record.port, DROP_PORT_CLOSED, NULL);
	port_schedule(&record.port);
	assert_int_equal(record.port.counters.drops.count[DROP_PORT_CLOSED], 1);
	assert_int_equal(first_drops + works, 0);
}

static unsigned runs;

static void run_again(struct record_port *from)
{
	if (++runs < 3)
		port_schedule(&from->port);
}

static void a_port_that_schedules_itself_runs_in_the_next_round(void **state)
{
	(void)state;
	runs = 0;
	record.on_run = run_again;
	assert_false(ethswitch_run(ethswitch));
	port_schedule(&record.port);
	port_schedule(&record.port);
	assert_int_equal(works, 1);
	assert_true(ethswitch_run(ethswitch));
	assert_int_equal(runs, 1);
	assert_true(ethswitch_run(ethswitch));
	assert_false(ethswitch_run(ethswitch));
	assert_int_equal(runs, 3);
}

/* A producer that may take room, ask again, leave others' places or end the port. */
struct producer {
	struct port_waiter waiter;
	char name;
	bool again;
	struct producer *leaves;
	bool detaches;
};

static char called[64];
static struct port *told;

static void on_room(void *owner, struct port *port)
{
	struct producer *producer = owner;

	strncat(called, &producer->name, 1);
	told = port;
	if (producer->leaves)
		port_unwait(&producer->leaves->waiter);
	if (producer->detaches)
		ethswitch_detach(port);
	else if (producer->again)
		port_wait(port, 0, &producer->waiter, on_room, producer);
}

static struct producer one, two, three;

static void line_up(void)
{
	called[0] = 0;
	one = (struct producer){.name = '1'};
	two = (struct producer){.name = '2'};
	three = (struct producer){.name = '3'};
	port_wait(&record.port, 0, &one.waiter, on_room, &one);
	port_wait(&record.port, 0, &two.waiter, on_room, &two);
	port_wait(&record.port, 0, &three.waiter, on_room, &three);
}

static void waiters_are_called_once_and_in_order(void **state)
{
	(void)state;
	line_up();
	port_room_returned(&record.port, 0);
	port_room_returned(&record.port, 0);
	assert_string_equal(called, "123");
}

static void those_who_wait_again_take_turns_at_being_first(void **state)
{
	(void)state;
	line_up();
	one.again = two.again = three.again = true;
	for (int i = 0; i < 4; i++)
		port_room_returned(&record.port, 0);
	assert_string_equal(called, "123231312123");
	port_unwait(&one.waiter);
	port_unwait(&two.waiter);
	port_unwait(&three.waiter);
	port_unwait(&three.waiter);
}

static void a_waiter_may_take_another_off_the_list(void **state)
{
	(void)state;
	line_up();
	one.leaves = &two;
	port_room_returned(&record.port, 0);
	assert_string_equal(called, "13");
}

static void a_waiter_waits_at_one_port_only(void **state)
{
	(void)state;
	line_up();
	port_wait(&record.port, 0, &one.waiter, on_room, &one);
	port_room_returned(&record.port, 0);
	assert_string_equal(called, "231");
}

static void each_queue_has_waiters_of_its_own(void **state)
{
	(void)state;
	line_up();
	port_wait(&record.port, 7, &two.waiter, on_room, &two);
	port_room_returned(&record.port, 0);
	assert_string_equal(called, "13");
	port_room_returned(&record.port, 7);
	assert_string_equal(called, "132");
	line_up();
	port_wait(&record.port, 7, &one.waiter, on_room, &one);
	ethswitch_detach(&record.port);
	assert_string_equal(called, "231");
}

static void waiters_of_a_port_that_goes_are_told_so(void **state)
{
	(void)state;
	line_up();
	ethswitch_detach(&record.port);
	assert_string_equal(called, "123");
	assert_null(told->ethswitch);
}

static void a_port_may_go_while_its_waiters_are_called(void **state)
{
	(void)state;
	line_up();
	one.detaches = true;
	port_room_returned(&record.port, 0);
	assert_string_equal(called, "123");
	assert_null(record.port.ethswitch);
}

static void a_room_is_written_across_its_pieces(void **state)
{
	static const uint8_t text[] = "across all the pieces";
	uint8_t memory[64];
	struct iovec pieces[] = {{memory, 1}, {memory + 10, 0}, {memory + 20, 5}, {memory + 30, 15}};
	struct room room = {.pieces = pieces, .piece_count = 4, .bytes = 21};

	(void)state;
	for (uint32_t from = 0; from <= 21; from++) {
		memset(memory, '.', sizeof(memory));
		room_write(&room, 0, text, from);
		room_write(&room, from, text + from, 21 - from);
		assert_int_equal(memory[0], 'a');
		assert_memory_equal(memory + 20, text + 1, 5);
		assert_memory_equal(memory + 30, text + 6, 15);
		assert_true(memory[1] == '.' && memory[25] == '.' && memory[45] == '.');
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
	const struct CMUnitTest tests[] = {
		TEST(a_long_name_is_cut),
		TEST(drops_are_counted_observed_and_the_first_is_told),
		TEST(a_port_without_a_switch_still_counts),
		TEST(a_port_that_schedules_itself_runs_in_the_next_round),
		TEST(waiters_are_called_once_and_in_order),
		TEST(those_who_wait_again_take_turns_at_being_first),
		TEST(a_waiter_may_take_another_off_the_list),
		TEST(a_waiter_waits_at_one_port_only),
		TEST(each_queue_has_waiters_of_its_own),
		TEST(waiters_of_a_port_that_goes_are_told_so),
		TEST(a_port_may_go_while_its_waiters_are_called),
		TEST(a_room_is_written_across_its_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
