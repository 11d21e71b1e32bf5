/* SPDX-License-Identifier: MIT */
/* See hypervisor.h. */
#include "cli/hypervisor.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/spec.h"

static const char *const way_names[HYPERVISOR_WAYS] = {
	[HYPERVISOR_AUTO] = "auto",
	[HYPERVISOR_VHOST_USER] = "vhost-user",
	[HYPERVISOR_STREAM] = "stream",
	[HYPERVISOR_DGRAM] = "dgram",
};

const char *hypervisor_way_name(enum hypervisor_way way)
{
	return way_names[way];
}

bool hypervisor_way_parse(const char *text, enum hypervisor_way *ret_way)
{
	for (unsigned i = 0; i < HYPERVISOR_WAYS; i++) {
		if (strcmp(text, way_names[i]) == 0) {
			*ret_way = (enum hypervisor_way)i;
			return true;
		}
	}
	return false;
}

/* ---- places to fill ---- */

/* The name of the place that begins here: up to its '}', NULL when it is none of ours. */
static const char *hypervisor_place(const char *at, const struct hypervisor_places *places, char *text, size_t size,
				    struct hypervisor *seen)
{
	for (unsigned i = HYPERVISOR_AUTO + 1; i < HYPERVISOR_WAYS; i++) {
		size_t length = strlen(way_names[i]);

		if (strncmp(at + 1, way_names[i], length) == 0 && at[1 + length] == '}') {
			snprintf(text, size, "%s", places && places->path[i] ? places->path[i] : "");
			seen->uses[i] = true;
			return at + length + 2;
		}
	}
	if (strncmp(at, "{fd}", 4) == 0) {
		snprintf(text, size, "%d", places ? places->fd : -1);
		seen->uses_fd = true;
		return at + 4;
	}
	if (strncmp(at, "{mac}", 5) == 0) {
		snprintf(text, size, "%s", places ? places->mac : "");
		seen->uses_mac = true;
		return at + 5;
	}
	return NULL;
}

/* Copies a word with its places filled; without `to` only looks. */
static void hypervisor_fill(const char *word, const struct hypervisor_places *places, FILE *to, struct hypervisor *seen)
{
	char text[256];

	while (*word) {
		const char *next = *word == '{' ? hypervisor_place(word, places, text, sizeof(text), seen) : NULL;

		if (next && to)
			fputs(text, to);
		else if (!next && to)
			fputc(*word, to);
		word = next ? next : word + 1;
	}
}

/* ---- reading QEMU's words ---- */

static bool hypervisor_is_qemu(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	return strncmp(name, "qemu-system-", 12) == 0 || strcmp(name, "qemu-kvm") == 0 || strcmp(name, "kvm") == 0;
}

/* "key=" among the options of a word, and what stands behind it; NULL: it is not there. */
static const char *hypervisor_option(const char *word, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = word; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, key, length) == 0 && at[length] == '=')
			return at + length + 1;
	}
	return NULL;
}

static bool hypervisor_option_is(const char *word, const char *key, const char *value)
{
	const char *found = hypervisor_option(word, key);
	size_t length = strlen(value);

	return found && strncmp(found, value, length) == 0 && (found[length] == '\0' || found[length] == ',');
}

/* -m 2G, -m 2048 (MiB), -m size=2G,slots=2. */
static void hypervisor_read_memory(struct hypervisor *hypervisor, const char *value)
{
	const char *size = hypervisor_option(value, "size");
	size_t length;

	size = size ? size : value;
	length = strcspn(size, ",");
	if (length == 0 || length > sizeof(hypervisor->memory) - 2 || !isdigit((unsigned char)*size)) {
		hypervisor->has_memory = true; /* not understood: left alone */
		return;
	}
	snprintf(hypervisor->memory, sizeof(hypervisor->memory), "%.*s%s", (int)length, size,
		 isdigit((unsigned char)size[length - 1]) ? "M" : "");
}

/* The name of the word's option, without its dashes; NULL: it is none. */
static const char *hypervisor_option_name(const char *word)
{
	return word[0] == '-' ? word + (word[1] == '-' ? 2 : 1) : NULL;
}

static bool hypervisor_is_machine(const char *option)
{
	return strcmp(option, "M") == 0 || strcmp(option, "machine") == 0;
}

/* ---- whose memory is shared ---- */

/* Memory in a file that lives in memory itself: of others the network takes none. */
static bool hypervisor_file_is_in_memory(const char *object, bool (*is_in_memory)(const char *path))
{
	const char *found = hypervisor_option(object, "mem-path");
	char path[4096];

	snprintf(path, sizeof(path), "%.*s", found ? (int)strcspn(found, ",") : 0, found ? found : "");
	return is_in_memory(path);
}

/* An -object whose memory is in a file that another process may have: anonymous memory is in none, whatever it says. */
static bool hypervisor_object_is_shared(const char *object, bool (*is_in_memory)(const char *path))
{
	static const char *const truths[] = {"on", "yes", "true", "y"};
	bool is_memfd = strncmp(object, "memory-backend-memfd,", 21) == 0;
	bool is_file = strncmp(object, "memory-backend-file,", 20) == 0;
	bool is_shared = is_memfd && !hypervisor_option(object, "share");

	if (!is_memfd && !is_file && strncmp(object, "memory-backend-shm,", 19) != 0)
		return false;
	if (is_file && !hypervisor_file_is_in_memory(object, is_in_memory))
		return false;
	for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
		is_shared |= hypervisor_option_is(object, "share", truths[i]);
	return is_shared;
}

/* Is there such an object of the name that stands here? */
static bool hypervisor_shares(char *const *words, const char *name, bool (*is_in_memory)(const char *path))
{
	char id[64];

	snprintf(id, sizeof(id), "%.*s", (int)strcspn(name, ","), name);
	for (char *const *word = words + 1; *word && word[1]; word++) {
		const char *option = hypervisor_option_name(*word);

		if (option && strcmp(option, "object") == 0 && hypervisor_object_is_shared(word[1], is_in_memory) &&
		    hypervisor_option_is(word[1], "id", id))
			return true;
	}
	return false;
}

/* All that the machine or its nodes name, and what devices add to it (pc-dimm): frames may be anywhere. */
static bool hypervisor_memory_is_shared(char *const *words, bool (*is_in_memory)(const char *path))
{
	unsigned named = 0, shared = 0, machines = 0;

	for (char *const *word = words + 1; *word && word[1]; word++) {
		const char *option = hypervisor_option_name(*word), *name = NULL;
		bool is_device = option && strcmp(option, "device") == 0;

		if (option && hypervisor_is_machine(option))
			name = hypervisor_option(word[1], "memory-backend");
		else if (is_device || (option && strcmp(option, "numa") == 0))
			name = hypervisor_option(word[1], "memdev");
		if (!name)
			continue;
		named++;
		machines += !is_device;
		shared += hypervisor_shares(words, name, is_in_memory);
	}
	return machines > 0 && shared == named;
}

/* ---- what else they say ---- */

static bool hypervisor_is_memory(const char *object)
{
	return strncmp(object, "memory-backend-", 15) == 0 || (object[0] == '{' && strstr(object, "memory-backend-"));
}

static void hypervisor_read_option(struct hypervisor *hypervisor, const char *option, const char *value)
{
	static const char *const network[] = {"net", "netdev", "nic"};

	/* "none" is only that there is no other than what is said */
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++) {
		if (strcmp(option, network[i]) == 0 && strcmp(value, "none") != 0)
			hypervisor->network = network[i];
	}
	if (strcmp(option, "device") == 0 && hypervisor_option(value, "netdev") && !hypervisor->network)
		hypervisor->network = "device";
	if (strcmp(option, "m") == 0)
		hypervisor_read_memory(hypervisor, value);
	if (strcmp(option, "mem-path") == 0 || strcmp(option, "numa") == 0 || strcmp(option, "readconfig") == 0 ||
	    (strcmp(option, "object") == 0 && hypervisor_is_memory(value)))
		hypervisor->has_memory = true;
	if (hypervisor_is_machine(option)) {
		hypervisor->has_memory |= hypervisor_option(value, "memory-backend") != NULL;
		hypervisor->has_kvm |= hypervisor_option_is(value, "accel", "kvm");
		hypervisor->has_no_pci |=
			strncmp(value, "microvm", 7) == 0 || hypervisor_option_is(value, "type", "microvm");
	}
	hypervisor->leaves |= strcmp(option, "daemonize") == 0;
	if (strcmp(option, "accel") == 0)
		hypervisor->has_kvm |= strncmp(value, "kvm", 3) == 0;
	hypervisor->has_kvm |= strcmp(option, "enable-kvm") == 0;
}

void hypervisor_read(char *const *words, bool (*is_in_memory)(const char *path), struct hypervisor *ret_hypervisor)
{
	struct hypervisor hypervisor = {.is_qemu = hypervisor_is_qemu(words[0])};

	/* what it has without -m */
	snprintf(hypervisor.memory, sizeof(hypervisor.memory), "%s", strstr(words[0], "ppc64") ? "512M" : "128M");
	for (char *const *word = words + 1; *word; word++) {
		const char *option = hypervisor_option_name(*word);

		hypervisor_fill(*word, NULL, NULL, &hypervisor);
		if (hypervisor.is_qemu && option)
			hypervisor_read_option(&hypervisor, option, word[1] ? word[1] : "");
	}
	hypervisor.is_shared = hypervisor.is_qemu && hypervisor_memory_is_shared(words, is_in_memory);
	*ret_hypervisor = hypervisor;
}

/* ---- choosing ---- */

static bool hypervisor_has_place(const struct hypervisor *hypervisor, enum hypervisor_way *ret_way)
{
	for (unsigned i = HYPERVISOR_AUTO + 1; i < HYPERVISOR_WAYS; i++) {
		if (hypervisor->uses[i]) {
			*ret_way = (enum hypervisor_way)i;
			return true;
		}
	}
	*ret_way = HYPERVISOR_STREAM;
	return hypervisor->uses_fd;
}

int hypervisor_choose(const struct hypervisor *hypervisor, const char *program, enum hypervisor_way wanted,
		      enum hypervisor_way *ret_way, struct error *ret_error)
{
	enum hypervisor_way place;

	if (hypervisor->leaves)
		return error_set(
			ret_error, -EINVAL,
			"run: -daemonize: %.100s would go on without its network, which ends with the program that "
			"was started; leave it out, or start a network that stays with guestwire up --daemon",
			program);
	if (hypervisor_has_place(hypervisor, &place)) {
		*ret_way = hypervisor->uses_fd && wanted == HYPERVISOR_DGRAM ? HYPERVISOR_DGRAM : place;
		return 0;
	}
	if (!hypervisor->is_qemu)
		return error_set(ret_error, -EINVAL,
				 "run: %.100s is not a program whose network options are known; put {stream}, {dgram}, "
				 "{vhost-user} or {fd} (and {mac}) where it takes a socket",
				 program);
	if (hypervisor->network)
		return error_set(
			ret_error, -EINVAL,
			"run: %.100s has network options of its own (-%s); leave them out (--uplink takes the words "
			"of -netdev user), or put {stream}, {dgram}, {vhost-user} or {fd} into them",
			program, hypervisor->network);
	if (wanted == HYPERVISOR_VHOST_USER && hypervisor->has_memory && !hypervisor->is_shared)
		return error_set(ret_error, -EINVAL,
				 "run: --guest vhost-user needs shared memory: give the memory-backend share=on, and a "
				 "file in memory (/dev/shm), or leave it to us");
	*ret_way = wanted;
	if (wanted == HYPERVISOR_AUTO)
		*ret_way = hypervisor->has_memory && !hypervisor->is_shared ? HYPERVISOR_STREAM : HYPERVISOR_VHOST_USER;
	return 0;
}

/* ---- completing ---- */

static void hypervisor_add_fill(struct wordlist *list, const char *word, const struct hypervisor_places *places)
{
	struct hypervisor seen = {.is_qemu = false};
	char *filled = NULL;
	size_t bytes;
	FILE *to = open_memstream(&filled, &bytes);

	if (!to) {
		list->failed = true;
		return;
	}
	hypervisor_fill(word, places, to, &seen);
	if (fclose(to) == 0)
		wordlist_add(list, "%s", filled);
	else
		list->failed = true;
	free(filled);
}

static const char *hypervisor_device(const struct hypervisor *hypervisor, const char *program)
{
	if (strstr(program, "s390x"))
		return "virtio-net-ccw";
	return hypervisor->has_no_pci ? "virtio-net-device" : "virtio-net-pci";
}

/* QEMU 7.2 dies of vhost-user under TCG unless its device has no MSI-X, which is PCI's. */
static bool hypervisor_wants_no_vectors(const struct hypervisor *hypervisor, const char *device)
{
	return !hypervisor->has_kvm && strstr(device, "-pci");
}

static void hypervisor_add_vhost_user(const struct hypervisor *hypervisor, const char *path, const char *device,
				      const char *mac, struct wordlist *list)
{
	if (!hypervisor->has_memory) {
		wordlist_add(list, "-object");
		wordlist_add(list, "memory-backend-memfd,id=gw-memory,size=%s,share=on", hypervisor->memory);
		wordlist_add(list, "-machine");
		wordlist_add(list, "memory-backend=gw-memory");
	}
	wordlist_add(list, "-chardev");
	wordlist_add(list, "socket,id=gw-socket,path=%s", path);
	wordlist_add(list, "-netdev");
	wordlist_add(list, "vhost-user,id=gw-net,chardev=gw-socket");
	wordlist_add(list, "-device");
	wordlist_add(list, "%s,netdev=gw-net,mac=%s%s", device, mac,
		     hypervisor_wants_no_vectors(hypervisor, device) ? ",vectors=0" : "");
}

void hypervisor_complete(const struct hypervisor *hypervisor, char *const *words, enum hypervisor_way way,
			 const struct hypervisor_places *places, unsigned mtu_bytes, struct wordlist *list)
{
	const char *device = hypervisor_device(hypervisor, words[0]);
	enum hypervisor_way place;
	char path[256];

	for (char *const *word = words; *word; word++)
		hypervisor_add_fill(list, *word, places);
	if (!hypervisor->is_qemu || hypervisor_has_place(hypervisor, &place))
		return;
	spec_escape(places->path[way], path, sizeof(path));
	if (way == HYPERVISOR_VHOST_USER) {
		hypervisor_add_vhost_user(hypervisor, path, device, places->mac, list);
		return;
	}
	wordlist_add(list, "-netdev");
	if (way == HYPERVISOR_DGRAM)
		wordlist_add(list, "dgram,id=gw-net,local.type=unix,local.path=%s.qemu,remote.type=unix,remote.path=%s",
			     path, path);
	else
		wordlist_add(list, "stream,id=gw-net,server=off,addr.type=unix,addr.path=%s", path);
	wordlist_add(list, "-device");
	wordlist_add(list, "%s,netdev=gw-net,mac=%s,host_mtu=%u", device, places->mac, mtu_bytes);
}

void hypervisor_mac(char *const *words, const char *folder, char ret_mac[18])
{
	static const struct hash_key key = {
		{0x6775657374776972, 0x6d6163}}; /* the same for ever: addresses depend on it */
	uint64_t hash = hash_bytes(&key, folder, strlen(folder));

	for (char *const *word = words; *word; word++) {
		struct hash_key next = {{hash, key.half[1]}};

		hash = hash_bytes(&next, *word, strlen(*word));
	}
	snprintf(ret_mac, 18, "52:54:00:%02x:%02x:%02x", (unsigned)(hash & 0xff), (unsigned)(hash >> 8 & 0xff),
		 (unsigned)(hash >> 16 & 0xff));
}
