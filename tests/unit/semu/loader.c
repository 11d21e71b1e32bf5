/* SPDX-License-Identifier: MIT */
/* Files that can be booted, and what is said of those that cannot. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "semu/loader.h"
#include "semu/map.h"

enum { IMAGE_BYTES = 8192 };

static const uint64_t MIB = 1 << 20;

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* An Image whose text stands at 2 MiB and which takes `image_bytes` when it runs. */
static struct loader_file image(uint8_t bytes[IMAGE_BYTES], uint64_t image_bytes)
{
	memset(bytes, 0, IMAGE_BYTES);
	put64(bytes + 8, 2 * MIB);
	put64(bytes + 16, image_bytes);
	memcpy(bytes + 48, "RISCV\0\0\0RSC\x05", 12);
	return (struct loader_file){.path = "Image", .bytes = bytes, .count = IMAGE_BYTES};
}

static const struct loader_file NO_FILE;

static void everything_has_its_place(void **state)
{
	static const struct {
		uint64_t ram_bytes;
		unsigned word;
		uint64_t initrd, tree;
	} table[] = {
		{256 * 1048576ULL, 64, 0xfefe000, 0xff00000},
		{2048 * 1048576ULL, 64, 0x7fefe000, 0x7ff00000},
		{3840 * 1048576ULL, 64, 0xefefe000, 0xeff00000},
		{2048 * 1048576ULL, 32, 0x1fefe000, 0x1ff00000},
	};
	uint8_t bytes[IMAGE_BYTES];
	const struct loader_file kernel = image(bytes, 30 * MIB);
	const struct loader_file initrd = {.path = "rootfs.cpio", .bytes = bytes, .count = 4097};
	struct loader_layout layout;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(loader_plan(&kernel, &initrd, table[i].word, table[i].ram_bytes, &layout, &error), 0);
		assert_int_equal(layout.kernel, 2 * MIB);
		assert_int_equal(layout.initrd, table[i].initrd);
		assert_int_equal(layout.tree, table[i].tree);
	}
	assert_int_equal(loader_plan(&kernel, &NO_FILE, 64, 256 * MIB, &layout, &error), 0);
	assert_int_equal(layout.initrd, 0);
}

static void what_does_not_fit_says_how_much_would_do(void **state)
{
	uint8_t bytes[IMAGE_BYTES];
	struct loader_file kernel = image(bytes, 30 * MIB);
	const struct loader_file initrd = {.path = "rootfs.cpio", .bytes = bytes, .count = 40 * MIB};
	struct loader_layout layout;
	struct error error;

	(void)state;
	assert_int_equal(loader_plan(&kernel, &NO_FILE, 64, 33 * MIB, &layout, &error), 0);
	assert_int_equal(loader_plan(&kernel, &NO_FILE, 64, 32 * MIB, &layout, &error), -ENOEXEC);
	assert_string_equal(error.text,
			    "Image: needs a machine of 33 MiB, and this one has 32; give it more by -m 33M");
	assert_int_equal(loader_plan(&kernel, &initrd, 64, 64 * MIB, &layout, &error), -ENOEXEC);
	assert_string_equal(error.text,
			    "rootfs.cpio: needs a machine of 73 MiB, and this one has 64; give it more by -m 73M");
	assert_int_equal(loader_plan(&kernel, &initrd, 64, 73 * MIB, &layout, &error), 0);
	put64(bytes + 16, UINT64_MAX - MIB);
	assert_int_equal(loader_plan(&kernel, &NO_FILE, 64, 64 * MIB, &layout, &error), -ENOEXEC);
	assert_string_equal(error.text,
			    "Image: its header asks for more memory than a machine can have; fetch it again");
}

static void what_is_no_kernel_is_told_for_what_it_is(void **state)
{
	static const struct {
		size_t at, count;
		const char *bytes, *text;
	} table[] = {
		{0, 2, "\x1f\x8b", "Image: is compressed by gzip; unpack it first: gunzip <Image >kernel"},
		{0, 6, "\xfd\x37zXZ", "Image: is compressed by xz; unpack it first: xz -dc <Image >kernel"},
		{0, 4, "\x7f\x45LF", "Image: is an ELF file; make an Image of it: objcopy -O binary Image kernel"},
		{0x202, 4, "HdrS", "Image: is a kernel for x86; give one for riscv"},
		{56, 4, "ARM\x64", "Image: is a kernel for arm64; give one for riscv"},
		{0, 4, "\xd0\x0d\xfe\xed", "Image: is a device tree; give it with -b, and a kernel with -k"},
		{0, 6, "070701", "Image: is an initramfs; give it with -i, and a kernel with -k"},
		{0, 0, "", "Image: not a kernel; give a RISC-V Linux Image"},
	};
	uint8_t bytes[IMAGE_BYTES];
	struct loader_file file;
	struct loader_layout layout;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		file = image(bytes, MIB);
		memset(bytes + 48, 0, 16);
		memcpy(bytes + table[i].at, table[i].bytes, table[i].count);
		assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), -ENOEXEC);
		assert_string_equal(error.text, table[i].text);
	}
	file = image(bytes, MIB);
	for (file.count = 0; file.count < 64; file.count++)
		assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), -ENOEXEC);
	bytes[24] = 1;
	file.count = IMAGE_BYTES;
	assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), -ENOEXEC);
	assert_string_equal(error.text, "Image: a big-endian kernel; give a little-endian one");
}

/* An EFI header says where its sections end. */
static void a_truncated_kernel_is_found_by_its_sections(void **state)
{
	static const uint8_t section[8] = {0x00, 0x10, 0, 0, 0x00, 0x08, 0, 0}; /* 4096 bytes from 2048 */
	uint8_t bytes[IMAGE_BYTES];
	struct loader_file file = image(bytes, MIB);
	struct loader_layout layout;
	struct error error;

	(void)state;
	bytes[60] = 64;
	memcpy(bytes + 64, "PE\0\0\0\0\x01", 7);
	memcpy(bytes + 64 + 24 + 16, section, sizeof(section));
	assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), 0);
	file.count = 6144;
	assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), 0);
	file.count = 6143;
	assert_int_equal(loader_plan(&file, &NO_FILE, 64, 64 * MIB, &layout, &error), -ENOEXEC);
	assert_string_equal(error.text, "Image: truncated: it has 6143 bytes of 6144; fetch it again");
}

/* Its EFI header says it, or else where it wants to stand. */
static void a_kernel_tells_how_wide_it_is(void **state)
{
	static const struct {
		uint64_t text_offset;
		uint16_t machine;
		unsigned word;
	} table[] = {
		{0x200000, 0, 64},      {0x400000, 0, 32},      {0, 0, 0}, {0x600000, 0, 0}, {0, 0x5064, 64},
		{0x200000, 0x5032, 32}, {0x400000, 0x8664, 32},
	};
	uint8_t bytes[IMAGE_BYTES];
	struct loader_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		file = image(bytes, MIB);
		put64(bytes + 8, table[i].text_offset);
		if (table[i].machine) {
			bytes[60] = 64;
			memcpy(bytes + 64, "PE\0\0", 4);
			memcpy(bytes + 68, &table[i].machine, sizeof(table[i].machine));
		}
		assert_int_equal(loader_word(&file), table[i].word);
		file.count = 63;
		assert_int_equal(loader_word(&file), 0);
	}
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(loader_word(&file), 0);
}

static void a_file_is_read_whole(void **state)
{
	char path[] = "/tmp/semu-loader-XXXXXX";
	const int fd = mkstemp(path);
	struct loader_file file;
	struct error error;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "kernel", 6), 6);
	close(fd);
	assert_int_equal(loader_read(path, &file, &error), 0);
	assert_int_equal(file.count, 6);
	assert_memory_equal(file.bytes, "kernel", 6);
	loader_done(&file);
	assert_null(file.bytes);
	unlink(path);
	assert_int_equal(loader_read("/nowhere/Image", &file, &error), -ENOENT);
	assert_string_equal(error.text, "/nowhere/Image: No such file or directory; give a file that can be read");
	assert_int_equal(loader_read("/tmp", &file, &error), -EISDIR);
	assert_int_equal(loader_read("/dev/null", &file, &error), -ENOEXEC);
	assert_string_equal(error.text, "/dev/null: not a regular file; give a file that can be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_its_place),
		cmocka_unit_test(what_does_not_fit_says_how_much_would_do),
		cmocka_unit_test(what_is_no_kernel_is_told_for_what_it_is),
		cmocka_unit_test(a_truncated_kernel_is_found_by_its_sections),
		cmocka_unit_test(a_kernel_tells_how_wide_it_is),
		cmocka_unit_test(a_file_is_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
