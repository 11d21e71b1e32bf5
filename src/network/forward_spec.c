/* SPDX-License-Identifier: MIT */
/* Reading goes from left to right over a copy's parts; each reader moves on what it understood. */
#include "network/forward_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nat/nat.h"

static const char *const forward_protocol_names[] = {
	[FORWARD_TCP] = "tcp", [FORWARD_UDP] = "udp", [FORWARD_UNIX] = "unix"};

struct forward_reader {
	const char *whole;
	const char *at;
	struct error *ret_error;
};

const char *forward_protocol_name(enum forward_protocol protocol)
{
	return forward_protocol_names[protocol];
}

static int forward_wrong(const struct forward_reader *reader, const char *what)
{
	return error_set(reader->ret_error, -EINVAL,
			 "forward '%.200s': %s; tcp:[ADDR]:PORT-[GUEST]:PORT would do, as tcp::2222-vm1:22 is",
			 reader->whole, what);
}

/* What somebody else found wrong with a part. */
static int forward_wrong_part(const struct forward_reader *reader, const struct error *error)
{
	return error_set(reader->ret_error, error->code, "forward '%.200s': %.250s", reader->whole, error->text);
}

static int forward_read_protocol(struct forward_reader *reader, struct forward_spec *spec)
{
	size_t length = strcspn(reader->at, ":");

	if (reader->at[length] != ':')
		return forward_wrong(reader, "no ':' after the protocol");
	if (length == 0) {
		reader->at++;
		return 0;
	}
	for (int i = FORWARD_TCP; i <= FORWARD_UNIX; i++) {
		if (strlen(forward_protocol_names[i]) != length ||
		    strncmp(reader->at, forward_protocol_names[i], length) != 0)
			continue;
		spec->protocol = (enum forward_protocol)i;
		reader->at += length + 1;
		return 0;
	}
	return forward_wrong(reader, "the protocol must be tcp, udp or unix");
}

/* Digits alone; moves on behind them. */
static int forward_read_port(struct forward_reader *reader, uint16_t *ret_port)
{
	const char *at = reader->at;
	uint32_t value = 0;

	if (*at < '0' || *at > '9')
		return forward_wrong(reader, "a port is missing");
	for (; *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (uint32_t)(*at - '0');
		if (value > UINT16_MAX)
			return forward_wrong(reader, "a port must be 0 to 65535");
	}
	reader->at = at;
	*ret_port = (uint16_t)value;
	return 0;
}

/* ---- the host's side ---- */

static bool forward_is_any4(struct ip6 address)
{
	return ip6_equal(address, nat_address4((struct ip4){{0}}, 0).ip);
}

/* "ADDR%INTERFACE" to ADDR. */
static int forward_cut_interface(const char *text, size_t *length, struct forward_spec *spec)
{
	const char *percent = memchr(text, '%', *length);
	size_t bytes = percent ? *length - (size_t)(percent - text) - 1 : 0;

	if (!percent)
		return 0;
	if (bytes == 0 || bytes >= sizeof(spec->ifname))
		return -EINVAL;
	memcpy(spec->ifname, percent + 1, bytes);
	spec->ifname[bytes] = '\0';
	*length = (size_t)(percent - text);
	return 0;
}

static int forward_set_address(struct forward_reader *reader, struct forward_spec *spec, const char *text,
			       size_t length, bool brackets)
{
	char address[IP6_TEXT_BYTES];
	struct ip4 ip4;
	bool right = true;

	if (forward_cut_interface(text, &length, spec) < 0)
		return forward_wrong(reader, "the name of an interface has 1 to 15 letters");
	if (length >= sizeof(address))
		return forward_wrong(reader, "the host's address is too long");
	memcpy(address, text, length);
	address[length] = '\0';
	if (brackets) {
		right = ip6_parse(address, &spec->address);
		spec->only6 = right && ip6_is_zero(spec->address);
	} else if (length > 0) {
		right = ip4_parse(address, &ip4);
		if (right)
			spec->address = nat_address4(ip4, 0).ip;
	}
	if (!right)
		return forward_wrong(reader, brackets ? "what is in brackets must be an IPv6 address"
						      : "the host's address must be IPv4, or IPv6 in brackets");
	spec->everywhere = !spec->ifname[0] && (ip6_is_zero(spec->address) || forward_is_any4(spec->address));
	return 0;
}

static int forward_read_address(struct forward_reader *reader, struct forward_spec *spec)
{
	bool brackets = *reader->at == '[';
	const char *text = reader->at + brackets;
	size_t length = strcspn(text, brackets ? "]" : ":-%");
	int error;

	/* an interface's name may have a '-' */
	if (!brackets && text[length] == '%')
		length += strcspn(text + length, ":");
	if (!brackets && text[length] != ':')
		length = 0; /* QEMU lets the address go with its colon */
	else if (strncmp(text + length, brackets ? "]:" : ":", brackets ? 2 : 1) != 0)
		return forward_wrong(reader, "an address in brackets must be followed by ':' and a port");
	error = forward_set_address(reader, spec, text, length, brackets);
	if (brackets || text[length] == ':')
		reader->at = text + length + (brackets ? 2 : 1);
	return error;
}

/* "-PORT" before another '-'. */
static bool forward_is_range(const char *at)
{
	size_t digits = *at == '-' ? strspn(at + 1, "0123456789") : 0;

	return digits > 0 && at[1 + digits] == '-';
}

static int forward_read_host(struct forward_reader *reader, struct forward_spec *spec)
{
	uint16_t last;
	int error;

	if ((error = forward_read_address(reader, spec)) < 0 || (error = forward_read_port(reader, &spec->port)) < 0)
		return error;
	spec->count = 1;
	if (forward_is_range(reader->at)) {
		reader->at++;
		if ((error = forward_read_port(reader, &last)) < 0)
			return error;
		if (spec->port == 0 || last < spec->port)
			return forward_wrong(reader, "a range of ports must go upwards from 1 or more");
		if (last - spec->port >= FORWARD_RANGE_MAX)
			return forward_wrong(reader, "a range may have 4096 ports at most");
		spec->count = (uint16_t)(last - spec->port + 1);
	}
	if (*reader->at != '-')
		return forward_wrong(reader, "a '-' must stand between the host's port and the guest");
	reader->at++;
	return 0;
}

/* The path ends at the last '-' before "[GUEST]:PORT" or "GUEST:PORT". */
static int forward_read_path(struct forward_reader *reader, struct forward_spec *spec)
{
	const char *colon = strrchr(reader->at, ':'), *end = colon;

	if (!colon)
		return forward_wrong(reader, "':' and the guest's port are missing");
	if (colon > reader->at && colon[-1] == ']') {
		while (end > reader->at && *end != '[')
			end--;
	} else {
		while (end > reader->at && end[-1] != '-')
			end--;
	}
	if (end == reader->at || end[-1] != '-')
		return forward_wrong(reader, "a '-' must stand between the path and the guest");
	if (end - 1 == reader->at || (size_t)(end - 1 - reader->at) >= sizeof(spec->path))
		return forward_wrong(reader, "a socket's path must have 1 to 107 bytes");
	memcpy(spec->path, reader->at, (size_t)(end - 1 - reader->at));
	spec->count = 1;
	reader->at = end;
	return 0;
}

/* ---- the guest's side ---- */

static int forward_read_guest(const struct gw_network *network, struct forward_reader *reader,
			      struct forward_spec *spec)
{
	bool brackets = *reader->at == '[';
	const char *text = reader->at + brackets;
	size_t length = strcspn(text, brackets ? "]" : ":");
	struct error error = {0};

	if (strncmp(text + length, brackets ? "]:" : ":", brackets ? 2 : 1) != 0)
		return forward_wrong(reader, "':' and the guest's port are missing");
	if (brackets && length == 0)
		return forward_wrong(reader, "the brackets are empty");
	if (addressee_parse(network, text, length, &spec->guest, &error) < 0)
		return forward_wrong_part(reader, &error);
	reader->at = text + length + (brackets ? 2 : 1);
	return 0;
}

static int forward_read_guest_ports(struct forward_reader *reader, struct forward_spec *spec)
{
	uint16_t last;
	int error = forward_read_port(reader, &spec->guest_port);

	if (error < 0)
		return error;
	last = spec->guest_port;
	if (*reader->at == '-') {
		reader->at++;
		if ((error = forward_read_port(reader, &last)) < 0)
			return error;
	}
	if (*reader->at != '\0')
		return forward_wrong(reader, "something follows the guest's port");
	if (spec->guest_port == 0)
		return forward_wrong(reader, "the guest's port must be 1 to 65535");
	if (last - spec->guest_port + 1 != spec->count)
		return forward_wrong(reader, "the guest must have as many ports as the host");
	return 0;
}

int forward_spec_parse(const struct gw_network *network, const char *text, struct forward_spec *ret_spec,
		       struct error *ret_error)
{
	struct forward_reader reader = {.whole = text, .at = text, .ret_error = ret_error};
	struct forward_spec spec = {.protocol = FORWARD_TCP};
	int error;

	if ((error = forward_read_protocol(&reader, &spec)) < 0)
		return error;
	error = spec.protocol == FORWARD_UNIX ? forward_read_path(&reader, &spec) : forward_read_host(&reader, &spec);
	if (error < 0 || (error = forward_read_guest(network, &reader, &spec)) < 0 ||
	    (error = forward_read_guest_ports(&reader, &spec)) < 0)
		return error;
	*ret_spec = spec;
	return 0;
}
