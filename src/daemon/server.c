/* SPDX-License-Identifier: MIT */
/* The loop's callbacks only put clients on the ready list; server_turn() serves them. A turn costs what is on that list,
 * and the clients that wait or capture when there is news for them. */
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/list.h"
#include "control/answer.h"
#include "control/request.h"
#include "daemon/capture.h"
#include "daemon/client.h"
#include "daemon/log.h"
#include "daemon/respond.h"
#include "daemon/target.h"
#include "daemon/waiting.h"
#include "guestwire/guestwire.h"
#include "os/unix_listener.h"

struct server {
	struct gw_network *network;
	struct log *log;
	struct unix_listener listener;
	int spare; /* a descriptor for whoever knocks when there is none left; -1: somebody has it */
	struct gw_watch *watch;
	bool knocked; /* somebody wants to be accepted */
	bool deaf;    /* no descriptor was left: knocks are not listened to until something else happens */
	bool news;
	bool ended;
	struct list clients, ready;
	size_t count;
	int requests; /* how many more are answered in this turn */
};

static void server_on_knock(void *owner, unsigned events)
{
	struct server *server = owner;

	server->knocked = events != 0;
}

static void server_on_client(void *owner, struct client *client)
{
	struct server *server = owner;

	list_remove(&client->ready);
	list_append(&server->ready, &client->ready);
}

/* Whenever one of ours was closed, before anybody else can have it. */
static void server_restock(struct server *server)
{
	if (server->spare < 0)
		server->spare = fcntl(server->listener.fd, F_DUPFD_CLOEXEC, 0);
}

static int server_bind(struct server *server, const char *path, struct error *ret_error)
{
	struct error error = {0};
	int result = unix_listener_open(path, SOCK_STREAM, NULL, &server->listener, &error);

	if (result < 0)
		return error_set(ret_error, result, "control socket %.400s", error.text);
	/* As many as may come at once have a place to wait. */
	if (listen(server->listener.fd, SERVER_CLIENTS_MAX) < 0)
		return error_set(ret_error, -errno, "control socket %s: %s", path, error_name(-errno));
	server_restock(server);
	result = gw_watch_new(server->network, server->listener.fd, 1, server_on_knock, server, &server->watch);
	return result < 0 ? error_set(ret_error, result, "control socket %s: %s", path, error_name(result)) : 0;
}

int server_new(struct gw_network *network, const char *path, struct log *log, struct server **ret_server,
	       struct error *ret_error)
{
	struct server *server = calloc(1, sizeof(*server));
	int result;

	if (!server)
		return error_set(ret_error, -ENOMEM, "no memory");
	server->network = network;
	server->log = log;
	server->listener.fd = server->spare = -1;
	list_init(&server->clients);
	list_init(&server->ready);
	result = server_bind(server, path, ret_error);
	if (result < 0)
		server_free(server);
	else
		*ret_server = server;
	return result;
}

static void server_drop(struct server *server, struct client *client)
{
	client_free(client);
	server->count--;
	server_restock(server);
}

void server_free(struct server *server)
{
	if (!server)
		return;
	list_for_each_safe (at, &server->clients) {
		struct client *client = container_of(at, struct client, link);

		/* Its file is whole, as far as the connection has room. */
		if (client->state == CLIENT_CAPTURING) {
			capture_stop(client->capture);
			client_settle(client);
		}
		server_drop(server, client);
	}
	gw_watch_free(server->watch);
	if (server->spare >= 0)
		close(server->spare);
	unix_listener_close(&server->listener);
	free(server);
}

bool server_ended(const struct server *server)
{
	return server->ended;
}

void server_news(struct server *server)
{
	server->news = true;
}

/* The one that was silent for longest and is owed nothing but an answer that it does not read. */
static void server_make_room(struct server *server)
{
	list_for_each (at, &server->clients) {
		struct client *client = container_of(at, struct client, link);

		if (client->state == CLIENT_WAITING || client->state == CLIENT_CAPTURING)
			continue;
		log_more(server->log, "control: too many connections, the one that was silent for longest is closed");
		server_drop(server, client);
		return;
	}
}

static void server_refuse(struct server *server, int fd)
{
	char *line = answer_encode_error(ANSWER_BUSY, "too many are waiting or capturing");

	log_line(server->log, "control: refused a connection: %d are waiting or capturing", SERVER_CLIENTS_MAX);
	if (line && send(fd, line, strlen(line), MSG_DONTWAIT) < 0)
		log_more(server->log, "control: it could not even be told so: %s", error_name(-errno));
	free(line);
	close(fd);
	server_restock(server);
}

/* Guests' conversations may have taken every descriptor; what they do must be seen all the same, and be ended. */
static int server_take(struct server *server)
{
	int fd = accept(server->listener.fd, NULL, NULL);

	if (fd >= 0 || !error_is_out_of_files(-errno) || server->spare < 0)
		return fd;
	close(server->spare);
	server->spare = -1;
	return accept(server->listener.fd, NULL, NULL);
}

/* False: nobody knocks any more, or cannot be let in. */
static bool server_accept(struct server *server)
{
	struct client *client;
	int fd, result;

	fd = server_take(server);
	if (fd < 0) {
		/* Readiness stays, and the loop would spin on what cannot be had. */
		server->deaf = error_is_out_of_files(-errno) && gw_watch_change(server->watch, 0) == 0;
		return false;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (server->count >= SERVER_CLIENTS_MAX)
		server_make_room(server);
	if (server->count >= SERVER_CLIENTS_MAX) {
		server_refuse(server, fd);
		return true;
	}
	result = client_new(server->network, fd, server_on_client, server, &client);
	if (result < 0) {
		log_line(server->log, "control: a connection failed: %s", error_name(result));
		server_restock(server);
		return false;
	}
	list_append(&server->clients, &client->link);
	server->count++;
	return true;
}

/* ---- requests ---- */

static void server_capture(struct server *server, struct client *client, const struct request *request)
{
	struct target target = {.port = ""};
	const char *guest = request->guest;
	char text[512];
	int result;

	if (guest && !target_find(server->network, guest, &target)) {
		client_answer(client, respond_no_guest(server->network, guest));
		return;
	}
	/* A port's own name, or its --guest's, keeps its meaning when the guest comes back; other words lead to a port. */
	if (guest && !target.named_port)
		guest = target.port;
	result = guest && !*guest ? -ENOENT : capture_new(server->network, guest, &client->capture);
	if (result < 0) {
		snprintf(text, sizeof(text), "capture: %s",
			 result == -ENOENT ? "the guest is on no port now" : error_name(result));
		client_answer(client, answer_encode_error(result == -ENOENT ? ANSWER_NOT_FOUND : ANSWER_FAILED, text));
		return;
	}
	client->state = CLIENT_CAPTURING;
	client_answer(client, respond_capture(server->network));
}

static void server_on_waited(void *owner)
{
	struct client *client = owner;

	client->on_ready(client->owner, client);
}

/* Answers what is waited for when it is so. */
static void server_look(struct client *client)
{
	char *line = client->state == CLIENT_WAITING ? waiting_answer(client->waiting) : NULL;

	if (!line)
		return;
	waiting_free(client->waiting);
	client->waiting = NULL;
	client->state = CLIENT_ASKING;
	client_answer(client, line);
}

/* Takes the request. */
static void server_wait(struct server *server, struct client *client, struct request *request)
{
	if (waiting_new(server->network, request, server_on_waited, client, &client->waiting) < 0) {
		client_answer(client, answer_encode_error(ANSWER_FAILED, "wait: no memory"));
		return;
	}
	client->state = CLIENT_WAITING;
	server_look(client);
}

static void server_request(struct server *server, struct client *client, const char *line, size_t length)
{
	struct request request = {.command = REQUEST_STATUS};
	struct error error = {0};

	if (request_decode(line, length, &request, &error) < 0) {
		client_answer(client, answer_encode_error(ANSWER_USAGE, error.text));
		return;
	}
	log_more(server->log, "control: %s%s%s", request_word(request.command),
		 request.guest || request.spec ? " " : "",
		 request.guest  ? request.guest
		 : request.spec ? request.spec
				: "");
	if (request.command == REQUEST_CAPTURE)
		server_capture(server, client, &request);
	else if (request.command == REQUEST_WAIT)
		server_wait(server, client, &request);
	else
		client_answer(client, respond(server->network, server->listener.path, &request));
	server->ended = server->ended || request.command == REQUEST_DOWN;
	request_done(&request);
}

/* ---- turns ---- */

/* Sends, answers what was asked as long as the answers go out, and closes what is at its end. */
static void server_go_on(struct server *server, struct client *client)
{
	size_t length = 0;
	const char *line = NULL;

	client_settle(client);
	for (int i = 0; i < SERVER_TURN_ONE && (line = client_line(client, &length)); i++) {
		server_request(server, client, line, length);
		server->requests--;
		client_settle(client);
	}
	if (line && client->state == CLIENT_ASKING) {
		/* There may be more, and no event will tell: what was read is read. */
		server_on_client(server, client);
		gw_network_wake(server->network);
		return;
	}
	if (client->state == CLIENT_ASKING && client->ended && !client->answer)
		client->state = CLIENT_CLOSED;
	if (client->state == CLIENT_CLOSED)
		server_drop(server, client);
}

static void server_serve(struct server *server, struct client *client)
{
	list_remove(&client->link);
	list_append(&server->clients, &client->link);
	client_read(client);
	client->events = 0;
	server_look(client);
	server_go_on(server, client);
}

static void server_tell(struct server *server)
{
	list_for_each_safe (at, &server->clients) {
		struct client *client = container_of(at, struct client, link);

		if (client->state != CLIENT_WAITING)
			continue;
		server_look(client);
		if (client->state != CLIENT_WAITING)
			server_go_on(server, client);
	}
}

/* Each once, as far as the turn's requests go. Who is left over is the first in the next turn. */
static void server_serve_ready(struct server *server)
{
	struct list ready;

	list_init(&ready);
	list_append_all(&ready, &server->ready);
	server->requests = SERVER_TURN_REQUESTS;
	while (!list_empty(&ready) && server->requests > 0)
		server_serve(server, container_of(list_take(&ready), struct client, ready));
	if (list_empty(&ready))
		return;
	list_append_all(&ready, &server->ready);
	list_append_all(&server->ready, &ready);
	gw_network_wake(server->network);
}

void server_turn(struct server *server)
{
	if (server->deaf)
		server->deaf = gw_watch_change(server->watch, 1) < 0;
	for (int i = 0; i < SERVER_TURN_ACCEPTS && server->knocked; i++)
		server->knocked = server_accept(server);
	server->knocked = false;
	server_serve_ready(server);
	if (server->news) {
		server->news = false;
		server_tell(server);
		/* What one of them asked for next may be what another waits for, who was looked at before. */
		if (server->news)
			gw_network_wake(server->network);
	}
	list_for_each_safe (at, &server->clients) {
		struct client *client = container_of(at, struct client, link);

		if (client->state == CLIENT_CAPTURING)
			server_go_on(server, client);
	}
}
