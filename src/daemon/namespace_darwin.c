/* SPDX-License-Identifier: MIT */
/* macOS has no network namespaces. */
#include "daemon/namespace.h"

#include <errno.h>

#include "base/error.h"

void namespace_init(struct namespace *namespace)
{
	*namespace = (struct namespace){.channel = -1, .tap = -1, .net = -1, .user = -1, .detour.routes = -1};
}

int namespace_start(struct namespace *namespace, const struct namespace_request *request, struct error *ret_error)
{
	(void)namespace;
	(void)request;
	return error_set(ret_error, -ENOTSUP,
			 "netns: network namespaces need Linux; guestwire up serves virtual machines here");
}

int namespace_join(struct namespace *namespace, struct error *ret_error)
{
	(void)namespace;
	return error_set(ret_error, -ENOTSUP, "netns: needs Linux");
}

int namespace_configure(struct namespace *namespace, const struct namespace_addresses *addresses,
			struct error *ret_error)
{
	(void)namespace;
	(void)addresses;
	return error_set(ret_error, -ENOTSUP, "netns: needs Linux");
}

int namespace_enter(const struct namespace *namespace, const char *resolv_conf, struct error *ret_error)
{
	(void)namespace;
	(void)resolv_conf;
	return error_set(ret_error, -ENOTSUP, "netns: needs Linux");
}

void namespace_done(struct namespace *namespace)
{
	(void)namespace;
}
