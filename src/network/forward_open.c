/* SPDX-License-Identifier: MIT */
/* The listening sockets of a rule, and what a person is told when one cannot be had. A wildcard of both families is two
 * sockets, since one for both would show IPv4 clients as mapped IPv6; where the system has no IPv6 it is one. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network/dialler.h"
#include "network/forward.h"
#include "network/network.h"
#include "network/passage.h"
#include "os/socket.h"

enum {
	FORWARD_BACKLOG = 4096,   /* net.core.somaxconn cuts it */
	FORWARD_PORT_TRIES = 32,  /* for a port that is free in both families */
	FORWARD_PORT_FREE = 1024, /* from here on it needs no privilege */
};

/* ---- what a person is told ---- */

/* At every address, if perhaps of one interface: "0.0.0.0:22", "[::]%eth0:22". */
static bool forward_is_any(const char *where)
{
	size_t length = strcspn(where, "%"), port = (size_t)(strrchr(where, ':') - where);

	length = length < port ? length : port;
	return (length == 7 && memcmp(where, "0.0.0.0", 7) == 0) || (length == 4 && memcmp(where, "[::]", 4) == 0);
}

static bool forward_has(const struct forward *forward, const char *where)
{
	for (size_t i = 0; i < forward->socket_count; i++) {
		const char *taken = forward->sockets[i].listening;

		if (strcmp(taken, where) == 0)
			return true;
		/* one of them at every address, of the same family */
		if ((forward_is_any(taken) || forward_is_any(where)) && (*taken == '[') == (*where == '[') &&
		    strcmp(strrchr(taken, ':'), strrchr(where, ':')) == 0)
			return true;
	}
	return false;
}

/* The rule of this network that listens there, or NULL: then it is somebody else. */
static const struct forward *forward_holder(const struct forward *forward, const char *where)
{
	list_for_each (at, &forward->network->forwards.forwards) {
		const struct forward *other = container_of(at, struct forward, link);

		if (other->spec.protocol == forward->spec.protocol && forward_has(other, where))
			return other;
	}
	return NULL;
}

static int forward_refuse_taken(const struct forward *forward, const char *where, uint16_t port,
				struct error *ret_error)
{
	const struct forward *holder = forward_holder(forward, where);

	if (holder)
		return error_set(
			ret_error, -EADDRINUSE,
			"forward '%.200s': %s is forward %u's, '%.200s'; choose another port, or take that one "
			"away first",
			forward->text, where, holder->id, holder->text);
	return error_set(ret_error, -EADDRINUSE,
			 "forward '%.200s': %s is in use; stop what listens there (ss -lpn 'sport = :%u' says what) or "
			 "choose another port",
			 forward->text, where, port);
}

static int forward_refuse(const struct forward *forward, const char *where, uint16_t port, int error,
			  struct error *ret_error)
{
	const char *text = forward->text;

	switch (error) {
	case -EADDRINUSE:
		return forward_refuse_taken(forward, where, port, ret_error);
	case -EACCES:
		return error_set(
			ret_error, error,
			"forward '%.200s': %s: ports below %d are root's; choose another, or let every user have "
			"them with `sysctl net.ipv4.ip_unprivileged_port_start=%u`",
			text, where, FORWARD_PORT_FREE, port);
	case -EADDRNOTAVAIL:
		return error_set(ret_error, error,
				 "forward '%.200s': %s: no address of this machine; leave it out for all of them", text,
				 where);
	case -EMFILE:
		return error_set(
			ret_error, error,
			"forward '%.200s': %s: no descriptor is left; raise the limit of open files (ulimit -n)", text,
			where);
	case -ENODEV:
		return error_set(ret_error, error,
				 "forward '%.200s': there is no interface %s; `ip link` lists those there are", text,
				 forward->spec.ifname);
	}
	return error_set(ret_error, error, "forward '%.200s': %s: %s", text, where, error_name(error));
}

/* ---- addresses ---- */

static void forward_write(const struct forward *forward, struct ip6 ip, uint16_t port, bool is6, char *text)
{
	const struct nat_address address = {.ip = ip};
	char ip_text[IP6_TEXT_BYTES] = "0.0.0.0";
	const char *ifname = forward->spec.ifname;

	if (is6)
		ip6_format(ip, ip_text);
	else if (nat_address_is4(&address))
		ip4_format(nat_address_ip4(&address), ip_text);
	snprintf(text, FORWARD_TEXT_BYTES, is6 ? "[%s]%s%s:%u" : "%s%s%s:%u", ip_text, *ifname ? "%" : "", ifname,
		 port);
}

static uint16_t forward_port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &bytes) < 0)
		return 0;
	/* the port stands at the same place in both */
	return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

static bool forward_is_loopback(struct ip6 ip)
{
	const struct nat_address address = {.ip = ip};

	return nat_address_is4(&address) ? ip4_is_loopback(nat_address_ip4(&address))
					 : ip6_equal(ip, (struct ip6){{[15] = 1}});
}

/* ---- one socket ---- */

static int forward_socket_open(const struct forward *forward, bool is6)
{
	const int on = 1;
	int fd;

	if (forward->spec.protocol == FORWARD_UDP)
		return nat_udp_open(user_nat(forward->network->user), is6);
	fd = socket_open(is6 ? AF_INET6 : AF_INET, SOCK_STREAM);
	if (fd < 0)
		return fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (is6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return fd;
}

/* A passage for the datagrams of this machine's loopback may have the port already. Sockets that share an address so do it
 * only while they are bound: whoever comes later may not. */
static bool forward_stands_beside(const struct forward *forward)
{
	struct ip6 guest;

	return forward->spec.protocol == FORWARD_UDP &&
	       addressee_find(forward->network, &forward->spec.guest, &guest) == 0 &&
	       dialler_find(forward->network, guest);
}

/* Bound, and listening where it is TCP; the port that was asked for, or the system's choice. A descriptor. */
static int forward_socket_bind(const struct forward *forward, struct ip6 ip, uint16_t port, bool is6)
{
	struct sockaddr_storage address;
	const struct nat_address place = {.ip = ip, .port = port};
	socklen_t bytes = nat_address_write(&place, is6, &address);
	int fd = forward_socket_open(forward, is6), error;
	bool beside = forward_stands_beside(forward);

	if (fd < 0)
		return fd;
	if (forward->spec.ifname[0] && (error = socket_bind_device(fd, forward->spec.ifname)) < 0) {
		close(fd);
		return error;
	}
	if (beside)
		socket_share_address(fd, true);
	error = bind(fd, (const struct sockaddr *)&address, bytes) < 0 ? -errno : 0;
	if (beside)
		socket_share_address(fd, false);
	if (error == 0 && forward->spec.protocol != FORWARD_UDP && listen(fd, FORWARD_BACKLOG) < 0)
		error = -errno;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static void forward_socket_add(struct forward *forward, int fd, struct ip6 ip, bool is6, uint16_t guest_port)
{
	struct forward_socket *socket = &forward->sockets[forward->socket_count++];

	socket->forward = forward;
	socket->fd = fd;
	socket->is6 = is6;
	socket->loopback = forward_is_loopback(ip);
	socket->guest_port = guest_port;
	list_init(&socket->waits);
	forward_write(forward, ip, forward_port_of(fd), is6, socket->listening);
}

/* A passage at the guest's port leads to this one: whoever connects from this machine's loopback would be led in circles
 * until no descriptor is left. */
static int forward_check_circle(const struct forward *forward, int fd, struct ip6 ip, bool is6, uint16_t guest_port,
				struct error *ret_error)
{
	uint16_t port = forward_port_of(fd);
	struct ip6 guest;

	if (forward->spec.protocol != FORWARD_TCP || !dialler_reaches(ip) ||
	    !passage_leads(forward->network, is6, guest_port, port) ||
	    addressee_find(forward->network, &forward->spec.guest, &guest) < 0 ||
	    !dialler_find(forward->network, guest))
		return 0;
	return error_set(ret_error, -ELOOP,
			 "forward '%.200s': the namespace's port %u leads back to port %u of this machine, in circles "
			 "without end; leave one of the two out",
			 forward->text, guest_port, port);
}

static int forward_open_one(struct forward *forward, struct ip6 ip, uint16_t port, bool is6, uint16_t guest_port,
			    struct error *ret_error)
{
	int fd = forward_socket_bind(forward, ip, port, is6), error;
	char where[FORWARD_TEXT_BYTES];

	forward_write(forward, ip, port, is6, where);
	if (fd < 0)
		return forward_refuse(forward, where, port, fd, ret_error);
	error = forward_check_circle(forward, fd, ip, is6, guest_port, ret_error);
	if (error < 0) {
		close(fd);
		return error;
	}
	forward_socket_add(forward, fd, ip, is6, guest_port);
	return 0;
}

static bool forward_has_no_ip6(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL || error == -EPROTONOSUPPORT;
}

/* Every address of both families, under one port. */
static int forward_open_both(struct forward *forward, uint16_t port, uint16_t guest_port, struct error *ret_error)
{
	static const struct ip6 any;
	int error = 0;

	for (int tries = 0; tries < FORWARD_PORT_TRIES; tries++) {
		struct forward_socket *first = &forward->sockets[forward->socket_count];
		uint16_t taken;

		error = forward_open_one(forward, any, port, false, guest_port, ret_error);
		if (error < 0)
			return error;
		taken = forward_port_of(first->fd);
		error = forward_open_one(forward, any, taken, true, guest_port, ret_error);
		if (error >= 0 || forward_has_no_ip6(error))
			return 0;
		if (port > 0 || error != -EADDRINUSE)
			return error;
		/* free in one family alone: the system chooses another */
		close(first->fd);
		forward->socket_count--;
	}
	return error;
}

/* ---- a rule's ---- */

static int forward_open_unix(struct forward *forward, struct error *ret_error)
{
	struct forward_socket *socket = &forward->sockets[0];
	struct error error = {0};

	if (unix_listener_open(forward->spec.path, SOCK_STREAM, NULL, &socket->listener, &error) < 0)
		return error_set(ret_error, error.code, "forward '%.200s': %.250s", forward->text, error.text);
	socket->forward = forward;
	socket->fd = socket->listener.fd;
	socket->guest_port = forward->spec.guest_port;
	list_init(&socket->waits);
	snprintf(socket->listening, sizeof(socket->listening), "%s", forward->spec.path);
	forward->socket_count = 1;
	return 0;
}

int forward_open(struct forward *forward, struct error *ret_error)
{
	const struct forward_spec *spec = &forward->spec;
	const struct nat_address address = {.ip = spec->address};
	bool both = ip6_is_zero(spec->address) && !spec->only6;
	int error = 0;

	forward->sockets = calloc(both ? 2U * spec->count : spec->count, sizeof(*forward->sockets));
	if (!forward->sockets)
		return error_set(ret_error, -ENOMEM, "out of memory");
	if (spec->protocol == FORWARD_UNIX)
		return forward_open_unix(forward, ret_error);
	for (uint16_t i = 0; i < spec->count && error >= 0; i++) {
		uint16_t port = (uint16_t)(spec->port + i), guest_port = (uint16_t)(spec->guest_port + i);

		error = both ? forward_open_both(forward, port, guest_port, ret_error)
			     : forward_open_one(forward, spec->address, port, !nat_address_is4(&address), guest_port,
						ret_error);
	}
	if (error < 0)
		forward_close(forward);
	return error;
}

void forward_close(struct forward *forward)
{
	for (size_t i = 0; i < forward->socket_count; i++) {
		if (forward->spec.protocol == FORWARD_UNIX)
			unix_listener_close(&forward->sockets[i].listener);
		else
			close(forward->sockets[i].fd);
	}
	forward->socket_count = 0;
}
