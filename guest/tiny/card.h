/* SPDX-License-Identifier: MIT */
/* A network card's address, state and route, by the old ioctls; and the sockets of the other commands. */
#ifndef TINY_CARD_H
#define TINY_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel.h"
#include <linux/in.h>

enum { CARD_DATAGRAM = 2, CARD_STREAM = 1, CARD_RAW = 3 };

long card_up(const char *name);
long card_set_address(const char *name, uint32_t address, unsigned prefix_bits);
long card_set_gateway(uint32_t gateway);
long card_read_mac(const char *name, uint8_t ret_mac[6]);

long socket_open(int type, int protocol);
/* Nothing that arrives later than that is waited for. */
void socket_set_patience(long socket, unsigned milliseconds);
struct sockaddr_in socket_address(uint32_t address, uint16_t port);

#endif
