/* SPDX-License-Identifier: MIT */
/* The lease file. Times in it are the wall clock's, since the monotonic one begins anew with each boot. */
#include "network/lease_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/replacement.h"
#include "service/lease.h"

static void lease_file_notice(const struct lease_file *file, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void lease_file_notice(const struct lease_file *file, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	file->on_notice(file->owner, text);
}

static void lease_file_read(struct lease_file *file, FILE *from)
{
	uint64_t now_us = loop_now_us(file->loop), wall_s = clock_wall_s();
	unsigned broken = 0, first_broken = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t count;

	for (unsigned number = 1; (count = getline(&line, &room, from)) > 0; number++) {
		bool is_whole = line[count - 1] == '\n'; /* else the last one, cut off */

		if (line[0] == '#' || line[0] == '\n')
			continue;
		line[count - is_whole] = '\0';
		if (is_whole && strlen(line) == (size_t)count - 1 &&
		    lease_restore(file->leases, line, now_us, wall_s) >= 0)
			continue;
		if (broken++ == 0)
			first_broken = number;
	}
	free(line);
	if (broken > 0)
		lease_file_notice(file,
				  "%s: %u lines are no lease of this network, the first is line %u; they are left out",
				  file->path, broken, first_broken);
}

static void lease_file_load(struct lease_file *file)
{
	FILE *from = fopen(file->path, "re");

	if (!from && errno == ENOENT)
		return;
	if (from) {
		lease_file_read(file, from);
		if (!ferror(from)) {
			fclose(from);
			return;
		}
	}
	lease_file_notice(file, "%s: %s; guests may get other addresses than before", file->path, strerror(errno));
	if (from)
		fclose(from);
}

struct lease_text {
	uint64_t now_us;
	uint64_t wall_s;
	FILE *to;
};

static void lease_file_add(void *owner, const struct lease *lease)
{
	struct lease_text *text = owner;
	char line[LEASE_LINE_BYTES];

	if (lease->state != LEASE_OFFERED && lease_format(lease, text->now_us, text->wall_s, line, sizeof(line)) > 0)
		fprintf(text->to, "%s\n", line);
}

/* The whole file as text; the caller frees it. */
static int lease_file_compose(struct lease_file *file, char **ret_bytes, size_t *ret_count)
{
	struct lease_text text = {.now_us = loop_now_us(file->loop), .wall_s = clock_wall_s()};
	char *bytes = NULL;
	size_t count = 0;

	text.to = open_memstream(&bytes, &count);
	if (!text.to)
		return -ENOMEM;
	fputs("# leases of guestwire; written whenever one changes\n", text.to);
	lease_each(file->leases, text.now_us, lease_file_add, &text);
	if (fclose(text.to) != 0) {
		free(bytes);
		return -ENOMEM;
	}
	*ret_bytes = bytes;
	*ret_count = count;
	return 0;
}

static void lease_file_wait(struct lease_file *file)
{
	int fd = replacement_fd(file->replacement);

	if (!file->told.watched)
		file->told.fd = fd;
	if (fd < 0 || loop_watch(file->loop, &file->told, LOOP_READ) < 0)
		timer_set(loop_timers(file->loop), &file->look, loop_now_us(file->loop) + LEASE_FILE_LOOK_US);
}

static void lease_file_schedule(struct lease_file *file)
{
	if (file->saved && loop_now_us(file->loop) - file->saved_us < LEASE_FILE_PAUSE_US)
		timer_set(loop_timers(file->loop), &file->pause, file->saved_us + LEASE_FILE_PAUSE_US);
	else
		loop_defer(file->loop, &file->save);
}

/* What the disk says so far. */
static void lease_file_hear(struct lease_file *file, int result, const struct error *why)
{
	file->saving = result == -EINPROGRESS;
	if (file->saving) {
		lease_file_wait(file);
		return;
	}
	if (result < 0 && !file->failing)
		lease_file_notice(file, "%s; leases do not survive a restart until this is mended",
				  why->text[0] ? why->text : error_name(result));
	file->failing = result < 0;
	if (file->dirty)
		lease_file_schedule(file);
}

/* -EINPROGRESS, 0, or why not. */
static int lease_file_begin(struct lease_file *file, struct error *ret_error)
{
	char *bytes;
	size_t count;
	int result = lease_file_compose(file, &bytes, &count);

	file->dirty = false;
	file->saved = true;
	file->saved_us = loop_now_us(file->loop);
	if (result < 0)
		return result;
	result = replacement_start(file->replacement, file->path, bytes, count, 0600, ret_error);
	free(bytes);
	return result;
}

static void lease_file_save(void *owner)
{
	struct lease_file *file = owner;
	struct error why = {0};
	int result = lease_file_begin(file, &why);

	lease_file_hear(file, result, &why);
}

static void lease_file_on_pause_over(void *owner, uint64_t now_us)
{
	(void)now_us;
	lease_file_save(owner);
}

static void lease_file_go_on(struct lease_file *file)
{
	struct error why = {0};
	int result = replacement_go_on(file->replacement, &why);

	if (file->saving)
		lease_file_hear(file, result, &why);
}

static void lease_file_on_told(void *owner, unsigned events)
{
	(void)events;
	lease_file_go_on(owner);
}

static void lease_file_on_look(void *owner, uint64_t now_us)
{
	(void)now_us;
	lease_file_go_on(owner);
}

void lease_file_touch(struct lease_file *file)
{
	if (!file->loop || file->dirty)
		return;
	file->dirty = true;
	if (!file->saving)
		lease_file_schedule(file);
}

int lease_file_init(struct lease_file *file, struct loop *loop, struct lease_table *leases, const char *directory,
		    const char *name, void (*on_notice)(void *owner, const char *text), void *owner,
		    struct error *ret_error)
{
	size_t room = strlen(directory) + strlen(name) + sizeof("/.leases");
	struct stat status;

	*file = (struct lease_file){.leases = leases, .on_notice = on_notice, .owner = owner};
	if (stat(directory, &status) < 0)
		return error_set(ret_error, -errno, "%s: the state directory: %s; make it first", directory,
				 strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return error_set(ret_error, -ENOTDIR, "%s: is no directory, but leases are to be kept there",
				 directory);
	if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
		return error_set(ret_error, -errno,
				 "%s: leases cannot be kept there: %s; choose a folder where you may write", directory,
				 strerror(errno));
	file->path = malloc(room);
	if (!file->path || replacement_new(&file->replacement) < 0) {
		free(file->path);
		file->path = NULL;
		return error_set(ret_error, -ENOMEM, "%s: out of memory", directory);
	}
	snprintf(file->path, room, "%s/%s.leases", directory, name);
	task_init(&file->save, lease_file_save, file);
	timer_init(&file->pause, lease_file_on_pause_over, file);
	timer_init(&file->look, lease_file_on_look, file);
	watch_init(&file->told, -1, lease_file_on_told, file);
	file->loop = loop;
	lease_file_load(file);
	return 0;
}

/* For the last time, and the disk is waited for. */
static void lease_file_finish(struct lease_file *file)
{
	struct error why = {0};
	int result = file->saving ? replacement_finish(file->replacement, &why) : 0;

	if (file->dirty || file->failing || result < 0) {
		result = lease_file_begin(file, &why);
		if (result == -EINPROGRESS)
			result = replacement_finish(file->replacement, &why);
	}
	lease_file_hear(file, result, &why);
}

void lease_file_done(struct lease_file *file)
{
	if (file->loop) {
		lease_file_finish(file);
		loop_unwatch(file->loop, &file->told);
		loop_cancel(file->loop, &file->save);
		timer_clear(loop_timers(file->loop), &file->pause);
		timer_clear(loop_timers(file->loop), &file->look);
	}
	replacement_free(file->replacement);
	free(file->path);
	*file = (struct lease_file){0};
}
