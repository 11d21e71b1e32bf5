/* SPDX-License-Identifier: MIT */
/* An error that a person will see: what failed, on what, why, and what to do. It goes up the calls beside a negative
 * errno and is printed once, by the program. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

struct error {
	int code; /* negative errno */
	char text[512];
};

/* Fills `ret_error`, which may be NULL, and returns `code`. */
int error_set(struct error *ret_error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Words that a person typed wrongly (exit code 2), and not a world that is not as it should be: -EINVAL, and
 * -ENAMETOOLONG for what is too long. */
bool error_is_usage(int code);
/* No descriptor is left, of this process's or of the machine's: with one that ends it may go on. */
bool error_is_out_of_files(int code);
/* The system's name for a negative errno, in a buffer of the caller's or a constant of libc's. */
const char *error_name(int code);

#endif
