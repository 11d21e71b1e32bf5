/* SPDX-License-Identifier: MIT */
/* A fuzzer's input, taken from the front a number at a time. What is not there any more is 0. */
#ifndef KIT_INPUT_H
#define KIT_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *next;
	size_t left;
};

/* Of at most 8 bytes, the first of them the highest; of fewer where the input ends. */
static inline uint64_t input_take(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (; bytes > 0 && input->left > 0; bytes--, input->left--)
		value = value << 8 | *input->next++;
	return value;
}

/* The same of at most 4. */
static inline uint32_t input_number(struct input *input, unsigned bytes)
{
	return (uint32_t)input_take(input, bytes);
}

#endif
