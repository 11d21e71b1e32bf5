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
#include "os/file.h"
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

static void lease_file_save(void *owner)
{
	struct lease_file *file = owner;
	struct error why = {0};
	char *bytes;
	size_t count;
	int error;

	file->dirty = false;
	file->saved = true;
	file->saved_us = loop_now_us(file->loop);
	error = lease_file_compose(file, &bytes, &count);
	if (error >= 0) {
		error = file_replace(file->path, bytes, count, 0600, &why);
		free(bytes);
	}
	if (error < 0 && !file->failing)
		lease_file_notice(file, "%s; leases do not survive a restart until this is mended",
				  why.text[0] ? why.text : error_name(error));
	file->failing = error < 0;
}

static void lease_file_on_pause_over(void *owner, uint64_t now_us)
{
	(void)now_us;
	lease_file_save(owner);
}

void lease_file_touch(struct lease_file *file)
{
	if (!file->loop || file->dirty)
		return;
	file->dirty = true;
	if (file->saved && loop_now_us(file->loop) - file->saved_us < LEASE_FILE_PAUSE_US)
		timer_set(loop_timers(file->loop), &file->pause, file->saved_us + LEASE_FILE_PAUSE_US);
	else
		loop_defer(file->loop, &file->save);
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
	if (!file->path)
		return error_set(ret_error, -ENOMEM, "%s: out of memory", directory);
	snprintf(file->path, room, "%s/%s.leases", directory, name);
	task_init(&file->save, lease_file_save, file);
	timer_init(&file->pause, lease_file_on_pause_over, file);
	file->loop = loop;
	lease_file_load(file);
	return 0;
}

void lease_file_done(struct lease_file *file)
{
	if (file->loop) {
		if (file->dirty || file->failing)
			lease_file_save(file);
		loop_cancel(file->loop, &file->save);
		timer_clear(loop_timers(file->loop), &file->pause);
	}
	free(file->path);
	*file = (struct lease_file){0};
}
