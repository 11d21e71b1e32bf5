/* SPDX-License-Identifier: MIT */
/* Which guest a person means: by the name of its port, by the name of what `--guest` made, by the host name that it gave
 * in DHCP, by its MAC address or its IP address. What is found is copied, because the network's strings do not last. */
#ifndef DAEMON_TARGET_H
#define DAEMON_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct gw_network;

enum target_limits {
	TARGET_NAME_BYTES = 64,
	TARGET_MAC_BYTES = 18,
	TARGET_ADDRESS_BYTES = 46,
	TARGET_ADDRESSES_MAX = 4,
	TARGET_MACS_MAX = 8,
};

struct target {
	const char *word;
	bool named_port;              /* the word names a port, or what --guest made */
	bool connected;               /* its port, or the one where its MAC address was heard, is connected */
	bool leased;                  /* it holds a lease now */
	char port[TARGET_NAME_BYTES]; /* "": none yet */
	char name[TARGET_NAME_BYTES]; /* its host name, or "" */
	char macs[TARGET_MACS_MAX][TARGET_MAC_BYTES];
	size_t mac_count;
	char addresses[TARGET_ADDRESSES_MAX][TARGET_ADDRESS_BYTES];
	size_t address_count;
};

/* `word` must outlive the target. False: nothing is known by that word now. */
bool target_find(struct gw_network *network, const char *word, struct target *ret_target);

#endif
