/* SPDX-License-Identifier: MIT */
/* NAT: guest flows translated to ordinary host sockets, without privilege and without a TCP stack of our own. This is all
 * that the gateway (src/network) sees of it. The inside that tcp.c, udp.c, icmp.c share is nat_state.h and flow.h.
 *
 * Who calls what, and when. Frames to guests may not be sent during a delivery, so there are two halves:
 *   in a delivery, from the gateway port's queue():  nat_input(), for each parsed IP frame that the gateway does not answer
 *     itself. It may keep pieces of the frame until
 *     the gateway port's flush():  nat_flush(), which sends to the host's sockets what the batch brought.
 *   outside, from the gateway port's run():  nat_run(), which sends to guests what flows owe them, a turn's budget of it;
 *     true: there is more, port_schedule() the gateway again. NAT schedules that port itself whenever a flow has
 *     something to do, from an event of the loop as well as during a delivery.
 * The gateway's port must accept all offloads (csum, tso4, tso6, uso), or frames come cut and NAT is slow, not wrong. */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/drop.h"
#include "base/hash.h"
#include "base/list.h"
#include "fabric/ethswitch.h"
#include "fabric/frame.h"
#include "fabric/port.h"
#include "loop/loop.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

struct nat;
struct nat_carrier;
struct nat_socket_ops;
struct outbounds;
struct tcp_repair;

enum nat_limits {
	NAT_FLOWS_MAX = 128 * 1024,
	NAT_TAIL_POOL_BYTES = 64 * 1024 * 1024, /* address space; touched only as it is used */
	/* To guests, of all flows together or of one, before the loop looks around. What comes from one flow in a row is
	 * acknowledged as one. Measured with eight flows down into a ring at 65520: with 384 KiB 14 % more than with 64 KiB of
	 * each in turn, with 512 another 28 %, and 23 % less CPU; 640 KiB has less again, and 1 MiB fills the ring, which then
	 * stands empty. A round trip beside eight flows takes 87 µs instead of 490, its p99 4 ms instead of 1.3. */
	NAT_TURN_BYTES = 512 * 1024,
	NAT_RUN_BYTES = 64 * 1024, /* of one UDP flow, before the next has its turn; and what waits for a flush */
};

/* An address of either family; IPv4 as ::ffff:a.b.c.d, so that it compares and hashes as bytes. */
struct nat_address {
	struct ip6 ip;
	uint16_t port; /* 0 where the protocol has none */
};

/* Whether TCP may leave data in the kernel and peek at it. */
enum nat_peek {
	NAT_PEEK_AUTO,  /* where the socket can be peeked at an offset */
	NAT_PEEK_NEVER, /* a bounded ring per flow, as where the system cannot */
};

struct nat_config {
	struct loop *loop;
	struct ethswitch *ethswitch;
	struct port *gateway; /* what NAT sends comes from this port, and it is scheduled when NAT has work */
	struct mac mac;       /* the gateway's */
	struct hash_key key;  /* random */

	/* The network as the gateway knows it. */
	bool ip4, ip6;
	struct ip4
		host4; /* the gateway's own: the source of ICMP errors, and of connections that the host itself makes */
	struct ip4 net4;
	unsigned prefix4;
	struct ip6 host6;
	struct ip6 net6;
	unsigned prefix6;
	bool shares_net;    /* address=host: the rest of net4 and net6 is beyond the host, and may be reached, */
	struct ip4 shared4; /* but for these, which are the guest's and the host's at once */
	struct ip6 shared6;
	bool restricted;      /* nothing goes out but what divert() takes and what came in by a forward */
	bool host_loopback;   /* the next two lead to the host's loopback; off: nowhere */
	struct ip4 loopback4; /* host4, or map-host= */
	struct ip6 loopback6;
	bool udp_filter_none; /* udp-filter=none: anybody may send to a guest's UDP mapping */
	/* outbound=: by what sockets leave that guests' conversations need, but for those with the host's loopback; NULL: by
	 * what the host's routes say. */
	const struct outbounds *outbounds;

	size_t flows;      /* 0: NAT_FLOWS_MAX */
	size_t tail_bytes; /* 0: NAT_TAIL_POOL_BYTES */
	enum nat_peek peek;
	const struct nat_socket_ops *sockets; /* NULL: the system's (tcp_socket.h) */
	void *sockets_owner;

	/* Both may be NULL. divert: TCP to this far end is served by somebody else (DNS, guestfwd): a non-blocking stream
	 * socket, connected or connecting, NAT's from now on; -ENOENT: no, connect as usual; else the errno of the refusal. */
	int (*divert)(void *owner, const struct port *from, const struct nat_address *guest,
		      const struct nat_address *far);
	/* Both or neither. A TCP connection has brought much: may somebody carry it better than by frames? 0; -EAGAIN: perhaps
	 * later; another negative errno: never. Then it is handed over, between two words (os/tcp_repair.h: `state` as the
	 * guest's far end). 0: `fd`, the host's socket, is the carrier's, and what is unread in it the guest did not get
	 * yet; else as before. Outside a delivery. */
	int (*may_hand_over)(void *owner, const struct nat_address *guest);
	int (*hand_over)(void *owner, int fd, const struct tcp_repair *state, struct nat_carrier **ret_carrier);
	/* A line for a person, once: that ping sockets are forbidden, that descriptors ran out. */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

/* What happened, for show and for the simulator: X(name, "what it counts"). */
#define NAT_COUNTER_LIST(X)                                                                              \
	X(flows_made, "conversations begun")                                                             \
	X(flows_full, "conversations that found no place in the table (flows=)")                         \
	X(tcp_connects, "TCP connections that guests opened")                                            \
	X(tcp_accepts, "TCP connections that forwards accepted")                                         \
	X(tcp_refused, "TCP connections that the far end or the way refused")                            \
	X(tcp_timer_retransmissions, "segments sent to guests again because no answer came")             \
	X(tcp_fast_retransmissions, "segments sent to guests again because later ones arrived")          \
	X(tcp_zero_windows, "times a guest shut its window while there was something for it")            \
	X(tcp_probes, "questions whether a shut window has opened")                                      \
	X(tcp_keepalives, "questions whether a silent guest is still there")                             \
	X(tcp_half_closes_from_guest, "guests that sent their last byte first")                          \
	X(tcp_half_closes_from_host, "far ends that sent their last byte first")                         \
	X(tcp_resets_from_guest, "connections that guests broke off")                                    \
	X(tcp_resets_from_host, "connections that far ends broke off")                                   \
	X(tcp_partial_sends, "times a host socket took less than it was given")                          \
	X(tcp_full_sockets, "times a host socket took nothing")                                          \
	X(tcp_tail_refused, "bytes that found no place in the pool of tails, and were not acknowledged") \
	X(tcp_data_on_syn, "connections that began with data")                                           \
	X(tcp_data_on_fin, "last segments with data")                                                    \
	X(tcp_out_of_order, "segments of guests that came before their turn")                            \
	X(tcp_time_waits, "connections that waited for stragglers at their end")                         \
	X(tcp_reused, "ports used again while they waited so")                                           \
	X(tcp_given_up, "connections whose guest did not answer any more")                               \
	X(tcp_handed_over, "connections that went on as the guest's own sockets, past the network")

struct nat_counters {
#define X(name, text) uint64_t name;
	NAT_COUNTER_LIST(X)
#undef X
};

/* A flow, for show. */
struct nat_flow_info {
	uint8_t protocol; /* enum ip_protocol */
	bool is6;
	struct nat_address guest, far;
	const struct port *port;
	const char *state; /* "connecting", "open", … */
	uint64_t from_guest_bytes, to_guest_bytes;
	uint64_t idle_us;
};

/* 0 or negative errno. The config is copied; what it points to outlives NAT. */
int nat_new(const struct nat_config *config, struct nat **ret_nat);
/* The network has other addresses from now on: net4, prefix4, host4, loopback4, shared4 and those of IPv6, as given. What
 * is under way goes on under those that it began with. */
void nat_readdress(struct nat *nat, const struct nat_config *config);
/* Host sockets are closed; the guests are told nothing. */
void nat_free(struct nat *nat);

/* In a delivery. `frame` is parsed and a whole packet, its fragments put together (fragment.h); its source port is `from`.
 * DROP_NONE: taken, or answered with a refusal that is right
 * for it; otherwise the caller counts the reason at `from`. */
enum drop_reason nat_input(struct nat *nat, struct port *from, const struct frame *frame);
/* In a delivery, at its end: nothing of the frames is kept after it. */
void nat_flush(struct nat *nat);
/* Outside. True: there is more to do in the next round. */
bool nat_run(struct nat *nat);
/* The guest's port is about to be detached: its flows end, unless the guest has moved to another. May be called in a
 * delivery. */
void nat_port_gone(struct nat *nat, struct port *port);
/* Outside a delivery. This machine has lost an address: TCP flows whose sockets had it are reset. */
void nat_address_lost(struct nat *nat);

/* For who wants to know what the guest answers to a connection. Stands inside its owner until on_answer() was called or
 * nat_call_end(). */
struct nat_call {
	/* 0: it accepts; -ECONNREFUSED: it does not; -ETIMEDOUT: it said nothing, or went. Once, perhaps in a delivery. */
	void (*on_answer)(void *owner, int error);
	void *owner;
	struct flow *flow; /* NAT's own */
};

/* A connection that a forward accepted. */
struct nat_accepted {
	struct nat_address guest; /* where it goes */
	struct nat_address far;   /* whom the guest sees: nat_far_address() */
	struct port *port;        /* the guest's, as the caller resolved it */
	struct mac mac;
	uint16_t vlan;
	struct nat_call *call; /* of TCP; may be NULL */
};

/* Who carries a connection that was handed over. The flow stays, so that it is known and listed. Stands inside its owner. */
struct nat_carrier {
	/* NAT ends it: both ends are to be reset. NAT has let go of it then. */
	void (*end)(void *owner);
	/* What was carried so far, and when something was last; 0: never. */
	void (*look)(void *owner, uint64_t *ret_from_guest_bytes, uint64_t *ret_to_guest_bytes, uint64_t *ret_moved_us);
	/* Something that was the carrier's to get came to NAT: it was under way, or the guest is led wrong. In a delivery. */
	void (*stray)(void *owner);
	void *owner;
	int fd;            /* the host's socket; -1 when it is closed */
	struct flow *flow; /* NAT's own */
};

/* Its connection is over. Outside a delivery. */
void nat_carrier_done(struct nat_carrier *carrier);

/* Outside a delivery. The descriptor, a connected non-blocking stream socket of any family, is NAT's when this returns
 * 0. Where the far end has no port, or the guest talks to that one already, it is shown with another; -EADDRINUSE: none
 * was found; -ENFILE: the table is full. */
int nat_tcp_accepted(struct nat *nat, int fd, const struct nat_accepted *accepted);
/* A guest that has not answered by now is not asked any more, and the descriptor closed. Outside a delivery. */
void nat_call_end(struct nat_call *call);
/* A UDP socket whose datagrams go to one guest's port, each sender shown as whom nat_far_address() says, with another port
 * where two would be the same. What the guest answers leaves by it, from the address that the sender had sent to. Stands
 * inside its owner, zeroed but for what is said here to be given. */
struct nat_udp_forward {
	int fd; /* of nat_udp_open(), bound: given, and the owner's all the time */
	bool is6;
	struct nat_address guest; /* given, as are these two: the guest's, as the owner resolved it */
	struct port *port;
	struct mac mac;
	/* Asked now and then while it is used: is that the guest's place still? */
	bool (*on_check)(void *owner);
	/* NAT does not look at the socket any more: its guest went or moved, or nobody was there for a while. Perhaps in a
	 * delivery. The owner begins again when the socket is readable. */
	void (*on_end)(void *owner);
	void *owner;
	uint64_t peers;    /* so far */
	struct flow *flow; /* NAT's own */
};

/* A socket for such a forward, to be bound; negative errno. */
int nat_udp_open(struct nat *nat, bool is6);
/* NAT reads it from now on. 0; -ENFILE: the table is full. Outside a delivery. */
int nat_udp_forward(struct nat *nat, struct nat_udp_forward *forward);
/* Without on_end(). May be called twice. */
void nat_udp_forward_end(struct nat_udp_forward *forward);
/* Is this frame of a conversation that is there already? TCP and UDP. */
bool nat_has_flow(const struct nat *nat, const struct frame *frame);

/* Whom a guest sees for this host-side address: itself, or the gateway for the host's loopback. */
void nat_far_address(const struct nat *nat, const struct sockaddr *address, bool is6, struct nat_address *ret_far);

const struct nat_counters *nat_counters(const struct nat *nat);
size_t nat_flow_count(const struct nat *nat);
size_t nat_flows_max(const struct nat *nat);
/* As flow_each(): begin with 0, and go on with what is returned until that is 0. */
size_t nat_each_flow(const struct nat *nat, size_t from, size_t most,
		     void (*on_flow)(void *owner, const struct nat_flow_info *info), void *owner);

/* ---- addresses ---- */

struct nat_address nat_address4(struct ip4 ip, uint16_t port);
struct nat_address nat_address6(struct ip6 ip, uint16_t port);
/* ::ffff:0:0/96 */
bool nat_address_is4(const struct nat_address *address);
struct ip4 nat_address_ip4(const struct nat_address *address);
/* Of the system's; zero where that is of neither family. */
struct nat_address nat_address_read(const struct sockaddr *address);
/* For the system, of this family: any address where `address` is of the other. How many bytes. */
socklen_t nat_address_write(const struct nat_address *address, bool is6, struct sockaddr_storage *ret_address);

#endif
