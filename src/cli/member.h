/* SPDX-License-Identifier: MIT */
/* Members of an answer as a command wants them: one that is absent, or of another type, is empty, 0 or false, because
 * the network that answers may be older than the command. */
#ifndef CLI_MEMBER_H
#define CLI_MEMBER_H

#include <jansson.h>
#include <stdbool.h>

const char *member_text(const json_t *object, const char *key);
long long member_number(const json_t *object, const char *key);
bool member_truth(const json_t *object, const char *key);
/* On one line of standard output, in ASCII: a name in it moves no cursor. */
void member_print(const json_t *value);

#endif
