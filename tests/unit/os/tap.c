/* SPDX-License-Identifier: MIT */
/* Taps of every origin, in a network namespace that the test makes for itself. Skipped where there may be none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "kit/bystander.h"
#include "os/socket.h"
#include "os/tap.h"

static bool possible;

static int own_namespace(void **state)
{
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	fd = open("/dev/net/tun", O_RDWR);
	possible = fd >= 0;
	if (possible)
		close(fd);
	return 0;
}

static int asks_for_a_tap(void **state)
{
	(void)state;
	if (!possible)
		print_message("skipped: needs root and /dev/net/tun\n");
	return 0;
}

#define NEEDS_A_TAP()           \
	do {                    \
		(void)state;    \
		if (!possible)  \
			skip(); \
	} while (0)

/* Asks the kernel about an interface of this namespace. */
static int link_ask(const char *name, unsigned long question, struct ifreq *ret_answer)
{
	int control = socket_open(AF_INET, SOCK_DGRAM);
	int result;

	memset(ret_answer, 0, sizeof(*ret_answer));
	snprintf(ret_answer->ifr_name, sizeof(ret_answer->ifr_name), "%s", name);
	result = ioctl(control, question, ret_answer) < 0 ? -errno : 0;
	close(control);
	return result;
}

static void a_new_tap_is_up_with_its_mtu_and_a_long_queue(void **state)
{
	struct tap_request request = {.name = "gwt0", .mtu_bytes = 4000};
	struct error error = {0};
	struct ifreq answer;
	struct tap tap;

	NEEDS_A_TAP();
	if (tap_open(&request, &tap, &error) != 0)
		fail_msg("%s", error.text);
	assert_string_equal(tap.name, "gwt0");
	assert_false(tap.persistent);
	assert_true(tap.up);
	assert_int_equal(tap.mtu_bytes, 4000);
	assert_int_equal(tap.header_bytes, 12);
	assert_true(tap.offloads & TAP_CSUM);
	assert_true(!(tap.offloads & (TAP_USO4 | TAP_USO6)) ||
		    (tap.offloads & (TAP_USO4 | TAP_USO6)) == (TAP_USO4 | TAP_USO6));
	assert_true(fcntl(tap.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(link_ask("gwt0", SIOCGIFTXQLEN, &answer), 0);
	assert_int_equal(answer.ifr_qlen, TAP_QUEUE_FRAMES);
	assert_int_equal(link_ask("gwt0", SIOCGIFFLAGS, &answer), 0);
	assert_true(answer.ifr_flags & IFF_UP);
	tap_close(&tap);
	tap_close(&tap);
	assert_int_equal(link_ask("gwt0", SIOCGIFFLAGS, &answer), -ENODEV);
}

static void without_a_name_the_kernel_chooses_one(void **state)
{
	struct tap_request request = {.down = true};
	struct tap first;
	struct tap second;

	NEEDS_A_TAP();
	assert_int_equal(tap_open(&request, &first, NULL), 0);
	request.name = "";
	assert_int_equal(tap_open(&request, &second, NULL), 0);
	assert_string_equal(first.name, "tap0");
	assert_string_equal(second.name, "tap1");
	assert_false(first.up);
	assert_int_equal(first.mtu_bytes, 1500);
	tap_close(&first);
	tap_close(&second);
}

static void a_persistent_tap_keeps_what_its_owner_set(void **state)
{
	struct tap_request request = {.name = "gwt1", .mtu_bytes = 2000, .down = true};
	struct ifreq answer;
	struct tap tap;

	NEEDS_A_TAP();
	assert_int_equal(tap_open(&request, &tap, NULL), 0);
	assert_int_equal(ioctl(tap.fd, TUNSETPERSIST, 1), 0);
	tap_close(&tap);
	request = (struct tap_request){.name = "gwt1", .mtu_bytes = 3000};
	assert_int_equal(tap_open(&request, &tap, NULL), 0);
	assert_true(tap.persistent);
	assert_false(tap.up);
	assert_int_equal(tap.mtu_bytes, 2000);
	assert_int_equal(tap.header_bytes, 12);
	tap_close(&tap);
	assert_int_equal(link_ask("gwt1", SIOCGIFFLAGS, &answer), 0);
	assert_int_equal(tap_open(&request, &tap, NULL), 0);
	assert_int_equal(ioctl(tap.fd, TUNSETPERSIST, 0), 0);
	tap_close(&tap);
}

static void mistakes_are_explained_and_leave_nothing(void **state)
{
	static const struct {
		const char *what;
		struct tap_request request;
		int verdict;
		const char *text;
	} rows[] = {
		{"in use", {.name = "gwt2"}, -EBUSY, "gwt2: another process uses it"},
		{"another kind of interface", {.name = "lo"}, -EINVAL, "lo: there is an interface of this name"},
		{"a name too long", {.name = "a-name-of-sixteen"}, -EINVAL, "15 letters at most"},
		{"no device", {.device = "/nonexistent/tun"}, -ENOENT, "modprobe tun"},
		{"an MTU that is none",
		 {.name = "gwt3", .mtu_bytes = 70000},
		 -EINVAL,
		 "gwt3: cannot set its MTU to 70000"},
		{"no such process", {.netns = "4194305"}, -ENOENT, "netns=4194305: cannot open /proc/4194305/ns/net"},
		{"no such name", {.netns = "no-such-name"}, -ENOENT, "/run/netns/no-such-name"},
		{"no namespace", {.netns = "/dev/null"}, -EINVAL, "netns=/dev/null: cannot enter it"},
	};
	struct tap_request busy = {.name = "gwt2"};
	struct ifreq answer;
	struct tap first;

	NEEDS_A_TAP();
	assert_int_equal(tap_open(&busy, &first, NULL), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct tap tap;
		int verdict = tap_open(&rows[i].request, &tap, &error);

		if (verdict != rows[i].verdict || !strstr(error.text, rows[i].text))
			fail_msg("%s: %d, \"%s\"", rows[i].what, verdict, error.text);
	}
	assert_int_equal(link_ask("gwt3", SIOCGIFFLAGS, &answer), -ENODEV);
	tap_close(&first);
}

/* As an ordinary user, with a device that he may open: what he may not do, and what he is told. */
static void an_ordinary_user_is_told_the_ways_out(void **state)
{
	char device[] = "/tmp/gw-tun.XXXXXX";
	int status = 0;
	pid_t pid;

	NEEDS_A_TAP();
	assert_non_null(mkdtemp(device));
	assert_int_equal(chmod(device, 0755), 0);
	pid = fork();
	if (pid == 0) {
		struct tap_request request = {.name = "gwt4"};
		struct error error = {0};
		struct tap tap;
		char node[64];

		snprintf(node, sizeof(node), "%s/tun", device);
		if (mknod(node, S_IFCHR | 0666, makedev(10, 200)) < 0 || chmod(node, 0666) < 0 || setgid(65534) < 0 ||
		    setuid(65534) < 0)
			_exit(77);
		request.device = node;
		if (tap_open(&request, &tap, &error) != -EPERM || !strstr(error.text, "cap_net_admin") ||
		    !strstr(error.text, "ip tuntap add gwt4 mode tap user"))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	{
		char node[64];

		snprintf(node, sizeof(node), "%s/tun", device);
		unlink(node);
		rmdir(device);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void a_descriptor_that_was_handed_over_is_made_ready(void **state)
{
	struct ifreq request = {.ifr_name = "gwt5", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct error error = {0};
	struct tap tap;
	int fd;

	NEEDS_A_TAP();
	fd = open("/dev/net/tun", O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(tap_adopt(fd, &tap, &error), -EINVAL);
	assert_non_null(strstr(error.text, "is not an open tap"));
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(tap_adopt(fd, &tap, &error), 0);
	assert_string_equal(tap.name, "gwt5");
	assert_int_equal(tap.header_bytes, 12);
	assert_int_equal(tap.mtu_bytes, 1500);
	assert_true(tap.offloads & TAP_CSUM);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	tap_close(&tap);
	/* without the header, as old programs open it */
	fd = open("/dev/net/tun", O_RDWR);
	request = (struct ifreq){.ifr_name = "gwt5", .ifr_flags = IFF_TAP | IFF_NO_PI};
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(tap_adopt(fd, &tap, &error), 0);
	assert_int_equal(tap.header_bytes, 0);
	assert_int_equal(tap.offloads, 0);
	tap_close(&tap);
	/* a tun has no Ethernet frames */
	fd = open("/dev/net/tun", O_RDWR);
	request = (struct ifreq){.ifr_name = "gwt5", .ifr_flags = IFF_TUN | IFF_NO_PI};
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(tap_adopt(fd, &tap, &error), -EINVAL);
	close(fd);
}

static uint32_t link_offload(const char *name, uint32_t question)
{
	struct ethtool_value value = {.cmd = question};
	struct ifreq request = {.ifr_data = (void *)&value};
	int control = socket_open(AF_INET, SOCK_DGRAM);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(control, SIOCETHTOOL, &request), 0);
	close(control);
	return value.data;
}

/* Without a header nothing says of a frame that it is a large one, or that its sum is missing. A persistent tap remembers
 * what its last owner took. */
static void a_tap_without_a_header_hands_over_finished_frames_alone(void **state)
{
	struct ifreq with = {.ifr_name = "gwt7", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct ifreq without = {.ifr_name = "gwt7", .ifr_flags = IFF_TAP | IFF_NO_PI};
	struct tap tap;
	int fd;

	NEEDS_A_TAP();
	fd = open("/dev/net/tun", O_RDWR);
	assert_int_equal(ioctl(fd, TUNSETIFF, &with), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TAP_CSUM | TAP_TSO4 | TAP_TSO6)), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	fd = open("/dev/net/tun", O_RDWR);
	assert_int_equal(ioctl(fd, TUNSETIFF, &without), 0);
	assert_int_equal(link_offload("gwt7", ETHTOOL_GTSO), 1);
	assert_int_equal(tap_adopt(fd, &tap, NULL), 0);
	assert_int_equal(tap.header_bytes, 0);
	assert_int_equal(link_offload("gwt7", ETHTOOL_GTSO), 0);
	assert_int_equal(link_offload("gwt7", ETHTOOL_GTXCSUM), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 0), 0);
	tap_close(&tap);
}

static bool in_another_namespace(const void *what)
{
	(void)what;
	return unshare(CLONE_NEWNET) == 0;
}

static bool namespace_has(pid_t pid, const char *name)
{
	char path[64];
	char line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/net/dev", (long)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		found |= strstr(line, name) != NULL;
	fclose(file);
	return found;
}

static void a_tap_of_another_namespace_is_made_there_and_we_come_back(void **state)
{
	char number[16];
	char path[64];
	const char *names[2] = {number, path};
	ino_t before;
	struct stat here;
	pid_t pid;

	NEEDS_A_TAP();
	pid = bystander_start(in_another_namespace, NULL);
	assert_true(pid > 0);
	snprintf(number, sizeof(number), "%ld", (long)pid);
	snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	assert_int_equal(stat("/proc/self/ns/net", &here), 0);
	before = here.st_ino;
	for (int i = 0; i < 2; i++) {
		struct tap_request request = {.name = "gwt6", .netns = names[i], .mtu_bytes = 1600};
		struct ifreq answer;
		struct tap tap;
		struct tap adopted;

		assert_int_equal(tap_open(&request, &tap, NULL), 0);
		assert_int_equal(stat("/proc/self/ns/net", &here), 0);
		assert_int_equal(here.st_ino, before);
		assert_true(namespace_has(pid, "gwt6"));
		assert_int_equal(link_ask("gwt6", SIOCGIFFLAGS, &answer), -ENODEV);
		assert_true(tap.up);
		assert_int_equal(tap.mtu_bytes, 1600);
		/* handed over, its link cannot be asked for: not even where we have one of the same name */
		request = (struct tap_request){.name = "gwt6"};
		assert_int_equal(tap_adopt(tap.fd, &adopted, NULL), 0);
		assert_int_equal(adopted.mtu_bytes, 0);
		{
			struct tap same_name;

			assert_int_equal(tap_open(&request, &same_name, NULL), 0);
			assert_int_equal(tap_adopt(tap.fd, &adopted, NULL), 0);
			assert_int_equal(adopted.mtu_bytes, 0);
			tap_close(&same_name);
		}
		tap_close(&tap);
		assert_false(namespace_has(pid, "gwt6"));
	}
	bystander_stop(pid);
}

struct visit {
	char netns[64];
	int code;
	ino_t before, after;
};

static ino_t namespace_of_this_thread(void)
{
	struct stat here;

	return stat("/proc/thread-self/ns/net", &here) == 0 ? here.st_ino : 0;
}

static void *visit_from_a_namespace_of_ones_own(void *owner)
{
	struct visit *visit = owner;
	struct tap_request request = {.name = "gwt8", .netns = visit->netns};
	struct tap tap;

	visit->code = unshare(CLONE_NEWNET) == 0 ? 0 : -errno;
	visit->before = namespace_of_this_thread();
	if (visit->code == 0)
		visit->code = tap_open(&request, &tap, NULL);
	visit->after = namespace_of_this_thread();
	if (visit->code == 0)
		tap_close(&tap);
	return NULL;
}

/* An embedder's thread may be in another namespace than the process's first. */
static void a_thread_comes_back_to_its_own_namespace(void **state)
{
	struct visit visit = {.code = 0};
	pthread_t thread;
	pid_t pid;

	NEEDS_A_TAP();
	pid = bystander_start(in_another_namespace, NULL);
	assert_true(pid > 0);
	snprintf(visit.netns, sizeof(visit.netns), "%ld", (long)pid);
	assert_int_equal(pthread_create(&thread, NULL, visit_from_a_namespace_of_ones_own, &visit), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(visit.code, 0);
	assert_int_not_equal(visit.before, namespace_of_this_thread());
	assert_int_equal(visit.after, visit.before);
	bystander_stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_new_tap_is_up_with_its_mtu_and_a_long_queue, asks_for_a_tap),
		cmocka_unit_test(without_a_name_the_kernel_chooses_one),
		cmocka_unit_test(a_persistent_tap_keeps_what_its_owner_set),
		cmocka_unit_test(mistakes_are_explained_and_leave_nothing),
		cmocka_unit_test(an_ordinary_user_is_told_the_ways_out),
		cmocka_unit_test(a_descriptor_that_was_handed_over_is_made_ready),
		cmocka_unit_test(a_tap_without_a_header_hands_over_finished_frames_alone),
		cmocka_unit_test(a_tap_of_another_namespace_is_made_there_and_we_come_back),
		cmocka_unit_test(a_thread_comes_back_to_its_own_namespace),
	};

	return cmocka_run_group_tests(tests, own_namespace, NULL);
}
