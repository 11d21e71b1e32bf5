/* SPDX-License-Identifier: MIT */
/* Guests whose memory is the wire: the socket by which a front end (QEMU, cloud-hypervisor, crosvm, DPDK, User Mode Linux)
 * says where memory and rings are. A message is read as a header and then as its payload, with the descriptors that came
 * along; it is checked (wire/vhost.h), done (vhost_device.h) and answered at once. Frames never pass here.
 *
 * A front end that lies is closed, under the lie's name, and with it its guest; it may connect again. What surprises: a
 * request that could not be done is answered with a failure where the front end asked for one (REPLY_ACK), and ends the
 * guest where not, since it would go on as if it had been. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "fabric/ethswitch.h"
#include "os/bell.h"
#include "os/limbo.h"
#include "os/socket.h"
#include "port/doorway.h"
#include "port/kinds.h"
#include "port/vhost_device.h"

enum vhost_user_limits {
	VHOST_MESSAGES_PER_TURN = 32,
	VHOST_DESCRIPTORS_TAKEN = SOCKET_RIGHTS_MOST, /* what did not come to us the kernel would close, in our turn */
};

struct vhost_user {
	struct endpoint endpoint;
	struct doorway doorway;
	struct list guests;
	uint32_t pairs_max;
	struct virtnet_scratch *scratch;
};

struct vhost_guest {
	struct vhost_device device;
	struct vhost_user *user;
	struct list link;
	struct watch watch;
	struct task task;
	int fd;
	uint32_t have; /* bytes of the message so far */
	struct vhost_exchange exchange;
	enum drop_reason leaving; /* DROP_NONE: it stays */
};

static struct vhost_user *vhost_user_of(struct endpoint *endpoint)
{
	return container_of(endpoint, struct vhost_user, endpoint);
}

static struct vhost_guest *vhost_guest_of(struct vhost_device *device)
{
	return container_of(device, struct vhost_guest, device);
}

/* ---- leaving ---- */

static struct limbo *vhost_guest_limbo(const struct vhost_guest *guest)
{
	return guest->user->endpoint.setup->limbo;
}

/* Behind whatever may have filled it. */
static void vhost_user_look_at_limbo(struct vhost_user *user)
{
	struct limbo *limbo = user->endpoint.setup->limbo;

	if (limbo->told || !limbo_is_full(limbo))
		return;
	limbo->told = true;
	endpoint_notice(&user->endpoint,
			"so many descriptors came that may never close, and are kept therefore, that no more are "
			"taken: vhost-user guests cannot join any more before a restart");
}

static void vhost_guest_close_descriptors(struct vhost_guest *guest)
{
	struct vhost_exchange *exchange = &guest->exchange;

	for (uint32_t i = 0; i < exchange->descriptor_count; i++) {
		if (exchange->descriptors[i] >= 0)
			limbo_close(vhost_guest_limbo(guest), exchange->descriptors[i]);
	}
	exchange->descriptor_count = 0;
	vhost_user_look_at_limbo(guest->user);
}

static void vhost_guest_leave(struct vhost_guest *guest, const char *reason)
{
	struct vhost_user *user = guest->user;
	const struct endpoint_setup *setup = user->endpoint.setup;

	user->endpoint.guests--;
	loop_unwatch(setup->loop, &guest->watch);
	vhost_device_done(&guest->device);
	/* behind the last access to the guest's memory, whose fault would put it off again */
	loop_cancel(setup->loop, &guest->task);
	virtnet_done(&guest->device.virtnet);
	if (setup->on_left)
		setup->on_left(setup->owner, &user->endpoint, &guest->device.virtnet.port, reason);
	ethswitch_detach(&guest->device.virtnet.port);
	vhost_guest_close_descriptors(guest);
	limbo_close_connection(setup->limbo, guest->fd);
	vhost_user_look_at_limbo(user);
	list_remove(&guest->link);
	free(guest);
	doorway_left(&user->doorway);
}

static void vhost_guest_on_turn(void *owner)
{
	struct vhost_guest *guest = owner;

	port_drop(&guest->device.virtnet.port, guest->leaving, NULL);
	vhost_guest_leave(guest, drop_text(guest->leaving));
}

/* Counted and gone at the end of the turn. */
static void vhost_guest_leave_later(struct vhost_guest *guest, enum drop_reason reason)
{
	if (guest->leaving != DROP_NONE)
		return;
	guest->leaving = reason;
	loop_defer(guest->user->endpoint.setup->loop, &guest->task);
}

static void vhost_guest_on_lost(struct vhost_device *device, enum drop_reason reason)
{
	vhost_guest_leave_later(vhost_guest_of(device), reason);
}

/* ---- messages ---- */

static bool vhost_guest_answer(struct vhost_guest *guest, uint32_t bytes)
{
	struct vhost_exchange *exchange = &guest->exchange;
	struct vhost_header header = {.request = exchange->header.request,
				      .flags = VHOST_VERSION | VHOST_REPLY,
				      .bytes = bytes};
	struct iovec pieces[2] = {{&header, VHOST_HEADER_BYTES}, {exchange->payload.bytes, bytes}};
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

	return sendmsg(guest->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(VHOST_HEADER_BYTES + bytes);
}

/* A whole message. */
static enum drop_reason vhost_guest_serve(struct vhost_guest *guest)
{
	struct vhost_exchange *exchange = &guest->exchange;
	enum drop_reason reason =
		vhost_payload_check(&exchange->header, &exchange->payload, exchange->descriptor_count);
	bool acknowledged;

	if (reason != DROP_NONE)
		return reason;
	reason = vhost_device_request(&guest->device, exchange);
	vhost_guest_close_descriptors(guest);
	/* Asked only now: User Mode Linux wants the very request that agrees on it acknowledged. */
	acknowledged =
		exchange->header.flags & VHOST_NEED_REPLY && guest->device.protocol & UINT64_C(1) << VHOST_P_REPLY_ACK;
	if (reason == DROP_NONE && exchange->answer_bytes > 0)
		return vhost_guest_answer(guest, exchange->answer_bytes) ? DROP_NONE : DROP_VHOST_STUCK;
	if (!acknowledged || vhost_is_answered(exchange->header.request))
		return reason;
	if (reason != DROP_NONE)
		port_drop(&guest->device.virtnet.port, reason, NULL);
	exchange->payload.number = reason != DROP_NONE;
	return vhost_guest_answer(guest, sizeof(uint64_t)) ? DROP_NONE : DROP_VHOST_STUCK;
}

/* Keeps what came along; false when it was more than any message has. */
static bool vhost_guest_keep(struct vhost_guest *guest, const struct msghdr *message)
{
	struct vhost_exchange *exchange = &guest->exchange;
	bool fits = !(message->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR((struct msghdr *)message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
			if (exchange->descriptor_count < VHOST_REGIONS_MAX) {
				exchange->descriptors[exchange->descriptor_count++] = fd;
				continue;
			}
			limbo_close(vhost_guest_limbo(guest), fd);
			fits = false;
		}
	}
	return fits;
}

/* As many bytes as the message still lacks. 0: the far end closed; -EAGAIN; -EMFILE: no descriptors are taken any more. */
static ssize_t vhost_guest_receive(struct vhost_guest *guest, void *to, size_t bytes, bool *ret_fits)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(VHOST_DESCRIPTORS_TAKEN * sizeof(int))];
	} control;
	struct iovec piece = {to, bytes};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control)};
	ssize_t got = limbo_receive(vhost_guest_limbo(guest), guest->fd, &message);

	if (got < 0)
		return -errno;
	*ret_fits = vhost_guest_keep(guest, &message);
	return got;
}

/* One step: 1 when there may be more, 0 when not; else the guest leaves, for the reason. */
static int vhost_guest_step(struct vhost_guest *guest, const char **ret_reason)
{
	struct vhost_exchange *exchange = &guest->exchange;
	bool in_header = guest->have < VHOST_HEADER_BYTES, fits = true;
	uint32_t whole = VHOST_HEADER_BYTES + (in_header ? 0 : exchange->header.bytes);
	uint8_t *to = in_header ? (uint8_t *)&exchange->header + guest->have
				: exchange->payload.bytes + (guest->have - VHOST_HEADER_BYTES);
	enum drop_reason reason = DROP_NONE;
	ssize_t got = vhost_guest_receive(guest, to, whole - guest->have, &fits);

	if (got == -EAGAIN || got == -EINTR)
		return 0;
	if (got <= 0 && got != -EMFILE) {
		*ret_reason = got == 0 ? "closed the connection" : error_name((int)got);
		return -1;
	}
	guest->have += got > 0 ? (uint32_t)got : 0;
	if (got < 0)
		reason = DROP_VHOST_LIMBO;
	else if (!fits)
		reason = DROP_VHOST_DESCRIPTORS;
	else if (guest->have == VHOST_HEADER_BYTES)
		reason = vhost_header_check(&exchange->header);
	if (reason == DROP_NONE && guest->have >= VHOST_HEADER_BYTES &&
	    guest->have == VHOST_HEADER_BYTES + exchange->header.bytes) {
		guest->have = 0;
		reason = vhost_guest_serve(guest);
		memset(&exchange->payload, 0, sizeof(exchange->payload));
	}
	if (reason == DROP_NONE)
		return 1;
	port_drop(&guest->device.virtnet.port, reason, NULL);
	*ret_reason = drop_text(reason);
	return -1;
}

static void vhost_guest_on_ready(void *owner, unsigned events)
{
	struct vhost_guest *guest = owner;
	const char *reason = NULL;
	int more = 1;

	(void)events;
	for (int i = 0; i < VHOST_MESSAGES_PER_TURN && more == 1; i++)
		more = vhost_guest_step(guest, &reason);
	if (more < 0)
		vhost_guest_leave(guest, reason);
}

/* ---- joining ---- */

/* The descriptor is the guest's when it returns 0. */
static int vhost_user_admit(struct endpoint *endpoint, int fd, const char *name, const char *far_end)
{
	struct vhost_user *user = vhost_user_of(endpoint);
	const struct endpoint_setup *setup = endpoint->setup;
	const struct endpoint_options *options = &endpoint->options;
	struct vhost_guest *guest = calloc(1, sizeof(*guest));
	struct virtnet *virtnet;
	int code;

	if (!guest)
		return -ENOMEM;
	virtnet = &guest->device.virtnet;
	guest->user = user;
	guest->fd = fd;
	snprintf(guest->device.far_end, sizeof(guest->device.far_end), "%s", far_end);
	virtnet_init(virtnet, &vhost_device_owner, user->scratch, name, ethswitch_blocks(setup->ethswitch),
		     options->queue_bytes);
	(void)bell_open(setup->bell);
	limbo_open_connection(fd);
	vhost_device_init(&guest->device, setup, user->pairs_max, vhost_guest_on_lost);
	virtnet->port.isolated = options->isolated;
	virtnet->port.adopt_csum = options->adopt_csum;
	virtnet->port.locked = options->locked;
	virtnet->port.lock = options->lock;
	task_init(&guest->task, vhost_guest_on_turn, guest);
	watch_init(&guest->watch, fd, vhost_guest_on_ready, guest);
	code = loop_watch(setup->loop, &guest->watch, LOOP_READ);
	if (code < 0) {
		free(guest);
		return code;
	}
	list_append(&user->guests, &guest->link);
	endpoint->guests++;
	ethswitch_attach(setup->ethswitch, &virtnet->port);
	if (setup->on_joined)
		setup->on_joined(setup->owner, endpoint, &virtnet->port);
	return 0;
}

/* In a signal handler, but of a signal that comes of an access of this thread to guest memory: whoever changes the lists
 * of guests and of tasks makes none, so they are whole here. */
static bool vhost_user_fault(struct endpoint *endpoint, const void *at)
{
	struct vhost_user *user = vhost_user_of(endpoint);

	list_for_each (link, &user->guests) {
		struct vhost_guest *guest = container_of(link, struct vhost_guest, link);

		if (vhost_device_fault(&guest->device, at)) {
			vhost_guest_leave_later(guest, DROP_VHOST_FAULT);
			return true;
		}
	}
	return false;
}

static void vhost_user_close(struct endpoint *endpoint)
{
	struct vhost_user *user = vhost_user_of(endpoint);

	doorway_close(&user->doorway);
	list_for_each_safe (at, &user->guests)
		vhost_guest_leave(container_of(at, struct vhost_guest, link), "closed");
	virtnet_scratch_free(user->scratch);
	free(user);
}

/* ---- opening ---- */

static int vhost_user_open_words(struct vhost_user *user, struct spec *spec, struct error *ret_error)
{
	struct doorway_words words = {
		.path = spec_string(spec, "path"),
		.connect = spec_string(spec, "connect"),
		.fd = -1,
	};

	user->pairs_max = VIRTNET_PAIRS_MAX;
	if (endpoint_read_fd(spec, "fd", &words.fd, ret_error) < 0 ||
	    spec_u32(spec, "queues", 1, VIRTNET_PAIRS_MAX, &user->pairs_max, ret_error) < 0)
		return -EINVAL;
	return doorway_open(&user->doorway, &words, spec, ret_error);
}

static int vhost_user_open(struct spec *spec, const struct endpoint_setup *setup, struct endpoint **ret_endpoint,
			   struct error *ret_error)
{
	static const struct doorway_way way = {.type = SOCK_STREAM, .takes_rights = true, .admit = vhost_user_admit};
	struct vhost_user *user = calloc(1, sizeof(*user));
	int code;

	if (!user)
		return error_set(ret_error, -ENOMEM, "vhost-user: no memory");
	endpoint_init(&user->endpoint, &vhost_user_kind, setup, vhost_user_close);
	user->endpoint.fault = vhost_user_fault;
	list_init(&user->guests);
	doorway_init(&user->doorway, &user->endpoint, &way);
	user->scratch = virtnet_scratch_new();
	code = user->scratch ? vhost_user_open_words(user, spec, ret_error)
			     : error_set(ret_error, -ENOMEM, "vhost-user: no memory");
	if (code < 0) {
		vhost_user_close(&user->endpoint);
		return code;
	}
	*ret_endpoint = &user->endpoint;
	return 0;
}

const struct endpoint_kind vhost_user_kind = {
	.name = "vhost-user",
	.words = "path=P | connect=P | fd=N; mode= group= guests= queues= queue= isolated= mac=",
	.open = vhost_user_open,
};
