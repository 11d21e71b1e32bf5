/* SPDX-License-Identifier: MIT */
/* One row for each request. */
#include "wire/vhost.h"

#include <stddef.h>

enum { MANY = VHOST_REGIONS_MAX };

struct vhost_shape {
	const char *name;
	uint16_t least, most; /* payload bytes */
	uint8_t descriptors_least, descriptors_most;
	bool answered;
};

/* clang-format off */
static const struct vhost_shape shapes[VHOST_REQUESTS] = {
	[VHOST_GET_FEATURES] =          {"GET_FEATURES", 0, 0, 0, 0, true},
	[VHOST_SET_FEATURES] =          {"SET_FEATURES", 8, 8, 0, 0, false},
	[VHOST_SET_OWNER] =             {"SET_OWNER", 0, 0, 0, 0, false},
	[VHOST_RESET_OWNER] =           {"RESET_OWNER", 0, 0, 0, 0, false},
	[VHOST_SET_MEM_TABLE] =         {"SET_MEM_TABLE", 8, sizeof(struct vhost_table), 0, MANY, false},
	[VHOST_SET_LOG_BASE] =          {"SET_LOG_BASE", 16, 16, 1, 1, true},
	[VHOST_SET_LOG_FD] =            {"SET_LOG_FD", 0, 8, 1, 1, false},
	[VHOST_SET_VRING_NUM] =         {"SET_VRING_NUM", 8, 8, 0, 0, false},
	[VHOST_SET_VRING_ADDR] =        {"SET_VRING_ADDR", sizeof(struct vhost_address), sizeof(struct vhost_address), 0, 0, false},
	[VHOST_SET_VRING_BASE] =        {"SET_VRING_BASE", 8, 8, 0, 0, false},
	[VHOST_GET_VRING_BASE] =        {"GET_VRING_BASE", 8, 8, 0, 0, true},
	[VHOST_SET_VRING_KICK] =        {"SET_VRING_KICK", 8, 8, 0, 1, false},
	[VHOST_SET_VRING_CALL] =        {"SET_VRING_CALL", 8, 8, 0, 1, false},
	[VHOST_SET_VRING_ERR] =         {"SET_VRING_ERR", 8, 8, 0, 1, false},
	[VHOST_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", 0, 0, 0, 0, true},
	[VHOST_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", 8, 8, 0, 0, false},
	[VHOST_GET_QUEUE_NUM] =         {"GET_QUEUE_NUM", 0, 0, 0, 0, true},
	[VHOST_SET_VRING_ENABLE] =      {"SET_VRING_ENABLE", 8, 8, 0, 0, false},
	[VHOST_SEND_RARP] =             {"SEND_RARP", 8, 8, 0, 0, false},
	[VHOST_NET_SET_MTU] =           {"NET_SET_MTU", 8, 8, 0, 0, false},
	[VHOST_SET_BACKEND_REQ_FD] =    {"SET_BACKEND_REQ_FD", 0, 8, 1, 1, false},
	[VHOST_GET_CONFIG] =            {"GET_CONFIG", VHOST_CONFIG_HEADER_BYTES, sizeof(struct vhost_config), 0, 0, true},
	[VHOST_SET_CONFIG] =            {"SET_CONFIG", VHOST_CONFIG_HEADER_BYTES, sizeof(struct vhost_config), 0, 0, false},
	[VHOST_RESET_DEVICE] =          {"RESET_DEVICE", 0, 0, 0, 0, false},
	[VHOST_GET_MAX_MEM_SLOTS] =     {"GET_MAX_MEM_SLOTS", 0, 0, 0, 0, true},
	[VHOST_ADD_MEM_REG] =           {"ADD_MEM_REG", sizeof(struct vhost_one_region), sizeof(struct vhost_one_region), 1, 1, false},
	/* the front end may send the descriptor once more */
	[VHOST_REM_MEM_REG] =           {"REM_MEM_REG", sizeof(struct vhost_one_region), sizeof(struct vhost_one_region), 0, 1, false},
	[VHOST_SET_STATUS] =            {"SET_STATUS", 8, 8, 0, 0, false},
	[VHOST_GET_STATUS] =            {"GET_STATUS", 0, 0, 0, 0, true},
};
/* clang-format on */

_Static_assert(sizeof(struct vhost_table) == 8 + VHOST_REGIONS_MAX * 32, "the protocol's own layout");
_Static_assert(sizeof(struct vhost_config) <= VHOST_PAYLOAD_MAX, "fits");
_Static_assert(offsetof(struct vhost_config, data) == VHOST_CONFIG_HEADER_BYTES, "the protocol's own layout");

static const struct vhost_shape *vhost_shape(uint32_t request)
{
	return request < VHOST_REQUESTS && shapes[request].name ? &shapes[request] : NULL;
}

enum drop_reason vhost_header_check(const struct vhost_header *header)
{
	const struct vhost_shape *shape = vhost_shape(header->request);

	if ((header->flags & VHOST_VERSION_MASK) != VHOST_VERSION || header->flags & VHOST_REPLY)
		return DROP_VHOST_VERSION;
	if (!shape)
		return DROP_VHOST_REQUEST;
	return header->bytes < shape->least || header->bytes > shape->most ? DROP_VHOST_SIZE : DROP_NONE;
}

static enum drop_reason vhost_table_check(const struct vhost_header *header, const struct vhost_table *table,
					  uint32_t descriptors)
{
	if (table->count > VHOST_REGIONS_MAX || header->bytes < 8 + table->count * sizeof(struct vhost_region))
		return DROP_VHOST_SIZE;
	return descriptors == table->count ? DROP_NONE : DROP_VHOST_DESCRIPTORS;
}

static enum drop_reason vhost_config_check(const struct vhost_header *header, const struct vhost_config *config)
{
	bool fits = config->bytes <= header->bytes - VHOST_CONFIG_HEADER_BYTES &&
		    config->offset <= VHOST_CONFIG_BYTES && config->bytes <= VHOST_CONFIG_BYTES - config->offset;

	return fits ? DROP_NONE : DROP_VHOST_SIZE;
}

enum drop_reason vhost_payload_check(const struct vhost_header *header, const union vhost_payload *payload,
				     uint32_t descriptors)
{
	const struct vhost_shape *shape = vhost_shape(header->request);

	if (!shape)
		return DROP_VHOST_REQUEST;
	if (descriptors < shape->descriptors_least || descriptors > shape->descriptors_most)
		return DROP_VHOST_DESCRIPTORS;
	switch (header->request) {
	case VHOST_SET_MEM_TABLE:
		return vhost_table_check(header, &payload->table, descriptors);
	case VHOST_GET_CONFIG:
	case VHOST_SET_CONFIG:
		return vhost_config_check(header, &payload->config);
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return (descriptors == 0) == !!(payload->number & VHOST_NO_DESCRIPTOR) ? DROP_NONE
										       : DROP_VHOST_DESCRIPTORS;
	}
	return DROP_NONE;
}

bool vhost_is_answered(uint32_t request)
{
	const struct vhost_shape *shape = vhost_shape(request);

	return shape && shape->answered;
}

const char *vhost_request_name(uint32_t request)
{
	const struct vhost_shape *shape = vhost_shape(request);

	return shape ? shape->name : "an unknown request";
}
