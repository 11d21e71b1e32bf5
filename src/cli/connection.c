/* SPDX-License-Identifier: MIT */
/* Blocking, with poll() for the time: a command has nothing else to do. */
#include "cli/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "os/process.h"

struct names {
	char first[CONFIG_NAME_BYTES + 1];
	char all[300];
};

int connection_base(char base[RUNDIR_PATH_BYTES], struct error *ret_error)
{
	int result = rundir_base(getenv("XDG_RUNTIME_DIR"), geteuid(), base, ret_error);

	if (result == 0)
		result = rundir_check(base, true, ret_error);
	return result == -ENOENT ? 0 : result;
}

static void on_name(void *owner, const char *name, pid_t pid)
{
	struct names *names = owner;
	size_t used = strlen(names->all);

	(void)pid;
	if (!used)
		snprintf(names->first, sizeof(names->first), "%s", name);
	snprintf(names->all + used, sizeof(names->all) - used, "%s%s", used ? ", " : "", name);
}

/* Which network is meant. */
static int connection_choose(struct connection *connection, const char *name, struct error *ret_error)
{
	struct names names = {.first = "", .all = ""};
	size_t count;

	if (name) {
		int result = config_check_name(name, ret_error);

		if (result < 0)
			return result;
		snprintf(connection->name, sizeof(connection->name), "%s", name);
		connection->pid = rundir_pid(connection->base, name);
		if (!connection->pid)
			return error_set(ret_error, -ENOENT, "no network %s runs; guestwire ls lists those that do",
					 name);
		return 0;
	}
	count = runtime_each(connection->base, on_name, &names);
	if (count == 0)
		return error_set(ret_error, -ENOENT, "no network runs; guestwire up starts one");
	if (count > 1)
		return error_set(ret_error, -EINVAL, "%zu networks run (%s): say which", count, names.all);
	return connection_choose(connection, names.first, ret_error);
}

const char *connection_who(const struct connection *connection, char text[CONNECTION_WHO_BYTES])
{
	if (connection->pid > 0)
		snprintf(text, CONNECTION_WHO_BYTES, "network %s (pid %d)", connection->name, (int)connection->pid);
	else
		snprintf(text, CONNECTION_WHO_BYTES, "network %s (of another pid namespace)", connection->name);
	return text;
}

static int connection_give_up(const struct connection *connection, struct error *ret_error)
{
	char who[CONNECTION_WHO_BYTES];
	int pid = (int)connection->pid;

	connection_who(connection, who);
	if (process_is_stopped(connection->pid))
		return error_set(ret_error, -ETIMEDOUT, "%s is stopped; `kill -CONT %d` lets it go on", who, pid);
	/* `kill -9 -1` would end everything */
	if (pid <= 0)
		return error_set(ret_error, -ETIMEDOUT, "%s does not answer; it can be ended there", who);
	return error_set(ret_error, -ETIMEDOUT, "%s does not answer; `kill -9 %d` ends it", who, pid);
}

static void connection_pause(void)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

	nanosleep(&pause, NULL);
}

/* 0; -EAGAIN: not yet, as its queue is full of those whom it did not answer either, or as it has begun and not opened its
 * socket; else negative errno. */
static int connection_try(struct connection *connection, const char *path, int64_t patience_ms)
{
	const struct timeval patience = {.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int result;

	memcpy(address.sun_path, path, RUNDIR_PATH_BYTES);
	connection->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connection->fd < 0)
		return -errno;
	fcntl(connection->fd, F_SETFD, FD_CLOEXEC);
	(void)setsockopt(connection->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	result = -errno;
	close(connection->fd);
	connection->fd = -1;
	if (result == -ENOENT || result == -ECONNREFUSED) {
		connection_pause();
		return -EAGAIN;
	}
	return result == -EINTR ? -EAGAIN : result;
}

/* Whoever holds the lock is there, or will be, or ends just now. */
static int connection_connect(struct connection *connection, int64_t until_ms, struct error *ret_error)
{
	int64_t look_ms = command_now_ms() + CONNECTION_LOOK_MS;
	char path[RUNDIR_PATH_BYTES], who[CONNECTION_WHO_BYTES];
	int result = rundir_path(connection->base, connection->name, "control", path, ret_error);

	if (result < 0)
		return result;
	for (;;) {
		int64_t now_ms = command_now_ms(), left_ms = until_ms - now_ms, look_left_ms = look_ms - now_ms;

		if (look_left_ms > 0 && look_left_ms < left_ms)
			left_ms = look_left_ms;
		result = connection_try(connection, path, left_ms > 0 ? left_ms : 1);
		if (result == 0)
			return 0;
		if (result != -EAGAIN)
			return error_set(ret_error, result, "%s: %s: %s", connection_who(connection, who), path,
					 error_name(result));
		if (rundir_pid(connection->base, connection->name) != connection->pid)
			return error_set(ret_error, -ENOENT, "network %s ended just now", connection->name);
		now_ms = command_now_ms();
		if (now_ms < until_ms && (now_ms < look_ms || !process_is_stopped(connection->pid)))
			continue;
		if (access(path, F_OK) == 0)
			return connection_give_up(connection, ret_error);
		return error_set(ret_error, -ENOENT, "%s has no socket %s; was it removed?",
				 connection_who(connection, who), path);
	}
}

int connection_open_within(const char *name, int64_t patience_ms, struct connection *ret_connection,
			   struct error *ret_error)
{
	struct connection connection = {.fd = -1};
	int result = connection_base(connection.base, ret_error);

	lines_init(&connection.lines, LINE_ANSWER_BYTES);
	if (result == 0)
		result = connection_choose(&connection, name, ret_error);
	if (result == 0)
		result = connection_connect(&connection, command_now_ms() + patience_ms, ret_error);
	*ret_connection = connection;
	if (result < 0)
		connection_done(ret_connection);
	return result;
}

int connection_open(const char *name, struct connection *ret_connection, struct error *ret_error)
{
	return connection_open_within(name, CONNECTION_TIMEOUT_MS, ret_connection, ret_error);
}

void connection_done(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	lines_done(&connection->lines);
}

static int connection_send(struct connection *connection, const char *line, struct error *ret_error)
{
	size_t left = strlen(line);

	while (left) {
		ssize_t sent = send(connection->fd, line, left, 0);

		if (sent < 0 && errno == EINTR)
			continue;
		/* One that refuses us says why before it closes. */
		if (sent < 0 && errno == EPIPE)
			return 0;
		if (sent < 0)
			return error_set(ret_error, -errno, "network %s: %s", connection->name, error_name(-errno));
		line += sent;
		left -= (size_t)sent;
	}
	return 0;
}

/* Some bytes more, or why not. */
static int connection_receive(struct connection *connection, int64_t until_ms, struct error *ret_error)
{
	struct pollfd poller = {.fd = connection->fd, .events = POLLIN};
	int64_t now_ms = command_now_ms(), left_ms = until_ms < 0 ? -1 : until_ms > now_ms ? until_ms - now_ms : 0;
	size_t room;
	ssize_t count;
	char *to;
	int result;

	result = poll(&poller, 1, left_ms > 3600 * 1000 ? 3600 * 1000 : (int)left_ms);
	if (result == 0 && left_ms == 0)
		return connection_give_up(connection, ret_error);
	if (result == 0 || (result < 0 && errno == EINTR))
		return 0;
	result = lines_room(&connection->lines, &to, &room);
	if (result < 0)
		return error_set(ret_error, result, "network %s: its answer is too long", connection->name);
	count = recv(connection->fd, to, room, 0);
	if (count < 0 && errno == EINTR)
		return 0;
	if (count <= 0)
		return error_set(ret_error, -EPIPE, "network %s ended before it answered", connection->name);
	lines_filled(&connection->lines, (size_t)count);
	return 0;
}

int connection_hear(struct connection *connection, int64_t until_ms, struct answer *ret_answer, struct error *ret_error)
{
	struct error why = {0};
	size_t length;
	const char *line;
	int result;

	while (!(line = lines_next(&connection->lines, &length))) {
		result = connection_receive(connection, until_ms, ret_error);
		if (result < 0)
			return result;
	}
	if (answer_decode(line, length, ret_answer, &why) < 0)
		return error_set(ret_error, -EPROTO, "network %s gave nonsense: %.400s", connection->name, why.text);
	if (ret_answer->ok)
		return 0;
	result = error_set(ret_error, ret_answer->code == ANSWER_USAGE ? -EINVAL : -EIO, "%s", ret_answer->error);
	answer_done(ret_answer);
	return result;
}

int connection_tell(struct connection *connection, const struct request *request, struct error *ret_error)
{
	char *line = request_encode(request);
	int result;

	if (!line)
		return error_set(ret_error, -EINVAL, "%s: a word that is not UTF-8", request_word(request->command));
	result = connection_send(connection, line, ret_error);
	free(line);
	return result;
}

int connection_ask(struct connection *connection, const struct request *request, struct answer *ret_answer,
		   struct error *ret_error)
{
	int64_t now_ms = command_now_ms();
	int result = connection_tell(connection, request, ret_error);

	if (result < 0)
		return result;
	result = connection_hear(connection, now_ms + CONNECTION_LOOK_MS, ret_answer, ret_error);
	if (result != -ETIMEDOUT || process_is_stopped(connection->pid))
		return result;
	return connection_hear(connection, now_ms + CONNECTION_TIMEOUT_MS, ret_answer, ret_error);
}

int connection_once(const char *name, const struct request *request, struct answer *ret_answer, struct error *ret_error)
{
	struct connection connection;
	int result = connection_open(name, &connection, ret_error);

	if (result < 0)
		return result;
	result = connection_ask(&connection, request, ret_answer, ret_error);
	connection_done(&connection);
	return result;
}
