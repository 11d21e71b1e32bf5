/* SPDX-License-Identifier: MIT */
/* A rule may have several sockets, one after the other: what is to be said of the rule stands at the first. */
#include "cli/forwardline.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/member.h"
#include "cli/table.h"

const char *forwardline_private(const json_t *forward, char *text, size_t room)
{
	const char *port = strrchr(member_text(forward, "listening"), ':');
	/* "tcp::2222-:22": no guest was named */
	bool named = !strstr(member_text(forward, "spec"), "-:");
	const char *guest = member_text(forward, "guest");
	bool brackets = named && strchr(guest, ':') && *guest != '[';

	snprintf(text, room, "127.0.0.1%s:%s%s%s%s%lld%s", port ? port : ":", brackets ? "[" : "", named ? guest : "",
		 brackets ? "]" : "", named ? ":" : "", member_number(forward, "guest_port"),
		 strcmp(member_text(forward, "protocol"), "udp") == 0 ? "/udp" : "");
	return text;
}

/* The two families of one port at every interface are one line: "*:2222". The second comes behind the first. */
static bool forwardline_is_pair(const json_t *one, const json_t *other)
{
	const char *first = member_text(one, "listening"), *second = member_text(other, "listening");

	return member_number(one, "id") == member_number(other, "id") && strncmp(first, "0.0.0.0:", 8) == 0 &&
	       strncmp(second, "[::]:", 5) == 0 && strcmp(first + 8, second + 5) == 0;
}

/* Calls for each line: the socket, the other one of its pair or NULL, and where it listens. */
static void forwardline_each(const json_t *forwards,
			     void (*on_line)(void *owner, const json_t *forward, const json_t *pair,
					     const char *listening),
			     void *owner)
{
	const json_t *forward;
	char listening[32];
	size_t i;

	json_array_foreach (forwards, i, forward) {
		const json_t *next = json_array_get(forwards, i + 1);

		if (i > 0 && forwardline_is_pair(json_array_get(forwards, i - 1), forward))
			continue;
		if (!next || !forwardline_is_pair(forward, next)) {
			on_line(owner, forward, NULL, member_text(forward, "listening"));
			continue;
		}
		snprintf(listening, sizeof(listening), "*%s", strrchr(member_text(forward, "listening"), ':'));
		on_line(owner, forward, next, listening);
	}
}

struct forwardline {
	FILE *to;
	long long told; /* the rule that was said how to keep private */
};

static void forwardline_on_line(void *owner, const json_t *forward, const json_t *pair, const char *listening)
{
	struct forwardline *line = owner;
	long long id = member_number(forward, "id");
	const char *guest = member_text(forward, "guest");
	bool is6 = strchr(guest, ':') != NULL;
	char text[200];

	(void)pair;
	fprintf(line->to, "forward %s %s -> %s%s%s:%lld", member_text(forward, "protocol"), listening, is6 ? "[" : "",
		guest, is6 ? "]" : "", member_number(forward, "guest_port"));
	if (member_truth(forward, "everywhere") && id != line->told)
		fprintf(line->to, " (others can reach it; -p %s keeps it to this machine)",
			forwardline_private(forward, text, sizeof(text)));
	line->told = id;
	fputc('\n', line->to);
}

void forwardline_print(const json_t *forwards, FILE *to)
{
	struct forwardline line = {.to = to, .told = -1};

	forwardline_each(forwards, forwardline_on_line, &line);
}

static void forwardline_on_row(void *owner, const json_t *forward, const json_t *pair, const char *listening)
{
	struct table *table = owner;
	bool everywhere = member_truth(forward, "everywhere"), spliced = member_truth(forward, "spliced");

	table_row(table);
	table_cell(table, "%lld", member_number(forward, "id"));
	table_cell(table, "%s", member_text(forward, "protocol"));
	table_cell(table, "%s", listening);
	table_cell(table, "%s", member_text(forward, "guest"));
	table_cell(table, "%lld", member_number(forward, "guest_port"));
	table_cell(table, "%lld", member_number(forward, "connections") + member_number(pair, "connections"));
	table_cell(table, "%s%s%s", everywhere ? "every interface" : "", everywhere && spliced ? ", " : "",
		   spliced ? "spliced" : "");
}

void forwardline_print_table(const json_t *forwards)
{
	struct table table;

	table_init(&table, "FORWARD\tPROTOCOL\tLISTENING\tGUEST\tPORT\tCONNECTIONS\t");
	forwardline_each(forwards, forwardline_on_row, &table);
	table_print(&table, stdout);
	table_done(&table);
}

/* Connections are counted among the splices. */
static void forwardline_datagrams(struct table *table, const json_t *passage)
{
	static const char *const counters[] = {"datagrams_to", "datagrams_from", "datagrams_lost"};

	if (!json_object_get(passage, counters[0]))
		return;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		table_cell(table, "%lld", member_number(passage, counters[i]));
}

void forwardline_print_passages(const json_t *passages)
{
	struct table table;
	const json_t *passage;
	size_t i;

	if (json_array_size(passages) == 0)
		return;
	table_init(&table, "PASSAGE\tPROTOCOL\tLISTENING\tTO\tCONNECTIONS\tDATAGRAMS TO\tFROM\tLOST");
	json_array_foreach (passages, i, passage) {
		table_row(&table);
		table_cell(&table, "%s", member_truth(passage, "to_guest") ? "in" : "out");
		table_cell(&table, "%s", member_text(passage, "protocol"));
		table_cell(&table, "%s", member_text(passage, "listening"));
		table_cell(&table, "%s", member_text(passage, "to"));
		table_cell(&table, "%lld", member_number(passage, "connections"));
		forwardline_datagrams(&table, passage);
	}
	table_print(&table, stdout);
	table_done(&table);
}
