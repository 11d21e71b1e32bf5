/* SPDX-License-Identifier: MIT */
/* Taps against the real kernel, in a network namespace of this process's own: offloads go through uncut, both ways.
 *
 *    packet socket - gwa (kernel)  |  tap - switch - tap  |  gwb (kernel) - packet socket
 */
#include "unit/port/fixture.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "kit/octets.h"
#include "os/tap.h"

enum {
	PAYLOAD = 60000,
	SEGMENT = 1200,
	KERNEL_HEADER = sizeof(struct virtio_net_hdr),
	KERNEL_GSO_UDP_L4 = 5, /* newer than the headers that this may be built with */
};

static bool enter_namespace(void)
{
	static int entered = -1;
	int fd;

	if (entered >= 0)
		return entered;
	entered = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	if (!entered)
		return false;
	/* The kernel says nothing of its own accord on the taps. */
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (fd >= 0) {
		assert_int_equal(write(fd, "1", 1), 1);
		close(fd);
	}
	return true;
}

#define NEED_NAMESPACE()                                                                    \
	do {                                                                                \
		(void)state;                                                                \
		if (!enter_namespace()) {                                                   \
			print_message("no permission for a network namespace and a tap\n"); \
			skip();                                                             \
		}                                                                           \
	} while (0)

/* The host's end of a tap. */
static int packet_open(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	int on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	address.sll_ifindex = (int)if_nametoindex(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

struct kind {
	const char *what;
	bool six, udp;
	uint8_t kernel;
	enum gso_type ours;
};

static const struct kind kinds[] = {
	{"TCP over IPv4", false, false, VIRTIO_NET_HDR_GSO_TCPV4, GSO_TCP4},
	{"TCP over IPv6", true, false, VIRTIO_NET_HDR_GSO_TCPV6, GSO_TCP6},
	{"UDP over IPv4", false, true, KERNEL_GSO_UDP_L4, GSO_UDP},
	{"UDP over IPv6", true, true, KERNEL_GSO_UDP_L4, GSO_UDP},
};

static size_t make_ip(const struct kind *kind, uint8_t *ip, unsigned length, uint32_t *ret_pseudo)
{
	unsigned protocol = kind->udp ? 17 : 6;

	memset(ip, 0, 40);
	if (kind->six) {
		ip[0] = 0x60;
		put16(ip + 4, length);
		ip[6] = (uint8_t)protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
		*ret_pseudo = sum16(protocol + length, ip + 8, 32);
		return 40;
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + length);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	memcpy(ip + 12, (uint8_t[]){10, 9, 0, 1, 10, 9, 0, 2}, 8);
	put16(ip + 10, ~sum16(0, ip, 20) & 0xffff);
	*ret_pseudo = sum16(protocol + length, ip + 12, 8);
	return 20;
}

/* A segment of 60,000 bytes of data, to be cut into pieces of 1,200. How many bytes, the kernel's header included. */
static size_t make_segment(const struct kind *kind, uint8_t *to)
{
	unsigned transport = kind->udp ? 8 : 20;
	uint8_t *frame = to + KERNEL_HEADER, *l4;
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.gso_type = kind->kernel,
					.gso_size = SEGMENT};
	uint32_t pseudo;

	frame_make(frame, 14, 0x77, 0x78);
	put16(frame + 12, kind->six ? 0x86dd : 0x0800);
	header.csum_start = (uint16_t)(14 + make_ip(kind, frame + 14, transport + PAYLOAD, &pseudo));
	header.csum_offset = kind->udp ? 6 : 16;
	header.hdr_len = (uint16_t)(header.csum_start + transport);
	memcpy(to, &header, sizeof(header));
	l4 = frame + header.csum_start;
	memset(l4, 0, transport);
	put16(l4, 1000);
	put16(l4 + 2, 2000);
	if (kind->udp)
		put16(l4 + 4, transport + PAYLOAD);
	else
		put16(l4 + 12, 0x5010);
	put16(l4 + header.csum_offset, pseudo);
	for (unsigned i = 0; i < PAYLOAD; i++)
		l4[transport + i] = (uint8_t)(i * 13);
	return KERNEL_HEADER + header.hdr_len + PAYLOAD;
}

static void settle(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++) {
		fixture_settle(fixture);
		usleep(200);
	}
}

/* From one tap to the other, past the probe. */
static void pass_segment(struct fixture *fixture, const struct kind *kind, int from, int to)
{
	uint8_t *sent = malloc(70000), *got = malloc(70000);
	size_t count = make_segment(kind, sent);
	struct virtio_net_hdr header;
	size_t before = fixture->probe.frames;

	if (send(from, sent, count, 0) != (ssize_t)count)
		fail_msg("%s: %s", kind->what, strerror(errno));
	settle(fixture);
	assert_int_equal(fixture->probe.frames, before + 1);
	assert_int_equal(fixture->probe.lengths[before], count - KERNEL_HEADER);
	assert_int_equal(fixture->probe.offload.gso, kind->ours);
	assert_int_equal(fixture->probe.offload.segment_bytes, SEGMENT);
	assert_int_equal(fixture->probe.offload.csum, CSUM_PARTIAL);
	if (recv(to, got, 70000, 0) != (ssize_t)count)
		fail_msg("%s did not arrive whole", kind->what);
	memcpy(&header, got, sizeof(header));
	assert_int_equal(header.gso_type, kind->kernel);
	assert_int_equal(header.gso_size, SEGMENT);
	assert_int_equal(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_memory_equal(got + KERNEL_HEADER, sent + KERNEL_HEADER, count - KERNEL_HEADER);
	free(sent);
	free(got);
}

static void large_segments_pass_from_tap_to_tap_uncut(void **state)
{
	struct fixture *fixture;
	struct endpoint *first;
	int a, b;

	NEED_NAMESPACE();
	fixture = fixture_new();
	fixture_open(fixture, "tap,ifname=gwa");
	first = fixture->endpoint;
	fixture->setup.name = "h";
	fixture_open(fixture, "tap,ifname=gwb");
	assert_int_equal(fixture->joined, 2);
	assert_string_equal(fixture->ports[0]->name, "g");
	assert_string_equal(fixture->endpoint->address, "gwb");
	assert_string_equal(fixture_look(fixture->ports[1]).far_end, "gwb");
	a = packet_open("gwa");
	b = packet_open("gwb");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct port_accepts *accepts = &fixture->ports[0]->accepts;

		if (kinds[i].udp ? accepts->uso : kinds[i].six ? accepts->tso6 : accepts->tso4)
			pass_segment(fixture, &kinds[i], a, b);
		else
			print_message("this kernel's taps do not take %s uncut\n", kinds[i].what);
	}
	assert_true(fixture->probe.frames > 0);
	assert_int_equal(fixture_drops(fixture->ports[0]), 0);
	assert_int_equal(fixture_drops(fixture->ports[1]), 0);
	close(a);
	close(b);
	endpoint_close(first);
	fixture_free(fixture);
	assert_int_equal(if_nametoindex("gwa"), 0);
}

static void set_down(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags &= (short)~IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static void an_interface_that_is_down_or_gone_is_told_by_name(void **state)
{
	struct fixture *fixture;

	NEED_NAMESPACE();
	fixture = fixture_new();
	fixture_open(fixture, "tap,ifname=gwa");
	set_down("gwa");
	probe_send(fixture, 0xffff, 60);
	assert_int_equal(fixture->ports[0]->counters.drops.count[DROP_TAP_DOWN], 1);
	assert_int_equal(fixture->left, 0);
	if (system("ip link del gwa") != 0) {
		fixture_free(fixture);
		skip();
	}
	settle(fixture);
	if (fixture->left == 0) {
		probe_send(fixture, 0xffff, 60);
		settle(fixture);
	}
	assert_int_equal(fixture->left, 1);
	assert_string_equal(fixture->reason, "the interface is gone");
	fixture_free(fixture);
}

static void a_tap_of_a_smaller_mtu_is_refused_with_the_mtu_that_works(void **state)
{
	struct tap_request request = {.name = "gwp", .mtu_bytes = 1400};
	struct fixture *fixture;
	struct tap tap;

	NEED_NAMESPACE();
	fixture = fixture_new();
	assert_int_equal(tap_open(&request, &tap, &fixture->error), 0);
	assert_int_equal(ioctl(tap.fd, TUNSETPERSIST, 1), 0);
	tap_close(&tap);
	assert_int_equal(fixture_try_open(fixture, "tap,ifname=gwp"), -EMSGSIZE);
	assert_non_null(strstr(fixture->error.text, "mtu=1400"));
	assert_non_null(strstr(fixture->error.text, "gwp"));
	assert_int_equal(fixture->joined, 0);
	assert_int_equal(tap_open(&request, &tap, &fixture->error), 0);
	assert_int_equal(ioctl(tap.fd, TUNSETPERSIST, 0), 0);
	tap_close(&tap);
	fixture_free(fixture);
}

static void a_tap_can_be_inherited(void **state)
{
	struct tap_request request = {.name = "gwi"};
	struct fixture *fixture;
	uint8_t bytes[2000];
	struct tap tap;
	int fd;

	NEED_NAMESPACE();
	fixture = fixture_new();
	assert_int_equal(tap_open(&request, &tap, &fixture->error), 0);
	fixture_open(fixture, "tap,fd=%d", tap.fd);
	assert_string_equal(fixture->endpoint->address, "gwi");
	fd = packet_open("gwi");
	probe_send(fixture, 0xffff, 100);
	settle(fixture);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), KERNEL_HEADER + 100);
	close(fd);
	fixture_free(fixture);
	assert_int_equal(fcntl(tap.fd, F_GETFD), -1);
}

static void many_frames_wait_in_order(void **state)
{
	struct fixture *fixture;
	uint8_t bytes[2000];
	int fd;

	NEED_NAMESPACE();
	fixture = fixture_new();
	fixture_open(fixture, "tap,ifname=gwa");
	fd = packet_open("gwa");
	frame_make(bytes + KERNEL_HEADER, 200, 1, 2);
	memset(bytes, 0, KERNEL_HEADER);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(send(fd, bytes, KERNEL_HEADER + 60 + i, 0), KERNEL_HEADER + 60 + i);
	settle(fixture);
	assert_int_equal(fixture->probe.frames, 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(fixture->probe.lengths[i], 60 + i);
	close(fd);
	fixture_free(fixture);
}

static void wrong_words_leave_no_interface(void **state)
{
	struct fixture *fixture = fixture_new();

	(void)state;
	assert_int_equal(fixture_try_open(fixture, "tap,ifname=gwa,fd=3"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "tap,ifnam=gwa"), -EINVAL);
	assert_int_equal(fixture_try_open(fixture, "tap,fd=999"), -EINVAL);
	assert_int_equal(if_nametoindex("gwa"), 0);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_segments_pass_from_tap_to_tap_uncut),
		cmocka_unit_test(an_interface_that_is_down_or_gone_is_told_by_name),
		cmocka_unit_test(a_tap_of_a_smaller_mtu_is_refused_with_the_mtu_that_works),
		cmocka_unit_test(a_tap_can_be_inherited),
		cmocka_unit_test(many_frames_wait_in_order),
		cmocka_unit_test(wrong_words_leave_no_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
