/* SPDX-License-Identifier: MIT */
/* Two guests that are functions of this program, on one network: each says something, and prints what it hears.
 * cc two-guests.c $(pkg-config --cflags --libs guestwire) */
#include <guestwire/guestwire.h>
#include <stdio.h>

/* Called with a batch of frames for one guest. */
static size_t on_frames(void *owner, const struct gw_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const unsigned char *head = frames[i].pieces[0].iov_base;

		printf("%s: type %02x%02x from %02x:%02x:%02x:%02x:%02x:%02x\n", (const char *)owner, head[12],
		       head[13], head[6], head[7], head[8], head[9], head[10], head[11]);
	}
	return count;
}

static void say(struct gw_port *port, const void *bytes, size_t count)
{
	struct iovec piece = {(void *)bytes, count};
	struct gw_frame frame = {.pieces = &piece, .piece_count = 1};

	gw_port_send(port, &frame, 1);
}

int main(void)
{
	struct gw_network_config config = GW_INIT(struct gw_network_config);
	struct gw_port_config port = GW_INIT(struct gw_port_config);
	struct gw_port *alice, *bob;
	struct gw_network *network;
	struct gw_error error;
	/* alice asks everybody who has 10.0.2.2, the gateway's address; bob writes to alice alone */
	unsigned char ask[60] = "\xff\xff\xff\xff\xff\xff\x52\x54\x00\x00\x00\x0a\x08\x06\0\1\x08\0\6\4\0\1"
				"\x52\x54\x00\x00\x00\x0a\x0a\0\2\x14\0\0\0\0\0\0\x0a\0\2\2";
	unsigned char write[60] = "\x52\x54\x00\x00\x00\x0a\x52\x54\x00\x00\x00\x0b\x88\xb5hello";

	config.uplink = "none,ipv6=off";
	port.to_guest = on_frames;
	if (gw_network_new(&config, &network, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	port.name = port.owner = "alice";
	if (gw_port_new(network, &port, &alice, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	port.name = port.owner = "bob";
	if (gw_port_new(network, &port, &bob, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	say(alice, ask, sizeof(ask));
	say(bob, write, sizeof(write));
	/* the gateway answers in its own turn; a real program polls gw_network_fd(), or waits here with -1 */
	while (gw_network_timeout_us(network) == 0)
		gw_network_run(network, 0);
	gw_network_free(network);
	return 0;
}
