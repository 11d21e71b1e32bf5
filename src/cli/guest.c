/* SPDX-License-Identifier: MIT */
/* guestwire guest add|rm: changes what a running network serves. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/member.h"
#include "cli/paste.h"
#include "daemon/place.h"

static int guest_check(const struct argument_words *given, struct error *ret_error)
{
	const char *what = given->plain_count > 0 ? given->plain[0] : "add";

	if (strcmp(what, "add") != 0 && strcmp(what, "rm") != 0)
		return error_set(ret_error, -EINVAL,
				 "guest: unknown word %.60s: add or rm; guestwire help guest says more", what);
	if (given->plain_count == 3 && strchr(given->plain[1], '='))
		return error_set(ret_error, -EINVAL,
				 "guest %s: the network stands before the guest: guest %s %.60s %.200s", what, what,
				 given->plain[2], given->plain[1]);
	if (given->plain_count < 2)
		return error_set(ret_error, -EINVAL, "guest: add KIND,…, or rm GUEST; guestwire help guest says more");
	return 0;
}

static void guest_print(const struct argument_words *given, const struct answer *answer)
{
	const json_t *made = json_object_get(answer->object, "guest");

	if (!made)
		return;
	if (given->json) {
		member_print(made);
		return;
	}
	printf("%s: %s\n", member_text(made, "name"), member_text(made, "describe"));
	paste_print(stdout, member_text(made, "kind"), member_text(made, "path"), member_text(made, "address"));
}

static int guest_change(const struct argument_words *given, struct error *ret_error)
{
	const char *name = given->plain_count == 3 ? given->plain[1] : NULL;
	const char *what = given->plain[given->plain_count - 1];
	bool add = strcmp(given->plain[0], "add") == 0;
	struct request request = {.command = add ? REQUEST_GUEST_ADD : REQUEST_GUEST_REMOVE, .guest = what};
	struct answer answer;
	char folder[4096], *spec = NULL;
	int result = 0;

	if (add) {
		result = place_spec(what, getcwd(folder, sizeof(folder)) ? folder : "", &spec, ret_error);
		request.spec = spec;
	}
	if (result == 0)
		result = connection_once(name, &request, &answer, ret_error);
	free(spec);
	if (result < 0)
		return result;
	guest_print(given, &answer);
	if (add)
		command_said("show", name ? name : "");
	answer_done(&answer);
	return 0;
}

static int guest_run(int count, char **words)
{
	struct argument_words given;
	struct error error = {0};
	int result = arguments_plain(count, words, &given, &error);

	if (result == ARGUMENT_HELP)
		return command_help(&guest_command);
	if (result < 0 || guest_check(&given, &error) < 0 || guest_change(&given, &error) < 0)
		return command_complain(&error);
	return EXIT_OK;
}

const struct command guest_command = {
	.name = "guest",
	.run = guest_run,
	.line = "adds and removes guests of a running network",
	.help = "guestwire guest add [NAME] KIND,key=value,… [--json]\n"
		"guestwire guest rm [NAME] GUEST\n"
		"\n"
		"Adds what up --guest takes to the running network NAME, or takes it away again by its name: the one "
		"that\n"
		"name= gave, or the one that show says. Guests that are connected to it are disconnected.\n"
		"NAME may be left out while one network runs.\n"
		"\n"
		"  --json   prints what was made as one line of JSON\n",
};
