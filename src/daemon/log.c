/* SPDX-License-Identifier: MIT */
/* One write per line, so that lines of several programs in one file do not mix. Lines are rare, so that a look at the file's
 * name before each costs nothing, and who rotates logs by renaming need tell nobody. */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/plain.h"
#include "guestwire/guestwire.h"
#include "os/clock.h"
#include "os/entropy.h"

/* A pipe without a reader is refused, not waited for. */
static int log_open_file(const char *path, int more)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more, 0600);
}

static bool log_is_file(int fd, struct stat *ret_status)
{
	return fstat(fd, ret_status) == 0 && S_ISREG(ret_status->st_mode);
}

int log_open(struct log *log, const char *path, bool verbose, struct error *ret_error)
{
	struct hash_key key;
	struct stat status;
	int result = entropy_fill(&key, sizeof(key));

	*log = (struct log){.fd = STDERR_FILENO, .verbose = verbose};
	if (result < 0)
		return error_set(ret_error, result, "random numbers: %s", error_name(result));
	allowance_init(&log->allowance, &key, LOG_LINES, LOG_PAUSE_US);
	if (!path)
		return 0;
	log->fd = log_open_file(path, O_EXCL);
	log->made = log->fd >= 0;
	if (log->fd < 0 && errno == EEXIST)
		log->fd = log_open_file(path, 0);
	log->stamped = true;
	if (log->fd < 0)
		return error_set(ret_error, -errno, "log file %s: %s; give one where you may write", path,
				 error_name(-errno));
	log->path = log_is_file(log->fd, &status) ? path : NULL;
	return 0;
}

void log_discard(const struct log *log, const char *path)
{
	struct stat status;

	if (log->made && fstat(log->fd, &status) == 0 && status.st_size == 0)
		unlink(path);
}

static size_t log_stamp(char *line, size_t room)
{
	struct timespec now;
	struct tm local;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	used = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &local);
	used += (size_t)snprintf(line + used, room - used, ".%03ld", now.tv_nsec / 1000000);
	return used + strftime(line + used, room - used, "%z ", &local);
}

/* Has somebody renamed or removed it? What is a file under its name now, or none, is written from here on. */
static void log_follow(struct log *log)
{
	struct stat ours, there;
	int fd;

	if (!log->path || !log_is_file(log->fd, &ours))
		return;
	if (stat(log->path, &there) < 0) {
		if (errno != ENOENT)
			return;
	} else if (!S_ISREG(there.st_mode) || (there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)) {
		return;
	}
	fd = log_open_file(log->path, 0);
	if (fd < 0)
		return;
	close(log->fd);
	log->fd = fd;
}

/* Would a line go out without waiting? A pipe that can be written takes a line whole. */
static bool log_is_ready(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};

	return poll(&poller, 1, 0) != 0;
}

static void log_put(struct log *log, const char *format, va_list arguments)
{
	char line[1024];
	size_t used = 0;
	int length;

	if (log->stamped)
		used = log_stamp(line, sizeof(line));
	else
		used = (size_t)snprintf(line, sizeof(line), "guestwire: ");
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	if (length < 0)
		return;
	used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
	/* Names in it may be a guest's. */
	line[used] = '\0';
	plain_text(line);
	line[used++] = '\n';
	/* A log that cannot be written does not stop the network. In the background nobody is left to tell. */
	if (write(log->fd, line, used) < 0 && log->stamped && log_is_ready(STDERR_FILENO))
		dprintf(STDERR_FILENO, "guestwire: the log file cannot be written (%s): %.*s", error_name(-errno),
			(int)used, line);
}

static void log_say(struct log *log, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_put(log, format, arguments);
	va_end(arguments);
}

/* False: nobody reads. */
static bool log_settle(struct log *log)
{
	if (!log_is_ready(log->fd))
		return false;
	if (log->left_out == 0)
		return true;
	log_say(log,
		"%llu lines were left out here: a guest caused more than %d at once and one each %d s, or "
		"nobody read",
		(unsigned long long)log->left_out, LOG_LINES, LOG_PAUSE_US / 1000000);
	log->left_out = 0;
	return log_is_ready(log->fd);
}

static void log_write(struct log *log, const char *format, va_list arguments)
{
	if (log->fd < 0)
		return;
	log_follow(log);
	if (log_settle(log))
		log_put(log, format, arguments);
	else
		log->left_out++;
}

void log_close(struct log *log)
{
	if (log->fd >= 0 && log->left_out > 0)
		log_settle(log);
	if (log->stamped && log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

void log_line(struct log *log, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_write(log, format, arguments);
	va_end(arguments);
}

void log_more(struct log *log, const char *format, ...)
{
	va_list arguments;

	if (!log->verbose)
		return;
	va_start(arguments, format);
	log_write(log, format, arguments);
	va_end(arguments);
}

/* What belongs to no port has a share of its own. */
static bool log_is_allowed(struct log *log, const struct gw_event *event)
{
	const char *port = event->port ? event->port : "";

	return log->fd < 0 || allowance_take(&log->allowance, port, strlen(port), "", 0, clock_now_us(NULL));
}

void log_event(struct log *log, const struct gw_event *event)
{
	bool quiet = false;

	switch (event->type) {
	case GW_EVENT_ADDRESS:
		quiet = true;
		break;
	case GW_EVENT_GUEST_JOINED:
	case GW_EVENT_GUEST_LEFT:
	case GW_EVENT_LEASE:
	case GW_EVENT_FIRST_DROP:
		quiet = log->quiet;
		break;
	case GW_EVENT_CONFLICT:
	case GW_EVENT_NOTICE:
		break;
	}
	if (quiet && !log->verbose)
		return;
	if (log_is_allowed(log, event))
		log_line(log, "%s", event->text);
	else
		log->left_out++;
}
