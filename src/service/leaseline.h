/* SPDX-License-Identifier: MIT */
/* A lease as a line of the state file:
 *
 *     ADDRESS MAC free|bound|declined EXPIRES NAME CLIENT
 *
 * EXPIRES is seconds since 1970, `never`, or `-` for a free one; NAME and CLIENT (hexadecimal) are `-` when there is
 * none. An offer is written as free: after a restart nobody waits for it. For lease.c alone. */
#ifndef SERVICE_LEASELINE_H
#define SERVICE_LEASELINE_H

#include <stddef.h>
#include <stdint.h>

struct lease;

/* Without a newline. How many bytes, without the final 0; 0 when it does not fit. */
size_t leaseline_format(const struct lease *lease, uint64_t now_us, uint64_t wall_s, char *text, size_t room);
/* -EINVAL. What has run out by `wall_s` is free. No lease lasts longer than longest_s from now, whatever the line says:
 * the wall clock may have been set back since. */
int leaseline_parse(const char *line, uint64_t now_us, uint64_t wall_s, uint32_t longest_s, struct lease *ret_lease);

#endif
