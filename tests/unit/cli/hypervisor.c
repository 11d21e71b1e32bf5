/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/hypervisor.h"

enum { WORDS_MAX = 16 };

struct row {
	const char *what;
	const char *words[WORDS_MAX];
	enum hypervisor_way wanted;
	const char *whole; /* NULL: refused */
};

#define MEMORY(size) \
	" -object memory-backend-memfd,id=gw-memory,size=" size ",share=on -machine memory-backend=gw-memory"
#define SOCKET " -chardev socket,id=gw-socket,path=/run/v -netdev vhost-user,id=gw-net,chardev=gw-socket"
#define DEVICE " -device virtio-net-pci,netdev=gw-net,mac=52:54:00:00:00:09"
#define STREAM " -netdev stream,id=gw-net,server=off,addr.type=unix,addr.path=/run/s"

static const struct row rows[] = {
	{"QEMU with nothing said",
	 {"qemu-system-x86_64", "disk.img"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 disk.img" MEMORY("128M") SOCKET DEVICE ",vectors=0"},
	{"its memory in MiB",
	 {"/usr/bin/qemu-system-aarch64", "-m", "2048"},
	 HYPERVISOR_AUTO,
	 "/usr/bin/qemu-system-aarch64 -m 2048" MEMORY("2048M") SOCKET DEVICE ",vectors=0"},
	{"its memory in words",
	 {"qemu-kvm", "-m", "size=3G,slots=2,maxmem=8G"},
	 HYPERVISOR_AUTO,
	 "qemu-kvm -m size=3G,slots=2,maxmem=8G" MEMORY("3G") SOCKET DEVICE ",vectors=0"},
	{"KVM has its interrupts",
	 {"qemu-system-x86_64", "-accel", "kvm,dirty-ring-size=4096", "-m", "1G"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -accel kvm,dirty-ring-size=4096 -m 1G" MEMORY("1G") SOCKET DEVICE},
	{"KVM as a machine's option",
	 {"qemu-system-x86_64", "--machine", "q35,accel=kvm"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 --machine q35,accel=kvm" MEMORY("128M") SOCKET DEVICE},
	{"memory of its own that is not shared",
	 {"qemu-system-x86_64", "-mem-path", "/dev/hugepages"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -mem-path /dev/hugepages" STREAM DEVICE ",host_mtu=1500"},
	{"and vhost-user all the same",
	 {"qemu-system-x86_64", "-mem-path", "/dev/hugepages"},
	 HYPERVISOR_VHOST_USER,
	 NULL},
	{"memory of its own that is shared",
	 {"qemu-system-x86_64", "-object", "memory-backend-file,id=m,size=1G,share=on,mem-path=/dev/shm/m", "-numa",
	  "node,memdev=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-file,id=m,size=1G,share=on,mem-path=/dev/shm/m -numa "
	 "node,memdev=m" SOCKET DEVICE ",vectors=0"},
	{"and in a file that is on a disk, which the network does not take",
	 {"qemu-system-x86_64", "-object", "memory-backend-file,id=m,size=1G,mem-path=/home/m,share=on", "-numa",
	  "node,memdev=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-file,id=m,size=1G,mem-path=/home/m,share=on -numa "
	 "node,memdev=m" STREAM DEVICE ",host_mtu=1500"},
	{"and vhost-user all the same",
	 {"qemu-system-x86_64", "-object", "memory-backend-file,id=m,size=1G,mem-path=/home/m,share=on", "-numa",
	  "node,memdev=m"},
	 HYPERVISOR_VHOST_USER,
	 NULL},
	{"memory of its own that is shared unless it says otherwise",
	 {"qemu-system-x86_64", "-object", "memory-backend-memfd,id=m,size=1G", "-M", "q35,memory-backend=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-memfd,id=m,size=1G -M q35,memory-backend=m" SOCKET DEVICE
	 ",vectors=0"},
	{"and does",
	 {"qemu-system-x86_64", "-object", "memory-backend-memfd,id=m,size=1G,share=off", "-M", "memory-backend=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-memfd,id=m,size=1G,share=off -M memory-backend=m" STREAM DEVICE
	 ",host_mtu=1500"},
	{"memory that is shared with nobody, since it has no descriptor",
	 {"qemu-system-x86_64", "-object", "memory-backend-ram,id=m,size=1G,share=on", "-M", "memory-backend=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-ram,id=m,size=1G,share=on -M memory-backend=m" STREAM DEVICE
	 ",host_mtu=1500"},
	{"shared memory that is a device's and not the machine's",
	 {"qemu-system-x86_64", "-object", "memory-backend-file,id=d,size=1M,share=on,mem-path=/dev/shm/d", "-device",
	  "ivshmem-plain,memdev=d"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-file,id=d,size=1M,share=on,mem-path=/dev/shm/d -device "
	 "ivshmem-plain,memdev=d" STREAM DEVICE ",host_mtu=1500"},
	{"a machine's memory in two parts, of which one is shared",
	 {"qemu-system-x86_64", "-object", "memory-backend-memfd,id=a,size=1G", "-object",
	  "memory-backend-ram,id=b,size=1G", "-numa", "node,memdev=a", "-numa", "node,memdev=b"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-memfd,id=a,size=1G -object memory-backend-ram,id=b,size=1G -numa "
	 "node,memdev=a -numa node,memdev=b" STREAM DEVICE ",host_mtu=1500"},
	{"a machine's memory that is shared, and more beside it that is not",
	 {"qemu-system-x86_64", "-object", "memory-backend-memfd,id=a,size=1G", "-M", "memory-backend=a", "-object",
	  "memory-backend-ram,id=b,size=1G", "-device", "pc-dimm,memdev=b"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-memfd,id=a,size=1G -M memory-backend=a -object "
	 "memory-backend-ram,id=b,size=1G -device pc-dimm,memdev=b" STREAM DEVICE ",host_mtu=1500"},
	{"and more beside it that is shared, too",
	 {"qemu-system-x86_64", "-object", "memory-backend-memfd,id=a,size=1G", "-M", "memory-backend=a", "-object",
	  "memory-backend-memfd,id=b,size=1G", "-device", "pc-dimm,memdev=b"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object memory-backend-memfd,id=a,size=1G -M memory-backend=a -object "
	 "memory-backend-memfd,id=b,size=1G -device pc-dimm,memdev=b" SOCKET DEVICE ",vectors=0"},
	{"memory in QEMU's other way to write it",
	 {"qemu-system-x86_64", "-object", "{'qom-type':'memory-backend-ram','id':'m'}", "-numa", "node,memdev=m"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -object '{'\\''qom-type'\\'':'\\''memory-backend-ram'\\'','\\''id'\\'':'\\''m'\\''}' "
	 "-numa node,memdev=m" STREAM DEVICE ",host_mtu=1500"},
	{"a machine without PCI",
	 {"qemu-system-x86_64", "-M", "microvm,rtc=on"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -M microvm,rtc=on" MEMORY("128M") SOCKET
	 " -device "
	 "virtio-net-device,netdev=gw-net,mac=52:54:00:00:00:09"},
	{"one that would leave its network", {"qemu-system-x86_64", "-daemonize"}, HYPERVISOR_AUTO, NULL},
	{"and with a place in its words",
	 {"qemu-system-x86_64", "--daemonize", "-nic", "stream,addr.type=unix,addr.path={stream}"},
	 HYPERVISOR_AUTO,
	 NULL},
	{"a mainframe",
	 {"qemu-system-s390x"},
	 HYPERVISOR_STREAM,
	 "qemu-system-s390x" STREAM " -device virtio-net-ccw,netdev=gw-net,mac=52:54:00:00:00:09,host_mtu=1500"},
	{"a mainframe, whose devices have no vectors",
	 {"qemu-system-s390x"},
	 HYPERVISOR_AUTO,
	 "qemu-system-s390x" MEMORY("128M") SOCKET " -device virtio-net-ccw,netdev=gw-net,mac=52:54:00:00:00:09"},
	{"datagrams",
	 {"qemu-system-x86_64"},
	 HYPERVISOR_DGRAM,
	 "qemu-system-x86_64 -netdev dgram,id=gw-net,local.type=unix,local.path=/run/d.qemu,remote.type=unix,"
	 "remote.path=/run/d" DEVICE ",host_mtu=1500"},
	{"a network of its own", {"qemu-system-x86_64", "-nic", "user"}, HYPERVISOR_AUTO, NULL},
	{"no network but ours",
	 {"qemu-system-x86_64", "-nodefaults", "-nic", "none", "-net", "none"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -nodefaults -nic none -net none" MEMORY("128M") SOCKET DEVICE ",vectors=0"},
	{"none, and one of its own all the same",
	 {"qemu-system-x86_64", "-nic", "none", "-netdev", "user,id=n"},
	 HYPERVISOR_AUTO,
	 NULL},
	{"a machine that has more memory than others",
	 {"qemu-system-ppc64"},
	 HYPERVISOR_AUTO,
	 "qemu-system-ppc64" MEMORY("512M") SOCKET DEVICE ",vectors=0"},
	{"a device of its own", {"qemu-system-x86_64", "-device", "e1000,netdev=n0"}, HYPERVISOR_AUTO, NULL},
	{"places in QEMU's words",
	 {"qemu-system-x86_64", "-netdev", "stream,id=n,addr.type=unix,addr.path={stream}", "-device",
	  "e1000,netdev=n,mac={mac}"},
	 HYPERVISOR_AUTO,
	 "qemu-system-x86_64 -netdev stream,id=n,addr.type=unix,addr.path=/run/s -device "
	 "e1000,netdev=n,mac=52:54:00:00:00:09"},
	{"another program",
	 {"krunkit", "--device", "virtio-net,type=unixgram,path={dgram},mac={mac}"},
	 HYPERVISOR_AUTO,
	 "krunkit --device virtio-net,type=unixgram,path=/run/d,mac=52:54:00:00:00:09"},
	{"a descriptor", {"vm", "--net-fd={fd}"}, HYPERVISOR_AUTO, "vm --net-fd=7"},
	{"braces that are not ours", {"vm", "{vhost-user}", "{x}{", "}"}, HYPERVISOR_AUTO, "vm /run/v '{x}{' '}'"},
	{"another program without a place", {"vm", "disk"}, HYPERVISOR_AUTO, NULL},
};

static const struct hypervisor_places places = {.path = {NULL, "/run/v", "/run/s", "/run/d"},
						.fd = 7,
						.mac = "52:54:00:00:00:09"};

static bool is_in_memory(const char *path)
{
	return strncmp(path, "/dev/shm/", 9) == 0;
}

static void each_command_is_completed_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *const *words = (char *const *)(uintptr_t)rows[i].words;
		struct wordlist list = {0};
		struct hypervisor hypervisor;
		enum hypervisor_way way;
		struct error error;
		char *text = NULL;
		size_t bytes;
		FILE *to;
		int result;

		hypervisor_read(words, is_in_memory, &hypervisor);
		result = hypervisor_choose(&hypervisor, words[0], rows[i].wanted, &way, &error);
		if ((result == 0) != (rows[i].whole != NULL))
			fail_msg("%s: %d", rows[i].what, result);
		if (result < 0) {
			assert_int_equal(result, -EINVAL);
			continue;
		}
		hypervisor_complete(&hypervisor, words, way, &places, 1500, &list);
		assert_false(list.failed);
		to = open_memstream(&text, &bytes);
		wordlist_print(&list, to);
		fclose(to);
		text[bytes - 1] = '\0';
		if (strcmp(text, rows[i].whole) != 0)
			fail_msg("%s: %s", rows[i].what, text);
		free(text);
		wordlist_done(&list);
	}
}

static void an_address_is_the_same_for_the_same_words_alone(void **state)
{
	char program[] = "qemu", a[] = "a.img", b[] = "b.img";
	char *const one[] = {program, a, NULL}, *const other[] = {program, b, NULL};
	char first[18], second[18];

	(void)state;
	hypervisor_mac(one, "/home/me", first);
	hypervisor_mac(one, "/home/me", second);
	assert_string_equal(first, second);
	assert_memory_equal(first, "52:54:00:", 9);
	hypervisor_mac(other, "/home/me", second);
	assert_string_not_equal(first, second);
	hypervisor_mac(one, "/home/you", second);
	assert_string_not_equal(first, second);
}

static void ways_are_known_by_their_names(void **state)
{
	enum hypervisor_way way;

	(void)state;
	assert_true(hypervisor_way_parse("vhost-user", &way));
	assert_int_equal(way, HYPERVISOR_VHOST_USER);
	assert_string_equal(hypervisor_way_name(HYPERVISOR_DGRAM), "dgram");
	assert_false(hypervisor_way_parse("tap", &way));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_is_completed_or_refused),
		cmocka_unit_test(an_address_is_the_same_for_the_same_words_alone),
		cmocka_unit_test(ways_are_known_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
