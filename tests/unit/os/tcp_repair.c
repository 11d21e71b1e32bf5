/* SPDX-License-Identifier: MIT */
/* A socket that goes on with somebody else's connection, in a network namespace of the test's own; skipped where there is
 * none to be had. A connection to ourselves stands for the one that was begun elsewhere: one of its ends is put away without
 * a word, and another socket takes its place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/socket.h"
#include "os/tcp_repair.h"

enum { MSS = 1460, SEND_FIRST = 0xfffffff0, RECEIVE_FIRST = 1000 };

static int bring_lo_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), result = ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return result;
}

static int go_inside(void **state)
{
	static int inside;

	inside = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) && bring_lo_up() == 0;
	*state = &inside;
	return 0;
}

static struct tcp_repair conversation(void)
{
	struct tcp_repair repair = {.address_bytes = sizeof(struct sockaddr_in),
				    .send_next = SEND_FIRST,
				    .receive_next = RECEIVE_FIRST,
				    .send_window = 100000,
				    .receive_window = 100000,
				    .mss = MSS,
				    .scaled = true,
				    .sack = true,
				    .send_scale = 4,
				    .receive_scale = 7};
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(5000)};

	/* not an address of ours, but whoever sends to it from here finds it here */
	assert_int_equal(inet_pton(AF_INET, "127.1.2.3", &here.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &there.sin_addr), 1);
	memcpy(&repair.here, &here, sizeof(here));
	memcpy(&repair.there, &there, sizeof(there));
	return repair;
}

static struct tcp_repair other_side(const struct tcp_repair *repair)
{
	struct tcp_repair other = *repair;

	other.here = repair->there;
	other.there = repair->here;
	other.send_next = repair->receive_next;
	other.receive_next = repair->send_next;
	other.send_scale = repair->receive_scale;
	other.receive_scale = repair->send_scale;
	return other;
}

static int taken_over(const struct tcp_repair *repair)
{
	int fd = socket_open(AF_INET, SOCK_STREAM);

	assert_true(fd >= 0);
	assert_int_equal(tcp_repair_begin(fd, repair), 0);
	return fd;
}

static ssize_t hear(int fd, void *buffer, size_t bytes)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, 2000), 1);
	return recv(fd, buffer, bytes, 0);
}

static void both_ends_go_on_where_they_were_told(void **state)
{
	struct tcp_repair repair, other;
	char bytes[8];
	int one, two;

	if (!*(int *)*state)
		skip();
	repair = conversation();
	other = other_side(&repair);
	one = taken_over(&repair);
	two = taken_over(&other);
	assert_int_equal(tcp_repair_end(one), 0);
	assert_int_equal(tcp_repair_end(two), 0);
	assert_false(tcp_repair_is_over(one) || tcp_repair_is_over(two));
	assert_int_equal(send(one, "over the edge of numbers", 24, MSG_NOSIGNAL), 24);
	assert_int_equal(hear(two, bytes, 4), 4);
	assert_memory_equal(bytes, "over", 4);
	assert_int_equal(send(two, "back", 4, MSG_NOSIGNAL), 4);
	assert_int_equal(hear(one, bytes, 8), 4);
	assert_memory_equal(bytes, "back", 4);
	/* its end is heard when all before it was, and then it is over */
	assert_int_equal(shutdown(one, SHUT_WR), 0);
	assert_int_equal(shutdown(two, SHUT_WR), 0);
	assert_int_equal(hear(one, bytes, 8), 0);
	for (int i = 0; i < 5000 && !tcp_repair_is_over(one); i++)
		usleep(1000);
	assert_true(tcp_repair_is_over(one));
	close(one);
	close(two);
}

/* The system would scale a window of its own accord, and the far end would take it for one of some hundred bytes. */
static void windows_are_not_scaled_where_the_ends_do_not(void **state)
{
	static const char bytes[30000];
	struct tcp_repair repair, other;
	uint32_t unread = 1;
	int one, two;

	if (!*(int *)*state)
		skip();
	repair = conversation();
	((struct sockaddr_in *)(void *)&repair.there)->sin_port = htons(5003);
	repair.scaled = false;
	repair.send_window = repair.receive_window = 60000;
	other = other_side(&repair);
	one = taken_over(&repair);
	two = taken_over(&other);
	assert_int_equal(tcp_repair_end(one), 0);
	assert_int_equal(tcp_repair_end(two), 0);
	assert_int_equal(send(one, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	usleep(100 * 1000); /* as long as an acknowledgement may be delayed */
	assert_int_equal(send(one, bytes, 5000, MSG_NOSIGNAL), 5000);
	for (int i = 0; i < 5000 && unread > 0; i++) {
		usleep(1000);
		assert_int_equal(socket_unread(one, &unread), 0);
	}
	assert_int_equal(unread, 0);
	close(one);
	close(two);
}

static void two_connections_of_one_far_end_do_not_mind_each_other(void **state)
{
	struct tcp_repair first, second;
	int one, two;

	if (!*(int *)*state)
		skip();
	first = second = conversation();
	((struct sockaddr_in *)(void *)&first.there)->sin_port = htons(5001);
	((struct sockaddr_in *)(void *)&second.there)->sin_port = htons(5002);
	one = taken_over(&first);
	assert_int_equal(tcp_repair_end(one), 0);
	two = taken_over(&second);
	assert_int_equal(tcp_repair_end(two), 0);
	close(one);
	close(two);
}

static void what_is_closed_before_it_speaks_says_nothing(void **state)
{
	struct tcp_repair repair, other;
	char byte;
	int one, two;

	if (!*(int *)*state)
		skip();
	repair = conversation();
	((struct sockaddr_in *)(void *)&repair.there)->sin_port = htons(5003);
	other = other_side(&repair);
	one = taken_over(&repair);
	assert_int_equal(tcp_repair_end(one), 0);
	two = taken_over(&other);
	close(two);
	assert_int_equal(recv(one, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close(one);
}

static void what_cannot_be_is_refused(void **state)
{
	struct tcp_repair repair;
	int one, two;

	if (!*(int *)*state)
		skip();
	repair = conversation();
	((struct sockaddr_in *)(void *)&repair.there)->sin_port = htons(5004);
	one = taken_over(&repair);
	assert_int_equal(tcp_repair_end(one), 0);
	/* the same once more */
	two = socket_open(AF_INET, SOCK_STREAM);
	assert_int_equal(tcp_repair_begin(two, &repair), -EADDRNOTAVAIL);
	close(two);
	close(one);
	two = socket_open(AF_INET, SOCK_DGRAM);
	assert_true(tcp_repair_begin(two, &repair) < 0);
	assert_true(tcp_repair_is_over(two));
	close(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_go_on_where_they_were_told),
		cmocka_unit_test(windows_are_not_scaled_where_the_ends_do_not),
		cmocka_unit_test(two_connections_of_one_far_end_do_not_mind_each_other),
		cmocka_unit_test(what_is_closed_before_it_speaks_says_nothing),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, go_inside, NULL);
}
