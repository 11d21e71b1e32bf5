# SPDX-License-Identifier: MIT
"""guestwire netns -t -u -T -U: what runs between the loopback interfaces of the machine and the namespace is no packet.

    a peer on the machine's 127.0.0.1, ::1 --- guestwire (an ordinary user's) --- a peer on the namespace's 127.0.0.1, ::1
           (and 192.0.2.1, whose clients come as packets)

Both peers run the same program, told line by line what to serve and what to move; what moves is checked by both."""
import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest

from kit import eventually
from kit.far import Process
from kit.frames import StreamGuest, arp, ethernet, udp4
from kit.namespace import Namespace
from kit.person import Person

pytestmark = pytest.mark.asan

MOVE = 32 << 20
PEER = r"""
import hashlib, os, socket, struct, sys, threading, time
LOOP = {"4": "127.0.0.1", "6": "::1"}
KIND = {"4": socket.AF_INET, "6": socket.AF_INET6}
block = bytes((i * 7 + i // 251) & 255 for i in range(1 << 20))
def pattern(count):
    return (block * (count // len(block) + 1))[:count]
def send(connection, count):
    left = count
    while left:
        left -= connection.send(memoryview(block)[(count - left) % len(block):][:left])
def take(connection, count):
    digest, left = hashlib.sha256(), count
    while left:
        data = connection.recv(min(left, 1 << 20))
        if not data:
            raise EOFError(f"{left} bytes are missing")
        digest.update(data)
        left -= len(data)
    return digest.digest() == hashlib.sha256(pattern(count)).digest()
def both_ways(connection, count):
    failed = []
    def sending():
        try:
            send(connection, count)
        except OSError as error:
            failed.append(error)
    sender = threading.Thread(target=sending)
    sender.start()
    try:
        right = take(connection, count)
    except EOFError:
        sender.join()
        # a reset is told once: who writes may have it, and who reads sees an end then
        raise failed[0] if failed else EOFError("an end")
    sender.join()
    return right
def serve_one(connection):
    with connection:
        try:
            count = struct.unpack("!Q", connection.recv(8, socket.MSG_WAITALL))[0]
            if both_ways(connection, count):
                # the other has stopped sending, and still hears
                if connection.recv(1) == b"":
                    connection.sendall(b"right")
        except (OSError, struct.error, EOFError):
            pass
def accept(listener):
    try:
        while True:
            threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()
    except OSError:
        pass
def echo(listener):
    try:
        while True:
            data, who = listener.recvfrom(65536)
            listener.sendto(data, who)
    except OSError:
        pass
served = {}
def serve(what, port, where="loop"):
    for family in "46":
        s = socket.socket(KIND[family], socket.SOCK_STREAM if what == "tcp" else socket.SOCK_DGRAM)
        if what == "tcp":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == "6":
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((LOOP[family] if where == "loop" else "", int(port)))
        if what == "tcp":
            s.listen(64)
        served.setdefault((what, port), []).append(s)
        threading.Thread(target=accept if what == "tcp" else echo, args=(s,), daemon=True).start()
    return "serving"
def stop(what, port):
    for s in served.pop((what, port)):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()
    return "stopped"
def move(family, port, count, *source_and_address):
    source, address = source_and_address or (LOOP[family], LOOP[family])
    start = time.monotonic()
    try:
        with socket.create_connection((address, int(port)), 20, (source, 0)) as connection:
            connection.sendall(struct.pack("!Q", int(count)))
            if not both_ways(connection, int(count)):
                return "wrong"
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(16, socket.MSG_WAITALL).decode()
    except (OSError, EOFError) as error:
        return f"{type(error).__name__} {time.monotonic() - start:.3f}"
def ask(family, port, count, *source_and_address):
    source, address = source_and_address or (LOOP[family], LOOP[family])
    with socket.socket(KIND[family], socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.bind((source, 0))
        s.connect((address, int(port)))
        got = 0
        try:
            for first in range(0, int(count), 10):
                numbers = range(first, min(first + 10, int(count)))
                for number in numbers:
                    s.send(b"%d:" % number + bytes(number * 13 % 1400))
                for number in numbers:
                    got += s.recv(2000) == b"%d:" % number + bytes(number * 13 % 1400)
        except OSError as error:
            return f"{got} {type(error).__name__}"
        return str(got)
print("ready", flush=True)
for line in sys.stdin:
    words = line.split()
    print(globals()[words[0]](*words[1:]), flush=True)
os._exit(0)
"""


class Peer:
    def __init__(self, process):
        self.process = process
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()

    def __call__(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer, "the peer is gone"
        return answer

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()


PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


@pytest.fixture(scope="module")
def machine():
    space = Namespace()
    space.run("sh", "-c", "ip addr add 192.0.2.1/24 dev lo && ip -6 addr add 2001:db8::1/64 dev lo nodad")
    yield space
    space.close()


@pytest.fixture
def outside(machine, closing):
    return closing(Peer(machine.start(sys.executable, "-c", PEER, text=True, **PIPES)))


@pytest.fixture
def person(machine, closing):
    return closing(Person(machine))


@pytest.fixture
def inside(person, closing):
    """inside(options…) gives the peer in a namespace that guestwire serves with these."""
    def start(*options):
        words = dict(PIPES, stderr=open(person.path("log"), "w", encoding="utf8"))
        process = person.start("netns", "--name", "lab", *options, "--", sys.executable, "-c", PEER, **words)
        return closing(Peer(process))
    return start


def shown(person):
    return json.loads(person.guestwire("show", "lab", "--json", check=True).stdout)


def frames(person):
    """Bytes that went through the network itself, and flows that NAT made."""
    state = shown(person)
    return sum(port["from_guest"]["bytes"] for port in state["ports"]), state["nat"]["flows_made"]


# ---- streams ----

def test_streams_in_and_out_are_spliced_and_no_packets(inside, outside, person):
    peer = inside("-t", "7001", "-T", "7002:7003")
    assert peer("serve", "tcp", 7001) == outside("serve", "tcp", 7003) == "serving"
    before = frames(person)
    for family in "46":
        assert outside("move", family, 7001, MOVE) == "right"
        assert peer("move", family, 7002, MOVE) == "right"
    after = frames(person)
    assert after[1] == before[1] and after[0] - before[0] < 64 << 10, (before, after)
    forwards = json.loads(person.guestwire("forward", "ls", "lab", "--json", check=True).stdout)
    assert forwards and all(forward["spliced"] and forward["guest_port"] == 7001 for forward in forwards)
    assert sum(forward["connections"] for forward in forwards) == 2
    passages = {passage["listening"]: passage for passage in shown(person)["passages"]}
    assert passages["127.0.0.1:7002"]["to"] == "127.0.0.1:7003" and passages["[::1]:7002"]["to"] == "[::1]:7003"
    assert all(passage["connections"] == 1 and not passage["to_guest"] for passage in passages.values())
    splices = shown(person)["splices"]
    assert splices["connections"] == 4 and splices["connections_refused"] == splices["connections_full"] == 0
    assert 4 * MOVE < splices["bytes_from_client"] < 4 * MOVE + 1000 and 4 * MOVE < splices["bytes_to_client"] < 4 * MOVE + 1000, splices
    said = person.guestwire("show", "lab", check=True).stdout
    assert re.search(r"^spliced connections: \d open$", said, re.M), said
    assert re.search(rf"^bytes_to_client +{splices['bytes_to_client']}  bytes", said, re.M), said
    table = person.guestwire("forward", "ls", "lab", check=True).stdout
    assert "spliced" in table and "PASSAGE" in table


def test_who_is_not_on_the_loopback_comes_as_packets(inside, outside, person):
    peer = inside("-t", "7001")
    assert peer("serve", "tcp", 7001, "all") == "serving"
    assert outside("move", 4, 7001, 1 << 20, "192.0.2.1", "192.0.2.1") == "right"
    moved, flows = frames(person)
    assert flows >= 1 and moved > 1 << 20


def test_a_port_where_nobody_listens_is_refused_at_once(inside, outside):
    peer = inside("-t", "7001", "-T", "7002")
    for answer in (outside("move", 4, 7001, 100), outside("move", 6, 7001, 100), peer("move", 4, 7002, 100), peer("move", 6, 7002, 100)):
        error, seconds = answer.split()
        assert error in ("ConnectionResetError", "BrokenPipeError") and float(seconds) < 1, answer


def test_auto_follows_what_is_listened_on(inside, outside):
    peer = inside("-t", "auto,~7009", "-T", "auto")

    def answers(who, port, wanted):
        return eventually(lambda: who("move", 4, port, 1000).split()[0] == wanted, 20, 0.2, f"{port}: {wanted}")
    for server, client, port in ((peer, outside, 7001), (outside, peer, 7002)):
        assert client("move", 4, port, 1000).startswith("ConnectionRefusedError")
        assert server("serve", "tcp", port) == "serving"
        answers(client, port, "right")
    # what is listened on by us is nobody's server: no port comes back to where it came from
    assert peer("serve", "tcp", 7009) == "serving"
    time.sleep(2.5)
    assert outside("move", 4, 7009, 1000).startswith("ConnectionRefusedError")
    for server, client, port in ((peer, outside, 7001), (outside, peer, 7002)):
        assert server("stop", "tcp", port) == "stopped"
        answers(client, port, "ConnectionRefusedError")


def test_a_port_in_use_is_one_line(person, outside):
    assert outside("serve", "tcp", 7001, "all") == "serving"
    done = person.guestwire("netns", "-t", "7001", "--", "true")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "7001" in done.stderr and "is in use" in done.stderr, done.stderr


@pytest.mark.parametrize("words", [("-t", "22-"), ("-u", "a"), ("-T", "0"), ("-U", "~")])
def test_wrong_words_are_a_usage_error(person, words):
    done = person.guestwire("netns", *words, "--", "true")
    assert done.returncode == 2 and " ".join(words) in done.stderr, done.stderr


@pytest.mark.parametrize("there,back,text", [
    ("-t 7001", "-T 7001", "-T 7001: leads to port 7001 of this machine, which leads back to it"),
    ("-u 7001:7002", "-U 7002:7001", "-U 7002: leads to port 7001 of this machine, which leads back to it"),
    ("-p 7001:7002", "-T 7002:7001", "the namespace's port 7002 leads back to port 7001 of this machine")])
def test_ports_that_lead_to_each_other_are_one_line(person, there, back, text):
    done = person.guestwire("netns", *there.split(), *back.split(), "--", "true")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and text in done.stderr, done.stderr


def test_what_leads_somewhere_else_is_not_left_out(inside, outside):
    peer = inside("-t", "7001:7002", "-T", "7001:7002", "-t", "127.0.0.1/7003", "-T", "::1/7003")
    assert peer("serve", "tcp", 7002) == outside("serve", "tcp", 7002) == "serving"
    assert peer("move", 4, 7001, 1000) == outside("move", 4, 7001, 1000) == "right"


def test_an_address_and_an_interface_are_kept_to(inside, outside):
    peer = inside("-t", "127.0.0.1/7001", "-t", "%lo/7002", "-T", "127.0.0.5/7003:7004")
    for port in (7001, 7002):
        assert peer("serve", "tcp", port) == "serving"
        assert outside("move", 4, port, 1000) == "right"
    assert outside("move", 6, 7001, 1000).startswith("ConnectionRefusedError")
    assert outside("serve", "tcp", 7004) == "serving"
    assert peer("move", 4, 7003, 1000, "127.0.0.1", "127.0.0.5") == "right"
    assert peer("move", 4, 7003, 1000).startswith("ConnectionRefusedError")


# ---- datagrams ----

def test_datagrams_in_and_out_are_relayed_and_no_packets(inside, outside, person):
    peer = inside("-u", "7001", "-U", "7002:7003")
    assert peer("serve", "udp", 7001) == outside("serve", "udp", 7003) == "serving"
    before = frames(person)
    for family in "46":
        assert outside("ask", family, 7001, 200) == "200"
        assert peer("ask", family, 7002, 200) == "200"
    after = frames(person)
    assert after[1] == before[1] and after[0] - before[0] < 64 << 10, (before, after)
    for passage in shown(person)["passages"]:
        assert (passage["protocol"], passage["datagrams_to"], passage["datagrams_from"], passage["datagrams_lost"]) == ("udp", 200, 200, 0), passage
    assert re.search(r"^out +udp +127\.0\.0\.1:7002 +127\.0\.0\.1:7003 +1 +200 +200 +0$", person.guestwire("show", "lab", check=True).stdout, re.M)


def test_datagrams_of_others_come_as_packets(inside, outside, person):
    peer = inside("-u", "7001")
    assert peer("serve", "udp", 7001, "all") == "serving"
    assert outside("ask", 4, 7001, 50, "192.0.2.1", "192.0.2.1") == "50"
    assert frames(person)[1] >= 1


# ---- privilege ----

def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_no_process_of_it_has_a_privilege(inside, person):
    if not person.dropped:
        pytest.skip("an ordinary user has none anyway")
    inside("-t", "7001", "-T", "7002")
    pid = int(shown(person)["pid"])
    children = [int(child) for child in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=True).stdout.split()]
    insiders = [child for child in children if os.readlink(f"/proc/{child}/exe") == person.program]
    main = status(pid)
    assert int(main["CapEff"], 16) == int(main["CapPrm"], 16) == 0 and set(main["Uid"].split()) == {str(person.uid)}
    assert len(insiders) == 1
    insider = status(insiders[0])
    # in its own namespace alone: low ports
    assert int(insider["CapEff"], 16) == int(insider["CapPrm"], 16) == int(insider["CapBnd"], 16) == 1 << 10
    assert insider["NoNewPrivs"] == "1"


# Neither the device nor user namespaces, no capability and none to be had: what a plain container is.
CONTAINER = """
echo 0 >/proc/sys/user/max_user_namespaces
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


def contained(person, *words):
    return person.words("unshare", "-Ur", "sh", "-c", CONTAINER, "sh", *words)


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 7005))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data[::-1], who)
"""


def test_in_a_plain_container_up_serves_and_netns_says_why_not(machine, closing, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root for a mount namespace without the device")
    person = closing(Person(machine, tun="missing"))
    done = subprocess.run(contained(person, person.program, "netns", "--", "true"), env=person.environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "user.max_user_namespaces=0" in done.stderr, done.stderr
    server = closing(Process(machine.start(sys.executable, "-c", ECHO, stdout=subprocess.PIPE, text=True)))
    assert server.stdout.readline() == "ready\n"
    path = person.path("run/s.sock")
    network = closing(Process(subprocess.Popen(contained(person, person.program, "up", "lab", "--uplink", "user", "--guest", f"stream,path={path}"),
                                               env=person.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)))
    assert network.stdout.readline().startswith("network lab is up")
    assert int(status(network.process.pid)["CapEff"], 16) == 0
    guest = closing(StreamGuest(path))
    answer = None
    for _ in range(20):
        guest.send(arp(1, guest.mac, "10.0.2.15", bytes(6), "10.0.2.2"))
        answer = guest.receive(0.5)
        if answer and answer[12:14] == b"\x08\x06":
            break
    gateway = answer[6:12]
    guest.send(ethernet(gateway, guest.mac, 0x0800, udp4("10.0.2.15", "10.0.2.2", 5000, 7005, b"container")))
    end = time.monotonic() + 5
    while time.monotonic() < end:
        answer = guest.receive(0.5)
        if answer and answer[12:14] == b"\x08\x00" and answer[23] == socket.IPPROTO_UDP:
            break
    assert answer and answer.endswith(b"container"[::-1])
    network.process.terminate()
    assert network.wait() == 0
