/* SPDX-License-Identifier: MIT */
/* Domain names between wire and text. */
#include "wire/domain.h"

#include <string.h>

enum { DOMAIN_POINTER = 0xc0 }; /* RFC 1035 4.1.4 */

/* Text under construction. */
struct domain_text {
	char *text;
	size_t used;
};

static bool domain_letter(uint8_t letter)
{
	return letter > ' ' && letter < 0x7f && letter != '.' && letter != '\\';
}

/* Adds a label; false when it has no text, or the name grows too long. */
static bool domain_text_add(struct domain_text *name, const uint8_t *label, size_t count)
{
	size_t dot = name->used > 0;

	if (name->used + dot + count >= DOMAIN_TEXT_BYTES)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!domain_letter(label[i]))
			return false;
	}
	if (dot)
		name->text[name->used++] = '.';
	memcpy(name->text + name->used, label, count);
	name->used += count;
	return true;
}

bool domain_valid(const char *text)
{
	size_t bytes = strnlen(text, DOMAIN_TEXT_BYTES);
	size_t label = 0;

	if (bytes == 0 || bytes == DOMAIN_TEXT_BYTES)
		return false;
	for (; *text; text++) {
		if (*text == '.' ? label == 0 : !domain_letter((uint8_t)*text))
			return false;
		label = *text == '.' ? 0 : label + 1;
		if (label > DOMAIN_LABEL_BYTES)
			return false;
	}
	return label > 0;
}

static bool domain_labels_read(struct reader *reader, bool may_end, char *text)
{
	struct domain_text name = {.text = text};

	while (!may_end || reader->left > 0) {
		uint8_t count = reader_u8(reader);
		const uint8_t *label = reader_skip(reader, count);

		if (!label || count > DOMAIN_LABEL_BYTES)
			return false;
		if (count == 0)
			break;
		if (!domain_text_add(&name, label, count))
			return false;
	}
	text[name.used] = '\0';
	return !reader->failed;
}

static bool domain_read_either(struct reader *reader, bool may_end, char *ret_text)
{
	char text[DOMAIN_TEXT_BYTES];

	if (!domain_labels_read(reader, may_end, text)) {
		reader->failed = true;
		reader->left = 0;
		return false;
	}
	memcpy(ret_text, text, strlen(text) + 1);
	return true;
}

bool domain_read(struct reader *reader, char *ret_text)
{
	return domain_read_either(reader, false, ret_text);
}

bool domain_read_partial(struct reader *reader, char *ret_text)
{
	return domain_read_either(reader, true, ret_text);
}

/* One step through a compressed name: a label, a pointer or the end. */
struct domain_step {
	size_t at;
	size_t lowest; /* pointers lead below it, so that there is an end */
	size_t behind; /* where the name ends in the message; 0: not known yet */
	bool end;
};

static bool domain_follow(const uint8_t *message, size_t bytes, struct domain_step *step)
{
	size_t to;

	if (step->at + 1 >= bytes)
		return false;
	to = (size_t)(message[step->at] & ~DOMAIN_POINTER) << 8 | message[step->at + 1];
	if (to >= step->lowest)
		return false;
	if (step->behind == 0)
		step->behind = step->at + 2;
	step->at = step->lowest = to;
	return true;
}

static bool domain_step(const uint8_t *message, size_t bytes, struct domain_step *step, struct domain_text *name)
{
	uint8_t count;

	if (step->at >= bytes)
		return false;
	count = message[step->at];
	if ((count & DOMAIN_POINTER) == DOMAIN_POINTER)
		return domain_follow(message, bytes, step);
	if (count > DOMAIN_LABEL_BYTES || count > bytes - step->at - 1)
		return false;
	if (count == 0)
		step->end = true;
	else if (!domain_text_add(name, message + step->at + 1, count))
		return false;
	step->at += (size_t)count + 1;
	return true;
}

bool domain_read_compressed(const uint8_t *message, size_t bytes, size_t *at, char *ret_text)
{
	char text[DOMAIN_TEXT_BYTES];
	struct domain_text name = {.text = text};
	struct domain_step step = {.at = *at, .lowest = *at};

	while (!step.end) {
		if (!domain_step(message, bytes, &step, &name))
			return false;
	}
	memcpy(ret_text, text, name.used);
	ret_text[name.used] = '\0';
	*at = step.behind ? step.behind : step.at;
	return true;
}

static void domain_labels_write(struct writer *writer, const char *text)
{
	if (!domain_valid(text)) {
		writer->failed = true;
		return;
	}
	for (;;) {
		size_t count = strcspn(text, ".");

		writer_u8(writer, (uint8_t)count);
		writer_copy(writer, text, count);
		if (text[count] == '\0')
			break;
		text += count + 1;
	}
}

void domain_write(struct writer *writer, const char *text)
{
	domain_labels_write(writer, text);
	writer_u8(writer, 0);
}

void domain_write_partial(struct writer *writer, const char *text)
{
	if (text[0] == '\0')
		return;
	domain_labels_write(writer, text);
	if (strchr(text, '.'))
		writer_u8(writer, 0);
}

void domain_list_add(struct domain_list *list, const char *name)
{
	if (list->count < DOMAIN_LIST_MAX)
		memcpy(list->name[list->count++], name, strlen(name) + 1);
}

bool domain_list_read(struct reader *reader, struct domain_list *ret_list)
{
	struct domain_list list = {0};

	while (reader->left > 0) {
		char name[DOMAIN_TEXT_BYTES];

		if (!domain_read(reader, name))
			return false;
		if (name[0] != '\0')
			domain_list_add(&list, name);
	}
	*ret_list = list;
	return true;
}

void domain_list_write(struct writer *writer, const struct domain_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		domain_write(writer, list->name[i]);
}
