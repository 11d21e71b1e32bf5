/* SPDX-License-Identifier: MIT */
/* podman's spelling of a forward, `-p [ADDR:]HOST:[GUEST:]PORT[/tcp|/udp]`, rewritten to the library's, which is QEMU's:
 * "tcp:[ADDR]:HOST-[GUEST]:PORT". What is spelled QEMU's way already ("tcp:…", "udp:…", "unix:…") passes as it is; what
 * the words mean to a network is the library's to say. */
#ifndef DAEMON_PUBLISH_H
#define DAEMON_PUBLISH_H

struct error;

enum publish_limits {
	PUBLISH_SPEC_BYTES = 512,
};

/* 0, or -EINVAL and a text. */
int publish_spec(const char *text, char spec[PUBLISH_SPEC_BYTES], struct error *ret_error);

#endif
