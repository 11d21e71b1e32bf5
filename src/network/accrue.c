/* SPDX-License-Identifier: MIT */
/* See accrue.h. While a stream goes on the timer is moved ahead of it and never due. */
#include "network/accrue.h"

#include "os/socket.h"

static void accrue_measure_anew(struct accrual *accrual)
{
	accrual->since_us = accrual->last_us;
	accrual->bytes = 0;
}

static void accrue_stop(struct accrual *accrual)
{
	if (accrual->patience_us == 0)
		return;
	accrual->patience_us = 0;
	timer_clear(loop_timers(accrual->loop), &accrual->timer);
	(void)socket_tell_from(accrual->fd, 1);
}

static void accrue_on_timer(void *owner, uint64_t now_us)
{
	struct accrual *accrual = owner;

	(void)now_us;
	accrue_stop(accrual);
	accrual->on_pause(accrual->owner);
}

void accrue_init(struct accrual *accrual, struct loop *loop, void (*on_pause)(void *owner), void *owner)
{
	*accrual = (struct accrual){.loop = loop, .on_pause = on_pause, .owner = owner};
	timer_init(&accrual->timer, accrue_on_timer, accrual);
}

/* Whether it is quick enough, and then how long it is waited for. */
static uint64_t accrue_patience(const struct accrual *accrual)
{
	uint64_t patience_us = (accrual->last_us - accrual->since_us) * 4 * ACCRUE_BYTES / accrual->bytes;

	if (patience_us > ACCRUE_PATIENCE_US)
		return 0;
	return patience_us > ACCRUE_PATIENCE_LEAST_US ? patience_us : ACCRUE_PATIENCE_LEAST_US;
}

static void accrue_measure(struct accrual *accrual, size_t bytes, uint64_t now_us)
{
	bool paused = now_us - accrual->last_us > ACCRUE_PATIENCE_US;

	accrual->last_us = now_us;
	if (paused) {
		accrue_measure_anew(accrual);
		return;
	}
	accrual->bytes += bytes;
	if (accrual->bytes < ACCRUE_MEASURE_BYTES)
		return;
	accrual->patience_us = accrue_patience(accrual);
	accrue_measure_anew(accrual);
	if (accrual->patience_us > 0 && socket_tell_from(accrual->fd, ACCRUE_BYTES) < 0)
		accrual->patience_us = 0;
}

void accrue_moved(struct accrual *accrual, int fd, size_t bytes)
{
	uint64_t now_us = loop_now_us(accrual->loop);

	accrual->fd = fd;
	if (accrual->patience_us == 0)
		accrue_measure(accrual, bytes, now_us);
	accrual->last_us = now_us;
	if (accrual->patience_us > 0)
		timer_set(loop_timers(accrual->loop), &accrual->timer, now_us + accrual->patience_us);
}

void accrue_end(struct accrual *accrual)
{
	accrue_stop(accrual);
}
