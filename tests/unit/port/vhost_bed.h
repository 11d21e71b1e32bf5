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

/* Lets the back end work, and reads what it answers. */
static inline void bed_settle(struct bed *bed)
{
	uint8_t answers[1024];

	pump(bed->fixture);
	while (recv(bed->front.fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
	pump(bed->fixture);
}

/* What a guest was told of, or left for: the one reason that is no frame's. */
static inline enum drop_reason bed_verdict(const struct bed *bed)
{
	const struct drops *drops = bed->fixture->port_count > 0 ? &bed->port->counters.drops : &bed->fixture->gone;

	for (int i = DROP_VHOST_VERSION; i <= DROP_VHOST_FAULT; i++) {
		if (drops->count[i] > 0)
			return (enum drop_reason)i;
	}
	return DROP_NONE;
}

static inline void check_verdict(const struct bed *bed, const char *what, const char *how, enum drop_reason wanted)
{
	enum drop_reason verdict = bed_verdict(bed);

	if (verdict != wanted)
		fail_msg("%s, %s: %s instead of %s", what, how, verdict ? drop_name(verdict) : "nothing",
			 wanted ? drop_name(wanted) : "nothing");
	if (wanted == DROP_NONE && bed->fixture->port_count == 0)
		fail_msg("%s, %s: the guest left: %s", what, how, bed->fixture->reason);
}

/* How many mappings of files that live in memory there are. */
static inline unsigned mappings(void)
{
	char line[512];
	unsigned count = 0;
	FILE *file = fopen("/proc/self/maps", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "memfd:") != NULL;
	fclose(file);
	return count;
}

/* Nobody polls for ever: with nothing said nothing happens. */
static inline void check_rest(const struct bed *bed)
{
	struct loop *loop = bed->fixture->loop;
	int turns = 0;

	while (turns < 20 && (loop_turn(loop, 0) > 0 || loop_timeout_us(loop) >= 0))
		turns++;
	assert_true(turns < 20);
}

#endif
