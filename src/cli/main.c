/* SPDX-License-Identifier: MIT */
/* guestwire COMMAND …: a table, and the other name under which the program is installed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/plain.h"
#include "cli/command.h"
#include "guestwire/guestwire.h"
#include "os/clock.h"

const struct command *const commands[] = {
	&up_command,   &run_command,     &netns_command,   &guest_command, &forward_command,
	&ls_command,   &show_command,    &flows_command,   &down_command,  &wait_command,
	&args_command, &backend_command, &capture_command, &help_command,  NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int command_complain(const struct error *error)
{
	char text[sizeof(error->text)];

	/* Names in it may be a guest's. */
	snprintf(text, sizeof(text), "%s", error->text);
	plain_text(text);
	fprintf(stderr, "guestwire: %s\n", text);
	return error_is_usage(error->code) ? EXIT_USAGE : EXIT_FAILED;
}

/* What other programs call it. */
static const char *command_elsewhere(const char *name)
{
	static const struct {
		const char *name, *here;
	} others[] = {
		{"start", "up"},
		{"create", "up"},
		{"stop", "down"},
		{"delete", "down"},
		{"rm", "down"},
		{"list", "ls"},
		{"status", "show"},
		{"info", "show"},
		{"version", "--version"},
		{"drops", "help drops"},
		{"counters", "help counters"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i].name, name) == 0)
			return others[i].here;
	}
	return NULL;
}

int command_complain_unknown(const char *name)
{
	const char *here = command_elsewhere(name);
	struct nearest nearest;
	struct error error;

	nearest_init(&nearest, name, strlen(name));
	for (size_t i = 0; commands[i]; i++)
		nearest_offer(&nearest, commands[i]->name, strlen(commands[i]->name));
	if (here || nearest.found)
		error_set(&error, -EINVAL, "unknown command %.60s; did you mean %s?", name,
			  here ? here : nearest.found);
	else
		error_set(&error, -EINVAL, "unknown command %.60s; guestwire help lists the commands", name);
	return command_complain(&error);
}

/* "guestwire -d up", "guestwire lab show". */
static int main_complain(char *const *words)
{
	struct error error;

	if (!words[1] || !command_find(words[1]) || command_elsewhere(words[0]))
		return command_complain_unknown(words[0]);
	error_set(&error, -EINVAL, "unknown command %.60s; the command stands first: guestwire %s %.60s", words[0],
		  words[1], words[0]);
	return command_complain(&error);
}

int64_t command_now_ms(void)
{
	return (int64_t)(clock_now_us(NULL) / 1000);
}

/* Who closed standard output or input would get our sockets in their place. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What was printed may not have been written: a full disk. NULL: it was, or who read has enough of a pipe. */
static const char *main_flush(void)
{
	bool lost = ferror(stdout) != 0;

	errno = 0;
	if ((fflush(stdout) == 0 && !lost) || errno == EPIPE)
		return NULL;
	return errno ? error_name(-errno) : "not all of it could be written";
}

static int main_finish(int code)
{
	const char *why = main_flush();

	if (!why || code != EXIT_OK)
		return code;
	fprintf(stderr, "guestwire: standard output: %s\n", why);
	return EXIT_FAILED;
}

void command_said(const char *command, const char *network)
{
	const char *why = main_flush();

	if (why)
		fprintf(stderr, "guestwire: standard output: %s; guestwire %s%s%s says what was to be said\n", why,
			command, *network ? " " : "", network);
	clearerr(stdout);
}

/* The conventions of vhost-user name a program, not a command. */
static bool main_is_backend(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash ? slash + 1 : name, "guestwire-vhost-user") == 0;
}

int main(int count, char **words)
{
	const struct command *command;

	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	if (count > 0 && main_is_backend(words[0]))
		return main_finish(backend_command.run(count, words));
	if (count < 2) {
		fputs("guestwire: say what to do: up, show, down …; guestwire help lists the commands\n", stderr);
		return EXIT_USAGE;
	}
	if (strcmp(words[1], "--version") == 0 || strcmp(words[1], "-V") == 0) {
		printf("guestwire %s\n", gw_version());
		return main_finish(EXIT_OK);
	}
	command =
		strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 ? &help_command : command_find(words[1]);
	if (!command)
		return main_complain(words + 1);
	return main_finish(command->run(count - 1, words + 1));
}
