/* SPDX-License-Identifier: MIT */
/* What a person writes after -n, `user|tap|none|network=NAME,key=value…`, made into a network of guestwire's with its way
 * out. mac= is the address of the guest's card; every other word is guestwire's own, of --uplink and of --guest:
 *
 *   user   the network with its gateway, out through this machine's own sockets
 *   none   the same without a way out
 *   tap    a wire: the guest at one end and the tap at the other; nobody in between answers anything
 *   network=NAME  the same to a network that `guestwire up` serves
 *
 * Without a way out there is no guest: whoever cannot be reached is an error, told in one line with what to do. */
#ifndef SEMU_NETDEV_H
#define SEMU_NETDEV_H

#include "guestwire/guestwire.h"

enum netdev_limits {
	NETDEV_MAC_BYTES = 18,
	NETDEV_TEXT_BYTES = 160,
	NETDEV_ERROR_BYTES = 4096, /* it may repeat the whole command */
};

struct netdev {
	struct gw_network *network;
	char mac[NETDEV_MAC_BYTES];
	char text[NETDEV_TEXT_BYTES]; /* for a person: where it leads */
	/* As netdev_setup has them. */
	void (*on_line)(void *owner, const char *line);
	int (*open_command)(void *owner, const char *command);
	void *owner;
};

/* What the words alone do not say. */
struct netdev_setup {
	char *const *command; /* as it was typed: argv, which an error repeats */
	const char *folder;   /* where that was; with the command it makes the MAC address, the same each time */
	unsigned index;       /* of the network device, from 0 */
	const char *session;  /* XDG_RUNTIME_DIR; NULL: none */
	/* What a person should read while it runs. May be NULL. */
	void (*on_line)(void *owner, const char *line);
	/* As gw_network_config has it, for guestfwd=…-cmd:. May be NULL. */
	int (*open_command)(void *owner, const char *command);
	void *owner;
};

/* 0, or negative errno and one line; -EINVAL: the words are wrong. */
int netdev_new(const char *words, const struct netdev_setup *setup, struct netdev **ret_netdev,
	       char ret_error[NETDEV_ERROR_BYTES]);
/* After the device that uses it. */
void netdev_free(struct netdev *netdev);

/* What a person without -n gets on this system: the first that can be had. Ends with a NULL. */
extern const char *const netdev_usual[];

#endif
