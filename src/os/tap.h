/* SPDX-License-Identifier: MIT */
/* A tap: an interface of the host's kernel, or of a namespace, whose frames are read and written here, each behind a
 * virtio-net header of 12 bytes, little endian. This file opens it and tells what its kernel accepted; reading and
 * writing are the port's. Linux only: tap_darwin.c says so to the person. */
#ifndef OS_TAP_H
#define OS_TAP_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* What the kernel may hand us, and so what its drivers may leave undone; the same numbers as TUN_F_*. */
enum tap_offloads {
	TAP_CSUM = 0x01,
	TAP_TSO4 = 0x02,
	TAP_TSO6 = 0x04,
	TAP_ECN = 0x08,
	TAP_USO4 = 0x20,
	TAP_USO6 = 0x40,
};

enum tap_limits {
	TAP_NAME_BYTES = 16, /* IFNAMSIZ */
	TAP_HEADER_BYTES = 12,
	TAP_NETNS_BYTES = 256,    /* of a namespace's path */
	TAP_QUEUE_FRAMES = 10000, /* measured: with the kernel's 1000 a flow loses a sixth of its speed to ring drops */
};

struct tap_request {
	const char *device; /* NULL: /dev/net/tun */
	const char *name;   /* NULL or "": the kernel chooses tap0, tap1, … */
	const char *netns;  /* NULL: here. A process's number, a path, or a name that `ip netns` gave */
	uint32_t mtu_bytes; /* 0: the kernel's 1500 */
	bool down;          /* leave it down */
};

struct tap {
	int fd; /* not blocking */
	char name[TAP_NAME_BYTES];
	bool persistent; /* it was there before us and stays: its link, MTU and queue are its owner's and not set */
	bool up;
	uint32_t mtu_bytes;    /* as it is; 0: not known, an inherited descriptor of another namespace */
	uint32_t header_bytes; /* 12, or 0 for an inherited tap without the header */
	unsigned offloads;     /* enum tap_offloads: what was accepted */
};

/* 0, or negative errno with what to do in the text, and nothing left behind. */
int tap_open(const struct tap_request *request, struct tap *ret_tap, struct error *ret_error);
/* Takes over a descriptor that somebody else opened: its header is made 12 bytes, its offloads set. On failure the
 * descriptor is still the caller's. */
int tap_adopt(int fd, struct tap *ret_tap, struct error *ret_error);
/* The file of a namespace that a person named as in tap_request. 0 or -ENAMETOOLONG. */
int tap_netns_path(const char *netns, char ret_path[TAP_NETNS_BYTES]);
/* A tap that we made goes with its descriptor. May be called twice. */
void tap_close(struct tap *tap);

#endif
