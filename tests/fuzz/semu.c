/* SPDX-License-Identifier: MIT */
/* covers: semu/bus.c semu/plic.c semu/uart.c semu/aclint.c semu/sbi.c */
/* The input is what a guest does, 16 bytes each: loads and stores of every register of a machine, calls of SBI, and a key
 * typed now and then. The values are the input's; addresses are mostly those of devices. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "semu/machine.h"
#include "semu/sbi.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { RAM_BYTES = 1 << 20, HARTS = 3, STEP_BYTES = 16 };

static const uint64_t PLACES[] = {MAP_PLIC,
				  MAP_PLIC + 0x1000,
				  MAP_PLIC + 0x2000,
				  MAP_PLIC + 0x200000,
				  MAP_PLIC + 0x201000,
				  MAP_UART,
				  MAP_MTIMER,
				  MAP_MTIMER + 0x7ff0,
				  MAP_MSWI,
				  MAP_SSWI,
				  MAP_RNG,
				  0};
static const uint64_t EXTENSIONS[] = {0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354, 0x4442434e, 0,
				      1,    2,          3,        4,          5,        6,          7,          8};

static unsigned room; /* on the screen */

static bool print(void *owner, uint8_t byte)
{
	(void)owner;
	(void)byte;
	return room ? room-- : false;
}

static void on_room(void *owner)
{
	(void)owner;
}

static struct machine *machine_once(void)
{
	static struct machine *machine;
	const struct machine_config config = {.word = 64,
					      .harts = HARTS,
					      .ram_bytes = RAM_BYTES,
					      .timebase_hz = 1000000,
					      .console = {.print = print, .on_room = on_room}};

	if (!machine && machine_new(&config, &machine))
		abort();
	return machine;
}

static void access_device(struct machine *machine, const uint8_t *step, uint64_t value)
{
	const uint64_t place = PLACES[step[1] % (sizeof(PLACES) / sizeof(PLACES[0]))];
	const uint64_t at = place + ((uint64_t)step[3] << 8 | step[2]);
	const unsigned bytes = 1U << (step[0] >> 4 & 3);
	uint64_t loaded = 0;

	if (step[0] & 0x40)
		bus_store(&machine->bus, at, bytes, value);
	else if (bus_load(&machine->bus, at, bytes, &loaded))
		assert(bytes == 8 || loaded >> (8 * bytes) == 0);
}

static void call_firmware(struct machine *machine, const uint8_t *step, uint64_t value)
{
	uint64_t *x = machine->harts[0]->x;

	machine->word = step[0] & 0x40 ? 32 : 64;
	x[17] = step[1] == 0xff ? value : EXTENSIONS[step[1] % (sizeof(EXTENSIONS) / sizeof(EXTENSIONS[0]))];
	x[16] = step[2];
	x[10] = value;
	x[11] = step[3] & 1 ? value >> 8 : (uint64_t)(int64_t)(int8_t)step[4];
	x[12] = step[3] & 2 ? value : 0;
	x[13] = step[5];
	sbi_call(machine, 0);
}

static void take_step(struct machine *machine, const uint8_t *step)
{
	uint64_t value;

	memcpy(&value, step + 8, sizeof(value));
	switch (step[0] & 3) {
	case 0:
	case 1:
		access_device(machine, step, value);
		break;
	case 2:
		call_firmware(machine, step, value);
		break;
	default:
		room = step[1];
		uart_room(&machine->uart);
		uart_receive(&machine->uart, step + 2, step[1] % 14);
		plic_raise(&machine->plic, 1 + step[2] % 31, step[3] & 1);
	}
}

static void check(const struct machine *machine)
{
	const struct uart *uart = &machine->uart;

	assert(uart->receive_count <= UART_RECEIVE_BYTES && uart->send_count <= UART_SEND_BYTES);
	assert(!(machine->plic.pending & machine->plic.claimed) && !(machine->plic.pending & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct machine *machine = machine_once();

	machine_reset(machine);
	machine_start(machine, 0, 0);
	for (unsigned line = 1; line < PLIC_LINES; line++)
		plic_raise(&machine->plic, line, false);
	plic_reset(&machine->plic);
	room = 8;
	for (; count >= STEP_BYTES; bytes += STEP_BYTES, count -= STEP_BYTES) {
		take_step(machine, bytes);
		check(machine);
#ifdef PLANTED
		if (machine->plic.priorities[5] == 6)
			assert(((const volatile uint8_t *)bytes)[count] <= 0xff);
#endif
	}
	return 0;
}
