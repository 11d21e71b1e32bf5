/* SPDX-License-Identifier: MIT */
/* A spec is taken apart by base/spec.h and put together again, so that commas mean the same on both ways. */
#include "daemon/place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/spec.h"
#include "daemon/config.h"

static bool place_is_relative(const char *path)
{
	return *path && *path != '/';
}

/* A shell replaces ~ where a word begins, and not behind path=. What is meant is known, but a path is taken as it is. */
static int place_refuse_home(const char *path, struct error *ret_error)
{
	const char *home = getenv("HOME");

	if (path[0] != '~' || (path[1] && path[1] != '/'))
		return 0;
	return error_set(
		ret_error, -EINVAL,
		"%.200s: a shell replaces ~ only where a word begins; write %.200s%.200s, or ./%.200s for a folder "
		"of that name",
		path, home && *home == '/' ? home : "the whole path, /...", path + 1, path);
}

static int place_refuse_relative(const char *path, struct error *ret_error)
{
	return error_set(ret_error, -EINVAL, "%.200s: not a whole path, which begins with /", path);
}

/* Where a path begins in an option's value; NULL: there is none, or it is absolute. */
static const char *place_find(const char *key, const char *value)
{
	static const char *const keys[] = {"path",       "connect",     "remote", "addr.path",
					   "local.path", "remote.path", "tftp",   "smb"};
	const char *dash = strchr(value, '-');

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i]) == 0)
			return place_is_relative(value) ? value : NULL;
	}
	/* what has no slash is a process or a name */
	if (strcmp(key, "netns") == 0)
		return strchr(value, '/') && place_is_relative(value) ? value : NULL;
	if (strcmp(key, "hostfwd") == 0 && strncmp(value, "unix:", 5) == 0)
		return place_is_relative(value + 5) ? value + 5 : NULL;
	if (strcmp(key, "guestfwd") == 0 && dash && strncmp(dash, "-unix:", 6) == 0)
		return place_is_relative(dash + 6) ? dash + 6 : NULL;
	return NULL;
}

/* What `refuse` says of each of its relative paths. */
static int place_each(const struct spec *spec, int (*refuse)(const char *path, struct error *ret_error),
		      struct error *ret_error)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < spec->count; i++) {
		const char *path = place_find(spec->options[i].key, spec->options[i].value);

		result = path ? refuse(path, ret_error) : 0;
	}
	return result;
}

/* Where the path begins of a forward that has a relative one, or NULL. */
static const char *place_find_forward(const char *text)
{
	static const char prefix[] = "unix:";
	size_t skip = sizeof(prefix) - 1;

	return strncmp(text, prefix, skip) == 0 && place_is_relative(text + skip) ? text + skip : NULL;
}

static void place_bytes(FILE *to, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fputs(text[i] == ',' ? ",," : (char[]){text[i], '\0'}, to);
}

static void place_word(FILE *to, const char *text)
{
	place_bytes(to, text, strlen(text));
}

static void place_write(FILE *to, const struct spec *spec, const char *folder)
{
	place_word(to, spec->kind);
	for (size_t i = 0; i < spec->count; i++) {
		const struct spec_option *option = &spec->options[i];
		const char *path = place_find(option->key, option->value);

		fputc(',', to);
		place_word(to, option->key);
		fputc('=', to);
		if (!path) {
			place_word(to, option->value);
			continue;
		}
		place_bytes(to, option->value, (size_t)(path - option->value));
		place_word(to, folder);
		fputc('/', to);
		place_word(to, path);
	}
}

int place_spec(const char *text, const char *folder, char **ret_text, struct error *ret_error)
{
	struct spec spec;
	size_t length;
	FILE *to;
	int result = spec_parse(&spec, text, ret_error);

	if (result == 0)
		result = place_each(&spec, place_refuse_home, ret_error);
	if (result < 0)
		return result;
	to = open_memstream(ret_text, &length);
	if (!to)
		return error_set(ret_error, -ENOMEM, "no memory");
	place_write(to, &spec, folder);
	return fclose(to) == 0 ? 0 : error_set(ret_error, -ENOMEM, "no memory");
}

int place_forward(const char *text, const char *folder, char **ret_text, struct error *ret_error)
{
	const char *path = place_find_forward(text);
	size_t room = strlen(folder) + strlen(text) + 2;
	int result = path ? place_refuse_home(path, ret_error) : 0;
	char *placed;

	if (result < 0)
		return result;
	placed = malloc(room);
	if (!placed)
		return error_set(ret_error, -ENOMEM, "no memory");
	snprintf(placed, room, "%.*s%s%s%s", path ? (int)(path - text) : 0, text, path ? folder : "", path ? "/" : "",
		 path ? path : text);
	*ret_text = placed;
	return 0;
}

int place_add_forward(struct config *config, const char *text, const char *folder, struct error *ret_error)
{
	char *placed;
	int result = place_forward(text, folder, &placed, ret_error);

	if (result < 0)
		return result;
	result = config_add(&config->forwards, placed, NULL, ret_error);
	free(placed);
	return result;
}

int place_path(const char *path, const char *folder, char **ret_path, struct error *ret_error)
{
	size_t room = path ? strlen(folder) + strlen(path) + 2 : 0;

	*ret_path = NULL;
	if (!path)
		return 0;
	if (place_refuse_home(path, ret_error) < 0)
		return -EINVAL;
	*ret_path = malloc(room);
	if (!*ret_path)
		return error_set(ret_error, -ENOMEM, "no memory");
	if (*path == '/' || strcmp(path, "-") == 0)
		snprintf(*ret_path, room, "%s", path);
	else
		snprintf(*ret_path, room, "%s/%s", folder, path);
	return 0;
}

int place_check_spec(const char *text, struct error *ret_error)
{
	struct spec spec;
	int result = spec_parse(&spec, text, ret_error);

	return result < 0 ? result : place_each(&spec, place_refuse_relative, ret_error);
}

int place_check_forward(const char *text, struct error *ret_error)
{
	const char *path = place_find_forward(text);

	return path ? place_refuse_relative(path, ret_error) : 0;
}
