/* SPDX-License-Identifier: MIT */
/* The system calls that the tiny userland uses, on a RISC-V of 32 bits: no distribution has a C library for it.
 * Each gives what the kernel gives: a negative errno where it failed. */
#ifndef TINY_KERNEL_H
#define TINY_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/unistd.h>

static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	register long a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
	return a0;
}

#define KERNEL1(name, a) kernel_call(__NR_##name, (long)(a), 0, 0, 0, 0, 0)
#define KERNEL2(name, a, b) kernel_call(__NR_##name, (long)(a), (long)(b), 0, 0, 0, 0)
#define KERNEL3(name, a, b, c) kernel_call(__NR_##name, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define KERNEL4(name, a, b, c, d) kernel_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define KERNEL5(name, a, b, c, d, e) kernel_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define KERNEL6(name, a, b, c, d, e, f) \
	kernel_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
