/* SPDX-License-Identifier: MIT */
/* How a forward that others can reach is kept to oneself, in words that can be pasted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/forwardline.h"
#include "daemon/publish.h"

static void a_forward_is_made_private_with_the_port_that_was_taken(void **state)
{
	static const struct {
		const char *spec, *protocol, *listening, *guest;
		int guest_port;
		const char *text, *back;
	} rows[] = {
		{"tcp::2222-:22", "tcp", "0.0.0.0:2222", "10.0.2.15", 22, "127.0.0.1:2222:22",
		 "tcp:127.0.0.1:2222-:22"},
		{"tcp::0-vm1:22", "tcp", "[::]:41234", "vm1", 22, "127.0.0.1:41234:vm1:22",
		 "tcp:127.0.0.1:41234-vm1:22"},
		{"udp::53-:53", "udp", "0.0.0.0:53", "10.0.2.15", 53, "127.0.0.1:53:53/udp", "udp:127.0.0.1:53-:53"},
		{"tcp::80-[fd00::15]:80", "tcp", "[::]:80", "fd00::15", 80, "127.0.0.1:80:[fd00::15]:80",
		 "tcp:127.0.0.1:80-[fd00::15]:80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *forward = json_pack("{s:s, s:s, s:s, s:s, s:i}", "spec", rows[i].spec, "protocol",
					    rows[i].protocol, "listening", rows[i].listening, "guest", rows[i].guest,
					    "guest_port", rows[i].guest_port);
		char text[200], spec[PUBLISH_SPEC_BYTES];

		assert_string_equal(forwardline_private(forward, 1, text, sizeof(text)), rows[i].text);
		assert_int_equal(publish_spec(text, spec, NULL), 0);
		assert_string_equal(spec, rows[i].back);
		json_decref(forward);
	}
}

static void the_two_families_of_a_port_are_one_line(void **state)
{
	static const char *const listening[] = {"0.0.0.0:80", "[::]:80", "0.0.0.0:81", "[::]:82", "[::]:81"};
	json_t *list = json_array();
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	(void)state;
	for (size_t i = 0; i < sizeof(listening) / sizeof(*listening); i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:b}", "id", 1, "spec",
						      "tcp::80-:80", "protocol", "tcp", "listening", listening[i],
						      "guest", "10.0.2.15", "guest_port", 80, "everywhere", 1));
	json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:s, s:i}", "id", 2, "spec",
					      "tcp:[::1]:83-[fd00::15]:80", "protocol", "tcp", "listening", "[::1]:83",
					      "guest", "fd00::15", "guest_port", 80));
	forwardline_print(list, to);
	fclose(to);
	assert_string_equal(text,
			    "forward tcp *:80 -> 10.0.2.15:80 (others can reach it; -p 127.0.0.1:80:80 keeps it to "
			    "this machine)\n"
			    "forward tcp 0.0.0.0:81 -> 10.0.2.15:80\n"
			    "forward tcp [::]:82 -> 10.0.2.15:80\n"
			    "forward tcp [::]:81 -> 10.0.2.15:80\n"
			    "forward tcp [::1]:83 -> [fd00::15]:80\n");
	free(text);
	json_decref(list);
}

/* {listening, guest's port, everywhere} of TCP to 10.0.2.15, each a rule of its own. */
static void ports_in_a_row_are_one_line(void **state)
{
	static const struct {
		const char *listening;
		int guest_port, everywhere;
	} rows[] = {
		{"0.0.0.0:8000", 80, 1},   {"[::]:8000", 80, 1},         {"0.0.0.0:8001", 81, 1},
		{"[::]:8001", 81, 1},      {"0.0.0.0:8002", 90, 1},      {"[::]:8002", 90, 1},
		{"127.0.0.1:8003", 91, 0}, {"127.0.0.1:8004", 92, 0},    {"0.0.0.0%eth0:8005", 93, 0},
		{"[::]%eth0:8005", 93, 0}, {"0.0.0.0%eth0:8006", 94, 0}, {"[::]%eth0:8006", 94, 0},
	};
	json_t *list = json_array();
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:b}", "id", (int)i / 2, "spec",
						      "tcp::80-:80", "protocol", "tcp", "listening", rows[i].listening,
						      "guest", "10.0.2.15", "guest_port", rows[i].guest_port,
						      "everywhere", rows[i].everywhere));
	for (int i = 0; i < 2; i++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:s, s:i}", "id", 7 + i, "spec",
						      "unix:/s-:80", "protocol", "unix", "listening", i ? "/s:1" : "/s",
						      "guest", "10.0.2.15", "guest_port", 80));
	forwardline_print(list, to);
	fclose(to);
	assert_string_equal(text, "forward tcp *:8000-8001 -> 10.0.2.15:80-81 (others can reach it; -p "
				  "127.0.0.1:8000-8001:80-81 keeps it to this machine)\n"
				  "forward tcp *:8002 -> 10.0.2.15:90 (others can reach it; -p 127.0.0.1:8002:90 keeps "
				  "it to this machine)\n"
				  "forward tcp 127.0.0.1:8003-8004 -> 10.0.2.15:91-92\n"
				  "forward tcp *%eth0:8005-8006 -> 10.0.2.15:93-94\n"
				  "forward unix /s -> 10.0.2.15:80\n"
				  "forward unix /s:1 -> 10.0.2.15:80\n");
	free(text);
	json_decref(list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_families_of_a_port_are_one_line),
		cmocka_unit_test(ports_in_a_row_are_one_line),
		cmocka_unit_test(a_forward_is_made_private_with_the_port_that_was_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
