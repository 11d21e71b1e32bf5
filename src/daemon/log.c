/* SPDX-License-Identifier: MIT */
/* One write per line, so that lines of several programs in one file do not mix. */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/plain.h"
#include "guestwire/guestwire.h"

int log_open(struct log *log, const char *path, bool verbose, struct error *ret_error)
{
	*log = (struct log){.fd = STDERR_FILENO, .verbose = verbose};
	if (!path)
		return 0;
	log->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	log->made = log->fd >= 0;
	if (log->fd < 0 && errno == EEXIST)
		log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	log->stamped = true;
	return log->fd < 0 ? error_set(ret_error, -errno, "log file %s: %s", path, error_name(-errno)) : 0;
}

void log_close(struct log *log)
{
	if (log->stamped && log->fd >= 0)
		close(log->fd);
	log->fd = -1;
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

static void log_write(const struct log *log, const char *format, va_list arguments)
{
	char line[1024];
	size_t used = 0;
	int length;

	if (log->fd < 0)
		return;
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
	if (write(log->fd, line, used) < 0 && log->stamped)
		dprintf(STDERR_FILENO, "guestwire: the log file cannot be written (%s): %.*s", error_name(-errno),
			(int)used, line);
}

void log_line(const struct log *log, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_write(log, format, arguments);
	va_end(arguments);
}

void log_more(const struct log *log, const char *format, ...)
{
	va_list arguments;

	if (!log->verbose)
		return;
	va_start(arguments, format);
	log_write(log, format, arguments);
	va_end(arguments);
}

void log_event(const struct log *log, const struct gw_event *event)
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
	if (!quiet || log->verbose)
		log_line(log, "%s", event->text);
}
