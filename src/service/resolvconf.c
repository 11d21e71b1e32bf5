/* SPDX-License-Identifier: MIT */
/* resolv.conf(5), line by line and word by word. */
#include "service/resolvconf.h"

#include <string.h>

/* A word of a line: bytes of the text, without a final NUL. */
struct word {
	const char *text;
	size_t bytes;
};

/* What is left of a line. */
struct words {
	const char *next;
	const char *end;
};

static bool word_blank(char letter)
{
	return letter == ' ' || letter == '\t' || letter == '\r';
}

static struct word words_next(struct words *words)
{
	struct word word;

	while (words->next < words->end && word_blank(*words->next))
		words->next++;
	word.text = words->next;
	while (words->next < words->end && !word_blank(*words->next))
		words->next++;
	word.bytes = (size_t)(words->next - word.text);
	return word;
}

static bool word_is(struct word word, const char *text)
{
	return word.bytes == strlen(text) && memcmp(word.text, text, word.bytes) == 0;
}

/* The number behind "ndots:", at most `most`; false: another option. */
static bool word_option(struct word word, const char *name, unsigned most, unsigned *ret_value)
{
	size_t bytes = strlen(name);
	unsigned value = 0;

	if (word.bytes <= bytes || memcmp(word.text, name, bytes) != 0)
		return false;
	for (size_t i = bytes; i < word.bytes; i++) {
		if (word.text[i] < '0' || word.text[i] > '9')
			return false;
		value = value * 10 + (unsigned)(word.text[i] - '0');
		if (value > most)
			value = most;
	}
	*ret_value = value;
	return true;
}

static bool server_parse6(const char *text, struct resolvconf_server *server)
{
	const char *percent = strchr(text, '%');
	char address[IP6_TEXT_BYTES];
	size_t bytes = percent ? (size_t)(percent - text) : strlen(text);

	if (bytes >= sizeof(address))
		return false;
	memcpy(address, text, bytes);
	address[bytes] = '\0';
	if (!ip6_parse(address, &server->ip6))
		return false;
	if (percent && (percent[1] == '\0' || strlen(percent + 1) >= sizeof(server->scope)))
		return false;
	if (percent)
		memcpy(server->scope, percent + 1, strlen(percent + 1) + 1);
	server->is6 = true;
	return !ip6_is_link_local(server->ip6) || server->scope[0];
}

bool resolvconf_server_parse(const char *text, struct resolvconf_server *ret_server)
{
	struct resolvconf_server server = {0};

	if (!ip4_parse(text, &server.ip4) && !server_parse6(text, &server))
		return false;
	*ret_server = server;
	return true;
}

static void resolvconf_server(struct resolvconf *conf, struct word word)
{
	char text[IP6_TEXT_BYTES + RESOLVCONF_SCOPE_BYTES];

	if (conf->server_count == RESOLVCONF_SERVERS_MAX || word.bytes == 0 || word.bytes >= sizeof(text) ||
	    memchr(word.text, 0, word.bytes))
		return;
	memcpy(text, word.text, word.bytes);
	text[word.bytes] = '\0';
	if (resolvconf_server_parse(text, &conf->servers[conf->server_count]))
		conf->server_count++;
}

static void resolvconf_search(struct resolvconf *conf, struct words *words, size_t most)
{
	struct word word = words_next(words);

	conf->search.count = 0;
	for (; word.bytes > 0 && conf->search.count < most; word = words_next(words)) {
		char text[DOMAIN_TEXT_BYTES];

		if (word.text[word.bytes - 1] == '.')
			word.bytes--;
		if (word.bytes >= sizeof(text))
			continue;
		memcpy(text, word.text, word.bytes);
		text[word.bytes] = '\0';
		if (strlen(text) == word.bytes && domain_valid(text))
			domain_list_add(&conf->search, text);
	}
}

static void resolvconf_options(struct resolvconf *conf, struct words *words)
{
	for (struct word word = words_next(words); word.bytes > 0; word = words_next(words)) {
		if (!word_option(word, "ndots:", RESOLVCONF_NDOTS_MAX, &conf->ndots))
			word_option(word, "timeout:", RESOLVCONF_TIMEOUT_MAX_S, &conf->timeout_s);
	}
}

static void resolvconf_line(struct resolvconf *conf, struct words *words)
{
	struct word first = words_next(words);

	if (word_is(first, "nameserver"))
		resolvconf_server(conf, words_next(words));
	else if (word_is(first, "search"))
		resolvconf_search(conf, words, DOMAIN_LIST_MAX);
	else if (word_is(first, "domain"))
		resolvconf_search(conf, words, 1);
	else if (word_is(first, "options"))
		resolvconf_options(conf, words);
}

void resolvconf_parse(const char *text, size_t bytes, struct resolvconf *ret_conf)
{
	const char *end = text + bytes;

	*ret_conf = (struct resolvconf){.ndots = 1, .timeout_s = 5};
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct words words = {.next = text, .end = newline ? newline : end};

		/* A comment has its mark in the first column; elsewhere it is a word that nobody knows. */
		if (*text != '#' && *text != ';')
			resolvconf_line(ret_conf, &words);
		text = newline ? newline + 1 : end;
	}
}
