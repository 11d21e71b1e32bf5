/* SPDX-License-Identifier: MIT */
/* A running network as JSON: what `show`, `ls` and `up --json` say, member by member in docs/control.md. */
#ifndef DAEMON_DESCRIBE_H
#define DAEMON_DESCRIBE_H

#include <jansson.h>
#include <stddef.h>

struct gw_network;
struct target;

/* Each: a new object, or NULL without memory. */
/* name, pid, version, uplink, addresses, control socket */
json_t *describe_network(struct gw_network *network, const char *control_path);
/* what each --guest made */
json_t *describe_guests(struct gw_network *network);
json_t *describe_ports(struct gw_network *network);
/* by reason: at all ports, those that are gone too, and before there was a port */
json_t *describe_drops_total(struct gw_network *network);
json_t *describe_leases(struct gw_network *network);
json_t *describe_dhcp(struct gw_network *network);
/* What the way out has done, by counter; NULL without one. */
json_t *describe_nat(struct gw_network *network);
/* What was taken past the network between loopback interfaces, by counter. */
json_t *describe_splices(struct gw_network *network);
/* Conversations from `from` on; `ret_next` 0: that was all. */
json_t *describe_flows(struct gw_network *network, size_t from, size_t most, size_t *ret_next);
/* Each listening socket; `id` 0: of every rule. */
json_t *describe_forwards(struct gw_network *network, unsigned id);
/* Sockets of, or into, a namespace. */
json_t *describe_passages(struct gw_network *network);
json_t *describe_target(const struct target *target);

#endif
