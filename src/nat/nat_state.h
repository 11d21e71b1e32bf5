/* SPDX-License-Identifier: MIT */
/* What is inside NAT: for the files of this folder, and nobody else. A protocol is one entry of nat.c's table; its state
 * hangs off struct nat. What several protocols need to do stands here once: telling where a guest's packet may go,
 * composing the head of a frame to a guest, refusing with an ICMP error. */
#ifndef NAT_NAT_STATE_H
#define NAT_NAT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/allowance.h"
#include "base/checksum.h"
#include "base/drop.h"
#include "fabric/ethswitch.h"
#include "fabric/framequeue.h"
#include "nat/flow.h"
#include "nat/linger.h"
#include "nat/nat.h"
#include "nat/tcp_socket.h"
#include "os/outbound.h"
#include "wire/ip.h"

enum nat_state_limits {
	NAT_HEAD_MAX = 14 + 4 + 40 + 60,  /* Ethernet, a tag, IPv6, TCP with all options */
	NAT_REPLY_MAX = 14 + 4 + 1280,    /* RFC 4443 3.1 */
	NAT_REPLIES_BYTES = 256 * 1024,   /* resets and ICMP errors that wait for the next round */
	NAT_REFUSALS = 100,               /* ICMP errors to one machine at once, RFC 4443 2.4 f … */
	NAT_REFUSAL_PAUSE_US = 10 * 1000, /* … and one more each pause */
};

enum nat_protocol_number {
	NAT_TCP,
	NAT_UDP,
	NAT_ICMP,
	NAT_PROTOCOLS,
};

/* One IP packet of a guest's, its headers checked (lengths, IPv4's checksum, extension headers), its source one that may
 * send. Whole: fragments have been put together. Valid during the call; the frame's bytes until nat_flush(). */
struct nat_packet {
	const struct frame *frame;
	struct port *from;
	struct mac mac;
	uint16_t vlan;
	bool is6;
	bool dont_fragment; /* IPv4; IPv6 always */
	uint8_t service;    /* DSCP and ECN */
	uint8_t hop_limit;
	uint8_t protocol;
	uint16_t protocol_at;          /* of IPv6: where that is said, from the IP header's beginning on */
	uint32_t l3;                   /* offset of the IP header in the frame, which stands in its head */
	uint32_t l4;                   /* offset of the transport header */
	uint32_t transport_bytes;      /* from there to the packet's end */
	struct nat_address guest, far; /* ports are 0: the protocol fills them in */
};

struct nat_protocol {
	const char *name; /* "tcp" */
	/* Its state, kept in nat->protocols[]. 0 or negative errno. */
	int (*start)(struct nat *nat, void **ret_state);
	/* All its flows have ended. */
	void (*stop)(void *state);
	/* In a delivery. */
	enum drop_reason (*input)(void *state, const struct nat_packet *packet);
	/* In a delivery, at its end: forget the frames. May be NULL. */
	void (*flush)(void *state);
	/* nat_address_lost(). May be NULL. */
	void (*address_lost)(void *state);
	/* In a turn of lingering. May be NULL. */
	void (*linger)(void *state, uint64_t now_us);
};

/* In a delivery: a guest's ICMP error that says "unreachable", its checksum right. A connection that just calls this guest
 * is refused by it. */
void tcp_unreachable(struct nat *nat, const struct nat_packet *packet);
/* In a delivery: a router behind the guest's port, or the guest itself, says that a packet was too large for the next link,
 * whose MTU is this; 0: it does not say. The checksum is right. */
void tcp_too_big(struct nat *nat, const struct nat_packet *packet, uint32_t mtu);

extern const struct nat_protocol tcp_protocol;
extern const struct nat_protocol udp_protocol;
extern const struct nat_protocol icmp_protocol;

/* Of one turn of nat_run(). A protocol subtracts what it sent and stops at 0. */
struct flow_budget {
	int32_t frames;
	int32_t bytes;
};

struct nat {
	struct nat_config config;
	struct flow_table flows;
	struct nat_counters counters;
	void *protocols[NAT_PROTOCOLS];
	struct lingering linger;
	struct tcp_socket_chores chores;
	size_t udp_peers;          /* clients of forwards: with none of them nobody looks for one */
	struct framequeue replies; /* small whole frames, to be sent first in nat_run() */
	struct allowance refusals; /* by port and MAC */
	bool outbound_lost[2];     /* outbound= of IPv4, of IPv6: not there when it was last wanted */
	struct flow *running;      /* whose run() is on the stack: it may be freed by itself alone */
	bool doomed;               /* and its port went meanwhile */
	bool starved;              /* the switch's frames are all out: nothing can be sent before a flush */
	uint32_t unflushed_bytes;  /* committed since the last flush, for ports that lend no room */
};

uint64_t nat_now_us(const struct nat *nat);
/* nat_run() is wanted. */
void nat_schedule(struct nat *nat);

/* ---- where a guest's packet may go ---- */

/* DROP_NONE and the socket's address; DROP_NAT_RESTRICTED, DROP_NAT_DESTINATION: loopback, multicast, broadcast, the guest's
 * own network, link-local. far->port is filled in by then. */
enum drop_reason nat_host_address(const struct nat *nat, const struct nat_address *far,
				  struct sockaddr_storage *ret_address, socklen_t *ret_bytes);

/* The same without a look at restrict=: for who answers what came in by a forward. */
enum drop_reason nat_host_address_of(const struct nat *nat, const struct nat_address *far,
				     struct sockaddr_storage *ret_address, socklen_t *ret_bytes);

/* ---- by what it leaves (outbound=) ---- */

/* The way that a socket to this address, of nat_host_address(), takes; NULL: the system's choice. What leads to the host's
 * loopback cannot share a socket with what leaves by a way: `ret_place`, the far end in the key of flows that have one socket
 * for all far ends, is then whom the guest sees for it, and otherwise nobody. */
const struct outbound *nat_outbound(const struct nat *nat, const struct sockaddr_storage *to,
				    struct nat_address *ret_place);
/* Such a socket was opened, and is this descriptor or negative errno. True: its way is not there, the guest is to be refused.
 * A person is told when it has gone and when it is back. */
bool nat_outbound_is_lost(struct nat *nat, const struct outbound *outbound, bool is6, int fd);

/* ---- frames to guests ---- */

/* What all frames to one guest begin with. */
struct nat_head {
	struct mac mac;
	uint16_t vlan;
	bool is6;
	struct ip6 from, to; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t protocol;
	uint8_t service;
	uint8_t hop_limit;  /* 0: 64 */
	bool dont_fragment; /* IPv4 */
	uint16_t id;        /* IPv4 */
};

/* Of a flow: towards the guest, from its far end. */
struct nat_head nat_head_of(const struct flow *flow);
/* Ethernet and IP header for `transport_bytes` behind them, into at least NAT_HEAD_MAX bytes. How many bytes. */
uint32_t nat_head_write(const struct nat *nat, const struct nat_head *head, uint32_t transport_bytes, uint8_t *to);
/* How many bytes that will be, and where the IP header stands in them. */
uint32_t nat_head_bytes(const struct nat_head *head);
uint32_t nat_head_l3(const struct nat_head *head);
/* The pseudo-header's sum. */
struct checksum nat_head_pseudo(const struct nat_head *head, uint32_t transport_bytes);

/* Room for a frame to this flow's guest: ethswitch_reserve(), and for ports that lend no room a look at their queue
 * first, so that nothing is sent that would be dropped. 0; -EAGAIN, and the flow waits (flow_wait_room() was called): its
 * run() returns false; -EMSGSIZE. */
int nat_reserve(struct flow *flow, uint32_t least, uint32_t wanted, struct room *ret_room);
/* As ethswitch_commit(); `head` holds the first min(bytes, FRAME_HEAD_BYTES) bytes, which are written into the room here.
 * From the budget. */
void nat_commit(struct flow *flow, struct room *room, const uint8_t *head, uint32_t bytes,
		const struct offload *offload, struct flow_budget *budget);
void nat_cancel(struct flow *flow, struct room *room);

/* A small whole frame with its checksums, in the next round: when a flow is not there to send it. Dropped, and counted at
 * the gateway, when too many wait. May be called in a delivery. */
void nat_reply(struct nat *nat, const void *frame, size_t bytes);

/* ---- refusing ---- */

enum nat_refusal {
	NAT_REFUSE_NET,  /* ENETUNREACH */
	NAT_REFUSE_HOST, /* EHOSTUNREACH and what else there is */
	NAT_REFUSE_PORT, /* ECONNREFUSED of UDP */
	NAT_REFUSE_PROTOCOL,
	NAT_REFUSE_PROHIBITED,  /* EACCES, EPERM, restrict=on */
	NAT_REFUSE_TOO_BIG,     /* `rest` is the MTU */
	NAT_REFUSE_HOP_LIMIT,   /* time exceeded in transit */
	NAT_REFUSE_REASSEMBLY,  /* time exceeded in reassembly */
	NAT_REFUSE_NEXT_HEADER, /* `rest` points at it; IPv4: the protocol is unreachable */
};

/* An ICMP error about a packet, from its IP header on, to whoever sent it; `from`: whose address it comes from, NULL: the
 * gateway's. What may not be refused (RFC 1122 3.2.2, RFC 4443 2.4) is not, and each port, and each MAC at it, has its allowance. */
void nat_refuse(struct nat *nat, struct mac mac, uint16_t vlan, bool is6, const void *packet, size_t bytes,
		enum nat_refusal refusal, uint32_t rest, const struct nat_address *from);
/* About a packet that is just coming in: its headers and as much of its payload as may be quoted. */
void nat_refuse_packet(struct nat *nat, const struct nat_packet *packet, enum nat_refusal refusal, uint32_t rest);
/* The refusal that tells a guest this errno of a host socket's. */
enum nat_refusal nat_refusal_of(int error);

#endif
