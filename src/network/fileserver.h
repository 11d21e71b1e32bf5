/* SPDX-License-Identifier: MIT */
/* tftp=DIR: service/tftp with a folder of the host's behind it. The folder is opened anew for each request, so that what
 * replaced it counts at once and one that is gone is an error to the guest who asks, not to the network. */
#ifndef NETWORK_FILESERVER_H
#define NETWORK_FILESERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/error.h"
#include "loop/loop.h"
#include "service/asker.h"

struct fileserver;

struct fileserver_config {
	struct loop *loop;
	const char *folder;
	uint32_t mtu_bytes;
	/* By UDP, to the guest, from asker->asked_port. */
	void (*send)(void *owner, const struct asker *asker, const void *message, size_t bytes);
	void *owner;
};

/* 0; negative errno and a text when there is no such folder now. */
int fileserver_new(const struct fileserver_config *config, struct fileserver **ret_fileserver, struct error *ret_error);
void fileserver_free(struct fileserver *fileserver);
/* Does it answer at this port of the gateway's? */
bool fileserver_has_port(const struct fileserver *fileserver, uint16_t port);
enum drop_reason fileserver_input(struct fileserver *fileserver, const struct asker *asker, const uint8_t *message,
				  size_t bytes);

#endif
