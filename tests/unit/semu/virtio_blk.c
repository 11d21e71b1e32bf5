/* SPDX-License-Identifier: MIT */
/* A disk of 64 KiB, read and written by a driver whose buffers are cut anywhere, and what no disk does. Each test runs for
 * both layouts of a ring. */
#include "semu/virtio_blk.h"

#include "unit/semu/virtio_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "virtio/layout.h"

enum {
	SECTORS = 128,
	SECTOR = 512,
	HEADER = 16,
	READ = 0,
	WRITE = 1,
	FLUSH = 4,
	NAME = 8,
	DISCARD = 11,
	WRITE_ZEROES = 13,
	OK = 0,
	IO_ERROR = 1,
	UNSUPPORTED = 2,
	UNTOUCHED = 0xee,
};

#define FEATURE_RO (UINT64_C(1) << 5)
#define FEATURE_FLUSH (UINT64_C(1) << 9)

struct fixture {
	struct machine *machine;
	struct virtio_driver driver;
	struct virtio_blk *blk;
	char path[64];
	int fd;
	uint8_t bytes[SECTORS * SECTOR];
	uint64_t features;
};

static int set_up_with(void **state, uint64_t features)
{
	static struct fixture fixture;
	struct error error = {0};

	fixture = (struct fixture){.machine = driver_machine(), .features = features};
	snprintf(fixture.path, sizeof(fixture.path), "/tmp/guestwire-disk-XXXXXX");
	fixture.fd = mkstemp(fixture.path);
	for (size_t i = 0; i < sizeof(fixture.bytes); i++)
		fixture.bytes[i] = (uint8_t)(i * 7 + i / SECTOR);
	if (fixture.fd < 0 || write(fixture.fd, fixture.bytes, sizeof(fixture.bytes)) != sizeof(fixture.bytes))
		return -1;
	if (virtio_blk_new(fixture.machine, fixture.path, &fixture.blk, &error) < 0)
		return -1;
	fixture.driver = (struct virtio_driver){.machine = fixture.machine, .at = MAP_BLK, .line = MAP_LINE_BLK};
	driver_start(&fixture.driver, features, 1);
	*state = &fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, VERSION_1 | FEATURE_FLUSH | EVENT_IDX);
}

static int set_up_packed(void **state)
{
	return set_up_with(state, VERSION_1 | FEATURE_FLUSH | RING_PACKED | INDIRECT_DESC);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	driver_done(&fixture->driver);
	machine_free(fixture->machine);
	virtio_blk_free(fixture->blk);
	close(fixture->fd);
	return unlink(fixture->path);
}

/* The bytes of a buffer's pieces of one direction. */
static void copy(struct fixture *fixture, int id, bool writable, size_t from, void *bytes, size_t count, bool to_guest)
{
	const struct ring_driver_buffer *buffer = &fixture->driver.rings[0].buffers[id];
	uint8_t *at = bytes;

	for (uint32_t i = 0; i < buffer->piece_count && count > 0; i++) {
		size_t here, skipped;

		if (buffer->pieces[i].writable != writable)
			continue;
		skipped = from < buffer->pieces[i].bytes ? from : buffer->pieces[i].bytes;
		from -= skipped;
		here = buffer->pieces[i].bytes - skipped < count ? buffer->pieces[i].bytes - skipped : count;
		if (to_guest)
			memcpy(buffer->pieces[i].at + skipped, at, here);
		else
			memcpy(at, buffer->pieces[i].at + skipped, here);
		at += here;
		count -= here;
	}
	assert_int_equal(count, 0);
}

/* One request whose header, data and status are cut into small and odd pieces; its status. */
static uint8_t request(struct fixture *fixture, uint32_t type, uint64_t sector, void *data, uint32_t bytes,
		       bool to_device)
{
	struct ring_driver_piece pieces[40];
	uint32_t count = 0, left = to_device ? HEADER + bytes : HEADER, back = (to_device ? 0 : bytes) + 1;
	uint8_t header[HEADER] = {0}, status = UNTOUCHED;
	struct ring_driver_used used;
	int id;

	for (uint32_t part = 5; left > 0; left -= part, part = part * 2 + 1) {
		part = part < left ? part : left;
		pieces[count++] = (struct ring_driver_piece){.bytes = part};
	}
	for (uint32_t part = 3; back > 0; back -= part, part = part * 2 + 1) {
		part = part < back ? part : back;
		pieces[count++] = (struct ring_driver_piece){.bytes = part, .writable = true};
	}
	id = ring_driver_offer(&fixture->driver.rings[0], pieces, count, fixture->features & INDIRECT_DESC);
	assert_true(id >= 0);
	memcpy(header, &(struct le32[]){le32_from(type)}, 4);
	memcpy(header + 8, &(struct le64[]){le64_from(sector)}, 8);
	copy(fixture, id, false, 0, header, HEADER, true);
	if (to_device)
		copy(fixture, id, false, HEADER, data, bytes, true);
	driver_publish(&fixture->driver, 0);
	assert_true(ring_driver_harvest(&fixture->driver.rings[0], &used));
	assert_int_equal(used.id, id);
	if (!to_device)
		copy(fixture, id, true, 0, data, bytes, false);
	copy(fixture, id, true, to_device ? 0 : bytes, &status, 1, false);
	ring_driver_release(&fixture->driver.rings[0], used.id);
	return status;
}

static void the_configuration_tells_the_size(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(driver_load(&fixture->driver, DEVICE_ID), 2);
	assert_int_equal(driver_load_of(&fixture->driver, CONFIG, 8), SECTORS);
	assert_int_equal(driver_load(&fixture->driver, CONFIG + 20), SECTOR);
	assert_int_equal(driver_load(&fixture->driver, CONFIG + 60), 0);
	assert_false(driver_offered(&fixture->driver) & FEATURE_RO);
}

static void what_is_written_is_read_again(void **state)
{
	struct fixture *fixture = *state;
	uint8_t data[5 * SECTOR], again[5 * SECTOR];

	assert_int_equal(request(fixture, READ, 3, again, sizeof(again), false), OK);
	assert_memory_equal(again, fixture->bytes + 3 * SECTOR, sizeof(again));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13 + 1);
	assert_int_equal(request(fixture, WRITE, 7, data, sizeof(data), true), OK);
	assert_int_equal(request(fixture, READ, 7, again, sizeof(again), false), OK);
	assert_memory_equal(again, data, sizeof(data));
	assert_int_equal(pread(fixture->fd, again, sizeof(again), 7 * SECTOR), sizeof(again));
	assert_memory_equal(again, data, sizeof(data));
	assert_int_equal(request(fixture, FLUSH, 0, data, 0, true), OK);
	/* the last sectors, and none */
	assert_int_equal(request(fixture, READ, SECTORS - 5, again, sizeof(again), false), OK);
	assert_int_equal(request(fixture, READ, SECTORS, again, 0, false), OK);
}

static void an_interrupt_tells_of_it(void **state)
{
	struct fixture *fixture = *state;
	uint8_t data[SECTOR];

	assert_false(driver_is_interrupted(&fixture->driver));
	request(fixture, READ, 0, data, sizeof(data), false);
	assert_true(driver_is_interrupted(&fixture->driver));
	assert_int_equal(driver_acknowledge(&fixture->driver), 1);
	assert_false(driver_is_interrupted(&fixture->driver));
}

static void what_is_not_there_is_an_error_and_changes_nothing(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t bytes;
		bool to_device;
		uint8_t status;
	} rows[] = {
		{READ, SECTORS, SECTOR, false, IO_ERROR},
		{READ, SECTORS - 1, 2 * SECTOR, false, IO_ERROR},
		{READ, UINT64_MAX, SECTOR, false, IO_ERROR},
		{READ, UINT64_MAX / SECTOR + 1, SECTOR, false, IO_ERROR},
		{READ, 0, SECTOR - 1, false, IO_ERROR},
		{READ, 0, SECTOR, true, IO_ERROR},
		{WRITE, SECTORS, SECTOR, true, IO_ERROR},
		{WRITE, 0, SECTOR + 1, true, IO_ERROR},
		{WRITE, 0, SECTOR, false, IO_ERROR},
		{NAME, 0, 20, true, IO_ERROR},
		{DISCARD, 0, 15, true, IO_ERROR},
		{DISCARD, 0, 16, false, IO_ERROR},
		{DISCARD, 0, 17 * 16, true, IO_ERROR},
		{2, 0, SECTOR, false, UNSUPPORTED},
		{UINT32_MAX, 0, SECTOR, true, UNSUPPORTED},
	};
	struct fixture *fixture = *state;
	uint8_t data[2 * SECTOR] = {0}, disk[sizeof(fixture->bytes)];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t status = request(fixture, rows[i].type, rows[i].sector, data, rows[i].bytes, rows[i].to_device);

		if (status != rows[i].status)
			fail_msg("row %zu: status %u", i, status);
	}
	assert_int_equal(pread(fixture->fd, disk, sizeof(disk), 0), sizeof(disk));
	assert_memory_equal(disk, fixture->bytes, sizeof(disk));
	assert_false(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
}

static void a_range_is_given_back_and_reads_as_zeros(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t zeros[2 * SECTOR];
	uint8_t range[16] = {0}, data[2 * SECTOR];

	for (uint32_t type = DISCARD; type <= WRITE_ZEROES; type += WRITE_ZEROES - DISCARD) {
		uint64_t sector = type;

		memcpy(range, &(struct le64[]){le64_from(sector)}, 8);
		memcpy(range + 8, &(struct le32[]){le32_from(2)}, 4);
		assert_int_equal(request(fixture, type, 0, range, sizeof(range), true), OK);
		assert_int_equal(request(fixture, READ, sector, data, sizeof(data), false), OK);
		assert_memory_equal(data, zeros, sizeof(data));
		assert_int_equal(request(fixture, READ, sector + 2, data, SECTOR, false), OK);
		memcpy(range, &(struct le64[]){le64_from(SECTORS - 1)}, 8);
		assert_int_equal(request(fixture, type, 0, range, sizeof(range), true), IO_ERROR);
	}
}

static void the_disk_has_the_files_name(void **state)
{
	struct fixture *fixture = *state;
	char name[21] = "";

	assert_int_equal(request(fixture, NAME, 0, name, 20, false), OK);
	assert_memory_equal(name, strrchr(fixture->path, '/') + 1, 20);
}

static void a_request_without_room_for_its_status_breaks_the_ring(void **state)
{
	struct fixture *fixture = *state;
	struct ring_driver_piece piece = {.bytes = HEADER};
	struct ring_driver_used used;

	assert_true(ring_driver_offer(&fixture->driver.rings[0], &piece, 1, false) >= 0);
	driver_publish(&fixture->driver, 0);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
	assert_int_equal(driver_acknowledge(&fixture->driver) & 2, 2);
	assert_false(ring_driver_harvest(&fixture->driver.rings[0], &used));
	/* the device works again after a reset */
	driver_start(&fixture->driver, fixture->features, 1);
	the_disk_has_the_files_name(state);
}

static void a_file_that_became_shorter_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	uint8_t data[SECTOR];

	assert_int_equal(ftruncate(fixture->fd, 10 * SECTOR + 100), 0);
	assert_int_equal(request(fixture, READ, 9, data, sizeof(data), false), OK);
	assert_int_equal(request(fixture, READ, 10, data, sizeof(data), false), IO_ERROR);
}

/* A guest that reads a sector into its own ring: what it finds there next must end. */
static void a_request_that_offers_itself_again_ends(void **state)
{
	struct fixture *fixture = *state;
	struct ring_driver *ring = &fixture->driver.rings[0];
	struct ring_driver_piece pieces[] = {{.bytes = HEADER},
					     {.bytes = SECTOR, .writable = true},
					     {.bytes = 1, .writable = true}};
	uint8_t sector[SECTOR] = {0};
	struct le64 address;
	int id;

	id = ring_driver_offer(ring, pieces, 3, false);
	memset(ring->buffers[id].pieces[0].at, 0, HEADER);
	address = le64_from(ring->setup.address + (uint64_t)((uint8_t *)ring->avail - (uint8_t *)ring->setup.memory));
	ring->desc[ring->buffers[id].descriptors[1]].address = address;
	for (unsigned i = 0; i < DRIVER_ENTRIES; i++)
		memcpy(sector + 4 + 2 * i, &(struct le16[]){le16_from((uint16_t)id)}, 2);
	memcpy(sector + 2, &(struct le16[]){le16_from(DRIVER_ENTRIES + 1)}, 2);
	assert_int_equal(pwrite(fixture->fd, sector, sizeof(sector), 0), sizeof(sector));
	driver_publish(&fixture->driver, 0);
	/* it was answered as often as the ring has entries, and once more is a lie */
	assert_int_equal(shared16_load(&ring->used->index, memory_order_relaxed), DRIVER_ENTRIES);
	assert_true(driver_load(&fixture->driver, STATUS) & NEEDS_RESET);
}

static void a_disk_that_cannot_be_is_told_in_one_line(void **state)
{
	static const struct {
		const char *path, *says;
		int code;
	} rows[] = {
		{"/tmp/guestwire-no-such-disk", "`truncate -s 1G /tmp/guestwire-no-such-disk` makes an empty one",
		 -ENOENT},
		{"/tmp", "/tmp: ", -EISDIR},
		{"/dev/null", "/dev/null: neither a file nor a disk; give one", -ENOEXEC},
		{"/tmp/guestwire-small-disk", "too small for a disk; `truncate -s 1G", -ENOEXEC},
		{"/tmp/guestwire-qcow-disk", "qemu-img convert -O raw /tmp/guestwire-qcow-disk", -ENOEXEC},
		{"/tmp/guestwire-odd-disk", "`truncate -s %512 /tmp/guestwire-odd-disk` fills it up", -ENOEXEC},
	};
	struct machine *machine = driver_machine();
	FILE *file;

	(void)state;
	file = fopen("/tmp/guestwire-small-disk", "w");
	fclose(file);
	file = fopen("/tmp/guestwire-qcow-disk", "w");
	fprintf(file, "QFI\xfb%01020d", 0);
	fclose(file);
	file = fopen("/tmp/guestwire-odd-disk", "w");
	fprintf(file, "%01000d", 0);
	fclose(file);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		struct virtio_blk *blk = NULL;

		assert_int_equal(virtio_blk_new(machine, rows[i].path, &blk, &error), rows[i].code);
		assert_null(blk);
		if (!strstr(error.text, rows[i].says))
			fail_msg("'%s' lacks '%s'", error.text, rows[i].says);
	}
	unlink("/tmp/guestwire-small-disk");
	unlink("/tmp/guestwire-qcow-disk");
	unlink("/tmp/guestwire-odd-disk");
	machine_free(machine);
}

static void a_disk_belongs_to_one_machine(void **state)
{
	struct fixture *fixture = *state;
	struct machine *machine = driver_machine();
	struct virtio_blk *blk;
	struct error error = {0};

	assert_int_equal(virtio_blk_new(machine, fixture->path, &blk, &error), -EBUSY);
	assert_non_null(strstr(error.text, "another machine is using it"));
	machine_free(machine);
}

/* Root may write anything, and so becomes somebody else for a moment. */
static void a_file_that_may_not_be_written_is_a_disk_that_is_read_only(void **state)
{
	struct fixture other = {.machine = driver_machine(), .features = VERSION_1 | FEATURE_RO};
	char path[] = "/tmp/guestwire-readonly-XXXXXX";
	bool is_root = geteuid() == 0;
	uint8_t data[SECTOR] = {1};
	struct error error = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(ftruncate(fd, 4 * SECTOR), 0);
	assert_int_equal(fchmod(fd, 0444), 0);
	assert_true(!is_root || seteuid(65534) == 0);
	assert_int_equal(virtio_blk_new(other.machine, path, &other.blk, &error), 0);
	assert_true(!is_root || seteuid(0) == 0);
	other.driver = (struct virtio_driver){.machine = other.machine, .at = MAP_BLK, .line = MAP_LINE_BLK};
	assert_true(driver_offered(&other.driver) & FEATURE_RO);
	driver_start(&other.driver, other.features, 1);
	assert_int_equal(request(&other, WRITE, 0, data, sizeof(data), true), IO_ERROR);
	assert_int_equal(request(&other, DISCARD, 0, data, 16, true), IO_ERROR);
	assert_int_equal(request(&other, READ, 0, data, sizeof(data), false), OK);
	assert_int_equal(data[0], 0);
	driver_done(&other.driver);
	machine_free(other.machine);
	virtio_blk_free(other.blk);
	close(fd);
	unlink(path);
}

int main(void)
{
#define BOTH(name)                                                \
	cmocka_unit_test_setup_teardown(name, set_up, tear_down), \
		cmocka_unit_test_setup_teardown(name, set_up_packed, tear_down)
	const struct CMUnitTest tests[] = {
		BOTH(the_configuration_tells_the_size),
		BOTH(what_is_written_is_read_again),
		BOTH(an_interrupt_tells_of_it),
		BOTH(what_is_not_there_is_an_error_and_changes_nothing),
		BOTH(a_range_is_given_back_and_reads_as_zeros),
		BOTH(the_disk_has_the_files_name),
		BOTH(a_request_without_room_for_its_status_breaks_the_ring),
		BOTH(a_file_that_became_shorter_is_an_error),
		cmocka_unit_test_setup_teardown(a_request_that_offers_itself_again_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_belongs_to_one_machine, set_up, tear_down),
		cmocka_unit_test(a_disk_that_cannot_be_is_told_in_one_line),
		cmocka_unit_test(a_file_that_may_not_be_written_is_a_disk_that_is_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
