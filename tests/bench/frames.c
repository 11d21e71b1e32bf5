/* SPDX-License-Identifier: MIT */
/* A client that sends or receives raw frames as fast as it can, over guestwire's sockets and vde_switch's alike, so that
 * both are measured by the same hands. It writes one frame per call, as QEMU does, or over `batch` (a stream) 64 of them,
 * and reads as much as there is.
 *
 *   frames stream|batch|dgram|vde|direct PATH send|receive SECONDS BYTES OWN-MAC OTHER-MAC
 * prints "FRAMES BYTES SECONDS CPU-SECONDS". The receiver first sends one frame, so that it is known. `direct` is `batch`
 * with nothing in the middle: the receiver listens, and the sender connects to it.
 *
 *   frames relay|splice PATH
 * is the limit of every switch of streams: it takes two clients, and gives the first what the second sends, without a look
 * at it: copied, as who looks at it must (a sender may change what it spliced until it is read), or spliced by a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, BUFFER_BYTES = 1 << 18, TURN_BYTES = BATCH * (4 + 1514), PIPE_BYTES = 1 << 20 };

struct client {
	int fd;
	int control;
	bool stream;
	bool ended; /* the far end has closed it */
	char own[108];
};

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		die("path too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static void connect_path(int fd, const char *path)
{
	struct sockaddr_un address = address_of(path);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
}

static void bind_own(struct client *client, const char *folder)
{
	struct sockaddr_un address;

	if (snprintf(client->own, sizeof(client->own), "%s/.bench-%d", folder, (int)getpid()) >=
	    (int)sizeof(client->own))
		die("path too long");
	address = address_of(client->own);
	if (bind(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(client->own);
}

/* vde_switch's request, version 3: host order, a sockaddr_un of ours in, one of the switch's out. */
static void open_vde(struct client *client, const char *folder)
{
	struct {
		uint32_t magic, version, type;
		struct sockaddr_un address;
		char description[8];
	} __attribute__((packed)) request = {.magic = 0xfeedface, .version = 3, .description = "bench"};
	struct sockaddr_un answer;
	char path[128];

	client->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	bind_own(client, folder);
	request.address = address_of(client->own);
	client->control = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(path, sizeof(path), "%s/ctl", folder);
	connect_path(client->control, path);
	if (send(client->control, &request, sizeof(request) - 3, 0) < 0 ||
	    recv(client->control, &answer, sizeof(answer), 0) <= 0)
		die("vde_switch");
	connect_path(client->fd, answer.sun_path);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 2) < 0)
		die(path);
	return listener;
}

static int accept_client(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		die("accept");
	return fd;
}

static void open_client(struct client *client, const char *kind, const char *path, bool sends)
{
	bool direct = !strcmp(kind, "direct");

	*client = (struct client){.fd = -1, .control = -1};
	client->stream = direct || !strcmp(kind, "stream") || !strcmp(kind, "batch");
	if (!strcmp(kind, "vde")) {
		open_vde(client, path);
		return;
	}
	if (direct && !sends) {
		client->fd = accept_client(listen_at(path));
		return;
	}
	client->fd = socket(AF_UNIX, client->stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (!client->stream) {
		char folder[108];

		snprintf(folder, sizeof(folder), "%s", path);
		*strrchr(folder, '/') = 0;
		bind_own(client, folder);
	}
	connect_path(client->fd, path);
}

/* 64 frames in one write, with their lengths; made once, as other clients make their one frame. */
static void send_batch(const struct client *client, const uint8_t *frame, size_t bytes)
{
	static uint8_t batch[BATCH * (4 + 2048)];
	static uint8_t *to = batch;

	if (bytes > 2048)
		die("a batch is of frames up to 2048 bytes");
	for (int i = 0; i < BATCH && to < batch + BATCH * (4 + bytes); i++, to += 4 + bytes) {
		to[2] = (uint8_t)(bytes >> 8);
		to[3] = (uint8_t)bytes;
		memcpy(to + 4, frame, bytes);
	}
	for (const uint8_t *from = batch; from < to;) {
		ssize_t sent = send(client->fd, from, (size_t)(to - from), 0);

		if (sent < 0)
			die("send");
		from += sent;
	}
}

static bool send_frame(const struct client *client, const uint8_t *frame, size_t bytes)
{
	uint8_t length[4] = {(uint8_t)(bytes >> 24), (uint8_t)(bytes >> 16), (uint8_t)(bytes >> 8), (uint8_t)bytes};
	struct iovec pieces[2] = {{length, 4}, {(void *)(uintptr_t)frame, bytes}};
	ssize_t sent = client->stream ? writev(client->fd, pieces, 2) : send(client->fd, frame, bytes, 0);

	if (client->stream && sent > 0 && (size_t)sent < bytes + 4)
		die("a short write");
	return sent > 0 || errno == ENOBUFS || errno == EAGAIN;
}

/* How many whole frames of this size are in what came; of a stream the rest is remembered as a number of bytes. */
static uint64_t receive_frames(struct client *client, size_t bytes, uint8_t *buffer, uint64_t *rest)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	uint64_t frames = 0;
	ssize_t count;

	if (poll(&poll_fd, 1, 100) <= 0)
		return 0;
	if (!client->stream) {
		while ((count = recv(client->fd, buffer, BUFFER_BYTES, MSG_DONTWAIT)) > 0)
			frames += (size_t)count == bytes;
		return frames;
	}
	count = recv(client->fd, buffer, BUFFER_BYTES, MSG_DONTWAIT);
	client->ended = count == 0;
	if (count <= 0)
		return 0;
	*rest += (uint64_t)count;
	frames = *rest / (bytes + 4);
	*rest %= bytes + 4;
	return frames;
}

/* Each read is as large as a batch and goes out in one write, as from a switch that has the best of luck. */
static void relay_copy(int sender, int receiver)
{
	static uint8_t buffer[TURN_BYTES];
	ssize_t count, sent;

	while ((count = recv(sender, buffer, sizeof(buffer), 0)) > 0)
		for (const uint8_t *from = buffer; count > 0; from += sent, count -= sent) {
			sent = send(receiver, from, (size_t)count, MSG_NOSIGNAL);
			if (sent < 0)
				return;
		}
}

static void relay_splice(int sender, int receiver)
{
	ssize_t count, sent;
	int ends[2];

	if (pipe(ends) < 0 || fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) < 0)
		die("pipe");
	while ((count = splice(sender, NULL, ends[1], NULL, TURN_BYTES, SPLICE_F_MOVE)) > 0)
		for (; count > 0; count -= sent) {
			sent = splice(ends[0], NULL, receiver, NULL, (size_t)count, SPLICE_F_MOVE);
			if (sent <= 0)
				return;
		}
}

static int relay(const char *path, bool splices)
{
	int listener = listen_at(path), receiver = accept_client(listener), sender = accept_client(listener);

	(splices ? relay_splice : relay_copy)(sender, receiver);
	return 0;
}

static void read_mac(const char *text, uint8_t *ret_mac)
{
	unsigned byte[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4], &byte[5]) != 6)
		die(text);
	for (int i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)byte[i];
}

int main(int count, char **words)
{
	static uint8_t frame[65536], buffer[BUFFER_BYTES];
	struct client client;
	struct rusage usage;
	uint64_t frames = 0, rest = 0;
	double began, seconds;
	size_t bytes;
	bool sends, batches;

	if (count == 3)
		return relay(words[2], !strcmp(words[1], "splice"));
	if (count != 8) {
		fprintf(stderr, "frames relay|splice PATH, or frames stream|batch|dgram|vde|direct PATH send|receive "
				"SECONDS BYTES OWN-MAC OTHER-MAC\n");
		return 2;
	}
	sends = !strcmp(words[3], "send");
	batches = sends && (!strcmp(words[1], "batch") || !strcmp(words[1], "direct"));
	seconds = atof(words[4]);
	bytes = (size_t)atoi(words[5]);
	if (bytes < 60 || bytes > sizeof(frame))
		die("60 to 65536 bytes");
	read_mac(words[7], frame);
	read_mac(words[6], frame + 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	open_client(&client, words[1], words[2], sends);
	if (!sends)
		send_frame(&client, frame, bytes);
	began = now_s();
	while (now_s() - began < seconds && !client.ended) {
		if (!sends)
			frames += receive_frames(&client, bytes, buffer, &rest);
		if (batches)
			send_batch(&client, frame, bytes);
		for (int i = 0; sends && !batches && i < BATCH; i++)
			if (!send_frame(&client, frame, bytes))
				die("send");
		frames += sends ? BATCH : 0;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%llu %llu %.3f %.3f\n", (unsigned long long)frames, (unsigned long long)frames * bytes, now_s() - began,
	       (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	if (client.own[0])
		unlink(client.own);
	return 0;
}
