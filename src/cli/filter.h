/* SPDX-License-Identifier: MIT */
/* tcpdump's filter words, by libpcap, which is loaded when a filter is given and at no other time: the network's own
 * process never has it. */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct filter;

/* 0; -ENOENT: no libpcap here; -EINVAL: words that it does not understand. Each with a text. */
int filter_new(const char *words, struct filter **ret_filter, struct error *ret_error);
void filter_free(struct filter *filter);
/* `filter` NULL: every frame. */
bool filter_takes(const struct filter *filter, const uint8_t *frame, uint32_t captured, uint32_t length);

#endif
