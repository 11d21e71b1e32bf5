/* SPDX-License-Identifier: MIT */
/* jansson's packing: a member that fails (a name that is not UTF-8) fails the object, so names are made clean first. */
#include "daemon/describe.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/target.h"
#include "guestwire/guestwire.h"

/* Paths and names may hold any byte; JSON holds UTF-8. The bytes that are not become '?'. */
static json_t *describe_text(const char *text)
{
	json_t *value = json_string(text ? text : "");
	char clean[512];
	size_t i = 0;

	if (value)
		return value;
	for (; text[i] && i < sizeof(clean) - 1; i++)
		clean[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	clean[i] = '\0';
	return json_string(clean);
}

static json_t *describe_count(uint64_t count)
{
	return json_integer((json_int_t)count);
}

/* Only the reasons that happened. */
static void describe_add_drops(json_t *object, const uint64_t *drops)
{
	for (unsigned i = 1; drops && i < gw_drop_reasons(); i++) {
		json_int_t before = json_integer_value(json_object_get(object, gw_drop_name(i)));

		if (drops[i])
			json_object_set_new(object, gw_drop_name(i), json_integer(before + (json_int_t)drops[i]));
	}
}

static json_t *describe_drops(const uint64_t *drops)
{
	json_t *object = json_object();

	describe_add_drops(object, drops);
	return object;
}

static void describe_on_network(void *owner, const struct gw_network_info *info)
{
	json_t **ret_object = owner;

	*ret_object =
		json_pack("{s:o, s:i, s:s, s:o, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, "
			  "s:o, s:s, s:o, s:s, s:s}",
			  "name", describe_text(info->name), "pid", (int)getpid(), "version", gw_version(), "uplink",
			  describe_text(info->uplink), "mtu", (int)info->mtu, "mac", info->mac, "net4", info->net4,
			  "host4", info->host4, "dhcp4_first", info->dhcp4_first, "dhcp4_last", info->dhcp4_last,
			  "net6", info->net6, "host6", info->host6, "restricted", (int)info->restricted,
			  "host_loopback", (int)info->host_loopback, "outbound_if4", describe_text(info->outbound_if4),
			  "outbound4", info->outbound4, "outbound_if6", describe_text(info->outbound_if6), "outbound6",
			  info->outbound6, "resolvers", info->resolvers);
}

json_t *describe_network(struct gw_network *network, const char *control_path)
{
	json_t *object = NULL;

	gw_network_describe(network, describe_on_network, &object);
	if (object)
		json_object_set_new(object, "control", describe_text(control_path));
	return object;
}

static void describe_on_guest(void *owner, const struct gw_guest_info *info)
{
	json_array_append_new(owner,
			      json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", describe_text(info->name),
					"kind", describe_text(info->kind), "describe", describe_text(info->describe),
					"path", describe_text(info->path), "address", describe_text(info->address),
					"guests", describe_count(info->guests), "guests_max",
					describe_count(info->guests_max), "drops", describe_drops(info->drops)));
}

json_t *describe_guests(struct gw_network *network)
{
	json_t *list = json_array();

	gw_network_each_guest(network, describe_on_guest, list);
	return list;
}

static json_t *describe_macs(const struct gw_port_info *info)
{
	json_t *list = json_array();

	for (size_t i = 0; i < info->mac_count && i < sizeof(info->macs) / sizeof(info->macs[0]); i++)
		json_array_append_new(list, describe_text(info->macs[i]));
	return list;
}

static json_t *describe_traffic(uint64_t frames, uint64_t bytes)
{
	return json_pack("{s:o, s:o}", "frames", describe_count(frames), "bytes", describe_count(bytes));
}

static void describe_on_port(void *owner, const struct gw_port_info *info)
{
	const struct gw_counters *counters = &info->counters;
	json_t *port = json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "name", describe_text(info->name), "kind",
				 describe_text(info->kind), "guest", describe_text(info->guest), "far_end",
				 describe_text(info->far_end), "connected", info->connected, "conflict", info->conflict,
				 "muted", info->muted, "isolated", info->isolated);

	if (!port)
		return;
	json_object_set_new(port, "macs", describe_macs(info));
	json_object_set_new(port, "mac_count", describe_count(info->mac_count));
	json_object_set_new(port, "from_guest",
			    describe_traffic(counters->from_guest_frames, counters->from_guest_bytes));
	json_object_set_new(port, "to_guest", describe_traffic(counters->to_guest_frames, counters->to_guest_bytes));
	json_object_set_new(port, "queue",
			    json_pack("{s:o, s:o, s:o}", "bytes", describe_count(info->queued_bytes), "peak",
				      describe_count(info->queued_peak_bytes), "bound",
				      describe_count(info->queue_bound_bytes)));
	json_object_set_new(port, "drops", describe_drops(info->drops));
	json_array_append_new(owner, port);
}

static void describe_on_network_drops(void *owner, const struct gw_network_info *info)
{
	describe_add_drops(owner, info->drops);
}

json_t *describe_drops_total(struct gw_network *network)
{
	json_t *total = json_object();

	gw_network_describe(network, describe_on_network_drops, total);
	return total;
}

json_t *describe_ports(struct gw_network *network)
{
	json_t *list = json_array();

	gw_network_each_port(network, describe_on_port, list);
	return list;
}

/* A list of the library's counters; `object` may be NULL. */
static void describe_counters(json_t *object, unsigned count, const char *(*name)(unsigned), const uint64_t *values)
{
	for (unsigned i = 0; object && i < count; i++)
		json_object_set_new(object, name(i), describe_count(values[i]));
}

static void describe_on_nat(void *owner, const struct gw_network_info *info)
{
	json_t **ret_object = owner;

	if (!info->nat)
		return;
	*ret_object = json_pack("{s:o, s:o}", "flows", describe_count(info->flows), "flows_max",
				describe_count(info->flows_max));
	describe_counters(*ret_object, gw_nat_counters(), gw_nat_counter_name, info->nat);
}

json_t *describe_nat(struct gw_network *network)
{
	json_t *object = NULL;

	gw_network_describe(network, describe_on_nat, &object);
	return object;
}

static void describe_on_splices(void *owner, const struct gw_network_info *info)
{
	json_t **ret_object = owner;

	*ret_object = json_pack("{s:o}", "open", describe_count(info->splices));
	describe_counters(*ret_object, gw_splice_counters(), gw_splice_counter_name, info->spliced);
}

static void describe_on_dhcp(void *owner, const struct gw_network_info *info)
{
	describe_counters(owner, gw_lease_counters(), gw_lease_counter_name, info->leased);
}

json_t *describe_dhcp(struct gw_network *network)
{
	json_t *object = json_object();

	gw_network_describe(network, describe_on_dhcp, object);
	return object;
}

json_t *describe_splices(struct gw_network *network)
{
	json_t *object = NULL;

	gw_network_describe(network, describe_on_splices, &object);
	return object;
}

struct describe_forwards {
	json_t *list;
	unsigned id;
};

static void describe_on_forward(void *owner, const struct gw_forward_info *info)
{
	const struct describe_forwards *forwards = owner;

	if (forwards->id && forwards->id != info->id)
		return;
	json_array_append_new(forwards->list,
			      json_pack("{s:i, s:o, s:s, s:o, s:o, s:i, s:b, s:b, s:o}", "id", (int)info->id, "spec",
					describe_text(info->spec), "protocol", info->protocol, "listening",
					describe_text(info->listening), "guest", describe_text(info->guest),
					"guest_port", (int)info->guest_port, "everywhere", (int)info->everywhere,
					"spliced", (int)info->spliced, "connections",
					describe_count(info->connections)));
}

json_t *describe_forwards(struct gw_network *network, unsigned id)
{
	struct describe_forwards forwards = {.list = json_array(), .id = id};

	gw_network_each_forward(network, describe_on_forward, &forwards);
	return forwards.list;
}

static void describe_on_passage(void *owner, const struct gw_passage_info *info)
{
	json_t *passage =
		json_pack("{s:s, s:s, s:s, s:b, s:o}", "protocol", info->protocol, "listening", info->listening, "to",
			  info->to, "to_guest", (int)info->to_guest, "connections", describe_count(info->connections));

	if (passage && strcmp(info->protocol, "udp") == 0) {
		json_object_set_new(passage, "datagrams_to", describe_count(info->to_far));
		json_object_set_new(passage, "datagrams_from", describe_count(info->from_far));
		json_object_set_new(passage, "datagrams_lost", describe_count(info->lost));
	}
	json_array_append_new(owner, passage);
}

json_t *describe_passages(struct gw_network *network)
{
	json_t *list = json_array();

	gw_network_each_passage(network, describe_on_passage, list);
	return list;
}

static void describe_on_flow(void *owner, const struct gw_flow_info *info)
{
	json_array_append_new(owner,
			      json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "protocol", info->protocol, "guest",
					info->guest, "far", info->far, "port", describe_text(info->port), "state",
					info->state, "from_guest", describe_count(info->from_guest_bytes), "to_guest",
					describe_count(info->to_guest_bytes), "idle_ms",
					describe_count(info->idle_us / 1000)));
}

json_t *describe_flows(struct gw_network *network, size_t from, size_t most, size_t *ret_next)
{
	json_t *list = json_array();

	*ret_next = gw_network_each_flow(network, from, most, describe_on_flow, list);
	return list;
}

static void describe_on_lease(void *owner, const struct gw_lease_info *info)
{
	json_array_append_new(owner, json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "address",
					       describe_text(info->address), "mac", describe_text(info->mac), "name",
					       describe_text(info->name), "state", describe_text(info->state),
					       "seconds_left", json_integer((json_int_t)info->seconds_left), "reserved",
					       info->reserved, "away", info->away));
}

json_t *describe_leases(struct gw_network *network)
{
	json_t *list = json_array();

	gw_network_each_lease(network, describe_on_lease, list);
	return list;
}

json_t *describe_target(const struct target *target)
{
	json_t *macs = json_array(), *addresses = json_array();

	for (size_t i = 0; i < target->mac_count; i++)
		json_array_append_new(macs, describe_text(target->macs[i]));
	for (size_t i = 0; i < target->address_count; i++)
		json_array_append_new(addresses, describe_text(target->addresses[i]));
	return json_pack("{s:o, s:o, s:b, s:b, s:o, s:o}", "port", describe_text(target->port), "name",
			 describe_text(target->name), "connected", target->connected, "leased", target->leased, "macs",
			 macs, "addresses", addresses);
}
