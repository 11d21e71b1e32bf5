/* SPDX-License-Identifier: MIT */
/* By which interface and address a socket leaves: what needs none of this machine's, and the rest in a network namespace. */
#include "os/outbound.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/socket.h"

static struct outbound by(const char *ifname, const char *address)
{
	struct outbound outbound = {.ifname = ""};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&outbound.address;

	snprintf(outbound.ifname, sizeof(outbound.ifname), "%s", ifname);
	if (address) {
		in->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
	}
	return outbound;
}

static int bound(const char *ifname, const char *address, int *ret_fd)
{
	const struct outbound outbound = by(ifname, address);
	int fd = socket_open(AF_INET, SOCK_DGRAM), error;

	assert_true(fd >= 0);
	error = outbound_bind(fd, &outbound);
	if (error >= 0 && ret_fd)
		*ret_fd = fd;
	else
		close(fd);
	return error;
}

static void a_family_of_which_nothing_was_said_has_none(void **state)
{
	struct outbounds outbounds = {.ip4 = by("lo", NULL)};

	(void)state;
	assert_null(outbounds_of(NULL, AF_INET));
	assert_ptr_equal(outbounds_of(&outbounds, AF_INET), &outbounds.ip4);
	assert_null(outbounds_of(&outbounds, AF_INET6));
	outbounds.ip4 = by("", "192.0.2.1");
	assert_ptr_equal(outbounds_of(&outbounds, AF_INET), &outbounds.ip4);
}

static void what_is_not_there_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(bound("nosuch0", NULL, NULL), -ENODEV);
	assert_int_equal(bound("nosuch0", "127.0.0.1", NULL), -ENODEV);
	assert_int_equal(bound("", "203.0.113.1", NULL), -EADDRNOTAVAIL);
	assert_int_equal(bound("lo", "203.0.113.1", NULL), -EADDRNOTAVAIL);
	assert_int_equal(bound("", "127.0.0.1", NULL), 0);
}

static void a_socket_comes_from_the_address_and_finds_its_port_when_it_connects(void **state)
{
	const struct outbound outbound = by("lo", "127.0.0.9");
	struct sockaddr_in far = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
	socklen_t bytes = sizeof(far), own_bytes = sizeof(own);
	int listener = socket_open(AF_INET, SOCK_STREAM), fd = socket_open(AF_INET, SOCK_STREAM);

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&far, sizeof(far)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&far, &bytes), 0);
	assert_int_equal(outbound_bind(fd, &outbound), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_bytes), 0);
	assert_int_equal(own.sin_port, 0);
	assert_true(connect(fd, (struct sockaddr *)&far, sizeof(far)) == 0 || errno == EINPROGRESS);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_bytes), 0);
	assert_int_not_equal(own.sin_port, 0);
	assert_int_equal(ntohl(own.sin_addr.s_addr), 0x7f000009);
	close(fd);
	close(listener);
}

static bool enter(const char *commands)
{
	return unshare(CLONE_NEWNET) == 0 && system(commands) == 0;
}

static void an_address_or_an_interface_that_went_is_lost_to_who_had_it(void **state)
{
	int by_address, by_interface, by_none = socket_open(AF_INET, SOCK_DGRAM);

	(void)state;
	if (!enter("ip link add one0 type veth peer name two0 && ip addr add 192.0.2.1/24 dev one0 && ip link set one0 "
		   "up"))
		skip(); /* an ordinary user */
	assert_int_equal(bound("", "192.0.2.1", &by_address), 0);
	assert_int_equal(bound("one0", NULL, &by_interface), 0);
	assert_false(outbound_is_lost(by_address) || outbound_is_lost(by_interface) || outbound_is_lost(by_none));
	assert_int_equal(system("ip addr del 192.0.2.1/24 dev one0"), 0);
	assert_true(outbound_is_lost(by_address));
	assert_false(outbound_is_lost(by_interface));
	/* one of the same name is another */
	assert_int_equal(system("ip link del one0 && ip link add one0 type veth peer name two0 && "
				"ip addr add 192.0.2.1/24 dev one0"),
			 0);
	assert_false(outbound_is_lost(by_address));
	assert_true(outbound_is_lost(by_interface));
	assert_false(outbound_is_lost(by_none));
	close(by_address);
	close(by_interface);
	close(by_none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_of_which_nothing_was_said_has_none),
		cmocka_unit_test(what_is_not_there_is_told_apart),
		cmocka_unit_test(a_socket_comes_from_the_address_and_finds_its_port_when_it_connects),
		cmocka_unit_test(an_address_or_an_interface_that_went_is_lost_to_who_had_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
