/* SPDX-License-Identifier: MIT */
/* One port as show tells it. */
#ifndef NETWORK_INFO_H
#define NETWORK_INFO_H

#include "fabric/port.h"
#include "guestwire/guestwire.h"

void info_describe_port(struct gw_network *network, const struct port *port,
			void (*on_port)(void *owner, const struct gw_port_info *info), void *owner);

#endif
