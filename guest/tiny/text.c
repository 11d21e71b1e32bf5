/* SPDX-License-Identifier: MIT */
#include "text.h"

#include "kernel.h"

void *memset(void *to, int value, size_t bytes)
{
	for (volatile unsigned char *at = to; bytes > 0; bytes--)
		*at++ = (unsigned char)value;
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	volatile unsigned char *at = to;

	for (const unsigned char *source = from; bytes > 0; bytes--)
		*at++ = *source++;
	return to;
}

size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return length;
}

bool text_is(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_begins(const char *text, const char *with)
{
	while (*with != '\0' && *text == *with) {
		text++;
		with++;
	}
	return *with == '\0';
}

const char *text_number(const char *text, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (uint32_t)(*text - '0');
	*ret_number = number;
	return text;
}

const char *text_address(const char *text, uint32_t *ret_address)
{
	uint32_t address = 0, part;

	for (unsigned i = 0; i < 4; i++) {
		if (i > 0 && *text++ != '.')
			return NULL;
		text = text_number(text, &part);
		if (text == NULL || part > 255)
			return NULL;
		address |= part << 8 * i;
	}
	*ret_address = address;
	return text;
}

void say(const char *text)
{
	KERNEL3(write, 1, text, text_length(text));
}

void say_number(uint32_t number)
{
	char text[11];
	char *at = text + sizeof(text) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	say(at);
}

void say_address(uint32_t address)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			say(".");
		say_number(address >> 8 * i & 255);
	}
}
