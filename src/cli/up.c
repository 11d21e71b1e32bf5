/* SPDX-License-Identifier: MIT */
/* guestwire up: reads what is wanted, becomes the process that serves it, and prints what a person needs next. */
#include <errno.h>
#include <stdbool.h>
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
#include "cli/paste.h"
#include "daemon/place.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/detach.h"
#include "guestwire/guestwire.h"

enum {
	UP_UPLINK,
	UP_GUEST,
	UP_DHCP_HOST,
	UP_PUBLISH,
	UP_STATE_DIR,
	UP_DAEMON,
	UP_PIDFILE,
	UP_VERBOSE,
	UP_LOG_FILE,
	UP_JSON,
	UP_FILE,
};

static const struct argument up_options[] = {
	[UP_UPLINK] = {"uplink", 'u', true},     [UP_GUEST] = {"guest", 'g', true},
	[UP_DHCP_HOST] = {"dhcp-host", 0, true}, [UP_PUBLISH] = {"publish", 'p', true},
	[UP_STATE_DIR] = {"state-dir", 0, true}, [UP_DAEMON] = {"daemon", 'd', false},
	[UP_PIDFILE] = {"pidfile", 0, true},     [UP_VERBOSE] = {"verbose", 'v', false},
	[UP_LOG_FILE] = {"log-file", 0, true},   [UP_JSON] = {"json", 0, false},
	[UP_FILE] = {"file", 'f', true},         {0},
};

struct up {
	struct config config;
	const char *file;
	const char *pidfile, *log_file; /* as they were typed */
	bool background, verbose, json;
	char folder[4096]; /* where relative paths begin */
};

static int up_set(char **field, const char *what, const char *value, struct error *ret_error)
{
	if (*field)
		return error_set(ret_error, -EINVAL, "up: %s twice: %.60s and %.60s", what, *field, value);
	return config_set(field, value) < 0 ? error_set(ret_error, -ENOMEM, "no memory") : 0;
}

static int up_option(struct up *up, int option, const char *value, struct error *ret_error)
{
	switch (option) {
	case ARGUMENT_PLAIN:
		return up_set(&up->config.name, "NAME", value, ret_error);
	case UP_UPLINK:
		return up_set(&up->config.uplink.text, "--uplink", value, ret_error);
	case UP_GUEST:
		return config_add(&up->config.guests, value, NULL, ret_error);
	case UP_DHCP_HOST:
		return config_add(&up->config.dhcp_hosts, value, NULL, ret_error);
	case UP_PUBLISH:
		return config_add(&up->config.forwards, value, NULL, ret_error);
	case UP_STATE_DIR:
		return up_set(&up->config.state_dir, "--state-dir", value, ret_error);
	case UP_DAEMON:
		up->background = true;
		break;
	case UP_PIDFILE:
		up->pidfile = value;
		break;
	case UP_VERBOSE:
		up->verbose = true;
		break;
	case UP_LOG_FILE:
		up->log_file = value;
		break;
	case UP_JSON:
		up->json = true;
		break;
	case UP_FILE:
		if (up->file)
			return error_set(ret_error, -EINVAL, "up: --file twice: %.60s and %.60s", up->file, value);
		up->file = value;
		break;
	}
	return 0;
}

static int up_read(struct up *up, struct arguments *arguments, struct error *ret_error)
{
	const char *word;
	int found, result = 0;

	while (result == 0 && (found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		result = up_option(up, found, word, ret_error);
	}
	if (result == 0 && up->file)
		result = config_load(&up->config, up->file, ret_error);
	if (result == 0 && !up->config.name)
		result = up_set(&up->config.name, "NAME", "default", ret_error);
	return result == 0 ? config_check_name(up->config.name, ret_error) : result;
}

static int up_place_item(struct config_item *item,
			 int (*place)(const char *text, const char *folder, char **ret_text, struct error *ret_error),
			 const char *folder, struct error *ret_error)
{
	struct error why = {0};
	char *text;
	int result = place(item->text, folder, &text, &why);

	if (result < 0)
		return error_set(ret_error, result, "%.100s%s%.400s", item->origin ? item->origin : "",
				 item->origin ? ": " : "", why.text);
	free(item->text);
	item->text = text;
	return 0;
}

/* Relative paths count from the folder where the command was typed, also when it goes into the background. */
static int up_place(struct up *up, struct error *ret_error)
{
	struct config_list *guests = &up->config.guests, *forwards = &up->config.forwards;
	char *path;
	int result;

	if (up->config.uplink.text &&
	    (result = up_place_item(&up->config.uplink, place_spec, up->folder, ret_error)) < 0)
		return result;
	for (size_t i = 0; i < guests->count; i++) {
		if ((result = up_place_item(&guests->items[i], place_spec, up->folder, ret_error)) < 0)
			return result;
	}
	for (size_t i = 0; i < forwards->count; i++) {
		if ((result = up_place_item(&forwards->items[i], place_forward, up->folder, ret_error)) < 0)
			return result;
	}
	if (!up->config.state_dir)
		return 0;
	result = place_path(up->config.state_dir, up->folder, &path, ret_error);
	if (result < 0)
		return result;
	free(up->config.state_dir);
	up->config.state_dir = path;
	return 0;
}

/* ---- what is printed ---- */

/* outbound=, where it was given: ", IPv4 by wg0 from 192.0.2.5". */
static void up_print_outbound(const char *family, const char *interface, const char *address)
{
	if (!*interface && !*address)
		return;
	printf(", %s%s%s%s%s", family, *interface ? " by " : "", interface, *address ? " from " : "", address);
}

static void up_print_world(const struct gw_network_info *info)
{
	printf("guests reach the world");
	if (*info->net4)
		up_print_outbound("IPv4", info->outbound_if4, info->outbound4);
	if (*info->net6)
		up_print_outbound("IPv6", info->outbound_if6, info->outbound6);
	if (info->host_loopback)
		printf(", and this machine's own %s as %s (--uplink user,host-loopback=off shuts that)",
		       *info->host4 ? "127.0.0.1" : "::1", *info->host4 ? info->host4 : info->host6);
	putchar('\n');
}

/* Who starts a network without words should know what its guests can reach. */
static void up_print_way_out(const struct gw_network_info *info)
{
	if (strcmp(info->uplink, "none") == 0)
		puts("guests reach each other and the gateway alone; --uplink user leads them to the world");
	else if (info->restricted)
		puts("guests reach each other and the gateway alone (restrict=on)");
	else
		up_print_world(info);
}

static void up_on_network(void *owner, const struct gw_network_info *info)
{
	(void)owner;
	printf("network %s is up", info->name);
	if (*info->net4)
		printf(", %s, gateway %s", info->net4, info->host4);
	if (*info->dhcp4_first)
		printf(", leases %s to %s", info->dhcp4_first, info->dhcp4_last);
	if (*info->net6)
		printf(", %s, gateway %s", info->net6, info->host6);
	putchar('\n');
	up_print_way_out(info);
	if (*info->smb)
		printf("guests find %s as \\\\%s\\qemu, by SMB\n", info->smb, info->smbserver);
}

static void up_on_guest(void *owner, const struct gw_guest_info *info)
{
	(void)owner;
	printf("\n%s, %s\n", info->name, info->describe);
	paste_print(stdout, info->kind, info->path, info->address);
}

static void up_print_json(struct gw_network *network, const char *control_path)
{
	json_t *object = describe_network(network, control_path);

	json_object_set_new(object, "guests", describe_guests(network));
	json_object_set_new(object, "forwards", describe_forwards(network, 0));
	member_print(object);
	json_decref(object);
}

static void up_print_forwards(struct gw_network *network)
{
	json_t *list = describe_forwards(network, 0);

	forwardline_print(list, stdout);
	json_decref(list);
}

static void up_on_up(void *owner, struct gw_network *network, const char *control_path)
{
	const struct up *up = owner;

	if (up->json) {
		up_print_json(network, control_path);
	} else {
		gw_network_describe(network, up_on_network, NULL);
		up_print_forwards(network);
		gw_network_each_guest(network, up_on_guest, NULL);
	}
	command_said("show", up->config.name);
}

static int up_serve(struct up *up, struct daemon *daemon, struct detach *detach, struct error *ret_error)
{
	char base[RUNDIR_PATH_BYTES], *pidfile = NULL, *log_file = NULL;
	int result;

	if ((result = up_place(up, ret_error)) < 0 || (result = connection_base(base, ret_error)) < 0 ||
	    (result = place_path(up->pidfile, up->folder, &pidfile, ret_error)) < 0 ||
	    (result = place_path(up->log_file, up->folder, &log_file, ret_error)) < 0)
		goto out;
	daemon->config = &up->config;
	daemon->name = up->config.name;
	daemon->base = base;
	daemon->pidfile = pidfile;
	daemon->log_file = log_file;
	daemon->detach = detach;
	if (up->background && (result = detach_start(detach, ret_error)) < 0)
		goto out;
	result = daemon_run(daemon, ret_error);
out:
	free(pidfile);
	free(log_file);
	return result;
}

static int up_run(int count, char **words)
{
	struct up up = {.background = false};
	struct detach detach = {.ready = -1};
	struct daemon daemon = {.on_up = up_on_up, .owner = &up};
	struct arguments arguments;
	struct error error = {0};
	int code = EXIT_OK, result;

	config_init(&up.config);
	arguments_init(&arguments, up_options, count, words);
	result = up_read(&up, &arguments, &error);
	if (result == ARGUMENT_HELP) {
		config_done(&up.config);
		return command_help(&up_command);
	}
	if (!getcwd(up.folder, sizeof(up.folder)))
		up.folder[0] = '\0';
	daemon.verbose = up.verbose;
	daemon.notify_socket = getenv("NOTIFY_SOCKET");
	if (result == 0)
		result = up_serve(&up, &daemon, &detach, &error);
	if (result < 0)
		code = command_complain(&error);
	detach_fail(&detach, code);
	config_done(&up.config);
	return code;
}

const struct command up_command = {
	.name = "up",
	.run = up_run,
	.line = "starts a network",
	.help = "guestwire up [NAME] [--uplink KIND,key=value,…] [--guest KIND,key=value,…]… [-p SPEC]… [OPTION]…\n"
		"guestwire up -f FILE.yaml [OPTION]…\n"
		"\n"
		"Starts the network NAME (default) and serves it until SIGTERM, SIGINT or guestwire down. Without "
		"--guest there\n"
		"are sockets of each kind in its runtime folder. Prints a line to paste for each "
		"hypervisor.\n"
		"\n"
		"  --uplink KIND,…, -u    how the network reaches the world, and its addresses:\n"
		"                           user[,net=10.0.2.0/24,mtu=1500,host-loopback=off,restrict=on,…], as it is "
		"unless given;\n"
		"                           none: a closed network, with the same words for its addresses\n"
		"  --guest KIND,…, -g     a port for guests; may be given many times:\n"
		"                           stream,path=P|tcp=[ADDR:]PORT|connect=P|connect-tcp=ADDR:PORT|fd=N\n"
		"                           dgram,path=P[,remote=P]|fd=N   seqpacket,path=P|connect=P|fd=N\n"
		"                           tap[,ifname=I][,netns=N]|fd=N  vhost-user,path=P|connect=P|fd=N\n"
		"                           and for each name=, mac=, isolated=on …\n"
		"  --dhcp-host MAC,IP[,NAME]\n"
		"                         the address of one guest; may be given many times\n"
		"  --publish SPEC, -p     leads a port of this machine to a guest, may be given many times:\n"
		"                           [ADDR:]HOST:[GUEST:]PORT[/udp], ranges as 8000-8010, HOST empty: any that "
		"is free;\n"
		"                           2222:22 is at every interface, 127.0.0.1:2222:vm1:22 is this machine's "
		"own\n"
		"  --state-dir DIR        where leases survive a restart\n"
		"  --file FILE, -f        a configuration, guestwire.yaml(5); what stands on the command line goes "
		"before it\n"
		"  --daemon, -d           goes into the background, and returns when the network can be used\n"
		"  --pidfile FILE         writes its process number there\n"
		"  --log-file FILE        writes its log there, with times, and not to standard error\n"
		"  --verbose, -v          logs more\n"
		"  --json                 prints one line of JSON and nothing to paste\n"
		"\n"
		"guestwire(1) has all the words.\n",
};
