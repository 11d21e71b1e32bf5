/* SPDX-License-Identifier: MIT */
/* The DHCPv4 server, RFC 2131: a message in, a lease changed, perhaps a message out. It is the network's authority: what
 * it does not know it grants if it is free, so that guests keep their addresses over a restart without a state file,
 * and refuses otherwise at once, so that a guest which comes from another network need not wait.
 *
 * What surprises: option 61 tells clients apart, and without it the hardware address as option 61 would hold it
 * (RFC 2132 9.14), so that a boot ROM and the system it boots are one client. And the hardware address must be the
 * frame's source: what the switch lets a guest send, mac= too, then holds for leases. Relays are not served. */
#include "wire/dhcp4.h"

#include <string.h>

#include "service/lease.h"
#include "service/reply.h"
#include "service/service.h"

enum {
	HARDWARE_ETHERNET = 1,
	LEASE_LEAST_S = 60, /* a client may ask for less than the network's time, but not keep us busy */
};

/* One exchange. */
struct dhcp4_talk {
	const struct service_config *config;
	struct lease_table *leases;
	const struct origin *origin;
	const struct packet *packet;
	uint64_t now_us;
	struct reply *reply;
	struct dhcp4 message;
	struct dhcp4_request request;
	struct lease_client client;
};

static void client_from(struct lease_client *client, const struct origin *origin, const struct dhcp4 *message,
			const struct dhcp4_request *request)
{
	client->origin = *origin;
	client->mac = message->mac;
	if (request->client_id_bytes) {
		client->id_bytes = request->client_id_bytes;
		memcpy(client->id, request->client_id, request->client_id_bytes);
		return;
	}
	client->id[0] = HARDWARE_ETHERNET;
	memcpy(client->id + 1, message->mac.byte, sizeof(message->mac.byte));
	client->id_bytes = 1 + sizeof(message->mac.byte);
}

static bool talk_wants(const struct dhcp4_talk *talk, uint8_t code)
{
	/* Who sends no list (RFC 2131 3.5 lets it) gets what there is. */
	return talk->request.parameter_count == 0 || dhcp4_request_wants(&talk->request, code);
}

static uint32_t talk_lease_s(const struct dhcp4_talk *talk, const struct lease *lease)
{
	uint32_t most = lease_seconds(lease, talk->config->lease_s), asked = talk->request.lease_s;

	if (asked == 0 || asked >= most)
		return most;
	return asked < LEASE_LEAST_S && most >= LEASE_LEAST_S ? LEASE_LEAST_S : asked;
}

/* ---- options ---- */

/* Keeps the option just written, or takes it back when it does not fit: those that matter most come first. */
static void option_settle(struct writer *writer, struct writer before)
{
	if (writer->failed || writer->left < 1)
		*writer = before;
}

static void write_times(struct writer *writer, const struct dhcp4_talk *talk, const struct lease *lease)
{
	uint32_t lease_s = talk_lease_s(talk, lease);
	bool for_ever = lease_s == LEASE_FOR_EVER_S;
	struct writer before;

	dhcp4_u32_write(writer, DHCP4_OPTION_LEASE_TIME, lease_s);
	before = *writer;
	/* RFC 2131 4.4.5: a half and seven eighths; who does not ask goes by the half, or by what he is told. */
	if (lease->lent || talk_wants(talk, DHCP4_OPTION_RENEW_TIME))
		dhcp4_u32_write(writer, DHCP4_OPTION_RENEW_TIME, lease_renew_seconds(lease, lease_s));
	if (talk_wants(talk, DHCP4_OPTION_REBIND_TIME))
		dhcp4_u32_write(writer, DHCP4_OPTION_REBIND_TIME, for_ever ? lease_s : lease_s - lease_s / 8);
	option_settle(writer, before);
}

/* RFC 3442: who reads this option ignores option 3, so the default route is in it too. */
static void write_routes(struct writer *writer, const struct dhcp4_talk *talk)
{
	const struct service_config *config = talk->config;
	struct dhcp4_route routes[SERVICE_ROUTES_MAX + 1];
	size_t count = 0;

	if (config->route4_count == 0)
		return;
	for (; count < config->route4_count && count < SERVICE_ROUTES_MAX; count++)
		routes[count] = (struct dhcp4_route){config->routes4[count].net, config->routes4[count].prefix,
						     config->routes4[count].via};
	if (config->router4)
		routes[count++] = (struct dhcp4_route){.prefix = 0, .via = config->host4};
	dhcp4_routes_write(writer, routes, count);
}

static void write_search(struct writer *writer, const struct dhcp4_talk *talk)
{
	struct domain_list search;

	if (talk->config->search_count == 0)
		return;
	service_search(talk->config, writer->left, &search);
	dhcp4_search_write(writer, &search);
}

/* RFC 4702 4: no names are entered into any DNS here, so the client may do as it likes. */
static void write_fqdn(struct writer *writer, const struct dhcp4_talk *talk, const struct lease *lease)
{
	const char *domain = talk->config->domain;
	uint8_t flags = DHCP4_FQDN_NO_UPDATE | (talk->request.fqdn_flags & DHCP4_FQDN_WIRE_NAME);
	char name[LEASE_NAME_BYTES + SERVICE_NAME_BYTES];
	size_t bytes;

	if (!talk->request.has_fqdn || !lease || !lease->name[0])
		return;
	if (talk->request.fqdn_flags & DHCP4_FQDN_SERVER_UPDATES)
		flags |= DHCP4_FQDN_OVERRIDE;
	bytes = strlen(lease->name);
	memcpy(name, lease->name, bytes + 1);
	if (domain[0]) {
		name[bytes] = '.';
		memcpy(name + bytes + 1, domain, strlen(domain) + 1);
	}
	if (domain_valid(name))
		dhcp4_fqdn_write(writer, flags, name);
}

static void write_option(struct writer *writer, const struct dhcp4_talk *talk, const struct lease *lease, uint8_t code)
{
	const struct service_config *config = talk->config;
	uint32_t mask = ip4_mask(config->prefix4);
	struct ip4 address;

	switch (code) {
	case DHCP4_OPTION_NETMASK:
		address = ip4_from(mask);
		dhcp4_ip4_write(writer, code, &address, 1);
		break;
	case DHCP4_OPTION_ROUTER:
		dhcp4_ip4_write(writer, code, &config->host4, config->router4);
		break;
	case DHCP4_OPTION_ROUTES:
		write_routes(writer, talk);
		break;
	case DHCP4_OPTION_DNS:
		dhcp4_ip4_write(writer, code, config->dns4, config->dns4_count);
		break;
	case DHCP4_OPTION_MTU:
		dhcp4_u16_write(writer, code,
				(uint16_t)(config->mtu_bytes > UINT16_MAX ? UINT16_MAX : config->mtu_bytes));
		break;
	case DHCP4_OPTION_DOMAIN:
		dhcp4_text_write(writer, code, config->domain);
		break;
	case DHCP4_OPTION_BOOT_SERVER:
		dhcp4_text_write(writer, code, config->boot_server);
		break;
	case DHCP4_OPTION_BOOT_FILE:
		dhcp4_text_write(writer, code, config->boot_file);
		break;
	case DHCP4_OPTION_BROADCAST:
		address = ip4_from(ip4_value(config->net4) | ~mask);
		dhcp4_ip4_write(writer, code, &address, config->prefix4 < 31);
		break;
	case DHCP4_OPTION_HOSTNAME:
		dhcp4_text_write(writer, code, lease && lease->name[0] ? lease->name : config->hostname);
		break;
	case DHCP4_OPTION_FQDN:
		write_fqdn(writer, talk, lease);
		break;
	case DHCP4_OPTION_SEARCH:
		write_search(writer, talk);
		break;
	}
}

static void write_wanted_options(struct writer *writer, const struct dhcp4_talk *talk, const struct lease *lease)
{
	/* Without the first ones no guest works; the last ones may be long. RFC 2132 3.3: the netmask before the router. */
	static const uint8_t codes[] = {
		DHCP4_OPTION_NETMASK,   DHCP4_OPTION_ROUTER,      DHCP4_OPTION_DNS,       DHCP4_OPTION_MTU,
		DHCP4_OPTION_ROUTES,    DHCP4_OPTION_BOOT_SERVER, DHCP4_OPTION_BOOT_FILE, DHCP4_OPTION_DOMAIN,
		DHCP4_OPTION_BROADCAST, DHCP4_OPTION_HOSTNAME,    DHCP4_OPTION_FQDN,      DHCP4_OPTION_SEARCH,
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct writer before = *writer;

		if (!talk_wants(talk, codes[i]))
			continue;
		write_option(writer, talk, lease, codes[i]);
		option_settle(writer, before);
	}
}

/* ---- replies ---- */

/* RFC 2131 4.1: where the answer goes. On Ethernet it goes to the client alone even where the RFC has it broadcast: that
 * is for clients that take no IP but broadcasts yet, and the other guests have no business with it. */
static struct ip4 talk_to(const struct dhcp4_talk *talk, uint8_t type, struct ip4 yours)
{
	if (type == DHCP4_NAK)
		return IP4_BROADCAST;
	if (!ip4_is_zero(talk->message.client))
		return talk->message.client;
	return talk->message.flags & DHCP4_FLAG_BROADCAST || ip4_is_zero(yours) ? IP4_BROADCAST : yours;
}

/* The boot server and its file stand in the fixed fields as well: boot ROMs read nothing else. */
static void message_set_boot(struct dhcp4 *message, const struct service_config *config, uint8_t *server_name,
			     uint8_t *file)
{
	if (!config->boot_file[0] && !config->boot_server[0])
		return;
	memcpy(file, config->boot_file, strnlen(config->boot_file, DHCP4_FILE_BYTES - 1));
	message->file = file;
	if (!config->boot_server[0]) {
		message->server = config->host4;
	} else if (!ip4_parse(config->boot_server, &message->server)) {
		memcpy(server_name, config->boot_server, strnlen(config->boot_server, DHCP4_SERVER_NAME_BYTES - 1));
		message->server_name = server_name;
	}
}

static void message_write(struct writer *writer, const struct dhcp4_talk *talk, uint8_t type, struct ip4 yours)
{
	uint8_t server_name[DHCP4_SERVER_NAME_BYTES] = {0}, file[DHCP4_FILE_BYTES] = {0};
	struct dhcp4 message = {
		.operation = DHCP4_BOOTREPLY,
		.transaction = talk->message.transaction,
		.flags = talk->message.flags,
		.client = type == DHCP4_NAK || type == DHCP4_OFFER ? (struct ip4){{0}} : talk->message.client,
		.yours = yours,
		.mac = talk->message.mac,
	};

	if (type != DHCP4_NAK)
		message_set_boot(&message, talk->config, server_name, file);
	dhcp4_write(writer, &message);
	dhcp4_u8_write(writer, DHCP4_OPTION_TYPE, type);
	dhcp4_ip4_write(writer, DHCP4_OPTION_SERVER_ID, &talk->config->host4, 1);
	/* RFC 6842 3 */
	if (talk->request.client_id_bytes)
		dhcp4_option_write(writer, DHCP4_OPTION_CLIENT_ID, talk->request.client_id,
				   talk->request.client_id_bytes);
}

static void talk_write(struct writer *writer, const struct dhcp4_talk *talk, uint8_t type, const struct lease *lease)
{
	message_write(writer, talk, type, lease ? lease->ip4 : (struct ip4){{0}});
	if (type == DHCP4_NAK) {
		dhcp4_text_write(writer, DHCP4_OPTION_MESSAGE, "this address is not yours here");
	} else {
		if (lease)
			write_times(writer, talk, lease);
		write_wanted_options(writer, talk, lease);
	}
	dhcp4_end_write(writer);
}

/* `lease` is NULL in a refusal and in the answer to INFORM. */
static void talk_reply(const struct dhcp4_talk *talk, uint8_t type, const struct lease *lease)
{
	enum { IP_UDP_BYTES = 28 };
	size_t most = talk->request.message_bytes < DHCP4_CLIENT_MESSAGE_MIN ? DHCP4_CLIENT_MESSAGE_MIN
									     : talk->request.message_bytes;
	struct reply_draft draft;
	struct writer message;
	struct ip4 to = talk_to(talk, type, lease ? lease->ip4 : (struct ip4){{0}});

	reply_begin4(&draft, talk->reply, talk->config, talk->packet->ethernet.from, talk->config->host4, to,
		     IP_PROTOCOL_UDP);
	reply_udp(&draft, DHCP4_SERVER_PORT, DHCP4_CLIENT_PORT);
	message = reply_payload(&draft, most - IP_UDP_BYTES);
	talk_write(&message, talk, type, lease);
	reply_take(&draft, &message);
	reply_end(&draft);
}

/* Why the client gets no lease, if `otherwise` is why others would get none. */
static enum drop_reason talk_reason(const struct dhcp4_talk *talk, enum drop_reason otherwise)
{
	if (lease_mac_is_full(talk->leases, false, &talk->client))
		return DROP_DHCP4_TOO_MANY;
	return lease_port_is_full(talk->leases, false, &talk->client) ? DROP_DHCP4_PORT_SHARE : otherwise;
}

static enum drop_reason talk_refuse(const struct dhcp4_talk *talk)
{
	talk_reply(talk, DHCP4_NAK, NULL);
	return talk_reason(talk, DROP_DHCP4_NO_LEASE);
}

/* ---- messages ---- */

static enum drop_reason on_discover(struct dhcp4_talk *talk)
{
	struct lease *lease = lease_offer4(talk->leases, &talk->client, talk->request.requested, talk->now_us);

	if (!lease)
		return talk_reason(talk, DROP_DHCP4_POOL_EMPTY);
	talk_reply(talk, DHCP4_OFFER, lease);
	return DROP_NONE;
}

/* The client took another server's offer: ours is free again. */
static enum drop_reason on_request_elsewhere(struct dhcp4_talk *talk)
{
	struct lease *lease = lease_find_client(talk->leases, false, &talk->client);

	if (lease && lease->state == LEASE_OFFERED)
		lease_release(talk->leases, lease);
	return DROP_DHCP4_OTHER_SERVER;
}

/* RFC 2131 4.3.2. Selecting has a server identifier, init-reboot a requested address, and renewing and rebinding have
 * `ciaddr`; what the client must have for each comes to the same question. */
static enum drop_reason on_request(struct dhcp4_talk *talk)
{
	struct ip4 address = talk->request.has_requested ? talk->request.requested : talk->message.client;
	struct lease *lease;

	if (talk->request.has_server_id && !ip4_equal(talk->request.server_id, talk->config->host4))
		return on_request_elsewhere(talk);
	if (ip4_is_zero(address))
		return DROP_DHCP4_FORMAT;
	lease = lease_claim4(talk->leases, &talk->client, address, talk->now_us);
	if (!lease)
		return talk_refuse(talk);
	lease_set_name(talk->leases, lease, talk->request.hostname, sizeof(talk->request.hostname));
	lease_bind(talk->leases, lease, talk_lease_s(talk, lease), talk->now_us);
	talk_reply(talk, DHCP4_ACK, lease);
	return DROP_NONE;
}

static bool talk_is_for_us(const struct dhcp4_talk *talk)
{
	return !talk->request.has_server_id || ip4_equal(talk->request.server_id, talk->config->host4);
}

static enum drop_reason on_release(struct dhcp4_talk *talk)
{
	struct lease *lease = lease_find_client(talk->leases, false, &talk->client);

	if (!talk_is_for_us(talk))
		return DROP_DHCP4_OTHER_SERVER;
	if (!lease || lease->state != LEASE_BOUND || !ip4_equal(lease->ip4, talk->message.client))
		return DROP_DHCP4_NO_LEASE;
	lease_release(talk->leases, lease);
	return DROP_NONE;
}

static enum drop_reason on_decline(struct dhcp4_talk *talk)
{
	struct lease *lease = lease_find_client(talk->leases, false, &talk->client);

	if (!talk_is_for_us(talk))
		return DROP_DHCP4_OTHER_SERVER;
	if (!lease || lease->state == LEASE_FREE || !ip4_equal(lease->ip4, talk->request.requested))
		return DROP_DHCP4_NO_LEASE;
	lease_decline(talk->leases, lease, talk->now_us);
	return DROP_NONE;
}

/* RFC 2131 4.3.5: an address of its own, and a wish to know the rest. */
static enum drop_reason on_inform(struct dhcp4_talk *talk)
{
	if (ip4_is_zero(talk->message.client))
		talk->message.client = talk->packet->ip4.from;
	if (ip4_is_zero(talk->message.client) || ip4_is_multicast(talk->message.client))
		return DROP_DHCP4_FORMAT;
	talk_reply(talk, DHCP4_ACK, NULL);
	return DROP_NONE;
}

static enum drop_reason talk_read(struct dhcp4_talk *talk, const uint8_t *message, size_t bytes)
{
	struct reader reader;
	enum drop_reason verdict;

	reader_init(&reader, message, bytes);
	verdict = dhcp4_read(&reader, &talk->message);
	if (verdict == DROP_NONE)
		verdict = dhcp4_request_read(&talk->message, &talk->request);
	if (verdict != DROP_NONE)
		return verdict;
	if (talk->message.operation != DHCP4_BOOTREQUEST)
		return DROP_DHCP4_FORMAT;
	if (!ip4_is_zero(talk->message.relay))
		return DROP_DHCP4_RELAYED;
	if (!mac_equal(talk->message.mac, talk->packet->ethernet.from))
		return DROP_DHCP4_SENDER;
	client_from(&talk->client, talk->origin, &talk->message, &talk->request);
	return DROP_NONE;
}

enum drop_reason dhcp4_input(const struct visit *visit, const uint8_t *message, size_t bytes)
{
	struct dhcp4_talk talk = {.config = visit->config,
				  .leases = visit->leases,
				  .origin = visit->origin,
				  .packet = visit->packet,
				  .now_us = visit->now_us,
				  .reply = visit->reply};
	enum drop_reason verdict = talk_read(&talk, message, bytes);

	visit->reply->length = 0;
	if (verdict != DROP_NONE)
		return verdict;
	lease_expire(visit->leases, visit->now_us);
	switch (talk.request.type) {
	case DHCP4_DISCOVER:
		return on_discover(&talk);
	case DHCP4_REQUEST:
		return on_request(&talk);
	case DHCP4_RELEASE:
		return on_release(&talk);
	case DHCP4_DECLINE:
		return on_decline(&talk);
	case DHCP4_INFORM:
		return on_inform(&talk);
	}
	return DROP_DHCP4_TYPE;
}
