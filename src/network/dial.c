/* SPDX-License-Identifier: MIT */
/* Whether a guest accepts connections at a port. So far nobody can be asked. */
#include <errno.h>

#include "network/network.h"

int gw_dial_new(struct gw_network *network, const char *guest, uint16_t port, uint64_t timeout_us,
		void (*on_done)(void *owner, int error), void *owner, struct gw_dial **ret_dial)
{
	(void)network;
	(void)guest;
	(void)port;
	(void)timeout_us;
	(void)on_done;
	(void)owner;
	(void)ret_dial;
	return -EOPNOTSUPP;
}

void gw_dial_free(struct gw_dial *dial)
{
	(void)dial;
}
