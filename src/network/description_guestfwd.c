/* SPDX-License-Identifier: MIT */
/* guestfwd= and smb= among the addresses that are settled already: one inside the net becomes the gateway's, so that guests
 * find it by ARP and neighbour discovery; what lies beyond passes the gateway anyhow. */
#include <errno.h>
#include <stdio.h>

#include "network/description_parts.h"
#include "wire/dns.h"

enum { SHARE4_NUMBER = 4 };

static int description_guestfwd4(struct service_config *service, const struct description_word *word, struct ip4 ip,
				 uint16_t port, struct error *ret_error)
{
	uint32_t net = ip4_value(service->net4), mask = ip4_mask(service->prefix4);

	if (!service->ip4)
		return description_refuse_word(word, -EINVAL, "contradicts ipv4=off; leave one of them out", ret_error);
	if (ip4_equal(ip, service->resolver4) && port == DNS_PORT)
		return description_refuse_word(word, -EINVAL, "is where the gateway answers DNS; choose another port",
					       ret_error);
	if (!ip4_in_net(ip, service->net4, service->prefix4) || service_is_ours4(service, ip))
		return 0;
	if (ip4_value(ip) == net || ip4_value(ip) == (net | ~mask))
		return description_refuse_word(word, -EINVAL, "the net's own or its broadcast address; choose another",
					       ret_error);
	service->also4[service->also4_count++] = ip;
	return 0;
}

static int description_guestfwd6(struct service_config *service, const struct description_word *word,
				 const struct nat_address *address, struct error *ret_error)
{
	if (!service->ip6)
		return description_refuse_word(word, -EINVAL, "contradicts ipv6=off; leave one of them out", ret_error);
	if (ip6_equal(address->ip, service->resolver6) && address->port == DNS_PORT)
		return description_refuse_word(word, -EINVAL, "is where the gateway answers DNS; choose another port",
					       ret_error);
	if (ip6_is_link_local(address->ip) || ip6_is_multicast(address->ip))
		return description_refuse_word(word, -EINVAL, "not an address that is routed; choose another",
					       ret_error);
	if (ip6_in_net(address->ip, service->net6, service->prefix6) && !service_is_ours6(service, address->ip))
		service->also6[service->also6_count++] = address->ip;
	return 0;
}

int description_read_guestfwds(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct guestfwd_list *list = &description->guestfwds;
	const char *given;
	size_t at = 0;
	int error = 0;

	while (error >= 0 && (given = spec_next(spec, "guestfwd", &at))) {
		const struct description_word word = {spec, "guestfwd", given};
		const struct nat_address *address = &list->items[list->count].address;

		error = guestfwd_add(list, given, ret_error);
		if (error < 0)
			break;
		if (nat_address_is4(address))
			error = description_guestfwd4(&description->service, &word, nat_address_ip4(address),
						      address->port, ret_error);
		else
			error = description_guestfwd6(&description->service, &word, address, ret_error);
	}
	return error;
}

/* What was said of another machine, or is the first guest's, cannot be the file server's. NULL: it is free. */
static const char *description_share_is_taken(const struct service_config *service, struct ip4 ip)
{
	if (ip4_equal(ip, service->dhcp4_first))
		return "is the first address that is leased (dhcpstart=)";
	for (size_t i = 0; i < service->dns4_count; i++) {
		if (ip4_equal(ip, service->dns4[i]) && !ip4_equal(ip, service->resolver4))
			return "is another name server's (dns=)";
	}
	for (size_t i = 0; i < service->route4_count; i++) {
		if (ip4_equal(ip, service->routes4[i].via) && !ip4_equal(ip, service->host4))
			return "is another router's (route=)";
	}
	return NULL;
}

/* Without the word QEMU's fourth, or on a net too small for that the gateway's. */
static int description_read_smbserver(const struct description *description, struct spec *spec,
				      const struct description_word *smb, struct ip4 *ret_ip, struct error *ret_error)
{
	const struct service_config *service = &description->service;
	char text[IP4_TEXT_BYTES], why[100];
	const char *taken;
	int error;

	*ret_ip = ip4_from(description_usual4(service, SHARE4_NUMBER));
	if (ip4_equal(*ret_ip, service->net4))
		*ret_ip = service->host4;
	error = description_ip4(spec, "smbserver", ret_ip, ret_error);
	if (error < 0 || !smb->value)
		return error;
	if (description->wears_host && !spec_string(spec, "smbserver"))
		return description_refuse_word(
			smb, -EINVAL,
			"with address=host each address of the net may be a machine's; choose one with smbserver=",
			ret_error);
	taken = description_share_is_taken(service, *ret_ip);
	if (!taken)
		return 0;
	snprintf(why, sizeof(why), "%s %s; choose another with smbserver=", ip4_format(*ret_ip, text), taken);
	return description_refuse_word(smb, -EINVAL, why, ret_error);
}

/* QEMU takes smbserver= alone, and so do we. */
int description_read_smb(struct description *description, struct spec *spec, struct error *ret_error)
{
	const struct description_word smb = {spec, "smb", spec_string(spec, "smb")};
	const struct description_word server = {spec, "smbserver", spec_string(spec, "smbserver")};
	struct ip4 ip;
	int error = description_read_smbserver(description, spec, &smb, &ip, ret_error);

	if (error < 0 || !smb.value)
		return error;
	if (!*smb.value)
		return description_refuse_word(&smb, -EINVAL, "is empty; it takes a folder of this machine", ret_error);
	error = description_guestfwd4(&description->service, server.value ? &server : &smb, ip, 0, ret_error);
	return error < 0 ? error : guestfwd_add_share(&description->guestfwds, ip, smb.value, ret_error);
}
