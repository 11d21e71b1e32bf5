/* SPDX-License-Identifier: MIT */
/* What `guestwire up` is to make: from the command line, from a YAML file (guestwire.yaml(5)), or from both. Guests,
 * uplink and reservations are kept as the text that the library takes; what the words in them mean is the library's. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stddef.h>

struct error;

enum config_limits {
	CONFIG_FILE_BYTES = 256 * 1024,
	CONFIG_GUESTS_MAX = 1024,
	CONFIG_NAME_BYTES = 32,
};

struct config_item {
	char *text;   /* "stream,path=/run/vm.sock" */
	char *origin; /* "lab.yaml:7:5", or NULL: the command line */
};

struct config_list {
	struct config_item *items;
	size_t count;
};

struct config {
	char *name;                /* NULL: not given */
	char *state_dir;           /* NULL: none */
	struct config_item uplink; /* text NULL: not given */
	struct config_list guests;
	struct config_list dhcp_hosts;
	struct config_list forwards; /* as -p has them: publish.h */
};

void config_init(struct config *config);
void config_done(struct config *config);
/* Each copies its text; `origin` may be NULL. 0, -ENOMEM, or -EINVAL and a text when there are too many. */
int config_add(struct config_list *list, const char *text, const char *origin, struct error *ret_error);
int config_set(char **field, const char *text);
/* Adds what the file says to what is there already: lists grow, and what was set stays. Nothing of the file is kept on
 * failure, whose text begins with file:line:column. */
int config_load(struct config *config, const char *path, struct error *ret_error);
/* The same from memory; `path` is for the texts. */
int config_parse(struct config *config, const char *bytes, size_t count, const char *path, struct error *ret_error);
/* 0 or -EINVAL: 1 to 32 letters, digits, '_' and '-', which does not stand in front. */
int config_check_name(const char *name, struct error *ret_error);

#endif
