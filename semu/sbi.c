/* SPDX-License-Identifier: MIT */
/* One function for each extension; the numbers are those of the RISC-V SBI specification 2.0. The guest chooses every
 * argument: harts that are not there and memory that is not RAM are refused by an error. */
#include "semu/sbi.h"

#include <stddef.h>
#include <string.h>

#include "semu/machine.h"
#include "semu/trap.h"

enum { A0 = 10, A6 = 16, A7 = 17 };

enum sbi_error {
	SBI_SUCCESS = 0,
	SBI_NOT_SUPPORTED = -2,
	SBI_INVALID_PARAMETER = -3,
	SBI_INVALID_ADDRESS = -5,
	SBI_ALREADY_AVAILABLE = -6,
};

enum {
	SPECIFICATION = 2 << 24,
	IMPLEMENTATION = 0x999, /* semu's */
	IMPLEMENTATION_VERSION = 1,
};

struct call {
	struct machine *machine;
	unsigned number; /* of the hart that calls */
	uint64_t a[6];
	uint64_t function;
	uint64_t value; /* to return */
};

typedef enum sbi_error extension(struct call *call);

/* ---- who is meant ---- */

/* The harts of a mask and its base, as bits. False: one of them is not here. */
static bool harts_of(const struct call *call, uint64_t mask, uint64_t base, uint64_t *ret_harts)
{
	const uint64_t all = (1ULL << call->machine->hart_count) - 1;
	const uint64_t everyone = call->machine->word == 32 ? UINT32_MAX : UINT64_MAX;

	if (base == everyone) {
		*ret_harts = all;
		return true;
	}
	if (base >= 64 || mask << base >> base != mask || mask << base & ~all)
		return false;
	*ret_harts = mask << base;
	return true;
}

/* ---- interrupts and fences ---- */

static void interrupt_harts(struct machine *machine, uint64_t harts)
{
	for (; harts; harts &= harts - 1)
		hart_raise(machine->harts[__builtin_ctzll(harts)], SIP_SOFTWARE);
	/* They are waited for: what the caller does next, it mostly does in vain. */
	machine_yield(machine);
}

static enum sbi_error call_ipi(struct call *call)
{
	uint64_t harts;

	if (call->function)
		return SBI_NOT_SUPPORTED;
	if (!harts_of(call, call->a[0], call->a[1], &harts))
		return SBI_INVALID_PARAMETER;
	interrupt_harts(call->machine, harts);
	return SBI_SUCCESS;
}

static void forget_code(struct machine *machine, uint64_t harts)
{
	for (; harts; harts &= harts - 1)
		hart_forget_code(machine->harts[__builtin_ctzll(harts)]);
}

static void forget_pages(struct machine *machine, uint64_t harts, uint64_t at, uint64_t bytes)
{
	for (; harts; harts &= harts - 1)
		hart_forget_pages(machine->harts[__builtin_ctzll(harts)], at, bytes);
}

static enum sbi_error call_rfence(struct call *call)
{
	uint64_t harts;

	if (call->function > 2)
		return SBI_NOT_SUPPORTED;
	if (!harts_of(call, call->a[0], call->a[1], &harts))
		return SBI_INVALID_PARAMETER;
	if (call->function == 0)
		forget_code(call->machine, harts);
	else if (call->a[3] && call->a[3] < UINT32_MAX)
		forget_pages(call->machine, harts, call->a[2], call->a[3]);
	else
		forget_pages(call->machine, harts, 0, UINT64_MAX);
	return SBI_SUCCESS;
}

static uint64_t ticks_of(const struct call *call)
{
	return call->machine->word == 32 ? call->a[1] << 32 | call->a[0] : call->a[0];
}

static enum sbi_error call_time(struct call *call)
{
	if (call->function)
		return SBI_NOT_SUPPORTED;
	hart_set_timer(call->machine->harts[call->number], ticks_of(call));
	return SBI_SUCCESS;
}

/* ---- harts ---- */

enum { HSM_START, HSM_STOP, HSM_STATUS, HSM_SUSPEND };
enum { HSM_STARTED, HSM_STOPPED };

static enum sbi_error start_hart(struct call *call)
{
	struct machine *machine = call->machine;
	const uint64_t number = call->a[0];

	if (number >= machine->hart_count)
		return SBI_INVALID_PARAMETER;
	if (machine->started[number])
		return SBI_ALREADY_AVAILABLE;
	if (!machine_ram(machine, call->a[1], 2))
		return SBI_INVALID_ADDRESS;
	machine->started[number] = true;
	hart_start(machine->harts[number], call->a[1], number, call->a[2]);
	return SBI_SUCCESS;
}

/* Only waiting as WFI does; a hart that forgets its registers is not offered. */
static enum sbi_error suspend_hart(struct call *call)
{
	struct hart *hart = call->machine->harts[call->number];

	if (call->a[0])
		return SBI_NOT_SUPPORTED;
	hart->waiting = !(hart->sip & hart->sie);
	return SBI_SUCCESS;
}

static enum sbi_error call_hsm(struct call *call)
{
	struct machine *machine = call->machine;

	switch (call->function) {
	case HSM_START:
		return start_hart(call);
	case HSM_STOP:
		machine->started[call->number] = false;
		hart_stop(machine->harts[call->number]);
		return SBI_SUCCESS;
	case HSM_STATUS:
		if (call->a[0] >= machine->hart_count)
			return SBI_INVALID_PARAMETER;
		call->value = machine->started[call->a[0]] ? HSM_STARTED : HSM_STOPPED;
		return SBI_SUCCESS;
	case HSM_SUSPEND:
		return suspend_hart(call);
	default:
		return SBI_NOT_SUPPORTED;
	}
}

/* ---- the end ---- */

enum { RESET_OFF, RESET_COLD, RESET_WARM };
enum { REASON_NONE, REASON_FAILED };

/* A kernel that panics is told by its arguments (loader.h) to reboot warmly, so that it can be told from one that reboots. */
static enum sbi_error call_reset(struct call *call)
{
	const uint64_t type = call->a[0], reason = call->a[1];

	if (call->function)
		return SBI_NOT_SUPPORTED;
	if (type > RESET_WARM || reason > REASON_FAILED)
		return SBI_INVALID_PARAMETER;
	if (reason == REASON_FAILED || type == RESET_WARM)
		machine_stop(call->machine, MACHINE_FAILED);
	else
		machine_stop(call->machine, type == RESET_OFF ? MACHINE_OFF : MACHINE_REBOOT);
	return SBI_SUCCESS;
}

/* ---- the console ---- */

static enum sbi_error console_write(struct call *call)
{
	const uint8_t *bytes = machine_ram(call->machine, call->a[1], call->a[0]);
	uint64_t done = 0;

	if (!bytes || (call->a[2] && call->machine->word == 64))
		return SBI_INVALID_PARAMETER;
	while (done < call->a[0] && machine_print(call->machine, bytes[done]))
		done++;
	call->value = done;
	return SBI_SUCCESS;
}

static enum sbi_error console_read(struct call *call)
{
	uint8_t *bytes = machine_ram(call->machine, call->a[1], call->a[0]);
	uint64_t done = 0;
	int byte;

	if (!bytes || (call->a[2] && call->machine->word == 64))
		return SBI_INVALID_PARAMETER;
	while (done < call->a[0] && (byte = uart_take(&call->machine->uart)) >= 0)
		bytes[done++] = (uint8_t)byte;
	call->value = done;
	return SBI_SUCCESS;
}

static enum sbi_error call_console(struct call *call)
{
	switch (call->function) {
	case 0:
		return console_write(call);
	case 1:
		return console_read(call);
	case 2:
		machine_print(call->machine, (uint8_t)call->a[0]);
		return SBI_SUCCESS;
	default:
		return SBI_NOT_SUPPORTED;
	}
}

/* ---- what there is ---- */

static extension call_base;

static const struct {
	uint64_t number;
	extension *call;
} EXTENSIONS[] = {
	{0x10, call_base},    {0x54494d45, call_time},  {0x735049, call_ipi},       {0x52464e43, call_rfence},
	{0x48534d, call_hsm}, {0x53525354, call_reset}, {0x4442434e, call_console},
};

enum {
	LEGACY_TIMER,
	LEGACY_PUT,
	LEGACY_GET,
	LEGACY_CLEAR_IPI,
	LEGACY_IPI,
	LEGACY_FENCE_I,
	LEGACY_FENCE,
	LEGACY_FENCE_ASID,
	LEGACY_OFF,
	LEGACY_END
};

static extension *extension_find(uint64_t number)
{
	for (size_t i = 0; i < sizeof(EXTENSIONS) / sizeof(EXTENSIONS[0]); i++)
		if (EXTENSIONS[i].number == number)
			return EXTENSIONS[i].call;
	return NULL;
}

static enum sbi_error call_base(struct call *call)
{
	switch (call->function) {
	case 0:
		call->value = SPECIFICATION;
		return SBI_SUCCESS;
	case 1:
		call->value = IMPLEMENTATION;
		return SBI_SUCCESS;
	case 2:
		call->value = IMPLEMENTATION_VERSION;
		return SBI_SUCCESS;
	case 3:
		call->value = call->a[0] < LEGACY_END || extension_find(call->a[0]);
		return SBI_SUCCESS;
	case 4: /* mvendorid, marchid, mimpid: none */
	case 5:
	case 6:
		call->value = 0;
		return SBI_SUCCESS;
	default:
		return SBI_NOT_SUPPORTED;
	}
}

/* ---- version 0.1: one register comes back, and masks stand in the caller's memory ---- */

/* A mask that cannot be read, or none, is every hart. */
static uint64_t legacy_harts(const struct call *call)
{
	const uint64_t all = (1ULL << call->machine->hart_count) - 1;
	struct hart *hart = call->machine->harts[call->number];
	const unsigned bytes = call->machine->word / 8;
	uint64_t mask = 0;

	if (!call->a[0] || !mmu_load(hart, call->a[0], bytes, &mask))
		return all;
	return mask & all;
}

static uint64_t call_legacy(struct call *call, uint64_t which)
{
	struct machine *machine = call->machine;

	switch (which) {
	case LEGACY_TIMER:
		hart_set_timer(machine->harts[call->number], ticks_of(call));
		return 0;
	case LEGACY_PUT:
		machine_print(machine, (uint8_t)call->a[0]);
		return 0;
	case LEGACY_GET:
		return (uint64_t)(int64_t)uart_take(&machine->uart);
	case LEGACY_CLEAR_IPI:
		hart_lower(machine->harts[call->number], SIP_SOFTWARE);
		return 0;
	case LEGACY_IPI:
		interrupt_harts(machine, legacy_harts(call));
		return 0;
	case LEGACY_FENCE_I:
		forget_code(machine, legacy_harts(call));
		return 0;
	case LEGACY_FENCE:
	case LEGACY_FENCE_ASID:
		forget_pages(machine, legacy_harts(call), 0, UINT64_MAX);
		return 0;
	default: /* LEGACY_OFF */
		machine_stop(machine, MACHINE_OFF);
		return 0;
	}
}

static void put(struct call *call, unsigned which, uint64_t value)
{
	call->machine->harts[call->number]->x[which] =
		call->machine->word == 32 ? (uint64_t)(int64_t)(int32_t)value : value;
}

void sbi_call(struct machine *machine, unsigned number)
{
	const uint64_t mask = machine->word == 32 ? UINT32_MAX : UINT64_MAX;
	const uint64_t *x = machine->harts[number]->x;
	struct call call = {.machine = machine, .number = number, .function = x[A6] & mask};
	const uint64_t which = x[A7] & mask;
	extension *found = extension_find(which);
	enum sbi_error error;

	for (unsigned i = 0; i < 6; i++)
		call.a[i] = x[A0 + i] & mask;
	if (which < LEGACY_END) {
		put(&call, A0, call_legacy(&call, which));
		return;
	}
	error = found ? found(&call) : SBI_NOT_SUPPORTED;
	put(&call, A0, (uint64_t)(int64_t)error);
	put(&call, A0 + 1, call.value);
}
