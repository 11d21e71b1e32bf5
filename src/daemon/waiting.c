/* SPDX-License-Identifier: MIT */
/* A guest is dialled at an address: its own where the word is one, else that of its lease, so that every word which leads
 * to a guest does here too. */
#include "daemon/waiting.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "control/answer.h"
#include "control/request.h"
#include "daemon/describe.h"
#include "daemon/respond.h"
#include "daemon/target.h"
#include "guestwire/guestwire.h"
#include "os/clock.h"

struct waiting {
	struct gw_network *network;
	struct request request;
	uint64_t until_us;
	struct gw_dial *dial; /* NULL: no address is known yet */
	char address[TARGET_ADDRESS_BYTES];
	bool done;
	int error; /* when done */
	void (*on_done)(void *owner);
	void *owner;
};

int waiting_new(struct gw_network *network, struct request *request, void (*on_done)(void *owner), void *owner,
		struct waiting **ret_waiting)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	uint64_t timeout_ms = request->timeout_ms ? request->timeout_ms : REQUEST_TIMEOUT_MS_MAX;

	if (!waiting)
		return -ENOMEM;
	waiting->network = network;
	waiting->request = *request;
	*request = (struct request){.command = REQUEST_WAIT};
	waiting->until_us = clock_now_us(NULL) + timeout_ms * 1000;
	waiting->on_done = on_done;
	waiting->owner = owner;
	*ret_waiting = waiting;
	return 0;
}

void waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return;
	gw_dial_free(waiting->dial);
	request_done(&waiting->request);
	free(waiting);
}

static void waiting_on_dialled(void *owner, int error)
{
	struct waiting *waiting = owner;

	waiting->done = true;
	waiting->error = error;
	waiting->on_done(waiting->owner);
}

/* Where to dial; false: nothing is known yet. */
static bool waiting_find_address(struct waiting *waiting)
{
	const char *word = waiting->request.guest;
	struct target target;
	unsigned char bytes[16];

	if (inet_pton(AF_INET, word, bytes) == 1 || inet_pton(AF_INET6, word, bytes) == 1)
		snprintf(waiting->address, sizeof(waiting->address), "%s", word);
	else if (target_find(waiting->network, word, &target) && target.leased && target.address_count)
		snprintf(waiting->address, sizeof(waiting->address), "%s", target.addresses[0]);
	return waiting->address[0] != '\0';
}

static char *waiting_refuse(const struct waiting *waiting, int error)
{
	unsigned port = (unsigned)waiting->request.port;
	char text[400], who[300];

	snprintf(who, sizeof(who), "guest %.200s at %s", waiting->request.guest, waiting->address);
	switch (error) {
	case -ECONNREFUSED:
		snprintf(text, sizeof(text), "%s: still refuses connections to port %u", who, port);
		break;
	case -EHOSTUNREACH:
		snprintf(text, sizeof(text), "%s: nobody answers for that address", who);
		break;
	case -ETIMEDOUT:
		snprintf(text, sizeof(text), "%s: says nothing at port %u; a firewall in it may drop what comes", who,
			 port);
		break;
	case -EOPNOTSUPP:
		snprintf(text, sizeof(text), "%s: port %u cannot be asked for: that needs --uplink user", who, port);
		break;
	case -EINVAL:
		snprintf(text, sizeof(text),
			 "%s: no guest of this network can have that address; guestwire show says "
			 "which it has",
			 waiting->address);
		break;
	default:
		snprintf(text, sizeof(text), "%s, port %u: %s", who, port, error_name(error));
	}
	return answer_encode_error(ANSWER_FAILED, text);
}

static char *waiting_accept(struct waiting *waiting)
{
	struct target target;

	target_find(waiting->network, waiting->request.guest, &target);
	return answer_encode_ok(json_pack("{s:o, s:s, s:i}", "guest", describe_target(&target), "address",
					  waiting->address, "port", (int)waiting->request.port));
}

char *waiting_answer(struct waiting *waiting)
{
	uint64_t now_us = clock_now_us(NULL);
	int result;

	if (!waiting->request.port)
		return respond_wait(waiting->network, &waiting->request);
	if (waiting->done)
		return waiting->error ? waiting_refuse(waiting, waiting->error) : waiting_accept(waiting);
	if (waiting->dial || !waiting_find_address(waiting))
		return NULL;
	result = gw_dial_new(waiting->network, waiting->address, (uint16_t)waiting->request.port,
			     waiting->until_us > now_us ? waiting->until_us - now_us : 0, waiting_on_dialled, waiting,
			     &waiting->dial);
	return result < 0 ? waiting_refuse(waiting, result) : NULL;
}
