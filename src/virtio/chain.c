/* SPDX-License-Identifier: MIT */
/* See chain.h. */
#include "virtio/chain.h"

#include <errno.h>

#include "virtio/layout.h"

enum drop_reason chain_add(struct chain *chain, const struct chain_entry *entry)
{
	uint32_t used = chain->readable_pieces + chain->writable_pieces;
	int count;

	if (!(chain->direction & (entry->writable ? RING_TO_GUEST : RING_FROM_GUEST)) ||
	    (!entry->writable && chain->writable_pieces > 0))
		return DROP_RING_DIRECTION;
	if (entry->bytes == 0)
		return DROP_RING_LENGTH;
	count = memory_slice(chain->memory, entry->address, entry->bytes, chain->pieces + used, chain->most - used);
	if (count == -ENOSPC) {
		chain->full = true;
		return DROP_RING_CHAIN_LONG;
	}
	if (count < 0)
		return DROP_RING_ADDRESS;
	*(entry->writable ? &chain->writable_pieces : &chain->readable_pieces) += (uint32_t)count;
	*(entry->writable ? &chain->writable_bytes : &chain->readable_bytes) += entry->bytes;
	return chain->readable_bytes + chain->writable_bytes > UINT32_MAX ? DROP_RING_LENGTH : DROP_NONE;
}

enum drop_reason chain_table(struct chain *chain, const struct chain_entry *entry, const void **ret_table,
			     uint32_t *ret_entries)
{
	uint32_t entries = entry->bytes / (uint32_t)sizeof(struct split_desc);
	const void *table;

	if (entries == 0 || entries > RING_INDIRECT_MAX || entry->bytes % sizeof(struct split_desc))
		return DROP_RING_INDIRECT;
	table = memory_at(chain->memory, entry->address, entry->bytes);
	if (!table)
		return DROP_RING_ADDRESS;
	*ret_table = table;
	*ret_entries = entries;
	return DROP_NONE;
}
