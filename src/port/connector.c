/* SPDX-License-Identifier: MIT */
/* See connector.h. */
#include "port/connector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"

static struct loop *connector_loop(const struct connector *connector)
{
	return connector->endpoint->setup->loop;
}

static void connector_drop_attempt(struct connector *connector)
{
	if (connector->fd < 0)
		return;
	loop_unwatch(connector_loop(connector), &connector->watch);
	close(connector->fd);
	connector->fd = -1;
}

static void connector_wait(struct connector *connector)
{
	struct loop *loop = connector_loop(connector);

	timer_set(loop_timers(loop), &connector->again, loop_now_us(loop) + connector->wait_us);
	connector->wait_us *= 2;
	if (connector->wait_us > CONNECTOR_WAIT_MOST_US)
		connector->wait_us = CONNECTOR_WAIT_MOST_US;
}

static void connector_failed(struct connector *connector, int code)
{
	connector_drop_attempt(connector);
	if (!connector->told)
		endpoint_notice(connector->endpoint, "%s: cannot connect to %s: %s; trying again and again%s",
				connector->endpoint->setup->name, connector->where, error_name(code),
				code == -ENOENT && !connector->connected_us
					? " (to listen there oneself it is path=, or server=on)"
					: "");
	connector->told = true;
	connector_wait(connector);
}

static void connector_succeeded(struct connector *connector)
{
	int fd = connector->fd;

	loop_unwatch(connector_loop(connector), &connector->watch);
	connector->fd = -1;
	if (socket_is_its_own_far_end(fd)) {
		/* Nobody else is there, nor could be while we are; and by any other end not for a minute. */
		socket_reset(fd);
		connector_failed(connector, -ECONNREFUSED);
		return;
	}
	if (connector->told)
		endpoint_notice(connector->endpoint, "%s: connected to %s", connector->endpoint->setup->name,
				connector->where);
	connector->told = false;
	connector->connected_us = loop_now_us(connector_loop(connector));
	connector->on_connected(connector, fd);
}

static void connector_on_ready(void *owner, unsigned events)
{
	struct connector *connector = owner;
	socklen_t length = sizeof(int);
	int failure = 0;

	(void)events;
	if (getsockopt(connector->fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0)
		failure = errno;
	if (failure)
		connector_failed(connector, -failure);
	else
		connector_succeeded(connector);
}

static void connector_attempt(struct connector *connector)
{
	int code;

	connector->fd = socket_open(connector->address.ss_family, connector->type);
	if (connector->fd < 0) {
		code = connector->fd;
		connector->fd = -1;
		connector_failed(connector, code);
		return;
	}
	if (connector->takes_rights)
		socket_take_rights(connector->fd, true);
	watch_init(&connector->watch, connector->fd, connector_on_ready, connector);
	if (connect(connector->fd, (const struct sockaddr *)&connector->address, connector->length) == 0) {
		connector_succeeded(connector);
		return;
	}
	code = -errno;
	if (code == -EINPROGRESS)
		code = loop_watch(connector_loop(connector), &connector->watch, LOOP_WRITE);
	if (code < 0)
		connector_failed(connector, code);
}

static void connector_on_again(void *owner, uint64_t now_us)
{
	(void)now_us;
	connector_attempt(owner);
}

void connector_init(struct connector *connector, struct endpoint *endpoint,
		    void (*on_connected)(struct connector *connector, int fd))
{
	*connector = (struct connector){.endpoint = endpoint, .on_connected = on_connected, .fd = -1};
	watch_init(&connector->watch, -1, connector_on_ready, connector);
	timer_init(&connector->again, connector_on_again, connector);
}

void connector_start(struct connector *connector, const char *where, const struct sockaddr_storage *address,
		     socklen_t length, int type)
{
	snprintf(connector->where, sizeof(connector->where), "%s", where);
	connector->address = *address;
	connector->length = length;
	connector->type = type;
	connector->wait_us = CONNECTOR_WAIT_LEAST_US;
	connector_attempt(connector);
}

void connector_lost(struct connector *connector)
{
	uint64_t now_us;

	if (connector->length == 0)
		return;
	now_us = loop_now_us(connector_loop(connector));
	/* A far end that takes the connection and closes it at once gets no quicker for it. */
	if (now_us - connector->connected_us >= CONNECTOR_WAIT_MOST_US)
		connector->wait_us = CONNECTOR_WAIT_LEAST_US;
	connector_wait(connector);
}

void connector_close(struct connector *connector)
{
	connector_drop_attempt(connector);
	timer_clear(loop_timers(connector_loop(connector)), &connector->again);
	connector->length = 0;
}
