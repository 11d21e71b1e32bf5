/* SPDX-License-Identifier: MIT */
/* Front ends that lie: each message cut, repeated, too early, with other sizes and descriptors; memory, rings and events that
 * are not what they are said to be. Each lie has its own verdict, and nothing is left of any. Honest ones, and lies told
 * while others run, are in vhost_user.c and vhost_crowd.c. */
#include "unit/port/vhost_bed.h"

#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "kit/vhost_front.h"
#include "virtio/net.h"

struct lie {
	const char *what;
	uint32_t request, flags;
	uint64_t payload[8];
	uint32_t bytes;
	int descriptors; /* how many; each is the memory file, or -1: an eventfd, -2: /dev/null */
	enum drop_reason verdict;
	bool refused; /* acknowledged with a failure, and the guest stays */
};

static void lies_are_refused_by_name(void **state)
{
	static const struct lie lies[] = {
		{"another version", VHOST_GET_FEATURES, 2, {0}, 0, 0, DROP_VHOST_VERSION, false},
		{"an unknown request", 99, 1, {0}, 0, 0, DROP_VHOST_REQUEST, false},
		{"a short payload", VHOST_SET_FEATURES, 1, {0}, 4, 0, DROP_VHOST_SIZE, false},
		{"a feature that was not offered",
		 VHOST_SET_FEATURES,
		 1,
		 {UINT64_C(1) << 60},
		 8,
		 0,
		 DROP_VHOST_REQUEST,
		 false},
		{"the same, to be answered",
		 VHOST_SET_FEATURES,
		 9,
		 {UINT64_C(1) << 60},
		 8,
		 0,
		 DROP_VHOST_REQUEST,
		 true},
		{"twelve descriptors", VHOST_SET_MEM_TABLE, 1, {0}, 8, 12, DROP_VHOST_DESCRIPTORS, false},
		{"forty descriptors", VHOST_SET_MEM_TABLE, 1, {0}, 8, 40, DROP_VHOST_DESCRIPTORS, false},
		{"ring 16", VHOST_SET_VRING_NUM, 9, {16 | UINT64_C(64) << 32}, 8, 0, DROP_VHOST_RING, true},
		{"a ring of nothing", VHOST_SET_VRING_NUM, 9, {0}, 8, 0, DROP_VHOST_RING, true},
		{"a ring of 2048", VHOST_SET_VRING_NUM, 9, {UINT64_C(2048) << 32}, 8, 0, DROP_VHOST_RING, true},
		{"memory that wraps",
		 VHOST_ADD_MEM_REG,
		 9,
		 {0, UINT64_MAX - 4095, 8192, 0, 0},
		 40,
		 1,
		 DROP_VHOST_MEMORY,
		 true},
		{"memory of nothing", VHOST_ADD_MEM_REG, 9, {0, 4096, 0, 0, 0}, 40, 1, DROP_VHOST_MEMORY, true},
		{"memory beyond its file",
		 VHOST_ADD_MEM_REG,
		 9,
		 {0, 4096, UINT64_C(1) << 40, 0, 0},
		 40,
		 1,
		 DROP_VHOST_MEMORY,
		 true},
		{"memory over other memory",
		 VHOST_ADD_MEM_REG,
		 9,
		 {0, 0x40000000, 4096, 0, 0},
		 40,
		 1,
		 DROP_VHOST_MEMORY,
		 true},
		{"memory that is an eventfd",
		 VHOST_ADD_MEM_REG,
		 9,
		 {0, 4096, 4096, 0, 0},
		 40,
		 -1,
		 DROP_VHOST_MEMORY,
		 true},
		{"a region that is not there",
		 VHOST_REM_MEM_REG,
		 9,
		 {0, 4096, 4096, 0, 0},
		 40,
		 0,
		 DROP_VHOST_MEMORY,
		 true},
		{"a kick of ring 200", VHOST_SET_VRING_KICK, 9, {200}, 8, -1, DROP_VHOST_RING, true},
		{"a kick that is a file", VHOST_SET_VRING_KICK, 9, {0}, 8, 1, DROP_VHOST_EVENT, true},
		{"a kick that is a device", VHOST_SET_VRING_KICK, 9, {0}, 8, -2, DROP_VHOST_EVENT, true},
		{"a call that is a device", VHOST_SET_VRING_CALL, 9, {0}, 8, -2, DROP_VHOST_EVENT, true},
		{"a ring to be polled", VHOST_SET_VRING_KICK, 9, {0x100}, 8, 0, DROP_VHOST_EVENT, true},
		{"a log that is a device", VHOST_SET_LOG_BASE, 1, {4096, 0}, 16, -2, DROP_VHOST_MEMORY, false},
		{"an MTU beyond the network's", VHOST_NET_SET_MTU, 9, {9000}, 8, 0, DROP_VHOST_REQUEST, true},
		{"a place nowhere, while it runs",
		 VHOST_SET_VRING_ADDR,
		 9,
		 {1, 4096, 4096, 4096, 0},
		 40,
		 0,
		 DROP_VHOST_RING,
		 true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		int descriptors[64], event = eventfd(0, 0), null = open("/dev/null", O_RDWR);
		union vhost_payload answer;
		struct bed bed;
		uint64_t counted;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		for (int j = 0; j < 64; j++)
			descriptors[j] = lie->descriptors == -1   ? event
					 : lie->descriptors == -2 ? null
								  : bed.front.memory_fd;
		vhost_front_send(&bed.front, lie->request, lie->flags, lie->payload, lie->bytes, descriptors,
				 lie->descriptors < 0 ? 1 : (uint32_t)lie->descriptors);
		if (lie->refused && (vhost_front_answer(&bed.front, &answer) != 8 || answer.number == 0))
			fail_msg("%s: was not refused", lie->what);
		pump(bed.fixture);
		counted = lie->refused ? bed.port->counters.drops.count[lie->verdict]
				       : bed.fixture->gone.count[lie->verdict];
		if (bed.fixture->port_count != (lie->refused ? 1 : 0))
			fail_msg("%s: the guest %s", lie->what, lie->refused ? "is gone" : "stayed");
		if (counted != 1)
			fail_msg("%s: not counted as %s", lie->what, drop_name(lie->verdict));
		close(event);
		close(null);
		bed_done(&bed);
	}
}

/* ---- every message ---- */

/* The honest message of each request, and what becomes of it. */
struct message {
	uint32_t request, bytes;
	uint64_t payload[6];
	int descriptors;                  /* of memory or, -1, of an event */
	enum drop_reason shorter, longer; /* by a byte */
	enum drop_reason fewer, surplus;  /* by a descriptor */
	enum drop_reason first;           /* as the first that is said */
	enum drop_reason twice;           /* said twice while the rings run */
	bool ends;                        /* the rings do not run behind it */
};

enum { EVENT = -1 };

#define SHAPE DROP_VHOST_SIZE, DROP_VHOST_SIZE, DROP_NONE, DROP_VHOST_DESCRIPTORS
#define SHAPE_FD DROP_VHOST_SIZE, DROP_VHOST_SIZE, DROP_VHOST_DESCRIPTORS, DROP_VHOST_DESCRIPTORS
#define SHAPE_EMPTY DROP_NONE, DROP_VHOST_SIZE, DROP_NONE, DROP_VHOST_DESCRIPTORS
#define STAYS DROP_NONE, DROP_NONE

/* clang-format off */
static const struct message messages[] = {
	{VHOST_GET_FEATURES, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
	{VHOST_SET_FEATURES, 8, {UINT64_C(1) << 32 | 1 << 30}, 0, SHAPE, STAYS, false},
	{VHOST_SET_OWNER, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
	{VHOST_RESET_OWNER, 0, {0}, 0, SHAPE_EMPTY, STAYS, true},
	/* memory without the rings' */
	{VHOST_SET_MEM_TABLE, 40, {1, 0x1000, 4096, 0x1000, 0}, 1, DROP_VHOST_SIZE, DROP_NONE,
	 DROP_VHOST_DESCRIPTORS, DROP_VHOST_DESCRIPTORS, DROP_NONE, DROP_VHOST_RING, true},
	{VHOST_SET_LOG_BASE, 16, {4096, 0}, 1, SHAPE_FD, STAYS, false},
	{VHOST_SET_LOG_FD, 0, {0}, EVENT, DROP_NONE, DROP_NONE, DROP_VHOST_DESCRIPTORS, DROP_VHOST_DESCRIPTORS, STAYS, false},
	{VHOST_SET_VRING_NUM, 8, {UINT64_C(128) << 32 | 1}, 0, SHAPE, DROP_NONE, DROP_VHOST_RING, false},
	{VHOST_SET_VRING_ADDR, 40, {1, 0x1000, 0x1000, 0x1000, 0}, 0, SHAPE, DROP_NONE, DROP_VHOST_RING, true},
	{VHOST_SET_VRING_BASE, 8, {1}, 0, SHAPE, DROP_NONE, DROP_VHOST_RING, false},
	{VHOST_GET_VRING_BASE, 8, {1}, 0, SHAPE, STAYS, true},
	{VHOST_SET_VRING_KICK, 8, {1}, EVENT, SHAPE_FD, STAYS, true},
	{VHOST_SET_VRING_CALL, 8, {1}, EVENT, SHAPE_FD, STAYS, false},
	{VHOST_SET_VRING_ERR, 8, {1}, EVENT, SHAPE_FD, STAYS, false},
	{VHOST_GET_PROTOCOL_FEATURES, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
	{VHOST_SET_PROTOCOL_FEATURES, 8, {8}, 0, SHAPE, STAYS, false},
	{VHOST_GET_QUEUE_NUM, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
	{VHOST_SET_VRING_ENABLE, 8, {UINT64_C(1) << 32 | 1}, 0, SHAPE, STAYS, false},
	{VHOST_SEND_RARP, 8, {0x090000000002}, 0, SHAPE, STAYS, false},
	{VHOST_NET_SET_MTU, 8, {1500}, 0, SHAPE, STAYS, false},
	{VHOST_SET_BACKEND_REQ_FD, 0, {0}, EVENT, DROP_NONE, DROP_NONE, DROP_VHOST_DESCRIPTORS, DROP_VHOST_DESCRIPTORS, STAYS, false},
	{VHOST_GET_CONFIG, 24, {UINT64_C(12) << 32, 0}, 0, DROP_VHOST_SIZE, DROP_NONE, DROP_NONE, DROP_VHOST_DESCRIPTORS, STAYS, false},
	{VHOST_SET_CONFIG, 24, {UINT64_C(12) << 32, 0}, 0, DROP_VHOST_SIZE, DROP_NONE, DROP_NONE, DROP_VHOST_DESCRIPTORS, STAYS, false},
	{VHOST_RESET_DEVICE, 0, {0}, 0, SHAPE_EMPTY, STAYS, true},
	{VHOST_GET_MAX_MEM_SLOTS, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
	{VHOST_ADD_MEM_REG, 40, {0, 0x1000, 4096, 0x1000, 0}, 1, SHAPE_FD, STAYS, false},
	{VHOST_REM_MEM_REG, 40, {0, 0x1000, 4096, 0x1000, 0}, 0, DROP_VHOST_SIZE, DROP_VHOST_SIZE, DROP_NONE, DROP_NONE,
	 DROP_VHOST_MEMORY, DROP_VHOST_MEMORY, false},
	{VHOST_SET_STATUS, 8, {15}, 0, SHAPE, STAYS, false},
	{VHOST_GET_STATUS, 0, {0}, 0, SHAPE_EMPTY, STAYS, false},
};
/* clang-format on */

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

/* Sends it, with so many bytes and descriptors more. */
static bool message_send(struct bed *bed, const struct message *message, int bytes, int descriptors)
{
	int fds[8], event = eventfd(0, 0), count = (message->descriptors ? 1 : 0) + descriptors;
	uint8_t payload[64] = {0};
	bool sent;

	memcpy(payload, message->payload, sizeof(message->payload));
	for (int i = 0; i < 8; i++)
		fds[i] = message->descriptors == EVENT ? event : bed->front.memory_fd;
	sent = vhost_front_send(&bed->front, message->request, VHOST_VERSION | VHOST_NEED_REPLY, payload,
				message->bytes + (uint32_t)bytes, fds, (uint32_t)count);
	close(event);
	return sent;
}

/* Lets the back end work, and reads what it answers. */
static void bed_settle(struct bed *bed)
{
	uint8_t answers[1024];

	pump(bed->fixture);
	while (recv(bed->front.fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
	pump(bed->fixture);
}

/* What a guest was told of, or left for: the one reason that is no frame's. */
static enum drop_reason bed_verdict(const struct bed *bed)
{
	const struct drops *drops = bed->fixture->port_count > 0 ? &bed->port->counters.drops : &bed->fixture->gone;

	for (int i = DROP_VHOST_VERSION; i <= DROP_VHOST_FAULT; i++) {
		if (drops->count[i] > 0)
			return (enum drop_reason)i;
	}
	return DROP_NONE;
}

static void check_verdict(const struct bed *bed, const char *what, const char *how, enum drop_reason wanted)
{
	enum drop_reason verdict = bed_verdict(bed);

	if (verdict != wanted)
		fail_msg("%s, %s: %s instead of %s", what, how, verdict ? drop_name(verdict) : "nothing",
			 wanted ? drop_name(wanted) : "nothing");
	if (wanted == DROP_NONE && bed->fixture->port_count == 0)
		fail_msg("%s, %s: the guest left: %s", what, how, bed->fixture->reason);
}

/* How many mappings of files that live in memory there are. */
static unsigned mappings(void)
{
	char line[512];
	unsigned count = 0;
	FILE *file = fopen("/proc/self/maps", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "memfd:") != NULL;
	fclose(file);
	return count;
}

/* Nobody polls for ever: with nothing said nothing happens. */
static void check_rest(const struct bed *bed)
{
	struct loop *loop = bed->fixture->loop;
	int turns = 0;

	while (turns < 20 && (loop_turn(loop, 0) > 0 || loop_timeout_us(loop) >= 0))
		turns++;
	assert_true(turns < 20);
}

static void a_message_of_another_size_or_with_other_descriptors_ends_the_guest_by_name(void **state)
{
	static const struct {
		const char *how;
		size_t verdict;
		int bytes, descriptors;
	} ways[] = {
		{"honestly", 0, 0, 0},
		{"a byte shorter", offsetof(struct message, shorter), -1, 0},
		{"a byte longer", offsetof(struct message, longer), 1, 0},
		{"a descriptor fewer", offsetof(struct message, fewer), 0, -1},
		{"a descriptor more", offsetof(struct message, surplus), 0, 1},
		{"seven descriptors more", offsetof(struct message, surplus), 0, 7},
	};
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct message *message = &messages[i];

		for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
			const char *name = vhost_request_name(message->request);
			enum drop_reason wanted = message->first;
			struct bed bed;

			if ((ways[way].bytes < 0 && message->bytes == 0) ||
			    (ways[way].descriptors < 0 && message->descriptors == 0) ||
			    (message->request == VHOST_REM_MEM_REG && ways[way].descriptors == 7))
				continue;
			if (ways[way].verdict)
				memcpy(&wanted, (const char *)message + ways[way].verdict, sizeof(wanted));
			if (wanted == DROP_NONE)
				wanted = message->first;
			bed_init(&bed);
			message_send(&bed, message, ways[way].bytes, ways[way].descriptors);
			bed_settle(&bed);
			check_verdict(&bed, name, ways[way].how, wanted);
			check_rest(&bed);
			bed_done(&bed);
			assert_int_equal(fixture_descriptors(), descriptors);
			assert_int_equal(mappings(), maps);
		}
	}
}

/* The front end ends in the middle of it: that is no lie, and nothing is done. */
static void a_message_that_is_cut_off_is_a_clean_end(void **state)
{
	unsigned descriptors = fixture_descriptors();

	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		uint32_t whole = VHOST_HEADER_BYTES + messages[i].bytes;
		const uint32_t cuts[] = {1, VHOST_HEADER_BYTES - 1, VHOST_HEADER_BYTES,
					 (VHOST_HEADER_BYTES + whole) / 2, whole - 1};

		for (size_t cut = 0; cut < sizeof(cuts) / sizeof(cuts[0]); cut++) {
			struct vhost_header header = {messages[i].request, VHOST_VERSION, messages[i].bytes};
			uint8_t bytes[VHOST_HEADER_BYTES + sizeof(messages[i].payload)];
			struct bed bed;

			if (cuts[cut] >= whole)
				continue;
			memcpy(bytes, &header, sizeof(header));
			memcpy(bytes + VHOST_HEADER_BYTES, messages[i].payload, sizeof(messages[i].payload));
			bed_init(&bed);
			vhost_front_start(&bed.front, plain);
			assert_int_equal(send(bed.front.fd, bytes, cuts[cut], 0), cuts[cut]);
			bed_settle(&bed);
			check_verdict(&bed, vhost_request_name(messages[i].request), "half of it", DROP_NONE);
			check_rest(&bed);
			shutdown(bed.front.fd, SHUT_WR);
			bed_settle(&bed);
			assert_int_equal(bed.fixture->port_count, 0);
			assert_string_equal(bed.fixture->reason, "closed the connection");
			assert_int_equal(bed_verdict(&bed), DROP_NONE);
			bed_done(&bed);
		}
	}
	assert_int_equal(fixture_descriptors(), descriptors);
}

static void a_message_said_twice_is_done_twice_or_refused_and_frames_go_on(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	unsigned descriptors = fixture_descriptors(), maps = mappings();
	uint8_t bytes[100];

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct message *message = &messages[i];
		size_t frames;
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		for (int times = 0; times < 2; times++) {
			message_send(&bed, message, 0, 0);
			bed_settle(&bed);
		}
		check_verdict(&bed, vhost_request_name(message->request), "twice", message->twice);
		assert_int_equal(bed.fixture->port_count, 1);
		frames = bed.fixture->probe.frames;
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		bed_settle(&bed);
		if (!message->ends && bed.fixture->probe.frames != frames + 1)
			fail_msg("%s, twice: no frame passes", vhost_request_name(message->request));
		check_rest(&bed);
		bed_done(&bed);
		assert_int_equal(fixture_descriptors(), descriptors);
		assert_int_equal(mappings(), maps);
	}
}

/* In any order, and with the rings kicked behind it: the guest is there or was dropped by name, and nothing is left. */
static void any_two_messages_in_any_order_leave_nothing_behind(void **state)
{
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t first = 0; first < MESSAGES; first++) {
		for (size_t second = 0; second < MESSAGES; second++) {
			struct bed bed;

			bed_init(&bed);
			if ((first + second) % 2)
				vhost_front_start(&bed.front, plain);
			message_send(&bed, &messages[first], 0, 0);
			message_send(&bed, &messages[second], 0, 0);
			eventfd_write(bed.front.kick[1], 1);
			bed_settle(&bed);
			if (bed.fixture->port_count == 0 && bed_verdict(&bed) == DROP_NONE)
				fail_msg("%s, %s: dropped without a name", vhost_request_name(messages[first].request),
					 vhost_request_name(messages[second].request));
			check_rest(&bed);
			bed_done(&bed);
		}
		assert_int_equal(fixture_descriptors(), descriptors);
		assert_int_equal(mappings(), maps);
	}
}

/* A thousand times the same: no memory, descriptor or mapping more than after the first. */
static void a_message_repeated_for_ever_takes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		unsigned descriptors = 0, maps = 0;
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		for (int times = 0; times < 200; times++) {
			message_send(&bed, &messages[i], 0, 0);
			bed_settle(&bed);
			if (times == 0) {
				descriptors = fixture_descriptors();
				maps = mappings();
			}
		}
		assert_int_equal(fixture_descriptors(), descriptors);
		assert_int_equal(mappings(), maps);
		bed_done(&bed);
	}
}

/* What is served no more, or never was: those for which others had to be mended among them. */
static void a_request_that_is_not_served_is_refused_by_name(void **state)
{
	unsigned descriptors = fixture_descriptors();

	(void)state;
	for (uint32_t request = 0; request < 70; request++) {
		struct message message = {.request = request, .bytes = 8, .descriptors = 1};
		bool served = false;
		struct bed bed;

		for (size_t i = 0; i < MESSAGES; i++)
			served |= messages[i].request == request;
		if (served)
			continue;
		bed_init(&bed);
		message_send(&bed, &message, 0, 0);
		bed_settle(&bed);
		check_verdict(&bed, "a request that is not served", "once", DROP_VHOST_REQUEST);
		assert_int_equal(bed.fixture->port_count, 0);
		bed_done(&bed);
		assert_int_equal(fixture_descriptors(), descriptors);
	}
}

/* In the messages that name a ring by 32 bits none may be taken for another. */
static void a_ring_number_is_not_cut_to_fewer_bits(void **state)
{
	static const uint32_t requests[] = {VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_SET_VRING_ENABLE,
					    VHOST_GET_VRING_BASE, VHOST_SET_VRING_ADDR};
	static const uint32_t numbers[] = {16, 0x100, 0x10000, 0x10001, 0x80000000, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
			struct message message = {.request = requests[i],
						  .bytes = requests[i] == VHOST_SET_VRING_ADDR ? 40 : 8,
						  .payload = {UINT64_C(1) << 32 | numbers[j]}};
			struct bed bed;

			if (requests[i] == VHOST_SET_VRING_ADDR)
				message.payload[0] = numbers[j];
			bed_init(&bed);
			message_send(&bed, &message, 0, 0);
			bed_settle(&bed);
			check_verdict(&bed, vhost_request_name(requests[i]), "of a ring far away", DROP_VHOST_RING);
			bed_done(&bed);
		}
	}
}

static void who_does_not_read_its_answers_is_dropped(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (int i = 0; i < 100000 && bed.fixture->port_count > 0; i++) {
		message_send(&bed, &messages[0], 0, 0);
		if (i % 16 == 0)
			pump(bed.fixture);
	}
	pump(bed.fixture);
	check_verdict(&bed, "GET_FEATURES", "a hundred thousand times", DROP_VHOST_STUCK);
	bed_done(&bed);
}

/* ---- memory ---- */

enum { PAGE = 4096, FILE_BYTES = 16 * PAGE };

struct regions {
	const char *what;
	uint32_t count;
	struct vhost_region regions[3];
	enum drop_reason verdict;
};

/* clang-format off */
static const struct regions region_lies[] = {
	/* guest, bytes, user, offset */
	{"one", 1, {{0x1000, PAGE, 0x9000, 0}}, DROP_NONE},
	{"none", 0, {{0, 0, 0, 0}}, DROP_NONE},
	{"two that touch", 2, {{0x1000, PAGE, 0x9000, 0}, {0x2000, PAGE, 0xa000, PAGE}}, DROP_NONE},
	{"a part of a page", 1, {{0x1000, 100, 0x9000, 50}}, DROP_NONE},
	{"the whole file", 1, {{0, FILE_BYTES, 0, 0}}, DROP_NONE},
	{"the same twice", 2, {{0x1000, PAGE, 0x9000, 0}, {0x1000, PAGE, 0x9000, 0}}, DROP_NONE},
	{"the same, elsewhere to its user", 2, {{0x1000, PAGE, 0x9000, 0}, {0x1000, PAGE, 0xb000, 0}}, DROP_VHOST_MEMORY},
	{"two that share a byte", 2, {{0x1000, PAGE + 1, 0x9000, 0}, {0x2000, PAGE, 0xb000, PAGE}}, DROP_VHOST_MEMORY},
	{"one in another", 2, {{0x1000, 4 * PAGE, 0x9000, 0}, {0x2000, PAGE, 0xf000, 0}}, DROP_VHOST_MEMORY},
	{"one around another", 2, {{0x2000, PAGE, 0x9000, 0}, {0x1000, 4 * PAGE, 0xf000, 0}}, DROP_VHOST_MEMORY},
	{"of no bytes", 1, {{0x1000, 0, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"a second of no bytes", 2, {{0x1000, PAGE, 0x9000, 0}, {0x5000, 0, 0xb000, 0}}, DROP_VHOST_MEMORY},
	{"over the end of addresses", 1, {{UINT64_MAX - 4095, 2 * PAGE, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"up to the end of addresses", 1, {{UINT64_MAX - 4095, PAGE, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"over the end of its user's addresses", 1, {{0x1000, 2 * PAGE, UINT64_MAX - 4095, 0}}, DROP_VHOST_MEMORY},
	{"a byte more than the file has", 1, {{0x1000, FILE_BYTES + 1, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"the last page and a byte", 1, {{0x1000, PAGE + 1, 0x9000, FILE_BYTES - PAGE}}, DROP_VHOST_MEMORY},
	{"behind the file", 1, {{0x1000, PAGE, 0x9000, FILE_BYTES}}, DROP_VHOST_MEMORY},
	{"far behind the file", 1, {{0x1000, PAGE, 0x9000, UINT64_C(1) << 62}}, DROP_VHOST_MEMORY},
	{"an offset that wraps", 1, {{0x1000, 2 * PAGE, 0x9000, UINT64_MAX - 4095}}, DROP_VHOST_MEMORY},
	{"bytes that wrap", 1, {{0, UINT64_MAX, 0, 1}}, DROP_VHOST_MEMORY},
	{"bytes without end", 1, {{0, INT64_MAX, 0, 0}}, DROP_VHOST_MEMORY},
	{"bytes and offset that are negative", 1, {{0, UINT64_C(1) << 63, 0, UINT64_C(1) << 63}}, DROP_VHOST_MEMORY},
};
/* clang-format on */

static void regions_that_cannot_be_are_refused(void **state)
{
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t i = 0; i < sizeof(region_lies) / sizeof(region_lies[0]); i++) {
		const struct regions *lie = &region_lies[i];
		struct vhost_table table = {.count = lie->count};
		int file = memfd_create("lie", MFD_CLOEXEC), fds[3] = {file, file, file};
		uint64_t protocol = UINT64_C(1) << VHOST_P_REPLY_ACK;
		struct bed bed;

		assert_int_equal(ftruncate(file, FILE_BYTES), 0);
		memcpy(table.regions, lie->regions, sizeof(lie->regions));
		/* all in one message, then one by one */
		for (int one = 0; one < 2; one++) {
			bed_init(&bed);
			vhost_front_tell(&bed.front, VHOST_SET_PROTOCOL_FEATURES, protocol);
			if (!one)
				vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION | VHOST_NEED_REPLY,
						 &table, (uint32_t)(8 + lie->count * sizeof(struct vhost_region)), fds,
						 lie->count);
			for (uint32_t j = 0; one && j < lie->count; j++) {
				struct vhost_one_region region = {.region = lie->regions[j]};

				vhost_front_send(&bed.front, VHOST_ADD_MEM_REG, VHOST_VERSION | VHOST_NEED_REPLY,
						 &region, sizeof(region), &file, 1);
			}
			bed_settle(&bed);
			check_verdict(&bed, lie->what, one ? "alone" : "in a table", lie->verdict);
			assert_int_equal(bed.fixture->port_count, 1);
			bed_done(&bed);
		}
		close(file);
		assert_int_equal(fixture_descriptors(), descriptors);
		assert_int_equal(mappings(), maps);
	}
}

static void a_table_of_other_than_its_count_is_refused(void **state)
{
	static const struct {
		uint32_t count, regions;
		int descriptors;
		enum drop_reason verdict;
	} lies_[] = {
		{9, 8, 8, DROP_VHOST_SIZE},          {UINT32_MAX, 8, 8, DROP_VHOST_SIZE},
		{2, 1, 2, DROP_VHOST_SIZE},          {1, 1, 2, DROP_VHOST_DESCRIPTORS},
		{2, 2, 1, DROP_VHOST_DESCRIPTORS},   {0, 0, 1, DROP_VHOST_DESCRIPTORS},
		{0x10000001, 1, 1, DROP_VHOST_SIZE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies_) / sizeof(lies_[0]); i++) {
		struct vhost_table table = {.count = lies_[i].count};
		int fds[8];
		struct bed bed;

		bed_init(&bed);
		for (uint32_t j = 0; j < 8; j++) {
			fds[j] = bed.front.memory_fd;
			table.regions[j] = (struct vhost_region){0x100000 * j, PAGE, 0x100000 * j, 0};
		}
		vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION, &table,
				 8 + lies_[i].regions * (uint32_t)sizeof(struct vhost_region), fds,
				 (uint32_t)lies_[i].descriptors);
		bed_settle(&bed);
		check_verdict(&bed, "a table", "miscounted", lies_[i].verdict);
		bed_done(&bed);
	}
}

static void a_log_that_is_not_there_or_too_small_is_refused_or_not_written_beyond(void **state)
{
	static const struct {
		struct vhost_log_place place;
		bool fits;
	} places[] = {
		{{PAGE, 0}, true},
		{{FILE_BYTES, 0}, true},
		{{1, 0}, true}, /* marks what fits: the front end made it too small */
		{{1, FILE_BYTES - 1}, true},
		{{0, 0}, false},
		{{FILE_BYTES, 1}, false},
		{{FILE_BYTES + 1, 0}, false},
		{{UINT64_MAX - 4095, 8192}, false},
		{{8192, UINT64_MAX - 4095}, false},
		{{UINT64_MAX, 1}, false},
		{{UINT64_C(1) << 63, UINT64_C(1) << 63}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int file = memfd_create("lie", MFD_CLOEXEC);
		struct bed bed;

		assert_int_equal(ftruncate(file, FILE_BYTES), 0);
		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, VHOST_SET_LOG_BASE, VHOST_VERSION, &places[i].place,
				 sizeof(places[i].place), &file, 1);
		bed_settle(&bed);
		assert_int_equal(bed_verdict(&bed), places[i].fits ? DROP_NONE : DROP_VHOST_MEMORY);
		if (places[i].fits) {
			vhost_front_tell(&bed.front, VHOST_SET_FEATURES,
					 bed.front.features | UINT64_C(1) << VHOST_F_LOG_ALL);
			probe_send(bed.fixture, 0xffff, 1000);
			assert_int_equal(bed.port->counters.to_guest.frames, 1);
		}
		bed_done(&bed);
		close(file);
	}
}

/* ---- rings ---- */

static void a_ring_that_is_not_whole_in_the_memory_is_refused(void **state)
{
	static const struct {
		const char *what;
		int64_t desc, avail, used; /* from the region's start, or its end when negative */
		uint32_t size;
	} places[] = {
		{"descriptors that end behind it", -PAGE, 0x1000, 0x2000, 1024},
		{"descriptors by a byte", -128 * 16 + 16, 0x1000, 0x2000, 128},
		{"an avail ring that ends behind it", 0, -4, 0x2000, 128},
		{"a used ring that ends behind it", 0, 0x1000, -8, 128},
		{"descriptors at an odd place", 8, 0x1000, 0x2000, 128},
		{"an avail ring at an odd place", 0, 0x1001, 0x2000, 128},
		{"a used ring at an odd place", 0, 0x1000, 0x2002, 128},
		{"a size that is no power of two", 0, 0x1000, 0x2000, 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct vhost_address address = {.ring = 1};
		struct vhost_table table = {.count = 1, .regions = {{0, 0, 0x70000000, 0}}};
		struct vhost_state size = {1, places[i].size};
		int64_t end;
		uint64_t ring = 1;
		struct bed bed;

		bed_init(&bed);
		end = (int64_t)bed.front.ring_bytes;
		table.regions[0].bytes = bed.front.ring_bytes;
		address.desc = 0x70000000 + (uint64_t)(places[i].desc + (places[i].desc < 0 ? end : 0));
		address.avail = 0x70000000 + (uint64_t)(places[i].avail + (places[i].avail < 0 ? end : 0));
		address.used = 0x70000000 + (uint64_t)(places[i].used + (places[i].used < 0 ? end : 0));
		vhost_front_set_features(&bed.front, plain);
		vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION, &table, 40, &bed.front.memory_fd, 1);
		vhost_front_send(&bed.front, VHOST_SET_VRING_NUM, VHOST_VERSION, &size, sizeof(size), NULL, 0);
		vhost_front_send(&bed.front, VHOST_SET_VRING_ADDR, VHOST_VERSION, &address, sizeof(address), NULL, 0);
		vhost_front_send(&bed.front, VHOST_SET_VRING_KICK, VHOST_VERSION, &ring, sizeof(ring),
				 &bed.front.kick[1], 1);
		bed_settle(&bed);
		check_verdict(&bed, places[i].what, "before the kick", DROP_NONE);
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		check_verdict(&bed, places[i].what, "with the kick", DROP_VHOST_RING);
		assert_int_equal(bed.fixture->port_count, 0);
		bed_done(&bed);
	}
}

/* What was kicked before the ring was stopped may be seen only behind it: it stays stopped, since the guest goes on
 * somewhere else. */
static void a_late_kick_does_not_start_a_ring_that_was_stopped(void **state)
{
	static const uint32_t requests[] = {VHOST_GET_VRING_BASE, VHOST_RESET_OWNER, VHOST_RESET_DEVICE};
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100];

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct vhost_state stop = {.ring = 1};
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, requests[i], VHOST_VERSION, &stop,
				 requests[i] == VHOST_GET_VRING_BASE ? sizeof(stop) : 0, NULL, 0);
		bed_settle(&bed);
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		assert_int_equal(bed.fixture->probe.frames, 0);
		assert_true(bed.port->away);
		bed_done(&bed);
	}
}

/* As many pieces as there are bytes. */
static void offer_in_bytes(struct bed *bed, const uint8_t *bytes, uint32_t count)
{
	struct ring_driver_piece pieces[RING_DRIVER_PIECES_MAX];
	struct ring_driver *driver = &bed->front.drivers[1];
	int id;

	for (uint32_t i = 0; i < count; i++)
		pieces[i] = (struct ring_driver_piece){.bytes = 1};
	id = ring_driver_offer(driver, pieces, count, false);
	assert_true(id >= 0);
	for (uint32_t i = 0; i < count; i++)
		*driver->buffers[id].pieces[i].at = bytes[i];
	ring_driver_publish(driver);
	eventfd_write(bed->front.kick[1], 1);
}

static void a_header_in_as_many_pieces_as_it_has_bytes_is_read(void **state)
{
	uint8_t bytes[VIRTIO_NET_HEADER_BYTES + 60] = {0};

	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct bed bed;

		frame_make(bytes + VIRTIO_NET_HEADER_BYTES, 60, 1, 2);
		bed_init(&bed);
		vhost_front_start(&bed.front, plain | (packed ? FEATURES(RING_PACKED) : 0));
		offer_in_bytes(&bed, bytes, sizeof(bytes));
		bed_settle(&bed);
		assert_int_equal(bed.fixture->probe.frames, 1);
		assert_memory_equal(bed.fixture->probe.last, bytes + VIRTIO_NET_HEADER_BYTES, 60);
		assert_int_equal(fixture_drops(bed.port), 0);
		bed_done(&bed);
	}
}

/* As large as the header: a frame of no bytes. Smaller: the ring is broken. In either the turn ends. */
static void a_chain_of_no_more_than_a_header_is_dropped_by_name(void **state)
{
	static const uint8_t bytes[VIRTIO_NET_HEADER_BYTES];

	(void)state;
	for (uint32_t count = 1; count <= VIRTIO_NET_HEADER_BYTES; count++) {
		bool whole = count == VIRTIO_NET_HEADER_BYTES;
		struct bed bed;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		for (int i = 0; i < 8; i++)
			offer_in_bytes(&bed, bytes, count);
		bed_settle(&bed);
		check_rest(&bed);
		assert_int_equal(bed.port->counters.drops.count[DROP_FRAME_SHORT], whole ? 8 : 0);
		assert_int_equal(bed.port->counters.drops.count[DROP_RING_HEADER], whole ? 0 : 1);
		assert_int_equal(bed.fixture->port_count, 1);
		bed_done(&bed);
	}
}

/* ---- descriptors ---- */

enum kind {
	KIND_MEMORY,
	KIND_MEMORY_READ_ONLY,
	KIND_MEMORY_SMALL,
	KIND_MEMORY_PATH, /* O_PATH */
	KIND_EVENT,
	KIND_STREAM,
	KIND_DATAGRAM,
	KIND_PIPE_READ,
	KIND_PIPE_WRITE,
	KIND_TTY,
	KIND_NULL,
	KIND_PROC,
	KIND_DIRECTORY,
	KIND_TIMER,
	KIND_EPOLL,
	KIND_SIGNAL,
	KINDS,
};

static const char *const kind_names[KINDS] = {"memory",
					      "memory to be read only",
					      "memory of a page",
					      "a path to memory",
					      "an eventfd",
					      "a stream socket",
					      "a datagram socket",
					      "a pipe to read from",
					      "a pipe to write to",
					      "a terminal",
					      "/dev/null",
					      "a file of /proc",
					      "a directory",
					      "a timer",
					      "an epoll",
					      "a signalfd"};

/* `ret_others` is to be closed too, where it is not -1. */
static int kind_open(enum kind kind, int *ret_other)
{
	int fds[2] = {-1, -1};
	char path[64];
	sigset_t none;

	*ret_other = -1;
	sigemptyset(&none);
	switch (kind) {
	case KIND_MEMORY:
	case KIND_MEMORY_SMALL:
		fds[0] = memfd_create("lie", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fds[0], kind == KIND_MEMORY ? FILE_BYTES : PAGE), 0);
		return fds[0];
	case KIND_MEMORY_READ_ONLY:
	case KIND_MEMORY_PATH:
		*ret_other = memfd_create("lie", MFD_CLOEXEC);
		assert_int_equal(ftruncate(*ret_other, FILE_BYTES), 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", *ret_other);
		return open(path, kind == KIND_MEMORY_PATH ? O_PATH : O_RDONLY);
	case KIND_EVENT:
		return eventfd(0, 0);
	case KIND_STREAM:
	case KIND_DATAGRAM:
		assert_int_equal(socketpair(AF_UNIX, kind == KIND_STREAM ? SOCK_STREAM : SOCK_DGRAM, 0, fds), 0);
		*ret_other = fds[1];
		return fds[0];
	case KIND_PIPE_READ:
	case KIND_PIPE_WRITE:
		assert_int_equal(pipe(fds), 0);
		*ret_other = fds[kind == KIND_PIPE_READ];
		return fds[kind == KIND_PIPE_WRITE];
	case KIND_TTY:
		assert_int_equal(openpty(&fds[1], &fds[0], NULL, NULL, NULL), 0);
		*ret_other = fds[1];
		return fds[0];
	case KIND_NULL:
		return open("/dev/null", O_RDWR);
	case KIND_PROC:
		return open("/proc/self/oom_score_adj", O_RDWR);
	case KIND_DIRECTORY:
		return open("/tmp", O_RDONLY | O_DIRECTORY);
	case KIND_TIMER:
		return timerfd_create(CLOCK_MONOTONIC, 0);
	case KIND_EPOLL:
		return epoll_create1(0);
	case KIND_SIGNAL:
		return signalfd(-1, &none, 0);
	case KINDS:
		break;
	}
	return -1;
}

struct role {
	struct message message;
	uint32_t takes; /* bits of kinds */
	enum drop_reason refusal;
};

static void a_descriptor_that_is_not_what_it_is_said_to_be_is_refused(void **state)
{
	const uint32_t memory = 1u << KIND_MEMORY, event = 1u << KIND_EVENT, told = event | 1u << KIND_STREAM;
	const struct role roles[] = {
		{{.request = VHOST_ADD_MEM_REG, .bytes = 40, .payload = {0, 0x1000, 2 * PAGE, 0x1000, 0}},
		 memory,
		 DROP_VHOST_MEMORY},
		{{.request = VHOST_SET_MEM_TABLE, .bytes = 40, .payload = {1, 0x1000, 2 * PAGE, 0x1000, 0}},
		 memory,
		 DROP_VHOST_MEMORY},
		{{.request = VHOST_SET_LOG_BASE, .bytes = 16, .payload = {2 * PAGE, 0}}, memory, DROP_VHOST_MEMORY},
		{{.request = VHOST_SET_VRING_KICK, .bytes = 8, .payload = {0}}, event, DROP_VHOST_EVENT},
		{{.request = VHOST_SET_VRING_CALL, .bytes = 8, .payload = {0}}, told, DROP_VHOST_EVENT},
		{{.request = VHOST_SET_VRING_ERR, .bytes = 8, .payload = {0}}, told, DROP_VHOST_EVENT},
		/* never used, and closed with the guest */
		{{.request = VHOST_SET_LOG_FD, .bytes = 0, .payload = {0}}, UINT32_MAX, DROP_NONE},
		{{.request = VHOST_SET_BACKEND_REQ_FD, .bytes = 0, .payload = {0}}, UINT32_MAX, DROP_NONE},
	};
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		for (enum kind kind = 0; kind < KINDS; kind++) {
			const struct message *message = &roles[i].message;
			int other, fd = kind_open(kind, &other);
			struct bed bed;

			assert_true(fd >= 0);
			bed_init(&bed);
			vhost_front_send(&bed.front, message->request, VHOST_VERSION, message->payload, message->bytes,
					 &fd, 1);
			bed_settle(&bed);
			check_verdict(&bed, vhost_request_name(message->request), kind_names[kind],
				      roles[i].takes & 1u << kind ? DROP_NONE : roles[i].refusal);
			check_rest(&bed);
			bed_done(&bed);
			close(fd);
			if (other >= 0)
				close(other);
			assert_int_equal(fixture_descriptors(), descriptors);
			assert_int_equal(mappings(), maps);
		}
	}
}

/* Its far end may make it block again and fill it: nobody waits for it. */
static void a_full_eventfd_is_not_waited_for(void **state)
{
	uint8_t got[2000];
	struct bed bed;

	(void)state;
	bed_init(&bed);
	vhost_front_start(&bed.front, plain);
	for (int ring = 0; ring < 2; ring++) {
		assert_int_equal(fcntl(bed.front.call[ring], F_SETFL, 0), 0);
		assert_int_equal(fcntl(bed.front.kick[ring], F_SETFL, 0), 0);
		while (eventfd_write(bed.front.call[ring], UINT64_MAX - 1) < 0) {
			eventfd_t count;

			eventfd_read(bed.front.call[ring], &count);
		}
	}
	alarm(10);
	for (int i = 0; i < 20; i++)
		probe_send(bed.fixture, 0xffff, 100);
	for (int i = 0; i < 20; i++)
		assert_int_equal(vhost_front_receive(&bed.front, got, sizeof(got)), 112);
	alarm(0);
	check_rest(&bed);
	bed_done(&bed);
}

/* It stays readable after each read. */
static void a_kick_that_counts_down_by_one_is_no_reason_to_look_for_ever(void **state)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[100];
	struct bed bed;

	(void)state;
	frame_make(bytes, sizeof(bytes), 1, 2);
	bed_init(&bed);
	for (int ring = 0; ring < 2; ring++) {
		close(bed.front.kick[ring]);
		bed.front.kick[ring] = eventfd(1u << 30, EFD_SEMAPHORE);
	}
	vhost_front_start(&bed.front, plain);
	check_rest(&bed);
	for (int i = 0; i < 10; i++) {
		vhost_front_frame(&bed.front, header, bytes, sizeof(bytes));
		eventfd_write(bed.front.kick[1], 1);
		bed_settle(&bed);
		check_rest(&bed);
	}
	assert_int_equal(bed.fixture->probe.frames, 10);
	bed_done(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_are_refused_by_name),
		cmocka_unit_test(a_message_of_another_size_or_with_other_descriptors_ends_the_guest_by_name),
		cmocka_unit_test(a_message_that_is_cut_off_is_a_clean_end),
		cmocka_unit_test(a_message_said_twice_is_done_twice_or_refused_and_frames_go_on),
		cmocka_unit_test(any_two_messages_in_any_order_leave_nothing_behind),
		cmocka_unit_test(a_message_repeated_for_ever_takes_nothing),
		cmocka_unit_test(a_request_that_is_not_served_is_refused_by_name),
		cmocka_unit_test(a_ring_number_is_not_cut_to_fewer_bits),
		cmocka_unit_test(who_does_not_read_its_answers_is_dropped),
		cmocka_unit_test(regions_that_cannot_be_are_refused),
		cmocka_unit_test(a_table_of_other_than_its_count_is_refused),
		cmocka_unit_test(a_log_that_is_not_there_or_too_small_is_refused_or_not_written_beyond),
		cmocka_unit_test(a_ring_that_is_not_whole_in_the_memory_is_refused),
		cmocka_unit_test(a_late_kick_does_not_start_a_ring_that_was_stopped),
		cmocka_unit_test(a_header_in_as_many_pieces_as_it_has_bytes_is_read),
		cmocka_unit_test(a_chain_of_no_more_than_a_header_is_dropped_by_name),
		cmocka_unit_test(a_descriptor_that_is_not_what_it_is_said_to_be_is_refused),
		cmocka_unit_test(a_full_eventfd_is_not_waited_for),
		cmocka_unit_test(a_kick_that_counts_down_by_one_is_no_reason_to_look_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
