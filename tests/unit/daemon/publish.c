/* SPDX-License-Identifier: MIT */
/* podman's words and QEMU's, and what is said of those that are neither. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "daemon/publish.h"

static const struct {
	const char *text, *spec;
} good[] = {
	{"2222:22", "tcp::2222-:22"},
	{"2222:22/tcp", "tcp::2222-:22"},
	{"5353:53/udp", "udp::5353-:53"},
	{"5353:53/UDP", "udp::5353-:53"},
	{"22", "tcp::0-:22"},
	{":22", "tcp::0-:22"},
	{"0:22", "tcp::0-:22"},
	{"::22", "tcp::0-:22"},
	{":2222:22", "tcp::2222-:22"},
	{"127.0.0.1:2222:22", "tcp:127.0.0.1:2222-:22"},
	{"127.0.0.1::22", "tcp:127.0.0.1:0-:22"},
	{"127.0.0.1:0:22", "tcp:127.0.0.1:0-:22"},
	{"[::1]:2222:22", "tcp:[::1]:2222-:22"},
	{"[::1]::22/udp", "udp:[::1]:0-:22"},
	{"2222:vm1:22", "tcp::2222-vm1:22"},
	{":vm1:22", "tcp::0-vm1:22"},
	{"0:vm1:22", "tcp::0-vm1:22"},
	{"2222:web-1:22", "tcp::2222-web-1:22"},
	{"2222:8-ball:22", "tcp::2222-[8-ball]:22"},
	{"2222:10.0.2.20:22", "tcp::2222-10.0.2.20:22"},
	{"2222:[fd00::15]:22", "tcp::2222-[fd00::15]:22"},
	{"127.0.0.1:2222:vm1:22", "tcp:127.0.0.1:2222-vm1:22"},
	{"127.0.0.1::vm1:22", "tcp:127.0.0.1:0-vm1:22"},
	{":2222:vm1:22", "tcp::2222-vm1:22"},
	{"[::1]:2222:[fd00::15]:22/udp", "udp:[::1]:2222-[fd00::15]:22"},
	{"8000-8010:80-90", "tcp::8000-8010-:80-90"},
	{"127.0.0.1:8000-8010:vm1:80-90", "tcp:127.0.0.1:8000-8010-vm1:80-90"},
	{"65535:65535", "tcp::65535-:65535"},
	{"tcp::2222-:22", "tcp::2222-:22"},
	{"udp:[::1]:53-vm1:53", "udp:[::1]:53-vm1:53"},
	{"unix:/run/web.sock-vm1:80", "unix:/run/web.sock-vm1:80"},
};

static const struct {
	const char *text, *says;
} bad[] = {
	{"", "no port at the end"},
	{"2222:", "no port at the end"},
	{"2222:ssh", "ssh is no port"},
	{"ssh:22", "ssh is no port of this machine; HOST:GUEST:PORT"},
	{"vm1:22", "vm1 is no port of this machine; HOST:GUEST:PORT"},
	{"localhost:2222:22", "localhost is neither a port nor an address"},
	{"localhost:2222:vm1:22", "localhost is no address of this machine: 127.0.0.1 or [::1]"},
	{"2222:8080:22", "8080 is no guest: ADDR:HOST:PORT or HOST:GUEST:PORT"},
	{"2222:0", "0 is no port: they are 1 to 65535"},
	{"65536:22", "65536 is no port: they are 0 to 65535"},
	{"123456:22", "123456 is no port"},
	{"-1:22", "-1 is no port"},
	{"+1:22", "+1 is no port"},
	{"2222: 22", " 22 is no port"},
	{"2222:22/sctp", "sctp: tcp or udp would do"},
	{"2222:22/", ": tcp or udp would do"},
	{"8010-8000:90-80", "90-80: the range runs backwards"},
	{"8000-8010:80", "8000-8010:80: the two ranges differ in length"},
	{"8000-8010:80-91", "the two ranges differ in length"},
	{":80-90", "80-90: a range needs as many ports of this machine"},
	{"8000-:80", "8000- is no port"},
	{"::1:2222:22", "too many colons; an IPv6 address stands in brackets"},
	{"8080:fd00::15:80", "too many colons"},
	{"127.0.0.1:2222:vm1:22:tcp", "too many colons"},
	{"[::1:2222:22", "no port"},
	{"2222:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:22",
	 "too long"},
};

static void each_good_one_is_spelled_as_the_library_has_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char spec[PUBLISH_SPEC_BYTES];
		struct error error = {0};

		if (publish_spec(good[i].text, spec, &error) != 0)
			fail_msg("%s: %s", good[i].text, error.text);
		assert_string_equal(spec, good[i].spec);
	}
}

static void each_bad_one_is_refused_with_a_word_of_advice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char spec[PUBLISH_SPEC_BYTES];
		struct error error = {0};

		if (publish_spec(bad[i].text, spec, &error) != -EINVAL)
			fail_msg("%s is taken", bad[i].text);
		if (strncmp(error.text, bad[i].text, strnlen(bad[i].text, 200)) != 0 ||
		    !strstr(error.text, bad[i].says))
			fail_msg("%s: '%s' lacks '%s'", bad[i].text, error.text, bad[i].says);
	}
}

static void what_is_longer_than_its_bound_is_refused(void **state)
{
	char text[PUBLISH_SPEC_BYTES + 1] = "unix:/", spec[PUBLISH_SPEC_BYTES];

	(void)state;
	memset(text + 6, 'a', sizeof(text) - 7);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(publish_spec(text, spec, NULL), -EINVAL);
	text[sizeof(text) - 2] = '\0';
	assert_int_equal(publish_spec(text, spec, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_good_one_is_spelled_as_the_library_has_it),
		cmocka_unit_test(each_bad_one_is_refused_with_a_word_of_advice),
		cmocka_unit_test(what_is_longer_than_its_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
