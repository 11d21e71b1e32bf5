/* SPDX-License-Identifier: MIT */
/* A port that keeps what it is given, flat, for a test to look at. */
#ifndef UNIT_FABRIC_RECORD_PORT_H
#define UNIT_FABRIC_RECORD_PORT_H

#include <stdlib.h>
#include <string.h>

#include "fabric/port.h"

enum { RECORD_FRAMES = 4096 };

struct record {
	uint8_t *bytes;
	uint32_t length;
	struct offload offload;
};

struct record_port {
	struct port port;
	struct record frames[RECORD_FRAMES];
	size_t count;
	size_t flushes;
	size_t pieces_max;
	uint64_t last_frame; /* where the head of the last frame lay */
	void (*on_queue)(struct record_port *record);
	void (*on_flush)(struct record_port *record);
	void (*on_run)(struct record_port *record);
	void *owner;
};

static inline void record_queue(struct port *port, const struct frame *frame)
{
	struct record_port *record = container_of(port, struct record_port, port);
	struct record *kept = &record->frames[record->count++ % RECORD_FRAMES];

	free(kept->bytes);
	kept->bytes = malloc(frame->length);
	kept->length = frame->length;
	kept->offload = frame->offload;
	frame_copy(frame, 0, kept->bytes, frame->length);
	if (frame->body_pieces > record->pieces_max)
		record->pieces_max = frame->body_pieces;
	record->last_frame = (uint64_t)(uintptr_t)frame->head;
	port->counters.to_guest.frames++;
	port->counters.to_guest.bytes += frame->length;
	if (record->on_queue)
		record->on_queue(record);
}

static inline void record_flush(struct port *port)
{
	struct record_port *record = container_of(port, struct record_port, port);

	record->flushes++;
	if (record->on_flush)
		record->on_flush(record);
}

static inline void record_run(struct port *port)
{
	struct record_port *record = container_of(port, struct record_port, port);

	if (record->on_run)
		record->on_run(record);
}

static const struct port_ops record_ops = {.queue = record_queue, .flush = record_flush, .run = record_run};

static inline void record_port_init(struct record_port *record, const char *name)
{
	memset(record, 0, sizeof(*record));
	port_init(&record->port, &record_ops, name);
	record->port.accepts.frame_bytes = 1514;
}

static inline void record_port_clear(struct record_port *record)
{
	for (size_t i = 0; i < RECORD_FRAMES; i++) {
		free(record->frames[i].bytes);
		record->frames[i] = (struct record){0};
	}
	record->count = record->flushes = record->pieces_max = 0;
}

#endif
