/* SPDX-License-Identifier: MIT */
/* Composing answers: whole frames, or none. */
#include "service/reply.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/service/guest.h"

static struct reply reply;

static void begin(struct reply_draft *draft, const struct service_config *config, bool is6)
{
	reply.length = 77;
	if (is6)
		reply_begin6(draft, &reply, config, guest_mac(1), config->host6, ip6_of("fd00:2::15"), IP_PROTOCOL_UDP,
			     64);
	else
		reply_begin4(draft, &reply, config, guest_mac(1), config->host4, ip4_of("10.0.2.15"), IP_PROTOCOL_UDP);
	reply_udp(draft, 67, 68);
}

static void a_datagram_of_any_size_is_whole_and_one_beyond_the_mtu_is_none(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 1471, 1472};
	struct service_config config = guest_config();

	(void)state;
	for (unsigned is6 = 0; is6 < 2; is6++) {
		size_t most = 1500 - 8 - (is6 ? 40u : 20u);
		struct reply_draft draft;

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t bytes = sizes[i] < most ? sizes[i] : most;

			begin(&draft, &config, is6);
			writer_fill(&draft.writer, 0xa5, bytes);
			reply_end(&draft);
			assert_int_equal(reply.length, 1500 - most + 14 + bytes);
			assert_null(guest_flaw(&config, &reply));
		}
		begin(&draft, &config, is6);
		writer_fill(&draft.writer, 0xa5, most + 1);
		reply_end(&draft);
		assert_int_equal(reply.length, 0);
	}
}

/* RFC 768, RFC 8200 8.1: a sum of 0 is sent as all ones, as 0 says that there is none. */
static void a_checksum_of_zero_is_never_sent(void **state)
{
	struct service_config config = guest_config();

	(void)state;
	for (unsigned value = 0; value < 65536; value++) {
		struct reply_draft draft;

		begin(&draft, &config, true);
		writer_be16(&draft.writer, (uint16_t)value);
		reply_end(&draft);
		if (guest_flaw(&config, &reply))
			fail_msg("%s of %u", guest_flaw(&config, &reply), value);
	}
}

static void a_payload_has_bounds_of_its_own(void **state)
{
	struct service_config config = guest_config();
	struct reply_draft draft;
	struct writer payload;

	(void)state;
	begin(&draft, &config, false);
	payload = reply_payload(&draft, 10);
	assert_int_equal(payload.left, 10);
	writer_fill(&payload, 1, 10);
	reply_take(&draft, &payload);
	reply_end(&draft);
	assert_int_equal(reply.length, 42 + 10);
	begin(&draft, &config, false);
	payload = reply_payload(&draft, 10);
	writer_fill(&payload, 1, 11);
	reply_take(&draft, &payload);
	reply_end(&draft);
	assert_int_equal(reply.length, 0);
	/* No more than the MTU leaves, whatever is allowed. */
	begin(&draft, &config, false);
	assert_int_equal(reply_payload(&draft, 100000).left, 1500 - 28);
}

static void the_answer_goes_back_where_the_question_came_from(void **state)
{
	struct service_config config = guest_config();
	struct guest *guest = guest_new(&config);
	struct reply_draft draft;
	struct packet packet;

	(void)state;
	guest_ip6(guest, config.mac, ip6_of("fd00:2::15"), ip6_link_local(config.mac), IP_PROTOCOL_UDP, 1, "12345678",
		  8);
	assert_int_equal(packet_parse(guest->frame, guest->length, &packet), DROP_NONE);
	reply_begin_back(&draft, &reply, &config, &packet, IP_PROTOCOL_UDP);
	reply_udp(&draft, 1, 2);
	reply_end(&draft);
	assert_null(guest_flaw(&config, &reply));
	assert_memory_equal(reply.bytes, guest->mac.byte, 6);
	assert_memory_equal(reply.bytes + 22, ip6_link_local(config.mac).byte, 16);
	assert_memory_equal(reply.bytes + 38, ip6_of("fd00:2::15").byte, 16);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_of_any_size_is_whole_and_one_beyond_the_mtu_is_none),
		cmocka_unit_test(a_checksum_of_zero_is_never_sent),
		cmocka_unit_test(a_payload_has_bounds_of_its_own),
		cmocka_unit_test(the_answer_goes_back_where_the_question_came_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
