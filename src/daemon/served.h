/* SPDX-License-Identifier: MIT */
/* The kinds of socket that a network serves when a person names none: all that guests of this system can use. */
#ifndef DAEMON_SERVED_H
#define DAEMON_SERVED_H

extern const char *const served_kinds[]; /* ends with NULL */

#endif
