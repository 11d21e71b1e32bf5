/* SPDX-License-Identifier: MIT */
/* The words about what is beyond the gateway: by which address or interface of this machine guests' connections leave, and
 * whom the gateway asks for names. They are tried at once, by a socket of each family that is closed again, so that a person
 * hears of a mistake where it was made. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network/description_parts.h"
#include "os/socket.h"

/* ---- outbound= ---- */

static int description_check_outbound(const struct description_word *word, const struct nat_address *address,
				      struct error *ret_error)
{
	bool is4 = nat_address_is4(address);
	struct ip4 ip4 = nat_address_ip4(address);

	if (is4 ? ip4_is_multicast(ip4) || ip4_is_zero(ip4) || ip4_value(ip4) == ip4_value(IP4_BROADCAST)
		: ip6_is_multicast(address->ip) || ip6_is_zero(address->ip))
		return description_refuse_word(word, -EINVAL, "not the address of one machine", ret_error);
	if (is4 ? ip4_is_loopback(ip4) : ip6_equal(address->ip, (struct ip6){{[15] = 1}}))
		return description_refuse_word(
			word, -EINVAL, "this machine's loopback, from which nothing leaves; choose another address",
			ret_error);
	if (!is4 && ip6_is_link_local(address->ip))
		return description_refuse_word(word, -EINVAL,
					       "means something on one link alone; name its interface instead",
					       ret_error);
	return 0;
}

static int description_set_outbound_address(struct description *description, const struct description_word *word,
					    const struct nat_address *address, struct error *ret_error)
{
	bool is6 = !nat_address_is4(address);
	struct outbound *outbound = is6 ? &description->outbounds.ip6 : &description->outbounds.ip4;

	if (is6 ? !description->service.ip6 : !description->service.ip4)
		return description_refuse_word(word, -EINVAL,
					       is6 ? "contradicts ipv6=off; leave one of them out"
						   : "contradicts ipv4=off; leave one of them out",
					       ret_error);
	if (outbound->address.ss_family != AF_UNSPEC)
		return description_refuse_word(word, -EINVAL,
					       "there is one of this family already; leave one of them out", ret_error);
	nat_address_write(address, is6, &outbound->address);
	return description_check_outbound(word, address, ret_error);
}

static int description_set_outbound_interface(struct outbound *outbound, const struct description_word *word,
					      struct error *ret_error)
{
	if (!*word->value || strlen(word->value) >= sizeof(outbound->ifname) || strpbrk(word->value, "/: \t"))
		return description_refuse_word(
			word, -EINVAL, "must be an address or an interface of this machine; `ip address` lists them",
			ret_error);
	if (*outbound->ifname)
		return description_refuse_word(word, -EINVAL,
					       "there is an interface for this family already; leave one of them out",
					       ret_error);
	memcpy(outbound->ifname, word->value, strlen(word->value) + 1);
	return 0;
}

static int description_refuse_outbound(const struct description_word *word, int error, struct error *ret_error)
{
	switch (error) {
	case -ENODEV:
		return description_refuse_word(
			word, error,
			"this machine has no such interface, and it is no address either; `ip address` "
			"lists both",
			ret_error);
	case -EADDRNOTAVAIL:
		return description_refuse_word(word, error,
					       "not an address of this machine now; `ip address` lists those it has",
					       ret_error);
	case -EPERM:
	case -EACCES:
		return description_refuse_word(
			word, error, "before Linux 5.7 only root may choose an interface; give its address instead",
			ret_error);
	}
	return description_refuse_word(word, error, error_name(error), ret_error);
}

/* Can it be had? A host that does not know the family has nothing to choose there. */
static int description_try_outbound(const struct outbounds *outbounds, int family, const struct description_word *word,
				    struct error *ret_error)
{
	const struct outbound *outbound = outbounds_of(outbounds, family);
	int fd = outbound ? socket_open(family, SOCK_DGRAM) : -EAFNOSUPPORT, error;

	if (fd == -EAFNOSUPPORT)
		return 0;
	error = fd < 0 ? fd : outbound_bind(fd, outbound);
	if (fd >= 0)
		close(fd);
	return error < 0 ? description_refuse_outbound(word, error, ret_error) : 0;
}

static int description_read_outbound_word(struct description *description, const struct description_word *word,
					  struct error *ret_error)
{
	struct outbounds *outbounds = &description->outbounds;
	struct ip4 ip4;
	struct ip6 ip6;
	struct nat_address address;
	int error;

	if (ip4_parse(word->value, &ip4) || ip6_parse(word->value, &ip6)) {
		address = ip4_parse(word->value, &ip4) ? nat_address4(ip4, 0) : nat_address6(ip6, 0);
		error = description_set_outbound_address(description, word, &address, ret_error);
	} else {
		error = description_set_outbound_interface(&outbounds->ip4, word, ret_error);
		if (error >= 0)
			error = description_set_outbound_interface(&outbounds->ip6, word, ret_error);
	}
	if (error >= 0)
		error = description_try_outbound(outbounds, AF_INET, word, ret_error);
	return error < 0 ? error : description_try_outbound(outbounds, AF_INET6, word, ret_error);
}

/* outbound-if4= and outbound-if6=: of one family alone. */
static int description_read_outbound_interface(struct description *description, struct spec *spec, const char *key,
					       int family, struct error *ret_error)
{
	struct outbounds *outbounds = &description->outbounds;
	const struct description_word word = {spec, key, spec_string(spec, key)};
	int error;

	if (!word.value)
		return 0;
	if (family == AF_INET6 ? !description->service.ip6 : !description->service.ip4)
		return description_refuse_word(&word, -EINVAL, "this family is off; leave one of the words out",
					       ret_error);
	error = description_set_outbound_interface(family == AF_INET6 ? &outbounds->ip6 : &outbounds->ip4, &word,
						   ret_error);
	return error < 0 ? error : description_try_outbound(outbounds, family, &word, ret_error);
}

/* ---- dns-host= ---- */

/* "9.9.9.9", "9.9.9.9:5353", "2001:db8::53", "[2001:db8::53]:5353", "fe80::53%eth0". */
static bool description_parse_dns_host(const char *given, struct resolvconf_server *ret_server)
{
	char text[IP6_TEXT_BYTES + RESOLVCONF_SCOPE_BYTES + sizeof("[]:65535")], *address = text, *port = NULL, *end;
	unsigned long number = 0;

	if (strlen(given) >= sizeof(text))
		return false;
	memcpy(text, given, strlen(given) + 1);
	if (*text == '[') {
		address++;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':') || !strchr(text, ':'))
			return false;
		*end = '\0';
		port = end[1] ? end + 2 : NULL;
	} else if (strchr(text, '.') && (end = strchr(text, ':')) && !strchr(end + 1, ':')) {
		*end = '\0';
		port = end + 1;
	}
	if (port)
		number = *port >= '0' && *port <= '9' ? strtoul(port, &end, 10) : 0;
	if (port && (number == 0 || number > UINT16_MAX || *end))
		return false;
	if (!resolvconf_server_parse(address, ret_server) || (*text == '[' && !ret_server->is6))
		return false;
	ret_server->port = (uint16_t)number;
	return true;
}

static int description_read_dns_hosts(struct description *description, struct spec *spec, struct error *ret_error)
{
	const char *given;
	size_t at = 0;

	while ((given = spec_next(spec, "dns-host", &at))) {
		if (description->dns_host_count == RESOLVCONF_SERVERS_MAX)
			return error_set(ret_error, -EINVAL, "%s,dns-host=%.64s: more than %d; leave some out",
					 spec->kind, given, RESOLVCONF_SERVERS_MAX);
		if (!description_parse_dns_host(given, &description->dns_hosts[description->dns_host_count]))
			return error_set(ret_error, -EINVAL,
					 "%s,dns-host=%.64s: not ADDRESS or ADDRESS:PORT of a name server, as 9.9.9.9, "
					 "127.0.0.1:5353 and [2001:db8::53]:53 are",
					 spec->kind, given);
		description->dns_host_count++;
	}
	return 0;
}

int description_check_dns_hosts(const struct description *description, const struct spec *spec, struct error *ret_error)
{
	const struct service_config *service = &description->service;
	char text[IP6_TEXT_BYTES];

	for (size_t i = 0; i < description->dns_host_count && !service->shares_net; i++) {
		const struct resolvconf_server *server = &description->dns_hosts[i];

		if (server->is6 ? !service->ip6 || !ip6_in_net(server->ip6, service->net6, service->prefix6)
				: !service->ip4 || !ip4_in_net(server->ip4, service->net4, service->prefix4))
			continue;
		return error_set(
			ret_error, -EINVAL,
			"%s,dns-host=%s: is in the guests' own net, which this machine's sockets do not reach; "
			"dns= tells guests of a name server there",
			spec->kind, server->is6 ? ip6_format(server->ip6, text) : ip4_format(server->ip4, text));
	}
	return 0;
}

int description_read_outbound(struct description *description, struct spec *spec, struct error *ret_error)
{
	struct description_word word = {.spec = spec, .key = "outbound"};
	size_t at = 0;
	int error = 0;

	while (error >= 0 && (word.value = spec_next(spec, "outbound", &at)))
		error = description_read_outbound_word(description, &word, ret_error);
	if (error >= 0)
		error = description_read_outbound_interface(description, spec, "outbound-if4", AF_INET, ret_error);
	if (error >= 0)
		error = description_read_outbound_interface(description, spec, "outbound-if6", AF_INET6, ret_error);
	return error < 0 ? error : description_read_dns_hosts(description, spec, ret_error);
}
