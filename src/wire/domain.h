/* SPDX-License-Identifier: MIT */
/* Domain names, RFC 1035 3.1, as DHCP options and router advertisements carry them: labels on the wire, text here.
 * Text has no final dot; a label that holds a dot, a backslash or anything but printable ASCII has no text here and is
 * refused. */
#ifndef WIRE_DOMAIN_H
#define WIRE_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/writer.h"

enum domain_limits {
	DOMAIN_TEXT_BYTES = 254, /* with the final NUL */
	DOMAIN_WIRE_BYTES = 255, /* RFC 1035 2.3.4 */
	DOMAIN_LABEL_BYTES = 63,
	DOMAIN_LIST_MAX = 8, /* ours */
};

/* Search domains: in DHCPv4 119, DHCPv6 24 and DNSSL. */
struct domain_list {
	size_t count;
	char name[DOMAIN_LIST_MAX][DOMAIN_TEXT_BYTES];
};

/* Can it be written: labels of 1 … 63 letters, at most 253 with their dots? The root, "", is no name here. */
bool domain_valid(const char *text);
/* The next name, without compression; false, and the reader failed, when it makes no sense. `ret_text` has
 * DOMAIN_TEXT_BYTES and is "" for the root. */
bool domain_read(struct reader *reader, char *ret_text);
/* A name that may end with its reader, without the root: a partial one (RFC 4704 4.2, RFC 4702 3.1). */
bool domain_read_partial(struct reader *reader, char *ret_text);
/* The name at `*at` of a whole message, which pointers (RFC 1035 4.1.4) refer to; `*at` is moved behind it. Pointers
 * lead backwards only. */
bool domain_read_compressed(const uint8_t *message, size_t bytes, size_t *at, char *ret_text);
/* Fails the writer when the name is not valid. */
void domain_write(struct writer *writer, const char *text);
/* The same without the root when it is one label, and nothing at all for "". */
void domain_write_partial(struct writer *writer, const char *text);
/* Adds a name shorter than DOMAIN_TEXT_BYTES; one beyond DOMAIN_LIST_MAX is left out. */
void domain_list_add(struct domain_list *list, const char *name);
/* Names until the end, or until the padding of DNSSL (RFC 8106 5.2): names of no label are skipped, names beyond
 * DOMAIN_LIST_MAX too. False when a name makes no sense. */
bool domain_list_read(struct reader *reader, struct domain_list *ret_list);
void domain_list_write(struct writer *writer, const struct domain_list *list);

#endif
