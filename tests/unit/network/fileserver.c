/* SPDX-License-Identifier: MIT */
/* tftp= seen by a guest: files of a folder, and a timer that ends what nobody wants any more. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "unit/network/kit.h"

#define GUEST ((struct ip4){{10, 0, 2, 20}})

struct fixture {
	char folder[64];
	struct kit kit;
	struct kit_guest guest;
};

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char text[128];
	FILE *file;

	strcpy(fixture->folder, "/tmp/fileserver-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(text, sizeof(text), "%s/file", fixture->folder);
	file = fopen(text, "w");
	assert_non_null(file);
	fputs("content", file);
	fclose(file);
	snprintf(text, sizeof(text), "user,ipv6=off,restrict=on,tftp=%s", fixture->folder);
	kit_new(&fixture->kit, text);
	kit_guest_new(&fixture->guest, &fixture->kit, 1);
	kit_settle(&fixture->kit);
	kit_guest_forget(&fixture->guest);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;
	char text[128];

	kit_done(&fixture->kit);
	kit_guest_forget(&fixture->guest);
	snprintf(text, sizeof(text), "%s/file", fixture->folder);
	unlink(text);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static void send_to(struct fixture *fixture, uint16_t port, const char *message, size_t count)
{
	struct ethernet_header header = {.to = {{0x52, 0x55, 0x0a, 0, 2, 2}},
					 .from = fixture->guest.mac,
					 .type = be16_from(ETHERTYPE_IPV4)};
	struct udp_header udp = {.from_port = 4000, .to_port = port, .bytes = (uint16_t)(UDP_HEADER_BYTES + count)};
	struct ip4_header ip = {.from = GUEST,
				.to = KIT_GATEWAY,
				.header_bytes = IP4_HEADER_BYTES,
				.total_bytes = (uint16_t)(IP4_HEADER_BYTES + udp.bytes),
				.hop_limit = 64,
				.protocol = IP_PROTOCOL_UDP};
	struct checksum pseudo;
	struct writer writer;
	uint8_t bytes[256];

	writer_init(&writer, bytes, sizeof(bytes));
	writer_copy(&writer, &header, sizeof(header));
	ip4_header_write(&writer, &ip);
	udp_header_write(&writer, &udp);
	writer_copy(&writer, message, count);
	assert_false(writer.failed);
	checksum_init(&pseudo);
	ip4_pseudo(&pseudo, ip.from, ip.to, IP_PROTOCOL_UDP, udp.bytes);
	udp_checksum_fill(&pseudo, bytes + 34, udp.bytes);
	kit_guest_forget(&fixture->guest);
	kit_guest_send(&fixture->guest, bytes, writer_used(&writer));
	kit_settle(&fixture->kit);
}

/* Of the guest's only frame: the port that it is from, and what TFTP says. */
static const uint8_t *answer(const struct fixture *fixture, uint16_t *ret_port)
{
	const uint8_t *bytes = fixture->guest.frames[0].bytes;

	assert_int_equal(fixture->guest.frame_count, 1);
	*ret_port = (uint16_t)(bytes[34] << 8 | bytes[35]);
	return bytes + 42;
}

static void a_file_comes_from_a_port_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t *message;
	uint16_t port;

	send_to(fixture, 69, "\0\1file\0octet\0", 13);
	message = answer(fixture, &port);
	assert_memory_equal(message, "\0\3\0\1content", 11);
	assert_true(port >= 49152);
	send_to(fixture, port, "\0\4\0\1", 4);
	assert_int_equal(fixture->guest.frame_count, 0);
	/* it is over: the port is nobody's, and the network lets nothing out */
	send_to(fixture, port, "\0\4\0\1", 4);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "udp-port-closed"), 1);
}

static void what_is_not_there_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t *message;
	uint16_t port;

	send_to(fixture, 69, "\0\1none\0octet\0", 13);
	message = answer(fixture, &port);
	assert_memory_equal(message, "\0\5\0\1", 4);
	send_to(fixture, 69, "\0\1../x\0octet\0", 13);
	message = answer(fixture, &port);
	assert_memory_equal(message, "\0\5\0\2", 4);
	assert_int_equal(kit_drops(&fixture->kit, "gateway", "tftp-path"), 1);
}

static void a_block_is_repeated_by_the_clock_until_it_is_given_up(void **state)
{
	struct fixture *fixture = *state;

	send_to(fixture, 69, "\0\1file\0octet\0", 13);
	for (int i = 0; i < 10; i++)
		kit_pass(&fixture->kit, 1000 * 1000);
	assert_int_equal(fixture->guest.frame_count, 6);
}

static void a_folder_that_is_not_there_is_a_word_to_the_person(void **state)
{
	struct gw_error error = {0};
	struct kit kit;

	(void)state;
	assert_true(kit_try(&kit, "user,tftp=/nowhere/at/all", NULL, NULL, &error) < 0);
	assert_non_null(strstr(error.text, "tftp=/nowhere/at/all: No such file or directory"));
	free(kit.events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_comes_from_a_port_of_its_own, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_an_error, begin, end),
		cmocka_unit_test_setup_teardown(a_block_is_repeated_by_the_clock_until_it_is_given_up, begin, end),
		cmocka_unit_test(a_folder_that_is_not_there_is_a_word_to_the_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
