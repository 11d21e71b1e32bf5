/* SPDX-License-Identifier: MIT */
/* wget [-q] URL: a page of a server named by its address goes to the terminal, with its header. */
#include "card.h"
#include "command.h"
#include "text.h"

enum { PATIENCE_MS = 5000 };

static bool write_all(long to, const char *bytes, size_t length)
{
	while (length > 0) {
		const long some = KERNEL3(write, to, bytes, length);

		if (some <= 0)
			return false;
		bytes += some;
		length -= (size_t)some;
	}
	return true;
}

static bool write_text(long to, const char *text)
{
	return write_all(to, text, text_length(text));
}

static int copy_page(long socket)
{
	static char page[16384];
	uint32_t total = 0;
	long bytes;

	while ((bytes = KERNEL3(read, socket, page, sizeof(page))) > 0) {
		write_all(1, page, (size_t)bytes);
		total += (uint32_t)bytes;
	}
	say("\n");
	say_number(total);
	say(" bytes with the header\n");
	return bytes == 0 && total > 0 ? 0 : 1;
}

int fetch(const char *const *words)
{
	uint32_t address, port = 80;
	const char *rest = NULL;
	struct sockaddr_in to;
	int status = 1;
	long socket;

	if (words[1] != NULL && text_is(words[1], "-q"))
		words++;
	if (words[1] != NULL && text_begins(words[1], "http://"))
		rest = text_address(words[1] + sizeof("http://") - 1, &address);
	if (rest != NULL && *rest == ':')
		rest = text_number(rest + 1, &port);
	if (rest == NULL) {
		say("usage: wget http://ADDRESS[:PORT]/PATH\n");
		return 2;
	}
	socket = socket_open(CARD_STREAM, 0);
	if (socket < 0)
		return 1;
	socket_set_patience(socket, PATIENCE_MS);
	to = socket_address(address, (uint16_t)port);
	if (KERNEL3(connect, socket, &to, sizeof(to)) == 0 && write_text(socket, "GET ") &&
	    write_text(socket, *rest == '/' ? rest : "/") && write_text(socket, " HTTP/1.0\r\n\r\n"))
		status = copy_page(socket);
	else
		say("wget: no connection\n");
	KERNEL1(close, socket);
	return status;
}
