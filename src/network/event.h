/* SPDX-License-Identifier: MIT */
/* The lines that a person reads: one for each thing that happens to a guest. */
#ifndef NETWORK_EVENT_H
#define NETWORK_EVENT_H

#include "base/drop.h"
#include "service/lease.h"
#include "wire/ethernet.h"

#include "guestwire/guestwire.h"

struct port;

/* `port` and `mac` may be NULL. */
void event_send(struct gw_network *network, enum gw_event_type type, const char *port, const struct mac *mac,
		const char *format, ...) __attribute__((format(printf, 5, 6)));
void event_send_lease(struct gw_network *network, const struct lease *lease, enum lease_state was, bool expired);
void event_send_conflict(struct gw_network *network, const struct port *first, const struct port *second,
			 struct mac mac);
void event_send_first_drop(struct gw_network *network, const struct port *port, enum drop_reason reason);

#endif
