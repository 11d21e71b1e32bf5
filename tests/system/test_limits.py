# SPDX-License-Identifier: MIT
"""Where something comes to its end: places for guests, descriptors, far ends that go, ways that lead back.

  loop:  guest g -- network a ==two connections== network b -- guest h"""
import json
import os
import re
import resource
import socket
import subprocess
import time

import pytest

from kit import PROGRAM, SANITIZED, eventually, need
from kit.frames import BROADCAST, StreamGuest, ethernet, mac_bytes, mac_text, udp4

pytestmark = pytest.mark.asan


def calls(wire, seconds, folder):
    """How many system calls guestwire makes in that time."""
    path = f"{folder}/strace"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", path, "-p", str(wire.pid)], stderr=subprocess.PIPE, text=True)
    assert "attached" in tracer.stderr.readline()
    time.sleep(seconds)
    tracer.terminate()
    tracer.wait()
    tracer.stderr.close()
    with open(path, encoding="ascii") as file:
        return sum(int(match[1]) for match in re.finditer(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*(?<!total)$", file.read(), re.M))


def test_one_guest_more_than_there_are_places_is_turned_away_and_told(wire, closing):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2200:
        pytest.skip("2,200 descriptors are missing")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2200), hard))
    lab = wire("--uplink", "none,net=10.0.0.0/16,dhcpstart=10.0.1.0")
    crowd = [closing(StreamGuest(lab.runtime("stream"))) for _ in range(1024)]
    crowd[-1].dhcp()
    late = closing(StreamGuest(lab.runtime("stream")))
    late.socket.settimeout(5)
    assert late.socket.recv(1) == b""
    eventually(lambda: lab.show()["drops"].get("guests-full") == 1, what="guests-full")
    assert "1024 are connected" in lab.errors()
    crowd[0].close()
    eventually(lambda: len(lab.show()["ports"]) == 1024, what="a place")
    assert closing(StreamGuest(lab.runtime("stream"))).dhcp()
    assert crowd[-1].ping()


def test_without_descriptors_nothing_spins_and_who_waited_is_let_in_later(wire, closing, tmp_path):
    need("strace")
    lab = wire()
    resource.prlimit(lab.pid, resource.RLIMIT_NOFILE, (40, 40))
    crowd = [closing(StreamGuest(lab.runtime("stream"))) for _ in range(60)]
    eventually(lambda: "cannot accept a guest" in lab.errors(), what="the line that tells")
    assert calls(lab, 3, tmp_path) < 60
    assert crowd[0].dhcp()
    for guest in crowd[:50]:
        guest.close()
    assert crowd[59].dhcp()
    assert lab.errors().count("cannot accept a guest") <= 3


class FewFiles:
    """Where the program may have few files open."""

    @staticmethod
    def command(*words):
        return ["prlimit", "--nofile=200", *words]


def test_a_guest_with_many_conversations_leaves_descriptors_for_others(wire, closing):
    lab = wire(inside=FewFiles)
    greedy = closing(StreamGuest(lab.runtime("stream")))
    greedy.dhcp()
    gateway = greedy.resolve("10.0.2.2")
    for number in range(400):
        greedy.send(ethernet(gateway, greedy.mac, 0x800, udp4(greedy.ip, "10.0.2.2", 10000 + number, 9, b"x")))
    eventually(lambda: lab.show()["nat"]["flows_made"] >= 400, what="the conversations")
    modest = [closing(StreamGuest(lab.runtime("stream"))) for _ in range(8)]
    for guest in modest:
        guest.dhcp()
        guest.send(ethernet(gateway, guest.mac, 0x800, udp4(guest.ip, "10.0.2.2", 10000, 9, b"x")))
    assert lab.command("forward", "add", "t", "0:80").returncode == 0
    ends = eventually(lambda: [flow["guest"] for flow in json.loads(lab.command("flows", "t", "--json").stdout)], what="flows")
    assert {f"{guest.ip}:10000" for guest in modest} <= set(ends)
    nat = lab.show()["nat"]
    assert 100 < nat["flows"] == nat["flows_max"] < 200
    assert "cannot accept" not in lab.errors() and "nat-sockets-full" not in lab.show()["drops"]


@pytest.mark.parametrize("kind", ["stream", "seqpacket"])
def test_two_networks_joined_twice_carry_each_frame_once_and_say_why(wire, closing, tmp_path, kind):
    a = wire("--uplink", "none", "--guest", f"{kind},path={tmp_path}/l,name=link", "--guest", f"stream,path={tmp_path}/g", name="a")
    b = wire("--uplink", "none", *["--guest", f"{kind},connect={tmp_path}/l"] * 2, "--guest", f"stream,path={tmp_path}/h", name="b")
    eventually(lambda: len(a.show()["ports"]) == 3, what="both connections")
    g, h = closing(StreamGuest(f"{tmp_path}/g")), closing(StreamGuest(f"{tmp_path}/h"))
    for guest in (g, h):
        guest.hello()
    list(h.frames(0.3))

    def seen():
        return sum(port["from_guest"]["frames"] for lab in (a, b) for port in lab.show()["ports"])
    before = seen()
    behind = [b"\x52\x54\x00\x0a\x00" + bytes([number]) for number in range(3)]  # of three, two come back at the same port
    for number in range(20):
        g.send(ethernet(BROADCAST, g.mac, 0x88b5, bytes([number]) * 46))
        for mac in behind:
            g.send(ethernet(BROADCAST, mac, 0x88b5, b"\0" * 46))
        h.hello()
    got = [frame[14] for frame in h.frames(2) if frame[6:12] == g.mac]
    assert got == list(range(20))
    assert seen() - before < 100 * 8  # each passes two links and comes back once; owners are asked
    assert 1 <= a.errors().count("which is alive") + b.errors().count("which is alive") <= 4
    eventually(lambda: "it looks like a second way to the same network" in a.errors() + b.errors(), what="the line about the loop")
    assert any(port["conflict"] for lab in (a, b) for port in lab.show()["ports"])
    assert {"source-conflict"} <= {name for lab in (a, b) for name, count in lab.show()["drops"].items() if count}


def test_a_server_that_goes_and_returns_is_connected_to_again(wire, closing, tmp_path):
    path = f"{tmp_path}/server"
    lab = wire("--uplink", "none", "--guest", f"stream,connect={path}")
    for _ in range(3):
        server = closing(socket.socket(socket.AF_UNIX))
        server.bind(path)
        server.listen()
        server.settimeout(10)
        far_end = closing(server.accept()[0])
        eventually(lambda: len(lab.show()["ports"]) == 2, what="the port")
        server.close()
        far_end.close()
        os.unlink(path)
        eventually(lambda: len(lab.show()["ports"]) == 1, what="no port")
    assert lab.errors().count("cannot connect") <= 3


def test_a_connection_that_meets_itself_is_none(wire, closing, namespace, tmp_path):
    """Where the server's port is one that the system chooses from, who connects before the server is there may be given it."""
    space = namespace()
    space.run("sh", "-c", "echo 40000 40001 >/proc/sys/net/ipv4/ip_local_port_range")
    lab = wire("--uplink", "none", "--guest", "stream,connect-tcp=127.0.0.1:40000", inside=space)
    eventually(lambda: "cannot connect to 127.0.0.1:40000: Connection refused" in lab.errors(), what="the line that tells")
    assert len(lab.show()["ports"]) == 1
    script = ("import socket,sys; s=socket.socket(); s.bind(('127.0.0.1',40000)); s.listen(); print('listens',flush=True); "
              "s.settimeout(20); s.accept(); print('accepted',flush=True); sys.stdin.read()")
    server = space.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert [server.stdout.readline() for _ in range(2)] == ["listens\n", "accepted\n"]
    eventually(lambda: len(lab.show()["ports"]) == 2, what="the port")
    server.stdin.close()
    server.wait()
    server.stdout.close()


def test_a_tap_that_is_set_down_or_deleted_costs_its_own_frames_only(wire, closing, namespace, tmp_path):
    space = namespace()
    lab = wire("--uplink", "none", "--guest", f"tap,ifname=tap0,netns={space.path}", "--guest", f"stream,path={tmp_path}/s")
    space.run("ip", "link", "set", "tap0", "up")
    guest = closing(StreamGuest(f"{tmp_path}/s"))
    guest.dhcp()
    mac = mac_bytes(space.run("ip", "-o", "link", "show", "tap0").stdout.split("link/ether ")[1].split()[0])
    eventually(lambda: mac_text(mac) in str(lab.show()["ports"]), what="the tap's address")

    def taken(reason):
        guest.send(ethernet(mac, guest.mac, 0x88b5, b"x" * 100))
        return lab.show()["drops"].get(reason, 0)
    before = lab.port("tap0")["to_guest"]["frames"]
    eventually(lambda: taken("tap-down") == 0 and lab.port("tap0")["to_guest"]["frames"] > before, what="frames at the tap")
    space.run("ip", "link", "set", "tap0", "down")
    eventually(lambda: taken("tap-down") > 0, what="tap-down")
    space.run("ip", "link", "set", "tap0", "up")
    before = lab.port("tap0")["to_guest"]["frames"]
    eventually(lambda: taken("tap-down") and lab.port("tap0")["to_guest"]["frames"] > before, what="frames at the tap again")
    space.run("ip", "link", "del", "tap0")
    eventually(lambda: "tap0: left (the interface is gone)" in lab.errors(), what="the line that tells")
    assert guest.ping()


def test_frames_still_queued_when_a_guest_leaves_are_counted_as_lost(wire, closing):
    lab = wire()
    deaf, sender = (closing(StreamGuest(lab.runtime("stream"))) for _ in range(2))
    deaf.hello()
    sender.hello()
    eventually(lambda: mac_text(deaf.mac) in str(lab.show()["ports"]), what="the address")
    frame = ethernet(deaf.mac, sender.mac, 0x88b5, b"d" * 1480)
    while not lab.show()["drops"].get("queue-full"):
        for _ in range(100):
            sender.send(frame)
    queued = next(port for port in lab.show()["ports"] if mac_text(deaf.mac) in port["macs"])["queue"]["bytes"]
    deaf.close()
    frames = -(-queued // (len(frame) + 4))
    eventually(lambda: lab.show()["drops"].get("port-closed", 0) == frames, what=f"{frames} frames dropped")


@pytest.mark.skipif(SANITIZED, reason="sanitizers need all of the address space")
def test_too_little_memory_is_said_whatever_it_was_wanted_for(tmp_path):
    """Nothing starts: there is no such folder. The largest table wants tens of MiB."""
    said = set()
    for mib in range(8, 160, 2):
        done = subprocess.run(["prlimit", f"--as={mib << 20}", PROGRAM, "up", "t", "--guest", "stream,path=/nonexistent/s"], capture_output=True,
                              env=dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path)), text=True, timeout=20, check=False)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, (mib, done.returncode, done.stderr)
        said.add(done.stderr)
    assert any("Cannot allocate memory" in line for line in said) and any("/nonexistent" in line for line in said), said
