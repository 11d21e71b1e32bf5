/* SPDX-License-Identifier: MIT */
/* All that leads out of one side arrives at the other's 127.0.0.1 or ::1, so ports at other addresses are passed over. */
#include "daemon/portleads.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "guestwire/guestwire.h"

/* ---- what is there ---- */

static uint16_t portleads_port_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static void portleads_put(struct portleads *leads, const char *listening, enum portleads_side side, uint16_t to)
{
	static const char *const home[] = {"127.0.0.1:", "0.0.0.0:", "[::1]:", "[::]:"};

	for (int i = 0; i < 4; i++) {
		if (strncmp(listening, home[i], strlen(home[i])) == 0)
			leads->to[i / 2][side][portleads_port_of(listening)] = to;
	}
}

struct portleads_lesson {
	struct portleads *leads;
	const char *protocol;
};

static void portleads_on_forward(void *owner, const struct gw_forward_info *info)
{
	const struct portleads_lesson *lesson = owner;

	if (info->spliced && strcmp(info->protocol, lesson->protocol) == 0)
		portleads_put(lesson->leads, info->listening, PORTLEADS_HERE, info->guest_port);
}

static void portleads_on_passage(void *owner, const struct gw_passage_info *info)
{
	const struct portleads_lesson *lesson = owner;

	if (strcmp(info->protocol, lesson->protocol) == 0)
		portleads_put(lesson->leads, info->listening, info->to_guest ? PORTLEADS_HERE : PORTLEADS_INSIDE,
			      portleads_port_of(info->to));
}

void portleads_learn(struct portleads *leads, struct gw_network *network, int type)
{
	struct portleads_lesson lesson = {.leads = leads, .protocol = type == SOCK_STREAM ? "tcp" : "udp"};

	gw_network_each_forward(network, portleads_on_forward, &lesson);
	gw_network_each_passage(network, portleads_on_passage, &lesson);
}

/* ---- one more ---- */

static bool portleads_is_home(const struct portspec *spec, int family)
{
	static const char *const home[2][2] = {{"127.0.0.1", "0.0.0.0"}, {"::1", "::"}};

	if (spec->ifname[0] && strcmp(spec->ifname, "lo") != 0)
		return false;
	return !spec->address[0] || strcmp(spec->address, home[family][0]) == 0 ||
	       strcmp(spec->address, home[family][1]) == 0;
}

static enum portleads_side portleads_other(enum portleads_side side)
{
	return side == PORTLEADS_HERE ? PORTLEADS_INSIDE : PORTLEADS_HERE;
}

static bool portleads_returns(const struct portleads *leads, int family, enum portleads_side side, uint16_t port,
			      uint16_t to)
{
	enum portleads_side at_side = portleads_other(side);
	uint16_t at = to;

	/* a circle that this port is no part of has no more steps than there are ports */
	for (uint32_t steps = 0; at > 0 && steps <= PORTLEADS_SIDES * (UINT16_MAX + 1U); steps++) {
		if (at_side == side && at == port)
			return true;
		at = leads->to[family][at_side][at];
		at_side = portleads_other(at_side);
	}
	return false;
}

bool portleads_add(struct portleads *leads, enum portleads_side side, const struct portspec *spec, uint16_t port,
		   uint16_t to)
{
	for (int family = 0; family < 2; family++) {
		if (!portleads_is_home(spec, family))
			continue;
		if (portleads_returns(leads, family, side, port, to))
			return false;
		leads->to[family][side][port] = to;
	}
	return true;
}
