/* SPDX-License-Identifier: MIT */
/* Words are taken apart, put together anew for the library, and never understood here but for the first and mac=. */
#include "semu/netdev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/spec.h"

enum netdev_constant {
	TAPS_TRIED = 10,
	COMMAND_BYTES = 2048,
};

/* ---- words ---- */

struct text {
	char *at;
	size_t left;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= text->left)
		length = (int)text->left - 1;
	text->at += length;
	text->left -= (size_t)length;
}

/* The words that are left when ours are taken out, each with its comma in front. What is marked as used is ours. */
static void write_words(const struct spec *spec, char *to, size_t room)
{
	struct text text = {to, room};
	char value[2 * SPEC_BYTES_MAX];

	*to = '\0';
	for (size_t i = 0; i < spec->count; i++) {
		if (spec->options[i].used)
			continue;
		spec_escape(spec->options[i].value, value, sizeof(value));
		text_add(&text, ",%s=%s", spec->options[i].key, value);
	}
}

/* One word for a shell. */
static void text_add_word(struct text *text, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,./:@%";

	if (*word && strspn(word, plain) == strlen(word)) {
		text_add(text, " %s", word);
		return;
	}
	text_add(text, " '");
	for (; *word; word++)
		text_add(text, *word == '\'' ? "'\\''" : "%c", *word);
	text_add(text, "'");
}

/* A kind comes first but for network=NAME, which says it all. */
static int parse(const char *words, struct spec *ret_spec, struct error *ret_error)
{
	static const char network[] = "network=";
	char text[SPEC_BYTES_MAX + sizeof(network)];

	snprintf(text, sizeof(text), "%s%s", strncmp(words, network, strlen(network)) == 0 ? "network," : "", words);
	return spec_parse(ret_spec, text, ret_error);
}

/* ---- the card's address ---- */

/* Made of what was typed, so that the guest keeps its lease from one start to the next. On a network that is shared the
 * same command in two terminals is common, and there it is made up. */
static void make_mac(struct netdev *netdev, const struct netdev_setup *setup, bool shared)
{
	static const struct hash_key first = {{0x73656d75206e6963, 0x6d6163}}; /* for ever the same */
	struct hash_key key = first;
	uint64_t hash = 0;

	if (!shared || getentropy(&hash, sizeof(hash)) < 0) {
		hash = hash_bytes(&key, setup->folder, strlen(setup->folder));
		for (char *const *word = setup->command; *word; word++) {
			key.half[0] = hash;
			hash = hash_bytes(&key, *word, strlen(*word));
		}
		hash += setup->index;
	}
	snprintf(netdev->mac, sizeof(netdev->mac), "52:54:00:%02x:%02x:%02x", (unsigned)(hash >> 16 & 0xff),
		 (unsigned)(hash >> 8 & 0xff), (unsigned)(hash & 0xff));
}

static int take_mac(struct netdev *netdev, struct spec *spec, const struct netdev_setup *setup, bool shared,
		    struct error *ret_error)
{
	const char *mac = spec_string(spec, "mac");

	if (!mac) {
		make_mac(netdev, setup, shared);
		return 0;
	}
	if (strlen(mac) >= sizeof(netdev->mac))
		return error_set(ret_error, -EINVAL, "mac=%s: not a MAC address, as 52:54:00:12:34:56", mac);
	memcpy(netdev->mac, mac, strlen(mac) + 1);
	return 0;
}

/* ---- the network ---- */

static void on_event(void *owner, const struct gw_event *event)
{
	struct netdev *netdev = owner;

	if (netdev->on_line && (event->type == GW_EVENT_NOTICE || event->type == GW_EVENT_CONFLICT))
		netdev->on_line(netdev->owner, event->text);
}

static int on_command(void *owner, const char *command)
{
	struct netdev *netdev = owner;

	return netdev->open_command(netdev->owner, command);
}

static int make_network(struct netdev *netdev, const char *uplink, struct error *ret_error)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_error why;
	int error;

	config.name = "semu";
	config.uplink = uplink;
	config.on_event = on_event;
	config.open_command = netdev->open_command ? on_command : NULL;
	config.owner = netdev;
	error = gw_network_new(&config, &netdev->network, &why);
	return error < 0 ? error_set(ret_error, error, "%s", why.text) : 0;
}

/* A switch whose gateway has no address says nothing and answers nothing: two guests of it are the ends of a wire. */
static int make_wire(struct netdev *netdev, struct spec *spec, struct error *ret_error)
{
	const char *mtu = spec_string(spec, "mtu");
	char uplink[64];

	snprintf(uplink, sizeof(uplink), "none,ipv4=off,ipv6=off%s%.20s", mtu ? ",mtu=" : "", mtu ? mtu : "");
	return make_network(netdev, uplink, ret_error);
}

static int join(struct netdev *netdev, const char *guest, struct error *ret_error)
{
	struct gw_error why;
	int error = gw_guest_add(netdev->network, guest, NULL, &why);

	return error < 0 ? error_set(ret_error, error, "%s", why.text) : 0;
}

/* ---- user and none ---- */

static void describe(void *owner, const struct gw_network_info *info)
{
	struct netdev *netdev = owner;

	snprintf(netdev->text, sizeof(netdev->text), "%s, %s, gateway %s", info->uplink,
		 *info->net4 ? info->net4 : info->net6, *info->host4 ? info->host4 : info->host6);
}

static int open_gateway(struct netdev *netdev, struct spec *spec, struct error *ret_error)
{
	char words[SPEC_BYTES_MAX], uplink[SPEC_BYTES_MAX + 16];
	int error;

	write_words(spec, words, sizeof(words));
	snprintf(uplink, sizeof(uplink), "%s%s", spec->kind, words);
	error = make_network(netdev, uplink, ret_error);
	if (error == 0)
		gw_network_describe(netdev->network, describe, netdev);
	return error;
}

/* ---- tap ---- */

/* How this program is called where it is. */
static void own_path(char *path, size_t bytes, const char *called)
{
	ssize_t length = readlink("/proc/self/exe", path, bytes - 1);

	if (length > 0)
		path[length] = '\0';
	else
		snprintf(path, bytes, "%s", called);
}

/* One line with the device, the reason, and the ways out as commands that can be pasted. */
static int refuse_tap(const char *name, int code, const struct netdev_setup *setup, char *ret_error)
{
	static const char device[] = "/dev/net/tun";
	bool closed = code == -EACCES;
	struct text text = {ret_error, NETDEV_ERROR_BYTES};
	char path[1024];

	own_path(path, sizeof(path), setup->command[0]);
	text_add(&text, "-n tap: %s: %s: `sudo", closed ? device : name, error_name(code));
	for (char *const *word = setup->command; *word; word++)
		text_add_word(&text, *word);
	text_add(&text, "`, or%s once `sudo setcap cap_net_admin=eip",
		 closed ? " after `sudo chmod 666 /dev/net/tun`" : "");
	text_add_word(&text, path);
	text_add(&text, "`, or once `sudo ip tuntap add dev %s mode tap user $USER`", name);
	return code;
}

static int join_tap(struct netdev *netdev, const char *name, const char *words, struct error *ret_error)
{
	char guest[SPEC_BYTES_MAX + 64], escaped[SPEC_BYTES_MAX];

	if (*name)
		snprintf(guest, sizeof(guest), "tap,ifname=%s%s", spec_escape(name, escaped, sizeof(escaped)), words);
	else
		snprintf(guest, sizeof(guest), "tap%s", words);
	return join(netdev, guest, ret_error);
}

/* Of tap0, tap1 … the first that is ours to use: one that was made for this user, or one that we may make. */
static int join_some_tap(struct netdev *netdev, const char *words, struct error *ret_error)
{
	struct error other;
	char name[16];
	int code = join_tap(netdev, "tap0", words, ret_error);

	for (int i = 1; i < TAPS_TRIED && (code == -EPERM || code == -EBUSY || code == -EINVAL); i++) {
		snprintf(name, sizeof(name), "tap%d", i);
		if (join_tap(netdev, name, words, &other) == 0)
			return 0;
	}
	return code == -EBUSY ? join_tap(netdev, "", words, ret_error) : code;
}

static void describe_tap(void *owner, const struct gw_guest_info *info)
{
	struct netdev *netdev = owner;

	snprintf(netdev->text, sizeof(netdev->text), "%s", info->describe);
}

static int open_tap(struct netdev *netdev, struct spec *spec, const struct netdev_setup *setup, char *ret_line,
		    struct error *ret_error)
{
	const char *name = spec_string(spec, "ifname");
	bool elsewhere = false;
	char words[SPEC_BYTES_MAX];
	int code = make_wire(netdev, spec, ret_error);

	if (code < 0)
		return code;
	for (size_t i = 0; i < spec->count; i++)
		elsewhere = elsewhere || strcmp(spec->options[i].key, "fd") == 0;
	write_words(spec, words, sizeof(words));
	if (name || elsewhere)
		code = join_tap(netdev, name ? name : "", words, ret_error);
	else
		code = join_some_tap(netdev, words, ret_error);
	if (code == -EPERM || code == -EACCES)
		return refuse_tap(name ? name : "tap0", code, setup, ret_line);
	if (code == 0)
		gw_network_each_guest(netdev->network, describe_tap, netdev);
	return code;
}

/* ---- network=NAME ---- */

static int open_network(struct netdev *netdev, struct spec *spec, const char *name, const struct netdev_setup *setup,
			struct error *ret_error)
{
	char path[GW_PATH_BYTES], escaped[2 * GW_PATH_BYTES], words[SPEC_BYTES_MAX];
	char guest[SPEC_BYTES_MAX + sizeof(escaped) + 32];
	struct gw_error why;
	int code = gw_network_find(setup->session, name, "stream", path, &why);

	if (code < 0)
		return error_set(ret_error, code, "network=%.40s: %.400s", name, why.text);
	code = make_wire(netdev, spec, ret_error);
	if (code < 0)
		return code;
	write_words(spec, words, sizeof(words));
	snprintf(guest, sizeof(guest), "stream,connect=%s%s", spec_escape(path, escaped, sizeof(escaped)), words);
	snprintf(netdev->text, sizeof(netdev->text), "network %.100s", name);
	return join(netdev, guest, ret_error);
}

/* ---- any of them ---- */

static int open_kind(struct netdev *netdev, struct spec *spec, const struct netdev_setup *setup, char *ret_line,
		     struct error *ret_error)
{
	const char *name = spec_string(spec, "network");

	if (strcmp(spec->kind, "network") == 0 && name)
		return open_network(netdev, spec, name, setup, ret_error);
	if (strcmp(spec->kind, "user") == 0 || strcmp(spec->kind, "none") == 0)
		return open_gateway(netdev, spec, ret_error);
	if (strcmp(spec->kind, "tap") == 0)
		return open_tap(netdev, spec, setup, ret_line, ret_error);
	if (strcmp(spec->kind, "vmnet") == 0)
		return error_set(ret_error, -EOPNOTSUPP,
				 "vmnet: it is macOS's; `-n user` needs no privilege, `-n tap` leads to this machine");
	return error_set(ret_error, -EINVAL, "%s: no such network; user, tap, none and network=NAME are", spec->kind);
}

int netdev_new(const char *words, const struct netdev_setup *setup, struct netdev **ret_netdev,
	       char ret_error[NETDEV_ERROR_BYTES])
{
	struct netdev *netdev = calloc(1, sizeof(*netdev));
	struct spec spec;
	struct error error = {0};
	int code;

	*ret_error = '\0';
	if (!netdev) {
		snprintf(ret_error, NETDEV_ERROR_BYTES, "-n %s: no memory", words);
		return -ENOMEM;
	}
	netdev->on_line = setup->on_line;
	netdev->open_command = setup->open_command;
	netdev->owner = setup->owner;
	code = parse(words, &spec, &error);
	if (code == 0)
		code = take_mac(netdev, &spec, setup, strcmp(spec.kind, "network") == 0, &error);
	if (code == 0)
		code = open_kind(netdev, &spec, setup, ret_error, &error);
	if (code < 0) {
		netdev_free(netdev);
		if (!*ret_error)
			snprintf(ret_error, NETDEV_ERROR_BYTES, "-n %s", error.text);
		return code;
	}
	*ret_netdev = netdev;
	return 0;
}

void netdev_free(struct netdev *netdev)
{
	if (!netdev)
		return;
	gw_network_free(netdev->network);
	free(netdev);
}
