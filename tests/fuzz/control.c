/* SPDX-License-Identifier: MIT */
/* covers: src/control/line.c src/control/json.c src/control/request.c src/control/answer.c */
/* A control connection, seen from both of its ends: the bytes come in pieces, are cut into lines, and each line is read
 * as a request and as an answer; what was understood is written and read again. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "control/answer.h"
#include "control/line.h"
#include "control/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum {
	BOUND = 4096,
};

static void check_request(const char *line, size_t length)
{
	struct request request, back;
	struct error error = {0};
	char *again;

	if (request_decode(line, length, &request, &error) < 0) {
		assert(error.text[0]);
		return;
	}
#ifdef PLANTED
	if (request.command == REQUEST_WAIT && strlen(request.guest) == 3) {
		char *copy = strdup(request.guest); /* jansson's own memory is a little longer than its text */

		if (copy && ((const volatile char *)copy)[4])
			length = 0;
		free(copy);
	}
#endif
	again = request_encode(&request);
	assert(again && request_decode(again, strlen(again) - 1, &back, NULL) == 0);
	assert(back.command == request.command && back.until == request.until && back.from == request.from);
	assert(back.id == request.id && back.port == request.port && back.timeout_ms == request.timeout_ms);
	assert(!request.guest == !back.guest && (!request.guest || strcmp(request.guest, back.guest) == 0));
	assert(request_word(request.command)[0]);
	free(again);
	request_done(&back);
	request_done(&request);
}

static void check_answer(const char *line, size_t length)
{
	struct answer answer;
	struct error error = {0};
	char *again;

	if (answer_decode(line, length, &answer, &error) < 0) {
		assert(error.text[0]);
		return;
	}
	again = answer.ok ? answer_encode_ok(json_incref(answer.object))
			  : answer_encode_error(answer.code, answer.error);
	assert(again && strchr(again, '\n') == again + strlen(again) - 1);
	free(again);
	answer_done(&answer);
}

static void check_lines(struct lines *lines)
{
	const char *line;
	size_t length;

	while ((line = lines_next(lines, &length))) {
		assert(length <= BOUND && !memchr(line, '\n', length));
		check_request(line, length);
		check_answer(line, length);
	}
	lines_rest(lines, &length);
	assert(length <= BOUND + 1);
}

/* The first byte says in which pieces the rest comes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	size_t piece = count ? bytes[0] % 64u * 16u + 1u : 1;
	struct lines lines;

	lines_init(&lines, BOUND);
	for (size_t at = 1; at < count;) {
		size_t room;
		char *to;
		int result = lines_room(&lines, &to, &room);

		if (result < 0) {
			assert(result == -EMSGSIZE);
			break;
		}
		room = room < piece ? room : piece;
		room = room < count - at ? room : count - at;
		memcpy(to, bytes + at, room);
		lines_filled(&lines, room);
		at += room;
		check_lines(&lines);
	}
	lines_done(&lines);
	answer_encode_ok(NULL);
	free(answer_encode_error(ANSWER_FAILED, "\xff"));
	return 0;
}
