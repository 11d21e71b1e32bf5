/* SPDX-License-Identifier: MIT */
/* Which ports are listened on, as the kernel's own tables in /proc/net say: of this machine, or, through a descriptor that was
 * opened there, of a namespace. On a system without them there is nothing to read. */
#ifndef DAEMON_PROCFILE_H
#define DAEMON_PROCFILE_H

#include <stdbool.h>
#include <stdint.h>

enum { PROCFILE_PORT_BYTES = 65536 / 8 };

/* A bit for each port. */
struct procfile_ports {
	uint8_t bits[PROCFILE_PORT_BYTES];
};

/* Is that a file of /proc, whose reading cannot block? */
bool procfile_is(int fd);
/* Of this network namespace: /proc/net/tcp, udp6 and so on. A descriptor or negative errno. */
int procfile_open(int family, int type);
/* Adds the ports that somebody listens on (TCP) or is bound to without a peer (UDP). 0 or negative errno. */
int procfile_read(int fd, int type, struct procfile_ports *ports);
/* One line of such a table, without its newline; 0: none, or not listening. Pure. */
uint16_t procfile_parse(const char *line, int type);

/* The ports that the system chooses from where nobody says one. */
void procfile_ephemeral(uint16_t *ret_first, uint16_t *ret_last);

bool procfile_has(const struct procfile_ports *ports, uint16_t port);
void procfile_put(struct procfile_ports *ports, uint16_t port, bool there);

#endif
