/* SPDX-License-Identifier: MIT */
/* The uplink's words, in the order in which they depend on each other: what is on, then the nets, then the addresses
 * inside them, then names. Defaults are QEMU's -netdev user's, so that guests made for it find themselves at home;
 * what was not given never makes an error, it gives way. */
#include "network/description.h"

#include <errno.h>
#include <string.h>

#include "network/description_parts.h"
#include "port/endpoint.h"

enum description_limits {
	MTU_DEFAULT = 1500,
	MTU_LEAST = 68,        /* RFC 791 3.2 */
	MTU_LEAST_DHCP4 = 576, /* RFC 2131 2: a client takes 576 bytes, and an answer may need them */
	MTU_LEAST_IP6 = 1280,  /* RFC 8200 5 */
	MTU_MOST = 65520, /* what QEMU and the kernel's loopback like: 64 KiB less a header, on a 16-byte boundary */
	FLOWS_LEAST = 16,
	FLOWS_MOST = 128 * 1024,
};

/* Words that make no sense with the family off. */
static const char *const ip4_words[] = {"net",    "host",  "dhcpstart", "dhcpend", "dns",
					"router", "route", "lease",     "dhcp"};
static const char *const ip6_words[] = {"ipv6-net", "ipv6-prefix", "ipv6-prefixlen", "ipv6-host", "ipv6-dns", "dhcp6"};

int description_refuse_word(const struct description_word *word, int error, const char *why, struct error *ret_error)
{
	return error_set(ret_error, error, "%s,%s=%.200s: %s", word->spec->kind, word->key, word->value, why);
}

static int description_check_family(struct spec *spec, const char *family, const char *const *words, size_t count,
				    struct error *ret_error)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = spec_string(spec, words[i]);

		if (value)
			return error_set(ret_error, -EINVAL, "%s,%s=%s: contradicts %s=off; leave one of them out",
					 spec->kind, words[i], value, family);
	}
	return 0;
}

static int description_read_switches(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	(void)spec_string(spec, "id"); /* QEMU's name for its own end */
	service->ip4 = service->ip6 = true;
	service->mtu_bytes = MTU_DEFAULT;
	if ((error = spec_bool(spec, "ipv4", &service->ip4, ret_error)) < 0 ||
	    (error = spec_bool(spec, "ipv6", &service->ip6, ret_error)) < 0 ||
	    (error = spec_bool(spec, "mac-move", &description->mac_move, ret_error)) < 0 ||
	    (error = spec_bool(spec, "isolated", &description->isolated, ret_error)) < 0 ||
	    (error = spec_u32(spec, "mtu", MTU_LEAST, MTU_MOST, &service->mtu_bytes, ret_error)) < 0)
		return error;
	if (!service->ip4 && (error = description_check_family(spec, "ipv4", ip4_words,
							       sizeof(ip4_words) / sizeof(*ip4_words), ret_error)) < 0)
		return error;
	if (!service->ip6 && (error = description_check_family(spec, "ipv6", ip6_words,
							       sizeof(ip6_words) / sizeof(*ip6_words), ret_error)) < 0)
		return error;
	service->dhcp4 = service->ip4;
	if ((error = spec_bool(spec, "dhcp", &service->dhcp4, ret_error)) < 0)
		return error;
	service->dhcp6 = service->ip6 && (service->dhcp4 || !service->ip4);
	if ((error = spec_bool(spec, "dhcp6", &service->dhcp6, ret_error)) < 0)
		return error;
	if (service->ip6 && service->mtu_bytes < MTU_LEAST_IP6)
		return error_set(ret_error, -EINVAL, "%s,mtu=%u: IPv6 needs %d (RFC 8200 5); say ipv6=off or mtu=%d",
				 spec->kind, service->mtu_bytes, MTU_LEAST_IP6, MTU_LEAST_IP6);
	if (service->dhcp4 && service->mtu_bytes < MTU_LEAST_DHCP4)
		return error_set(ret_error, -EINVAL, "%s,mtu=%u: DHCP needs %d (RFC 2131 2); say dhcp=off or mtu=%d",
				 spec->kind, service->mtu_bytes, MTU_LEAST_DHCP4, MTU_LEAST_DHCP4);
	return 0;
}

/* Without mac=: 52:55 and the gateway's IPv4 address, as QEMU's user network has it. */
int description_read_mac(struct service_config *service, struct spec *spec, struct error *ret_error)
{
	const char *given = spec_string(spec, "mac");

	service->mac = (struct mac){{0x52, 0x55, 0x0a, 0x00, 0x02, 0x02}};
	if (service->ip4)
		memcpy(service->mac.byte + 2, service->host4.byte, 4);
	if (!given)
		return 0;
	if (!mac_parse(given, &service->mac))
		return error_set(ret_error, -EINVAL, "%s,mac=%s: not a MAC address, as 52:55:0a:00:02:02 is",
				 spec->kind, given);
	if (mac_is_group(service->mac) || mac_is_zero(service->mac))
		return error_set(ret_error, -EINVAL,
				 "%s,mac=%s: not the address of one machine; 52:55:0a:00:02:02 would do", spec->kind,
				 given);
	return 0;
}

static bool description_is_guest(const char *kind)
{
	for (size_t i = 0; endpoint_kinds[i]; i++) {
		if (strcmp(endpoint_kinds[i]->name, kind) == 0)
			return true;
	}
	return false;
}

static int description_check_kind(const char *kind, struct error *ret_error)
{
	static const char *const later[] = {"tap",   "bridge",       "shared",     "host",         "bridged",
					    "vmnet", "vmnet-shared", "vmnet-host", "vmnet-bridged"};

	if (strcmp(kind, "none") == 0 || strcmp(kind, "user") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		if (strcmp(kind, later[i]) == 0)
			return error_set(ret_error, -EOPNOTSUPP,
					 "uplink=%s: not available in this version, user and none are", kind);
	}
	if (description_is_guest(kind))
		return error_set(ret_error, -EINVAL,
				 "uplink=%s: is a kind of guest, as in --guest %s; user or none would do", kind, kind);
	return error_set(ret_error, -EINVAL, "uplink=%s: no such uplink; user or none would do", kind);
}

static int description_read_udp_filter(struct description *description, struct spec *spec, struct error *ret_error)
{
	const char *given = spec_string(spec, "udp-filter");

	description->udp_filter_none = given && strcmp(given, "none") == 0;
	if (given && !description->udp_filter_none && strcmp(given, "address") != 0)
		return error_set(ret_error, -EINVAL,
				 "%s,udp-filter=%s: must be address (who was sent to may answer) or none (anybody may)",
				 spec->kind, given);
	return 0;
}

/* Kept as they are: they are read when the network is there. All of a spec's words fit by definition. */
static int description_read_forwards(struct description *description, struct spec *spec, struct error *ret_error)
{
	char *to = description->forwards;
	const char *given;
	size_t at = 0;

	while ((given = spec_next(spec, "hostfwd", &at))) {
		if (!*given)
			return error_set(ret_error, -EINVAL,
					 "%s,hostfwd=: is empty; tcp::2222-:22 leads port 2222 to the guest's 22",
					 spec->kind);
		memcpy(to, given, strlen(given) + 1);
		to += strlen(given) + 1;
	}
	return 0;
}

/* What only a way out has. */
static int description_read_user(struct description *description, struct spec *spec, struct error *ret_error)
{
	const char *address;
	int error;

	address = spec_string(spec, "address");
	description->wears_host = address && strcmp(address, "host") == 0;
	if (address && !description->wears_host)
		return error_set(ret_error, -EINVAL,
				 "%s,address=%s: must be host; net= and dhcpstart= choose addresses", spec->kind,
				 address);
	description->host_loopback = description->splice = true;
	description->service.router4 = true;
	description->router_given = spec_string(spec, "router") != NULL;
	if ((error = spec_bool(spec, "restrict", &description->restricted, ret_error)) < 0 ||
	    (error = spec_bool(spec, "host-loopback", &description->host_loopback, ret_error)) < 0 ||
	    (error = spec_bool(spec, "splice", &description->splice, ret_error)) < 0 ||
	    (error = description_text(spec, "tftp", description->tftp, sizeof(description->tftp), ret_error)) < 0 ||
	    (error = spec_u32(spec, "flows", FLOWS_LEAST, FLOWS_MOST, &description->flows, ret_error)) < 0)
		return error;
	if ((error = description_read_udp_filter(description, spec, ret_error)) < 0 ||
	    (error = description_read_outbound(description, spec, ret_error)) < 0)
		return error;
	return description_read_forwards(description, spec, ret_error);
}

static int description_read_addresses(struct description *description, struct spec *spec, struct error *ret_error)
{
	int error = 0;

	if (description->wears_host)
		return description_read_host(description, spec, ret_error);
	if (description->service.ip4)
		error = description_read_ip4(description, spec, ret_error);
	if (error >= 0 && description->service.ip6)
		error = description_read_ip6(description, spec, ret_error);
	return error;
}

static int description_read(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct service_config *service = &description->service;
	int error;

	description->user = strcmp(spec->kind, "user") == 0;
	if ((error = description_check_kind(spec->kind, ret_error)) < 0 ||
	    (error = description_read_switches(description, spec, ret_error)) < 0 ||
	    (description->user && (error = description_read_user(description, spec, ret_error)) < 0) ||
	    (error = description_read_addresses(description, spec, ret_error)) < 0 ||
	    (description->user && (error = description_check_dns_hosts(description, spec, ret_error)) < 0) ||
	    (description->user && (error = description_read_map(description, spec, ret_error)) < 0) ||
	    (description->user && (error = description_read_guestfwds(description, spec, ret_error)) < 0) ||
	    (description->user && (error = description_read_smb(description, spec, ret_error)) < 0) ||
	    (error = description_read_names(service, spec, ret_error)) < 0 ||
	    (error = description_read_mac(service, spec, ret_error)) < 0)
		return error;
	/* Who has the files is said along with them. */
	service->serves_files = description->tftp[0] && !service->boot_server[0];
	description->boots_here = service->serves_files && service->ip4;
	if (description->boots_here)
		ip4_format(service->host4, service->boot_server);
	return spec_finish(spec, ret_error);
}

int description_parse(struct description *ret_description, const char *uplink, struct error *ret_error)
{
	struct description description = {0};
	struct spec spec;
	int error = spec_parse(&spec, uplink, ret_error);

	if (error < 0 || (error = description_read(&description, &spec, ret_error)) < 0)
		return error;
	*ret_description = description;
	return 0;
}
