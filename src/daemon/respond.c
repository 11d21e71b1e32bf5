/* SPDX-License-Identifier: MIT */
/* One function per command. */
#include "daemon/respond.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/spec.h"
#include "control/answer.h"
#include "control/request.h"
#include "daemon/describe.h"
#include "daemon/place.h"
#include "daemon/target.h"
#include "guestwire/guestwire.h"

static char *respond_status(struct gw_network *network, const char *control_path)
{
	json_t *object = describe_network(network, control_path);

	json_object_set_new(object, "guests", describe_guests(network));
	return answer_encode_ok(object);
}

/* Only a network with a way out has it. */
static void respond_set_nat(json_t *object, struct gw_network *network)
{
	json_t *nat = describe_nat(network);

	if (nat)
		json_object_set_new(object, "nat", nat);
}

static char *respond_show(struct gw_network *network, const char *control_path)
{
	json_t *object = describe_network(network, control_path);

	json_object_set_new(object, "guests", describe_guests(network));
	json_object_set_new(object, "ports", describe_ports(network));
	json_object_set_new(object, "leases", describe_leases(network));
	json_object_set_new(object, "dhcp", describe_dhcp(network));
	json_object_set_new(object, "drops", describe_drops_total(network));
	json_object_set_new(object, "forwards", describe_forwards(network, 0));
	json_object_set_new(object, "passages", describe_passages(network));
	json_object_set_new(object, "splices", describe_splices(network));
	respond_set_nat(object, network);
	return answer_encode_ok(object);
}

/* A part of them to a line, so that neither side ever holds the whole of a full table as text. */
static char *respond_flows(struct gw_network *network, const struct request *request)
{
	size_t next;
	json_t *object =
		json_pack("{s:o}", "flows", describe_flows(network, (size_t)request->from, RESPOND_FLOWS, &next));

	if (object && next)
		json_object_set_new(object, "next", json_integer((json_int_t)next));
	return answer_encode_ok(object);
}

/* The one of the list with this name. */
static json_t *guest_named(json_t *list, const char *name)
{
	json_t *guest, *found = NULL;
	size_t i;

	json_array_foreach (list, i, guest) {
		if (strcmp(json_string_value(json_object_get(guest, "name")), name) == 0)
			found = json_incref(guest);
	}
	json_decref(list);
	return found;
}

/* A number of a descriptor means one of the process that is told it, and here that is us, not who asks; a relative path
 * would count from a folder of ours. */
static int guest_check(const char *text, struct error *ret_error)
{
	static const char *const words[] = {"fd", "addr.str", "local.str"};
	struct spec spec;
	int result = spec_parse(&spec, text, ret_error);

	for (size_t i = 0; result == 0 && i < sizeof(words) / sizeof(words[0]); i++) {
		if (spec_string(&spec, words[i]))
			return error_set(ret_error, -EINVAL,
					 "%s: %s= names a descriptor of guestwire up itself; give it there", text,
					 words[i]);
	}
	return result == 0 ? place_check_spec(text, ret_error) : result;
}

static char *respond_guest_add(struct gw_network *network, const struct request *request)
{
	struct gw_error error = {0};
	struct error wrong = {0};
	struct gw_guest *guest;

	if (guest_check(request->spec, &wrong) < 0)
		return answer_encode_error(ANSWER_USAGE, wrong.text);
	if (gw_guest_add(network, request->spec, &guest, &error) < 0)
		return answer_encode_error(error_is_usage(error.code) ? ANSWER_USAGE : ANSWER_FAILED, error.text);
	return answer_encode_ok(
		json_pack("{s:o}", "guest", guest_named(describe_guests(network), gw_guest_name(guest))));
}

/* Has the guest of these sockets an address now? A name may be one that nobody will ever have. */
static bool forward_leads_somewhere(struct gw_network *network, const json_t *forwards)
{
	const char *guest = json_string_value(json_object_get(json_array_get(forwards, 0), "guest"));
	unsigned char bytes[16];
	struct target target;

	if (!guest || inet_pton(AF_INET, guest, bytes) == 1 || inet_pton(AF_INET6, guest, bytes) == 1)
		return true;
	return target_find(network, guest, &target) && target.leased;
}

static char *respond_forward_add(struct gw_network *network, const struct request *request)
{
	struct gw_error error = {0};
	struct error wrong = {0};
	json_t *forwards;
	unsigned id;

	if (place_check_forward(request->spec, &wrong) < 0)
		return answer_encode_error(ANSWER_USAGE, wrong.text);
	if (gw_forward_add(network, request->spec, &id, &error) < 0)
		return answer_encode_error(error_is_usage(error.code) ? ANSWER_USAGE : ANSWER_FAILED, error.text);
	forwards = describe_forwards(network, id);
	return answer_encode_ok(json_pack("{s:b, s:o}", "known", (int)forward_leads_somewhere(network, forwards),
					  "forwards", forwards));
}

static char *respond_forward_remove(struct gw_network *network, const struct request *request)
{
	char text[100];

	if (gw_forward_remove(network, (unsigned)request->id) == 0)
		return answer_encode_ok(json_object());
	snprintf(text, sizeof(text), "no forward %u; guestwire forward ls lists those there are",
		 (unsigned)request->id);
	return answer_encode_error(ANSWER_NOT_FOUND, text);
}

static void append_name(void *owner, const struct gw_guest_info *info)
{
	char *text = owner;
	size_t used = strlen(text);

	snprintf(text + used, 400 - used, "%s%s", used ? ", " : "", info->name);
}

char *respond_no_guest(struct gw_network *network, const char *word)
{
	char text[700], names[400] = "";

	gw_network_each_guest(network, append_name, names);
	snprintf(text, sizeof(text), "no guest %.200s; there %s%s", word, *names ? "are: " : "is none", names);
	return answer_encode_error(ANSWER_NOT_FOUND, text);
}

static char *respond_guest_remove(struct gw_network *network, const struct request *request)
{
	struct gw_guest *guest = gw_guest_find(network, request->guest);

	if (!guest)
		return respond_no_guest(network, request->guest);
	gw_guest_remove(guest);
	return answer_encode_ok(json_object());
}

char *respond(struct gw_network *network, const char *control_path, const struct request *request)
{
	switch (request->command) {
	case REQUEST_STATUS:
		return respond_status(network, control_path);
	case REQUEST_SHOW:
		return respond_show(network, control_path);
	case REQUEST_GUEST_ADD:
		return respond_guest_add(network, request);
	case REQUEST_GUEST_REMOVE:
		return respond_guest_remove(network, request);
	case REQUEST_FORWARD_ADD:
		return respond_forward_add(network, request);
	case REQUEST_FORWARD_REMOVE:
		return respond_forward_remove(network, request);
	case REQUEST_FORWARD_LIST:
		return answer_encode_ok(json_pack("{s:o, s:o}", "forwards", describe_forwards(network, 0), "passages",
						  describe_passages(network)));
	case REQUEST_FLOWS:
		return respond_flows(network, request);
	case REQUEST_DOWN:
		return answer_encode_ok(json_object());
	case REQUEST_WAIT:
	case REQUEST_CAPTURE:
	case REQUEST_COMMANDS:
		break;
	}
	return answer_encode_error(ANSWER_FAILED, "not answered here");
}

char *respond_capture(struct gw_network *network)
{
	return answer_encode_ok(json_pack("{s:o}", "splices", describe_splices(network)));
}

static bool wait_over(const struct target *target, enum request_until until)
{
	switch (until) {
	case REQUEST_UNTIL_LEASE:
		return target->leased;
	case REQUEST_UNTIL_CONNECTED:
		return target->connected;
	case REQUEST_UNTIL_EITHER:
		break;
	}
	return target->leased || (target->named_port && target->connected);
}

char *respond_wait(struct gw_network *network, const struct request *request)
{
	struct target target;

	if (!target_find(network, request->guest, &target) || !wait_over(&target, request->until))
		return NULL;
	return answer_encode_ok(json_pack("{s:o}", "guest", describe_target(&target)));
}
