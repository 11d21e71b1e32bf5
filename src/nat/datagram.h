/* SPDX-License-Identifier: MIT */
/* Every call that UDP and echoes make of the host's sockets, as a table, so that tests can stand in for them. The system
 * is chosen by file name. Descriptors are numbers to everybody else. Nothing blocks; failures are negative errno.
 *
 * An echo socket is a "ping socket": a datagram is an ICMP message from its type on; the kernel gives it the identifier
 * that the socket is bound to, and its checksum, and hands out only the replies to it. */
#ifndef NAT_DATAGRAM_H
#define NAT_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct outbound;

enum datagram_limits {
	DATAGRAM_BATCH = 64,         /* sends of one call */
	DATAGRAM_RECEIPTS = 16,      /* receipts of one call */
	DATAGRAM_ERROR_BYTES = 1280, /* what is kept of a message that an error is about */
};

enum datagram_kind {
	DATAGRAM_UDP,
	DATAGRAM_ECHO,
	DATAGRAM_FORWARD, /* UDP, and each receipt tells which address of this machine it was sent to */
};

/* An address of this machine. No padding, and zeroed before it is filled in: compared as bytes. All zero: not known, and
 * for sending the system's choice. */
struct datagram_here {
	uint32_t interface; /* where the address means something on its link alone */
	uint32_t ip_bytes;  /* 4 or 16 */
	uint8_t ip[16];
};

/* How a socket sends. All zero: as the system does by itself, but that it may fragment. */
struct datagram_way {
	uint8_t service;   /* DSCP and ECN */
	uint8_t hop_limit; /* 0: the system's */
	bool dont_fragment;
};

struct datagram_send {
	const struct iovec *pieces;
	uint32_t piece_count;
	uint32_t bytes;
	uint32_t segment_bytes; /* less than `bytes`: several datagrams of this size, the last may be shorter */
	const struct sockaddr *to;
	socklen_t to_bytes;
	const struct datagram_here *from; /* may be NULL */
};

struct datagram_receipt {
	const struct iovec *pieces; /* where to */
	uint32_t piece_count;
	/* filled in */
	uint32_t bytes;
	uint32_t segment_bytes; /* not 0: several datagrams of this size, the last may be shorter */
	uint8_t service;
	uint8_t hop_limit; /* of echoes; 0: not known */
	bool truncated;
	struct sockaddr_storage from;
	struct datagram_here here; /* DATAGRAM_FORWARD */
};

/* What became of a datagram sent earlier. */
struct datagram_error {
	int error; /* negative errno */
	bool icmp; /* a router or the far end said so, with these two; else this host did */
	uint8_t type, code;
	uint32_t mtu; /* with -EMSGSIZE; 0: not known */
	bool has_to, has_from;
	struct sockaddr_storage to;   /* whom the datagram was for */
	struct sockaddr_storage from; /* who says so */
	uint32_t bytes;               /* of the datagram, as far as they came back */
	uint8_t message[DATAGRAM_ERROR_BYTES];
};

struct datagram_ops {
	/* Leaves by this way; NULL: by any, and bound to nothing until it sends. A descriptor, or -EACCES: this user may not;
	 * -ENODEV, -EADDRNOTAVAIL: the way is not there. */
	int (*open)(void *owner, enum datagram_kind kind, bool is6, const struct outbound *outbound);
	void (*close)(void *owner, int fd);
	/* Much will come: room for it, and several at once where the system can. Once, and not for those that are asked one
	 * question: it costs several calls, and on Linux the first such socket and the last patch the kernel's text. */
	void (*set_stream)(void *owner, int fd);
	/* 0, or the errno of what the system does not know. `was` is how it sent so far. */
	int (*set_way)(void *owner, int fd, bool is6, const struct datagram_way *was, const struct datagram_way *now);
	/* How many of them, at least 1; or the errno of the first. At most DATAGRAM_BATCH. */
	int (*send)(void *owner, int fd, const struct datagram_send *sends, unsigned count);
	/* How many, at least 1; -EAGAIN; or the errno that an error left behind. At most DATAGRAM_RECEIPTS. */
	int (*receive)(void *owner, int fd, struct datagram_receipt *receipts, unsigned count);
	/* The oldest error that waits: 0; -EAGAIN: none, or the system has no such thing. */
	int (*error)(void *owner, int fd, bool is6, struct datagram_error *ret_error);
	/* Has this machine lost what its way is? */
	bool (*is_homeless)(void *owner, int fd);
	/* Can several datagrams be sent as one? How many at most, as far as is known; 1: no. */
	uint32_t segments_max;
};

extern const struct datagram_ops datagram_system;

#endif
