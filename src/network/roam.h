/* SPDX-License-Identifier: MIT */
/* This machine moves from one network to another. Connections that began from an address which it has lost can send no
 * more, and their kernel would try for a quarter of an hour: they are reset instead, so that guests begin anew. What has
 * no address of its own to lose (UDP) goes on, and so does all that began after the move. */
#ifndef NETWORK_ROAM_H
#define NETWORK_ROAM_H

#include "loop/loop.h"
#include "nat/nat.h"

struct roam;

/* 0 or negative errno: then nobody is told, and nothing else is missing. Both outlive it. */
int roam_new(struct loop *loop, struct nat *nat, struct roam **ret_roam);
void roam_free(struct roam *roam);

#endif
