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

void forwardline_print(const json_t *forwards, FILE *to)
{
	long long told = -1;
	const json_t *forward;
	char text[200];
	size_t i;

	json_array_foreach(forwards, i, forward)
	{
		long long id = member_number(forward, "id");

		fprintf(to, "forward %s %s -> %s:%lld", member_text(forward, "protocol"),
			member_text(forward, "listening"), member_text(forward, "guest"),
			member_number(forward, "guest_port"));
		if (member_truth(forward, "everywhere") && id != told)
			fprintf(to, " (others can reach it; -p %s keeps it to this machine)",
				forwardline_private(forward, text, sizeof(text)));
		told = id;
		fputc('\n', to);
	}
}

void forwardline_print_table(const json_t *forwards)
{
	struct table table;
	const json_t *forward;
	size_t i;

	table_init(&table, "FORWARD\tPROTOCOL\tLISTENING\tGUEST\tPORT\tCONNECTIONS\t");
	json_array_foreach(forwards, i, forward)
	{
		table_row(&table);
		table_cell(&table, "%lld", member_number(forward, "id"));
		table_cell(&table, "%s", member_text(forward, "protocol"));
		table_cell(&table, "%s", member_text(forward, "listening"));
		table_cell(&table, "%s", member_text(forward, "guest"));
		table_cell(&table, "%lld", member_number(forward, "guest_port"));
		table_cell(&table, "%lld", member_number(forward, "connections"));
		table_cell(&table, "%s%s", member_truth(forward, "everywhere") ? "every interface " : "",
			   member_truth(forward, "spliced") ? "spliced" : "");
	}
	table_print(&table, stdout);
	table_done(&table);
}
