/* SPDX-License-Identifier: MIT */
/* What a process of ours that only makes sockets gives up, where the system has such things. */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

/* For good: every capability but that to bind low ports, all that exec could bring back, and that other processes of the
 * same user, or of a namespace that it stands in, may look into its memory and take its descriptors. */
void privilege_drop(void);

#endif
