/* SPDX-License-Identifier: MIT */
/* Connections that are taken over, and their end, in a network namespace of the test's own; skipped where there is none to be
 * had. The guest's socket is made as the one that takes its far end's place is: by os/tcp_repair.h. Its namespace is the
 * network's, so that no detour is needed. */
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
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nat/nat.h"
#include "network/handover.h"
#include "network/network.h"
#include "os/socket.h"
#include "os/tcp_repair.h"
#include "unit/network/kit.h"

enum {
	UNREAD_BYTES = 64 * 1024,
	ROOM_BYTES = 16 * 1024, /* of the guest's: less than that */
	STEP_US = 100 * 1000000,
	ACKNOWLEDGED_US = 50 * 1000, /* so long the system may wait with it */
};

struct fixture {
	struct kit kit;
	struct gw_dialler *dialler;
	int host, guest; /* both far ends of the pair */
	int detours;
};

static bool inside;
static uint16_t next_port = 5000;

static int go_inside(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	inside = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	fd = socket_open(AF_INET, SOCK_DGRAM);
	inside = inside && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	return 0;
}

/* One that takes all that is left. */
static int on_open(void *owner, int family, int type)
{
	int fd = socket_open(family, type);

	(void)owner;
	assert_true(fd >= 0);
	assert_true(socket_raise_send_buffer(fd, 2 * UNREAD_BYTES) >= 2 * UNREAD_BYTES);
	return fd;
}

static int on_detour(void *owner, const struct sockaddr *guest, const struct sockaddr *far, bool on)
{
	struct fixture *fixture = owner;

	(void)guest;
	(void)far;
	fixture->detours += on ? 1 : -1;
	return 0;
}

static void write_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memset(ret_address, 0, sizeof(*ret_address));
	memcpy(ret_address, &in, sizeof(in));
}

static void have_guest(struct fixture *fixture, const struct tcp_repair *far)
{
	const int room = ROOM_BYTES / 2; /* the system doubles it */
	struct tcp_repair guest = *far;

	guest.here = far->there;
	guest.there = far->here;
	fixture->guest = socket_open(AF_INET, SOCK_STREAM);
	assert_int_equal(setsockopt(fixture->guest, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(tcp_repair_begin(fixture->guest, &guest), 0);
	assert_int_equal(tcp_repair_end(fixture->guest), 0);
}

static struct tcp_repair next_connection(void)
{
	struct tcp_repair far = {.address_bytes = sizeof(struct sockaddr_in),
				 .send_next = 1,
				 .receive_next = 1,
				 .send_window = 4096,
				 .receive_window = 4096,
				 .mss = 1460,
				 .sack = true};

	write_address("127.1.2.3", 80, &far.here);
	write_address("127.0.0.1", next_port++, &far.there);
	return far;
}

static int set_up(void **state)
{
	struct gw_dialler_config config = GW_INIT(struct gw_dialler_config);
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct tcp_repair far = next_connection();
	struct nat_carrier *carrier;
	int fds[2];

	*state = fixture;
	if (!inside)
		return 0;
	kit_new(&fixture->kit, "user");
	config.address4 = "127.0.0.1";
	config.open = on_open;
	config.detour = on_detour;
	config.owner = fixture;
	assert_int_equal(gw_dialler_new(fixture->kit.network, &config, &fixture->dialler, NULL), 0);
	have_guest(fixture, &far);
	assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
	assert_int_equal(handover_take(fixture->kit.network->handovers, fds[1], &far, &carrier), 0);
	assert_int_equal(fixture->detours, 1);
	fixture->host = fds[0];
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (inside) {
		close(fixture->guest);
		kit_done(&fixture->kit);
		assert_int_equal(fixture->detours, 0);
	}
	free(fixture);
	return 0;
}

/* Both have said all, and the guest has not read it. */
static void say_all(struct fixture *fixture)
{
	static const char bytes[UNREAD_BYTES];
	size_t left = sizeof(bytes);

	while (left > 0) {
		ssize_t sent = send(fixture->host, bytes, left, MSG_NOSIGNAL);

		left -= sent > 0 ? (size_t)sent : 0;
		kit_settle(&fixture->kit);
	}
	close(fixture->host);
	assert_int_equal(shutdown(fixture->guest, SHUT_WR), 0);
	usleep(ACKNOWLEDGED_US);
	kit_pass(&fixture->kit, 1000000);
	assert_int_equal(fixture->detours, 1);
}

/* A little: how much, or negative errno. */
static ssize_t read_some(struct fixture *fixture, size_t *bytes)
{
	char buffer[ROOM_BYTES];
	ssize_t got = recv(fixture->guest, buffer, sizeof(buffer), MSG_DONTWAIT);

	*bytes += got > 0 ? (size_t)got : 0;
	return got < 0 ? -errno : got;
}

static void who_reads_the_end_slowly_gets_all_of_it(void **state)
{
	struct fixture *fixture = *state;
	ssize_t told = -EAGAIN;
	size_t bytes = 0;

	if (!inside)
		skip();
	say_all(fixture);
	for (int rounds = 0; (told > 0 || told == -EAGAIN) && rounds < 1000; rounds++) {
		kit_pass(&fixture->kit, STEP_US);
		told = read_some(fixture, &bytes);
		usleep(ACKNOWLEDGED_US);
	}
	assert_int_equal(told, 0);
	assert_int_equal(bytes, UNREAD_BYTES);
	kit_pass(&fixture->kit, 1000000);
	assert_int_equal(fixture->detours, 0);
}

static void who_does_not_read_the_end_is_reset_after_a_while(void **state)
{
	struct fixture *fixture = *state;
	ssize_t told = -EAGAIN;
	size_t bytes = 0;

	if (!inside)
		skip();
	say_all(fixture);
	kit_pass(&fixture->kit, STEP_US);
	assert_int_equal(fixture->detours, 1);
	kit_pass(&fixture->kit, STEP_US);
	assert_int_equal(fixture->detours, 0);
	while (told > 0 || told == -EAGAIN)
		told = read_some(fixture, &bytes);
	assert_int_equal(told, -ECONNRESET);
	assert_true(bytes < UNREAD_BYTES);
}

/* Several may have been told that they may be before the first of them is. */
static void no_more_are_taken_over_than_there_may_be(void **state)
{
	struct fixture *fixture = *state;
	struct nat_carrier *carrier;
	struct tcp_repair far;
	int fds[2];

	if (!inside)
		skip();
	for (int taken = 1; taken <= HANDOVER_MOST; taken++) {
		far = next_connection();
		assert_int_equal(socket_pair(SOCK_STREAM, fds), 0);
		assert_int_equal(handover_take(fixture->kit.network->handovers, fds[1], &far, &carrier),
				 taken < HANDOVER_MOST ? 0 : -EAGAIN);
		close(fds[0]);
	}
	close(fds[1]);
	close(fixture->host);
	assert_int_equal(fixture->detours, HANDOVER_MOST);
}

#define HANDED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDED(who_reads_the_end_slowly_gets_all_of_it),
		HANDED(who_does_not_read_the_end_is_reset_after_a_while),
		HANDED(no_more_are_taken_over_than_there_may_be),
	};

	return cmocka_run_group_tests(tests, go_inside, NULL);
}
