/* SPDX-License-Identifier: MIT */
/* The DHCPv6 server, RFC 8415: addresses (IA_NA) and what else a guest wants to know; no prefixes, no temporary
 * addresses, no relays. A lease is an IAID and a DUID, held by the MAC that asked for it: with another's identifiers a
 * guest cannot renew, release or decline another's lease. Like its older brother it grants what it does not know, if it is
 * free, so that guests keep their addresses over a restart without a state file. */
#include "wire/dhcp6.h"

#include <stdio.h>
#include <string.h>

#include "service/lease.h"
#include "service/reply.h"
#include "service/service.h"

enum {
	REPLY_HOP_LIMIT = 64,
	SEARCH_ROOM_BYTES =
		512, /* with four IAs and the longest DUID the rest is less than 700, and the MTU may be 1280 */
	REFRESH_LEAST_S = 600, /* RFC 8415 7.6, IRT_MINIMUM */
};

/* One exchange. */
struct dhcp6_talk {
	const struct service_config *config;
	struct lease_table *leases;
	const struct origin *origin;
	const struct packet *packet;
	uint64_t now_us;
	struct reply *reply;
	struct dhcp6 message;
	struct dhcp6_request request;
	uint8_t server_id[DHCP6_DUID_MAC_BYTES];
	enum drop_reason verdict; /* of an answer that holds a refusal */
};

static struct lease_client talk_client(const struct dhcp6_talk *talk, uint32_t iaid)
{
	const struct dhcp6_duid *duid = &talk->request.client_id;
	struct lease_client client = {.mac = talk->packet->ethernet.from, .origin = *talk->origin};
	struct be32 number = be32_from(iaid);

	memcpy(client.id, number.byte, sizeof(number.byte));
	memcpy(client.id + sizeof(number.byte), duid->bytes, duid->count);
	client.id_bytes = (uint8_t)(sizeof(number.byte) + duid->count);
	return client;
}

static bool talk_wants(const struct dhcp6_talk *talk, uint16_t code)
{
	return talk->request.wanted_count == 0 || dhcp6_request_wants(&talk->request, code);
}

static bool address_on_link(const struct dhcp6_talk *talk, struct ip6 address)
{
	return ip6_in_net(address, talk->config->net6, talk->config->prefix6);
}

/* ---- one IA ---- */

static void ia_set_status(struct dhcp6_ia *ia, enum dhcp6_status_code status)
{
	ia->has_status = true;
	ia->status = (uint16_t)status;
}

static void ia_add(struct dhcp6_ia *ia, struct ip6 address, uint32_t lifetime_s)
{
	if (ia->address_count < DHCP6_ADDRESSES_MAX)
		ia->addresses[ia->address_count++] =
			(struct dhcp6_address){.address = address, .preferred_s = lifetime_s, .valid_s = lifetime_s};
}

/* RFC 8415 21.4: a half and four fifths of the preferred lifetime. */
static void ia_set_lease(struct dhcp6_ia *ia, const struct dhcp6_talk *talk, const struct lease *lease)
{
	uint32_t lease_s = lease_seconds(lease, talk->config->lease_s);
	bool for_ever = lease_s == LEASE_FOR_EVER_S;

	ia->t1_s = lease_renew_seconds(lease, lease_s);
	ia->t2_s = for_ever ? lease_s : (uint32_t)((uint64_t)lease_s * 4 / 5);
	ia_add(ia, lease->ip6, lease_s);
}

static struct ip6 ia_wanted(const struct dhcp6_ia *ia)
{
	return ia->address_count ? ia->addresses[0].address : (struct ip6){{0}};
}

static bool ia_has(const struct dhcp6_ia *ia, struct ip6 address)
{
	for (size_t i = 0; i < ia->address_count; i++)
		if (ip6_equal(ia->addresses[i].address, address))
			return true;
	return false;
}

static void talk_bind(struct dhcp6_talk *talk, struct lease *lease)
{
	lease_set_name(talk->leases, lease, talk->request.hostname, sizeof(talk->request.hostname));
	lease_bind(talk->leases, lease, lease_seconds(lease, talk->config->lease_s), talk->now_us);
}

static void ia_refuse(struct dhcp6_talk *talk, const struct lease_client *client, struct dhcp6_ia *answer)
{
	talk->verdict = lease_mac_is_full(talk->leases, true, client)    ? DROP_DHCP6_TOO_MANY
			: lease_port_is_full(talk->leases, true, client) ? DROP_DHCP6_PORT_SHARE
									 : DROP_DHCP6_POOL_EMPTY;
	ia_set_status(answer, DHCP6_STATUS_NO_ADDRESSES);
}

static void ia_refuse_binding(struct dhcp6_talk *talk, struct dhcp6_ia *answer)
{
	talk->verdict = DROP_DHCP6_NO_LEASE;
	ia_set_status(answer, DHCP6_STATUS_NO_BINDING);
}

/* SOLICIT: an offer. */
static void ia_offer(struct dhcp6_talk *talk, const struct dhcp6_ia *asked, struct dhcp6_ia *answer)
{
	struct lease_client client = talk_client(talk, asked->id);
	struct lease *lease = lease_offer6(talk->leases, &client, ia_wanted(asked), talk->now_us);

	if (!lease) {
		ia_refuse(talk, &client, answer);
		return;
	}
	ia_set_lease(answer, talk, lease);
}

/* REQUEST, and SOLICIT with rapid commit: RFC 8415 18.3.2. */
static void ia_grant(struct dhcp6_talk *talk, const struct dhcp6_ia *asked, struct dhcp6_ia *answer)
{
	struct lease_client client = talk_client(talk, asked->id);
	struct lease *lease;

	for (size_t i = 0; i < asked->address_count; i++) {
		if (!address_on_link(talk, asked->addresses[i].address)) {
			ia_set_status(answer, DHCP6_STATUS_NOT_ON_LINK);
			return;
		}
	}
	lease = lease_offer6(talk->leases, &client, ia_wanted(asked), talk->now_us);
	if (!lease) {
		ia_refuse(talk, &client, answer);
		return;
	}
	talk_bind(talk, lease);
	ia_set_lease(answer, talk, lease);
}

/* What the client has, or nobody has and so it may have; NULL, perhaps because what it has was lent. */
static struct lease *ia_claim(struct dhcp6_talk *talk, const struct dhcp6_ia *asked, bool *ret_is_recalled)
{
	struct lease_client client = talk_client(talk, asked->id);
	struct lease *had = lease_find_client(talk->leases, true, &client), *lease;

	if (!had && asked->address_count == 0)
		return NULL;
	lease = lease_claim6(talk->leases, &client, had ? had->ip6 : ia_wanted(asked), talk->now_us);
	*ret_is_recalled = !lease && had && had->lent && had->state == LEASE_BOUND;
	return lease;
}

/* RENEW and REBIND: RFC 8415 18.3.4 and 18.3.5. */
static void ia_extend(struct dhcp6_talk *talk, const struct dhcp6_ia *asked, struct dhcp6_ia *answer)
{
	bool is_recalled = false;
	struct lease *lease = ia_claim(talk, asked, &is_recalled);

	if (lease) {
		talk_bind(talk, lease);
		ia_set_lease(answer, talk, lease);
	} else if (is_recalled) {
		talk->verdict = DROP_DHCP6_PORT_SHARE;
	} else if (asked->address_count == 0 || address_on_link(talk, ia_wanted(asked))) {
		ia_refuse_binding(talk, answer);
		return;
	}
	/* A lifetime of 0: stop using these at once. */
	for (size_t i = 0; i < asked->address_count; i++)
		if (!lease || !ip6_equal(lease->ip6, asked->addresses[i].address))
			ia_add(answer, asked->addresses[i].address, 0);
}

/* RELEASE and DECLINE; false: no such lease, and the IA says so. */
static bool ia_end(struct dhcp6_talk *talk, const struct dhcp6_ia *asked, struct dhcp6_ia *answer)
{
	struct lease_client client = talk_client(talk, asked->id);
	struct lease *lease = lease_find_client(talk->leases, true, &client);

	if (!lease || lease->state != LEASE_BOUND || !ia_has(asked, lease->ip6)) {
		ia_refuse_binding(talk, answer);
		return false;
	}
	if (talk->message.type == DHCP6_DECLINE)
		lease_decline(talk->leases, lease, talk->now_us);
	else
		lease_release(talk->leases, lease);
	return true;
}

/* ---- the reply ---- */

static void write_fqdn(struct writer *writer, const struct dhcp6_talk *talk)
{
	uint8_t flags = DHCP6_FQDN_NO_UPDATE; /* RFC 4704 6: no names are entered into any DNS here */

	if (!talk->request.has_fqdn || !talk->request.hostname[0] ||
	    !dhcp6_request_wants(&talk->request, DHCP6_OPTION_FQDN))
		return;
	if (talk->request.fqdn_flags & DHCP6_FQDN_SERVER_UPDATES)
		flags |= DHCP6_FQDN_OVERRIDE;
	dhcp6_fqdn_write(writer, flags, talk->request.hostname);
}

/* RFC 5970 3.1: a URL, where the file is the gateway's own to serve. */
static void write_boot_file(struct writer *writer, const struct dhcp6_talk *talk)
{
	const struct service_config *config = talk->config;
	char url[sizeof("tftp://[]/") + IP6_TEXT_BYTES + sizeof(config->boot_file)], host[IP6_TEXT_BYTES];
	const char *file = config->boot_file;
	int bytes;

	if (!config->serves_files || !file[0] || !dhcp6_request_wants(&talk->request, DHCP6_OPTION_BOOT_FILE))
		return;
	file += strspn(file, "/");
	bytes = snprintf(url, sizeof(url), "tftp://[%s]/%s", ip6_format(config->host6, host), file);
	dhcp6_option_write(writer, DHCP6_OPTION_BOOT_FILE, url, (size_t)bytes);
}

/* What is known of the network, each where it was asked for; what does not fit is left out. */
static void write_wanted_options(struct writer *writer, const struct dhcp6_talk *talk)
{
	const struct service_config *config = talk->config;
	struct writer before = *writer;
	struct domain_list search;

	if (talk_wants(talk, DHCP6_OPTION_DNS))
		dhcp6_dns_write(writer, config->dns6, config->dns6_count);
	if (talk_wants(talk, DHCP6_OPTION_SEARCH)) {
		service_search(config, SEARCH_ROOM_BYTES, &search);
		dhcp6_search_write(writer, &search);
	}
	if (writer->failed)
		*writer = before;
	before = *writer;
	write_fqdn(writer, talk);
	write_boot_file(writer, talk);
	if (talk->message.type == DHCP6_INFORMATION_REQUEST &&
	    dhcp6_request_wants(&talk->request, DHCP6_OPTION_REFRESH_TIME))
		dhcp6_u32_write(writer, DHCP6_OPTION_REFRESH_TIME,
				config->lease_s < REFRESH_LEAST_S ? REFRESH_LEAST_S : config->lease_s);
	if (writer->failed)
		*writer = before;
}

static void talk_begin(const struct dhcp6_talk *talk, uint8_t type, struct reply_draft *draft)
{
	const struct dhcp6_duid *client_id = &talk->request.client_id;
	struct dhcp6 message = {.type = type, .transaction = talk->message.transaction};

	reply_begin6(draft, talk->reply, talk->config, talk->packet->ethernet.from, reply_link_local(talk->config),
		     talk->packet->ip6.from, IP_PROTOCOL_UDP, REPLY_HOP_LIMIT);
	reply_udp(draft, DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT);
	dhcp6_write(&draft->writer, &message);
	if (client_id->bytes)
		dhcp6_option_write(&draft->writer, DHCP6_OPTION_CLIENT_ID, client_id->bytes, client_id->count);
	dhcp6_option_write(&draft->writer, DHCP6_OPTION_SERVER_ID, talk->server_id, sizeof(talk->server_id));
}

/* The answer that is nothing but a status. */
static void talk_reply_status(const struct dhcp6_talk *talk, enum dhcp6_status_code status, const char *text)
{
	struct reply_draft draft;

	talk_begin(talk, DHCP6_REPLY, &draft);
	dhcp6_status_write(&draft.writer, (uint16_t)status, text);
	reply_end(&draft);
}

/* The answer that has each IA of the request answered by `on_ia`, prefixes refused, and the rest. */
static enum drop_reason talk_reply_ias(struct dhcp6_talk *talk, uint8_t type,
				       void (*on_ia)(struct dhcp6_talk *talk, const struct dhcp6_ia *asked,
						     struct dhcp6_ia *answer))
{
	struct reply_draft draft;

	talk_begin(talk, type, &draft);
	for (size_t i = 0; i < talk->request.ia_count; i++) {
		struct dhcp6_ia answer = {.id = talk->request.ias[i].id};

		on_ia(talk, &talk->request.ias[i], &answer);
		dhcp6_ia_write(&draft.writer, &answer);
	}
	for (size_t i = 0; i < talk->request.ia_pd_count; i++)
		dhcp6_ia_pd_write(&draft.writer, talk->request.ia_pds[i], DHCP6_STATUS_NO_PREFIXES);
	if (talk->message.type == DHCP6_SOLICIT && type == DHCP6_REPLY)
		dhcp6_option_write(&draft.writer, DHCP6_OPTION_RAPID_COMMIT, NULL, 0);
	write_wanted_options(&draft.writer, talk);
	reply_end(&draft);
	return talk->verdict;
}

/* ---- messages ---- */

static enum drop_reason on_solicit(struct dhcp6_talk *talk)
{
	if (talk->request.rapid_commit)
		return talk_reply_ias(talk, DHCP6_REPLY, ia_grant);
	return talk_reply_ias(talk, DHCP6_ADVERTISE, ia_offer);
}

/* RFC 8415 18.3.3: does the client still stand on this link? Without an address there is no saying. */
static enum drop_reason on_confirm(struct dhcp6_talk *talk)
{
	bool on_link = true;
	size_t count = 0;

	for (size_t i = 0; i < talk->request.ia_count; i++) {
		const struct dhcp6_ia *ia = &talk->request.ias[i];

		for (size_t j = 0; j < ia->address_count; j++, count++)
			on_link = on_link && address_on_link(talk, ia->addresses[j].address);
	}
	if (count == 0)
		return DROP_NONE;
	if (on_link)
		talk_reply_status(talk, DHCP6_STATUS_SUCCESS, "");
	else
		talk_reply_status(talk, DHCP6_STATUS_NOT_ON_LINK, "another network's address");
	return DROP_NONE;
}

/* RFC 8415 18.3.7 and 18.3.8 */
static enum drop_reason on_end(struct dhcp6_talk *talk)
{
	struct reply_draft draft;

	talk_begin(talk, DHCP6_REPLY, &draft);
	dhcp6_status_write(&draft.writer, DHCP6_STATUS_SUCCESS, "");
	for (size_t i = 0; i < talk->request.ia_count; i++) {
		struct dhcp6_ia answer = {.id = talk->request.ias[i].id};

		if (!ia_end(talk, &talk->request.ias[i], &answer))
			dhcp6_ia_write(&draft.writer, &answer);
	}
	reply_end(&draft);
	return talk->verdict;
}

/* RFC 8415 16: which identifiers a message must have, and must not. */
static enum drop_reason talk_check_ids(const struct dhcp6_talk *talk)
{
	const struct dhcp6_duid *server = &talk->request.server_id;
	bool ours = server->bytes && server->count == sizeof(talk->server_id) &&
		    !memcmp(server->bytes, talk->server_id, sizeof(talk->server_id));

	switch (talk->message.type) {
	case DHCP6_SOLICIT:
	case DHCP6_CONFIRM:
	case DHCP6_REBIND:
		if (server->bytes)
			return DROP_DHCP6_SERVER_ID;
		break;
	case DHCP6_REQUEST:
	case DHCP6_RENEW:
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		if (!ours)
			return DROP_DHCP6_SERVER_ID;
		break;
	case DHCP6_INFORMATION_REQUEST:
		/* 16.12: and no IA either */
		if (talk->request.ia_count || talk->request.ia_pd_count)
			return DROP_DHCP6_TYPE;
		return server->bytes && !ours ? DROP_DHCP6_SERVER_ID : DROP_NONE;
	default: /* what servers send */
		return DROP_DHCP6_TYPE;
	}
	return talk->request.client_id.bytes ? DROP_NONE : DROP_DHCP6_CLIENT_ID;
}

static enum drop_reason talk_read(struct dhcp6_talk *talk, const uint8_t *message, size_t bytes)
{
	struct reader reader;
	enum drop_reason verdict;

	reader_init(&reader, message, bytes);
	verdict = dhcp6_read(&reader, &talk->message);
	if (verdict == DROP_NONE)
		verdict = dhcp6_request_read(&talk->message, &talk->request);
	return verdict == DROP_NONE ? talk_check_ids(talk) : verdict;
}

/* RFC 8415 18.4: we never said that we may be spoken to alone. */
static enum drop_reason on_unicast(const struct dhcp6_talk *talk)
{
	switch (talk->message.type) {
	case DHCP6_REQUEST:
	case DHCP6_RENEW:
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		talk_reply_status(talk, DHCP6_STATUS_USE_MULTICAST, "");
		return DROP_NONE;
	}
	return DROP_DHCP6_TYPE;
}

enum drop_reason dhcp6_input(const struct visit *visit, const uint8_t *message, size_t bytes)
{
	struct dhcp6_talk talk = {.config = visit->config,
				  .leases = visit->leases,
				  .origin = visit->origin,
				  .packet = visit->packet,
				  .now_us = visit->now_us,
				  .reply = visit->reply};
	enum drop_reason verdict;

	visit->reply->length = 0;
	dhcp6_duid_from_mac(visit->config->mac, talk.server_id);
	verdict = talk_read(&talk, message, bytes);
	if (verdict != DROP_NONE)
		return verdict;
	if (!ip6_is_multicast(visit->packet->ip6.to))
		return on_unicast(&talk);
	lease_expire(visit->leases, visit->now_us);
	switch (talk.message.type) {
	case DHCP6_SOLICIT:
		return on_solicit(&talk);
	case DHCP6_REQUEST:
		return talk_reply_ias(&talk, DHCP6_REPLY, ia_grant);
	case DHCP6_RENEW:
	case DHCP6_REBIND:
		return talk_reply_ias(&talk, DHCP6_REPLY, ia_extend);
	case DHCP6_RELEASE:
	case DHCP6_DECLINE:
		return on_end(&talk);
	case DHCP6_CONFIRM:
		return on_confirm(&talk);
	case DHCP6_INFORMATION_REQUEST:
		return talk_reply_ias(&talk, DHCP6_REPLY, NULL);
	}
	return DROP_DHCP6_TYPE;
}
