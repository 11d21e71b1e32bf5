/* SPDX-License-Identifier: MIT */
/* DNS messages over a stream, each behind its length (RFC 1035 4.2.2): a guest's connection to the resolver, and ours to
 * one of the host's. What is written waits in a bounded buffer; a stream that fails or fills up ends by on_end(), from the
 * loop and never from within dnsstream_send(). */
#ifndef NETWORK_DNSSTREAM_H
#define NETWORK_DNSSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timer.h"
#include "loop/loop.h"

enum dnsstream_limits {
	DNSSTREAM_OUT_BYTES = 256 * 1024,
	DNSSTREAM_IDLE_US = 30 * 1000 * 1000, /* RFC 7766 6.2.3: some seconds */
};

struct dnsstream;

struct dnsstream_ops {
	/* May not free the stream. */
	void (*on_message)(void *owner, struct dnsstream *stream, const uint8_t *message, size_t bytes);
	/* May be NULL: no. The far end has said its last word; will it be sent something still? */
	bool (*awaits)(void *owner);
	/* The far end closed, or said nothing for too long: dnsstream_free() it now. */
	void (*on_end)(void *owner, struct dnsstream *stream);
};

/* The descriptor is non-blocking and perhaps still connecting; it is the stream's when this returns 0. */
int dnsstream_new(struct loop *loop, int fd, const struct dnsstream_ops *ops, void *owner,
		  struct dnsstream **ret_stream);
void dnsstream_free(struct dnsstream *stream);
/* 0, or -ENOBUFS: it does not fit, and the stream will end. */
int dnsstream_send(struct dnsstream *stream, const void *message, size_t bytes);

#endif
