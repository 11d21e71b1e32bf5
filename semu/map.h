/* SPDX-License-Identifier: MIT */
/* Where things are in the guest: every address and interrupt line, once. The addresses are those of semu, so that its device
 * trees and kernels fit.
 *
 *   0x00000000  RAM, as much as there is, at most MAP_RAM_MOST
 *   0xf0000000  PLIC (64 MiB)
 *   0xf4000000  UART                      line 1
 *   0xf4100000  the first network device  line 2
 *   0xf4200000  the disk                  line 3
 *   0xf4300000  ACLINT: MTIMER, then MSWI at 0xf4400000 and SSWI at 0xf4500000
 *   0xf4600000  random numbers            line 4
 *   0xf4c00000  the second network device line 10, the third a MiB further at line 11 …
 *
 * In the guest's physical memory a kernel stands where its header asks to (text_offset), the device tree in the last
 * MAP_DTB_BYTES below the top, the initramfs below the device tree; the top is that of RAM, or MAP_TOP_32 where a kernel
 * of 32 bits maps no more. */
#ifndef SEMU_MAP_H
#define SEMU_MAP_H

#include <stdint.h>

#define MAP_RAM UINT64_C(0)
#define MAP_RAM_MOST UINT64_C(0xf0000000)
#define MAP_RAM_LEAST (UINT64_C(16) << 20)
#define MAP_DTB_BYTES (UINT64_C(1) << 20)
#define MAP_TOP_32 (UINT64_C(512) << 20)

#define MAP_DEVICES UINT64_C(0xf0000000)
#define MAP_DEVICES_BYTES UINT64_C(0x10000000)
#define MAP_WINDOW_BYTES (UINT64_C(1) << 20) /* a device begins at a multiple of it */

#define MAP_PLIC UINT64_C(0xf0000000)
#define MAP_PLIC_BYTES UINT64_C(0x4000000)
#define MAP_UART UINT64_C(0xf4000000)
#define MAP_UART_BYTES UINT64_C(0x1000)
#define MAP_MTIMER UINT64_C(0xf4300000)
#define MAP_MTIMER_BYTES UINT64_C(0x8000)
#define MAP_MSWI UINT64_C(0xf4400000)
#define MAP_MSWI_BYTES UINT64_C(0x4000)
#define MAP_SSWI UINT64_C(0xf4500000)
#define MAP_SSWI_BYTES UINT64_C(0x4000)

#define MAP_VIRTIO_BYTES UINT64_C(0x1000) /* of the registers of one virtio-mmio device */
#define MAP_NET UINT64_C(0xf4100000)
#define MAP_BLK UINT64_C(0xf4200000)
#define MAP_RNG UINT64_C(0xf4600000)
#define MAP_NET_FURTHER UINT64_C(0xf4c00000)

enum map_line {
	MAP_LINE_UART = 1,
	MAP_LINE_NET = 2,
	MAP_LINE_BLK = 3,
	MAP_LINE_RNG = 4,
	MAP_LINE_NET_FURTHER = 10,
};

enum map_limits {
	MAP_HARTS_MOST = 32,
	MAP_NETS_MOST = 16,
};

/* Of network device `index`, from 0. */
static inline uint64_t map_net(unsigned index)
{
	return index ? MAP_NET_FURTHER + (index - 1) * MAP_WINDOW_BYTES : MAP_NET;
}

static inline unsigned map_net_line(unsigned index)
{
	return index ? MAP_LINE_NET_FURTHER + index - 1 : MAP_LINE_NET;
}

#endif
