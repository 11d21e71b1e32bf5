/* SPDX-License-Identifier: MIT */
/* Errors with a text. A text that is too long is cut: half a line is better than none. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *ret_error, int code, const char *format, ...)
{
	va_list arguments;

	if (!ret_error)
		return code;
	ret_error->code = code;
	va_start(arguments, format);
	vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
	va_end(arguments);
	return code;
}

const char *error_name(int code)
{
	return strerror(code < 0 ? -code : code);
}

bool error_is_usage(int code)
{
	return code == -EINVAL || code == -ENAMETOOLONG;
}

bool error_is_out_of_files(int code)
{
	return code == -EMFILE || code == -ENFILE;
}
