/* SPDX-License-Identifier: MIT */
/* Links, addresses and routes of the network namespace that the socket was made in, by rtnetlink: each function is one
 * question and the kernel's answer. An interface is called by its name there, so that who calls is there, too. Addresses
 * are text, as a person writes them, of either family, but for rules, which programs make. Linux only. */
#ifndef HOSTNET_RTNETLINK_H
#define HOSTNET_RTNETLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A socket for the calls below, or negative errno. */
int rtnetlink_open(void);
/* 0 or negative errno; -ENODEV: there is no such interface. */
int rtnetlink_set_up(int fd, const char *ifname);
/* "10.0.2.15/24", "fd00::1000/64". An IPv6 address can be used at once, without asking whether another has it.
 * -EINVAL: no address; -EEXIST: it is there. */
int rtnetlink_add_address(int fd, const char *ifname, const char *address);
/* The one that the kernel would make of its MAC address, but without the kernel's moment of asking for it. -EEXIST: it has
 * made it already; see its setting addr_gen_mode. */
int rtnetlink_add_link_local(int fd, const char *ifname);
/* `net` NULL: the default route of the family of `via`, which is on this machine: TCP keeps no pace on its way there, whatever
 * the namespace's usual algorithm. */
int rtnetlink_add_route(int fd, const char *ifname, const char *net, const char *via);

/* ---- of one connection; whoever calls may be elsewhere ---- */

/* A route of `table`, AF_INET or AF_INET6: every address is this machine's own. */
int rtnetlink_add_local(int fd, int family, uint32_t table);
/* What of TCP is from here to there, both of one family, is routed by `table`, or not any more (-ENOENT: it was not). */
int rtnetlink_set_rule(int fd, const struct sockaddr *from, const struct sockaddr *to, uint32_t table, bool on);
/* Takes one of the family's rules that lead to `table` away; -ENOENT: there is none. */
int rtnetlink_remove_rule(int fd, int family, uint32_t table);

#endif
