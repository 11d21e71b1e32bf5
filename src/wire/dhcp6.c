/* SPDX-License-Identifier: MIT */
/* DHCPv6 messages. An option of a wrong size refuses the whole message: unlike DHCPv4's clients, these are all young
 * enough to follow their specification. A host name that is no domain name is passed over. */
#include "wire/dhcp6.h"

#include <string.h>

enum dhcp6_numbers {
	DHCP6_OPTION_HEAD = 4,
	DHCP6_IA_HEAD = 12,       /* IAID, T1, T2 */
	DHCP6_ADDRESS_BYTES = 24, /* address and lifetimes */
	DHCP6_DUID_MIN = 3,
	DHCP6_DUID_LL = 3, /* RFC 8415 11.4 */
	DHCP6_HARDWARE_ETHERNET = 1,
};

/* The next option of checked bytes; false at the end. */
static bool dhcp6_option_next(struct reader *options, struct dhcp6_option *ret_option)
{
	if (options->left == 0)
		return false;
	ret_option->code = reader_be16(options);
	ret_option->bytes = reader_be16(options);
	ret_option->value = reader_skip(options, ret_option->bytes);
	return !options->failed;
}

enum drop_reason dhcp6_read(struct reader *reader, struct dhcp6 *ret_message)
{
	uint32_t first = reader_be32(reader);
	struct reader options = *reader;
	struct dhcp6_option option;

	if (reader->failed)
		return DROP_DHCP6_SHORT;
	if (first >> 24 < DHCP6_SOLICIT || first >> 24 > DHCP6_INFORMATION_REQUEST)
		return DROP_DHCP6_TYPE;
	while (dhcp6_option_next(&options, &option))
		;
	if (options.failed)
		return DROP_DHCP6_OPTION_LENGTH;
	*ret_message = (struct dhcp6){
		.type = (uint8_t)(first >> 24),
		.transaction = first & 0xffffff,
		.options = reader->next,
		.options_bytes = reader->left,
	};
	return DROP_NONE;
}

/* Once in a message, and of a size that a DUID can have (RFC 8415 11.1). */
static bool dhcp6_duid_read(const struct dhcp6_option *option, struct dhcp6_duid *duid)
{
	if (duid->bytes || option->bytes < DHCP6_DUID_MIN || option->bytes > DHCP6_DUID_MAX)
		return false;
	*duid = (struct dhcp6_duid){.bytes = option->value, .count = option->bytes};
	return true;
}

static bool dhcp6_status_read(const struct dhcp6_option *option, bool *has, uint16_t *status)
{
	if (option->bytes < 2)
		return false;
	*has = true;
	*status = (uint16_t)(option->value[0] << 8 | option->value[1]);
	return true;
}

static bool dhcp6_address_read(const struct dhcp6_option *option, struct dhcp6_ia *ia)
{
	struct dhcp6_address address;
	struct reader value;

	if (option->bytes < DHCP6_ADDRESS_BYTES)
		return false;
	reader_init(&value, option->value, option->bytes);
	reader_copy(&value, address.address.byte, sizeof(address.address.byte));
	address.preferred_s = reader_be32(&value);
	address.valid_s = reader_be32(&value);
	if (ia->address_count < DHCP6_ADDRESSES_MAX)
		ia->addresses[ia->address_count++] = address;
	return true;
}

static bool dhcp6_ia_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	struct dhcp6_option inner;
	struct dhcp6_ia ia = {0};
	struct reader value;

	reader_init(&value, option->value, option->bytes);
	ia.id = reader_be32(&value);
	ia.t1_s = reader_be32(&value);
	ia.t2_s = reader_be32(&value);
	while (dhcp6_option_next(&value, &inner)) {
		if (inner.code == DHCP6_OPTION_IAADDR && !dhcp6_address_read(&inner, &ia))
			return false;
		if (inner.code == DHCP6_OPTION_STATUS && !dhcp6_status_read(&inner, &ia.has_status, &ia.status))
			return false;
	}
	if (value.failed)
		return false;
	if (request->ia_count < DHCP6_IAS_MAX)
		request->ias[request->ia_count++] = ia;
	return true;
}

static bool dhcp6_ia_pd_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	struct reader value;

	if (option->bytes < DHCP6_IA_HEAD)
		return false;
	reader_init(&value, option->value, option->bytes);
	if (request->ia_pd_count < DHCP6_IAS_MAX)
		request->ia_pds[request->ia_pd_count++] = reader_be32(&value);
	return true;
}

/* RFC 4704 4: flags, then a name, partial or whole. */
static bool dhcp6_fqdn_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	struct reader value;

	if (option->bytes < 1)
		return false;
	reader_init(&value, option->value, option->bytes);
	request->has_fqdn = true;
	request->fqdn_flags = reader_u8(&value);
	domain_read_partial(&value, request->hostname);
	return true;
}

static bool dhcp6_dns_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	struct reader value;

	if (option->bytes % sizeof(struct ip6) != 0)
		return false;
	reader_init(&value, option->value, option->bytes);
	while (value.left > 0 && request->dns_count < DHCP6_DNS_MAX)
		reader_copy(&value, request->dns[request->dns_count++].byte, sizeof(struct ip6));
	return true;
}

static bool dhcp6_search_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	struct reader value;

	reader_init(&value, option->value, option->bytes);
	return domain_list_read(&value, &request->search);
}

static bool dhcp6_wanted_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	request->wanted = option->value;
	request->wanted_count = option->bytes / 2;
	return option->bytes % 2 == 0;
}

static bool dhcp6_elapsed_read(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	if (option->bytes != 2)
		return false;
	request->elapsed_cs = (uint16_t)(option->value[0] << 8 | option->value[1]);
	return true;
}

static bool dhcp6_request_option(const struct dhcp6_option *option, struct dhcp6_request *request)
{
	switch (option->code) {
	case DHCP6_OPTION_IA_NA:
		return dhcp6_ia_read(option, request);
	case DHCP6_OPTION_IA_PD:
		return dhcp6_ia_pd_read(option, request);
	case DHCP6_OPTION_ORO:
		return dhcp6_wanted_read(option, request);
	case DHCP6_OPTION_ELAPSED:
		return dhcp6_elapsed_read(option, request);
	case DHCP6_OPTION_STATUS:
		return dhcp6_status_read(option, &request->has_status, &request->status);
	case DHCP6_OPTION_RAPID_COMMIT:
		request->rapid_commit = true;
		return option->bytes == 0;
	case DHCP6_OPTION_DNS:
		return dhcp6_dns_read(option, request);
	case DHCP6_OPTION_SEARCH:
		return dhcp6_search_read(option, request);
	case DHCP6_OPTION_FQDN:
		return dhcp6_fqdn_read(option, request);
	default:
		return true;
	}
}

enum drop_reason dhcp6_request_read(const struct dhcp6 *message, struct dhcp6_request *ret_request)
{
	struct dhcp6_request request = {0};
	struct dhcp6_option option;
	struct reader options;

	reader_init(&options, message->options, message->options_bytes);
	while (dhcp6_option_next(&options, &option)) {
		if (option.code == DHCP6_OPTION_CLIENT_ID && !dhcp6_duid_read(&option, &request.client_id))
			return DROP_DHCP6_CLIENT_ID;
		if (option.code == DHCP6_OPTION_SERVER_ID && !dhcp6_duid_read(&option, &request.server_id))
			return DROP_DHCP6_SERVER_ID;
		if (!dhcp6_request_option(&option, &request))
			return DROP_DHCP6_OPTION_LENGTH;
	}
	*ret_request = request;
	return DROP_NONE;
}

bool dhcp6_request_wants(const struct dhcp6_request *request, uint16_t code)
{
	for (size_t i = 0; i < request->wanted_count; i++) {
		if ((request->wanted[2 * i] << 8 | request->wanted[2 * i + 1]) == code)
			return true;
	}
	return false;
}

void dhcp6_write(struct writer *writer, const struct dhcp6 *message)
{
	writer_be32(writer, (uint32_t)message->type << 24 | (message->transaction & 0xffffff));
}

static void dhcp6_option_start(struct writer *writer, uint16_t code, size_t bytes)
{
	if (bytes > UINT16_MAX)
		writer->failed = true;
	writer_be16(writer, code);
	writer_be16(writer, (uint16_t)bytes);
}

void dhcp6_option_write(struct writer *writer, uint16_t code, const void *value, size_t bytes)
{
	dhcp6_option_start(writer, code, bytes);
	writer_copy(writer, value, bytes);
}

void dhcp6_u8_write(struct writer *writer, uint16_t code, uint8_t value)
{
	dhcp6_option_write(writer, code, &value, sizeof(value));
}

void dhcp6_u16_write(struct writer *writer, uint16_t code, uint16_t value)
{
	dhcp6_option_start(writer, code, sizeof(value));
	writer_be16(writer, value);
}

void dhcp6_u32_write(struct writer *writer, uint16_t code, uint32_t value)
{
	dhcp6_option_start(writer, code, sizeof(value));
	writer_be32(writer, value);
}

static void dhcp6_address_write(struct writer *writer, const struct dhcp6_address *address)
{
	dhcp6_option_start(writer, DHCP6_OPTION_IAADDR, DHCP6_ADDRESS_BYTES);
	writer_copy(writer, address->address.byte, sizeof(address->address.byte));
	writer_be32(writer, address->preferred_s);
	writer_be32(writer, address->valid_s);
}

void dhcp6_ia_write(struct writer *writer, const struct dhcp6_ia *ia)
{
	size_t addresses = ia->address_count * (DHCP6_OPTION_HEAD + DHCP6_ADDRESS_BYTES);
	size_t status = ia->has_status ? DHCP6_OPTION_HEAD + sizeof(ia->status) : 0;

	dhcp6_option_start(writer, DHCP6_OPTION_IA_NA, DHCP6_IA_HEAD + addresses + status);
	writer_be32(writer, ia->id);
	writer_be32(writer, ia->t1_s);
	writer_be32(writer, ia->t2_s);
	for (size_t i = 0; i < ia->address_count; i++)
		dhcp6_address_write(writer, &ia->addresses[i]);
	if (ia->has_status)
		dhcp6_status_write(writer, ia->status, "");
}

void dhcp6_ia_pd_write(struct writer *writer, uint32_t id, uint16_t status)
{
	dhcp6_option_start(writer, DHCP6_OPTION_IA_PD, DHCP6_IA_HEAD + DHCP6_OPTION_HEAD + sizeof(status));
	writer_be32(writer, id);
	writer_be32(writer, 0);
	writer_be32(writer, 0);
	dhcp6_status_write(writer, status, "");
}

void dhcp6_status_write(struct writer *writer, uint16_t status, const char *text)
{
	dhcp6_option_start(writer, DHCP6_OPTION_STATUS, sizeof(status) + strlen(text));
	writer_be16(writer, status);
	writer_copy(writer, text, strlen(text));
}

void dhcp6_dns_write(struct writer *writer, const struct ip6 *addresses, size_t count)
{
	if (count > 0)
		dhcp6_option_write(writer, DHCP6_OPTION_DNS, addresses, count * sizeof(addresses[0]));
}

void dhcp6_search_write(struct writer *writer, const struct domain_list *search)
{
	uint8_t names[DOMAIN_LIST_MAX * DOMAIN_WIRE_BYTES];
	struct writer list;

	if (search->count == 0)
		return;
	writer_init(&list, names, sizeof(names));
	domain_list_write(&list, search);
	if (list.failed)
		writer->failed = true;
	else
		dhcp6_option_write(writer, DHCP6_OPTION_SEARCH, names, writer_used(&list));
}

void dhcp6_fqdn_write(struct writer *writer, uint8_t flags, const char *name)
{
	uint8_t bytes[1 + DOMAIN_WIRE_BYTES];
	struct writer made;

	writer_init(&made, bytes, sizeof(bytes));
	writer_u8(&made, flags);
	domain_write_partial(&made, name);
	if (made.failed)
		writer->failed = true;
	else
		dhcp6_option_write(writer, DHCP6_OPTION_FQDN, bytes, writer_used(&made));
}

void dhcp6_duid_from_mac(struct mac mac, uint8_t *ret_duid)
{
	struct writer writer;

	writer_init(&writer, ret_duid, DHCP6_DUID_MAC_BYTES);
	writer_be16(&writer, DHCP6_DUID_LL);
	writer_be16(&writer, DHCP6_HARDWARE_ETHERNET);
	writer_copy(&writer, mac.byte, sizeof(mac.byte));
}
