/* SPDX-License-Identifier: MIT */
/* guestwire: a network for virtual machines, as a library.
 *
 * A network is one Ethernet segment: a learning switch, its ports, and a gateway that answers ARP, NDP, DHCP, DNS and
 * ping, and leads to the world through this machine's own sockets. Guests join over sockets (gw_guest_add), by function
 * calls (gw_port_new), or as virtio devices of an emulator in this process (guestwire/virtio.h). The library has no
 * threads, never blocks, logs nothing, installs no signal handler and reads no environment.
 *
 * The loop. Poll gw_network_fd() for reading with gw_network_timeout_us(), then call gw_network_run(network, 0); or let
 * gw_network_run(network, -1) wait itself.
 *
 * Threads. One network, one thread at a time: a network and everything made from it is used by one thread, which may
 * change as long as the calls do not overlap. gw_network_wake() and gw_virtio_kick() alone may be called from any thread or
 * signal handler.
 *
 * Errors. Functions that can fail return 0 or a negative errno and fill a struct gw_error, which may be NULL; the text
 * says what failed, on what, why, and what to do. Out-parameters are set only on success. _free(NULL) does nothing.
 *
 * Versions. Structures begin with their size and grow at the end; GW_INIT sets it, and without it they are -EINVAL. What
 * begins otherwise (struct gw_error, gw_offload, gw_frame, gw_room, gw_counters) stays as it is. */
#ifndef GUESTWIRE_GUESTWIRE_H
#define GUESTWIRE_GUESTWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(GW_BUILDING)
#define GW_API __attribute__((visibility("default")))
#else
#define GW_API
#endif

#define GW_VERSION_MAJOR 0
#define GW_VERSION_MINOR 1
#define GW_VERSION_PATCH 0

/* "0.1.0": of the library that runs, not of the header. */
GW_API const char *gw_version(void);

/* struct gw_network_config config = GW_INIT(struct gw_network_config); */
#ifdef __cplusplus
#define GW_INIT(type)                      \
	([] {                              \
		type value{};              \
		value.size = sizeof(type); \
		return value;              \
	}())
#else
#define GW_INIT(type) ((type){.size = sizeof(type)})
#endif

struct gw_error {
	int code;
	char text[512];
};

struct gw_network;
struct gw_guest;
struct gw_port;

/* ---- the network ---- */

enum gw_event_type {
	GW_EVENT_GUEST_JOINED,
	GW_EVENT_GUEST_LEFT,
	GW_EVENT_ADDRESS,    /* a MAC address was first heard, or heard on another port */
	GW_EVENT_LEASE,      /* bound, renewed, released, declined, expired, given to another */
	GW_EVENT_CONFLICT,   /* two ports use one MAC address */
	GW_EVENT_FIRST_DROP, /* the first drop of a port for this reason */
	GW_EVENT_NOTICE,     /* anything else that a person should read */
};

struct gw_event {
	size_t size;
	enum gw_event_type type;
	const char *port; /* name of the port, or NULL */
	const char *mac;  /* or NULL */
	const char *text; /* one line for a person, without a newline; valid during the call */
};

struct gw_network_config {
	size_t size;
	const char *name; /* NULL: "default" */
	/* "user" (out through this machine's own sockets) or "none", "[,key=value…]": restrict= host-loopback= udp-filter=
	 * splice= flows= guestfwd= smb= smbserver= tftp= address= map-host= hostfwd= outbound= outbound-if4= outbound-if6=
	 * dns-host= of user alone, and mtu= net= host= dhcpstart= dhcpend= dns= ipv6-net= ipv6-host= ipv6-dns= hostname=
	 * domainname= dnssearch= mac= router= route= lease= ipv4= ipv6= dhcp= dhcp6= bootfile= tftp-server-name=
	 * mac-move= isolated=; guestwire(1) has them all. NULL: "user". */
	const char *uplink;
	/* "MAC,IP[,NAME]", NULL at the end; may be NULL */
	const char *const *dhcp_hosts;
	/* Where leases survive a restart; NULL: nowhere. Must exist. */
	const char *state_dir;
	/* A monotonic clock in microseconds; NULL: the system's. With a clock of one's own gw_network_run() must not wait. */
	uint64_t (*now_us)(void *owner);
	/* May be NULL. Called from within every function of this header that may change something, gw_network_new() and
	 * gw_network_free() included; must not call back into the network. */
	void (*on_event)(void *owner, const struct gw_event *event);
	void *owner;
	/* guestfwd=…-cmd:COMMAND: a guest has connected, and the program runs the command, since the library forks
	 * nothing. A connected non-blocking stream socket, the network's from now on, that leads to its standard input and
	 * output; or negative errno, and the guest is refused. NULL: such words are an error. Must not call back into the
	 * network. */
	int (*open_command)(void *owner, const char *command);
	/* How many conversations with the world there may be at once, whatever flows= says: each takes a descriptor, and the
	 * limit of those is the program's. At the limit guests share what there is; without one that fits, the first who
	 * comes takes all, sockets that the program itself would open among them. 0: as flows= says. */
	size_t flows_max;
	/* smb=FOLDER: a guest has connected to port 139 or 445 of smbserver=, and the program runs a file server for that
	 * folder and this one connection. All else as open_command. */
	int (*open_share)(void *owner, const char *folder);
};

GW_API int gw_network_new(const struct gw_network_config *config, struct gw_network **ret_network,
			  struct gw_error *ret_error);
/* Ends all guests, ports, watches and captures, whose handles are void from then on, and saves the leases. Guests are
 * told, so callbacks may be called. Not from within one. */
GW_API void gw_network_free(struct gw_network *network);
GW_API int gw_network_fd(const struct gw_network *network);
/* 0: run now. -1: only the descriptor will tell. */
GW_API int64_t gw_network_timeout_us(const struct gw_network *network);
/* One turn; waits up to timeout_us (-1: until something happens). 0 or negative errno; -EBUSY from within a callback. */
GW_API int gw_network_run(struct gw_network *network, int64_t timeout_us);
/* From any thread or signal handler: the current or next gw_network_run() returns. */
GW_API void gw_network_wake(struct gw_network *network);
/* For a handler of SIGBUS that the host program installs, on the network's own thread: 1 when the address (si_addr) was
 * memory that a vhost-user guest shared and took away. There is empty memory now, so the handler returns; the guest is
 * dropped at the next turn. 0: it was not the network's. Such an address may come of gw_guest_remove() and
 * gw_network_free() too. */
GW_API int gw_network_fault(struct gw_network *network, const void *address);

/* A program without a loop of its own may have its descriptors served by the network's. events: 1 read, 2 write; the
 * callback is told 4 as well when the far end closed. NULL-safe removal; before the descriptor is closed. */
struct gw_watch;
GW_API int gw_watch_new(struct gw_network *network, int fd, unsigned events,
			void (*on_ready)(void *owner, unsigned events), void *owner, struct gw_watch **ret_watch);
GW_API int gw_watch_change(struct gw_watch *watch, unsigned events);
GW_API void gw_watch_free(struct gw_watch *watch);

/* ---- guests over sockets and devices ---- */

/* "stream,path=/run/vm.sock": what --guest takes. `ret_guest` may be NULL; the network frees what is left. */
GW_API int gw_guest_add(struct gw_network *network, const char *spec, struct gw_guest **ret_guest,
			struct gw_error *ret_error);
GW_API void gw_guest_remove(struct gw_guest *guest);
/* By the name that name= gave or that it was given. NULL: none. */
GW_API struct gw_guest *gw_guest_find(struct gw_network *network, const char *name);
GW_API const char *gw_guest_name(const struct gw_guest *guest);
/* The path of a socket of a network that another process of this user serves, as `guestwire up NAME` does: "stream",
 * "dgram" or "seqpacket" for a guest to connect to (--guest stream,connect=PATH), "control". `session` is the value of
 * XDG_RUNTIME_DIR, or NULL. -ENOENT: no such network runs, or it has no such socket; -EPERM: the folder is another user's;
 * -EINVAL, -ENAMETOOLONG. */
enum { GW_PATH_BYTES = 104 };
GW_API int gw_network_find(const char *session, const char *name, const char *socket, char ret_path[GW_PATH_BYTES],
			   struct gw_error *ret_error);

/* ---- guests that are configured from outside ---- */

/* What DHCP and advertisements would tell a guest, for one that does not ask: a namespace, a container. Each "" where
 * there is none; several with blanks between. */
struct gw_address_info {
	size_t size;
	const char *address4, *address6; /* "10.0.2.15/24", "fd00::1000/64" */
	const char *router4, *router6;   /* the way out */
	const char *routes4;             /* "192.168.0.0/16@10.0.2.9" */
	const char *resolvers;           /* "10.0.2.3 fd00::3" */
	const char *search;
	uint32_t mtu;
};
/* Leases addresses to a MAC address for ever, under a name (or NULL), as if it had asked. on_address is called once,
 * before the return; its strings are valid during the call. */
GW_API int gw_address_assign(struct gw_network *network, const char *mac, const char *name,
			     void (*on_address)(void *owner, const struct gw_address_info *info), void *owner,
			     struct gw_error *ret_error);

/* ---- guests in this process ---- */

enum gw_csum { GW_CSUM_UNKNOWN, GW_CSUM_PARTIAL, GW_CSUM_VERIFIED };
enum gw_gso { GW_GSO_NONE, GW_GSO_TCP4, GW_GSO_TCP6, GW_GSO_UDP };

/* What virtio-net's header says. */
struct gw_offload {
	enum gw_csum csum;
	enum gw_gso gso;
	bool ecn;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t segment_bytes;
};

struct gw_frame {
	const struct iovec *pieces;
	size_t piece_count;
	struct gw_offload offload;
};

struct gw_room {
	const struct iovec *pieces;
	size_t piece_count;
	size_t bytes;
	void *owner; /* the port's own */
};

struct gw_port_config {
	size_t size;
	const char *name; /* NULL: "port0", "port1" … */
	/* What the far end takes; frames are cut and completed to fit. */
	bool csum, tso4, tso6, ecn, uso;
	size_t frame_bytes; /* the largest frame that is not segmented; 0: the network's MTU and its header */
	bool isolated;
	const char *mac; /* only this source address; NULL: any */
	/* A batch for the guest, valid during the call. How many were taken, from the first: the rest is dropped and
	 * counted. It may call gw_port_send(): those frames go out in the next round. */
	size_t (*to_guest)(void *owner, const struct gw_frame *frames, size_t count);
	/* All three or none; to_guest is not used then: room in the guest's own memory, where the network writes without
	 * a copy of its own.
	 * reserve: 0, -EAGAIN (call gw_port_room() when there is), -EMSGSIZE. At most 1024 pieces. */
	int (*reserve)(void *owner, size_t least, size_t wanted, struct gw_room *ret_room);
	void (*commit)(void *owner, struct gw_room *room, size_t bytes, const struct gw_offload *offload);
	void (*cancel)(void *owner, struct gw_room *room);
	/* After a batch of commits: raise the interrupt. */
	void (*flush)(void *owner);
	void *owner;
};

GW_API int gw_port_new(struct gw_network *network, const struct gw_port_config *config, struct gw_port **ret_port,
		       struct gw_error *ret_error);
/* From within a callback, too: no other call of this port's callbacks follows. */
GW_API void gw_port_free(struct gw_port *port);
/* A batch from the guest, each frame in at most 1024 pieces. The bytes are not needed after the return. From within a
 * callback the frames are copied, go out in the next round, and may be fewer than were given: how many is returned. What
 * the network refuses counts as sent, and under its reason. */
GW_API size_t gw_port_send(struct gw_port *port, const struct gw_frame *frames, size_t count);
/* There is room again. */
GW_API void gw_port_room(struct gw_port *port);

/* ---- forwards: sockets of this machine that lead to guests; uplink=user ---- */

struct gw_forward_info {
	size_t size;
	unsigned id;          /* of this rule, for gw_forward_remove() */
	const char *spec;     /* as it was given */
	const char *protocol; /* "tcp", "udp", "unix" */
	const char *
		listening; /* "0.0.0.0:2222", "[::1]:2222", "0.0.0.0%eth0:2222", "/run/web.sock": with the port that was
				* really taken */
	const char *guest; /* "vm1", "10.0.2.15", "fd00::15" */
	uint16_t guest_port;
	bool everywhere;      /* every interface of this machine: others can reach it */
	bool spliced;         /* for clients of this machine's loopback: gw_dialler */
	uint64_t connections; /* or UDP peers */
};

/* "tcp:[ADDR]:PORT[-PORT]-[GUEST]:PORT[-PORT]", as QEMU's hostfwd=, "udp:…" alike, or "unix:PATH-[GUEST]:PORT". IPv6
 * addresses stand in brackets; port 0 lets the system choose; no ADDR is every interface. GUEST is an address or a
 * name, which is looked up when a connection comes; none is the first address of dhcpstart=. All of its sockets, or none
 * and an error. `ret_id` may be NULL. */
GW_API int gw_forward_add(struct gw_network *network, const char *spec, unsigned *ret_id, struct gw_error *ret_error);
/* 0, -ENOENT, or -EBUSY from within a callback of a port, a capture or of those that tell. Connections that are open go
 * on. */
GW_API int gw_forward_remove(struct gw_network *network, unsigned id);
/* Each listening socket; a rule has several when it is for a range, or for every interface. Strings are valid during
 * the call. */
GW_API void gw_network_each_forward(struct gw_network *network,
				    void (*on_forward)(void *owner, const struct gw_forward_info *info), void *owner);

/* Does a guest accept connections at this port? Asked again and again until it does or `timeout_us` is over. on_done is
 * called once, never from within gw_dial_new(): 0, -ECONNREFUSED, -EHOSTUNREACH (nobody has that address or name),
 * -ETIMEDOUT (it is there and says nothing). gw_dial_free() before that: it is not called. 0, -EINVAL (no such name can
 * be), -EOPNOTSUPP (uplink=none), or another negative errno. */
struct gw_dial;
GW_API int gw_dial_new(struct gw_network *network, const char *guest, uint16_t port, uint64_t timeout_us,
		       void (*on_done)(void *owner, int error), void *owner, struct gw_dial **ret_dial);
/* Also from within on_done. */
GW_API void gw_dial_free(struct gw_dial *dial);

/* ---- guests whose sockets this program can make: network namespaces ---- */

/* What is between the loopback interface of this machine and the guest's own is taken there by the kernel (splice(2)), or
 * by calls for many datagrams, without becoming packets. The process must ignore SIGPIPE. */
struct sockaddr;
struct gw_dialler_config {
	size_t size;
	const char *address4, *address6; /* the guest's; NULL: it has none. Forwards to them are spliced for clients of
					  * this machine's loopback, to 127.0.0.1 or ::1 inside */
	/* An unconnected, non-blocking socket of the guest's; AF_INET or AF_INET6, SOCK_STREAM or SOCK_DGRAM. It is the
	 * network's from then on. -EAGAIN: none now, and gw_dialler_ready() will be called; another negative errno:
	 * never. Must not call back into the network. */
	int (*open)(void *owner, int family, int type);
	void *owner;
	/* May be NULL. From now on (`on`) what the guest's own sockets send in the TCP connection from `guest` to `far`,
	 * both of one family, comes back to them over its loopback interface instead of leaving; or not any more. A
	 * connection that brings much is then carried by one of the sockets of `open`, in which this process may use
	 * TCP_REPAIR and IP_TRANSPARENT, and a spliced pair. 0; -ENOENT: the guest has no such connection, or its socket would
	 * not hear; -EEXIST: it does so already (asked again when something left even so, since a rule may be taken away by
	 * somebody); another negative errno: it cannot be. Called until gw_dialler_free() has returned. Must not call back
	 * into the network. */
	int (*detour)(void *owner, const struct sockaddr *guest, const struct sockaddr *far, bool on);
};
struct gw_dialler;
GW_API int gw_dialler_new(struct gw_network *network, const struct gw_dialler_config *config,
			  struct gw_dialler **ret_dialler, struct gw_error *ret_error);
/* There are sockets again. */
GW_API void gw_dialler_ready(struct gw_dialler *dialler);
/* What leads through it is refused from then on. */
GW_API void gw_dialler_free(struct gw_dialler *dialler);

/* A passage: what comes in at one socket is taken to an address elsewhere. */
struct gw_passage_config {
	size_t size;
	int fd; /* listening stream, or bound datagram socket, wherever it was made; the network's when this succeeds */
	const char *to;             /* "127.0.0.1:80", "[::1]:80" */
	struct gw_dialler *through; /* where `to` is; NULL: on this machine */
};
struct gw_passage_info {
	size_t size;
	const char *protocol; /* "tcp", "udp" */
	const char *listening, *to;
	bool to_guest;        /* through a dialler */
	uint64_t connections; /* or clients */
	/* "udp": datagrams that went on, that came back, and that found no room or nobody; 0 otherwise */
	uint64_t to_far, from_far, lost;
};
struct gw_passage;
GW_API int gw_passage_new(struct gw_network *network, const struct gw_passage_config *config,
			  struct gw_passage **ret_passage, struct gw_error *ret_error);
/* Connections that are open go on; datagrams do not. */
GW_API void gw_passage_free(struct gw_passage *passage);
GW_API void gw_network_each_passage(struct gw_network *network,
				    void (*on_passage)(void *owner, const struct gw_passage_info *info), void *owner);

/* ---- looking ---- */

struct gw_counters {
	uint64_t from_guest_frames, from_guest_bytes;
	uint64_t to_guest_frames, to_guest_bytes;
};

struct gw_port_info {
	size_t size;
	const char *name;
	const char *kind;    /* "stream", "gateway", "in-process" … */
	const char *guest;   /* of the endpoint it belongs to, or its own */
	const char *far_end; /* "/run/lab/stream", "tap0", "pid 4711"; "" where nothing is known */
	bool connected;
	bool conflict; /* uses a MAC address that another port owns */
	bool muted;
	bool isolated;
	struct gw_counters counters;
	size_t queued_bytes, queued_peak_bytes, queue_bound_bytes;
	const char *macs[8];   /* the first 8 heard here */
	size_t mac_count;      /* of all */
	const uint64_t *drops; /* [gw_drop_reasons()] */
};

struct gw_guest_info {
	size_t size;
	const char *name;
	const char *kind;
	const char *describe;
	const char *path;    /* of its AF_UNIX socket where guests come to, or "" */
	const char *address; /* of its TCP socket, likewise, or its device, or "" */
	size_t guests, guests_max;
	const uint64_t *drops; /* [gw_drop_reasons()]: what was refused before there was a port to count it */
};

struct gw_lease_info {
	size_t size;
	const char *address;
	const char *mac;
	const char *name;
	const char *state;    /* "offered", "bound", "free", "declined" */
	int64_t seconds_left; /* -1: for ever */
	bool reserved;
	bool away; /* bound, and its guest's port is gone: it is kept for him until nothing else is free */
};

struct gw_network_info {
	size_t size;
	const char *name;
	const char *uplink; /* "user", "none" */
	uint32_t mtu;
	const char *mac;
	const char *net4, *host4, *dhcp4_first, *dhcp4_last; /* "" without IPv4 */
	const char *net6, *host6;                            /* "" without IPv6 */
	const uint64_t *drops; /* [gw_drop_reasons()]: of all ports, those that left too */
	bool restricted;       /* restrict=on: nothing gets out */
	bool host_loopback;    /* host4 and host6 lead guests to what listens on this machine's loopback */
	/* uplink=user; 0 and NULL otherwise */
	size_t flows, flows_max;
	const uint64_t *nat;         /* [gw_nat_counters()]: what the way out has done */
	size_t splices;              /* connections that are taken past the network now */
	const uint64_t *spliced;     /* [gw_splice_counters()]: what became of them */
	const char *smb, *smbserver; /* smb=: the folder as it was given, and the IPv4 address; "" without */
	const uint64_t *leased;      /* [gw_lease_counters()]: what became of leases whose guests left */
	/* outbound=, of each family: the interface and the address that guests' conversations leave by; "" where the host's
	 * routes choose */
	const char *outbound_if4, *outbound4, *outbound_if6, *outbound6;
	/* whom the gateway asks, by dns-host= or resolv.conf: "192.0.2.53:53 [2001:db8::53]:53" */
	const char *resolvers;
};

/* One conversation between a guest and a host socket: uplink=user. */
struct gw_flow_info {
	size_t size;
	const char *protocol; /* "tcp", "udp", "icmp" */
	const char *guest;    /* "10.0.2.15:43210", "[fd00::15]:123"; of pings "10.0.2.15" */
	const char *far;      /* the same of the far end, as the guest sees it; "" where it may be any (UDP) */
	const char *port;     /* of the guest */
	const char *state;    /* "connecting", "open", "closing", "stream" … */
	uint64_t from_guest_bytes, to_guest_bytes;
	uint64_t idle_us;
};

/* Strings are valid during the call. */
GW_API void gw_network_describe(struct gw_network *network,
				void (*on_network)(void *owner, const struct gw_network_info *info), void *owner);
GW_API void gw_network_each_guest(struct gw_network *network,
				  void (*on_guest)(void *owner, const struct gw_guest_info *info), void *owner);
GW_API void gw_network_each_port(struct gw_network *network,
				 void (*on_port)(void *owner, const struct gw_port_info *info), void *owner);
GW_API void gw_network_each_lease(struct gw_network *network,
				  void (*on_lease)(void *owner, const struct gw_lease_info *info), void *owner);
/* Flows may be many, so they are told in parts of about `most`: begin with 0 and go on with what was returned, until that
 * is 0. In no order; a flow that is there from the first call to the last is told once. */
GW_API size_t gw_network_each_flow(struct gw_network *network, size_t from, size_t most,
				   void (*on_flow)(void *owner, const struct gw_flow_info *info), void *owner);
/* 0 … gw_nat_counters() - 1: "flows_made", "conversations begun" */
GW_API unsigned gw_nat_counters(void);
GW_API const char *gw_nat_counter_name(unsigned counter);
GW_API const char *gw_nat_counter_text(unsigned counter);
/* The same of connections taken past the network. */
GW_API unsigned gw_splice_counters(void);
GW_API const char *gw_splice_counter_name(unsigned counter);
GW_API const char *gw_splice_counter_text(unsigned counter);
/* The same of leases whose guests left. */
GW_API unsigned gw_lease_counters(void);
GW_API const char *gw_lease_counter_name(unsigned counter);
GW_API const char *gw_lease_counter_text(unsigned counter);
/* Reasons are 1 … gw_drop_reasons() - 1. */
GW_API unsigned gw_drop_reasons(void);
GW_API const char *gw_drop_name(unsigned reason);
GW_API const char *gw_drop_text(unsigned reason);

/* Frames as they pass. No cost while none is attached. */
enum gw_capture_direction { GW_CAPTURE_FROM_GUEST, GW_CAPTURE_TO_GUEST, GW_CAPTURE_DROPPED };

struct gw_capture_frame {
	size_t size;
	enum gw_capture_direction direction;
	unsigned reason; /* GW_CAPTURE_DROPPED */
	const char *port;
	uint64_t now_us;
	struct gw_frame frame;
	size_t length;
};

struct gw_capture;
/* `port` NULL: every one. Removed by gw_capture_free, also from within the callback. */
GW_API int gw_capture_new(struct gw_network *network, const char *port,
			  void (*on_frame)(void *owner, const struct gw_capture_frame *frame), void *owner,
			  struct gw_capture **ret_capture);
GW_API void gw_capture_free(struct gw_capture *capture);

#ifdef __cplusplus
}
#endif

#endif
