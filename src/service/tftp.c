/* SPDX-License-Identifier: MIT */
/* The transfers. Blocks are numbered from 1 without end here and by 16 bits on the wire, where 0 follows 65535: what
 * every client expects of files beyond 32 MiB.
 *
 * What surprises: a block is not kept for its repetition but read again, from the offset of the first one that is not
 * acknowledged. In netascii (RFC 764: LF is CR LF, CR is CR NUL) offsets do not follow from block numbers, so its window
 * is one block. */
#include "service/tftp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/tally.h"
#include "base/timer.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

/* Where in the file a block begins. */
struct tftp_place {
	uint64_t offset;
	bool half; /* netascii: the second byte of a pair comes first */
	uint8_t second;
};

struct tftp_transfer {
	bool used;
	bool offered; /* the OACK waits for its ACK 0 */
	bool heard;   /* the guest has acknowledged something */
	bool netascii;
	bool repeated;   /* for an acknowledgement that came twice; once only until there is progress */
	uint8_t repeats; /* in vain */
	uint32_t block_bytes;
	uint32_t window;
	uint64_t wait_us;
	uint64_t due_us;
	uint64_t acked;          /* all blocks up to this one */
	uint64_t sent;           /* the last one sent */
	uint64_t last;           /* the file's last block, once it was sent; 0 before */
	struct tftp_place place; /* of block acked + 1 */
	struct tftp_place next;  /* netascii: of the block behind it */
	void *file;
	struct asker asker; /* asked_port is the transfer's own */
	struct tftp_options options;
};

struct tftp {
	struct tftp_config config;
	size_t count;
	uint64_t due_us;     /* never later than the earliest of all */
	uint16_t ports;      /* given out so far */
	struct tally places; /* whose the transfers are */
	struct tally_holder holders[TFTP_TRANSFERS_MAX];
	struct tftp_transfer transfers[TFTP_TRANSFERS_MAX];
	uint8_t message[TFTP_HEADER_BYTES + TFTP_BLOCK_MAX];
};

int tftp_new(const struct tftp_config *config, struct tftp **ret_tftp)
{
	struct tftp *tftp = calloc(1, sizeof(*tftp));

	if (!tftp)
		return -ENOMEM;
	tally_init(&tftp->places, tftp->holders, TFTP_TRANSFERS_MAX);
	tftp->config = *config;
	tftp->due_us = TIMER_NEVER;
	*ret_tftp = tftp;
	return 0;
}

static void transfer_end(struct tftp *tftp, struct tftp_transfer *transfer)
{
	tftp->config.close(tftp->config.owner, transfer->file);
	transfer->used = false;
	tally_remove(&tftp->places, transfer->asker.place);
	tftp->count--;
	if (tftp->count == 0)
		tftp->due_us = TIMER_NEVER;
}

void tftp_free(struct tftp *tftp)
{
	if (!tftp)
		return;
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		if (tftp->transfers[i].used)
			transfer_end(tftp, &tftp->transfers[i]);
	}
	free(tftp);
}

bool tftp_path(const char *asked, char *ret_path)
{
	size_t used = 0;

	while (*asked) {
		size_t part = strcspn(asked, "/\\");

		if (part == 2 && asked[0] == '.' && asked[1] == '.')
			return false;
		if (part > 0 && !(part == 1 && asked[0] == '.')) {
			if (used + 1 + part >= TFTP_PATH_BYTES)
				return false;
			if (used > 0)
				ret_path[used++] = '/';
			memcpy(ret_path + used, asked, part);
			used += part;
		}
		asked += part;
		asked += *asked != '\0';
	}
	ret_path[used] = '\0';
	return used > 0;
}

/* ---- sending ---- */

static void tftp_refuse(struct tftp *tftp, const struct asker *asker, enum tftp_error error, const char *text)
{
	struct writer writer;

	writer_init(&writer, tftp->message, sizeof(tftp->message));
	tftp_error_write(&writer, error, text);
	tftp->config.send(tftp->config.owner, asker, tftp->message, writer_used(&writer));
}

/* From a place on as netascii; how many bytes, or negative errno. */
static int netascii_read(struct tftp *tftp, struct tftp_transfer *transfer, struct tftp_place *place, uint8_t *to,
			 uint32_t room)
{
	uint32_t used = 0;
	uint8_t bytes[256];
	int got, at = 0;

	for (got = 0; used < room;) {
		if (place->half) {
			to[used++] = place->second;
			place->half = false;
			continue;
		}
		if (at == got) {
			got = tftp->config.read(tftp->config.owner, transfer->file, place->offset, bytes,
						sizeof(bytes));
			at = 0;
			if (got <= 0)
				return got < 0 ? got : (int)used;
		}
		place->half = bytes[at] == '\n' || bytes[at] == '\r';
		place->second = bytes[at] == '\n' ? '\n' : '\0';
		to[used++] = place->half ? '\r' : bytes[at];
		place->offset++;
		at++;
	}
	return (int)used;
}

static int block_read(struct tftp *tftp, struct tftp_transfer *transfer, uint64_t block, uint8_t *to)
{
	uint64_t ahead = block - transfer->acked - 1;

	if (transfer->netascii) {
		transfer->next = transfer->place;
		return netascii_read(tftp, transfer, &transfer->next, to, transfer->block_bytes);
	}
	return tftp->config.read(tftp->config.owner, transfer->file,
				 transfer->place.offset + ahead * transfer->block_bytes, to, transfer->block_bytes);
}

/* False: the file cannot be read any more, and the transfer has ended. */
static bool block_send(struct tftp *tftp, struct tftp_transfer *transfer, uint64_t block)
{
	struct writer writer;
	int got = block_read(tftp, transfer, block, tftp->message + TFTP_HEADER_BYTES);

	if (got < 0) {
		tftp_refuse(tftp, &transfer->asker, TFTP_ERROR_OTHER, "the file cannot be read");
		transfer_end(tftp, transfer);
		return false;
	}
	writer_init(&writer, tftp->message, TFTP_HEADER_BYTES);
	tftp_data_write(&writer, (uint16_t)block);
	if ((uint32_t)got < transfer->block_bytes)
		transfer->last = block;
	tftp->config.send(tftp->config.owner, &transfer->asker, tftp->message, TFTP_HEADER_BYTES + (size_t)got);
	return true;
}

static void transfer_set_due(struct tftp *tftp, struct tftp_transfer *transfer, uint64_t now_us)
{
	transfer->due_us = now_us + transfer->wait_us;
	if (transfer->due_us < tftp->due_us)
		tftp->due_us = transfer->due_us;
}

/* What the guest waits for: the options, or the window behind what it acknowledged. */
static void transfer_send(struct tftp *tftp, struct tftp_transfer *transfer, uint64_t now_us)
{
	uint64_t end = transfer->acked + transfer->window;
	struct writer writer;

	transfer_set_due(tftp, transfer, now_us);
	if (transfer->offered) {
		writer_init(&writer, tftp->message, sizeof(tftp->message));
		tftp_oack_write(&writer, &transfer->options);
		tftp->config.send(tftp->config.owner, &transfer->asker, tftp->message, writer_used(&writer));
		return;
	}
	for (uint64_t block = transfer->acked + 1; block <= end; block++) {
		if (!block_send(tftp, transfer, block))
			return;
		transfer->sent = block;
		if (block == transfer->last)
			return;
	}
}

/* ---- requests ---- */

/* What fits one packet. */
static uint32_t tftp_block_most(const struct tftp *tftp, const struct asker *asker)
{
	static const struct ip6 mapped = {{[10] = 0xff, [11] = 0xff}};
	uint32_t headers = (ip6_in_net(asker->guest, mapped, 96) ? IP4_HEADER_BYTES : IP6_HEADER_BYTES) +
			   UDP_HEADER_BYTES + TFTP_HEADER_BYTES;
	uint32_t most = tftp->config.mtu_bytes > headers ? tftp->config.mtu_bytes - headers : 0;

	if (most < TFTP_BLOCK_BYTES)
		return TFTP_BLOCK_BYTES;
	return most < TFTP_BLOCK_MAX ? most : TFTP_BLOCK_MAX;
}

/* RFC 2347: the options that we take, with the values that we take. */
static void transfer_agree(struct tftp *tftp, struct tftp_transfer *transfer, const struct tftp_message *request,
			   uint64_t file_bytes)
{
	uint32_t most = tftp_block_most(tftp, &transfer->asker);
	struct tftp_options *options = &transfer->options;

	*options = request->options;
	transfer->netascii = request->mode == TFTP_NETASCII;
	transfer->block_bytes = TFTP_BLOCK_BYTES;
	transfer->window = 1;
	transfer->wait_us = TFTP_WAIT_US;
	if (options->has_block) {
		options->block_bytes = options->block_bytes < most ? options->block_bytes : most;
		transfer->block_bytes = options->block_bytes;
	}
	/* How long a netascii file becomes nobody knows before its end (RFC 2349). */
	options->has_size = options->has_size && !transfer->netascii;
	options->size_bytes = options->has_size ? file_bytes : 0;
	if (options->has_timeout)
		transfer->wait_us = (uint64_t)options->timeout_s * 1000 * 1000;
	if (options->has_window) {
		uint32_t window = TFTP_WINDOW_BYTES / transfer->block_bytes;

		if (transfer->netascii || window == 0)
			window = 1;
		if (window > TFTP_WINDOW_MAX)
			window = TFTP_WINDOW_MAX;
		options->window_blocks = options->window_blocks < window ? options->window_blocks : window;
		transfer->window = options->window_blocks;
	}
	transfer->offered = options->has_block || options->has_size || options->has_timeout || options->has_window;
}

bool tftp_has_port(const struct tftp *tftp, uint16_t port)
{
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX && tftp->count > 0; i++) {
		if (tftp->transfers[i].used && tftp->transfers[i].asker.asked_port == port)
			return true;
	}
	return false;
}

static uint16_t tftp_port(struct tftp *tftp)
{
	uint16_t port;

	do {
		port = (uint16_t)(TFTP_PORT_FIRST + tftp->ports++ % TFTP_PORTS);
	} while (tftp_has_port(tftp, port));
	return port;
}

/* Is it the same guest's port, wherever it wrote to? */
static bool transfer_is_of(const struct tftp_transfer *transfer, const struct asker *asker)
{
	struct asker other = *asker;

	other.asked_port = transfer->asker.asked_port;
	return transfer->used && asker_equal(&transfer->asker, &other);
}

/* Has this request been served already? A guest that asks anew from the port of a transfer that it took part in has begun
 * anew, as boot ROMs do that always use the same: then that one is over. */
static bool tftp_is_repeated(struct tftp *tftp, const struct asker *asker)
{
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		struct tftp_transfer *transfer = &tftp->transfers[i];

		if (!transfer_is_of(transfer, asker))
			continue;
		if (!transfer->heard)
			return true;
		transfer_end(tftp, transfer);
	}
	return false;
}

/* All are used: of the place that has most the one that was sent to least recently ends, for a place that has fewer. */
static struct tftp_transfer *tftp_make_room(struct tftp *tftp, uint64_t place)
{
	uint32_t most = tally_of(&tftp->places, place) + 1;
	struct tftp_transfer *spare = NULL;

	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		struct tftp_transfer *transfer = &tftp->transfers[i];
		uint32_t held = tally_of(&tftp->places, transfer->asker.place);
		bool older = spare && transfer->due_us - transfer->wait_us < spare->due_us - spare->wait_us;

		if (held > most || (held == most && older)) {
			most = held;
			spare = transfer;
		}
	}
	if (!spare)
		return NULL;
	tftp_refuse(tftp, &spare->asker, TFTP_ERROR_OTHER, "too many transfers");
	transfer_end(tftp, spare);
	return spare;
}

/* NULL: this guest has its share, or all have as many. */
static struct tftp_transfer *tftp_room_for(struct tftp *tftp, const struct asker *asker)
{
	struct tftp_transfer *room = NULL;
	size_t share = 0;

	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		struct tftp_transfer *transfer = &tftp->transfers[i];

		if (transfer->used)
			share += mac_equal(transfer->asker.mac, asker->mac);
		else
			room = transfer;
	}
	if (share >= TFTP_TRANSFERS_PER_GUEST)
		return NULL;
	return room ? room : tftp_make_room(tftp, asker->place);
}

static enum drop_reason tftp_open_failed(struct tftp *tftp, const struct asker *asker, int error)
{
	if (error == -ENOENT || error == -ENOTDIR || error == -EISDIR)
		tftp_refuse(tftp, asker, TFTP_ERROR_NOT_FOUND, "no such file");
	else if (error == -EACCES || error == -EPERM)
		tftp_refuse(tftp, asker, TFTP_ERROR_ACCESS, "the file may not be read");
	else
		tftp_refuse(tftp, asker, TFTP_ERROR_OTHER, "the file cannot be opened");
	return DROP_NONE;
}

static enum drop_reason tftp_request(struct tftp *tftp, const struct asker *asker, const struct tftp_message *request,
				     uint64_t now_us)
{
	char path[TFTP_PATH_BYTES];
	struct tftp_transfer *transfer;
	uint64_t bytes = 0;
	void *file = NULL;
	int error;

	if (!tftp_path(request->path, path)) {
		tftp_refuse(tftp, asker, TFTP_ERROR_ACCESS, "not a path below the directory");
		return DROP_TFTP_PATH;
	}
	if (tftp_is_repeated(tftp, asker))
		return DROP_NONE; /* the guest is impatient: its answer is repeated in its own time */
	transfer = tftp_room_for(tftp, asker);
	if (!transfer)
		return DROP_TFTP_FULL; /* in silence: it will ask again */
	error = tftp->config.open(tftp->config.owner, path, &file, &bytes);
	if (error < 0)
		return tftp_open_failed(tftp, asker, error);
	*transfer = (struct tftp_transfer){.used = true, .file = file, .asker = *asker};
	transfer->asker.asked_port = tftp_port(tftp);
	transfer_agree(tftp, transfer, request, bytes);
	tally_add(&tftp->places, asker->place);
	tftp->count++;
	transfer_send(tftp, transfer, now_us);
	return DROP_NONE;
}

static enum drop_reason tftp_opened(struct tftp *tftp, const struct asker *asker, const struct tftp_message *message,
				    uint64_t now_us)
{
	switch (message->opcode) {
	case TFTP_READ:
		return tftp_request(tftp, asker, message, now_us);
	case TFTP_WRITE:
		tftp_refuse(tftp, asker, TFTP_ERROR_ACCESS, "files are only read here");
		return DROP_TFTP_WRITE;
	case TFTP_ERROR:
		return DROP_NONE; /* never answered with another */
	case TFTP_DATA:
	case TFTP_ACK:
	case TFTP_OACK:
		break;
	}
	tftp_refuse(tftp, asker, TFTP_ERROR_OPERATION, "a transfer begins with a request");
	return DROP_TFTP_OPCODE;
}

/* ---- transfers ---- */

/* Every block up to this one has arrived. */
static void transfer_advance(struct tftp_transfer *transfer, uint64_t block)
{
	if (transfer->netascii)
		transfer->place = transfer->next;
	else
		transfer->place.offset += (block - transfer->acked) * transfer->block_bytes;
	transfer->acked = block;
	transfer->heard = true;
	transfer->repeats = 0;
	transfer->repeated = false;
}

/* RFC 1350's fault of old: who answers a doubled acknowledgement with a doubled block doubles everything from there on.
 * So a window of one waits for its timer. A larger one is sent again once: RFC 7440 4 has the guest repeat its last
 * acknowledgement when it misses the first block of a window. */
static void transfer_acked_again(struct tftp *tftp, struct tftp_transfer *transfer, uint64_t now_us)
{
	if (transfer->window == 1 || transfer->repeated)
		return;
	transfer->repeated = true;
	transfer_send(tftp, transfer, now_us);
}

static void transfer_acked(struct tftp *tftp, struct tftp_transfer *transfer, uint16_t number, uint64_t now_us)
{
	uint64_t ahead = (uint16_t)(number - (uint16_t)transfer->acked);

	if (transfer->offered) {
		if (number != 0)
			return;
		transfer->offered = false;
		transfer->heard = true;
		transfer->repeats = 0;
		transfer_send(tftp, transfer, now_us);
		return;
	}
	if (ahead == 0) {
		transfer_acked_again(tftp, transfer, now_us);
		return;
	}
	if (ahead > transfer->sent - transfer->acked)
		return; /* of long ago, or of blocks that were never sent */
	transfer_advance(transfer, transfer->acked + ahead);
	if (transfer->last && transfer->acked == transfer->last)
		transfer_end(tftp, transfer);
	else
		transfer_send(tftp, transfer, now_us);
}

static enum drop_reason transfer_input(struct tftp *tftp, struct tftp_transfer *transfer,
				       const struct tftp_message *message, uint64_t now_us)
{
	switch (message->opcode) {
	case TFTP_ACK:
		transfer_acked(tftp, transfer, message->block, now_us);
		return DROP_NONE;
	case TFTP_ERROR:
		transfer_end(tftp, transfer);
		return DROP_NONE;
	case TFTP_READ:
	case TFTP_WRITE:
	case TFTP_DATA:
	case TFTP_OACK:
		break;
	}
	tftp_refuse(tftp, &transfer->asker, TFTP_ERROR_OPERATION, "not part of a transfer to you");
	transfer_end(tftp, transfer);
	return DROP_TFTP_OPCODE;
}

static struct tftp_transfer *tftp_find(struct tftp *tftp, const struct asker *asker)
{
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		if (tftp->transfers[i].used && asker_equal(&tftp->transfers[i].asker, asker))
			return &tftp->transfers[i];
	}
	return NULL;
}

enum drop_reason tftp_input(struct tftp *tftp, const struct asker *asker, const uint8_t *message, size_t bytes,
			    uint64_t now_us)
{
	struct tftp_transfer *transfer;
	struct tftp_message read;
	struct reader reader;
	enum drop_reason verdict;

	reader_init(&reader, message, bytes);
	verdict = tftp_read(&reader, &read);
	if (verdict != DROP_NONE) {
		if (verdict == DROP_TFTP_MODE)
			tftp_refuse(tftp, asker, TFTP_ERROR_OPERATION, "neither octet nor netascii");
		return verdict;
	}
	if (asker->asked_port == TFTP_PORT)
		return tftp_opened(tftp, asker, &read, now_us);
	transfer = tftp_find(tftp, asker);
	if (transfer)
		return transfer_input(tftp, transfer, &read, now_us);
	if (read.opcode != TFTP_ERROR)
		tftp_refuse(tftp, asker, TFTP_ERROR_TRANSFER, "no such transfer");
	return DROP_TFTP_TRANSFER;
}

uint64_t tftp_due_us(const struct tftp *tftp)
{
	return tftp->due_us;
}

void tftp_run(struct tftp *tftp, uint64_t now_us)
{
	if (now_us < tftp->due_us)
		return;
	tftp->due_us = TIMER_NEVER;
	for (size_t i = 0; i < TFTP_TRANSFERS_MAX; i++) {
		struct tftp_transfer *transfer = &tftp->transfers[i];

		if (!transfer->used)
			continue;
		if (now_us < transfer->due_us) {
			if (transfer->due_us < tftp->due_us)
				tftp->due_us = transfer->due_us;
		} else if (transfer->repeats++ == TFTP_REPEATS_MAX) {
			transfer_end(tftp, transfer);
		} else {
			transfer_send(tftp, transfer, now_us);
		}
	}
}

size_t tftp_count(const struct tftp *tftp)
{
	return tftp->count;
}
