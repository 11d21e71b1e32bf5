/* SPDX-License-Identifier: MIT */
/* DHCPv4 messages. Strict about what could lead us astray (lengths, the sizes of what a server acts on), lenient about
 * what cannot: an empty host name or a client identifier of one byte is passed over, not refused, for such clients
 * exist and want an address. */
#include "wire/dhcp4.h"

#include <string.h>

enum dhcp4_numbers {
	DHCP4_HARDWARE_ETHERNET = 1,
	DHCP4_COOKIE = 0x63825363, /* RFC 2131 3 */
	DHCP4_OVERLOAD_FILE = 1,
	DHCP4_OVERLOAD_SERVER_NAME = 2,
	DHCP4_FQDN_HEAD = 3, /* flags and two result codes, RFC 4702 2 */
};

struct dhcp4_wire {
	uint8_t operation;
	uint8_t hardware;
	uint8_t hardware_bytes;
	uint8_t hops;
	struct be32 transaction;
	struct be16 seconds;
	struct be16 flags;
	struct ip4 client;
	struct ip4 yours;
	struct ip4 server;
	struct ip4 relay;
	struct mac mac;
	uint8_t mac_padding[10];
	uint8_t server_name[DHCP4_SERVER_NAME_BYTES];
	uint8_t file[DHCP4_FILE_BYTES];
};

_Static_assert(sizeof(struct dhcp4_wire) == DHCP4_FIXED_BYTES, "RFC 2131 2");

/* One piece of an option, or the end: false. A lying length is the end too, with the reader failed. */
static bool dhcp4_piece_next(struct reader *area, struct dhcp4_option *ret_option)
{
	while (area->left > 0) {
		uint8_t code = reader_u8(area);

		if (code == DHCP4_OPTION_PAD)
			continue;
		if (code == DHCP4_OPTION_END)
			break;
		ret_option->code = code;
		ret_option->bytes = reader_u8(area);
		ret_option->value = reader_skip(area, ret_option->bytes);
		return !area->failed;
	}
	area->left = 0;
	return false;
}

/* Do all pieces lie inside the area? What option 52 says goes to *overload. */
static bool dhcp4_area_check(const uint8_t *bytes, size_t count, uint8_t *overload)
{
	struct dhcp4_option option;
	struct reader area;

	reader_init(&area, bytes, count);
	while (dhcp4_piece_next(&area, &option)) {
		if (option.code != DHCP4_OPTION_OVERLOAD || !overload)
			continue;
		if (option.bytes != 1)
			return false;
		*overload = option.value[0] <= 3 ? option.value[0] : 0;
	}
	return !area.failed;
}

static bool dhcp4_options_check(struct dhcp4 *message)
{
	if (!dhcp4_area_check(message->options, message->options_bytes, &message->overload))
		return false;
	if (message->overload & DHCP4_OVERLOAD_FILE && !dhcp4_area_check(message->file, DHCP4_FILE_BYTES, NULL))
		return false;
	return !(message->overload & DHCP4_OVERLOAD_SERVER_NAME) ||
	       dhcp4_area_check(message->server_name, DHCP4_SERVER_NAME_BYTES, NULL);
}

static bool dhcp4_format_known(const struct dhcp4_wire *wire)
{
	return (wire->operation == DHCP4_BOOTREQUEST || wire->operation == DHCP4_BOOTREPLY) &&
	       wire->hardware == DHCP4_HARDWARE_ETHERNET && wire->hardware_bytes == sizeof(struct mac);
}

enum drop_reason dhcp4_read(struct reader *reader, struct dhcp4 *ret_message)
{
	const uint8_t *bytes = reader_skip(reader, DHCP4_FIXED_BYTES);
	struct dhcp4_wire wire;
	struct dhcp4 message;

	if (!bytes)
		return DROP_DHCP4_SHORT;
	memcpy(&wire, bytes, sizeof(wire));
	if (!dhcp4_format_known(&wire))
		return DROP_DHCP4_FORMAT;
	if (reader_be32(reader) != DHCP4_COOKIE)
		return DROP_DHCP4_COOKIE;
	message = (struct dhcp4){
		.operation = wire.operation,
		.hops = wire.hops,
		.transaction = be32_value(wire.transaction),
		.seconds = be16_value(wire.seconds),
		.flags = be16_value(wire.flags),
		.client = wire.client,
		.yours = wire.yours,
		.server = wire.server,
		.relay = wire.relay,
		.mac = wire.mac,
		.server_name = bytes + offsetof(struct dhcp4_wire, server_name),
		.file = bytes + offsetof(struct dhcp4_wire, file),
		.options = reader->next,
		.options_bytes = reader->left,
	};
	if (!dhcp4_options_check(&message))
		return DROP_DHCP4_OPTION_LENGTH;
	*ret_message = message;
	return DROP_NONE;
}

void dhcp4_walk_init(struct dhcp4_walk *walk, const struct dhcp4 *message)
{
	*walk = (struct dhcp4_walk){.message = message};
	reader_init(&walk->area, message->options, message->options_bytes);
}

/* RFC 3396 5: the options, then file, then server_name. */
static bool dhcp4_walk_area(struct dhcp4_walk *walk)
{
	const struct dhcp4 *message = walk->message;

	if (!walk->file_done) {
		walk->file_done = true;
		if (message->overload & DHCP4_OVERLOAD_FILE) {
			reader_init(&walk->area, message->file, DHCP4_FILE_BYTES);
			return true;
		}
	}
	if (!walk->server_name_done) {
		walk->server_name_done = true;
		if (message->overload & DHCP4_OVERLOAD_SERVER_NAME) {
			reader_init(&walk->area, message->server_name, DHCP4_SERVER_NAME_BYTES);
			return true;
		}
	}
	return false;
}

bool dhcp4_walk_next(struct dhcp4_walk *walk, struct dhcp4_option *ret_option)
{
	do {
		if (dhcp4_piece_next(&walk->area, ret_option))
			return true;
	} while (dhcp4_walk_area(walk));
	return false;
}

int dhcp4_option_join(const struct dhcp4 *message, uint8_t code, uint8_t *to, size_t room)
{
	struct dhcp4_option option;
	struct dhcp4_walk walk;
	size_t used = 0;
	bool found = false;

	dhcp4_walk_init(&walk, message);
	while (dhcp4_walk_next(&walk, &option)) {
		if (option.code != code)
			continue;
		if (option.bytes > room - used)
			return -1;
		memcpy(to + used, option.value, option.bytes);
		used += option.bytes;
		found = true;
	}
	return found ? (int)used : -1;
}

bool dhcp4_search_read(const struct dhcp4 *message, struct domain_list *ret_search)
{
	uint8_t joined[DHCP4_JOINED_MAX];
	int bytes = dhcp4_option_join(message, DHCP4_OPTION_SEARCH, joined, sizeof(joined));
	struct domain_list search = {0};
	size_t at = 0;

	if (bytes <= 0)
		return false;
	while (at < (size_t)bytes) {
		char name[DOMAIN_TEXT_BYTES];

		if (!domain_read_compressed(joined, (size_t)bytes, &at, name))
			return false;
		if (name[0] != '\0')
			domain_list_add(&search, name);
	}
	*ret_search = search;
	return true;
}

/* RFC 3442: a prefix length, as many bytes of the network as it needs, a router. */
static bool dhcp4_route_read(struct reader *reader, struct dhcp4_route *ret_route)
{
	struct dhcp4_route route = {.prefix = reader_u8(reader)};

	if (route.prefix > 32)
		return false;
	reader_copy(reader, route.net.byte, (route.prefix + 7) / 8);
	reader_copy(reader, route.via.byte, sizeof(route.via.byte));
	*ret_route = route;
	return !reader->failed;
}

bool dhcp4_routes_read(const struct dhcp4 *message, struct dhcp4_route *ret_routes, size_t most, size_t *ret_count)
{
	uint8_t joined[DHCP4_JOINED_MAX];
	int bytes = dhcp4_option_join(message, DHCP4_OPTION_ROUTES, joined, sizeof(joined));
	struct reader reader;
	size_t count = 0;

	if (bytes <= 0)
		return false;
	reader_init(&reader, joined, (size_t)bytes);
	while (reader.left > 0) {
		struct dhcp4_route route;

		if (!dhcp4_route_read(&reader, &route))
			return false;
		if (count < most)
			ret_routes[count++] = route;
	}
	*ret_count = count;
	return true;
}

static bool dhcp4_value_u16(const struct dhcp4_option *option, uint16_t *ret_value)
{
	if (option->bytes != 2)
		return false;
	*ret_value = (uint16_t)(option->value[0] << 8 | option->value[1]);
	return true;
}

static bool dhcp4_value_ip4(const struct dhcp4_option *option, struct ip4 *ret_address)
{
	if (option->bytes != sizeof(ret_address->byte))
		return false;
	memcpy(ret_address->byte, option->value, sizeof(ret_address->byte));
	return true;
}

static bool dhcp4_value_u32(const struct dhcp4_option *option, uint32_t *ret_value)
{
	struct ip4 as_address;

	if (!dhcp4_value_ip4(option, &as_address))
		return false;
	*ret_value = ip4_value(as_address);
	return true;
}

/* A name in ASCII, without the NULs and the dot that some clients end it with; "" when it is none. */
static void dhcp4_ascii_name(const uint8_t *bytes, size_t count, char *ret_name)
{
	char name[DHCP4_OPTION_MAX + 1];

	memcpy(name, bytes, count);
	while (count > 0 && name[count - 1] == '\0')
		count--;
	if (count > 0 && name[count - 1] == '.')
		count--;
	name[count] = '\0';
	if (strlen(name) == count && domain_valid(name))
		memcpy(ret_name, name, count + 1);
}

/* RFC 4702 2: flags, two result codes that a client leaves 0, the name. */
static void dhcp4_request_fqdn(const struct dhcp4 *message, struct dhcp4_request *request)
{
	uint8_t joined[DHCP4_FQDN_HEAD + DOMAIN_WIRE_BYTES];
	int bytes = dhcp4_option_join(message, DHCP4_OPTION_FQDN, joined, sizeof(joined));
	struct reader name;

	if (bytes < DHCP4_FQDN_HEAD)
		return;
	request->has_fqdn = true;
	request->fqdn_flags = joined[0];
	reader_init(&name, joined + DHCP4_FQDN_HEAD, (size_t)bytes - DHCP4_FQDN_HEAD);
	if (request->fqdn_flags & DHCP4_FQDN_WIRE_NAME)
		domain_read_partial(&name, request->hostname);
	else
		dhcp4_ascii_name(name.next, name.left, request->hostname);
}

static void dhcp4_request_hostname(const struct dhcp4 *message, struct dhcp4_request *request)
{
	uint8_t joined[DHCP4_OPTION_MAX];
	int bytes = dhcp4_option_join(message, DHCP4_OPTION_HOSTNAME, joined, sizeof(joined));

	if (bytes > 0)
		dhcp4_ascii_name(joined, (size_t)bytes, request->hostname);
}

/* 0 when it is absent, or shorter or longer than it can be. */
static uint8_t dhcp4_request_bytes(const struct dhcp4 *message, uint8_t code, int least, uint8_t *to)
{
	int bytes = dhcp4_option_join(message, code, to, DHCP4_OPTION_MAX);

	return bytes < least ? 0 : (uint8_t)bytes;
}

/* What may come in pieces (RFC 3396), and is passed over when it makes no sense. */
static void dhcp4_request_said(const struct dhcp4 *message, struct dhcp4_request *request)
{
	/* RFC 2132 9.14: two bytes at least */
	request->client_id_bytes = dhcp4_request_bytes(message, DHCP4_OPTION_CLIENT_ID, 2, request->client_id);
	request->parameter_count = dhcp4_request_bytes(message, DHCP4_OPTION_PARAMETERS, 1, request->parameters);
	request->vendor_class_bytes = dhcp4_request_bytes(message, DHCP4_OPTION_VENDOR_CLASS, 1, request->vendor_class);
	dhcp4_request_fqdn(message, request);
	if (!request->has_fqdn)
		dhcp4_request_hostname(message, request);
}

static void dhcp4_request_architecture(const struct dhcp4_option *option, struct dhcp4_request *request)
{
	if (option->bytes < 2)
		return;
	request->has_architecture = true;
	request->architecture = (uint16_t)(option->value[0] << 8 | option->value[1]);
}

/* What fits one piece. False when it has not its size and a server acts on it. */
static bool dhcp4_request_asked(const struct dhcp4_option *option, struct dhcp4_request *request)
{
	switch (option->code) {
	case DHCP4_OPTION_TYPE:
		request->type = option->bytes == 1 ? option->value[0] : 0;
		return option->bytes == 1;
	case DHCP4_OPTION_REQUESTED:
		request->has_requested = true;
		return dhcp4_value_ip4(option, &request->requested);
	case DHCP4_OPTION_SERVER_ID:
		request->has_server_id = true;
		return dhcp4_value_ip4(option, &request->server_id);
	case DHCP4_OPTION_LEASE_TIME:
		return dhcp4_value_u32(option, &request->lease_s);
	case DHCP4_OPTION_MESSAGE_SIZE:
		return dhcp4_value_u16(option, &request->message_bytes);
	case DHCP4_OPTION_RAPID_COMMIT:
		request->rapid_commit = true;
		return true;
	case DHCP4_OPTION_ARCHITECTURE:
		dhcp4_request_architecture(option, request);
		return true;
	default:
		return true;
	}
}

enum drop_reason dhcp4_request_read(const struct dhcp4 *message, struct dhcp4_request *ret_request)
{
	struct dhcp4_request request = {0};
	struct dhcp4_option option;
	struct dhcp4_walk walk;

	dhcp4_walk_init(&walk, message);
	while (dhcp4_walk_next(&walk, &option)) {
		if (!dhcp4_request_asked(&option, &request))
			return DROP_DHCP4_OPTION_LENGTH;
	}
	if (request.type < DHCP4_DISCOVER || request.type > DHCP4_INFORM)
		return DROP_DHCP4_TYPE;
	dhcp4_request_said(message, &request);
	if (request.message_bytes < DHCP4_CLIENT_MESSAGE_MIN)
		request.message_bytes = DHCP4_CLIENT_MESSAGE_MIN;
	*ret_request = request;
	return DROP_NONE;
}

bool dhcp4_request_wants(const struct dhcp4_request *request, uint8_t code)
{
	return memchr(request->parameters, code, request->parameter_count);
}

void dhcp4_write(struct writer *writer, const struct dhcp4 *message)
{
	struct dhcp4_wire wire = {
		.operation = message->operation,
		.hardware = DHCP4_HARDWARE_ETHERNET,
		.hardware_bytes = sizeof(struct mac),
		.hops = message->hops,
		.transaction = be32_from(message->transaction),
		.seconds = be16_from(message->seconds),
		.flags = be16_from(message->flags),
		.client = message->client,
		.yours = message->yours,
		.server = message->server,
		.relay = message->relay,
		.mac = message->mac,
	};

	if (message->server_name)
		memcpy(wire.server_name, message->server_name, sizeof(wire.server_name));
	if (message->file)
		memcpy(wire.file, message->file, sizeof(wire.file));
	writer_copy(writer, &wire, sizeof(wire));
	writer_be32(writer, DHCP4_COOKIE);
}

void dhcp4_option_write(struct writer *writer, uint8_t code, const void *value, size_t bytes)
{
	const uint8_t *from = value;

	do {
		size_t piece = bytes < DHCP4_OPTION_MAX ? bytes : DHCP4_OPTION_MAX;

		writer_u8(writer, code);
		writer_u8(writer, (uint8_t)piece);
		writer_copy(writer, from, piece);
		from += piece;
		bytes -= piece;
	} while (bytes > 0);
}

void dhcp4_u8_write(struct writer *writer, uint8_t code, uint8_t value)
{
	dhcp4_option_write(writer, code, &value, sizeof(value));
}

void dhcp4_u16_write(struct writer *writer, uint8_t code, uint16_t value)
{
	struct be16 number = be16_from(value);

	dhcp4_option_write(writer, code, number.byte, sizeof(number.byte));
}

void dhcp4_u32_write(struct writer *writer, uint8_t code, uint32_t value)
{
	struct be32 number = be32_from(value);

	dhcp4_option_write(writer, code, number.byte, sizeof(number.byte));
}

void dhcp4_ip4_write(struct writer *writer, uint8_t code, const struct ip4 *addresses, size_t count)
{
	if (count > 0)
		dhcp4_option_write(writer, code, addresses, count * sizeof(addresses[0]));
}

void dhcp4_text_write(struct writer *writer, uint8_t code, const char *text)
{
	if (text[0] != '\0')
		dhcp4_option_write(writer, code, text, strlen(text));
}

/* An option that was made aside; one that did not fit there fails the message. */
static void dhcp4_made_write(struct writer *writer, uint8_t code, const struct writer *made)
{
	if (made->failed)
		writer->failed = true;
	else if (writer_used(made) > 0)
		dhcp4_option_write(writer, code, made->start, writer_used(made));
}

void dhcp4_search_write(struct writer *writer, const struct domain_list *search)
{
	uint8_t names[DHCP4_JOINED_MAX];
	struct writer list;

	writer_init(&list, names, sizeof(names));
	domain_list_write(&list, search);
	dhcp4_made_write(writer, DHCP4_OPTION_SEARCH, &list);
}

void dhcp4_routes_write(struct writer *writer, const struct dhcp4_route *routes, size_t count)
{
	uint8_t bytes[DHCP4_ROUTES_MAX * 9];
	struct writer list;

	writer_init(&list, bytes, sizeof(bytes));
	for (size_t i = 0; i < count; i++) {
		struct ip4 net = ip4_from(ip4_value(routes[i].net) & ip4_mask(routes[i].prefix));

		writer_u8(&list, (uint8_t)routes[i].prefix);
		writer_copy(&list, net.byte, (routes[i].prefix + 7) / 8);
		writer_copy(&list, routes[i].via.byte, sizeof(routes[i].via.byte));
	}
	dhcp4_made_write(writer, DHCP4_OPTION_ROUTES, &list);
}

void dhcp4_fqdn_write(struct writer *writer, uint8_t flags, const char *name)
{
	uint8_t bytes[DHCP4_FQDN_HEAD + DOMAIN_WIRE_BYTES];
	struct writer made;

	writer_init(&made, bytes, sizeof(bytes));
	writer_u8(&made, flags);
	writer_be16(&made, 0xffff); /* what a server puts into both result codes, RFC 4702 4 */
	if (flags & DHCP4_FQDN_WIRE_NAME)
		domain_write_partial(&made, name);
	else
		writer_copy(&made, name, strlen(name));
	dhcp4_made_write(writer, DHCP4_OPTION_FQDN, &made);
}

void dhcp4_end_write(struct writer *writer)
{
	writer_u8(writer, DHCP4_OPTION_END);
	if (writer_used(writer) < DHCP4_BYTES_MIN)
		writer_fill(writer, 0, DHCP4_BYTES_MIN - writer_used(writer));
}
