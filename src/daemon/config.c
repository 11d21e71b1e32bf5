/* SPDX-License-Identifier: MIT */
/* The configuration file. libyaml makes a tree whose nodes know their places; each node is turned into the text that
 * the command line would have had, so that there is one meaning of a word and one place where it is checked. Anchors
 * and aliases work and cannot grow: the walk is three levels deep whatever the tree looks like. */
#include "daemon/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/spec.h"

/* One file while it is read. */
struct config_reader {
	yaml_document_t document;
	const char *path;
	struct config *config; /* what this file alone says */
	struct error *error;
};

/* What a file is. */
struct config_source {
	const char *path, *bytes;
	size_t count;
};

struct config_text {
	char bytes[SPEC_BYTES_MAX];
	size_t count;
};

static const char config_keys[] = "name, uplink, guests, dhcp-hosts, forwards, state-dir";

void config_init(struct config *config)
{
	*config = (struct config){0};
}

static void config_list_done(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].text);
		free(list->items[i].origin);
	}
	free(list->items);
	*list = (struct config_list){0};
}

void config_done(struct config *config)
{
	free(config->name);
	free(config->state_dir);
	free(config->uplink.text);
	free(config->uplink.origin);
	config_list_done(&config->guests);
	config_list_done(&config->dhcp_hosts);
	config_list_done(&config->forwards);
	config_init(config);
}

int config_set(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int config_add(struct config_list *list, const char *text, const char *origin, struct error *ret_error)
{
	struct config_item item = {0}, *items;

	if (list->count == CONFIG_GUESTS_MAX)
		return error_set(ret_error, -EINVAL, "%s%s%s: more than %d of its kind", origin ? origin : "",
				 origin ? ": " : "", text, CONFIG_GUESTS_MAX);
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items)
		list->items = items;
	if (!items || config_set(&item.text, text) < 0 || (origin && config_set(&item.origin, origin) < 0)) {
		free(item.text);
		return error_set(ret_error, -ENOMEM, "no memory");
	}
	list->items[list->count++] = item;
	return 0;
}

int config_check_name(const char *name, struct error *ret_error)
{
	size_t length = strlen(name);

	if (length == 0)
		return error_set(ret_error, -EINVAL, "a network's name may not be empty");
	if (length > CONFIG_NAME_BYTES)
		return error_set(ret_error, -EINVAL, "network name %.40s…: longer than %d characters", name,
				 CONFIG_NAME_BYTES);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < 128 && (isalnum(c) || (i > 0 && c == '-') || c == '_'))
			continue;
		return error_set(ret_error, -EINVAL,
				 "network name %.200s: letters, digits, '_' and '-' only, and no '-' in front%s", name,
				 strpbrk(name, ",=") ? "; with --uplink or --guest before them these words are no name"
						     : "");
	}
	return 0;
}

/* ---- the tree ---- */

static yaml_node_t *config_node(struct config_reader *reader, int index)
{
	return yaml_document_get_node(&reader->document, index);
}

static int config_refuse(struct config_reader *reader, const yaml_mark_t *mark, const char *what, const char *word,
			 const char *advice)
{
	return error_set(reader->error, -EINVAL, "%s:%zu:%zu: %s%s%.60s%s%s", reader->path, mark->line + 1,
			 mark->column + 1, what, *word ? " " : "", word, *advice ? ": " : "", advice);
}

/* The node's text, when it is a scalar without NUL bytes; else refuses it. */
static const char *config_scalar(struct config_reader *reader, const yaml_node_t *node, const char *key)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE) {
		config_refuse(reader, &node->start_mark, key, "", "must be one word, not a list or a map");
		return NULL;
	}
	if (strlen(text) != node->data.scalar.length) {
		config_refuse(reader, &node->start_mark, key, "", "holds a NUL character");
		return NULL;
	}
	if (!*text) {
		config_refuse(reader, &node->start_mark, key, "", "has no value");
		return NULL;
	}
	return text;
}

static bool config_text_add(struct config_text *text, const char *bytes, bool escape)
{
	for (; *bytes; bytes++) {
		if (text->count + 3 > sizeof(text->bytes))
			return false;
		if (escape && *bytes == ',')
			text->bytes[text->count++] = ',';
		text->bytes[text->count++] = *bytes;
	}
	text->bytes[text->count] = '\0';
	return true;
}

/* Option names are typed into `key=value,…`: what could end one there is no name. */
static bool config_key_valid(const char *key)
{
	for (const char *at = key; *at; at++) {
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_' && *at != '.')
			return false;
	}
	return *key != '\0';
}

/* `,key=value`, or `,key=a,key=b` for a list. */
static int config_option(struct config_reader *reader, const char *key, const yaml_node_t *value,
			 struct config_text *text)
{
	const yaml_node_item_t *item = NULL, *end = NULL;
	const char *word;

	if (value->type == YAML_SEQUENCE_NODE) {
		item = value->data.sequence.items.start;
		end = value->data.sequence.items.top;
		if (item == end)
			return config_refuse(reader, &value->start_mark, key, "", "an empty list");
	}
	do {
		const yaml_node_t *node = item ? config_node(reader, *item++) : value;

		word = config_scalar(reader, node, key);
		if (!word)
			return -EINVAL;
		if (!config_text_add(text, ",", false) || !config_text_add(text, key, false) ||
		    !config_text_add(text, "=", false) || !config_text_add(text, word, true))
			return config_refuse(reader, &node->start_mark, key, "", "too long");
	} while (item != end);
	return 0;
}

/* A pair's key as text; refuses what cannot be one. */
static const char *config_key(struct config_reader *reader, const yaml_node_t *key)
{
	const char *word = config_scalar(reader, key, "a key");

	if (word && !config_key_valid(word)) {
		config_refuse(reader, &key->start_mark, "bad key", word, "letters, digits, '-', '_' and '.' only");
		return NULL;
	}
	return word;
}

/* No key twice: libyaml lets it pass, and the second would win unnoticed. */
static int config_check_twice(struct config_reader *reader, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = config_node(reader, pair->key);

	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++) {
		const yaml_node_t *one = config_node(reader, other->key);

		if (one->type == YAML_SCALAR_NODE && key->type == YAML_SCALAR_NODE &&
		    strcmp((const char *)one->data.scalar.value, (const char *)key->data.scalar.value) == 0)
			return config_refuse(reader, &key->start_mark, "the key", (const char *)key->data.scalar.value,
					     "stands here twice");
	}
	return 0;
}

/* {kind: stream, path: /x} as "stream,path=/x". The kind stands first, wherever it was written. */
static int config_map_text(struct config_reader *reader, const yaml_node_t *map, const char *kind,
			   struct config_text *text)
{
	struct config_text options = {.count = 0};
	const char *key;
	int result;

	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		yaml_node_t *value = config_node(reader, pair->value);

		key = config_key(reader, config_node(reader, pair->key));
		if (!key || config_check_twice(reader, map, pair) < 0)
			return -EINVAL;
		if (strcmp(key, "kind") == 0) {
			kind = config_scalar(reader, value, key);
			if (!kind)
				return -EINVAL;
			continue;
		}
		result = config_option(reader, key, value, &options);
		if (result < 0)
			return result;
	}
	if (!kind)
		return config_refuse(reader, &map->start_mark, "a guest without a kind", "",
				     "as in {kind: stream, path: /run/vm.sock}");
	if (!config_text_add(text, kind, true) || !config_text_add(text, options.bytes, false))
		return config_refuse(reader, &map->start_mark, kind, "", "too long");
	return 0;
}

/* A guest or an uplink: a word as on the command line, or a map. */
static int config_spec_text(struct config_reader *reader, const yaml_node_t *node, const char *key, const char *kind,
			    struct config_text *text)
{
	const char *word;

	if (node->type == YAML_MAPPING_NODE)
		return config_map_text(reader, node, kind, text);
	word = config_scalar(reader, node, key);
	if (!word)
		return -EINVAL;
	if (!config_text_add(text, word, false))
		return config_refuse(reader, &node->start_mark, key, "", "too long");
	return 0;
}

/* {mac: M, ip: I, name: N} as "M,I,N". */
static int config_host_text(struct config_reader *reader, const yaml_node_t *node, struct config_text *text)
{
	static const char *const parts[] = {"mac", "ip", "name"};
	const char *values[3] = {0}, *key, *word;
	unsigned i;

	if (node->type != YAML_MAPPING_NODE)
		return config_spec_text(reader, node, "dhcp-hosts", NULL, text);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = config_node(reader, pair->key);

		key = config_key(reader, name);
		word = key ? config_scalar(reader, config_node(reader, pair->value), key) : NULL;
		if (!word || config_check_twice(reader, node, pair) < 0)
			return -EINVAL;
		for (i = 0; i < 3 && strcmp(key, parts[i]) != 0; i++)
			;
		if (i == 3)
			return config_refuse(reader, &name->start_mark, "unknown key", key, "known are mac, ip, name");
		if (strchr(word, ','))
			return config_refuse(reader, &name->start_mark, key, word, "a comma does not belong there");
		values[i] = word;
	}
	if (!values[0] || !values[1])
		return config_refuse(reader, &node->start_mark, "dhcp-hosts", "", "each needs mac and ip");
	for (i = 0; i < 3; i++) {
		if (values[i] &&
		    ((i > 0 && !config_text_add(text, ",", false)) || !config_text_add(text, values[i], false)))
			return config_refuse(reader, &node->start_mark, "dhcp-hosts", "", "too long");
	}
	return 0;
}

/* -p's words are full of colons and have no keys: one word. */
static int config_forward_text(struct config_reader *reader, const yaml_node_t *node, struct config_text *text)
{
	if (node->type == YAML_MAPPING_NODE)
		return config_refuse(reader, &node->start_mark, "forwards", "",
				     "each must be one word, as 2222:vm1:22 is; without a blank behind a colon");
	return config_spec_text(reader, node, "forwards", NULL, text);
}

static int config_item_text(struct config_reader *reader, const yaml_node_t *node, const char *key,
			    const struct config_list *list, struct config_text *text)
{
	if (list == &reader->config->dhcp_hosts)
		return config_host_text(reader, node, text);
	if (list == &reader->config->forwards)
		return config_forward_text(reader, node, text);
	return config_spec_text(reader, node, key, NULL, text);
}

static void config_origin(struct config_reader *reader, const yaml_node_t *node, char *origin, size_t room)
{
	snprintf(origin, room, "%s:%zu:%zu", reader->path, node->start_mark.line + 1, node->start_mark.column + 1);
}

static int config_read_list(struct config_reader *reader, const yaml_node_t *node, const char *key,
			    struct config_list *list)
{
	char origin[512];
	int result;

	if (node->type != YAML_SEQUENCE_NODE)
		return config_refuse(reader, &node->start_mark, key, "", "must be a list");
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		yaml_node_t *one = config_node(reader, *item);
		struct config_text text = {.count = 0};

		result = config_item_text(reader, one, key, list, &text);
		if (result < 0)
			return result;
		config_origin(reader, one, origin, sizeof(origin));
		result = config_add(list, text.bytes, origin, reader->error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int config_read_uplink(struct config_reader *reader, const yaml_node_t *node)
{
	struct config_text text = {.count = 0};
	char origin[512];
	int result = config_spec_text(reader, node, "uplink", "user", &text);

	if (result < 0)
		return result;
	config_origin(reader, node, origin, sizeof(origin));
	if (config_set(&reader->config->uplink.text, text.bytes) < 0 ||
	    config_set(&reader->config->uplink.origin, origin) < 0)
		return error_set(reader->error, -ENOMEM, "no memory");
	return 0;
}

static int config_read_word(struct config_reader *reader, const yaml_node_t *node, const char *key, char **field)
{
	const char *word = config_scalar(reader, node, key);

	if (!word)
		return -EINVAL;
	if (field == &reader->config->name && config_check_name(word, reader->error) < 0) {
		char why[sizeof(reader->error->text)];

		snprintf(why, sizeof(why), "%s", reader->error ? reader->error->text : "");
		return error_set(reader->error, -EINVAL, "%s:%zu:%zu: %.400s", reader->path, node->start_mark.line + 1,
				 node->start_mark.column + 1, why);
	}
	return config_set(field, word) < 0 ? error_set(reader->error, -ENOMEM, "no memory") : 0;
}

static int config_read_pair(struct config_reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
	struct config *config = reader->config;
	const char *word = config_scalar(reader, key, "a key");

	if (!word)
		return -EINVAL;
	if (strcmp(word, "name") == 0)
		return config_read_word(reader, value, word, &config->name);
	if (strcmp(word, "state-dir") == 0)
		return config_read_word(reader, value, word, &config->state_dir);
	if (strcmp(word, "uplink") == 0)
		return config_read_uplink(reader, value);
	if (strcmp(word, "guests") == 0)
		return config_read_list(reader, value, word, &config->guests);
	if (strcmp(word, "dhcp-hosts") == 0)
		return config_read_list(reader, value, word, &config->dhcp_hosts);
	if (strcmp(word, "forwards") == 0)
		return config_read_list(reader, value, word, &config->forwards);
	return error_set(reader->error, -EINVAL, "%s:%zu:%zu: unknown key %.60s: known are %s", reader->path,
			 key->start_mark.line + 1, key->start_mark.column + 1, word, config_keys);
}

static int config_read_root(struct config_reader *reader)
{
	yaml_node_t *root = yaml_document_get_root_node(&reader->document);
	int result;

	if (!root)
		return error_set(reader->error, -EINVAL, "%s: empty; known keys are %s", reader->path, config_keys);
	if (root->type != YAML_MAPPING_NODE)
		return error_set(reader->error, -EINVAL, "%s:%zu:%zu: must be a map; known keys are %s", reader->path,
				 root->start_mark.line + 1, root->start_mark.column + 1, config_keys);
	for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
		result = config_check_twice(reader, root, pair);
		if (result < 0)
			return result;
		result = config_read_pair(reader, config_node(reader, pair->key), config_node(reader, pair->value));
		if (result < 0)
			return result;
	}
	return 0;
}

/* Where a byte stands; YAML's own marks count what was understood, and here nothing was. */
static yaml_mark_t config_mark_at(const char *bytes, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset; i++) {
		mark.column = bytes[i] == '\n' ? 0 : mark.column + 1;
		mark.line += bytes[i] == '\n';
	}
	return mark;
}

static int config_refuse_yaml(const yaml_parser_t *parser, const struct config_source *source, struct error *ret_error)
{
	const yaml_mark_t *mark = parser->problem_mark.line || parser->problem_mark.column ? &parser->problem_mark
											   : &parser->context_mark;
	const char *path = source->path;
	yaml_mark_t byte;

	if (parser->error == YAML_READER_ERROR && parser->problem_offset < source->count) {
		byte = config_mark_at(source->bytes, parser->problem_offset);
		mark = &byte;
	}
	return error_set(ret_error, -EINVAL, "%s:%zu:%zu: not YAML: %s", path, mark->line + 1, mark->column + 1,
			 parser->problem ? parser->problem : "out of memory");
}

/* Behind the first document nothing may stand: it would be without effect, unnoticed. */
static int config_check_end(yaml_parser_t *parser, const struct config_source *source, struct error *ret_error)
{
	yaml_document_t document;
	const yaml_node_t *root;
	int result = 0;

	if (!yaml_parser_load(parser, &document))
		return config_refuse_yaml(parser, source, ret_error);
	root = yaml_document_get_root_node(&document);
	if (root)
		result = error_set(ret_error, -EINVAL, "%s:%zu:%zu: a second document; a file has one", source->path,
				   root->start_mark.line + 1, root->start_mark.column + 1);
	yaml_document_delete(&document);
	return result;
}

/* ---- the file ---- */

/* Lists grow at their end, so the file's items are moved over one by one. */
static int config_append(struct config_list *to, struct config_list *from, struct error *ret_error)
{
	for (size_t i = 0; i < from->count; i++) {
		int result = config_add(to, from->items[i].text, from->items[i].origin, ret_error);

		if (result < 0)
			return result;
	}
	return 0;
}

static void config_take(char **to, char **from)
{
	if (*to)
		return;
	*to = *from;
	*from = NULL;
}

static int config_merge(struct config *config, struct config *file, struct error *ret_error)
{
	int result = config_append(&config->guests, &file->guests, ret_error);

	if (result == 0)
		result = config_append(&config->dhcp_hosts, &file->dhcp_hosts, ret_error);
	if (result == 0)
		result = config_append(&config->forwards, &file->forwards, ret_error);
	if (result < 0)
		return result;
	config_take(&config->name, &file->name);
	config_take(&config->state_dir, &file->state_dir);
	if (!config->uplink.text) {
		config_take(&config->uplink.text, &file->uplink.text);
		config_take(&config->uplink.origin, &file->uplink.origin);
	}
	return 0;
}

int config_parse(struct config *config, const char *bytes, size_t count, const char *path, struct error *ret_error)
{
	const struct config_source source = {.path = path, .bytes = bytes, .count = count};
	struct config file;
	struct config_reader reader = {.path = path, .config = &file, .error = ret_error};
	yaml_parser_t parser;
	int result;

	if (count > CONFIG_FILE_BYTES)
		return error_set(ret_error, -EINVAL, "%s: longer than %d bytes", path, CONFIG_FILE_BYTES);
	if (!yaml_parser_initialize(&parser))
		return error_set(ret_error, -ENOMEM, "no memory");
	config_init(&file);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, count);
	if (!yaml_parser_load(&parser, &reader.document)) {
		result = config_refuse_yaml(&parser, &source, ret_error);
		goto out;
	}
	result = config_read_root(&reader);
	if (result == 0)
		result = config_check_end(&parser, &source, ret_error);
	if (result == 0)
		result = config_merge(config, &file, ret_error);
	yaml_document_delete(&reader.document);
out:
	yaml_parser_delete(&parser);
	config_done(&file);
	return result;
}

int config_load(struct config *config, const char *path, struct error *ret_error)
{
	FILE *file = fopen(path, "re");
	char *bytes = NULL;
	size_t count;
	int result;

	if (!file)
		return error_set(ret_error, -errno, "%s: %s; give a configuration that can be read", path,
				 error_name(-errno));
	bytes = malloc(CONFIG_FILE_BYTES + 1);
	if (!bytes) {
		result = error_set(ret_error, -ENOMEM, "no memory");
		goto out;
	}
	count = fread(bytes, 1, CONFIG_FILE_BYTES + 1, file);
	result = ferror(file) ? error_set(ret_error, -EIO, "%s: %s", path, error_name(-errno))
			      : config_parse(config, bytes, count, path, ret_error);
out:
	free(bytes);
	fclose(file);
	return result;
}
