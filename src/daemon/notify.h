/* SPDX-License-Identifier: MIT */
/* sd_notify's protocol: one datagram with lines of KEY=value to the socket that a service manager named. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* `address` is NOTIFY_SOCKET: a path, or @NAME in the abstract namespace; NULL or "": nobody asked, 0. Never waits. */
int notify_send(const char *address, const char *text);

#endif
