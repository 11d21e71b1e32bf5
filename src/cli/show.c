/* SPDX-License-Identifier: MIT */
/* guestwire show: one network for a person, or all of it as JSON. What is marked with ! wants to be looked at. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/forwardline.h"
#include "cli/member.h"
#include "cli/quantity.h"
#include "cli/table.h"
#include "guestwire/guestwire.h"

/* outbound=: "  out by wg0", "  out from 192.0.2.5". */
static void show_outbound(const json_t *network, const char *interface, const char *address)
{
	if (*member_text(network, interface))
		printf("  out by %s", member_text(network, interface));
	if (*member_text(network, address))
		printf("%s from %s", *member_text(network, interface) ? "" : "  out", member_text(network, address));
}

static void show_network(const json_t *network)
{
	printf("network %s  pid %lld  uplink %s  mtu %lld  gateway %s\n", member_text(network, "name"),
	       member_number(network, "pid"), member_text(network, "uplink"), member_number(network, "mtu"),
	       member_text(network, "mac"));
	if (*member_text(network, "net4"))
		printf("  IPv4 %s  gateway %s", member_text(network, "net4"), member_text(network, "host4"));
	if (*member_text(network, "dhcp4_first"))
		printf("  leases %s to %s", member_text(network, "dhcp4_first"), member_text(network, "dhcp4_last"));
	if (*member_text(network, "net4")) {
		show_outbound(network, "outbound_if4", "outbound4");
		putchar('\n');
	}
	if (*member_text(network, "net6")) {
		printf("  IPv6 %s  gateway %s", member_text(network, "net6"), member_text(network, "host6"));
		show_outbound(network, "outbound_if6", "outbound6");
		putchar('\n');
	}
	if (*member_text(network, "resolvers"))
		printf("  DNS  asks %s\n", member_text(network, "resolvers"));
}

static void show_guests(const json_t *guests)
{
	struct table table;
	const json_t *guest;
	size_t i;

	table_init(&table, "GUEST\tKIND\tWHERE\tCONNECTED");
	json_array_foreach (guests, i, guest) {
		table_row(&table);
		table_cell(&table, "%s", member_text(guest, "name"));
		table_cell(&table, "%s", member_text(guest, "kind"));
		table_cell(&table, "%s", member_text(guest, "describe"));
		table_cell(&table, "%lld of %lld", member_number(guest, "guests"), member_number(guest, "guests_max"));
	}
	if (json_array_size(guests))
		putchar('\n');
	table_print(&table, stdout);
	table_done(&table);
}

/* The lease that is bound to a MAC address: IPv4 before IPv6. */
static const json_t *lease_of(const json_t *leases, const char *mac)
{
	const json_t *lease, *found = NULL;
	size_t i;

	json_array_foreach (leases, i, lease) {
		if (strcmp(member_text(lease, "state"), "bound") != 0 || strcmp(member_text(lease, "mac"), mac) != 0)
			continue;
		if (!found || strchr(member_text(found, "address"), ':'))
			found = lease;
	}
	return found;
}

static void show_marks(struct table *table, const json_t *port)
{
	table_cell(table, "%s%s%s%s", member_truth(port, "conflict") ? "MAC conflict " : "",
		   member_truth(port, "muted") ? "muted " : "", member_truth(port, "isolated") ? "isolated " : "",
		   member_truth(port, "connected") ? "" : "not connected");
}

static void show_traffic(struct table *table, const json_t *traffic)
{
	char size[QUANTITY_TEXT_BYTES];

	table_cell(table, "%lld/%s", member_number(traffic, "frames"),
		   quantity_bytes(member_number(traffic, "bytes"), size));
}

static long long drops_sum(const json_t *drops)
{
	long long sum = 0;
	const char *name;
	const json_t *count;

	/* jansson's loop wants a table that it may change. */
	json_object_foreach ((json_t *)drops, name, count)
		sum += (long long)json_integer_value(count);
	return sum;
}

static void show_port(struct table *table, const json_t *port, const json_t *leases)
{
	const json_t *macs = json_object_get(port, "macs"), *queue = json_object_get(port, "queue");
	const char *mac = json_string_value(json_array_get(macs, 0));
	const json_t *lease = mac ? lease_of(leases, mac) : NULL;
	char size[QUANTITY_TEXT_BYTES], more[32] = "", left[QUANTITY_TEXT_BYTES] = "";

	if (member_number(port, "mac_count") > 1)
		snprintf(more, sizeof(more), " +%lld", member_number(port, "mac_count") - 1);
	table_row(table);
	table_cell(table, "%s%s", member_truth(port, "conflict") || member_truth(port, "muted") ? "! " : "  ",
		   member_text(port, "name"));
	table_cell(table, "%s", member_text(port, "kind"));
	table_cell(table, "%s", lease ? member_text(lease, "name") : "");
	table_cell(table, "%s%s", mac ? mac : "", more);
	table_cell(table, "%s", lease ? member_text(lease, "address") : "");
	table_cell(table, "%s", lease ? quantity_seconds(member_number(lease, "seconds_left"), left) : "");
	show_traffic(table, json_object_get(port, "from_guest"));
	show_traffic(table, json_object_get(port, "to_guest"));
	table_cell(table, "%s", quantity_bytes(member_number(queue, "bytes"), size));
	table_cell(table, "%lld", drops_sum(json_object_get(port, "drops")));
	show_marks(table, port);
}

static void show_ports(const json_t *ports, const json_t *leases)
{
	struct table table;
	const json_t *port;
	size_t i;

	table_init(&table, "  PORT\tKIND\tHOST\tMAC\tADDRESS\tLEASE\tFROM GUEST\tTO GUEST\tQUEUE\tDROPS\t");
	json_array_foreach (ports, i, port)
		show_port(&table, port, leases);
	if (json_array_size(ports))
		putchar('\n');
	table_print(&table, stdout);
	table_done(&table);
}

static bool mac_on_port(const json_t *ports, const char *mac)
{
	const json_t *port, *one;
	size_t i, j;

	json_array_foreach (ports, i, port) {
		json_array_foreach (json_object_get(port, "macs"), j, one) {
			if (strcmp(json_string_value(one), mac) == 0)
				return true;
		}
	}
	return false;
}

/* Those that the table of ports has not shown: of guests that are away, further addresses, offers. */
static void show_leases(const json_t *leases, const json_t *ports)
{
	struct table table;
	const json_t *lease;
	char left[QUANTITY_TEXT_BYTES];
	size_t i;

	table_init(&table, "OTHER LEASE\tMAC\tHOST\tSTATE\tLEFT\t");
	json_array_foreach (leases, i, lease) {
		if (mac_on_port(ports, member_text(lease, "mac")) &&
		    lease_of(leases, member_text(lease, "mac")) == lease)
			continue;
		table_row(&table);
		table_cell(&table, "%s", member_text(lease, "address"));
		table_cell(&table, "%s", member_text(lease, "mac"));
		table_cell(&table, "%s", member_text(lease, "name"));
		table_cell(&table, "%s", member_truth(lease, "away") ? "away" : member_text(lease, "state"));
		table_cell(&table, "%s", quantity_seconds(member_number(lease, "seconds_left"), left));
		table_cell(&table, "%s", member_truth(lease, "reserved") ? "reserved" : "");
	}
	if (table.rows > 1)
		putchar('\n');
	table_print(&table, stdout);
	table_done(&table);
}

static const char *drop_text_of(const char *name)
{
	for (unsigned i = 1; i < gw_drop_reasons(); i++) {
		if (strcmp(gw_drop_name(i), name) == 0)
			return gw_drop_text(i);
	}
	return "";
}

static void show_drop(struct table *table, const char *where, const char *reason, long long count)
{
	table_row(table);
	table_cell(table, "%s", where);
	table_cell(table, "%lld", count);
	table_cell(table, "%s", reason);
	table_cell(table, "%s", drop_text_of(reason));
}

/* Those of each port, or of each socket before there was a port; `sums` collects them. */
static void show_drops_of(struct table *table, const json_t *list, json_t *sums)
{
	json_t *one, *count;
	const char *reason;
	size_t i;

	json_array_foreach (list, i, one) {
		json_object_foreach (json_object_get(one, "drops"), reason, count) {
			json_int_t sum = json_integer_value(json_object_get(sums, reason)) + json_integer_value(count);

			show_drop(table, member_text(one, "name"), reason, (long long)json_integer_value(count));
			json_object_set_new(sums, reason, json_integer(sum));
		}
	}
}

static void show_drops(const json_t *object)
{
	json_t *sums = json_object(), *count;
	struct table table;
	const char *reason;

	table_init(&table, "DROPPED AT\tFRAMES\tREASON\t");
	show_drops_of(&table, json_object_get(object, "ports"), sums);
	show_drops_of(&table, json_object_get(object, "guests"), sums);
	json_object_foreach (json_object_get(object, "drops"), reason, count) {
		long long rest =
			(long long)(json_integer_value(count) - json_integer_value(json_object_get(sums, reason)));

		if (rest > 0)
			show_drop(&table, "guests that left", reason, rest);
	}
	if (table.rows > 1)
		putchar('\n');
	table_print(&table, stdout);
	table_done(&table);
	json_decref(sums);
}

static void show_forwards(const json_t *forwards, const json_t *passages)
{
	if (json_array_size(forwards))
		putchar('\n');
	forwardline_print_table(forwards);
	if (json_array_size(passages))
		putchar('\n');
	forwardline_print_passages(passages);
}

/* Of one list of the library's, those that are not 0. */
static void show_counters(const char *heading, const json_t *object, unsigned count, const char *(*name)(unsigned),
			  const char *(*text)(unsigned))
{
	struct table table;

	table_init(&table, heading);
	for (unsigned i = 0; i < count; i++) {
		if (!member_number(object, name(i)))
			continue;
		table_row(&table);
		table_cell(&table, "%s", name(i));
		table_cell(&table, "%lld", member_number(object, name(i)));
		table_cell(&table, "%s", text(i));
	}
	table_print(&table, stdout);
	table_done(&table);
}

/* How full the table of flows is, too. */
static void show_nat(const json_t *nat)
{
	if (nat)
		printf("\nflows: %lld of %lld (guestwire flows lists them)\n", member_number(nat, "flows"),
		       member_number(nat, "flows_max"));
	show_counters("NAT\tCOUNT\t", nat, gw_nat_counters(), gw_nat_counter_name, gw_nat_counter_text);
}

/* What runs between loopback interfaces; nothing has in most networks. */
static void show_splices(const json_t *splices)
{
	if (!member_number(splices, gw_splice_counter_name(0)))
		return;
	printf("\nspliced connections: %lld open\n", member_number(splices, "open"));
	show_counters("SPLICED\tCOUNT\t", splices, gw_splice_counters(), gw_splice_counter_name,
		      gw_splice_counter_text);
}

/* Of guests that left; none has in most networks. */
static void show_dhcp(const json_t *dhcp)
{
	bool any = false;

	for (unsigned i = 0; i < gw_lease_counters(); i++)
		any = any || member_number(dhcp, gw_lease_counter_name(i));
	if (!any)
		return;
	putchar('\n');
	show_counters("LEASES\tCOUNT\t", dhcp, gw_lease_counters(), gw_lease_counter_name, gw_lease_counter_text);
}

static void show_print(json_t *object)
{
	const json_t *ports = json_object_get(object, "ports"), *leases = json_object_get(object, "leases");

	show_network(object);
	show_guests(json_object_get(object, "guests"));
	show_ports(ports, leases);
	show_leases(leases, ports);
	show_dhcp(json_object_get(object, "dhcp"));
	show_forwards(json_object_get(object, "forwards"), json_object_get(object, "passages"));
	show_nat(json_object_get(object, "nat"));
	show_splices(json_object_get(object, "splices"));
	show_drops(object);
}

static int show(const char *name, bool json, struct error *ret_error)
{
	const struct request request = {.command = REQUEST_SHOW};
	struct answer answer;
	int result = connection_once(name, &request, &answer, ret_error);

	if (result < 0)
		return result;
	json_object_del(answer.object, "ok");
	if (json)
		member_print(answer.object);
	else
		show_print(answer.object);
	answer_done(&answer);
	return 0;
}

static int show_run(int count, char **words)
{
	struct error error = {0};
	const char *name;
	bool json;
	int result = arguments_network(count, words, &name, &json, &error);

	if (result == ARGUMENT_HELP)
		return command_help(&show_command);
	return result < 0 || show(name, json, &error) < 0 ? command_complain(&error) : EXIT_OK;
}

const struct command show_command = {
	.name = "show",
	.run = show_run,
	.line = "shows ports, guests, leases, counters and drops",
	.help = "guestwire show [NAME] [--json]\n"
		"\n"
		"Shows a running network: its addresses, what it serves, each port with its guest, MAC address, lease, "
		"traffic\n"
		"(frames/bytes), queue and drops, other leases, what the way out did, and the drops by reason. A line "
		"with ! wants to be "
		"looked at:\n"
		"two guests with one MAC address, or a guest that is muted. NAME may be left out while one network "
		"runs.\n"
		"\n"
		"  --json   all of it as one line of JSON\n",
};
