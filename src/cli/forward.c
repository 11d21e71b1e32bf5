/* SPDX-License-Identifier: MIT */
/* guestwire forward add|ls|rm: which sockets of this machine lead to guests. A rule may have several sockets: a range, or
 * both families; all have its number. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/forwardline.h"
#include "cli/member.h"
#include "daemon/place.h"
#include "daemon/publish.h"

static void forward_print(const json_t *forwards, const json_t *passages)
{
	forwardline_print_table(forwards);
	if (json_array_size(forwards) && json_array_size(passages))
		putchar('\n');
	forwardline_print_passages(passages);
	if (!json_array_size(forwards) && !json_array_size(passages))
		fputs("no forwards\n", stderr);
}

static int forward_ask(const struct argument_words *given, const char *name, const struct request *request,
		       struct error *ret_error)
{
	struct answer answer;
	const json_t *list;
	int result = connection_once(name, request, &answer, ret_error);

	if (result < 0)
		return result;
	list = json_object_get(answer.object, "forwards");
	if (list && given->json)
		member_print(list);
	else if (list && request->command == REQUEST_FORWARD_LIST)
		forward_print(list, json_object_get(answer.object, "passages"));
	else
		forwardline_print(list, stdout);
	if (json_is_false(json_object_get(answer.object, "known")))
		fprintf(stderr, "guestwire: no guest %s has an address yet; it is looked up when somebody connects\n",
			member_text(json_array_get(list, 0), "guest"));
	if (request->command == REQUEST_FORWARD_ADD)
		command_said("forward ls", name ? name : "");
	answer_done(&answer);
	return 0;
}

/* The rule's words as the library has them, with a path that is absolute; for free(). */
static int forward_spec(const char *text, char **ret_spec, struct error *ret_error)
{
	char folder[4096], spec[PUBLISH_SPEC_BYTES];
	struct error wrong = {0};
	int result = publish_spec(text, spec, &wrong);

	if (result < 0)
		return error_set(ret_error, result, "forward %.500s", wrong.text);
	return place_forward(spec, getcwd(folder, sizeof(folder)) ? folder : "", ret_spec, ret_error);
}

static int forward_add(const struct argument_words *given, const char *name, const char *text, struct error *ret_error)
{
	struct request request = {.command = REQUEST_FORWARD_ADD};
	char *spec = NULL;
	int result = forward_spec(text, &spec, ret_error);

	request.spec = spec;
	if (result == 0)
		result = forward_ask(given, name, &request, ret_error);
	free(spec);
	return result;
}

/* The number of the rule that was given with these words. */
static int forward_find(const char *name, const char *text, uint64_t *ret_id, struct error *ret_error)
{
	const struct request request = {.command = REQUEST_FORWARD_LIST};
	struct answer answer;
	const json_t *one;
	char *spec = NULL;
	uint64_t id = 0;
	size_t i;
	int result = forward_spec(text, &spec, ret_error);

	if (result == -EINVAL)
		return error_set(ret_error, result,
				 "forward rm %.200s: neither the number of a forward nor its words; guestwire forward "
				 "ls lists those there are",
				 text);
	if (result == 0)
		result = connection_once(name, &request, &answer, ret_error);
	if (result < 0)
		goto out;
	json_array_foreach (json_object_get(answer.object, "forwards"), i, one) {
		if (strcmp(member_text(one, "spec"), spec) == 0)
			id = (uint64_t)member_number(one, "id");
	}
	answer_done(&answer);
	if (id)
		*ret_id = id;
	else
		result = error_set(ret_error, -ENOENT, "no forward %.200s; guestwire forward ls lists those there are",
				   text);
out:
	free(spec);
	return result;
}

static int forward_remove(const struct argument_words *given, const char *name, const char *text,
			  struct error *ret_error)
{
	struct request request = {.command = REQUEST_FORWARD_REMOVE};
	char *end;
	int result = 0;

	errno = 0;
	request.id = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end)
		result = forward_find(name, text, &request.id, ret_error);
	else if (errno || request.id > UINT32_MAX)
		result = error_set(ret_error, -EINVAL, "forward rm: %.60s is no number of a forward", text);
	return result < 0 ? result : forward_ask(given, name, &request, ret_error);
}

/* ---- the words ---- */

static int forward_do(const struct argument_words *given, struct error *ret_error)
{
	const struct request list = {.command = REQUEST_FORWARD_LIST};
	const char *what = given->plain_count ? given->plain[0] : "";
	const char *name = given->plain_count == 3 ? given->plain[1] : NULL;
	const char *spec = given->plain_count > 1 ? given->plain[given->plain_count - 1] : NULL;

	if (strcmp(what, "ls") == 0 && given->plain_count <= 2)
		return forward_ask(given, spec, &list, ret_error);
	if (strcmp(what, "add") == 0 && spec)
		return forward_add(given, name, spec, ret_error);
	if (strcmp(what, "rm") == 0 && spec)
		return forward_remove(given, name, spec, ret_error);
	if (*what && strcmp(what, "ls") != 0 && strcmp(what, "add") != 0 && strcmp(what, "rm") != 0)
		return error_set(ret_error, -EINVAL,
				 "forward: unknown word %.60s: add, ls or rm; guestwire help forward says more", what);
	return error_set(ret_error, -EINVAL,
			 "forward: add [NAME] SPEC, ls [NAME], or rm [NAME] ID; guestwire help forward says more");
}

static int forward_run(int count, char **words)
{
	struct argument_words given;
	struct error error = {0};
	int result = arguments_plain(count, words, &given, &error);

	if (result == ARGUMENT_HELP)
		return command_help(&forward_command);
	if (result < 0 || forward_do(&given, &error) < 0)
		return command_complain(&error);
	return EXIT_OK;
}

const struct command forward_command = {
	.name = "forward",
	.run = forward_run,
	.line = "leads ports of this machine to guests",
	.help = "guestwire forward add [NAME] [ADDR:]HOST:[GUEST:]PORT[/udp] [--json]\n"
		"guestwire forward ls [NAME] [--json]\n"
		"guestwire forward rm [NAME] ID|SPEC\n"
		"\n"
		"Leads the port HOST of this machine to PORT of GUEST, in podman's words or in QEMU's "
		"(tcp::2222-vm1:22), or a\n"
		"socket: unix:web.sock-vm1:80. Without ADDR it is at every interface: 127.0.0.1:2222:22 is this "
		"machine's own.\n"
		"HOST may be empty: any that is free; both may be ranges, as 8000-8010. GUEST is a host name or an "
		"address, and\n"
		"when left out the first address that is leased. ls lists them; rm takes one away by its number, or by "
		"what was\n"
		"given to add, and leaves open connections alone. NAME may be left out while one network runs.\n"
		"\n"
		"  --json   prints what was made, or the list, as one line of JSON\n",
};
