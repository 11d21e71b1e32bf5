/* SPDX-License-Identifier: MIT */
/* Spliced pairs over TCP on the loopback interface: what goes in at one end comes out at the other, ends and failures too, and
 * an idle pair costs neither time nor more than its two descriptors.
 *
 *     a ---- near |pair| far ---- b */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/accrue.h"
#include "network/splice.h"
#include "os/clock.h"
#include "os/socket.h"

struct bench {
	struct loop *loop;
	struct splice_table *table;
	uint64_t skipped_us; /* added to the clock … */
	uint64_t stands_us;  /* … which stands here; 0: it goes */
	int listener;
	struct sockaddr_in address; /* the listener's */
	int notices;
	int socket; /* what the dialler gives: a descriptor or an error */
	struct dialler dialler;
};

struct line {
	int a, b;
};

static uint64_t bench_now_us(void *owner)
{
	const struct bench *bench = owner;

	return (bench->stands_us ? bench->stands_us : clock_now_us(NULL)) + bench->skipped_us;
}

static void bench_on_notice(void *owner, const char *text)
{
	assert_non_null(text);
	((struct bench *)owner)->notices++;
}

static int bench_open(void *owner, int family, int type)
{
	struct bench *bench = owner;

	assert_int_equal(family, AF_INET);
	assert_int_equal(type, SOCK_STREAM);
	if (bench->socket == 0)
		return socket_open(family, SOCK_STREAM);
	return bench->socket;
}

static void bench_raise_files(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int bench_init_most(void **state, size_t most)
{
	static struct bench bench;
	struct splice_table_config config = {.most = most, .on_notice = bench_on_notice, .owner = &bench};
	socklen_t length = sizeof(bench.address);

	signal(SIGPIPE, SIG_IGN);
	bench_raise_files();
	bench = (struct bench){.dialler = {.open = bench_open, .owner = &bench}};
	assert_int_equal(loop_new(bench_now_us, &bench, &bench.loop), 0);
	config.loop = bench.loop;
	assert_int_equal(splice_table_new(&config, &bench.table), 0);
	bench.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bench.listener = socket_open(AF_INET, SOCK_STREAM);
	assert_true(bench.listener >= 0);
	assert_int_equal(bind(bench.listener, (struct sockaddr *)&bench.address, length), 0);
	assert_int_equal(listen(bench.listener, 16), 0);
	assert_int_equal(getsockname(bench.listener, (struct sockaddr *)&bench.address, &length), 0);
	*state = &bench;
	return 0;
}

static int bench_init(void **state)
{
	return bench_init_most(state, 0);
}

static int bench_init_two(void **state)
{
	return bench_init_most(state, 2);
}

static int bench_done(void **state)
{
	struct bench *bench = *state;

	splice_table_free(bench->table);
	loop_free(bench->loop);
	close(bench->listener);
	return 0;
}

/* Who has connected: it may take a moment, see bench_recv(). */
static int bench_accept(struct bench *bench)
{
	struct pollfd look = {.fd = bench->listener, .events = POLLIN};

	assert_int_equal(poll(&look, 1, 10 * 1000), 1);
	return socket_accept(bench->listener);
}

/* A TCP connection: [0] made it, [1] accepted it. */
static void bench_connect(struct bench *bench, int ret_ends[2])
{
	ret_ends[0] = socket_open(AF_INET, SOCK_STREAM);
	assert_true(ret_ends[0] >= 0);
	if (connect(ret_ends[0], (struct sockaddr *)&bench->address, sizeof(bench->address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	ret_ends[1] = bench_accept(bench);
	assert_true(ret_ends[1] >= 0);
}

static struct line bench_line(struct bench *bench)
{
	int left[2], right[2];

	bench_connect(bench, left);
	bench_connect(bench, right);
	assert_int_equal(splice_new(bench->table, left[1], right[0]), 0);
	return (struct line){left[0], right[1]};
}

/* Until nothing is to be done now. */
static void bench_settle(struct bench *bench)
{
	int quiet = 0;

	for (int i = 0; i < 100000 && quiet < 3; i++) {
		if (loop_turn(bench->loop, 0) > 0 || loop_timeout_us(bench->loop) == 0)
			quiet = 0;
		else
			quiet++;
	}
	assert_int_equal(quiet, 3);
}

/* recv(), when something has come. On the loopback interface that is so within the call that sent it, but where the machine
 * is busy the kernel leaves packets to a thread of its own, and under a thousand at once some are lost and sent again. */
static ssize_t bench_recv(struct bench *bench, int fd, void *room, size_t size)
{
	struct pollfd look = {.fd = fd, .events = POLLIN};

	for (int i = 0; i < 5000; i++) {
		bench_settle(bench);
		if (poll(&look, 1, 1) > 0)
			break;
	}
	return recv(fd, room, size, MSG_DONTWAIT);
}

static void bench_expect_pairs(struct bench *bench, size_t count)
{
	bench_settle(bench);
	for (int i = 0; i < 5000 && splice_table_count(bench->table) != count; i++) {
		poll(NULL, 0, 1);
		bench_settle(bench);
	}
	assert_int_equal(splice_table_count(bench->table), count);
}

static void bench_skip(struct bench *bench, uint64_t us)
{
	bench->skipped_us += us;
	bench_settle(bench);
}

static size_t descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Byte `at` of a stream that no shift, loss or doubling leaves alike. */
static uint8_t pattern(uint64_t at, unsigned seed)
{
	uint64_t mixed = (at / 8 + seed) * 0x9e3779b97f4a7c15u;

	return (uint8_t)(mixed >> (at % 8 * 8));
}

struct flood {
	int fd;
	unsigned seed;
	uint64_t sent, total;
};

static void flood_send(struct flood *flood, uint8_t *bytes, size_t room)
{
	uint64_t left = flood->total - flood->sent;
	size_t want = left < room ? (size_t)left : room;
	ssize_t sent;

	for (size_t i = 0; i < want; i++)
		bytes[i] = pattern(flood->sent + i, flood->seed);
	sent = want > 0 ? send(flood->fd, bytes, want, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (sent > 0)
		flood->sent += (uint64_t)sent;
}

static uint64_t flood_check(int fd, unsigned seed, uint64_t at, uint8_t *bytes, size_t room)
{
	ssize_t got = recv(fd, bytes, room, MSG_DONTWAIT);

	for (ssize_t i = 0; i < got; i++) {
		if (bytes[i] != pattern(at + (uint64_t)i, seed))
			fail_msg("byte %llu is wrong", (unsigned long long)at + (uint64_t)i);
	}
	return got > 0 ? (uint64_t)got : 0;
}

static void sixty_four_mebibytes_both_ways_at_once_are_intact(void **state)
{
	const uint64_t total = 64 * 1024 * 1024;
	static uint8_t bytes[256 * 1024];
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	struct flood up = {line.a, 1, 0, total}, down = {line.b, 2, 0, total};
	uint64_t at_a = 0, at_b = 0;

	for (int turns = 0; turns < 100000 && (at_a < total || at_b < total); turns++) {
		const uint64_t before = at_a + at_b;

		/* uneven pieces */
		flood_send(&up, bytes, sizeof(bytes) - (size_t)(turns % 1000) * 7);
		flood_send(&down, bytes, 1 + (size_t)(turns % 97) * 2003);
		loop_turn(bench->loop, 0);
		at_b += flood_check(line.b, 1, at_b, bytes, sizeof(bytes));
		at_a += flood_check(line.a, 2, at_a, bytes, 1 + (size_t)(turns % 89) * 2503);
		/* The last small piece is held until what went before is acknowledged (Nagle), 40 ms and more. */
		if (at_a + at_b == before)
			poll(NULL, 0, 1);
	}
	assert_int_equal(at_a, total);
	assert_int_equal(at_b, total);
	assert_int_equal(splice_table_counters(bench->table)->bytes_from_client, total);
	assert_int_equal(splice_table_counters(bench->table)->bytes_to_client, total);
	close(line.a);
	close(line.b);
}

/* So much more of it, and what of all of it has arrived at `to` by then. */
static void bench_stream(struct bench *bench, struct flood *flood, uint64_t more, int to, uint64_t *at)
{
	static uint8_t bytes[256 * 1024];

	flood->total += more;
	for (int quiet = 0; quiet < 20;) {
		const uint64_t before = *at + flood->sent;

		flood_send(flood, bytes, sizeof(bytes));
		bench_settle(bench);
		*at += flood_check(to, flood->seed, *at, bytes, sizeof(bytes));
		quiet = *at + flood->sent == before ? quiet + 1 : 0;
		if (quiet > 0)
			poll(NULL, 0, 1);
	}
	assert_int_equal(flood->sent, flood->total);
}

static void what_a_quick_stream_says_before_a_pause_is_late_and_arrives(void **state)
{
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	struct flood up = {.fd = line.a, .seed = 1};
	uint64_t at = 0, before;
	char byte;

	bench->stands_us = clock_now_us(NULL); /* it is quick, however slow the machine */
	for (int i = 0; i < 2; i++) {
		bench_stream(bench, &up, 2 * ACCRUE_MEASURE_BYTES, line.b, &at);
		before = at;
		bench_stream(bench, &up, 5, line.b, &at);
		assert_int_equal(at, before);
		bench_skip(bench, ACCRUE_PATIENCE_US);
		bench_stream(bench, &up, 0, line.b, &at);
		assert_int_equal(at, up.total);
		/* There was a pause: it is in time again. */
		bench_stream(bench, &up, 5, line.b, &at);
		assert_int_equal(at, up.total);
	}
	bench_stream(bench, &up, 2 * ACCRUE_MEASURE_BYTES + 5, line.b, &at);
	assert_true(at < up.total);
	/* An end waits for nothing. */
	close(line.a);
	for (int i = 0; i < 5000 && at < up.total; i++)
		bench_stream(bench, &up, 0, line.b, &at);
	assert_int_equal(at, up.total);
	assert_int_equal(bench_recv(bench, line.b, &byte, sizeof(byte)), 0);
	close(line.b);
	bench_expect_pairs(bench, 0);
}

static void each_side_may_stop_sending_and_go_on_reading(void **state)
{
	struct bench *bench = *state;
	char text[16];

	for (int turned = 0; turned < 2; turned++) {
		struct line line = bench_line(bench);
		int first = turned ? line.b : line.a, last = turned ? line.a : line.b;

		assert_int_equal(send(first, "asked", 5, 0), 5);
		shutdown(first, SHUT_WR);
		bench_settle(bench);
		assert_int_equal(bench_recv(bench, last, text, sizeof(text)), 5);
		assert_int_equal(bench_recv(bench, last, text, sizeof(text)), 0);
		bench_expect_pairs(bench, 1);
		assert_int_equal(send(last, "answered", 8, 0), 8);
		bench_settle(bench);
		assert_int_equal(bench_recv(bench, first, text, sizeof(text)), 8);
		close(last);
		bench_settle(bench);
		assert_int_equal(bench_recv(bench, first, text, sizeof(text)), 0);
		bench_expect_pairs(bench, 0);
		close(first);
	}
	assert_int_equal(splice_table_counters(bench->table)->connections_reset, 0);
}

static void end_by_reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

static void a_reset_comes_after_the_data_before_it(void **state)
{
	static uint8_t bytes[100 * 1000];
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	size_t got = 0;
	ssize_t now;

	assert_int_equal(send(line.a, bytes, sizeof(bytes), 0), sizeof(bytes));
	end_by_reset(line.a);
	bench_settle(bench);
	while (got < sizeof(bytes) && (now = bench_recv(bench, line.b, bytes, sizeof(bytes))) > 0)
		got += (size_t)now;
	assert_int_equal(got, sizeof(bytes));
	bench_skip(bench, SPLICE_LOOK_US + 1);
	now = bench_recv(bench, line.b, bytes, sizeof(bytes));
	assert_int_equal(now, -1);
	assert_int_equal(errno, ECONNRESET);
	bench_expect_pairs(bench, 0);
	close(line.b);
}

static void what_the_other_sent_before_it_was_reset_is_read(void **state)
{
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	char text[16];

	/* b answers and goes with the request unread: a reset from it */
	assert_int_equal(send(line.b, "no", 2, 0), 2);
	assert_int_equal(send(line.a, "request", 7, 0), 7);
	bench_settle(bench);
	close(line.b);
	bench_settle(bench);
	bench_skip(bench, SPLICE_LOOK_US + 1);
	assert_int_equal(bench_recv(bench, line.a, text, sizeof(text)), 2);
	assert_int_equal(bench_recv(bench, line.a, text, sizeof(text)), -1);
	assert_int_equal(errno, ECONNRESET);
	bench_expect_pairs(bench, 0);
	close(line.a);
}

static void a_reset_behind_the_end_is_heard_of_by_who_says_nothing(void **state)
{
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	struct pollfd look = {.fd = line.a};
	char text[16];

	assert_int_equal(shutdown(line.b, SHUT_WR), 0);
	assert_int_equal(bench_recv(bench, line.a, text, sizeof(text)), 0);
	bench_expect_pairs(bench, 1);
	end_by_reset(line.b);
	bench_expect_pairs(bench, 0);
	assert_int_equal(poll(&look, 1, 5000), 1);
	assert_int_equal(look.revents & POLLERR, POLLERR);
	close(line.a);
}

static size_t stuff(struct bench *bench, int fd)
{
	static uint8_t bytes[64 * 1024];
	size_t sent = 0;
	ssize_t now;

	for (int idle = 0; idle < 50;) {
		now = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		idle = now > 0 ? 0 : idle + 1;
		sent += now > 0 ? (size_t)now : 0;
		bench_settle(bench);
	}
	return sent;
}

static void who_does_not_read_holds_up_its_sender_and_nobody_else(void **state)
{
	struct bench *bench = *state;
	struct line deaf = bench_line(bench), other = bench_line(bench);
	char text[16];

	/* two sockets' buffers and a pipe */
	assert_true(stuff(bench, deaf.a) < 64 * 1024 * 1024);
	assert_int_equal(send(other.a, "still", 5, 0), 5);
	bench_settle(bench);
	assert_int_equal(bench_recv(bench, other.b, text, sizeof(text)), 5);
	/* and nobody is woken for it */
	assert_int_equal(loop_turn(bench->loop, 0), 0);
	assert_int_equal(loop_timeout_us(bench->loop), -1);
	close(deaf.a);
	close(deaf.b);
	close(other.a);
	close(other.b);
}

static void who_reads_late_still_gets_what_came_before_a_reset(void **state)
{
	static uint8_t bytes[256 * 1024];
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	size_t sent = stuff(bench, line.a), got = 0;
	ssize_t now = 1;

	end_by_reset(line.a);
	bench_skip(bench, 10 * SPLICE_LINGER_US);
	while (now > 0) {
		now = recv(line.b, bytes, sizeof(bytes), MSG_DONTWAIT);
		got += now > 0 ? (size_t)now : 0;
		bench_settle(bench);
		if (now < 0 && errno == EAGAIN && splice_table_count(bench->table) > 0) {
			bench_skip(bench, SPLICE_LOOK_US + 1);
			now = 1;
		}
	}
	assert_int_equal(errno, ECONNRESET);
	/* what the sender's own socket still had is lost with it, and nothing else */
	assert_true(got > sent / 4 && got <= sent);
	bench_expect_pairs(bench, 0);
	close(line.b);
}

static void look_at_far(void *owner, const struct splice_info *info)
{
	*(int *)owner = info->far;
}

static void a_reset_before_one_who_does_not_read_ends_it_in_seconds(void **state)
{
	static uint8_t bytes[4096];
	struct bench *bench = *state;
	struct line line = bench_line(bench);
	uint32_t unsent = 0;
	int far = -1;

	/* until the far socket has more than b's takes, but the pair has nothing */
	splice_table_each(bench->table, look_at_far, &far);
	while (unsent == 0) {
		assert_int_equal(send(line.a, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
		bench_settle(bench);
		assert_int_equal(socket_unread(far, &unsent), 0);
	}
	end_by_reset(line.a);
	bench_settle(bench);
	bench_skip(bench, SPLICE_LINGER_US / 2);
	bench_expect_pairs(bench, 1);
	bench_skip(bench, SPLICE_LINGER_US);
	bench_expect_pairs(bench, 0);
	close(line.b);
}

static void a_thousand_at_once_cost_two_descriptors_each(void **state)
{
	static struct line lines[1000];
	struct bench *bench = *state;
	const size_t before = descriptors();
	char text[16];

	for (int i = 0; i < 1000; i++)
		lines[i] = bench_line(bench);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send(lines[i].a, &i, sizeof(i), 0), sizeof(i));
	bench_settle(bench);
	for (int i = 0; i < 1000; i++) {
		int number = -1;

		assert_int_equal(bench_recv(bench, lines[i].b, &number, sizeof(number)), sizeof(number));
		assert_int_equal(number, i);
	}
	bench_expect_pairs(bench, 1000);
	/* two of the pair, two of ours, and the spare pipes' */
	assert_true(descriptors() - before <= 4000 + 2 * SPLICE_PIPES_SPARE);
	for (int i = 0; i < 1000; i++)
		close(lines[i].a);
	bench_settle(bench);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(bench_recv(bench, lines[i].b, text, sizeof(text)), 0);
		close(lines[i].b);
	}
	bench_settle(bench);
	bench_expect_pairs(bench, 0);
	assert_true(descriptors() - before <= 2 * SPLICE_PIPES_SPARE);
}

static void a_refused_far_side_is_a_reset(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in nowhere = bench->address;
	int ends[2];
	char text[16];

	bench_connect(bench, ends);
	nowhere.sin_port = htons(1);
	assert_int_equal(splice_dial(bench->table, ends[1], &bench->dialler, (struct sockaddr *)&nowhere,
				     sizeof(nowhere)),
			 0);
	bench_settle(bench);
	assert_int_equal(bench_recv(bench, ends[0], text, sizeof(text)), -1);
	assert_int_equal(errno, ECONNRESET);
	bench_expect_pairs(bench, 0);
	assert_int_equal(splice_table_counters(bench->table)->connections_refused, 1);
	close(ends[0]);
}

static void who_is_dialled_may_have_to_wait_for_a_socket(void **state)
{
	struct bench *bench = *state;
	int ends[2], far;
	char text[16];

	bench_connect(bench, ends);
	bench->socket = -EAGAIN;
	assert_int_equal(splice_dial(bench->table, ends[1], &bench->dialler, (struct sockaddr *)&bench->address,
				     sizeof(bench->address)),
			 0);
	assert_int_equal(send(ends[0], "early", 5, 0), 5);
	bench_settle(bench);
	assert_int_equal(socket_accept(bench->listener), -EAGAIN);
	bench->socket = 0;
	splice_table_retry(bench->table);
	bench_settle(bench);
	far = bench_accept(bench);
	assert_true(far >= 0);
	assert_int_equal(bench_recv(bench, far, text, sizeof(text)), 5);
	close(ends[0]);
	close(far);
}

static void who_waits_for_a_socket_in_vain_is_reset(void **state)
{
	struct bench *bench = *state;
	int ends[2];
	char text[16];

	bench->socket = -EAGAIN;
	for (int gone = 0; gone < 2; gone++) {
		bench_connect(bench, ends);
		assert_int_equal(splice_dial(bench->table, ends[1], &bench->dialler, (struct sockaddr *)&bench->address,
					     sizeof(bench->address)),
				 0);
		bench_settle(bench);
		if (gone)
			splice_table_forget(bench->table, &bench->dialler);
		else
			bench_skip(bench, SPLICE_SOCKET_US + 1);
		assert_int_equal(bench_recv(bench, ends[0], text, sizeof(text)), -1);
		assert_int_equal(errno, ECONNRESET);
		bench_expect_pairs(bench, 0);
		close(ends[0]);
	}
}

static void a_full_table_takes_no_more(void **state)
{
	struct bench *bench = *state;
	struct line lines[2] = {bench_line(bench), bench_line(bench)};
	int left[2], right[2];

	assert_true(splice_table_is_full(bench->table));
	bench_connect(bench, left);
	bench_connect(bench, right);
	assert_int_equal(splice_new(bench->table, left[1], right[0]), -ENFILE);
	assert_int_equal(bench->notices, 1);
	assert_int_equal(splice_table_counters(bench->table)->connections_full, 1);
	/* they are the caller's still */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(close(left[i]), 0);
		assert_int_equal(close(right[i]), 0);
		close(lines[i].a);
		close(lines[i].b);
	}
	bench_settle(bench);
	assert_false(splice_table_is_full(bench->table));
}

static void without_a_descriptor_for_a_pipe_it_waits_and_says_so(void **state)
{
	struct bench *bench = *state;
	struct rlimit limit, none;
	int left[2], right[2];
	char text[16];

	bench_connect(bench, left);
	bench_connect(bench, right);
	assert_int_equal(send(left[0], "late", 4, 0), 4);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(splice_new(bench->table, left[1], right[0]), 0);
	bench_settle(bench);
	bench_skip(bench, SPLICE_LOOK_US + 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(bench->notices, 1);
	assert_int_equal(recv(right[1], text, sizeof(text), MSG_DONTWAIT), -1);
	bench_skip(bench, SPLICE_LOOK_US + 1);
	assert_int_equal(bench_recv(bench, right[1], text, sizeof(text)), 4);
	close(left[0]);
	close(right[1]);
}

/* ---- pairs that somebody keeps ---- */

struct kept {
	struct splice *splice;
	int ends, near;
	struct splice_info last;
};

static void kept_on_end(void *owner, int near, const struct splice_info *last)
{
	struct kept *kept = owner;

	kept->ends++;
	kept->near = near;
	kept->last = *last;
}

static struct line bench_keep(struct bench *bench, struct kept *kept)
{
	const struct splice_keeper keeper = {.on_end = kept_on_end, .owner = kept};
	int left[2], right[2];

	*kept = (struct kept){.near = -1};
	bench_connect(bench, left);
	bench_connect(bench, right);
	assert_int_equal(splice_keep(bench->table, left[1], right[0], &keeper, &kept->splice), 0);
	return (struct line){left[0], right[1]};
}

static void a_keeper_gets_the_near_socket_when_both_have_said_all(void **state)
{
	struct bench *bench = *state;
	struct splice_info info;
	struct kept kept;
	struct line line = bench_keep(bench, &kept);
	char text[16];

	assert_int_equal(send(line.a, "asked", 5, 0), 5);
	assert_int_equal(send(line.b, "answered", 8, 0), 8);
	bench_settle(bench);
	splice_look_at(kept.splice, &info);
	assert_string_equal(info.state, "open");
	assert_int_equal(info.from_near_bytes, 5);
	assert_int_equal(info.to_near_bytes, 8);
	assert_true(info.moved_us > 0 && info.near >= 0 && info.far >= 0);
	assert_int_equal(bench_recv(bench, line.b, text, sizeof(text)), 5);
	close(line.b);
	bench_settle(bench);
	assert_int_equal(kept.ends, 0);
	assert_int_equal(bench_recv(bench, line.a, text, sizeof(text)), 8);
	assert_int_equal(bench_recv(bench, line.a, text, sizeof(text)), 0);
	shutdown(line.a, SHUT_WR);
	bench_settle(bench);
	assert_int_equal(kept.ends, 1);
	assert_int_equal(kept.near, info.near);
	assert_int_equal(kept.last.from_near_bytes, 5);
	assert_int_equal(kept.last.to_near_bytes, 8);
	assert_int_equal(kept.last.far, -1);
	bench_expect_pairs(bench, 0);
	assert_int_equal(close(kept.near), 0);
	close(line.a);
}

static void a_keeper_hears_of_a_reset_but_not_of_its_own(void **state)
{
	struct bench *bench = *state;
	struct kept kept;
	struct line line = bench_keep(bench, &kept);
	char byte;

	end_by_reset(line.b);
	bench_settle(bench);
	bench_skip(bench, SPLICE_LINGER_US + 1);
	assert_int_equal(kept.ends, 1);
	assert_int_equal(kept.near, -1);
	close(line.a);
	line = bench_keep(bench, &kept);
	splice_reset(kept.splice);
	assert_int_equal(kept.ends, 0);
	bench_expect_pairs(bench, 0);
	assert_int_equal(bench_recv(bench, line.a, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(line.a);
	close(line.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SPLICE_TEST(name) cmocka_unit_test_setup_teardown(name, bench_init, bench_done)
		SPLICE_TEST(sixty_four_mebibytes_both_ways_at_once_are_intact),
		SPLICE_TEST(what_a_quick_stream_says_before_a_pause_is_late_and_arrives),
		SPLICE_TEST(each_side_may_stop_sending_and_go_on_reading),
		SPLICE_TEST(a_reset_comes_after_the_data_before_it),
		SPLICE_TEST(what_the_other_sent_before_it_was_reset_is_read),
		SPLICE_TEST(a_reset_behind_the_end_is_heard_of_by_who_says_nothing),
		SPLICE_TEST(who_does_not_read_holds_up_its_sender_and_nobody_else),
		SPLICE_TEST(who_reads_late_still_gets_what_came_before_a_reset),
		SPLICE_TEST(a_reset_before_one_who_does_not_read_ends_it_in_seconds),
		SPLICE_TEST(a_thousand_at_once_cost_two_descriptors_each),
		SPLICE_TEST(a_refused_far_side_is_a_reset),
		SPLICE_TEST(who_is_dialled_may_have_to_wait_for_a_socket),
		SPLICE_TEST(who_waits_for_a_socket_in_vain_is_reset),
		SPLICE_TEST(without_a_descriptor_for_a_pipe_it_waits_and_says_so),
		SPLICE_TEST(a_keeper_gets_the_near_socket_when_both_have_said_all),
		SPLICE_TEST(a_keeper_hears_of_a_reset_but_not_of_its_own),
		cmocka_unit_test_setup_teardown(a_full_table_takes_no_more, bench_init_two, bench_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
