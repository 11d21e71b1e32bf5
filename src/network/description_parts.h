/* SPDX-License-Identifier: MIT */
/* The parts of a description, in the order in which description.c reads them: each takes its words out of the spec, and
 * finds what earlier ones have settled. For the files description*.c alone. */
#ifndef NETWORK_DESCRIPTION_PARTS_H
#define NETWORK_DESCRIPTION_PARTS_H

#include "base/error.h"
#include "base/spec.h"
#include "network/description.h"

/* A word as it was given. */
struct description_word {
	const struct spec *spec;
	const char *key, *value;
};

/* `error`, and a text that begins with the word. */
int description_refuse_word(const struct description_word *word, int error, const char *why, struct error *ret_error);

/* address=host: all addresses are this machine's. */
int description_read_host(struct description *description, struct spec *spec, struct error *ret_error);
/* outbound= outbound-if4= outbound-if6= dns-host=, before the addresses: these depend on them. */
int description_read_outbound(struct description *description, struct spec *spec, struct error *ret_error);
/* dns-host=, when the nets are known. */
int description_check_dns_hosts(const struct description *description, const struct spec *spec,
				struct error *ret_error);
/* map-host= */
int description_read_map(struct description *description, struct spec *spec, struct error *ret_error);
int description_read_mac(struct service_config *service, struct spec *spec, struct error *ret_error);
int description_read_lease(struct service_config *service, struct spec *spec, struct error *ret_error);
int description_read_dns4(struct service_config *service, struct spec *spec, struct error *ret_error);
int description_read_dns6(struct service_config *service, struct spec *spec, struct error *ret_error);
int description_read_routes4(struct service_config *service, struct spec *spec, struct error *ret_error);

enum description_defaults {
	DESCRIPTION_LEASE_S = 86400,
};

/* net= host= dhcpstart= dhcpend= dns= router= route= lease= */
int description_read_ip4(struct description *description, struct spec *spec, struct error *ret_error);
/* ipv6-net= ipv6-prefix= ipv6-prefixlen= ipv6-host= ipv6-dns= */
int description_read_ip6(struct description *description, struct spec *spec, struct error *ret_error);
/* hostname= domainname= dnssearch= tftp-server-name= bootfile= */
int description_read_names(struct service_config *service, struct spec *spec, struct error *ret_error);

/* guestfwd=, and the addresses that are the gateway's for it. */
int description_read_guestfwds(struct description *description, struct spec *spec, struct error *ret_error);
/* smb= smbserver=, after guestfwd=. */
int description_read_smb(struct description *description, struct spec *spec, struct error *ret_error);

/* Leaves `*address` as it is without the word. */
int description_ip4(struct spec *spec, const char *key, struct ip4 *address, struct error *ret_error);
/* The address that QEMU's user network gives this number. */
uint32_t description_usual4(const struct service_config *service, uint8_t number);

/* Text that goes into an option as it is. */
int description_text(struct spec *spec, const char *key, char *text, size_t room, struct error *ret_error);

#endif
