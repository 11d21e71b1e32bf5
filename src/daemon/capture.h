/* SPDX-License-Identifier: MIT */
/* One capture: frames of a network as pcapng bytes in a bounded buffer, for a connection to take away. What does not fit
 * is counted, and the count stands in the next packet and in the statistics at the end. A capture costs the network
 * nothing when there is none. */
#ifndef DAEMON_CAPTURE_H
#define DAEMON_CAPTURE_H

#include <stddef.h>

struct gw_network;
struct capture;

enum capture_limits {
	CAPTURE_BUFFER_BYTES = 4 * 1024 * 1024, /* 2 ms at 16 Gbit/s, 60 full segments: the reader runs beside us */
	CAPTURE_PORTS_MAX = 4096, /* interfaces of one capture; the last, "others", is all that come later */
};

/* Starts. `guest` NULL: every port; else a port, or what --guest made with all its ports. 0 or negative errno. */
int capture_new(struct gw_network *network, const char *guest, struct capture **ret_capture);
void capture_free(struct capture *capture);
/* No frame comes any more; the statistics stand at the end of what is pending. */
void capture_stop(struct capture *capture);
/* What is to be sent; NULL when there is nothing. */
const void *capture_pending(const struct capture *capture, size_t *ret_count);
void capture_sent(struct capture *capture, size_t count);

#endif
