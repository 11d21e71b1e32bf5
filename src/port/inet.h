/* SPDX-License-Identifier: MIT */
/* TCP addresses as a person writes them: "4000", "127.0.0.1:4000", "[::1]:4000". Numbers only: nothing here asks a name
 * server, which would block. */
#ifndef PORT_INET_H
#define PORT_INET_H

#include <stddef.h>
#include <sys/socket.h>

struct error;

enum { INET_TEXT_BYTES = 64 };

/* Without an address it is 127.0.0.1. 0, or -EINVAL with a text that begins with `word`. */
int inet_address_parse(const char *word, const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_length,
		       struct error *ret_error);
/* `ret_text` has INET_TEXT_BYTES; "" for what is neither IPv4 nor IPv6. */
void inet_address_format(const struct sockaddr_storage *address, char *ret_text);

#endif
