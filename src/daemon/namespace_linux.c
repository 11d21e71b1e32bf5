/* SPDX-License-Identifier: MIT */
/* The insider is a fork of this program: it makes or enters the namespaces, opens the tap there, and sends a report with
 * the descriptors of tap and namespaces. Then it is told the addresses, sets them, and reports again. Both ends run the
 * same program, so that what goes between them is C structures.
 *
 * A new namespace has a user namespace around it unless the process may do without: then it is root, and needs none. In
 * it the user's own number is mapped, and nothing else, which the kernel allows everybody; groups can no more be changed.
 * An existing one is entered by way of the user namespace that owns it. */
#include "daemon/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/fate.h"
#include "daemon/insider.h"
#include "daemon/userns.h"
#include "hostnet/detour.h"
#include "hostnet/rtnetlink.h"
#include "os/socket.h"
#include "os/tap.h"

static const char namespace_proc[] = "/proc";

/* What the insider says after each of its two steps. */
struct namespace_report {
	struct error error; /* code 0: well */
	char ifname[NAMESPACE_IFNAME_BYTES];
	char mac[NAMESPACE_MAC_BYTES];
	bool user;    /* a descriptor comes with the tap's and the network's */
	bool detours; /* and two more */
};

enum {
	NAMESPACE_FDS_MAX = 5,
};

/* ---- between the two ---- */

static int namespace_send(int channel, const struct namespace_report *report, const int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(NAMESPACE_FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec piece = {.iov_base = (void *)(uintptr_t)report, .iov_len = sizeof(*report)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	return sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The descriptors that did not come are -1. */
static int namespace_receive(int channel, struct namespace_report *ret_report, int fds[NAMESPACE_FDS_MAX])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(NAMESPACE_FDS_MAX * sizeof(int))];
	} control;
	struct iovec piece = {.iov_base = ret_report, .iov_len = sizeof(*ret_report)};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	const struct cmsghdr *header;
	ssize_t count;

	for (int i = 0; i < NAMESPACE_FDS_MAX; i++)
		fds[i] = -1;
	do
		count = socket_receive(channel, &message, 0);
	while (count < 0 && errno == EINTR);
	if (count != (ssize_t)sizeof(*ret_report))
		return count < 0 ? -errno : -ECHILD;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
	return 0;
}

/* ---- inside: the namespaces ---- */

static int namespace_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int code = fd < 0 ? -errno : 0;

	if (fd < 0)
		return code;
	if (write(fd, text, strlen(text)) < 0)
		code = -errno;
	close(fd);
	return code;
}

/* One number each, without newuidmap: user_namespaces(7) allows it when setgroups is given up. */
static int namespace_map(const struct namespace_request *request, uid_t uid, gid_t gid, struct error *ret_error)
{
	char users[64], groups[64];
	int code;

	snprintf(users, sizeof(users), "%u %u 1\n", request->own_ids ? uid : 0, uid);
	snprintf(groups, sizeof(groups), "%u %u 1\n", request->own_ids ? gid : 0, gid);
	if ((code = namespace_write("/proc/self/setgroups", "deny")) < 0 ||
	    (code = namespace_write("/proc/self/gid_map", groups)) < 0 ||
	    (code = namespace_write("/proc/self/uid_map", users)) < 0)
		return userns_refused(namespace_proc, "mapping the user into its namespace", code, ret_error);
	return 0;
}

static int namespace_make(const struct namespace_request *request, bool *ret_user, struct error *ret_error)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return 0;
	if (uid == 0 && errno != EPERM)
		return userns_refused(namespace_proc, "making a network namespace", -errno, ret_error);
	*ret_user = true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return userns_refused(namespace_proc, "making a user namespace", -errno, ret_error);
	return namespace_map(request, uid, gid, ret_error);
}

static int namespace_open(const char *attach, struct error *ret_error)
{
	char path[TAP_NETNS_BYTES];
	int fd;

	if (tap_netns_path(attach, path) < 0)
		return error_set(ret_error, -ENAMETOOLONG, "netns: --attach %.100s…: the path is too long", attach);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == EACCES)
		return error_set(ret_error, -EACCES,
				 "netns: --attach %s: you may not look at %s; it is another user's, use sudo", attach,
				 path);
	return error_set(ret_error, -errno,
			 "netns: --attach %s: cannot open %s: %s; give a process's number, a path, or a name that "
			 "`ip netns` lists",
			 attach, path, error_name(-errno));
}

/* Whether the namespace at `fd` is the one that /proc/self/ns calls `name`. */
static bool namespace_is_ours(int fd, const char *name)
{
	struct stat there, ours;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return fstat(fd, &there) == 0 && stat(path, &ours) == 0 && there.st_dev == ours.st_dev &&
	       there.st_ino == ours.st_ino;
}

static int namespace_attach(const char *attach, bool *ret_user, struct error *ret_error)
{
	int net = namespace_open(attach, ret_error);
	int user, code = 0;

	if (net < 0)
		return net;
	if (namespace_is_ours(net, "net")) {
		close(net);
		return error_set(ret_error, -EINVAL,
				 "netns: --attach %s: that is this network namespace itself; give one of its own",
				 attach);
	}
	/* EPERM: it is no descendant of ours, and so entering it will fail, too, and say so. */
	user = ioctl(net, NS_GET_USERNS);
	if (user < 0 && errno == ENOTTY)
		code = error_set(ret_error, -EINVAL,
				 "netns: --attach %s: is no namespace; give a process's number, a path, or a name that "
				 "`ip netns` lists",
				 attach);
	if (user >= 0 && !namespace_is_ours(user, "user")) {
		*ret_user = true;
		if (setns(user, CLONE_NEWUSER) < 0)
			code = error_set(ret_error, -errno,
					 "netns: --attach %s: cannot enter its user namespace: %s; it is another "
					 "user's, use sudo",
					 attach, error_name(-errno));
	}
	if (code == 0 && setns(net, CLONE_NEWNET) < 0)
		code = errno == EINVAL
			       ? error_set(ret_error, -EINVAL, "netns: --attach %s: is no network namespace", attach)
			       : error_set(ret_error, -errno, "netns: --attach %s: cannot enter it: %s; use sudo",
					   attach, error_name(-errno));
	if (user >= 0)
		close(user);
	close(net);
	return code;
}

/* ---- inside: the tap ---- */

/* Configured from outside, so that it neither asks whether another has its address nor makes up more of them: even
 * without asking, one that the kernel makes can be used a moment later only. The last word from a far end whose address was just
 * routed to the namespace itself (detour.h) comes by the tap, and would be taken for a lie, or for one by a wrong way: of
 * rp_filter's values for the interface and for all the larger one counts, and 2 is less strict than 1. Where /proc/sys
 * cannot be written it does all that, and works no less. */
static void namespace_quieten(const char *ifname)
{
	static const struct {
		const char *family, *name, *value;
	} settings[] = {{"ipv6", "disable_ipv6", "0"},  {"ipv6", "accept_dad", "0"},   {"ipv6", "accept_ra", "0"},
			{"ipv6", "addr_gen_mode", "1"}, {"ipv4", "accept_local", "1"}, {"ipv4", "rp_filter", "2"}};
	char path[128];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", settings[i].family, ifname,
			 settings[i].name);
		(void)namespace_write(path, settings[i].value);
	}
}

static int namespace_open_tap(const struct namespace_request *request, struct namespace_report *report, int *ret_fd)
{
	struct tap_request wanted = {.name = request->ifname, .mtu_bytes = request->mtu_bytes, .down = true};
	struct ifreq link = {0};
	const uint8_t *mac = (const uint8_t *)link.ifr_hwaddr.sa_data;
	struct tap tap;
	int code = tap_open(&wanted, &tap, &report->error);

	/* It is ours to do anything in, so that a refusal is a rule above it. */
	if (code == -EPERM)
		return userns_refused(namespace_proc, "making the tap", code, &report->error);
	if (code < 0)
		return code;
	if (ioctl(tap.fd, SIOCGIFHWADDR, &link) < 0) {
		code = error_set(&report->error, -errno, "%s: its MAC address: %s", tap.name, error_name(-errno));
		tap_close(&tap);
		return code;
	}
	namespace_quieten(tap.name);
	memcpy(report->ifname, tap.name, sizeof(tap.name));
	snprintf(report->mac, sizeof(report->mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	*ret_fd = tap.fd;
	return 0;
}

/* The descriptors in their order; how many, or negative errno. Without detours all goes as packets. */
static int namespace_prepare(const struct namespace_request *request, struct namespace_report *report,
			     int fds[NAMESPACE_FDS_MAX])
{
	struct detour detour;
	int count = 0, code = request->attach ? namespace_attach(request->attach, &report->user, &report->error)
					      : namespace_make(request, &report->user, &report->error);

	if (code < 0 || (code = namespace_open_tap(request, report, &fds[count++])) < 0)
		return code;
	fds[count] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fds[count++] >= 0 && report->user)
		fds[count++] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (fds[count - 1] < 0)
		return error_set(&report->error, -errno, "/proc/self/ns: %s; is /proc mounted?", error_name(-errno));
	report->detours = detour_open(&detour) == 0;
	if (report->detours) {
		fds[count++] = detour.routes;
		fds[count++] = detour.sockets;
	}
	return count;
}

/* ---- inside: addresses ---- */

struct namespace_setting {
	int netlink;
	const char *ifname;
	struct error *error;
};

/* A kernel without IPv6 is no reason to go without IPv4. */
static int namespace_set(const struct namespace_setting *setting, const char *what, const char *value, int code)
{
	if (code == 0 || (strchr(value, ':') && (code == -EAFNOSUPPORT || code == -EOPNOTSUPP || code == -EACCES)))
		return 0;
	if (code == -EEXIST)
		return error_set(setting->error, code, "netns: %s: %s %s: the namespace has such a one already",
				 setting->ifname, what, value);
	return error_set(setting->error, code, "netns: %s: %s %s: %s", setting->ifname, what, value, error_name(code));
}

static int namespace_add_address(const struct namespace_setting *setting, const char *address)
{
	return *address ? namespace_set(setting, "address", address,
					rtnetlink_add_address(setting->netlink, setting->ifname, address))
			: 0;
}

static int namespace_add_link_local(const struct namespace_setting *setting)
{
	int code = rtnetlink_add_link_local(setting->netlink, setting->ifname);

	return namespace_set(setting, "address", "fe80::/64", code == -EEXIST ? 0 : code);
}

static int namespace_add_router(const struct namespace_setting *setting, const char *router)
{
	return *router ? namespace_set(setting, "default route by", router,
				       rtnetlink_add_route(setting->netlink, setting->ifname, NULL, router))
		       : 0;
}

static int namespace_add_routes(const struct namespace_setting *setting, char *routes)
{
	char *rest = routes, *route, *via;
	int code = 0;

	while (code == 0 && (route = strsep(&rest, " "))) {
		via = strchr(route, '@');
		if (!via)
			continue;
		*via++ = '\0';
		code = namespace_set(setting, "route to", route,
				     rtnetlink_add_route(setting->netlink, setting->ifname, route, via));
	}
	return code;
}

static void namespace_settle(struct namespace_addresses *addresses, const char *ifname, struct error *ret_error)
{
	struct namespace_setting setting = {.netlink = rtnetlink_open(), .ifname = ifname, .error = ret_error};

	if (setting.netlink < 0) {
		error_set(ret_error, setting.netlink, "netlink: %s", error_name(setting.netlink));
		return;
	}
	if (namespace_set(&setting, "setting", "lo up", rtnetlink_set_up(setting.netlink, "lo")) == 0 &&
	    namespace_set(&setting, "setting", "it up", rtnetlink_set_up(setting.netlink, ifname)) == 0 &&
	    namespace_add_link_local(&setting) == 0 && namespace_add_address(&setting, addresses->address4) == 0 &&
	    namespace_add_address(&setting, addresses->address6) == 0 &&
	    namespace_add_routes(&setting, addresses->routes4) == 0 &&
	    namespace_add_router(&setting, addresses->router4) == 0)
		namespace_add_router(&setting, addresses->router6);
	close(setting.netlink);
}

/* ---- inside: its life ---- */

/* Nothing of ours but the channel: no terminal, no pipe whose end somebody waits for, no folder that cannot be unmounted. */
static void namespace_let_go(int channel)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0) {
		/* It stays where it is. */
	}
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (dup2(channel, 3) < 0)
		return;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 4U, ~0U, 0U) == 0)
		return;
#endif
	for (int fd = 4; fd < 1024; fd++)
		close(fd);
}

/* ^C is not for this process, nor one that came between fork and here: all were held back, and are forgotten. */
static void namespace_stand_apart(pid_t parent, const sigset_t *mask)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
	setsid();
	sigprocmask(SIG_SETMASK, mask, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	fate_share(parent);
}

__attribute__((noreturn)) static void namespace_inside(const struct namespace_request *request, int channel,
						       pid_t parent, const sigset_t *mask)
{
	struct namespace_report report = {.user = false};
	struct namespace_addresses addresses;
	int fds[NAMESPACE_FDS_MAX], count;

	namespace_stand_apart(parent, mask);
	count = namespace_prepare(request, &report, fds);
	if (count < 0) {
		namespace_send(channel, &report, NULL, 0);
		_exit(1);
	}
	if (namespace_send(channel, &report, fds, (size_t)count) < 0)
		_exit(1);
	fate_share(parent);
	namespace_let_go(channel);
	channel = 3;
	if (recv(channel, &addresses, sizeof(addresses), 0) == (ssize_t)sizeof(addresses)) {
		namespace_settle(&addresses, report.ifname, &report.error);
		/* who waits for it would wait for ever */
		if (namespace_send(channel, &report, NULL, 0) < 0)
			_exit(1);
	}
	/* It stays until the other end closes, and makes the sockets that it is asked for. */
	insider_serve(channel);
	_exit(0);
}

/* ---- outside ---- */

void namespace_init(struct namespace *namespace)
{
	*namespace = (struct namespace){
		.channel = -1, .tap = -1, .net = -1, .user = -1, .detour = {.routes = -1, .sockets = -1}};
}

int namespace_start(struct namespace *namespace, const struct namespace_request *request, struct error *ret_error)
{
	pid_t parent = getpid();
	sigset_t all, mask;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(ret_error, -errno, "socketpair: %s", error_name(-errno));
	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	namespace->insider = fork();
	if (namespace->insider != 0)
		sigprocmask(SIG_SETMASK, &mask, NULL);
	if (namespace->insider < 0) {
		int code = -errno;

		namespace->insider = 0;
		close(ends[0]);
		close(ends[1]);
		return error_set(ret_error, code, "fork: %s", error_name(code));
	}
	if (namespace->insider == 0) {
		close(ends[0]);
		namespace_inside(request, ends[1], parent, &mask);
	}
	close(ends[1]);
	namespace->channel = ends[0];
	return 0;
}

static int namespace_hear(struct namespace *namespace, struct namespace_report *report, int fds[NAMESPACE_FDS_MAX],
			  struct error *ret_error)
{
	int code = namespace_receive(namespace->channel, report, fds);

	if (code < 0)
		return error_set(ret_error, code, "netns: the process inside the namespace ended");
	return report->error.code < 0 ? error_set(ret_error, report->error.code, "%s", report->error.text) : 0;
}

int namespace_join(struct namespace *namespace, struct error *ret_error)
{
	struct namespace_report report;
	int fds[NAMESPACE_FDS_MAX];
	const int *next = fds;
	int code = namespace_hear(namespace, &report, fds, ret_error);

	if (code < 0)
		return code;
	namespace->tap = *next++;
	namespace->net = *next++;
	namespace->user = report.user ? *next++ : -1;
	if (report.detours) {
		namespace->detour.routes = *next++;
		namespace->detour.sockets = *next++;
		detour_clear(&namespace->detour);
	}
	memcpy(namespace->ifname, report.ifname, sizeof(namespace->ifname));
	memcpy(namespace->mac, report.mac, sizeof(namespace->mac));
	return 0;
}

int namespace_configure(struct namespace *namespace, const struct namespace_addresses *addresses,
			struct error *ret_error)
{
	struct namespace_report report;
	int fds[NAMESPACE_FDS_MAX];

	if (send(namespace->channel, addresses, sizeof(*addresses), MSG_NOSIGNAL) < 0)
		return error_set(ret_error, -errno, "netns: the process inside the namespace ended");
	return namespace_hear(namespace, &report, fds, ret_error);
}

int namespace_enter(const struct namespace *namespace, const char *resolv_conf, struct error *ret_error)
{
	if (namespace->user >= 0 && setns(namespace->user, CLONE_NEWUSER) < 0)
		return error_set(ret_error, -errno, "netns: entering the user namespace: %s", error_name(-errno));
	if (setns(namespace->net, CLONE_NEWNET) < 0)
		return error_set(ret_error, -errno, "netns: entering the network namespace: %s", error_name(-errno));
	if (!resolv_conf)
		return 0;
	/* What the host mounts later is seen here; what is mounted here is not seen there. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_set(ret_error, -errno, "netns: making a mount namespace: %s", error_name(-errno));
	/* Where there is none there is nothing to cover. */
	if (mount(resolv_conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
		return error_set(ret_error, -errno, "netns: mounting over /etc/resolv.conf: %s", error_name(-errno));
	return 0;
}

static void namespace_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void namespace_done(struct namespace *namespace)
{
	namespace_close(&namespace->channel);
	namespace_close(&namespace->tap);
	namespace_close(&namespace->net);
	namespace_close(&namespace->user);
	detour_close(&namespace->detour);
	/* It ends as its channel has, but for one that somebody has stopped. It has nothing to finish. */
	if (namespace->insider > 0) {
		(void)kill(namespace->insider, SIGKILL);
		while (waitpid(namespace->insider, NULL, 0) < 0 && errno == EINTR)
			;
	}
	namespace->insider = 0;
}
