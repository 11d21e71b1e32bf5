/* SPDX-License-Identifier: MIT */
/* guestwire down [NAME]: ends a network and returns when nothing of it is left, which its lock tells. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"

enum {
	DOWN_WAIT_MS = 10 * 1000,
	DOWN_REAP_MS = 2500, /* an init that looks every other second has been seen */
	DOWN_STEP_MS = 5,
};

static void down_step(void)
{
	struct timespec step = {.tv_nsec = DOWN_STEP_MS * 1000000L};

	nanosleep(&step, NULL);
}

/* The folder goes an instant before the process. One whose parent does not ask for its end stays listed: not for ever. */
static void down_wait_process(pid_t pid)
{
	for (int i = 0; i < DOWN_REAP_MS / DOWN_STEP_MS && pid > 0 && kill(pid, 0) == 0; i++)
		down_step();
}

static int down_wait(const struct connection *connection, struct error *ret_error)
{
	char who[CONNECTION_WHO_BYTES];

	for (int i = 0; i < DOWN_WAIT_MS / DOWN_STEP_MS; i++) {
		if (rundir_pid(connection->base, connection->name) != connection->pid) {
			down_wait_process(connection->pid);
			return 0;
		}
		down_step();
	}
	return error_set(ret_error, -ETIMEDOUT, "%s has not ended within %d s", connection_who(connection, who),
			 DOWN_WAIT_MS / 1000);
}

static int down(const char *name, struct error *ret_error)
{
	const struct request request = {.command = REQUEST_DOWN};
	struct connection connection;
	struct answer answer;
	int result = connection_open(name, &connection, ret_error);

	if (result < 0)
		return result;
	result = connection_ask(&connection, &request, &answer, ret_error);
	if (result == 0)
		answer_done(&answer);
	/* One that was ended by a signal between the two is what was asked for. */
	if (result == 0 || result == -EPIPE)
		result = down_wait(&connection, ret_error);
	connection_done(&connection);
	return result;
}

static int down_run(int count, char **words)
{
	struct error error = {0};
	const char *name;
	int result = arguments_network(count, words, &name, NULL, &error);

	if (result == ARGUMENT_HELP)
		return command_help(&down_command);
	return result < 0 || down(name, &error) < 0 ? command_complain(&error) : EXIT_OK;
}

const struct command down_command = {
	.name = "down",
	.run = down_run,
	.line = "ends a network",
	.help = "guestwire down [NAME]\n"
		"\n"
		"Ends the network, with its sockets and its runtime folder, and returns when it is gone. Its guests "
		"stay and\n"
		"may connect to the next one. NAME may be left out while one network runs.\n",
};
