/* SPDX-License-Identifier: MIT */
/* Detours in a network namespace of the test's own; skipped where there is none to be had. A connection that one socket of it
 * has with another, over an address which is nobody's, stands for one with a far end: both are made by os/tcp_repair.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "hostnet/detour.h"
#include "hostnet/rtnetlink.h"
#include "os/socket.h"
#include "os/tap.h"
#include "os/tcp_repair.h"

static struct detour detour = {.routes = -1};
static struct tap tap = {.fd = -1};

/* The way out is a tap that nobody reads. */
static bool have_way_out(void)
{
	struct tap_request wanted = {.name = "out0", .mtu_bytes = 1500};
	struct error error;

	return tap_open(&wanted, &tap, &error) == 0 && rtnetlink_set_up(detour.routes, "lo") == 0 &&
	       rtnetlink_set_up(detour.routes, "out0") == 0 &&
	       rtnetlink_add_address(detour.routes, "out0", "10.0.2.15/24") == 0 &&
	       rtnetlink_add_address(detour.routes, "out0", "fd00::15/64") == 0 &&
	       rtnetlink_add_route(detour.routes, "out0", NULL, "10.0.2.2") == 0 &&
	       rtnetlink_add_route(detour.routes, "out0", NULL, "fd00::2") == 0;
}

static int go_inside(void **state)
{
	(void)state;
	if ((unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) || detour_open(&detour) < 0)
		return 0;
	if (!have_way_out())
		detour_close(&detour);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	detour_close(&detour);
	if (tap.fd >= 0)
		tap_close(&tap);
	return 0;
}

struct ends {
	struct sockaddr_storage guest, far;
	socklen_t bytes;
};

static struct ends ends_of(int family, uint16_t port)
{
	struct ends ends = {.bytes = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)};
	struct sockaddr_in *guest = (struct sockaddr_in *)(void *)&ends.guest;
	struct sockaddr_in *far = (struct sockaddr_in *)(void *)&ends.far;
	struct sockaddr_in6 *guest6 = (struct sockaddr_in6 *)(void *)&ends.guest;
	struct sockaddr_in6 *far6 = (struct sockaddr_in6 *)(void *)&ends.far;

	ends.guest.ss_family = ends.far.ss_family = (sa_family_t)family;
	guest->sin_port = htons(port); /* where IPv6 has it, too */
	far->sin_port = htons(80);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, "10.0.2.15", &guest->sin_addr), 1);
		assert_int_equal(inet_pton(AF_INET, "198.51.100.1", &far->sin_addr), 1);
	} else {
		assert_int_equal(inet_pton(AF_INET6, "fd00::15", &guest6->sin6_addr), 1);
		assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &far6->sin6_addr), 1);
	}
	return ends;
}

/* One end of the connection, as if somebody had begun it. */
static int have(const struct sockaddr_storage *here, const struct sockaddr_storage *there, socklen_t bytes,
		const char *ifname)
{
	const struct tcp_repair repair = {.here = *here,
					  .there = *there,
					  .address_bytes = bytes,
					  .send_next = 1,
					  .receive_next = 1,
					  .send_window = 60000,
					  .receive_window = 60000,
					  .mss = 1400};
	int fd = socket_open(here->ss_family, SOCK_STREAM);

	assert_true(fd >= 0);
	if (ifname)
		assert_int_equal(socket_bind_device(fd, ifname), 0);
	assert_int_equal(tcp_repair_begin(fd, &repair), 0);
	assert_int_equal(tcp_repair_end(fd), 0);
	return fd;
}

static int detour_of(const struct ends *ends)
{
	return detour_add(&detour, (const struct sockaddr *)&ends->guest, (const struct sockaddr *)&ends->far);
}

static void what_a_socket_sends_comes_back_to_its_namespace(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	if (detour.routes < 0)
		skip();
	for (int i = 0; i < 2; i++) {
		struct ends ends = ends_of(families[i], (uint16_t)(5000 + i));
		int guest = have(&ends.guest, &ends.far, ends.bytes, NULL),
		    far = have(&ends.far, &ends.guest, ends.bytes, NULL);
		struct pollfd poll_fd = {.fd = far, .events = POLLIN};
		char byte = 'x';

		/* it has no way there */
		assert_int_equal(send(guest, &byte, 1, MSG_NOSIGNAL), 1);
		assert_int_equal(poll(&poll_fd, 1, 20), 0);
		assert_int_equal(detour_of(&ends), 0);
		assert_int_equal(poll(&poll_fd, 1, 5000), 1);
		assert_int_equal(recv(far, &byte, 1, 0), 1);
		detour_remove(&detour, (const struct sockaddr *)&ends.guest, (const struct sockaddr *)&ends.far);
		close(guest);
		close(far);
	}
	assert_int_equal(rtnetlink_remove_rule(detour.routes, AF_INET, DETOUR_TABLE), -ENOENT);
	assert_int_equal(rtnetlink_remove_rule(detour.routes, AF_INET6, DETOUR_TABLE), -ENOENT);
}

static void set_down(const char *ifname)
{
	struct ifreq link = {0};
	int fd = socket_open(AF_INET, SOCK_DGRAM);

	memcpy(link.ifr_name, ifname, strlen(ifname) + 1);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &link), 0);
	close(fd);
}

/* With the interface the kernel takes the routes by it. */
static void detours_go_on_when_the_loopback_was_down(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	if (detour.routes < 0)
		skip();
	for (int i = 0; i < 2; i++) {
		struct ends ends = ends_of(families[i], (uint16_t)(5030 + i));
		int guest = have(&ends.guest, &ends.far, ends.bytes, NULL),
		    far = have(&ends.far, &ends.guest, ends.bytes, NULL);
		struct pollfd poll_fd = {.fd = far, .events = POLLIN};

		assert_int_equal(detour_of(&ends), 0);
		detour_remove(&detour, (const struct sockaddr *)&ends.guest, (const struct sockaddr *)&ends.far);
		set_down("lo");
		assert_int_equal(rtnetlink_set_up(detour.routes, "lo"), 0);
		assert_int_equal(detour_of(&ends), 0);
		assert_int_equal(send(guest, "x", 1, MSG_NOSIGNAL), 1);
		assert_int_equal(poll(&poll_fd, 1, 5000), 1);
		detour_remove(&detour, (const struct sockaddr *)&ends.guest, (const struct sockaddr *)&ends.far);
		close(guest);
		close(far);
	}
}

static void a_connection_that_nobody_has_gets_none(void **state)
{
	struct ends ends = ends_of(AF_INET, 5010);

	(void)state;
	if (detour.routes < 0)
		skip();
	assert_int_equal(detour_of(&ends), -ENOENT);
	assert_int_equal(rtnetlink_remove_rule(detour.routes, AF_INET, DETOUR_TABLE), -ENOENT);
}

static void a_socket_that_hears_one_interface_alone_gets_none(void **state)
{
	struct ends ends = ends_of(AF_INET, 5011);
	int guest;

	(void)state;
	if (detour.routes < 0)
		skip();
	guest = have(&ends.guest, &ends.far, ends.bytes, "out0");
	assert_int_equal(detour_of(&ends), -ENOENT);
	close(guest);
}

static void what_somebody_left_is_cleared(void **state)
{
	int fds[3];

	(void)state;
	if (detour.routes < 0)
		skip();
	for (uint16_t i = 0; i < 3; i++) {
		struct ends ends = ends_of(i == 2 ? AF_INET6 : AF_INET, (uint16_t)(5020 + i));

		fds[i] = have(&ends.guest, &ends.far, ends.bytes, NULL);
		assert_int_equal(detour_of(&ends), 0);
		assert_int_equal(detour_of(&ends), -EEXIST);
	}
	detour_clear(&detour);
	assert_int_equal(rtnetlink_remove_rule(detour.routes, AF_INET, DETOUR_TABLE), -ENOENT);
	assert_int_equal(rtnetlink_remove_rule(detour.routes, AF_INET6, DETOUR_TABLE), -ENOENT);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void a_namespace_has_one_owner_of_detours(void **state)
{
	struct detour another = {.routes = -1}, later = {.routes = -1};

	(void)state;
	if (detour.routes < 0)
		skip();
	assert_int_equal(detour_open(&another), -EADDRINUSE);
	assert_int_equal(another.routes, -1);
	detour_close(&detour);
	assert_int_equal(detour_open(&later), 0);
	detour = later;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_socket_sends_comes_back_to_its_namespace),
		cmocka_unit_test(detours_go_on_when_the_loopback_was_down),
		cmocka_unit_test(a_connection_that_nobody_has_gets_none),
		cmocka_unit_test(a_socket_that_hears_one_interface_alone_gets_none),
		cmocka_unit_test(what_somebody_left_is_cleared),
		cmocka_unit_test(a_namespace_has_one_owner_of_detours),
	};

	return cmocka_run_group_tests(tests, go_inside, leave);
}
