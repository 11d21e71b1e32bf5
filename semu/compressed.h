/* SPDX-License-Identifier: MIT */
/* The C extension: each 16-bit instruction stands for one of 32 bits. */
#ifndef SEMU_COMPRESSED_H
#define SEMU_COMPRESSED_H

#include <stdint.h>

/* 0, which is no instruction, for what is reserved. */
uint32_t compressed_expand(uint16_t word);

#endif
