/* SPDX-License-Identifier: MIT */
/* macOS has no taps. Not compiled on Linux, and not yet run on macOS. */
#include "os/tap.h"

#include <errno.h>
#include <stddef.h>

#include "base/error.h"

int tap_open(const struct tap_request *request, struct tap *ret_tap, struct error *ret_error)
{
	(void)request;
	(void)ret_tap;
	return error_set(ret_error, -ENOTSUP, "macOS has no taps; use a stream or dgram socket, or the uplink vmnet");
}

int tap_adopt(int fd, struct tap *ret_tap, struct error *ret_error)
{
	(void)fd;
	return tap_open(NULL, ret_tap, ret_error);
}

int tap_netns_path(const char *netns, char ret_path[TAP_NETNS_BYTES])
{
	(void)netns;
	ret_path[0] = '\0';
	return -ENOTSUP;
}

void tap_close(struct tap *tap)
{
	tap->fd = -1;
}
