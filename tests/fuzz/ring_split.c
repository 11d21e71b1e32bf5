/* SPDX-License-Identifier: MIT */
/* covers: src/virtio/ring.c src/virtio/chain.c src/virtio/ring_split.c */
/* The walker of the split layout over memory that the input wrote (kit/ring_input.h). */
#include "kit/ring_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	ring_input(bytes, count, false);
	return 0;
}
