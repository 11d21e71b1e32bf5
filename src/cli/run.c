/* SPDX-License-Identifier: MIT */
/* guestwire run: a hypervisor, and a network that is there for it. The network is made first, with one socket of the kind
 * that the hypervisor's words can use; then the hypervisor is started, and both end together. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/companion.h"
#include "cli/connection.h"
#include "cli/forwardline.h"
#include "cli/hypervisor.h"
#include "daemon/place.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "guestwire/guestwire.h"
#include "os/memoryfile.h"

enum {
	RUN_MTU_STREAM = 65520, /* no offload crosses a stream or a datagram socket: large frames do as well */
	RUN_MTU_VHOST_USER = 1500,
};

enum {
	RUN_UPLINK,
	RUN_GUEST,
	RUN_PUBLISH,
	RUN_NAME,
	RUN_PRINT,
	RUN_LOG_FILE,
	RUN_VERBOSE,
};

static const struct argument run_options[] = {
	[RUN_UPLINK] = {"uplink", 'u', true},    [RUN_GUEST] = {"guest", 'g', true},
	[RUN_PUBLISH] = {"publish", 'p', true},  [RUN_NAME] = {"name", 0, true},
	[RUN_PRINT] = {"print", 0, false},       [RUN_LOG_FILE] = {"log-file", 0, true},
	[RUN_VERBOSE] = {"verbose", 'v', false}, {0},
};

struct run {
	struct companion companion;
	bool print;
	enum hypervisor_way way;

	struct hypervisor hypervisor;
	struct wordlist whole; /* as they are started */
	unsigned mtu_bytes;
	int ends[2]; /* {fd}: the network's and the hypervisor's; -1: none */
	char path[HYPERVISOR_WAYS][RUNDIR_PATH_BYTES];
	char mac[18];
};

static int run_option(void *owner, int option, const char *value, struct error *ret_error)
{
	struct run *run = owner;
	struct companion *companion = &run->companion;

	switch (option) {
	case RUN_UPLINK:
		return companion_set_uplink(companion, value, ret_error);
	case RUN_GUEST:
		return hypervisor_way_parse(value, &run->way)
			       ? 0
			       : error_set(ret_error, -EINVAL, "run: --guest %.60s: auto, vhost-user, stream or dgram",
					   value);
	case RUN_PUBLISH:
		return place_add_forward(&companion->config, value, companion->folder, ret_error);
	case RUN_NAME:
		return companion_set(companion, &companion->config.name, "--name", value, ret_error);
	case RUN_PRINT:
		run->print = true;
		break;
	case RUN_LOG_FILE:
		companion->log_file = value;
		break;
	case RUN_VERBOSE:
		companion->verbose = true;
		break;
	}
	return 0;
}

/* The words of --uplink, and the MTU where they say nothing of it. */
static int run_complete_uplink(struct run *run, struct error *ret_error)
{
	const char *given = run->companion.config.uplink.text ? run->companion.config.uplink.text : "user";
	struct spec spec;
	char *whole;
	int result = spec_parse(&spec, given, ret_error);

	if (result < 0)
		return result;
	run->mtu_bytes = run->way == HYPERVISOR_VHOST_USER ? RUN_MTU_VHOST_USER : RUN_MTU_STREAM;
	if (spec_string(&spec, "mtu")) {
		run->mtu_bytes = (unsigned)strtoul(spec_string(&spec, "mtu"), NULL, 10);
		return 0;
	}
	if (asprintf(&whole, "%s,mtu=%u", given, run->mtu_bytes) < 0)
		return error_set(ret_error, -ENOMEM, "no memory");
	free(run->companion.config.uplink.text);
	run->companion.config.uplink.text = whole;
	return 0;
}

static int run_check(struct run *run, struct error *ret_error)
{
	int result;

	if (!run->companion.words)
		return error_set(ret_error, -EINVAL,
				 "run: which hypervisor? as in guestwire run -- qemu-system-x86_64 -m 2G disk.img");
	result = companion_name(&run->companion, ret_error);
	if (result < 0)
		return result;
	hypervisor_read(run->companion.words, memoryfile_is_at, &run->hypervisor);
	result = hypervisor_choose(&run->hypervisor, run->companion.words[0], run->way, &run->way, ret_error);
	if (result < 0)
		return result;
	hypervisor_mac(run->companion.words, run->companion.folder, run->mac);
	return run_complete_uplink(run, ret_error);
}

/* ---- the command ---- */

/* One end for the network; the other is the command's under the same number. */
static int run_make_ends(struct run *run, struct error *ret_error)
{
	int type = run->way == HYPERVISOR_DGRAM ? SOCK_DGRAM : SOCK_STREAM;

	if (!run->hypervisor.uses_fd)
		return 0;
	if (socketpair(AF_UNIX, type, 0, run->ends) < 0)
		return error_set(ret_error, -errno, "run: a pair of sockets: %s", error_name(-errno));
	fcntl(run->ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(run->ends[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

static int run_complete(struct run *run, struct error *ret_error)
{
	struct hypervisor_places places = {.mac = run->mac};
	int result = connection_base(run->companion.base, ret_error);

	for (unsigned i = HYPERVISOR_AUTO + 1; result == 0 && i < HYPERVISOR_WAYS; i++) {
		result = rundir_path(run->companion.base, run->companion.config.name,
				     hypervisor_way_name((enum hypervisor_way)i), run->path[i], ret_error);
		places.path[i] = run->path[i];
	}
	if (result == 0)
		result = run_make_ends(run, ret_error);
	if (result < 0)
		return result;
	places.fd = run->ends[1];
	hypervisor_complete(&run->hypervisor, run->companion.words, run->way, &places, run->mtu_bytes, &run->whole);
	return run->whole.failed ? error_set(ret_error, -ENOMEM, "no memory") : 0;
}

/* In the command's process. */
static int run_prepare(void *owner, struct error *ret_error)
{
	const struct run *run = owner;

	(void)ret_error;
	if (run->ends[1] >= 0)
		fcntl(run->ends[1], F_SETFD, 0);
	return 0;
}

/* ---- the network ---- */

static int run_serve_path(struct gw_network *network, const char *kind, const char *path, struct error *ret_error)
{
	char spec[2 * RUNDIR_PATH_BYTES + 64], escaped[2 * RUNDIR_PATH_BYTES];
	struct gw_error error = {0};

	snprintf(spec, sizeof(spec), "%s,name=%s,path=%s", kind, kind, spec_escape(path, escaped, sizeof(escaped)));
	if (gw_guest_add(network, spec, NULL, &error) < 0)
		return error_set(ret_error, error.code, "%s", error.text);
	return 0;
}

static int run_serve_end(struct run *run, struct gw_network *network, struct error *ret_error)
{
	struct gw_error error = {0};
	char spec[64];

	snprintf(spec, sizeof(spec), "%s,name=guest,fd=%d", run->way == HYPERVISOR_DGRAM ? "dgram" : "stream",
		 run->ends[0]);
	if (gw_guest_add(network, spec, NULL, &error) < 0)
		return error_set(ret_error, error.code, "%s", error.text);
	run->ends[0] = -1; /* the network's now */
	return 0;
}

static int run_on_network(void *owner, struct gw_network *network, struct log *log, struct error *ret_error)
{
	struct run *run = owner;
	int result = 0;

	(void)log;
	if (run->hypervisor.uses_fd)
		result = run_serve_end(run, network, ret_error);
	for (unsigned i = HYPERVISOR_AUTO + 1; result == 0 && i < HYPERVISOR_WAYS; i++) {
		if (run->hypervisor.uses[i] || (i == run->way && !run->hypervisor.uses_fd))
			result = run_serve_path(network, hypervisor_way_name((enum hypervisor_way)i), run->path[i],
						ret_error);
	}
	return result;
}

/* Standard output is the hypervisor's. */
static void run_on_up(void *owner, struct gw_network *network, const char *control_path)
{
	const struct run *run = owner;
	json_t *forwards = describe_forwards(network, 0);

	(void)control_path;
	if (run->companion.verbose) {
		fprintf(stderr, "guestwire: network %s: ", run->companion.config.name);
		wordlist_print(&run->whole, stderr);
	}
	forwardline_print(forwards, stderr);
	json_decref(forwards);
}

static int run_serve(struct run *run, struct error *ret_error)
{
	struct child *child = &run->companion.child;
	struct daemon daemon = {.on_network = run_on_network, .on_up = run_on_up, .owner = run, .child = child};

	child_init(child, run->whole.words);
	child->prepare = run_prepare;
	child->owner = run;
	return companion_serve(&run->companion, &daemon, ret_error);
}

static void run_close_ends(struct run *run)
{
	for (int i = 0; i < 2; i++) {
		if (run->ends[i] >= 0)
			close(run->ends[i]);
	}
}

static int run_run(int count, char **words)
{
	struct run run = {.way = HYPERVISOR_AUTO, .ends = {-1, -1}};
	struct arguments arguments;
	struct error error = {0};
	int code, result;

	companion_init(&run.companion, "run");
	arguments_init(&arguments, run_options, count, words);
	result = companion_read(&run.companion, &arguments, run_option, &run, &error);
	if (result == ARGUMENT_HELP) {
		companion_done(&run.companion);
		return command_help(&run_command);
	}
	if (result == 0)
		result = run_check(&run, &error);
	if (result == 0)
		result = run_complete(&run, &error);
	if (result == 0 && run.print)
		wordlist_print(&run.whole, stdout);
	else if (result == 0)
		result = run_serve(&run, &error);
	code = companion_finish(&run.companion, result, &error);
	run_close_ends(&run);
	wordlist_done(&run.whole);
	companion_done(&run.companion);
	return code;
}

const struct command run_command = {
	.name = "run",
	.run = run_run,
	.line = "runs a hypervisor with a network of its own",
	.help = "guestwire run [OPTION]… [--] HYPERVISOR [WORD]…\n"
		"\n"
		"Runs HYPERVISOR with a network that is there for it and ends with it; its exit status is passed on. "
		"For\n"
		"qemu-system-* without network options the right ones are added, over vhost-user where its memory can\n"
		"be shared, else over a stream, with a MAC address that is the same each time. Any other has places in "
		"its\n"
		"words: {vhost-user}, {stream}, {dgram} become the path of such a socket, {fd} the number of a "
		"connected\n"
		"one, {mac} an address.\n"
		"\n"
		"  --uplink KIND,…, -u    how it reaches the world, and its addresses: user, none, as for up\n"
		"  --guest KIND, -g       auto, vhost-user, stream or dgram; over the last two the MTU is 65520 "
		"unless\n"
		"                         --uplink says mtu=\n"
		"  --publish SPEC, -p     leads a port of this machine to it, may be given many times:\n"
		"                           [ADDR:]HOST:PORT[/udp]; 127.0.0.1:2222:22 is this machine's own\n"
		"  --name NAME            of the network, for show, flows, capture …; run-PID\n"
		"  --print                shows the command instead\n"
		"  --log-file FILE        writes its log there, with times, and not to standard error\n"
		"  --verbose, -v          logs more, the command among it\n",
};
