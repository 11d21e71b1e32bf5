/* SPDX-License-Identifier: MIT */
/* A 16550A: the guest's console. It knows no terminal: what it sends goes to put(), what it receives comes by
 * uart_receive(). Characters take no time, so the line speed is only remembered. Nothing is received before the driver
 * asked for it by IER: what was typed ahead stays where it came from, since drivers clear their FIFO when they begin. */
#ifndef SEMU_UART_H
#define SEMU_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The receiver's FIFO is larger than a 16550A's: a driver reads until it is told that there is no more. */
enum { UART_SEND_BYTES = 16, UART_RECEIVE_BYTES = 256 };

struct uart {
	uint8_t ier, lcr, mcr, scratch;
	uint16_t divisor;
	bool fifos;
	bool polled;     /* SBI's console asks instead of interrupts */
	uint8_t trigger; /* bytes that make it "ready" rather than "time is over" */
	bool overrun;
	bool sent; /* the interrupt of the empty transmitter is due */
	bool up;   /* as on_line was told last */
	uint8_t to_send[UART_SEND_BYTES];
	unsigned send_count;
	uint8_t received[UART_RECEIVE_BYTES];
	unsigned receive_first, receive_count;
	/* False: no room now; uart_room() will be called when there is. */
	bool (*put)(void *owner, uint8_t byte);
	/* uart_receive() may take more. */
	void (*on_room)(void *owner);
	void (*on_line)(void *owner, bool up);
	void *owner;
};

/* put, on_room, on_line and owner are the caller's, set before. */
void uart_reset(struct uart *uart);
/* How many it took; on_room tells when it takes more. */
size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t count);
/* put() may be tried again. */
void uart_room(struct uart *uart);
/* What the guest would read next, for SBI's console; -1: nothing. */
int uart_take(struct uart *uart);
/* The registers, as a bus_device has them: one byte each. Of a wider access the lowest byte counts. */
bool uart_load(void *uart, uint64_t offset, unsigned bytes, uint64_t *ret_value);
bool uart_store(void *uart, uint64_t offset, unsigned bytes, uint64_t value);

#endif
