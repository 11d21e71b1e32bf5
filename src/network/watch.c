/* SPDX-License-Identifier: MIT */
/* A host program's descriptors in the network's loop. */
#include <errno.h>
#include <stdlib.h>

#include "network/network.h"

struct gw_watch {
	struct list link;
	struct gw_network *network;
	struct watch watch;
	void (*on_ready)(void *owner, unsigned events);
	void *owner;
};

_Static_assert(LOOP_READ == 1 && LOOP_WRITE == 2 && LOOP_HANGUP == 4, "guestwire.h promises these numbers");

static void watch_on_ready(void *owner, unsigned events)
{
	struct gw_watch *watch = owner;

	watch->on_ready(watch->owner, events);
}

int gw_watch_new(struct gw_network *network, int fd, unsigned events, void (*on_ready)(void *owner, unsigned events),
		 void *owner, struct gw_watch **ret_watch)
{
	struct gw_watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return -ENOMEM;
	watch->network = network;
	watch->on_ready = on_ready;
	watch->owner = owner;
	watch_init(&watch->watch, fd, watch_on_ready, watch);
	error = loop_watch(network->loop, &watch->watch, events & (LOOP_READ | LOOP_WRITE));
	if (error < 0) {
		free(watch);
		return error;
	}
	list_append(&network->watches, &watch->link);
	*ret_watch = watch;
	return 0;
}

int gw_watch_change(struct gw_watch *watch, unsigned events)
{
	return loop_watch(watch->network->loop, &watch->watch, events & (LOOP_READ | LOOP_WRITE));
}

void gw_watch_free(struct gw_watch *watch)
{
	if (watch)
		watch_end(&watch->link);
}

void watch_end(struct list *link)
{
	struct gw_watch *watch = container_of(link, struct gw_watch, link);

	loop_unwatch(watch->network->loop, &watch->watch);
	list_remove(&watch->link);
	free(watch);
}
