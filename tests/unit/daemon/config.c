/* SPDX-License-Identifier: MIT */
/* The configuration file: what each form becomes, and the exact words of each refusal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "daemon/config.h"

/* The whole of a configuration in one line, to compare with. */
static void write_list(char *text, size_t room, const char *what, const struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		snprintf(text + strlen(text), room - strlen(text), "%s=%s;", what, list->items[i].text);
}

static const char *summary(const struct config *config, char *text, size_t room)
{
	text[0] = '\0';
	if (config->name)
		snprintf(text, room, "name=%s;", config->name);
	if (config->uplink.text)
		snprintf(text + strlen(text), room - strlen(text), "uplink=%s;", config->uplink.text);
	if (config->state_dir)
		snprintf(text + strlen(text), room - strlen(text), "state=%s;", config->state_dir);
	write_list(text, room, "guest", &config->guests);
	write_list(text, room, "host", &config->dhcp_hosts);
	write_list(text, room, "forward", &config->forwards);
	return text;
}

static const struct {
	const char *yaml, *wanted;
} good[] = {
	{"name: lab", "name=lab;"},
	{"{}", ""},
	{"---\nname: lab\n...\n# no more\n", "name=lab;"},
	{"uplink: none", "uplink=none;"},
	{"uplink: none,net=10.1.0.0/24", "uplink=none,net=10.1.0.0/24;"},
	{"uplink: {kind: none, net: 10.1.0.0/24}", "uplink=none,net=10.1.0.0/24;"},
	{"uplink:\n  net: 10.1.0.0/24\n  mtu: 1400\n", "uplink=user,net=10.1.0.0/24,mtu=1400;"},
	{"uplink: {dns: [1.1.1.1, 9.9.9.9], kind: none}", "uplink=none,dns=1.1.1.1,dns=9.9.9.9;"},
	{"uplink: {ipv6-net: 'fd00::/64'}", "uplink=user,ipv6-net=fd00::/64;"},
	{"guests:\n  - stream,path=/x\n  - {kind: stream, path: /y, name: vm1}\n",
	 "guest=stream,path=/x;guest=stream,path=/y,name=vm1;"},
	{"guests: [{path: '/a,b', kind: dgram}]", "guest=dgram,path=/a,,b;"},
	{"guests: [{kind: stream, addr.type: unix}]", "guest=stream,addr.type=unix;"},
	{"guests: [{kind: stream, path: /x, isolated: true}]", "guest=stream,path=/x,isolated=true;"},
	{"guests: []", ""},
	{"dhcp-hosts:\n  - 52:54:00:00:00:09,10.9.0.77,web\n", "host=52:54:00:00:00:09,10.9.0.77,web;"},
	{"dhcp-hosts: [{name: web, ip: 10.9.0.77, mac: '52:54:00:00:00:09'}]", "host=52:54:00:00:00:09,10.9.0.77,web;"},
	{"dhcp-hosts: [{ip: 10.9.0.77, mac: '52:54:00:00:00:09'}]", "host=52:54:00:00:00:09,10.9.0.77;"},
	{"forwards:\n  - 2222:vm1:22\n  - 127.0.0.1:8080:80/udp\n",
	 "forward=2222:vm1:22;forward=127.0.0.1:8080:80/udp;"},
	{"forwards: ['[::1]:53:53/udp', 8000-8010:80-90]", "forward=[::1]:53:53/udp;forward=8000-8010:80-90;"},
	{"state-dir: /var/lib/guestwire", "state=/var/lib/guestwire;"},
	{"guests: [&a {kind: stream, path: /x}, *a]", "guest=stream,path=/x;guest=stream,path=/x;"},
	{"name: &n lab\nstate-dir: *n\n", "name=lab;state=lab;"},
};

static const struct {
	const char *yaml, *text;
} bad[] = {
	{"forwards:\n  - 2222: 22\n",
	 "f.yaml:2:5: forwards: each must be one word, as 2222:vm1:22 is; without a blank behind a colon"},
	{"forwards: 2222:22", "f.yaml:1:11: forwards: must be a list"},
	{"", "f.yaml: empty; known keys are name, uplink, guests, dhcp-hosts, forwards, state-dir"},
	{"# nothing\n", "f.yaml: empty; known keys are name, uplink, guests, dhcp-hosts, forwards, state-dir"},
	{"- a", "f.yaml:1:1: must be a map; known keys are name, uplink, guests, dhcp-hosts, forwards, state-dir"},
	{"lab", "f.yaml:1:1: must be a map; known keys are name, uplink, guests, dhcp-hosts, forwards, state-dir"},
	{"name: lab\ngests: []\n",
	 "f.yaml:2:1: unknown key gests: known are name, uplink, guests, dhcp-hosts, forwards, state-dir"},
	{"name: a\nname: b\n", "f.yaml:2:1: the key name: stands here twice"},
	{"guests: [{kind: stream, path: /a, path: /b}]", "f.yaml:1:35: the key path: stands here twice"},
	{"uplink:\n  net: 10.0.0.0/24\n  net: 10.1.0.0/24\n", "f.yaml:3:3: the key net: stands here twice"},
	{"dhcp-hosts:\n- {mac: a, ip: b, mac: c}\n", "f.yaml:2:19: the key mac: stands here twice"},
	{"name: [a]", "f.yaml:1:7: name: must be one word, not a list or a map"},
	{"name:", "f.yaml:1:6: name: has no value"},
	{"name: 'a b'", "f.yaml:1:7: network name a b: letters, digits, '_' and '-' only, and no '-' in front"},
	{"name: ../x", "f.yaml:1:7: network name ../x: letters, digits, '_' and '-' only, and no '-' in front"},
	{"name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "f.yaml:1:7: network name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…: longer than 32 characters"},
	{"name: \"a\\0b\"", "f.yaml:1:7: name: holds a NUL character"},
	{"state-dir: {}", "f.yaml:1:12: state-dir: must be one word, not a list or a map"},
	{"uplink: [none]", "f.yaml:1:9: uplink: must be one word, not a list or a map"},
	{"uplink: {net: {a: b}}", "f.yaml:1:15: net: must be one word, not a list or a map"},
	{"uplink: {dns: []}", "f.yaml:1:15: dns: an empty list"},
	{"uplink: {'a=b': c}", "f.yaml:1:10: bad key a=b: letters, digits, '-', '_' and '.' only"},
	{"uplink: {[a]: c}", "f.yaml:1:10: a key: must be one word, not a list or a map"},
	{"uplink: {kind: {}}", "f.yaml:1:16: kind: must be one word, not a list or a map"},
	{"guests: stream", "f.yaml:1:9: guests: must be a list"},
	{"guests:\n  - path: /x\n", "f.yaml:2:5: a guest without a kind: as in {kind: stream, path: /run/vm.sock}"},
	{"guests:\n  - kind: stream\n    path:\n", "f.yaml:3:10: path: has no value"},
	{"guests: [[a]]", "f.yaml:1:10: guests: must be one word, not a list or a map"},
	{"guests: &a [*a]", "f.yaml:1:9: guests: must be one word, not a list or a map"},
	{"dhcp-hosts: {}", "f.yaml:1:13: dhcp-hosts: must be a list"},
	{"dhcp-hosts: [{mac: a}]", "f.yaml:1:14: dhcp-hosts: each needs mac and ip"},
	{"dhcp-hosts: [{mac: a, ip: b, colour: red}]", "f.yaml:1:30: unknown key colour: known are mac, ip, name"},
	{"dhcp-hosts: [{mac: 'a,b', ip: c}]", "f.yaml:1:15: mac a,b: a comma does not belong there"},
	{"name: lab\n\tbad", "f.yaml:2:1: not YAML: found a tab character that violates indentation"},
	{"name: lab\n---\nname: other\n", "f.yaml:3:1: a second document; a file has one"},
	{"name: lab\n...\n]\n", "f.yaml:3:1: not YAML: did not find expected <document start>"},
	{"name: [", "f.yaml:2:1: not YAML: did not find expected node content"},
	{"name: lab\n# caf\xe9 x\n", "f.yaml:2:7: not YAML: invalid trailing UTF-8 octet"},
	{"name: lab\n\nuplink: \033[2J", "f.yaml:3:9: not YAML: control characters are not allowed"},
};

static void each_good_file_becomes_what_the_command_line_would_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct config config;
		struct error error = {0};
		char text[1000];

		config_init(&config);
		if (config_parse(&config, good[i].yaml, strlen(good[i].yaml), "f.yaml", &error) < 0)
			fail_msg("%s: %s", good[i].yaml, error.text);
		assert_string_equal(summary(&config, text, sizeof(text)), good[i].wanted);
		config_done(&config);
	}
}

static void each_bad_file_is_refused_by_line_and_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config config;
		struct error error = {0};
		char text[1000];

		config_init(&config);
		assert_int_equal(config_parse(&config, bad[i].yaml, strlen(bad[i].yaml), "f.yaml", &error), -EINVAL);
		assert_string_equal(error.text, bad[i].text);
		assert_string_equal(summary(&config, text, sizeof(text)), "");
		config_done(&config);
	}
}

static void what_was_given_before_the_file_stays(void **state)
{
	static const char yaml[] = "name: lab\nuplink: none,mtu=9000\nguests: [stream,path=/b]\n";
	struct config config;
	char text[1000];

	(void)state;
	config_init(&config);
	assert_int_equal(config_set(&config.name, "mine"), 0);
	assert_int_equal(config_add(&config.guests, "stream,path=/a", NULL, NULL), 0);
	/* In a flow list a comma separates: these are two guests, as YAML has it. */
	assert_int_equal(config_parse(&config, yaml, sizeof(yaml) - 1, "f.yaml", NULL), 0);
	assert_string_equal(summary(&config, text, sizeof(text)),
			    "name=mine;uplink=none,mtu=9000;guest=stream,path=/a;guest=stream;guest=path=/b;");
	config_done(&config);
}

static void each_item_knows_its_place(void **state)
{
	static const char yaml[] = "uplink:\n  mtu: 9000\nguests:\n  - stream,path=/b\n";
	struct config config;

	(void)state;
	config_init(&config);
	assert_int_equal(config_parse(&config, yaml, sizeof(yaml) - 1, "dir/f.yaml", NULL), 0);
	assert_string_equal(config.uplink.origin, "dir/f.yaml:2:3");
	assert_string_equal(config.guests.items[0].origin, "dir/f.yaml:4:5");
	config_done(&config);
}

static void a_list_and_a_file_have_bounds(void **state)
{
	char *bytes = malloc(CONFIG_FILE_BYTES + 1);
	struct error error = {0};
	struct config config;

	(void)state;
	assert_non_null(bytes);
	config_init(&config);
	for (int i = 0; i < CONFIG_GUESTS_MAX; i++)
		assert_int_equal(config_add(&config.guests, "tap", NULL, &error), 0);
	assert_int_equal(config_add(&config.guests, "tap", "f.yaml:1:1", &error), -EINVAL);
	assert_string_equal(error.text, "f.yaml:1:1: tap: more than 1024 of its kind");
	memset(bytes, '#', CONFIG_FILE_BYTES + 1);
	assert_int_equal(config_parse(&config, bytes, CONFIG_FILE_BYTES + 1, "f.yaml", &error), -EINVAL);
	assert_string_equal(error.text, "f.yaml: longer than 262144 bytes");
	config_done(&config);
	free(bytes);
}

static void a_word_too_long_for_a_spec_is_refused(void **state)
{
	char yaml[6000] = "guests:\n  - kind: stream\n    path: ";
	struct error error = {0};
	struct config config;

	(void)state;
	memset(yaml + strlen(yaml), 'x', 5000);
	config_init(&config);
	assert_int_equal(config_parse(&config, yaml, strlen(yaml), "f.yaml", &error), -EINVAL);
	assert_string_equal(error.text, "f.yaml:3:11: path: too long");
	config_done(&config);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct error error = {0};
	struct config config;

	(void)state;
	config_init(&config);
	assert_int_equal(config_load(&config, "/nonexistent/f.yaml", &error), -ENOENT);
	assert_string_equal(error.text, "/nonexistent/f.yaml: No such file or directory; "
					"give a configuration that can be read");
	assert_true(config_load(&config, "/", &error) < 0);
	config_done(&config);
}

static void names_are_checked(void **state)
{
	static const char *const fine[] = {"a", "lab", "Lab-1_x", "_x", "12345678901234567890123456789012"};
	static const char *const wrong[] = {"",         "a.b", "..",
					    "-x",       "a/b", "a b",
					    "\xc3\xa4", "a\n", "123456789012345678901234567890123"};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_int_equal(config_check_name(fine[i], NULL), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(config_check_name(wrong[i], NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_good_file_becomes_what_the_command_line_would_be),
		cmocka_unit_test(each_bad_file_is_refused_by_line_and_word),
		cmocka_unit_test(what_was_given_before_the_file_stays),
		cmocka_unit_test(each_item_knows_its_place),
		cmocka_unit_test(a_list_and_a_file_have_bounds),
		cmocka_unit_test(a_word_too_long_for_a_spec_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
