# SPDX-License-Identifier: MIT
"""TCP connections of a namespace that bring much are handed over to its own sockets (guestwire netns): they start as packets,
and go on in the kernel.

    a peer in the namespace --- guestwire (an ordinary user's), in the namespace `host` --host0 ---- world0-- a peer in the world
      10.0.2.15, fd00::1000                                                192.0.2.1   192.0.2.2
                                                                        2001:db8::1   2001:db8::2

Both peers run the same program, told line by line what to do with a connection that has a name; what one sends the other
checks byte for byte, from the first byte on."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from kit import eventually
from kit.far import WORLD, Far, Process
from kit.namespace import Namespace
from kit.person import Person

pytestmark = pytest.mark.asan

MIB = 1 << 20
HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
PEER = r"""
import json, os, socket, struct, subprocess, sys, threading
block = bytes((i * 7 + i // 251) & 255 for i in range(1 << 20)) * 2
ends, listeners = {}, {}
class End:
    def __init__(self, s):
        self.s, self.sent, self.taken, self.said = s, 0, 0, None
        s.settimeout(20)
    def sending(self, count):
        try:
            while count:
                at = self.sent % (1 << 20)
                n = self.s.send(block[at:at + min(count, 1 << 20)])
                self.sent += n
                count -= n
        except OSError as error:
            self.said = type(error).__name__
def listen(port, family):
    s = listeners[port] = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", int(port)))
    s.listen(128)
    return "listening"
def accept(name, port):
    s, who = listeners[port].accept()
    ends[name] = End(s)
    return who[0]
def connect(name, address, port, device=None, source=0, room=0):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(20)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if room:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    if source:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::" if ":" in address else "", int(source)))
    s.connect((address, int(port)))
    ends[name] = End(s)
    return s.getsockname()[1]
def send(name, count):
    end = ends[name]
    end.thread = threading.Thread(target=end.sending, args=(int(count),), daemon=True)
    end.thread.start()
    return "sending"
def urge(name, count):
    end, left = ends[name], int(count)
    while left:
        at = end.sent % (1 << 20)
        # the last of them is urgent
        n = end.s.send(block[at:at + 3], socket.MSG_OOB if left % 2 else 0)
        end.sent += n
        left -= 1
    return "urged"
def sent(name):
    ends[name].thread.join(30)
    return ends[name].said or ends[name].sent
def take(name, count):
    end, left = ends[name], int(count)
    try:
        while left:
            at = end.taken % (1 << 20)
            data = end.s.recv(min(left, 1 << 20))
            if not data:
                return f"end after {end.taken}"
            if data != block[at:at + len(data)]:
                return f"wrong after {end.taken}"
            end.taken += len(data)
            left -= len(data)
    except OSError as error:
        return f"{type(error).__name__} after {end.taken}"
    return "right"
def shut(name):
    ends[name].s.shutdown(socket.SHUT_WR)
    return "shut"
def close(name):
    ends.pop(name).s.close()
    return "closed"
def reset(name):
    ends[name].s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return close(name)
def run(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout
for line in sys.stdin:
    verb, *words = json.loads(line)
    try:
        said = globals()[verb](*words)
    except OSError as error:
        said = type(error).__name__
    print(json.dumps(said), flush=True)
"""


class Peer(Process):
    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the peer ended at {words}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        super().close()


def peer(process):
    return Peer(process)


PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


@pytest.fixture(scope="module")
def machine():
    host, world = Namespace(), Namespace()
    host.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", str(world.holder.pid))
    Far.link(host, "host0", 1)
    Far.link(world, "world0", 2)
    host.run("sh", "-c", f"ip route add default via {WORLD[4]} && ip -6 route add default via {WORLD[6]}")
    host.world = world
    yield host
    host.close()
    world.close()


class Place:
    """A namespace that guestwire made, with a peer in it, and a peer in the world."""

    def __init__(self, person, world, *words):
        self.person = person
        self.world = peer(world.start(sys.executable, "-c", PEER, start_new_session=True, text=True, **PIPES))
        self.guestwire = person.start("netns", "--name", "box", *words, "--", sys.executable, "-c", PEER, stderr=subprocess.PIPE, **PIPES)
        self.box = Peer(self.guestwire)
        self.port = 7000

    def join(self, family=4, **words):
        """A connection from the box to the world, known to both by the number of its port."""
        self.port += 1
        name = str(self.port)
        assert self.world.ask("listen", name, str(family)) == "listening"
        self.source = self.box.ask("connect", name, WORLD[family], name, words.get("device"), 0, words.get("room", 0))
        assert isinstance(self.source, int), self.source
        assert self.world.ask("accept", name, name) == HOST[family]
        return name

    def move(self, name, count, ways="ud"):
        """So many bytes up and down at once."""
        pairs = [pair for way, pair in (("u", (self.box, self.world)), ("d", (self.world, self.box))) if way in ways]
        for sender, _ in pairs:
            assert sender.ask("send", name, count) == "sending"
        for _, taker in pairs:
            assert taker.ask("take", name, count) == "right"
        for sender, _ in pairs:
            assert isinstance(sender.ask("sent", name), int)

    def hand(self, name, ways="ud"):
        """Moves the connection's first bytes, until it is handed over: a moment when something waits makes it later."""
        self.moved, before = 0, self.states().count("spliced")
        while self.states().count("spliced") == before and self.moved < 64 * MIB:
            self.move(name, 4 * MIB, ways)
            self.moved += 4 * MIB
        assert self.states().count("spliced") == before + 1

    def flows(self):
        flows = json.loads(self.person.guestwire("flows", "box", "--json", check=True).stdout)
        return [flow for flow in flows if flow["protocol"] == "tcp"]

    def states(self):
        return [flow["state"] for flow in self.flows() if flow["state"] != "time-wait"]

    def counter(self, name):
        return json.loads(self.person.guestwire("show", "box", "--json", check=True).stdout)["nat"][name]

    def rules(self):
        return [line for family in "46" for line in self.box.ask("run", "ip", f"-{family}", "rule").splitlines() if "lookup local" not in line
                and "lookup main" not in line and "lookup default" not in line]

    def is_clear(self):
        return not self.states() and not self.rules()

    def close(self):
        self.world.close()
        self.box.process.stdin.close()
        assert self.guestwire.wait(10) == 0, self.guestwire.stderr.read()
        said = self.guestwire.stderr.read()
        assert "Sanitizer" not in said and "runtime error" not in said, said
        for stream in (self.guestwire.stdout, self.guestwire.stderr):
            stream.close()


@pytest.fixture
def place(machine, closing):
    person = closing(Person(machine))
    return lambda *words: closing(Place(person, machine.world, *words))


# ---- what is moved ----

@pytest.mark.parametrize("mtu", [1500, 65520])
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("ways", ["u", "d", "ud"])
def test_what_brings_much_goes_on_in_the_kernel(place, family, ways, mtu):
    there = place("--mtu", mtu)
    name = there.join(family)
    there.move(name, MIB // 4, ways)
    assert there.states() == ["open"] and not there.rules()
    there.hand(name, ways)
    assert there.states() == ["spliced"] and len(there.rules()) == 1
    there.move(name, 16 * MIB)
    flow, = there.flows()
    bytes_up, bytes_down = (MIB // 4 + there.moved if way in ways else 0 for way in "ud")
    assert (flow["from_guest"], flow["to_guest"]) == (bytes_up + 16 * MIB, bytes_down + 16 * MIB)
    assert there.box.ask("close", name) == "closed"
    assert there.world.ask("take", name, 1).startswith("end after")
    assert there.world.ask("close", name) == "closed"
    eventually(there.is_clear, 20, what="the end of flow and detour")
    assert there.counter("tcp_handed_over") == 1


def test_urgent_data_is_data_as_packets_and_in_the_kernel(place):
    there = place()
    name = there.join()
    for before in (True, False):
        for sender, taker in ((there.box, there.world), (there.world, there.box)):
            # all of it is there before anything is read: no second edge tells of what is behind an urgent byte
            there.guestwire.send_signal(signal.SIGSTOP)
            assert sender.ask("urge", name, 40) == "urged"
            time.sleep(0.1)
            there.guestwire.send_signal(signal.SIGCONT)
            assert taker.ask("take", name, 120) == "right", (before, sender is there.box)
        if before:
            there.hand(name)
    there.move(name, MIB)
    for sender, taker in ((there.box, there.world), (there.world, there.box)):
        there.guestwire.send_signal(signal.SIGSTOP)
        assert sender.ask("urge", name, 40) == "urged"
        sender.ask("shut", name)
        time.sleep(0.1)
        there.guestwire.send_signal(signal.SIGCONT)
        assert taker.ask("take", name, 120) == "right", sender is there.box
        assert taker.ask("take", name, 1).startswith("end after")


def test_many_at_once(place):
    there = place()
    names = [there.join() for _ in range(70)]
    for name in names:
        assert there.world.ask("send", name, 5 * MIB) == "sending"
    for name in names:
        assert there.box.ask("take", name, 5 * MIB) == "right"
    assert sorted(set(there.states())) == ["open", "spliced"]
    assert there.states().count("spliced") == 64 == len(there.rules())
    for name in names:
        there.move(name, MIB)
    for name in names:
        there.world.ask("close", name)
        assert there.box.ask("take", name, 1).startswith("end after")
        there.box.ask("close", name)
    eventually(there.is_clear, 20, what="the end of flows and detours")


def test_a_strict_filter_lets_the_last_word_pass(place):
    """By it the guest's window opens again. Its sender is routed to the namespace itself by then, and not to where it comes from."""
    there = place()
    assert there.box.ask("run", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter && cat /proc/sys/net/ipv4/conf/all/rp_filter") == "1\n"
    for _ in range(3):
        there.hand(there.join())
    names, values = (line.split() for line in there.box.ask("run", "grep", "^TcpExt", "/proc/net/netstat").splitlines())
    assert values[names.index("IPReversePathFilter")] == "0"


def test_a_client_of_a_forward_keeps_its_address(place, machine):
    there = place("-p", "192.0.2.1:7777:7777")
    assert there.box.ask("listen", "7777", "4") == "listening"
    assert isinstance(there.world.ask("connect", "in", HOST[4], "7777"), int)
    assert there.box.ask("accept", "in", "7777") == WORLD[4]
    there.hand("in")
    there.move("in", 8 * MIB)


def test_a_port_is_used_again(place):
    there = place()
    name = there.join()
    for again in range(3):
        there.hand(name)
        # who resets leaves nothing that waits
        assert there.box.ask("reset", name) == "closed"
        assert there.world.ask("take", name, 1).startswith("ConnectionResetError")
        there.world.ask("close", name)
        eventually(there.is_clear, 20, what=f"the end of connection {again}")
        assert there.box.ask("connect", name, WORLD[4], name, None, there.source) == there.source
        assert there.world.ask("accept", name, name) == HOST[4]
    there.move(name, 4 * MIB)


@pytest.mark.parametrize("ways", ["u", "d"])
def test_a_rule_that_somebody_took_away_comes_back(place, ways):
    there = place()
    name = there.join()
    there.hand(name)
    time.sleep(1)  # what comes at first was under way
    there.box.ask("run", "ip", "rule", "del", "pref", "1")
    assert not there.rules()
    there.move(name, 4 * MIB, ways)
    assert there.states() == ["spliced"] and len(there.rules()) == 1


# ---- ends ----

def handed(there, **words):
    name = there.join(4, **words)
    there.hand(name)
    return name


def test_each_direction_ends_by_itself(place):
    there = place()
    for first, second in ((there.box, there.world), (there.world, there.box)):
        name = handed(there)
        first.ask("shut", name)
        assert second.ask("take", name, 1) == f"end after {there.moved}"
        second.ask("send", name, 3 * MIB)
        assert first.ask("take", name, 3 * MIB) == "right"
        second.ask("close", name)
        assert first.ask("take", name, 1) == f"end after {there.moved + 3 * MIB}"
        first.ask("close", name)
        eventually(there.is_clear, 20, what="the end of flow and detour")


def test_a_reset_comes_behind_the_data_before_it(place):
    there = place()
    for first, second in ((there.box, there.world), (there.world, there.box)):
        name = handed(there)
        first.ask("send", name, 100000)
        first.ask("sent", name)
        time.sleep(0.1)
        first.ask("reset", name)
        assert second.ask("take", name, 200000) == f"ConnectionResetError after {there.moved + 100000}"
        second.ask("close", name)
        eventually(there.is_clear, 20, what="the end of flow and detour")


def test_a_guest_that_does_not_read_stops_its_own_connection_alone(place):
    there = place()
    slow, other = handed(there), there.join()
    assert there.world.ask("send", slow, 64 * MIB) == "sending"
    there.move(other, 16 * MIB)
    there.world.ask("shut", other)
    assert sorted(there.states()) == ["closing", "spliced"] or there.states().count("spliced") == 2
    assert there.box.ask("take", slow, 64 * MIB) == "right"
    assert isinstance(there.world.ask("sent", slow), int)


def test_who_does_not_read_the_end_keeps_it_until_it_does(place):
    """Both have said all; half a MiB is under way, and its way stays."""
    there = place()
    name = handed(there, room=65536)
    there.box.ask("shut", name)
    assert there.world.ask("take", name, 1).startswith("end after")
    there.world.ask("send", name, MIB // 2)
    there.world.ask("sent", name)
    there.world.ask("close", name)
    time.sleep(0.5)
    assert there.states() == ["spliced"] and len(there.rules()) == 1
    assert there.box.ask("take", name, MIB // 2) == "right"
    assert there.box.ask("take", name, 1).startswith("end after")
    eventually(there.is_clear, 20, what="the end of flow and detour")


def test_connections_end_with_an_address_that_the_host_loses(place, machine):
    there = place()
    name = handed(there)
    machine.run("ip", "addr", "del", "192.0.2.1/24", "dev", "host0")
    try:
        assert there.box.ask("take", name, 1).startswith("ConnectionResetError")
        eventually(there.is_clear, 20, what="the end of flow and detour")
    finally:
        machine.run("sh", "-c", f"ip addr add 192.0.2.1/24 dev host0 && ip route add default via {WORLD[4]}")


# ---- what stays packets ----

def test_it_can_be_switched_off(place):
    there = place("--uplink", "user,splice=off")
    name = there.join()
    there.move(name, 16 * MIB)
    assert there.states() == ["open"] and not there.rules()


def test_a_socket_that_hears_one_interface_alone_is_left_alone(place):
    there = place()
    name = there.join(4, device="eth0")
    there.move(name, 16 * MIB)
    assert there.states() == ["open"] and not there.rules()


def test_what_is_captured_stays_packets(place):
    there = place()
    name = there.join()
    capture = there.person.start("capture", "box", "-w", os.path.join(there.person.folder, "run", "x.pcapng"), stderr=subprocess.PIPE)
    try:
        eventually(lambda: os.path.exists(os.path.join(there.person.folder, "run", "x.pcapng")), what="the capture")
        there.move(name, 8 * MIB)
        assert there.states() == ["open"]
    finally:
        capture.send_signal(signal.SIGTERM)
        assert capture.wait(10) == 0
        capture.stderr.close()
        os.unlink(os.path.join(there.person.folder, "run", "x.pcapng"))
    there.hand(name)
    # who captures now is told what is missing
    done = there.person.guestwire("capture", "box", "--seconds", "0.2", check=True)
    assert "1 connection is moved past the network" in done.stderr and "splice=off" in done.stderr


# ---- a namespace that stays ----

def rules_of(box):
    return len([line for family in "46" for line in box.run("ip", f"-{family}", "rule").stdout.splitlines()])


def move_until_handed(box, sender, taker):
    """Until there is one rule more than before."""
    before = rules_of(box)
    for _ in range(16):
        sender.ask("send", "x", 4 * MIB)
        assert taker.ask("take", "x", 4 * MIB) == "right"
        if rules_of(box) > before:
            break
    assert rules_of(box) == before + 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_namespace_is_left_as_it_was(machine, closing, number):
    if os.geteuid() != 0:
        pytest.skip("is not root")
    box, person = closing(Namespace()), closing(Person(machine, ordinary=False))
    world, inside = (closing(peer(space.start(sys.executable, "-c", PEER, start_new_session=True, text=True, **PIPES))) for space in (machine.world, box))

    before = rules_of(box)
    for last in (False, True):
        guestwire = person.start("netns", "--name", "box", "--attach", box.path, stderr=subprocess.PIPE)
        assert "serves" in guestwire.stderr.readline()
        assert world.ask("listen", f"{7800 + last}", "4") == "listening"
        assert isinstance(inside.ask("connect", "x", WORLD[4], f"{7800 + last}"), int)
        world.ask("accept", "x", f"{7800 + last}")
        move_until_handed(box, *((inside, world) if last else (world, inside)))
        if last:
            number = signal.SIGTERM
        guestwire.send_signal(number)
        assert guestwire.wait(10) == (0 if number == signal.SIGTERM else -number)
        guestwire.stderr.close()
        # whichever way it ended, nobody waits for it
        assert inside.ask("take", "x", 1).split()[0] in ("ConnectionResetError", "end")
        assert world.ask("take", "x", 1).split()[0] in ("ConnectionResetError", "end")
        for who in (inside, world):
            who.ask("close", "x")
        if number == signal.SIGTERM:
            assert rules_of(box) == before
    person.guestwire("ls", check=True)


def test_two_networks_of_one_namespace_keep_their_hands_off_each_others_connections(machine, closing):
    if os.geteuid() != 0:
        pytest.skip("is not root")
    box, person = closing(Namespace()), closing(Person(machine, ordinary=False))
    world, inside = (closing(peer(space.start(sys.executable, "-c", PEER, start_new_session=True, text=True, **PIPES))) for space in (machine.world, box))

    def serve(name, *words):
        guestwire = person.start("netns", "--name", name, "--attach", box.path, *words, stderr=subprocess.PIPE)
        lines = [guestwire.stderr.readline()]
        while lines[-1] and "serves" not in lines[-1]:
            lines.append(guestwire.stderr.readline())
        assert lines[-1], lines
        return guestwire

    def leave(guestwire):
        guestwire.send_signal(signal.SIGTERM)
        assert guestwire.wait(10) == 0
        guestwire.stderr.close()
    before, first = rules_of(box), serve("one")
    assert world.ask("listen", "7900", "4") == "listening"
    assert isinstance(inside.ask("connect", "x", WORLD[4], "7900"), int)
    world.ask("accept", "x", "7900")
    move_until_handed(box, world, inside)
    second = serve("two", "--ifname", "eth1", "--uplink", "user,net=10.0.3.0/24,router=off,ipv6=off")
    assert rules_of(box) == before + 1
    world.ask("send", "x", 4 * MIB)
    assert inside.ask("take", "x", 4 * MIB) == "right"
    leave(second)
    world.ask("send", "x", 4 * MIB)
    assert inside.ask("take", "x", 4 * MIB) == "right"
    leave(first)
    assert rules_of(box) == before
