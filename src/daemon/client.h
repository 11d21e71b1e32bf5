/* SPDX-License-Identifier: MIT */
/* One connection of the control server: what came, what is to go, and what it is in the middle of. It reads the next
 * request only when the last answer is gone, so what is pending for it is one answer or one capture's buffer. */
#ifndef DAEMON_CLIENT_H
#define DAEMON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "control/line.h"

struct capture;
struct gw_network;
struct gw_watch;
struct waiting;

enum client_state {
	CLIENT_ASKING,    /* reads requests; answers at once */
	CLIENT_WAITING,   /* `wait`: until something happens, or it hangs up */
	CLIENT_CAPTURING, /* pcapng follows the answer, until it hangs up or shuts its side */
	CLIENT_ENDING,    /* sends what is pending, then closes */
	CLIENT_CLOSED,    /* to be freed */
};

struct client {
	struct list link;                                     /* all, the one that was silent for longest first */
	struct list ready;                                    /* those with events */
	void (*on_ready)(void *owner, struct client *client); /* from inside the loop: only put it on a list */
	void *owner;
	struct gw_network *network;
	struct gw_watch *watch;
	int fd;
	unsigned asked, events;
	enum client_state state;
	bool ended; /* its side is shut */
	struct lines lines;
	struct waiting *waiting; /* WAITING */
	struct capture *capture;
	char *answer; /* being sent */
	size_t answer_sent, answer_bytes;
};

/* Takes the descriptor, which does not block, also on failure. 0 or negative errno. */
int client_new(struct gw_network *network, int fd, void (*on_ready)(void *owner, struct client *client), void *owner,
	       struct client **ret_client);
void client_free(struct client *client);
/* Reads what there is, once. */
void client_read(struct client *client);
/* The next whole line, when it is time for one; NULL: not now. */
const char *client_line(struct client *client, size_t *ret_length);
/* Takes the line, made by malloc; NULL: no memory, the connection ends. */
void client_answer(struct client *client, char *line);
/* Sends what is pending and asks the loop for what comes next. Last in each turn. */
void client_settle(struct client *client);

#endif
