/* SPDX-License-Identifier: MIT */
/* The registers of a 16550A, as its driver sees them. */
#include "semu/uart.h"

/* Registers; where LCR's DLAB is set, 0 and 1 are the divisor. */
enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH, REGISTERS };
enum { IER_RECEIVED = 1, IER_SENT = 2, IER_LINE = 4 };
enum { IIR_NONE = 1, IIR_SENT = 2, IIR_RECEIVED = 4, IIR_LINE = 6, IIR_TIMEOUT = 12, IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVER = 2, FCR_CLEAR_SENDER = 4 };
enum { LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_READY = 1, LSR_OVERRUN = 2, LSR_HOLDING_EMPTY = 0x20, LSR_EMPTY = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

/* The most urgent interrupt that is due and wanted. */
static unsigned interrupt(const struct uart *uart)
{
	if (uart->ier & IER_LINE && uart->overrun)
		return IIR_LINE;
	if (uart->ier & IER_RECEIVED && uart->receive_count)
		return uart->fifos && uart->receive_count < uart->trigger ? IIR_TIMEOUT : IIR_RECEIVED;
	if (uart->ier & IER_SENT && uart->sent)
		return IIR_SENT;
	return IIR_NONE;
}

static void tell_line(struct uart *uart)
{
	const bool up = interrupt(uart) != IIR_NONE;

	if (up == uart->up)
		return;
	uart->up = up;
	uart->on_line(uart->owner, up);
}

void uart_reset(struct uart *uart)
{
	uart->ier = uart->lcr = uart->mcr = uart->scratch = 0;
	uart->divisor = 1;
	uart->fifos = uart->polled = uart->overrun = uart->sent = false;
	uart->trigger = 1;
	uart->send_count = uart->receive_first = uart->receive_count = 0;
	tell_line(uart);
}

static void push(struct uart *uart, uint8_t byte)
{
	const unsigned end = (uart->receive_first + uart->receive_count) % UART_RECEIVE_BYTES;

	if (uart->receive_count == UART_RECEIVE_BYTES) {
		uart->overrun = true;
		return;
	}
	uart->received[end] = byte;
	uart->receive_count++;
}

size_t uart_receive(struct uart *uart, const uint8_t *bytes, size_t count)
{
	const bool listens = uart->ier & IER_RECEIVED || uart->polled;
	const size_t room = listens ? UART_RECEIVE_BYTES - uart->receive_count : 0;
	const size_t taken = count < room ? count : room;

	for (size_t i = 0; i < taken; i++)
		push(uart, bytes[i]);
	tell_line(uart);
	return taken;
}

static int pull(struct uart *uart)
{
	uint8_t byte;

	if (!uart->receive_count)
		return -1;
	byte = uart->received[uart->receive_first];
	uart->receive_first = (uart->receive_first + 1) % UART_RECEIVE_BYTES;
	uart->receive_count--;
	if (!uart->receive_count)
		uart->on_room(uart->owner);
	tell_line(uart);
	return byte;
}

int uart_take(struct uart *uart)
{
	if (!uart->polled) {
		uart->polled = true;
		uart->on_room(uart->owner);
	}
	return pull(uart);
}

void uart_room(struct uart *uart)
{
	unsigned done = 0;

	while (done < uart->send_count && uart->put(uart->owner, uart->to_send[done]))
		done++;
	for (unsigned i = done; i < uart->send_count; i++)
		uart->to_send[i - done] = uart->to_send[i];
	uart->send_count -= done;
	if (done && !uart->send_count)
		uart->sent = true;
	tell_line(uart);
}

static void send(struct uart *uart, uint8_t byte)
{
	uart->sent = false;
	if (uart->mcr & MCR_LOOP) {
		push(uart, byte);
		uart->sent = true;
	} else if (!uart->send_count && uart->put(uart->owner, byte))
		uart->sent = true;
	else if (uart->send_count < UART_SEND_BYTES)
		uart->to_send[uart->send_count++] = byte;
	tell_line(uart);
}

static unsigned load_data(struct uart *uart)
{
	const int byte = pull(uart);

	return byte < 0 ? 0 : (unsigned)byte;
}

/* Reading it takes the transmitter's interrupt back. */
static unsigned load_iir(struct uart *uart)
{
	const unsigned now = interrupt(uart);

	if (now == IIR_SENT) {
		uart->sent = false;
		tell_line(uart);
	}
	return now | (uart->fifos ? IIR_FIFOS : 0U);
}

static unsigned load_lsr(struct uart *uart)
{
	unsigned value = uart->receive_count ? LSR_READY : 0U;

	value |= uart->overrun ? LSR_OVERRUN : 0U;
	value |= uart->send_count ? 0U : LSR_HOLDING_EMPTY | LSR_EMPTY;
	uart->overrun = false;
	tell_line(uart);
	return value;
}

/* In the loop the outputs are the inputs; else somebody is always there. */
static unsigned load_msr(const struct uart *uart)
{
	const unsigned mcr = uart->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (mcr & MCR_RTS ? MSR_CTS : 0U) | (mcr & MCR_DTR ? MSR_DSR : 0U) | (mcr & MCR_OUT1 ? MSR_RI : 0U) |
	       (mcr & MCR_OUT2 ? MSR_DCD : 0U);
}

static unsigned load_register(struct uart *uart, uint64_t which)
{
	const bool divisor = uart->lcr & LCR_DLAB;

	switch (which) {
	case DATA:
		return divisor ? uart->divisor & 0xffU : load_data(uart);
	case IER:
		return divisor ? uart->divisor >> 8 : uart->ier;
	case IIR_FCR:
		return load_iir(uart);
	case LCR:
		return uart->lcr;
	case MCR:
		return uart->mcr;
	case LSR:
		return load_lsr(uart);
	case MSR:
		return load_msr(uart);
	default:
		return uart->scratch;
	}
}

bool uart_load(void *owner, uint64_t offset, unsigned bytes, uint64_t *ret_value)
{
	(void)bytes;
	*ret_value = offset < REGISTERS ? load_register(owner, offset) : 0;
	return true;
}

/* Asking for it while the transmitter is empty makes the interrupt due at once. */
static void store_ier(struct uart *uart, uint8_t value)
{
	const unsigned news = value & ~uart->ier & 0xfU;

	uart->ier = value & 0xf;
	if (news & IER_SENT && !uart->send_count)
		uart->sent = true;
	if (news & IER_RECEIVED)
		uart->on_room(uart->owner);
}

static void store_fcr(struct uart *uart, uint8_t value)
{
	static const uint8_t triggers[] = {1, 4, 8, 14};

	if (value & FCR_CLEAR_RECEIVER && uart->receive_count) {
		uart->receive_count = 0;
		uart->on_room(uart->owner);
	}
	if (value & FCR_CLEAR_SENDER)
		uart->send_count = 0;
	uart->fifos = value & FCR_ENABLE;
	uart->trigger = triggers[value >> 6];
}

static void store_register(struct uart *uart, uint64_t which, uint8_t value)
{
	const bool divisor = uart->lcr & LCR_DLAB;

	switch (which) {
	case DATA:
		if (divisor)
			uart->divisor = (uint16_t)((uart->divisor & 0xff00U) | value);
		else
			send(uart, value);
		break;
	case IER:
		if (divisor)
			uart->divisor = (uint16_t)((uart->divisor & 0xffU) | (unsigned)value << 8);
		else
			store_ier(uart, value);
		break;
	case IIR_FCR:
		store_fcr(uart, value);
		break;
	case LCR:
		uart->lcr = value;
		break;
	case MCR:
		uart->mcr = value & 0x1f;
		break;
	case SCRATCH:
		uart->scratch = value;
		break;
	default:
		break;
	}
}

bool uart_store(void *owner, uint64_t offset, unsigned bytes, uint64_t value)
{
	(void)bytes;
	if (offset < REGISTERS)
		store_register(owner, offset, (uint8_t)value);
	tell_line(owner);
	return true;
}
