/* SPDX-License-Identifier: MIT */
/* macOS has no namespaces to hold. */
#include "daemon/holder.h"

void holder_start(struct holder *holder, const char *attach, struct gw_network *network, void (*on_gone)(void *owner),
		  void *owner)
{
	(void)attach;
	(void)network;
	(void)on_gone;
	(void)owner;
	holder->fd = -1;
}

void holder_done(struct holder *holder)
{
	(void)holder;
}
