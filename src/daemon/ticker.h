/* SPDX-License-Identifier: MIT */
/* A descriptor that becomes readable at each interval, for a program whose loop is the network's (gw_watch_new). */
#ifndef DAEMON_TICKER_H
#define DAEMON_TICKER_H

#include <stdint.h>

/* A descriptor, or negative errno. */
int ticker_open(uint64_t interval_us);
/* It has been seen. */
void ticker_take(int fd);

#endif
