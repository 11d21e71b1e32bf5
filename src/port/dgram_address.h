/* SPDX-License-Identifier: MIT */
/* Where a datagram came from, AF_UNIX: as a person reads it, and whether an answer gets there. An address is a path or an
 * abstract name, behind a zero; one without either is none, and not for here. */
#ifndef PORT_DGRAM_ADDRESS_H
#define PORT_DGRAM_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { DGRAM_ADDRESS_TEXT_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) + 2 };

/* An abstract name behind an @. */
void dgram_address_format(const struct sockaddr_un *address, socklen_t length, char ret_text[DGRAM_ADDRESS_TEXT_BYTES]);
/* A path that leads somewhere from its owner's folder alone. */
bool dgram_address_is_relative(const struct sockaddr_un *address);
/* Whether it may be sent to: 0 or negative errno; -EPERM: its owner is connected, most likely to us. Sends nothing. */
int dgram_address_probe(const struct sockaddr_un *address, socklen_t length);
/* Somebody has it, whoever may send to him. */
bool dgram_address_is_alive(const struct sockaddr_un *address, socklen_t length);

#endif
