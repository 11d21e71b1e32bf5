/* SPDX-License-Identifier: MIT */
/* Networks that other processes serve: where their sockets are. What a network is called there is daemon/config.h's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "network/network.h"
#include "os/rundir.h"

_Static_assert((int)GW_PATH_BYTES == RUNDIR_PATH_BYTES, "guestwire.h");

static bool elsewhere_is_word(const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *word && *word != '-' && strspn(word, letters) == strlen(word);
}

static int elsewhere_find(const char *session, const char *name, const char *socket, char path[RUNDIR_PATH_BYTES],
			  struct error *ret_error)
{
	char base[RUNDIR_PATH_BYTES];
	int error;

	if (!elsewhere_is_word(name) || !elsewhere_is_word(socket))
		return error_set(ret_error, -EINVAL, "network '%.40s': letters, digits, '_' and '-' only", name);
	error = rundir_base(session, geteuid(), base, ret_error);
	if (error == 0)
		error = rundir_check(base, true, ret_error);
	if (error == 0 || error == -ENOENT)
		error = rundir_path(base, name, socket, path, ret_error);
	if (error < 0)
		return error;
	if (!rundir_pid(base, name))
		return error_set(ret_error, -ENOENT,
				 "no network %s runs; `guestwire up %s` starts one, `guestwire ls` lists those that do",
				 name, name);
	if (access(path, F_OK) < 0)
		return error_set(ret_error, -ENOENT,
				 "network %s has no socket %s; `guestwire guest add %s %s,path=%s` makes one", name,
				 path, name, socket, path);
	return 0;
}

int gw_network_find(const char *session, const char *name, const char *socket, char ret_path[GW_PATH_BYTES],
		    struct gw_error *ret_error)
{
	struct error error = {0};
	char path[RUNDIR_PATH_BYTES];

	if (elsewhere_find(session, name, socket, path, &error) < 0)
		return network_return_error(ret_error, &error);
	memcpy(ret_path, path, sizeof(path));
	return 0;
}
