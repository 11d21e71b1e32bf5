/* SPDX-License-Identifier: MIT */
/* Passages (gw_passage of guestwire.h): a listening socket whose connections become spliced pairs, or a datagram socket with
 * a relay. They are how a namespace reaches what listens on this machine's loopback, and UDP the other way round. */
#ifndef NETWORK_PASSAGE_H
#define NETWORK_PASSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "network/dialler.h"

struct error;
struct gw_network;

enum passage_limits {
	PASSAGE_TURN = 32, /* connections of one socket, before others have their turn */
	PASSAGE_PAUSE_US = 100 * 1000,
	PASSAGE_TEXT_BYTES = 80,
};

/* "127.0.0.1:80", "[::1]:80". -EINVAL and a text. */
int passage_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes,
		  struct error *ret_error);
/* The same, the other way. `text` has PASSAGE_TEXT_BYTES. */
void passage_format(const struct sockaddr_storage *address, char *text);
/* Does what is connected to this port of a guest's loopback, of this family, come to that port of this machine's? */
bool passage_leads(const struct gw_network *network, bool is6, uint16_t port, uint16_t to);
/* Those that lead through it lead nowhere from now on. */
void passage_forget(struct gw_network *network, const struct dialler *dialler);
/* Ends all of them. */
void passage_done(struct gw_network *network);

#endif
