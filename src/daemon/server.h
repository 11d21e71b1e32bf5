/* SPDX-License-Identifier: MIT */
/* The control server: many clients of the same user on one AF_UNIX socket, each sending requests by line and getting an
 * answer by line (docs/control.md). Everything is bounded per client, and nobody waits for a client that does not read
 * or sends half a line. It owns its descriptors and watches them on the network's own loop; the work is done in
 * server_turn(), after the loop's turn, so that the network is never called back from inside itself. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>

struct error;
struct gw_network;
struct log;
struct server;

enum server_limits {
	SERVER_CLIENTS_MAX = 256, /* the one that was silent for longest goes when there is one more */
	SERVER_TURN_ACCEPTS = 16,
	SERVER_TURN_REQUESTS = 16, /* of all clients, before frames have their turn */
	SERVER_TURN_ONE = 4,       /* of one client, before others have theirs */
};

/* Binds `path` with mode 0600; it must not exist. */
int server_new(struct gw_network *network, const char *path, struct log *log, struct server **ret_server,
	       struct error *ret_error);
/* Ends every connection. The socket's file is its folder's owner's. */
void server_free(struct server *server);
/* After each gw_network_run(). */
void server_turn(struct server *server);
/* Something that `wait` may wait for has happened: looked at in the next turn. */
void server_news(struct server *server);
/* Somebody said `down`. */
bool server_ended(const struct server *server);

#endif
