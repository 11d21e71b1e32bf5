/* SPDX-License-Identifier: MIT */
/* A guest is dialled at an address: its own where the word is one, else that of its lease, so that every word which leads
 * to a guest does here too. */
#include "daemon/wait.h"

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

struct wait {
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

int wait_new(struct gw_network *network, struct request *request, void (*on_done)(void *owner), void *owner,
	     struct wait **ret_wait)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	uint64_t timeout_ms = request->timeout_ms ? request->timeout_ms : REQUEST_TIMEOUT_MS_MAX;

	if (!wait)
		return -ENOMEM;
	wait->network = network;
	wait->request = *request;
	*request = (struct request){.command = REQUEST_WAIT};
	wait->until_us = clock_now_us(NULL) + timeout_ms * 1000;
	wait->on_done = on_done;
	wait->owner = owner;
	*ret_wait = wait;
	return 0;
}

void wait_free(struct wait *wait)
{
	if (!wait)
		return;
	gw_dial_free(wait->dial);
	request_done(&wait->request);
	free(wait);
}

static void wait_on_dialled(void *owner, int error)
{
	struct wait *wait = owner;

	wait->done = true;
	wait->error = error;
	wait->on_done(wait->owner);
}

/* Where to dial; false: nothing is known yet. */
static bool wait_find_address(struct wait *wait)
{
	const char *word = wait->request.guest;
	struct target target;
	unsigned char bytes[16];

	if (inet_pton(AF_INET, word, bytes) == 1 || inet_pton(AF_INET6, word, bytes) == 1)
		snprintf(wait->address, sizeof(wait->address), "%s", word);
	else if (target_find(wait->network, word, &target) && target.leased && target.address_count)
		snprintf(wait->address, sizeof(wait->address), "%s", target.addresses[0]);
	return wait->address[0] != '\0';
}

static char *wait_refuse(const struct wait *wait, int error)
{
	unsigned port = (unsigned)wait->request.port;
	char text[400], who[300];

	snprintf(who, sizeof(who), "guest %.200s at %s", wait->request.guest, wait->address);
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
			 wait->address);
		break;
	default:
		snprintf(text, sizeof(text), "%s, port %u: %s", who, port, error_name(error));
	}
	return answer_encode_error(ANSWER_FAILED, text);
}

static char *wait_accept(struct wait *wait)
{
	struct target target;

	target_find(wait->network, wait->request.guest, &target);
	return answer_encode_ok(json_pack("{s:o, s:s, s:i}", "guest", describe_target(&target), "address",
					  wait->address, "port", (int)wait->request.port));
}

char *wait_answer(struct wait *wait)
{
	uint64_t now_us = clock_now_us(NULL);
	int result;

	if (!wait->request.port)
		return respond_wait(wait->network, &wait->request);
	if (wait->done)
		return wait->error ? wait_refuse(wait, wait->error) : wait_accept(wait);
	if (wait->dial || !wait_find_address(wait))
		return NULL;
	result = gw_dial_new(wait->network, wait->address, (uint16_t)wait->request.port,
			     wait->until_us > now_us ? wait->until_us - now_us : 0, wait_on_dialled, wait, &wait->dial);
	return result < 0 ? wait_refuse(wait, result) : NULL;
}
