/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as a ring and what happens to it: the first bytes choose the ring, then come the device's steps and
 * the guest's changes in between, and what is left is the guest's memory, rings included. Its regions are blocks of
 * their own, so that a byte beyond one is found. Here only nothing bad may happen; the verdicts are the unit tests'. */
#ifndef KIT_RING_INPUT_H
#define KIT_RING_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void ring_input(const uint8_t *bytes, size_t count, bool packed);

#endif
