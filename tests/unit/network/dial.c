/* SPDX-License-Identifier: MIT */
/* Asking whether a guest accepts connections: what becomes of it, and when, with a guest that is a function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "unit/network/answerer.h"

enum { STEP_US = 10 * 1000 };

struct fixture {
	struct kit kit;
	struct answerer vm;
	struct gw_dial *dial;
	int outcome; /* 1: none yet */
	unsigned outcomes;
	uint64_t begun_us, done_us;
};

static void on_done(void *owner, int error)
{
	struct fixture *fixture = owner;

	fixture->outcomes++;
	fixture->outcome = error;
	fixture->done_us = fixture->kit.now_us;
	gw_dial_free(fixture->dial);
	fixture->dial = NULL;
}

static struct fixture *begin(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	kit_new(&fixture->kit, "user,ipv6=off");
	answerer_init(&fixture->vm, &fixture->kit, 15);
	fixture->outcome = 1;
	return fixture;
}

static void end(struct fixture *fixture)
{
	assert_true(fixture->outcomes <= 1);
	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->vm.guest);
	free(fixture);
}

static void ask(struct fixture *fixture, const char *guest, uint64_t timeout_us)
{
	fixture->begun_us = fixture->kit.now_us;
	assert_int_equal(gw_dial_new(fixture->kit.network, guest, 22, timeout_us, on_done, fixture, &fixture->dial), 0);
	assert_int_equal(fixture->outcome, 1);
}

static void pass(struct fixture *fixture, uint64_t us)
{
	for (uint64_t end_us = fixture->kit.now_us + us; fixture->kit.now_us < end_us && fixture->outcome == 1;)
		kit_pass(&fixture->kit, STEP_US);
}

/* How long it took. */
static uint64_t outcome(struct fixture *fixture, int wanted)
{
	pass(fixture, 60 * 1000 * 1000);
	assert_int_equal(fixture->outcome, wanted);
	return fixture->done_us - fixture->begun_us;
}

static void a_guest_that_accepts_is_hung_up_on_at_once(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	answerer_join(&fixture->vm, "vm1");
	ask(fixture, "10.0.2.15", 5000 * 1000);
	assert_in_range(outcome(fixture, 0), 0, 2 * STEP_US);
	kit_pass(&fixture->kit, STEP_US);
	assert_int_equal(fixture->vm.syns, 1);
	assert_int_equal(fixture->vm.fins, 1);
	assert_int_equal(fixture->vm.called_port, 22);
	assert_memory_equal(&fixture->vm.caller, &KIT_GATEWAY, 4);
	assert_true(fixture->vm.caller_port >= 49152);
	end(fixture);
}

static void a_guest_that_refuses_is_asked_until_it_accepts(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	answerer_join(&fixture->vm, "vm1");
	fixture->vm.mood = ANSWERER_REFUSES;
	ask(fixture, "", 5000 * 1000);
	pass(fixture, 1000 * 1000);
	assert_int_equal(fixture->outcome, 1);
	assert_in_range(fixture->vm.syns, 8, 11);
	fixture->vm.mood = ANSWERER_ACCEPTS;
	assert_in_range(outcome(fixture, 0), 1000 * 1000, 1200 * 1000);
	end(fixture);
}

static void at_the_end_of_patience_the_last_answer_counts(void **state)
{
	static const struct {
		enum answerer_mood mood;
		bool answers_arp;
		int outcome;
	} rows[] = {{ANSWERER_REFUSES, true, -ECONNREFUSED},
		    {ANSWERER_SILENT, true, -ETIMEDOUT},
		    {ANSWERER_ACCEPTS, false, -EHOSTUNREACH}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fixture *fixture = begin();

		answerer_join(&fixture->vm, "vm1");
		fixture->vm.mood = rows[i].mood;
		fixture->vm.answers_arp = rows[i].answers_arp;
		ask(fixture, "10.0.2.15", 4500 * 1000);
		assert_in_range(outcome(fixture, rows[i].outcome), 4500 * 1000, 4500 * 1000 + 2 * STEP_US);
		end(fixture);
	}
}

static void a_name_may_come_later(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	ask(fixture, "vm1", 5000 * 1000);
	pass(fixture, 1000 * 1000);
	fixture->vm.ip = (struct ip4){{10, 0, 2, 15}};
	answerer_join(&fixture->vm, "vm1");
	pass(fixture, 500 * 1000);
	assert_int_equal(fixture->outcome, 1);
	/* a lease gives the port's guest an address */
	fixture->vm.guest.on_frame = NULL;
	fixture->vm.ip = kit_guest_lease(&fixture->vm.guest);
	fixture->vm.guest.on_frame = answerer_on_frame;
	assert_in_range(outcome(fixture, 0), 1500 * 1000, 1700 * 1000);
	end(fixture);
}

static void a_silent_guest_is_called_anew_every_second(void **state)
{
	struct fixture *fixture = begin();

	(void)state;
	answerer_join(&fixture->vm, "vm1");
	fixture->vm.mood = ANSWERER_SILENT;
	ask(fixture, "10.0.2.15", UINT64_MAX);
	pass(fixture, 10 * 1000 * 1000);
	assert_in_range(fixture->vm.syns, 9, 11);
	fixture->vm.mood = ANSWERER_ACCEPTS;
	assert_in_range(outcome(fixture, 0), 10 * 1000 * 1000, 11100 * 1000);
	end(fixture);
}

static void one_that_is_freed_is_not_told(void **state)
{
	static const enum answerer_mood moods[] = {ANSWERER_ACCEPTS, ANSWERER_REFUSES, ANSWERER_SILENT};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int turns = 0; turns < 6; turns++) {
			struct fixture *fixture = begin();

			answerer_join(&fixture->vm, "vm1");
			fixture->vm.mood = moods[i];
			ask(fixture, "10.0.2.15", 5000 * 1000);
			for (int turn = 0; turn < turns && fixture->outcome == 1; turn++)
				assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
			gw_dial_free(fixture->dial);
			if (fixture->outcome == 1)
				kit_pass(&fixture->kit, 6000 * 1000);
			assert_true(fixture->outcome == 1 || (fixture->outcome == 0 && i == 0));
			/* and one that is left goes with its network */
			fixture->outcomes = 0;
			fixture->outcome = 1;
			ask(fixture, "10.0.2.15", 5000 * 1000);
			end(fixture);
		}
	}
}

static void what_cannot_be_is_said_at_once(void **state)
{
	static const struct {
		const char *uplink, *guest;
		uint16_t port;
		int error;
	} rows[] = {{"none", "10.0.2.15", 22, -EOPNOTSUPP},
		    {"user", "10.0.2.15", 0, -EINVAL},
		    {"user", "10.0.3.15", 22, -EINVAL},
		    {"user", "a/b", 22, -EINVAL}};
	struct gw_dial *dial;
	struct kit kit;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		kit_new(&kit, rows[i].uplink);
		assert_int_equal(gw_dial_new(kit.network, rows[i].guest, rows[i].port, 1, on_done, NULL, &dial),
				 rows[i].error);
		kit_done(&kit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_accepts_is_hung_up_on_at_once),
		cmocka_unit_test(a_guest_that_refuses_is_asked_until_it_accepts),
		cmocka_unit_test(at_the_end_of_patience_the_last_answer_counts),
		cmocka_unit_test(a_name_may_come_later),
		cmocka_unit_test(a_silent_guest_is_called_anew_every_second),
		cmocka_unit_test(one_that_is_freed_is_not_told),
		cmocka_unit_test(what_cannot_be_is_said_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
