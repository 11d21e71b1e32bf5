/* SPDX-License-Identifier: MIT */
/* What operations of a block become once their registers and their neighbours are known: an addition of x0 is a move, and a
 * frequent pair is one operation. Nothing depends on it but speed. */
#ifndef SEMU_FUSE_H
#define SEMU_FUSE_H

struct op;

/* The block's operations, whose last one ends it. A pair's second operation stays in its place as it was, for the first
 * one to read and to fall back to. */
void fuse_block(struct op *ops, unsigned count);

#endif
