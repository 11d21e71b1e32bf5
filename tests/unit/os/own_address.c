/* SPDX-License-Identifier: MIT */
/* Which addresses are this machine's, by its loopback, and what the kernel announces, in a namespace. */
#include "os/own_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_own4(const char *text)
{
	/* a port that no ordinary user may bind: it is of no account */
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1)};

	assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
	return own_address_is((const struct sockaddr *)&address, sizeof(address));
}

static bool is_own6(const char *text)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(1)};

	assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
	return own_address_is((const struct sockaddr *)&address, sizeof(address));
}

static void the_loopback_is_this_machines_and_a_documentation_address_is_not(void **state)
{
	const struct sockaddr_un path = {.sun_family = AF_UNIX};

	(void)state;
	assert_true(is_own4("127.0.0.1"));
	assert_true(is_own4("0.0.0.0"));
	assert_false(is_own4("203.0.113.1"));
	assert_false(is_own6("2001:db8::dead"));
	assert_true(own_address_is((const struct sockaddr *)&path, sizeof(path)));
}

static bool told(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, 1000) == 1;
}

static void an_address_that_went_is_told_and_one_that_came_is_not(void **state)
{
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		skip(); /* an ordinary user */
	fd = own_address_watch();
	assert_true(fd >= 0);
	assert_false(own_address_has_gone(fd));
	assert_int_equal(system("ip link set lo up && ip addr add 203.0.113.1/32 dev lo"), 0);
	assert_true(told(fd));
	assert_false(own_address_has_gone(fd));
	assert_true(is_own4("203.0.113.1"));
	assert_int_equal(system("ip addr del 203.0.113.1/32 dev lo"), 0);
	assert_true(told(fd));
	assert_true(own_address_has_gone(fd));
	assert_false(is_own4("203.0.113.1"));
	assert_false(own_address_has_gone(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_loopback_is_this_machines_and_a_documentation_address_is_not),
		cmocka_unit_test(an_address_that_went_is_told_and_one_that_came_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
