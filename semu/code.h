/* SPDX-License-Identifier: MIT */
/* The instruction cache that the harts of a machine share: pages of guest code, copied when they are first run, and the
 * blocks decoded from them. Not memory: what is decoded is the copy, so a store into code shows only when a FENCE.I has the
 * copy compared with RAM, which is what the architecture asks for and needs no watch over stores or devices.
 *
 * Theory of operation. A page has one entry for each address at which an instruction may start: the first operation of the
 * block there, or nothing yet. A block is a straight run of operations, decoded through branches (which leave it when they
 * are taken) and along jumps that stay in the page, until something ends it: a jump elsewhere, an instruction of control,
 * the page's end, CODE_BLOCK_MOST instructions. What leaves a block for another place of the same page is linked to the
 * block there once that is known; a link never leads out of the page, so that it holds wherever the page is mapped. All else
 * looks in the hart's TLB for the page and there for the entry.
 * An instruction that straddles two pages is a block of its own which first asks whether its second half is still the same.
 *
 * A FENCE.I counts one up and empties the TLB's fetch side; when a page is next wanted and has not been compared since, it is
 * compared, and if it changed its entries are forgotten. Operations are never given back one by one: when their room or
 * that for pages is used up everything is forgotten, and `generation` tells the harts. */
#ifndef SEMU_CODE_H
#define SEMU_CODE_H

#include <stdint.h>

#include "semu/mmu.h"

enum {
	CODE_BLOCK_MOST = 64, /* instructions of a block */
	CODE_OPS = 1 << 20,
	CODE_PAGES = 4096,
	CODE_BUCKETS = 4096,
};

struct hart;
struct op;

struct code_page {
	uint64_t offset;        /* in RAM */
	uint64_t fences;        /* how many there had been when it was last compared */
	struct code_page *next; /* of its bucket */
	struct op *entries[MMU_PAGE / 2];
	uint8_t bytes[MMU_PAGE];
};

struct code {
	uint64_t fences, generation;
	unsigned ops_used, pages_used;
	struct code_page *buckets[CODE_BUCKETS];
	struct op *ops;
	struct code_page *pages;
};

/* 0 or negative errno. Must outlive the harts that use it. */
int code_new(struct code **ret_code);
void code_free(struct code *code);
/* The page at an offset of RAM, as it was at the last fence or later. There must be room: code_find() sees to it. */
struct code_page *code_page_at(struct code *code, const uint8_t *ram, uint64_t offset);
/* The block at the hart's pc, decoded if need be. NULL: the fetch was refused, and the trap entered. */
struct op *code_find(struct hart *hart);

#endif
