/* SPDX-License-Identifier: MIT */
/* A rule may have several sockets, one after the other: ports in a row are one line, whichever rules they are of. */
#include "cli/forwardline.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "cli/table.h"

enum {
	FORWARDLINE_PORTS_BYTES = 48,
	FORWARDLINE_PLACE_BYTES = 128, /* a path among them */
	FORWARDLINE_PRIVATE_BYTES = 200,
};

/* "8080", or "8080-8090". */
static void forwardline_ports(char *text, size_t room, long long first, long long count)
{
	if (count > 1)
		snprintf(text, room, "%lld-%lld", first, first + count - 1);
	else
		snprintf(text, room, "%lld", first);
}

/* The number behind the last ':' of what listens; 0: there is none. */
static long long forwardline_port(const char *listening)
{
	const char *colon = strrchr(listening, ':');

	return colon ? strtoll(colon + 1, NULL, 10) : 0;
}

const char *forwardline_private(const json_t *forward, long long count, char *text, size_t room)
{
	/* "tcp::2222-:22": no guest was named */
	bool named = !strstr(member_text(forward, "spec"), "-:");
	const char *guest = member_text(forward, "guest");
	bool brackets = named && strchr(guest, ':') && *guest != '[';
	char ports[FORWARDLINE_PORTS_BYTES], guest_ports[FORWARDLINE_PORTS_BYTES];

	forwardline_ports(ports, sizeof(ports), forwardline_port(member_text(forward, "listening")), count);
	forwardline_ports(guest_ports, sizeof(guest_ports), member_number(forward, "guest_port"), count);
	snprintf(text, room, "127.0.0.1:%s:%s%s%s%s%s%s", ports, brackets ? "[" : "", named ? guest : "",
		 brackets ? "]" : "", named ? ":" : "", guest_ports,
		 strcmp(member_text(forward, "protocol"), "udp") == 0 ? "/udp" : "");
	return text;
}

static const char any4[] = "0.0.0.0", any6[] = "[::]";

/* The two families of one port at every address are one line: "*:2222", "*%eth0:2222". The second comes behind the first. */
static bool forwardline_is_pair(const json_t *one, const json_t *other)
{
	const char *first = member_text(one, "listening"), *second = member_text(other, "listening");

	return member_number(one, "id") == member_number(other, "id") && strncmp(first, any4, strlen(any4)) == 0 &&
	       strncmp(second, any6, strlen(any6)) == 0 && strcmp(first + strlen(any4), second + strlen(any6)) == 0;
}

/* Calls for each line: the socket, the other one of its pair or NULL, and where it listens. */
static void forwardline_each(const json_t *forwards,
			     void (*on_line)(void *owner, const json_t *forward, const json_t *pair,
					     const char *listening),
			     void *owner)
{
	const json_t *forward;
	char listening[FORWARDLINE_PLACE_BYTES];
	size_t i;

	json_array_foreach (forwards, i, forward) {
		const json_t *next = json_array_get(forwards, i + 1);

		if (i > 0 && forwardline_is_pair(json_array_get(forwards, i - 1), forward))
			continue;
		if (!next || !forwardline_is_pair(forward, next)) {
			on_line(owner, forward, NULL, member_text(forward, "listening"));
			continue;
		}
		snprintf(listening, sizeof(listening), "*%s", member_text(forward, "listening") + strlen(any4));
		on_line(owner, forward, next, listening);
	}
}

/* What is not printed yet: `count` ports from that of `first` on. */
struct forwardline {
	FILE *to;
	const json_t *first; /* NULL: nothing */
	char listening[FORWARDLINE_PLACE_BYTES];
	long long count;
	long long told; /* the rule that was said how to keep private */
};

/* The next port of the same place, and so is the guest's. */
static bool forwardline_goes_on(const struct forwardline *line, const json_t *forward, const char *listening)
{
	static const char *const same[] = {"protocol", "guest"};
	size_t place;

	if (strcmp(member_text(forward, "protocol"), "unix") == 0)
		return false;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		if (strcmp(member_text(line->first, same[i]), member_text(forward, same[i])) != 0)
			return false;
	}
	place = (size_t)(strrchr(line->listening, ':') - line->listening);
	return strncmp(line->listening, listening, place + 1) == 0 &&
	       forwardline_port(listening) == forwardline_port(line->listening) + line->count &&
	       member_number(forward, "guest_port") == member_number(line->first, "guest_port") + line->count;
}

static void forwardline_flush(struct forwardline *line)
{
	const json_t *forward = line->first;
	const char *guest = member_text(forward, "guest");
	bool is6 = strchr(guest, ':') != NULL;
	char text[FORWARDLINE_PRIVATE_BYTES], more[FORWARDLINE_PORTS_BYTES] = "", ports[FORWARDLINE_PORTS_BYTES];

	if (!forward)
		return;
	if (line->count > 1)
		snprintf(more, sizeof(more), "-%lld", forwardline_port(line->listening) + line->count - 1);
	forwardline_ports(ports, sizeof(ports), member_number(forward, "guest_port"), line->count);
	fprintf(line->to, "forward %s %s%s -> %s%s%s:%s", member_text(forward, "protocol"), line->listening, more,
		is6 ? "[" : "", guest, is6 ? "]" : "", ports);
	if (member_truth(forward, "everywhere") && member_number(forward, "id") != line->told)
		fprintf(line->to, " (others can reach it; -p %s keeps it to this machine)",
			forwardline_private(forward, line->count, text, sizeof(text)));
	line->told = member_number(forward, "id");
	fputc('\n', line->to);
}

static void forwardline_on_line(void *owner, const json_t *forward, const json_t *pair, const char *listening)
{
	struct forwardline *line = owner;

	(void)pair;
	if (line->first && forwardline_goes_on(line, forward, listening)) {
		line->count++;
		return;
	}
	forwardline_flush(line);
	line->first = forward;
	line->count = 1;
	snprintf(line->listening, sizeof(line->listening), "%s", listening);
}

void forwardline_print(const json_t *forwards, FILE *to)
{
	struct forwardline line = {.to = to, .told = -1};

	forwardline_each(forwards, forwardline_on_line, &line);
	forwardline_flush(&line);
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
