/* SPDX-License-Identifier: MIT */
/* guestwire help [COMMAND]. Each command's text stands in its own file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "guestwire/guestwire.h"

int command_help(const struct command *command)
{
	fputs(command->help, stdout);
	return EXIT_OK;
}

static int help_list(void)
{
	puts("guestwire COMMAND …: a network for virtual machines\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->line);
	puts("\nguestwire help COMMAND, or guestwire COMMAND --help, says more; guestwire(1) says all.\n"
	     "guestwire help drops lists the reasons for which frames are dropped, help counters what the way out "
	     "counts.\n"
	     "guestwire --version says which this is.");
	return EXIT_OK;
}

/* From the list that counts them, so that it is never behind. */
static int help_drops(void)
{
	int widest = 0;

	puts("Why a frame is not delivered, as show, capture and the log say it:\n");
	for (unsigned i = 1; i < gw_drop_reasons(); i++)
		widest = (int)strlen(gw_drop_name(i)) > widest ? (int)strlen(gw_drop_name(i)) : widest;
	for (unsigned i = 1; i < gw_drop_reasons(); i++)
		printf("  %-*s  %s\n", widest, gw_drop_name(i), gw_drop_text(i));
	return EXIT_OK;
}

static int help_counters(void)
{
	puts("What the way out counts (uplink user), as show says it:\n");
	for (unsigned i = 0; i < gw_nat_counters(); i++)
		printf("  %-26s  %s\n", gw_nat_counter_name(i), gw_nat_counter_text(i));
	puts("\nAnd what became of connections between loopback interfaces, which are taken past the network:\n");
	for (unsigned i = 0; i < gw_splice_counters(); i++)
		printf("  %-26s  %s\n", gw_splice_counter_name(i), gw_splice_counter_text(i));
	puts("\nAnd what became of leases whose guests left:\n");
	for (unsigned i = 0; i < gw_lease_counters(); i++)
		printf("  %-26s  %s\n", gw_lease_counter_name(i), gw_lease_counter_text(i));
	return EXIT_OK;
}

/* What the library says of "KIND,help" of an uplink or a guest. Nothing is opened for that. False: there is no such kind. */
static bool help_words(const char *kind)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_error of_uplink = {0}, of_guest = {0};
	struct gw_network *network;
	char spec[64], takes[64];
	const struct gw_error *error;

	if (snprintf(spec, sizeof(spec), "%s,help", kind) >= (int)sizeof(spec))
		return false;
	config.uplink = spec;
	if (gw_network_new(&config, &network, &of_uplink) == 0)
		gw_network_free(network);
	config.uplink = "none";
	if (gw_network_new(&config, &network, NULL) == 0) {
		gw_guest_add(network, spec, NULL, &of_guest);
		gw_network_free(network);
	}
	snprintf(takes, sizeof(takes), "%s takes ", kind);
	error = strncmp(of_uplink.text, takes, strlen(takes)) == 0 ? &of_uplink : &of_guest;
	if (strncmp(error->text, takes, strlen(takes)) != 0)
		return false;
	puts(error->text);
	return true;
}

static int help_run(int count, char **words)
{
	static const struct argument options[] = {{0}};
	struct arguments arguments;
	struct error error = {0};
	const struct command *command;
	const char *word, *more;
	int found;

	arguments_init(&arguments, options, count, words);
	found = arguments_next(&arguments, &word, &error);
	if (found == ARGUMENT_WRONG)
		return command_complain(&error);
	if (found != ARGUMENT_PLAIN)
		return help_list();
	if (arguments_next(&arguments, &more, &error) == ARGUMENT_PLAIN) {
		error_set(&error, -EINVAL, "help: one command at a time, not %.60s and %.60s", word, more);
		return command_complain(&error);
	}
	if (strcmp(word, "drops") == 0)
		return help_drops();
	if (strcmp(word, "counters") == 0)
		return help_counters();
	command = command_find(word);
	if (!command && help_words(word))
		return EXIT_OK;
	return command ? command_help(command) : command_complain_unknown(word);
}

const struct command help_command = {
	.name = "help",
	.run = help_run,
	.line = "says what a command does",
	.help = "guestwire help [COMMAND]\n"
		"guestwire help drops|counters\n"
		"guestwire help KIND\n"
		"\n"
		"Lists the commands, or says what one of them does.\n"
		"drops lists every reason for which a frame may not be delivered, and counters what the way out "
		"counts.\n"
		"KIND, of --uplink or --guest (user, none, stream, tap …), names the words that stand behind it; "
		"guestwire(1) says\n"
		"what they mean.\n",
};
