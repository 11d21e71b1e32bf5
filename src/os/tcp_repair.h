/* SPDX-License-Identifier: MIT */
/* A TCP socket that goes on with a connection which somebody else began and kept, perhaps under an address that is not this
 * machine's own (Linux: TCP_REPAIR, IP_TRANSPARENT). It takes CAP_NET_ADMIN in the network namespace that the socket is in,
 * which whoever made that namespace without privilege has. Where a system knows no such thing tcp_repair_begin() says so. */
#ifndef OS_TCP_REPAIR_H
#define OS_TCP_REPAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Between two words: all that this end has sent was acknowledged, and all that came was taken. */
struct tcp_repair {
	struct sockaddr_storage here, there;
	socklen_t address_bytes;
	uint32_t send_next, receive_next; /* numbers of sequence */
	uint32_t send_window;             /* in bytes, as the far end told it last */
	uint32_t receive_window;          /* … as it was told */
	uint16_t mss;
	bool scaled, sack;                 /* both ends said so */
	uint8_t send_scale, receive_scale; /* of the far end's windows, and of ours */
};

/* `fd` is an unconnected TCP socket of the addresses' family. Afterwards it is connected, and takes what comes, but sends
 * nothing, not even when it is closed. 0; -EOPNOTSUPP, -EPERM, -EADDRNOTAVAIL (there is such a connection already), or
 * another negative errno. */
int tcp_repair_begin(int fd, const struct tcp_repair *repair);
/* A connected socket as any other from now on. 0 or negative errno. */
int tcp_repair_end(int fd);
/* Both ends have said all, and heard that the other did; or it failed. */
bool tcp_repair_is_over(int fd);

#endif
