/* SPDX-License-Identifier: MIT */
/* The commands that are more than a line, each as its words came; 0, or an exit status. */
#ifndef TINY_COMMAND_H
#define TINY_COMMAND_H

/* words ends with a NULL. */
int ping(const char *const *words);
int lease(const char *const *words);
int fetch(const char *const *words);

#endif
