/* SPDX-License-Identifier: MIT */
/* Each compressed instruction at an edge of its immediate, against the word that an assembler makes of its long form. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "semu/compressed.h"

static const struct {
	const char *text;
	uint16_t word;
	uint32_t meaning;
} table[] = {
	{"c.addi4spn a0,sp,1020", 0x1fe8, 0x3fc10513},
	{"c.lw a2,124(a5)", 0x5ff0, 0x07c7a603},
	{"c.ld a2,248(a5)", 0x7ff0, 0x0f87b603},
	{"c.sw a2,64(a5)", 0xc3b0, 0x04c7a023},
	{"c.sd a2,8(a5)", 0xe790, 0x00c7b423},
	{"c.addi a0,-32", 0x1501, 0xfe050513},
	{"c.addiw a0,31", 0x257d, 0x01f5051b},
	{"c.li a0,-1", 0x557d, 0xfff00513},
	{"c.addi16sp sp,-512", 0x7101, 0xe0010113},
	{"c.addi16sp sp,496", 0x617d, 0x1f010113},
	{"c.lui a0,0xfffe1", 0x7505, 0xfffe1537},
	{"c.srli a0,63", 0x917d, 0x03f55513},
	{"c.srai a0,33", 0x9505, 0x42155513},
	{"c.andi a0,-2", 0x9979, 0xffe57513},
	{"c.sub a0,a1", 0x8d0d, 0x40b50533},
	{"c.xor a0,a1", 0x8d2d, 0x00b54533},
	{"c.or a0,a1", 0x8d4d, 0x00b56533},
	{"c.and a0,a1", 0x8d6d, 0x00b57533},
	{"c.subw a0,a1", 0x9d0d, 0x40b5053b},
	{"c.addw a0,a1", 0x9d2d, 0x00b5053b},
	{"c.j -2048", 0xb001, 0x801ff06f},
	{"c.j 2046", 0xaffd, 0x7fe0006f},
	{"c.j 90", 0xa8a9, 0x05a0006f},
	{"c.beqz a0,-256", 0xd101, 0xf00500e3},
	{"c.bnez a0,254", 0xed7d, 0x0e051f63},
	{"c.slli a0,63", 0x157e, 0x03f51513},
	{"c.lwsp a0,252(sp)", 0x557e, 0x0fc12503},
	{"c.ldsp a0,504(sp)", 0x757e, 0x1f813503},
	{"c.jr a0", 0x8502, 0x00050067},
	{"c.mv a0,a1", 0x852e, 0x00b00533},
	{"c.ebreak", 0x9002, 0x00100073},
	{"c.jalr a0", 0x9502, 0x000500e7},
	{"c.add a0,a1", 0x952e, 0x00b50533},
	{"c.swsp a0,252(sp)", 0xdfaa, 0x0ea12e23},
	{"c.sdsp a0,504(sp)", 0xffaa, 0x1ea13c23},
};

static void each_instruction_stands_for_its_long_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (compressed_expand(table[i].word) != table[i].meaning)
			fail_msg("%s is 0x%08x, not 0x%08x", table[i].text, compressed_expand(table[i].word),
				 table[i].meaning);
	}
}

static void what_is_reserved_is_no_instruction(void **state)
{
	/* all zeros; addi4spn of 0; quadrant 0, funct 4; addiw, lwsp, ldsp and jr with x0; lui of 0; 0x9c41: arithmetic */
	static const uint16_t reserved[] = {0x0000, 0x0004, 0x8000, 0x2005, 0x4002, 0x6002, 0x8002, 0x6501, 0x9c41};

	(void)state;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		assert_int_equal(compressed_expand(reserved[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_instruction_stands_for_its_long_form),
		cmocka_unit_test(what_is_reserved_is_no_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
