/* SPDX-License-Identifier: MIT */
/* jansson's getters take NULL for any object; what they give back for it is not always fit to be printed. */
#include "cli/member.h"

#include <stdio.h>

const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

long long member_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

bool member_truth(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

void member_print(const json_t *value)
{
	if (value)
		json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
}
