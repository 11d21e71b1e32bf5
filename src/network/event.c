/* SPDX-License-Identifier: MIT */
/* Events as lines. The line stands alone: it begins with the port's name where there is one. */
#include "network/event.h"

#include <stdarg.h>
#include <stdio.h>

#include "network/network.h"

void event_send(struct gw_network *network, enum gw_event_type type, const char *port, const struct mac *mac,
		const char *format, ...)
{
	char text[512], mac_text[MAC_TEXT_BYTES];
	struct gw_event event = GW_INIT(struct gw_event);
	va_list arguments;

	if (!network->on_event)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	event.type = type;
	event.port = port;
	event.mac = mac ? mac_format(*mac, mac_text) : NULL;
	event.text = text;
	network->calling++;
	network->on_event(network->owner, &event);
	network->calling--;
}

static const char *event_lease_word(const struct lease *lease, enum lease_state was, bool expired)
{
	switch (lease->state) {
	case LEASE_BOUND:
		return was == LEASE_BOUND ? "renewed by" : "leased to";
	case LEASE_FREE:
		return was != LEASE_BOUND ? NULL
		       : expired          ? "expired, was leased to"
		       : lease->away      ? "given to another guest, was leased to"
					  : "released by";
	case LEASE_DECLINED:
		return "declined, as somebody else answers there, by";
	case LEASE_OFFERED:
		return NULL;
	}
	return NULL;
}

void event_send_lease(struct gw_network *network, const struct lease *lease, enum lease_state was, bool expired)
{
	const char *word = event_lease_word(lease, was, expired);
	struct port *port = ethswitch_find(network->ethswitch, lease->mac, 0);
	char address[IP6_TEXT_BYTES], mac[MAC_TEXT_BYTES];

	if (!word)
		return;
	if (lease->is6)
		ip6_format(lease->ip6, address);
	else
		ip4_format(lease->ip4, address);
	event_send(network, GW_EVENT_LEASE, port ? port->name : NULL, &lease->mac, "%s%s%s %s %s%s%s%s",
		   port ? port->name : "", port ? ": " : "", address, word, mac_format(lease->mac, mac),
		   lease->name[0] ? " (" : "", lease->name, lease->name[0] ? ")" : "");
}

void event_send_conflict(struct gw_network *network, const struct port *first, const struct port *second,
			 struct mac mac)
{
	char text[MAC_TEXT_BYTES];

	/* A guest has one address that it should not have; what has several is a way to where they all are. */
	if (second->told > 1) {
		event_send(network, GW_EVENT_CONFLICT, second->name, &mac,
			   "%s uses %s, the MAC address of %s, too: it looks like a second way to the same network, a "
			   "loop; what comes back by it is dropped; remove one of the two",
			   second->name, mac_format(mac, text), first->name);
		return;
	}
	event_send(
		network, GW_EVENT_CONFLICT, second->name, &mac,
		"%s uses %s, the MAC address of %s, which is alive: %s keeps it, %s is cut off; give one of them mac=…",
		second->name, mac_format(mac, text), first->name, first->name, second->name);
}

void event_send_first_drop(struct gw_network *network, const struct port *port, enum drop_reason reason)
{
	/* What the gateway does not take, or a port has no room for, somebody else sent. */
	const struct port *source = ethswitch_source(network->ethswitch);
	bool sent = source && source != port;

	event_send(network, GW_EVENT_FIRST_DROP, port->name, NULL, "%s: first drop for %s: %s%s%s%s", port->name,
		   drop_name(reason), drop_text(reason), sent ? " (from " : "", sent ? source->name : "",
		   sent ? ")" : "");
}
