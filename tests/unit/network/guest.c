/* SPDX-License-Identifier: MIT */
/* Guests over sockets: their names, what joins and leaves, and that they may be removed at any moment. The sockets'
 * own behaviour is src/port's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kit/vhost_front.h"
#include "unit/network/kit.h"

struct fixture {
	struct kit kit;
	struct kit_guest inside;
	char directory[64], path[100], spec[200];
	int fd;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	kit_new(&fixture->kit, "none");
	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/guestwire-guest.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/vm.sock", fixture->directory);
	snprintf(fixture->spec, sizeof(fixture->spec), "stream,path=%s", fixture->path);
	kit_guest_new(&fixture->inside, &fixture->kit, 1);
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->inside);
	fixture->fd = -1;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->inside);
	if (fixture->fd >= 0)
		close(fixture->fd);
	/* nothing is left behind */
	assert_int_equal(rmdir(fixture->directory), 0);
	free(fixture);
	return 0;
}

static struct gw_guest *add(struct fixture *fixture, const char *spec)
{
	struct gw_error error = {0};
	struct gw_guest *guest;

	if (gw_guest_add(fixture->kit.network, spec, &guest, &error) != 0)
		fail_msg("%s: %s", spec, error.text);
	return guest;
}

static void turns(struct fixture *fixture)
{
	for (int i = 0; i < 10; i++)
		assert_int_equal(gw_network_run(fixture->kit.network, 0), 0);
}

/* A guest at the far end of the stream socket. */
static void dial(struct fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	fixture->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fixture->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turns(fixture);
}

static void say(struct fixture *fixture, struct mac mac, uint8_t mark)
{
	uint8_t bytes[4 + 64] = {0, 0, 0, 64};

	kit_frame(bytes + 4, MAC_BROADCAST, mac, mark);
	assert_int_equal(send(fixture->fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	turns(fixture);
}

static const struct mac outside = {{0x52, 0x54, 0, 0, 0, 0x77}};

static void a_guest_joins_talks_and_leaves(void **state)
{
	struct fixture *fixture = *state;
	struct gw_guest *guest = add(fixture, fixture->spec);
	struct kit_port_call port;

	assert_string_equal(gw_guest_name(guest), "stream0");
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_JOINED), 1);
	dial(fixture);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_JOINED), 2);
	assert_string_equal(kit_event(&fixture->kit, GW_EVENT_GUEST_JOINED)->port, "stream0.1");
	say(fixture, outside, 5);
	assert_int_equal(fixture->inside.frame_count, 1);
	assert_int_equal(fixture->inside.frames[0].bytes[20], 5);
	port = kit_port(&fixture->kit, "stream0.1");
	assert_string_equal(port.kind, "stream");
	assert_string_equal(port.guest, "stream0");
	assert_string_equal(port.macs[0], "52:54:00:00:00:77");
	assert_true(port.info.queue_bound_bytes > 0);
	close(fixture->fd);
	fixture->fd = -1;
	turns(fixture);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	assert_string_equal(kit_event(&fixture->kit, GW_EVENT_GUEST_LEFT)->port, "stream0.1");
}

static void a_guest_that_dials_again_has_its_counters(void **state)
{
	struct fixture *fixture = *state;
	uint64_t frames;
	char name[64];

	add(fixture, fixture->spec);
	dial(fixture);
	say(fixture, outside, 1);
	say(fixture, outside, 2);
	close(fixture->fd);
	turns(fixture);
	dial(fixture);
	snprintf(name, sizeof(name), "%s", kit_event(&fixture->kit, GW_EVENT_GUEST_JOINED)->port);
	say(fixture, outside, 3);
	frames = kit_port(&fixture->kit, name).info.counters.from_guest_frames;
	assert_int_equal(frames, 3);
}

static void names_are_given_or_counted(void **state)
{
	struct fixture *fixture = *state;
	char text[200];

	snprintf(text, sizeof(text), "stream,name=box,path=%s", fixture->path);
	assert_string_equal(gw_guest_name(add(fixture, text)), "box");
	assert_string_equal(gw_guest_name(add(fixture, "stream,tcp=127.0.0.1:0")), "stream0");
	assert_string_equal(gw_guest_name(add(fixture, "stream,tcp=127.0.0.1:0")), "stream1");
	gw_guest_remove(gw_guest_find(fixture->kit.network, "stream0"));
	assert_null(gw_guest_find(fixture->kit.network, "stream0"));
	assert_string_equal(gw_guest_name(add(fixture, "stream,tcp=127.0.0.1:0")), "stream0");
	assert_non_null(gw_guest_find(fixture->kit.network, "box"));
	assert_null(gw_guest_find(fixture->kit.network, "vm1"));
	gw_guest_remove(NULL);
}

static void what_cannot_be_a_guest_is_told(void **state)
{
	static const struct {
		const char *spec;
		int code;
		const char *says;
	} rows[] = {
		{"teapot", -EINVAL, "teapot"},
		{"", -EINVAL, "KIND"},
		{"stream,tcp=127.0.0.1:0,name=vm1", -EEXIST, "'vm1': is in use"},
		{"stream,tcp=127.0.0.1:0,name=gateway", -EEXIST, "'gateway': is in use"},
		{"stream,tcp=127.0.0.1:0,name=a.b", -EINVAL, "'a.b': must be"},
		{"stream,tcp=127.0.0.1:0,frobnicate=1", -EINVAL, "frobnicate"},
		{"stream,path=/nowhere/at/all/x.sock", -ENOENT, "/nowhere/at/all"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gw_guest *guest = (struct gw_guest *)fixture;
		struct gw_error error = {0};

		assert_int_equal(gw_guest_add(fixture->kit.network, rows[i].spec, &guest, &error), rows[i].code);
		if (error.code != rows[i].code || !strstr(error.text, rows[i].says))
			fail_msg("'%s' lacks '%s'", error.text, rows[i].says);
		assert_ptr_equal(guest, fixture);
		assert_int_equal(gw_guest_add(fixture->kit.network, rows[i].spec, NULL, NULL), rows[i].code);
	}
}

struct guest_call {
	size_t count;
	char name[64], kind[32], path[256], address[256];
	size_t guests, guests_max;
	bool drops;
};

static void on_guest(void *owner, const struct gw_guest_info *info)
{
	struct guest_call *call = owner;

	assert_int_equal(info->size, sizeof(*info));
	call->count++;
	snprintf(call->name, sizeof(call->name), "%s", info->name);
	snprintf(call->kind, sizeof(call->kind), "%s", info->kind);
	snprintf(call->path, sizeof(call->path), "%s", info->path);
	snprintf(call->address, sizeof(call->address), "%s", info->address);
	call->guests = info->guests;
	call->guests_max = info->guests_max;
	call->drops = info->drops != NULL;
}

static void what_to_give_the_far_end_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct guest_call call = {0};

	add(fixture, fixture->spec);
	dial(fixture);
	gw_network_each_guest(fixture->kit.network, on_guest, &call);
	assert_int_equal(call.count, 1);
	assert_string_equal(call.name, "stream0");
	assert_string_equal(call.kind, "stream");
	assert_string_equal(call.path, fixture->path);
	assert_int_equal(call.guests, 1);
	assert_true(call.guests_max > 1);
	assert_true(call.drops);
	gw_guest_remove(gw_guest_find(fixture->kit.network, "stream0"));
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	add(fixture, "stream,tcp=127.0.0.1:0");
	gw_network_each_guest(fixture->kit.network, on_guest, &call);
	assert_memory_equal(call.address, "127.0.0.1:", 10);
	assert_int_not_equal(atoi(call.address + 10), 0);
}

static void remove_listener(struct kit_guest *guest, const struct kit_frame *frame)
{
	(void)frame;
	guest->on_frame = NULL;
	gw_guest_remove(gw_guest_find(guest->kit->network, "stream0"));
	assert_null(gw_guest_find(guest->kit->network, "stream0"));
}

static void a_callback_may_remove_the_guest_that_the_frame_came_from(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, fixture->spec);
	dial(fixture);
	fixture->inside.on_frame = remove_listener;
	say(fixture, outside, 1);
	assert_int_equal(fixture->inside.frame_count, 1);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	assert_int_not_equal(access(fixture->path, F_OK), 0);
}

static void remove_what_is_told(void *owner, const struct gw_guest_info *info)
{
	struct fixture *fixture = owner;
	struct gw_guest *told = gw_guest_find(fixture->kit.network, info->name);

	assert_non_null(told);
	gw_guest_remove(gw_guest_find(fixture->kit.network, "stream1"));
	gw_guest_remove(told);
	gw_guest_remove(told);
}

static void who_is_told_of_guests_may_remove_them(void **state)
{
	struct fixture *fixture = *state;
	struct guest_call call = {0};

	add(fixture, fixture->spec);
	add(fixture, "stream,tcp=127.0.0.1:0");
	add(fixture, "stream,tcp=127.0.0.1:0");
	gw_network_each_guest(fixture->kit.network, remove_what_is_told, fixture);
	gw_network_each_guest(fixture->kit.network, on_guest, &call);
	assert_int_equal(call.count, 0);
	kit_settle(&fixture->kit);
	assert_int_not_equal(access(fixture->path, F_OK), 0);
}

static void a_guests_own_word_beats_the_networks_isolation(void **state)
{
	struct fixture *fixture = *state;
	char text[250];

	kit_done(&fixture->kit);
	kit_new(&fixture->kit, "none,isolated=on");
	add(fixture, fixture->spec);
	dial(fixture);
	assert_true(kit_port(&fixture->kit, "stream0.1").info.isolated);
	gw_guest_remove(gw_guest_find(fixture->kit.network, "stream0"));
	close(fixture->fd);
	snprintf(text, sizeof(text), "%s,isolated=off", fixture->spec);
	add(fixture, text);
	dial(fixture);
	assert_false(kit_port(&fixture->kit, "stream0.1").info.isolated);
}

static struct gw_network *faulty;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!gw_network_fault(faulty, info->si_addr))
		signal(number, SIG_DFL);
}

static void settle(void *owner)
{
	kit_settle(owner);
}

/* Where a packed ring stands is written into it when the guest is removed: not even then is it trusted to be there. */
static void a_guest_whose_memory_is_gone_can_be_removed(void **state)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
	struct fixture *fixture = *state;
	struct gw_guest *guest;
	struct vhost_front front;

	snprintf(fixture->spec, sizeof(fixture->spec), "vhost-user,path=%s", fixture->path);
	guest = add(fixture, fixture->spec);
	dial(fixture);
	vhost_front_init(&front, fixture->fd, settle, &fixture->kit);
	fixture->fd = -1;
	vhost_front_unseal(&front);
	vhost_front_start(&front,
			  VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(MRG_RXBUF) | VIRTNET_FEATURE(RING_PACKED));
	faulty = fixture->kit.network;
	assert_int_equal(sigaction(SIGBUS, &action, &before), 0);
	assert_int_equal(ftruncate(front.memory_fd, 0), 0);
	gw_guest_remove(guest);
	kit_settle(&fixture->kit);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_GUEST_LEFT), 1);
	assert_int_equal(ftruncate(front.memory_fd, (off_t)(VHOST_FRONT_RINGS * front.ring_bytes)), 0);
	vhost_front_done(&front);
	sigaction(SIGBUS, &before, NULL);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(a_guest_joins_talks_and_leaves),
		with_fixture(a_guest_that_dials_again_has_its_counters),
		with_fixture(names_are_given_or_counted),
		with_fixture(what_cannot_be_a_guest_is_told),
		with_fixture(what_to_give_the_far_end_is_told),
		with_fixture(a_callback_may_remove_the_guest_that_the_frame_came_from),
		with_fixture(who_is_told_of_guests_may_remove_them),
		with_fixture(a_guests_own_word_beats_the_networks_isolation),
		with_fixture(a_guest_whose_memory_is_gone_can_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
