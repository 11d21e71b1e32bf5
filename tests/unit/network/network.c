/* SPDX-License-Identifier: MIT */
/* A network's life as a host program runs it: made, polled, woken, filled with guests, ended. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "guestwire/virtio.h"
#include "unit/network/kit.h"

static void the_version_is_the_headers(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", GW_VERSION_MAJOR, GW_VERSION_MINOR, GW_VERSION_PATCH);
	assert_string_equal(gw_version(), text);
}

static void what_is_wrong_with_a_network_is_told(void **state)
{
	static const char *const bad_host[] = {"52:54:00:00:00:01,10.0.2.50", "52:54:00:00:00:02,10.0.2.50", NULL};
	static const struct {
		const char *name, *uplink, *state_dir;
		const char *const *hosts;
		int code;
		const char *says;
	} rows[] = {
		{"a/b", "none", NULL, NULL, -EINVAL, "network name 'a/b'"},
		{"", "none", NULL, NULL, -EINVAL, "network name ''"},
		{"-x", "none", NULL, NULL, -EINVAL, "network name '-x'"},
		{"lab", "bridged", NULL, NULL, -EOPNOTSUPP, "uplink=bridged"},
		{"lab", "none,mtu=1", NULL, NULL, -EINVAL, "mtu=1"},
		{"lab", "none", NULL, bad_host, -EINVAL, "dhcp-host=52:54:00:00:00:02,10.0.2.50"},
		{"lab", "none", "/nowhere/at/all", NULL, -ENOENT, "/nowhere/at/all"},
		{"lab", "none", "/dev/null", NULL, -ENOTDIR, "/dev/null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_network_config config = GW_INIT(struct gw_network_config);
		struct gw_network *network = (struct gw_network *)&config;
		struct gw_error error = {0};

		config.name = rows[i].name;
		config.uplink = rows[i].uplink;
		config.state_dir = rows[i].state_dir;
		config.dhcp_hosts = rows[i].hosts;
		assert_int_equal(gw_network_new(&config, &network, &error), rows[i].code);
		assert_int_equal(error.code, rows[i].code);
		if (!strstr(error.text, rows[i].says))
			fail_msg("'%s' lacks '%s'", error.text, rows[i].says);
		assert_ptr_equal(network, &config);
		assert_int_equal(gw_network_new(&config, &network, NULL), rows[i].code);
	}
	gw_network_free(NULL);
}

static void on_network(void *owner, const struct gw_network_info *info)
{
	*(size_t *)owner = info->flows_max;
}

static void a_program_without_descriptors_for_all_flows_has_fewer_of_them(void **state)
{
	static const struct {
		const char *uplink;
		size_t flows_max, flows;
	} rows[] = {
		{"user", 0, 131072},          {"user", 1000, 1000},      {"user,flows=500", 1000, 500},
		{"user,flows=500", 100, 100}, {"user", 1000000, 131072}, {"none", 1000, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_network_config config = GW_INIT(struct gw_network_config);
		struct gw_network *network;
		size_t flows = SIZE_MAX;

		config.uplink = rows[i].uplink;
		config.flows_max = rows[i].flows_max;
		assert_int_equal(gw_network_new(&config, &network, NULL), 0);
		gw_network_describe(network, on_network, &flows);
		assert_int_equal(flows, rows[i].flows);
		gw_network_free(network);
	}
}

static void a_quiet_network_asks_for_nothing(void **state)
{
	struct kit kit;
	struct kit_guest guest;

	(void)state;
	kit_new(&kit, "none");
	assert_int_equal(gw_network_timeout_us(kit.network), -1);
	kit_guest_new(&guest, &kit, 1);
	/* the advertisement */
	assert_int_equal(gw_network_timeout_us(kit.network), 0);
	kit_settle(&kit);
	kit_guest_lease(&guest);
	/* the next one; that a lease runs out wakes nobody */
	assert_int_equal(gw_network_timeout_us(kit.network), 1800LL * 1000 * 1000);
	gw_port_free(guest.port);
	kit_pass(&kit, 1800ULL * 1000 * 1000);
	assert_int_equal(gw_network_timeout_us(kit.network), -1);
	kit_done(&kit);
	kit_guest_forget(&guest);
	kit_new(&kit, "none,ipv6=off");
	kit_guest_new(&guest, &kit, 1);
	kit_guest_lease(&guest);
	assert_int_equal(gw_network_timeout_us(kit.network), -1);
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void the_hosts_own_clock_ages_addresses(void **state)
{
	struct kit kit;
	struct kit_guest guest;
	uint8_t bytes[64];

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	kit_guest_send(&guest, bytes, kit_frame(bytes, MAC_BROADCAST, guest.mac, 0));
	assert_int_equal(kit_port(&kit, "vm1").info.mac_count, 1);
	kit_pass(&kit, 299ULL * 1000 * 1000);
	assert_int_equal(kit_port(&kit, "vm1").info.mac_count, 1);
	kit_pass(&kit, 2ULL * 1000 * 1000);
	assert_int_equal(kit_port(&kit, "vm1").info.mac_count, 0);
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void a_send_from_outside_a_turn_goes_by_the_clock_of_now(void **state)
{
	struct kit kit;
	struct kit_guest guest;
	uint8_t bytes[64];

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	kit_settle(&kit);
	kit.now_us += 1000ULL * 1000 * 1000;
	kit_guest_send(&guest, bytes, kit_frame(bytes, MAC_BROADCAST, guest.mac, 0));
	kit_pass(&kit, 200ULL * 1000 * 1000);
	assert_int_equal(kit_port(&kit, "vm1").info.mac_count, 1);
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void *wake_after_a_while(void *network)
{
	const struct timespec while_ = {.tv_nsec = 20 * 1000 * 1000};

	nanosleep(&while_, NULL);
	gw_network_wake(network);
	return NULL;
}

static void another_thread_may_end_the_wait(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_network *network;
	pthread_t thread;

	(void)state;
	assert_int_equal(gw_network_new(&config, &network, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, wake_after_a_while, network), 0);
	assert_int_equal(gw_network_run(network, -1), 0);
	pthread_join(thread, NULL);
	gw_network_free(network);
}

static void the_descriptor_tells_a_poll_loop(void **state)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct pollfd polled = {.events = POLLIN};
	struct gw_network *network;

	(void)state;
	assert_int_equal(gw_network_new(&config, &network, NULL), 0);
	polled.fd = gw_network_fd(network);
	assert_int_equal(poll(&polled, 1, 0), 0);
	gw_network_wake(network);
	assert_int_equal(poll(&polled, 1, 1000), 1);
	assert_int_equal(gw_network_run(network, 0), 0);
	assert_int_equal(poll(&polled, 1, 0), 0);
	gw_network_free(network);
}

/* All of them at once: what would be believed of the rest, when the size says that nothing is there? */
static void a_structure_without_its_size_is_refused(void **state)
{
	struct gw_network_config config = {.uplink = "none"};
	struct gw_dialler_config dialler_config = {.address4 = "10.0.2.15"};
	struct gw_passage_config passage_config = {.to = "127.0.0.1:80"};
	struct gw_virtio_config virtio_config = {.mac = "52:54:00:00:00:01"};
	struct gw_port_config port_config = {.to_guest = kit_guest_take};
	struct gw_passage *passage;
	struct gw_dialler *dialler;
	struct gw_network *network;
	struct gw_virtio *virtio;
	struct gw_error error;
	struct gw_port *port;
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	assert_int_equal(gw_network_new(&config, &network, &error), -EINVAL);
	assert_non_null(strstr(error.text, "GW_INIT"));
	assert_int_equal(gw_port_new(kit.network, &port_config, &port, &error), -EINVAL);
	assert_non_null(strstr(error.text, "GW_INIT"));
	assert_int_equal(gw_virtio_new(kit.network, &virtio_config, &virtio, &error), -EINVAL);
	assert_non_null(strstr(error.text, "GW_INIT"));
	assert_int_equal(gw_dialler_new(kit.network, &dialler_config, &dialler, &error), -EINVAL);
	assert_non_null(strstr(error.text, "GW_INIT"));
	assert_int_equal(gw_passage_new(kit.network, &passage_config, &passage, &error), -EINVAL);
	assert_non_null(strstr(error.text, "GW_INIT"));
	kit_done(&kit);
}

static void run_within(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)frame;
	assert_int_equal(gw_network_run(guest->kit->network, 0), -EBUSY);
}

static void run_on_ready(void *owner, unsigned events)
{
	struct kit *kit = owner;

	(void)events;
	assert_int_equal(gw_network_run(kit->network, 0), -EBUSY);
}

static void a_turn_within_a_turn_is_refused(void **state)
{
	struct kit_guest first, second;
	struct gw_watch *watch;
	uint8_t bytes[64];
	struct kit kit;
	int fds[2];

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&first, &kit, 1);
	kit_guest_new(&second, &kit, 2);
	second.on_frame = run_within;
	kit_guest_send(&first, bytes, kit_frame(bytes, MAC_BROADCAST, first.mac, 0));
	assert_true(second.frame_count > 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(gw_watch_new(kit.network, fds[1], 2, run_on_ready, &kit, &watch), 0);
	kit_settle(&kit);
	kit_done(&kit);
	kit_guest_forget(&first);
	kit_guest_forget(&second);
	close(fds[0]);
	close(fds[1]);
}

static void two_hundred_guests_get_two_hundred_leases(void **state)
{
	static struct kit_guest guests[200];
	static uint32_t addresses[200];
	uint8_t bytes[64];
	struct kit kit;
	size_t pings = 0;

	(void)state;
	kit_new(&kit, "none,ipv6=off");
	for (unsigned i = 0; i < 200; i++)
		kit_guest_new(&guests[i], &kit, (uint8_t)i);
	for (unsigned i = 0; i < 200; i++) {
		addresses[i] = ip4_value(kit_guest_lease(&guests[i]));
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(addresses[i], addresses[j]);
		for (unsigned j = 0; j < 200; j++)
			kit_guest_forget(&guests[j]);
	}
	for (unsigned i = 0; i < 200; i++)
		kit_guest_send(&guests[i], bytes, kit_arp(bytes, guests[i].mac, ip4_from(addresses[i]), KIT_GATEWAY));
	for (unsigned i = 0; i < 200; i++)
		kit_guest_forget(&guests[i]);
	kit_settle(&kit);
	for (unsigned i = 0; i < 200; i++)
		pings += guests[i].frame_count == 1;
	assert_int_equal(pings, 200);
	kit_done(&kit);
	for (unsigned i = 0; i < 200; i++)
		kit_guest_forget(&guests[i]);
}

static void isolated_on_the_uplink_is_every_guests_default(void **state)
{
	struct kit_guest first, second;
	uint8_t bytes[64];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none,isolated=on");
	kit_guest_new(&first, &kit, 1);
	kit_guest_new(&second, &kit, 2);
	assert_true(kit_port(&kit, "vm1").info.isolated);
	kit_guest_lease(&first);
	kit_guest_forget(&second);
	kit_guest_send(&first, bytes, kit_frame(bytes, MAC_BROADCAST, first.mac, 0));
	kit_settle(&kit);
	assert_int_equal(second.frame_count, 0);
	kit_done(&kit);
	kit_guest_forget(&first);
	kit_guest_forget(&second);
}

static void a_wire_without_a_gateway_carries_what_another_networks_gateway_says(void **state)
{
	static const struct {
		const char *uplink;
		size_t arrives;
	} rows[] = {{"none,ipv4=off,ipv6=off", 1}, {"none,ipv4=off", 0}, {"none,ipv6=off", 0}};
	const struct mac gateway = {{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kit_guest trunk, guest;
		uint8_t bytes[64];
		struct kit kit;

		kit_new(&kit, rows[i].uplink);
		kit_guest_new(&trunk, &kit, 1);
		kit_guest_new(&guest, &kit, 2);
		kit_settle(&kit);
		kit_guest_forget(&guest);
		kit_guest_send(&trunk, bytes, kit_frame(bytes, guest.mac, gateway, 0));
		kit_settle(&kit);
		assert_int_equal(guest.frame_count, rows[i].arrives);
		kit_done(&kit);
		kit_guest_forget(&trunk);
		kit_guest_forget(&guest);
	}
}

static void one_line_tells_each_thing_that_happens(void **state)
{
	struct kit_guest guest;
	uint8_t bytes[64];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	assert_string_equal(kit_event(&kit, GW_EVENT_GUEST_JOINED)->text, "vm1: joined (in this process)");
	kit_guest_send(&guest, bytes, kit_frame(bytes, MAC_BROADCAST, guest.mac, 0));
	assert_string_equal(kit_event(&kit, GW_EVENT_ADDRESS)->text, "vm1: 52:54:00:00:00:01 heard");
	kit_guest_send(&guest, bytes, 13);
	kit_guest_send(&guest, bytes, 13);
	assert_int_equal(kit_count(&kit, GW_EVENT_FIRST_DROP), 1);
	assert_non_null(
		strstr(kit_event(&kit, GW_EVENT_FIRST_DROP)->text, "vm1: first drop for frame-short: shorter than"));
	assert_null(strstr(kit_event(&kit, GW_EVENT_FIRST_DROP)->text, "(from vm1)"));
	gw_port_free(guest.port);
	assert_string_equal(kit_event(&kit, GW_EVENT_GUEST_LEFT)->text, "vm1: left (freed)");
	kit_done(&kit);
	kit_guest_forget(&guest);
}

static void a_guest_that_makes_up_addresses_is_not_told_of_forever(void **state)
{
	struct kit_guest guest;
	uint8_t bytes[64];
	struct kit kit;

	(void)state;
	kit_new(&kit, "none");
	kit_guest_new(&guest, &kit, 1);
	for (unsigned i = 0; i < 500; i++) {
		struct mac mac = {{2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};

		kit_guest_send(&guest, bytes, kit_frame(bytes, MAC_BROADCAST, mac, 0));
	}
	assert_int_equal(kit_count(&kit, GW_EVENT_ADDRESS), 8);
	assert_int_equal(kit_port(&kit, "vm1").info.mac_count, 500);
	kit_done(&kit);
	kit_guest_forget(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_the_headers),
		cmocka_unit_test(what_is_wrong_with_a_network_is_told),
		cmocka_unit_test(a_program_without_descriptors_for_all_flows_has_fewer_of_them),
		cmocka_unit_test(a_quiet_network_asks_for_nothing),
		cmocka_unit_test(the_hosts_own_clock_ages_addresses),
		cmocka_unit_test(a_send_from_outside_a_turn_goes_by_the_clock_of_now),
		cmocka_unit_test(another_thread_may_end_the_wait),
		cmocka_unit_test(the_descriptor_tells_a_poll_loop),
		cmocka_unit_test(a_structure_without_its_size_is_refused),
		cmocka_unit_test(a_turn_within_a_turn_is_refused),
		cmocka_unit_test(two_hundred_guests_get_two_hundred_leases),
		cmocka_unit_test(isolated_on_the_uplink_is_every_guests_default),
		cmocka_unit_test(a_wire_without_a_gateway_carries_what_another_networks_gateway_says),
		cmocka_unit_test(one_line_tells_each_thing_that_happens),
		cmocka_unit_test(a_guest_that_makes_up_addresses_is_not_told_of_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
