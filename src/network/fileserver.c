/* SPDX-License-Identifier: MIT */
/* Descriptors and a timer around the TFTP machine. A file is read where the protocol is: at most a window of blocks per
 * message, from the page cache as a rule; a folder on a slow disk slows the network, and the manual says so. */
#include "network/fileserver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/beneath.h"
#include "service/tftp.h"

struct fileserver {
	struct fileserver_config config;
	char *folder; /* absolute: the program may change its working directory */
	struct tftp *tftp;
	struct timer timer;
	int files[TFTP_TRANSFERS_MAX]; /* -1: free */
};

static int *fileserver_place(struct fileserver *fileserver)
{
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		if (fileserver->files[i] < 0)
			return &fileserver->files[i];
	}
	return NULL;
}

static int fileserver_on_open(void *owner, const char *path, void **ret_file, uint64_t *ret_bytes)
{
	struct fileserver *fileserver = owner;
	int *place = fileserver_place(fileserver);
	int folder, file;

	if (!place)
		return -ENFILE;
	folder = open(fileserver->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (folder < 0)
		return -errno;
	file = beneath_open(folder, path, ret_bytes);
	close(folder);
	if (file < 0)
		return file;
	*place = file;
	*ret_file = place;
	return 0;
}

static int fileserver_on_read(void *owner, void *file, uint64_t offset, void *to, size_t bytes)
{
	const int *place = file;
	size_t used = 0;
	ssize_t got;

	(void)owner;
	while (used < bytes) {
		got = pread(*place, (char *)to + used, bytes - used, (off_t)(offset + used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (int)used;
}

static void fileserver_on_close(void *owner, void *file)
{
	int *place = file;

	(void)owner;
	close(*place);
	*place = -1;
}

static void fileserver_on_send(void *owner, const struct asker *asker, const void *message, size_t bytes)
{
	struct fileserver *fileserver = owner;

	fileserver->config.send(fileserver->config.owner, asker, message, bytes);
}

/* When to look again. */
static void fileserver_settle(struct fileserver *fileserver)
{
	struct timers *timers = loop_timers(fileserver->config.loop);
	uint64_t due_us = tftp_due_us(fileserver->tftp);

	if (due_us == TIMER_NEVER)
		timer_clear(timers, &fileserver->timer);
	else
		timer_set(timers, &fileserver->timer, due_us);
}

static void fileserver_on_timer(void *owner, uint64_t now_us)
{
	struct fileserver *fileserver = owner;

	tftp_run(fileserver->tftp, now_us);
	fileserver_settle(fileserver);
}

bool fileserver_has_port(const struct fileserver *fileserver, uint16_t port)
{
	return port == TFTP_PORT || tftp_has_port(fileserver->tftp, port);
}

enum drop_reason fileserver_input(struct fileserver *fileserver, const struct asker *asker, const uint8_t *message,
				  size_t bytes)
{
	uint64_t now_us = loop_now_us(fileserver->config.loop);
	enum drop_reason verdict = tftp_input(fileserver->tftp, asker, message, bytes, now_us);

	fileserver_settle(fileserver);
	return verdict;
}

/* ---- life ---- */

static int fileserver_find_folder(struct fileserver *fileserver, struct error *ret_error)
{
	const char *given = fileserver->config.folder;
	int fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_set(ret_error, -errno, "tftp=%s: %s; name a directory that can be read", given,
				 error_name(-errno));
	close(fd);
	fileserver->folder = realpath(given, NULL);
	return fileserver->folder ? 0 : error_set(ret_error, -errno, "tftp=%s: %s", given, error_name(-errno));
}

int fileserver_new(const struct fileserver_config *config, struct fileserver **ret_fileserver, struct error *ret_error)
{
	struct fileserver *fileserver = calloc(1, sizeof(*fileserver));
	struct tftp_config tftp = {.mtu_bytes = config->mtu_bytes,
				   .open = fileserver_on_open,
				   .read = fileserver_on_read,
				   .close = fileserver_on_close,
				   .send = fileserver_on_send,
				   .owner = fileserver};
	int error;

	if (!fileserver)
		return error_set(ret_error, -ENOMEM, "tftp=%s: no memory", config->folder);
	fileserver->config = *config;
	timer_init(&fileserver->timer, fileserver_on_timer, fileserver);
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++)
		fileserver->files[i] = -1;
	error = fileserver_find_folder(fileserver, ret_error);
	if (error >= 0 && (error = tftp_new(&tftp, &fileserver->tftp)) < 0)
		error_set(ret_error, error, "tftp=%s: no memory", config->folder);
	if (error < 0) {
		fileserver_free(fileserver);
		return error;
	}
	*ret_fileserver = fileserver;
	return 0;
}

void fileserver_free(struct fileserver *fileserver)
{
	if (!fileserver)
		return;
	tftp_free(fileserver->tftp);
	timer_clear(loop_timers(fileserver->config.loop), &fileserver->timer);
	free(fileserver->folder);
	free(fileserver);
}
