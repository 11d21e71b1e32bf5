# SPDX-License-Identifier: MIT
"""The way out that a person chooses: outbound=, by this machine's addresses and interfaces, and dns-host=, whom the gateway asks.

                                                    +--host0 ---- world0-- world
                                                    |  192.0.2.1, .8       192.0.2.2
    box (a namespace) --tap0-- guestwire, in `host`-+  2001:db8::1, ::8    2001:db8::2
                               10.0.2.0/24, fd00::  |
                                                    +--vpn0 ----- there0-- there
                                                       203.0.113.1         203.0.113.2
                                                       2001:db8:b::1       2001:db8:b::2

Both the world and what is behind the VPN have the same servers, at 198.51.100.77 and 2001:db8:77::77. They say who they are and
whom they see, so that an answer tells which way was taken, and from which address. This machine's routes lead to the world."""
import json
import re
import subprocess
import sys
import time

import pytest

from kit import eventually, need
from kit.far import CONNECT, WORLD, Far, Process
from kit.namespace import Namespace
from kit.person import Person

pytestmark = pytest.mark.asan

SERVER = {4: "198.51.100.77", 6: "2001:db8:77::77"}
PORT = 7000
FROM = {"world": {4: "192.0.2.1", 6: "2001:db8::1"}, "there": {4: "203.0.113.1", 6: "2001:db8:b::1"}}
OTHER = {4: "192.0.2.8", 6: "2001:db8::8"}

# NAME ADDRESS…: by TCP and UDP.
SERVE = """
import selectors, socket, sys
ready = selectors.DefaultSelector()
for address in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ready.register(socket.create_server((address, 7000), family=family), 1)
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 7000))
    ready.register(s, 1)
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        s = key.fileobj
        if s.type == socket.SOCK_DGRAM:
            data, who = s.recvfrom(2000)
            s.sendto(f"{sys.argv[1]} {who[0]}".encode(), who)
        else:
            c, who = s.accept()
            c.sendall(f"{sys.argv[1]} {who[0]}".encode())
            c.close()
"""
# KIND ADDRESS [PORT]: what the server says, or the errno's name.
ASK = """
import errno, socket, sys
kind, address, port = (sys.argv + ["7000"])[1:4]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(5)
if kind == "udp":
    s.setsockopt(*((socket.IPPROTO_IPV6, 25) if ":" in address else (socket.IPPROTO_IP, 11)), 1)  # IPV6_RECVERR, IP_RECVERR
try:
    s.connect((address, int(port)))
    if kind == "udp":
        s.send(b"who")
    print(s.recv(100).decode())
except TimeoutError:
    print("timeout")
except OSError as error:
    print(errno.errorcode[error.errno])
"""
# From one socket: a word for each ADDRESS,PORT on a line of the input; answers, or "timeout", or the errno's name.
TALK = """
import errno, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
s.settimeout(1)
print("ready", flush=True)
for line in sys.stdin:
    address, port = line.split(",")
    try:
        if address != "nobody":
            s.sendto(b"who", (address, int(port)))
        said, who = s.recvfrom(100)
        print(said.decode() if who[0] == address or address == "nobody" else "another", flush=True)
    except TimeoutError:
        print("timeout", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
"""


STRANGER = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
"""


def serve(space, name, *addresses):
    process = Process(space.start(sys.executable, "-c", SERVE, name, *addresses, stdout=subprocess.PIPE, text=True))
    assert process.stdout.readline() == "ready\n"
    return process


def add_vpn(host, there):
    """By default as a VPN is: there, but not what the routes lead by."""
    host.run("ip", "link", "add", "vpn0", "type", "veth", "peer", "name", "there0", "netns", str(there.holder.pid))
    for space, name, number in ((host, "vpn0", 1), (there, "there0", 2)):
        space.run("sh", "-c", f"ip link set {name} address 02:00:00:00:01:0{number} && ip addr add 203.0.113.{number}/24 dev {name} && "
                  f"ip addr add 2001:db8:b::{number}/64 dev {name} nodad && ip link set {name} up && "
                  f"ip neigh replace 203.0.113.{3 - number} lladdr 02:00:00:00:01:0{3 - number} nud permanent dev {name} && "
                  f"ip neigh replace 2001:db8:b::{3 - number} lladdr 02:00:00:00:01:0{3 - number} nud permanent dev {name}")
    host.run("sh", "-c", "ip route add default via 203.0.113.2 metric 900 && ip -6 route add default via 2001:db8:b::2 metric 2000")


def add_servers(world, there):
    for space in (world, there):
        space.run("sh", "-c", f"ip addr add {SERVER[4]}/32 dev lo && ip addr add {SERVER[6]}/128 dev lo nodad")
    return [serve(space, name, *SERVER.values()) for space, name in ((world, "world"), (there, "there"))]


class Fork:
    """A far whose host has two ways out."""

    def __init__(self, far, there, closing, options, **more):
        self.there, self.closing = there, closing
        self.far = far(options, before=self.prepare, **more)

    def prepare(self, far):
        far.host.run("sh", "-c", f"ip addr add {OTHER[4]}/24 dev host0 && ip addr add {OTHER[6]}/64 dev host0 nodad preferred_lft 0")
        for address in OTHER.values():
            far.world.run("ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", "world0")
        # what comes from the VPN's address by the other interface finds back
        far.world.run("sh", "-c", "ip route add 203.0.113.0/24 via 192.0.2.1 && ip -6 route add 2001:db8:b::/64 via 2001:db8::1")
        far.host.run("sh", "-c", "sysctl -qw net.ipv4.conf.all.rp_filter=0")
        add_vpn(far.host, self.there)
        for server in add_servers(far.world, self.there):
            self.closing(server)

    def ask(self, kind, family, address=None, port=PORT):
        return self.far.python(self.far.box, ASK, kind, address or SERVER[family], port)

    def asks(self):
        """The answers by TCP and by UDP, of each family."""
        return {family: {self.ask(kind, family) for kind in ("tcp", "udp")} for family in (4, 6)}

    def ping(self, address, wait=1):
        return self.far.box.run("ping", "-c", "1", "-W", str(wait), address, check=False).returncode == 0

    def talker(self):
        """A socket of the box's that stays."""
        return Talker(self.far.start(self.far.box, sys.executable, "-c", TALK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def drop(self, reason):
        return self.far.lab.show()["drops"].get(reason, 0)


class Talker:
    def __init__(self, process):
        self.process = process.process
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, address, port=PORT):
        self.process.stdin.write(f"{address},{port}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def fork(far, namespace, closing):
    return lambda options="", **more: Fork(far, namespace(), closing, options, **more)


def said(name, family, source=None):
    return {f"{name} {source or FROM[name][family]}"}


# ---- which way ----

@pytest.mark.parametrize("options, ip4, ip6", [
    ("", said("world", 4), said("world", 6)),
    (",outbound=vpn0", said("there", 4), said("there", 6)),
    (f",outbound={OTHER[4]}", said("world", 4, OTHER[4]), said("world", 6)),
    (f",outbound={OTHER[6]},outbound={OTHER[4]}", said("world", 4, OTHER[4]), said("world", 6, OTHER[6])),
    # an address is where it comes from, and the routes still say which way
    (f",outbound={FROM['there'][4]}", said("world", 4, FROM["there"][4]), said("world", 6)),
    (",outbound-if4=vpn0", said("there", 4), said("world", 6)),
    (",outbound-if6=vpn0", said("world", 4), said("there", 6)),
    (f",outbound=host0,outbound={OTHER[4]}", said("world", 4, OTHER[4]), said("world", 6)),
])
def test_guests_leave_by_what_was_chosen(fork, options, ip4, ip6):
    assert fork(options).asks() == {4: ip4, 6: ip6}


@pytest.mark.parametrize("family, here, beyond", [(4, "198.51.100.78", "198.51.100.79"), (6, "2001:db8:77::78", "2001:db8:77::79")])
def test_pings_leave_by_the_interface_too(fork, family, here, beyond):
    fork = fork(",outbound=vpn0")
    length = 32 if family == 4 else 128
    fork.far.world.run("ip", "addr", "add", f"{here}/{length}", "dev", "lo")
    fork.there.run("ip", "addr", "add", f"{beyond}/{length}", "dev", "lo")
    assert fork.ping(beyond, 5) and not fork.ping(here), fork.far.drops()


@pytest.mark.parametrize("word", ["vpn0", OTHER[4]])
def test_this_machines_loopback_is_reached_as_ever_from_the_same_port(fork, word):
    fork = fork(f",outbound={word},map-host=198.51.100.200")
    fork.closing(serve(fork.far.host, "host", "127.0.0.1", "::1"))
    world = said("there", 4) if word == "vpn0" else said("world", 4, OTHER[4])
    talker = fork.talker()
    for _ in range(2):
        assert {talker.ask(SERVER[4])} == world and talker.ask("198.51.100.200") == "host 127.0.0.1", fork.far.drops()
    assert fork.ask("tcp", 4, "198.51.100.200") == "host 127.0.0.1" and fork.ask("udp", 6, "fd00::2") == "host ::1"
    assert fork.ping("198.51.100.200", 5)
    flows = json.loads(fork.far.lab.command("flows", "--json").stdout)
    assert {flow["far"] for flow in flows if flow["protocol"] == "udp"} == {"", "198.51.100.200"} | ({"fd00::2"} if word == "vpn0" else set())


def test_an_interface_lets_nobody_in_who_comes_by_another(fork):
    fork = fork(",outbound=vpn0,udp-filter=none")
    talker = fork.talker()
    assert {talker.ask(SERVER[4])} == said("there", 4)
    sockets = fork.far.host.run("ss", "-Huan").stdout
    port = re.search(r"%vpn0:(\d+) ", sockets)[1]
    fork.far.python(fork.far.world, STRANGER, "192.0.2.1", port, "by another")
    assert talker.ask("nobody", 0) == "timeout", sockets
    fork.far.python(fork.there, STRANGER, "203.0.113.1", port, "by this")
    assert talker.ask("nobody", 0) == "by this", (sockets, fork.far.drops())


# ---- what it does not touch ----

WHO = """
import socket, sys
s = socket.create_server(("10.0.2.15", 8080))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("10.0.2.15", 8081))
print("ready", flush=True)
import threading
def datagrams():
    while True:
        data, who = u.recvfrom(100)
        u.sendto(b"box " + who[0].encode(), who)
threading.Thread(target=datagrams, daemon=True).start()
while True:
    c, who = s.accept()
    c.sendall(b"box " + who[0].encode())
    c.close()
"""


def test_what_comes_in_by_a_forward_is_answered_the_way_it_came(fork):
    fork = fork(",outbound=vpn0,hostfwd=tcp::8080-:8080,hostfwd=udp::8081-:8081")
    fork.far.server(fork.far.box, WHO)
    for kind, port in (("tcp", 8080), ("udp", 8081)):
        assert fork.far.python(fork.far.world, ASK, kind, "192.0.2.1", port) == "box 192.0.2.2"
        assert fork.far.python(fork.there, ASK, kind, "203.0.113.1", port) == "box 203.0.113.2"
        assert fork.far.python(fork.far.host, ASK, kind, "127.0.0.1", port) == "box 10.0.2.2"


def test_guestfwd_leads_where_it_says(fork):
    fork = fork(f",outbound=vpn0,guestfwd=tcp:10.0.2.80:80-tcp:{SERVER[4]}:7000,guestfwd=tcp:10.0.2.81:80-cmd:echo hello")
    assert fork.ask("tcp", 4, "10.0.2.80", 80) == "world 192.0.2.1"
    assert fork.ask("tcp", 4, "10.0.2.81", 80) == "hello"


def test_restrict_lets_nothing_out_by_it_either(fork):
    fork = fork(",outbound=vpn0,restrict=on")
    assert fork.ask("tcp", 4) in ("EHOSTUNREACH", "EACCES") and fork.ask("udp", 4) in ("EHOSTUNREACH", "EACCES")
    assert fork.drop("nat-restricted") > 0


# ---- it goes and comes back ----

def lose_interface(fork):
    fork.far.host.run("ip", "link", "del", "vpn0")


def lose_address(fork):
    fork.far.host.run("sh", "-c", "ip addr del 203.0.113.1/24 dev vpn0 && ip addr del 2001:db8:b::1/64 dev vpn0")


def find_interface(fork):
    add_vpn(fork.far.host, fork.there)


def find_address(fork):
    fork.far.host.run("sh", "-c", "ip addr add 203.0.113.1/24 dev vpn0 && ip addr add 2001:db8:b::1/64 dev vpn0 nodad && "
                      "ip route replace default via 203.0.113.2 metric 900 && ip -6 route replace default via 2001:db8:b::2 metric 2000")


@pytest.mark.parametrize("options, lose, find", [
    (",outbound=vpn0", lose_interface, find_interface),
    (f",outbound=vpn0,outbound={FROM['there'][4]},outbound={FROM['there'][6]}", lose_address, find_address),
], ids=["interface", "address"])
def test_what_has_gone_refuses_by_name_and_works_again_when_it_is_back(fork, options, lose, find):
    fork = fork(options)
    talker = fork.talker()
    assert {talker.ask(SERVER[4])} == said("there", 4) and fork.asks() == {4: said("there", 4), 6: said("there", 6)}
    assert fork.ping(SERVER[4], 5)
    lose(fork)
    for family in (4, 6):
        refused = fork.far.python(fork.far.box, CONNECT, SERVER[family], PORT).split()
        assert refused[0] == "EHOSTUNREACH" and float(refused[1]) < 1, refused
    assert fork.drop("nat-outbound-gone") == 2
    # sockets that are there wait three seconds for it, then they are given up
    eventually(lambda: talker.ask(SERVER[4]) == "EHOSTUNREACH" and fork.drop("nat-outbound-gone") > 2, 10, what="the refusal of a datagram")
    before = fork.drop("nat-outbound-gone")
    assert not fork.ping(SERVER[4]) and fork.drop("nat-outbound-gone") > before
    lines = fork.far.lab.errors()
    assert "not on this machine now; what guests begin by IPv4 is refused until it is back" in lines, lines
    assert "is refused until it is back" in lines and lines.count("by IPv6 is refused") == 1 and lines.count("by IPv4 is refused") == 1, lines
    find(fork)
    assert fork.asks() == {4: said("there", 4), 6: said("there", 6)}, fork.far.drops()
    assert {talker.ask(SERVER[4])} == said("there", 4) and fork.ping(SERVER[4], 5)
    lines = fork.far.lab.errors()
    assert lines.count("is back, and leads guests out by IPv4") == 1 and lines.count("is back, and leads guests out by IPv6") == 1, lines


def test_an_interface_that_is_made_anew_at_once_is_found_by_sockets_that_had_the_old_one(fork):
    fork = fork(",outbound=vpn0")
    talker = fork.talker()
    assert {talker.ask(SERVER[4])} == said("there", 4)
    lose_interface(fork)
    find_interface(fork)
    assert {fork.ask("tcp", 4)} == said("there", 4)
    eventually(lambda: {talker.ask(SERVER[4])} == said("there", 4), 10, what="an answer through the new one")


def test_an_interface_that_is_down_refuses_and_leads_nowhere_else(fork):
    fork = fork(",outbound=vpn0")
    fork.far.host.run("ip", "link", "set", "vpn0", "down")
    answers = {(kind, family): fork.ask(kind, family) for kind in ("tcp", "udp") for family in (4, 6)}
    assert set(answers.values()) <= {"ENETUNREACH", "EHOSTUNREACH"}, answers


# ---- at the start ----

@pytest.mark.parametrize("options, why", [
    ("outbound=nosuch0", "outbound=nosuch0: this machine has no such interface, and it is no address either; `ip address` lists both"),
    ("outbound=192.0.2.77", "outbound=192.0.2.77: not an address of this machine now; `ip address` lists those it has"),
    ("outbound=2001:db8::77", "outbound=2001:db8::77: not an address of this machine now"),
    ("outbound-if4=nosuch0", "outbound-if4=nosuch0: this machine has no such interface"),
    ("outbound=127.0.0.1", "outbound=127.0.0.1: this machine's loopback, from which nothing leaves"),
    ("outbound=fe80::1", "outbound=fe80::1: means something on one link alone; name its interface instead"),
    ("outbound=0.0.0.0", "outbound=0.0.0.0: not the address of one machine"),
    ("outbound=", "outbound=: must be an address or an interface of this machine"),
    ("outbound=192.0.2.1,outbound=192.0.2.8", "outbound=192.0.2.8: there is one of this family already"),
    ("outbound=host0,outbound-if6=host0", "outbound-if6=host0: there is an interface for this family already"),
    ("ipv6=off,outbound=2001:db8::1", "outbound=2001:db8::1: contradicts ipv6=off; leave one of them out"),
    ("ipv4=off,outbound-if4=host0", "outbound-if4=host0: this family is off; leave one of the words out"),
    ("dns-host=nowhere.test", "dns-host=nowhere.test: not ADDRESS or ADDRESS:PORT of a name server, as 9.9.9.9"),
    ("dns-host=9.9.9.9:99999", "dns-host=9.9.9.9:99999: not ADDRESS or ADDRESS:PORT"),
    ("dns-host=[9.9.9.9]:53", "dns-host=[9.9.9.9]:53: not ADDRESS or ADDRESS:PORT"),
    ("dns-host=10.0.2.3", "dns-host=10.0.2.3: is in the guests' own net"),
    (",".join(f"dns-host=9.9.9.{number}" for number in range(5)), "dns-host=9.9.9.4: more than 4; leave some out"),
])
def test_a_mistake_is_told_at_the_start(namespace, wire, options, why):
    host = namespace()
    host.run("sh", "-c", "ip link add host0 type veth peer name other0 && ip addr add 192.0.2.1/24 dev host0 && ip addr add 192.0.2.8/24 dev host0 && "
             "ip addr add 2001:db8::1/64 dev host0 nodad && ip link set host0 up && ip link set other0 up")
    lab = wire("--uplink", f"user,{options}", inside=host, check=False)
    # 2: the words are wrong; 1: they would do on another machine
    assert lab.process.wait(10) == (1 if "this machine has no" in why or "of this machine now" in why else 2), lab.errors()
    assert lab.errors().startswith("guestwire: user,") and why in lab.errors() and lab.errors().count("\n") == 1


def test_other_uplinks_have_no_way_to_choose(wire):
    lab = wire("--uplink", "none,outbound=lo", check=False)
    assert lab.process.wait(10) == 2 and "unknown option 'outbound'" in lab.errors()


def test_it_is_said_at_the_start_and_shown(fork):
    fork = fork(f",outbound=vpn0,outbound={FROM['there'][4]},dns-host=9.9.9.9,dns-host=[2001:db8::53]:5353")
    with open(fork.far.lab.out_path, encoding="utf8") as file:
        assert "guests reach the world, IPv4 by vpn0 from 203.0.113.1, IPv6 by vpn0, and this machine's own 127.0.0.1 as 10.0.2.2" in file.read()
    shown = fork.far.lab.show()
    assert [shown[name] for name in ("outbound_if4", "outbound4", "outbound_if6", "outbound6", "resolvers")] == \
        ["vpn0", "203.0.113.1", "vpn0", "", "9.9.9.9:53 [2001:db8::53]:5353"]
    text = fork.far.lab.command("show").stdout
    assert "  out by vpn0 from 203.0.113.1\n" in text and "gateway fd00::2  out by vpn0\n" in text
    assert "  DNS  asks 9.9.9.9:53 [2001:db8::53]:5353\n" in text


# ---- whom the gateway asks ----

def resolver(space, closing, address, answer, port=53):
    need("dnsmasq")
    # it says so too when asked by TCP
    closing(Process(space.start("dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--bind-interfaces",
                                f"--port={port}", f"--listen-address={address}", f"--address=/who.test/{answer}", stderr=subprocess.DEVNULL)))
    bracketed = f"[{address}]" if ":" in address else address
    eventually(lambda: f":{port} " in space.run("ss", "-Hltn", "src", bracketed).stdout, what="dnsmasq")


def dig(fork, *words, server="10.0.2.3"):
    need("dig")
    return fork.far.box.run("dig", f"@{server}", "+short", "+tries=1", "+time=6", *words, "who.test", check=False).stdout.strip()


@pytest.mark.parametrize("words", [(), ("+tcp",)], ids=["udp", "tcp"])
def test_resolvers_are_asked_by_the_way_that_was_chosen(fork, words):
    fork = fork(",outbound=vpn0")
    for space, answer in ((fork.far.world, "192.0.2.66"), (fork.there, "203.0.113.66")):
        resolver(space, fork.closing, SERVER[4], answer)
        resolver(space, fork.closing, SERVER[6], answer)
    for server in SERVER.values():
        with open(fork.far.resolv, "w", encoding="utf8") as file:
            file.write(f"nameserver {server}\n")
        assert dig(fork, *words) == dig(fork, *words, server="fd00::3") == "203.0.113.66"
        assert fork.far.lab.show()["resolvers"] == (f"[{server}]:53" if ":" in server else f"{server}:53")


@pytest.mark.parametrize("words", [(), ("+tcp",)], ids=["udp", "tcp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.1"])
def test_a_resolver_on_this_machine_is_asked_there(fork, address, words):
    shown = f"[{address}]" if ":" in address else address
    fork = fork(f",outbound=vpn0,dns-host={shown}:5353")
    resolver(fork.far.host, fork.closing, address, "192.0.2.99", 5353)
    assert dig(fork, *words) == "192.0.2.99", fork.far.drops()


def test_dns_host_is_asked_instead_of_resolv_conf_in_its_order(fork):
    fork = fork(f",dns-host={WORLD[4]}:5353,dns-host={SERVER[4]}:5354")
    resolver(fork.far.world, fork.closing, WORLD[4], "192.0.2.1")  # resolv.conf's
    resolver(fork.far.world, fork.closing, SERVER[4], "192.0.2.3", 5354)
    assert dig(fork) == "192.0.2.3"
    resolver(fork.far.world, fork.closing, WORLD[4], "192.0.2.2", 5353)
    with open(fork.far.resolv, "w", encoding="utf8") as file:
        file.write("nameserver 192.0.2.250\n")
    assert dig(fork) == "192.0.2.3"  # it has answered last
    assert fork.far.lab.show()["resolvers"] == f"{WORLD[4]}:5353 {SERVER[4]}:5354"


def test_a_resolver_that_cannot_be_asked_by_the_way_is_servfail_at_once_and_asked_when_it_is_back(fork):
    fork = fork(",outbound=vpn0")
    resolver(fork.there, fork.closing, SERVER[4], "203.0.113.66")
    with open(fork.far.resolv, "w", encoding="utf8") as file:
        file.write(f"nameserver {SERVER[4]}\n")
    assert dig(fork) == "203.0.113.66"
    lose_interface(fork)
    time.sleep(1)
    began = time.monotonic()
    assert dig(fork) == "" and time.monotonic() - began < 2
    find_interface(fork)
    assert dig(fork) == "203.0.113.66"


# ---- address=host ----

def test_the_guest_wears_the_address_of_the_interface_that_it_leaves_by(fork, monkeypatch):
    from test_services import Worn
    fork = fork(",address=host,outbound=vpn0")
    worn = Worn(fork.far)
    assert worn.lease()[:2] == ["203.0.113.1/24", "203.0.113.2"]
    assert {fork.ask("tcp", 4)} == said("there", 4)
    fork.far.host.run("sh", "-c", "ip addr add 203.0.113.9/24 dev vpn0 && ip addr del 203.0.113.1/24 dev vpn0 && ip addr add 203.0.113.9/24 dev vpn0; "
                      "ip route replace default via 203.0.113.2 metric 900")
    fork.there.run("ip", "neigh", "replace", "203.0.113.9", "lladdr", "02:00:00:00:01:01", "nud", "permanent", "dev", "there0")
    time.sleep(1.1)
    worn.lease()
    assert worn.lease()[:2] == ["203.0.113.9/24", "203.0.113.2"]
    assert fork.ask("tcp", 4) == "there 203.0.113.9"


def test_the_guest_wears_the_address_that_was_chosen_and_asks_dns_host_through_the_gateway(fork):
    from test_services import Worn
    fork = fork(f",address=host,outbound={OTHER[4]},dns-host={SERVER[4]}")
    worn = Worn(fork.far)
    assert worn.lease()[:3] == [f"{OTHER[4]}/24", WORLD[4], WORLD[4]]
    assert {fork.ask("tcp", 4)} == said("world", 4, OTHER[4])
    resolver(fork.far.world, fork.closing, SERVER[4], "192.0.2.66")
    assert dig(fork, server=WORLD[4]) == "192.0.2.66"


# ---- an ordinary user, and what is handed over ----

@pytest.fixture(scope="module")
def machine():
    host, world, there = Namespace(), Namespace(), Namespace()
    host.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", str(world.holder.pid))
    Far.link(host, "host0", 1)
    Far.link(world, "world0", 2)
    host.run("sh", "-c", f"ip route add default via {WORLD[4]} && ip -6 route add default via {WORLD[6]}")
    host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
    add_vpn(host, there)
    servers = add_servers(world, there)
    host.there = there
    yield host
    for process in servers:
        process.close()
    for space in (host, world, there):
        space.close()


ASK_ALL = "".join(f"ask = {address!r}, {kind!r}\n" + """
s = socket.socket(socket.AF_INET6 if ":" in ask[0] else socket.AF_INET, socket.SOCK_STREAM if ask[1] == "tcp" else socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((ask[0], 7000))
if ask[1] == "udp":
    s.send(b"who")
print(s.recv(100).decode())
""" for address in SERVER.values() for kind in ("tcp", "udp"))


def test_an_ordinary_user_may_choose(machine, closing):
    person = closing(Person(machine))
    done = person.guestwire("netns", "--uplink", "user,outbound=vpn0", "--", sys.executable, "-c", "import socket\n" + ASK_ALL, check=True)
    assert done.stdout.splitlines() == [f"there {FROM['there'][family]}" for family in (4, 4, 6, 6)]
    done = person.guestwire("netns", "--uplink", f"user,outbound={FROM['world'][4]}", "--", "ping", "-c", "1", "-W", "5", WORLD[4], check=True)
    assert "1 received" in done.stdout


# BYTES from whoever comes, and how they came.
SINK = """
import socket, sys
s = socket.create_server((sys.argv[1], 7100))
print("ready", flush=True)
c, who = s.accept()
got, buffer = 0, bytearray(1 << 20)
while n := c.recv_into(buffer):
    got += n
print(got, who[0], flush=True)
"""
POUR = """
import socket, sys
c = socket.create_connection((sys.argv[1], 7100), 10)
for _ in range(64):
    c.sendall(bytes(1 << 20))
c.shutdown(socket.SHUT_WR)
c.recv(1)
"""


def test_a_connection_that_is_handed_over_stays_on_its_way(machine, closing):
    person = closing(Person(machine))
    sink = closing(Process(machine.there.start(sys.executable, "-c", SINK, SERVER[4], stdout=subprocess.PIPE, text=True)))
    assert sink.stdout.readline() == "ready\n"
    words = f"{sys.executable} -c '{POUR}' {SERVER[4]} && touch $0"
    shows = person.start("netns", "--name", "box", "--uplink", "user,outbound=vpn0", "--", "sh", "-c", words + "; read line", person.path("run") + "/done",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert sink.stdout.readline() == f"{64 << 20} {FROM['there'][4]}\n"
    shown = json.loads(person.guestwire("show", "box", "--json", check=True).stdout)
    assert shown["nat"]["tcp_handed_over"] == 1
    shows.communicate("\n", timeout=20)
    subprocess.run(["rm", "-f", person.path("run") + "/done"], check=True)
