/* SPDX-License-Identifier: MIT */
/* One client's `wait`: until a guest has a lease or is connected, and, where a port was given, until it then accepts
 * connections there. Nobody asks again and again on behalf of it but gw_dial_new(): a lease and a connection are news. */
#ifndef DAEMON_WAITING_H
#define DAEMON_WAITING_H

struct gw_network;
struct request;
struct waiting;

/* Takes what the request holds. on_done from inside the loop, once: waiting_answer() has something to say. 0 or -ENOMEM,
 * which leaves the request the caller's. */
int waiting_new(struct gw_network *network, struct request *request, void (*on_done)(void *owner), void *owner,
		struct waiting **ret_waiting);
/* Nobody is dialled any more. */
void waiting_free(struct waiting *waiting);
/* The answer, for free(), or NULL: not yet. At the beginning, at each piece of news, and after on_done; not from inside
 * the loop. */
char *waiting_answer(struct waiting *waiting);

#endif
