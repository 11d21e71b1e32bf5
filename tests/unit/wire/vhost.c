/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/vhost.h"

static void each_header_has_its_verdict(void **state)
{
	static const struct {
		const char *what;
		struct vhost_header header;
		enum drop_reason verdict;
	} rows[] = {
		{"a question", {VHOST_GET_FEATURES, 1, 0}, DROP_NONE},
		{"one that wants an answer", {VHOST_SET_FEATURES, 9, 8}, DROP_NONE},
		{"no version", {VHOST_GET_FEATURES, 0, 0}, DROP_VHOST_VERSION},
		{"version 2", {VHOST_GET_FEATURES, 2, 0}, DROP_VHOST_VERSION},
		{"an answer", {VHOST_GET_FEATURES, 5, 8}, DROP_VHOST_VERSION},
		{"request 0", {0, 1, 0}, DROP_VHOST_REQUEST},
		{"postcopy, which is not offered", {28, 1, 0}, DROP_VHOST_REQUEST},
		{"in-flight descriptors, which are not offered", {31, 1, 20}, DROP_VHOST_REQUEST},
		{"beyond the last", {VHOST_REQUESTS, 1, 0}, DROP_VHOST_REQUEST},
		{"the largest number", {UINT32_MAX, 1, 0}, DROP_VHOST_REQUEST},
		{"a question with a payload", {VHOST_GET_FEATURES, 1, 8}, DROP_VHOST_SIZE},
		{"a short number", {VHOST_SET_FEATURES, 1, 7}, DROP_VHOST_SIZE},
		{"a long number", {VHOST_SET_FEATURES, 1, 9}, DROP_VHOST_SIZE},
		{"4 GiB", {VHOST_SET_MEM_TABLE, 1, UINT32_MAX}, DROP_VHOST_SIZE},
		{"a table without its count", {VHOST_SET_MEM_TABLE, 1, 7}, DROP_VHOST_SIZE},
		{"the largest table", {VHOST_SET_MEM_TABLE, 1, 8 + 8 * 32}, DROP_NONE},
		{"a table of nine", {VHOST_SET_MEM_TABLE, 1, 8 + 9 * 32}, DROP_VHOST_SIZE},
		{"a configuration without its head", {VHOST_GET_CONFIG, 1, 11}, DROP_VHOST_SIZE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum drop_reason verdict = vhost_header_check(&rows[i].header);

		if (verdict != rows[i].verdict)
			fail_msg("%s: %s", rows[i].what, drop_name(verdict));
	}
}

static void descriptors_are_as_many_as_the_message_says(void **state)
{
	static const struct {
		const char *what;
		uint32_t request, bytes;
		uint64_t number;
		uint32_t descriptors;
		enum drop_reason verdict;
	} rows[] = {
		{"a question", VHOST_GET_FEATURES, 0, 0, 0, DROP_NONE},
		{"a question with a descriptor", VHOST_GET_FEATURES, 0, 0, 1, DROP_VHOST_DESCRIPTORS},
		{"a kick", VHOST_SET_VRING_KICK, 8, 0, 1, DROP_NONE},
		{"a kick without one", VHOST_SET_VRING_KICK, 8, 0, 0, DROP_VHOST_DESCRIPTORS},
		{"none, and says so", VHOST_SET_VRING_CALL, 8, 0x101, 0, DROP_NONE},
		{"says none, and has one", VHOST_SET_VRING_CALL, 8, 0x101, 1, DROP_VHOST_DESCRIPTORS},
		{"two calls", VHOST_SET_VRING_CALL, 8, 1, 2, DROP_VHOST_DESCRIPTORS},
		{"a log without its memory", VHOST_SET_LOG_BASE, 16, 0, 0, DROP_VHOST_DESCRIPTORS},
		{"a table of two", VHOST_SET_MEM_TABLE, 8 + 64, 2, 2, DROP_NONE},
		{"a table of two with one descriptor", VHOST_SET_MEM_TABLE, 8 + 64, 2, 1, DROP_VHOST_DESCRIPTORS},
		{"a table of two with three", VHOST_SET_MEM_TABLE, 8 + 64, 2, 3, DROP_VHOST_DESCRIPTORS},
		{"a table of two, one of it there", VHOST_SET_MEM_TABLE, 8 + 32, 2, 2, DROP_VHOST_SIZE},
		{"a table that counts nine", VHOST_SET_MEM_TABLE, 8 + 256, 9, 8, DROP_VHOST_SIZE},
		{"a table of nothing", VHOST_SET_MEM_TABLE, 8, 0, 0, DROP_NONE},
		{"12 bytes of the configuration", VHOST_GET_CONFIG, 24, UINT64_C(12) << 32, 0, DROP_NONE},
		{"more than came", VHOST_GET_CONFIG, 23, UINT64_C(12) << 32, 0, DROP_VHOST_SIZE},
		{"beyond its end", VHOST_GET_CONFIG, 24, UINT64_C(12) << 32 | 245, 0, DROP_VHOST_SIZE},
		{"far beyond its end", VHOST_GET_CONFIG, 24, UINT64_C(12) << 32 | UINT32_MAX, 0, DROP_VHOST_SIZE},
		{"unknown", 28, 0, 0, 0, DROP_VHOST_REQUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vhost_header header = {rows[i].request, VHOST_VERSION, rows[i].bytes};
		union vhost_payload payload;
		enum drop_reason verdict;

		memset(&payload, 0, sizeof(payload));
		payload.number = rows[i].number;
		verdict = vhost_payload_check(&header, &payload, rows[i].descriptors);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %s", rows[i].what, drop_name(verdict));
	}
}

static void questions_are_answered_and_known_by_name(void **state)
{
	(void)state;
	assert_true(vhost_is_answered(VHOST_GET_VRING_BASE));
	assert_true(vhost_is_answered(VHOST_SET_LOG_BASE));
	assert_false(vhost_is_answered(VHOST_SET_FEATURES));
	assert_false(vhost_is_answered(77));
	assert_string_equal(vhost_request_name(VHOST_SET_MEM_TABLE), "SET_MEM_TABLE");
	assert_string_equal(vhost_request_name(28), "an unknown request");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_header_has_its_verdict),
		cmocka_unit_test(descriptors_are_as_many_as_the_message_says),
		cmocka_unit_test(questions_are_answered_and_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
