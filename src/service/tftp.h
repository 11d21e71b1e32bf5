/* SPDX-License-Identifier: MIT */
/* TFTP at the gateway: files of one directory, read only, for guests that boot from the network. Pure: the directory is
 * network's and is opened, read and closed through callbacks, with paths that have been checked here; messages and time
 * come in, messages go out. Reading a file must not wait for anybody.
 *
 * A transfer answers from a port of its own (RFC 1350 4). Blocks are cut down to what fits the network's MTU, because boot
 * loaders do not put fragments together. After a block's fifth repetition in vain the transfer is given up. */
#ifndef SERVICE_TFTP_H
#define SERVICE_TFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "service/asker.h"
#include "wire/tftp.h"

enum tftp_limits {
	TFTP_TRANSFERS_MAX = 128, /* at once */
	TFTP_TRANSFERS_PER_GUEST = 16,
	TFTP_WINDOW_MAX = 32,
	TFTP_WINDOW_BYTES = 64 * 1024, /* so that a few windows fit the queue to the guest, whatever its blocks */
	TFTP_WAIT_US = 1000 * 1000,    /* without the option `timeout` */
	TFTP_REPEATS_MAX = 5,
	TFTP_PORT_FIRST = 49152, /* of transfers: the dynamic ports (RFC 6335 6) */
	TFTP_PORTS = 16384,
};

struct tftp_config {
	uint32_t mtu_bytes;
	/* A file below the directory, by a relative path without "..", "." or empty parts. 0, or -ENOENT, -EACCES and so
	 * on; `ret_file` is the callee's. What is no regular file is -ENOENT. */
	int (*open)(void *owner, const char *path, void **ret_file, uint64_t *ret_bytes);
	/* Exactly `bytes`, but at the end of the file: how many, or negative errno. */
	int (*read)(void *owner, void *file, uint64_t offset, void *to, size_t bytes);
	void (*close)(void *owner, void *file);
	/* A UDP payload to the guest, from asker->asked_port, which may differ from the port that was asked. Called from
	 * within the functions below; must not call them. */
	void (*send)(void *owner, const struct asker *asker, const void *message, size_t bytes);
	void *owner;
};

struct tftp;

/* 0 or -ENOMEM. The config is copied. */
int tftp_new(const struct tftp_config *config, struct tftp **ret_tftp);
/* Ends all transfers without a word. */
void tftp_free(struct tftp *tftp);
/* A datagram to TFTP_PORT, or to a port for which tftp_has_port(). DROP_NONE or why it was refused, perhaps with an
 * answer that says so. */
enum drop_reason tftp_input(struct tftp *tftp, const struct asker *asker, const uint8_t *message, size_t bytes,
			    uint64_t now_us);
/* Is this one of the ports that transfers are served from? */
bool tftp_has_port(const struct tftp *tftp, uint16_t port);
/* When tftp_run() is wanted; TIMER_NEVER: no transfer is under way. */
uint64_t tftp_due_us(const struct tftp *tftp);
void tftp_run(struct tftp *tftp, uint64_t now_us);
/* Transfers under way. */
size_t tftp_count(const struct tftp *tftp);

/* The path as the directory's owner gets it: "/" in front and doubled ones are forgiven, a backslash is one of Windows'
 * slashes, and a part "." is nothing. False: it leads elsewhere, or nowhere. `ret_path` has TFTP_PATH_BYTES. */
bool tftp_path(const char *asked, char *ret_path);

#endif
