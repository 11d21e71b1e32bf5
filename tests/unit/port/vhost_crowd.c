/* SPDX-License-Identifier: MIT */
/* Fifty honest guests and one that does its worst, on one endpoint: each frame of the others arrives, at each of them, while
 * the one is refused, broken or dropped by name. What the program adds, its handler of SIGBUS, is the test's here. */
#include "unit/port/vhost_bed.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "kit/vhost_front.h"
#include "virtio/net.h"

enum { OTHERS = 50, ROUNDS = 6, FRAME = 700 };

struct crowd {
	struct fixture *fixture;
	struct vhost_front others[OTHERS];
	struct vhost_front front; /* the one */
	struct port *port;
	bool packed;
};

static struct endpoint *endpoint;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!endpoint->fault(endpoint, info->si_addr))
		signal(number, SIG_DFL);
}

static uint64_t crowd_features(const struct crowd *crowd)
{
	return plain | (crowd->packed ? FEATURES(RING_PACKED) : 0) | FEATURES(INDIRECT_DESC);
}

static void crowd_init(struct crowd *crowd, bool packed)
{
	crowd->packed = packed;
	crowd->fixture = fixture_new();
	fixture_open(crowd->fixture, "vhost-user,path=%s,queue=100000", crowd->fixture->path);
	endpoint = crowd->fixture->endpoint;
	for (int i = 0; i < OTHERS; i++) {
		vhost_front_init(&crowd->others[i], fixture_connect(crowd->fixture->path, SOCK_STREAM), pump,
				 crowd->fixture);
		vhost_front_start(&crowd->others[i], crowd_features(crowd));
	}
}

static void crowd_join(struct crowd *crowd)
{
	vhost_front_init(&crowd->front, fixture_connect(crowd->fixture->path, SOCK_STREAM), pump, crowd->fixture);
	vhost_front_unseal(&crowd->front);
	pump(crowd->fixture);
	assert_int_equal(crowd->fixture->port_count, OTHERS + 1);
	crowd->port = crowd->fixture->ports[OTHERS];
	vhost_front_start(&crowd->front, crowd_features(crowd));
}

/* One of the others says something to all, and all of them have it. */
static void crowd_talk(struct crowd *crowd, unsigned round, const char *what)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	unsigned speaker = round % OTHERS;
	uint8_t bytes[FRAME], got[2000];

	frame_make(bytes, sizeof(bytes), 0, 100 + speaker);
	memset(bytes, 0xff, 6);
	vhost_front_frame(&crowd->others[speaker], header, bytes, sizeof(bytes));
	pump(crowd->fixture);
	for (unsigned i = 0; i < OTHERS; i++) {
		size_t count = 0;

		/* what the one says comes too */
		while (i != speaker && (count = vhost_front_receive(&crowd->others[i], got, sizeof(got))) > 0 &&
		       got[VIRTIO_NET_HEADER_BYTES + 11] != 100 + speaker)
			;
		if (i != speaker && (count != sizeof(bytes) + VIRTIO_NET_HEADER_BYTES ||
				     memcmp(got + VIRTIO_NET_HEADER_BYTES, bytes, sizeof(bytes)) != 0))
			fail_msg("%s: guest %u lost the frame of guest %u", what, i, speaker);
	}
}

static void crowd_done(struct crowd *crowd)
{
	for (int i = 0; i < OTHERS; i++)
		vhost_front_done(&crowd->others[i]);
	pump(crowd->fixture);
	fixture_free(crowd->fixture);
}

/* ---- what the one does ---- */

static void say(struct crowd *crowd)
{
	static const uint8_t header[VIRTIO_NET_HEADER_BYTES];
	uint8_t bytes[FRAME];

	frame_make(bytes, sizeof(bytes), 0, 9);
	memset(bytes, 0xff, 6);
	vhost_front_frame(&crowd->front, header, bytes, sizeof(bytes));
}

/* Its driver, with a chain of its own making: the first descriptor that it has not published yet. */
static void offer(struct crowd *crowd, uint64_t address, uint32_t bytes, uint16_t flags, uint16_t next)
{
	struct ring_driver *driver = &crowd->front.drivers[1];
	struct ring_driver_piece piece = {.bytes = 100};
	int id = ring_driver_offer(driver, &piece, 1, false);

	assert_true(id >= 0);
	if (crowd->packed) {
		uint16_t at = (uint16_t)((driver->next_avail + VHOST_FRONT_SIZE - 1) % VHOST_FRONT_SIZE);
		struct packed_desc *desc = &driver->packed[at];

		desc->address = (struct le64){{0}};
		memcpy(&desc->address, &address, sizeof(address));
		desc->bytes = le32_from(bytes);
		/* the flags of the first are held back until they are published */
		driver->first_flags |= flags;
	} else {
		struct split_desc *desc = &driver->desc[id];

		memcpy(&desc->address, &address, sizeof(address));
		desc->bytes = le32_from(bytes);
		desc->flags = le16_from(flags);
		desc->next = le16_from(flags & DESC_NEXT && next == UINT16_MAX ? (uint16_t)id : next);
	}
	ring_driver_publish(driver);
	eventfd_write(crowd->front.kick[1], 1);
}

static void takes_its_memory_away(struct crowd *crowd)
{
	say(crowd);
	assert_int_equal(ftruncate(crowd->front.memory_fd, 0), 0);
}

static void takes_its_memory_away_and_is_silent(struct crowd *crowd)
{
	assert_int_equal(ftruncate(crowd->front.memory_fd, 0), 0);
}

static void offers_a_loop(struct crowd *crowd)
{
	offer(crowd, 0x40000000, 100, DESC_NEXT, UINT16_MAX);
}

static void offers_what_is_not_there(struct crowd *crowd)
{
	offer(crowd, UINT64_MAX - 10, 100, 0, 0);
}

static void offers_nothing_at_a_bad_address(struct crowd *crowd)
{
	offer(crowd, UINT64_MAX - 10, 0, 0, 0);
}

static void offers_a_table_that_is_not_there(struct crowd *crowd)
{
	offer(crowd, UINT64_MAX - 4095, 4096, DESC_INDIRECT, 0);
}

static void offers_a_table_of_half_an_entry(struct crowd *crowd)
{
	offer(crowd, 0x40000000, 24, DESC_INDIRECT, 0);
}

static void offers_what_is_to_be_written(struct crowd *crowd)
{
	offer(crowd, 0x40000000, 100, DESC_WRITE, 0);
}

static void offers_more_than_the_ring_holds(struct crowd *crowd)
{
	if (crowd->packed)
		offers_a_loop(crowd); /* there is no index to lie about */
	else
		shared16_store(&crowd->front.drivers[1].avail->index, 40000, memory_order_release);
	eventfd_write(crowd->front.kick[1], 1);
}

static void fills_its_call(struct crowd *crowd)
{
	eventfd_t count;

	for (int ring = 0; ring < 2; ring++) {
		assert_int_equal(fcntl(crowd->front.call[ring], F_SETFL, O_NONBLOCK), 0);
		(void)eventfd_read(crowd->front.call[ring], &count);
		assert_int_equal(eventfd_write(crowd->front.call[ring], UINT64_MAX - 1), 0);
		assert_int_equal(fcntl(crowd->front.call[ring], F_SETFL, 0), 0);
	}
	say(crowd);
}

static void kicks_with_a_device(struct crowd *crowd)
{
	int device = open("/dev/zero", O_RDWR);
	uint64_t ring = 1;

	vhost_front_send(&crowd->front, VHOST_SET_VRING_KICK, VHOST_VERSION, &ring, sizeof(ring), &device, 1);
	close(device);
}

static void is_called_by_a_pipe(struct crowd *crowd)
{
	uint64_t ring = 0;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	vhost_front_send(&crowd->front, VHOST_SET_VRING_CALL, VHOST_VERSION, &ring, sizeof(ring), &ends[1], 1);
	close(ends[0]);
	close(ends[1]);
}

static void kicks_without_end(struct crowd *crowd)
{
	for (int i = 0; i < 1000; i++)
		eventfd_write(crowd->front.kick[i % 2], 1);
}

static void asks_without_reading(struct crowd *crowd)
{
	for (int i = 0; i < 200; i++)
		vhost_front_send(&crowd->front, VHOST_GET_FEATURES, VHOST_VERSION, NULL, 0, NULL, 0);
}

static void removes_the_memory_of_its_rings(struct crowd *crowd)
{
	uint64_t nothing = 0;

	vhost_front_send(&crowd->front, VHOST_SET_MEM_TABLE, VHOST_VERSION, &nothing, sizeof(nothing), NULL, 0);
}

static void sends_half_a_message(struct crowd *crowd)
{
	assert_int_equal(send(crowd->front.fd, "\1\0\0\0\1", 5, 0), 5);
}

static void sends_noise(struct crowd *crowd)
{
	uint8_t noise[400];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 37 + 11);
	assert_int_equal(send(crowd->front.fd, noise, sizeof(noise), MSG_NOSIGNAL), sizeof(noise));
}

struct deed {
	const char *what;
	void (*act)(struct crowd *crowd);
	enum drop_reason verdict;
	bool stays;     /* it is not dropped */
	bool repeated;  /* in every round */
	bool split_too; /* in a packed ring the same is another lie */
	enum drop_reason packed_verdict;
};

/* clang-format off */
static const struct deed deeds[] = {
	{"takes its memory away", takes_its_memory_away, DROP_VHOST_FAULT, false, false, false, 0},
	{"takes its memory away and is silent", takes_its_memory_away_and_is_silent, DROP_VHOST_FAULT, false, false, false, 0},
	{"offers a loop", offers_a_loop, DROP_RING_CHAIN_LONG, true, false, true, DROP_RING_LENGTH},
	{"offers what is not there", offers_what_is_not_there, DROP_RING_ADDRESS, true, false, false, 0},
	{"offers nothing at a bad address", offers_nothing_at_a_bad_address, DROP_RING_LENGTH, true, false, false, 0},
	{"offers a table that is not there", offers_a_table_that_is_not_there, DROP_RING_ADDRESS, true, false, false, 0},
	{"offers a table of half an entry", offers_a_table_of_half_an_entry, DROP_RING_INDIRECT, true, false, false, 0},
	{"offers what is to be written", offers_what_is_to_be_written, DROP_RING_DIRECTION, true, false, false, 0},
	{"offers more than the ring holds", offers_more_than_the_ring_holds, DROP_RING_AVAIL_INDEX, true, false, true, DROP_RING_LENGTH},
	{"fills its call", fills_its_call, DROP_NONE, true, true, false, 0},
	{"kicks with a device", kicks_with_a_device, DROP_VHOST_EVENT, false, false, false, 0},
	{"is called by a pipe", is_called_by_a_pipe, DROP_VHOST_EVENT, false, false, false, 0},
	{"kicks without end", kicks_without_end, DROP_NONE, true, true, false, 0},
	{"asks without reading", asks_without_reading, DROP_VHOST_STUCK, false, true, false, 0},
	{"removes the memory of its rings", removes_the_memory_of_its_rings, DROP_VHOST_RING, false, false, false, 0},
	{"sends half a message", sends_half_a_message, DROP_NONE, true, false, false, 0},
	{"sends noise", sends_noise, DROP_VHOST_VERSION, false, false, false, 0},
};
/* clang-format on */

static void check_deed(struct crowd *crowd, const struct deed *deed)
{
	bool stays = crowd->fixture->port_count == OTHERS + 1;
	enum drop_reason verdict = crowd->packed && deed->split_too ? deed->packed_verdict : deed->verdict;
	const struct drops *drops = stays ? &crowd->port->counters.drops : &crowd->fixture->gone;

	if (stays != deed->stays)
		fail_msg("%s: it %s", deed->what, stays ? "stays" : "left");
	for (enum drop_reason i = DROP_NONE + 1; i < DROP_REASONS; i++) {
		bool counted = drops->count[i] > 0;

		/* a ring whose memory is empty all at once may be broken too */
		if (counted != (i == verdict) && verdict != DROP_VHOST_FAULT)
			fail_msg("%s, %s ring: %s %scounted", deed->what, crowd->packed ? "packed" : "split",
				 drop_name(i), counted ? "" : "not ");
	}
	for (int i = 0; i < OTHERS; i++)
		assert_int_equal(fixture_drops(crowd->fixture->ports[i]), 0);
}

static void crowd_rest(const struct crowd *crowd, const char *what)
{
	int turns = 0;

	while (turns < 20 && (loop_turn(crowd->fixture->loop, 0) > 0 || loop_timeout_us(crowd->fixture->loop) >= 0))
		turns++;
	if (turns == 20)
		fail_msg("%s: the loop finds no rest", what);
}

static void fifty_others_lose_no_frame_whatever_one_does(void **state)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
	static struct crowd crowd;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	for (int packed = 0; packed < 2; packed++) {
		unsigned descriptors;

		crowd_init(&crowd, packed);
		descriptors = fixture_descriptors();
		for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
			const struct deed *deed = &deeds[i];

			memset(&crowd.fixture->gone, 0, sizeof(crowd.fixture->gone));
			crowd_join(&crowd);
			crowd_talk(&crowd, 0, deed->what);
			for (unsigned round = 0; round < ROUNDS; round++) {
				if (round == 1 || (round > 1 && deed->repeated && crowd.fixture->port_count > OTHERS))
					deed->act(&crowd);
				crowd_talk(&crowd, round, deed->what);
			}
			crowd_rest(&crowd, deed->what);
			check_deed(&crowd, deed);
			/* its memory is there again, for the driver that puts it away */
			assert_int_equal(ftruncate(crowd.front.memory_fd,
						   (off_t)(VHOST_FRONT_RINGS * crowd.front.ring_bytes)),
					 0);
			vhost_front_done(&crowd.front);
			pump(crowd.fixture);
			assert_int_equal(crowd.fixture->port_count, OTHERS);
			assert_int_equal(fixture_descriptors(), descriptors);
		}
		crowd_done(&crowd);
	}
	sigaction(SIGBUS, &before, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifty_others_lose_no_frame_whatever_one_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
