/* SPDX-License-Identifier: MIT */
/* Sockets that keep frames apart, one per packet: how a batch is received into frames of the network's pool, which are
 * taken for that turn only, and how a gathered batch is sent. For connected sockets (seqpacket, inherited datagram
 * pairs) the whole of it; the shared datagram socket, which tells its guests apart by address, is dgram.c. */
#ifndef PORT_PACKET_H
#define PORT_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/pool.h"
#include "os/mmsg.h"
#include "port/connected.h"
#include "port/gather.h"

enum packet_limits {
	PACKET_BATCH = 32,
	PACKET_BATCH_LEAST = 4, /* of the largest frames: a turn is 256 KiB */
	PACKET_GREETING_BYTES = 4,
};

/* What an endpoint's guests share. Receiving and sending have their own parts: a delivery sends while the batch that it
 * is made of is still in its frames. */
struct packet_turn {
	struct mmsg received[PACKET_BATCH];
	struct iovec room[PACKET_BATCH];
	struct sockaddr_un from[PACKET_BATCH];
	unsigned taken; /* frames of the pool */
	unsigned batch; /* how many the next turn asks for: about 256 KiB of the size that came */
	struct mmsg sending[GATHER_FRAMES];
};

void packet_turn_init(struct packet_turn *turn);
/* How many packets, or negative errno. packet_turn_done() gives the frames back, in either case. Without a frame in the
 * pool one packet is thrown away: -ENOMEM. */
int packet_turn_receive(struct packet_turn *turn, struct pool *frames, int fd, bool names);
/* Learns from the `count` packets that came. */
void packet_turn_adapt(struct packet_turn *turn, int count);
void packet_turn_done(struct packet_turn *turn, struct pool *frames);
/* Packet `index`: true for a frame; else what it is in *ret_verdict, DROP_NONE for one that is nothing (VFKT). */
bool packet_turn_frame(const struct packet_turn *turn, unsigned index, struct frame *ret_frame,
		       enum drop_reason *ret_verdict);

/* Sends the gathered frames from `*index` on, which is moved past those that went or were refused by themselves (and
 * dropped). `to` NULL: the socket is connected. 0: all; -EAGAIN: the socket is full; else the guest is gone. */
int packet_send_gathered(struct packet_turn *turn, int fd, struct outlet *outlet, const struct sockaddr_un *to,
			 socklen_t to_length, uint32_t *index);
/* Sends up to `most` queued frames. How many went or were dropped as too large, or negative errno when none did. */
int packet_send_queued(int fd, struct outlet *outlet, const struct sockaddr_un *to, socklen_t to_length, unsigned most);

/* A connected_way's and its outlet_way's. */
void packet_init(struct connection *connection);
const char *packet_read(struct connection *connection, bool *ret_idle);
const char *packet_drain(struct outlet *outlet);
void packet_send(struct outlet *outlet);

#endif
