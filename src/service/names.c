/* SPDX-License-Identifier: MIT */
/* Names of our own. What is asked for is found out first, then answered in one place. */
#include "service/names.h"

#include <string.h>
#include <strings.h>

#define NAMES_HOST "host.guestwire.internal"
#define NAMES_ZONE "guestwire.internal"

/* What a question turned out to be about. */
struct names_found {
	char name[DOMAIN_TEXT_BYTES]; /* in small letters */
	bool ours;
	bool exists;
	/* Whose SOA says that there is nothing: the name or above it, or it is nobody's to say (RFC 2308 3). */
	const char *zone;
	struct names_addresses addresses; /* of a forward name */
	char reverse[DOMAIN_TEXT_BYTES];  /* of an address; "" : none */
};

/* The part of `name` before ".domain", or before nothing when it is the domain itself; NULL: it is elsewhere. */
static const char *names_below(const char *name, const char *domain, size_t *ret_bytes)
{
	size_t name_bytes = strlen(name), domain_bytes = strlen(domain);

	if (domain_bytes == 0 || name_bytes < domain_bytes || strcasecmp(name + name_bytes - domain_bytes, domain) != 0)
		return NULL;
	if (name_bytes > domain_bytes && name[name_bytes - domain_bytes - 1] != '.')
		return NULL;
	*ret_bytes = name_bytes == domain_bytes ? 0 : name_bytes - domain_bytes - 1;
	return name;
}

static bool names_guest(const struct names_config *config, const char *label, size_t bytes,
			struct names_addresses *ret_addresses)
{
	char text[NAMES_LABEL_BYTES];

	if (bytes == 0 || bytes >= sizeof(text) || memchr(label, '.', bytes))
		return false;
	memcpy(text, label, bytes);
	text[bytes] = '\0';
	return config->find_name(config->owner, text, ret_addresses);
}

/* In a domain that guests are told, which may well be a real one. */
static bool names_guest_also(const struct names_config *config, const char *name, struct names_addresses *ret_addresses)
{
	size_t bytes;

	for (size_t i = 0; i < config->also_count; i++) {
		if (names_below(name, config->also[i], &bytes) && names_guest(config, name, bytes, ret_addresses))
			return true;
	}
	return false;
}

static void names_forward(const struct names_config *config, struct names_found *found)
{
	const char *name = found->name;
	size_t bytes;

	if (names_below(name, NAMES_ZONE, &bytes)) {
		found->ours = true;
		found->zone = NAMES_ZONE;
		found->exists = bytes == 0;
	}
	if (names_below(name, config->domain, &bytes)) {
		found->ours = true;
		found->zone = config->domain;
		found->exists = bytes == 0 || names_guest(config, name, bytes, &found->addresses);
	} else if (names_guest(config, name, strlen(name), &found->addresses) ||
		   names_guest_also(config, name, &found->addresses)) {
		found->ours = found->exists = true;
		found->zone = name;
	}
	if (strcmp(name, NAMES_HOST) != 0)
		return;
	found->exists = true;
	found->addresses = (struct names_addresses){.has4 = config->ip4,
						    .has6 = config->ip6,
						    .ip4 = config->host4,
						    .ip6 = config->host6};
}

/* A guest's whole name; "" when that would be no name. */
static void names_whole(const struct names_config *config, const char *label, char *ret_name)
{
	size_t label_bytes = strnlen(label, NAMES_LABEL_BYTES), domain_bytes = strlen(config->domain);

	ret_name[0] = '\0';
	if (label_bytes + 1 + domain_bytes >= DOMAIN_TEXT_BYTES || domain_bytes == 0)
		return;
	memcpy(ret_name, label, label_bytes);
	ret_name[label_bytes] = '.';
	memcpy(ret_name + label_bytes + 1, config->domain, domain_bytes + 1);
}

static void names_reverse(const struct names_config *config, struct names_found *found)
{
	const char *name = found->name;
	char label[NAMES_LABEL_BYTES];
	bool host = false, guest = false;
	struct ip4 ip4;
	struct ip6 ip6;

	if (config->ip4 && dns_name_ip4(name, &ip4)) {
		host = ip4_equal(ip4, config->host4);
		found->ours = host || ip4_in_net(ip4, config->net4, config->prefix4);
		guest = found->ours && !host && config->find_ip4(config->owner, ip4, label);
	} else if (config->ip6 && dns_name_ip6(name, &ip6)) {
		host = ip6_equal(ip6, config->host6);
		found->ours = host || ip6_in_net(ip6, config->net6, config->prefix6);
		guest = found->ours && !host && config->find_ip6(config->owner, ip6, label);
	}
	if (host)
		memcpy(found->reverse, NAMES_HOST, sizeof(NAMES_HOST));
	else if (guest)
		names_whole(config, label, found->reverse);
	found->exists = found->reverse[0] != '\0';
	if (found->ours)
		found->zone = strchr(name, '.') + 1;
}

static void names_find(const struct names_config *config, const struct dns_question *question,
		       struct names_found *found)
{
	if (question->class != DNS_CLASS_IN || !dns_name_text(&question->name, found->name) || found->name[0] == '\0')
		return;
	names_forward(config, found);
	if (!found->ours)
		names_reverse(config, found);
}

size_t names_answer(const struct names_config *config, const struct dns_message *query, void *room, size_t bytes)
{
	struct names_found found = {0};
	uint16_t type = query->question.type;
	struct dns_draft draft;
	bool any = type == DNS_TYPE_ANY;

	names_find(config, &query->question, &found);
	if (!found.ours)
		return 0;
	dns_draft_begin(&draft, room, bytes, query, found.exists ? DNS_RCODE_OK : DNS_RCODE_NAME,
			DNS_FLAG_AUTHORITATIVE | DNS_FLAG_RECURSION);
	if (found.addresses.has4 && (type == DNS_TYPE_A || any))
		dns_draft_ip4(&draft, NAMES_TTL_S, found.addresses.ip4);
	if (found.addresses.has6 && (type == DNS_TYPE_AAAA || any))
		dns_draft_ip6(&draft, NAMES_TTL_S, found.addresses.ip6);
	if (found.reverse[0] && (type == DNS_TYPE_PTR || any))
		dns_draft_ptr(&draft, NAMES_TTL_S, found.reverse);
	/* RFC 2308 5: how long nothing may be remembered is said by the SOA. */
	if (draft.header.count[DNS_ANSWERS] == 0)
		dns_draft_soa(&draft, NAMES_TTL_S, found.zone);
	return dns_draft_end(&draft);
}
