/* SPDX-License-Identifier: MIT */
/* One line of JSON from the other side of a control socket, read with bounds: an object, not deeper than said, no key
 * twice, no NUL in a string. jansson does the reading; what is checked here it would take on trust. */
#ifndef CONTROL_JSON_H
#define CONTROL_JSON_H

#include <jansson.h>
#include <stddef.h>

struct error;

/* 0 or -EINVAL and a text; the object is the caller's (json_decref). */
int json_line_decode(const char *line, size_t length, size_t depth_max, json_t **ret_object, struct error *ret_error);
/* The object on one line with its newline, for free(); NULL: no memory. Takes the reference, and NULL. */
char *json_line_encode(json_t *object);

#endif
