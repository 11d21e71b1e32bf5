/* SPDX-License-Identifier: MIT */
/* A network from the inside: what owns the loop, the switch, the gateway, guests and ports. Each of these is a file of
 * its own beside this one; network.c makes, runs and ends them. */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/timer.h"
#include "fabric/ethswitch.h"
#include "guestwire/guestwire.h"
#include "loop/loop.h"
#include "network/capture.h"
#include "network/description.h"
#include "network/forward.h"
#include "network/gateway.h"
#include "network/hostwatch.h"
#include "network/lease_file.h"
#include "network/record.h"
#include "network/relay.h"
#include "network/splice.h"
#include "network/user.h"
#include "os/bell.h"
#include "os/limbo.h"

enum network_limits {
	NETWORK_NAME_BYTES = 64,
	NETWORK_GUEST_NAME_BYTES = 48, /* so that a port's name, NAME.1024, fits PORT_NAME_BYTES */
	NETWORK_PIECES = 2 * ROOM_PIECES_MAX,
	NETWORK_SCRATCH_BYTES = 256 * 1024,
};

struct virtnet_scratch;

struct gw_network {
	char name[NETWORK_NAME_BYTES];
	struct description description; /* the leases and the gateway point into it */
	uint64_t (*now_us)(void *owner);
	void (*on_event)(void *owner, const struct gw_event *event);
	int (*open_command)(void *owner, const char *command);
	int (*open_share)(void *owner, const char *folder);
	void *owner;

	struct loop *loop;
	struct ethswitch *ethswitch;
	struct bell bell;
	struct limbo limbo;
	struct task rounds; /* of the switch */
	struct lease_table *leases;
	struct lease_file lease_file;
	struct gateway *gateway;
	struct hostwatch hostwatch;
	struct user *user;             /* NULL: uplink=none; these three too */
	struct neighbours *neighbours; /* who has which address, as far as was asked */
	struct forward_table forwards;
	struct record_table records;
	struct capture_list captures;
	bool advertised;            /* the gateway has said its piece to somebody */
	struct timer advertisement; /* the next, while somebody is there: the lifetimes in it run out otherwise */

	struct splice_table *splices;
	struct handover_table *handovers; /* NULL: uplink=none, or splice=off */
	struct relay_table *relays;       /* NULL: none was needed yet */
	struct list diallers;             /* struct gw_dialler */
	struct list passages;             /* struct gw_passage */

	struct list guests;  /* struct gw_guest */
	struct list ports;   /* struct gw_port */
	struct list virtios; /* struct gw_virtio */
	struct list watches; /* struct gw_watch */
	struct list dials;   /* struct gw_dial */
	/* A callback may end anything but the network; the memory goes when no callback is on the stack. */
	struct list guests_gone; /* the one that is ending */
	struct list ports_gone;
	struct task burial;
	bool turning;     /* gw_network_run() is on the stack */
	unsigned calling; /* the host program's callbacks on the stack */

	/* For one call at a time, not across one: a batch's pieces, and its bytes where they must be in one piece. */
	struct iovec *pieces;
	uint8_t *scratch;
	struct virtnet_scratch *virtio_scratch; /* of all virtios; NULL: there was none yet */
};

/* Reads the clock for a call that came from outside a turn. */
void network_set_now(struct gw_network *network);
/* A delivery or a callback is on the stack: what wants to hand in frames or end something waits. */
bool network_is_busy(const struct gw_network *network);
/* Guests that were removed, and what is on ports_gone, go at the end of this turn. */
void network_bury_later(struct gw_network *network);
/* Words of letters, digits, '-' and '_'; a dot would clash with the ports NAME.1, NAME.2 … of a guest. */
int network_check_name(struct gw_network *network, const char *what, const char *name, struct error *ret_error);
/* KIND0, KIND1 …: the first that nobody has. `name` has NETWORK_GUEST_NAME_BYTES. */
void network_choose_name(struct gw_network *network, const char *kind, char *name);

/* What a joining or leaving port means to the rest of the network, whoever made it. `guest` NULL: in this process. */
void network_on_joined(struct gw_network *network, struct port *port, struct gw_guest *guest, const char *far_end);
void network_on_left(struct gw_network *network, struct port *port, const char *reason);

/* Of network->watches. */
void watch_end(struct list *link);

/* The caller's structure, whatever version of the header it was made with: all begin with their size. 0, or -EINVAL: that
 * was not set, and nothing of it could be believed. */
int network_read_config(const void *config, size_t bytes, void *ret_known, struct error *ret_error);
/* Internal error to public one; returns its code. */
int network_return_error(struct gw_error *ret_error, const struct error *error);

#endif
