/* SPDX-License-Identifier: MIT */
/* How a hypervisor is told of its network: words of its command line. QEMU's are read, so that what is missing can be
 * added; any other has places to fill, as {stream}. Pure but for memory. */
#ifndef CLI_HYPERVISOR_H
#define CLI_HYPERVISOR_H

#include <stdbool.h>

#include "cli/wordlist.h"

struct error;

/* By which socket a guest is served. */
enum hypervisor_way {
	HYPERVISOR_AUTO,
	HYPERVISOR_VHOST_USER,
	HYPERVISOR_STREAM,
	HYPERVISOR_DGRAM,
	HYPERVISOR_WAYS,
};

/* What a person calls it: "auto", "vhost-user" …; NULL: there is none of this name. */
const char *hypervisor_way_name(enum hypervisor_way way);
bool hypervisor_way_parse(const char *text, enum hypervisor_way *ret_way);

/* What a command line may be filled with. */
struct hypervisor_places {
	const char *path[HYPERVISOR_WAYS]; /* of the socket of each kind; that of HYPERVISOR_AUTO is NULL */
	int fd;                            /* a connected socket that the command inherits */
	const char *mac;
};

/* What a command line says before anything is added to it. */
struct hypervisor {
	bool is_qemu;
	const char *network; /* QEMU: the option by which it says something of a network itself; NULL: none */
	bool has_memory;     /* … of the memory's back end */
	bool is_shared;      /* … and all of the machine's is in files that may be handed over */
	bool has_kvm;
	bool has_no_pci;
	bool leaves;                                   /* QEMU: it goes into the background */
	char memory[32];                               /* its size as -object takes it */
	bool uses[HYPERVISOR_WAYS], uses_fd, uses_mac; /* places that are there to be filled */
};

/* `is_in_memory` says so of a file that its memory is to be in (memoryfile.h). */
void hypervisor_read(char *const *words, bool (*is_in_memory)(const char *path), struct hypervisor *ret_hypervisor);
/* The way that is served when a person wants `wanted`; 0, or -EINVAL and what to do. */
int hypervisor_choose(const struct hypervisor *hypervisor, const char *program, enum hypervisor_way wanted,
		      enum hypervisor_way *ret_way, struct error *ret_error);
/* The whole command. */
void hypervisor_complete(const struct hypervisor *hypervisor, char *const *words, enum hypervisor_way way,
			 const struct hypervisor_places *places, unsigned mtu_bytes, struct wordlist *list);
/* An address of its own that is the same each time: QEMU's prefix, and three bytes of a hash of the words and of where
 * they were typed. */
void hypervisor_mac(char *const *words, const char *folder, char ret_mac[18]);

#endif
