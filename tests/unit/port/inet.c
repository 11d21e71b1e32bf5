/* SPDX-License-Identifier: MIT */
/* TCP addresses as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "port/inet.h"

static const struct {
	const char *text;
	const char *formatted; /* NULL: refused */
} rows[] = {
	{"4000", "127.0.0.1:4000"},
	{"0", "127.0.0.1:0"},
	{":4000", "127.0.0.1:4000"},
	{"65535", "127.0.0.1:65535"},
	{"65536", NULL},
	{"", NULL},
	{"x", NULL},
	{"-1", NULL},
	{"40 00", NULL},
	{"0.0.0.0:1", "0.0.0.0:1"},
	{"localhost:80", "127.0.0.1:80"},
	{"[::1]:4000", "[::1]:4000"},
	{"[::]:0", "[::]:0"},
	{"::1:4000", NULL},
	{"[::1]", NULL},
	{"[]:1", "127.0.0.1:1"},
	{"host.example:1", NULL},
	{"1.2.3.4:", NULL},
	{"1.2.3.400:1", NULL},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1", NULL},
};

static void addresses_are_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage address;
		char text[INET_TEXT_BYTES];
		struct error error;
		socklen_t length;
		int code = inet_address_parse("tcp", rows[i].text, &address, &length, &error);

		if (code != (rows[i].formatted ? 0 : -EINVAL))
			fail_msg("'%s': %d", rows[i].text, code);
		if (code < 0) {
			assert_memory_equal(error.text, "tcp=", 4);
			continue;
		}
		inet_address_format(&address, text);
		assert_string_equal(text, rows[i].formatted);
	}
}

static void what_is_no_address_is_no_text(void **state)
{
	struct sockaddr_storage address = {.ss_family = AF_UNIX};
	char text[INET_TEXT_BYTES] = "x";

	(void)state;
	inet_address_format(&address, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(what_is_no_address_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
