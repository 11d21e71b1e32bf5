/* SPDX-License-Identifier: MIT */
/* Reading and writing the control and status registers: which there are, and which bits of them can be written. */
#include "semu/csr.h"

#include <stddef.h>

#include "semu/float.h"
#include "semu/hart.h"
#include "semu/trap.h"

enum {
	CSR_FFLAGS = 0x001,
	CSR_FRM = 0x002,
	CSR_FCSR = 0x003,
	CSR_SSTATUS = 0x100,
	CSR_SIE = 0x104,
	CSR_STVEC = 0x105,
	CSR_SCOUNTEREN = 0x106,
	CSR_SENVCFG = 0x10a,
	CSR_SSCRATCH = 0x140,
	CSR_SEPC = 0x141,
	CSR_SCAUSE = 0x142,
	CSR_STVAL = 0x143,
	CSR_SIP = 0x144,
	CSR_STIMECMP = 0x14d,
	CSR_STIMECMPH = 0x15d,
	CSR_SATP = 0x180,
	CSR_CYCLE = 0xc00,
	CSR_TIME = 0xc01,
	CSR_INSTRET = 0xc02,
	CSR_CYCLEH = 0xc80, /* and so on: of RV32 alone, as STIMECMPH is */
};

static const uint64_t SSTATUS_WRITABLE =
	SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR;
static const uint64_t SSTATUS_UXL_64 = 2ULL << 32;
static const uint64_t SSTATUS_SD = 1ULL << 63; /* what FS says, read only */
static const uint64_t LOW = UINT32_MAX;
static const uint64_t SATP_SV39 = 8;

static uint64_t *plain(struct hart *hart, unsigned number)
{
	switch (number) {
	case CSR_SIE:
		return &hart->sie;
	case CSR_STVEC:
		return &hart->stvec;
	case CSR_SCOUNTEREN:
		return &hart->scounteren;
	case CSR_SENVCFG:
		return &hart->senvcfg;
	case CSR_SSCRATCH:
		return &hart->sscratch;
	case CSR_SEPC:
		return &hart->sepc;
	case CSR_SCAUSE:
		return &hart->scause;
	case CSR_STVAL:
		return &hart->stval;
	case CSR_SIP:
		return &hart->sip;
	case CSR_STIMECMP:
		return &hart->timer;
	case CSR_SATP:
		return &hart->satp;
	default:
		return NULL;
	}
}

static bool is_narrow(const struct hart *hart)
{
	return hart->machine->word == 32;
}

static bool read_counter(struct hart *hart, unsigned number, uint64_t *ret_value)
{
	const bool high = is_narrow(hart) && number >= CSR_CYCLEH;
	uint64_t value;

	if (high)
		number -= CSR_CYCLEH - CSR_CYCLE;
	if (number > CSR_INSTRET || (hart->mode == HART_USER && !(hart->scounteren >> (number - CSR_CYCLE) & 1)))
		return false;
	value = number == CSR_TIME ? hart->machine->time(hart->machine->owner) : hart->instret;
	*ret_value = high ? value >> 32 : value;
	return true;
}

static bool is_float(unsigned number)
{
	return number >= CSR_FFLAGS && number <= CSR_FCSR;
}

/* fflags and frm are two windows on fcsr. Without FS there is none of them: privileged specification 3.1.6.6. */
static bool read_float(const struct hart *hart, unsigned number, uint64_t *ret_value)
{
	*ret_value = hart->fcsr;
	if (number == CSR_FFLAGS)
		*ret_value &= FLOAT_FLAGS;
	else if (number == CSR_FRM)
		*ret_value >>= FLOAT_RM_SHIFT;
	return hart->float_use != HART_FLOAT_OFF;
}

static bool write_float(struct hart *hart, unsigned number, uint64_t value)
{
	const uint8_t flags = hart->fcsr & FLOAT_FLAGS, rounding = hart->fcsr & (uint8_t)~FLOAT_FLAGS;

	if (hart->float_use == HART_FLOAT_OFF)
		return false;
	if (number == CSR_FFLAGS)
		value = rounding | (value & FLOAT_FLAGS);
	else if (number == CSR_FRM)
		value = value << FLOAT_RM_SHIFT | flags;
	hart->fcsr = (uint8_t)value;
	float_soil(hart);
	return true;
}

/* There is no F where registers have 32 bits, so that FS is off and SD is not set. */
static uint64_t read_sstatus(const struct hart *hart)
{
	if (is_narrow(hart))
		return hart->sstatus;
	return hart->sstatus | SSTATUS_UXL_64 | ((hart->sstatus & SSTATUS_FS) == SSTATUS_FS ? SSTATUS_SD : 0);
}

static bool read_any(struct hart *hart, unsigned number, uint64_t *ret_value)
{
	const uint64_t *value = plain(hart, number);

	if (is_float(number))
		return read_float(hart, number, ret_value);
	if (number >= CSR_CYCLE)
		return read_counter(hart, number, ret_value);
	if (hart->mode == HART_USER)
		return false;
	if (number == CSR_STIMECMPH && is_narrow(hart)) {
		*ret_value = hart->timer >> 32;
		return true;
	}
	if (number == CSR_SSTATUS)
		*ret_value = read_sstatus(hart);
	else if (value)
		*ret_value = *value;
	return value || number == CSR_SSTATUS;
}

bool csr_read(struct hart *hart, unsigned number, uint64_t *ret_value)
{
	uint64_t value;

	if (!read_any(hart, number, &value))
		return false;
	*ret_value = hart_word(hart, value);
	return true;
}

static void write_sstatus(struct hart *hart, uint64_t value)
{
	/* A page that was readable by MXR stays in the TLB; SUM has a TLB of its own. */
	if ((hart->sstatus ^ value) & SSTATUS_MXR)
		mmu_flush(hart);
	hart->sstatus = value & SSTATUS_WRITABLE & ~(is_narrow(hart) ? SSTATUS_FS : 0);
	hart_choose_tlb(hart);
}

static void write_satp(struct hart *hart, uint64_t value)
{
	/* A mode that is not here makes the whole write void: privileged specification 4.1.11. */
	if (!is_narrow(hart) && value >> 60 && value >> 60 != SATP_SV39)
		return;
	hart->satp = value;
	mmu_flush(hart);
}

static void write_timer(struct hart *hart, unsigned number, uint64_t value)
{
	if (number == CSR_STIMECMPH)
		value = (hart->timer & LOW) | value << 32;
	else if (is_narrow(hart))
		value = (hart->timer & ~LOW) | (value & LOW);
	hart_set_timer(hart, value);
}

/* What a plain register takes; the rest keeps its value. */
static uint64_t writable(unsigned number)
{
	switch (number) {
	case CSR_SIE:
		return SIP_SOFTWARE | SIP_TIMER | SIP_EXTERNAL;
	case CSR_SIP:
		return SIP_SOFTWARE;
	case CSR_STVEC:
		return ~2ULL;
	case CSR_SCOUNTEREN:
		return 7;
	case CSR_SENVCFG:
		return 1;
	default:
		return ~0ULL;
	}
}

bool csr_write(struct hart *hart, unsigned number, uint64_t value)
{
	uint64_t *target = plain(hart, number);

	if (is_float(number))
		return write_float(hart, number, value);
	if (hart->mode == HART_USER || number >= CSR_CYCLE)
		return false;
	if (number == CSR_SSTATUS)
		write_sstatus(hart, value);
	else if (number == CSR_SATP)
		write_satp(hart, value);
	else if (number == CSR_STIMECMP || (number == CSR_STIMECMPH && is_narrow(hart)))
		write_timer(hart, number, value);
	else if (number == CSR_SEPC)
		hart->sepc = hart_aligned(hart, value);
	else if (target)
		*target = (*target & ~writable(number)) | (value & writable(number));
	return target || number == CSR_SSTATUS || (number == CSR_STIMECMPH && is_narrow(hart));
}
