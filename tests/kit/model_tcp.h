/* SPDX-License-Identifier: MIT */
/* What NAT's TCP stands between in the simulator: a model of a guest's TCP, written from the RFCs and not from src/nat,
 * and a model of a host's sockets with a program at their far end. Both run on a virtual clock, from a seed. Streams are
 * patterns, so that nothing is kept of what passes: a byte is right or wrong where it stands. The first thing found wrong
 * is kept in `wrong`. */
#ifndef KIT_MODEL_TCP_H
#define KIT_MODEL_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/timer.h"
#include "fabric/frame.h"
#include "loop/loop.h"
#include "nat/tcp_socket.h"

enum model_limits {
	MODEL_SOCKETS_MAX = 32,
	MODEL_RANGES_MAX = 32,
	MODEL_PORT = 80,
};

#define MODEL_NEVER UINT64_MAX

void model_pattern(uint32_t stream, uint64_t offset, void *to, size_t count);
bool model_pattern_is(uint32_t stream, uint64_t offset, const void *bytes, size_t count);

/* ---- the host ---- */

/* The program at a socket's far end. */
struct model_script {
	uint64_t down;         /* bytes that it sends, then it ends its sending */
	uint64_t reset_after;  /* so many of them, then it resets; MODEL_NEVER: never */
	uint32_t late_us;      /* so much after its end it resets; 0: never */
	uint32_t chunk_bytes;  /* at once, at most */
	uint32_t pause_us;     /* between chunks, at most */
	uint32_t buffer_bytes; /* of the socket, each way */
	uint32_t drain_bytes;  /* what the world takes of it, each … */
	uint32_t drain_us;
	uint32_t partial_every; /* every so manyth send takes only a part; 0: none */
	bool holds;             /* it never ends its sending */
	int connect_error;
	uint32_t connect_us; /* 0: at once */
	bool peeks;
};

struct model_host;

struct model_socket {
	struct model_host *host;
	struct model_script script;
	uint32_t stream;
	uint32_t number; /* of the script */
	bool used, connected, ended, reset, told_reset, nospace;
	int error;
	uint64_t arrived, consumed, peek_at;
	bool seeks;
	uint64_t taken; /* of what the guest sent */
	uint32_t unsent;
	uint32_t sends;
	bool shut, closed, closed_by_reset;
	bool homeless;
	const struct outbound *outbound; /* by what it was to leave */
	struct watch *watch;
	unsigned told;
	struct timer tell, remote, drain;
};

struct model_host {
	struct loop *loop;  /* of the world */
	struct loop *asked; /* who uses the sockets is told there; NULL: the same */
	struct random *random;
	struct model_script scripts[MODEL_SOCKETS_MAX]; /* of who is connected to at this port, from MODEL_PORT on */
	uint32_t streams[MODEL_SOCKETS_MAX];
	struct model_socket sockets[MODEL_SOCKETS_MAX];
	size_t count;
	int watch_error;    /* what watch() says; 0: it works */
	int outbound_error; /* what open() says to who is to leave by a way */
	const char *wrong;
};

extern const struct nat_socket_ops model_socket_ops;

/* One that a forward would have accepted: its descriptor. */
int model_accept(struct model_host *host, uint32_t number);
void model_host_done(struct model_host *host);

/* ---- the guest ---- */

enum model_state { MODEL_CLOSED, MODEL_SYN_SENT, MODEL_SYN_RECEIVED, MODEL_OPEN };

struct model_range {
	uint64_t left, right;
};

struct model_guest;

struct model_guest_config {
	struct loop *loop;
	struct random *random;
	void (*send)(void *owner, const void *frame, uint32_t bytes, const struct offload *offload);
	void *owner;
	bool is6;
	uint16_t port, far_port;
	uint32_t stream;      /* received; sent is stream + 1 */
	uint64_t up;          /* bytes to send, then FIN */
	uint64_t reset_after; /* so many received or acknowledged, then a reset; MODEL_NEVER */
	uint16_t mss;
	uint32_t buffer_bytes; /* to receive */
	uint32_t read_us;      /* between the program's reads, at most */
	uint8_t scale;
	bool scaled, sack, offloads;
	bool data_on_syn, fin_apart;
	bool shrinks; /* its buffer becomes smaller now and then, and with it the window that it told (RFC 9293 3.8.6) */
	bool reneges; /* it throws away what it told by SACK now and then (RFC 2018 8) */
};

struct model_guest {
	struct model_guest_config config;
	enum model_state state;
	const char *wrong;
	uint32_t first;          /* our SYN */
	uint64_t una, next, max; /* stream offsets of what we send; the FIN is `up` */
	uint32_t window;
	uint8_t far_scale;
	uint16_t send_mss;
	uint32_t flight;
	bool fin_acked;
	int duplicates;
	uint32_t retries;

	uint32_t far_first;
	uint64_t received; /* in order */
	uint64_t read;
	uint64_t edge; /* the most that was ever offered */
	bool got_fin, got_reset, refused, unreachable, sent_reset, gave_up;
	uint64_t far_end; /* where the FIN stood */
	struct model_range ranges[MODEL_RANGES_MAX];
	size_t range_count;

	uint64_t opened_us, done_us;
	uint64_t frames, shrunk, reneged;
	struct timer retransmit, reader;
};

void model_guest_init(struct model_guest *guest, const struct model_guest_config *config);
void model_guest_done(struct model_guest *guest);
void model_guest_connect(struct model_guest *guest);
/* A frame that came to this guest's port; false: it is another connection's. */
bool model_guest_input(struct model_guest *guest, const struct frame *frame);

#endif
