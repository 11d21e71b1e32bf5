/* SPDX-License-Identifier: MIT */
/* A network card on a network that has only its gateway: the driver asks by ARP who that is, and lies. */
#include "semu/virtio_net.h"

#include "unit/semu/virtio_driver.h"

#include "base/error.h"
#include "semu/netdev.h"

enum { FROM_GUEST = 1, TO_GUEST = 0, HEADER = 12, FRAME = 60 };

#define FEATURE_MTU (UINT64_C(1) << 3)
#define FEATURE_MAC (UINT64_C(1) << 5)
#define FEATURE_MRG_RXBUF (UINT64_C(1) << 15)
#define FEATURE_STATUS (UINT64_C(1) << 16)
#define PLAIN (VERSION_1 | FEATURE_MAC | FEATURE_MTU | FEATURE_MRG_RXBUF)

struct fixture {
	struct machine *machine;
	struct virtio_driver driver;
	struct netdev *netdev;
	struct virtio_net *net;
};

static char *const command[] = {(char *)"semu", NULL};

static int set_up(void **state)
{
	static struct fixture fixture;
	const struct netdev_setup setup = {.command = command, .folder = "/"};
	char line[NETDEV_ERROR_BYTES];
	struct error error;

	fixture = (struct fixture){.machine = driver_machine()};
	if (netdev_new("none,mac=52:54:00:00:00:77,mtu=1400,ipv6=off", &setup, &fixture.netdev, line) < 0)
		return -1;
	if (virtio_net_new(fixture.machine, 1, fixture.netdev, &fixture.net, &error) < 0)
		return -1;
	fixture.driver = (struct virtio_driver){.machine = fixture.machine, .at = map_net(1), .line = map_net_line(1)};
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	driver_done(&fixture->driver);
	virtio_net_free(fixture->net);
	netdev_free(fixture->netdev);
	machine_free(fixture->machine);
	return 0;
}

/* What the machine's loop does between the turns of its harts. */
static void attend(struct fixture *fixture)
{
	struct machine_source *source = fixture->machine->sources[0];

	for (int i = 0; i < 100 && (source->pending || source->timeout_us(source->owner) == 0); i++) {
		source->pending = false;
		source->run(source->owner);
	}
}

static void ask_for_gateway(struct fixture *fixture)
{
	static const uint8_t ask[FRAME] = "\xff\xff\xff\xff\xff\xff\x52\x54\0\0\0\x77\x08\6\0\1\x08\0\6\4\0\1"
					  "\x52\x54\0\0\0\x77\x0a\0\2\x14\0\0\0\0\0\0\x0a\0\2\2";
	struct ring_driver_piece pieces[] = {{.bytes = 7}, {.bytes = HEADER + FRAME - 7}};
	uint8_t bytes[HEADER + FRAME] = {0};
	struct ring_driver *ring = &fixture->driver.rings[FROM_GUEST];
	int id = ring_driver_offer(ring, pieces, 2, false);

	memcpy(bytes + HEADER, ask, sizeof(ask));
	memcpy(ring->buffers[id].pieces[0].at, bytes, 7);
	memcpy(ring->buffers[id].pieces[1].at, bytes + 7, sizeof(bytes) - 7);
	driver_publish(&fixture->driver, FROM_GUEST);
}

static void the_configuration_has_the_address_and_the_mtu(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t mac[] = {0x52, 0x54, 0, 0, 0, 0x77};
	uint64_t offered = driver_offered(&fixture->driver);

	assert_int_equal(driver_load(&fixture->driver, DEVICE_ID), 1);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(driver_load_of(&fixture->driver, CONFIG + i, 1), mac[i]);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG + 6, 2), 1);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG + 10, 2), 1400);
	/* CSUM GUEST_CSUM, TSO and USO both ways */
	assert_int_equal(offered & 0x1883, 0x1883);
	assert_int_equal(offered >> 54 & 7, 7);
	assert_int_equal(offered & PLAIN, PLAIN);
	assert_true(offered & FEATURE_STATUS && offered & INDIRECT_DESC && offered & EVENT_IDX && offered & RING_RESET);
}

static void the_gateway_answers(void **state)
{
	struct fixture *fixture = *state;
	uint8_t frame[2000];

	driver_start(&fixture->driver, PLAIN, 2);
	assert_true(ring_driver_offer_room(&fixture->driver.rings[TO_GUEST], 2000, 3) >= 0);
	driver_publish(&fixture->driver, TO_GUEST);
	attend(fixture);
	assert_false(driver_is_interrupted(&fixture->driver));
	ask_for_gateway(fixture);
	/* the hart's turn goes on */
	assert_true(fixture->machine->sources[0]->pending);
	assert_false(fixture->machine->attention);
	attend(fixture);
	assert_int_equal(driver_acknowledge(&fixture->driver), 1);
	assert_in_range(ring_driver_receive(&fixture->driver.rings[TO_GUEST], frame, sizeof(frame)), HEADER + 42, 72);
	assert_memory_equal(frame + HEADER, "\x52\x54\0\0\0\x77\x52\x55\x0a\0\2\2\x08\6", 14);
	assert_memory_equal(frame + HEADER + 28, "\x0a\0\2\2", 4);
}

static void a_reset_and_a_new_driver_work(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 3; i++)
		the_gateway_answers(state);
	driver_store(&fixture->driver, STATUS, 0);
	ask_for_gateway(fixture);
	attend(fixture);
	assert_false(driver_is_interrupted(&fixture->driver));
}

static void one_queue_is_reset_and_goes_on(void **state)
{
	struct fixture *fixture = *state;

	driver_start(&fixture->driver, PLAIN | RING_RESET, 2);
	driver_store(&fixture->driver, QUEUE_SEL, FROM_GUEST);
	driver_store(&fixture->driver, QUEUE_RESET, 1);
	assert_int_equal(driver_load(&fixture->driver, QUEUE_READY), 0);
	driver_set_up(&fixture->driver, FROM_GUEST, PLAIN);
	assert_false(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
	ask_for_gateway(fixture);
	attend(fixture);
	assert_int_equal(shared16_load(&fixture->driver.rings[FROM_GUEST].used->index, memory_order_relaxed), 1);
}

static void a_descriptor_outside_of_ram_harms_nobody(void **state)
{
	static const uint64_t addresses[] = {DRIVER_RAM_BYTES, DRIVER_RAM_BYTES - 20, UINT64_MAX - 20, MAP_NET};
	struct fixture *fixture = *state;

	for (unsigned queue = 0; queue < 2; queue++) {
		for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
			struct ring_driver_piece piece = {.bytes = 1600, .writable = queue == TO_GUEST};
			struct ring_driver *ring = &fixture->driver.rings[queue];
			int id;

			driver_start(&fixture->driver, PLAIN, 2);
			id = ring_driver_offer(ring, &piece, 1, false);
			ring->desc[id].address = le64_from(addresses[i]);
			driver_publish(&fixture->driver, queue);
			ask_for_gateway(fixture);
			attend(fixture);
			assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
			assert_true(driver_acknowledge(&fixture->driver) & 2);
		}
	}
	the_gateway_answers(state);
}

static void a_ring_that_cannot_be_asks_for_a_reset(void **state)
{
	struct fixture *fixture = *state;

	assert_true(driver_negotiate(&fixture->driver, PLAIN));
	driver_describe(&fixture->driver, 0, &(struct ring_setup){.size = 64, .desc = DRIVER_RAM_BYTES});
	driver_store(&fixture->driver, QUEUE_SIZE, 65536 + 64);
	driver_store(&fixture->driver, QUEUE_READY, 1);
	driver_store(&fixture->driver, STATUS, DRIVER_OK);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
	the_gateway_answers(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_has_the_address_and_the_mtu),
		TEST(the_gateway_answers),
		TEST(a_reset_and_a_new_driver_work),
		TEST(one_queue_is_reset_and_goes_on),
		TEST(a_descriptor_outside_of_ram_harms_nobody),
		TEST(a_ring_that_cannot_be_asks_for_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
