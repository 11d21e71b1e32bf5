/* SPDX-License-Identifier: MIT */
/* The lease file through networks that end and begin again, on disks that are full, broken or gone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network/network.h"
#include "unit/network/kit.h"
#include "unit/os/slow.h"

struct fixture {
	char directory[64], path[128];
	struct kit kit;
	struct kit_guest guest;
	bool mounted;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/guestwire-leases.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/lab.leases", fixture->directory);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->kit.network)
		kit_done(&fixture->kit);
	kit_guest_forget(&fixture->guest);
	if (fixture->mounted)
		umount(fixture->directory);
	unlink(fixture->path);
	rmdir(fixture->directory);
	free(fixture);
	return 0;
}

static void start(struct fixture *fixture, uint8_t guest)
{
	struct gw_error error = {0};

	if (kit_try(&fixture->kit, "none", fixture->directory, NULL, &error) != 0)
		fail_msg("%s", error.text);
	kit_guest_forget(&fixture->guest);
	kit_guest_new(&fixture->guest, &fixture->kit, guest);
}

/* Until the disk has what it was given. */
static void await_disk(struct fixture *fixture)
{
	struct pollfd turn = {.fd = gw_network_fd(fixture->kit.network), .events = POLLIN};

	while (fixture->kit.network->lease_file.saving) {
		assert_int_equal(poll(&turn, 1, 5000), 1);
		kit_settle(&fixture->kit);
	}
}

static size_t count_lines(const char *path, const char *with)
{
	char line[1024];
	size_t count = 0;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, with) != NULL;
	fclose(file);
	return count;
}

static void a_lease_survives_a_restart(void **state)
{
	struct fixture *fixture = *state;
	struct ip4 first, second;

	start(fixture, 1);
	first = kit_guest_lease(&fixture->guest);
	kit_done(&fixture->kit);
	start(fixture, 2);
	second = kit_guest_lease(&fixture->guest);
	assert_false(ip4_equal(first, second));
	kit_done(&fixture->kit);
	start(fixture, 1);
	assert_true(ip4_equal(kit_guest_lease(&fixture->guest), first));
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 0);
}

static void it_is_written_at_the_end_of_the_turn_and_for_its_owner_alone(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	start(fixture, 1);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
}

static void it_is_written_once_a_second_at_most(void **state)
{
	struct fixture *fixture = *state;
	struct kit_guest others[5];
	struct stat before, after;

	start(fixture, 1);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(stat(fixture->path, &before), 0);
	for (uint8_t i = 0; i < 5; i++) {
		kit_guest_new(&others[i], &fixture->kit, (uint8_t)(10 + i));
		kit_guest_lease(&others[i]);
	}
	assert_int_equal(stat(fixture->path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_in_range(gw_network_timeout_us(fixture->kit.network), 1, 1000 * 1000);
	kit_pass(&fixture->kit, 1000 * 1000);
	await_disk(fixture);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:"), 6);
	/* the next advertisement alone */
	assert_true(gw_network_timeout_us(fixture->kit.network) > 1000LL * 1000 * 1000);
	kit_done(&fixture->kit);
	for (uint8_t i = 0; i < 5; i++)
		kit_guest_forget(&others[i]);
}

static void the_end_writes_what_was_not_written_yet(void **state)
{
	struct fixture *fixture = *state;
	struct kit_guest other;

	start(fixture, 1);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	kit_guest_new(&other, &fixture->kit, 2);
	kit_guest_lease(&other);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:02"), 0);
	kit_done(&fixture->kit);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:02"), 1);
	kit_guest_forget(&other);
}

static void broken_lines_are_left_out_with_one_notice(void **state)
{
	struct fixture *fixture = *state;
	struct ip4 first;
	FILE *file;

	start(fixture, 1);
	first = kit_guest_lease(&fixture->guest);
	kit_done(&fixture->kit);
	file = fopen(fixture->path, "a");
	assert_non_null(file);
	fputs("no lease at all\n\n# a remark\n\x01\x02\xff\n", file);
	for (int i = 0; i < 5000; i++)
		fputc('x', file);
	fputs("\ncut off", file);
	fclose(file);
	start(fixture, 1);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, fixture->path));
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, "4 lines"));
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, "line 3"));
	assert_true(ip4_equal(kit_guest_lease(&fixture->guest), first));
}

static void a_line_with_bytes_that_are_no_text_takes_no_other_along(void **state)
{
	struct fixture *fixture = *state;
	char line[1024];
	struct ip4 first, second;
	FILE *file;

	start(fixture, 1);
	first = kit_guest_lease(&fixture->guest);
	kit_done(&fixture->kit);
	file = fopen(fixture->path, "r+");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file)); /* a remark */
	assert_non_null(fgets(line, sizeof(line), file));
	rewind(file);
	fwrite("\0\0 nothing\n", 1, 11, file);
	fputs(line, file);
	assert_int_equal(ftruncate(fileno(file), ftell(file)), 0);
	fclose(file);
	start(fixture, 2);
	second = kit_guest_lease(&fixture->guest);
	assert_false(ip4_equal(first, second));
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, "1 lines"));
}

static void an_unreadable_file_is_a_notice(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->path, 0700), 0);
	start(fixture, 1);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 2);
	kit_done(&fixture->kit);
	rmdir(fixture->path);
}

static void a_directory_that_may_not_be_written_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct gw_error error = {0};
	bool root = geteuid() == 0;
	int result;

	assert_int_equal(chmod(fixture->directory, 0555), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	result = kit_try(&fixture->kit, "none", fixture->directory, NULL, &error);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(result, -EACCES);
	assert_non_null(strstr(error.text, "leases cannot be kept there: Permission denied; choose"));
}

static void a_directory_that_goes_away_is_a_notice_and_guests_go_on(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 1);
	assert_int_equal(rmdir(fixture->directory), 0);
	kit_guest_lease(&fixture->guest);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, "do not survive a restart"));
	kit_pass(&fixture->kit, 2 * 1000 * 1000);
	kit_guest_lease(&fixture->guest);
	/* told once, not at every change */
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_int_equal(mkdir(fixture->directory, 0700), 0);
	kit_pass(&fixture->kit, 2 * 1000 * 1000);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
}

static void what_could_not_be_written_is_at_the_end_if_it_can_be_then(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 1);
	assert_int_equal(rmdir(fixture->directory), 0);
	kit_guest_lease(&fixture->guest);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_int_equal(mkdir(fixture->directory, 0700), 0);
	kit_pass(&fixture->kit, 2 * 1000 * 1000);
	kit_done(&fixture->kit);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
}

static void a_full_disk_keeps_the_old_file(void **state)
{
	struct fixture *fixture = *state;
	char filler[128];
	struct ip4 first;
	FILE *file;

	if (mount("none", fixture->directory, "tmpfs", 0, "size=16k") != 0)
		skip();
	fixture->mounted = true;
	start(fixture, 1);
	first = kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
	snprintf(filler, sizeof(filler), "%s/filler", fixture->directory);
	file = fopen(filler, "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	while (fputc('x', file) != EOF)
		;
	fclose(file);
	kit_pass(&fixture->kit, 2 * 1000 * 1000);
	kit_guest_lease(&fixture->guest);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text, "No space left"));
	kit_done(&fixture->kit);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
	unlink(filler);
	start(fixture, 1);
	assert_true(ip4_equal(kit_guest_lease(&fixture->guest), first));
}

static void start_slowly(struct fixture *fixture, struct slow *slow)
{
	struct gw_error error = {0};

	snprintf(fixture->path, sizeof(fixture->path), "%s/lab.leases", slow->folder);
	if (kit_try(&fixture->kit, "none", slow->folder, NULL, &error) != 0)
		fail_msg("%s", error.text);
	kit_guest_new(&fixture->guest, &fixture->kit, 1);
}

static void frames_go_on_while_the_disk_is_slow(void **state)
{
	struct fixture *fixture = *state;
	struct kit_guest other;
	struct slow slow;
	uint8_t bytes[64];

	if (slow_open(&slow) < 0)
		skip();
	start_slowly(fixture, &slow);
	slow_hold(&slow);
	kit_guest_lease(&fixture->guest);
	assert_true(fixture->kit.network->lease_file.saving);
	kit_guest_new(&other, &fixture->kit, 2);
	kit_guest_lease(&other);
	for (uint8_t i = 0; i < 100; i++) {
		kit_guest_forget(&other);
		kit_guest_send(&fixture->guest, bytes, kit_frame(bytes, other.mac, fixture->guest.mac, i));
		kit_pass(&fixture->kit, 100 * 1000);
		assert_int_equal(other.frame_count, 1);
	}
	/* Ten seconds have passed, and nobody asked again before there is an answer. */
	for (int i = 0; i < 5000 && slow_asked(&slow) == 0; i++)
		usleep(1000);
	assert_int_equal(slow_asked(&slow), 1);
	assert_int_equal(access(fixture->path, F_OK), -1);
	slow_let_go(&slow);
	await_disk(fixture);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
	/* what came meanwhile is saved then */
	kit_settle(&fixture->kit);
	await_disk(fixture);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:02"), 1);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 0);
	assert_int_equal(slow_files(&slow), 1);
	kit_done(&fixture->kit);
	kit_guest_forget(&other);
	slow_close(&slow);
}

static void *let_go_later(void *owner)
{
	usleep(200 * 1000);
	slow_let_go(owner);
	return NULL;
}

static void the_end_waits_for_the_disk(void **state)
{
	struct fixture *fixture = *state;
	struct kit_guest other;
	struct slow slow;
	pthread_t thread;

	if (slow_open(&slow) < 0)
		skip();
	start_slowly(fixture, &slow);
	slow_hold(&slow);
	kit_guest_lease(&fixture->guest);
	kit_guest_new(&other, &fixture->kit, 2);
	kit_guest_lease(&other);
	assert_int_equal(pthread_create(&thread, NULL, let_go_later, &slow), 0);
	kit_done(&fixture->kit);
	pthread_join(thread, NULL);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:02"), 1);
	assert_int_equal(slow_files(&slow), 1);
	kit_guest_forget(&other);
	slow_close(&slow);
}

static void a_disk_that_fails_late_is_a_notice(void **state)
{
	struct fixture *fixture = *state;
	struct slow slow;

	if (slow_open(&slow) < 0)
		skip();
	start_slowly(fixture, &slow);
	slow_fail(&slow, EIO);
	kit_guest_lease(&fixture->guest);
	await_disk(fixture);
	assert_int_equal(kit_count(&fixture->kit, GW_EVENT_NOTICE), 1);
	assert_non_null(strstr(kit_event(&fixture->kit, GW_EVENT_NOTICE)->text,
			       "lab.leases: cannot write it: Input/output error; leases do not survive a restart"));
	assert_int_equal(slow_files(&slow), 0);
	/* the end tries once more */
	slow_fail(&slow, 0);
	kit_done(&fixture->kit);
	assert_int_equal(count_lines(fixture->path, "52:54:00:00:00:01"), 1);
	slow_close(&slow);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_fixture(a_lease_survives_a_restart),
		with_fixture(it_is_written_at_the_end_of_the_turn_and_for_its_owner_alone),
		with_fixture(it_is_written_once_a_second_at_most),
		with_fixture(the_end_writes_what_was_not_written_yet),
		with_fixture(broken_lines_are_left_out_with_one_notice),
		with_fixture(a_line_with_bytes_that_are_no_text_takes_no_other_along),
		with_fixture(an_unreadable_file_is_a_notice),
		with_fixture(a_directory_that_may_not_be_written_is_refused),
		with_fixture(a_directory_that_goes_away_is_a_notice_and_guests_go_on),
		with_fixture(what_could_not_be_written_is_at_the_end_if_it_can_be_then),
		with_fixture(a_full_disk_keeps_the_old_file),
		with_fixture(frames_go_on_while_the_disk_is_slow),
		with_fixture(the_end_waits_for_the_disk),
		with_fixture(a_disk_that_fails_late_is_a_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
