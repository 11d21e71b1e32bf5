/* SPDX-License-Identifier: MIT */
/* Forwards as a person sees them: `forwards` of the control protocol, printed. */
#ifndef CLI_FORWARD_H
#define CLI_FORWARD_H

#include <jansson.h>
#include <stddef.h>

/* A line for each listening socket, and how to keep those to oneself that others can reach. */
void forward_print(const json_t *forwards);
void forward_print_table(const json_t *forwards);
/* How `-p` would have it for this machine alone: "127.0.0.1:2222:22". Returns `text`. */
const char *forward_private(const json_t *forward, char *text, size_t room);

#endif
