/* SPDX-License-Identifier: MIT */
/* Offloads in the host program's form and in ours. The numbers are the same today; this is what keeps either free to
 * change. */
#include "network/offload.h"

struct gw_offload offload_show(const struct offload *offload)
{
	struct gw_offload same = {.ecn = offload->ecn,
				  .csum_start = offload->csum_start,
				  .csum_offset = offload->csum_offset,
				  .segment_bytes = offload->segment_bytes};

	switch (offload->csum) {
	case CSUM_UNKNOWN:
		same.csum = GW_CSUM_UNKNOWN;
		break;
	case CSUM_PARTIAL:
		same.csum = GW_CSUM_PARTIAL;
		break;
	case CSUM_VERIFIED:
		same.csum = GW_CSUM_VERIFIED;
		break;
	}
	switch (offload->gso) {
	case GSO_NONE:
		same.gso = GW_GSO_NONE;
		break;
	case GSO_TCP4:
		same.gso = GW_GSO_TCP4;
		break;
	case GSO_TCP6:
		same.gso = GW_GSO_TCP6;
		break;
	case GSO_UDP:
		same.gso = GW_GSO_UDP;
		break;
	}
	return same;
}

/* The host program may have the numbers from its guest: an unknown one is a verdict, no assertion. */
enum drop_reason offload_read(const struct gw_offload *offload, struct offload *ret_offload)
{
	static const enum csum_state csums[] = {
		[GW_CSUM_UNKNOWN] = CSUM_UNKNOWN, [GW_CSUM_PARTIAL] = CSUM_PARTIAL, [GW_CSUM_VERIFIED] = CSUM_VERIFIED};
	static const enum gso_type gsos[] = {
		[GW_GSO_NONE] = GSO_NONE, [GW_GSO_TCP4] = GSO_TCP4, [GW_GSO_TCP6] = GSO_TCP6, [GW_GSO_UDP] = GSO_UDP};
	unsigned csum = (unsigned)offload->csum, gso = (unsigned)offload->gso;

	if (gso >= sizeof(gsos) / sizeof(*gsos))
		return DROP_OFFLOAD_GSO_TYPE;
	if (csum >= sizeof(csums) / sizeof(*csums))
		return DROP_OFFLOAD_CSUM_RANGE;
	*ret_offload = (struct offload){.csum = csums[csum],
					.gso = gsos[gso],
					.ecn = offload->ecn,
					.csum_start = offload->csum_start,
					.csum_offset = offload->csum_offset,
					.segment_bytes = offload->segment_bytes};
	return DROP_NONE;
}
