/* SPDX-License-Identifier: MIT */
/* Text that a guest or a neighbour may have written, made fit for a terminal or a log: one line, and nothing that moves a
 * cursor. Names that are kept are checked where they come in; this is for all that is shown. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

/* In place: control characters, of one byte and of two (U+0080 to U+009F), and bytes that are no UTF-8 become '?'. */
void plain_text(char *text);

#endif
