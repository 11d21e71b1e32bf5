/* SPDX-License-Identifier: MIT */
/* TCP's inside: for tcp*.c, and nobody else. The theory of operation stands in tcp.c. Numbers of sequence are compared by
 * tcp_before() alone. */
#ifndef NAT_TCP_H
#define NAT_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "nat/flow.h"
#include "nat/nat_state.h"
#include "nat/tcp_chain.h"
#include "nat/tcp_early.h"
#include "nat/tcp_socket.h"
#include "wire/tcp.h"

enum tcp_limits {
	/* The most that a guest is allowed to have on its way (law 4) in one flow, and in all that bring much, whose bytes should
	 * stay in the cache. Measured against 256 KiB: one flow has 6 % more with 512 KiB at MTU 1500 and 15 % at 65520, and 1
	 * MiB gains nothing; eight at 1500 take 11 % less CPU with 128 KiB each, but at 65520 that is two segments, and 5 % more. */
	TCP_WINDOW_BYTES = 512 * 1024,
	TCP_WINDOW_BUSY_BYTES = 1024 * 1024,
	TCP_WINDOW_LEAST = 128 * 1024,
	TCP_WINDOW_LEAST_SEGMENTS = 4,
	TCP_WINDOW_FLOOR = 64 * 1024, /* of a flow without a tail, when the pool is empty */
	TCP_WINDOW_SCALE = 4,
	TCP_BUSY_BYTES = 64 * 1024,       /* brought much: as many in TCP_BUSY_US */
	TCP_WINDOW_SHARE = 4,             /* no flow's window is more than this part of what the pool has left */
	TCP_RING_BYTES = 256 * 1024,      /* of a flow whose socket cannot be peeked */
	TCP_GATHER_PIECES = 1024,         /* IOV_MAX: of one batch, all flows together */
	TCP_SEND_BYTES = 65535 - 40 - 20, /* payload of the largest frame */
	TCP_SACKED_MAX = 8,               /* ranges remembered; the farthest are forgotten first */
	TCP_SENDS_SETTLED = 2,            /* the second to a socket is the first that the kernel could hold back */
	TCP_MSS_LEAST = 64,               /* what is less is a way to make us send headers */
	TCP_DUPLICATES = 3,               /* RFC 5681 3.2 */
	TCP_RETRIES = 10,                 /* without a sign of life: about 100 s */
	TCP_SYN_RETRIES = 5,
	TCP_KEEPALIVE_RETRIES = 9,
	TCP_TIME_WAIT_AGAIN = 2, /* as often it becomes longer: half a minute */
	/* Both ways, before it is worth it: it takes 1 to 2 ms, and wins 0.2 for each MiB that follows. */
	TCP_HANDOVER_BYTES = 4 * 1024 * 1024,
	TCP_HANDOVER_SOON = 256 * 1024,        /* more, when something of it had to wait here just then */
	TCP_HANDOVER_AGAIN = 16 * 1024 * 1024, /* more, after it could not be */
	TCP_HANDOVER_WINDOW = 64 * 1024,       /* at least, of the guest's, … */
	TCP_HANDOVER_SEGMENTS = 4,             /* … and as many of its segments: for less than one it would wait */
	TCP_HANDOVER_LOOKS = 10,               /* at a guest that does not become silent */
	TCP_HANDOVER_STRAYS = 4 * 1024 * 1024, /* bytes that may come late: what was on its way, a few times */
};

/* Times in microseconds. */
#define TCP_BUSY_US (10 * 1000)
#define TCP_RTO_FIRST_US (1000 * 1000) /* RFC 6298 2.1 */
#define TCP_RTO_LEAST_US (200 * 1000)  /* below a guest's delayed acknowledgement it would go off for nothing */
#define TCP_RTO_MOST_US (20 * 1000 * 1000)
/* The guest's FIN may come a few times more; the way is short. When it came the guest waits twice as long before it sends
 * it again (RFC 6298 5.5), and that may be lost: then it is four times as long. */
#define TCP_TIME_WAIT_US (2 * 1000 * 1000)
#define TCP_CALL_AGAIN_US 2000
#define TCP_HANDOVER_US 500
#define TCP_KEEPALIVE_US ((uint64_t)2 * 3600 * 1000 * 1000) /* RFC 9293 3.8.4 */
#define TCP_KEEPALIVE_PAUSE_US (75 * 1000 * 1000)

/* On its way to the guest, whatever its window: the kernel finds a peek's offset by walking what is unread, and what is
 * small stays in the cache. Measured on two busy cores, -R at 1500: no bound 0.44 CPU s per GiB, 1 MiB 0.39, 256 KiB 0.36;
 * more than the least, for guests that answer late. To a port that lends room it lies in the guest's own memory, where it
 * lay anyhow: there 1 MiB is 33 % faster than 512 KiB with 19 % less CPU at MTU 1500 and 65520, between programs that
 * copy nothing, and as fast between programs that do. Since a turn brings 512 KiB, 2 MiB of one flow are another 6 to 15 %
 * faster with 5 to 13 % less CPU at either MTU, and nothing new with eight; 4 MiB gain no more. Into a tap 1 MiB is 10 %
 * slower between programs that copy. */
#define TCP_FLIGHT_MOST (512U * 1024)
#define TCP_FLIGHT_LENT (2048U * 1024)

enum tcp_timer {
	TCP_TIMER_NONE,
	TCP_TIMER_RETRANSMIT, /* something is not acknowledged */
	TCP_TIMER_PERSIST,    /* the guest's window is shut and there is something for it */
	TCP_TIMER_HANDOVER,   /* to be handed over: whether the guest is silent */
	TCP_TIMER_KEEPALIVE,  /* nothing at all */
	TCP_TIMER_TIME_WAIT,  /* and RESETTING: its end */
};

/* What a flow is in, as the guest sees it. Who may do what:
 *              socket        guest's segments          we send
 *   CONNECTING connecting    SYN again: nothing        nothing
 *   ANSWERING  open          the ACK of our SYN        SYN|ACK, by the timer again
 *   CALLING    open          SYN|ACK                   SYN, by the timer again
 *   OPEN       open          all                       all; each direction ends by itself
 *   TIME_WAIT  closed        FIN again, a new SYN      ACKs
 *   HANDED     the carrier's what comes late           the last ACK
 *   RESETTING  closed        a new SYN                 a reset, as soon as there is room for it; then it is no more */
enum tcp_state {
	TCP_CONNECTING,
	TCP_ANSWERING,
	TCP_CALLING,
	TCP_OPEN,
	TCP_HANDED,
	TCP_TIME_WAIT,
	TCP_RESETTING,
};

struct tcp_range {
	uint32_t left;
	uint32_t right;
};

/* The guest sends, the host's socket gets. */
struct tcp_from_guest {
	uint32_t first; /* the guest's SYN */
	uint32_t next;  /* expected: all before it is the socket's, the tail's or gathered */
	uint32_t edge;  /* the first that the guest may not send; never moves back */
	bool ack_owed;
	bool ended;              /* its FIN was taken: it is next - 1 */
	bool shut;               /* and the socket knows */
	bool broken;             /* the socket takes no more: what comes is thrown away */
	uint8_t duplicates_owed; /* acknowledgements for what came ahead of a gap */
	bool twice_owed;         /* `twice` is told with the next */
	bool window_low;         /* told less than a segment: to be opened as soon as there is more */

	/* of this batch, until tcp_flush() */
	bool gather_ended;                  /* the FIN came in it */
	uint16_t gather_first, gather_last; /* index + 1 in the pieces; 0: none */
	uint32_t gathered;

	struct tcp_chain tail;
	struct tcp_early *early; /* behind a gap; NULL: nothing */
	struct tcp_range twice;  /* came again (RFC 2883) */
	uint64_t bytes;
	uint64_t busy_from; /* of `bytes`, when `busy_turn` began */
	uint32_t busy_turn; /* that of struct tcp_busy in which it was looked at */
	bool busy;          /* counted there */
};

/* How many flows bring much at the moment: counted in turns of TCP_BUSY_US. */
struct tcp_busy {
	uint32_t turn;
	uint32_t flows;   /* in the turn before */
	uint32_t counted; /* in this one */
	uint64_t began_us;
};

/* The host's socket has, the guest gets. */
struct tcp_to_guest {
	uint32_t first; /* our SYN */
	uint32_t una;   /* the oldest that is not acknowledged */
	uint32_t next;  /* to be sent next; may be before `max` after a timeout */
	uint32_t max;   /* behind all that was ever sent */
	uint32_t window, window_max;
	uint32_t window_sequence, window_ack; /* of the segment that told it (RFC 9293 3.10.7.4) */
	uint32_t flight; /* how much may be on its way, besides the window: smaller after a loss (RFC 5681) */
	uint16_t mss;
	uint8_t window_scale, our_scale;
	bool scaled, sack;

	/* the source */
	bool peeks;        /* else the ring */
	bool seeks;        /* the socket keeps `peek_at`; else it peeks at `base` */
	bool readable;     /* there may be more: nobody said -EAGAIN since it was last told */
	bool hangup;       /* told that the end is near: read until it is there */
	bool ended;        /* the socket's stream ends at `end`, which is the FIN's number */
	bool reset;        /* by the host: a reset instead of the FIN */
	bool reset_late;   /* by the host, after its end: a reset behind the FIN */
	bool closed_first; /* our FIN was sent before the guest's came: TIME_WAIT is ours */
	uint32_t end;
	uint32_t base;      /* of the socket's first unread byte, or the ring's */
	bool consume_owed;  /* something was acknowledged without a word that goes to the socket */
	uint8_t unconsumed; /* turns in which what was acknowledged stayed in the socket */
	uint32_t peek_at;   /* where the socket's next peek begins */
	struct tcp_chain ring;

	/* recovery, RFC 6675 without its pipe */
	bool recovering;
	uint8_t duplicates;
	uint8_t sacked_count;
	uint32_t recover;                        /* it ends when this is acknowledged */
	uint32_t rexmit;                         /* holes before it have been sent again */
	struct tcp_range sacked[TCP_SACKED_MAX]; /* ascending, apart */

	/* the clock, RFC 6298 */
	bool timing;
	bool probe_owed;
	bool shut_window; /* counted */
	uint8_t retries;
	uint8_t probes; /* of this shut window; stops at its most */
	uint32_t timed; /* acknowledged: a sample */
	uint64_t timed_us;
	uint32_t srtt_us, rttvar_us, rto_us;
	uint64_t bytes;
};

struct tcp_flow {
	struct flow flow;
	enum tcp_state state;
	int fd;        /* -1: none */
	bool ours;     /* opened here: TCP */
	uint8_t sends; /* to the socket; stops at TCP_SENDS_SETTLED */
	bool syn_owed;
	uint8_t service; /* of the guest's SYN, for what quotes it */
	enum tcp_timer timer;
	uint64_t due_us; /* when it is due; the loop's timer may be set earlier than that, never later */
	uint64_t heard_us;
	struct watch watch;
	struct list gathering;       /* on tcp->gathering while it has something of the batch */
	struct list poor;            /* on tcp->poor while the pool keeps its window small */
	struct list late;            /* on tcp->late while its acknowledgement waits for data to carry it */
	struct nat_call *call;       /* CALLING: who wants to know; may be NULL */
	bool handing;                /* to be handed over: both directions come to a stand */
	bool still;                  /* … the guest said that nothing of its is under way */
	uint8_t hand_looks;          /* … how often it was looked whether it is silent */
	uint32_t hand_next;          /* … and what was expected of it then */
	uint32_t strays;             /* HANDED: bytes that came here even so */
	uint64_t hand_at;            /* of bytes both ways */
	struct nat_carrier *carrier; /* HANDED */
	struct conversation conversation;
	struct tcp_from_guest from_guest;
	struct tcp_to_guest to_guest;
};

/* A piece of the batch: the guest's own memory, until the flush. */
struct tcp_piece {
	struct iovec piece;
	uint16_t next; /* index + 1 */
};

struct tcp {
	struct nat *nat;
	const struct nat_socket_ops *sockets;
	void *sockets_owner;
	struct pool pool; /* blocks of tails and rings */
	struct list poor;
	struct list gathering;
	struct list late;
	struct tcp_busy busy;
	uint32_t pieces_used;
	struct tcp_piece pieces[TCP_GATHER_PIECES];
	struct iovec iov[TCP_GATHER_PIECES];
	uint8_t head[FRAME_HEAD_BYTES];
};

/* A segment of the guest's, its checksum right. */
struct tcp_segment {
	const struct nat_packet *packet;
	struct tcp_header header;
	struct tcp_options options;
	uint32_t payload;  /* offset in the frame */
	uint32_t bytes;    /* of payload */
	uint32_t sequence; /* of its first payload byte */
	bool fin;
};

static inline bool tcp_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t tcp_later(uint32_t a, uint32_t b)
{
	return tcp_before(a, b) ? b : a;
}

static inline struct tcp_flow *tcp_of(struct flow *flow)
{
	return container_of(flow, struct tcp_flow, flow);
}

static inline struct tcp *tcp_state_of(const struct tcp_flow *flow)
{
	return flow->flow.nat->protocols[NAT_TCP];
}

static inline struct nat_counters *tcp_counters(const struct tcp_flow *flow)
{
	return &flow->flow.nat->counters;
}

static inline uint32_t tcp_flight_most(const struct tcp_flow *flow)
{
	return flow->flow.port->ops->reserve ? TCP_FLIGHT_LENT : TCP_FLIGHT_MOST;
}

static inline uint32_t tcp_outstanding(const struct tcp_flow *flow)
{
	return flow->to_guest.max - flow->to_guest.una;
}

/* ---- tcp.c: life ---- */

/* Resets the socket, and the guest in the next round: the caller is done with the flow. May be called in a delivery. */
void tcp_abort(struct tcp_flow *flow);
/* Both directions may be over: TIME_WAIT, or the flow is freed. True: it is no more. */
bool tcp_finish(struct tcp_flow *flow);
/* Closes what there is and frees the flow; the guest is told nothing. */
void tcp_drop(struct tcp_flow *flow, bool reset_host);
extern const struct flow_ops tcp_flow_ops;
/* The host's socket failed: what it has is still the guest's, then comes a reset. */
void tcp_break(struct tcp_flow *flow);

/* ---- tcp_open.c ---- */

/* A SYN for which there is no flow. */
enum drop_reason tcp_open(struct tcp *tcp, const struct flow_key *key, const struct tcp_segment *segment);
/* What the guest's SYN says. */
void tcp_learn_options(struct tcp_flow *flow, const struct tcp_segment *segment);
/* Whoever called the guest learns this, if nothing was said before. */
void tcp_tell_caller(struct tcp_flow *flow, int error);
/* The guest has both SYNs. */
void tcp_opened(struct tcp_flow *flow);
/* The socket's events are told from now on. 0 or negative errno. */
int tcp_watch(struct tcp_flow *flow);
/* The largest segment that this flow's frames carry. */
uint16_t tcp_mss_here(const struct tcp_flow *flow);

/* ---- tcp_answer.c ---- */

/* Nobody is there for this segment. */
void tcp_reset_segment(struct nat *nat, const struct tcp_segment *segment);
/* The SYN of this flow is refused: by a reset, or by the ICMP error for an errno. */
void tcp_reset_flow(struct tcp_flow *flow);
void tcp_refuse_flow(struct tcp_flow *flow, int error);

/* ---- tcp_from_guest.c ---- */

/* A segment for an open flow. */
enum drop_reason tcp_take(struct tcp_flow *flow, struct tcp_segment *segment);
/* RFC 5961 3.2: a reset that is exactly where the next byte would be; what is near it is asked about. */
enum drop_reason tcp_take_reset(struct tcp_flow *flow, const struct tcp_segment *segment);
/* The window to tell the guest now, in bytes; the edge moves with it. */
uint32_t tcp_offer_window(struct tcp_flow *flow);
/* What was gathered goes to the socket or the tail. */
void tcp_gather_flush(struct tcp *tcp);
void tcp_gather_forget(struct tcp_flow *flow);
/* An acknowledgement is owed, and sent in the next round. */
void tcp_owe_ack(struct tcp_flow *flow);
/* The socket takes bytes again: the tail goes; then perhaps the end. */
void tcp_drain(struct tcp_flow *flow);
/* Blocks came back to the pool. */
void tcp_feed_poor(struct tcp *tcp);

/* ---- tcp_late.c: acknowledgements that data carries ---- */

void tcp_late_start(struct tcp_flow *flow);
/* The guest said this much; an acknowledgement is owed, now or when nobody answers. */
void tcp_late_said(struct tcp_flow *flow, uint32_t bytes);
void tcp_late_on_turn(struct tcp *tcp, uint64_t now_us);

/* ---- tcp_ack.c ---- */

/* What a segment says of what the guest got. False: it acknowledges what was never sent. The flow may be over. */
bool tcp_acknowledged(struct tcp_flow *flow, const struct tcp_segment *segment);
/* The range to send again in a recovery; false: none. */
bool tcp_hole(const struct tcp_flow *flow, struct tcp_range *ret_hole);
/* All that was learnt of what the guest has beyond `una` may be wrong (RFC 2018 8). */
void tcp_forget_sacks(struct tcp_flow *flow);

/* ---- tcp_to_guest.c ---- */

bool tcp_run(struct flow *flow, struct flow_budget *budget);
/* Is there something that the guest's window alone holds back? */
bool tcp_has_pending(const struct tcp_flow *flow);

/* ---- tcp_handover.c ---- */

/* An open flow's turn begins: has it brought enough, and is the time right? */
void tcp_handover_run(struct tcp_flow *flow);
/* `handing`: the guest said something. */
void tcp_handover_heard(struct tcp_flow *flow, const struct tcp_segment *segment);
/* `handing`: not now. The guest may send again. */
void tcp_handover_put_off(struct tcp_flow *flow);
/* TCP_TIMER_HANDOVER */
void tcp_handover_on_due(struct tcp_flow *flow);
/* A segment of a guest whose own socket should have it. */
enum drop_reason tcp_handover_input(struct tcp_flow *flow, const struct tcp_segment *segment);

/* ---- tcp_timer.c ---- */

void tcp_on_due(struct flow *flow, uint64_t now_us);
/* Sets the timer for what the flow waits for by now. */
void tcp_set_timer(struct tcp_flow *flow);
/* All from the oldest on again: what the guest was sent did not arrive. */
void tcp_resend(struct tcp_flow *flow);
/* CALLING: once the SYN goes again before its time. */
void tcp_call_again(struct tcp_flow *flow);
/* Starts anew: something was acknowledged. */
void tcp_restart_timer(struct tcp_flow *flow);
/* A sign of life that acknowledges nothing. */
void tcp_heard(struct tcp_flow *flow);
void tcp_sample(struct tcp_flow *flow, uint64_t rtt_us);

/* ---- tcp_source.c: the socket's bytes by their number, peeked or from the ring ---- */

void tcp_source_start(struct tcp_flow *flow);
/* The bytes from `sequence` on into the pieces. How many; 0: the stream ends there; -EAGAIN: not there yet; or another
 * errno of the socket's. */
ssize_t tcp_source_read(struct tcp_flow *flow, uint32_t sequence, const struct iovec *pieces, int count,
			uint32_t bytes);
/* All before `una` was acknowledged and goes: before the next read, and before the socket is closed, which would else say
 * to its far end that bytes were not read. */
void tcp_source_consume(struct tcp_flow *flow);
/* The socket's far end has reset it. */
void tcp_source_was_reset(struct tcp_flow *flow);
/* What the socket has no more and the guest has not acknowledged: in the ring. */
uint32_t tcp_source_kept(const struct tcp_flow *flow);
void tcp_source_stop(struct tcp_flow *flow);

#endif
