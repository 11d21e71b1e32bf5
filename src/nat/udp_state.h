/* SPDX-License-Identifier: MIT */
/* What is inside UDP: for udp.c (flows), udp_send.c (from guests), udp_receive.c (to guests) and udp_forward.c (forwards),
 * and nobody else. */
#ifndef NAT_UDP_STATE_H
#define NAT_UDP_STATE_H

#include <netinet/in.h>

#include "nat/udp.h"

enum {
	/* The longest datagram behind an IPv6 header is longer than a frame may be, though never than its fragments. */
	UDP_SPILL_BYTES = 64,
	UDP_PAYLOAD_BYTES = FRAME_BYTES_MAX + UDP_SPILL_BYTES, /* beyond every datagram, and what came as one */
};

enum udp_role {
	UDP_MAPPING,
	UDP_LISTENER,
	UDP_PEER,
};

/* What a peer is known by. No padding, and zeroed before it is filled in: compared as bytes. */
struct udp_client {
	uint8_t address[sizeof(struct sockaddr_in6)];
	uint32_t address_bytes;
	struct datagram_here here;
};

struct udp_flow {
	struct flow flow; /* the first member: flow.h */
	struct udp *udp;
	enum udp_role role;
	struct watch watch;
	struct datagram_way way; /* how its socket sends now */
	bool is6;                /* its socket */
	bool has_errors;         /* the loop said so */
	uint8_t lent;            /* rooms, of a turn: as many as are filled */
	uint8_t remote_count, remote_next;
	uint32_t segment_most; /* larger datagrams are not sent several at once: refused, or not supported (0) */
	uint32_t datagrams_from_guest, datagrams_to_guest; /* both stop at 2: then it is a stream */
	uint64_t bytes_from_guest, bytes_to_guest;
	uint64_t used_us;
	struct conversation conversation;
	union {
		struct ip6 remotes[UDP_REMOTES]; /* of a mapping: addresses on the guest's side, nat_far_address() */
		struct {
			struct nat_udp_forward *forward;
			struct list peers;
		} listener;
		struct {
			struct udp_flow *listener; /* NULL: it is not there now */
			struct list link;
			struct udp_client client;
		} peer;
	};
};

_Static_assert(sizeof(struct udp_flow) <= FLOW_BYTES, "flow.h");

/* What waits for udp_send(): of one flow, pieces of frames that stay valid until the flush. */
struct udp_batch {
	struct udp_flow *flow;
	unsigned count;
	uint32_t pieces_used;
	bool open; /* the last message may grow: none of its datagrams is shorter than the others */
	struct datagram_send sends[DATAGRAM_BATCH];
	struct udp_target {
		struct nat_address far;
		struct sockaddr_storage address;
		socklen_t bytes;
		struct datagram_here here;
	} targets[DATAGRAM_BATCH];
	struct iovec pieces[UDP_PIECES_MAX];
};

struct udp {
	struct nat *nat;
	const struct datagram_ops *ops;
	void *ops_owner;
	uint32_t segments_max; /* as far as we know by now */
	uint16_t id;           /* of IPv4 packets to guests */
	uint32_t id6;
	uint32_t local_mtu; /* told by this host with the last EMSGSIZE */
	bool noticed;       /* that descriptors ran out */
	uint64_t *remotes;  /* [UDP_REMOTES_MORE], by hash of flow and address; lives as long as nobody displaces it */
	struct udp_batch batch;

	/* of one turn of receiving */
	struct room rooms[DATAGRAM_RECEIPTS];
	bool joined[DATAGRAM_RECEIPTS]; /* to the one before; its room is given back */
	struct datagram_receipt receipts[DATAGRAM_RECEIPTS];
	uint8_t heads[DATAGRAM_RECEIPTS][FRAME_HEAD_BYTES];
	uint8_t spills[DATAGRAM_RECEIPTS][UDP_SPILL_BYTES]; /* what goes beyond a frame of the pool */
	/* What goes beyond a room that a port lent; memory not touched while nothing does. */
	uint8_t spill[UDP_PAYLOAD_BYTES];
	struct iovec pieces[ROOM_PIECES_MAX + 3 * DATAGRAM_RECEIPTS];
	struct datagram_error error;
	uint8_t payload[UDP_PAYLOAD_BYTES]; /* to be cut into fragments */
	uint8_t message[IP4_PACKET_MAX];
};

/* One datagram, or a USO frame, on its way into the batch. */
struct udp_outgoing {
	struct udp_flow *flow;
	const struct frame *frame;
	uint32_t at; /* of the payload */
	uint32_t bytes;
	uint32_t segment_bytes; /* `bytes` when it is one datagram */
	struct nat_address far;
	const struct sockaddr_storage *to;
	socklen_t to_bytes;
	struct datagram_here here; /* of a forward: where it leaves from */
};

/* All of it goes into the batch of its flow, which is sent in between when it is full. */
void udp_append(struct udp *udp, const struct udp_outgoing *out);
/* What was gathered; the batch is nobody's then. */
void udp_send(struct udp *udp);
/* May this address send to the flow's guest? */
bool udp_knows(const struct udp_flow *flow, const struct nat_address *far);
void udp_remember(struct udp_flow *flow, const struct nat_address *far);
/* A datagram went by, this way: its mapping lives on. */
void udp_used(struct udp_flow *flow, bool from_guest, uint32_t bytes);
void udp_end(struct flow *flow);
/* A new flow without a socket; NULL: the table is full. */
struct udp_flow *udp_flow_new(struct udp *udp, const struct flow_key *key, struct port *port, struct mac mac,
			      uint16_t vlan);
/* Its socket is looked at from now on. */
int udp_adopt(struct udp_flow *flow, int fd);
/* Reads the queue of errors and tells the guest. How many there were of ICMP's. */
unsigned udp_errors(struct udp_flow *flow);

/* udp_forward.c: the peer that sent this to a listener, found or made, and `ret_far` whom the guest sees; NULL: none can be. */
struct udp_flow *udp_peer_of(struct udp_flow *listener, const struct datagram_receipt *receipt,
			     struct nat_address *ret_far);
/* The peer to whom the guest's datagram is; NULL. */
struct udp_flow *udp_peer_find(const struct udp *udp, bool is6, const struct nat_address *guest,
			       const struct nat_address *far);
/* Of their ends: they are off every list, and the listener's socket is its owner's. */
void udp_peer_end(struct udp_flow *peer);
void udp_listener_end(struct udp_flow *listener);
/* A listener's timer. */
void udp_listener_on_due(struct udp_flow *listener);

/* ops->run() of a flow. */
bool udp_run(struct flow *flow, struct flow_budget *budget);

#endif
