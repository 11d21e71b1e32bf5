/* SPDX-License-Identifier: MIT */
/* What guestfwd= may say, and what a connection to its target is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "network/guestfwd.h"

static void each_form_of_target_is_read(void **state)
{
	struct guestfwd_list *list = calloc(1, sizeof(*list));
	struct nat_address address = nat_address4((struct ip4){{10, 0, 2, 100}}, 80);
	const struct guestfwd *found;
	struct error error;

	(void)state;
	assert_int_equal(guestfwd_add(list, "tcp:10.0.2.100:80-unix:/run/a-b.sock", &error), 0);
	assert_int_equal(guestfwd_add(list, ":10.0.2.100:81-tcp:127.0.0.1:8080", &error), 0);
	assert_int_equal(guestfwd_add(list, "tcp:[fd00::64]:80-tcp:[::1]:8080", &error), 0);
	assert_int_equal(guestfwd_add(list, "tcp:10.0.2.100:82-cmd:cat - | sort", &error), 0);
	found = guestfwd_find(list, &address);
	assert_ptr_equal(found, &list->items[0]);
	assert_int_equal(found->target.ss_family, AF_UNIX);
	assert_string_equal(((const struct sockaddr_un *)(const void *)&found->target)->sun_path, "/run/a-b.sock");
	assert_int_equal(list->items[1].target.ss_family, AF_INET);
	assert_int_equal(list->items[2].target.ss_family, AF_INET6);
	assert_int_equal(list->items[3].kind, GUESTFWD_COMMAND);
	assert_string_equal(list->items[3].command, "cat - | sort");
	address.port = 83;
	assert_null(guestfwd_find(list, &address));
	free(list);
}

static void what_is_no_guestfwd_is_refused_in_words(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"tcp:10.0.2.100:80", "must be guestfwd=tcp:ADDRESS:PORT-TARGET"},
		{"10.0.2.100:80-unix:/s", "must be guestfwd=tcp:ADDRESS:PORT-TARGET"},
		{"tcp:80-unix:/s", "must be guestfwd=tcp:ADDRESS:PORT-TARGET"},
		{"tcp:10.0.2.100:0-unix:/s", "port 0"},
		{"tcp:10.0.2.100:65536-unix:/s", "PORT in numbers"},
		{"tcp:name:80-unix:/s", "PORT in numbers"},
		{"tcp:10.0.2.100:80-unix:", "no target"},
		{"tcp:10.0.2.100:80-cmd:", "no target"},
		{"tcp:10.0.2.100:80-stdio", "no target"},
		{"tcp:10.0.2.100:80-tcp:name:80", "PORT in numbers"},
		{"tcp:10.0.2.99:80-unix:/t", "have a target already"},
	};
	struct guestfwd_list *list = calloc(1, sizeof(*list));
	struct error error;

	(void)state;
	assert_int_equal(guestfwd_add(list, "tcp:10.0.2.99:80-unix:/s", &error), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(guestfwd_add(list, rows[i].text, &error), -EINVAL);
		if (!strstr(error.text, rows[i].says) || strncmp(error.text, "guestfwd=", 9) != 0)
			fail_msg("%s: %s", rows[i].text, error.text);
	}
	assert_int_equal(list->count, 1);
	free(list);
}

static void a_target_that_is_not_there_is_a_refusal(void **state)
{
	struct guestfwd_list *list = calloc(1, sizeof(*list));
	struct error error;

	(void)state;
	assert_int_equal(guestfwd_add(list, "tcp:10.0.2.99:80-unix:/nowhere/at/all", &error), 0);
	assert_int_equal(guestfwd_connect(&list->items[0]), -ECONNREFUSED);
	free(list);
}

static void a_share_is_at_both_of_its_ports_beside_all_others(void **state)
{
	struct guestfwd_list *list = calloc(1, sizeof(*list));
	struct nat_address address = nat_address4((struct ip4){{10, 0, 2, 4}}, 445);
	char text[64], folder[GUESTFWD_COMMAND_BYTES + 1];
	struct error error;

	(void)state;
	for (int i = 0; i < GUESTFWD_MAX; i++) {
		snprintf(text, sizeof(text), "tcp:10.0.2.4:%d-unix:/s", 430 + i);
		assert_int_equal(guestfwd_add(list, text, &error), 0);
	}
	assert_null(guestfwd_share(list));
	assert_int_equal(guestfwd_add_share(list, (struct ip4){{10, 0, 2, 4}}, "/srv", &error), -EINVAL);
	assert_string_equal(error.text,
			    "smb=/srv: 10.0.2.4 port 445 has a guestfwd= already; choose another smbserver=");
	list->count = GUESTFWD_MAX;
	list->items[445 - 430].address.port = 1;
	assert_int_equal(guestfwd_add_share(list, (struct ip4){{10, 0, 2, 4}}, "/srv", &error), 0);
	assert_string_equal(guestfwd_find(list, &address)->folder, "/srv");
	address.port = 139;
	assert_int_equal(guestfwd_find(list, &address)->kind, GUESTFWD_SHARE);
	assert_ptr_equal(guestfwd_share(list), guestfwd_find(list, &address));
	memset(folder, 'f', sizeof(folder) - 1);
	folder[sizeof(folder) - 1] = '\0';
	assert_int_equal(guestfwd_add_share(list, (struct ip4){{10, 0, 2, 5}}, folder, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than 1023 bytes"));
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_of_target_is_read),
		cmocka_unit_test(what_is_no_guestfwd_is_refused_in_words),
		cmocka_unit_test(a_share_is_at_both_of_its_ports_beside_all_others),
		cmocka_unit_test(a_target_that_is_not_there_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
