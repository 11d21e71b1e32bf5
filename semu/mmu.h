/* SPDX-License-Identifier: MIT */
/* Sv39 and Sv32: from the guest's virtual addresses to physical ones and to the host's memory, with a software TLB in front.
 * The TLB holds pages of RAM alone; devices and misaligned accesses take the slow way. An entry's tag is compared together
 * with the low bits of the address, so that one comparison finds the page and refuses what is misaligned.
 * The host is little-endian, as the guest is. */
#ifndef SEMU_MMU_H
#define SEMU_MMU_H

#include <stdbool.h>
#include <stdint.h>

struct code_page;
struct hart;

enum mmu_access { MMU_FETCH, MMU_READ, MMU_WRITE };

enum {
	MMU_PAGE = 4096,
	MMU_TLB_ENTRIES = 256,
};

struct mmu_entry {
	uint64_t tag;  /* the page's virtual address, or all ones */
	uintptr_t add; /* what makes a virtual address the host's */
};

struct mmu_code {
	uint64_t tag;
	struct code_page *page;
};

struct mmu_tlb {
	struct mmu_entry read[MMU_TLB_ENTRIES];
	struct mmu_entry write[MMU_TLB_ENTRIES];
	struct mmu_code fetch[MMU_TLB_ENTRIES];
};

/* From the first to the last address that a large page maps; empty: from is above to. */
struct mmu_span {
	uint64_t from, to;
};

static inline unsigned mmu_index(uint64_t at)
{
	return at / MMU_PAGE % MMU_TLB_ENTRIES;
}

static inline bool mmu_hit(const struct mmu_entry *entry, uint64_t at, unsigned bytes)
{
	return entry->tag == (at & (~(uint64_t)(MMU_PAGE - 1) | (bytes - 1)));
}

void mmu_flush(struct hart *hart);
/* What was mapped at so many bytes from an address; UINT64_MAX bytes are everything. */
void mmu_flush_span(struct hart *hart, uint64_t at, uint64_t bytes);
/* The fetch side alone. */
void mmu_flush_code(struct hart *hart);
/* Each returns false with the hart's fault_cause and fault_value set. */
/* The address is one that hart_word() leaves as it is. */
bool mmu_translate(struct hart *hart, uint64_t at, enum mmu_access access, uint64_t *ret_physical);
bool mmu_load(struct hart *hart, uint64_t at, unsigned bytes, uint64_t *ret_value);
bool mmu_store(struct hart *hart, uint64_t at, unsigned bytes, uint64_t value);
bool mmu_fetch(struct hart *hart, uint64_t at, struct code_page **ret_page);
/* RAM behind an aligned address, for atomic operations. Not for MMU_FETCH. */
bool mmu_host(struct hart *hart, uint64_t at, enum mmu_access access, uint8_t **ret_host);

#endif
