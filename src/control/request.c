/* SPDX-License-Identifier: MIT */
/* Requests: a table says which members each command needs and takes; an unknown member is an error, so that a word
 * typed wrongly is not simply without effect. */
#include "control/request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "control/json.h"

static const struct request_kind {
	const char *word;
	unsigned needs, takes;
} kinds[REQUEST_COMMANDS] = {
#define X(name, word, needs, takes) [REQUEST_##name] = {word, needs, takes},
	REQUEST_COMMAND_LIST(X)
#undef X
};

static const struct request_number {
	const char *word;
	unsigned member;
	size_t at; /* of struct request, a uint64_t */
	uint64_t least, most;
} numbers[] = {
	{"from", REQUEST_FROM, offsetof(struct request, from), 0, UINT32_MAX},
	{"id", REQUEST_ID, offsetof(struct request, id), 0, UINT32_MAX},
	{"port", REQUEST_PORT, offsetof(struct request, port), 1, UINT16_MAX},
	{"timeout_ms", REQUEST_TIMEOUT_MS, offsetof(struct request, timeout_ms), 0, REQUEST_TIMEOUT_MS_MAX},
};

enum {
	NUMBERS = sizeof(numbers) / sizeof(numbers[0]),
};

static const char *const until_words[] = {
	[REQUEST_UNTIL_EITHER] = "either",
	[REQUEST_UNTIL_LEASE] = "lease",
	[REQUEST_UNTIL_CONNECTED] = "connected",
};

const char *request_word(enum request_command command)
{
	return kinds[command].word;
}

int request_until_parse(const char *word, enum request_until *ret_until, struct error *ret_error)
{
	for (unsigned i = 0; i < sizeof(until_words) / sizeof(until_words[0]); i++) {
		if (strcmp(word, until_words[i]) == 0) {
			*ret_until = (enum request_until)i;
			return 0;
		}
	}
	return error_set(ret_error, -EINVAL, "unknown goal \"%.40s\": lease, connected or either", word);
}

static int request_command_find(const char *word, enum request_command *ret_command, struct error *ret_error)
{
	for (unsigned i = 0; i < REQUEST_COMMANDS; i++) {
		if (strcmp(word, kinds[i].word) == 0) {
			*ret_command = (enum request_command)i;
			return 0;
		}
	}
	return error_set(ret_error, -EINVAL, "unknown command \"%.40s\"", word);
}

/* A string member: not empty, not longer than `most`. */
static int request_string(const char *key, const json_t *value, size_t most, const char **ret_text,
			  struct error *ret_error)
{
	if (!json_is_string(value))
		return error_set(ret_error, -EINVAL, "\"%s\" is not a string", key);
	if (json_string_length(value) == 0)
		return error_set(ret_error, -EINVAL, "\"%s\" is empty", key);
	if (json_string_length(value) > most)
		return error_set(ret_error, -EINVAL, "\"%s\" is longer than %zu bytes", key, most);
	*ret_text = json_string_value(value);
	return 0;
}

static int request_number(struct request *request, const struct request_number *number, const json_t *value,
			  struct error *ret_error)
{
	json_int_t given = json_integer_value(value);

	if (!json_is_integer(value) || given < 0 || (uint64_t)given < number->least || (uint64_t)given > number->most)
		return error_set(ret_error, -EINVAL, "\"%s\" is not a number from %llu to %llu", number->word,
				 (unsigned long long)number->least, (unsigned long long)number->most);
	*(uint64_t *)((char *)request + number->at) = (uint64_t)given;
	return 0;
}

/* One member into the request; `*given` collects which there were. */
static int request_member(struct request *request, const char *key, const json_t *value, unsigned *given,
			  struct error *ret_error)
{
	unsigned takes = kinds[request->command].takes;
	const char *word;
	int result;

	if (strcmp(key, "command") == 0)
		return 0;
	if (strcmp(key, "spec") == 0 && takes & REQUEST_SPEC) {
		*given |= REQUEST_SPEC;
		return request_string(key, value, REQUEST_SPEC_BYTES, &request->spec, ret_error);
	}
	if (strcmp(key, "guest") == 0 && takes & REQUEST_GUEST) {
		*given |= REQUEST_GUEST;
		return request_string(key, value, REQUEST_GUEST_BYTES, &request->guest, ret_error);
	}
	if (strcmp(key, "until") == 0 && takes & REQUEST_UNTIL) {
		*given |= REQUEST_UNTIL;
		result = request_string(key, value, REQUEST_GUEST_BYTES, &word, ret_error);
		return result < 0 ? result : request_until_parse(word, &request->until, ret_error);
	}
	for (unsigned i = 0; i < NUMBERS; i++) {
		if (strcmp(key, numbers[i].word) == 0 && takes & numbers[i].member) {
			*given |= numbers[i].member;
			return request_number(request, &numbers[i], value, ret_error);
		}
	}
	return error_set(ret_error, -EINVAL, "\"%.40s\" is not a member of %s", key, kinds[request->command].word);
}

/* No command needs two. */
static const char *request_needed(unsigned needs)
{
	return needs & REQUEST_SPEC ? "spec" : needs & REQUEST_ID ? "id" : "guest";
}

static int request_read(struct request *request, struct error *ret_error)
{
	const json_t *command = json_object_get(request->object, "command");
	unsigned given = 0;
	const char *key;
	json_t *value;
	int result;

	if (!command)
		return error_set(ret_error, -EINVAL, "\"command\" is missing");
	if (!json_is_string(command))
		return error_set(ret_error, -EINVAL, "\"command\" is not a string");
	result = request_command_find(json_string_value(command), &request->command, ret_error);
	if (result < 0)
		return result;
	json_object_foreach (request->object, key, value) {
		result = request_member(request, key, value, &given, ret_error);
		if (result < 0)
			return result;
	}
	if (kinds[request->command].needs & ~given)
		return error_set(ret_error, -EINVAL, "%s needs \"%s\"", kinds[request->command].word,
				 request_needed(kinds[request->command].needs));
	return 0;
}

int request_decode(const char *line, size_t length, struct request *ret_request, struct error *ret_error)
{
	struct request request = {0};
	int result = json_line_decode(line, length, REQUEST_DEPTH_MAX, &request.object, ret_error);

	if (result < 0)
		return result;
	result = request_read(&request, ret_error);
	if (result < 0) {
		request_done(&request);
		return result;
	}
	*ret_request = request;
	return 0;
}

void request_done(struct request *request)
{
	json_decref(request->object);
	*request = (struct request){0};
}

char *request_encode(const struct request *request)
{
	unsigned takes = kinds[request->command].takes;
	json_t *object = json_pack("{s:s, s:s*, s:s*}", "command", kinds[request->command].word, "spec",
				   takes & REQUEST_SPEC ? request->spec : NULL, "guest",
				   takes & REQUEST_GUEST ? request->guest : NULL);

	for (unsigned i = 0; i < NUMBERS && object; i++) {
		uint64_t number = *(const uint64_t *)((const char *)request + numbers[i].at);

		if (takes & numbers[i].member && (number || kinds[request->command].needs & numbers[i].member))
			json_object_set_new(object, numbers[i].word, json_integer((json_int_t)number));
	}
	if (object && takes & REQUEST_UNTIL && request->until != REQUEST_UNTIL_EITHER &&
	    json_object_set_new(object, "until", json_string(until_words[request->until])) < 0) {
		json_decref(object);
		return NULL;
	}
	return json_line_encode(object);
}
