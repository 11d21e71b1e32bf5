/* SPDX-License-Identifier: MIT */
/* guestwire ls: the networks of this user that run. Which do is known from their locks; what they are, each says. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/member.h"
#include "cli/table.h"
#include "os/process.h"

enum { LS_PATIENCE_MS = 1000 }; /* with all of them together, to be let in and again to be answered */

struct ls_network {
	char name[CONFIG_NAME_BYTES + 1];
	pid_t pid;
	bool asked;
	struct connection connection;
};

struct ls {
	struct ls_network *networks;
	size_t count;
	int64_t until_ms;
	struct table table;
	json_t *list;
};

static void ls_row(struct ls *ls, const json_t *network, const char *name, pid_t pid)
{
	const json_t *list = json_object_get(network, "guests");
	json_int_t guests = 0;
	json_t *guest;
	size_t i;

	json_array_foreach (list, i, guest)
		guests += json_integer_value(json_object_get(guest, "guests"));
	table_row(&ls->table);
	table_cell(&ls->table, "%s", name);
	table_cell(&ls->table, pid > 0 ? "%d" : "-", (int)pid);
	table_cell(&ls->table, "%s",
		   list                      ? member_text(network, "uplink")
		   : process_is_stopped(pid) ? "is stopped"
					     : "does not answer");
	table_cell(&ls->table, "%s", member_text(network, "net4"));
	table_cell(&ls->table, "%s", member_text(network, "net6"));
	if (list)
		table_cell(&ls->table, "%lld", (long long)guests);
}

/* All are asked before one is waited for: one that does not answer holds up none of the others. */
static void ls_on_name(void *owner, const char *name, pid_t pid)
{
	const struct request request = {.command = REQUEST_STATUS};
	struct ls *ls = owner;
	struct ls_network *networks = realloc(ls->networks, (ls->count + 1) * sizeof(*networks)), *network;
	int64_t left_ms = ls->until_ms - command_now_ms();

	if (!networks)
		return;
	ls->networks = networks;
	network = &networks[ls->count++];
	network->pid = pid;
	snprintf(network->name, sizeof(network->name), "%s", name);
	network->asked = connection_open_within(name, left_ms > 0 ? left_ms : 1, &network->connection, NULL) == 0 &&
			 connection_tell(&network->connection, &request, NULL) == 0;
}

/* One that starts or ends just now may not answer: it is listed by what is known of it. */
static void ls_hear(struct ls *ls, struct ls_network *network)
{
	struct answer answer = {0};

	if (!network->asked || connection_hear(&network->connection, ls->until_ms, &answer, NULL) < 0)
		answer.object = json_pack("{s:s, s:o}", "name", network->name, "pid",
					  network->pid > 0 ? json_integer(network->pid) : json_null());
	connection_done(&network->connection);
	json_object_del(answer.object, "ok");
	ls_row(ls, answer.object, network->name, network->pid);
	json_array_append(ls->list, answer.object);
	answer_done(&answer);
}

static void ls_print(const char *base, bool json)
{
	struct ls ls = {.list = json_array(), .until_ms = command_now_ms() + LS_PATIENCE_MS};

	table_init(&ls.table, "NAME\tPID\tUPLINK\tIPV4\tIPV6\tGUESTS");
	runtime_each(base, ls_on_name, &ls);
	ls.until_ms = command_now_ms() + LS_PATIENCE_MS;
	for (size_t i = 0; i < ls.count; i++)
		ls_hear(&ls, &ls.networks[i]);
	if (json)
		member_print(ls.list);
	else if (ls.count == 0)
		fputs("no network runs\n", stderr);
	else
		table_print(&ls.table, stdout);
	table_done(&ls.table);
	json_decref(ls.list);
	free(ls.networks);
}

static int ls_run(int count, char **words)
{
	static const struct argument options[] = {{"json", 0, false}, {0}};
	char base[RUNDIR_PATH_BYTES];
	struct arguments arguments;
	struct error error = {0};
	bool json = false;
	const char *word;
	int found;

	arguments_init(&arguments, options, count, words);
	while ((found = arguments_next(&arguments, &word, &error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP)
			return command_help(&ls_command);
		if (found == ARGUMENT_PLAIN)
			error_set(&error, -EINVAL, "ls: takes no %.60s; guestwire show %.60s says more of one", word,
				  word);
		if (found < 0)
			return command_complain(&error);
		json = true;
	}
	if (connection_base(base, &error) < 0)
		return command_complain(&error);
	ls_print(base, json);
	return EXIT_OK;
}

const struct command ls_command = {
	.name = "ls",
	.run = ls_run,
	.line = "lists the networks that run",
	.help = "guestwire ls [--json]\n"
		"\n"
		"Lists this user's networks that run: name, process, uplink, addresses, guests connected.\n"
		"\n"
		"  --json   one line of JSON: a list\n",
};
