/* SPDX-License-Identifier: MIT */
/* The supervisor binary interface, version 2.0, in the host: what a kernel asks of the firmware that is not here. Base, TIME,
 * IPI, RFENCE, HSM, SRST, DBCN, and the calls of version 0.1. */
#ifndef SEMU_SBI_H
#define SEMU_SBI_H

struct machine;

/* The environment call of the hart `number`, whose turn it is: answered in its registers. */
void sbi_call(struct machine *machine, unsigned number);

#endif
