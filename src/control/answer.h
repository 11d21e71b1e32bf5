/* SPDX-License-Identifier: MIT */
/* What a running network answers: one JSON object on one line, {"ok":true,…} or {"ok":false,"error":…,"code":…};
 * docs/control.md. Encode and decode only. */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

enum answer_code {
	ANSWER_USAGE,     /* what was asked makes no sense: exit code 2 */
	ANSWER_NOT_FOUND, /* there is no such guest */
	ANSWER_BUSY,      /* too many connections, or a bound was reached */
	ANSWER_FAILED,    /* the world failed */
};

enum answer_limits {
	ANSWER_DEPTH_MAX = 8,
};

struct answer {
	json_t *object;
	bool ok;
	const char *error;     /* when not ok: for a person */
	enum answer_code code; /* when not ok */
};

/* Lines with their newline, for free(); NULL: no memory. */
/* Adds "ok" to the members; takes the reference. */
char *answer_encode_ok(json_t *members);
char *answer_encode_error(enum answer_code code, const char *text);
/* 0; -EINVAL and a text when the line is no answer. Then answer_done(). */
int answer_decode(const char *line, size_t length, struct answer *ret_answer, struct error *ret_error);
void answer_done(struct answer *answer);

#endif
