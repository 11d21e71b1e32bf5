/* SPDX-License-Identifier: MIT */
/* An address often comes back at once: a lease that is renewed by a client which clears it first, a link that was down for
 * a moment. So a while passes before it is looked whose address is really gone. */
#include "network/roam.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/own_address.h"

#define ROAM_WAIT_US (3 * 1000 * 1000)

struct roam {
	struct loop *loop;
	struct nat *nat;
	struct watch watch;
	struct timer timer;
};

static void roam_on_ready(void *owner, unsigned events)
{
	struct roam *roam = owner;

	(void)events;
	if (own_address_has_gone(roam->watch.fd))
		timer_set(loop_timers(roam->loop), &roam->timer, loop_now_us(roam->loop) + ROAM_WAIT_US);
}

static void roam_on_due(void *owner, uint64_t now_us)
{
	struct roam *roam = owner;

	(void)now_us;
	nat_address_lost(roam->nat);
}

int roam_new(struct loop *loop, struct nat *nat, struct roam **ret_roam)
{
	struct roam *roam = calloc(1, sizeof(*roam));
	int fd, error;

	if (!roam)
		return -ENOMEM;
	roam->loop = loop;
	roam->nat = nat;
	timer_init(&roam->timer, roam_on_due, roam);
	fd = own_address_watch();
	watch_init(&roam->watch, fd, roam_on_ready, roam);
	error = fd < 0 ? fd : loop_watch(loop, &roam->watch, LOOP_READ);
	if (error < 0) {
		roam_free(roam);
		return error;
	}
	*ret_roam = roam;
	return 0;
}

void roam_free(struct roam *roam)
{
	if (!roam)
		return;
	timer_clear(loop_timers(roam->loop), &roam->timer);
	if (roam->watch.fd >= 0) {
		loop_unwatch(roam->loop, &roam->watch);
		close(roam->watch.fd);
	}
	free(roam);
}
