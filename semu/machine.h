/* SPDX-License-Identifier: MIT */
/* A machine: RAM, harts, the bus with its devices, the interrupt controller, and the loop that runs them.
 *
 * Who owns what. The machine owns its RAM, its harts, the bus's table, the PLIC, the ACLINT and the UART. A virtio device, a
 * network, a disk, the terminal belong to whoever made them (main.c): they are added to the bus and to the sources, and
 * must outlive the machine.
 *
 * One thread. Harts run in turns (see hart.h); a device is called from within a hart's load or store, a source between turns. So
 * nothing here is locked, and a device may raise its line (plic_raise(&machine->plic, line, up)) and write the guest's
 * memory at any time.
 *
 * How a device says that something is to be done at once: it sets `pending` of its source and calls machine_attend(),
 * which ends the turn of the hart that is running; run() of every pending source is called before the next turn. A
 * network is such a source: fd is gw_network_fd(), timeout_us() is gw_network_timeout_us(), run() is
 * gw_network_run(network, 0), and a kick sets pending. A descriptor that is ready, and a timeout that is over, call run()
 * likewise. When every hart waits (WFI) the machine sleeps in ppoll() until the nearest of: a hart's timer, a source's
 * timeout, a descriptor, a signal. So an idle guest costs nothing, and what comes in wakes it at once. */
#ifndef SEMU_MACHINE_H
#define SEMU_MACHINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "semu/aclint.h"
#include "semu/bus.h"
#include "semu/hart.h"
#include "semu/map.h"
#include "semu/plic.h"
#include "semu/uart.h"

enum { MACHINE_SOURCES_MOST = 32 };

/* Something outside of the guest that the machine waits for. The owner changes its fields whenever it likes. */
struct machine_source {
	int fd;       /* -1: none */
	short events; /* of poll(2): POLLIN, POLLOUT; 0: not now */
	bool pending; /* run() is due whatever the descriptor says; cleared before it is called */
	/* 0: now. -1: only the descriptor tells. Asked before each look at the descriptors. NULL: never. */
	int64_t (*timeout_us)(void *owner);
	void (*run)(void *owner);
	void *owner;
};

enum machine_end {
	MACHINE_RUNS,
	MACHINE_OFF,    /* the guest powered off */
	MACHINE_REBOOT, /* the guest wants to start anew */
	MACHINE_FAILED, /* the guest powered off and said that its system had failed */
	MACHINE_QUIT,   /* somebody outside of the guest ends it */
};

/* Where the guest's console is. */
struct machine_console {
	/* False: no room now; uart_room() when there is. */
	bool (*print)(void *owner, uint8_t byte);
	/* uart_receive() has room again. */
	void (*on_room)(void *owner);
	void *owner;
};

struct machine_config {
	unsigned word; /* 32 or 64 */
	unsigned harts;
	uint64_t ram_bytes;
	uint32_t timebase_hz;
	struct machine_console console;
	/* Signals that are let through while the machine looks at its descriptors, and then only; NULL: as they are. */
	const sigset_t *signals;
};

struct machine {
	struct hart_machine for_harts; /* RAM is in here */
	unsigned word;
	unsigned hart_count;
	struct hart *harts[MAP_HARTS_MOST];
	bool started[MAP_HARTS_MOST]; /* SBI's word: has turns */
	unsigned running;             /* the hart whose turn it is, or was */
	bool in_turn;
	struct bus bus;
	struct plic plic;
	struct aclint aclint;
	struct uart uart;
	struct machine_console console;
	const sigset_t *signals;
	struct machine_source *sources[MACHINE_SOURCES_MOST];
	unsigned source_count;
	bool attention;    /* a source is pending, or the machine ends: no further turn before that was looked at */
	unsigned unlooked; /* times that pending sources were run without a look at the descriptors */
	enum machine_end end;
};

/* All of RAM is zero and costs nothing until it is used. 0 or negative errno. */
int machine_new(const struct machine_config *config, struct machine **ret_machine);
void machine_free(struct machine *machine);
/* The source stays its owner's. */
void machine_add_source(struct machine *machine, struct machine_source *source);
/* As it was made, RAM included; no hart has turns. */
void machine_reset(struct machine *machine);
/* Hart 0 starts at `pc` with the device tree's address; it starts the others, by SBI. */
void machine_start(struct machine *machine, uint64_t pc, uint64_t tree);
/* Runs until it ends, and says how. */
enum machine_end machine_run(struct machine *machine);

/* ---- for what runs within a turn, or within a source's run() ---- */

/* Sources that are pending are run before the next turn, and the turn under way ends now. */
void machine_attend(struct machine *machine);
/* The turn under way ends: another hart has something to do first. */
void machine_yield(struct machine *machine);
/* The loop ends, and machine_run() returns this; the first that is said holds. */
void machine_stop(struct machine *machine, enum machine_end end);
/* `bytes` bytes of RAM at a guest's address; NULL: not all of them are RAM. */
uint8_t *machine_ram(const struct machine *machine, uint64_t at, uint64_t bytes);
/* A byte for the console. False: it was not taken. */
bool machine_print(struct machine *machine, uint8_t byte);

#endif
