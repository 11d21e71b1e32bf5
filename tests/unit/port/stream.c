/* SPDX-License-Identifier: MIT */
/* Guests on streams, over real sockets: what they send arrives whole, what they are sent is framed, and who lies, dies or
 * does not read harms nobody else. */
#include "unit/port/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

static size_t framed(uint8_t *to, size_t count, unsigned dst, unsigned src)
{
	to[0] = (uint8_t)(count >> 24);
	to[1] = (uint8_t)(count >> 16);
	to[2] = (uint8_t)(count >> 8);
	to[3] = (uint8_t)count;
	frame_make(to + 4, count, dst, src);
	return count + 4;
}

static void send_frame(struct fixture *fixture, int fd, size_t count, unsigned dst, unsigned src)
{
	uint8_t bytes[4 + FRAME_BYTES_MAX];
	size_t all = framed(bytes, count, dst, src);

	assert_int_equal(send(fd, bytes, all, MSG_NOSIGNAL), all);
	fixture_settle(fixture);
}

/* The length of the next frame that the guest was sent, or -1. */
static long read_frame(int fd, uint8_t *ret_bytes)
{
	uint8_t header[4];
	long length;

	if (recv(fd, header, 4, MSG_DONTWAIT) != 4)
		return -1;
	length = (long)header[0] << 24 | header[1] << 16 | header[2] << 8 | header[3];
	assert_true(length <= FRAME_BYTES_MAX);
	for (long done = 0; done < length;) {
		ssize_t got = recv(fd, ret_bytes + done, (size_t)(length - done), MSG_DONTWAIT);

		if (got <= 0)
			return -1;
		done += got;
	}
	return length;
}

/* A guest that takes what there is and looks at it later. */
struct collected {
	uint8_t *bytes;
	size_t count;
	size_t size;
};

static bool collect(struct collected *collected, int fd, size_t most)
{
	ssize_t got;

	if (!collected->bytes) {
		collected->size = 16 << 20;
		collected->bytes = malloc(collected->size);
	}
	got = recv(fd, collected->bytes + collected->count, most, MSG_DONTWAIT);
	if (got > 0)
		collected->count += (size_t)got;
	return got > 0;
}

/* How many frames it is; each is as the probe made it, and the last ends where the bytes end. */
static size_t collected_frames(struct collected *collected)
{
	const uint8_t *at = collected->bytes, *end = at + collected->count;
	uint8_t wanted[FRAME_BYTES_MAX];
	size_t frames = 0;

	while (at < end) {
		size_t bytes;

		assert_true(end - at >= 4);
		bytes = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
		assert_in_range(bytes, 14, (size_t)(end - at) - 4);
		frame_make(wanted, bytes, 0, 1);
		assert_memory_equal(at + 4 + 6, wanted + 6, bytes - 6);
		at += 4 + bytes;
		frames++;
	}
	assert_ptr_equal(at, end);
	free(collected->bytes);
	return frames;
}

static int join(struct fixture *fixture)
{
	int fd = fixture_connect(fixture->path, SOCK_STREAM);

	fixture_settle(fixture);
	return fd;
}

static void a_guest_joins_sends_and_is_sent(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX], wanted[FRAME_BYTES_MAX];
	int fd;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = join(fixture);
	assert_int_equal(fixture->joined, 1);
	assert_string_equal(fixture->ports[0]->name, "g.1");
	send_frame(fixture, fd, 60, 1, 2);
	frame_make(wanted, 60, 1, 2);
	assert_int_equal(fixture->probe.frames, 1);
	assert_int_equal(fixture->probe.lengths[0], 60);
	assert_memory_equal(fixture->probe.last, wanted, 60);
	probe_send(fixture, 2, 1514);
	assert_int_equal(read_frame(fd, bytes), 1514);
	frame_make(wanted, 1514, 2, 1);
	assert_memory_equal(bytes, wanted, 1514);
	assert_int_equal(fixture->ports[0]->counters.to_guest.frames, 1);
	assert_int_equal(fixture->ports[0]->counters.to_guest.bytes, 1514);
	assert_int_equal(fixture->ports[0]->counters.from_guest.frames, 1);
	close(fd);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	assert_string_equal(fixture->reason, "closed the connection");
	fixture_free(fixture);
}

static void writes_of_one_byte_make_the_same_frames(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[3 * 200], wanted[100];
	size_t count = 0;
	int fd;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = join(fixture);
	for (unsigned i = 0; i < 3; i++)
		count += framed(bytes + count, 14 + 30 * i, 1, 2);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(send(fd, bytes + i, 1, 0), 1);
		fixture_turn(fixture);
	}
	fixture_settle(fixture);
	assert_int_equal(fixture->probe.frames, 3);
	assert_int_equal(fixture->probe.bytes, 14 + 44 + 74);
	frame_make(wanted, 74, 1, 2);
	assert_memory_equal(fixture->probe.last, wanted, 74);
	close(fd);
	fixture_settle(fixture);
	assert_int_equal(fixture->gone.count[DROP_STREAM_ENDED_IN_FRAME], 0);
	fixture_free(fixture);
}

static void one_read_brings_many_frames(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[1000 * 64];
	size_t count = 0;
	unsigned turns = 0;
	int fd;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = join(fixture);
	for (unsigned i = 0; i < 1000; i++)
		count += framed(bytes + count, 60, 1, 2);
	assert_int_equal(send(fd, bytes, count, 0), count);
	for (; fixture->probe.frames < 1000 && turns < 1000; turns++)
		fixture_turn(fixture);
	assert_int_equal(fixture->probe.frames, 1000);
	assert_true(turns <= 20);
	assert_int_equal(fixture->probe.bytes, 60000);
	close(fd);
	fixture_settle(fixture);
	fixture_free(fixture);
}

/* However the bytes were cut: a turn's frames go out in one call, and one more would need another. */
static void a_turn_brings_no_more_than_its_frames_and_ends_where_one_ends(void **state)
{
	static const size_t cuts[] = {0, 1, 3, 4, 10, 1517, 1518, 3000};
	enum { FRAMES = 130, EACH = 4 + 1514 };
	uint8_t *bytes = malloc(FRAMES * EACH);

	(void)state;
	for (unsigned i = 0; i < FRAMES; i++)
		framed(bytes + (size_t)i * EACH, 1514, 1, 2);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct fixture *fixture = fixture_new();
		size_t before;
		int fd;

		fixture_open(fixture, "stream,path=%s", fixture->path);
		fd = join(fixture);
		assert_int_equal(send(fd, bytes, cuts[i], 0), cuts[i]);
		fixture_settle(fixture);
		assert_int_equal(send(fd, bytes + cuts[i], FRAMES * EACH - cuts[i], 0), FRAMES * EACH - cuts[i]);
		before = fixture->probe.frames;
		for (size_t left = FRAMES - before; left > 0;) {
			size_t turn = left < PORT_TURN_FRAMES ? left : PORT_TURN_FRAMES;

			fixture_turn(fixture);
			assert_int_equal(fixture->probe.frames, before + turn);
			before += turn;
			left -= turn;
		}
		close(fd);
		fixture_settle(fixture);
		fixture_free(fixture);
	}
	free(bytes);
}

/* A guest teaches the port with large frames to read much at once, and then sends many small ones: more than would be read
 * of it then, and that ends in a lie. */
static void small_frames_behind_large_ones_are_handed_in_by_turns(void **state)
{
	enum { LARGE = 4, SMALL = 20000, EACH = 4 + 14, CUT = 7 };
	struct fixture *fixture = fixture_new();
	uint8_t *bytes = malloc(LARGE * (4 + 65000)), *at = bytes;
	unsigned turns = 0;
	int fd, room = 8 << 20;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = join(fixture);
	fixture->ports[0]->accepts.frame_bytes = FRAME_BYTES_MAX;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	for (unsigned i = 0; i < LARGE; i++)
		at += framed(at, 65000, 1, 2);
	assert_int_equal(send(fd, bytes, (size_t)(at - bytes), MSG_DONTWAIT), at - bytes);
	fixture_settle(fixture);
	bytes = realloc(bytes, (SMALL + 1) * EACH);
	at = bytes;
	for (unsigned i = 0; i < SMALL; i++)
		at += framed(at, 14, 1, 2);
	at += framed(at, 14, 1, 2);
	assert_int_equal(send(fd, bytes, (size_t)(at - bytes) - CUT, MSG_DONTWAIT), at - bytes - CUT);
	fixture->probe.frames = 0;
	while (fixture->probe.frames < SMALL && turns++ < SMALL) {
		size_t before = fixture->probe.frames;

		fixture_turn(fixture);
		/* what a read brings, and a round of what was left */
		assert_true(fixture->probe.frames - before <= 2 * PORT_TURN_FRAMES);
	}
	assert_int_equal(fixture->probe.frames, SMALL);
	assert_int_equal(send(fd, at - CUT, CUT, MSG_DONTWAIT), CUT);
	fixture_settle(fixture);
	assert_int_equal(fixture->probe.frames, SMALL + 1);
	assert_int_equal(fixture_drops(fixture->ports[0]), LARGE);
	close(fd);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	free(bytes);
	fixture_free(fixture);
}

static void many_guests_are_ports_of_their_own(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	int fds[3];

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	for (unsigned i = 0; i < 3; i++) {
		fds[i] = join(fixture);
		send_frame(fixture, fds[i], 60, 1, 10 + i);
	}
	assert_int_equal(fixture->endpoint->guests, 3);
	assert_string_equal(fixture->ports[2]->name, "g.3");
	probe_send(fixture, 11, 100);
	assert_int_equal(read_frame(fds[0], bytes), -1);
	assert_int_equal(read_frame(fds[1], bytes), 100);
	assert_int_equal(read_frame(fds[2], bytes), -1);
	send_frame(fixture, fds[0], 200, 12, 10);
	assert_int_equal(read_frame(fds[2], bytes), 200);
	probe_send(fixture, 0xffff, 300);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(read_frame(fds[i], bytes), 300);
	close(fds[1]);
	fixture_settle(fixture);
	assert_int_equal(fixture->endpoint->guests, 2);
	fds[1] = join(fixture);
	assert_string_equal(fixture->ports[2]->name, "g.4");
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static const struct {
	const char *what;
	uint8_t bytes[8];
	size_t count;
	enum drop_reason reason;
} lies[] = {
	{"length 0", {0, 0, 0, 0}, 4, DROP_STREAM_LENGTH_ZERO},
	{"length 13", {0, 0, 0, 13}, 4, DROP_STREAM_LENGTH_SHORT},
	{"length 65558", {0, 1, 0, 22}, 4, DROP_STREAM_LENGTH_LONG},
	{"4 GiB", {0xff, 0xff, 0xff, 0xff}, 4, DROP_STREAM_LENGTH_LONG},
	{"ended in a header", {0, 0}, 2, DROP_STREAM_ENDED_IN_HEADER},
	{"ended in a frame", {0, 0, 0, 60, 1, 2}, 6, DROP_STREAM_ENDED_IN_FRAME},
};

static void who_lies_is_closed_and_nobody_else_notices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fixture *fixture = fixture_new();
		uint8_t bytes[FRAME_BYTES_MAX];
		int honest, liar;

		fixture_open(fixture, "stream,path=%s", fixture->path);
		honest = join(fixture);
		liar = join(fixture);
		send_frame(fixture, honest, 60, 1, 2);
		assert_int_equal(send(liar, lies[i].bytes, lies[i].count, 0), lies[i].count);
		shutdown(liar, SHUT_WR);
		fixture_settle(fixture);
		assert_int_equal(fixture->left, 1);
		for (int reason = 0; reason < DROP_REASONS; reason++) {
			if (fixture->gone.count[reason] != (reason == (int)lies[i].reason))
				fail_msg("%s: %s is %u", lies[i].what, drop_name((enum drop_reason)reason),
					 (unsigned)fixture->gone.count[reason]);
		}
		assert_int_equal(recv(liar, bytes, 1, 0), 0);
		probe_send(fixture, 2, 90);
		assert_int_equal(read_frame(honest, bytes), 90);
		close(honest);
		close(liar);
		fixture_settle(fixture);
		fixture_free(fixture);
	}
}

static void a_deaf_guest_fills_its_queue_and_harms_nobody(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	int deaf, other;
	struct port *port;
	struct port_status status;
	const unsigned offered = 3000;
	struct collected collected = {0};

	(void)state;
	fixture_open(fixture, "stream,path=%s,queue=100000", fixture->path);
	deaf = join(fixture);
	other = join(fixture);
	send_frame(fixture, deaf, 60, 1, 2);
	send_frame(fixture, other, 60, 1, 3);
	port = fixture->ports[0];
	for (unsigned i = 0; i < offered; i++) {
		probe_send(fixture, 2, 1514);
		probe_send(fixture, 3, 1000);
		assert_int_equal(read_frame(other, bytes), 1000);
		if (i % 16 == 0)
			fixture_turn(fixture);
	}
	status = fixture_look(port);
	assert_int_equal(status.queue_bound_bytes, 100000);
	assert_true(status.queued_peak_bytes <= 100000 && status.queued_peak_bytes > 90000);
	assert_true(port->counters.drops.count[DROP_QUEUE_FULL] > 1000);
	assert_int_equal(fixture_drops(port), port->counters.drops.count[DROP_QUEUE_FULL]);
	assert_int_equal(port->counters.to_guest.frames + fixture_drops(port), offered);
	assert_int_equal(fixture_drops(fixture->ports[1]), 0);
	/* It wakes up: what was taken comes, whole and in order. */
	do
		fixture_turn(fixture);
	while (collect(&collected, deaf, 65536));
	assert_int_equal(collected_frames(&collected), port->counters.to_guest.frames);
	assert_int_equal(fixture_look(port).queued_bytes, 0);
	close(deaf);
	close(other);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void a_frame_sent_in_part_is_finished_first(void **state)
{
	struct fixture *fixture = fixture_new_mtu(65520, 0);
	struct collected collected = {0};
	int small = 4096;
	int pair[2];
	size_t frames;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	fixture_open(fixture, "stream,fd=%d,queue=1000000", pair[0]);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (unsigned i = 0; i < 200; i++) {
		probe_send(fixture, 0xffff, 14 + i * 300);
		fixture_turn(fixture);
		collect(&collected, pair[1], 10000);
	}
	do
		fixture_turn(fixture);
	while (collect(&collected, pair[1], 65536));
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 0);
	frames = collected_frames(&collected);
	assert_int_equal(frames, fixture->ports[0]->counters.to_guest.frames);
	assert_int_equal(frames + fixture_drops(fixture->ports[0]), 200);
	assert_true(frames > 20 && frames < 200);
	close(pair[1]);
	fixture_settle(fixture);
	fixture_free(fixture);
}

/* Some of a write are gone, one is in part, and others wait. */
static void a_batch_sent_in_part_is_finished_in_order(void **state)
{
	enum { BATCH = 40, BATCHES = 50 };
	static uint8_t bytes[BATCH][2000];
	struct fixture *fixture = fixture_new();
	struct collected collected = {0};
	struct frame frames[BATCH];
	int small = 4096;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fixture_open(fixture, "stream,fd=%d,queue=1000000", pair[0]);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (unsigned i = 0; i < BATCHES; i++) {
		for (unsigned j = 0; j < BATCH; j++) {
			size_t count = 60 + (i * 37 + j * 101) % 1400;

			frame_make(bytes[j], count, 0xffff, 1);
			memset(bytes[j], 0xff, 6);
			frame_init(&frames[j], bytes[j], (uint32_t)count);
		}
		ethswitch_input(&fixture->probe.port, frames, BATCH);
		do
			fixture_turn(fixture);
		while (collect(&collected, pair[1], 3000));
	}
	assert_int_equal(fixture_look(fixture->ports[0]).queued_bytes, 0);
	assert_true(fixture_look(fixture->ports[0]).queued_peak_bytes > 0);
	assert_int_equal(fixture_drops(fixture->ports[0]), 0);
	assert_int_equal(collected_frames(&collected), BATCH * BATCHES);
	assert_int_equal(fixture->ports[0]->counters.to_guest.frames, BATCH * BATCHES);
	close(pair[1]);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void deaf_guests_cannot_keep_another_from_its_frames(void **state)
{
	/* 64 blocks, 256 KiB: the deaf ones take the pool, but not what it keeps for frames sent in part. */
	struct fixture *fixture = fixture_new_mtu(1500, 64);
	uint8_t bytes[FRAME_BYTES_MAX];
	int fds[4], other;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	for (unsigned i = 0; i < 4; i++) {
		fds[i] = join(fixture);
		send_frame(fixture, fds[i], 60, 1, 10 + i);
	}
	for (unsigned i = 0; i < 4 * 2000; i++)
		probe_send(fixture, 10 + i % 4, 1514);
	assert_true(fixture->ports[0]->counters.drops.count[DROP_POOL_EMPTY] > 0);
	assert_int_equal(fixture->left, 0);
	other = join(fixture);
	send_frame(fixture, other, 60, 1, 20);
	for (unsigned i = 0; i < 100; i++) {
		probe_send(fixture, 20, 1514);
		assert_int_equal(read_frame(other, bytes), 1514);
	}
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	close(other);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void a_guest_killed_while_it_is_sent_to_leaves_at_the_end_of_the_turn(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = join(fixture);
	send_frame(fixture, fd, 60, 1, 2);
	close(fd);
	probe_send(fixture, 2, 100);
	probe_send(fixture, 2, 100);
	assert_int_equal(fixture->left, 0);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_PORT_CLOSED], 2);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	fixture_free(fixture);
}

static void a_thousand_guests_come_and_go_without_a_lost_descriptor(void **state)
{
	struct fixture *fixture = fixture_new();
	unsigned before;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	before = fixture_descriptors();
	for (unsigned i = 0; i < 1000; i++) {
		int fd = fixture_connect(fixture->path, SOCK_STREAM);

		if (i % 3)
			fixture_turn(fixture);
		if (i % 2)
			assert_int_equal(send(fd, "\0\0\0", 3, MSG_NOSIGNAL), 3);
		close(fd);
		fixture_turn(fixture);
	}
	fixture_settle(fixture);
	assert_int_equal(fixture->joined, 1000);
	assert_int_equal(fixture->left, 1000);
	assert_int_equal(fixture->gone.count[DROP_STREAM_ENDED_IN_HEADER], 500);
	assert_int_equal(fixture_descriptors(), before);
	fixture_free(fixture);
}

static void a_guest_more_than_guests_is_turned_away_and_counted(void **state)
{
	struct fixture *fixture = fixture_new();
	int fds[4];
	char byte;

	(void)state;
	fixture_open(fixture, "stream,path=%s,guests=2", fixture->path);
	for (int i = 0; i < 4; i++)
		fds[i] = join(fixture);
	assert_int_equal(fixture->joined, 2);
	assert_int_equal(fixture->endpoint->drops.count[DROP_GUESTS_FULL], 2);
	assert_int_equal(fixture->notices, 1);
	assert_non_null(strstr(fixture->notice, "guests="));
	assert_int_equal(recv(fds[2], &byte, 1, 0), 0);
	close(fds[0]);
	fixture_settle(fixture);
	close(fds[3]);
	fds[3] = join(fixture);
	assert_int_equal(fixture->joined, 3);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static void without_descriptors_the_listener_pauses_and_goes_on(void **state)
{
	struct fixture *fixture = fixture_new();
	struct rlimit limit, low;
	int fd, hole;

	(void)state;
	fixture_open(fixture, "stream,path=%s", fixture->path);
	fd = fixture_connect(fixture->path, SOCK_STREAM);
	hole = dup(fd);
	close(hole);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)hole;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	fixture_turn(fixture);
	assert_int_equal(fixture->notices, 1);
	/* Nothing spins: no descriptor is ready, and only the timer is set. */
	assert_int_equal(loop_turn(fixture->loop, 0), 0);
	assert_true(loop_timeout_us(fixture->loop) > 0);
	fixture_pass(fixture, 1000 * 1000);
	assert_int_equal(fixture->notices, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fixture_pass(fixture, 1000 * 1000);
	assert_int_equal(fixture->joined, 1);
	close(fd);
	fixture_settle(fixture);
	fixture_free(fixture);
}

static int connect_tcp(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *colon = strrchr(text, ':');
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_non_null(colon);
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Where the machine is busy the kernel leaves packets of the loopback interface to a thread of its own. */
#define SETTLE_UNTIL(fixture, condition)                          \
	do {                                                      \
		fixture_settle(fixture);                          \
		for (int i = 0; i < 10000 && !(condition); i++) { \
			usleep(1000);                             \
			fixture_settle(fixture);                  \
		}                                                 \
		assert_true(condition);                           \
	} while (0)

static void tcp_listens_on_loopback_and_says_which_port(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	int fd;

	(void)state;
	fixture_open(fixture, "stream,tcp=0");
	assert_memory_equal(fixture->endpoint->address, "127.0.0.1:", 10);
	assert_string_not_equal(fixture->endpoint->address, "127.0.0.1:0");
	fd = connect_tcp(fixture->endpoint->address);
	SETTLE_UNTIL(fixture, fixture->joined == 1);
	assert_memory_equal(fixture_look(fixture->ports[0]).far_end, "127.0.0.1:", 10);
	send_frame(fixture, fd, 60, 1, 2);
	SETTLE_UNTIL(fixture, fixture->probe.frames == 1);
	probe_send(fixture, 2, 1514);
	fixture_settle(fixture);
	assert_int_equal(recv(fd, bytes, 4 + 1514, MSG_PEEK | MSG_WAITALL), 4 + 1514);
	assert_int_equal(read_frame(fd, bytes), 1514);
	close(fd);
	SETTLE_UNTIL(fixture, fixture->left == 1);
	fixture_free(fixture);
}

static void it_connects_and_connects_again(void **state)
{
	struct fixture *fixture = fixture_new();
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener, fd;

	(void)state;
	fixture_open(fixture, "stream,connect=%s", fixture->path);
	assert_int_equal(fixture->notices, 1);
	assert_non_null(strstr(fixture->notice, "cannot connect"));
	assert_non_null(strstr(fixture->notice, fixture->path));
	/* it is nobody's address to be given */
	assert_string_equal(fixture->endpoint->path, "");
	assert_string_equal(fixture->endpoint->address, "");
	fixture_pass(fixture, 100 * 1000);
	fixture_pass(fixture, 200 * 1000);
	assert_int_equal(fixture->notices, 1);
	assert_int_equal(loop_timeout_us(fixture->loop), 400 * 1000);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	fixture_pass(fixture, 400 * 1000);
	assert_int_equal(fixture->joined, 1);
	assert_int_equal(fixture->notices, 2);
	assert_string_equal(fixture->ports[0]->name, "g");
	assert_memory_equal(fixture_look(fixture->ports[0]).far_end, "pid ", 4);
	fixture_pass(fixture, 60 * 1000 * 1000);
	fd = accept(listener, NULL, NULL);
	send_frame(fixture, fd, 60, 1, 2);
	assert_int_equal(fixture->probe.frames, 1);
	close(fd);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	fixture_pass(fixture, 100 * 1000);
	assert_int_equal(fixture->joined, 2);
	/* It comes back at once to who lets it in, but not quicker and quicker to who closes it every time. */
	for (int i = 0; i < 8; i++) {
		fd = accept(listener, NULL, NULL);
		close(fd);
		fixture_settle(fixture);
		fixture_pass(fixture, 5000 * 1000);
	}
	fd = accept(listener, NULL, NULL);
	close(fd);
	fixture_settle(fixture);
	close(listener);
	unlink(fixture->path);
	fixture_free(fixture);
}

static void an_inherited_descriptor_is_one_guest(void **state)
{
	struct fixture *fixture = fixture_new();
	uint8_t bytes[FRAME_BYTES_MAX];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fixture_open(fixture, "stream,fd=%d", pair[0]);
	assert_string_equal(fixture->ports[0]->name, "g");
	send_frame(fixture, pair[1], 60, 1, 2);
	probe_send(fixture, 2, 77);
	assert_int_equal(read_frame(pair[1], bytes), 77);
	close(pair[1]);
	fixture_settle(fixture);
	assert_int_equal(fixture->left, 1);
	assert_int_equal(fcntl(pair[0], F_GETFD), -1);
	fixture_free(fixture);
}

static void qemus_own_words_do_too(void **state)
{
	struct fixture *fixture = fixture_new();
	int fd;

	(void)state;
	fixture_open(fixture, "stream,server=on,addr.type=unix,addr.path=%s", fixture->path);
	assert_string_equal(fixture->endpoint->path, fixture->path);
	fd = join(fixture);
	assert_int_equal(fixture->joined, 1);
	close(fd);
	fixture_settle(fixture);
	endpoint_close(fixture->endpoint);
	fixture_open(fixture, "stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0");
	assert_memory_equal(fixture->endpoint->address, "127.0.0.1:", 10);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_joins_sends_and_is_sent),
		cmocka_unit_test(writes_of_one_byte_make_the_same_frames),
		cmocka_unit_test(one_read_brings_many_frames),
		cmocka_unit_test(a_turn_brings_no_more_than_its_frames_and_ends_where_one_ends),
		cmocka_unit_test(small_frames_behind_large_ones_are_handed_in_by_turns),
		cmocka_unit_test(many_guests_are_ports_of_their_own),
		cmocka_unit_test(who_lies_is_closed_and_nobody_else_notices),
		cmocka_unit_test(a_deaf_guest_fills_its_queue_and_harms_nobody),
		cmocka_unit_test(a_frame_sent_in_part_is_finished_first),
		cmocka_unit_test(a_batch_sent_in_part_is_finished_in_order),
		cmocka_unit_test(deaf_guests_cannot_keep_another_from_its_frames),
		cmocka_unit_test(a_guest_killed_while_it_is_sent_to_leaves_at_the_end_of_the_turn),
		cmocka_unit_test(a_thousand_guests_come_and_go_without_a_lost_descriptor),
		cmocka_unit_test(a_guest_more_than_guests_is_turned_away_and_counted),
		cmocka_unit_test(without_descriptors_the_listener_pauses_and_goes_on),
		cmocka_unit_test(tcp_listens_on_loopback_and_says_which_port),
		cmocka_unit_test(it_connects_and_connects_again),
		cmocka_unit_test(an_inherited_descriptor_is_one_guest),
		cmocka_unit_test(qemus_own_words_do_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
