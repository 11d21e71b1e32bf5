/* SPDX-License-Identifier: MIT */
/* Acknowledgements that wait for data to carry them, as long as the loop lingers for an answer (linger.h): each costs as
 * much as the data itself. What then was not answered is acknowledged, LINGER_US late: a guest that waits for it (Nagle)
 * does not notice. */
#include "nat/tcp.h"

void tcp_late_start(struct tcp_flow *flow)
{
	list_init(&flow->late);
	flow->conversation.answers = LINGER_TURNS; /* a new flow's first question is believed to be quick */
}

void tcp_late_said(struct tcp_flow *flow, uint32_t bytes)
{
	struct tcp *tcp = tcp_state_of(flow);
	bool awaited = linger_asked(&tcp->nat->linger, &flow->conversation);

	/* Behind the end of the other stream no data comes that could carry it. */
	if (!awaited || bytes >= flow->to_guest.mss || flow->to_guest.ended)
		tcp_owe_ack(flow);
	else if (list_empty(&flow->late))
		list_append(&tcp->late, &flow->late);
}

/* The first has waited longest. */
void tcp_late_on_turn(struct tcp *tcp, uint64_t now_us)
{
	while (!list_empty(&tcp->late)) {
		struct tcp_flow *flow = container_of(tcp->late.next, struct tcp_flow, late);

		if (now_us < flow->conversation.at_us + LINGER_US)
			break;
		list_remove(&flow->late);
		tcp_owe_ack(flow);
	}
}
