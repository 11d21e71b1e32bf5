/* SPDX-License-Identifier: MIT */
/* What each command answers, as a line: from a request to a call of the library to JSON. Which connection asked, and
 * how the line gets there, is the server's. */
#ifndef DAEMON_RESPOND_H
#define DAEMON_RESPOND_H

struct gw_network;
struct request;

enum respond_limits {
	RESPOND_FLOWS = 128, /* in one answer: 17 KB, and 1 ms of the network's time (7.7 us each, measured) */
};

/* Answers for status, show, guest-add, guest-rm, forward-*, flows and down; for free(), NULL: no memory. */
char *respond(struct gw_network *network, const char *control_path, const struct request *request);
/* The answer of `wait`, or NULL: not yet. */
char *respond_wait(struct gw_network *network, const struct request *request);
/* A capture begins: what it will not see is told. */
char *respond_capture(struct gw_network *network);
/* That nobody is known by this word, and who there is. */
char *respond_no_guest(struct gw_network *network, const char *word);

#endif
