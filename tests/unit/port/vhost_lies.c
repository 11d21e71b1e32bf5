/* SPDX-License-Identifier: MIT */
/* Front ends that lie: each message cut, repeated, too early, with other sizes and descriptors. Each lie has its own
 * verdict, and nothing is left of any. Honest ones are in vhost_user.c, memory and rings that cannot be in vhost_memory.c
 * and vhost_ring.c, and lies told while others run in vhost_crowd.c. */
#include "unit/port/vhost_bed.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

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

static const struct lie lies[] = {
	{"another version", VHOST_GET_FEATURES, 2, {0}, 0, 0, DROP_VHOST_VERSION, false},
	{"an unknown request", 99, 1, {0}, 0, 0, DROP_VHOST_REQUEST, false},
	{"a short payload", VHOST_SET_FEATURES, 1, {0}, 4, 0, DROP_VHOST_SIZE, false},
	{"a feature that was not offered", VHOST_SET_FEATURES, 1, {UINT64_C(1) << 60}, 8, 0, DROP_VHOST_REQUEST, false},
	{"the same, to be answered", VHOST_SET_FEATURES, 9, {UINT64_C(1) << 60}, 8, 0, DROP_VHOST_REQUEST, true},
	{"twelve descriptors", VHOST_SET_MEM_TABLE, 1, {0}, 8, 12, DROP_VHOST_DESCRIPTORS, false},
	{"forty descriptors", VHOST_SET_MEM_TABLE, 1, {0}, 8, 40, DROP_VHOST_DESCRIPTORS, false},
	{"ring 16", VHOST_SET_VRING_NUM, 9, {16 | UINT64_C(64) << 32}, 8, 0, DROP_VHOST_RING, true},
	{"a ring of nothing", VHOST_SET_VRING_NUM, 9, {0}, 8, 0, DROP_VHOST_RING, true},
	{"a ring of 2048", VHOST_SET_VRING_NUM, 9, {UINT64_C(2048) << 32}, 8, 0, DROP_VHOST_RING, true},
	{"memory that wraps", VHOST_ADD_MEM_REG, 9, {0, UINT64_MAX - 4095, 8192, 0, 0}, 40, 1, DROP_VHOST_MEMORY, true},
	{"memory of nothing", VHOST_ADD_MEM_REG, 9, {0, 4096, 0, 0, 0}, 40, 1, DROP_VHOST_MEMORY, true},
	{"memory beyond its file",
	 VHOST_ADD_MEM_REG,
	 9,
	 {0, 4096, UINT64_C(1) << 40, 0, 0},
	 40,
	 1,
	 DROP_VHOST_MEMORY,
	 true},
	{"memory over other memory", VHOST_ADD_MEM_REG, 9, {0, 0x40000000, 4096, 0, 0}, 40, 1, DROP_VHOST_MEMORY, true},
	{"memory that is an eventfd", VHOST_ADD_MEM_REG, 9, {0, 4096, 4096, 0, 0}, 40, -1, DROP_VHOST_MEMORY, true},
	{"a region that is not there", VHOST_REM_MEM_REG, 9, {0, 4096, 4096, 0, 0}, 40, 0, DROP_VHOST_MEMORY, true},
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

static void tell(struct bed *bed, const struct lie *lie)
{
	int descriptors[64], event = eventfd(0, 0), null = open("/dev/null", O_RDWR);
	union vhost_payload answer;

	for (int i = 0; i < 64; i++)
		descriptors[i] = lie->descriptors == -1 ? event : lie->descriptors == -2 ? null : bed->front.memory_fd;
	vhost_front_send(&bed->front, lie->request, lie->flags, lie->payload, lie->bytes, descriptors,
			 lie->descriptors < 0 ? 1 : (uint32_t)lie->descriptors);
	if (lie->refused && (vhost_front_answer(&bed->front, &answer) != 8 || answer.number == 0))
		fail_msg("%s: was not refused", lie->what);
	pump(bed->fixture);
	close(event);
	close(null);
}

static void lies_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		struct bed bed;
		uint64_t counted;

		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		tell(&bed, lie);
		counted = lie->refused ? bed.port->counters.drops.count[lie->verdict]
				       : bed.fixture->gone.count[lie->verdict];
		if (bed.fixture->port_count != (lie->refused ? 1 : 0))
			fail_msg("%s: the guest %s", lie->what, lie->refused ? "is gone" : "stayed");
		if (counted != 1)
			fail_msg("%s: not counted as %s", lie->what, drop_name(lie->verdict));
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
