/* SPDX-License-Identifier: MIT */
/* Tables of uplink texts: what they become, and what is said of those that contradict themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "unit/network/describe.h"

static void without_words_the_net_is_the_one_that_qemu_users_know(void **state)
{
	struct description description = describe("none");
	const struct service_config *service = &description.service;

	(void)state;
	assert_true(service->ip4 && service->ip6 && service->dhcp4 && service->dhcp6);
	assert_ip4(service->net4, "10.0.2.0");
	assert_int_equal(service->prefix4, 24);
	assert_ip4(service->host4, "10.0.2.2");
	assert_ip4(service->dhcp4_first, "10.0.2.15");
	assert_ip4(service->dhcp4_last, "10.0.2.254");
	assert_int_equal(service->dns4_count, 0);
	assert_false(service->router4);
	assert_int_equal(service->lease_s, 86400);
	assert_ip6(service->net6, "fd00::");
	assert_int_equal(service->prefix6, 64);
	assert_ip6(service->host6, "fd00::2");
	assert_ip6(service->dhcp6_first, "fd00::1000");
	assert_ip6(service->dhcp6_last, "fd00::1fff");
	assert_int_equal(service->mtu_bytes, 1500);
	assert_mac(service->mac, "52:55:0a:00:02:02");
	assert_false(description.mac_move);
	assert_false(description.isolated);
}

static void every_word_lands_in_its_field(void **state)
{
	struct description description = describe(
		"none,id=n0,net=192.168.7.0/"
		"255.255.255.0,host=192.168.7.1,dhcpstart=192.168.7.100,dhcpend=192.168.7.120,"
		"dns=192.168.7.53,dns=9.9.9.9,ipv6-net=fd12:3456::/64,ipv6-host=fd12:3456::53,ipv6-dns=fd12:3456::54,"
		"hostname=box,domainname=example.org.,dnssearch=a.example.org,dnssearch=example.org,mtu=9000,"
		"mac=02:00:00:00:00:01,router=on,route=172.16.0.0/12,route=10.9.8.7/16@192.168.7.9,lease=3600,"
		"bootfile=ipxe.efi,tftp-server-name=192.168.7.1,mac-move=on,isolated");
	const struct service_config *service = &description.service;

	(void)state;
	assert_ip4(service->net4, "192.168.7.0");
	assert_ip4(service->host4, "192.168.7.1");
	assert_ip4(service->dhcp4_first, "192.168.7.100");
	assert_ip4(service->dhcp4_last, "192.168.7.120");
	assert_int_equal(service->dns4_count, 2);
	assert_ip4(service->dns4[0], "192.168.7.53");
	assert_ip4(service->dns4[1], "9.9.9.9");
	assert_ip6(service->net6, "fd12:3456::");
	assert_ip6(service->host6, "fd12:3456::53");
	assert_ip6(service->dhcp6_first, "fd12:3456::1000");
	assert_int_equal(service->dns6_count, 1);
	assert_ip6(service->dns6[0], "fd12:3456::54");
	assert_string_equal(service->hostname, "box");
	assert_string_equal(service->domain, "example.org");
	assert_int_equal(service->search_count, 2);
	assert_string_equal(service->search[0], "a.example.org");
	assert_string_equal(service->search[1], "example.org");
	assert_int_equal(service->mtu_bytes, 9000);
	assert_mac(service->mac, "02:00:00:00:00:01");
	assert_true(service->router4 && service->router6);
	assert_int_equal(service->route4_count, 2);
	assert_ip4(service->routes4[0].net, "172.16.0.0");
	assert_int_equal(service->routes4[0].prefix, 12);
	assert_ip4(service->routes4[0].via, "192.168.7.1");
	assert_ip4(service->routes4[1].net, "10.9.0.0");
	assert_ip4(service->routes4[1].via, "192.168.7.9");
	assert_int_equal(service->lease_s, 3600);
	assert_string_equal(service->boot_file, "ipxe.efi");
	assert_string_equal(service->boot_server, "192.168.7.1");
	assert_true(description.mac_move);
	assert_true(description.isolated);
}

static void qemus_whole_argument_for_its_user_network_is_understood(void **state)
{
	static const struct {
		const char *uplink, *net;
		unsigned prefix;
		const char *host, *first, *dns;
	} rows[] = {
		{"user,id=net0", "10.0.2.0", 24, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
		{"user,id=net0,ipv4=on,ipv6=off", "10.0.2.0", 24, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
		{"user,id=net0,ipv6=n,restrict=y", "10.0.2.0", 24, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
		{"user,id=n,net=192.168.76.0/24,dhcpstart=192.168.76.9", "192.168.76.0", 24, "192.168.76.2",
		 "192.168.76.9", "192.168.76.3"},
		{"user,id=n,net=192.168.0.0", "192.168.0.0", 16, "192.168.2.2", "192.168.2.15", "192.168.2.3"},
		{"user,id=n,net=10.0.0.0/8", "10.0.0.0", 8, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
		{"user,id=n,net=10.0.0.0", "10.0.0.0", 8, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
		{"user,id=n,ip=172.20.0.0", "172.16.0.0", 12, "172.16.2.2", "172.16.2.15", "172.16.2.3"},
		{"user,id=n,net=192.168.5.0/255.255.255.0,host=192.168.5.1", "192.168.5.0", 24, "192.168.5.1",
		 "192.168.5.15", "192.168.5.3"},
		{"user,id=n,ipv6-net=fec0::/64,ipv6-host=fec0::2,ipv6-dns=fec0::3,hostname=vm,domainname=lab.test,"
		 "dnssearch=a.test,dnssearch=b.test,dns=10.0.2.4,tftp=/srv/tftp,tftp-server-name=boot.test,"
		 "bootfile=/pxelinux.0,restrict=on",
		 "10.0.2.0", 24, "10.0.2.2", "10.0.2.15", "10.0.2.4"},
		{"user,id=n,ipv6-prefix=fec0::,ipv6-prefixlen=64,guestfwd=tcp:10.0.2.100:1234-cmd:netcat -l -,,x,"
		 "guestfwd=:10.0.2.101:4321-tcp:10.10.1.1:4321,guestfwd=tcp:10.0.2.102:80-unix:/tmp/s",
		 "10.0.2.0", 24, "10.0.2.2", "10.0.2.15", "10.0.2.3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description = describe(rows[i].uplink);
		const struct service_config *service = &description.service;

		assert_ip4(service->net4, rows[i].net);
		assert_int_equal(service->prefix4, rows[i].prefix);
		assert_ip4(service->host4, rows[i].host);
		assert_ip4(service->dhcp4_first, rows[i].first);
		assert_ip4(service->resolver4, rows[i].dns);
	}
}

static void tftp_names_the_gateway_as_the_server_unless_another_is_named(void **state)
{
	struct description description = describe("user,tftp=/srv,host=10.0.2.1");

	(void)state;
	assert_string_equal(description.tftp, "/srv");
	assert_string_equal(description.service.boot_server, "10.0.2.1");
	description = describe("user,tftp=/srv,tftp-server-name=boot");
	assert_string_equal(description.service.boot_server, "boot");
	description = describe("user,bootfile=x");
	assert_string_equal(description.service.boot_server, "");
}

static void an_address_of_guestfwd_inside_the_net_is_the_gateways(void **state)
{
	struct description description =
		describe("user,guestfwd=tcp:10.0.2.100:80-unix:/s,guestfwd=tcp:10.0.2.100:81-unix:/s,"
			 "guestfwd=tcp:192.0.2.1:80-unix:/s,guestfwd=tcp:10.0.2.2:80-unix:/s,"
			 "guestfwd=tcp:[fd00::100]:80-cmd:cat,guestfwd=tcp:[2001:db8::1]:80-cmd:cat");
	const struct service_config *service = &description.service;

	(void)state;
	assert_int_equal(description.guestfwds.count, 6);
	assert_int_equal(service->also4_count, 1);
	assert_ip4(service->also4[0], "10.0.2.100");
	assert_true(service_is_ours4(service, service->also4[0]));
	assert_int_equal(service->also6_count, 1);
	assert_ip6(service->also6[0], "fd00::100");
	assert_true(service_is_ours6(service, service->also6[0]));
}

static void the_older_words_for_ipv6_do_too(void **state)
{
	struct description description = describe("none,ipv6-prefix=fd01::,ipv6-prefixlen=64");

	(void)state;
	assert_ip6(description.service.net6, "fd01::");
	assert_ip6(description.service.host6, "fd01::2");
	assert_ip6(describe("none,ipv6-net=fd02::").service.net6, "fd02::");
}

static void what_was_not_given_follows_the_net(void **state)
{
	static const struct {
		const char *uplink, *host, *first, *last;
	} rows[] = {
		{"none,net=10.1.2.3/24", "10.1.2.2", "10.1.2.15", "10.1.2.254"},
		{"none,net=10.0.0.0/8", "10.0.2.2", "10.0.2.15", "10.255.255.254"},
		{"none,net=192.168.5.0/28", "192.168.5.2", "192.168.5.1", "192.168.5.14"},
		{"none,net=192.168.5.0/29", "192.168.5.2", "192.168.5.1", "192.168.5.6"},
		{"none,net=192.168.5.4/30", "192.168.5.6", "192.168.5.5", "192.168.5.5"},
		{"none,net=192.168.5.4/30,host=192.168.5.5", "192.168.5.5", "192.168.5.6", "192.168.5.6"},
		{"none,host=10.0.2.254", "10.0.2.254", "10.0.2.15", "10.0.2.253"},
		{"none,host=10.0.2.15", "10.0.2.15", "10.0.2.16", "10.0.2.254"},
		{"none,host=10.0.2.100", "10.0.2.100", "10.0.2.15", "10.0.2.254"},
		{"none,dhcpstart=10.0.2.254", "10.0.2.2", "10.0.2.254", "10.0.2.254"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description = describe(rows[i].uplink);

		assert_ip4(description.service.host4, rows[i].host);
		assert_ip4(description.service.dhcp4_first, rows[i].first);
		assert_ip4(description.service.dhcp4_last, rows[i].last);
	}
}

static void a_gateway_without_mac_is_named_after_its_address(void **state)
{
	(void)state;
	assert_mac(describe("none,net=192.168.7.0/24").service.mac, "52:55:c0:a8:07:02");
	assert_mac(describe("none,ipv4=off").service.mac, "52:55:0a:00:02:02");
}

static void a_family_or_dhcp_can_be_off(void **state)
{
	struct description description = describe("none,ipv4=off");

	(void)state;
	assert_false(description.service.ip4 || description.service.dhcp4);
	assert_true(description.service.ip6 && description.service.dhcp6);
	assert_int_equal(description.service.lease_s, 86400);
	description = describe("none,ipv6=off,mtu=576");
	assert_false(description.service.ip6 || description.service.dhcp6);
	description = describe("none,dhcp=off");
	assert_true(description.service.ip4 && description.service.ip6);
	assert_false(description.service.dhcp4 || description.service.dhcp6);
	description = describe("none,dhcp=off,dhcp6=on");
	assert_true(description.service.dhcp6);
	description = describe("none,ipv4=off,ipv6=off,mtu=68");
	assert_int_equal(description.service.mtu_bytes, 68);
	assert_int_equal(describe("none,mtu=65520").service.mtu_bytes, 65520);
}

static void a_way_out_has_a_router_a_resolver_and_the_hosts_loopback(void **state)
{
	struct description description = describe("user");
	const struct service_config *service = &description.service;

	(void)state;
	assert_true(description.user && description.host_loopback);
	assert_false(description.restricted || description.udp_filter_none || description.router_given);
	assert_int_equal(description.flows, 0);
	assert_true(service->router4 && service->router6);
	assert_int_equal(service->dns4_count, 1);
	assert_ip4(service->dns4[0], "10.0.2.3");
	assert_ip4(service->resolver4, "10.0.2.3");
	assert_int_equal(service->dns6_count, 1);
	assert_ip6(service->dns6[0], "fd00::3");
	assert_ip6(service->resolver6, "fd00::3");
	description = describe("none");
	assert_false(description.user);
	assert_ip4(service->resolver4, "0.0.0.0");
	assert_ip6(service->resolver6, "::");
}

/* The address of the resolver that the gateway is: the first in the net, or QEMU's, or none when all are elsewhere. */
static void the_resolver_is_where_qemu_has_it_or_where_it_is_said_to_be(void **state)
{
	static const struct {
		const char *uplink, *resolver4, *resolver6;
		size_t dns4, dns6;
	} rows[] = {
		{"user,net=192.168.7.0/24", "192.168.7.3", "fd00::3", 1, 1},
		{"user,host=10.0.2.3,ipv6-host=fd00::3", "10.0.2.2", "fd00::2", 1, 1},
		{"user,net=192.168.7.0/30", "192.168.7.2", "fd00::3", 1, 1},
		{"user,dns=10.0.2.9,ipv6-dns=fd00::9", "10.0.2.9", "fd00::9", 1, 1},
		{"user,dns=9.9.9.9,dns=10.0.2.9", "10.0.2.9", "fd00::3", 2, 1},
		{"user,dns=9.9.9.9,ipv6-dns=2620:fe::fe", "0.0.0.0", "::", 1, 1},
		{"user,ipv6=off", "10.0.2.3", "::", 1, 0},
		{"user,ipv4=off", "0.0.0.0", "fd00::3", 0, 1},
		{"none,dns=10.0.2.9", "0.0.0.0", "::", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description = describe(rows[i].uplink);

		assert_ip4(description.service.resolver4, rows[i].resolver4);
		assert_ip6(description.service.resolver6, rows[i].resolver6);
		assert_int_equal(description.service.dns4_count, rows[i].dns4);
		assert_int_equal(description.service.dns6_count, rows[i].dns6);
	}
}

static void the_words_of_a_way_out_land_in_their_fields(void **state)
{
	struct description description =
		describe("user,id=net0,restrict=on,host-loopback=off,udp-filter=none,flows=100,router=off");

	(void)state;
	assert_true(description.restricted && description.udp_filter_none && description.router_given);
	assert_false(description.host_loopback || description.service.router4 || description.service.router6);
	assert_int_equal(description.flows, 100);
	assert_false(describe("user,udp-filter=address").udp_filter_none);
}

static void smb_is_at_qemus_fourth_address_or_where_it_is_said_to_be(void **state)
{
	static const struct {
		const char *uplink, *address;
		size_t also;
	} rows[] = {
		{"user,smb=/srv", "10.0.2.4", 1},
		{"user,net=10.0.0.0/8,smb=/srv", "10.0.2.4", 1},
		{"user,net=192.168.7.0/24,smb=/srv,restrict=on", "192.168.7.4", 1},
		{"user,smb=/srv,smbserver=10.0.2.9", "10.0.2.9", 1},
		/* with another service of the gateway's, and beyond the net */
		{"user,smb=/srv,smbserver=10.0.2.2", "10.0.2.2", 0},
		{"user,smb=/srv,dns=10.0.2.4", "10.0.2.4", 0},
		{"user,smb=/srv,host=10.0.2.4", "10.0.2.4", 0},
		{"user,smb=/srv,guestfwd=tcp:10.0.2.4:80-unix:/s", "10.0.2.4", 1},
		{"user,smb=/srv,smbserver=198.51.100.9", "198.51.100.9", 0},
		{"user,smb=/srv,net=192.168.7.4/30", "192.168.7.6", 0},
		/* QEMU takes the address alone */
		{"user,smbserver=10.0.2.9", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct description description = describe(rows[i].uplink);
		const struct guestfwd *share = guestfwd_share(&description.guestfwds);

		assert_int_equal(description.service.also4_count, rows[i].also);
		assert_int_equal(!share, !rows[i].address);
		if (share)
			assert_ip4(nat_address_ip4(&share->address), rows[i].address);
	}
}

static void help_names_the_words_of_a_way_out(void **state)
{
	struct description description;
	struct error error = {0};

	(void)state;
	assert_int_equal(description_parse(&description, "user,help", &error), -EINVAL);
	assert_non_null(strstr(error.text, "user takes "));
	assert_non_null(strstr(error.text, "hostfwd"));
	assert_non_null(strstr(error.text, "smb, smbserver"));
	assert_null(strstr(error.text, "and more"));
}

static const struct {
	const char *uplink;
	int code;
	const char *says[2];
} contradictions[] = {
	{"none,tftp=/srv", -EINVAL, {"tftp=/srv", "unknown option 'tftp'"}},
	{"none,smb=/srv", -EINVAL, {"smb=/srv", "unknown option 'smb'"}},
	{"user,smb=", -EINVAL, {"user,smb=: is empty", "folder"}},
	{"user,smbserver=here", -EINVAL, {"user,smbserver=here", "not an IPv4 address"}},
	{"user,smb=/srv,smbserver=fd00::4", -EINVAL, {"user,smbserver=fd00::4", "not an IPv4 address"}},
	{"user,smb=/srv,smbserver=10.0.2.0", -EINVAL, {"user,smbserver=10.0.2.0", "choose another"}},
	{"user,smb=/srv,smbserver=10.0.2.255", -EINVAL, {"user,smbserver=10.0.2.255", "choose another"}},
	{"user,smb=/srv,dhcpstart=10.0.2.4", -EINVAL, {"user,smb=/srv: 10.0.2.4 is the first", "smbserver="}},
	{"user,smb=/srv,smbserver=10.0.2.15", -EINVAL, {"10.0.2.15 is the first", "dhcpstart="}},
	{"user,smb=/srv,dns=10.0.2.3,dns=10.0.2.4", -EINVAL, {"10.0.2.4 is another name server's", "smbserver="}},
	{"user,smb=/srv,route=10.9.0.0/16@10.0.2.4", -EINVAL, {"10.0.2.4 is another router's", "smbserver="}},
	{"user,smb=/srv,guestfwd=tcp:10.0.2.4:139-unix:/s", -EINVAL, {"smb=/srv: 10.0.2.4 port 139", "smbserver="}},
	{"user,smb=/srv,ipv4=off", -EINVAL, {"user,smb=/srv: contradicts ipv4=off", "leave one"}},
	{"user,guestfwd=tcp:10.0.2.3:53-tcp:127.0.0.1:1", -EINVAL, {"guestfwd=tcp:10.0.2.3:53", "another port"}},
	{"user,guestfwd=tcp:10.0.2.255:80-tcp:127.0.0.1:1", -EINVAL, {"guestfwd=tcp:10.0.2.255:80", "another"}},
	{"user,guestfwd=tcp:[ff02::1]:80-tcp:127.0.0.1:1", -EINVAL, {"guestfwd=tcp:[ff02::1]:80", "another"}},
	{"user,ipv6=off,guestfwd=tcp:[fd00::9]:80-tcp:127.0.0.1:1", -EINVAL, {"guestfwd=tcp:[fd00::9]", "ipv6=off"}},
	{"user,guestfwd=udp:10.0.2.9:80-tcp:127.0.0.1:1", -EINVAL, {"guestfwd=udp:10.0.2.9:80", "tcp:ADDRESS:PORT"}},
	{"user,guestfwd=tcp:10.0.2.9:80-chardev:c0", -EINVAL, {"'chardev:c0' is no target", "cmd:COMMAND"}},
	{"user,hostfwd=", -EINVAL, {"hostfwd=", "tcp::2222-:22"}},
	{"none,hostfwd=tcp::2222-:22", -EINVAL, {"unknown option 'hostfwd'", "none takes"}},
	{"user,udp-filter=port", -EINVAL, {"udp-filter=port", "address"}},
	{"user,flows=1", -EINVAL, {"flows", "16"}},
	{"user,dns=10.0.2.255", -EINVAL, {"dns=10.0.2.255", "10.0.2.1 to 10.0.2.254"}},
	{"none,restrict=on", -EINVAL, {"restrict", "router"}},
	{"shared", -EOPNOTSUPP, {"uplink=shared: not available in this version", "user and none"}},
	{"tap,ifname=tap0", -EOPNOTSUPP, {"uplink=tap", "user and none"}},
	{"host", -EOPNOTSUPP, {"uplink=host", "user and none"}},
	{"bridged", -EOPNOTSUPP, {"uplink=bridged", "user and none"}},
	{"vmnet", -EOPNOTSUPP, {"uplink=vmnet", "user and none"}},
	{"vmnet-shared,id=n0", -EOPNOTSUPP, {"uplink=vmnet-shared", "user and none"}},
	{"bridge,br=br0", -EOPNOTSUPP, {"uplink=bridge:", "user and none"}},
	{"slirp", -EINVAL, {"uplink=slirp: no such uplink", "none"}},
	{"", -EINVAL, {"kind", "KIND"}},
	{"none,frobnicate=1", -EINVAL, {"frobnicate", "dhcpstart"}},
	{"none,net=10.0.2.0/31", -EINVAL, {"net=10.0.2.0/31", "8 to 30"}},
	{"none,net=10.0.0.0/7", -EINVAL, {"net=10.0.0.0/7", "8 to 30"}},
	{"none,net=127.0.0.0/8", -EINVAL, {"net=127.0.0.0/8: reserved", "192.168.0.0/16"}},
	{"none,net=224.0.2.0/24", -EINVAL, {"net=224.0.2.0/24: reserved", "10.0.0.0/8"}},
	{"none,net=0.0.0.0/24", -EINVAL, {"reserved", "10.0.0.0/8"}},
	{"none,net=240.0.0.0/8", -EINVAL, {"reserved", "10.0.0.0/8"}},
	{"none,host=10.0.3.2", -EINVAL, {"host=10.0.3.2", "10.0.2.1 to 10.0.2.254"}},
	{"none,host=10.0.2.0", -EINVAL, {"host=10.0.2.0", "10.0.2.1 to 10.0.2.254"}},
	{"none,host=10.0.2.255", -EINVAL, {"host=10.0.2.255", "10.0.2.1 to 10.0.2.254"}},
	{"none,host=gateway", -EINVAL, {"host=gateway", "10.0.2.2"}},
	{"none,dhcpstart=10.0.3.15", -EINVAL, {"dhcpstart=10.0.3.15", "10.0.2.1 to"}},
	{"none,dhcpend=10.0.3.15", -EINVAL, {"dhcpend=10.0.3.15", "10.0.2.1 to"}},
	{"none,dhcpend=10.0.2.255", -EINVAL, {"dhcpend=10.0.2.255", "10.0.2.254"}},
	{"none,dhcpstart=10.0.2.50,dhcpend=10.0.2.40", -EINVAL, {"dhcpstart=10.0.2.50", "dhcpend=10.0.2.40"}},
	{"none,dhcpend=10.0.2.14", -EINVAL, {"dhcpstart=10.0.2.15 lies behind", "dhcpend=10.0.2.14"}},
	{"none,dhcpstart=10.0.2.2", -EINVAL, {"dhcpstart=10.0.2.2", "host="}},
	{"none,host=10.0.2.20,dhcpend=10.0.2.20", -EINVAL, {"dhcpend=10.0.2.20", "host="}},
	{"none,dns=fd00::1", -EINVAL, {"dns=fd00::1", "ipv6-dns="}},
	{"none,ipv6-dns=9.9.9.9", -EINVAL, {"ipv6-dns=9.9.9.9", "dns= takes IPv4"}},
	{"none,dns=1.0.0.1,dns=1.0.0.2,dns=1.0.0.3,dns=1.0.0.4,dns=1.0.0.5", -EINVAL, {"dns=1.0.0.5", "more than 4"}},
	{"none,route=10.9.0.0", -EINVAL, {"route=10.9.0.0", "NET/PREFIX"}},
	{"none,route=10.9.0.0/16@10.0.3.1", -EINVAL, {"route=10.0.3.1", "10.0.2.1 to"}},
	{"none,route=10.9.0.0/16@here", -EINVAL, {"'here'", "IPv4"}},
	{"none,route=255.255.255.255.255.255.255.255/32", -EINVAL, {"route=", "NET/PREFIX"}},
	{"none,lease=9", -EINVAL, {"lease=9", "10"}},
	{"none,ipv6-net=fd00::/48", -EINVAL, {"ipv6-net=fd00::/48", "64 bits"}},
	{"none,ipv6-prefixlen=80", -EINVAL, {"ipv6-prefixlen=80", "64 bits"}},
	{"none,ipv6-net=fd00::/64,ipv6-prefix=fd00::",
	 -EINVAL,
	 {"ipv6-net=fd00::/64: contradicts", "ipv6-prefix=fd00::"}},
	{"none,ipv6-net=fe80::/64", -EINVAL, {"fe80::/64: reserved", "fd00::/8"}},
	{"none,ipv6-net=ff05::/64", -EINVAL, {"ff05::/64: reserved", "fd00::/8"}},
	{"none,ipv6-net=::/64", -EINVAL, {"reserved", "fd00::/8"}},
	{"none,ipv6-prefix=x", -EINVAL, {"ipv6-prefix=x", "fd00::"}},
	{"none,ipv6-host=fd01::2", -EINVAL, {"ipv6-host=fd01::2", "fd00::2 would do"}},
	{"none,ipv6-host=fd00::", -EINVAL, {"ipv6-host=fd00::", "fd00::2 would do"}},
	{"none,ipv6-host=fd00::1234", -EINVAL, {"DHCPv6 leases", "fd00::2 would do"}},
	{"none,mtu=67", -EINVAL, {"mtu=67", "68"}},
	{"none,mtu=65521", -EINVAL, {"mtu=65521", "65520"}},
	{"none,mtu=1279", -EINVAL, {"mtu=1279: IPv6 needs 1280", "ipv6=off"}},
	{"none,mtu=575,ipv6=off", -EINVAL, {"mtu=575: DHCP needs 576", "dhcp=off"}},
	{"none,mtu=many", -EINVAL, {"mtu=many", "68"}},
	{"none,mac=01:00:5e:00:00:01", -EINVAL, {"mac=01:00:5e:00:00:01", "one machine"}},
	{"none,mac=00:00:00:00:00:00", -EINVAL, {"mac=00:00:00:00:00:00", "one machine"}},
	{"none,mac=host", -EINVAL, {"mac=host", "52:55:0a:00:02:02"}},
	{"none,ipv4=off,net=10.0.2.0/24", -EINVAL, {"net=10.0.2.0/24: contradicts ipv4=off", "leave one"}},
	{"none,ipv4=off,dhcp=on", -EINVAL, {"dhcp=on: contradicts ipv4=off", "leave one"}},
	{"none,ipv6=off,ipv6-dns=fd00::1", -EINVAL, {"ipv6-dns=fd00::1: contradicts ipv6=off", "leave one"}},
	{"none,ipv4=perhaps", -EINVAL, {"ipv4=perhaps", "on or off"}},
	{"none,hostname=two words", -EINVAL, {"hostname=two words", "one word"}},
	{"none,hostname=", -EINVAL, {"hostname=", "1 to 63"}},
	{"none,domainname=-bad.example", -EINVAL, {"domainname=-bad.example", "example.org"}},
	{"none,domainname=a..b", -EINVAL, {"domainname=a..b", "example.org"}},
	{"none,domainname=.", -EINVAL, {"domainname=.", "example.org"}},
	{"none,dnssearch=", -EINVAL, {"dnssearch=", "example.org"}},
	{"none,bootfile=", -EINVAL, {"bootfile=", "1 to 127"}},
};

static void every_contradiction_names_its_word_and_what_would_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contradictions) / sizeof(*contradictions); i++) {
		struct description description;
		struct error error = {0};
		int code = description_parse(&description, contradictions[i].uplink, &error);

		if (code != contradictions[i].code)
			fail_msg("%s: %d instead of %d (%s)", contradictions[i].uplink, code, contradictions[i].code,
				 error.text);
		assert_int_equal(error.code, contradictions[i].code);
		for (size_t j = 0; j < 2; j++) {
			if (!strstr(error.text, contradictions[i].says[j]))
				fail_msg("%s: '%s' lacks '%s'", contradictions[i].uplink, error.text,
					 contradictions[i].says[j]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_words_the_net_is_the_one_that_qemu_users_know),
		cmocka_unit_test(every_word_lands_in_its_field),
		cmocka_unit_test(qemus_whole_argument_for_its_user_network_is_understood),
		cmocka_unit_test(tftp_names_the_gateway_as_the_server_unless_another_is_named),
		cmocka_unit_test(an_address_of_guestfwd_inside_the_net_is_the_gateways),
		cmocka_unit_test(the_older_words_for_ipv6_do_too),
		cmocka_unit_test(what_was_not_given_follows_the_net),
		cmocka_unit_test(a_gateway_without_mac_is_named_after_its_address),
		cmocka_unit_test(a_family_or_dhcp_can_be_off),
		cmocka_unit_test(a_way_out_has_a_router_a_resolver_and_the_hosts_loopback),
		cmocka_unit_test(the_resolver_is_where_qemu_has_it_or_where_it_is_said_to_be),
		cmocka_unit_test(the_words_of_a_way_out_land_in_their_fields),
		cmocka_unit_test(smb_is_at_qemus_fourth_address_or_where_it_is_said_to_be),
		cmocka_unit_test(help_names_the_words_of_a_way_out),
		cmocka_unit_test(every_contradiction_names_its_word_and_what_would_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
