/* SPDX-License-Identifier: MIT */
/* covers: src/daemon/config.c */
/* The configuration file, also through a file. What is taken has texts that end and places that name the file. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spec.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check_list(const struct config_list *list)
{
	assert(list->count <= CONFIG_GUESTS_MAX);
	for (size_t i = 0; i < list->count; i++) {
		assert(strlen(list->items[i].text) < SPEC_BYTES_MAX);
		assert(!list->items[i].origin || strncmp(list->items[i].origin, "f.yaml:", 7) == 0);
	}
}

static void check(const struct config *config)
{
	check_list(&config->guests);
	check_list(&config->dhcp_hosts);
	if (config->name)
		assert(config_check_name(config->name, NULL) == 0);
#ifdef PLANTED
	if (config->uplink.text && config->guests.count == 2)
		(void)((const volatile char *)config->uplink.text)[strlen(config->uplink.text) + 1];
#endif
}

/* Now and then the way through the file system: it is slow, and the same parser. */
static void check_file(const uint8_t *bytes, size_t count)
{
	char path[] = "/tmp/guestwire-fuzz-XXXXXX";
	struct config config;
	int fd = mkstemp(path);

	if (fd < 0)
		return;
	config_init(&config);
	if (write(fd, bytes, count) == (ssize_t)count)
		config_load(&config, path, NULL);
	config_done(&config);
	close(fd);
	unlink(path);
	assert(config_load(&config, path, NULL) == -ENOENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
	struct error error = {0};
	struct config config;

	if (count > 8192)
		return 0;
	config_init(&config);
	if (config_add(&config.guests, "tap", "f.yaml:1:1", &error) < 0 || config_set(&config.state_dir, "/x") < 0)
		abort();
	if (config_parse(&config, (const char *)bytes, count, "f.yaml", &error) == 0)
		check(&config);
	else
		assert(strncmp(error.text, "f.yaml", 6) == 0);
	config_done(&config);
	if (count % 512 == 17)
		check_file(bytes, count);
	return 0;
}
