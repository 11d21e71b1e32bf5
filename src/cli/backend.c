/* SPDX-License-Identifier: MIT */
/* guestwire backend: a network that is there for one vhost-user front end, started by a management layer under the
 * "backend program conventions" of QEMU's vhost-user (docs/interop/vhost-user.rst): --print-capabilities, --socket-path=
 * and --fd=, in the foreground, nothing on standard output, an end at SIGTERM. It is what the program does under the name
 * of guestwire-vhost-user, which the file in share/qemu/vhost-user tells. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "daemon/place.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/detach.h"

enum {
	BACKEND_SOCKET_PATH,
	BACKEND_FD,
	BACKEND_PRINT_CAPABILITIES,
	BACKEND_UPLINK,
	BACKEND_PUBLISH,
	BACKEND_NAME,
	BACKEND_LOG_FILE,
	BACKEND_VERBOSE,
};

static const struct argument backend_options[] = {
	[BACKEND_SOCKET_PATH] = {"socket-path", 0, true},
	[BACKEND_FD] = {"fd", 0, true},
	[BACKEND_PRINT_CAPABILITIES] = {"print-capabilities", 0, false},
	[BACKEND_UPLINK] = {"uplink", 'u', true},
	[BACKEND_PUBLISH] = {"publish", 'p', true},
	[BACKEND_NAME] = {"name", 0, true},
	[BACKEND_LOG_FILE] = {"log-file", 0, true},
	[BACKEND_VERBOSE] = {"verbose", 'v', false},
	{0},
};

struct backend {
	struct config config;
	const char *socket_path, *fd, *log_file;
	bool verbose;
	char folder[4096]; /* where relative paths begin */
};

static int backend_once(const char **field, const char *option, const char *value, struct error *ret_error)
{
	if (*field)
		return error_set(ret_error, -EINVAL, "backend: %s twice: %.60s and %.60s", option, *field, value);
	*field = value;
	return 0;
}

static int backend_set(char **field, const char *option, const char *value, struct error *ret_error)
{
	if (*field)
		return error_set(ret_error, -EINVAL, "backend: %s twice: %.60s and %.60s", option, *field, value);
	return config_set(field, value) < 0 ? error_set(ret_error, -ENOMEM, "no memory") : 0;
}

static int backend_set_uplink(struct backend *backend, const char *value, struct error *ret_error)
{
	char *placed;
	int result = place_spec(value, backend->folder, &placed, ret_error);

	if (result < 0)
		return result;
	result = backend_set(&backend->config.uplink.text, "--uplink", placed, ret_error);
	free(placed);
	return result;
}

static int backend_option(struct backend *backend, int option, const char *value, struct error *ret_error)
{
	switch (option) {
	case ARGUMENT_PLAIN:
		return error_set(ret_error, -EINVAL, "backend: %.60s is no option", value);
	case BACKEND_SOCKET_PATH:
		return backend_once(&backend->socket_path, "--socket-path", value, ret_error);
	case BACKEND_FD:
		return backend_once(&backend->fd, "--fd", value, ret_error);
	case BACKEND_UPLINK:
		return backend_set_uplink(backend, value, ret_error);
	case BACKEND_PUBLISH:
		return place_add_forward(&backend->config, value, backend->folder, ret_error);
	case BACKEND_NAME:
		return backend_set(&backend->config.name, "--name", value, ret_error);
	case BACKEND_LOG_FILE:
		return backend_once(&backend->log_file, "--log-file", value, ret_error);
	case BACKEND_VERBOSE:
		backend->verbose = true;
		break;
	}
	return 0;
}

/* The one port, as `--guest` would have it. */
static int backend_add_guest(struct backend *backend, struct error *ret_error)
{
	char escaped[2 * 4096], spec[sizeof(escaped) + 32], *path;
	int result;

	if (!backend->socket_path == !backend->fd)
		return error_set(ret_error, -EINVAL, "backend: give one of --socket-path=PATH and --fd=NUMBER");
	if (backend->fd) {
		snprintf(spec, sizeof(spec), "vhost-user,fd=%.20s", backend->fd);
		return config_add(&backend->config.guests, spec, NULL, ret_error);
	}
	result = place_path(backend->socket_path, backend->folder, &path, ret_error);
	if (result < 0)
		return result;
	snprintf(spec, sizeof(spec), "vhost-user,path=%s", spec_escape(path, escaped, sizeof(escaped)));
	free(path);
	return config_add(&backend->config.guests, spec, NULL, ret_error);
}

static int backend_read(struct backend *backend, struct arguments *arguments, struct error *ret_error)
{
	char name[CONFIG_NAME_BYTES];
	const char *word;
	int found, result = 0;

	while (result == 0 && (found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		result = backend_option(backend, found, word, ret_error);
	}
	if (result == 0)
		result = backend_add_guest(backend, ret_error);
	snprintf(name, sizeof(name), "backend-%ld", (long)getpid());
	if (result == 0 && !backend->config.name)
		result = backend_set(&backend->config.name, "--name", name, ret_error);
	return result == 0 ? config_check_name(backend->config.name, ret_error) : result;
}

/* Nobody reads standard output; the log says it too. */
static void backend_on_up(void *owner, struct gw_network *network, const char *control_path)
{
	(void)owner;
	(void)network;
	(void)control_path;
}

static int backend_serve(struct backend *backend, struct error *ret_error)
{
	struct detach detach = {.ready = -1};
	struct daemon daemon = {.config = &backend->config,
				.name = backend->config.name,
				.detach = &detach,
				.verbose = backend->verbose,
				.on_up = backend_on_up};
	char base[RUNDIR_PATH_BYTES], *log_file = NULL;
	int result;

	if ((result = connection_base(base, ret_error)) < 0 ||
	    (result = place_path(backend->log_file, backend->folder, &log_file, ret_error)) < 0)
		return result;
	daemon.base = base;
	daemon.log_file = log_file;
	result = daemon_run(&daemon, ret_error);
	free(log_file);
	return result;
}

/* Wherever it stands, all other words are ignored. */
static bool backend_asks_for_capabilities(int count, char **words)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--print-capabilities") == 0)
			return true;
	}
	return false;
}

static int backend_run(int count, char **words)
{
	struct backend backend = {.verbose = false};
	struct arguments arguments;
	struct error error = {0};
	int code = EXIT_OK, result;

	if (backend_asks_for_capabilities(count, words)) {
		/* QEMU's vhost-user.json knows no features of a network device's */
		puts("{\"type\": \"net\", \"features\": []}");
		return EXIT_OK;
	}
	if (!getcwd(backend.folder, sizeof(backend.folder)))
		backend.folder[0] = '\0';
	config_init(&backend.config);
	arguments_init(&arguments, backend_options, count, words);
	result = backend_read(&backend, &arguments, &error);
	if (result == ARGUMENT_HELP)
		code = command_help(&backend_command);
	else if (result < 0 || (result = backend_serve(&backend, &error)) < 0)
		code = command_complain(&error);
	config_done(&backend.config);
	return code;
}

const struct command backend_command = {
	.name = "backend",
	.run = backend_run,
	.line = "serves one vhost-user front end, as management layers start it",
	.help = "guestwire backend --socket-path=PATH|--fd=NUMBER [OPTION]…\n"
		"guestwire-vhost-user --socket-path=PATH|--fd=NUMBER [OPTION]…\n"
		"guestwire backend --print-capabilities\n"
		"\n"
		"A network for one virtual machine, by the conventions of QEMU's vhost-user for backend programs: it\n"
		"stays in the foreground, prints nothing, logs to standard error, and ends at SIGTERM.\n"
		"\n"
		"  --socket-path PATH     listens there for the front end\n"
		"  --fd NUMBER            is given this socket, which listens or is the front end's connection\n"
		"  --print-capabilities   prints what it is as JSON, whatever other words there are\n"
		"  --uplink KIND,…, -u    as of guestwire up\n"
		"  --publish SPEC, -p     as of guestwire up\n"
		"  --name NAME            of the network; backend-PID unless given\n"
		"  --log-file FILE        writes its log there, with times, and not to standard error\n"
		"  --verbose, -v          logs more\n",
};
