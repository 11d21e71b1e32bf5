/* SPDX-License-Identifier: MIT */
/* The lines to paste, with their fresh MAC addresses made equal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/paste.h"

#define DEVICE " -device virtio-net-pci,netdev=n0,mac=52:54:00:*\n"

static const struct {
	const char *kind, *path, *address, *wanted;
} rows[] = {
	{"stream", "/run/s", "",
	 "QEMU             -netdev stream,id=n0,server=off,addr.type=unix,addr.path=/run/s" DEVICE
	 "libkrun          krun_add_net_unixstream(ctx, \"/run/s\", -1, mac, 0, 0)\n"},
	{"stream", "/run/a,b", "",
	 "QEMU             -netdev stream,id=n0,server=off,addr.type=unix,addr.path=/run/a,,b" DEVICE
	 "libkrun          krun_add_net_unixstream(ctx, \"/run/a,b\", -1, mac, 0, 0)\n"},
	{"stream", "", "127.0.0.1:4000",
	 "QEMU             -netdev stream,id=n0,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port=4000" DEVICE
	 "QEMU before 7.2  -netdev socket,id=n0,connect=127.0.0.1:4000" DEVICE},
	{"stream", "", "[::1]:4000",
	 "QEMU             -netdev stream,id=n0,server=off,addr.type=inet,addr.host=::1,addr.port=4000" DEVICE
	 "QEMU before 7.2  -netdev socket,id=n0,connect=[::1]:4000" DEVICE},
	{"vhost-user", "/run/v", "",
	 "QEMU -m 2G       -object memory-backend-memfd,id=m0,size=2G,share=on -machine memory-backend=m0 "
	 "-chardev socket,id=c0,path=/run/v -netdev vhost-user,id=n0,chardev=c0 -device "
	 "virtio-net-pci,netdev=n0,mac=52:54:00:*,vectors=0\n"
	 "cloud-hypervisor --memory size=2G,shared=on --net vhost_user=true,socket=/run/v,mac=52:54:00:*\n"
	 "User Mode Linux  virtio_uml.device=/run/v:1\n"},
	{"seqpacket", "/run/q", "", "User Mode Linux  vec0:transport=bess,dst=/run/q,mac=52:54:00:*\n"},
	{"stream", "", "", ""},
	{"dgram", "", "", ""},
	{"tap", "", "tap0", ""},
};

/* The three random bytes of each address become a star. */
static void make_equal(char *text)
{
	char *at = text;

	while ((at = strstr(at, "52:54:00:"))) {
		at += 9;
		*at = '*';
		memmove(at + 1, at + 8, strlen(at + 8) + 1);
	}
}

static char *printed(const char *kind, const char *path, const char *address)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	paste_print(to, kind, path, address);
	fclose(to);
	return text;
}

static void each_kind_has_its_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = printed(rows[i].kind, rows[i].path, rows[i].address);

		make_equal(text);
		assert_string_equal(text, rows[i].wanted);
		free(text);
	}
}

static void a_datagram_socket_is_for_three_and_qemus_own_end_has_a_name_of_its_own(void **state)
{
	char *text = printed("dgram", "/run/d", ""), *other = printed("dgram", "/run/d", "");

	(void)state;
	assert_non_null(strstr(text, "vfkit            --device virtio-net,unixSocketPath=/run/d,mac=52:54:00:"));
	assert_non_null(strstr(text, "krunkit          --device virtio-net,type=unixgram,path=/run/d,mac=52:54:00:"));
	assert_non_null(strstr(text, "-netdev dgram,id=n0,local.type=unix,local.path=/run/d."));
	assert_non_null(strstr(text, ",remote.type=unix,remote.path=/run/d -device"));
	assert_string_not_equal(text, other);
	free(text);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_lines),
		cmocka_unit_test(a_datagram_socket_is_for_three_and_qemus_own_end_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
