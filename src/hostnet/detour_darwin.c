/* SPDX-License-Identifier: MIT */
/* No namespaces, no detours. */
#include "hostnet/detour.h"

#include <errno.h>

int detour_open(struct detour *ret_detour)
{
	(void)ret_detour;
	return -EOPNOTSUPP;
}

int detour_add(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to)
{
	(void)detour;
	(void)from;
	(void)to;
	return -EOPNOTSUPP;
}

void detour_remove(const struct detour *detour, const struct sockaddr *from, const struct sockaddr *to)
{
	(void)detour;
	(void)from;
	(void)to;
}

void detour_clear(const struct detour *detour)
{
	(void)detour;
}

void detour_close(struct detour *detour)
{
	detour->routes = -1;
}
