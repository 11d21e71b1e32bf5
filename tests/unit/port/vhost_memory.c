/* SPDX-License-Identifier: MIT */
/* A guest's memory, and its dirty log, as front ends that lie describe them. */
#include "unit/port/vhost_bed.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "kit/vhost_front.h"

enum { PAGE = 4096, FILE_BYTES = 16 * PAGE };

struct regions {
	const char *what;
	uint32_t count;
	struct vhost_region regions[3];
	enum drop_reason verdict;
};

/* clang-format off */
static const struct regions region_lies[] = {
	/* guest, bytes, user, offset */
	{"one", 1, {{0x1000, PAGE, 0x9000, 0}}, DROP_NONE},
	{"none", 0, {{0, 0, 0, 0}}, DROP_NONE},
	{"two that touch", 2, {{0x1000, PAGE, 0x9000, 0}, {0x2000, PAGE, 0xa000, PAGE}}, DROP_NONE},
	{"a part of a page", 1, {{0x1000, 100, 0x9000, 50}}, DROP_NONE},
	{"the whole file", 1, {{0, FILE_BYTES, 0, 0}}, DROP_NONE},
	{"the same twice", 2, {{0x1000, PAGE, 0x9000, 0}, {0x1000, PAGE, 0x9000, 0}}, DROP_NONE},
	{"the same, elsewhere to its user", 2, {{0x1000, PAGE, 0x9000, 0}, {0x1000, PAGE, 0xb000, 0}}, DROP_VHOST_MEMORY},
	{"two that share a byte", 2, {{0x1000, PAGE + 1, 0x9000, 0}, {0x2000, PAGE, 0xb000, PAGE}}, DROP_VHOST_MEMORY},
	{"one in another", 2, {{0x1000, 4 * PAGE, 0x9000, 0}, {0x2000, PAGE, 0xf000, 0}}, DROP_VHOST_MEMORY},
	{"one around another", 2, {{0x2000, PAGE, 0x9000, 0}, {0x1000, 4 * PAGE, 0xf000, 0}}, DROP_VHOST_MEMORY},
	{"of no bytes", 1, {{0x1000, 0, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"a second of no bytes", 2, {{0x1000, PAGE, 0x9000, 0}, {0x5000, 0, 0xb000, 0}}, DROP_VHOST_MEMORY},
	{"over the end of addresses", 1, {{UINT64_MAX - 4095, 2 * PAGE, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"up to the end of addresses", 1, {{UINT64_MAX - 4095, PAGE, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"over the end of its user's addresses", 1, {{0x1000, 2 * PAGE, UINT64_MAX - 4095, 0}}, DROP_VHOST_MEMORY},
	{"a byte more than the file has", 1, {{0x1000, FILE_BYTES + 1, 0x9000, 0}}, DROP_VHOST_MEMORY},
	{"the last page and a byte", 1, {{0x1000, PAGE + 1, 0x9000, FILE_BYTES - PAGE}}, DROP_VHOST_MEMORY},
	{"behind the file", 1, {{0x1000, PAGE, 0x9000, FILE_BYTES}}, DROP_VHOST_MEMORY},
	{"far behind the file", 1, {{0x1000, PAGE, 0x9000, UINT64_C(1) << 62}}, DROP_VHOST_MEMORY},
	{"an offset that wraps", 1, {{0x1000, 2 * PAGE, 0x9000, UINT64_MAX - 4095}}, DROP_VHOST_MEMORY},
	{"bytes that wrap", 1, {{0, UINT64_MAX, 0, 1}}, DROP_VHOST_MEMORY},
	{"bytes without end", 1, {{0, INT64_MAX, 0, 0}}, DROP_VHOST_MEMORY},
	{"bytes and offset that are negative", 1, {{0, UINT64_C(1) << 63, 0, UINT64_C(1) << 63}}, DROP_VHOST_MEMORY},
};
/* clang-format on */

static void regions_that_cannot_be_are_refused(void **state)
{
	unsigned descriptors = fixture_descriptors(), maps = mappings();

	(void)state;
	for (size_t i = 0; i < sizeof(region_lies) / sizeof(region_lies[0]); i++) {
		const struct regions *lie = &region_lies[i];
		struct vhost_table table = {.count = lie->count};
		int file = memfd_create("lie", MFD_CLOEXEC), fds[3] = {file, file, file};
		uint64_t protocol = UINT64_C(1) << VHOST_P_REPLY_ACK;
		struct bed bed;

		assert_int_equal(ftruncate(file, FILE_BYTES), 0);
		memcpy(table.regions, lie->regions, sizeof(lie->regions));
		/* all in one message, then one by one */
		for (int one = 0; one < 2; one++) {
			bed_init(&bed);
			vhost_front_tell(&bed.front, VHOST_SET_PROTOCOL_FEATURES, protocol);
			if (!one)
				vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION | VHOST_NEED_REPLY,
						 &table, (uint32_t)(8 + lie->count * sizeof(struct vhost_region)), fds,
						 lie->count);
			for (uint32_t j = 0; one && j < lie->count; j++) {
				struct vhost_one_region region = {.region = lie->regions[j]};

				vhost_front_send(&bed.front, VHOST_ADD_MEM_REG, VHOST_VERSION | VHOST_NEED_REPLY,
						 &region, sizeof(region), &file, 1);
			}
			bed_settle(&bed);
			check_verdict(&bed, lie->what, one ? "alone" : "in a table", lie->verdict);
			assert_int_equal(bed.fixture->port_count, 1);
			bed_done(&bed);
		}
		close(file);
		assert_int_equal(fixture_descriptors(), descriptors);
		assert_int_equal(mappings(), maps);
	}
}

static void a_table_of_other_than_its_count_is_refused(void **state)
{
	static const struct {
		uint32_t count, regions;
		int descriptors;
		enum drop_reason verdict;
	} lies_[] = {
		{9, 8, 8, DROP_VHOST_SIZE},          {UINT32_MAX, 8, 8, DROP_VHOST_SIZE},
		{2, 1, 2, DROP_VHOST_SIZE},          {1, 1, 2, DROP_VHOST_DESCRIPTORS},
		{2, 2, 1, DROP_VHOST_DESCRIPTORS},   {0, 0, 1, DROP_VHOST_DESCRIPTORS},
		{0x10000001, 1, 1, DROP_VHOST_SIZE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies_) / sizeof(lies_[0]); i++) {
		struct vhost_table table = {.count = lies_[i].count};
		int fds[8];
		struct bed bed;

		bed_init(&bed);
		for (uint32_t j = 0; j < 8; j++) {
			fds[j] = bed.front.memory_fd;
			table.regions[j] = (struct vhost_region){0x100000 * j, PAGE, 0x100000 * j, 0};
		}
		vhost_front_send(&bed.front, VHOST_SET_MEM_TABLE, VHOST_VERSION, &table,
				 8 + lies_[i].regions * (uint32_t)sizeof(struct vhost_region), fds,
				 (uint32_t)lies_[i].descriptors);
		bed_settle(&bed);
		check_verdict(&bed, "a table", "miscounted", lies_[i].verdict);
		bed_done(&bed);
	}
}

static void a_log_that_is_not_there_or_too_small_is_refused_or_not_written_beyond(void **state)
{
	static const struct {
		struct vhost_log_place place;
		bool fits;
	} places[] = {
		{{PAGE, 0}, true},
		{{FILE_BYTES, 0}, true},
		{{1, 0}, true}, /* marks what fits: the front end made it too small */
		{{1, FILE_BYTES - 1}, true},
		{{0, 0}, false},
		{{FILE_BYTES, 1}, false},
		{{FILE_BYTES + 1, 0}, false},
		{{UINT64_MAX - 4095, 8192}, false},
		{{8192, UINT64_MAX - 4095}, false},
		{{UINT64_MAX, 1}, false},
		{{UINT64_C(1) << 63, UINT64_C(1) << 63}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int file = memfd_create("lie", MFD_CLOEXEC);
		struct bed bed;

		assert_int_equal(ftruncate(file, FILE_BYTES), 0);
		bed_init(&bed);
		vhost_front_start(&bed.front, plain);
		vhost_front_send(&bed.front, VHOST_SET_LOG_BASE, VHOST_VERSION, &places[i].place,
				 sizeof(places[i].place), &file, 1);
		bed_settle(&bed);
		assert_int_equal(bed_verdict(&bed), places[i].fits ? DROP_NONE : DROP_VHOST_MEMORY);
		if (places[i].fits) {
			vhost_front_tell(&bed.front, VHOST_SET_FEATURES,
					 bed.front.features | UINT64_C(1) << VHOST_F_LOG_ALL);
			probe_send(bed.fixture, 0xffff, 1000);
			assert_int_equal(bed.port->counters.to_guest.frames, 1);
		}
		bed_done(&bed);
		close(file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_that_cannot_be_are_refused),
		cmocka_unit_test(a_table_of_other_than_its_count_is_refused),
		cmocka_unit_test(a_log_that_is_not_there_or_too_small_is_refused_or_not_written_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
