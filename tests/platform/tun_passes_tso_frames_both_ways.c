/* SPDX-License-Identifier: MIT */
/* A tap whose offloads were taken gives frames that nobody has cut yet, with the segment size in the header and the
 * checksum to fill in; and it takes such a frame whole. A TCP stream between two namespaces, relayed here untouched,
 * arrives with frames far beyond the MTU. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADER = 12,
	BYTES = 4 << 20,
	NEEDS_CSUM = 1,
	GSO_TCP4 = 1,
	GSO_ECN = 0x80,
};

/* A tap with an address, in a namespace of its own, which stays the thread's. */
static int tap_in_new_namespace(const char *address)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct sockaddr_in *of_request = (void *)&request.ifr_addr;
	int bytes = HEADER;
	int control;
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &bytes) < 0)
		return -1;
	if (ioctl(fd, TUNSETOFFLOAD, 7UL) < 0)
		return -1;
	control = socket(AF_INET, SOCK_DGRAM, 0);
	*of_request = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
	if (ioctl(control, SIOCSIFADDR, &request) < 0)
		return -1;
	of_request->sin_addr.s_addr = inet_addr("255.255.255.0");
	if (ioctl(control, SIOCSIFNETMASK, &request) < 0)
		return -1;
	request.ifr_flags = IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
		return -1;
	close(control);
	return fd;
}

/* All that waits, to the other side: the largest frame that was still to be cut. */
static long relay(int from, int to)
{
	static uint8_t frame[HEADER + 70000];
	long largest = 0;
	ssize_t bytes;

	while ((bytes = read(from, frame, sizeof(frame))) > 0) {
		if ((frame[1] & ~GSO_ECN) == GSO_TCP4 && (frame[0] & NEEDS_CSUM) && bytes > largest)
			largest = bytes;
		if (write(to, frame, (size_t)bytes) < 0 && errno != EAGAIN && errno != ENOBUFS)
			return -1;
	}
	return largest;
}

int main(void)
{
	static char data[65536];
	struct sockaddr_in server = {.sin_family = AF_INET,
				     .sin_port = htons(7),
				     .sin_addr.s_addr = inet_addr("10.9.0.1")};
	int first = tap_in_new_namespace("10.9.0.1");
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd polled[2];
	int accepted = -1;
	int client;
	int second;
	long largest = 0;
	long sent = 0;
	long got = 0;

	if (first < 0 || bind(listener, (struct sockaddr *)&server, sizeof(server)) < 0 || listen(listener, 1) < 0)
		return 77;
	second = tap_in_new_namespace("10.9.0.2");
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (second < 0)
		return 77;
	(void)connect(client, (struct sockaddr *)&server, sizeof(server));
	polled[0] = (struct pollfd){.fd = first, .events = POLLIN};
	polled[1] = (struct pollfd){.fd = second, .events = POLLIN};
	while (got < BYTES) {
		ssize_t now;
		long back;
		long there;

		if (poll(polled, 2, 3000) == 0)
			return printf("nothing moves after %ld bytes\n", got), 1;
		there = relay(second, first);
		back = relay(first, second);
		if (there < 0 || back < 0)
			return printf("a tap refuses what another gave: %s\n", strerror(errno)), 1;
		largest = there > largest ? there : largest;
		if (accepted < 0)
			accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		while (sent < BYTES && (now = send(client, data, sizeof(data), MSG_NOSIGNAL)) > 0)
			sent += now;
		while (accepted >= 0 && (now = read(accepted, data, sizeof(data))) > 0)
			got += now;
	}
	printf("the largest frame has %ld bytes\n", largest - HEADER);
	return largest > 10 * 1514 ? 0 : 1;
}
