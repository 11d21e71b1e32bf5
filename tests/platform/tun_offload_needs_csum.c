/* SPDX-License-Identifier: MIT */
/* TUNSETOFFLOAD refuses segmentation without checksums, ECN without TSO and one USO without the other, and a refusal
 * changes nothing: so one probes downwards, a group at a time. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum {
	CSUM = 1,
	TSO4 = 2,
	TSO6 = 4,
	ECN = 8,
	USO4 = 0x20,
	USO6 = 0x40,
};

int main(void)
{
	static const struct {
		unsigned long offloads;
		int taken;
	} rows[] = {
		{TSO4, 0},
		{TSO6, 0},
		{USO4 | USO6, 0},
		{CSUM | ECN, 0},
		{CSUM | USO4, 0},
		{CSUM | USO6, 0},
		{0, 1},
		{CSUM, 1},
		{CSUM | TSO4, 1},
		{CSUM | TSO4 | TSO6, 1},
		{CSUM | TSO4 | TSO6 | ECN, 1},
	};
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = unshare(CLONE_NEWNET) < 0 ? -1 : open("/dev/net/tun", O_RDWR);
	int result = 0;

	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		return 77;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int taken = ioctl(fd, TUNSETOFFLOAD, rows[i].offloads) == 0;

		if (taken != rows[i].taken) {
			printf("0x%02lx is %s\n", rows[i].offloads, taken ? "taken" : "refused");
			result = 1;
		}
	}
	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(CSUM | TSO4 | TSO6 | ECN | USO4 | USO6)) < 0)
		printf("this kernel has no USO (Linux 6.2)\n");
	return result;
}
