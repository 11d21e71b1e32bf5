/* SPDX-License-Identifier: MIT */
/* jansson with bounds: what it would take on trust is checked before and after it. */
#include "control/json.h"

#include <stdbool.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* How deep brackets nest outside of strings. jansson's own bound is 2048 levels of recursion, a lot of stack. */
static size_t json_depth(const char *line, size_t length)
{
	size_t depth = 0, deepest = 0;
	bool string = false;

	for (size_t i = 0; i < length; i++) {
		if (string && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			string = !string;
		else if (!string && (line[i] == '{' || line[i] == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!string && (line[i] == '}' || line[i] == ']') && depth > 0)
			depth--;
	}
	return deepest;
}

int json_line_decode(const char *line, size_t length, size_t depth_max, json_t **ret_object, struct error *ret_error)
{
	json_error_t why;
	json_t *value;

	if (json_depth(line, length) > depth_max)
		return error_set(ret_error, -EINVAL, "JSON nested deeper than %zu", depth_max);
	value = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!value)
		return error_set(ret_error, -EINVAL, "not JSON: %s", why.text);
	if (!json_is_object(value)) {
		json_decref(value);
		return error_set(ret_error, -EINVAL, "not a JSON object");
	}
	*ret_object = value;
	return 0;
}

char *json_line_encode(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t length = text ? strlen(text) : 0;
	char *line = text ? realloc(text, length + 2) : NULL;

	json_decref(object);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + length, "\n", 2);
	return line;
}
