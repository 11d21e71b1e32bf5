/* SPDX-License-Identifier: MIT */
/* resolv.conf(5) as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "service/resolvconf.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Servers and search names with a blank behind each. */
static const struct conf_row {
	const char *what;
	const char *text;
	const char *servers;
	const char *search;
	unsigned ndots, timeout_s;
} conf_rows[] = {
	{"nothing", "", "", "", 1, 5},
	{"one server", "nameserver 192.0.2.1\n", "192.0.2.1 ", "", 1, 5},
	{"no newline at the end", "nameserver 192.0.2.1", "192.0.2.1 ", "", 1, 5},
	{"tabs and carriage returns", "\tnameserver\t192.0.2.1 \r\n", "192.0.2.1 ", "", 1, 5},
	{"both families", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n", "192.0.2.1 2001:db8::1 ", "", 1, 5},
	{"link-local with its interface", "nameserver fe80::1%eth0\n", "fe80::1%eth0 ", "", 1, 5},
	{"link-local without", "nameserver fe80::1\n", "", "", 1, 5},
	{"an empty scope", "nameserver fe80::1%\n", "", "", 1, 5},
	{"a long scope", "nameserver fe80::1%aninterfacethatislong\n", "", "", 1, 5},
	{"comments", "# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver 192.0.2.3 # here\n", "192.0.2.3 ", "",
	 1, 5},
	{"no addresses", "nameserver\nnameserver example.org\nnameserver 1.2.3\nnameserver 1:2\n", "", "", 1, 5},
	{"more than fit",
	 "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n"
	 "nameserver 1.1.1.5\n",
	 "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 ", "", 1, 5},
	{"search", "search example.org corp.example.org.\n", "", "example.org corp.example.org ", 1, 5},
	{"the last one counts", "search example.org\ndomain example.net more.net\n", "", "example.net ", 1, 5},
	{"names that are none", "search a..b example.org\n", "", "example.org ", 1, 5},
	{"options", "options rotate ndots:3 timeout:2 attempts:9\n", "", "", 3, 2},
	{"options beyond their limits", "options ndots:99 timeout:4294967297\n", "", "", 15, 30},
	{"options that are none", "options ndots: ndots:x timeout\n", "", "", 1, 5},
	{"other words", "sortlist 1.2.3.4\nnameservers 1.2.3.4\n", "", "", 1, 5},
};

static void conf_describe(const struct resolvconf *conf, char *servers, char *search)
{
	servers[0] = search[0] = '\0';
	for (size_t i = 0; i < conf->server_count; i++) {
		const struct resolvconf_server *server = &conf->servers[i];
		char text[IP6_TEXT_BYTES];

		strncat(servers, server->is6 ? ip6_format(server->ip6, text) : ip4_format(server->ip4, text), 64);
		strncat(servers, server->scope[0] ? "%" : "", 2);
		strncat(servers, server->scope, 32);
		strncat(servers, " ", 2);
	}
	for (size_t i = 0; i < conf->search.count; i++) {
		strncat(search, conf->search.name[i], 256);
		strncat(search, " ", 2);
	}
}

static void texts_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(conf_rows); i++) {
		const struct conf_row *row = &conf_rows[i];
		size_t bytes = strlen(row->text);
		char *text = malloc(bytes ? bytes : 1); /* to the byte, for the sanitizer */
		char servers[512], search[4096];
		struct resolvconf conf;

		print_message("%s\n", row->what);
		memcpy(text, row->text, bytes);
		resolvconf_parse(text, bytes, &conf);
		conf_describe(&conf, servers, search);
		assert_string_equal(servers, row->servers);
		assert_string_equal(search, row->search);
		assert_int_equal(conf.ndots, row->ndots);
		assert_int_equal(conf.timeout_s, row->timeout_s);
		free(text);
	}
}

static void bytes_that_are_no_text_are_passed_over(void **state)
{
	static const char text[] = "nameserver 1.1.1.1\0x\nsearch a\0b\nnameserver 1.1.1.2\n";
	struct resolvconf conf;

	(void)state;
	resolvconf_parse(text, sizeof(text) - 1, &conf);
	assert_int_equal(conf.server_count, 1);
	assert_int_equal(conf.servers[0].ip4.byte[3], 2);
	assert_int_equal(conf.search.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_understood),
		cmocka_unit_test(bytes_that_are_no_text_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
