/* SPDX-License-Identifier: MIT */
/* guestwire COMMAND …: a table, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "guestwire/guestwire.h"

const struct command *const commands[] = {
	&up_command,   &guest_command,   &ls_command,   &show_command, &down_command,
	&wait_command, &capture_command, &help_command, NULL,
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
	size_t i;

	/* Names in it may be a guest's: what could move a terminal's cursor is shown as '?'. */
	for (i = 0; error->text[i] && i < sizeof(text) - 1; i++)
		text[i] = (char)((unsigned char)error->text[i] < ' ' || error->text[i] == 0x7f ? '?' : error->text[i]);
	text[i] = '\0';
	fprintf(stderr, "guestwire: %s\n", text);
	return error->code == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
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

int main(int count, char **words)
{
	const struct command *command;

	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	if (count < 2) {
		fputs("guestwire: say what to do: up, show, down …; guestwire help lists the commands\n", stderr);
		return EXIT_USAGE;
	}
	if (strcmp(words[1], "--version") == 0 || strcmp(words[1], "-V") == 0) {
		printf("guestwire %s\n", gw_version());
		return EXIT_OK;
	}
	command =
		strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 ? &help_command : command_find(words[1]);
	if (!command) {
		fprintf(stderr, "guestwire: unknown command %.60s; guestwire help lists the commands\n", words[1]);
		return EXIT_USAGE;
	}
	return command->run(count - 1, words + 1);
}
