/* SPDX-License-Identifier: MIT */
/* Start in the order in which things can fail on behalf of others: the name, the network, its guests, and last what
 * tells others that it is there. The end is the reverse. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "daemon/child.h"
#include "daemon/config.h"
#include "daemon/detach.h"
#include "daemon/files.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/publish.h"
#include "daemon/runtime.h"
#include "daemon/served.h"
#include "daemon/server.h"
#include "daemon/share.h"
#include "daemon/signals.h"
#include "daemon/spawn.h"
#include "os/clock.h"
#include "guestwire/guestwire.h"

struct running {
	const struct daemon *daemon;
	struct runtime runtime;
	struct log log;
	struct gw_network *network;
	struct server *server;
	struct spawn spawn;
	struct share *share; /* NULL: without smb= */
	bool pidfile;        /* it is ours to remove */
	uint64_t files;      /* how many may be open */
};

static void daemon_prepare(struct running *running)
{
	spawn_init(&running->spawn);
	signals_clear();
	signals_catch(SIGTERM, false);
	signals_catch(SIGINT, false);
	/* Who started us with nohup wants it ignored. */
	signals_catch(SIGHUP, true);
	signals_catch(SIGCHLD, false);
	signal(SIGPIPE, SIG_IGN);
	/* A log that has reached the limit of a file's size is one that cannot be written. */
	signal(SIGXFSZ, SIG_IGN);
	/* Sockets are private from the moment they exist; mode= opens them afterwards. */
	umask(077);
	running->files = files_raise();
}

static void daemon_on_event(void *owner, const struct gw_event *event)
{
	struct running *running = owner;

	log_event(&running->log, event);
	if (running->server)
		server_news(running->server);
}

static int daemon_on_command(void *owner, const char *command)
{
	struct running *running = owner;

	return spawn_command(&running->spawn, command);
}

static int daemon_on_share(void *owner, const char *folder)
{
	struct running *running = owner;

	(void)folder; /* there is one */
	return running->share ? share_open(running->share) : -ECONNREFUSED;
}

static int daemon_refuse(struct error *ret_error, const struct gw_error *error, const char *origin)
{
	if (!origin)
		return error_set(ret_error, error->code, "%s", error->text);
	return error_set(ret_error, error->code, "%.100s: %.400s", origin, error->text);
}

/* Where the words came from, when they came from a file: the library knows only the words. */
static const char *daemon_origin(const struct config *config, const char *text)
{
	static const char host[] = "dhcp-host=";

	if (strncmp(text, host, sizeof(host) - 1) != 0)
		return config->uplink.origin;
	for (size_t i = 0; i < config->dhcp_hosts.count; i++) {
		const char *words = config->dhcp_hosts.items[i].text;

		if (strncmp(text + sizeof(host) - 1, words, strlen(words)) == 0 &&
		    text[sizeof(host) - 1 + strlen(words)] == ':')
			return config->dhcp_hosts.items[i].origin;
	}
	return NULL;
}

static int daemon_start_network(struct running *running, struct error *ret_error)
{
	const struct config *config = running->daemon->config;
	struct gw_network_config given = GW_INIT(struct gw_network_config);
	struct gw_error error = {0};
	const char **hosts = calloc(config->dhcp_hosts.count + 1, sizeof(*hosts));
	int result;

	if (!hosts)
		return error_set(ret_error, -ENOMEM, "no memory");
	for (size_t i = 0; i < config->dhcp_hosts.count; i++)
		hosts[i] = config->dhcp_hosts.items[i].text;
	given.name = running->daemon->name;
	given.uplink = config->uplink.text;
	given.dhcp_hosts = hosts;
	given.state_dir = config->state_dir;
	given.on_event = daemon_on_event;
	given.open_command = daemon_on_command;
	given.open_share = daemon_on_share;
	given.owner = running;
	given.flows_max = files_flows(running->files);
	result = gw_network_new(&given, &running->network, &error);
	free(hosts);
	if (result < 0)
		return daemon_refuse(ret_error, &error, daemon_origin(config, error.text));
	signals_wake(running->network);
	signals_catch_faults(running->network);
	return 0;
}

static void daemon_on_smb(void *owner, const struct gw_network_info *info)
{
	char **ret_folder = owner;

	*ret_folder = *info->smb ? strdup(info->smb) : NULL;
}

/* What smb= needs is there before a guest asks for it. */
static int daemon_start_share(struct running *running, struct error *ret_error)
{
	const struct config_item *uplink = &running->daemon->config->uplink;
	char place[RUNDIR_PATH_BYTES], *folder = NULL;
	struct share_config config = {.place = place, .spawn = &running->spawn, .log = &running->log};
	struct error error = {0};

	gw_network_describe(running->network, daemon_on_smb, &folder);
	if (!folder)
		return 0;
	config.folder = folder;
	error.code = rundir_path(running->daemon->base, running->daemon->name, "smb", place, &error);
	if (error.code == 0)
		error.code = share_new(&config, &running->share, &error);
	free(folder);
	if (error.code == 0)
		return 0;
	return error_set(ret_error, error.code, "%.100s%s%.390s", uplink->origin ? uplink->origin : "",
			 uplink->origin ? ": " : "", error.text);
}

static int daemon_add_guest(struct running *running, const char *text, const char *origin, struct error *ret_error)
{
	struct gw_error error = {0};

	if (gw_guest_add(running->network, text, NULL, &error) < 0)
		return daemon_refuse(ret_error, &error, origin);
	return 0;
}

/* One of each kind of socket, each in the folder under its kind's name. */
static int daemon_add_usual_guests(struct running *running, struct error *ret_error)
{
	char path[RUNDIR_PATH_BYTES], escaped[2 * RUNDIR_PATH_BYTES], text[2 * RUNDIR_PATH_BYTES + 64];
	int result = 0;

	for (size_t i = 0; served_kinds[i] && result == 0; i++) {
		result = rundir_path(running->daemon->base, running->daemon->name, served_kinds[i], path, ret_error);
		if (result < 0)
			return result;
		snprintf(text, sizeof(text), "%s,name=%s,path=%s", served_kinds[i], served_kinds[i],
			 spec_escape(path, escaped, sizeof(escaped)));
		result = daemon_add_guest(running, text, NULL, ret_error);
	}
	return result;
}

static int daemon_add_guests(struct running *running, struct error *ret_error)
{
	const struct config_list *guests = &running->daemon->config->guests;
	int result = 0;

	if (running->daemon->on_network)
		return running->daemon->on_network(running->daemon->owner, running->network, &running->log, ret_error);
	if (guests->count == 0)
		return daemon_add_usual_guests(running, ret_error);
	for (size_t i = 0; i < guests->count && result == 0; i++)
		result = daemon_add_guest(running, guests->items[i].text, guests->items[i].origin, ret_error);
	return result;
}

static int daemon_add_forward(struct running *running, const char *text, const char *origin, struct error *ret_error)
{
	char spec[PUBLISH_SPEC_BYTES];
	struct gw_error error = {0};
	struct error wrong = {0};

	error.code = publish_spec(text, spec, &wrong);
	if (error.code == 0)
		error.code = gw_forward_add(running->network, spec, NULL, &error);
	else
		snprintf(error.text, sizeof(error.text), "-p %.500s", wrong.text);
	return error.code < 0 ? daemon_refuse(ret_error, &error, origin) : 0;
}

static int daemon_add_forwards(struct running *running, struct error *ret_error)
{
	const struct config_list *forwards = &running->daemon->config->forwards;
	int result = 0;

	for (size_t i = 0; i < forwards->count && result == 0; i++)
		result = daemon_add_forward(running, forwards->items[i].text, forwards->items[i].origin, ret_error);
	if (result == 0 && running->daemon->on_forwards)
		result = running->daemon->on_forwards(running->daemon->owner, running->network, ret_error);
	return result;
}

static int daemon_write_pid(struct running *running, struct error *ret_error)
{
	const char *path = running->daemon->pidfile;
	struct stat status;
	int fd, length;
	char text[32];

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	if (fd < 0)
		return error_set(ret_error, -errno, "pid file %s: %s; give one where you may write", path,
				 error_name(-errno));
	/* /dev/null stays where and what it is. */
	running->pidfile = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
	if (running->pidfile)
		fchmod(fd, 0644);
	length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	length = write(fd, text, (size_t)length) == length ? 0 : -errno;
	close(fd);
	return length < 0 ? error_set(ret_error, length, "pid file %s: %s", path, error_name(length)) : 0;
}

/* Another network may have been given the same file since. Without a number it is what a full disk made of ours. */
static void daemon_remove_pid(const struct running *running)
{
	const char *path = running->daemon->pidfile;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[32] = "";
	long there;

	if (fd < 0)
		return;
	there = read(fd, text, sizeof(text) - 1) > 0 ? strtol(text, NULL, 10) : 0;
	if (there <= 0 || there == (long)getpid())
		unlink(path);
	close(fd);
}

static void daemon_notify(struct running *running, const char *text)
{
	int result = notify_send(running->daemon->notify_socket, text);

	if (result < 0)
		log_line(&running->log, "NOTIFY_SOCKET=%s: %s", running->daemon->notify_socket, error_name(result));
}

static void daemon_on_table(void *owner, const struct gw_network_info *info)
{
	struct running *running = owner;
	char text[300];

	if (files_low(running->files, info->flows_max, text, sizeof(text)))
		log_line(&running->log, "%s", text);
}

static int daemon_start(struct running *running, struct error *ret_error)
{
	const struct daemon *daemon = running->daemon;
	char path[RUNDIR_PATH_BYTES], ready[64];
	int result;

	if ((result = log_open(&running->log, daemon->log_file, daemon->verbose, ret_error)) < 0)
		return result;
	running->log.quiet = daemon->quiet;
	runtime_tidy(daemon->base);
	if ((result = runtime_claim(&running->runtime, daemon->base, daemon->name, ret_error)) < 0 ||
	    (result = daemon_start_network(running, ret_error)) < 0 ||
	    (result = daemon_start_share(running, ret_error)) < 0 ||
	    (result = daemon_add_guests(running, ret_error)) < 0 ||
	    (result = daemon_add_forwards(running, ret_error)) < 0 ||
	    (result = rundir_path(daemon->base, daemon->name, "control", path, ret_error)) < 0 ||
	    (result = server_new(running->network, path, &running->log, &running->server, ret_error)) < 0 ||
	    (result = daemon_write_pid(running, ret_error)) < 0)
		return result;
	gw_network_describe(running->network, daemon_on_table, running);
	daemon->on_up(daemon->owner, running->network, path);
	if ((result = detach_ready(daemon->detach, ret_error)) < 0)
		return result;
	if (daemon->child && (result = child_start(daemon->child, ret_error)) < 0)
		return result;
	snprintf(ready, sizeof(ready), "READY=1\nMAINPID=%ld\n", (long)getpid());
	daemon_notify(running, ready);
	log_more(&running->log, "network %s is up, pid %ld", daemon->name, (long)getpid());
	return 0;
}

/* Did a signal come that ends the network? */
static bool daemon_take_signals(struct running *running)
{
	if (!signals_seen())
		return false;
	if (signals_take(SIGCHLD) != SIGNALS_NONE)
		spawn_reap(&running->spawn);
	share_look(running->share);
	if (running->daemon->child) {
		child_take_signals(running->daemon->child);
		return false;
	}
	return signals_take(SIGTERM) != SIGNALS_NONE || signals_take(SIGINT) != SIGNALS_NONE ||
	       signals_take(SIGHUP) != SIGNALS_NONE;
}

/* A network with a command ends with it, and not before. */
static bool daemon_is_over(struct running *running)
{
	struct child *child = running->daemon->child;
	bool told = daemon_take_signals(running) || server_ended(running->server) ||
		    (running->daemon->over && *running->daemon->over);

	if (!child)
		return told;
	if (told)
		child_end(child, clock_now_us(NULL));
	return child->ended;
}

static int daemon_loop(struct running *running, struct error *ret_error)
{
	const struct child *child = running->daemon->child;
	int result = 0;

	while (result >= 0 && !daemon_is_over(running)) {
		result = gw_network_run(running->network, child ? child_timeout_us(child, clock_now_us(NULL)) : -1);
		server_turn(running->server);
	}
	if (result < 0)
		log_line(&running->log, "network %s ends: %s", running->daemon->name, error_name(result));
	return result < 0 ? error_set(ret_error, result, "network %s: %s", running->daemon->name, error_name(result))
			  : 0;
}

static void daemon_stop(struct running *running)
{
	if (running->daemon->child)
		child_done(running->daemon->child);
	if (running->server)
		daemon_notify(running, "STOPPING=1\n");
	if (running->pidfile)
		daemon_remove_pid(running);
	server_free(running->server);
	running->server = NULL;
	signals_wake(NULL);
	if (running->network && running->daemon->on_down)
		running->daemon->on_down(running->daemon->owner);
	gw_network_free(running->network);
	signals_catch_faults(NULL);
	spawn_done(&running->spawn);
	share_free(running->share);
	runtime_release(&running->runtime);
	log_close(&running->log);
}

int daemon_run(const struct daemon *daemon, struct error *ret_error)
{
	struct running running = {.daemon = daemon, .runtime = {.lock = -1, .kept = -1}, .log.fd = -1};
	int result;

	daemon_prepare(&running);
	result = daemon_start(&running, ret_error);
	if (result == 0)
		result = daemon_loop(&running, ret_error);
	else
		log_discard(&running.log, daemon->log_file);
	daemon_stop(&running);
	return result;
}
