/* SPDX-License-Identifier: MIT */
/* The forwarder: whom it asks and when, what it believes, and what it tells the guests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/timer.h"
#include "service/dns.h"

#define S (1000 * 1000)

struct message {
	unsigned resolver;
	bool tcp;
	struct asker asker;
	size_t bytes;
	uint8_t data[4096];
};

struct desk {
	struct dns *dns;
	uint64_t now_us;
	uint16_t random;
	int reach[DNS_RESOLVERS_MAX]; /* what send_query() says */
	struct message queries[1024];
	size_t query_count;
	struct message answers[1024];
	size_t answer_count;
};

static uint16_t desk_random(void *owner)
{
	return ((struct desk *)owner)->random;
}

static int desk_send_query(void *owner, unsigned resolver, bool tcp, const void *message, size_t bytes)
{
	struct desk *desk = owner;
	struct message *query = &desk->queries[desk->query_count++ % 1024];

	*query = (struct message){.resolver = resolver, .tcp = tcp, .bytes = bytes};
	memcpy(query->data, message, bytes);
	return desk->reach[resolver];
}

static void desk_send_answer(void *owner, const struct asker *asker, const void *message, size_t bytes)
{
	struct desk *desk = owner;
	struct message *answer = &desk->answers[desk->answer_count++ % 1024];

	*answer = (struct message){.asker = *asker, .bytes = bytes};
	memcpy(answer->data, message, bytes < sizeof(answer->data) ? bytes : sizeof(answer->data));
}

static bool find_name(void *owner, const char *label, struct names_addresses *ret_addresses)
{
	(void)owner;
	*ret_addresses = (struct names_addresses){.has4 = true, .ip4 = {{10, 0, 2, 15}}};
	return strcmp(label, "vm1") == 0;
}

static bool find_ip4(void *owner, struct ip4 address, char *ret_label)
{
	(void)owner;
	(void)address;
	(void)ret_label;
	return false;
}

static bool find_ip6(void *owner, struct ip6 address, char *ret_label)
{
	(void)owner;
	(void)address;
	(void)ret_label;
	return false;
}

static int setup(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	struct dns_config config = {
		.names = {.domain = "lab.internal", .find_name = find_name, .find_ip4 = find_ip4, .find_ip6 = find_ip6},
		.random = desk_random,
		.send_query = desk_send_query,
		.send_answer = desk_send_answer,
		.owner = desk,
		.mtu_bytes = 1500,
	};

	desk->now_us = 5 * S;
	desk->random = 1000;
	assert_int_equal(dns_new(&config, &desk->dns), 0);
	dns_set_resolvers(desk->dns, 2, desk->now_us);
	*state = desk;
	return 0;
}

static int teardown(void **state)
{
	struct desk *desk = *state;

	dns_free(desk->dns);
	free(desk);
	return 0;
}

static struct asker asker_of(uint16_t port)
{
	struct asker asker = {.guest_port = port, .asked_port = 53, .mac = {{0x52, 0x54, 0, 0, 0, 1}}};

	return asker;
}

static size_t query_make(const char *name, enum dns_type type, uint16_t id, uint16_t udp_bytes, uint8_t *to)
{
	struct dns_question question = {.type = (uint16_t)type, .class = DNS_CLASS_IN};
	struct writer writer;

	assert_true(dns_name_parse(name, &question.name));
	writer_init(&writer, to, 512);
	dns_query_write(&writer, id, &question, udp_bytes);
	assert_false(writer.failed);
	return writer_used(&writer);
}

static enum drop_reason guest_asks(struct desk *desk, uint16_t port, uint16_t id, const char *name)
{
	struct asker asker = asker_of(port);
	uint8_t bytes[512];

	return dns_input(desk->dns, &asker, bytes, query_make(name, DNS_TYPE_A, id, 0, bytes), desk->now_us);
}

/* The answer to the query of this number, by `resolver`: with this code, and `padding` bytes of a record. */
static enum drop_reason resolver_answers(struct desk *desk, size_t query, unsigned resolver, enum dns_rcode rcode,
					 size_t padding)
{
	struct message *asked = &desk->queries[query];
	struct dns_message parsed;
	struct dns_draft draft;
	uint8_t bytes[4096];
	size_t count;

	assert_true(query < desk->query_count);
	assert_int_equal(dns_message_read(asked->data, asked->bytes, &parsed), DROP_NONE);
	dns_draft_begin(&draft, bytes, sizeof(bytes), &parsed, rcode, DNS_FLAG_RECURSION);
	if (rcode == DNS_RCODE_OK)
		dns_draft_ip4(&draft, 60, (struct ip4){{192, 0, 2, 1}});
	while (writer_used(&draft.writer) < padding)
		dns_draft_ip6(&draft, 60, (struct ip6){{0xfd}});
	count = dns_draft_end(&draft);
	assert_true(count > 0);
	return dns_answered(desk->dns, resolver, bytes, count, desk->now_us);
}

static void wait_until(struct desk *desk, uint64_t us)
{
	desk->now_us = 5 * S + us;
	if (dns_due_us(desk->dns) <= desk->now_us)
		dns_run(desk->dns, desk->now_us);
}

static void assert_answer(const struct desk *desk, size_t index, uint16_t port, uint16_t id, unsigned rcode)
{
	const struct message *answer = &desk->answers[index];
	struct dns_message message;

	assert_true(index < desk->answer_count);
	assert_int_equal(answer->asker.guest_port, port);
	assert_int_equal(dns_message_read(answer->data, answer->bytes, &message), DROP_NONE);
	assert_int_equal(message.header.id, id);
	assert_true(message.header.flags & DNS_FLAG_RESPONSE);
	assert_int_equal(message.header.flags & DNS_FLAG_RCODE, rcode);
}

static void names_of_our_own_are_answered_here(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(guest_asks(desk, 4000, 7, "vm1.lab.internal"), DROP_NONE);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_OK);
	assert_int_equal(guest_asks(desk, 4000, 8, "vm2.lab.internal"), DROP_NONE);
	assert_answer(desk, 1, 4000, 8, DNS_RCODE_NAME);
	assert_int_equal(desk->query_count, 0);
	assert_int_equal(dns_due_us(desk->dns), TIMER_NEVER);
}

static void others_are_passed_on_under_another_id(void **state)
{
	struct desk *desk = *state;
	struct dns_header header;

	assert_int_equal(guest_asks(desk, 4000, 7, "example.org"), DROP_NONE);
	assert_int_equal(desk->query_count, 1);
	assert_int_equal(desk->queries[0].resolver, 0);
	assert_false(desk->queries[0].tcp);
	dns_header_read(desk->queries[0].data, desk->queries[0].bytes, &header);
	assert_int_equal(header.id, 1000);
	/* the same random number again: another id all the same */
	assert_int_equal(guest_asks(desk, 4001, 7, "example.net"), DROP_NONE);
	dns_header_read(desk->queries[1].data, desk->queries[1].bytes, &header);
	assert_int_equal(header.id, 1001);
	assert_int_equal(resolver_answers(desk, 1, 0, DNS_RCODE_OK, 0), DROP_NONE);
	assert_int_equal(resolver_answers(desk, 0, 0, DNS_RCODE_NAME, 0), DROP_NONE);
	assert_answer(desk, 0, 4001, 7, DNS_RCODE_OK);
	assert_answer(desk, 1, 4000, 7, DNS_RCODE_NAME);
	assert_int_equal(dns_count(desk->dns), 0);
	assert_int_equal(dns_due_us(desk->dns), TIMER_NEVER);
}

static void silent_resolvers_are_asked_in_turn_and_then_given_up(void **state)
{
	/* of two resolvers: one second each, then two */
	static const uint64_t due_us[] = {0, 1 * S, 2 * S, 4 * S};
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(dns_due_us(desk->dns), 5 * S + due_us[i]);
		wait_until(desk, due_us[i] - 1);
		assert_int_equal(desk->query_count, i);
		wait_until(desk, due_us[i]);
		assert_int_equal(desk->query_count, i + 1);
		assert_int_equal(desk->queries[i].resolver, i % 2);
		assert_memory_equal(desk->queries[i].data, desk->queries[0].data, desk->queries[0].bytes);
	}
	wait_until(desk, DNS_PATIENCE_US - 1);
	assert_int_equal(desk->answer_count, 0);
	wait_until(desk, DNS_PATIENCE_US);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_SERVER);
	assert_int_equal(dns_count(desk->dns), 0);
	/* and it is too late now */
	assert_int_equal(resolver_answers(desk, 0, 0, DNS_RCODE_OK, 0), DROP_DNS_UNASKED);
}

static void each_query_has_its_own_time(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	wait_until(desk, S / 2);
	guest_asks(desk, 4001, 8, "example.net");
	assert_int_equal(dns_due_us(desk->dns), 6 * S);
	wait_until(desk, S);
	assert_int_equal(desk->query_count, 3);
	assert_memory_equal(desk->queries[2].data, desk->queries[0].data, desk->queries[0].bytes);
	assert_int_equal(dns_due_us(desk->dns), 6 * S + S / 2);
	wait_until(desk, S + S / 2);
	assert_int_equal(desk->query_count, 4);
	assert_memory_equal(desk->queries[3].data, desk->queries[1].data, desk->queries[1].bytes);
}

static void who_is_not_waited_for_may_refuse_or_be_unreachable(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	dns_unreachable(desk->dns, 1, false, desk->now_us);
	assert_int_equal(desk->query_count, 1);
	wait_until(desk, S); /* the second is asked */
	assert_int_equal(desk->query_count, 2);
	assert_int_equal(resolver_answers(desk, 0, 0, DNS_RCODE_REFUSED, 0), DROP_NONE);
	assert_int_equal(desk->query_count, 2);
	assert_int_equal(desk->answer_count, 0);
	assert_int_equal(resolver_answers(desk, 1, 1, DNS_RCODE_OK, 0), DROP_NONE);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_OK);
}

static void a_late_answer_of_the_first_is_taken(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	assert_int_equal(resolver_answers(desk, 0, 1, DNS_RCODE_OK, 0), DROP_DNS_UNASKED);
	wait_until(desk, 1 * S);
	assert_int_equal(resolver_answers(desk, 0, 0, DNS_RCODE_OK, 0), DROP_NONE);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_OK);
}

static void a_refusal_leads_to_the_next_and_the_last_one_is_passed_on(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	resolver_answers(desk, 0, 0, DNS_RCODE_SERVER, 0);
	assert_int_equal(desk->query_count, 2);
	assert_int_equal(desk->queries[1].resolver, 1);
	assert_int_equal(desk->answer_count, 0);
	resolver_answers(desk, 1, 1, DNS_RCODE_REFUSED, 0);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_REFUSED);
	guest_asks(desk, 4000, 8, "example.org");
	resolver_answers(desk, 2, 0, DNS_RCODE_REFUSED, 0);
	resolver_answers(desk, 3, 1, DNS_RCODE_OK, 0);
	assert_answer(desk, 1, 4000, 8, DNS_RCODE_OK);
}

static void what_cannot_be_reached_is_not_waited_for(void **state)
{
	struct desk *desk = *state;

	desk->reach[0] = -101;
	guest_asks(desk, 4000, 7, "example.org");
	assert_int_equal(desk->query_count, 2);
	resolver_answers(desk, 1, 1, DNS_RCODE_OK, 0);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_OK);
	desk->reach[1] = -101;
	guest_asks(desk, 4000, 8, "example.org");
	assert_answer(desk, 1, 4000, 8, DNS_RCODE_SERVER);
	desk->reach[0] = desk->reach[1] = 0;
	guest_asks(desk, 4000, 9, "example.org");
	/* an idle stream's end says nothing of datagrams */
	dns_unreachable(desk->dns, 0, true, desk->now_us);
	dns_unreachable(desk->dns, 1, true, desk->now_us);
	assert_int_equal(desk->query_count, 5);
	/* the second had answered last, and was asked first */
	dns_unreachable(desk->dns, 1, false, desk->now_us);
	assert_int_equal(desk->answer_count, 2);
	dns_unreachable(desk->dns, 0, false, desk->now_us);
	assert_answer(desk, 2, 4000, 9, DNS_RCODE_SERVER);
}

/* Else it would be asked at the pace of its answers until the guest's patience is over. */
static void who_refuses_is_not_asked_again_and_again_where_the_other_cannot_be_reached(void **state)
{
	struct desk *desk = *state;
	size_t sent = 0;

	desk->reach[1] = -101;
	guest_asks(desk, 4000, 7, "example.org");
	for (size_t i = 0; i < desk->query_count && i < 100; i++) {
		if (desk->queries[i].resolver != 0)
			continue;
		sent++;
		resolver_answers(desk, i, 0, DNS_RCODE_SERVER, 0);
	}
	assert_true(sent <= 2);
	assert_int_equal(desk->answer_count, 1);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_SERVER);
}

static void without_resolvers_the_answer_is_servfail(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 6, "example.org");
	dns_set_resolvers(desk->dns, 0, desk->now_us);
	assert_answer(desk, 0, 4000, 6, DNS_RCODE_SERVER);
	assert_int_equal(guest_asks(desk, 4000, 7, "example.org"), DROP_NONE);
	assert_answer(desk, 1, 4000, 7, DNS_RCODE_SERVER);
	/* and as soon as there is one, the next query goes */
	dns_set_resolvers(desk->dns, 1, desk->now_us);
	guest_asks(desk, 4000, 8, "example.org");
	resolver_answers(desk, 1, 0, DNS_RCODE_OK, 0);
	assert_answer(desk, 2, 4000, 8, DNS_RCODE_OK);
}

static void new_resolvers_are_asked_at_once(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	wait_until(desk, 1 * S);
	dns_set_resolvers(desk->dns, 1, desk->now_us);
	assert_int_equal(desk->query_count, 3);
	assert_int_equal(desk->queries[2].resolver, 0);
	assert_int_equal(resolver_answers(desk, 0, 1, DNS_RCODE_OK, 0), DROP_DNS_UNASKED);
	assert_int_equal(resolver_answers(desk, 2, 0, DNS_RCODE_OK, 0), DROP_NONE);
}

static void an_answer_to_another_question_is_not_believed(void **state)
{
	struct desk *desk = *state;
	uint8_t forged[512];
	size_t bytes = query_make("example.net", DNS_TYPE_A, 1000, 0, forged);

	guest_asks(desk, 4000, 7, "example.org");
	forged[2] |= 0x80;
	assert_int_equal(dns_answered(desk->dns, 0, forged, bytes, desk->now_us), DROP_DNS_UNASKED);
	bytes = query_make("example.org", DNS_TYPE_AAAA, 1000, 0, forged);
	forged[2] |= 0x80;
	assert_int_equal(dns_answered(desk->dns, 0, forged, bytes, desk->now_us), DROP_DNS_UNASKED);
	bytes = query_make("example.org", DNS_TYPE_A, 1001, 0, forged);
	forged[2] |= 0x80;
	assert_int_equal(dns_answered(desk->dns, 0, forged, bytes, desk->now_us), DROP_DNS_UNASKED);
	bytes = query_make("EXAMPLE.org", DNS_TYPE_A, 1000, 0, forged);
	assert_int_equal(dns_answered(desk->dns, 0, forged, bytes, desk->now_us), DROP_DNS_UNASKED);
	forged[2] |= 0x80;
	assert_int_equal(dns_answered(desk->dns, 9, forged, bytes, desk->now_us), DROP_DNS_UNASKED);
	assert_int_equal(dns_answered(desk->dns, 0, forged, 11, desk->now_us), DROP_DNS_SHORT);
	assert_int_equal(desk->answer_count, 0);
	assert_int_equal(dns_answered(desk->dns, 0, forged, bytes, desk->now_us), DROP_NONE);
	assert_int_equal(desk->answer_count, 1);
}

static void a_repeated_query_is_asked_once(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	guest_asks(desk, 4000, 7, "example.org");
	assert_int_equal(desk->query_count, 1);
	guest_asks(desk, 4000, 7, "example.net");
	guest_asks(desk, 4001, 7, "example.org");
	guest_asks(desk, 4000, 8, "example.org");
	assert_int_equal(desk->query_count, 4);
}

static void a_long_answer_is_cut_for_udp_and_whole_for_tcp(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	struct dns_message message;
	uint8_t bytes[512];

	guest_asks(desk, 4000, 7, "example.org");
	resolver_answers(desk, 0, 0, DNS_RCODE_OK, 1000);
	assert_int_equal(dns_message_read(desk->answers[0].data, desk->answers[0].bytes, &message), DROP_NONE);
	assert_true(message.header.flags & DNS_FLAG_TRUNCATED);
	assert_int_equal(message.header.count[DNS_ANSWERS], 0);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_OK);
	/* with EDNS as much as the guest says */
	dns_input(desk->dns, &asker, bytes, query_make("example.org", DNS_TYPE_A, 8, 1232, bytes), desk->now_us);
	resolver_answers(desk, 1, 0, DNS_RCODE_OK, 1000);
	assert_true(desk->answers[1].bytes > 1000);
	asker.stream = 5;
	dns_input(desk->dns, &asker, bytes, query_make("example.org", DNS_TYPE_A, 9, 0, bytes), desk->now_us);
	assert_true(desk->queries[2].tcp);
	resolver_answers(desk, 2, 0, DNS_RCODE_OK, 3000);
	assert_true(desk->answers[2].bytes > 3000);
	assert_int_equal(desk->answers[2].asker.stream, 5);
}

static void no_datagram_is_larger_than_the_network_whatever_the_guest_takes(void **state)
{
	static const struct {
		bool is6;
		size_t bytes;
		bool cut;
	} rows[] = {{false, 1472, false}, {false, 1473, true}, {true, 1452, false}, {true, 1453, true}};
	struct desk *desk = *state;
	uint8_t query[512], answer[2048];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct asker asker = asker_of((uint16_t)(4000 + i));
		struct dns_message message;
		size_t count;

		asker.guest =
			rows[i].is6 ? (struct ip6){{0xfd, [15] = 9}} : (struct ip6){{[10] = 0xff, [11] = 0xff, 10}};
		count = query_make("example.org", DNS_TYPE_A, 8, 4096, query);
		dns_input(desk->dns, &asker, query, count, desk->now_us);
		/* bytes behind the records, which are nobody's: the length alone matters */
		memset(answer, 0, sizeof(answer));
		memcpy(answer, desk->queries[i].data, count);
		answer[2] |= 0x80;
		assert_int_equal(dns_answered(desk->dns, 0, answer, rows[i].bytes, desk->now_us), DROP_NONE);
		assert_int_equal(desk->answer_count, i + 1);
		assert_int_equal(dns_message_read(desk->answers[i].data, desk->answers[i].bytes, &message), DROP_NONE);
		assert_int_equal((message.header.flags & DNS_FLAG_TRUNCATED) != 0, rows[i].cut);
		if (!rows[i].cut)
			assert_int_equal(desk->answers[i].bytes, rows[i].bytes);
	}
}

static void the_resolver_that_answered_last_is_asked_first(void **state)
{
	struct desk *desk = *state;

	guest_asks(desk, 4000, 7, "example.org");
	assert_int_equal(desk->queries[0].resolver, 0);
	wait_until(desk, S);
	assert_int_equal(desk->queries[1].resolver, 1);
	resolver_answers(desk, 1, 1, DNS_RCODE_OK, 0);
	guest_asks(desk, 4000, 8, "example.org");
	assert_int_equal(desk->query_count, 3);
	assert_int_equal(desk->queries[2].resolver, 1);
	/* a refusal is no answer, and what replaced the resolvers begins anew */
	resolver_answers(desk, 2, 1, DNS_RCODE_SERVER, 0);
	assert_int_equal(desk->queries[3].resolver, 0);
	resolver_answers(desk, 3, 0, DNS_RCODE_SERVER, 0);
	guest_asks(desk, 4000, 9, "example.org");
	assert_int_equal(desk->queries[4].resolver, 1);
	dns_set_resolvers(desk->dns, 2, desk->now_us);
	assert_int_equal(desk->queries[5].resolver, 0);
}

static void a_stream_takes_its_queries_along(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	uint8_t bytes[512];

	asker.stream = 5;
	dns_input(desk->dns, &asker, bytes, query_make("example.org", DNS_TYPE_A, 9, 0, bytes), desk->now_us);
	guest_asks(desk, 4000, 7, "example.org");
	assert_true(dns_stream_asks(desk->dns, 5));
	assert_false(dns_stream_asks(desk->dns, 6));
	dns_stream_gone(desk->dns, 5);
	assert_false(dns_stream_asks(desk->dns, 5));
	assert_int_equal(dns_count(desk->dns), 1);
	wait_until(desk, DNS_PATIENCE_US);
	assert_int_equal(desk->answer_count, 1);
}

static void what_an_answering_stream_left_is_asked_there_once_more(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	uint8_t bytes[512];

	asker.stream = 5;
	dns_set_resolvers(desk->dns, 1, desk->now_us);
	for (uint16_t id = 8; id <= 9; id++)
		dns_input(desk->dns, &asker, bytes,
			  query_make(id == 8 ? "example.org" : "example.com", DNS_TYPE_A, id, 0, bytes), desk->now_us);
	guest_asks(desk, 4000, 7, "example.net"); /* by datagram: no stream's end is its */
	assert_int_equal(desk->query_count, 3);
	resolver_answers(desk, 0, 0, DNS_RCODE_OK, 0);
	dns_interrupted(desk->dns, 0, desk->now_us);
	assert_int_equal(desk->query_count, 4);
	assert_true(desk->queries[3].tcp);
	assert_int_equal(desk->answer_count, 1);
	resolver_answers(desk, 3, 0, DNS_RCODE_OK, 0);
	assert_int_equal(desk->answer_count, 2);
	assert_answer(desk, 1, 4000, 9, DNS_RCODE_OK);
}

static const struct judged_row {
	const char *what;
	uint16_t flags;
	uint16_t questions;
	enum dns_type type;
	enum drop_reason verdict;
	int rcode; /* -1: silence */
} judged_rows[] = {
	{"an update", 0x2800, 1, DNS_TYPE_A, DROP_NONE, DNS_RCODE_NOT_IMPLEMENTED},
	{"no question", 0, 0, DNS_TYPE_A, DROP_NONE, DNS_RCODE_FORMAT},
	{"a transfer", 0, 1, DNS_TYPE_AXFR, DROP_NONE, DNS_RCODE_REFUSED},
	{"an incremental one", 0, 1, DNS_TYPE_IXFR, DROP_NONE, DNS_RCODE_REFUSED},
	{"an answer", DNS_FLAG_RESPONSE, 1, DNS_TYPE_A, DROP_DNS_NOT_QUERY, -1},
};

static void what_no_forwarder_takes_is_refused(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);

	for (size_t i = 0; i < sizeof(judged_rows) / sizeof(judged_rows[0]); i++) {
		const struct judged_row *row = &judged_rows[i];
		size_t answers = desk->answer_count;
		uint8_t bytes[512];
		size_t count = query_make("example.org", row->type, 7, 0, bytes);

		print_message("%s\n", row->what);
		bytes[2] = (uint8_t)(row->flags >> 8);
		bytes[5] = (uint8_t)row->questions;
		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), row->verdict);
		assert_int_equal(desk->answer_count - answers, row->rcode >= 0);
		if (row->rcode >= 0)
			assert_answer(desk, answers, 4000, 7, (unsigned)row->rcode);
	}
	assert_int_equal(dns_input(desk->dns, &asker, (const uint8_t *)"short", 5, desk->now_us), DROP_DNS_SHORT);
	assert_int_equal(desk->query_count, 0);
}

/* RFC 6891 6.1.3 */
static void a_version_of_edns_that_is_not_known_is_refused_with_ours(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);

	for (int i = 0; i < 2; i++) {
		uint8_t bytes[512];
		size_t count = query_make(i ? "example.org" : "vm1", DNS_TYPE_A, 7, 1232, bytes);
		const struct message *answer = &desk->answers[i];

		bytes[count - 5] = 1;
		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), DROP_NONE);
		assert_answer(desk, (size_t)i, 4000, 7, DNS_RCODE_VERSION & 15);
		assert_int_equal(answer->data[answer->bytes - 6], DNS_RCODE_VERSION >> 4);
		assert_int_equal(answer->data[answer->bytes - 5], 0);
	}
	assert_int_equal(desk->query_count, 0);
}

static void a_query_that_is_too_long_is_refused(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	uint8_t bytes[DNS_QUERY_BYTES + 1] = {0};

	query_make("example.org", DNS_TYPE_A, 7, 0, bytes);
	assert_int_equal(dns_input(desk->dns, &asker, bytes, sizeof(bytes), desk->now_us), DROP_DNS_LONG);
	assert_answer(desk, 0, 4000, 7, DNS_RCODE_SERVER);
	assert_int_equal(dns_input(desk->dns, &asker, bytes, sizeof(bytes) - 1, desk->now_us), DROP_NONE);
	assert_int_equal(desk->query_count, 1);
}

static void a_guest_has_so_many_and_all_have_so_many(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	uint8_t bytes[512];
	size_t count = query_make("example.org", DNS_TYPE_A, 7, 0, bytes);

	for (int guest = 1; guest <= 2; guest++) {
		asker.mac.byte[5] = (uint8_t)guest;
		asker.place = (uint64_t)guest;
		for (int i = 0; i <= DNS_QUERIES_PER_GUEST; i++) {
			asker.guest_port = (uint16_t)i;
			assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us),
					 i == DNS_QUERIES_PER_GUEST ? DROP_DNS_FULL : DROP_NONE);
		}
	}
	assert_int_equal(dns_count(desk->dns), DNS_QUERIES_MAX);
	/* They make way for a third until all have as many, and nobody is told nothing. */
	desk->answer_count = 0;
	asker.mac.byte[5] = 3;
	asker.place = 3;
	for (int i = 0; i < DNS_QUERIES_MAX / 4; i++) {
		asker.guest_port = (uint16_t)i;
		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), DROP_NONE);
	}
	assert_int_equal(desk->answer_count, DNS_QUERIES_MAX / 4);
	assert_int_equal(dns_count(desk->dns), DNS_QUERIES_MAX);
	wait_until(desk, DNS_PATIENCE_US);
	assert_int_equal(dns_count(desk->dns), 0);
	assert_int_equal(guest_asks(desk, 4000, 7, "example.org"), DROP_NONE);
}

static void who_makes_up_addresses_makes_way_like_anybody(void **state)
{
	struct desk *desk = *state;
	struct asker asker = asker_of(4000);
	uint8_t bytes[512];
	size_t count = query_make("example.org", DNS_TYPE_A, 7, 0, bytes);

	asker.place = 1;
	for (int i = 0; i < DNS_QUERIES_MAX; i++) {
		asker.mac.byte[4] = (uint8_t)(i >> 8);
		asker.mac.byte[5] = (uint8_t)i;
		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), DROP_NONE);
	}
	asker.mac.byte[3] = 9;
	assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), DROP_DNS_FULL);
	asker.place = 2;
	for (int i = 0; i < DNS_QUERIES_MAX / 4; i++) {
		asker.guest_port = (uint16_t)i;
		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us), DROP_NONE);
	}
}

/* Of who wrote into a stream no MAC is known. */
static void by_streams_guests_have_their_shares_too(void **state)
{
	struct desk *desk = *state;
	struct asker asker = {.guest.byte = {0xfd, [15] = 1}, .asked_port = 53, .stream = 1};
	uint8_t bytes[512];

	for (uint16_t i = 0; i <= DNS_QUERIES_PER_GUEST; i++) {
		size_t count = query_make("example.org", DNS_TYPE_A, i, 0, bytes);

		assert_int_equal(dns_input(desk->dns, &asker, bytes, count, desk->now_us),
				 i == DNS_QUERIES_PER_GUEST ? DROP_DNS_FULL : DROP_NONE);
	}
	asker.guest.byte[15] = 2;
	asker.stream = 2;
	assert_int_equal(dns_input(desk->dns, &asker, bytes, query_make("example.org", DNS_TYPE_A, 7, 0, bytes),
				   desk->now_us),
			 DROP_NONE);
}

#define desked(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		desked(names_of_our_own_are_answered_here),
		desked(others_are_passed_on_under_another_id),
		desked(silent_resolvers_are_asked_in_turn_and_then_given_up),
		desked(each_query_has_its_own_time),
		desked(who_is_not_waited_for_may_refuse_or_be_unreachable),
		desked(a_late_answer_of_the_first_is_taken),
		desked(a_refusal_leads_to_the_next_and_the_last_one_is_passed_on),
		desked(what_cannot_be_reached_is_not_waited_for),
		desked(who_refuses_is_not_asked_again_and_again_where_the_other_cannot_be_reached),
		desked(without_resolvers_the_answer_is_servfail),
		desked(new_resolvers_are_asked_at_once),
		desked(an_answer_to_another_question_is_not_believed),
		desked(a_repeated_query_is_asked_once),
		desked(a_long_answer_is_cut_for_udp_and_whole_for_tcp),
		desked(no_datagram_is_larger_than_the_network_whatever_the_guest_takes),
		desked(the_resolver_that_answered_last_is_asked_first),
		desked(a_stream_takes_its_queries_along),
		desked(what_an_answering_stream_left_is_asked_there_once_more),
		desked(what_no_forwarder_takes_is_refused),
		desked(a_version_of_edns_that_is_not_known_is_refused_with_ours),
		desked(a_query_that_is_too_long_is_refused),
		desked(a_guest_has_so_many_and_all_have_so_many),
		desked(who_makes_up_addresses_makes_way_like_anybody),
		desked(by_streams_guests_have_their_shares_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
