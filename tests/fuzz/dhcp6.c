/* SPDX-License-Identifier: MIT */
/* covers: src/wire/dhcp6.c */
/* The input is a UDP payload. */
#include "wire/dhcp6.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void write_request(struct writer *writer, const struct dhcp6 *message, const struct dhcp6_request *request)
{
	dhcp6_write(writer, message);
	if (request->client_id.bytes)
		dhcp6_option_write(writer, DHCP6_OPTION_CLIENT_ID, request->client_id.bytes, request->client_id.count);
	if (request->server_id.bytes)
		dhcp6_option_write(writer, DHCP6_OPTION_SERVER_ID, request->server_id.bytes, request->server_id.count);
	for (size_t i = 0; i < request->ia_count; i++)
		dhcp6_ia_write(writer, &request->ias[i]);
	for (size_t i = 0; i < request->ia_pd_count; i++)
		dhcp6_ia_pd_write(writer, request->ia_pds[i], DHCP6_STATUS_NO_PREFIXES);
	dhcp6_option_write(writer, DHCP6_OPTION_ORO, request->wanted, 2 * request->wanted_count);
	dhcp6_u16_write(writer, DHCP6_OPTION_ELAPSED, request->elapsed_cs);
	dhcp6_u8_write(writer, DHCP6_OPTION_PREFERENCE, 1);
	dhcp6_u32_write(writer, DHCP6_OPTION_REFRESH_TIME, 600);
	if (request->rapid_commit)
		dhcp6_option_write(writer, DHCP6_OPTION_RAPID_COMMIT, "", 0);
	if (request->has_status)
		dhcp6_status_write(writer, request->status, "no");
	if (request->has_fqdn)
		dhcp6_fqdn_write(writer, request->fqdn_flags, request->hostname);
	dhcp6_dns_write(writer, request->dns, request->dns_count);
	dhcp6_search_write(writer, &request->search);
}

static void check_request(const struct dhcp6 *message, const struct dhcp6_request *request)
{
	static uint8_t first[3 * 65600], second[3 * 65600];
	struct dhcp6_request again;
	struct writer writer, twice;
	struct dhcp6 read;
	struct reader reader;

	writer_init(&writer, first, sizeof(first));
	write_request(&writer, message, request);
	assert(!writer.failed);
	reader_init(&reader, first, writer_used(&writer));
	assert(dhcp6_read(&reader, &read) == DROP_NONE && dhcp6_request_read(&read, &again) == DROP_NONE);
	assert(read.type == message->type && read.transaction == message->transaction);
	assert(again.ia_count == request->ia_count && again.wanted_count == request->wanted_count);
	assert(again.search.count == request->search.count && again.dns_count == request->dns_count);
	writer_init(&twice, second, sizeof(second));
	write_request(&twice, &read, &again);
	assert(!twice.failed && writer_used(&twice) == writer_used(&writer));
	assert(memcmp(first, second, writer_used(&writer)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	uint8_t duid[DHCP6_DUID_MAC_BYTES];
	struct dhcp6_request request;
	struct dhcp6 message;
	struct reader reader;

	reader_init(&reader, bytes, count);
	if (count > 65600 || dhcp6_read(&reader, &message) != DROP_NONE ||
	    dhcp6_request_read(&message, &request) != DROP_NONE)
		return 0;
#ifdef PLANTED
	if (request.ia_count == 1 && request.elapsed_cs > 16)
		assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	assert(!dhcp6_request_wants(&request, DHCP6_OPTION_DNS) || request.wanted_count > 0);
	dhcp6_duid_from_mac(MAC_BROADCAST, duid);
	assert(!request.client_id.bytes || request.client_id.count <= DHCP6_DUID_MAX);
	check_request(&message, &request);
	return 0;
}
