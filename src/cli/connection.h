/* SPDX-License-Identifier: MIT */
/* A command's connection to a running network: which one is meant, one request, one answer. */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/answer.h"
#include "control/line.h"
#include "control/request.h"
#include "daemon/config.h"
#include "daemon/runtime.h"

enum connection_limits {
	CONNECTION_TIMEOUT_MS = 5 * 1000, /* to be let in, and for an answer that needs no waiting */
	CONNECTION_LOOK_MS = 1000,        /* after so long a silence: has somebody stopped it? */
	CONNECTION_WHO_BYTES = CONFIG_NAME_BYTES + 64,
};

struct connection {
	int fd;
	pid_t pid; /* -1: of another pid namespace, without a number here */
	char base[RUNDIR_PATH_BYTES];
	char name[CONFIG_NAME_BYTES + 1];
	struct lines lines;
};

/* The folder of this user's networks, or where it will be. One that somebody else made is refused: what answers there could
 * be anybody. */
int connection_base(char base[RUNDIR_PATH_BYTES], struct error *ret_error);
/* `name` NULL: the one that runs, when it is the only one. 0 or negative errno and a text; then connection_done(). */
int connection_open(const char *name, struct connection *ret_connection, struct error *ret_error);
/* The same, for who does not want to wait long for a place in the queue of one that does not answer; not 0. */
int connection_open_within(const char *name, int64_t patience_ms, struct connection *ret_connection,
			   struct error *ret_error);
void connection_done(struct connection *connection);
/* Only asks: the answer is heard later. */
int connection_tell(struct connection *connection, const struct request *request, struct error *ret_error);
/* Waits until then (command_now_ms()), for what is there already also after it; -1: without end. 0 with an answer that is
 * ok (answer_done() is the caller's); negative errno and a text, also for an answer that is not; -ETIMEDOUT. */
int connection_hear(struct connection *connection, int64_t until_ms, struct answer *ret_answer,
		    struct error *ret_error);
/* Asks, and hears an answer that comes at once, or why none does. */
int connection_ask(struct connection *connection, const struct request *request, struct answer *ret_answer,
		   struct error *ret_error);
/* "network lab (pid 4121)" */
const char *connection_who(const struct connection *connection, char text[CONNECTION_WHO_BYTES]);
/* All at once, for commands that ask one thing. */
int connection_once(const char *name, const struct request *request, struct answer *ret_answer,
		    struct error *ret_error);

#endif
