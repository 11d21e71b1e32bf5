/* SPDX-License-Identifier: MIT */
/* Passages and diallers as a host program sees them: TCP and UDP to an address of this machine or through a dialler, words
 * that are wrong, and whose descriptors are whose. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "network/dialler.h"
#include "network/passage.h"
#include "os/socket.h"
#include "unit/network/kit.h"

struct fixture {
	struct kit kit;
	int inlet, server; /* the same kind */
	char inlet_text[64], server_text[64];
	struct sockaddr_in inlet_address;
	int opened;
	int refuse;
	char seen[256];
	uint64_t datagrams[3]; /* seen: to the far side, from it, lost */
};

static int fixture_bind(int type, struct sockaddr_in *ret_address, char *text)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket_open(AF_INET, type);

	assert_true(fd >= 0);
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
	assert_true(type == SOCK_DGRAM || listen(fd, 8) == 0);
	snprintf(text, 64, "127.0.0.1:%u", ntohs(ret_address->sin_port));
	return fd;
}

static int setup_type(void **state, int type)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_in address;

	signal(SIGPIPE, SIG_IGN);
	kit_new(&fixture->kit, "none");
	fixture->inlet = fixture_bind(type, &fixture->inlet_address, fixture->inlet_text);
	fixture->server = fixture_bind(type, &address, fixture->server_text);
	*state = fixture;
	return 0;
}

static int setup_stream(void **state)
{
	return setup_type(state, SOCK_STREAM);
}

static int setup_dgram(void **state)
{
	return setup_type(state, SOCK_DGRAM);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	gw_network_free(fixture->kit.network);
	free(fixture->kit.events);
	close(fixture->server);
	free(fixture);
	return 0;
}

/* Twice, and the kernel gets a moment between: what comes by the loopback interface is another thread's on a busy machine. */
static void fixture_turn(struct fixture *fixture)
{
	for (int i = 0; i < 16; i++) {
		if (i == 8)
			poll(NULL, 0, 1);
		assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
	}
	poll(NULL, 0, 1);
}

static struct gw_passage *fixture_pass(struct fixture *fixture, struct gw_dialler *through)
{
	struct gw_passage_config config = GW_INIT(struct gw_passage_config);
	struct gw_passage *passage = NULL;
	struct gw_error error = {0};

	config.fd = fixture->inlet;
	config.to = fixture->server_text;
	config.through = through;
	if (gw_passage_new(fixture->kit.network, &config, &passage, &error) < 0)
		fail_msg("%s", error.text);
	return passage;
}

static int fixture_connect(struct fixture *fixture, int type)
{
	int fd = socket_open(AF_INET, type);

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&fixture->inlet_address, sizeof(fixture->inlet_address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void see(void *owner, const struct gw_passage_info *info)
{
	struct fixture *fixture = owner;

	snprintf(fixture->seen, sizeof(fixture->seen), "%s %s %s %d %d", info->protocol, info->listening, info->to,
		 info->to_guest, (int)info->connections);
	fixture->datagrams[0] = info->to_far;
	fixture->datagrams[1] = info->from_far;
	fixture->datagrams[2] = info->lost;
}

static void assert_seen(struct fixture *fixture, const char *protocol, int to_guest, int connections)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "%s %s %s %d %d", protocol, fixture->inlet_text, fixture->server_text,
		 to_guest, connections);
	fixture->seen[0] = '\0';
	gw_network_each_passage(fixture->kit.network, see, fixture);
	assert_string_equal(fixture->seen, wanted);
}

static void connections_are_taken_to_this_machines_address(void **state)
{
	struct fixture *fixture = *state;
	struct gw_passage *passage = fixture_pass(fixture, NULL);
	int client = fixture_connect(fixture, SOCK_STREAM), far;
	char text[16];

	assert_int_equal(send(client, "hello", 5, 0), 5);
	fixture_turn(fixture);
	far = socket_accept(fixture->server);
	assert_true(far >= 0);
	assert_int_equal(recv(far, text, sizeof(text), MSG_DONTWAIT), 5);
	assert_seen(fixture, "tcp", 0, 1);
	/* it outlives its passage */
	gw_passage_free(passage);
	assert_int_equal(send(far, "back", 4, 0), 4);
	fixture_turn(fixture);
	assert_int_equal(recv(client, text, sizeof(text), MSG_DONTWAIT), 4);
	close(client);
	close(far);
}

static void datagrams_are_relayed(void **state)
{
	struct fixture *fixture = *state;
	struct gw_passage *passage = fixture_pass(fixture, NULL);
	int client = fixture_connect(fixture, SOCK_DGRAM);
	char text[16];

	assert_int_equal(send(client, "hello", 5, 0), 5);
	fixture_turn(fixture);
	assert_int_equal(recv(fixture->server, text, sizeof(text), MSG_DONTWAIT), 5);
	assert_seen(fixture, "udp", 0, 1);
	assert_int_equal(fixture->datagrams[0], 1);
	assert_int_equal(fixture->datagrams[1], 0);
	assert_int_equal(fixture->datagrams[2], 0);
	gw_passage_free(passage);
	close(client);
}

static int fixture_open(void *owner, int family, int type)
{
	struct fixture *fixture = owner;

	if (fixture->refuse)
		return fixture->refuse;
	fixture->opened++;
	return socket_open(family, type);
}

static struct gw_dialler *fixture_dialler(struct fixture *fixture)
{
	struct gw_dialler_config config = GW_INIT(struct gw_dialler_config);
	struct gw_dialler *dialler = NULL;

	config.address4 = "10.0.2.15";
	config.address6 = "fd00::15";
	config.open = fixture_open;
	config.owner = fixture;
	assert_int_equal(gw_dialler_new(fixture->kit.network, &config, &dialler, NULL), 0);
	return dialler;
}

static void a_dialler_makes_the_far_sockets_when_it_can(void **state)
{
	struct fixture *fixture = *state;
	struct gw_dialler *dialler = fixture_dialler(fixture);
	char text[16];
	int client, far;

	fixture_pass(fixture, dialler);
	fixture->refuse = -EAGAIN;
	client = fixture_connect(fixture, SOCK_STREAM);
	fixture_turn(fixture);
	assert_int_equal(socket_accept(fixture->server), -EAGAIN);
	fixture->refuse = 0;
	gw_dialler_ready(dialler);
	fixture_turn(fixture);
	assert_int_equal(fixture->opened, 1);
	far = socket_accept(fixture->server);
	assert_true(far >= 0);
	assert_seen(fixture, "tcp", 1, 1);
	/* without it a connection is refused */
	gw_dialler_free(dialler);
	close(client);
	client = fixture_connect(fixture, SOCK_STREAM);
	fixture_turn(fixture);
	assert_int_equal(recv(client, text, sizeof(text), MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
	close(client);
	close(far);
}

static struct ip6 address_of(const char *text)
{
	struct ip6 address;

	assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

static void a_guest_is_known_by_its_addresses(void **state)
{
	struct fixture *fixture = *state;
	struct gw_dialler *dialler = fixture_dialler(fixture);
	const struct gw_network *network = fixture->kit.network;

	assert_ptr_equal(dialler_find(network, address_of("::ffff:10.0.2.15")), dialler_of(dialler));
	assert_ptr_equal(dialler_find(network, address_of("fd00::15")), dialler_of(dialler));
	assert_null(dialler_find(network, address_of("fd00::16")));
	assert_null(dialler_find(network, address_of("::")));
	close(fixture->inlet);
}

static void loopback_is_127_and_one(void **state)
{
	static const struct {
		const char *address;
		bool loopback;
		const char *to;
	} rows[] = {
		{"::1", true, "[::1]:80"},
		{"::ffff:127.0.0.1", true, "127.0.0.1:80"},
		{"::ffff:127.255.0.1", true, "127.0.0.1:80"},
		{"::ffff:128.0.0.1", false, NULL},
		{"::", false, NULL},
		{"fe80::1", false, NULL},
		{"fd00::127", false, NULL},
	};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000005)};
	struct sockaddr_storage to;
	char text[PASSAGE_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, &in6.sin6_addr), 1);
		assert_int_equal(dialler_is_loopback((struct sockaddr *)&in6), rows[i].loopback);
		if (!rows[i].loopback)
			continue;
		dialler_loopback((struct sockaddr *)&in6, 80, &to);
		passage_format(&to, text);
		assert_string_equal(text, rows[i].to);
	}
	assert_true(dialler_is_loopback((struct sockaddr *)&in));
	in.sin_addr.s_addr = htonl(0x80000001);
	assert_false(dialler_is_loopback((struct sockaddr *)&in));
}

static void addresses_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		bool right;
	} rows[] = {
		{"127.0.0.1:80", true},     {"[::1]:80", true},       {"[::1]:65535", true},
		{"127.0.0.1:65536", false}, {"127.0.0.1:0", false},   {"127.0.0.1:", false},
		{"127.0.0.1", false},       {"::1:80", false},        {"[::1]", false},
		{"[]:80", false},           {":80", false},           {"", false},
		{"127.0.0.1:80x", false},   {"127.0.0.1:+80", false}, {"[127.0.0.1]:80", false},
		{"localhost:80", false},    {"127.0.0.1: 80", false}, {"[:80", false},
	};
	struct sockaddr_storage address;
	char text[PASSAGE_TEXT_BYTES];
	struct error error;
	socklen_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int result = passage_parse(rows[i].text, &address, &length, &error);

		if ((result == 0) != rows[i].right)
			fail_msg("'%s': %d", rows[i].text, result);
		if (result < 0)
			continue;
		passage_format(&address, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void what_is_wrong_leaves_the_descriptor_with_its_owner(void **state)
{
	struct fixture *fixture = *state;
	struct gw_passage_config config = GW_INIT(struct gw_passage_config);
	struct gw_passage *passage;
	struct gw_error error;
	int pair[2];

	config.fd = fixture->inlet;
	config.to = "nowhere";
	assert_int_equal(gw_passage_new(fixture->kit.network, &config, &passage, &error), -EINVAL);
	assert_non_null(strstr(error.text, "nowhere"));
	assert_int_equal(close(fixture->inlet), 0);
	assert_int_equal(socket_pair(SOCK_STREAM, pair), 0);
	config.fd = pair[0];
	config.to = "127.0.0.1:80";
	assert_int_equal(gw_passage_new(fixture->kit.network, &config, &passage, &error), -EAFNOSUPPORT);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connections_are_taken_to_this_machines_address, setup_stream, teardown),
		cmocka_unit_test_setup_teardown(datagrams_are_relayed, setup_dgram, teardown),
		cmocka_unit_test_setup_teardown(a_dialler_makes_the_far_sockets_when_it_can, setup_stream, teardown),
		cmocka_unit_test_setup_teardown(a_guest_is_known_by_its_addresses, setup_stream, teardown),
		cmocka_unit_test(loopback_is_127_and_one),
		cmocka_unit_test(addresses_are_read_or_refused),
		cmocka_unit_test_setup_teardown(what_is_wrong_leaves_the_descriptor_with_its_owner, setup_stream,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
