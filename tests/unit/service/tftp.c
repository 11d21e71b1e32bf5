/* SPDX-License-Identifier: MIT */
/* The TFTP server: paths, transfers with and without options, repetition, bounds. A client of a few lines fetches whole
 * files from it, with and without losses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/timer.h"
#include "service/tftp.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define S (1000 * 1000)

enum { SENT_MAX = 4096, SENT_BYTES = 1600 };

struct sent {
	struct asker asker;
	size_t bytes;
	uint8_t data[SENT_BYTES];
};

/* One file, "boot/image", of any length. */
struct desk {
	struct tftp *tftp;
	uint64_t now_us;
	uint8_t *file;
	size_t file_bytes;
	int open_error, read_error;
	int opened, closed;
	char path[TFTP_PATH_BYTES];
	struct sent *sent;
	size_t sent_count;
};

static int desk_open(void *owner, const char *path, void **ret_file, uint64_t *ret_bytes)
{
	struct desk *desk = owner;

	snprintf(desk->path, sizeof(desk->path), "%s", path);
	if (desk->open_error)
		return desk->open_error;
	if (strcmp(path, "boot/image") != 0)
		return -ENOENT;
	desk->opened++;
	*ret_file = desk->file;
	*ret_bytes = desk->file_bytes;
	return 0;
}

static int desk_read(void *owner, void *file, uint64_t offset, void *to, size_t bytes)
{
	struct desk *desk = owner;

	assert_ptr_equal(file, desk->file);
	if (desk->read_error)
		return desk->read_error;
	if (offset >= desk->file_bytes)
		return 0;
	if (bytes > desk->file_bytes - offset)
		bytes = desk->file_bytes - offset;
	memcpy(to, desk->file + offset, bytes);
	return (int)bytes;
}

static void desk_close(void *owner, void *file)
{
	struct desk *desk = owner;

	assert_ptr_equal(file, desk->file);
	desk->closed++;
}

static void desk_send(void *owner, const struct asker *asker, const void *message, size_t bytes)
{
	struct desk *desk = owner;
	struct sent *sent = &desk->sent[desk->sent_count++];

	assert_true(desk->sent_count < SENT_MAX && bytes <= SENT_BYTES);
	sent->asker = *asker;
	sent->bytes = bytes;
	memcpy(sent->data, message, bytes);
}

static void desk_file(struct desk *desk, size_t bytes)
{
	free(desk->file);
	desk->file = malloc(bytes ? bytes : 1);
	desk->file_bytes = bytes;
	for (size_t i = 0; i < bytes; i++)
		desk->file[i] = (uint8_t)(i * 7 + i / 251);
}

static int setup(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	struct tftp_config config = {.mtu_bytes = 1500,
				     .open = desk_open,
				     .read = desk_read,
				     .close = desk_close,
				     .send = desk_send,
				     .owner = desk};

	desk->sent = calloc(SENT_MAX, sizeof(*desk->sent));
	desk->now_us = 5 * S;
	desk_file(desk, 1300);
	assert_int_equal(tftp_new(&config, &desk->tftp), 0);
	*state = desk;
	return 0;
}

static int teardown(void **state)
{
	struct desk *desk = *state;

	tftp_free(desk->tftp);
	assert_int_equal(desk->opened, desk->closed);
	free(desk->file);
	free(desk->sent);
	free(desk);
	return 0;
}

static struct asker asker_of(uint16_t guest_port, uint16_t asked_port)
{
	return (struct asker){.guest = {{[10] = 0xff, [11] = 0xff, [12] = 10, [14] = 2, [15] = 15}},
			      .mac = {{0x52, 0x54, 0, 0, 0, 1}},
			      .guest_port = guest_port,
			      .asked_port = asked_port};
}

static enum drop_reason guest_requests(struct desk *desk, uint16_t port, const char *path, enum tftp_mode mode,
				       const struct tftp_options *options)
{
	struct asker asker = asker_of(port, TFTP_PORT);
	struct writer writer;
	uint8_t bytes[1024];

	writer_init(&writer, bytes, sizeof(bytes));
	tftp_request_write(&writer, path, mode, options);
	return tftp_input(desk->tftp, &asker, bytes, writer_used(&writer), desk->now_us);
}

/* To the transfer that sent the last message. */
static enum drop_reason guest_acks(struct desk *desk, uint16_t block)
{
	struct asker asker = desk->sent[desk->sent_count - 1].asker;
	struct writer writer;
	uint8_t bytes[4];

	writer_init(&writer, bytes, sizeof(bytes));
	tftp_ack_write(&writer, block);
	return tftp_input(desk->tftp, &asker, bytes, sizeof(bytes), desk->now_us);
}

static struct tftp_message sent_read(const struct desk *desk, size_t index)
{
	struct tftp_message message;
	struct reader reader;

	assert_true(index < desk->sent_count);
	reader_init(&reader, desk->sent[index].data, desk->sent[index].bytes);
	assert_int_equal(tftp_read(&reader, &message), DROP_NONE);
	return message;
}

static void assert_data(const struct desk *desk, size_t index, uint16_t block, size_t offset, size_t bytes)
{
	struct tftp_message message = sent_read(desk, index);

	assert_int_equal(message.opcode, TFTP_DATA);
	assert_int_equal(message.block, block);
	assert_int_equal(message.data_bytes, bytes);
	assert_memory_equal(message.data, desk->file + offset, bytes);
}

static void assert_error(const struct desk *desk, enum tftp_error error)
{
	struct tftp_message message = sent_read(desk, desk->sent_count - 1);

	assert_int_equal(message.opcode, TFTP_ERROR);
	assert_int_equal(message.error, error);
}

static const struct tftp_options none;

static void wait_us(struct desk *desk, uint64_t us)
{
	desk->now_us += us;
	if (tftp_due_us(desk->tftp) <= desk->now_us)
		tftp_run(desk->tftp, desk->now_us);
}

/* ---- paths ---- */

static const struct path_row {
	const char *asked;
	const char *path; /* NULL: refused */
} path_rows[] = {
	{"image", "image"},
	{"boot/image", "boot/image"},
	{"/boot/image", "boot/image"},
	{"//boot///image/", "boot/image"},
	{"./boot/./image", "boot/image"},
	{"boot\\image", "boot/image"},
	{"\\boot\\image", "boot/image"},
	{"boot/..image", "boot/..image"},
	{"boot/...", "boot/..."},
	{"a.", "a."},
	{"boot/.b", "boot/.b"},
	{"", NULL},
	{"/", NULL},
	{".", NULL},
	{"..", NULL},
	{"../image", NULL},
	{"boot/../../image", NULL},
	{"boot/..", NULL},
	{"..\\image", NULL},
	{"boot\\..\\..\\image", NULL},
	{"boot/..\\image", NULL},
	{"/..", NULL},
};

static void paths_stay_below_the_directory(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(path_rows); i++) {
		const struct path_row *row = &path_rows[i];
		char path[TFTP_PATH_BYTES];

		print_message("%s\n", row->asked);
		assert_int_equal(tftp_path(row->asked, path), row->path != NULL);
		if (row->path)
			assert_string_equal(path, row->path);
	}
}

static void the_longest_path_fits(void **state)
{
	char asked[2 * TFTP_PATH_BYTES], path[TFTP_PATH_BYTES];

	(void)state;
	memset(asked, 'a', sizeof(asked));
	asked[TFTP_PATH_BYTES - 2] = '\0';
	assert_true(tftp_path(asked, path));
	asked[TFTP_PATH_BYTES - 2] = 'a';
	asked[TFTP_PATH_BYTES - 1] = '\0';
	assert_false(tftp_path(asked, path));
}

static void what_leads_out_is_refused_by_name(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(guest_requests(desk, 2000, "../etc/passwd", TFTP_OCTET, &none), DROP_TFTP_PATH);
	assert_error(desk, TFTP_ERROR_ACCESS);
	assert_string_equal(desk->path, "");
}

/* ---- requests ---- */

static void a_file_comes_block_by_block(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(guest_requests(desk, 2000, "/boot/image", TFTP_OCTET, &none), DROP_NONE);
	assert_string_equal(desk->path, "boot/image");
	assert_data(desk, 0, 1, 0, 512);
	assert_int_equal(desk->sent[0].asker.guest_port, 2000);
	assert_true(desk->sent[0].asker.asked_port >= TFTP_PORT_FIRST);
	assert_true(tftp_has_port(desk->tftp, desk->sent[0].asker.asked_port));
	guest_acks(desk, 1);
	assert_data(desk, 1, 2, 512, 512);
	guest_acks(desk, 2);
	assert_data(desk, 2, 3, 1024, 276);
	assert_int_equal(tftp_count(desk->tftp), 1);
	guest_acks(desk, 3);
	assert_int_equal(tftp_count(desk->tftp), 0);
	assert_int_equal(desk->closed, 1);
	assert_int_equal(desk->sent_count, 3);
	assert_int_equal(tftp_due_us(desk->tftp), TIMER_NEVER);
}

static void a_file_of_whole_blocks_ends_with_an_empty_one(void **state)
{
	struct desk *desk = *state;

	desk_file(desk, 512);
	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	guest_acks(desk, 1);
	assert_data(desk, 1, 2, 512, 0);
	guest_acks(desk, 2);
	assert_int_equal(tftp_count(desk->tftp), 0);
	desk_file(desk, 0);
	guest_requests(desk, 2001, "boot/image", TFTP_OCTET, &none);
	assert_data(desk, 2, 1, 0, 0);
	guest_acks(desk, 1);
	assert_int_equal(tftp_count(desk->tftp), 0);
}

static void options_are_agreed_before_the_first_block(void **state)
{
	struct desk *desk = *state;
	struct tftp_options wanted = {.has_block = true,
				      .block_bytes = 8192,
				      .has_size = true,
				      .has_timeout = true,
				      .timeout_s = 3,
				      .has_window = true,
				      .window_blocks = 1000};
	struct tftp_message message;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &wanted);
	message = sent_read(desk, 0);
	assert_int_equal(message.opcode, TFTP_OACK);
	assert_int_equal(message.options.block_bytes, 1500 - 20 - 8 - 4);
	assert_int_equal(message.options.size_bytes, 1300);
	assert_int_equal(message.options.timeout_s, 3);
	assert_int_equal(message.options.window_blocks, TFTP_WINDOW_MAX);
	guest_acks(desk, 1); /* not what is due */
	assert_int_equal(desk->sent_count, 1);
	guest_acks(desk, 0);
	assert_data(desk, 1, 1, 0, 1300);
	wait_us(desk, 3 * S - 1);
	assert_int_equal(desk->sent_count, 2);
	wait_us(desk, 1);
	assert_int_equal(desk->sent_count, 3);
	guest_acks(desk, 1);
	assert_int_equal(tftp_count(desk->tftp), 0);
}

static void requests_are_answered_with_the_right_error(void **state)
{
	static const struct {
		int error;
		enum tftp_error told;
	} rows[] = {{-ENOENT, TFTP_ERROR_NOT_FOUND},
		    {-EISDIR, TFTP_ERROR_NOT_FOUND},
		    {-EACCES, TFTP_ERROR_ACCESS},
		    {-EMFILE, TFTP_ERROR_OTHER}};
	struct desk *desk = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		desk->open_error = rows[i].error;
		assert_int_equal(guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none), DROP_NONE);
		assert_error(desk, rows[i].told);
		assert_int_equal(tftp_count(desk->tftp), 0);
	}
}

static void what_begins_no_transfer_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
		enum drop_reason verdict;
		int error; /* -1: silence */
	} rows[] = {{"\0\2boot\0octet", 13, DROP_TFTP_WRITE, TFTP_ERROR_ACCESS},
		    {"\0\3\0\1", 4, DROP_TFTP_OPCODE, TFTP_ERROR_OPERATION},
		    {"\0\4\0\1", 4, DROP_TFTP_OPCODE, TFTP_ERROR_OPERATION},
		    {"\0\1boot\0mail", 12, DROP_TFTP_MODE, TFTP_ERROR_OPERATION},
		    {"\0\5\0\1no", 7, DROP_NONE, -1},
		    {"\0", 1, DROP_TFTP_SHORT, -1},
		    {"\0\1boot", 6, DROP_TFTP_TEXT, -1}};
	struct desk *desk = *state;
	struct asker asker = asker_of(2000, TFTP_PORT);

	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t before = desk->sent_count;

		assert_int_equal(tftp_input(desk->tftp, &asker, (const uint8_t *)rows[i].bytes, rows[i].count,
					    desk->now_us),
				 rows[i].verdict);
		assert_int_equal(desk->sent_count - before, rows[i].error >= 0);
		if (rows[i].error >= 0)
			assert_error(desk, (enum tftp_error)rows[i].error);
	}
	asker.asked_port = TFTP_PORT_FIRST + 77;
	assert_int_equal(tftp_input(desk->tftp, &asker, (const uint8_t *)"\0\4\0\1", 4, desk->now_us),
			 DROP_TFTP_TRANSFER);
	assert_error(desk, TFTP_ERROR_TRANSFER);
}

static void so_many_transfers_and_no_more(void **state)
{
	struct desk *desk = *state;

	for (uint16_t i = 0; i < TFTP_TRANSFERS_PER_GUEST; i++)
		assert_int_equal(guest_requests(desk, (uint16_t)(2000 + i), "boot/image", TFTP_OCTET, &none),
				 DROP_NONE);
	/* the same request again is the same transfer */
	assert_int_equal(guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none), DROP_NONE);
	assert_int_equal(tftp_count(desk->tftp), TFTP_TRANSFERS_PER_GUEST);
	assert_int_equal(desk->sent_count, TFTP_TRANSFERS_PER_GUEST);
	assert_int_equal(guest_requests(desk, 3000, "boot/image", TFTP_OCTET, &none), DROP_TFTP_FULL);
	assert_int_equal(desk->sent_count, TFTP_TRANSFERS_PER_GUEST);
}

static enum drop_reason place_requests(struct desk *desk, uint64_t place, unsigned number)
{
	struct asker asker = asker_of((uint16_t)(2000 + number), TFTP_PORT);
	struct writer writer;
	uint8_t bytes[1024];

	asker.place = place;
	asker.mac.byte[4] = (uint8_t)number;
	writer_init(&writer, bytes, sizeof(bytes));
	tftp_request_write(&writer, "boot/image", TFTP_OCTET, &none);
	return tftp_input(desk->tftp, &asker, bytes, writer_used(&writer), desk->now_us);
}

static void who_makes_up_addresses_makes_way_for_another(void **state)
{
	struct desk *desk = *state;
	unsigned number = 0;

	for (; number < TFTP_TRANSFERS_MAX; number++) {
		assert_int_equal(place_requests(desk, 1, number), DROP_NONE);
		desk->now_us += 1;
	}
	assert_int_equal(place_requests(desk, 1, number++), DROP_TFTP_FULL);
	/* until both have as many; and who ends is told */
	for (int i = 0; i < TFTP_TRANSFERS_MAX / 2; i++) {
		desk->sent_count = 0;
		assert_int_equal(place_requests(desk, 2, number++), DROP_NONE);
		assert_int_equal(tftp_count(desk->tftp), TFTP_TRANSFERS_MAX);
		assert_int_equal(desk->sent_count, 2);
		assert_int_equal(desk->sent[0].data[1], TFTP_ERROR);
		assert_int_equal(desk->sent[0].asker.guest_port, 2000 + i);
		assert_int_equal(desk->sent[1].data[1], TFTP_DATA);
	}
	assert_int_equal(place_requests(desk, 2, number++), DROP_TFTP_FULL);
	assert_int_equal(place_requests(desk, 1, number++), DROP_TFTP_FULL);
}

/* ---- transfers ---- */

static void what_is_not_acknowledged_is_repeated_and_then_given_up(void **state)
{
	struct desk *desk = *state;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	guest_acks(desk, 1);
	for (size_t i = 0; i < TFTP_REPEATS_MAX; i++) {
		wait_us(desk, TFTP_WAIT_US - 1);
		assert_int_equal(desk->sent_count, 2 + i);
		wait_us(desk, 1);
		assert_data(desk, 2 + i, 2, 512, 512);
	}
	assert_int_equal(tftp_count(desk->tftp), 1);
	wait_us(desk, TFTP_WAIT_US);
	assert_int_equal(tftp_count(desk->tftp), 0);
	assert_int_equal(desk->closed, 1);
}

static void each_block_may_be_repeated_as_often(void **state)
{
	struct desk *desk = *state;

	desk_file(desk, 20 * 512);
	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	for (uint16_t block = 1; block <= 10; block++) {
		for (size_t i = 0; i < TFTP_REPEATS_MAX; i++)
			wait_us(desk, TFTP_WAIT_US);
		assert_int_equal(tftp_count(desk->tftp), 1);
		guest_acks(desk, block);
	}
	assert_data(desk, desk->sent_count - 1, 11, 10 * 512, 512);
}

static void each_transfer_has_its_own_time(void **state)
{
	struct desk *desk = *state;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	wait_us(desk, TFTP_WAIT_US / 2);
	guest_requests(desk, 2001, "boot/image", TFTP_OCTET, &none);
	for (size_t i = 2; i < 4; i++) {
		wait_us(desk, TFTP_WAIT_US / 2);
		assert_int_equal(desk->sent_count, i + 1);
		assert_int_equal(desk->sent[i].asker.guest_port, 2000 + i - 2);
	}
}

static void a_doubled_acknowledgement_doubles_nothing(void **state)
{
	struct desk *desk = *state;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	guest_acks(desk, 1);
	guest_acks(desk, 1);
	guest_acks(desk, 0);
	guest_acks(desk, 7);
	assert_int_equal(desk->sent_count, 2);
}

/* One that was reset, and uses the same port always: else its first words would be taken for its last ones. */
static void a_guest_that_begins_anew_from_the_same_port_is_served(void **state)
{
	static const struct tftp_options slow = {.has_timeout = true, .timeout_s = 255};
	struct desk *desk = *state;

	guest_requests(desk, 4000, "boot/image", TFTP_OCTET, &slow);
	assert_int_equal(sent_read(desk, 0).opcode, TFTP_OACK);
	/* asked once more before it has said anything: that is the same request */
	guest_requests(desk, 4000, "boot/image", TFTP_OCTET, &slow);
	assert_int_equal(desk->sent_count, 1);
	guest_acks(desk, 0);
	assert_data(desk, 1, 1, 0, 512);
	guest_requests(desk, 4000, "boot/image", TFTP_OCTET, &none);
	assert_int_equal(desk->sent_count, 3);
	assert_data(desk, 2, 1, 0, 512);
	assert_int_not_equal(desk->sent[2].asker.asked_port, desk->sent[1].asker.asked_port);
	assert_int_equal(tftp_count(desk->tftp), 1);
	guest_acks(desk, 1);
	assert_data(desk, 3, 2, 512, 512);
}

static void a_window_is_sent_from_where_the_guest_misses_it(void **state)
{
	struct desk *desk = *state;
	struct tftp_options wanted = {.has_window = true, .window_blocks = 4};

	desk_file(desk, 512 * 10);
	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &wanted);
	guest_acks(desk, 0);
	assert_int_equal(desk->sent_count, 5);
	assert_data(desk, 4, 4, 3 * 512, 512);
	guest_acks(desk, 2);
	assert_int_equal(desk->sent_count, 9);
	assert_data(desk, 5, 3, 2 * 512, 512);
	/* the first of a window is lost: once again, and then it is for the timer */
	guest_acks(desk, 2);
	assert_int_equal(desk->sent_count, 13);
	assert_data(desk, 9, 3, 2 * 512, 512);
	guest_acks(desk, 2);
	assert_int_equal(desk->sent_count, 13);
	wait_us(desk, TFTP_WAIT_US);
	assert_int_equal(desk->sent_count, 17);
}

static void the_guest_may_end_it(void **state)
{
	struct desk *desk = *state;
	struct asker asker;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	asker = desk->sent[0].asker;
	assert_int_equal(tftp_input(desk->tftp, &asker, (const uint8_t *)"\0\5\0\0", 5, desk->now_us), DROP_NONE);
	assert_int_equal(tftp_count(desk->tftp), 0);
	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	asker = desk->sent[1].asker;
	assert_int_equal(tftp_input(desk->tftp, &asker, (const uint8_t *)"\0\3\0\1", 4, desk->now_us),
			 DROP_TFTP_OPCODE);
	assert_error(desk, TFTP_ERROR_OPERATION);
	assert_int_equal(tftp_count(desk->tftp), 0);
}

static void another_guest_cannot_speak_for_a_transfer(void **state)
{
	struct desk *desk = *state;
	struct asker asker;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	asker = desk->sent[0].asker;
	asker.mac.byte[5] = 2;
	assert_int_equal(tftp_input(desk->tftp, &asker, (const uint8_t *)"\0\5\0\0", 5, desk->now_us),
			 DROP_TFTP_TRANSFER);
	assert_int_equal(tftp_count(desk->tftp), 1);
}

static void a_file_that_cannot_be_read_ends_it(void **state)
{
	struct desk *desk = *state;

	guest_requests(desk, 2000, "boot/image", TFTP_OCTET, &none);
	desk->read_error = -EIO;
	guest_acks(desk, 1);
	assert_error(desk, TFTP_ERROR_OTHER);
	assert_int_equal(tftp_count(desk->tftp), 0);
}

/* Fetches the whole file, losing about one message in `loss` (0: none) each way; what came, and how many bytes. */
static size_t guest_fetches(struct desk *desk, enum tftp_mode mode, const struct tftp_options *options, unsigned loss,
			    uint8_t *to)
{
	uint32_t random = 12345;
	size_t got = 0, seen = 0;
	uint16_t block = 0;
	uint32_t block_bytes = 512;

	guest_requests(desk, 2000, "boot/image", mode, options);
	while (tftp_count(desk->tftp) > 0) {
		for (; seen < desk->sent_count; seen++) {
			struct tftp_message message = sent_read(desk, seen);

			random = random * 1103515245 + 12345;
			if (loss && (random >> 16) % loss == 0)
				continue;
			if (message.opcode == TFTP_OACK && message.options.has_block)
				block_bytes = message.options.block_bytes;
			if (message.opcode != TFTP_DATA || message.block != (uint16_t)(block + 1))
				continue;
			memcpy(to + got, message.data, message.data_bytes);
			got += message.data_bytes;
			block++;
			if (message.data_bytes < block_bytes)
				loss = 0; /* the last acknowledgement is not repeated */
		}
		random = random * 1103515245 + 12345;
		if (loss && (random >> 16) % loss == 0)
			wait_us(desk, TFTP_WAIT_US);
		else
			guest_acks(desk, block);
		if (desk->sent_count == seen && tftp_count(desk->tftp) > 0)
			wait_us(desk, TFTP_WAIT_US);
		if (desk->sent_count > SENT_MAX - 64) {
			memmove(desk->sent, desk->sent + seen, (desk->sent_count - seen) * sizeof(*desk->sent));
			if (desk->sent_count == seen)
				desk->sent[0] = desk->sent[seen - 1];
			desk->sent_count = desk->sent_count > seen ? desk->sent_count - seen : 1;
			seen = desk->sent_count == 1 ? 1 : 0;
		}
	}
	return got;
}

static void files_come_whole_whatever_is_lost(void **state)
{
	static const struct tftp_options options[] = {
		{0},
		{.has_block = true, .block_bytes = 1000},
		{.has_window = true, .window_blocks = 8},
		{.has_block = true, .block_bytes = 1468, .has_window = true, .window_blocks = 16, .has_size = true}};
	struct desk *desk = *state;
	uint8_t *got = malloc(300000);

	desk_file(desk, 123456);
	for (size_t i = 0; i < ROWS(options); i++) {
		for (unsigned loss = 0; loss <= 12; loss += 12) {
			desk->sent_count = 0;
			assert_int_equal(guest_fetches(desk, TFTP_OCTET, &options[i], loss, got), 123456);
			assert_memory_equal(got, desk->file, 123456);
		}
	}
	free(got);
}

static void block_numbers_go_round(void **state)
{
	enum { BYTES = 70000 * 8 + 3 };
	struct tftp_options wanted = {.has_block = true, .block_bytes = 8, .has_window = true, .window_blocks = 32};
	struct desk *desk = *state;
	uint8_t *got = malloc(BYTES);

	desk_file(desk, BYTES);
	assert_int_equal(guest_fetches(desk, TFTP_OCTET, &wanted, 0, got), BYTES);
	assert_memory_equal(got, desk->file, BYTES);
	free(got);
}

static void netascii_doubles_ends_of_lines(void **state)
{
	struct desk *desk = *state;
	struct tftp_options wanted = {.has_size = true, .has_window = true, .window_blocks = 8};
	uint8_t got[8192], expected[8192];
	size_t count = 0;

	desk_file(desk, 3000);
	for (size_t i = 0; i < 3000; i++) {
		desk->file[i] = i % 3 == 0 ? '\n' : i % 7 == 0 ? '\r' : 'x';
		if (desk->file[i] != 'x')
			expected[count++] = '\r';
		expected[count++] = desk->file[i] == '\r' ? '\0' : desk->file[i];
	}
	assert_int_equal(guest_fetches(desk, TFTP_NETASCII, &wanted, 10, got), count);
	assert_memory_equal(got, expected, count);
	assert_false(sent_read(desk, 0).options.has_size);
	assert_int_equal(sent_read(desk, 0).options.window_blocks, 1);
}

#define desked(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_stay_below_the_directory),
		cmocka_unit_test(the_longest_path_fits),
		desked(what_leads_out_is_refused_by_name),
		desked(a_file_comes_block_by_block),
		desked(a_file_of_whole_blocks_ends_with_an_empty_one),
		desked(options_are_agreed_before_the_first_block),
		desked(requests_are_answered_with_the_right_error),
		desked(what_begins_no_transfer_is_refused),
		desked(so_many_transfers_and_no_more),
		desked(who_makes_up_addresses_makes_way_for_another),
		desked(what_is_not_acknowledged_is_repeated_and_then_given_up),
		desked(each_block_may_be_repeated_as_often),
		desked(each_transfer_has_its_own_time),
		desked(a_doubled_acknowledgement_doubles_nothing),
		desked(a_guest_that_begins_anew_from_the_same_port_is_served),
		desked(a_window_is_sent_from_where_the_guest_misses_it),
		desked(the_guest_may_end_it),
		desked(another_guest_cannot_speak_for_a_transfer),
		desked(a_file_that_cannot_be_read_ends_it),
		desked(files_come_whole_whatever_is_lost),
		desked(block_numbers_go_round),
		desked(netascii_doubles_ends_of_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
