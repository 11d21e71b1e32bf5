/* SPDX-License-Identifier: MIT */
/* Forwards by UDP: the sockets that listen, and who sent to them. How they stand to mappings is told in udp.h.
 *
 * A listener's key is one that no packet has: no far address, and a number for its port. A peer's is the guest and the
 * address that the guest sees, so that the guest's answer finds it; when that is taken by another client (two of this
 * machine's loopbacks, one in the guest's net), the port is one of UDP_PEER_TRIES that a hash of the client tells. */
#include <errno.h>
#include <string.h>

#include "nat/udp_state.h"

/* So often it is seen whether a listener is still wanted, and still leads to the right guest. */
enum { UDP_LISTENER_US = 10 * 1000 * 1000 };

static struct udp_flow *udp_of(struct flow *flow)
{
	return container_of(flow, struct udp_flow, flow);
}

/* ---- peers ---- */

struct udp_flow *udp_peer_find(const struct udp *udp, bool is6, const struct nat_address *guest,
			       const struct nat_address *far)
{
	struct flow_key key;
	struct flow *found;

	if (udp->nat->udp_peers == 0)
		return NULL;
	key = flow_key(IP_PROTOCOL_UDP, is6, guest, far);
	found = flow_find(&udp->nat->flows, &key);
	return found && udp_of(found)->role == UDP_PEER ? udp_of(found) : NULL;
}

static struct udp_client udp_client_of(const struct datagram_receipt *receipt)
{
	struct udp_client client;

	memset(&client, 0, sizeof(client));
	client.address_bytes =
		receipt->from.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	memcpy(client.address, &receipt->from, client.address_bytes);
	client.here = receipt->here;
	return client;
}

/* This machine, and what the guest would take for itself or a neighbour, is the gateway to it. */
static void udp_client_show(const struct udp_flow *listener, const struct datagram_receipt *receipt,
			    struct nat_address *ret_far)
{
	const struct flow_key *key = &listener->flow.key;
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	uint16_t port;

	nat_far_address(listener->udp->nat, (const struct sockaddr *)(const void *)&receipt->from, key->is6, ret_far);
	port = ret_far->port;
	if (!ip6_equal(ret_far->ip, key->guest))
		return;
	nat_far_address(listener->udp->nat, &nobody, key->is6, ret_far);
	ret_far->port = port;
}

static struct udp_flow *udp_peer_make(struct udp_flow *listener, const struct flow_key *key,
				      const struct udp_client *client)
{
	struct flow *base = &listener->flow;
	struct udp_flow *peer = udp_flow_new(listener->udp, key, base->port, base->mac, base->vlan);

	if (!peer)
		return NULL;
	peer->role = UDP_PEER;
	peer->peer.client = *client;
	peer->peer.listener = listener;
	list_append(&listener->listener.peers, &peer->peer.link);
	listener->udp->nat->udp_peers++;
	listener->listener.forward->peers++;
	flow_set_timer(&peer->flow, peer->used_us + UDP_SHORT_US);
	return peer;
}

/* Its listener came back, perhaps for another guest with the same address. */
static struct udp_flow *udp_peer_join(struct udp_flow *peer, struct udp_flow *listener)
{
	const struct flow *base = &listener->flow;

	if (peer->peer.listener != listener) {
		list_append(&listener->listener.peers, &peer->peer.link);
		peer->peer.listener = listener;
	}
	if (peer->flow.port != base->port)
		flow_move(&peer->flow, base->port);
	peer->flow.mac = base->mac;
	peer->flow.vlan = base->vlan;
	return peer;
}

struct udp_flow *udp_peer_of(struct udp_flow *listener, const struct datagram_receipt *receipt,
			     struct nat_address *ret_far)
{
	enum { FIRST = 49152, COUNT = 65536 - FIRST }; /* RFC 6335 6 */
	const struct nat_address guest = {.ip = listener->flow.key.guest, .port = listener->flow.key.guest_port};
	const struct udp_client client = udp_client_of(receipt);
	uint64_t hash = 0;

	udp_client_show(listener, receipt, ret_far);
	for (unsigned i = 0; i < UDP_PEER_TRIES; i++) {
		struct flow_key key;
		struct flow *found;

		if (i == 1)
			hash = hash_bytes(&listener->udp->nat->flows.hash, &client, sizeof(client)) % COUNT;
		if (i > 0)
			ret_far->port = (uint16_t)(FIRST + (hash + i) % COUNT);
		key = flow_key(IP_PROTOCOL_UDP, listener->flow.key.is6, &guest, ret_far);
		found = flow_find(&listener->udp->nat->flows, &key);
		if (!found)
			return udp_peer_make(listener, &key, &client);
		if (udp_of(found)->role == UDP_PEER &&
		    (!udp_of(found)->peer.listener || udp_of(found)->peer.listener == listener) &&
		    memcmp(&udp_of(found)->peer.client, &client, sizeof(client)) == 0)
			return udp_peer_join(udp_of(found), listener);
	}
	return NULL;
}

void udp_peer_end(struct udp_flow *peer)
{
	struct udp *udp = peer->udp;

	if (peer->peer.listener && udp->batch.flow == peer->peer.listener)
		udp_send(udp);
	if (peer->peer.listener)
		list_remove(&peer->peer.link);
	udp->nat->udp_peers--;
}

/* ---- listeners ---- */

void udp_listener_end(struct udp_flow *listener)
{
	const struct datagram_way plain = {.service = 0};
	struct nat_udp_forward *forward = listener->listener.forward;
	struct udp *udp = listener->udp;

	list_for_each_safe (at, &listener->listener.peers) {
		list_remove(at);
		container_of(at, struct udp_flow, peer.link)->peer.listener = NULL;
	}
	loop_unwatch(udp->nat->config.loop, &listener->watch);
	udp->ops->set_way(udp->ops_owner, listener->watch.fd, listener->is6, &listener->way, &plain);
	forward->flow = NULL;
	if (forward->on_end)
		forward->on_end(forward->owner);
}

void udp_listener_on_due(struct udp_flow *listener)
{
	struct nat_udp_forward *forward = listener->listener.forward;

	if (list_empty(&listener->listener.peers) || !forward->on_check(forward->owner))
		udp_end(&listener->flow);
	else
		flow_set_timer(&listener->flow, nat_now_us(listener->flow.nat) + UDP_LISTENER_US);
}

/* A number that no other listener for this port of the guest's has. */
static struct flow_key udp_listener_key(const struct nat *nat, const struct nat_address *guest)
{
	struct nat_address number = {.port = 0};
	struct flow_key key;

	do {
		number.port++;
		key = flow_key(IP_PROTOCOL_UDP, !nat_address_is4(guest), guest, &number);
	} while (flow_find(&nat->flows, &key));
	return key;
}

int nat_udp_open(struct nat *nat, bool is6)
{
	struct udp *udp = nat->protocols[NAT_UDP];
	int fd = udp->ops->open(udp->ops_owner, DATAGRAM_FORWARD, is6, NULL);

	/* it is for many clients, however little each one says */
	if (fd >= 0)
		udp->ops->set_stream(udp->ops_owner, fd);
	return fd;
}

int nat_udp_forward(struct nat *nat, struct nat_udp_forward *forward)
{
	struct udp *udp = nat->protocols[NAT_UDP];
	struct flow_key key = udp_listener_key(nat, &forward->guest);
	struct udp_flow *listener = udp_flow_new(udp, &key, forward->port, forward->mac, 0);
	int error;

	if (!listener)
		return -ENFILE;
	listener->is6 = forward->is6;
	error = udp_adopt(listener, forward->fd);
	if (error < 0) {
		listener->watch.fd = -1; /* still the caller's */
		udp_end(&listener->flow);
		return error;
	}
	listener->role = UDP_LISTENER;
	list_init(&listener->listener.peers);
	listener->listener.forward = forward;
	forward->flow = &listener->flow;
	flow_set_timer(&listener->flow, listener->used_us + UDP_LISTENER_US);
	return 0;
}

void nat_udp_forward_end(struct nat_udp_forward *forward)
{
	void (*on_end)(void *owner) = forward->on_end;

	if (!forward->flow)
		return;
	forward->on_end = NULL;
	udp_end(forward->flow);
	forward->on_end = on_end;
}
