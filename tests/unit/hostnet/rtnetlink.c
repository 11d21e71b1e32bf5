/* SPDX-License-Identifier: MIT */
/* Links, addresses and routes in a network namespace of the test's own; skipped where there is none to be had. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostnet/rtnetlink.h"

static int open_inside(void **state)
{
	static int fd = -1;

	if (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		fd = rtnetlink_open();
	*state = &fd;
	return 0;
}

static int close_inside(void **state)
{
	close(*(int *)*state);
	return 0;
}

static int inside(void **state)
{
	int fd = *(int *)*state;

	if (fd < 0)
		skip();
	return fd;
}

static bool is_up(const char *ifname)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(request.ifr_name, ifname, strlen(ifname) + 1);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	close(fd);
	return (request.ifr_flags & IFF_UP) != 0;
}

/* Whether the kernel lets a socket have this address, which it does for its own. */
static bool has_address(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), result;

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	result = bind(fd, (struct sockaddr *)&in, sizeof(in));
	close(fd);
	return result == 0;
}

static int reach(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), result;

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	result = connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static void a_link_an_address_and_routes_are_set(void **state)
{
	int fd = inside(state);

	assert_false(is_up("lo"));
	assert_int_equal(rtnetlink_set_up(fd, "lo"), 0);
	assert_true(is_up("lo"));
	assert_false(has_address("10.0.2.15"));
	assert_int_equal(rtnetlink_add_address(fd, "lo", "10.0.2.15/24"), 0);
	assert_true(has_address("10.0.2.15"));
	assert_int_equal(reach("192.0.2.1"), -ENETUNREACH);
	assert_int_equal(rtnetlink_add_route(fd, "lo", "192.0.2.0/24", "10.0.2.2"), 0);
	assert_int_equal(reach("192.0.2.1"), 0);
	assert_int_equal(reach("198.51.100.1"), -ENETUNREACH);
	assert_int_equal(rtnetlink_add_route(fd, "lo", NULL, "10.0.2.2"), 0);
	assert_int_equal(reach("198.51.100.1"), 0);
}

static void what_cannot_be_is_refused_by_its_reason(void **state)
{
	int fd = inside(state);

	assert_int_equal(rtnetlink_set_up(fd, "nowhere0"), -ENODEV);
	assert_int_equal(rtnetlink_add_address(fd, "nowhere0", "10.0.3.15/24"), -ENODEV);
	assert_int_equal(rtnetlink_add_address(fd, "lo", "10.0.3.15/33"), -EINVAL);
	assert_int_equal(rtnetlink_add_address(fd, "lo", "fd00::x/64"), -EINVAL);
	assert_int_equal(rtnetlink_add_address(fd, "lo", "10.0.2.15/24"), -EEXIST);
	assert_int_equal(rtnetlink_add_route(fd, "lo", "192.0.2.0/24", "10.0.2.2"), -EEXIST);
	assert_int_equal(rtnetlink_add_route(fd, "lo", "2001:db8::/32", "10.0.2.2"), -EINVAL);
	assert_int_equal(rtnetlink_add_route(fd, "nowhere0", NULL, "10.0.2.2"), -ENODEV);
	assert_int_equal(rtnetlink_add_route(fd, "lo", "203.0.113.0/24", "172.31.0.1"), -ENETUNREACH);
}

static void an_ipv6_address_can_be_used_at_once(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	int fd = inside(state), one = socket(AF_INET6, SOCK_DGRAM, 0);

	if (one < 0)
		skip();
	assert_int_equal(rtnetlink_add_address(fd, "lo", "fd00::1000/64"), 0);
	assert_int_equal(inet_pton(AF_INET6, "fd00::1000", &in6.sin6_addr), 1);
	assert_int_equal(bind(one, (struct sockaddr *)&in6, sizeof(in6)), 0);
	close(one);
}

static void a_link_local_address_is_made_of_the_mac_address(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = if_nametoindex("lo")};
	int fd = inside(state), one = socket(AF_INET6, SOCK_DGRAM, 0);

	if (one < 0)
		skip();
	assert_int_equal(rtnetlink_add_link_local(fd, "nowhere0"), -ENODEV);
	assert_int_equal(rtnetlink_add_link_local(fd, "lo"), 0);
	assert_int_equal(rtnetlink_add_link_local(fd, "lo"), -EEXIST);
	assert_int_equal(inet_pton(AF_INET6, "fe80::200:ff:fe00:0", &in6.sin6_addr), 1);
	assert_int_equal(bind(one, (struct sockaddr *)&in6, sizeof(in6)), 0);
	close(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_an_address_and_routes_are_set),
		cmocka_unit_test(what_cannot_be_is_refused_by_its_reason),
		cmocka_unit_test(an_ipv6_address_can_be_used_at_once),
		cmocka_unit_test(a_link_local_address_is_made_of_the_mac_address),
	};

	return cmocka_run_group_tests(tests, open_inside, close_inside);
}
