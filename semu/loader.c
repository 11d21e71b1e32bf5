/* SPDX-License-Identifier: MIT */
/* What a kernel's file is, told by its first bytes, and whether there is room for it. The header of an Image is that of
 * Documentation/arch/riscv/boot-image-header.rst: all little-endian, as the host is. */
#include "semu/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "semu/map.h"

struct image_header {
	uint32_t code[2];
	uint64_t text_offset;
	uint64_t image_bytes; /* with what is not in the file */
	uint64_t flags;
	uint32_t version, reserved;
	uint64_t reserved2;
	uint64_t magic; /* deprecated, but there */
	uint32_t magic2;
	uint32_t pe_offset; /* of an EFI stub's header; 0: it has none */
};

enum { IMAGE_MAGIC2 = 0x05435352, IMAGE_BIG_ENDIAN = 1 };
enum { PE_SIGNATURE = 0x4550, PE_MACHINE_32 = 0x5032, PE_MACHINE_64 = 0x5064 };
enum { PE_MACHINE = 4, PE_SECTIONS = 6, PE_OPTIONAL_BYTES = 20, PE_HEADER_BYTES = 24, PE_SECTION_BYTES = 40 };

/* Linux maps itself by large pages, and stands at the first one behind the start of memory: of Sv32's 4 MiB, or of 2. */
enum { TEXT_OFFSET_32 = 4 << 20, TEXT_OFFSET_64 = 2 << 20 };

/* ---- files ---- */

static int read_all(int fd, struct loader_file *file)
{
	size_t done = 0;

	while (done < file->count) {
		const ssize_t got = read(fd, file->bytes + done, file->count - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		done += (size_t)got;
	}
	return 0;
}

static int read_open(int fd, struct loader_file *file)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	file->count = (size_t)status.st_size;
	file->bytes = malloc(file->count + 1);
	if (!file->bytes)
		return -ENOMEM;
	return read_all(fd, file);
}

int loader_read(const char *path, struct loader_file *ret_file, struct error *ret_error)
{
	struct loader_file file = {.path = path};
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const int failed = fd < 0 ? -errno : read_open(fd, &file);

	if (fd >= 0)
		close(fd);
	if (failed) {
		loader_done(&file);
		return error_set(ret_error, failed, "%s: %s; give a file that can be read", path,
				 failed == -ENOEXEC ? "not a regular file" : error_name(failed));
	}
	*ret_file = file;
	return 0;
}

void loader_done(struct loader_file *file)
{
	free(file->bytes);
	*file = (struct loader_file){0};
}

/* ---- what the kernel's file is ---- */

static uint32_t u32_at(const struct loader_file *file, uint64_t at)
{
	uint32_t value = 0;

	if (file->count >= 4 && at <= file->count - 4)
		memcpy(&value, file->bytes + at, sizeof(value));
	return value;
}

static uint16_t u16_at(const struct loader_file *file, uint64_t at)
{
	return (uint16_t)u32_at(file, at);
}

/* What begins with these bytes, and what to do about it: around the file's name, where that helps. */
static const struct {
	uint16_t at;
	uint8_t count;
	char bytes[7];
	const char *what, *after;
} KINDS[] = {
	{0, 2, "\x1f\x8b", "is compressed by gzip; unpack it first: gunzip <", " >kernel"},
	{0, 6, "\xfd\x37zXZ", "is compressed by xz; unpack it first: xz -dc <", " >kernel"},
	{0, 4, "\x28\xb5\x2f\xfd", "is compressed by zstd; unpack it first: zstd -dc <", " >kernel"},
	{4, 4, "zimg", "is a compressed EFI kernel; give the Image that it was made of", NULL},
	{0, 4, "\x7f\x45LF", "is an ELF file; make an Image of it: objcopy -O binary ", " kernel"},
	{56, 4, "ARM\x64", "is a kernel for arm64; give one for riscv", NULL},
	{0x202, 4, "HdrS", "is a kernel for x86; give one for riscv", NULL},
	{0, 4, "\xd0\x0d\xfe\xed", "is a device tree; give it with -b, and a kernel with -k", NULL},
	{0, 6, "070701", "is an initramfs; give it with -i, and a kernel with -k", NULL},
};

static int refuse_kind(const struct loader_file *file, struct error *ret_error)
{
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		const size_t end = (size_t)KINDS[i].at + KINDS[i].count;

		if (file->count < end || memcmp(file->bytes + KINDS[i].at, KINDS[i].bytes, KINDS[i].count))
			continue;
		return error_set(ret_error, -ENOEXEC, "%s: %s%s%s", file->path, KINDS[i].what,
				 KINDS[i].after ? file->path : "", KINDS[i].after ? KINDS[i].after : "");
	}
	return error_set(ret_error, -ENOEXEC, "%s: not a kernel; give a RISC-V Linux Image", file->path);
}

/* Where its EFI header stands; 0: it has none. */
static uint64_t pe_of(const struct loader_file *file, const struct image_header *header)
{
	return u32_at(file, header->pe_offset) == PE_SIGNATURE ? header->pe_offset : 0;
}

/* How many bytes the file must have, as its EFI header tells; 0: it tells nothing. */
static uint64_t bytes_wanted(const struct loader_file *file, const struct image_header *header)
{
	const uint64_t pe = pe_of(file, header);
	uint64_t section, wanted = 0;

	if (!pe)
		return 0;
	section = pe + PE_HEADER_BYTES + u16_at(file, pe + PE_OPTIONAL_BYTES);
	for (unsigned i = 0; i < u16_at(file, pe + PE_SECTIONS); i++, section += PE_SECTION_BYTES) {
		const uint64_t end = (uint64_t)u32_at(file, section + 16) + u32_at(file, section + 20);

		wanted = end > wanted ? end : wanted;
	}
	return wanted;
}

static bool read_header(const struct loader_file *file, struct image_header *ret_header)
{
	if (file->count < sizeof(*ret_header) || u32_at(file, 56) != IMAGE_MAGIC2)
		return false;
	memcpy(ret_header, file->bytes, sizeof(*ret_header));
	return true;
}

/* The Image's own header has no word for it. */
unsigned loader_word(const struct loader_file *kernel)
{
	struct image_header header;
	uint64_t pe;

	if (!read_header(kernel, &header))
		return 0;
	pe = pe_of(kernel, &header);
	if (pe && u16_at(kernel, pe + PE_MACHINE) == PE_MACHINE_32)
		return 32;
	if (pe && u16_at(kernel, pe + PE_MACHINE) == PE_MACHINE_64)
		return 64;
	return header.text_offset == TEXT_OFFSET_32 ? 32 : header.text_offset == TEXT_OFFSET_64 ? 64 : 0;
}

static int check_kernel(const struct loader_file *file, struct image_header *ret_header, struct error *ret_error)
{
	struct image_header header;

	if (!read_header(file, &header))
		return refuse_kind(file, ret_error);
	if (header.flags & IMAGE_BIG_ENDIAN)
		return error_set(ret_error, -ENOEXEC, "%s: a big-endian kernel; give a little-endian one", file->path);
	if (bytes_wanted(file, &header) > file->count)
		return error_set(ret_error, -ENOEXEC, "%s: truncated: it has %zu bytes of %llu; fetch it again",
				 file->path, file->count, (unsigned long long)bytes_wanted(file, &header));
	if (header.image_bytes < file->count)
		header.image_bytes = file->count;
	*ret_header = header;
	return 0;
}

/* ---- where it goes ---- */

static uint64_t mebibytes(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & 0xfffff) != 0);
}

static int refuse_room(const char *path, uint64_t needed, uint64_t ram_bytes, struct error *ret_error)
{
	return error_set(ret_error, -ENOEXEC,
			 "%s: needs a machine of %llu MiB, and this one has %llu; give it more by -m %lluM", path,
			 (unsigned long long)mebibytes(needed), (unsigned long long)mebibytes(ram_bytes),
			 (unsigned long long)mebibytes(needed));
}

int loader_plan(const struct loader_file *kernel, const struct loader_file *initrd, unsigned word, uint64_t ram_bytes,
		struct loader_layout *ret_layout, struct error *ret_error)
{
	const uint64_t top = word == 32 && ram_bytes > MAP_TOP_32 ? MAP_TOP_32 : ram_bytes;
	const uint64_t initrd_room = (initrd->count + 4095) & ~(uint64_t)4095;
	struct image_header header = {0};
	uint64_t end;

	if (check_kernel(kernel, &header, ret_error))
		return -ENOEXEC;
	end = header.text_offset + header.image_bytes;
	if (header.text_offset > MAP_RAM_MOST || header.image_bytes > MAP_RAM_MOST || end > MAP_RAM_MOST)
		return error_set(ret_error, -ENOEXEC,
				 "%s: its header asks for more memory than a machine can have; fetch it again",
				 kernel->path);
	if (end + MAP_DTB_BYTES > top)
		return refuse_room(kernel->path, end + MAP_DTB_BYTES, ram_bytes, ret_error);
	if (end + MAP_DTB_BYTES + initrd_room > top)
		return refuse_room(initrd->path, end + MAP_DTB_BYTES + initrd_room, ram_bytes, ret_error);
	*ret_layout = (struct loader_layout){.kernel = MAP_RAM + header.text_offset,
					     .initrd = initrd_room ? top - MAP_DTB_BYTES - initrd_room : 0,
					     .tree = top - MAP_DTB_BYTES};
	return 0;
}
