/* SPDX-License-Identifier: MIT */
/* Which ports lead into a namespace or out of it, in pasta's words for -t -u -T -U. Pure: text in, ranges out.
 *
 *   none   auto   all   22   22,25   22-80   22:23   22-80:32-90   192.0.2.1/22   192.0.2.1%eth0/22   ~3000-3010
 *
 * auto: what is listened on at the other side. all: every port but the ephemeral ones, as far as they can be had. An address,
 * or an interface, is for all that follows it. `~` takes ports out of what is said beside it; alone it takes them out of
 * all. */
#ifndef DAEMON_PORTSPEC_H
#define DAEMON_PORTSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/procfile.h"

struct error;

enum portspec_limits {
	PORTSPEC_RANGES_MAX = 64,
	PORTSPEC_ADDRESS_BYTES = 46,
	PORTSPEC_IFNAME_BYTES = 16,
};

enum portspec_kind {
	PORTSPEC_NONE,
	PORTSPEC_AUTO,
	PORTSPEC_ALL,
	PORTSPEC_PORTS,
};

struct portspec_range {
	uint16_t first, last;
	uint16_t to; /* where `first` leads; the others follow */
};

struct portspec {
	enum portspec_kind kind;
	char address[PORTSPEC_ADDRESS_BYTES]; /* "": any */
	char ifname[PORTSPEC_IFNAME_BYTES];   /* "": any */
	bool is6;                             /* the address */
	size_t count;                         /* PORTSPEC_PORTS: without what is excluded */
	struct portspec_range ranges[PORTSPEC_RANGES_MAX];
	struct procfile_ports excluded;
};

/* `option` stands in the text of an error: "-t". -EINVAL and a text. */
int portspec_parse(const char *option, const char *text, struct portspec *ret_spec, struct error *ret_error);

#endif
