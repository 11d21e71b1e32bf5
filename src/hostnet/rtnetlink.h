/* SPDX-License-Identifier: MIT */
/* Links, addresses and routes of the network namespace that the calling thread is in, by rtnetlink: each function is one
 * question and the kernel's answer. Addresses are text, as a person writes them, of either family. Linux only. */
#ifndef HOSTNET_RTNETLINK_H
#define HOSTNET_RTNETLINK_H

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
/* `net` NULL: the default route of the family of `via`. */
int rtnetlink_add_route(int fd, const char *ifname, const char *net, const char *via);

#endif
