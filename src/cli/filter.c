/* SPDX-License-Identifier: MIT */
/* The few declarations of libpcap's that are needed stand here, so that building does not need its headers; they are of
 * its stable interface (libpcap 1.x, soname 0.8 on Debian). */
#include "cli/filter.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/error.h"

enum {
	FILTER_LINKTYPE_ETHERNET = 1,
	FILTER_SNAP_BYTES = 256 * 1024,
	FILTER_NETMASK_UNKNOWN = -1, /* PCAP_NETMASK_UNKNOWN: `ip broadcast` is refused */
};

struct filter_program { /* struct bpf_program */
	unsigned count;
	void *instructions;
};

struct filter_header { /* struct pcap_pkthdr */
	struct timeval time;
	uint32_t captured;
	uint32_t length;
};

struct filter {
	void *library;
	void *pcap;
	struct filter_program program;
	void *(*open_dead)(int linktype, int snap_bytes);
	void (*close)(void *pcap);
	int (*compile)(void *pcap, struct filter_program *program, const char *words, int optimize, uint32_t netmask);
	char *(*error_text)(void *pcap);
	void (*free_program)(struct filter_program *program);
	int (*offline_filter)(const struct filter_program *program, const struct filter_header *header,
			      const uint8_t *frame);
};

/* A pointer to a function out of one to data, as POSIX wants dlsym() to be used. */
static bool filter_symbol(const struct filter *filter, const char *name, void *ret_function)
{
	void *found = dlsym(filter->library, name);

	memcpy(ret_function, &found, sizeof(found));
	return found != NULL;
}

static bool filter_load(struct filter *filter)
{
	static const char *const names[] = {"libpcap.so.0.8", "libpcap.so.1", "libpcap.so", "libpcap.A.dylib",
					    "/usr/lib/libpcap.A.dylib"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !filter->library; i++)
		filter->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return filter->library && filter_symbol(filter, "pcap_open_dead", &filter->open_dead) &&
	       filter_symbol(filter, "pcap_close", &filter->close) &&
	       filter_symbol(filter, "pcap_compile", &filter->compile) &&
	       filter_symbol(filter, "pcap_geterr", &filter->error_text) &&
	       filter_symbol(filter, "pcap_freecode", &filter->free_program) &&
	       filter_symbol(filter, "pcap_offline_filter", &filter->offline_filter);
}

int filter_new(const char *words, struct filter **ret_filter, struct error *ret_error)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	int result;

	if (!filter)
		return error_set(ret_error, -ENOMEM, "no memory");
	if (!filter_load(filter)) {
		result = error_set(ret_error, -ENOENT,
				   "filter %.200s: libpcap is not installed (Debian's package libpcap0.8); without a "
				   "filter it is not needed",
				   words);
		goto fail;
	}
	filter->pcap = filter->open_dead(FILTER_LINKTYPE_ETHERNET, FILTER_SNAP_BYTES);
	if (!filter->pcap) {
		result = error_set(ret_error, -ENOMEM, "no memory");
		goto fail;
	}
	if (filter->compile(filter->pcap, &filter->program, words, 1, (uint32_t)FILTER_NETMASK_UNKNOWN) != 0) {
		result =
			error_set(ret_error, -EINVAL, "filter %.200s: %.200s", words, filter->error_text(filter->pcap));
		goto fail;
	}
	*ret_filter = filter;
	return 0;
fail:
	filter_free(filter);
	return result;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	if (filter->program.instructions)
		filter->free_program(&filter->program);
	if (filter->pcap)
		filter->close(filter->pcap);
	if (filter->library)
		dlclose(filter->library);
	free(filter);
}

bool filter_takes(const struct filter *filter, const uint8_t *frame, uint32_t captured, uint32_t length)
{
	struct filter_header header = {.captured = captured, .length = length};

	return !filter || filter->offline_filter(&filter->program, &header, frame) != 0;
}
