/* SPDX-License-Identifier: MIT */
/* guestwire wait [NAME] GUEST: the network answers when it is so; nobody asks again and again. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/guestport.h"
#include "cli/member.h"
#include "cli/quantity.h"
#include "os/process.h"

enum {
	WAIT_TIMEOUT,
	WAIT_FOR,
	WAIT_JSON,
};

enum {
	WAIT_GRACE_MS = 500,
};

static const struct argument wait_options[] = {
	[WAIT_TIMEOUT] = {"timeout", 't', true}, [WAIT_FOR] = {"for", 0, true}, [WAIT_JSON] = {"json", 0, false}, {0}};

struct wait_words {
	const char *plain[2];
	char guest[GUESTPORT_GUEST_BYTES];
	int plain_count;
	int timeout_ms;
	bool json;
	struct request request;
};

static int wait_timeout(struct wait_words *words, const char *text, struct error *ret_error)
{
	if (!quantity_read_seconds(text, &words->timeout_ms))
		return error_set(ret_error, -EINVAL, "wait: --timeout %.40s: must be seconds, 0 to 1000000", text);
	return 0;
}

static int wait_until(struct wait_words *words, const char *word, struct error *ret_error)
{
	if (request_until_parse(word, &words->request.until, NULL) < 0)
		return error_set(ret_error, -EINVAL, "wait: --for %.40s: lease, connected or either would do", word);
	return 0;
}

static int wait_read_guest(struct wait_words *words, struct error *ret_error)
{
	uint16_t port;
	int result = guestport_parse(words->plain[words->plain_count - 1], words->guest, &port, ret_error);

	if (result < 0)
		return result;
	if (port && words->request.until != REQUEST_UNTIL_EITHER)
		return error_set(ret_error, -EINVAL, "wait: --for is of a guest alone, and %.60s:%u has a port",
				 words->guest, port);
	words->request.guest = words->guest;
	words->request.port = port;
	if (words->timeout_ms >= 0)
		words->request.timeout_ms = words->timeout_ms > 0 ? (uint64_t)words->timeout_ms : 1;
	return 0;
}

static int wait_read(struct wait_words *words, struct arguments *arguments, struct error *ret_error)
{
	const char *word;
	int found, result = 0;

	while (result == 0 && (found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		if (found == WAIT_TIMEOUT)
			result = wait_timeout(words, word, ret_error);
		else if (found == WAIT_FOR)
			result = wait_until(words, word, ret_error);
		else if (found == WAIT_JSON)
			words->json = true;
		else if (words->plain_count == 2)
			result = error_set(ret_error, -EINVAL, "wait: takes NAME and GUEST, and %.60s is one too many",
					   word);
		else
			words->plain[words->plain_count++] = word;
	}
	if (result == 0 && words->plain_count == 0)
		result = error_set(ret_error, -EINVAL, "wait: for which guest? guestwire help wait says more");
	return result == 0 ? wait_read_guest(words, ret_error) : result;
}

static void wait_print(const struct wait_words *words, const struct answer *answer)
{
	const json_t *guest = json_object_get(answer->object, "guest");
	const char *address = json_string_value(json_array_get(json_object_get(guest, "addresses"), 0));

	if (*member_text(answer->object, "address"))
		address = member_text(answer->object, "address"); /* where it was dialled */
	if (words->json)
		member_print(guest);
	else if (address)
		puts(address);
}

static const char *wait_goal(const struct request *request)
{
	if (request->port)
		return "held a lease";
	switch (request->until) {
	case REQUEST_UNTIL_LEASE:
		return "held a lease";
	case REQUEST_UNTIL_CONNECTED:
		return "was connected";
	case REQUEST_UNTIL_EITHER:
		break;
	}
	return "held a lease or was connected";
}

/* When an answer is late; -1: never. Of a port the network itself says what is in the way when the time is over; and what is
 * so already is told also to who does not want to wait at all. */
static int64_t wait_until_ms(const struct wait_words *words)
{
	if (words->timeout_ms < 0)
		return -1;
	if (words->request.port)
		return command_now_ms() + words->timeout_ms + WAIT_GRACE_MS;
	return command_now_ms() + (words->timeout_ms > WAIT_GRACE_MS ? words->timeout_ms : WAIT_GRACE_MS);
}

static int wait_for(struct wait_words *words, struct error *ret_error)
{
	const char *name = words->plain_count == 2 ? words->plain[0] : NULL;
	struct connection connection;
	struct answer answer;
	int result = connection_open(name, &connection, ret_error);

	if (result < 0)
		return result;
	result = connection_tell(&connection, &words->request, ret_error);
	if (result == 0)
		result = connection_hear(&connection, wait_until_ms(words), &answer, ret_error);
	if (result == -ETIMEDOUT && !process_is_stopped(connection.pid))
		error_set(ret_error, result,
			  "wait: no guest %.200s on network %s that %s within %g s; guestwire show %s lists those "
			  "there are",
			  words->request.guest, connection.name, wait_goal(&words->request), words->timeout_ms / 1000.0,
			  connection.name);
	connection_done(&connection);
	if (result < 0)
		return result;
	wait_print(words, &answer);
	answer_done(&answer);
	return 0;
}

static int wait_run(int count, char **words)
{
	struct wait_words wait = {.timeout_ms = -1, .request = {.command = REQUEST_WAIT}};
	struct arguments arguments;
	struct error error = {0};
	int result;

	arguments_init(&arguments, wait_options, count, words);
	result = wait_read(&wait, &arguments, &error);
	if (result == ARGUMENT_HELP)
		return command_help(&wait_command);
	if (result < 0 || wait_for(&wait, &error) < 0)
		return command_complain(&error);
	return EXIT_OK;
}

const struct command wait_command = {
	.name = "wait",
	.run = wait_run,
	.line = "waits until a guest has an address, or accepts at a port",
	.help = "guestwire wait [NAME] GUEST[:PORT] [--timeout S] [--for lease|connected|either] [--json]\n"
		"\n"
		"Returns when the guest holds a lease, and prints its address. GUEST is its host name, its MAC or IP "
		"address;\n"
		"or the name of its port, and then being connected is enough. With PORT: when the guest accepts TCP "
		"connections\n"
		"there ([fd00::15]:22); why it does not is said when the time is over.\n"
		"\n"
		"  --timeout S, -t S   gives up after S seconds, with exit status 1; else it waits without end\n"
		"  --for lease         only a lease will do\n"
		"  --for connected     being connected will do; either, as it is unless given, is as said above\n"
		"  --json              prints what is known of the guest as one line of JSON\n",
};
