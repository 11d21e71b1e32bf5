/* SPDX-License-Identifier: MIT */
/* docs/hypervisors.md says more about each of these. */
#include "cli/paste.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>

#include "base/spec.h"

enum {
	PASTE_PATH_BYTES = 512,
};

const char *paste_mac(char mac[18])
{
	uint8_t bytes[3] = {0x77, 0x69, 0x72};

	do {
		if (getentropy(bytes, sizeof(bytes)) < 0)
			break;
	} while (bytes[0] == 0x12 && bytes[1] == 0x34 && bytes[2] == 0x56);
	snprintf(mac, 18, "52:54:00:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
	return mac;
}

static void paste_stream_path(FILE *to, const char *path)
{
	char escaped[PASTE_PATH_BYTES], mac[18];

	fprintf(to,
		"QEMU             -netdev stream,id=n0,server=off,addr.type=unix,addr.path=%s -device "
		"virtio-net-pci,netdev=n0,mac=%s\n",
		spec_escape(path, escaped, sizeof(escaped)), paste_mac(mac));
	fprintf(to, "libkrun          krun_add_net_unixstream(ctx, \"%s\", -1, mac, 0, 0)\n", path);
}

/* "127.0.0.1:4000", "[::1]:4000" */
static void paste_stream_tcp(FILE *to, const char *address)
{
	const char *port = strrchr(address, ':');
	const char *host = *address == '[' ? address + 1 : address;
	int length = port ? (int)(port - host) - (*address == '[') : 0;
	char mac[18];

	if (!port)
		return;
	fprintf(to,
		"QEMU             -netdev stream,id=n0,server=off,addr.type=inet,addr.host=%.*s,addr.port=%s -device "
		"virtio-net-pci,netdev=n0,mac=%s\n",
		length, host, port + 1, paste_mac(mac));
	fprintf(to, "QEMU before 7.2  -netdev socket,id=n0,connect=%s -device virtio-net-pci,netdev=n0,mac=%s\n",
		address, paste_mac(mac));
}

static void paste_dgram(FILE *to, const char *path)
{
	char escaped[PASTE_PATH_BYTES], mac[18];

	fprintf(to, "vfkit            --device virtio-net,unixSocketPath=%s,mac=%s\n", path, paste_mac(mac));
	fprintf(to, "krunkit          --device virtio-net,type=unixgram,path=%s,mac=%s\n", path, paste_mac(mac));
	paste_mac(mac);
	/* QEMU's own end needs a name, each its own. */
	fprintf(to,
		"QEMU             -netdev "
		"dgram,id=n0,local.type=unix,local.path=%s.%.2s%.2s%.2s,remote.type=unix,remote.path=%s -device "
		"virtio-net-pci,netdev=n0,mac=%s\n",
		spec_escape(path, escaped, sizeof(escaped)), mac + 9, mac + 12, mac + 15, escaped, mac);
}

/* Where the size of the memory is said twice: `guestwire run` knows it by itself. QEMU 7.2 without KVM ends itself over
 * MSI-X, hence vectors=0. */
static void paste_vhost_user(FILE *to, const char *path)
{
	char escaped[PASTE_PATH_BYTES], mac[18];

	fprintf(to,
		"QEMU -m 2G       -object memory-backend-memfd,id=m0,size=2G,share=on -machine memory-backend=m0 "
		"-chardev socket,id=c0,path=%s -netdev vhost-user,id=n0,chardev=c0 -device "
		"virtio-net-pci,netdev=n0,mac=%s,vectors=0\n",
		spec_escape(path, escaped, sizeof(escaped)), paste_mac(mac));
	fprintf(to, "cloud-hypervisor --memory size=2G,shared=on --net vhost_user=true,socket=%s,mac=%s\n", path,
		paste_mac(mac));
	fprintf(to, "User Mode Linux  virtio_uml.device=%s:1\n", path);
}

void paste_print(FILE *to, const char *kind, const char *path, const char *address)
{
	char mac[18];

	if (strcmp(kind, "stream") == 0 && *path)
		paste_stream_path(to, path);
	else if (strcmp(kind, "stream") == 0 && *address)
		paste_stream_tcp(to, address);
	else if (strcmp(kind, "dgram") == 0 && *path)
		paste_dgram(to, path);
	else if (strcmp(kind, "seqpacket") == 0 && *path)
		fprintf(to, "User Mode Linux  vec0:transport=bess,dst=%s,mac=%s\n", path, paste_mac(mac));
	else if (strcmp(kind, "vhost-user") == 0 && *path)
		paste_vhost_user(to, path);
}
