/* SPDX-License-Identifier: MIT */
/* Who wants a network says nothing: without -n there is the first of the usual ones that can be had. */
#include "semu/devices.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/plain.h"
#include "semu/options.h"
#include "semu/virtio_blk.h"
#include "semu/virtio_net.h"
#include "semu/virtio_rng.h"

/* The terminal may be raw. */
static void on_line(void *owner, const char *line)
{
	char text[512];

	(void)owner;
	snprintf(text, sizeof(text), "%s", line);
	plain_text(text);
	fprintf(stderr, "semu: %s\r\n", text);
}

static int open_command(void *owner, const char *command)
{
	struct devices *devices = owner;

	return spawn_command(&devices->spawn, command);
}

static int fail(int code, const struct error *error, char ret_error[NETDEV_ERROR_BYTES])
{
	snprintf(ret_error, NETDEV_ERROR_BYTES, "%s", error->text);
	return code;
}

static bool has_mac(const struct devices *devices, unsigned count, const char *mac)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcasecmp(devices->netdevs[i]->mac, mac))
			return true;
	return false;
}

static int plug_net(struct devices *devices, struct machine *machine, const char *words,
		    const struct netdev_setup *setup, char ret_error[NETDEV_ERROR_BYTES])
{
	unsigned index = devices->net_count;
	struct error error = {0};
	int code = netdev_new(words, setup, &devices->netdevs[index], ret_error);

	if (code < 0)
		return code;
	devices->net_count++;
	if (has_mac(devices, index, devices->netdevs[index]->mac)) {
		snprintf(ret_error, NETDEV_ERROR_BYTES, "-n %.1000s: another card of this machine has this MAC address",
			 words);
		return -EINVAL;
	}
	code = virtio_net_new(machine, index, devices->netdevs[index], &devices->nets[index], &error);
	if (code < 0)
		snprintf(ret_error, NETDEV_ERROR_BYTES, "-n %.1000s: %s", words, error.text);
	return code;
}

static int plug_usual(struct devices *devices, struct machine *machine, const struct netdev_setup *setup,
		      char ret_error[NETDEV_ERROR_BYTES])
{
	const char *const *words = netdev_usual;
	int code;

	while ((code = plug_net(devices, machine, *words, setup, ret_error)) < 0 && words[1]) {
		words++;
		fprintf(stderr, "semu: %s; the network is -n %s\n", ret_error, *words);
	}
	return code;
}

static int plug_nets(struct devices *devices, struct machine *machine, const struct options *options,
		     char *const *command, char ret_error[NETDEV_ERROR_BYTES])
{
	char folder[4096];
	struct netdev_setup setup = {.command = command,
				     .session = getenv("XDG_RUNTIME_DIR"),
				     .on_line = on_line,
				     .open_command = open_command,
				     .owner = devices};
	int code = 0;

	setup.folder = getcwd(folder, sizeof(folder)) ? folder : "";
	if (options->net_count == 0)
		code = plug_usual(devices, machine, &setup, ret_error);
	for (unsigned i = 0; code == 0 && i < options->net_count; i++) {
		setup.index = i;
		code = plug_net(devices, machine, options->nets[i], &setup, ret_error);
	}
	for (unsigned i = 0; code == 0 && options->verbose && i < devices->net_count; i++)
		fprintf(stderr, "semu: eth%u: %s, %s\n", i, devices->netdevs[i]->mac, devices->netdevs[i]->text);
	return code;
}

int devices_plug(struct devices *devices, struct machine *machine, const struct options *options, char *const *command,
		 char ret_error[NETDEV_ERROR_BYTES])
{
	struct error error = {0};
	int code = 0;

	*devices = (struct devices){0};
	spawn_init(&devices->spawn);
	if (options->disk)
		code = virtio_blk_new(machine, options->disk, &devices->blk, &error);
	if (code == 0) {
		code = virtio_rng_new(machine, &devices->rng);
		error_set(&error, code, "no memory");
	}
	return code < 0 ? fail(code, &error, ret_error) : plug_nets(devices, machine, options, command, ret_error);
}

void devices_done(struct devices *devices)
{
	for (unsigned i = 0; i < devices->net_count; i++) {
		virtio_net_free(devices->nets[i]);
		netdev_free(devices->netdevs[i]);
	}
	spawn_done(&devices->spawn);
	virtio_blk_free(devices->blk);
	virtio_rng_free(devices->rng);
	*devices = (struct devices){0};
}
