/* SPDX-License-Identifier: MIT */
/* A table of --dhcp-host texts, and what is said of those that cannot be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "network/reservation.h"
#include "service/lease.h"
#include "unit/network/describe.h"

static void reservations_take_the_words_of_dnsmasq(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *says;
	} rows[] = {
		{"52:54:00:00:00:01,10.0.2.50", 0, ""},
		{"52:54:00:00:00:02,10.0.2.51,vm2", 0, ""},
		{"52:54:00:00:00:03,[fd00::1050]", 0, ""},
		{"52:54:00:00:00:04,10.0.2.52,[fd00::1051],vm4", 0, ""},
		{"52:54:00:00:00:05,10.0.2.50", -EINVAL, "another dhcp-host="},
		{"52:54:00:00:00:01,10.0.2.53", -EINVAL, "another dhcp-host="},
		{"52:54:00:00:00:06,10.0.3.50", -EINVAL, "may have"},
		{"52:54:00:00:00:07,10.0.2.2", -EINVAL, "10.0.2.2 is the gateway's own address"},
		{"52:54:00:00:00:08", -EINVAL, "must be MAC,IP"},
		{"vm9,10.0.2.60", -EINVAL, "must be MAC,IP"},
		{"52:54:00:00:00:0a,10.0.2", -EINVAL, "must be MAC,IP"},
		{"52:54:00:00:00:0a,[fd00::x]", -EINVAL, "'fd00::x'"},
		{"52:54:00:00:00:0b,10.0.2.61,two words", -EINVAL, "'two words'"},
		{"52:54:00:00:00:0c,10.0.2.62,a,b,c", -EINVAL, "must be MAC,IP"},
		{"01:00:5e:00:00:01,10.0.2.63", -EINVAL, "must be MAC,IP"},
	};
	struct description description = describe("none");
	struct lease_table *leases;

	(void)state;
	assert_int_equal(lease_table_new(&description.service, &leases), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error error = {0};
		int code = reservation_add(leases, &description.service, rows[i].text, &error);

		if (code != rows[i].code || !strstr(error.text, rows[i].says))
			fail_msg("%s: %d '%s'", rows[i].text, code, error.text);
	}
	lease_table_free(leases);
}

static void a_reservation_needs_its_family(void **state)
{
	struct description description = describe("none,ipv6=off");
	struct lease_table *leases;
	struct error error = {0};

	(void)state;
	assert_int_equal(lease_table_new(&description.service, &leases), 0);
	assert_int_equal(reservation_add(leases, &description.service, "52:54:00:00:00:01,[fd00::1050]", &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, "fd00::1050"));
	lease_table_free(leases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservations_take_the_words_of_dnsmasq),
		cmocka_unit_test(a_reservation_needs_its_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
