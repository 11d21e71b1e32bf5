/* SPDX-License-Identifier: MIT */
/* smb=FOLDER: Samba's smbd, started for each connection of a guest's with a configuration that is this network's alone: the
 * folder as the share "qemu", open to everybody as the user who runs us, and all that Samba keeps in one folder of the
 * network's runtime folder. What SMB is, Samba alone knows; what is known here of Samba is how it is told these things,
 * and what it leaves behind. */
#ifndef DAEMON_SHARE_H
#define DAEMON_SHARE_H

#include "daemon/spawn.h"

struct error;
struct log;
struct share;

enum share_limits {
	SHARE_MAX = 64, /* connections at once: each is a process or three */
};

struct share_config {
	const char *folder; /* what guests see */
	const char *place;  /* made for Samba's own files; to be removed with all that is in it */
	struct spawn *spawn;
	struct log *log; /* these two outlive it */
};

/* -ENOENT: no smbd is installed. Every text begins with smb=. */
int share_new(const struct share_config *config, struct share **ret_share, struct error *ret_error);
/* After spawn_done(): ends what the servers have started for all of them. Nothing writes into `place` any more. */
void share_free(struct share *share);
/* A stream socket, non-blocking, to a server of its own; or negative errno. */
int share_open(struct share *share);
/* After spawn_reap(): a line, once, when a server failed. */
void share_look(struct share *share);

/* smb.conf(5), for a file; the folder is the symbolic link that `place` has. For a test. */
int share_configuration(const char *place, const char *user, char **ret_text);

#endif
