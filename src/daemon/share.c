/* SPDX-License-Identifier: MIT */
/* What a person's path may hold (%, quotes, a newline), smb.conf(5) would misread, so Samba is told of a symbolic link
 * beside its configuration, and only the runtime folder has to be of plain characters.
 *
 * smbd serves a socket that it finds as its standard input, as inetd(8) gave it one, until that ends. Beside itself it
 * starts two helpers, which end with it, and for lists of shares a daemon for all of them, which leads a session of its
 * own and ends after a minute without work: that one is found by the lock on its pid file. */
#include "daemon/share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/log.h"
#include "os/rundir.h"

enum {
	SHARE_PATH_BYTES = 4096,
	SHARE_SOCKET_BYTES = 26, /* "/ncalrpc/np/initshutdown" and its NUL, the longest of Samba's sockets */
	SHARE_HELPER_END_MS = 1000,
	SHARE_HELPER_LOOK_MS = 5,
};

struct share {
	struct share_config config;
	struct spawn_tally tally;
	bool told; /* that one failed */
	char *folder, *place, *program, *configuration;
};

/* ---- what smbd is told ---- */

/* wide links: a guest's own symbolic links lead nowhere else. interfaces, multi channel: guests are not told of this
 * machine's addresses. winbindd: the one of a machine that is in a domain is not asked. */
static const char share_form[] = "# of one guestwire network, and goes with it\n"
				 "[global]\n"
				 "netbios name = GUESTWIRE\n"
				 "server string = guestwire\n"
				 "server role = standalone server\n"
				 "map to guest = Bad User\n"
				 "interfaces = 127.0.0.1\n"
				 "bind interfaces only = yes\n"
				 "server multi channel support = no\n"
				 "private dir = %1$s\n"
				 "pid directory = %1$s\n"
				 "lock directory = %1$s\n"
				 "state directory = %1$s\n"
				 "cache directory = %1$s\n"
				 "ncalrpc dir = %1$s/ncalrpc\n"
				 "winbindd socket directory = %1$s/winbindd\n"
				 "log file = %1$s/log.smbd\n"
				 "max log size = 256\n"
				 "enable core files = no\n"
				 "load printers = no\n"
				 "printcap name = /dev/null\n"
				 "disable spoolss = yes\n"
				 "usershare max shares = 0\n"
				 "[qemu]\n"
				 "path = %1$s/folder\n"
				 "read only = no\n"
				 "guest ok = yes\n"
				 "force user = %2$s\n"
				 "wide links = no\n";

int share_configuration(const char *place, const char *user, char **ret_text)
{
	int length = snprintf(NULL, 0, share_form, place, user);
	char *text = length < 0 ? NULL : malloc((size_t)length + 1);

	if (!text)
		return -ENOMEM;
	snprintf(text, (size_t)length + 1, share_form, place, user);
	*ret_text = text;
	return 0;
}

/* Of a line of smb.conf: no macros, quotes, continuations or ends, and no blank that would be cut off. */
static bool share_is_plain(const char *text)
{
	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f || strchr("%\"\\$;#", *at))
			return false;
	}
	return *text && *text != ' ' && text[strlen(text) - 1] != ' ';
}

/* `what` is a path, or NULL. */
static int share_refuse(const struct share *share, int code, const char *what, const char *why, struct error *ret_error)
{
	return error_set(ret_error, code, "smb=%.150s: %.150s%s%s", share->config.folder, what ? what : "",
			 what ? ": " : "", why);
}

static int share_write(const struct share *share, const char *text, struct error *ret_error)
{
	int fd = open(share->configuration, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t bytes = strlen(text);
	int error;
	bool whole;

	if (fd < 0)
		return share_refuse(share, -errno, share->configuration, error_name(-errno), ret_error);
	errno = ENOSPC;
	whole = write(fd, text, bytes) == (ssize_t)bytes;
	error = -errno;
	close(fd);
	return whole ? 0 : share_refuse(share, error, share->configuration, error_name(error), ret_error);
}

static int share_configure(const struct share *share, struct error *ret_error)
{
	const struct passwd *user = getpwuid(geteuid());
	char link[SHARE_PATH_BYTES], *text;
	int error;

	if (!user || !share_is_plain(user->pw_name))
		return share_refuse(share, -EINVAL, NULL, "who runs this has no user name, which Samba needs",
				    ret_error);
	if (mkdir(share->place, 0700) < 0)
		return share_refuse(share, -errno, share->place, error_name(-errno), ret_error);
	snprintf(link, sizeof(link), "%s/folder", share->place);
	if (symlink(share->folder, link) < 0)
		return share_refuse(share, -errno, link, error_name(-errno), ret_error);
	error = share_configuration(share->place, user->pw_name, &text);
	if (error < 0)
		return share_refuse(share, error, NULL, "no memory", ret_error);
	error = share_write(share, text, ret_error);
	free(text);
	return error;
}

/* ---- what it needs ---- */

static bool share_try_program(const char *folder, size_t bytes, const char *name, char path[SHARE_PATH_BYTES])
{
	struct stat status;
	int length = snprintf(path, SHARE_PATH_BYTES, "%.*s/%s", (int)bytes, folder, name);

	return bytes > 0 && folder[0] == '/' && length < SHARE_PATH_BYTES && access(path, X_OK) == 0 &&
	       stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool share_search(const char *folders, const char *name, char path[SHARE_PATH_BYTES])
{
	for (size_t bytes; folders && *folders; folders += bytes + (folders[bytes] == ':')) {
		bytes = strcspn(folders, ":");
		if (share_try_program(folders, bytes, name, path))
			return true;
	}
	return false;
}

/* Homebrew calls it so, since macOS has an smbd that is another. Ordinary users have no sbin in their PATH. */
static int share_find_program(struct share *share, struct error *ret_error)
{
	static const char usual[] = "/usr/sbin:/usr/local/sbin:/usr/local/samba/sbin:/opt/homebrew/sbin";
	static const char *const names[] = {"samba-dot-org-smbd", "smbd"};
	char path[SHARE_PATH_BYTES];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !share->program; i++) {
		if (share_search(getenv("PATH"), names[i], path) || share_search(usual, names[i], path))
			share->program = strdup(path);
	}
	if (share->program)
		return 0;
	return share_refuse(
		share, -ENOENT, NULL,
		"there is no smbd in PATH or /usr/sbin; install the package samba (its own service need not run)",
		ret_error);
}

static int share_find_folder(struct share *share, struct error *ret_error)
{
	const char *given = share->config.folder;
	int fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK), error = -errno;

	if (fd < 0)
		return error_set(ret_error, error, "smb=%.200s: %s; name a folder that can be read", given,
				 error_name(error));
	close(fd);
	share->folder = realpath(given, NULL);
	return share->folder ? 0 : share_refuse(share, -errno, NULL, error_name(-errno), ret_error);
}

static int share_find_place(struct share *share, struct error *ret_error)
{
	const char *place = share->config.place;
	size_t bytes = strlen(place) + sizeof("/smb.conf");

	if (!share_is_plain(place))
		return share_refuse(share, -EINVAL, place,
				    "a character in it means something else in smb.conf; set XDG_RUNTIME_DIR to a "
				    "plainer path",
				    ret_error);
	if (strlen(place) + SHARE_SOCKET_BYTES > RUNDIR_PATH_BYTES)
		return share_refuse(share, -ENAMETOOLONG, place,
				    "too long for Samba's sockets in it; set XDG_RUNTIME_DIR to a shorter path",
				    ret_error);
	share->place = strdup(place);
	share->configuration = malloc(bytes);
	if (!share->place || !share->configuration)
		return share_refuse(share, -ENOMEM, NULL, "no memory", ret_error);
	snprintf(share->configuration, bytes, "%s/smb.conf", place);
	return 0;
}

/* ---- what it leaves ---- */

/* A helper that was killed leaves its socket and its lock, each named after its process: a guest that comes again and again
 * would fill the disk with them. */
static void share_sweep(const struct share *share)
{
	char path[SHARE_PATH_BYTES];
	struct dirent *entry;
	DIR *locks;

	snprintf(path, sizeof(path), "%s/msg.lock", share->place);
	locks = opendir(path);
	while (locks && (entry = readdir(locks))) {
		unsigned long pid = strtoul(entry->d_name, NULL, 10);

		if (pid == 0 || pid > INT32_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		unlinkat(dirfd(locks), entry->d_name, 0);
		snprintf(path, sizeof(path), "%s/msg.sock/%s", share->place, entry->d_name);
		unlink(path);
	}
	if (locks)
		closedir(locks);
}

static void share_signal(pid_t pid, int number)
{
	kill(getpgid(pid) == pid ? -pid : pid, number);
}

/* With its own helpers, which are of its group. */
static void share_end_helper(int pid_file)
{
	static const struct timespec pause = {.tv_nsec = SHARE_HELPER_LOOK_MS * 1000 * 1000};
	pid_t pid = rundir_holder(pid_file);

	if (pid <= 1)
		return;
	share_signal(pid, SIGTERM);
	for (int waited = 0; rundir_holder(pid_file) == pid; waited += SHARE_HELPER_LOOK_MS) {
		if (waited == SHARE_HELPER_END_MS)
			share_signal(pid, SIGKILL);
		if (waited == 2 * SHARE_HELPER_END_MS)
			return;
		nanosleep(&pause, NULL);
	}
}

static void share_end_helpers(const struct share *share)
{
	DIR *place = opendir(share->place);
	struct dirent *entry;

	while (place && (entry = readdir(place))) {
		const char *end = strrchr(entry->d_name, '.');
		int fd = end && strcmp(end, ".pid") == 0
				 ? openat(dirfd(place), entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
				 : -1;

		if (fd < 0)
			continue;
		share_end_helper(fd);
		close(fd);
	}
	if (place)
		closedir(place);
}

/* ---- life ---- */

int share_new(const struct share_config *config, struct share **ret_share, struct error *ret_error)
{
	struct share *share = calloc(1, sizeof(*share));
	int error;

	if (!share)
		return error_set(ret_error, -ENOMEM, "smb=: no memory");
	share->config = *config;
	if ((error = share_find_folder(share, ret_error)) < 0 || (error = share_find_program(share, ret_error)) < 0 ||
	    (error = share_find_place(share, ret_error)) < 0 || (error = share_configure(share, ret_error)) < 0) {
		share_free(share);
		return error;
	}
	*ret_share = share;
	return 0;
}

void share_free(struct share *share)
{
	if (!share)
		return;
	if (share->place)
		share_end_helpers(share);
	free(share->folder);
	free(share->place);
	free(share->program);
	free(share->configuration);
	free(share);
}

int share_open(struct share *share)
{
	char *const words[] = {share->program, (char *)"-s", share->configuration, (char *)"-l", share->place, NULL};
	int fd;

	if (share->tally.running == SHARE_MAX)
		spawn_reap(share->config.spawn);
	if (share->tally.running == SHARE_MAX)
		return -ECONNREFUSED;
	share_sweep(share);
	fd = spawn_program(share->config.spawn, words, &share->tally);
	if (fd < 0 && fd != -ECONNREFUSED && !share->told) {
		share->told = true;
		log_line(share->config.log, "smb=%s: a guest is refused: %s: %s", share->folder, share->program,
			 error_name(fd));
	}
	return fd;
}

void share_look(struct share *share)
{
	if (!share || !share->tally.failed || share->told)
		return;
	share->told = true;
	log_line(share->config.log, "smb=%s: %s failed; %s/log.smbd says why", share->folder, share->program,
		 share->place);
}
