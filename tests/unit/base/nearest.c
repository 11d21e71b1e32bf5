/* SPDX-License-Identifier: MIT */
/* What was typed, what would do, and what is thought to be meant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/nearest.h"

static const char *const words[] = {"uplink", "guest", "publish", "file",  "log-file", "verbose",
				    "show",   "ls",    "flows",   "netns", "net",      "mtu"};

static const struct {
	const char *what, *typed, *wanted;
} rows[] = {
	{"the word itself", "uplink", "uplink"},
	{"a letter less", "uplnk", "uplink"},
	{"a letter more", "uplinkk", "uplink"},
	{"another letter", "publich", "publish"},
	{"two that changed places", "vebrose", "verbose"},
	{"two slips in a long word", "verbos3e", "verbose"},
	{"the beginning of one", "verb", "verbose"},
	{"a short one with one slip", "shw", "show"},
	{"the nearest of two", "nett", "net"},
	{"nothing like any", "frobnicate", NULL},
	{"two slips in a short word", "abow", NULL},
	{"one letter", "l", NULL},
	{"nothing at all", "", NULL},
	{"more letters than any word has", "uplinkuplinkuplinkuplinkuplinkuplink", NULL},
};

static void the_nearest_word_is_found_or_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nearest nearest;

		nearest_init(&nearest, rows[i].typed, strlen(rows[i].typed));
		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++)
			nearest_offer(&nearest, words[j], strlen(words[j]));
		if (!rows[i].wanted != !nearest.found || (nearest.found && strcmp(nearest.found, rows[i].wanted) != 0))
			fail_msg("%s: %s is thought to be %s", rows[i].what, rows[i].typed,
				 nearest.found ? nearest.found : "nothing");
	}
}

static void a_candidate_needs_no_end(void **state)
{
	static const char list[] = "path, mode, guests";
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, "mdoe=0600", 4);
	nearest_offer(&nearest, list, 4);
	nearest_offer(&nearest, list + 6, 4);
	assert_ptr_equal(nearest.found, list + 6);
	assert_int_equal(nearest.found_length, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_found_or_none),
		cmocka_unit_test(a_candidate_needs_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
