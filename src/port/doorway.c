/* SPDX-License-Identifier: MIT */
/* See doorway.h. */
#include "port/doorway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"
#include "port/inet.h"

/* ---- who comes ---- */

/* Who is there, for show. */
static void doorway_far_end(const struct doorway *doorway, int fd, char *ret_text, size_t size)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char text[INET_TEXT_BYTES] = "";
	pid_t pid;

	if (getpeername(fd, (struct sockaddr *)&address, &length) == 0)
		inet_address_format(&address, text);
	if (text[0])
		snprintf(ret_text, size, "%s", text);
	else if (socket_peer_pid(fd, &pid) == 0)
		snprintf(ret_text, size, "pid %ld", (long)pid);
	else
		snprintf(ret_text, size, "%.127s", doorway->endpoint->path);
}

static int doorway_admit(struct doorway *doorway, int fd)
{
	char name[PORT_NAME_BYTES], far_end[128];

	endpoint_port_name(doorway->endpoint, ++doorway->number, name, sizeof(name));
	doorway_far_end(doorway, fd, far_end, sizeof(far_end));
	return doorway->way.admit(doorway->endpoint, fd, name, far_end);
}

static void doorway_turn_away(struct doorway *doorway, int fd)
{
	struct limbo *limbo = doorway->endpoint->setup->limbo;

	if (!doorway->way.takes_rights) {
		close(fd);
		return;
	}
	limbo_close_connection(limbo, fd);
	if (limbo_overflows(limbo)) {
		listener_stop(&doorway->listener);
		connector_close(&doorway->connector);
	}
}

static void doorway_on_socket(struct doorway *doorway, int fd)
{
	struct endpoint *endpoint = doorway->endpoint;
	int code;

	if (doorway->way.takes_rights && limbo_is_full(endpoint->setup->limbo)) {
		endpoint_drop(endpoint, DROP_VHOST_LIMBO);
		doorway_turn_away(doorway, fd);
		connector_lost(&doorway->connector);
		return;
	}
	if (endpoint->guests >= endpoint->guests_max) {
		endpoint_refuse_guest(endpoint);
		doorway_turn_away(doorway, fd);
		return;
	}
	code = doorway_admit(doorway, fd);
	if (code == 0)
		return;
	doorway_turn_away(doorway, fd);
	endpoint_notice(endpoint, "%s: a guest could not be admitted: %s", endpoint->setup->name, error_name(code));
	connector_lost(&doorway->connector);
}

void doorway_left(struct doorway *doorway)
{
	doorway->endpoint->told_full = false;
	connector_lost(&doorway->connector);
}

static void doorway_on_accepted(struct listener *listener, int fd)
{
	doorway_on_socket(container_of(listener, struct doorway, listener), fd);
}

static void doorway_on_connected(struct connector *connector, int fd)
{
	doorway_on_socket(container_of(connector, struct doorway, connector), fd);
}

/* ---- opening ---- */

static int doorway_open_connect(struct doorway *doorway, const struct doorway_words *words, struct error *ret_error)
{
	const char *where = words->connect ? words->connect : words->connect_tcp;
	struct endpoint *endpoint = doorway->endpoint;
	struct sockaddr_storage address = {0};
	struct sockaddr_un local;
	socklen_t length;
	int code;

	if (words->connect) {
		code = socket_unix_address(words->connect, &local, &length, ret_error);
		if (code == 0)
			memcpy(&address, &local, sizeof(local));
	} else {
		code = inet_address_parse("connect-tcp", words->connect_tcp, &address, &length, ret_error);
	}
	if (code < 0)
		return code;
	/* No path and no address: nobody is to be given where we connect to. */
	snprintf(endpoint->describe, sizeof(endpoint->describe), "connects to %.128s", where);
	doorway->connector.takes_rights = doorway->way.takes_rights;
	connector_start(&doorway->connector, where, &address, length, doorway->way.type);
	return 0;
}

static const char *doorway_type_name(int type)
{
	return type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "dgram" : "seqpacket";
}

/* A descriptor stays the caller's until it is taken over. */
static int doorway_open_fd(struct doorway *doorway, int fd, struct error *ret_error)
{
	struct endpoint *endpoint = doorway->endpoint;
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int type, code;

	code = socket_type(fd, &type);
	if (code < 0)
		return error_set(ret_error, code, "fd=%d: not a socket that this process has: %s", fd,
				 error_name(code));
	if (type != doorway->way.type)
		return error_set(ret_error, -EINVAL, "fd=%d: another type of socket; use %s,fd=%d", fd,
				 doorway_type_name(type), fd);
	socket_take_rights(fd, doorway->way.takes_rights);
	if (socket_is_listening(fd))
		return listener_open_fd(&doorway->listener, fd, ret_error);
	if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
		return error_set(ret_error, -errno,
				 "fd=%d: not connected; give one end of a pair, a connected or a listening socket", fd);
	snprintf(endpoint->describe, sizeof(endpoint->describe), "descriptor %d", fd);
	code = doorway->way.check ? doorway->way.check(endpoint, fd, ret_error) : 0;
	if (code < 0)
		return code;
	/* Not made non-blocking, for whoever shares it: every call says MSG_DONTWAIT. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	code = doorway_admit(doorway, fd);
	if (code == -EEXIST)
		return error_set(ret_error, code, "fd=%d: has another guest already; give each one of its own", fd);
	return code < 0 ? error_set(ret_error, code, "fd=%d: %s", fd, error_name(code)) : 0;
}

/* All words, before anything is opened: one too many must leave nothing behind. */
static int doorway_read(struct doorway *doorway, const struct doorway_words *words, struct spec *spec,
			struct unix_access *ret_access, struct error *ret_error)
{
	struct endpoint *endpoint = doorway->endpoint;
	bool unsaid = !words->path && !words->tcp && !words->connect && !words->connect_tcp && words->fd < 0;
	int code = 0;

	*ret_access = (struct unix_access){.has_mode = true, .mode = 0600, .takes_rights = doorway->way.takes_rights};
	/* Where the address is what is missing, no other word is wrong that would do beside one. */
	if (unsaid || words->path || words->tcp || (words->fd >= 0 && socket_is_listening((int)words->fd))) {
		endpoint->guests_max = ENDPOINT_GUESTS_MAX;
		code = spec_u32(spec, "guests", 1, ENDPOINT_GUESTS_MAX, &endpoint->guests_max, ret_error);
	}
	if (code == 0 && (unsaid || words->path)) {
		ret_access->group = spec_string(spec, "group");
		code = spec_mode(spec, "mode", &ret_access->mode, ret_error);
	}
	return code < 0 ? code : endpoint_read_options(endpoint, spec, ret_error);
}

int doorway_open(struct doorway *doorway, const struct doorway_words *words, struct spec *spec, struct error *ret_error)
{
	int given = !!words->path + !!words->tcp + !!words->connect + !!words->connect_tcp + (words->fd >= 0);
	const struct endpoint_kind *kind = doorway->endpoint->kind;
	struct unix_access access;
	int code;

	code = doorway_read(doorway, words, spec, &access, ret_error);
	if (code < 0)
		return code;
	if (given != 1)
		return error_set(ret_error, -EINVAL, "%s: give one of its addresses: %s", kind->name, kind->words);
	if (words->path)
		return listener_open_path(&doorway->listener, words->path, doorway->way.type, &access, ret_error);
	if (words->tcp)
		return listener_open_tcp(&doorway->listener, words->tcp, ret_error);
	if (words->fd >= 0)
		return doorway_open_fd(doorway, (int)words->fd, ret_error);
	return doorway_open_connect(doorway, words, ret_error);
}

/* ---- life ---- */

void doorway_init(struct doorway *doorway, struct endpoint *endpoint, const struct doorway_way *way)
{
	*doorway = (struct doorway){.endpoint = endpoint, .way = *way};
	listener_init(&doorway->listener, endpoint, doorway_on_accepted);
	doorway->listener.takes_rights = way->takes_rights;
	connector_init(&doorway->connector, endpoint, doorway_on_connected);
}

void doorway_close(struct doorway *doorway)
{
	listener_close(&doorway->listener);
	connector_close(&doorway->connector);
}
