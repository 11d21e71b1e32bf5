/* SPDX-License-Identifier: MIT */
/* Sockets as this program wants every one of them: never blocking, closed on exec, and without SIGPIPE (senders pass
 * MSG_NOSIGNAL, which exists on both systems' newer versions; macOS gets SO_NOSIGPIPE as well). Urgent data is data, in
 * its place: the systems would else leave a hole there. What a listener accepts has that from it.
 *
 * What makes a descriptor returns it, or a negative errno. */
#ifndef OS_SOCKET_H
#define OS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct error;

enum socket_limits {
	SOCKET_ALIVE_IDLE_S = 30, /* silent for so long: the far end's system is asked, */
	SOCKET_ALIVE_EACH_S = 10, /* as often as this, */
	SOCKET_ALIVE_TIMES = 3,   /* and so many times in vain */
	SOCKET_RIGHTS_MOST = 253, /* descriptors of one message: Linux's SCM_MAX_FD */
};

int socket_open(int domain, int type);
/* AF_UNIX: whether descriptors may come along with what is sent here, and with what is sent to whom it accepts. To those that
 * nobody asked for the last close() is the kernel's, in our turn, and may wait as long as their sender likes (SO_LINGER of a
 * connection that does not move). So they may not at sockets that socket_open() made, until it is said here; of inherited ones
 * it has to be said. Before Linux 6.16, and on Darwin, they always may. */
void socket_take_rights(int fd, bool on);
/* -EAGAIN: nobody waits. The caller that gets -EMFILE should stop watching the listener for a while. */
int socket_accept(int listener);
/* And who it is. */
int socket_accept_from(int listener, struct sockaddr_storage *ret_from);
/* Two ends, AF_UNIX. */
int socket_pair(int type, int ret_fds[2]);
/* Two ends of a TCP connection over 127.0.0.1, for a program that asks who is at the far end of a socket and knows no
 * other answer. Nobody else's are taken for them. */
int socket_pair_tcp(int ret_fds[2]);
/* For inherited descriptors. 0 or negative errno. */
int socket_set_nonblocking(int fd);
/* 0, or -ENOTSOCK for what is no socket. The type is SOCK_STREAM and so on. */
int socket_type(int fd, int *ret_type);
bool socket_is_listening(int fd);

/* Raises the buffer towards `wanted_bytes` as far as the system allows, beyond its limit where we have the privilege;
 * never lowers it. What the kernel says it is now. Never for TCP: it ends its autotuning. */
uint32_t socket_raise_send_buffer(int fd, uint32_t wanted_bytes);
uint32_t socket_raise_receive_buffer(int fd, uint32_t wanted_bytes);

/* TCP: a far end whose host went without a word is gone after a minute, not after the systems' two hours. With bytes
 * under way it takes what retransmission takes, a quarter of an hour on Linux: TCP_USER_TIMEOUT would be quicker, but it
 * ends a guest too that is only stopped and whose system answers with a closed window. */
void socket_keep_alive(int fd);

/* TCP: what it sends stays on this machine, where nothing is congested and to wait only costs: it goes as soon as the far end
 * has room. Best before it is connected: a pace once kept goes on, if at a faster rate. */
void socket_stay_here(int fd);
/* … the same of Linux's routes, by name: every kernel has it, and everybody may choose it. */
#define SOCKET_CONGESTION_HERE "reno"

/* Readiness tells of a stream's bytes only when there are so many, or an end; 1: of each, and of those that are there. 0 or
 * negative errno. */
int socket_tell_from(int fd, int bytes);

/* While it is on at both, two sockets may have one port, the one with the more precise address first; of datagrams. */
void socket_share_address(int fd, bool on);
/* connect() takes this port and no other, and is -EADDRNOTAVAIL when it cannot; 0: any again. A port that connect() would
 * never choose by itself says nothing. False: the system cannot be told (Linux before 6.3, Darwin). */
bool socket_prefer_port(int fd, uint16_t port);
/* Only by this interface, both ways, and before bind(). 0 or negative errno (-ENODEV). */
int socket_bind_device(int fd, const char *ifname);
/* Was that done, and has the interface gone since? */
bool socket_has_lost_device(int fd);
/* What is sent comes from this address, at a port that the system chooses when it is needed: for TCP that is at connect(), so
 * that connections to several far ends may have one. 0 or negative errno (-EADDRNOTAVAIL). */
int socket_bind_source(int fd, const struct sockaddr *address, socklen_t bytes);

/* TCP: connect() to a free port among those that the system chooses from may choose that one, and meets itself. */
bool socket_is_its_own_far_end(int fd);

/* close(); the far end of a TCP connection gets a reset, whatever was said or not read before. */
void socket_reset(int fd);

/* recvmsg(); descriptors that come along are closed on exec. The bytes, or -1 with errno. */
ssize_t socket_receive(int fd, struct msghdr *message, int flags);

/* What was sent and not read by the far ends yet, in bytes of the buffer that it takes up. 0 or negative errno. */
int socket_unread(int fd, uint32_t *ret_bytes);

/* The process at the other end of a connected AF_UNIX socket (of a listener: the one that called listen). 0, or
 * -ENOTCONN when the system does not know: datagram sockets, and processes of another PID namespace. */
int socket_peer_pid(int fd, pid_t *ret_pid);

/* 0, or -EINVAL for an empty path and -ENAMETOOLONG for one beyond the system's limit (107 bytes on Linux, 103 on
 * macOS). */
int socket_unix_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_length,
			struct error *ret_error);

#endif
