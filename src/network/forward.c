/* SPDX-License-Identifier: MIT */
/* Forwards: sockets of this machine that lead to guests. So far there are none. */
#include <errno.h>

#include "network/network.h"

int gw_forward_add(struct gw_network *network, const char *spec, unsigned *ret_id, struct gw_error *ret_error)
{
	struct error error = {0};

	(void)network;
	(void)ret_id;
	error_set(&error, -EOPNOTSUPP, "forward '%.200s': this version has none", spec);
	return network_return_error(ret_error, &error);
}

int gw_forward_remove(struct gw_network *network, unsigned id)
{
	(void)network;
	(void)id;
	return -ENOENT;
}

void gw_network_each_forward(struct gw_network *network,
			     void (*on_forward)(void *owner, const struct gw_forward_info *info), void *owner)
{
	(void)network;
	(void)on_forward;
	(void)owner;
}
