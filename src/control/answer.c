/* SPDX-License-Identifier: MIT */
/* Answers. Whatever a program that is newer than this one may add is let through: only "ok" must be there. */
#include "control/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/plain.h"
#include "control/json.h"

static const char *const code_words[] = {
	[ANSWER_USAGE] = "usage",
	[ANSWER_NOT_FOUND] = "not-found",
	[ANSWER_BUSY] = "busy",
	[ANSWER_FAILED] = "failed",
};

/* An unknown word is a newer program's: it failed, at least. */
static enum answer_code answer_code_find(const char *word)
{
	for (unsigned i = 0; word && i < sizeof(code_words) / sizeof(code_words[0]); i++) {
		if (strcmp(word, code_words[i]) == 0)
			return (enum answer_code)i;
	}
	return ANSWER_FAILED;
}

char *answer_encode_ok(json_t *members)
{
	/* "ok" stands first: a person reads these lines too. */
	json_t *object = json_pack("{s:b}", "ok", 1);

	if (!members || !object || json_object_update(object, members) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(members);
	return json_line_encode(object);
}

/* What it is about may not be UTF-8, or was cut within a letter: the rest of the text is what helps. */
char *answer_encode_error(enum answer_code code, const char *text)
{
	char *plain = strdup(text), *line;

	if (!plain)
		return NULL;
	plain_text(plain);
	line = json_line_encode(json_pack("{s:b, s:s, s:s}", "ok", 0, "error", plain, "code", code_words[code]));
	free(plain);
	return line;
}

int answer_decode(const char *line, size_t length, struct answer *ret_answer, struct error *ret_error)
{
	struct answer answer = {0};
	int result = json_line_decode(line, length, ANSWER_DEPTH_MAX, &answer.object, ret_error);

	if (result < 0)
		return result;
	if (!json_is_boolean(json_object_get(answer.object, "ok"))) {
		answer_done(&answer);
		return error_set(ret_error, -EINVAL, "an answer without \"ok\"");
	}
	answer.ok = json_is_true(json_object_get(answer.object, "ok"));
	if (!answer.ok) {
		answer.error = json_string_value(json_object_get(answer.object, "error"));
		answer.code = answer_code_find(json_string_value(json_object_get(answer.object, "code")));
		if (!answer.error)
			answer.error = "failed, without a reason";
	}
	*ret_answer = answer;
	return 0;
}

void answer_done(struct answer *answer)
{
	json_decref(answer->object);
	*answer = (struct answer){0};
}
