/* SPDX-License-Identifier: MIT */
/* A virtio network device whose registers are the host program's. The data plane is port/virtnet.h's; this file is what
 * connects it to the program: memory, features, queues, and the way out of a lie.
 *
 * A device is its port, attached from its making to its end. A queue is stopped -> started (its place in memory is known)
 * -> stopped; the data plane has a ring for each, the control queue's among them.
 *
 * What surprises: a kick only sets a bit, since it comes from a processor's thread, and wakes the network when it is the
 * first; bits are taken at the beginning and at the end of a turn, so that the one that a wait was ended by is seen at
 * once. The order is what makes it safe: the bit is set before the wake, and the wake is used up before the bits are
 * taken. */
#include "network/virtio.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "network/info.h"
#include "network/network.h"
#include "port/endpoint.h"
#include "port/virtnet.h"

enum virtio_limits {
	VIRTIO_QUEUES_MAX = VIRTNET_RINGS_ALL,
	VIRTIO_QUEUE_BYTES = ENDPOINT_QUEUE_BYTES, /* what waits for the driver's buffers */
	VIRTIO_LINK_UP = 1,
	VIRTIO_MTU_LEAST = 68, /* virtio 1.2, 5.1.4.1 */
};

/* Packed rings begin with both wrap counters at 1 (virtio 1.2, 2.8.1); shown to the program as 0, like a split one. */
#define VIRTIO_PACKED_NEW ((uint32_t)RING_PACKED_START << 16 | RING_PACKED_START)

#define VIRTIO_RESERVED_FEATURES (VIRTNET_FEATURES | VIRTIO_OWN_FEATURES)
#define VIRTIO_OWN_FEATURES                                                                            \
	(VIRTNET_FEATURE(MTU) | VIRTNET_FEATURE(MAC) | VIRTNET_FEATURE(STATUS) | VIRTNET_FEATURE(MQ) | \
	 VIRTNET_FEATURE(CTRL_VQ))

_Static_assert((int)GW_VIRTIO_PAIRS_MAX == VIRTNET_PAIRS_MAX, "virtio.h");
_Static_assert((int)GW_VIRTIO_QUEUE_ENTRIES_MAX == VIRTNET_RING_SIZE_MAX, "virtio.h");
_Static_assert((int)GW_VIRTIO_REGIONS_MAX == MEMORY_REGIONS_MAX, "virtio.h");

struct virtio_queue {
	bool started;
	struct ring_setup setup;
};

struct gw_virtio {
	struct virtnet virtnet;
	struct list link; /* network->virtios */
	struct gw_network *network;
	struct gw_virtio_config config;
	struct mac mac;
	uint64_t offered;
	bool ended;
	struct virtio_queue queues[VIRTIO_QUEUES_MAX];
	_Atomic uint32_t kicked; /* a bit for each queue; the one thing here that other threads touch */
};

_Static_assert(VIRTIO_QUEUES_MAX <= 32, "a bit for each queue");

static struct gw_virtio *virtio_of(struct virtnet *virtnet)
{
	return container_of(virtnet, struct gw_virtio, virtnet);
}

/* ---- what the program is told ---- */

static void virtio_interrupt(struct gw_virtio *virtio, unsigned queue)
{
	if (virtio->ended)
		return;
	virtio->network->calling++;
	virtio->config.on_interrupt(virtio->config.owner, queue);
	virtio->network->calling--;
}

static void virtio_needs_reset(struct gw_virtio *virtio, unsigned queue, enum drop_reason reason)
{
	if (virtio->ended || !virtio->config.on_needs_reset)
		return;
	virtio->network->calling++;
	virtio->config.on_needs_reset(virtio->config.owner, queue, reason);
	virtio->network->calling--;
}

static bool virtio_accepted(const struct gw_virtio *virtio, uint64_t feature)
{
	return virtio->virtnet.features & feature;
}

/* Behind the pairs that may be used: of all that there are, or of the first alone (virtio 1.2, 5.1.2). */
static unsigned virtio_control_queue(const struct gw_virtio *virtio)
{
	if (!virtio_accepted(virtio, VIRTNET_FEATURE(CTRL_VQ)))
		return VIRTIO_QUEUES_MAX;
	return virtio_accepted(virtio, VIRTNET_FEATURE(MQ)) ? 2 * virtio->config.pairs : 2;
}

static unsigned virtio_queue_of(const struct gw_virtio *virtio, uint32_t ring)
{
	return ring == VIRTNET_CONTROL ? virtio_control_queue(virtio) : ring;
}

static void virtio_on_call(struct virtnet *virtnet, uint32_t ring)
{
	struct gw_virtio *virtio = virtio_of(virtnet);

	virtio_interrupt(virtio, virtio_queue_of(virtio, ring));
}

static void virtio_on_broken(struct virtnet *virtnet, uint32_t ring, enum drop_reason reason)
{
	struct gw_virtio *virtio = virtio_of(virtnet);

	virtio_needs_reset(virtio, virtio_queue_of(virtio, ring), reason);
}

static const struct virtnet_owner virtio_owner = {.call = virtio_on_call, .on_broken = virtio_on_broken};

/* ---- queues ---- */

/* The data plane's ring of a queue; false when there is none. */
static bool virtio_ring_of(const struct gw_virtio *virtio, unsigned queue, uint32_t *ret_ring)
{
	bool is_control = queue == virtio_control_queue(virtio);

	if (!is_control && queue >= VIRTNET_RINGS_MAX)
		return false;
	*ret_ring = is_control ? VIRTNET_CONTROL : queue;
	return true;
}

static void virtio_take(struct gw_virtio *virtio)
{
	uint32_t kicked = atomic_exchange_explicit(&virtio->kicked, 0, memory_order_acq_rel), ring;

	for (unsigned queue = 0; kicked; queue++, kicked >>= 1) {
		if (kicked & 1 && virtio_ring_of(virtio, queue, &ring))
			virtnet_kick(&virtio->virtnet, ring);
	}
}

/* The clock is read only when there is something to do: this is asked twice a turn. */
void virtio_take_kicks(struct gw_network *network)
{
	if (!virtio_is_kicked(network))
		return;
	network_set_now(network);
	list_for_each (at, &network->virtios)
		virtio_take(container_of(at, struct gw_virtio, link));
}

bool virtio_is_kicked(const struct gw_network *network)
{
	list_for_each (at, &network->virtios) {
		const struct gw_virtio *virtio = container_of(at, const struct gw_virtio, link);

		if (atomic_load_explicit(&virtio->kicked, memory_order_relaxed))
			return true;
	}
	return false;
}

void gw_virtio_kick(struct gw_virtio *virtio, unsigned queue)
{
	if (queue >= VIRTIO_QUEUES_MAX)
		return;
	/* Who finds another's bit has nothing to do: that one wakes, or has. */
	if (atomic_fetch_or_explicit(&virtio->kicked, UINT32_C(1) << queue, memory_order_acq_rel) == 0)
		gw_network_wake(virtio->network);
}

int gw_virtio_start(struct gw_virtio *virtio, unsigned queue, const struct gw_virtio_queue *given)
{
	struct gw_virtio_queue known;
	struct ring_setup setup;
	uint32_t place, ring;
	int error;

	if (network_read_config(given, sizeof(known), &known, NULL) < 0 || queue >= gw_virtio_queues(virtio) ||
	    virtio->virtnet.features == 0 || !virtio_ring_of(virtio, queue, &ring))
		return -EINVAL;
	if (virtio->queues[queue].started || network_is_busy(virtio->network))
		return -EBUSY;
	place = virtio_accepted(virtio, VIRTNET_FEATURE(RING_PACKED)) ? known.place ^ VIRTIO_PACKED_NEW : known.place;
	setup = (struct ring_setup){.desc = known.desc,
				    .driver = known.driver,
				    .device = known.device,
				    .size = known.entries,
				    .base = {.avail = (uint16_t)place, .used = (uint16_t)(place >> 16)}};
	network_set_now(virtio->network);
	error = virtnet_start(&virtio->virtnet, ring, &setup);
	if (error == 0)
		virtio->queues[queue] = (struct virtio_queue){.started = true, .setup = setup};
	return error;
}

static uint32_t virtio_stop(struct gw_virtio *virtio, unsigned queue)
{
	struct ring_base base;
	uint32_t place, ring;

	if (!virtio->queues[queue].started || !virtio_ring_of(virtio, queue, &ring))
		return 0;
	virtio->queues[queue].started = false;
	base = virtnet_stop(&virtio->virtnet, ring);
	place = (uint32_t)base.used << 16 | base.avail;
	return virtio_accepted(virtio, VIRTNET_FEATURE(RING_PACKED)) ? place ^ VIRTIO_PACKED_NEW : place;
}

int gw_virtio_stop(struct gw_virtio *virtio, unsigned queue, uint32_t *ret_place)
{
	uint32_t place;

	if (queue >= gw_virtio_queues(virtio))
		return -EINVAL;
	if (network_is_busy(virtio->network))
		return -EBUSY;
	place = virtio_stop(virtio, queue);
	if (ret_place)
		*ret_place = place;
	return 0;
}

static void virtio_stop_all(struct gw_virtio *virtio)
{
	for (unsigned queue = 0; queue < VIRTIO_QUEUES_MAX; queue++)
		virtio_stop(virtio, queue);
}

/* ---- memory ---- */

int gw_virtio_memory_add(struct gw_virtio *virtio, uint64_t address, void *host, uint64_t bytes)
{
	if (network_is_busy(virtio->network))
		return -EBUSY;
	if (!host || bytes > UINTPTR_MAX - (uintptr_t)host)
		return -EINVAL;
	return memory_add(&virtio->virtnet.memory, address, bytes, host);
}

/* A ring keeps its pointers: does all of it still stand in the guest's memory? */
static bool virtio_queue_has_memory(const struct virtio_queue *queue)
{
	struct ring probe;

	return ring_init(&probe, &queue->setup) == 0;
}

int gw_virtio_memory_remove(struct gw_virtio *virtio, uint64_t address)
{
	int error = network_is_busy(virtio->network) ? -EBUSY : memory_remove(&virtio->virtnet.memory, address);

	for (unsigned queue = 0; error == 0 && queue < VIRTIO_QUEUES_MAX; queue++) {
		if (!virtio->queues[queue].started || virtio_queue_has_memory(&virtio->queues[queue]))
			continue;
		virtio_stop(virtio, queue);
		port_drop(&virtio->virtnet.port, DROP_RING_ADDRESS, NULL);
		virtio_needs_reset(virtio, queue, DROP_RING_ADDRESS);
	}
	return error;
}

/* ---- features and configuration ---- */

uint64_t gw_virtio_features(const struct gw_virtio *virtio)
{
	return virtio->offered;
}

unsigned gw_virtio_queues(const struct gw_virtio *virtio)
{
	return 2 * virtio->config.pairs + (virtio->offered & VIRTNET_FEATURE(CTRL_VQ) ? 1 : 0);
}

static void virtio_set_features(struct gw_virtio *virtio, uint64_t features)
{
	virtnet_set_features(&virtio->virtnet, features, ethswitch_mtu(virtio->network->ethswitch));
	/* with a control queue it is the data plane's to say */
	virtnet_use(&virtio->virtnet, features & VIRTNET_FEATURE(CTRL_VQ) ? 0 : 1);
}

int gw_virtio_accept(struct gw_virtio *virtio, uint64_t features)
{
	if (features & ~virtio->offered || !(features & VIRTNET_FEATURE(VERSION_1)))
		return -EINVAL;
	if (network_is_busy(virtio->network))
		return -EBUSY;
	for (unsigned queue = 0; queue < VIRTIO_QUEUES_MAX; queue++) {
		if (virtio->queues[queue].started)
			return -EBUSY;
	}
	virtio_set_features(virtio, features);
	return 0;
}

int gw_virtio_reset(struct gw_virtio *virtio)
{
	if (network_is_busy(virtio->network))
		return -EBUSY;
	virtio_stop_all(virtio);
	virtio_set_features(virtio, 0);
	return 0;
}

/* struct virtio_net_config (virtio 1.2, 5.1.4), little endian. */
void gw_virtio_config_read(const struct gw_virtio *virtio, size_t offset, void *ret_bytes, size_t bytes)
{
	uint16_t mtu = (uint16_t)virtio->config.mtu;
	uint8_t all[GW_VIRTIO_CONFIG_BYTES] = {0};

	memcpy(all, &virtio->mac, sizeof(virtio->mac));
	all[6] = VIRTIO_LINK_UP;
	all[8] = (uint8_t)virtio->config.pairs;
	all[10] = (uint8_t)mtu;
	all[11] = (uint8_t)(mtu >> 8);
	memset(ret_bytes, 0, bytes);
	if (offset < sizeof(all))
		memcpy(ret_bytes, all + offset, bytes < sizeof(all) - offset ? bytes : sizeof(all) - offset);
}

static uint64_t virtio_offer(const struct gw_virtio_config *config)
{
	uint64_t features = VIRTNET_FEATURES | VIRTNET_FEATURE(MTU) | VIRTNET_FEATURE(STATUS);

	if (config->mac)
		features |= VIRTNET_FEATURE(MAC);
	if (config->pairs > 1)
		features |= VIRTNET_FEATURE(MQ) | VIRTNET_FEATURE(CTRL_VQ);
	features &= ~config->without;
	/* virtio 1.2, 5.1.3.1: MQ needs the control queue, and that is of no other use here */
	if (!(features & VIRTNET_FEATURE(MQ)) || !(features & VIRTNET_FEATURE(CTRL_VQ)))
		features &= ~(VIRTNET_FEATURE(MQ) | VIRTNET_FEATURE(CTRL_VQ));
	return features | config->also;
}

/* ---- its life ---- */

static int virtio_check_config(struct gw_network *network, const struct gw_virtio_config *config,
			       struct error *ret_error)
{
	uint32_t mtu = ethswitch_mtu(network->ethswitch);

	if (!config->on_interrupt)
		return error_set(ret_error, -EINVAL, "virtio %s: on_interrupt is not given", config->name);
	if (config->pairs > VIRTNET_PAIRS_MAX)
		return error_set(ret_error, -EINVAL, "virtio %s: %u pairs of queues, there can be %d", config->name,
				 config->pairs, VIRTNET_PAIRS_MAX);
	if (config->mtu > mtu)
		return error_set(ret_error, -EMSGSIZE, "virtio %s: mtu=%u, the network's is %u; make it smaller",
				 config->name, config->mtu, mtu);
	if (config->mtu < VIRTIO_MTU_LEAST)
		return error_set(ret_error, -EINVAL, "virtio %s: mtu=%u: no driver takes less than %d", config->name,
				 config->mtu, VIRTIO_MTU_LEAST);
	if (config->without & VIRTNET_FEATURE(VERSION_1))
		return error_set(ret_error, -EINVAL, "virtio %s: VERSION_1 must be offered", config->name);
	if (config->also & VIRTIO_RESERVED_FEATURES)
		return error_set(ret_error, -EINVAL, "virtio %s: `also` has features that are not the transport's",
				 config->name);
	if (config->mac_only && !config->mac)
		return error_set(ret_error, -EINVAL, "virtio %s: mac_only needs mac", config->name);
	return network_check_name(network, "virtio", config->name, ret_error);
}

static int virtio_set_options(struct gw_virtio *virtio, struct error *ret_error)
{
	struct gw_virtio_config *config = &virtio->config;
	struct port *port = &virtio->virtnet.port;

	port->isolated = config->isolated || virtio->network->description.isolated;
	if (!config->mac)
		return 0;
	if (!mac_parse(config->mac, &virtio->mac) || mac_is_group(virtio->mac) || mac_is_zero(virtio->mac))
		return error_set(ret_error, -EINVAL, "virtio %s: mac=%s: not the MAC address of one machine",
				 config->name, config->mac);
	port->locked = config->mac_only;
	port->lock = virtio->mac;
	return 0;
}

/* For all devices of a network: only one thing happens at a time. */
static struct virtnet_scratch *virtio_scratch(struct gw_network *network)
{
	if (!network->virtio_scratch)
		network->virtio_scratch = virtnet_scratch_new();
	return network->virtio_scratch;
}

static struct gw_virtio *virtio_make(struct gw_network *network, const struct gw_virtio_config *config)
{
	struct gw_virtio *virtio = virtio_scratch(network) ? calloc(1, sizeof(*virtio)) : NULL;

	if (!virtio)
		return NULL;
	virtio->network = network;
	virtio->config = *config;
	virtio->offered = virtio_offer(config);
	virtnet_init(&virtio->virtnet, &virtio_owner, network->virtio_scratch, config->name,
		     ethswitch_blocks(network->ethswitch), VIRTIO_QUEUE_BYTES);
	virtio->virtnet.pairs_max = config->pairs;
	virtio_set_features(virtio, 0);
	for (uint32_t ring = 0; ring < VIRTNET_RINGS_ALL; ring++)
		virtnet_switch(&virtio->virtnet, ring, true);
	return virtio;
}

int gw_virtio_new(struct gw_network *network, const struct gw_virtio_config *config, struct gw_virtio **ret_virtio,
		  struct gw_error *ret_error)
{
	char chosen[NETWORK_GUEST_NAME_BYTES];
	struct gw_virtio_config known;
	struct gw_virtio *virtio;
	struct error error = {0};

	if (network_is_busy(network)) {
		error_set(&error, -EBUSY, "a virtio device cannot be made within a callback; make it after the return");
		return network_return_error(ret_error, &error);
	}
	if (network_read_config(config, sizeof(known), &known, &error) < 0)
		return network_return_error(ret_error, &error);
	known.pairs = known.pairs ? known.pairs : 1;
	known.mtu = known.mtu ? known.mtu : ethswitch_mtu(network->ethswitch);
	if (!known.name) {
		network_choose_name(network, "virtio", chosen);
		known.name = chosen;
	}
	if (virtio_check_config(network, &known, &error) < 0)
		return network_return_error(ret_error, &error);
	virtio = virtio_make(network, &known);
	if (!virtio) {
		error_set(&error, -ENOMEM, "virtio %s: out of memory", known.name);
		return network_return_error(ret_error, &error);
	}
	if (virtio_set_options(virtio, &error) < 0) {
		virtnet_done(&virtio->virtnet);
		free(virtio);
		return network_return_error(ret_error, &error);
	}
	virtio->config.name = virtio->virtnet.port.name;
	virtio->config.mac = NULL; /* the caller's memory; read already */
	list_append(&network->virtios, &virtio->link);
	network_set_now(network);
	ethswitch_attach(network->ethswitch, &virtio->virtnet.port);
	*ret_virtio = virtio;
	network_on_joined(network, &virtio->virtnet.port, NULL, "in this process");
	return 0;
}

void gw_virtio_free(struct gw_virtio *virtio)
{
	struct port *port;

	if (!virtio)
		return;
	port = &virtio->virtnet.port;
	virtio->ended = true;
	list_remove(&virtio->link);
	virtio_stop_all(virtio);
	virtnet_done(&virtio->virtnet);
	network_on_left(virtio->network, port, "freed");
	ethswitch_detach(port);
	free(virtio);
}

void virtio_done(struct gw_network *network)
{
	list_for_each_safe (at, &network->virtios)
		gw_virtio_free(container_of(at, struct gw_virtio, link));
	virtnet_scratch_free(network->virtio_scratch);
	network->virtio_scratch = NULL;
}

void gw_virtio_describe(struct gw_virtio *virtio, void (*on_port)(void *owner, const struct gw_port_info *info),
			void *owner)
{
	info_describe_port(virtio->network, &virtio->virtnet.port, on_port, owner);
}
