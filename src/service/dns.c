/* SPDX-License-Identifier: MIT */
/* The forwarder. Queries under way stand in a small table that is searched by a scan over their identifiers, 1 KiB of
 * them: at the rate at which guests ask names nothing better is worth its code. */
#include "service/dns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/tally.h"
#include "base/timer.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

struct dns_query {
	bool used;
	bool tcp;
	uint16_t client_id;
	uint8_t asked;    /* a bit for each resolver */
	uint8_t next;     /* the resolver to ask next */
	uint8_t tries;    /* so far */
	uint8_t refusals; /* a bit for each resolver that said it will not */
	uint16_t bytes;
	uint64_t due_us; /* ask the next one */
	uint64_t give_up_us;
	struct asker asker;
	struct dns_message parsed;
	uint8_t message[DNS_QUERY_BYTES];
};

struct dns {
	struct dns_config config;
	unsigned resolvers;
	unsigned answering; /* the resolver to begin with */
	size_t count;
	size_t looked;       /* at so many, to make place */
	struct tally places; /* whose the queries are */
	struct tally_holder holders[DNS_QUERIES_MAX];
	uint64_t due_us;               /* never later than the earliest of all */
	uint16_t ids[DNS_QUERIES_MAX]; /* ours; meaningless where there is no query */
	struct dns_query *queries;
	uint8_t room[DNS_MESSAGE_MAX]; /* an answer of our own */
};

/* RFC 8482 4.3 apart, there is nothing above a message's end that we would write: the largest is a name and its SOA. */
enum { DNS_OWN_BYTES = 2048 };

int dns_new(const struct dns_config *config, struct dns **ret_dns)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns)
		return -ENOMEM;
	dns->queries = calloc(DNS_QUERIES_MAX, sizeof(*dns->queries));
	if (!dns->queries) {
		free(dns);
		return -ENOMEM;
	}
	tally_init(&dns->places, dns->holders, DNS_QUERIES_MAX);
	dns->config = *config;
	dns->due_us = TIMER_NEVER;
	*ret_dns = dns;
	return 0;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	free(dns->queries);
	free(dns);
}

/* ---- answers to guests ---- */

/* What the guest takes: all over TCP, else what it said and its network carries in one piece. */
static size_t dns_room(const struct dns *dns, const struct asker *asker, const struct dns_message *query)
{
	static const struct ip6 mapped = {{[10] = 0xff, [11] = 0xff}};
	size_t headers =
		(ip6_in_net(asker->guest, mapped, 96) ? IP4_HEADER_BYTES : IP6_HEADER_BYTES) + UDP_HEADER_BYTES;
	size_t most = dns->config.mtu_bytes - headers;

	if (asker->stream)
		return DNS_MESSAGE_MAX;
	return query->udp_bytes < most ? query->udp_bytes : most;
}

static void dns_give(struct dns *dns, const struct asker *asker, const struct dns_message *query,
		     const uint8_t *message, size_t bytes)
{
	uint8_t cut[DNS_OWN_BYTES];

	if (bytes > dns_room(dns, asker, query)) {
		bytes = dns_truncate(query, message, bytes, cut, sizeof(cut));
		message = cut;
	}
	if (bytes > 0)
		dns->config.send_answer(dns->config.owner, asker, message, bytes);
}

static void dns_refuse(struct dns *dns, const struct asker *asker, const struct dns_message *query,
		       enum dns_rcode rcode)
{
	struct dns_draft draft;
	size_t bytes;

	dns_draft_begin(&draft, dns->room, sizeof(dns->room), query, rcode, DNS_FLAG_RECURSION);
	bytes = dns_draft_end(&draft);
	dns_give(dns, asker, query, dns->room, bytes);
}

/* ---- queries under way ---- */

static void dns_forget(struct dns *dns, struct dns_query *query)
{
	query->used = false;
	tally_remove(&dns->places, query->asker.place);
	dns->count--;
	if (dns->count == 0)
		dns->due_us = TIMER_NEVER;
}

static void dns_give_up(struct dns *dns, struct dns_query *query)
{
	dns_refuse(dns, &query->asker, &query->parsed, DNS_RCODE_SERVER);
	dns_forget(dns, query);
}

static void dns_set_due(struct dns *dns, struct dns_query *query, uint64_t due_us)
{
	query->due_us = due_us < query->give_up_us ? due_us : query->give_up_us;
	if (query->due_us < dns->due_us)
		dns->due_us = query->due_us;
}

static bool dns_id_used(const struct dns *dns, uint16_t id)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		if (dns->ids[i] == id && dns->queries[i].used)
			return true;
	}
	return false;
}

static uint16_t dns_id_new(const struct dns *dns)
{
	uint16_t id = dns->config.random(dns->config.owner);

	while (dns_id_used(dns, id))
		id++;
	return id;
}

/* Asks the resolvers in turn until one can be reached; each at most once here. No: nobody can. */
static bool dns_ask(struct dns *dns, struct dns_query *query, uint64_t now_us)
{
	for (unsigned i = 0; i < dns->resolvers; i++) {
		unsigned resolver = query->next;
		unsigned round = query->tries / dns->resolvers;

		query->next = (uint8_t)((resolver + 1) % dns->resolvers);
		query->asked |= (uint8_t)(1u << resolver);
		if (query->tries < UINT8_MAX)
			query->tries++;
		if (dns->config.send_query(dns->config.owner, resolver, query->tcp, query->message, query->bytes) < 0) {
			/* as if it had said so: else one that does refuse would be asked again at each refusal */
			query->refusals |= (uint8_t)(1u << resolver);
			continue;
		}
		dns_set_due(dns, query, now_us + ((uint64_t)DNS_WAIT_US << (round < 3 ? round : 3)));
		return true;
	}
	return false;
}

static void dns_ask_or_give_up(struct dns *dns, struct dns_query *query, uint64_t now_us)
{
	if (!dns_ask(dns, query, now_us))
		dns_give_up(dns, query);
}

/* The guest asks once more what it has asked already, because it does not wait as long as we do. */
static bool dns_is_repeated(const struct dns *dns, const struct asker *asker, const struct dns_message *message)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		const struct dns_query *query = &dns->queries[i];

		if (query->used && query->client_id == message->header.id && asker_equal(&query->asker, asker) &&
		    query->parsed.question.type == message->question.type &&
		    dns_name_equal(&query->parsed.question.name, &message->question.name))
			return true;
	}
	return false;
}

/* Of who wrote into a stream no MAC is known. */
static bool dns_is_of(const struct dns_query *query, const struct asker *asker)
{
	if (query->tcp || asker->stream)
		return ip6_equal(query->asker.guest, asker->guest);
	return mac_equal(query->asker.mac, asker->mac);
}

static size_t dns_share(const struct dns *dns, const struct asker *asker)
{
	size_t share = 0;

	for (size_t i = 0; i < DNS_QUERIES_MAX; i++)
		share += dns->queries[i].used && dns_is_of(&dns->queries[i], asker);
	return share;
}

/* There is none left: of the next that are looked at the one whose place has most ends, for one that has fewer. */
static struct dns_query *dns_make_place(struct dns *dns, uint64_t place)
{
	struct dns_query *spare = NULL;
	uint32_t most = tally_of(&dns->places, place) + 1;

	for (int i = 0; i < DNS_LOOKS; i++) {
		struct dns_query *query = &dns->queries[dns->looked++ % DNS_QUERIES_MAX];
		uint32_t held = tally_of(&dns->places, query->asker.place);

		if (held > most) {
			most = held;
			spare = query;
		}
	}
	if (spare)
		dns_give_up(dns, spare);
	return spare;
}

/* NULL: this guest has its share, or all have as many. */
static struct dns_query *dns_place(struct dns *dns, const struct asker *asker)
{
	if (dns_share(dns, asker) >= DNS_QUERIES_PER_GUEST)
		return NULL;
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		if (!dns->queries[i].used)
			return &dns->queries[i];
	}
	return dns_make_place(dns, asker->place);
}

static enum drop_reason dns_forward(struct dns *dns, const struct asker *asker, const uint8_t *bytes, size_t count,
				    const struct dns_message *message, uint64_t now_us)
{
	struct dns_query *query;
	uint16_t id;

	if (dns_is_repeated(dns, asker, message))
		return DROP_NONE;
	query = count > DNS_QUERY_BYTES ? NULL : dns_place(dns, asker);
	if (!query || dns->resolvers == 0) {
		dns_refuse(dns, asker, message, DNS_RCODE_SERVER);
		return count > DNS_QUERY_BYTES ? DROP_DNS_LONG : !query ? DROP_DNS_FULL : DROP_NONE;
	}
	id = dns_id_new(dns);
	*query = (struct dns_query){
		.used = true,
		.tcp = asker->stream != 0,
		.client_id = message->header.id,
		.next = (uint8_t)dns->answering,
		.bytes = (uint16_t)count,
		.give_up_us = now_us + DNS_PATIENCE_US,
		.asker = *asker,
		.parsed = *message,
	};
	memcpy(query->message, bytes, count);
	dns_message_set_id(query->message, id);
	dns->ids[query - dns->queries] = id;
	tally_add(&dns->places, asker->place);
	dns->count++;
	dns_ask_or_give_up(dns, query, now_us);
	return DROP_NONE;
}

/* ---- what comes in ---- */

/* What no forwarder takes, by the code that says so; DNS_RCODE_OK: go on. */
static enum dns_rcode dns_judge(const struct dns_message *message)
{
	if (message->header.flags & DNS_FLAG_OPCODE)
		return DNS_RCODE_NOT_IMPLEMENTED;
	if (message->header.count[DNS_QUESTIONS] != 1) /* RFC 9619 */
		return DNS_RCODE_FORMAT;
	if (message->edns_version > 0)
		return DNS_RCODE_VERSION;
	/* Transfers of zones are many messages. */
	if (message->question.type == DNS_TYPE_AXFR || message->question.type == DNS_TYPE_IXFR)
		return DNS_RCODE_REFUSED;
	return DNS_RCODE_OK;
}

enum drop_reason dns_input(struct dns *dns, const struct asker *asker, const uint8_t *message, size_t bytes,
			   uint64_t now_us)
{
	struct dns_message query;
	enum drop_reason verdict = dns_message_read(message, bytes, &query);
	enum dns_rcode rcode;
	size_t count;

	if (verdict != DROP_NONE)
		return verdict;
	if (query.header.flags & DNS_FLAG_RESPONSE)
		return DROP_DNS_NOT_QUERY;
	rcode = dns_judge(&query);
	if (rcode != DNS_RCODE_OK) {
		dns_refuse(dns, asker, &query, rcode);
		return DROP_NONE;
	}
	count = names_answer(&dns->config.names, &query, dns->room, sizeof(dns->room));
	if (count == 0)
		return dns_forward(dns, asker, message, bytes, &query, now_us);
	dns_give(dns, asker, &query, dns->room, count);
	return DROP_NONE;
}

static struct dns_query *dns_find(struct dns *dns, unsigned resolver, const struct dns_message *answer)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		struct dns_query *query = &dns->queries[i];

		if (dns->ids[i] != answer->header.id || !query->used || !(query->asked & 1u << resolver))
			continue;
		if (answer->header.count[DNS_QUESTIONS] == 1 && answer->question.type == query->parsed.question.type &&
		    answer->question.class == query->parsed.question.class &&
		    dns_name_equal(&answer->question.name, &query->parsed.question.name))
			return query;
	}
	return NULL;
}

/* It will not, or cannot: perhaps another one can. */
static bool dns_is_refusal(const struct dns_message *answer)
{
	unsigned rcode = answer->header.flags & DNS_FLAG_RCODE;

	return rcode == DNS_RCODE_SERVER || rcode == DNS_RCODE_REFUSED || rcode == DNS_RCODE_NOT_IMPLEMENTED;
}

enum drop_reason dns_answered(struct dns *dns, unsigned resolver, const uint8_t *message, size_t bytes, uint64_t now_us)
{
	const uint16_t must = DNS_FLAG_RESPONSE, mask = DNS_FLAG_RESPONSE | DNS_FLAG_OPCODE;
	struct dns_message answer;
	struct dns_query *query;
	enum drop_reason verdict = dns_message_read(message, bytes, &answer);

	if (verdict != DROP_NONE)
		return verdict;
	query = resolver < DNS_RESOLVERS_MAX && (answer.header.flags & mask) == must ? dns_find(dns, resolver, &answer)
										     : NULL;
	if (!query || bytes > sizeof(dns->room))
		return DROP_DNS_UNASKED;
	if (dns_is_refusal(&answer)) {
		query->refusals |= (uint8_t)(1u << resolver);
		if (query->refusals != (uint8_t)((1u << dns->resolvers) - 1)) {
			/* Unless somebody else is being waited for already. */
			if (query->next == (resolver + 1) % dns->resolvers)
				dns_ask_or_give_up(dns, query, now_us);
			return DROP_NONE;
		}
	}
	if (!dns_is_refusal(&answer))
		dns->answering = resolver;
	memcpy(dns->room, message, bytes);
	dns_message_set_id(dns->room, query->client_id);
	dns_give(dns, &query->asker, &query->parsed, dns->room, bytes);
	dns_forget(dns, query);
	return DROP_NONE;
}

/* Is this resolver the one that was asked last, that way? */
static bool dns_waits_for(const struct dns *dns, const struct dns_query *query, unsigned resolver, bool tcp)
{
	return query->used && query->tcp == tcp && dns->resolvers > 0 && query->next == (resolver + 1) % dns->resolvers;
}

void dns_unreachable(struct dns *dns, unsigned resolver, bool tcp, uint64_t now_us)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		struct dns_query *query = &dns->queries[i];

		if (!dns_waits_for(dns, query, resolver, tcp))
			continue;
		query->refusals |= (uint8_t)(1u << resolver);
		if (query->refusals == (uint8_t)((1u << dns->resolvers) - 1))
			dns_give_up(dns, query);
		else
			dns_ask_or_give_up(dns, query, now_us);
	}
}

void dns_interrupted(struct dns *dns, unsigned resolver, uint64_t now_us)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		struct dns_query *query = &dns->queries[i];

		if (!dns_waits_for(dns, query, resolver, true))
			continue;
		query->next = (uint8_t)resolver;
		dns_ask_or_give_up(dns, query, now_us);
	}
}

bool dns_stream_asks(const struct dns *dns, uint64_t stream)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		if (dns->queries[i].used && dns->queries[i].asker.stream == stream)
			return true;
	}
	return false;
}

void dns_stream_gone(struct dns *dns, uint64_t stream)
{
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		if (dns->queries[i].used && dns->queries[i].asker.stream == stream)
			dns_forget(dns, &dns->queries[i]);
	}
}

void dns_set_names(struct dns *dns, const struct names_config *names)
{
	dns->config.names = *names;
}

void dns_set_resolvers(struct dns *dns, unsigned count, uint64_t now_us)
{
	dns->resolvers = count < DNS_RESOLVERS_MAX ? count : DNS_RESOLVERS_MAX;
	dns->answering = 0;
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		struct dns_query *query = &dns->queries[i];

		if (!query->used)
			continue;
		query->asked = query->next = query->tries = query->refusals = 0;
		dns_ask_or_give_up(dns, query, now_us);
	}
}

uint64_t dns_due_us(const struct dns *dns)
{
	return dns->due_us;
}

void dns_run(struct dns *dns, uint64_t now_us)
{
	if (now_us < dns->due_us)
		return;
	dns->due_us = TIMER_NEVER;
	for (size_t i = 0; i < DNS_QUERIES_MAX; i++) {
		struct dns_query *query = &dns->queries[i];

		if (!query->used)
			continue;
		if (now_us >= query->give_up_us)
			dns_give_up(dns, query);
		else if (now_us >= query->due_us)
			dns_ask_or_give_up(dns, query, now_us);
		else
			dns_set_due(dns, query, query->due_us);
	}
}

size_t dns_count(const struct dns *dns)
{
	return dns->count;
}
