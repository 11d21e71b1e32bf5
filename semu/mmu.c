/* SPDX-License-Identifier: MIT */
/* The page-table walk, and the slow way of loads and stores. Nothing outside of the guest's RAM is ever read or written here
 * except by the machine's device callbacks: the page tables are the guest's, and each address in them is checked.
 * Accessed and dirty bits are set by the walk (Svadu's way), which needs no trap into the guest. */
#include "semu/mmu.h"

#include <string.h>

#include "semu/code.h"
#include "semu/hart.h"
#include "semu/trap.h"

enum {
	PTE_V = 1,
	PTE_R = 2,
	PTE_W = 4,
	PTE_X = 8,
	PTE_U = 16,
	PTE_A = 64,
	PTE_D = 128,
};

/* Sv39 and Sv32 differ in sizes alone. */
struct format {
	unsigned levels, bits, entry_bytes, root_bits;
};

static const struct format sv39 = {3, 9, 8, 44}, sv32 = {2, 10, 4, 22};

static const uint64_t PTE_RESERVED = 0x3ffULL << 54; /* Svnapot, Svpbmt and what nobody has defined */

void mmu_flush(struct hart *hart)
{
	memset(hart->tlbs, 0xff, sizeof(hart->tlbs));
	hart->large[0] = hart->large[1] = (struct mmu_span){.from = UINT64_MAX};
}

/* A large page is in the TLB in pieces, each of which an address in any of them takes away. */
static void note_large(struct hart *hart, uint64_t at, uint64_t below)
{
	struct mmu_span *span = &hart->large[at >> 63];

	if (span->from > (at & ~below))
		span->from = at & ~below;
	if (span->to < (at | below))
		span->to = at | below;
}

static void flush_page(struct hart *hart, uint64_t tag)
{
	const unsigned index = mmu_index(tag);

	for (unsigned i = 0; i < sizeof(hart->tlbs) / sizeof(hart->tlbs[0]); i++) {
		struct mmu_tlb *tlb = &hart->tlbs[i];

		if (tlb->read[index].tag == tag)
			tlb->read[index].tag = UINT64_MAX;
		if (tlb->write[index].tag == tag)
			tlb->write[index].tag = UINT64_MAX;
		if (tlb->fetch[index].tag == tag)
			tlb->fetch[index].tag = UINT64_MAX;
	}
}

void mmu_flush_span(struct hart *hart, uint64_t at, uint64_t bytes)
{
	enum { PAGES_MOST = 32 };
	const uint64_t first = hart_word(hart, at), last = first + bytes - 1;
	const struct mmu_span *span = &hart->large[first >> 63];

	if (last < first || bytes > PAGES_MOST * MMU_PAGE || (span->from <= last && first <= span->to)) {
		mmu_flush(hart);
		return;
	}
	for (uint64_t page = first / MMU_PAGE; page <= last / MMU_PAGE; page++)
		flush_page(hart, page * MMU_PAGE);
}

void mmu_flush_code(struct hart *hart)
{
	for (unsigned i = 0; i < sizeof(hart->tlbs) / sizeof(hart->tlbs[0]); i++)
		memset(hart->tlbs[i].fetch, 0xff, sizeof(hart->tlbs[i].fetch));
}

static bool refuse(struct hart *hart, uint64_t cause, uint64_t at)
{
	hart->fault_cause = cause;
	hart->fault_value = at;
	return false;
}

static bool refuse_page(struct hart *hart, uint64_t at, enum mmu_access access)
{
	static const uint64_t causes[] = {TRAP_FETCH_PAGE, TRAP_LOAD_PAGE, TRAP_STORE_PAGE};

	return refuse(hart, causes[access], at);
}

static bool refuse_access(struct hart *hart, uint64_t at, enum mmu_access access)
{
	static const uint64_t causes[] = {TRAP_FETCH_ACCESS, TRAP_LOAD_ACCESS, TRAP_STORE_ACCESS};

	return refuse(hart, causes[access], at);
}

static uint8_t *ram_at(const struct hart *hart, uint64_t physical, uint64_t bytes)
{
	const struct hart_machine *machine = hart->machine;
	const uint64_t offset = physical - machine->ram_start;

#ifdef PLANTED
	if (offset - machine->ram_bytes < 64)
		return machine->ram + offset;
#endif
	if (physical < machine->ram_start || offset > machine->ram_bytes || machine->ram_bytes - offset < bytes)
		return NULL;
	return machine->ram + offset;
}

/* Privileged specification 4.3.2, steps 5 to 7. */
static bool leaf_allows(const struct hart *hart, uint64_t pte, enum mmu_access access)
{
	const bool user = pte & PTE_U;

	if (hart->mode == HART_USER && !user)
		return false;
	if (hart->mode == HART_SUPERVISOR && user && (access == MMU_FETCH || !(hart->sstatus & SSTATUS_SUM)))
		return false;
	if (access == MMU_FETCH)
		return pte & PTE_X;
	if (access == MMU_WRITE)
		return pte & PTE_W;
	return pte & PTE_R || (pte & PTE_X && hart->sstatus & SSTATUS_MXR);
}

/* below: the mask of what is within the page, which may be a large one. */
static bool leaf_use(struct hart *hart, uint64_t at, enum mmu_access access, uint8_t *slot, uint64_t pte,
		     uint64_t below, uint64_t *ret_physical)
{
	const uint64_t physical = (pte >> 10) * MMU_PAGE;
	uint8_t low;

	if (!leaf_allows(hart, pte, access) || physical & below)
		return refuse_page(hart, at, access);
	low = (uint8_t)(pte | PTE_A | (access == MMU_WRITE ? PTE_D : 0U));
	memcpy(slot, &low, sizeof(low));
	if (below >= MMU_PAGE)
		note_large(hart, at, below);
	*ret_physical = physical | (at & below);
	return true;
}

static uint64_t read_entry(const uint8_t *slot, const struct format *format)
{
	uint64_t wide;
	uint32_t narrow;

	if (format->entry_bytes == sizeof(narrow)) {
		memcpy(&narrow, slot, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, slot, sizeof(wide));
	return wide;
}

static bool walk(struct hart *hart, const struct format *format, uint64_t at, enum mmu_access access,
		 uint64_t *ret_physical)
{
	uint64_t table = (hart->satp & ((1ULL << format->root_bits) - 1)) * MMU_PAGE;

	for (unsigned level = format->levels; level--;) {
		const unsigned shift = 12 + format->bits * level;
		const uint64_t index = at >> shift & ((1U << format->bits) - 1);
		uint8_t *slot = ram_at(hart, table + index * format->entry_bytes, format->entry_bytes);
		uint64_t pte;

		if (!slot)
			return refuse_access(hart, at, access);
		pte = read_entry(slot, format);
		if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED)
			return refuse_page(hart, at, access);
		if (pte & (PTE_R | PTE_X))
			return leaf_use(hart, at, access, slot, pte, (1ULL << shift) - 1, ret_physical);
		if (pte & (PTE_U | PTE_A | PTE_D))
			return refuse_page(hart, at, access);
		table = (pte >> 10) * MMU_PAGE;
	}
	return refuse_page(hart, at, access);
}

bool mmu_translate(struct hart *hart, uint64_t at, enum mmu_access access, uint64_t *ret_physical)
{
	const bool narrow = hart->machine->word == 32;

	if (!(hart->satp >> (narrow ? 31 : 60))) {
		*ret_physical = narrow ? (uint32_t)at : at;
		return true;
	}
	if (!narrow && (uint64_t)((int64_t)(at << 25) >> 25) != at)
		return refuse_page(hart, at, access);
	return walk(hart, narrow ? &sv32 : &sv39, at, access, ret_physical);
}

static struct mmu_entry *slot_of(struct hart *hart, enum mmu_access access, uint64_t at)
{
	return access == MMU_WRITE ? &hart->tlb->write[mmu_index(at)] : &hart->tlb->read[mmu_index(at)];
}

/* A read never fills the slot for writing, so that the first write walks and sets the dirty bit. */
static void remember(struct hart *hart, uint64_t at, enum mmu_access access, const uint8_t *host)
{
	struct mmu_entry *entry = slot_of(hart, access, at);

	entry->tag = at & ~(uint64_t)(MMU_PAGE - 1);
	entry->add = (uintptr_t)host - (uintptr_t)at;
}

bool mmu_host(struct hart *hart, uint64_t at, enum mmu_access access, uint8_t **ret_host)
{
	const struct mmu_entry *entry;
	uint64_t physical;
	uint8_t *host;

	at = hart_word(hart, at);
	entry = slot_of(hart, access, at);
	if (mmu_hit(entry, at, 1)) {
		*ret_host = (uint8_t *)(entry->add + (uintptr_t)at);
		return true;
	}
	if (!mmu_translate(hart, at, access, &physical))
		return false;
	host = ram_at(hart, physical, 1);
	if (!host)
		return refuse_access(hart, at, access);
	remember(hart, at, access, host);
	*ret_host = host;
	return true;
}

bool mmu_fetch(struct hart *hart, uint64_t at, struct code_page **ret_page)
{
	const struct hart_machine *machine = hart->machine;
	struct mmu_code *slot;
	uint64_t physical;
	const uint8_t *host;

	at = hart_word(hart, at);
	slot = &hart->tlb->fetch[mmu_index(at)];
	if (slot->tag == (at & ~(uint64_t)(MMU_PAGE - 1))) {
		*ret_page = slot->page;
		return true;
	}
	if (!mmu_translate(hart, at, MMU_FETCH, &physical))
		return false;
	host = ram_at(hart, physical & ~(uint64_t)(MMU_PAGE - 1), MMU_PAGE);
	if (!host)
		return refuse_access(hart, at, MMU_FETCH);
	slot->tag = at & ~(uint64_t)(MMU_PAGE - 1);
	slot->page = code_page_at(machine->code, machine->ram, (uint64_t)(host - machine->ram));
	*ret_page = slot->page;
	return true;
}

static bool load_aligned(struct hart *hart, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	const struct hart_machine *machine = hart->machine;
	uint64_t physical, value = 0;
	uint8_t *host;

	if (!mmu_translate(hart, at, MMU_READ, &physical))
		return false;
	host = ram_at(hart, physical, bytes);
	if (!host)
		return machine->load(machine->owner, physical, bytes, ret_value) || refuse_access(hart, at, MMU_READ);
	remember(hart, at, MMU_READ, host);
	memcpy(&value, host, bytes);
	*ret_value = value;
	return true;
}

bool mmu_load(struct hart *hart, uint64_t at, unsigned bytes, uint64_t *ret_value)
{
	uint64_t value = 0;
	uint8_t *host;

	at = hart_word(hart, at);
	if (!(at & (bytes - 1)))
		return load_aligned(hart, at, bytes, ret_value);
	for (unsigned i = 0; i < bytes; i++) {
		if (!mmu_host(hart, at + i, MMU_READ, &host))
			return false;
		value |= (uint64_t)*host << (8 * i);
	}
	*ret_value = value;
	return true;
}

static bool store_aligned(struct hart *hart, uint64_t at, unsigned bytes, uint64_t value)
{
	const struct hart_machine *machine = hart->machine;
	uint64_t physical;
	uint8_t *host;

	if (!mmu_translate(hart, at, MMU_WRITE, &physical))
		return false;
	host = ram_at(hart, physical, bytes);
	if (!host)
		return machine->store(machine->owner, physical, bytes, value) || refuse_access(hart, at, MMU_WRITE);
	remember(hart, at, MMU_WRITE, host);
	memcpy(host, &value, bytes);
	return true;
}

bool mmu_store(struct hart *hart, uint64_t at, unsigned bytes, uint64_t value)
{
	const uint64_t second = (hart_word(hart, at) + bytes - 1) & ~(uint64_t)(MMU_PAGE - 1);
	uint8_t *host;

	at = hart_word(hart, at);
	if (!(at & (bytes - 1)))
		return store_aligned(hart, at, bytes, value);
	/* Both pages first: a store that faults has written nothing. */
	if (!mmu_host(hart, at, MMU_WRITE, &host))
		return false;
	if (second != (at & ~(uint64_t)(MMU_PAGE - 1)) && !mmu_host(hart, second, MMU_WRITE, &host))
		return false;
	for (unsigned i = 0; i < bytes; i++) {
		if (!mmu_host(hart, at + i, MMU_WRITE, &host))
			return false;
		*host = (uint8_t)(value >> (8 * i));
	}
	return true;
}
