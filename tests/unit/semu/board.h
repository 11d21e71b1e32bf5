/* SPDX-License-Identifier: MIT */
/* A hart with a little RAM and one device register, for tests. */
#ifndef SEMU_BOARD_H
#define SEMU_BOARD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "semu/code.h"
#include "semu/hart.h"
#include "semu/trap.h"

enum {
	A0 = 10,
	A1 = 11,
	A2 = 12,
	A3 = 13,
	ECALL = 0x00000073,
	BOARD_BYTES = 64 * 1024,
};

#define BOARD_RAM 0x80000000ULL
#define BOARD_HANDLER (BOARD_RAM + 0x8000)
#define BOARD_DEVICE 0x10000000ULL

struct board {
	struct code *code;
	unsigned word; /* 64 unless the test says 32 */
	struct hart_machine machine;
	struct hart hart;
	_Alignas(4096) uint8_t ram[BOARD_BYTES];
	uint64_t device; /* the register at BOARD_DEVICE */
	int calls;       /* environment calls from supervisor mode; each ends the run */
};

static inline bool board_on_load(void *owner, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	struct board *board = owner;

	(void)bytes;
	if (at != BOARD_DEVICE)
		return false;
	*ret_value = board->device;
	return true;
}

static inline bool board_on_store(void *owner, uint64_t at, unsigned bytes, uint64_t value)
{
	struct board *board = owner;

	(void)bytes;
	if (at != BOARD_DEVICE)
		return false;
	board->device = value;
	return true;
}

static inline void board_on_call(void *owner, struct hart *hart)
{
	struct board *board = owner;

	board->calls++;
	hart->waiting = true;
}

static inline uint64_t board_on_time(void *owner)
{
	(void)owner;
	return 12345;
}

static inline void board_reset(struct board *board)
{
	board->machine = (struct hart_machine){
		.owner = board,
		.ram = board->ram,
		.ram_start = BOARD_RAM,
		.ram_bytes = BOARD_BYTES,
		.word = board->word,
		.code = board->code,
		.load = board_on_load,
		.store = board_on_store,
		.environment_call = board_on_call,
		.time = board_on_time,
	};
	board->calls = 0;
	board->code->fences++; /* RAM is written by the tests themselves */
	hart_init(&board->hart, &board->machine, BOARD_RAM);
	board->hart.stvec = hart_word(&board->hart, BOARD_HANDLER);
}

static inline int board_new(void **state)
{
	const size_t bytes = (sizeof(struct board) + 4095) / 4096 * 4096;
	struct board *board = aligned_alloc(4096, bytes);

	if (!board)
		return -1;
	memset(board, 0, bytes);
	if (code_new(&board->code)) {
		free(board);
		return -1;
	}
	board->word = 64;
	board_reset(board);
	*state = board;
	return 0;
}

static inline int board_free(void **state)
{
	struct board *board = *state;

	code_free(board->code);
	free(board);
	return 0;
}

static inline void board_put(struct board *board, uint64_t at, const void *from, size_t bytes)
{
	memcpy(board->ram + (at - BOARD_RAM), from, bytes);
}

/* Puts the words at the pc and runs to an environment call, or 1000 instructions. A trap's handler is an ecall. */
static inline void board_run(struct board *board, const uint32_t *words, size_t count)
{
	const uint32_t handler = ECALL;

	board_put(board, BOARD_RAM, words, count * sizeof(*words));
	board_put(board, BOARD_HANDLER, &handler, sizeof(handler));
	hart_run(&board->hart, 1000);
}

#endif
