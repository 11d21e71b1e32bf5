/* SPDX-License-Identifier: MIT */
/* What a person says of a forward, row by row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "network/forward_spec.h"
#include "network/network.h"
#include "unit/network/kit.h"

static void what_is_right_is_understood(void **state)
{
	static const struct {
		const char *text;
		enum forward_protocol protocol;
		const char *address; /* NULL: none */
		uint16_t port, count;
		const char *path, *guest;
		uint16_t guest_port;
		bool everywhere;
	} rows[] = {
		{"tcp::2222-:22", FORWARD_TCP, NULL, 2222, 1, "", "10.0.2.15", 22, true},
		{"::2222-:22", FORWARD_TCP, NULL, 2222, 1, "", "10.0.2.15", 22, true},
		{"tcp:2222-:22", FORWARD_TCP, NULL, 2222, 1, "", "10.0.2.15", 22, true},
		{"tcp:127.0.0.1:0-10.0.2.16:22", FORWARD_TCP, "::ffff:127.0.0.1", 0, 1, "", "10.0.2.16", 22, false},
		{"tcp:0.0.0.0:80-:80", FORWARD_TCP, "::ffff:0.0.0.0", 80, 1, "", "10.0.2.15", 80, true},
		{"tcp:%eth0:80-:80", FORWARD_TCP, NULL, 80, 1, "", "10.0.2.15", 80, false},
		{"tcp:0.0.0.0%eth0:80-:80", FORWARD_TCP, "::ffff:0.0.0.0", 80, 1, "", "10.0.2.15", 80, false},
		{"tcp:[::]:80-[fd00::15]:81", FORWARD_TCP, "::", 80, 1, "", "fd00::15", 81, true},
		{"udp:[::1]:53-vm1:53", FORWARD_UDP, "::1", 53, 1, "", "vm1", 53, false},
		{"tcp::8000-8010-my-vm:9000-9010", FORWARD_TCP, NULL, 8000, 11, "", "my-vm", 9000, true},
		{"tcp::8000-22:80", FORWARD_TCP, NULL, 8000, 1, "", "22", 80, true},
		{"tcp::8000-[2-vm]:80", FORWARD_TCP, NULL, 8000, 1, "", "2-vm", 80, true},
		{"tcp::65535-vm.2:65535", FORWARD_TCP, NULL, 65535, 1, "", "vm.2", 65535, true},
		{"unix:/run/web-1.sock-vm1:80", FORWARD_UNIX, NULL, 0, 1, "/run/web-1.sock", "vm1", 80, false},
		{"unix:/run/a:b-:80", FORWARD_UNIX, NULL, 0, 1, "/run/a:b", "10.0.2.15", 80, false},
		{"unix:s-[my-vm]:80", FORWARD_UNIX, NULL, 0, 1, "s", "my-vm", 80, false},
		{"unix:/x-[fd00::15]:80", FORWARD_UNIX, NULL, 0, 1, "/x", "fd00::15", 80, false},
	};
	struct forward_spec spec;
	struct error error = {0};
	struct ip6 address;
	struct kit kit;

	(void)state;
	kit_new(&kit, "user");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char guest[PORT_NAME_BYTES];

		if (forward_spec_parse(kit.network, rows[i].text, &spec, &error) < 0)
			fail_msg("%s: %s", rows[i].text, error.text);
		assert_int_equal(spec.protocol, rows[i].protocol);
		assert_int_equal(spec.port, rows[i].port);
		assert_int_equal(spec.count, rows[i].count);
		assert_int_equal(spec.guest_port, rows[i].guest_port);
		assert_int_equal(spec.everywhere, rows[i].everywhere);
		assert_int_equal(spec.only6, rows[i].address && strcmp(rows[i].address, "::") == 0);
		assert_string_equal(spec.path, rows[i].path);
		assert_string_equal(addressee_format(&spec.guest, guest), rows[i].guest);
		assert_true(ip6_parse(rows[i].address ? rows[i].address : "::", &address));
		assert_memory_equal(&spec.address, &address, sizeof(address));
	}
	kit_done(&kit);
}

static void what_is_wrong_says_which_part(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "no ':' after the protocol"},
		{"tcp", "no ':' after the protocol"},
		{"sctp::1-:1", "tcp, udp or unix"},
		{"tcp::-:22", "a port is missing"},
		{"tcp::2222", "'-' must stand"},
		{"tcp::2222-", "guest's port are missing"},
		{"tcp::2222-:", "a port is missing"},
		{"tcp::2222-:0", "must be 1 to 65535"},
		{"tcp::2222-:22x", "something follows"},
		{"tcp::65536-:22", "0 to 65535"},
		{"tcp::99999999999999999999-:22", "0 to 65535"},
		{"tcp:1.2.3:80-:80", "must be IPv4"},
		{"tcp:[1.2.3.4]:80-:80", "must be an IPv6 address"},
		{"tcp:[::1]80-:80", "followed by ':'"},
		{"tcp:[::1:80-:80", "followed by ':'"},
		{"tcp::80-81-:80", "as many ports"},
		{"tcp::80-:80-81", "as many ports"},
		{"tcp::81-80-:81-80", "must go upwards"},
		{"tcp::0-5-:1-6", "must go upwards"},
		{"tcp::1-5000-:1-5000", "4096 ports"},
		{"tcp::80-10.0.3.15:80", "10.0.2.1 to 10.0.2.254"},
		{"tcp::80-10.0.2.2:80", "no guest's address"},
		{"tcp::80-[fd01::1]:80", "fd00::/64"},
		{"tcp::80-[fd00::2]:80", "no guest's address"},
		{"tcp::80-[]:80", "brackets are empty"},
		{"tcp::80-vm/1:80", "or a name"},
		{"tcp::80-fd00::15:80", "a port is missing"},
		{"unix:/run/x:80", "between the path and the guest"},
		{"unix:-:80", "1 to 107 bytes"},
		{"unix:/run/x-vm1", "guest's port are missing"},
	};
	struct forward_spec spec;
	struct kit kit;

	(void)state;
	kit_new(&kit, "user");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = {0};

		assert_int_equal(forward_spec_parse(kit.network, rows[i].text, &spec, &error), -EINVAL);
		if (!strstr(error.text, rows[i].says) || !strstr(error.text, rows[i].text))
			fail_msg("%s: '%s' lacks '%s'", rows[i].text, error.text, rows[i].says);
	}
	kit_done(&kit);
}

static void a_family_that_is_off_has_no_guests(void **state)
{
	struct forward_spec spec;
	struct error error = {0};
	struct kit kit;
	char guest[PORT_NAME_BYTES];

	(void)state;
	kit_new(&kit, "user,ipv6=off");
	assert_int_equal(forward_spec_parse(kit.network, "tcp::80-[fd00::15]:80", &spec, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no IPv6"));
	kit_done(&kit);
	kit_new(&kit, "user,ipv4=off");
	assert_int_equal(forward_spec_parse(kit.network, "tcp::80-10.0.2.15:80", &spec, &error), -EINVAL);
	assert_int_equal(forward_spec_parse(kit.network, "tcp::80-:80", &spec, &error), 0);
	assert_non_null(strchr(addressee_format(&spec.guest, guest), ':'));
	kit_done(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_understood),
		cmocka_unit_test(what_is_wrong_says_which_part),
		cmocka_unit_test(a_family_that_is_off_has_no_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
