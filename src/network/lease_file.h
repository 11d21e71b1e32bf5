/* SPDX-License-Identifier: MIT */
/* The leases, kept in STATE_DIR/NAME.leases: one line each, as lease_format() makes them. Written at the end of a turn
 * that changed one, at most once a second, and at the end; a disk that does not take it is told of and not fatal. The disk
 * is waited for at the end alone: the turns go on meanwhile, and the next time is after it is done. */
#ifndef NETWORK_LEASE_FILE_H
#define NETWORK_LEASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "loop/loop.h"

struct lease_table;
struct replacement;

enum lease_file_limits {
	LEASE_FILE_PAUSE_US = 1000 * 1000,
	LEASE_FILE_LOOK_US = 20 * 1000, /* at a disk that does not say when it is done */
};

struct lease_file {
	struct loop *loop; /* NULL: there is no file */
	struct lease_table *leases;
	char *path;
	struct task save;
	struct timer pause; /* set while a save is due later */
	uint64_t saved_us;
	bool saved; /* once at least */
	bool dirty;
	bool failing; /* the last save failed: it has been told once */
	struct replacement *replacement;
	bool saving;       /* what was not dirty then is on its way to the disk */
	struct watch told; /* it may be there */
	struct timer look; /* the same, where nobody tells */
	void (*on_notice)(void *owner, const char *text);
	void *owner;
};

/* Reads what is there; a file that cannot be read and lines that make no sense are notices. 0 or -ENOMEM, or an error
 * when the directory is not there. */
int lease_file_init(struct lease_file *file, struct loop *loop, struct lease_table *leases, const char *directory,
		    const char *name, void (*on_notice)(void *owner, const char *text), void *owner,
		    struct error *ret_error);
/* A lease changed. */
void lease_file_touch(struct lease_file *file);
/* Saves what is not saved, what could not be until now too. */
void lease_file_done(struct lease_file *file);

#endif
