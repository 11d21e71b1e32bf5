# SPDX-License-Identifier: MIT
"""Forwards: sockets of the host that lead to guests, hostfwd= of uplink=user.

    box (a namespace) --tap0--+
                              |  guestwire, in the namespace `host` --host0 ---- world0-- world (clients)
    a stream guest -----------+  10.0.2.0/24, fd00::/64              192.0.2.1   192.0.2.2
                                                                     2001:db8::1 2001:db8::2

Connections come from the host itself, from the world and over a unix socket; what moves is checked byte for byte."""
import os
import socket
import struct
import subprocess
import sys
import time

import pytest

from kit import PROGRAM, eventually
from kit.frames import StreamGuest, arp, checksum, ethernet, ipv4, udp4
from kit.person import Person

pytestmark = pytest.mark.asan

# Says to each client whom it sees, and gives back the first line that it gets.
WHO = """
import socket, sys
sockets = []
for address, family in (("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, int(sys.argv[1])))
    s.listen(256)
    sockets.append(s)
print("ready", flush=True)
import select
while True:
    for s in select.select(sockets, [], [])[0]:
        c, who = s.accept()
        c.sendall((who[0] + " " + str(c.getsockname()[1]) + "\\n").encode())
        c.close()
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX if "/" in sys.argv[1] else socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(10)
try:
    s.connect(sys.argv[1] if "/" in sys.argv[1] else (sys.argv[1], int(sys.argv[2])))
    print(s.makefile().readline().strip() or "nothing")
except OSError as error:
    import errno
    print(errno.errorcode.get(error.errno, str(error)))
"""
HOST4, HOST6 = "192.0.2.1", "2001:db8::1"


def ask(far, space, address, port=0):
    return far.python(space, ASK, address, port)


def test_a_forward_leads_from_every_address_to_the_first_guest(far, tmp_path):
    far = far(f",hostfwd=tcp::2222-:22,hostfwd=unix:{tmp_path}/in-out.sock-10.0.2.15:22,hostfwd=tcp:[::1]:2223-[fd00::15]:22,"
              "hostfwd=tcp:127.0.0.1:8000-8002-:9000-9002,hostfwd=tcp:[::]:2224-[fd00::15]:22")
    far.server(far.box, WHO, 22)
    far.server(far.box, WHO, 9001)
    # the host itself is the gateway to the guest; others are who they are
    assert ask(far, far.host, "127.0.0.1", 2222) == "10.0.2.2 22", far.drops()
    assert ask(far, far.host, "::1", 2222) == "10.0.2.2 22"
    assert ask(far, far.host, "::1", 2223) == "fd00::2 22"
    assert ask(far, far.host, f"{tmp_path}/in-out.sock") == "10.0.2.2 22"
    assert ask(far, far.host, "127.0.0.1", 8001) == "10.0.2.2 9001"
    assert ask(far, far.world, HOST4, 2222) == "192.0.2.2 22"
    assert ask(far, far.world, HOST6, 2222) == "10.0.2.2 22"
    assert ask(far, far.world, HOST6, 2224) == "2001:db8::2 22"
    # nobody listens in the guest, or here
    assert ask(far, far.host, "127.0.0.1", 8002) in ("ECONNRESET", "nothing")
    assert ask(far, far.host, "127.0.0.1", 8003) == "ECONNREFUSED"
    assert ask(far, far.world, HOST4, 8001) == "ECONNREFUSED"


@pytest.mark.parametrize("options", [",restrict=on", ",host-loopback=off"])
def test_a_guest_that_reaches_nobody_can_be_reached(far, options):
    far = far(options + ",hostfwd=tcp::2222-:22")
    far.server(far.box, WHO, 22)
    assert ask(far, far.host, "127.0.0.1", 2222) == "10.0.2.2 22", far.drops()
    assert ask(far, far.world, HOST4, 2222) == "192.0.2.2 22", far.drops()


def test_bytes_arrive_whole_both_ways(far, move):
    far = far(",hostfwd=tcp::9000-:9000,hostfwd=tcp:127.0.0.1:9001-:9001")
    for space, address, port in ((far.world, HOST4, 9000), (far.host, "127.0.0.1", 9001)):
        taker = far.start(far.box, move, "take", str(port), str(32 << 20), "7", stdout=subprocess.PIPE, text=True)
        assert taker.stdout.readline() == "listening\n"
        assert far.start(space, move, "send", address, str(port), str(32 << 20), "7").wait() == 0, far.drops()
        assert taker.stdout.read() == "right\n", far.drops()


def test_a_port_in_use_is_one_line_and_leaves_nothing_behind(far, tmp_path):
    far = far(",hostfwd=tcp:127.0.0.1:2222-:22")
    for spec, words in (("tcp::2222-:22", ["tcp::2222-:22", "0.0.0.0:2222", "is in use"]),
                        ("tcp:127.0.0.1:2220-2223-:10-13", ["127.0.0.1:2222", "is in use"]),
                        ("tcp:192.0.2.77:2225-:22", ["192.0.2.77:2225", "no address of this machine"]),
                        ("tcp::2226-:22,hostfwd=tcp:127.0.0.1:2226-:23", ["127.0.0.1:2226 is forward 1's", "'tcp::2226-:22'"]),
                        ("tcp::x-:22", ["a port is missing"])):
        done = far.host.run(PROGRAM, "up", "other", "--uplink", "user,hostfwd=" + spec, check=False,
                            env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)))
        assert done.returncode != 0
        assert done.stderr.count("\n") == 1 and all(word in done.stderr for word in words), done.stderr
    # all or none: the first of the range is free again
    assert ask(far, far.host, "127.0.0.1", 2220) == "ECONNREFUSED"
    far.server(far.box, WHO, 22)
    assert ask(far, far.host, "127.0.0.1", 2222) == "10.0.2.2 22"


def test_a_privileged_port_says_what_to_do(far, closing):
    far = far()
    nobody = closing(Person(far.host))
    done = nobody.guestwire("up", "other", "--uplink", "user,hostfwd=tcp:127.0.0.1:80-:80")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "127.0.0.1:80" in done.stderr and "ip_unprivileged_port_start" in done.stderr, done.stderr


def answering(guest, ip, seconds, until):
    """The guest answers ARP for its address until a frame satisfies `until`, which is given."""
    target = socket.inet_aton(ip)
    for frame in guest.frames(seconds):
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == target:
            guest.send(arp(2, guest.mac, ip, frame[6:12], socket.inet_ntoa(frame[28:32]), to=frame[6:12]))
        elif until(frame):
            return frame
    return None


def is_syn(port):
    return lambda frame: frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[36:38] == struct.pack("!H", port) and frame[47] == 2


def test_a_guest_by_its_name_is_found_when_it_comes(far):
    far = far(",dhcpstart=10.0.2.40,hostfwd=tcp::2001-web:80,hostfwd=tcp::2002-stream0:81,hostfwd=tcp::2003-tap0:82")
    far.server(far.box, WHO, 82)
    # nobody has the name yet: reset, and at once
    start = time.monotonic()
    assert ask(far, far.host, "127.0.0.1", 2001) in ("ECONNRESET", "nothing")
    assert time.monotonic() - start < 3
    guest = far.closing(StreamGuest(os.path.join(str(far.folder), "s.sock")))
    ip = guest.dhcp(name=b"web")
    for port, wanted in ((2001, 80), (2002, 81)):
        client = far.start(far.host, sys.executable, "-c", ASK, "127.0.0.1", str(port), stdout=subprocess.PIPE, text=True)
        syn = answering(guest, ip, 20, is_syn(wanted))
        assert syn and syn[30:34] == socket.inet_aton(ip), far.drops()
        client.close()
    # the box has its address set by hand; its port has a name, and its ARP said the address
    far.box.run("ping", "-c1", "-W2", "10.0.2.2")
    assert ask(far, far.host, "127.0.0.1", 2003) == "10.0.2.2 82", far.drops()


def test_another_ports_frames_for_a_connection_are_dropped_by_name(far):
    far = far(",hostfwd=tcp::2222-:22")
    far.server(far.box, WHO, 22)
    assert ask(far, far.host, "127.0.0.1", 2222) == "10.0.2.2 22"
    hold = far.start(far.host, sys.executable, "-c",
                     "import socket, time; s = socket.create_connection(('127.0.0.1', 2222)); print(s.getsockname()[1], flush=True); time.sleep(60)",
                     stdout=subprocess.PIPE, text=True)
    port = int(hold.stdout.readline())
    guest = far.closing(StreamGuest(os.path.join(str(far.folder), "s.sock")))
    guest.dhcp()
    gateway = guest.resolve("10.0.2.2")
    reset = struct.pack("!HHIIBBHHH", 22, port, 1, 1, 0x50, 4, 0, 0, 0)
    pseudo = socket.inet_aton("10.0.2.15") + socket.inet_aton("10.0.2.2") + struct.pack("!BBH", 0, 6, len(reset))
    reset = reset[:16] + struct.pack("!H", checksum(pseudo + reset)) + reset[18:]
    guest.send(ethernet(gateway, guest.mac, 0x0800, ipv4("10.0.2.15", "10.0.2.2", 6, reset)))
    eventually(lambda: "nat-flow-owner" in str(far.lab.port("stream0.1" if any(p["name"] == "stream0.1" for p in far.lab.show()["ports"]) else "stream0")["drops"]),
               what="the drop")


def test_nobody_there_ends_within_seconds(far):
    far = far(",hostfwd=tcp::2222-10.0.2.99:22")
    start = time.monotonic()
    assert ask(far, far.host, "127.0.0.1", 2222) == "ECONNRESET", far.drops()
    assert 2 < time.monotonic() - start < 9  # it asks for itself 10 s


# Answers each datagram with who sent it, its length, and the datagram.
UDP_WHO = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(who[0].encode() + b" %d " % who[1] + data, who)
"""
# Several clients at once, each asking thrice; the answers must come from where they asked, since they are connected. Their ports
# begin at a number: two that were given the same one, and are the same address to the guest, are told apart by another port.
UDP_ASK = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
clients = []
for i in range(int(sys.argv[3])):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.bind(("", int(sys.argv[4]) + i))
    s.connect((sys.argv[1], int(sys.argv[2])))
    clients.append(s)
seen = set()
for size in (1, 1000, 4000):
    for i, s in enumerate(clients):
        s.send(bytes([i % 251]) * size)
    for i, s in enumerate(clients):
        address, port, data = s.recv(65536).split(b" ", 2)
        assert data == bytes([i % 251]) * size, (i, size)
        seen.add((i, address.decode(), int(port) == s.getsockname()[1]))
assert len(seen) == len(clients), seen
print(sorted({(address, same) for _, address, same in seen}))
"""


def test_datagrams_reach_the_guest_and_their_answers_who_asked(far):
    far = far(",restrict=on,hostfwd=udp::5353-:53,hostfwd=udp:[::]:5354-[fd00::15]:54,hostfwd=udp:127.0.0.1:5355-:53")
    # a second address of the host: the answer must come from the one that was asked
    far.host.run("ip", "addr", "add", "192.0.2.9/24", "dev", "host0")
    far.world.run("ip", "neigh", "replace", "192.0.2.9", "lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", "world0")
    far.server(far.box, UDP_WHO, "0.0.0.0", 53)
    far.server(far.box, UDP_WHO, "fd00::15", 54)
    rows = ((far.world, HOST4, 5353, "192.0.2.2"), (far.world, "192.0.2.9", 5353, "192.0.2.2"), (far.world, HOST6, 5353, "10.0.2.2"),
            (far.world, HOST6, 5354, "2001:db8::2"), (far.host, "127.0.0.1", 5353, "10.0.2.2"), (far.host, "::1", 5354, "fd00::2"),
            (far.host, "127.0.0.1", 5355, "10.0.2.2"))
    for number, (space, address, port, seen) in enumerate(rows):
        assert far.python(space, UDP_ASK, address, port, 10, 20000 + 10 * number) == f"[('{seen}', True)]", (address, far.drops())


SAME_PORT = """
import socket, sys
asked = []
for address, port in (("127.0.0.1", 5353), ("::1", 5353), ("127.0.0.1", 5355)):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 40000))
    s.settimeout(5)
    s.connect((address, port))
    asked.append(s)
for s in asked:
    s.send(b"x")
print(len({s.recv(100) for s in asked}))
"""


def test_clients_with_the_same_port_are_told_apart(far):
    far = far(",hostfwd=udp::5353-:53,hostfwd=udp:127.0.0.1:5355-:53")
    far.server(far.box, UDP_WHO, "0.0.0.0", 53)
    assert far.python(far.host, SAME_PORT) == "3", far.drops()


def test_datagrams_for_a_guest_that_comes_back_find_it(far):
    far = far(",hostfwd=udp::5353-10.0.2.50:53")
    ask_once = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(("127.0.0.1", 5353))
s.send(b"x")
print(s.recv(100).decode())
"""

    def serve(guest):
        frame = answering(guest, "10.0.2.50", 8, lambda f: f[12:14] == b"\x08\x00" and f[23] == 17 and f[36:38] == b"\0\x35")
        assert frame, far.drops()
        source, target = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
        guest.send(ethernet(frame[6:12], guest.mac, 0x0800, udp4(target, source, 53, struct.unpack("!H", frame[34:36])[0], b"here")))

    for _ in range(2):
        client = far.start(far.host, sys.executable, "-c", ask_once, stdout=subprocess.PIPE, text=True)
        guest = StreamGuest(os.path.join(str(far.folder), "s.sock"))
        guest.hello()
        serve(guest)
        assert client.stdout.read() == "here\n"
        guest.close()


def test_rules_come_and_go_while_another_ones_bytes_move(far, move):
    far = far(",hostfwd=tcp:127.0.0.1:9000-:9000")
    size = 96 << 20
    far.server(far.box, WHO, 22)
    taker = far.start(far.box, move, "take", "9000", str(size), "7", stdout=subprocess.PIPE, text=True)
    assert taker.stdout.readline() == "listening\n"
    sender = far.start(far.host, move, "send", "127.0.0.1", "9000", str(size), "7")
    rounds = 0
    while sender.process.poll() is None or rounds < 3:
        far.lab.command("forward", "add", "t", "tcp:127.0.0.1:2000-2020-:22-42")
        far.lab.command("forward", "add", "t", "udp:127.0.0.1:2000-:53")
        assert ask(far, far.host, "127.0.0.1", 2000) == "10.0.2.2 22"
        # taken away while its connection is open, even that of the bytes
        far.lab.command("forward", "rm", "t", "tcp:127.0.0.1:2000-2020-:22-42")
        far.lab.command("forward", "rm", "t", "udp:127.0.0.1:2000-:53")
        if rounds == 1:
            far.lab.command("forward", "rm", "t", "tcp:127.0.0.1:9000-:9000")
        assert ask(far, far.host, "127.0.0.1", 2000) == "ECONNREFUSED"
        rounds += 1
    assert sender.wait() == 0 and taker.stdout.read() == "right\n", far.drops()


BURST = """
import socket, sys
ends = [socket.create_connection(("127.0.0.1", 2222), 10) for _ in range(int(sys.argv[1]))]
said = [s.makefile().readline().strip() for s in ends]
print(len(said), set(said))
"""


def test_more_at_once_than_may_wait_for_an_address_are_served(far):
    far = far(",hostfwd=tcp:127.0.0.1:2222-:22")
    far.server(far.box, WHO, 22)
    assert far.python(far.host, BURST, 150) == "150 {'10.0.2.2 22'}", far.drops()


def test_connections_wait_for_a_descriptor_and_one_line_says_so(far):
    far = far(",hostfwd=tcp:127.0.0.1:2222-:22")
    far.server(far.box, HOLD, 22)
    pid = str(eventually(lambda: guestwire_pid(far), what="the process"))
    used = len(os.listdir(f"/proc/{pid}/fd"))
    subprocess.run(["prlimit", "--pid", pid, f"--nofile={used + 20}:{used + 20}"], check=True)
    client = far.start(far.host, sys.executable, "-c", MANY, "40", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    eventually(lambda: "no descriptor is left for connections" in far.lab.errors(), what="the line")
    before = cpu(pid)
    time.sleep(1)
    # it waits, and does not spin
    assert cpu(pid) - before < 0.3
    client.process.stdin.write("close\n")
    client.process.stdin.close()
    assert client.stdout.readline() == "40 answered\n", far.drops()
    assert far.lab.errors().count("no descriptor is left for connections") == 1, far.lab.errors()


HOLD = """
import socket, threading
s = socket.create_server(("0.0.0.0", 22), backlog=256)
print("ready", flush=True)
def serve(c):
    c.sendall(b"here\\n")
    c.recv(1)
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""
MANY = """
import socket, sys
ends = [socket.create_connection(("127.0.0.1", 2222), 10) for _ in range(int(sys.argv[1]))]
sys.stdin.readline()
answered = 0
for s in ends:
    s.settimeout(20)
    answered += s.recv(10) == b"here\\n"
    s.close()
print(answered, "answered")
"""


def guestwire_pid(far):
    """Of the program itself, behind what entered the namespaces for it."""
    pids = [far.lab.pid]
    for pid in pids:
        with open(f"/proc/{pid}/comm", encoding="utf8") as comm:
            if comm.read() == "guestwire\n":
                return pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf8") as children:
            pids += [int(child) for child in children.read().split()]
    return None


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="utf8") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_guest_that_leaves_ends_its_connections(far):
    far = far(",dhcpstart=10.0.2.40,hostfwd=tcp:127.0.0.1:2222-10.0.2.40:80")
    guest = StreamGuest(os.path.join(str(far.folder), "s.sock"))
    assert guest.dhcp() == "10.0.2.40"
    client = far.start(far.host, sys.executable, "-c", ASK, "127.0.0.1", "2222", stdout=subprocess.PIPE, text=True)
    assert answering(guest, "10.0.2.40", 20, is_syn(80)), far.drops()
    guest.close()
    start = time.monotonic()
    assert client.stdout.read() in ("ECONNRESET\n", "nothing\n")
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("option", ["", ",host-loopback=off"])
def test_a_guests_firewall_refuses_at_once(far, option):
    far = far(",dhcpstart=10.0.2.40,hostfwd=tcp:127.0.0.1:2222-10.0.2.40:80" + option)
    guest = far.closing(StreamGuest(os.path.join(str(far.folder), "s.sock")))
    assert guest.dhcp() == "10.0.2.40"
    client = far.start(far.host, sys.executable, "-c", ASK, "127.0.0.1", "2222", stdout=subprocess.PIPE, text=True)
    syn = answering(guest, "10.0.2.40", 20, is_syn(80))
    start = time.monotonic()
    # host administratively prohibited, as firewalld says it; one about another sequence number is not believed
    for sequence, after in ((b"\0\0\0\0", None), (syn[38:42], 2)):
        quoted = syn[14:38] + sequence
        message = struct.pack("!BBHI", 3, 10, 0, 0) + quoted
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        guest.send(ethernet(syn[6:12], guest.mac, 0x0800, ipv4("10.0.2.40", socket.inet_ntoa(syn[26:30]), 1, message)))
        if after is None:
            time.sleep(0.2)
            assert client.process.poll() is None
    assert client.stdout.read() in ("ECONNRESET\n", "nothing\n")
    assert time.monotonic() - start < 2, far.drops()


SAME_PORT_TCP = """
import socket
ends = []
for port in (2222, 2223):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 40001))
    s.settimeout(5)
    s.connect(("127.0.0.1", port))
    ends.append(s)
print([s.recv(10) for s in ends])
"""


def test_connections_with_the_same_port_are_told_apart(far):
    far = far(",hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:2223-:22")
    far.server(far.box, HOLD, 22)
    assert far.python(far.host, SAME_PORT_TCP) == "[b'here\\n', b'here\\n']", far.drops()


def test_each_of_two_guests_has_its_own(far):
    far = far(",dhcpstart=10.0.2.40,hostfwd=tcp:127.0.0.1:2001-10.0.2.15:22,hostfwd=tcp:127.0.0.1:2002-second:22,hostfwd=udp:127.0.0.1:2002-second:53")
    far.server(far.box, WHO, 22)
    guest = far.closing(StreamGuest(os.path.join(str(far.folder), "s.sock")))
    ip = guest.dhcp(name=b"second")
    clients = [far.start(far.host, sys.executable, "-c", ASK, "127.0.0.1", "2002", stdout=subprocess.PIPE, text=True)]
    assert ask(far, far.host, "127.0.0.1", 2001) == "10.0.2.2 22", far.drops()
    syn = answering(guest, ip, 20, is_syn(22))
    assert syn and syn[30:34] == socket.inet_aton("10.0.2.40"), far.drops()
    clients.append(far.start(far.host, sys.executable, "-c", UDP_ASK, "127.0.0.1", "2002", "1", "20000"))
    asked = answering(guest, ip, 20, lambda frame: frame[12:14] == b"\x08\x00" and frame[23] == 17)
    assert asked and asked[30:34] == socket.inet_aton("10.0.2.40") and asked[36:38] == b"\0\x35", far.drops()
