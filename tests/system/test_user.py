# SPDX-License-Identifier: MIT
"""uplink=user: guests reach the world through the host's own sockets.

    box (a namespace) --tap0--+
                              |  guestwire, in the namespace `host` --host0 ---- world0-- world (servers)
    a stream guest -----------+  10.0.2.0/24, fd00::/64              192.0.2.1   192.0.2.2
                                                                     2001:db8::1 2001:db8::2

What moves is checked byte for byte by both ends."""
import socket
import struct
import subprocess
import time

import pytest

from kit import eventually, need
from kit.far import CONNECT, HOST, WORLD
from kit.frames import StreamGuest, ethernet, udp4

pytestmark = pytest.mark.asan

MOVE = 64 << 20


def moved(far, move, taker, sender, address, port, count=1, size=MOVE):
    """`count` flows of `size` bytes from one namespace to the other."""
    takers = [far.start(taker, move, "take", str(port + i), str(size), str(7 + i), stdout=subprocess.PIPE, text=True) for i in range(count)]
    for process in takers:
        assert process.stdout.readline() == "listening\n"
    senders = [far.start(sender, move, "send", address, str(port + i), str(size), str(7 + i)) for i in range(count)]
    for process in senders:
        assert process.wait() == 0, far.drops()
    for process in takers:
        assert process.stdout.read() == "right\n", far.drops()


# Listens, and sends to whoever comes; the taker is who connects.
PULL = """
import socket, subprocess, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print("ready", flush=True)
c = s.accept()[0]
block = bytes(range(256)) * 4096
left = int(sys.argv[3])
while left:
    c.sendall(block[:min(left, len(block))])
    left -= min(left, len(block))
c.shutdown(socket.SHUT_WR)
c.recv(1)
"""
TAKE = """
import hashlib, socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
wanted, got = bytes(range(256)) * 4096, 0
buffer = bytearray(1 << 20)
view = memoryview(buffer)
while True:
    n = c.recv_into(view)
    if not n:
        break
    start = got % (1 << 20)
    part = (wanted + wanted)[start:start + n]
    if view[:n] != part:
        sys.exit("wrong after %d bytes" % got)
    got += n
print(got)
"""


@pytest.mark.parametrize("family", [4, 6])
def test_64_mib_arrive_byte_for_byte_in_the_world(far, move, family):
    far = far()
    moved(far, move, far.world, far.box, WORLD[family], 9000)


@pytest.mark.parametrize("family", [4, 6])
def test_64_mib_arrive_byte_for_byte_from_the_world(far, family):
    far = far()
    far.server(far.world, PULL, WORLD[family], 9000, MOVE)
    assert far.python(far.box, TAKE, WORLD[family], 9000) == str(MOVE), far.drops()


def test_64_flows_at_once_are_kept_apart(far, move):
    far = far()
    moved(far, move, far.world, far.box, WORLD[4], 9000, count=64, size=1 << 20)


# Two networks, of which the second begins behind the first: (address of the near end, of the far end, the net).
BEHIND = {4: [("172.16.1.1", "172.16.1.2", "24"), ("172.16.2.1", "172.16.2.2", "24")],
          6: [("fd01::1", "fd01::2", "64"), ("fd02::1", "fd02::2", "64")]}


# What reaches the guest whole goes on by a link with a smaller MTU, and the end behind that does not know.
@pytest.mark.parametrize("family", [4, 6])
def test_a_guest_may_lead_on_by_a_smaller_link(far, namespace, family):
    far = far()
    spaces = [far.box, namespace(), namespace()]
    for i, (mtu, ends) in enumerate(zip((1300, 1500), BEHIND[family])):
        for space, name, address in zip(spaces[i:], (f"near{i}", f"far{i}"), ends):
            if name == f"near{i}":
                space.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"far{i}", "netns",
                          str(spaces[i + 1].holder.pid))
            space.run("ip", "addr", "add", f"{address}/{ends[2]}", "dev", name, *(["nodad"] if family == 6 else []))
            space.run("ip", "link", "set", name, "mtu", str(mtu), "up")
    for space in spaces[:2]:
        space.run("sysctl", "-qw", {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}[family])
    for space, (near, _, _) in zip(spaces[1:], BEHIND[family]):
        space.run("ip", f"-{family}", "route", "add", "default", "via", near)
    far.box.run("ip", f"-{family}", "route", "add", {4: "172.16.2.0/24", 6: "fd02::/64"}[family], "via", BEHIND[family][0][1])
    far.server(far.world, PULL, WORLD[family], 9000, 8 << 20)
    assert far.python(spaces[2], TAKE, WORLD[family], 9000) == str(8 << 20), far.drops()


@pytest.mark.parametrize("family", [4, 6])
def test_a_refused_connection_is_refused_at_once(far, family):
    far = far()
    said, seconds = far.python(far.box, CONNECT, WORLD[family], 9).split()
    assert said == "ECONNREFUSED" and float(seconds) < 0.5, far.drops()


ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((sys.argv[1], int(sys.argv[2])))
for size in (0, 1, 1400, 4000, 20000):
    s.send(bytes([size % 251]) * size)
    assert s.recv(65536) == bytes([size % 251]) * size, size
print("right")
"""


@pytest.mark.parametrize("family", [4, 6])
def test_datagrams_of_every_size_come_back(far, family):
    far = far()
    far.server(far.world, ECHO, WORLD[family], 7000)
    assert far.python(far.box, ASK, WORLD[family], 7000) == "right", far.drops()


@pytest.mark.parametrize("family", [4, 6])
def test_the_world_and_the_gateway_answer_pings(far, family):
    far = far()
    for address in (WORLD[family], HOST[family]):
        far.box.run("ping", "-c", "2", "-i", "0.1", "-W", "2", address)


def test_a_stream_guest_reaches_the_world_too(far):
    far = far()
    far.server(far.world, ECHO, WORLD[4], 7000)
    guest = far.closing(StreamGuest(f"{far.folder}/s.sock"))
    guest.dhcp()
    mac = guest.resolve("10.0.2.2")
    got = guest.ask(ethernet(mac, guest.mac, 0x0800, udp4(guest.ip, WORLD[4], 4000, 7000, b"hello")),
                    lambda f: f[12:14] == b"\x08\x00" and f[23] == 17 and f[36:38] == struct.pack("!H", 4000))
    assert got and got[42:] == b"hello", far.drops()


@pytest.mark.parametrize("family", [4, 6])
def test_the_gateways_address_is_the_hosts_loopback(far, family):
    far = far()
    far.server(far.host, ECHO, {4: "127.0.0.1", 6: "::1"}[family], 7000)
    far.server(far.host, PULL, {4: "127.0.0.1", 6: "::1"}[family], 9000, 1 << 20)
    assert far.python(far.box, ASK, HOST[family], 7000) == "right", far.drops()
    assert far.python(far.box, TAKE, HOST[family], 9000) == str(1 << 20), far.drops()


@pytest.mark.parametrize("family", [4, 6])
def test_without_host_loopback_the_gateways_address_refuses(far, family):
    far = far(",host-loopback=off")
    far.server(far.host, PULL, {4: "127.0.0.1", 6: "::1"}[family], 9000, 1 << 20)
    said, seconds = far.python(far.box, CONNECT, HOST[family], 9000).split()
    assert said == "ECONNREFUSED" and float(seconds) < 0.5, far.drops()


def test_restrict_lets_nothing_out(far):
    far = far(",restrict=on")
    far.server(far.world, PULL, WORLD[4], 9000, 1 << 20)
    far.server(far.host, PULL, "127.0.0.1", 9000, 1 << 20)
    said, _ = far.python(far.box, CONNECT, WORLD[4], 9000).split()
    assert said not in ("connected", "timeout")
    said, _ = far.python(far.box, CONNECT, HOST[4], 9000).split()
    assert said == "ECONNREFUSED"
    assert far.box.run("ping", "-c", "1", "-W", "1", WORLD[4], check=False).returncode != 0
    assert "nat-restricted" in str(far.lab.show()), far.drops()


def test_a_host_without_ipv6_is_no_router_for_it(far):
    far = far(ip6=False)
    eventually(lambda: "fd00::" in far.box.run("ip", "-6", "addr", "show", "dev", "tap0", "dynamic").stdout, what="an advertised prefix")
    assert "proto ra" not in far.box.run("ip", "-6", "route", "show", "default").stdout


# ---- names ----

LOOK = """
import os, socket, struct, sys
server, name, kind, tcp = sys.argv[1], sys.argv[2], int(sys.argv[3]), len(sys.argv) > 4
number = os.urandom(2)
question = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\\0" + struct.pack("!HH", kind, 1)
query = number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question
s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
s.settimeout(6)
s.connect((server, 53))
if tcp:
    s.sendall(struct.pack("!H", len(query)) + query)
    file = s.makefile("rb")
    answer = file.read(struct.unpack("!H", file.read(2))[0])
else:
    s.send(query)
    answer = s.recv(4096)
assert answer[:2] == number
print(answer[3] & 15, answer[12 + len(question) + 12:].hex())
"""
A, PTR, AAAA = 1, 12, 28


def look(far, name, kind=A, server="10.0.2.3", tcp=False):
    """The code of the answer, and its first record's data in hex."""
    code, *data = far.python(far.box, LOOK, server, name, kind, *(["tcp"] if tcp else [])).split()
    return int(code), data[0] if data else ""


def dnsmasq(far, address, answer):
    need("dnsmasq")
    far.start(far.world, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--bind-interfaces",
              f"--listen-address={address}", f"--address=/answer.test/{answer}", stderr=subprocess.DEVNULL)
    eventually(lambda: "53" in far.world.run("ss", "-Hltn", "src", address).stdout, what="dnsmasq")


@pytest.mark.parametrize("server", ["10.0.2.3", "fd00::3"])
@pytest.mark.parametrize("tcp", [False, True])
def test_a_name_of_the_world_is_found_through_the_hosts_resolver(far, server, tcp):
    far = far()
    dnsmasq(far, WORLD[4], "198.51.100.7")
    assert look(far, "answer.test", server=server, tcp=tcp) == (0, socket.inet_aton("198.51.100.7").hex())


def test_another_resolver_in_the_file_is_asked_from_the_next_query_on(far):
    far = far()
    far.world.run("ip", "addr", "add", "192.0.2.3/24", "dev", "world0")
    dnsmasq(far, WORLD[4], "198.51.100.7")
    dnsmasq(far, "192.0.2.3", "198.51.100.8")
    assert look(far, "answer.test") == (0, socket.inet_aton("198.51.100.7").hex())
    with open(far.resolv, "w", encoding="utf8") as file:
        file.write("nameserver 192.0.2.3\n")
    assert look(far, "answer.test") == (0, socket.inet_aton("198.51.100.8").hex())


def test_without_a_resolver_a_query_fails_instead_of_waiting(far):
    far = far()
    start = time.monotonic()
    assert look(far, "answer.test")[0] == 2
    assert time.monotonic() - start < 5


def test_guests_and_the_host_have_names(far):
    far = far()
    guest = far.closing(StreamGuest(f"{far.folder}/s.sock"))
    guest.dhcp(name=b"VM1")
    own = socket.inet_aton(guest.ip).hex()
    assert look(far, "vm1.t.internal") == (0, own)
    assert look(far, "vm1.t.internal", tcp=True) == (0, own)
    assert look(far, "host.guestwire.internal") == (0, socket.inet_aton("10.0.2.2").hex())
    assert look(far, "nobody.t.internal")[0] == 3
    code, name = look(far, ".".join(reversed(guest.ip.split("."))) + ".in-addr.arpa", PTR)
    assert code == 0 and b"vm1" in bytes.fromhex(name)
