/* SPDX-License-Identifier: MIT */
/* covers: src/wire/dhcp4.c */
/* The input is a UDP payload. */
#include "wire/dhcp4.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static uint8_t room[2 * 65600 + 4096];

/* The same options in a message without overload: joined, they are the same bytes. */
static void check_copy(const struct dhcp4 *message)
{
	static const uint8_t codes[] = {DHCP4_OPTION_HOSTNAME, DHCP4_OPTION_SEARCH};
	uint8_t joined[2][DHCP4_JOINED_MAX];
	struct dhcp4 plain = *message;
	struct dhcp4_option option;
	struct dhcp4_walk walk;
	struct writer writer;
	struct reader reader;
	struct dhcp4 again;

	plain.file = message->overload ? NULL : message->file;
	plain.server_name = message->overload ? NULL : message->server_name;
	writer_init(&writer, room, sizeof(room));
	dhcp4_write(&writer, &plain);
	dhcp4_walk_init(&walk, message);
	while (dhcp4_walk_next(&walk, &option)) {
		if (option.code != DHCP4_OPTION_OVERLOAD)
			dhcp4_option_write(&writer, option.code, option.value, option.bytes);
	}
	dhcp4_end_write(&writer);
	assert(!writer.failed && writer_used(&writer) >= DHCP4_BYTES_MIN);
	reader_init(&reader, room, writer_used(&writer));
	assert(dhcp4_read(&reader, &again) == DROP_NONE);
	assert(again.transaction == message->transaction && mac_equal(again.mac, message->mac));
	for (size_t i = 0; i < sizeof(codes); i++) {
		int first = dhcp4_option_join(message, codes[i], joined[0], sizeof(joined[0]));
		int second = dhcp4_option_join(&again, codes[i], joined[1], sizeof(joined[1]));

		assert(first == second && (first <= 0 || memcmp(joined[0], joined[1], (size_t)first) == 0));
	}
}

static void check_lists(const struct dhcp4 *message)
{
	struct dhcp4_route routes[DHCP4_ROUTES_MAX], routes_again[DHCP4_ROUTES_MAX];
	struct domain_list search, search_again;
	size_t count = 0, count_again = 0;
	struct dhcp4 again = *message;
	bool has_search = dhcp4_search_read(message, &search);
	bool has_routes = dhcp4_routes_read(message, routes, DHCP4_ROUTES_MAX, &count);
	struct writer writer;

	writer_init(&writer, room, sizeof(room));
	if (has_search)
		dhcp4_search_write(&writer, &search);
	if (has_routes)
		dhcp4_routes_write(&writer, routes, count);
	if (writer.failed)
		return; /* eight names of full length are more than we join */
	again.options = room;
	again.options_bytes = writer_used(&writer);
	again.overload = 0;
	if (has_search && search.count > 0) {
		assert(dhcp4_search_read(&again, &search_again));
		assert(search_again.count == search.count && strcmp(search_again.name[0], search.name[0]) == 0);
	}
	if (!has_routes)
		return;
	assert(dhcp4_routes_read(&again, routes_again, DHCP4_ROUTES_MAX, &count_again) && count_again == count);
	for (size_t i = 0; i < count; i++)
		assert(routes[i].prefix == routes_again[i].prefix && ip4_equal(routes[i].via, routes_again[i].via));
}

/* What a client said, said again. */
static void check_request(const struct dhcp4_request *request)
{
	struct dhcp4 message = {.operation = DHCP4_BOOTREQUEST};
	struct dhcp4_request again;
	struct writer writer;
	struct reader reader;

	writer_init(&writer, room, sizeof(room));
	dhcp4_write(&writer, &message);
	dhcp4_u8_write(&writer, DHCP4_OPTION_TYPE, request->type);
	dhcp4_u16_write(&writer, DHCP4_OPTION_MESSAGE_SIZE, request->message_bytes);
	dhcp4_u32_write(&writer, DHCP4_OPTION_LEASE_TIME, request->lease_s);
	dhcp4_ip4_write(&writer, DHCP4_OPTION_REQUESTED, &request->requested, request->has_requested);
	if (request->has_fqdn)
		dhcp4_fqdn_write(&writer, request->fqdn_flags, request->hostname);
	else
		dhcp4_text_write(&writer, DHCP4_OPTION_HOSTNAME, request->hostname);
	dhcp4_end_write(&writer);
	assert(!writer.failed);
	reader_init(&reader, room, writer_used(&writer));
	assert(dhcp4_read(&reader, &message) == DROP_NONE && dhcp4_request_read(&message, &again) == DROP_NONE);
	assert(again.type == request->type && again.lease_s == request->lease_s);
	assert(again.message_bytes == request->message_bytes && again.has_requested == request->has_requested);
	assert(again.has_fqdn == request->has_fqdn);
	if (strlen(request->hostname) < 250)
		assert(strcmp(again.hostname, request->hostname) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct dhcp4_request request;
	struct dhcp4 message;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (count > 65600 || dhcp4_read(&reader, &message) != DROP_NONE)
		return 0;
	check_copy(&message);
	check_lists(&message);
	if (dhcp4_request_read(&message, &request) != DROP_NONE)
		return 0;
#ifdef PLANTED
	if (request.type == DHCP4_REQUEST && message.seconds > 0)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	assert(!dhcp4_request_wants(&request, DHCP4_OPTION_PAD) || request.parameter_count > 0);
	check_request(&request);
	return 0;
}
