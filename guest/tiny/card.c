/* SPDX-License-Identifier: MIT */
#include "card.h"

#include <asm/socket.h>
#include <linux/sockios.h>
#include <linux/time_types.h>

#include "text.h"

enum { FAMILY_IP4 = 2, OPTIONS_SOCKET = 1, NAME_BYTES = 16, CARD_IS_UP = 1, ROUTE_UP = 1, ROUTE_GATEWAY = 2 };

/* The kernel's ifreq and rtentry: its own headers of them want a C library's. */
struct request {
	char name[NAME_BYTES];
	union {
		struct sockaddr_in address;
		uint8_t hardware[16]; /* its kind, then the MAC */
		int16_t flags;
	};
};

struct route {
	uint32_t unused;
	struct sockaddr_in target, gateway, mask;
	uint16_t flags;
	uint8_t others[38]; /* what an ioctl of a new route leaves zero */
};

struct sockaddr_in socket_address(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = FAMILY_IP4,
		.sin_port = (uint16_t)(port << 8 | port >> 8),
		.sin_addr.s_addr = address,
	};
}

long socket_open(int type, int protocol)
{
	return KERNEL3(socket, FAMILY_IP4, type, protocol);
}

void socket_set_patience(long socket, unsigned milliseconds)
{
	const struct __kernel_sock_timeval patience = {
		.tv_sec = (int32_t)(milliseconds / 1000),
		.tv_usec = (int32_t)(milliseconds % 1000 * 1000),
	};

	KERNEL5(setsockopt, socket, OPTIONS_SOCKET, SO_RCVTIMEO_NEW, &patience, sizeof(patience));
}

static struct request request(const char *name)
{
	struct request of = {0};

	for (unsigned i = 0; i + 1 < NAME_BYTES && name[i] != '\0'; i++)
		of.name[i] = name[i];
	return of;
}

static long control(unsigned long what, void *argument)
{
	const long socket = socket_open(CARD_DATAGRAM, 0);
	long result;

	if (socket < 0)
		return socket;
	result = KERNEL3(ioctl, socket, what, argument);
	KERNEL1(close, socket);
	return result;
}

long card_up(const char *name)
{
	struct request of = request(name);
	const long error = control(SIOCGIFFLAGS, &of);

	of.flags |= CARD_IS_UP;
	return error < 0 ? error : control(SIOCSIFFLAGS, &of);
}

long card_set_address(const char *name, uint32_t address, unsigned prefix_bits)
{
	const uint32_t mask = prefix_bits == 0 ? 0 : ~UINT32_C(0) << (32 - prefix_bits);
	struct request of = request(name);
	long error;

	of.address = socket_address(address, 0);
	error = control(SIOCSIFADDR, &of);
	if (error < 0)
		return error;
	of.address = socket_address(mask >> 24 | (mask >> 8 & 0xff00) | (mask & 0xff00) << 8 | mask << 24, 0);
	return control(SIOCSIFNETMASK, &of);
}

long card_set_gateway(uint32_t gateway)
{
	struct route route = {
		.target = socket_address(0, 0),
		.gateway = socket_address(gateway, 0),
		.mask = socket_address(0, 0),
		.flags = ROUTE_UP | ROUTE_GATEWAY,
	};

	return control(SIOCADDRT, &route);
}

long card_read_mac(const char *name, uint8_t ret_mac[6])
{
	struct request of = request(name);
	const long error = control(SIOCGIFHWADDR, &of);

	if (error == 0)
		memcpy(ret_mac, of.hardware + 2, 6);
	return error;
}
