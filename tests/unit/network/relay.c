/* SPDX-License-Identifier: MIT */
/* Datagrams between sockets on the loopback interface: each client has its own far socket, answers find their client, and
 * time ends who is silent.
 *
 *     clients ---- near |relay| one socket each ---- server */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/relay.h"
#include "os/socket.h"

struct bench {
	struct loop *loop;
	uint64_t now_us;
	struct relay_table *table;
	struct relay *relay;
	int near, server, notices;
	int refuse; /* what the dialler says; 0: a socket */
	struct sockaddr_in near_address, server_address;
	struct dialler dialler;
};

static uint64_t bench_now_us(void *owner)
{
	return ((struct bench *)owner)->now_us;
}

static int bench_open(void *owner, int family, int type)
{
	struct bench *bench = owner;

	assert_int_equal(family, AF_INET);
	assert_int_equal(type, SOCK_DGRAM);
	return bench->refuse ? bench->refuse : socket_open(family, type);
}

static void bench_on_notice(void *owner, const char *text)
{
	assert_non_null(strstr(text, "ulimit"));
	((struct bench *)owner)->notices++;
}

static int bench_bind(struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket_open(AF_INET, SOCK_DGRAM);

	assert_true(fd >= 0);
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
	return fd;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct relay_table_config config = {.most = 3, .on_notice = bench_on_notice, .owner = bench};

	bench->now_us = 1000;
	bench->dialler = (struct dialler){.open = bench_open, .owner = bench};
	assert_int_equal(loop_new(bench_now_us, bench, &bench->loop), 0);
	bench->near = bench_bind(&bench->near_address);
	bench->server = bench_bind(&bench->server_address);
	config.loop = bench->loop;
	assert_int_equal(relay_table_new(&config, &bench->table), 0);
	assert_int_equal(relay_new(bench->table, bench->near, &bench->dialler,
				   (struct sockaddr *)&bench->server_address, sizeof(bench->server_address),
				   &bench->relay),
			 0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	relay_free(bench->relay);
	assert_int_equal(relay_table_count(bench->table), 0);
	relay_table_free(bench->table);
	loop_free(bench->loop);
	close(bench->near);
	if (bench->server >= 0)
		close(bench->server);
	free(bench);
	return 0;
}

/* Twice, and the kernel gets a moment between: what comes by the loopback interface is another thread's on a busy machine. */
static void bench_turn(struct bench *bench)
{
	for (int i = 0; i < 8; i++) {
		if (i == 4)
			poll(NULL, 0, 1);
		assert_true(loop_turn(bench->loop, 0) >= 0);
	}
	poll(NULL, 0, 1);
}

static int bench_client(struct bench *bench)
{
	int fd = socket_open(AF_INET, SOCK_DGRAM);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&bench->near_address, sizeof(bench->near_address)), 0);
	return fd;
}

/* One datagram there. */
static void bench_ask(struct bench *bench, int client, const char *text)
{
	assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
	bench_turn(bench);
}

/* The server sends back what it got, how many that was. */
static int bench_echo(struct bench *bench)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	static char bytes[65536];
	ssize_t got;
	int count = 0;

	while ((got = recvfrom(bench->server, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &length)) >=
	       0) {
		assert_int_equal(sendto(bench->server, bytes, (size_t)got, 0, (struct sockaddr *)&from, length), got);
		count++;
	}
	bench_turn(bench);
	return count;
}

static void assert_answer(int client, const char *text)
{
	char got[64] = "";

	assert_int_equal(recv(client, got, sizeof(got) - 1, MSG_DONTWAIT), strlen(text));
	assert_string_equal(got, text);
}

static void answers_find_their_client(void **state)
{
	struct bench *bench = *state;
	int clients[2] = {bench_client(bench), bench_client(bench)};

	/* their datagrams arrive in one batch, mixed */
	assert_int_equal(send(clients[0], "first of 0", 10, 0), 10);
	assert_int_equal(send(clients[1], "first of 1", 10, 0), 10);
	assert_int_equal(send(clients[0], "second of 0", 11, 0), 11);
	bench_turn(bench);
	assert_int_equal(relay_table_count(bench->table), 2);
	assert_int_equal(bench_echo(bench), 3);
	assert_answer(clients[0], "first of 0");
	assert_answer(clients[0], "second of 0");
	assert_answer(clients[1], "first of 1");
	close(clients[0]);
	close(clients[1]);
}

static void lengths_from_nothing_to_the_longest_are_kept(void **state)
{
	const size_t lengths[] = {0, 1, 1472, 65507};
	static char bytes[65536];
	struct bench *bench = *state;
	int client = bench_client(bench);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(bytes, (int)i + 1, lengths[i]);
		assert_int_equal(send(client, bytes, lengths[i], 0), lengths[i]);
		bench_turn(bench);
		assert_int_equal(bench_echo(bench), 1);
		assert_int_equal(recv(client, bytes, sizeof(bytes), MSG_DONTWAIT), lengths[i]);
	}
	close(client);
}

static void a_burst_longer_than_a_turn_arrives_whole(void **state)
{
	struct bench *bench = *state;
	int client = bench_client(bench), number = 0, got;

	for (int i = 0; i < 100; i++)
		assert_int_equal(send(client, &i, sizeof(i), 0), sizeof(i));
	bench_turn(bench);
	while (recv(bench->server, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got))
		assert_int_equal(got, number++);
	assert_int_equal(number, 100);
	assert_int_equal(relay_counters(bench->relay)->to_far, 100);
	close(client);
}

static void a_question_ends_sooner_than_a_stream(void **state)
{
	struct bench *bench = *state;
	int asks = bench_client(bench), talks = bench_client(bench);

	bench_ask(bench, asks, "?");
	for (int i = 0; i < 2; i++) {
		bench_ask(bench, talks, "!");
		bench_echo(bench);
	}
	assert_int_equal(relay_table_count(bench->table), 2);
	bench->now_us += RELAY_SHORT_US - 1;
	bench_turn(bench);
	assert_int_equal(relay_table_count(bench->table), 2);
	bench->now_us += 2;
	bench_turn(bench);
	assert_int_equal(relay_table_count(bench->table), 1);
	bench->now_us += RELAY_LONG_US;
	bench_turn(bench);
	assert_int_equal(relay_table_count(bench->table), 0);
	assert_int_equal(loop_timeout_us(bench->loop), -1);
	close(asks);
	close(talks);
}

static void a_full_one_gives_up_the_oldest_question(void **state)
{
	struct bench *bench = *state;
	int talks = bench_client(bench), asks[3];

	for (int i = 0; i < 2; i++) {
		bench_ask(bench, talks, "!");
		bench_echo(bench);
	}
	for (int i = 0; i < 3; i++) {
		asks[i] = bench_client(bench);
		bench->now_us += 1000;
		bench_ask(bench, asks[i], "?");
	}
	assert_int_equal(relay_table_count(bench->table), 3);
	bench_echo(bench);
	assert_int_equal(recv(asks[0], &(char){0}, 1, MSG_DONTWAIT), -1);
	assert_answer(asks[1], "?");
	assert_answer(asks[2], "?");
	for (int i = 0; i < 3; i++)
		close(asks[i]);
	close(talks);
}

static void without_a_socket_the_datagram_is_lost_and_counted(void **state)
{
	struct bench *bench = *state;
	int client = bench_client(bench);

	bench->refuse = -EMFILE;
	bench_ask(bench, client, "lost");
	bench_ask(bench, client, "lost");
	assert_int_equal(relay_counters(bench->relay)->dropped, 2);
	assert_int_equal(bench->notices, 1);
	bench->refuse = 0;
	bench_ask(bench, client, "there");
	bench_echo(bench);
	assert_answer(client, "there");
	close(client);
}

static void nobody_listening_for_a_while_is_survived(void **state)
{
	struct bench *bench = *state;
	int client = bench_client(bench);

	close(bench->server);
	for (int i = 0; i < 3; i++)
		bench_ask(bench, client, "anybody?");
	assert_int_equal(loop_turn(bench->loop, 0), 0);
	bench->server = socket_open(AF_INET, SOCK_DGRAM);
	assert_int_equal(bind(bench->server, (struct sockaddr *)&bench->server_address, sizeof(bench->server_address)),
			 0);
	bench_ask(bench, client, "now?");
	assert_int_equal(bench_echo(bench), 1);
	assert_answer(client, "now?");
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_find_their_client, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_from_nothing_to_the_longest_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_burst_longer_than_a_turn_arrives_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_question_ends_sooner_than_a_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_one_gives_up_the_oldest_question, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_socket_the_datagram_is_lost_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_listening_for_a_while_is_survived, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
