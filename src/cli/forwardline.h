/* SPDX-License-Identifier: MIT */
/* Forwards as a person sees them: `forwards` of the control protocol, printed. */
#ifndef CLI_FORWARDLINE_H
#define CLI_FORWARDLINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* A line for each listening socket, ports in a row in one, and how to keep those to oneself that others can reach. */
void forwardline_print(const json_t *forwards, FILE *to);
void forwardline_print_table(const json_t *forwards);
/* Of `passages`; nothing where there are none. */
void forwardline_print_passages(const json_t *passages);
/* How `-p` would have it, and `count` ports in a row, for this machine alone: "127.0.0.1:2222:22". Returns `text`. */
const char *forwardline_private(const json_t *forward, long long count, char *text, size_t room);

#endif
