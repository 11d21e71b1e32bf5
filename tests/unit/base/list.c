/* SPDX-License-Identifier: MIT */
/* The intrusive list. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
	int number;
	struct list link;
};

static void items_come_out_in_their_order(void **state)
{
	struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 0}};
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	list_append(&head, &items[0].link);
	list_append(&head, &items[1].link);
	list_prepend(&head, &items[2].link);
	for (int i = 0; i < 3; i++)
		assert_int_equal(container_of(list_take(&head), struct item, link)->number, i);
	assert_null(list_take(&head));
}

static void removing_twice_is_legal(void **state)
{
	struct item items[2] = {0};
	struct list head;

	(void)state;
	list_init(&head);
	list_append(&head, &items[0].link);
	list_append(&head, &items[1].link);
	list_remove(&items[0].link);
	list_remove(&items[0].link);
	assert_ptr_equal(head.next, &items[1].link);
	assert_true(list_empty(&items[0].link));
}

static void a_safe_walk_may_remove_where_it_stands(void **state)
{
	struct item items[4] = {0};
	struct list head;
	int seen = 0;

	(void)state;
	list_init(&head);
	for (size_t i = 0; i < 4; i++)
		list_append(&head, &items[i].link);
	list_for_each_safe (at, &head) {
		seen++;
		list_remove(at);
	}
	assert_int_equal(seen, 4);
	assert_true(list_empty(&head));
}

static void all_of_a_list_go_behind_another_in_their_order(void **state)
{
	struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
	struct list head, from;

	(void)state;
	for (size_t here = 0; here <= 4; here++) {
		list_init(&head);
		list_init(&from);
		for (size_t i = 0; i < 4; i++)
			list_append(i < here ? &head : &from, &items[i].link);
		list_append_all(&head, &from);
		assert_true(list_empty(&from));
		assert_ptr_equal(head.previous, &items[3].link);
		for (int i = 0; i < 4; i++)
			assert_int_equal(container_of(list_take(&head), struct item, link)->number, i);
		assert_true(list_empty(&head));
	}
	list_append_all(&head, &from);
	assert_true(list_empty(&head) && list_empty(&from));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_out_in_their_order),
		cmocka_unit_test(removing_twice_is_legal),
		cmocka_unit_test(all_of_a_list_go_behind_another_in_their_order),
		cmocka_unit_test(a_safe_walk_may_remove_where_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
