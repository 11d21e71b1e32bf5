/* SPDX-License-Identifier: MIT */
/* Text in and out: what of a C library's string and stdio the tiny userland needs. */
#ifndef TINY_TEXT_H
#define TINY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The compiler calls these for structures. */
void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);

size_t text_length(const char *text);
bool text_is(const char *a, const char *b);
bool text_begins(const char *text, const char *with);
/* After the number; NULL when there is none. */
const char *text_number(const char *text, uint32_t *ret_number);
/* A dotted quad in network order; NULL when it is none. */
const char *text_address(const char *text, uint32_t *ret_address);

void say(const char *text);
void say_number(uint32_t number);
void say_address(uint32_t address);

#endif
