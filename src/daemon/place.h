/* SPDX-License-Identifier: MIT */
/* Paths of a guest's, an uplink's or a forward's words made absolute: the process that serves them has another working folder than the person who
 * typed them, and the lines to paste are used elsewhere too. What the words mean beyond that is the library's. */
#ifndef DAEMON_PLACE_H
#define DAEMON_PLACE_H

struct config;
struct error;

/* "stream,path=vm.sock" as "stream,path=/home/me/vm.sock", "user,guestfwd=tcp:10.0.2.100:80-unix:web.sock" likewise, for
 * free(). 0, -EINVAL and a text, -ENOMEM. A path that begins with ~ is refused, here and below: it is one that a shell was
 * thought to replace. */
int place_spec(const char *text, const char *folder, char **ret_text, struct error *ret_error);
/* The same for a forward: "unix:web.sock-vm1:80" has a path, others have none. */
int place_forward(const char *text, const char *folder, char **ret_text, struct error *ret_error);
/* The same, and it is one of the configuration's from then on: -p of a network that is there for a command. */
int place_add_forward(struct config *config, const char *text, const char *folder, struct error *ret_error);
/* The same for one path; "-", and NULL, stay what they are (a copy, or NULL). */
int place_path(const char *path, const char *folder, char **ret_path, struct error *ret_error);

/* 0, or -EINVAL and a text: has a path that is relative, where nobody's folder is known that it could count from. */
int place_check_spec(const char *text, struct error *ret_error);
int place_check_forward(const char *text, struct error *ret_error);

#endif
