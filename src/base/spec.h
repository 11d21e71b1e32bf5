/* SPDX-License-Identifier: MIT */
/* What a person writes after --guest and --uplink: `KIND,key=value,…` in QEMU's manner, where `,,` is a comma inside a
 * value and a key without `=` means `key=on`. Each reader marks what it understood; what nobody asked for is an error
 * that names the word and the words that would do. The configuration file makes the same structure from its maps. */
#ifndef BASE_SPEC_H
#define BASE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum spec_limits {
	SPEC_OPTIONS_MAX = 64,
	SPEC_BYTES_MAX = 4096,
	SPEC_REFUSAL_BYTES = 64, /* of an error, around the words that it repeats */
};

struct spec_option {
	const char *key;
	const char *value;
	bool used;
};

/* About 5 KiB, with all its strings inside: it may be copied only by parsing again. */
struct spec {
	const char *kind;
	struct spec_option options[SPEC_OPTIONS_MAX];
	size_t count;
	char text[SPEC_BYTES_MAX];
	char asked[512]; /* the keys that readers asked for, for the error */
};

int spec_parse(struct spec *ret_spec, const char *text, struct error *ret_error);
/* The last value given for the key, or NULL. */
const char *spec_string(struct spec *spec, const char *key);
/* For keys that may stand several times: the next value at or after option `*at`, which is moved past it; or NULL. */
const char *spec_next(struct spec *spec, const char *key, size_t *at);
/* Each leaves `*value` as it is (the default) when the key is absent; -EINVAL and a text when the value is wrong. */
int spec_bool(struct spec *spec, const char *key, bool *value, struct error *ret_error);
int spec_u32(struct spec *spec, const char *key, uint32_t least, uint32_t most, uint32_t *value,
	     struct error *ret_error);
/* An octal file mode, 0 … 0777. */
int spec_mode(struct spec *spec, const char *key, uint32_t *value, struct error *ret_error);
/* A value as it must be written so that it is read back: commas doubled. As much as fits; returns `text`. QEMU reads its
 * values in the same way. */
const char *spec_escape(const char *value, char *text, size_t size);
/* -EINVAL, and a text with the words that would do, when an option was asked for by nobody: "KIND takes one, two" when that
 * was `help`. Call it last. */
int spec_finish(const struct spec *spec, struct error *ret_error);

#endif
