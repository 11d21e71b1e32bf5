/* SPDX-License-Identifier: MIT */
/* guestwire netns: a command in a network namespace of its own, or a namespace that is there, served as a network's one
 * guest. The namespace's process is started first, so that it is at work while the network is made; the command comes
 * last, when all is served. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/companion.h"
#include "cli/connection.h"
#include "cli/forwardline.h"
#include "cli/netports.h"
#include "daemon/place.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/holder.h"
#include "daemon/namespace.h"
#include "guestwire/guestwire.h"

#define NETNS_GUEST "netns"
#define NETNS_MTU "65520" /* the network's largest: fewer frames for the same bytes */

enum {
	NETNS_UPLINK,
	NETNS_MTU_BYTES,
	NETNS_PUBLISH,
	NETNS_TCP_IN, /* these four as enum portmap_way */
	NETNS_UDP_IN,
	NETNS_TCP_OUT,
	NETNS_UDP_OUT,
	NETNS_NAME,
	NETNS_IFNAME,
	NETNS_ATTACH,
	NETNS_OWN_IDS,
	NETNS_DAEMON,
	NETNS_PIDFILE,
	NETNS_LOG_FILE,
	NETNS_VERBOSE,
};

static const struct argument netns_options[] = {
	[NETNS_UPLINK] = {"uplink", 0, true}, /* -u is UDP here, as pasta has it */
	[NETNS_MTU_BYTES] = {"mtu", 'm', true},
	[NETNS_PUBLISH] = {"publish", 'p', true},
	[NETNS_TCP_IN] = {"tcp-ports", 't', true},
	[NETNS_UDP_IN] = {"udp-ports", 'u', true},
	[NETNS_TCP_OUT] = {"tcp-ns", 'T', true},
	[NETNS_UDP_OUT] = {"udp-ns", 'U', true},
	[NETNS_NAME] = {"name", 0, true},
	[NETNS_IFNAME] = {"ifname", 0, true},
	[NETNS_ATTACH] = {"attach", 0, true},
	[NETNS_OWN_IDS] = {"map-current-user", 0, false},
	[NETNS_DAEMON] = {"daemon", 'd', false},
	[NETNS_PIDFILE] = {"pidfile", 0, true},
	[NETNS_LOG_FILE] = {"log-file", 0, true},
	[NETNS_VERBOSE] = {"verbose", 'v', false},
	{0},
};

struct netns {
	struct companion companion;
	const char *mtu; /* as it was typed; NULL */
	bool background;
	char *attach; /* the path of what is served, if that was relative */
	struct namespace_request request;

	struct namespace namespace;
	struct namespace_addresses addresses;
	struct netports netports;
	struct holder holder;
	bool over; /* the holder is gone */
	char resolv_conf[RUNDIR_PATH_BYTES];
	char *resolv_text;
};

static int netns_option(void *owner, int option, const char *value, struct error *ret_error)
{
	struct netns *netns = owner;
	struct companion *companion = &netns->companion;

	switch (option) {
	case NETNS_UPLINK:
		return companion_set_uplink(companion, value, ret_error);
	case NETNS_MTU_BYTES:
		netns->mtu = value;
		break;
	case NETNS_PUBLISH:
		return place_add_forward(&companion->config, value, companion->folder, ret_error);
	case NETNS_TCP_IN:
	case NETNS_UDP_IN:
	case NETNS_TCP_OUT:
	case NETNS_UDP_OUT:
		return netports_add(&netns->netports, (enum portmap_way)(option - NETNS_TCP_IN), value, ret_error);
	case NETNS_NAME:
		return companion_set(companion, &companion->config.name, "--name", value, ret_error);
	case NETNS_IFNAME:
		netns->request.ifname = value;
		break;
	case NETNS_ATTACH:
		netns->request.attach = value;
		break;
	case NETNS_OWN_IDS:
		netns->request.own_ids = true;
		break;
	case NETNS_DAEMON:
		netns->background = true;
		break;
	case NETNS_PIDFILE:
		companion->pidfile = value;
		break;
	case NETNS_LOG_FILE:
		companion->log_file = value;
		break;
	case NETNS_VERBOSE:
		companion->verbose = true;
		break;
	}
	return 0;
}

/* The words of --uplink, and what is usual here where they say nothing of it. */
static int netns_complete_uplink(struct netns *netns, struct error *ret_error)
{
	const char *given = netns->companion.config.uplink.text ? netns->companion.config.uplink.text : "user";
	const char *mtu = netns->mtu, *loopback;
	struct spec spec;
	char *whole;
	int result = spec_parse(&spec, given, ret_error);

	if (result < 0)
		return result;
	if (spec_string(&spec, "mtu") && mtu)
		return error_set(ret_error, -EINVAL, "netns: --mtu %.20s and mtu=%.20s: leave one of them out", mtu,
				 spec_string(&spec, "mtu"));
	if (!mtu)
		mtu = spec_string(&spec, "mtu") ? spec_string(&spec, "mtu") : NETNS_MTU;
	loopback = strcmp(spec.kind, "user") == 0 && !spec_string(&spec, "host-loopback") ? ",host-loopback=off" : "";
	if (asprintf(&whole, "%s%s,mtu=%s", given, loopback, mtu) < 0)
		return error_set(ret_error, -ENOMEM, "no memory");
	netns->request.mtu_bytes = (uint32_t)strtoul(mtu, NULL, 10);
	free(netns->companion.config.uplink.text);
	netns->companion.config.uplink.text = whole;
	return 0;
}

/* In the background there is another folder. A name, or a number, has no slash. */
static int netns_place(struct netns *netns, struct error *ret_error)
{
	const char *attach = netns->request.attach;
	int result;

	if (!attach || !strchr(attach, '/'))
		return 0;
	result = place_path(attach, netns->companion.folder, &netns->attach, ret_error);
	netns->request.attach = netns->attach;
	return result;
}

static int netns_check(struct netns *netns, struct error *ret_error)
{
	struct companion *companion = &netns->companion;
	int result;

	if (netns->request.attach && netns->companion.words)
		return error_set(
			ret_error, -EINVAL,
			"netns: --attach %.60s serves a namespace that is there; %.60s is to be started inside "
			"it by other means",
			netns->request.attach, netns->companion.words[0]);
	if (netns->request.attach && netns->request.own_ids)
		return error_set(ret_error, -EINVAL,
				 "netns: --map-current-user is for a new namespace, not for --attach %.60s",
				 netns->request.attach);
	if (!netns->request.attach && (netns->background || companion->pidfile))
		return error_set(ret_error, -EINVAL,
				 "netns: --daemon and --pidfile are for --attach; a command has the terminal, and is "
				 "waited for");
	result = netns_place(netns, ret_error);
	if (result == 0)
		result = netns_complete_uplink(netns, ret_error);
	if (result == 0 && netns->background)
		result = detach_start(&companion->detach, ret_error);
	return result < 0 ? result : companion_name(companion, ret_error); /* its number is in it */
}

/* ---- when the network is there ---- */

static void netns_on_address(void *owner, const struct gw_address_info *info)
{
	struct netns *netns = owner;
	struct namespace_addresses *addresses = &netns->addresses;
	const char *word = info->resolvers;
	size_t bytes;
	FILE *to;

	snprintf(addresses->address4, sizeof(addresses->address4), "%s", info->address4);
	snprintf(addresses->address6, sizeof(addresses->address6), "%s", info->address6);
	snprintf(addresses->router4, sizeof(addresses->router4), "%s", info->router4);
	snprintf(addresses->router6, sizeof(addresses->router6), "%s", info->router6);
	snprintf(addresses->routes4, sizeof(addresses->routes4), "%s", info->routes4);
	to = open_memstream(&netns->resolv_text, &bytes);
	if (!to)
		return;
	fprintf(to, "# made by guestwire for network %s\n", netns->companion.config.name);
	for (; *word; word += strspn(word, " ")) {
		bytes = strcspn(word, " ");
		fprintf(to, "nameserver %.*s\n", (int)bytes, word);
		word += bytes;
	}
	if (*info->search)
		fprintf(to, "search %s\n", info->search);
	fclose(to);
}

/* Others may read it: a command that is root gives itself other users. */
static int netns_write_resolv_conf(struct netns *netns, struct error *ret_error)
{
	const char *text = netns->resolv_text;
	int fd, result = rundir_path(netns->companion.base, netns->companion.config.name, "resolv.conf",
				     netns->resolv_conf, ret_error);

	if (result < 0)
		return result;
	if (!text)
		return error_set(ret_error, -ENOMEM, "no memory");
	fd = open(netns->resolv_conf, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		result = error_set(ret_error, -errno, "%s: %s", netns->resolv_conf, error_name(-errno));
	if (fd >= 0)
		close(fd);
	return result;
}

static void netns_on_gone(void *owner)
{
	struct netns *netns = owner;

	netns->over = true;
}

static int netns_on_network(void *owner, struct gw_network *network, struct log *log, struct error *ret_error)
{
	struct netns *netns = owner;
	struct gw_error error = {0};
	char spec[64];
	int result = namespace_join(&netns->namespace, ret_error);

	if (result < 0)
		return result;
	snprintf(spec, sizeof(spec), "tap,name=" NETNS_GUEST ",fd=%d", netns->namespace.tap);
	if (gw_address_assign(network, netns->namespace.mac, NETNS_GUEST, netns_on_address, netns, &error) < 0 ||
	    gw_guest_add(network, spec, NULL, &error) < 0)
		return error_set(ret_error, error.code, "%s", error.text);
	netns->namespace.tap = -1; /* the network's now */
	result = namespace_configure(&netns->namespace, &netns->addresses, ret_error);
	if (result == 0)
		result =
			netports_start(&netns->netports, network, log, &netns->namespace, &netns->addresses, ret_error);
	if (result < 0)
		return result;
	if (netns->request.attach)
		holder_start(&netns->holder, netns->request.attach, network, netns_on_gone, netns);
	return netns_write_resolv_conf(netns, ret_error);
}

static void netns_on_forward(void *owner, const struct gw_forward_info *info)
{
	struct error *error = owner;
	struct in6_addr address;

	if (inet_pton(AF_INET, info->guest, &address) != 1 && inet_pton(AF_INET6, info->guest, &address) != 1 &&
	    strcasecmp(info->guest, NETNS_GUEST) != 0)
		error_set(error, -EINVAL,
			  "netns: forward %.200s: no guest %.60s is here; without a name it leads to the namespace",
			  info->spec, info->guest);
}

/* Nobody comes here later who could have another name. */
static int netns_on_forwards(void *owner, struct gw_network *network, struct error *ret_error)
{
	struct error error = {0};

	(void)owner;
	gw_network_each_forward(network, netns_on_forward, &error);
	return error.code < 0 ? error_set(ret_error, error.code, "%s", error.text) : 0;
}

/* Standard output is the command's. */
static void netns_on_up(void *owner, struct gw_network *network, const char *control_path)
{
	const struct netns *netns = owner;
	json_t *forwards = describe_forwards(network, 0);

	(void)control_path;
	if (netns->request.attach || netns->companion.verbose)
		fprintf(stderr, "guestwire: network %s serves %s as %s %s %s\n", netns->companion.config.name,
			netns->request.attach ? netns->request.attach : netns->companion.words[0],
			netns->namespace.ifname, netns->addresses.address4, netns->addresses.address6);
	forwardline_print(forwards, stderr);
	json_decref(forwards);
}

static void netns_on_down(void *owner)
{
	netports_stop(&((struct netns *)owner)->netports);
}

/* In the command's process. */
static int netns_prepare(void *owner, struct error *ret_error)
{
	const struct netns *netns = owner;

	return namespace_enter(&netns->namespace, netns->resolv_conf, ret_error);
}

static int netns_serve(struct netns *netns, struct error *ret_error)
{
	struct companion *companion = &netns->companion;
	struct daemon daemon = {.on_network = netns_on_network,
				.on_forwards = netns_on_forwards,
				.on_up = netns_on_up,
				.on_down = netns_on_down,
				.owner = netns,
				.over = &netns->over};
	int result = connection_base(companion->base, ret_error);

	if (result < 0)
		return result;
	if (netns->request.attach)
		daemon.notify_socket = getenv("NOTIFY_SOCKET");
	else
		daemon.child = &companion->child;
	result = namespace_start(&netns->namespace, &netns->request, ret_error);
	if (result == 0)
		result = companion_serve(companion, &daemon, ret_error);
	holder_done(&netns->holder);
	namespace_done(&netns->namespace);
	return result;
}

static int netns_run(int count, char **words)
{
	const char *shell = getenv("SHELL");
	char *const usual[] = {(char *)(uintptr_t)(shell && *shell ? shell : "/bin/sh"), NULL};
	struct netns netns = {.request.ifname = "eth0", .holder.fd = -1};
	struct companion *companion = &netns.companion;
	struct arguments arguments;
	struct error error = {0};
	int code, result;

	companion_init(companion, "netns");
	namespace_init(&netns.namespace);
	arguments_init(&arguments, netns_options, count, words);
	result = companion_read(companion, &arguments, netns_option, &netns, &error);
	if (result == ARGUMENT_HELP) {
		companion_done(companion);
		return command_help(&netns_command);
	}
	if (result == 0)
		result = netns_check(&netns, &error);
	if (!companion->words)
		companion->words = usual;
	child_init(&companion->child, companion->words);
	companion->child.prepare = netns_prepare;
	companion->child.owner = &netns;
	if (result == 0)
		result = netns_serve(&netns, &error);
	code = companion_finish(companion, result, &error);
	free(netns.resolv_text);
	free(netns.attach);
	netports_done(&netns.netports);
	companion_done(companion);
	return code;
}

const struct command netns_command = {
	.name = "netns",
	.run = netns_run,
	.line = "runs a command in a network namespace of its own",
	.help = "guestwire netns [OPTION]… [--] [COMMAND [WORD]…]\n"
		"guestwire netns --attach PID|PATH|NAME [OPTION]…\n"
		"\n"
		"Runs COMMAND (your shell) in a user and network namespace of its own, without any privilege, and "
		"serves that\n"
		"network until it ends; its exit status is passed on. It reaches the world, but not this machine's "
		"own 127.0.0.1\n"
		"unless --uplink user,host-loopback=on. With --attach it serves a namespace that is there already.\n"
		"\n"
		"  --uplink KIND,…        how it reaches the world, and its addresses: user, none, as for up; -u is "
		"UDP here\n"
		"  --mtu M, -m            of the namespace's interface; 65520\n"
		"  --publish SPEC, -p     leads a port of this machine to it, may be given many times:\n"
		"                           [ADDR:]HOST:PORT[/udp]; 2222:22 is at every interface, 127.0.0.1:2222:22 "
		"is "
		"this\n"
		"                           machine's own; HOST empty: any that is free\n"
		"  --tcp-ports PORTS, -t  leads TCP ports of this machine to it, in pasta's words: none, auto, all, "
		"22, "
		"22-80,443,\n"
		"                         8080:80, 127.0.0.1/22, %eth0/22, ~25\n"
		"  --udp-ports PORTS, -u  the same for UDP\n"
		"  --tcp-ns PORTS, -T     leads its TCP ports to this machine's 127.0.0.1 and ::1, in the same words\n"
		"  --udp-ns PORTS, -U     the same for UDP\n"
		"  --name NAME            of the network, for show, flows, capture …; netns-PID\n"
		"  --ifname I             of the interface in the namespace; eth0\n"
		"  --attach PID|PATH|NAME serves this namespace until it is told to end, or the namespace's holder "
		"is gone\n"
		"  --daemon, -d           with --attach: goes into the background, and returns when the namespace is "
		"served\n"
		"  --pidfile FILE         with --attach: writes its process number there\n"
		"  --map-current-user     the command keeps your user's number; else it is 0, root's\n"
		"  --log-file FILE        writes its log there, with times, and not to standard error\n"
		"  --verbose, -v          logs more\n",
};
