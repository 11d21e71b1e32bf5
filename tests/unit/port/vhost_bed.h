/* SPDX-License-Identifier: MIT */
/* A vhost-user endpoint in a fixture, and a front end of the tests' own (kit/vhost_front.h) connected to it. */
#ifndef TESTS_UNIT_PORT_VHOST_BED_H
#define TESTS_UNIT_PORT_VHOST_BED_H

#include "unit/port/fixture.h"

#include "kit/vhost_front.h"

#define FEATURES(name) VIRTNET_FEATURE(name)

static const uint64_t plain = VIRTNET_FEATURE(VERSION_1) | VIRTNET_FEATURE(MRG_RXBUF);

static inline void pump(void *owner)
{
	struct fixture *fixture = owner;

	for (int i = 0; i < 8; i++) {
		fixture_turn(fixture);
		while (ethswitch_run(fixture->ethswitch))
			;
	}
}

struct bed {
	struct fixture *fixture;
	struct vhost_front front;
	struct port *port;
};

static inline void bed_join(struct bed *bed)
{
	vhost_front_init(&bed->front, fixture_connect(bed->fixture->path, SOCK_STREAM), pump, bed->fixture);
	pump(bed->fixture);
	assert_int_equal(bed->fixture->port_count, 1);
	bed->port = bed->fixture->ports[0];
}

static inline void bed_init(struct bed *bed)
{
	bed->fixture = fixture_new();
	fixture_open(bed->fixture, "vhost-user,path=%s,queue=100000", bed->fixture->path);
	bed_join(bed);
}

static inline void bed_done(struct bed *bed)
{
	vhost_front_done(&bed->front);
	pump(bed->fixture);
	fixture_free(bed->fixture);
}

#endif
