/* SPDX-License-Identifier: MIT */
/* For each hypervisor that can use a socket, the one line to paste into its command line, with a fresh MAC address. */
#ifndef CLI_PASTE_H
#define CLI_PASTE_H

#include <stdio.h>

/* What a guest's words made: its kind, and where it is served ("" where it is not). */
void paste_print(FILE *to, const char *kind, const char *path, const char *address);
/* 52:54:00 and three random bytes: QEMU's prefix, never its default address. */
const char *paste_mac(char mac[18]);

#endif
