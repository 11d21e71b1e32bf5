/* SPDX-License-Identifier: MIT */
/* One guest that connected to a datagram socket and never reads takes all of its send buffer: then nothing goes to
 * anybody, POLLOUT does not come, and a second socket may not write to that guest. So a listener mutes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* abstract: nothing to remove */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "gw-claim-%d-%s", (int)getpid(), name);
	return address;
}

static int bound(const char *name)
{
	struct sockaddr_un address = address_of(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : fd;
}

static int send_to(int fd, const char *name)
{
	static const char frame[1514];
	struct sockaddr_un address = address_of(name);

	return sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

int main(void)
{
	struct sockaddr_un listener_address = address_of("listener");
	struct pollfd writable = {.events = POLLOUT};
	int listener = bound("listener");
	int deaf = bound("deaf");
	int other = bound("other");
	int second = bound("second");
	int sent = 0;

	if (listener < 0 || deaf < 0 || other < 0 || second < 0)
		return 77;
	if (connect(deaf, (struct sockaddr *)&listener_address, sizeof(listener_address)) < 0)
		return 77;
	if (send_to(listener, "other") != 0)
		return printf("the other gets nothing from the start\n"), 1;
	while (sent < 100000 && send_to(listener, "deaf") == 0)
		sent++;
	printf("%d frames for the one that is deaf\n", sent);
	if (sent == 100000)
		return printf("the buffer has no end\n"), 1;
	if (send_to(listener, "other") != -EAGAIN)
		return printf("the other still gets its frames\n"), 1;
	writable.fd = listener;
	if (poll(&writable, 1, 0) != 0)
		return printf("POLLOUT while full\n"), 1;
	return send_to(second, "deaf") == -EPERM ? 0 : (printf("a second socket may write to it\n"), 1);
}
