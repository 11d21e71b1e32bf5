/* SPDX-License-Identifier: MIT */
/* vhost-user's messages (QEMU's "Vhost-user Protocol", docs/interop/vhost-user.rst): numbers, sizes and how many
 * descriptors come along. Numbers are the host's own order: both ends run on one machine. Pure. */
#ifndef WIRE_VHOST_H
#define WIRE_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"

enum vhost_limits {
	VHOST_HEADER_BYTES = 12,
	VHOST_PAYLOAD_MAX = 272,  /* of what we take: a memory table, a configuration */
	VHOST_REGIONS_MAX = 8,    /* of one memory table */
	VHOST_CONFIG_BYTES = 256, /* VHOST_USER_MAX_CONFIG_SIZE */
	VHOST_CONFIG_HEADER_BYTES = 12,
	VHOST_LOG_PAGE_BYTES = 4096,
};

enum vhost_request {
	VHOST_GET_FEATURES = 1,
	VHOST_SET_FEATURES = 2,
	VHOST_SET_OWNER = 3,
	VHOST_RESET_OWNER = 4,
	VHOST_SET_MEM_TABLE = 5,
	VHOST_SET_LOG_BASE = 6,
	VHOST_SET_LOG_FD = 7,
	VHOST_SET_VRING_NUM = 8,
	VHOST_SET_VRING_ADDR = 9,
	VHOST_SET_VRING_BASE = 10,
	VHOST_GET_VRING_BASE = 11,
	VHOST_SET_VRING_KICK = 12,
	VHOST_SET_VRING_CALL = 13,
	VHOST_SET_VRING_ERR = 14,
	VHOST_GET_PROTOCOL_FEATURES = 15,
	VHOST_SET_PROTOCOL_FEATURES = 16,
	VHOST_GET_QUEUE_NUM = 17,
	VHOST_SET_VRING_ENABLE = 18,
	VHOST_SEND_RARP = 19,
	VHOST_NET_SET_MTU = 20,
	VHOST_SET_BACKEND_REQ_FD = 21,
	VHOST_GET_CONFIG = 24,
	VHOST_SET_CONFIG = 25,
	VHOST_RESET_DEVICE = 34,
	VHOST_GET_MAX_MEM_SLOTS = 36,
	VHOST_ADD_MEM_REG = 37,
	VHOST_REM_MEM_REG = 38,
	VHOST_SET_STATUS = 39,
	VHOST_GET_STATUS = 40,
	VHOST_REQUESTS,
};

enum vhost_flag {
	VHOST_VERSION = 1, /* in the two low bits */
	VHOST_VERSION_MASK = 3,
	VHOST_REPLY = 4,
	VHOST_NEED_REPLY = 8,
};

enum vhost_protocol_feature {
	VHOST_P_MQ = 0,
	VHOST_P_LOG_SHMFD = 1,
	VHOST_P_RARP = 2,
	VHOST_P_REPLY_ACK = 3,
	VHOST_P_NET_MTU = 4,
	VHOST_P_BACKEND_REQ = 5,
	VHOST_P_CONFIG = 9,
	VHOST_P_RESET_DEVICE = 13,
	VHOST_P_CONFIGURE_MEM_SLOTS = 15,
	VHOST_P_STATUS = 16,
};

/* Feature bits beside virtio's. */
enum vhost_feature {
	VHOST_F_LOG_ALL = 26,
	VHOST_F_PROTOCOL_FEATURES = 30,
};

/* Bits of the number that comes with a kick, call or err descriptor. */
enum vhost_descriptor {
	VHOST_RING_MASK = 0xff,
	VHOST_NO_DESCRIPTOR = 0x100, /* poll the ring instead */
};

struct vhost_header {
	uint32_t request;
	uint32_t flags;
	uint32_t bytes; /* of the payload */
};

struct vhost_state {
	uint32_t ring;
	uint32_t number;
};

struct vhost_address {
	uint32_t ring;
	uint32_t flags; /* 1: log */
	uint64_t desc, used, avail;
	uint64_t log; /* the used ring's guest address */
};

struct vhost_region {
	uint64_t guest; /* address as the guest knows it */
	uint64_t bytes;
	uint64_t user;   /* as the front end knows it: of rings */
	uint64_t offset; /* in the file */
};

struct vhost_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_region regions[VHOST_REGIONS_MAX];
};

struct vhost_one_region {
	uint64_t padding;
	struct vhost_region region;
};

struct vhost_log_place {
	uint64_t bytes;
	uint64_t offset;
};

struct vhost_config {
	uint32_t offset;
	uint32_t bytes;
	uint32_t flags;
	uint8_t data[VHOST_CONFIG_BYTES];
};

union vhost_payload {
	uint64_t number;
	struct vhost_state state;
	struct vhost_address address;
	struct vhost_table table;
	struct vhost_one_region region;
	struct vhost_log_place log;
	struct vhost_config config;
	uint8_t bytes[VHOST_PAYLOAD_MAX];
};

/* Whether the payload may be read after this header: DROP_NONE, VHOST_VERSION, VHOST_REQUEST (nothing that we know),
 * VHOST_SIZE. */
enum drop_reason vhost_header_check(const struct vhost_header *header);
/* Whether a whole message, with so many descriptors, is of its request's shape: DROP_NONE, VHOST_SIZE, VHOST_DESCRIPTORS. */
enum drop_reason vhost_payload_check(const struct vhost_header *header, const union vhost_payload *payload,
				     uint32_t descriptors);
/* Whether it is always answered, by a payload of its own. */
bool vhost_is_answered(uint32_t request);
/* "SET_MEM_TABLE", for a person; "request 77". */
const char *vhost_request_name(uint32_t request);

#endif
