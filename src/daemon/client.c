/* SPDX-License-Identifier: MIT */
/* Sockets without blocking: send what goes, ask for writability only while something is left. Readability is asked for
 * only when what came would be read, or the loop would spin. */
#include "daemon/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/capture.h"
#include "daemon/waiting.h"
#include "guestwire/guestwire.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored by the program anyway */
#endif

enum {
	WATCH_READ = 1,
	WATCH_WRITE = 2,
	WATCH_HANGUP = 4,
};

static void client_on_ready(void *owner, unsigned events)
{
	struct client *client = owner;

	client->events |= events;
	client->on_ready(client->owner, client);
}

int client_new(struct gw_network *network, int fd, void (*on_ready)(void *owner, struct client *client), void *owner,
	       struct client **ret_client)
{
	struct client *client = calloc(1, sizeof(*client));
	int result;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->fd = fd;
	client->network = network;
	client->on_ready = on_ready;
	client->owner = owner;
	client->asked = WATCH_READ;
	list_init(&client->link);
	list_init(&client->ready);
	lines_init(&client->lines, LINE_REQUEST_BYTES);
	result = gw_watch_new(network, fd, client->asked, client_on_ready, client, &client->watch);
	if (result < 0) {
		client_free(client);
		return result;
	}
	*ret_client = client;
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	list_remove(&client->link);
	list_remove(&client->ready);
	gw_watch_free(client->watch);
	capture_free(client->capture);
	waiting_free(client->waiting);
	lines_done(&client->lines);
	free(client->answer);
	close(client->fd);
	free(client);
}

/* What a capturing client says is of no interest, only whether it is still there. */
static void client_skip(struct client *client)
{
	char bytes[512];
	ssize_t count = recv(client->fd, bytes, sizeof(bytes), 0);

	if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (count == 0) {
		client->ended = true;
		capture_stop(client->capture);
		client->state = CLIENT_ENDING;
		return;
	}
	client->state = CLIENT_CLOSED;
}

static void client_fill(struct client *client)
{
	size_t room;
	ssize_t count;
	char *to;

	if (lines_room(&client->lines, &to, &room) < 0) {
		client->state = CLIENT_CLOSED;
		return;
	}
	count = recv(client->fd, to, room, 0);
	if (count > 0)
		lines_filled(&client->lines, (size_t)count);
	else if (count == 0)
		client->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		client->state = CLIENT_CLOSED;
}

void client_read(struct client *client)
{
	/* Its reading side is shut as well: there is nobody to answer. Told again and again, so it has to end here. */
	if (client->events & WATCH_HANGUP && client->ended) {
		client->state = CLIENT_CLOSED;
		return;
	}
	switch (client->state) {
	case CLIENT_ASKING:
		if (!client->answer && !client->ended)
			client_fill(client);
		break;
	case CLIENT_WAITING:
		/* its next requests, or that it is gone */
		client_fill(client);
		if (client->ended)
			client->state = CLIENT_CLOSED;
		break;
	case CLIENT_CAPTURING:
		client_skip(client);
		break;
	case CLIENT_ENDING:
	case CLIENT_CLOSED:
		break;
	}
}

const char *client_line(struct client *client, size_t *ret_length)
{
	if (client->state != CLIENT_ASKING || client->answer)
		return NULL;
	return lines_next(&client->lines, ret_length);
}

void client_answer(struct client *client, char *line)
{
	if (!line || client->answer) {
		free(line);
		client->state = CLIENT_CLOSED;
		return;
	}
	client->answer = line;
	client->answer_sent = 0;
	client->answer_bytes = strlen(line);
}

/* 1: all went, 0: the far end does not read now, negative: it is gone. */
static int client_send(struct client *client, const void *bytes, size_t count, size_t *ret_sent)
{
	ssize_t sent = send(client->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	*ret_sent = sent > 0 ? (size_t)sent : 0;
	return *ret_sent == count;
}

static int client_send_answer(struct client *client)
{
	size_t sent = 0;
	int result;

	if (!client->answer)
		return 1;
	result = client_send(client, client->answer + client->answer_sent, client->answer_bytes - client->answer_sent,
			     &sent);
	client->answer_sent += sent;
	if (result == 1) {
		free(client->answer);
		client->answer = NULL;
	}
	return result;
}

static int client_send_capture(struct client *client)
{
	const void *bytes;
	size_t count, sent = 0;
	int result;

	if (!client->capture)
		return 1;
	bytes = capture_pending(client->capture, &count);
	if (!bytes)
		return 1;
	result = client_send(client, bytes, count, &sent);
	capture_sent(client->capture, sent);
	return result;
}

void client_settle(struct client *client)
{
	unsigned ask = 0;
	int result;

	if (client->state == CLIENT_CLOSED)
		return;
	result = client_send_answer(client);
	if (result == 1)
		result = client_send_capture(client);
	if (result < 0 || (result == 1 && client->state == CLIENT_ENDING)) {
		client->state = CLIENT_CLOSED;
		return;
	}
	if (result == 0)
		ask |= WATCH_WRITE;
	if (!client->ended && (client->state != CLIENT_ASKING || !client->answer))
		ask |= WATCH_READ;
	if (ask != client->asked && gw_watch_change(client->watch, ask) < 0)
		client->state = CLIENT_CLOSED;
	client->asked = ask;
}
