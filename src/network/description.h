/* SPDX-License-Identifier: MIT */
/* What a person says of a network, "user,net=10.0.2.0/24,host=10.0.2.2,…" in QEMU's words, made into addresses and
 * names that agree with each other. A contradiction is an error that names the word and what would do. */
#ifndef NETWORK_DESCRIPTION_H
#define NETWORK_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/spec.h"
#include "network/guestfwd.h"
#include "os/hostaddress.h"
#include "os/outbound.h"
#include "service/resolvconf.h"
#include "service/service.h"

enum { DESCRIPTION_PATH_BYTES = 1024 };

struct description {
	struct service_config service;
	bool user;          /* uplink=user: NAT, and a resolver at the gateway. The rest of the block is its own */
	bool router_given;  /* router=: a host without a route makes no difference then */
	bool restricted;    /* restrict=on */
	bool host_loopback; /* these two lead to the host's loopback: */
	struct ip4 map4;    /* the gateway's, or map-host= */
	struct ip6 map6;
	bool map4_given, map6_given;
	bool udp_filter_none;
	struct outbounds outbounds; /* outbound=, outbound-if4=, outbound-if6= */
	/* dns-host=: whom the gateway asks; none: whom resolv.conf says */
	struct resolvconf_server dns_hosts[RESOLVCONF_SERVERS_MAX];
	size_t dns_host_count;
	bool splice;    /* connections that bring much may leave the wire; splice=off: never */
	uint32_t flows; /* 0: as many as NAT holds */
	bool mac_move;
	/* address=host: the guest has the host's own address, which may become another */
	bool wears_host;
	struct hostaddress worn;
	bool dns4_given, dns6_given; /* by dns=: they stay */
	bool boots_here;             /* service.boot_server is the gateway's IPv4 address */
	bool isolated;               /* guests are, unless their own isolated= says otherwise */

	char tftp[DESCRIPTION_PATH_BYTES]; /* "": nothing is served */
	struct guestfwd_list guestfwds;
	char forwards[SPEC_BYTES_MAX]; /* hostfwd=, one behind the other, each with its NUL; an empty one ends them */
};

/* -EINVAL for words that do not go together, -EOPNOTSUPP for an uplink that this version does not have. */
int description_parse(struct description *ret_description, const char *uplink, struct error *ret_error);
/* address=host: as things are now, into a description whose words have been read. */
int description_look(const struct description *description, struct hostaddress *ret_host, struct resolvconf *ret_conf);
void description_wear(struct description *description, const struct hostaddress *host, const struct resolvconf *conf);
/* The name servers alone: true when guests are to be told of others than before. */
bool description_wear_resolvers(struct description *description, const struct resolvconf *conf);
/* Of what a machine on the net may have: "10.0.2.1 to 10.0.2.254". */
const char *description_range4(const struct service_config *service, char text[2 * IP4_TEXT_BYTES + 4]);
/* One word of a name: letters, digits, '_' and '-', which stands at neither end. */
bool description_is_label(const char *text, size_t length);

#endif
