/* SPDX-License-Identifier: MIT */
/* See companion.h. */
#include "cli/companion.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "daemon/place.h"
#include "daemon/daemon.h"

void companion_init(struct companion *companion, const char *name)
{
	companion->name = name;
	companion->detach.ready = -1;
	if (!getcwd(companion->folder, sizeof(companion->folder)))
		companion->folder[0] = '\0';
	config_init(&companion->config);
}

void companion_done(struct companion *companion)
{
	config_done(&companion->config);
}

int companion_set(const struct companion *companion, char **field, const char *option, const char *value,
		  struct error *ret_error)
{
	if (*field)
		return error_set(ret_error, -EINVAL, "%s: %s twice: %.60s and %.60s", companion->name, option, *field,
				 value);
	return config_set(field, value) < 0 ? error_set(ret_error, -ENOMEM, "no memory") : 0;
}

int companion_set_uplink(struct companion *companion, const char *value, struct error *ret_error)
{
	char *placed;
	int result = place_spec(value, companion->folder, &placed, ret_error);

	if (result < 0)
		return result;
	result = companion_set(companion, &companion->config.uplink.text, "--uplink", placed, ret_error);
	free(placed);
	return result;
}

int companion_read(struct companion *companion, struct arguments *arguments,
		   int (*on_option)(void *owner, int option, const char *value, struct error *ret_error), void *owner,
		   struct error *ret_error)
{
	const char *word;
	int found, result = 0;

	while (result == 0 && (found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		if (found == ARGUMENT_PLAIN) {
			companion->words = arguments->words + arguments->at - 1;
			break;
		}
		result = on_option(owner, found, word, ret_error);
	}
	return result;
}

int companion_name(struct companion *companion, struct error *ret_error)
{
	char name[CONFIG_NAME_BYTES];

	snprintf(name, sizeof(name), "%.10s-%ld", companion->name, (long)getpid());
	if (!companion->config.name && config_set(&companion->config.name, name) < 0)
		return error_set(ret_error, -ENOMEM, "no memory");
	return config_check_name(companion->config.name, ret_error);
}

int companion_serve(struct companion *companion, struct daemon *daemon, struct error *ret_error)
{
	char *log_file = NULL, *pidfile = NULL;
	int result = place_path(companion->log_file, companion->folder, &log_file, ret_error);

	if (result == 0)
		result = place_path(companion->pidfile, companion->folder, &pidfile, ret_error);
	if (result < 0)
		goto out;
	daemon->config = &companion->config;
	daemon->name = companion->config.name;
	daemon->base = companion->base;
	daemon->detach = &companion->detach;
	daemon->verbose = companion->verbose;
	daemon->quiet = true;
	daemon->log_file = log_file;
	daemon->pidfile = pidfile;
	result = daemon_run(daemon, ret_error);
out:
	free(log_file);
	free(pidfile);
	return result;
}

int companion_finish(struct companion *companion, int result, const struct error *error)
{
	int code = result < 0 ? command_complain(error) : EXIT_OK;

	detach_fail(&companion->detach, code);
	return companion->child.code ? companion->child.code : code;
}
