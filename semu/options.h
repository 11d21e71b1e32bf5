/* SPDX-License-Identifier: MIT */
/* What a person types: semu's words. Strings are those of argv, and valid as long as it is. */
#ifndef SEMU_OPTIONS_H
#define SEMU_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "semu/map.h"

struct error;

enum options_wish { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
	enum options_wish wish;
	const char *kernel;
	const char *tree, *initrd, *disk; /* NULL: none */
	const char *nets[MAP_NETS_MOST];
	unsigned net_count; /* 0: nothing was said */
	const char *arguments;
	unsigned harts; /* 0: nothing was said */
	uint64_t ram_bytes;
	unsigned word; /* 0: nothing was said */
	bool verbose;
};

/* 0, or -EINVAL and one line. */
int options_read(int count, char **words, struct options *ret_options, struct error *ret_error);
const char *options_help(void);

#endif
