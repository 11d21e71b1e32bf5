/* SPDX-License-Identifier: MIT */
/* A request is a header, data, and a byte for how it went, which is the last one that we may write. What a driver asks of a
 * sector that is not there, or that is read only, fails in that byte; a request without room for it is a lie of its ring. */
#include "semu/virtio_blk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "semu/disklock.h"
#include "semu/hole.h"
#include "semu/settle.h"
#include "semu/virtio_single.h"
#include "virtio/layout.h"
#include "virtio/pieces.h"

enum virtio_blk_constant {
	VIRTIO_BLK_ID = 2,
	SECTOR_BYTES = 512,
	HEADER_BYTES = 16,
	NAME_BYTES = 20,
	RANGE_BYTES = 16,
	RANGES_MOST = 16,
	RANGE_SECTORS_MOST = 1 << 22, /* 2 GiB */
	SEGMENTS_MOST = 254,          /* of a request, besides its header and its status */
};

/* virtio 1.2, 5.2.3 */
enum virtio_blk_feature {
	FEATURE_SEG_MAX = 1 << 2,
	FEATURE_RO = 1 << 5,
	FEATURE_BLK_SIZE = 1 << 6,
	FEATURE_FLUSH = 1 << 9,
	FEATURE_DISCARD = 1 << 13,
	FEATURE_WRITE_ZEROES = 1 << 14,
};

/* virtio 1.2, 5.2.6 */
enum virtio_blk_type {
	TYPE_READ = 0,
	TYPE_WRITE = 1,
	TYPE_FLUSH = 4,
	TYPE_NAME = 8,
	TYPE_DISCARD = 11,
	TYPE_WRITE_ZEROES = 13,
};

enum virtio_blk_status { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_UNKNOWN = 2 };

/* virtio 1.2, 5.2.4: no padding, as all of it stands where its width has it. */
struct virtio_blk_config {
	struct le64 capacity; /* in sectors */
	struct le32 size_max, seg_max;
	uint8_t geometry[4];
	struct le32 blk_size;
	uint8_t topology[8];
	uint8_t writeback, unused0;
	struct le16 num_queues;
	struct le32 discard_sectors, discard_ranges, discard_alignment;
	struct le32 zeroes_sectors, zeroes_ranges;
	uint8_t zeroes_may_unmap, unused1[3];
};

_Static_assert(sizeof(struct virtio_blk_config) == 60, "virtio 1.2, 5.2.4");

struct virtio_blk {
	struct virtio_single single;
	struct virtio_blk_config config;
	int fd;
	bool readonly;
	uint64_t sectors;
	char name[NAME_BYTES + 1];
};

/* What is left of a request when its header and its status byte are taken off. */
struct transfer {
	enum virtio_blk_type type;
	uint64_t sector;
	bool to_guest;
	struct iovec *pieces;
	uint32_t piece_count;
	uint32_t bytes;
};

static bool is_inside(const struct virtio_blk *blk, uint64_t sector, uint64_t sectors)
{
	return sector <= blk->sectors && sectors <= blk->sectors - sector;
}

/* All of it, or not. */
static bool move(int fd, struct transfer *transfer, ssize_t (*call)(int, const struct iovec *, int, off_t))
{
	off_t offset = (off_t)(transfer->sector * SECTOR_BYTES);

	while (transfer->piece_count > 0) {
		ssize_t count = call(fd, transfer->pieces, (int)transfer->piece_count, offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		offset += count;
		transfer->piece_count = pieces_skip(transfer->pieces, transfer->piece_count, (size_t)count);
	}
	return true;
}

/* A driver that did not accept FLUSH takes what was written for safe. */
static bool settle(const struct virtio_blk *blk)
{
	return virtio_mmio_features(&blk->single.mmio) & FEATURE_FLUSH || settle_file(blk->fd) == 0;
}

static enum virtio_blk_status read_or_write(const struct virtio_blk *blk, struct transfer *transfer)
{
	bool done;

	if (transfer->to_guest != (transfer->type == TYPE_READ) || transfer->bytes % SECTOR_BYTES ||
	    !is_inside(blk, transfer->sector, transfer->bytes / SECTOR_BYTES))
		return STATUS_FAILED;
	if (transfer->type == TYPE_READ)
		done = move(blk->fd, transfer, preadv);
	else
		done = !blk->readonly && move(blk->fd, transfer, pwritev) && settle(blk);
	return done ? STATUS_OK : STATUS_FAILED;
}

static enum virtio_blk_status tell_name(const struct virtio_blk *blk, const struct transfer *transfer)
{
	if (!transfer->to_guest)
		return STATUS_FAILED;
	pieces_write(transfer->pieces, transfer->piece_count, 0, blk->name, NAME_BYTES);
	return STATUS_OK;
}

static enum virtio_blk_status drop_range(const struct virtio_blk *blk, const uint8_t range[RANGE_BYTES])
{
	struct le64 sector;
	struct le32 sectors;
	int error;

	memcpy(&sector, range, sizeof(sector));
	memcpy(&sectors, range + 8, sizeof(sectors));
	if (le32_value(sectors) > RANGE_SECTORS_MOST || !is_inside(blk, le64_value(sector), le32_value(sectors)))
		return STATUS_FAILED;
	error = hole_punch(blk->fd, le64_value(sector) * SECTOR_BYTES, (uint64_t)le32_value(sectors) * SECTOR_BYTES);
	if (error == 0)
		return settle(blk) ? STATUS_OK : STATUS_FAILED;
	return error == -EOPNOTSUPP ? STATUS_UNKNOWN : STATUS_FAILED;
}

/* Both types want the same: a range that reads as zeros. The range's flags only allow more. */
static enum virtio_blk_status drop_ranges(const struct virtio_blk *blk, const struct transfer *transfer)
{
	uint8_t ranges[RANGES_MOST * RANGE_BYTES];
	enum virtio_blk_status status = STATUS_OK;

	if (blk->readonly || transfer->to_guest || transfer->bytes == 0 || transfer->bytes % RANGE_BYTES ||
	    transfer->bytes > sizeof(ranges))
		return STATUS_FAILED;
	pieces_read(transfer->pieces, transfer->piece_count, 0, ranges, transfer->bytes);
	for (uint32_t at = 0; status == STATUS_OK && at < transfer->bytes; at += RANGE_BYTES)
		status = drop_range(blk, ranges + at);
	return status;
}

static enum virtio_blk_status perform(const struct virtio_blk *blk, struct transfer *transfer)
{
	switch (transfer->type) {
	case TYPE_READ:
	case TYPE_WRITE:
		return read_or_write(blk, transfer);
	case TYPE_FLUSH:
		return blk->readonly || settle_file(blk->fd) == 0 ? STATUS_OK : STATUS_FAILED;
	case TYPE_NAME:
		return tell_name(blk, transfer);
	case TYPE_DISCARD:
	case TYPE_WRITE_ZEROES:
		return drop_ranges(blk, transfer);
	}
	return STATUS_UNKNOWN;
}

static int64_t answer(void *owner, const struct virtio_single_request *request)
{
	const struct virtio_blk *blk = owner;
	struct transfer transfer = {.type = TYPE_READ};
	uint8_t header[HEADER_BYTES], *status;
	struct le32 type;
	struct le64 sector;

	if (pieces_read(request->readable, request->readable_pieces, 0, header, HEADER_BYTES) < HEADER_BYTES)
		return -DROP_RING_HEADER;
	if (request->writable_bytes == 0)
		return -DROP_RING_DIRECTION;
	memcpy(&type, header, sizeof(type));
	memcpy(&sector, header + 8, sizeof(sector));
	status = (uint8_t *)request->writable[request->writable_pieces - 1].iov_base +
		 request->writable[request->writable_pieces - 1].iov_len - 1;
	transfer.type = (enum virtio_blk_type)le32_value(type);
	transfer.sector = le64_value(sector);
	transfer.to_guest = request->readable_bytes == HEADER_BYTES;
	if (!transfer.to_guest) {
		transfer.pieces = request->readable;
		transfer.piece_count = pieces_skip(request->readable, request->readable_pieces, HEADER_BYTES);
		transfer.bytes = request->readable_bytes - HEADER_BYTES;
	} else {
		transfer.bytes = request->writable_bytes - 1;
		transfer.pieces = request->writable;
		transfer.piece_count = pieces_cut(request->writable, request->writable_pieces, transfer.bytes);
	}
	*status = (uint8_t)perform(blk, &transfer);
	return request->writable_bytes;
}

/* ---- its life ---- */

static int open_file(struct virtio_blk *blk, const char *path, struct error *ret_error)
{
	blk->fd = open(path, O_RDWR | O_CLOEXEC);
	if (blk->fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
		blk->readonly = true;
		blk->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (blk->fd < 0 && errno == ENOENT)
		return error_set(ret_error, -ENOENT,
				 "%s: there is no such disk; `truncate -s 1G %s` makes an empty one", path, path);
	if (blk->fd < 0)
		return error_set(ret_error, -errno, "%s: %s; give a file or a disk", path, error_name(-errno));
	if (disklock_take(blk->fd, blk->readonly))
		return error_set(ret_error, -EBUSY,
				 "%s: another machine is using it; stop that one, or give this one a copy", path);
	return 0;
}

static int check_file(struct virtio_blk *blk, const char *path, struct error *ret_error)
{
	static const char qcow[4] = "QFI\xfb";
	struct stat status;
	char head[4];
	off_t bytes;

	if (fstat(blk->fd, &status) < 0)
		return error_set(ret_error, -errno, "%s: %s", path, error_name(-errno));
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return error_set(ret_error, -ENOEXEC, "%s: neither a file nor a disk; give one of them", path);
	bytes = lseek(blk->fd, 0, SEEK_END);
	if (bytes < SECTOR_BYTES)
		return error_set(ret_error, -ENOEXEC,
				 "%s: too small for a disk; `truncate -s 1G %s` makes an empty one", path, path);
	if (bytes % SECTOR_BYTES)
		return error_set(ret_error, -ENOEXEC,
				 "%s: ends within a sector of 512 bytes; `truncate -s %%512 %s` fills it up", path,
				 path);
	if (pread(blk->fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, qcow, sizeof(head)) == 0)
		return error_set(ret_error, -ENOEXEC,
				 "%s: a qcow2 image; `qemu-img convert -O raw %s disk.img` makes one that can be used",
				 path, path);
	blk->sectors = (uint64_t)bytes / SECTOR_BYTES;
	return 0;
}

static void describe(struct virtio_blk *blk, const char *path)
{
	const char *slash = strrchr(path, '/');

	strncpy(blk->name, slash ? slash + 1 : path, NAME_BYTES);
	blk->config = (struct virtio_blk_config){
		.capacity = le64_from(blk->sectors),
		.seg_max = le32_from(SEGMENTS_MOST),
		.blk_size = le32_from(SECTOR_BYTES),
		.discard_sectors = le32_from(RANGE_SECTORS_MOST),
		.discard_ranges = le32_from(RANGES_MOST),
		.discard_alignment = le32_from(1),
		.zeroes_sectors = le32_from(RANGE_SECTORS_MOST),
		.zeroes_ranges = le32_from(RANGES_MOST),
		.zeroes_may_unmap = 1,
	};
}

static uint64_t features(const struct virtio_blk *blk)
{
	uint64_t offered = FEATURE_SEG_MAX | FEATURE_BLK_SIZE | FEATURE_FLUSH;

	if (blk->readonly)
		return offered | FEATURE_RO;
	return offered | FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
}

int virtio_blk_new(struct machine *machine, const char *path, struct virtio_blk **ret_blk, struct error *ret_error)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int error;

	if (!blk)
		return error_set(ret_error, -ENOMEM, "%s: no memory", path);
	error = open_file(blk, path, ret_error);
	if (error == 0)
		error = check_file(blk, path, ret_error);
	if (error < 0) {
		virtio_blk_free(blk);
		return error;
	}
	describe(blk, path);
	virtio_single_init(&blk->single, machine, MAP_BLK, MAP_LINE_BLK,
			   &(struct virtio_single_kind){.id = VIRTIO_BLK_ID,
							.features = features(blk),
							.config = &blk->config,
							.config_bytes = sizeof(blk->config),
							.answer = answer,
							.owner = blk});
	*ret_blk = blk;
	return 0;
}

void virtio_blk_free(struct virtio_blk *blk)
{
	if (!blk)
		return;
	if (blk->fd >= 0)
		close(blk->fd);
	free(blk);
}
