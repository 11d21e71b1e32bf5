/* SPDX-License-Identifier: MIT */
/* The life of a machine, and what its parts say to each other. */
#include "semu/machine.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "semu/trap.h"

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

static void on_context(void *owner, unsigned context, bool up)
{
	machine_interrupt(owner, context, SIP_EXTERNAL, up);
}

int machine_new(unsigned harts, uint64_t ram_bytes, struct machine **ret_machine)
{
	struct machine *machine;
	void *ram;

	assert(harts && harts <= MAP_HARTS_MOST && ram_bytes <= MAP_RAM_MOST);
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return -ENOMEM;
	ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED) {
		free(machine);
		return -ENOMEM;
	}
	machine->for_harts = (struct hart_machine){.owner = machine,
						   .ram = ram,
						   .ram_start = MAP_RAM,
						   .ram_bytes = ram_bytes,
						   .load = load,
						   .store = store};
	bus_init(&machine->bus);
	plic_init(&machine->plic, harts, on_context, machine);
	bus_add(&machine->bus, &(struct bus_device){.start = MAP_PLIC,
						    .bytes = MAP_PLIC_BYTES,
						    .load = plic_load,
						    .store = plic_store,
						    .owner = &machine->plic});
	for (; machine->hart_count < harts; machine->hart_count++) {
		machine->harts[machine->hart_count] = malloc(sizeof(struct hart));
		if (!machine->harts[machine->hart_count]) {
			machine_free(machine);
			return -ENOMEM;
		}
		hart_init(machine->harts[machine->hart_count], &machine->for_harts, MAP_RAM);
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
	munmap(machine->for_harts.ram, machine->for_harts.ram_bytes);
	free(machine);
}

void machine_add_source(struct machine *machine, struct machine_source *source)
{
	assert(machine->source_count < MACHINE_SOURCES_MOST);
	machine->sources[machine->source_count++] = source;
}

void machine_attend(struct machine *machine)
{
	machine->attention = true;
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

void machine_interrupt(struct machine *machine, unsigned hart, uint64_t bits, bool up)
{
	if (up)
		machine->harts[hart]->sip |= bits;
	else
		machine->harts[hart]->sip &= ~bits;
}
