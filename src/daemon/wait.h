/* SPDX-License-Identifier: MIT */
/* One client's `wait`: until a guest has a lease or is connected, and, where a port was given, until it then accepts
 * connections there. Nobody asks again and again on behalf of it but gw_dial_new(): a lease and a connection are news. */
#ifndef DAEMON_WAIT_H
#define DAEMON_WAIT_H

struct gw_network;
struct request;
struct wait;

/* Takes what the request holds. on_done from inside the loop, once: wait_answer() has something to say. 0 or -ENOMEM,
 * which leaves the request the caller's. */
int wait_new(struct gw_network *network, struct request *request, void (*on_done)(void *owner), void *owner,
	     struct wait **ret_wait);
/* Nobody is dialled any more. */
void wait_free(struct wait *wait);
/* The answer, for free(), or NULL: not yet. At the beginning, at each piece of news, and after on_done; not from inside
 * the loop. */
char *wait_answer(struct wait *wait);

#endif
