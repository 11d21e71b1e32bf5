/* SPDX-License-Identifier: MIT */
/* The life of a machine, and what its parts say to each other. */
#include "semu/machine.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "semu/code.h"
#include "semu/doze.h"
#include "semu/sbi.h"
#include "semu/trap.h"

/* ---- what a hart asks of its machine ---- */

static bool load(void *owner, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	const struct machine *machine = owner;

	return bus_load(&machine->bus, at, bytes, ret_value);
}

static bool store(void *owner, uint64_t at, unsigned bytes, uint64_t value)
{
	const struct machine *machine = owner;

	return bus_store(&machine->bus, at, bytes, value);
}

static void environment_call(void *owner, struct hart *hart)
{
	struct machine *machine = owner;

	(void)hart;
	sbi_call(machine, machine->running);
}

static uint64_t ticks(void *owner)
{
	const struct machine *machine = owner;

	return clock_ticks(&machine->aclint.clock);
}

/* ---- what the devices ask of it ---- */

static void on_context(void *owner, unsigned context, bool up)
{
	const struct machine *machine = owner;

	if (up)
		hart_raise(machine->harts[context], SIP_EXTERNAL);
	else
		hart_lower(machine->harts[context], SIP_EXTERNAL);
}

static void on_uart_line(void *owner, bool up)
{
	struct machine *machine = owner;

	plic_raise(&machine->plic, MAP_LINE_UART, up);
}

static bool uart_put(void *owner, uint8_t byte)
{
	const struct machine *machine = owner;

	return machine->console.print(machine->console.owner, byte);
}

static void on_uart_room(void *owner)
{
	const struct machine *machine = owner;

	machine->console.on_room(machine->console.owner);
}

bool machine_print(struct machine *machine, uint8_t byte)
{
	return machine->console.print(machine->console.owner, byte);
}

/* ---- life ---- */

enum { RAM_PROTECTION = PROT_READ | PROT_WRITE, RAM_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };

static int make_ram(struct hart_machine *for_harts, uint64_t bytes)
{
	void *ram = mmap(NULL, bytes, RAM_PROTECTION, RAM_FLAGS, -1, 0);

	if (ram == MAP_FAILED)
		return -errno;
	for_harts->ram = ram;
	for_harts->ram_start = MAP_RAM;
	for_harts->ram_bytes = bytes;
	return 0;
}

/* New pages in the place of the old ones: zero, and nothing is used until the guest does. What is mapped stays mapped, should
 * the system refuse. */
static void clear_ram(const struct hart_machine *for_harts)
{
	void *ram = mmap(for_harts->ram, for_harts->ram_bytes, RAM_PROTECTION, RAM_FLAGS | MAP_FIXED, -1, 0);

	if (ram == MAP_FAILED)
		memset(for_harts->ram, 0, for_harts->ram_bytes);
}

static int make_harts(struct machine *machine, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		machine->harts[i] = malloc(sizeof(struct hart));
		if (!machine->harts[i])
			return -ENOMEM;
		machine->hart_count++;
		hart_init(machine->harts[i], &machine->for_harts, MAP_RAM);
	}
	return 0;
}

static void make_devices(struct machine *machine, const struct machine_config *config)
{
	struct aclint *aclint = &machine->aclint;

	bus_init(&machine->bus);
	plic_init(&machine->plic, config->harts, on_context, machine);
	aclint_init(aclint, machine->harts, config->harts, config->timebase_hz);
	machine->uart =
		(struct uart){.put = uart_put, .on_room = on_uart_room, .on_line = on_uart_line, .owner = machine};
	uart_reset(&machine->uart);
	const struct bus_device devices[] = {
		{MAP_PLIC, MAP_PLIC_BYTES, plic_load, plic_store, NULL, &machine->plic},
		{MAP_UART, MAP_UART_BYTES, uart_load, uart_store, NULL, &machine->uart},
		{MAP_MTIMER, MAP_MTIMER_BYTES, aclint_mtimer_load, aclint_mtimer_store, NULL, aclint},
		{MAP_MSWI, MAP_MSWI_BYTES, aclint_mswi_load, aclint_mswi_store, NULL, aclint},
		{MAP_SSWI, MAP_SSWI_BYTES, aclint_sswi_load, aclint_sswi_store, NULL, aclint},
	};
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		bus_add(&machine->bus, &devices[i]);
}

int machine_new(const struct machine_config *config, struct machine **ret_machine)
{
	struct machine *machine;
	int failed;

	assert(config->harts && config->harts <= MAP_HARTS_MOST && config->ram_bytes <= MAP_RAM_MOST);
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return -ENOMEM;
	machine->word = config->word;
	machine->console = config->console;
	machine->signals = config->signals;
	machine->for_harts = (struct hart_machine){.owner = machine,
						   .word = config->word,
						   .load = load,
						   .store = store,
						   .environment_call = environment_call,
						   .time = ticks};
	make_devices(machine, config);
	failed = make_ram(&machine->for_harts, config->ram_bytes);
	if (!failed)
		failed = code_new(&machine->for_harts.code);
	if (!failed)
		failed = make_harts(machine, config->harts);
	if (failed) {
		machine_free(machine);
		return failed;
	}
	*ret_machine = machine;
	return 0;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	for (unsigned i = 0; i < machine->hart_count; i++)
		free(machine->harts[i]);
	code_free(machine->for_harts.code);
	if (machine->for_harts.ram)
		munmap(machine->for_harts.ram, machine->for_harts.ram_bytes);
	free(machine);
}

void machine_reset(struct machine *machine)
{
	const struct hart_machine *for_harts = &machine->for_harts;

	bus_reset(&machine->bus);
	uart_reset(&machine->uart);
	aclint_reset(&machine->aclint);
	for (unsigned i = 0; i < machine->hart_count; i++) {
		hart_init(machine->harts[i], for_harts, MAP_RAM);
		machine->started[i] = false;
	}
	hart_forget_code(machine->harts[0]);
	plic_reset(&machine->plic);
	clear_ram(for_harts);
	machine->running = 0;
	machine->attention = false;
	machine->end = MACHINE_RUNS;
}

void machine_start(struct machine *machine, uint64_t pc, uint64_t tree)
{
	hart_start(machine->harts[0], pc, 0, tree);
	machine->started[0] = true;
}

/* ---- while it runs ---- */

void machine_add_source(struct machine *machine, struct machine_source *source)
{
	assert(machine->source_count < MACHINE_SOURCES_MOST);
	machine->sources[machine->source_count++] = source;
}

void machine_yield(struct machine *machine)
{
	if (machine->in_turn)
		hart_stop(machine->harts[machine->running]);
}

void machine_attend(struct machine *machine)
{
	machine->attention = true;
	machine_yield(machine);
}

void machine_stop(struct machine *machine, enum machine_end end)
{
	if (machine->end == MACHINE_RUNS)
		machine->end = end;
	machine_attend(machine);
}

uint8_t *machine_ram(const struct machine *machine, uint64_t at, uint64_t bytes)
{
	const uint64_t offset = at - machine->for_harts.ram_start, most = machine->for_harts.ram_bytes;

	return offset > most || most - offset < bytes ? NULL : machine->for_harts.ram + offset;
}

/* ---- the loop ---- */

enum {
	/* 100000 instructions take about 0.3 ms, which is as long as a descriptor may wait for a hart that never does. */
	TURN_ALONE = 100000,
	TURN_SHARED = 20000,
	UNLOOKED_MOST = 8,
};

/* Before the next turn: 0 when a hart has something to do, else until a timer; UINT64_MAX: no timer either. */
static uint64_t idle_ns(const struct machine *machine)
{
	uint64_t nearest = UINT64_MAX;

	for (unsigned i = 0; i < machine->hart_count; i++) {
		const struct hart *hart = machine->harts[i];

		if (!machine->started[i])
			continue;
		if (!hart->waiting || hart->sip & hart->sie)
			return 0;
		if (hart->sie & SIP_TIMER && hart->timer < nearest)
			nearest = hart->timer;
	}
	return nearest == UINT64_MAX ? nearest : clock_until_ns(&machine->aclint.clock, nearest);
}

static bool run_pending(struct machine *machine)
{
	bool any = false;

	machine->attention = false;
	for (unsigned i = 0; i < machine->source_count; i++) {
		struct machine_source *source = machine->sources[i];

		if (!source->pending)
			continue;
		source->pending = false;
		source->run(source->owner);
		any = true;
	}
	return any;
}

/* Fills in what is waited for, and returns for how long at most. */
static uint64_t prepare_look(const struct machine *machine, uint64_t most_ns, struct pollfd *polled)
{
	for (unsigned i = 0; i < machine->source_count; i++) {
		struct machine_source *source = machine->sources[i];
		const int64_t us = source->timeout_us ? source->timeout_us(source->owner) : -1;

		polled[i] = (struct pollfd){.fd = source->events ? source->fd : -1, .events = source->events};
		if (us >= 0 && (uint64_t)us * 1000 < most_ns)
			most_ns = (uint64_t)us * 1000;
		if (!us)
			source->pending = true;
	}
	return most_ns;
}

/* Waits for at most so long; what is ready becomes pending. */
static void look(struct machine *machine, uint64_t most_ns)
{
	struct pollfd polled[MACHINE_SOURCES_MOST];
	const uint64_t ns = prepare_look(machine, most_ns, polled);
	const int ready = doze_poll(polled, machine->source_count, ns, machine->signals);

	for (unsigned i = 0; i < machine->source_count; i++)
		if (ready > 0 && polled[i].revents)
			machine->sources[i]->pending = true;
}

static void serve(struct machine *machine)
{
	if (run_pending(machine) && machine->unlooked++ < UNLOOKED_MOST)
		return;
	machine->unlooked = 0;
	look(machine, idle_ns(machine));
	run_pending(machine);
}

static void take_turn(struct machine *machine)
{
	do {
		machine->running = (machine->running + 1) % machine->hart_count;
	} while (!machine->started[machine->running]);
	machine->in_turn = true;
	hart_run(machine->harts[machine->running], machine->hart_count > 1 ? TURN_SHARED : TURN_ALONE);
	machine->in_turn = false;
}

static unsigned started_count(const struct machine *machine)
{
	unsigned count = 0;

	for (unsigned i = 0; i < machine->hart_count; i++)
		count += machine->started[i];
	return count;
}

static void run_round(struct machine *machine, unsigned turns)
{
	serve(machine);
	for (unsigned i = 0; i < turns && !machine->attention; i++)
		take_turn(machine);
}

enum machine_end machine_run(struct machine *machine)
{
	while (machine->end == MACHINE_RUNS) {
		const unsigned turns = started_count(machine);

		if (turns)
			run_round(machine, turns);
		else /* nobody is left to start another one */
			machine_stop(machine, MACHINE_FAILED);
	}
	return machine->end;
}
