/* SPDX-License-Identifier: MIT */
/* The control and status registers that supervisor and user mode have here. */
#ifndef SEMU_CSR_H
#define SEMU_CSR_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

/* False: there is no such register, or not for this mode, or it cannot be written: an illegal instruction. */
bool csr_read(struct hart *hart, unsigned number, uint64_t *ret_value);
bool csr_write(struct hart *hart, unsigned number, uint64_t value);

#endif
