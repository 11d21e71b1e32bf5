/* SPDX-License-Identifier: MIT */
/* Signals of the process, remembered by a handler until the main loop asks: what a handler can reach has to be static, so
 * this file alone has such a thing. Who sent one matters where a command runs beside us: what a person types at the
 * terminal reaches the command too, what another process sends reaches us alone. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>

struct gw_network;

enum signals_sender {
	SIGNALS_NONE, /* it did not come */
	SIGNALS_TERMINAL,
	SIGNALS_PROCESS,
};

/* Forgets what was remembered. */
void signals_clear(void);
/* From now on remembered; one that whoever started us wants ignored stays ignored when `unless_ignored`. */
void signals_catch(int number, bool unless_ignored);
/* A guest of this network that takes its memory away is dropped instead of ending the process; NULL: nobody's. To be told
 * when the network is gone, not before: its end looks at its guests' memory once more. */
void signals_catch_faults(struct gw_network *network);
/* Its gw_network_run() returns when one comes; NULL: nobody's. */
void signals_wake(struct gw_network *network);
/* Did one come since the last call? */
bool signals_seen(void);
/* Takes what came of one number. */
enum signals_sender signals_take(int number);

#endif
