/* SPDX-License-Identifier: MIT */
/* /dev/net/tun, and the few link settings that a tap of our own needs, by ioctl. A tap of another network namespace is
 * made by stepping into it and back: this thread alone, never the process, and the descriptor goes on working. */
#include "os/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "os/socket.h"

static const char tap_device[] = "/dev/net/tun";

/* The bits of headers newer than those we may be built with. */
enum {
	TAP_TUNSETVNETLE = 0x400454dc,
};

/* TSO needs CSUM, ECN needs TSO, and a USO needs the other, so that one step down takes a whole group. UFO is never
 * asked for: kernels before 4.14 would hand us frames of a type that nobody else speaks. */
static const unsigned tap_offload_steps[] = {
	TAP_CSUM | TAP_TSO4 | TAP_TSO6 | TAP_ECN | TAP_USO4 | TAP_USO6,
	TAP_CSUM | TAP_TSO4 | TAP_TSO6 | TAP_ECN,
	TAP_CSUM | TAP_TSO4 | TAP_TSO6,
	TAP_CSUM,
	0,
};

static void tap_probe_offloads(struct tap *tap)
{
	for (size_t i = 0; i < sizeof(tap_offload_steps) / sizeof(tap_offload_steps[0]); i++) {
		if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)tap_offload_steps[i]) < 0)
			continue;
		tap->offloads = tap_offload_steps[i];
		return;
	}
}

/* A tap keeps what its last owner accepted, and without a header nothing would say of a frame that it is unfinished. */
static void tap_refuse_offloads(struct tap *tap)
{
	(void)ioctl(tap->fd, TUNSETOFFLOAD, 0UL);
}

static int tap_set_header(struct tap *tap)
{
	int bytes = TAP_HEADER_BYTES;
	int little = 1;

	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &bytes) < 0)
		return -errno;
	/* Without it the header has the host's byte order. A kernel that does not know it is one of little-endian hosts. */
	(void)ioctl(tap->fd, TAP_TUNSETVNETLE, &little);
	tap->header_bytes = TAP_HEADER_BYTES;
	tap_probe_offloads(tap);
	return 0;
}

static struct ifreq tap_request_for(const struct tap *tap)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, tap->name, sizeof(tap->name));
	return request;
}

static void tap_read_link(struct tap *tap, int control)
{
	struct ifreq request = tap_request_for(tap);

	if (ioctl(control, SIOCGIFMTU, &request) == 0)
		tap->mtu_bytes = (uint32_t)request.ifr_mtu;
	if (ioctl(control, SIOCGIFFLAGS, &request) == 0)
		tap->up = (request.ifr_flags & IFF_UP) != 0;
}

/* By rtnetlink: the ioctl asks for the right in the first user namespace, rtnetlink in the one that owns the network. */
static int tap_set_queue(const struct tap *tap, int control)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		uint32_t frames;
	} message = {.header = {.nlmsg_len = sizeof(message),
				.nlmsg_type = RTM_NEWLINK,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		     .attribute = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_TXQLEN},
		     .frames = TAP_QUEUE_FRAMES};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {.error = {.error = -EPROTO}};
	struct ifreq request = tap_request_for(tap);
	int fd, code = 0;

	if (ioctl(control, SIOCGIFINDEX, &request) < 0)
		return -errno;
	message.link.ifi_index = request.ifr_ifindex;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	/* The kernel has done it, and answered, when send() returns. */
	if (send(fd, &message, sizeof(message), 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC) < 0)
		code = -errno;
	close(fd);
	return code < 0 ? code : answer.error.error;
}

static int tap_set_link(struct tap *tap, int control, const struct tap_request *wanted, struct error *ret_error)
{
	struct ifreq request = tap_request_for(tap);

	/* A shorter queue drops earlier, no more. */
	(void)tap_set_queue(tap, control);
	request.ifr_mtu = (int)wanted->mtu_bytes;
	if (wanted->mtu_bytes > 0 && ioctl(control, SIOCSIFMTU, &request) < 0)
		return error_set(ret_error, -errno, "%s: cannot set its MTU to %u: %s; choose another mtu=", tap->name,
				 wanted->mtu_bytes, error_name(-errno));
	if (wanted->down)
		return 0;
	if (ioctl(control, SIOCGIFFLAGS, &request) == 0)
		request.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
		return error_set(ret_error, -errno, "%s: cannot set it up: %s", tap->name, error_name(-errno));
	return 0;
}

/* The name, the flags and the link, of an open tap in this thread's namespace. */
static int tap_settle(struct tap *tap, const struct tap_request *wanted, struct error *ret_error)
{
	int control = socket_open(AF_INET, SOCK_DGRAM);
	int result = 0;

	if (control < 0)
		return error_set(ret_error, control, "%s: cannot open a socket: %s", tap->name, error_name(control));
	if (!tap->persistent)
		result = tap_set_link(tap, control, wanted, ret_error);
	tap_read_link(tap, control);
	close(control);
	return result;
}

static int tap_refused(const struct tap_request *wanted, int code, struct error *ret_error)
{
	const char *name = wanted->name && *wanted->name ? wanted->name : "a new tap";

	switch (code) {
	case -EPERM:
		return error_set(ret_error, code,
				 "%s: making a tap needs a privilege; use sudo, or `sudo setcap cap_net_admin+ep` on "
				 "this program, "
				 "or have one made for you: `sudo ip tuntap add %s mode tap user $USER`",
				 name, wanted->name && *wanted->name ? wanted->name : "tap0");
	case -EBUSY:
		return error_set(ret_error, code,
				 "%s: another process uses it; stop that one or choose another name with ifname", name);
	case -EINVAL:
		return error_set(ret_error, code,
				 "%s: there is an interface of this name that is no single-queue tap, or the name is "
				 "none; choose "
				 "another ifname=",
				 name);
	default:
		return error_set(ret_error, code, "%s: cannot open the tap: %s", name, error_name(code));
	}
}

static int tap_open_device(const char *device, struct error *ret_error)
{
	int fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int code = -errno;

	if (fd >= 0)
		return fd;
	if (code == -ENOENT || code == -ENODEV || code == -ENXIO)
		return error_set(ret_error, code,
				 "%s: this kernel has no taps, or the file is missing; try `sudo modprobe tun`",
				 device);
	if (code == -EACCES || code == -EPERM)
		return error_set(ret_error, code,
				 "%s: you may not open it; use sudo, or `sudo chmod 666 %s`, which lets every user "
				 "open taps that "
				 "were made for him",
				 device, device);
	return error_set(ret_error, code, "%s: %s", device, error_name(code));
}

static int tap_open_here(const struct tap_request *wanted, struct tap *ret_tap, struct error *ret_error)
{
	const char *name = wanted->name ? wanted->name : "";
	struct tap tap = {0};
	struct ifreq request = {0};
	int result;

	if (strlen(name) >= IFNAMSIZ)
		return error_set(ret_error, -EINVAL, "ifname=%s: the name of an interface has %d letters at most", name,
				 IFNAMSIZ - 1);
	tap.fd = tap_open_device(wanted->device ? wanted->device : tap_device, ret_error);
	if (tap.fd < 0)
		return tap.fd;
	memcpy(request.ifr_name, *name ? name : "tap%d", *name ? strlen(name) : sizeof("tap%d"));
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(tap.fd, TUNSETIFF, &request) < 0) {
		result = tap_refused(wanted, -errno, ret_error);
		goto close_tap;
	}
	memcpy(tap.name, request.ifr_name, sizeof(tap.name));
	result = tap_set_header(&tap);
	if (result < 0) {
		error_set(ret_error, result, "%s: this kernel's taps have no header of 12 bytes: %s", tap.name,
			  error_name(result));
		goto close_tap;
	}
	/* A tap without the flag appeared just now: one that exists and is not persistent is another process's, EBUSY. */
	if (ioctl(tap.fd, TUNGETIFF, &request) == 0)
		tap.persistent = ((unsigned)request.ifr_flags & IFF_PERSIST) != 0;
	result = tap_settle(&tap, wanted, ret_error);
	if (result < 0)
		goto close_tap;
	*ret_tap = tap;
	return 0;

close_tap:
	close(tap.fd);
	return result;
}

int tap_netns_path(const char *netns, char ret_path[TAP_NETNS_BYTES])
{
	size_t digits = strspn(netns, "0123456789");
	int length;

	if (digits > 0 && netns[digits] == 0)
		length = snprintf(ret_path, TAP_NETNS_BYTES, "/proc/%s/ns/net", netns);
	else if (strchr(netns, '/'))
		length = snprintf(ret_path, TAP_NETNS_BYTES, "%s", netns);
	else
		length = snprintf(ret_path, TAP_NETNS_BYTES, "/run/netns/%s", netns);
	return length < TAP_NETNS_BYTES ? 0 : -ENAMETOOLONG;
}

static int tap_open_netns(const char *netns, struct error *ret_error)
{
	char path[TAP_NETNS_BYTES];
	int fd;

	if (tap_netns_path(netns, path) < 0)
		return error_set(ret_error, -ENAMETOOLONG, "netns=%s: the path is too long", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(ret_error, -errno,
				 "netns=%s: cannot open %s: %s; give a process's number, a path, or a name "
				 "that `ip netns` lists",
				 netns, path, error_name(-errno));
	return fd;
}

static int tap_netns_refused(const char *netns, int code, struct error *ret_error)
{
	if (code == -EINVAL)
		return error_set(ret_error, code, "netns=%s: cannot enter it: it is no network namespace", netns);
	return error_set(ret_error, code,
			 "netns=%s: cannot enter it: %s; use sudo, or open the tap inside it and hand it over with fd=",
			 netns, error_name(code));
}

/* This thread's namespace: /proc/self is the process's first. */
static const char tap_own_netns[] = "/proc/thread-self/ns/net";

static int tap_open_in_netns(const struct tap_request *wanted, struct tap *ret_tap, struct error *ret_error)
{
	int there = tap_open_netns(wanted->netns, ret_error);
	int here = -1;
	int result = there;

	if (there < 0)
		return result;
	here = open(tap_own_netns, O_RDONLY | O_CLOEXEC);
	if (here < 0) {
		result = error_set(ret_error, -errno, "%s: %s; is /proc mounted?", tap_own_netns, error_name(-errno));
		goto close_namespaces;
	}
	if (setns(there, CLONE_NEWNET) < 0) {
		result = tap_netns_refused(wanted->netns, -errno, ret_error);
		goto close_namespaces;
	}
	result = tap_open_here(wanted, ret_tap, ret_error);
	/* Never stay there: a thread that cannot come back would open every later socket in the wrong namespace. */
	if (setns(here, CLONE_NEWNET) < 0) {
		int code = -errno;

		if (result == 0)
			tap_close(ret_tap);
		result = error_set(ret_error, code, "netns=%s: cannot come back from it: %s", wanted->netns,
				   error_name(code));
	}

close_namespaces:
	if (here >= 0)
		close(here);
	close(there);
	return result;
}

int tap_open(const struct tap_request *request, struct tap *ret_tap, struct error *ret_error)
{
	return request->netns ? tap_open_in_netns(request, ret_tap, ret_error)
			      : tap_open_here(request, ret_tap, ret_error);
}

/* An inherited tap may stand in another namespace, and an interface of the same name in ours: then their addresses
 * differ. */
static bool tap_is_here(const struct tap *tap, int control)
{
	struct ifreq of_tap = tap_request_for(tap);
	struct ifreq of_name = tap_request_for(tap);

	return ioctl(tap->fd, SIOCGIFHWADDR, &of_tap) == 0 && ioctl(control, SIOCGIFHWADDR, &of_name) == 0 &&
	       memcmp(of_tap.ifr_hwaddr.sa_data, of_name.ifr_hwaddr.sa_data, 6) == 0;
}

int tap_adopt(int fd, struct tap *ret_tap, struct error *ret_error)
{
	struct tap tap = {.fd = fd, .persistent = true};
	struct ifreq request = {0};
	int control;
	int result;

	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return error_set(ret_error, -EINVAL,
				 "fd=%d is not an open tap; hand over one on which TUNSETIFF was done", fd);
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI))
		return error_set(ret_error, -EINVAL,
				 "fd=%d (%s) carries no bare Ethernet frames; open it with IFF_TAP|IFF_NO_PI", fd,
				 request.ifr_name);
	memcpy(tap.name, request.ifr_name, sizeof(tap.name));
	result = socket_set_nonblocking(fd);
	if (result == 0 && (request.ifr_flags & IFF_VNET_HDR))
		result = tap_set_header(&tap);
	else if (result == 0)
		tap_refuse_offloads(&tap);
	if (result < 0)
		return error_set(ret_error, result, "fd=%d (%s): cannot set it up: %s", fd, tap.name,
				 error_name(result));
	control = socket_open(AF_INET, SOCK_DGRAM);
	if (control >= 0) {
		if (tap_is_here(&tap, control))
			tap_read_link(&tap, control);
		close(control);
	}
	*ret_tap = tap;
	return 0;
}

void tap_close(struct tap *tap)
{
	if (tap->fd < 0)
		return;
	close(tap->fd);
	tap->fd = -1;
}
