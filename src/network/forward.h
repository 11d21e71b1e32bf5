/* SPDX-License-Identifier: MIT */
/* Forwards: sockets of this machine that lead to guests. A rule (struct forward) is what a person asked for; it has one
 * listening socket or several (a range of ports, both families), all or none of which were made.
 *
 * A connection goes accept() -> the guest's address (addressee.h) -> its place (neighbour.h) -> NAT, whose it is from then
 * on: nothing here is touched by its data, and it outlives its rule. While a place is being asked for, connections wait
 * here, NEIGHBOUR_WAITERS for each guest; the others wait in the kernel's backlog, for which the socket is not looked at
 * for FORWARD_PAUSE_US. So it is when no descriptor is left. Nobody there: the connection is reset.
 *
 * A datagram stays in the socket until the place is known; then NAT reads the socket itself (nat.h), until the guest is
 * gone or nobody has sent for a while. */
#ifndef NETWORK_FORWARD_H
#define NETWORK_FORWARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/timer.h"
#include "guestwire/guestwire.h"
#include "loop/loop.h"
#include "nat/nat.h"
#include "network/forward_spec.h"
#include "network/neighbour.h"
#include "os/unix_listener.h"

enum forward_limits {
	FORWARD_TURN = 32,  /* connections of one socket, before others have their turn */
	FORWARD_WAITS = 64, /* connections of all, for the guest's place */
	FORWARD_PAUSE_US = 100 * 1000,
	FORWARD_FOUND_US = 1000 * 1000, /* so long the address of a name is believed */
	FORWARD_TEXT_BYTES = 128,
};

struct forward;

struct forward_socket {
	struct forward *forward;
	int fd;
	struct unix_listener listener; /* FORWARD_UNIX */
	bool is6;
	bool loopback; /* bound to an address of the loopback */
	uint16_t guest_port;
	char listening[FORWARD_TEXT_BYTES];
	uint64_t connections;
	struct watch watch;
	struct timer pause;
	struct list waits;              /* struct forward_wait */
	struct neighbour_waiter waiter; /* FORWARD_UDP, these two */
	struct nat_udp_forward udp;
};

struct forward {
	struct list link;
	struct gw_network *network;
	unsigned id;
	struct forward_spec spec;
	char *text;
	struct ip6 found;  /* the guest's address at `found_us`; zero: nobody had the name then */
	uint64_t found_us; /* 0: never looked up */
	size_t socket_count;
	struct forward_socket *sockets;
};

/* Of a network. */
struct forward_table {
	struct list forwards;
	unsigned last_id;
	struct pool waits;
	bool noticed; /* that descriptors ran out */
};

void forward_table_init(struct forward_table *table);
/* Ends all of them, and what waits. Before NAT and neighbours go. */
void forward_table_done(struct forward_table *table);
/* Names may mean others from now on: somebody came or went, or a lease changed. May be called in a delivery. */
void forward_table_forget(struct forward_table *table);
int forward_add(struct gw_network *network, const char *text, unsigned *ret_id, struct error *ret_error);

/* ---- for forward*.c ---- */

/* forward_open.c: all its sockets, ready but not watched, or none and a text. */
int forward_open(struct forward *forward, struct error *ret_error);
void forward_close(struct forward *forward);

/* The guest's place: as neighbour_find() has it, and `ret_guest` its address without a port; -ENOENT: nobody has that name. */
int forward_find(struct forward *forward, struct nat_address *ret_guest, struct neighbour_place *ret_place);
/* The socket is looked at, or after a while if the loop has no room now. */
void forward_listen(struct forward_socket *socket);
/* The socket is not looked at for a while. */
void forward_pause(struct forward_socket *socket);

/* forward_stream.c: connections. prepare: a place for those that wait; once. */
int forward_stream_prepare(struct forward_table *table);
int forward_stream_start(struct forward_socket *socket);
void forward_stream_stop(struct forward_socket *socket);

/* forward_udp.c: datagrams. */
int forward_udp_start(struct forward_socket *socket);
void forward_udp_stop(struct forward_socket *socket);

#endif
