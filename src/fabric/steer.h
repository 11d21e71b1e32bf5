/* SPDX-License-Identifier: MIT */
/* Which conversation a frame belongs to, as a number: for ports of several queues, which keep a flow in one of them. The
 * same for what a guest sends and what is sent to it, so that a guest finds answers in the queue that it asked in.
 *
 * TCP is told by both ends; everything else by the guest's alone, its address and for UDP its port: whoever asks for
 * room for a datagram does not know yet who sent it (one socket of NAT's speaks for all far ends, RFC 4787). Fragments
 * have no ports. What is not IP belongs to no conversation, which is 0. No secret: a guest that makes numbers meet has
 * its own frames in one queue. */
#ifndef FABRIC_STEER_H
#define FABRIC_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "fabric/frame.h"

/* One conversation's ends, seen from the guest. */
struct steer_ends {
	const uint8_t *guest, *far; /* IP addresses, 4 or 16 bytes */
	uint32_t address_bytes;
	uint16_t guest_port, far_port; /* in the host's order */
	uint8_t protocol;              /* enum ip_protocol */
};

/* Never 0. */
uint32_t steer_ends(const struct steer_ends *ends);
/* Of a frame that was parsed, which the guest sent or is to get. 0: of none. */
uint32_t steer_frame(const struct frame *frame, bool from_guest);
/* The same for a frame to a guest whose first bytes are these, and nothing was parsed. */
uint32_t steer_head(const uint8_t *head, uint32_t bytes);

#endif
