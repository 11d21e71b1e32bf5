/* SPDX-License-Identifier: MIT */
/* Whose a frame for the gateway is. The services have what is for the gateway itself and about the link; the resolver has
 * its port at its address; all else is NAT's. The gateway's address leads to the host's loopback unless
 * host-loopback=off: then the services refuse it, as they do without an uplink. */
#include "network/user.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "nat/nat.h"
#include "network/fileserver.h"
#include "network/gateway.h"
#include "network/guestfwd.h"
#include "network/resolver.h"
#include "os/entropy.h"
#include "os/socket.h"
#include "service/packet.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"
#include "wire/dns.h"
#include "wire/icmp.h"
#include "wire/udp.h"

/* The gateway's addresses of one family; IPv4 as ::ffff:a.b.c.d, zero for none. */
struct user_place {
	struct ip6 host;
	struct ip6 resolver;
	struct ip6 home; /* leads to the host's loopback */
};

struct user {
	struct user_config config;
	struct user_place places[2]; /* of IPv4 and IPv6 */
	const struct service_config *service;
	struct nat *nat;
	struct resolver *resolver;
	struct fileserver *fileserver; /* NULL: without tftp= */
};

int user_host_has_ip6(const struct outbounds *outbounds)
{
	/* the first of the global range (RFC 4291 2.4); connecting a datagram socket only asks for a route */
	struct sockaddr_in6 far = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = {{{0x20, [15] = 1}}}};
	const struct outbound *outbound = outbounds_of(outbounds, AF_INET6);
	int fd = socket_open(AF_INET6, SOCK_DGRAM);
	bool reached;

	if (fd < 0)
		return fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM ? fd : 0;
	reached = (!outbound || outbound_bind(fd, outbound) >= 0) &&
		  connect(fd, (const struct sockaddr *)&far, sizeof(far)) == 0;
	close(fd);
	return reached;
}

/* ---- whose a frame is ---- */

/* The far end's, of TCP or UDP. */
static uint16_t user_port(const struct frame *frame)
{
	struct be16 port;

	if (!frame->layout.payload)
		return 0;
	memcpy(&port, frame->head + frame->layout.l4 + sizeof(port), sizeof(port));
	return be16_value(port);
}

/* Of an ICMP message to the gateway's address; -1: it is too short to have one. */
static int user_icmp_type(const struct frame *frame)
{
	return frame->layout.l4 && frame->layout.l4 < frame->head_bytes ? frame->head[frame->layout.l4] : -1;
}

/* Does what is sent there go on? Under address=host the gateway's address is a router's of the host's, too. */
static bool user_leads_on(const struct user *user, const struct user_place *place, struct ip6 to)
{
	const struct description *description = user->config.description;

	if (ip6_equal(to, place->home) && description->host_loopback)
		return !description->restricted;
	return ip6_equal(to, place->host) && description->wears_host && !description->restricted;
}

/* To one of the gateway's addresses. What is diverted by TCP, the resolver and guestfwd=, is NAT's. */
static bool user_is_nats(const struct user *user, const struct frame *frame, struct nat_address to, bool is6)
{
	const struct user_place *place = &user->places[is6];
	bool resolver = ip6_equal(to.ip, place->resolver);

	to.port = user_port(frame);
	if (frame->layout.protocol == IP_PROTOCOL_TCP &&
	    ((resolver && to.port == DNS_PORT) || guestfwd_find(&user->config.description->guestfwds, &to)))
		return true;
	if (frame->layout.protocol == IP_PROTOCOL_UDP &&
	    (to.port == (is6 ? DHCP6_SERVER_PORT : DHCP4_SERVER_PORT) || (resolver && to.port == DNS_PORT) ||
	     (user->fileserver && ip6_equal(to.ip, place->host) && fileserver_has_port(user->fileserver, to.port))))
		return false;
	/* what came from the host itself by a forward is answered to the gateway's address, wherever that leads */
	return user_leads_on(user, place, to.ip) || nat_has_flow(user->nat, frame);
}

static bool user_wants4(const struct user *user, const struct frame *frame)
{
	const struct service_config *service = user->service;
	int type = user_icmp_type(frame);
	struct ip4 to;

	if (frame->head_bytes < (uint32_t)ETHERNET_HEADER_BYTES + IP4_HEADER_BYTES)
		return false;
	memcpy(to.byte, frame->head + frame->layout.l3 + IP4_TO_AT, sizeof(to.byte));
	if (ip4_is_multicast(to) || ip4_equal(to, IP4_BROADCAST) ||
	    ip4_value(to) == (ip4_value(service->net4) | ~ip4_mask(service->prefix4)))
		return false;
	if (!service_is_ours4(service, to))
		return true;
	if (frame->layout.protocol == IP_PROTOCOL_ICMP && type == ICMP4_ECHO_REQUEST)
		return false;
	/* about what came from the host itself by a forward, wherever the gateway's address leads */
	if (frame->layout.protocol == IP_PROTOCOL_ICMP && type >= 0 && icmp4_is_error((uint8_t)type))
		return true;
	return user_is_nats(user, frame, nat_address4(to, 0), false);
}

static bool user_wants6(const struct user *user, const struct frame *frame)
{
	const struct service_config *service = user->service;
	int type = user_icmp_type(frame);
	struct ip6 to;

	if (frame->head_bytes < (uint32_t)ETHERNET_HEADER_BYTES + IP6_HEADER_BYTES)
		return false;
	memcpy(to.byte, frame->head + frame->layout.l3 + IP6_TO_AT, sizeof(to.byte));
	if (ip6_is_multicast(to) || ip6_is_link_local(to))
		return false;
	if (!service_is_ours6(service, to))
		return true;
	/* neighbour discovery is not, nor are echoes */
	if (frame->layout.protocol == IP_PROTOCOL_ICMP6)
		return type >= 0 && icmp6_is_error((uint8_t)type);
	return user_is_nats(user, frame, nat_address6(to, 0), true);
}

/* Tagged frames are nobody's here: ARP and DHCP do not speak to them either. */
static bool user_wants(const struct user *user, const struct frame *frame)
{
	struct mac to;

	memcpy(to.byte, frame->head, sizeof(to.byte));
	if (!mac_equal(to, user->service->mac) || frame->layout.l3 != ETHERNET_HEADER_BYTES)
		return false;
	switch (frame->layout.type) {
	case ETHERTYPE_IPV4:
		return user->service->ip4 && user_wants4(user, frame);
	case ETHERTYPE_IPV6:
		return user->service->ip6 && user_wants6(user, frame);
	}
	return false;
}

bool user_input(struct user *user, const struct frame *frame)
{
	struct port *gateway = gateway_port(user->config.gateway), *from;
	enum drop_reason reason;
	struct mac mac;

	if (!user_wants(user, frame))
		return false;
	memcpy(mac.byte, frame->head + sizeof(mac.byte), sizeof(mac.byte));
	/* The switch has just learned it, unless its table is full: then no answer would find the way. */
	from = ethswitch_find(user->config.ethswitch, mac, 0);
	if (!from || from == gateway) {
		port_drop(gateway, DROP_DESTINATION_GONE, frame);
		return true;
	}
	reason = nat_input(user->nat, from, frame);
	if (reason != DROP_NONE) {
		port_drop(from, reason, frame);
		return true;
	}
	gateway->counters.to_guest.frames++;
	gateway->counters.to_guest.bytes += frame->length;
	return true;
}

void user_flush(struct user *user)
{
	nat_flush(user->nat);
}

bool user_run(struct user *user)
{
	return nat_run(user->nat);
}

void user_port_gone(struct user *user, struct port *port)
{
	nat_port_gone(user->nat, port);
}

struct nat *user_nat(const struct user *user)
{
	return user->nat;
}

/* ---- what answers datagrams: the resolver and the file server ---- */

static struct ip6 user_ip6_of(struct ip4 ip)
{
	return nat_address4(ip, 0).ip;
}

/* Who asks, if it is a neighbour; under address=host it may have the host's last address still. */
static bool user_read_asker(const struct user *user, const struct packet *packet, const struct udp_header *header,
			    struct asker *ret_asker)
{
	const struct service_config *service = user->service;

	memset(ret_asker, 0, sizeof(*ret_asker));
	ret_asker->mac = packet->ethernet.from;
	ret_asker->guest_port = header->from_port;
	ret_asker->asked_port = header->to_port;
	ret_asker->place = (uintptr_t)ethswitch_find(user->config.ethswitch, packet->ethernet.from, 0);
	if (packet->is6) {
		ret_asker->guest = packet->ip6.from;
		ret_asker->asked = packet->ip6.to;
		return (service->shares_net || ip6_in_net(packet->ip6.from, service->net6, service->prefix6)) &&
		       !service_is_ours6(service, packet->ip6.from);
	}
	ret_asker->guest = user_ip6_of(packet->ip4.from);
	ret_asker->asked = user_ip6_of(packet->ip4.to);
	return (service->shares_net || ip4_in_net(packet->ip4.from, service->net4, service->prefix4)) &&
	       !service_is_ours4(service, packet->ip4.from);
}

static bool user_asks_resolver(const struct user *user, const struct packet *packet, uint16_t port)
{
	const struct service_config *service = user->service;

	if (port != DNS_PORT)
		return false;
	if (packet->is6)
		return !ip6_is_zero(service->resolver6) && ip6_equal(packet->ip6.to, service->resolver6);
	return !ip4_is_zero(service->resolver4) && ip4_equal(packet->ip4.to, service->resolver4);
}

static bool user_asks_fileserver(const struct user *user, const struct packet *packet, uint16_t port)
{
	const struct service_config *service = user->service;

	if (!user->fileserver || !fileserver_has_port(user->fileserver, port))
		return false;
	return packet->is6 ? ip6_equal(packet->ip6.to, service->host6) : ip4_equal(packet->ip4.to, service->host4);
}

bool user_ask(struct user *user, const uint8_t *bytes, size_t length, enum drop_reason *ret_reason)
{
	struct udp_header header;
	struct checksum pseudo;
	struct reader payload;
	struct packet packet;
	struct asker asker;
	bool resolver;

	if (packet_parse(bytes, length, &packet) != DROP_NONE || packet.protocol != IP_PROTOCOL_UDP ||
	    packet.fragment || !mac_equal(packet.ethernet.to, user->service->mac))
		return false;
	reader_init(&payload, packet.transport, packet.transport_bytes);
	if (udp_header_read(&payload, packet.transport_bytes, &header) != DROP_NONE)
		return false;
	resolver = user_asks_resolver(user, &packet, header.to_port);
	if ((!resolver && !user_asks_fileserver(user, &packet, header.to_port)) ||
	    !user_read_asker(user, &packet, &header, &asker))
		return false;
	packet.transport_bytes = header.bytes;
	pseudo = packet_pseudo(&packet);
	*ret_reason = udp_checksum_verify(&pseudo, packet.transport, header.bytes, packet.is6);
	if (*ret_reason == DROP_NONE)
		*ret_reason = resolver ? resolver_input(user->resolver, &asker, payload.next, payload.left)
				       : fileserver_input(user->fileserver, &asker, payload.next, payload.left);
	return true;
}

static void user_on_answer(void *owner, const struct asker *asker, const void *message, size_t bytes)
{
	struct user *user = owner;

	gateway_answer(user->config.gateway, asker, message, bytes);
}

static void user_on_drop(void *owner, enum drop_reason reason)
{
	struct user *user = owner;

	port_drop(gateway_port(user->config.gateway), reason, NULL);
}

static int user_open_guestfwd(struct user *user, const struct guestfwd *guestfwd)
{
	int fd = -ECONNREFUSED;

	switch (guestfwd->kind) {
	case GUESTFWD_SOCKET:
		return guestfwd_connect(guestfwd);
	case GUESTFWD_COMMAND:
		fd = user->config.open_command(user->config.owner, guestfwd->command);
		break;
	case GUESTFWD_SHARE:
		fd = user->config.open_share(user->config.owner, guestfwd->folder);
		break;
	}
	return fd == -ENOENT ? -ECONNREFUSED : fd;
}

static int user_on_divert(void *owner, const struct port *from, const struct nat_address *guest,
			  const struct nat_address *far)
{
	struct user *user = owner;
	const struct service_config *service = user->service;
	const struct guestfwd *guestfwd = guestfwd_find(&user->config.description->guestfwds, far);
	struct asker asker;

	if (guestfwd)
		return user_open_guestfwd(user, guestfwd);
	if (far->port != DNS_PORT)
		return -ENOENT;
	if (nat_address_is4(far) ? !ip4_equal(nat_address_ip4(far), service->resolver4)
				 : ip6_is_zero(far->ip) || !ip6_equal(far->ip, service->resolver6))
		return -ENOENT;
	memset(&asker, 0, sizeof(asker));
	asker.guest = guest->ip;
	asker.asked = far->ip;
	asker.guest_port = guest->port;
	asker.asked_port = far->port;
	asker.place = (uintptr_t)from;
	return resolver_connect(user->resolver, &asker);
}

static int user_may_hand_over(void *owner, const struct nat_address *guest)
{
	struct user *user = owner;

	return user->config.may_hand_over(user->config.owner, guest);
}

static int user_on_hand_over(void *owner, int fd, const struct tcp_repair *state, struct nat_carrier **ret_carrier)
{
	struct user *user = owner;

	return user->config.hand_over(user->config.owner, fd, state, ret_carrier);
}

static void user_on_notice(void *owner, const char *text)
{
	struct user *user = owner;

	user->config.on_notice(user->config.owner, text);
}

/* ---- life ---- */

/* What of NAT's is an address of the network's. */
static void user_nat_addresses(const struct user *user, struct nat_config *config)
{
	const struct description *description = user->config.description;
	const struct service_config *service = &description->service;

	config->host4 = service->host4;
	config->net4 = service->net4;
	config->prefix4 = service->prefix4;
	config->loopback4 = description->map4;
	config->shared4 = service->dhcp4_first;
	config->host6 = service->host6;
	config->net6 = service->net6;
	config->prefix6 = service->prefix6;
	config->loopback6 = description->map6;
	config->shared6 = service->dhcp6_first;
}

static void user_set_places(struct user *user)
{
	const struct description *description = user->config.description;
	const struct service_config *service = &description->service;

	user->places[0] =
		(struct user_place){.host = user_ip6_of(service->host4), .home = user_ip6_of(description->map4)};
	if (!ip4_is_zero(service->resolver4))
		user->places[0].resolver = user_ip6_of(service->resolver4);
	user->places[1] =
		(struct user_place){.host = service->host6, .resolver = service->resolver6, .home = description->map6};
}

void user_address_lost(struct user *user)
{
	nat_address_lost(user->nat);
	resolver_begin_anew(user->resolver);
}

const char *user_resolvers(const struct user *user, char text[USER_RESOLVERS_BYTES])
{
	resolver_describe(user->resolver, text, USER_RESOLVERS_BYTES);
	return text;
}

void user_readdress(struct user *user)
{
	struct nat_config config = {0};

	user_set_places(user);
	user_nat_addresses(user, &config);
	nat_readdress(user->nat, &config);
	resolver_readdress(user->resolver);
}

static bool user_has_outbound(const struct description *description)
{
	return outbounds_of(&description->outbounds, AF_INET) || outbounds_of(&description->outbounds, AF_INET6);
}

static int user_make_nat(struct user *user)
{
	const struct description *description = user->config.description;
	const struct service_config *service = &description->service;
	struct nat_config config = {.loop = user->config.loop,
				    .ethswitch = user->config.ethswitch,
				    .gateway = gateway_port(user->config.gateway),
				    .mac = service->mac,
				    .ip4 = service->ip4,
				    .ip6 = service->ip6,
				    .shares_net = service->shares_net,
				    .restricted = description->restricted,
				    .host_loopback = description->host_loopback,
				    .udp_filter_none = description->udp_filter_none,
				    .outbounds = user_has_outbound(description) ? &description->outbounds : NULL,
				    .flows = description->flows,
				    .divert = user_on_divert,
				    .may_hand_over = user->config.hand_over ? user_may_hand_over : NULL,
				    .hand_over = user->config.hand_over ? user_on_hand_over : NULL,
				    .on_notice = user_on_notice,
				    .owner = user};
	int error = entropy_fill(&config.key, sizeof(config.key));

	user_nat_addresses(user, &config);
	return error < 0 ? error : nat_new(&config, &user->nat);
}

static int user_make_fileserver(struct user *user, struct error *ret_error)
{
	const struct description *description = user->config.description;
	const struct fileserver_config config = {.loop = user->config.loop,
						 .folder = description->tftp,
						 .mtu_bytes = description->service.mtu_bytes,
						 .send = user_on_answer,
						 .owner = user};

	return description->tftp[0] ? fileserver_new(&config, &user->fileserver, ret_error) : 0;
}

static int user_check_commands(const struct user_config *config, struct error *ret_error)
{
	const struct guestfwd_list *list = &config->description->guestfwds;
	const struct guestfwd *share = guestfwd_share(list);

	if (share && !config->open_share)
		return error_set(ret_error, -EOPNOTSUPP, "smb=%.100s: this program runs no file server", share->folder);
	for (size_t i = 0; i < list->count && !config->open_command; i++) {
		if (list->items[i].kind == GUESTFWD_COMMAND)
			return error_set(ret_error, -EOPNOTSUPP, "guestfwd=…-cmd:%.100s: this program runs no commands",
					 list->items[i].command);
	}
	return 0;
}

int user_new(const struct user_config *config, struct user **ret_user, struct error *ret_error)
{
	struct user *user = calloc(1, sizeof(*user));
	struct resolver_config resolver = {.loop = config->loop,
					   .service = &config->description->service,
					   .home4 = &config->description->map4,
					   .home6 = &config->description->map6,
					   .leases = config->leases,
					   .network = config->network,
					   .alone = config->description->restricted,
					   .outbounds = &config->description->outbounds,
					   .servers = config->description->dns_hosts,
					   .server_count = config->description->dns_host_count,
					   .send = user_on_answer,
					   .on_drop = user_on_drop,
					   .owner = user};
	int error = user_check_commands(config, ret_error);

	if (!user || error < 0) {
		free(user);
		return user ? error : -ENOMEM;
	}
	user->config = *config;
	user->service = &config->description->service;
	user_set_places(user);
	error = user_make_fileserver(user, ret_error);
	if (error >= 0)
		error = resolver_new(&resolver, &user->resolver);
	if (error >= 0)
		error = user_make_nat(user);
	if (error < 0) {
		user_free(user);
		return error;
	}
	*ret_user = user;
	return 0;
}

void user_free(struct user *user)
{
	if (!user)
		return;
	nat_free(user->nat);
	resolver_free(user->resolver);
	fileserver_free(user->fileserver);
	free(user);
}
