/* SPDX-License-Identifier: MIT */
/* From bytes to blocks, and where blocks are found again. */
#include "semu/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "semu/compressed.h"
#include "semu/decode.h"
#include "semu/fuse.h"
#include "semu/hart.h"
#include "semu/narrow.h"
#include "semu/op.h"
#include "semu/trap.h"

enum { LAST = MMU_PAGE - 2 };

int code_new(struct code **ret_code)
{
	struct code *code = calloc(1, sizeof(*code));

	if (!code)
		return -ENOMEM;
	/* Zeroed, but not touched: what is never used costs no memory. */
	code->ops = calloc(CODE_OPS, sizeof(*code->ops));
	code->pages = calloc(CODE_PAGES, sizeof(*code->pages));
	if (!code->ops || !code->pages) {
		code_free(code);
		return -ENOMEM;
	}
	*ret_code = code;
	return 0;
}

void code_free(struct code *code)
{
	if (!code)
		return;
	free(code->ops);
	free(code->pages);
	free(code);
}

static void forget_everything(struct code *code)
{
	memset(code->buckets, 0, sizeof(code->buckets));
	code->ops_used = code->pages_used = 0;
	code->generation++;
}

static void take_copy(struct code_page *page, const uint8_t *from)
{
	memcpy(page->bytes, from, MMU_PAGE);
	memset(page->entries, 0, sizeof(page->entries));
}

struct code_page *code_page_at(struct code *code, const uint8_t *ram, uint64_t offset)
{
	struct code_page **bucket = &code->buckets[offset / MMU_PAGE % CODE_BUCKETS];
	struct code_page *page = *bucket;

	while (page && page->offset != offset)
		page = page->next;
	if (!page) {
		page = &code->pages[code->pages_used++];
		page->offset = offset;
		page->next = *bucket;
		*bucket = page;
		take_copy(page, ram + offset);
	} else if (page->fences != code->fences && memcmp(page->bytes, ram + offset, MMU_PAGE)) {
		take_copy(page, ram + offset);
	}
	page->fences = code->fences;
	return page;
}

/* ---- decoding ---- */

/* A block that is being made. Places are offsets in the page. */
struct builder {
	struct code_page *page;
	struct op *ops;
	unsigned word; /* the machine's */
	unsigned start, at;
	unsigned used, count; /* operations; instructions */
};

static enum decode_kind decode_word(const struct builder *builder, uint32_t word, struct op *ret_op)
{
	const bool is_short = (word & 3) != 3;
	enum decode_kind kind;

	if (builder->word == 32)
		kind = narrow_decode(word, ret_op);
	else
		kind = decode_instruction(is_short ? compressed_expand((uint16_t)word) : word, ret_op);
	if (ret_op->run == system_illegal)
		ret_op->imm = is_short ? (uint16_t)word : word;
	ret_op->length = is_short ? 2 : 4;
	return kind;
}

/* False: no whole instruction is left in the page. */
static bool word_at(const struct code_page *page, unsigned at, uint32_t *ret_word)
{
	uint16_t low;

	if (at > LAST)
		return false;
	memcpy(&low, page->bytes + at, 2);
	*ret_word = low;
	if ((low & 3) != 3)
		return true;
	if (at == LAST)
		return false;
	memcpy(ret_word, page->bytes + at, 4);
	return true;
}

/* imm is already from the block's first byte. */
static uintptr_t link_to(const struct builder *builder, uint64_t imm)
{
	return imm + builder->start < MMU_PAGE ? (uintptr_t)builder->page | OP_UNLINKED : OP_UNLINKED;
}

/* A jump that stays in the page is followed: it takes no operation of its own unless it notes where it came from. */
static bool follow(struct builder *builder, struct op *op)
{
	const uint64_t target = op->imm + builder->start;

	if (target >= MMU_PAGE)
		return false;
	if (op->rd != HART_SINK) {
		op->run = builder->word == 32 ? narrow_pc : integer_pc;
		op->imm = (uint64_t)op->offset + op->length;
		builder->used++;
	}
	builder->at = (unsigned)target;
	return true;
}

/* False: the block ends with it. */
static bool add(struct builder *builder, uint32_t word)
{
	struct op *op = &builder->ops[builder->used];
	const enum decode_kind kind = decode_word(builder, word, op);

	op->offset = (int16_t)(builder->at - builder->start);
	op->count = (uint8_t)++builder->count;
	if (kind == DECODE_BRANCH || kind == DECODE_JUMP || kind == DECODE_PC)
		op->imm += (uint64_t)op->offset;
	if (kind == DECODE_BRANCH)
		op->link = link_to(builder, op->imm);
	if (kind == DECODE_JUMP && follow(builder, op))
		return true;
	builder->at += op->length;
	builder->used++;
	return kind != DECODE_END && kind != DECODE_JUMP;
}

/* The block is full, or at its page's end: it goes on with the next one. */
static void end_block(struct builder *builder)
{
	const int16_t offset = (int16_t)(builder->at - builder->start);

	builder->ops[builder->used++] = (struct op){
		.run = jump_on,
		.imm = (uint64_t)offset,
		.link = link_to(builder, (uint64_t)offset),
		.offset = offset,
		.count = (uint8_t)builder->count,
	};
}

static struct op *finish(struct code *code, const struct builder *builder)
{
	fuse_block(builder->ops, builder->used);
	code->ops_used += builder->used;
	builder->page->entries[builder->start / 2] = builder->ops;
	return builder->ops;
}

static struct builder builder_at(const struct hart *hart, struct code_page *page, unsigned start)
{
	const struct code *code = hart->machine->code;

	return (struct builder){.page = page,
				.ops = code->ops + code->ops_used,
				.word = hart->machine->word,
				.start = start,
				.at = start};
}

static struct op *decode_block(struct hart *hart, struct code_page *page, unsigned start)
{
	struct builder builder = builder_at(hart, page, start);
	bool goes_on = true;
	uint32_t word;

	while (goes_on && builder.count < CODE_BLOCK_MOST && word_at(page, builder.at, &word))
		goes_on = add(&builder, word);
	if (goes_on)
		end_block(&builder);
	return finish(hart->machine->code, &builder);
}

static struct op *decode_straddling(struct hart *hart, struct code_page *page, uint16_t high)
{
	struct builder builder = builder_at(hart, page, LAST);
	uint16_t low;

	memcpy(&low, page->bytes + LAST, 2);
	builder.ops[builder.used++] = (struct op){.run = jump_straddle, .imm = high};
	if (add(&builder, (uint32_t)high << 16 | low))
		end_block(&builder);
	return finish(hart->machine->code, &builder);
}

/* ---- finding ---- */

static void make_room(struct hart *hart)
{
	struct code *code = hart->machine->code;

	if (CODE_OPS - code->ops_used < CODE_BLOCK_MOST + 2 || CODE_PAGES - code->pages_used < 2)
		forget_everything(code);
	if (hart->code_generation != code->generation)
		mmu_flush_code(hart);
	hart->code_generation = code->generation;
}

static struct op *refused(struct hart *hart)
{
	trap_enter(hart, hart->fault_cause, hart->fault_value);
	return NULL;
}

/* Its second half may be mapped elsewhere, or another, than the last time. */
static struct op *find_straddling(struct hart *hart, struct code_page *page)
{
	struct op *op = page->entries[LAST / 2];
	struct code_page *other;
	uint16_t high;

	if (!mmu_fetch(hart, hart->pc + 2, &other))
		return refused(hart);
	memcpy(&high, other->bytes, 2);
	return op && op->imm == high ? op : decode_straddling(hart, page, high);
}

struct op *code_find(struct hart *hart)
{
	const unsigned start = hart->pc % MMU_PAGE;
	struct code_page *page;

	make_room(hart);
	if (!mmu_fetch(hart, hart->pc, &page))
		return refused(hart);
	if (start == LAST && (page->bytes[LAST] & 3) == 3)
		return find_straddling(hart, page);
	return page->entries[start / 2] ? page->entries[start / 2] : decode_block(hart, page, start);
}
