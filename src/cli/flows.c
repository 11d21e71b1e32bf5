/* SPDX-License-Identifier: MIT */
/* guestwire flows: the conversations of a network's guests with the world. They are asked for in parts, so the network
 * never holds all of them as text; with --json this command does not either, while the table has to be sorted. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/member.h"
#include "cli/quantity.h"
#include "cli/table.h"

struct flows {
	json_t *list; /* NULL: printed as they come */
	size_t count;
};

static void flows_on_part(struct flows *flows, const json_t *part)
{
	json_t *flow;
	size_t i;

	json_array_foreach (part, i, flow) {
		if (flows->list) {
			json_array_append(flows->list, flow);
		} else {
			putchar(flows->count ? ',' : '[');
			json_dumpf(flow, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		}
		flows->count++;
	}
}

/* All parts over one connection. */
static int flows_ask(struct flows *flows, const char *name, struct error *ret_error)
{
	struct request request = {.command = REQUEST_FLOWS};
	struct connection connection;
	struct answer answer;
	int result = connection_open(name, &connection, ret_error);

	if (result < 0)
		return result;
	do {
		result = connection_ask(&connection, &request, &answer, ret_error);
		if (result < 0)
			break;
		flows_on_part(flows, json_object_get(answer.object, "flows"));
		request.from = (uint64_t)member_number(answer.object, "next");
		answer_done(&answer);
	} while (request.from);
	connection_done(&connection);
	return result;
}

static long long flows_bytes(const json_t *flow)
{
	return member_number(flow, "from_guest") + member_number(flow, "to_guest");
}

/* By guest, and there the ones that carried most first. */
static int flows_compare(const void *left, const void *right)
{
	const json_t *a = *(const json_t *const *)left, *b = *(const json_t *const *)right;
	int order = strcmp(member_text(a, "port"), member_text(b, "port"));
	long long more = flows_bytes(b) - flows_bytes(a);

	if (order == 0)
		order = more < 0 ? -1 : more > 0;
	if (order == 0)
		order = strcmp(member_text(a, "guest"), member_text(b, "guest"));
	return order ? order : strcmp(member_text(a, "far"), member_text(b, "far"));
}

static void flows_row(struct table *table, const json_t *flow)
{
	char text[QUANTITY_TEXT_BYTES];

	table_row(table);
	table_cell(table, "%s", member_text(flow, "port"));
	table_cell(table, "%s", member_text(flow, "protocol"));
	table_cell(table, "%s", member_text(flow, "guest"));
	table_cell(table, "%s", *member_text(flow, "far") ? member_text(flow, "far") : "any");
	table_cell(table, "%s", member_text(flow, "state"));
	table_cell(table, "%s", quantity_bytes(member_number(flow, "from_guest"), text));
	table_cell(table, "%s", quantity_bytes(member_number(flow, "to_guest"), text));
	table_cell(table, "%s", quantity_seconds(member_number(flow, "idle_ms") / 1000, text));
}

static void flows_print_totals(const json_t *list)
{
	static const char *const protocols[] = {"tcp", "udp", "icmp"};
	char from[QUANTITY_TEXT_BYTES], to[QUANTITY_TEXT_BYTES];
	long long from_guest = 0, to_guest = 0;
	size_t counts[3] = {0}, i;
	json_t *flow;

	json_array_foreach (list, i, flow) {
		for (size_t j = 0; j < 3; j++)
			counts[j] += strcmp(member_text(flow, "protocol"), protocols[j]) == 0;
		from_guest += member_number(flow, "from_guest");
		to_guest += member_number(flow, "to_guest");
	}
	printf("%zu flow%s: %zu tcp, %zu udp, %zu icmp; %s from guests, %s to guests\n", json_array_size(list),
	       json_array_size(list) == 1 ? "" : "s", counts[0], counts[1], counts[2], quantity_bytes(from_guest, from),
	       quantity_bytes(to_guest, to));
}

static int flows_print(const json_t *list, struct error *ret_error)
{
	size_t count = json_array_size(list), i;
	json_t **sorted = calloc(count + 1, sizeof(json_t *)), *flow;
	struct table table;

	if (!sorted)
		return error_set(ret_error, -ENOMEM, "flows: no memory for a table of %zu; --json needs none", count);
	json_array_foreach (list, i, flow)
		sorted[i] = flow;
	qsort(sorted, count, sizeof(*sorted), flows_compare);
	table_init(&table, "PORT\tPROTOCOL\tGUEST\tFAR END\tSTATE\tFROM GUEST\tTO GUEST\tIDLE");
	for (i = 0; i < count; i++)
		flows_row(&table, sorted[i]);
	table_print(&table, stdout);
	flows_print_totals(list);
	table_done(&table);
	free(sorted);
	return 0;
}

static int flows_show(const char *name, bool json, struct error *ret_error)
{
	struct flows flows = {.list = json ? NULL : json_array()};
	int result = flows_ask(&flows, name, ret_error);

	if (result == 0 && json)
		puts(flows.count ? "]" : "[]");
	else if (result == 0)
		result = flows_print(flows.list, ret_error);
	else if (flows.count && json)
		putchar('\n'); /* cut short, and no JSON */
	json_decref(flows.list);
	return result;
}

static int flows_run(int count, char **words)
{
	struct error error = {0};
	const char *name;
	bool json;
	int result = arguments_network(count, words, &name, &json, &error);

	if (result == ARGUMENT_HELP)
		return command_help(&flows_command);
	return result < 0 || flows_show(name, json, &error) < 0 ? command_complain(&error) : EXIT_OK;
}

const struct command flows_command = {
	.name = "flows",
	.run = flows_run,
	.line = "lists the conversations of guests with the world",
	.help = "guestwire flows [NAME] [--json]\n"
		"\n"
		"Lists what the guests of NAME talk about with the world and this machine: protocol, both ends, state, "
		"bytes and\n"
		"for how long nothing came; by guest, those that carried most first, and the totals. A far end of any "
		"means that\n"
		"a UDP port of a guest may talk to several. NAME may be left out while one network runs.\n"
		"\n"
		"  --json   one line of JSON: a list, in no order\n",
};
