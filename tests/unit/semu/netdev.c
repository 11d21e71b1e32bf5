/* SPDX-License-Identifier: MIT */
/* What a person writes after -n, and what is said when it cannot be. The ways out are golden: whoever reads them pastes
 * them. */
#include "semu/netdev.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *const command[] = {(char *)"./semu", (char *)"-k", (char *)"my Image", (char *)"-n", (char *)"tap", NULL};
static const struct netdev_setup setup = {.command = command, .folder = "/home", .session = "/nowhere"};

static struct netdev *open_netdev(const char *words)
{
	struct netdev *netdev = NULL;
	char line[NETDEV_ERROR_BYTES];

	if (netdev_new(words, &setup, &netdev, line) < 0)
		fail_msg("-n %s: %s", words, line);
	return netdev;
}

static void user_and_none_have_a_gateway(void **state)
{
	static const struct {
		const char *words, *text;
	} rows[] = {
		{"user", "user, 10.0.2.0/24, gateway 10.0.2.2"},
		{"none", "none, 10.0.2.0/24, gateway 10.0.2.2"},
		{"user,net=192.168.7.0/24,mac=52:54:00:00:00:09,mtu=9000", "user, 192.168.7.0/24, gateway 192.168.7.2"},
		{"user,domainname=a.b,hostname=c,,d,ipv4=off", NULL},
		{"none,ipv4=off", "none, fd00::/64, gateway fd00::2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netdev *netdev = NULL;
		char line[NETDEV_ERROR_BYTES] = "";
		int code = netdev_new(rows[i].words, &setup, &netdev, line);

		if (!rows[i].text) {
			/* a comma in a value arrives as it was meant */
			assert_int_equal(code, -EINVAL);
			assert_non_null(strstr(line, "c,"));
			continue;
		}
		assert_int_equal(code, 0);
		assert_string_equal(netdev->text, rows[i].text);
		netdev_free(netdev);
	}
}

static int open_command(void *owner, const char *command_line)
{
	(void)owner;
	(void)command_line;
	return -ECONNREFUSED;
}

static void commands_are_run_where_somebody_runs_them(void **state)
{
	static const char words[] = "user,guestfwd=tcp:10.0.2.100:80-cmd:cat";
	struct netdev_setup able = setup;
	struct netdev *netdev = NULL;
	char line[NETDEV_ERROR_BYTES];

	(void)state;
	assert_true(netdev_new(words, &able, &netdev, line) < 0);
	assert_non_null(strstr(line, "this program runs no commands"));
	able.open_command = open_command;
	assert_int_equal(netdev_new(words, &able, &netdev, line), 0);
	netdev_free(netdev);
}

static void the_cards_address_follows_from_the_command(void **state)
{
	char *const other[] = {(char *)"./semu", NULL};
	struct netdev_setup changed = setup;
	struct netdev *netdev = open_netdev("none"), *again = open_netdev("none"), *different;
	char line[NETDEV_ERROR_BYTES];

	(void)state;
	assert_memory_equal(netdev->mac, "52:54:00:", 9);
	assert_int_equal(strlen(netdev->mac), 17);
	assert_string_equal(netdev->mac, again->mac);
	netdev_free(again);
	again = open_netdev("none,mac=02:00:00:00:00:01");
	assert_string_equal(again->mac, "02:00:00:00:00:01");
	netdev_free(again);
	for (int i = 0; i < 3; i++) {
		changed = setup;
		changed.index = i == 0;
		changed.folder = i == 1 ? "/" : setup.folder;
		changed.command = i == 2 ? other : command;
		assert_int_equal(netdev_new("none", &changed, &different, line), 0);
		assert_string_not_equal(netdev->mac, different->mac);
		netdev_free(different);
	}
	netdev_free(netdev);
}

static void what_cannot_be_is_said_in_one_line(void **state)
{
	static const struct {
		const char *words, *line;
		int code;
	} rows[] = {
		{"bogus", "-n bogus: no such network; user, tap, none and network=NAME are", -EINVAL},
		{"", "-n '': a kind must come first, as in KIND,key=value", -EINVAL},
		{"network", "-n network: no such network; user, tap, none and network=NAME are", -EINVAL},
		{"vmnet", "-n vmnet: it is macOS's; `-n user` needs no privilege, `-n tap` leads to this machine",
		 -EOPNOTSUPP},
		{"network=lab",
		 "-n network=lab: no network lab runs; `guestwire up lab` starts one, `guestwire ls` lists those that "
		 "do",
		 -ENOENT},
		{"user,mtu=1", NULL, -EINVAL},
		{"user,nonsense=1", NULL, -EINVAL},
		{"user,mac=a:very:long:address:indeed",
		 "-n mac=a:very:long:address:indeed: not a MAC address, as "
		 "52:54:00:12:34:56",
		 -EINVAL},
		{"tap,ifname=a-name-that-is-too-long", NULL, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netdev *netdev = NULL;
		char line[NETDEV_ERROR_BYTES];
		int code = netdev_new(rows[i].words, &setup, &netdev, line);

		if (code != rows[i].code && strncmp(rows[i].words, "tap", 3) != 0)
			fail_msg("-n %s: %d %s", rows[i].words, code, line);
		assert_null(netdev);
		if (rows[i].line)
			assert_string_equal(line, rows[i].line);
		assert_null(strchr(line, '\n'));
	}
}

/* Root loses its capabilities with its user. */
static void a_tap_that_is_refused_names_the_ways_out(void **state)
{
	bool is_root = geteuid() == 0, is_closed;
	char line[NETDEV_ERROR_BYTES], wanted[NETDEV_ERROR_BYTES], path[1024];
	struct netdev *netdev;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int code;

	(void)state;
	if (access("/dev/net/tun", F_OK) < 0)
		skip();
	path[length] = '\0';
	assert_true(!is_root || seteuid(65534) == 0);
	code = netdev_new("tap,ifname=gwtap7", &setup, &netdev, line);
	is_closed = eaccess("/dev/net/tun", R_OK | W_OK) < 0;
	assert_true(!is_root || seteuid(0) == 0);
	assert_int_equal(code, is_closed ? -EACCES : -EPERM);
	snprintf(wanted, sizeof(wanted),
		 "-n tap: %s: `sudo ./semu -k 'my Image' -n tap`, or%s once `sudo setcap cap_net_admin=eip %s`, or "
		 "once `sudo ip tuntap add dev gwtap7 mode tap user $USER`",
		 is_closed ? "/dev/net/tun: Permission denied" : "gwtap7: Operation not permitted",
		 is_closed ? " after `sudo chmod 666 /dev/net/tun`" : "", path);
	assert_string_equal(line, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_and_none_have_a_gateway),
		cmocka_unit_test(commands_are_run_where_somebody_runs_them),
		cmocka_unit_test(the_cards_address_follows_from_the_command),
		cmocka_unit_test(what_cannot_be_is_said_in_one_line),
		cmocka_unit_test(a_tap_that_is_refused_names_the_ways_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
