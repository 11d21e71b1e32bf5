/* SPDX-License-Identifier: MIT */
/* The settings, in the order in which they are looked at; what none of them explains is a container's doing. */
#include "daemon/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

struct userns_rule {
	const char *file; /* under /proc */
	long value;       /* that forbids */
	const char *text;
};

static const struct userns_rule userns_rules[] = {
	{"sys/kernel/apparmor_restrict_unprivileged_userns", 1,
	 "Ubuntu's AppArmor rule (kernel.apparmor_restrict_unprivileged_userns=1) keeps user namespaces from programs "
	 "without a profile; load guestwire's own, `sudo cp share/apparmor/guestwire /etc/apparmor.d/ && sudo "
	 "apparmor_parser -r /etc/apparmor.d/guestwire`, or use sudo"},
	{"sys/kernel/unprivileged_userns_clone", 0,
	 "kernel.unprivileged_userns_clone=0 keeps user namespaces from ordinary users; "
	 "`sudo sysctl kernel.unprivileged_userns_clone=1` allows them, or use sudo"},
	{"sys/user/max_user_namespaces", 0,
	 "user.max_user_namespaces=0 forbids user namespaces; `sudo sysctl user.max_user_namespaces=10000` allows "
	 "them, or use sudo"},
	{"sys/user/max_net_namespaces", 0,
	 "user.max_net_namespaces=0 forbids network namespaces; `sudo sysctl user.max_net_namespaces=10000` allows "
	 "them"},
};

/* -1: there is no such setting. */
static long userns_read(const char *proc, const char *file)
{
	char path[256], text[32] = "";
	ssize_t count;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", proc, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	count = read(fd, text, sizeof(text) - 1);
	close(fd);
	return count > 0 ? strtol(text, NULL, 10) : -1;
}

int userns_refused(const char *proc, const char *step, int code, struct error *ret_error)
{
	if (code == -EINVAL || code == -ENOSYS)
		return error_set(ret_error, code, "netns: %s: this kernel has no user or network namespaces", step);
	for (size_t i = 0; i < sizeof(userns_rules) / sizeof(userns_rules[0]); i++) {
		if (userns_read(proc, userns_rules[i].file) == userns_rules[i].value)
			return error_set(ret_error, code, "netns: %s", userns_rules[i].text);
	}
	if (code == -ENOSPC || code == -EUSERS)
		return error_set(ret_error, code,
				 "netns: %s: there are as many namespaces as user.max_user_namespaces and "
				 "user.max_net_namespaces allow, or too many one inside the other",
				 step);
	return error_set(ret_error, code,
			 "netns: %s: %s; a container or a chroot forbids it here (podman and docker: --security-opt "
			 "seccomp=unconfined), and guestwire up serves guests on sockets without it",
			 step, error_name(code));
}
