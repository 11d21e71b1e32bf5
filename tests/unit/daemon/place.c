/* SPDX-License-Identifier: MIT */
/* Relative paths in a guest's words become absolute; nothing else changes its meaning. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "daemon/place.h"

static void paths_of_sockets_become_absolute(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{"stream,path=vm.sock", "stream,path=/home/me/vm.sock"},
		{"stream,path=/run/vm.sock,mode=0660", "stream,path=/run/vm.sock,mode=0660"},
		{"stream,path=a,,b", "stream,path=/home/me/a,,b"},
		{"stream,connect=x", "stream,connect=/home/me/x"},
		{"stream,tcp=4000", "stream,tcp=4000"},
		{"stream,path=@name", "stream,path=/home/me/@name"},
		{"stream,path=vm:1.sock", "stream,path=/home/me/vm:1.sock"},
		{"dgram,path=a,remote=b", "dgram,path=/home/me/a,remote=/home/me/b"},
		{"dgram,local.type=unix,local.path=a,remote.type=unix,remote.path=b:1",
		 "dgram,local.type=unix,local.path=/home/me/a,remote.type=unix,remote.path=/home/me/b:1"},
		{"stream,addr.type=unix,addr.path=x", "stream,addr.type=unix,addr.path=/home/me/x"},
		{"tap,ifname=tap0", "tap,ifname=tap0"},
		{"tap", "tap"},
		{"tap,netns=box", "tap,netns=box"},
		{"tap,netns=4711", "tap,netns=4711"},
		{"tap,netns=./box", "tap,netns=/home/me/./box"},
		{"tap,netns=/run/netns/box", "tap,netns=/run/netns/box"},
		{"stream,path=x,isolated", "stream,path=/home/me/x,isolated=on"},
		{"stream,path=", "stream,path="},
		{"user,net=10.1.0.0/24", "user,net=10.1.0.0/24"},
		{"user,hostfwd=unix:web.sock-vm1:80,hostfwd=tcp::80-:80",
		 "user,hostfwd=unix:/home/me/web.sock-vm1:80,hostfwd=tcp::80-:80"},
		{"user,tftp=boot,smb=a~b", "user,tftp=/home/me/boot,smb=/home/me/a~b"},
		{"stream,path=~a/x", "stream,path=/home/me/~a/x"},
		{"stream,path=./~/x", "stream,path=/home/me/./~/x"},
		{"user,hostfwd=unix:/run/web.sock-:80", "user,hostfwd=unix:/run/web.sock-:80"},
		{"user,guestfwd=tcp:10.0.2.100:80-unix:a-b,,c.sock",
		 "user,guestfwd=tcp:10.0.2.100:80-unix:/home/me/a-b,,c.sock"},
		{"user,guestfwd=:10.0.2.100:80-unix:@name", "user,guestfwd=:10.0.2.100:80-unix:/home/me/@name"},
		{"user,guestfwd=tcp:10.0.2.100:80-cmd:cat -unix:x", "user,guestfwd=tcp:10.0.2.100:80-cmd:cat -unix:x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;

		assert_int_equal(place_spec(rows[i].text, "/home/me", &text, NULL), 0);
		assert_string_equal(text, rows[i].wanted);
		free(text);
	}
}

static void a_spec_that_is_none_is_refused(void **state)
{
	struct error error = {0};
	char *text;

	(void)state;
	assert_int_equal(place_spec("", "/home/me", &text, &error), -EINVAL);
	assert_int_equal(place_spec("stream,=x", "/home/me", &text, &error), -EINVAL);
}

static void a_forwards_socket_becomes_absolute(void **state)
{
	static const struct {
		const char *text, *wanted;
	} rows[] = {
		{"unix:web.sock-vm1:80", "unix:/home/me/web.sock-vm1:80"},
		{"unix:/run/web.sock-:80", "unix:/run/web.sock-:80"},
		{"unix:@web-:80", "unix:/home/me/@web-:80"},
		{"2222:vm1:22", "2222:vm1:22"},
		{"tcp::2222-:22", "tcp::2222-:22"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;

		assert_int_equal(place_forward(rows[i].text, "/home/me", &text, NULL), 0);
		assert_string_equal(text, rows[i].wanted);
		free(text);
	}
}

static void a_path_alone_becomes_absolute(void **state)
{
	static const struct {
		const char *path, *wanted;
	} rows[] = {{"log", "/home/me/log"}, {"/var/log/x", "/var/log/x"}, {"-", "-"}};
	char *path;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(place_path(rows[i].path, "/home/me", &path, NULL), 0);
		assert_string_equal(path, rows[i].wanted);
		free(path);
	}
	assert_int_equal(place_path(NULL, "/home/me", &path, NULL), 0);
	assert_null(path);
}

/* What a shell leaves alone behind a '='. */
static void a_tilde_is_told_with_the_path_that_was_meant(void **state)
{
	static const char *const specs[] = {"stream,path=~/vm.sock",
					    "dgram,remote=/run/a,remote=~",
					    "user,tftp=~/boot",
					    "tap,netns=~/box",
					    "user,hostfwd=unix:~/web.sock-vm1:80",
					    "user,guestfwd=tcp:10.0.2.100:80-unix:~/web.sock"};
	struct error error = {0};
	char *text;

	(void)state;
	setenv("HOME", "/home/me", 1);
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		assert_int_equal(place_spec(specs[i], "/work", &text, &error), -EINVAL);
	assert_int_equal(place_forward("unix:~/web.sock-vm1:80", "/work", &text, &error), -EINVAL);
	assert_int_equal(place_path("~/log", "/work", &text, &error), -EINVAL);
	assert_string_equal(error.text, "~/log: a shell replaces ~ only where a word begins; write /home/me/log, or "
					"./~/log for a folder of that name");
	unsetenv("HOME");
	assert_int_equal(place_path("~", "/work", &text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "write the whole path"));
}

static void where_no_folder_is_known_a_path_is_whole(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(place_check_spec("dgram,path=/run/a,remote=/run/b", &error), 0);
	assert_int_equal(place_check_spec("stream,tcp=4000", &error), 0);
	assert_int_equal(place_check_spec("dgram,path=/run/a,remote=b", &error), -EINVAL);
	assert_string_equal(error.text, "b: not a whole path, which begins with /");
	assert_int_equal(place_check_forward("unix:/run/web.sock-:80", &error), 0);
	assert_int_equal(place_check_forward("tcp::80-:80", &error), 0);
	assert_int_equal(place_check_forward("unix:web.sock-:80", &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_sockets_become_absolute),
		cmocka_unit_test(a_spec_that_is_none_is_refused),
		cmocka_unit_test(a_forwards_socket_becomes_absolute),
		cmocka_unit_test(a_path_alone_becomes_absolute),
		cmocka_unit_test(a_tilde_is_told_with_the_path_that_was_meant),
		cmocka_unit_test(where_no_folder_is_known_a_path_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
