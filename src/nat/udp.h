/* SPDX-License-Identifier: MIT */
/* UDP through host sockets. One flow is one mapping (RFC 4787 4.1): a guest's address and port have one host socket,
 * whoever it talks to, so that a far end may be told of it by another. Who may answer is narrower (5): only addresses that
 * the guest has sent to, unless udp-filter=none.
 *
 * From guests: datagrams of a delivery that follow each other in one flow are gathered; those of one size for one far end
 * become one message with UDP_SEGMENT, all of them one sendmmsg, at the latest at the delivery's end. USO frames are split
 * where the kernel takes no more segments, and where it takes none each datagram goes alone.
 * To guests: several messages are received by one call into lent frames; what the kernel put together (UDP_GRO) becomes one
 * USO frame. A datagram larger than the network's MTU is cut into fragments.
 * Forwards: a socket that listens is one flow, a listener, which receives for all its clients as a mapping does for the far
 * ends of one guest's port; each client is a flow of its own, a peer, which has no socket and keeps who it is and where it
 * sent to. What the guest sends to that client leaves by the listener's socket, whatever restrict= says; the rest of what it
 * sends from the same port is a mapping's. A peer outlives its listener, which comes back with the next datagram.
 * Errors come from the socket's queue and reach the guest as the ICMP errors that they were. */
#ifndef NAT_UDP_H
#define NAT_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "nat/datagram.h"
#include "nat/nat_state.h"

enum udp_limits {
	UDP_SHORT_US = 30 * 1000 * 1000, /* a question, and perhaps its answer */
	UDP_LONG_US = 180 * 1000 * 1000, /* who talked twice each way will go on (RFC 4787 4.3: two minutes at least) */
	UDP_REMOTES = 8,                 /* addresses that a flow remembers by itself … */
	UDP_REMOTES_MORE = 32768,        /* … and those of all flows beyond that */
	UDP_REMOTE_WAYS = 4,
	UDP_PEER_TRIES = 16,   /* ports that a client may be shown with */
	UDP_PIECES_MAX = 1024, /* IOV_MAX, of one message and of all gathered */
};

struct udp;

/* As udp_protocol.start(), with other sockets than the system's. */
int udp_start(struct nat *nat, const struct datagram_ops *ops, void *ops_owner, struct udp **ret_udp);

#endif
