/* SPDX-License-Identifier: MIT */
/* Opening an endpoint by the name of its kind, and what all kinds do alike. */
#include "port/endpoint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void endpoint_kind_names(char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; endpoint_kinds[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", endpoint_kinds[i]->name);
}

/* What else a person may call it: kinds of --uplink, and of QEMU's -netdev. */
static const char *endpoint_kind_advice(const char *kind)
{
	static const struct {
		const char *kind, *advice;
	} others[] = {
		{"user", "is an uplink, as in --uplink user"},
		{"none", "is an uplink, as in --uplink none"},
		{"passt", "is what --uplink user,address=host does for a stream or vhost-user guest"},
		{"socket", "is stream here: stream,tcp=[ADDRESS:]PORT, or connect-tcp=ADDRESS:PORT"},
		{"hubport", "is what every network is; give its guests stream, or another socket"},
		{"bridge", "is no guest; tap is an interface of this machine, which a bridge may have"},
		{"vde", "is not in this version; QEMU speaks stream, dgram and vhost-user, too"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (strcmp(kind, others[i].kind) == 0)
			return others[i].advice;
	}
	return NULL;
}

int endpoint_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
		  struct error *ret_error)
{
	const char *advice = endpoint_kind_advice(spec->kind);
	char names[128];

	for (size_t i = 0; endpoint_kinds[i]; i++) {
		if (strcmp(endpoint_kinds[i]->name, spec->kind) == 0)
			return endpoint_kinds[i]->open(spec, setup, ret_endpoint, ret_error);
	}
	endpoint_kind_names(names, sizeof(names));
	if (advice)
		return error_set(ret_error, -EINVAL, "%s: %s; the kinds of guests are %s", spec->kind, advice, names);
	return error_set(ret_error, -EINVAL, "%s: no such kind of guest; there are %s", spec->kind, names);
}

void endpoint_close(struct endpoint *endpoint)
{
	if (endpoint)
		endpoint->close(endpoint);
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_kind *kind, const struct endpoint_setup *setup,
		   void (*close)(struct endpoint *endpoint))
{
	*endpoint = (struct endpoint){.kind = kind, .setup = setup, .close = close, .guests_max = 1};
	endpoint->options.queue_bytes = ENDPOINT_QUEUE_BYTES;
}

static int endpoint_read_mac(struct endpoint_options *options, const char *text, struct error *ret_error)
{
	if (!text)
		return 0;
	if (!mac_parse(text, &options->lock) || mac_is_group(options->lock) || mac_is_zero(options->lock))
		return error_set(ret_error, -EINVAL,
				 "mac=%s: not the address of one guest, as in mac=52:54:00:12:34:56", text);
	options->locked = true;
	return 0;
}

int endpoint_read_options(struct endpoint *endpoint, struct spec *spec, struct error *ret_error)
{
	struct endpoint_options *options = &endpoint->options;
	const char *csum = spec_string(spec, "csum");
	int code;

	if (csum && strcmp(csum, "partial") != 0 && strcmp(csum, "full") != 0)
		return error_set(ret_error, -EINVAL, "csum=%s: partial (checksums come unfinished) or full", csum);
	options->adopt_csum = csum && strcmp(csum, "partial") == 0;
	code = spec_bool(spec, "isolated", &options->isolated, ret_error);
	if (code == 0)
		code = endpoint_read_mac(options, spec_string(spec, "mac"), ret_error);
	if (code == 0)
		code = spec_u32(spec, "queue", ENDPOINT_QUEUE_LEAST, ENDPOINT_QUEUE_MOST, &options->queue_bytes,
				ret_error);
	return code ? code : spec_finish(spec, ret_error);
}

int endpoint_read_fd(struct spec *spec, const char *key, int64_t *fd, struct error *ret_error)
{
	uint32_t number = 0;

	if (!spec_string(spec, key))
		return 0;
	if (spec_u32(spec, key, 0, INT32_MAX, &number, ret_error) < 0)
		return -EINVAL;
	*fd = number;
	return 0;
}

void endpoint_port_name(const struct endpoint *endpoint, uint32_t number, char *ret_name, size_t size)
{
	if (endpoint->guests_max == 1)
		snprintf(ret_name, size, "%s", endpoint->setup->name);
	else
		snprintf(ret_name, size, "%s.%u", endpoint->setup->name, number);
}

void endpoint_notice(struct endpoint *endpoint, const char *format, ...)
{
	const struct endpoint_setup *setup = endpoint->setup;
	char text[512];
	va_list arguments;

	if (!setup->on_notice)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	setup->on_notice(setup->owner, endpoint, text);
}

void endpoint_drop(struct endpoint *endpoint, enum drop_reason reason)
{
	endpoint->drops.count[reason]++;
	ethswitch_drops(endpoint->setup->ethswitch)->count[reason]++;
}

void endpoint_refuse_guest(struct endpoint *endpoint)
{
	endpoint_drop(endpoint, DROP_GUESTS_FULL);
	if (endpoint->told_full)
		return;
	endpoint->told_full = true;
	endpoint_notice(endpoint, "%s: a guest was turned away: %u are connected, and guests= admits no more",
			endpoint->setup->name, endpoint->guests);
}

int endpoint_check_mtu(const struct endpoint_setup *setup, const char *what, uint32_t frame_bytes,
		       struct error *ret_error)
{
	uint32_t mtu_bytes = ethswitch_mtu(setup->ethswitch);

	if (frame_bytes >= mtu_bytes + ENDPOINT_ETHERNET_BYTES)
		return 0;
	return error_set(ret_error, -EMSGSIZE,
			 "%s: carries frames of %u bytes, too few for the network's MTU of %u; give the network mtu=%u",
			 what, frame_bytes, mtu_bytes,
			 frame_bytes > ENDPOINT_ETHERNET_BYTES ? frame_bytes - ENDPOINT_ETHERNET_BYTES : 0);
}
