# SPDX-License-Identifier: MIT
# takes long
"""What is around a guestwire with uplink=user changes: the host's address, its ways out, and whether guestwire runs at all.

The topology is kit/far.py's. Connections that were open go on or are reset; none hangs, and new ones work at once."""
import os
import signal
import subprocess
import time

import pytest

from kit.far import CONNECT, WORLD

PORT, HELD = 9000, 20
STOP_S = 60  # as of a machine that was suspended: longer than a mapping of one question lives
MOVE = 256 << 20
OTHER = {4: "192.0.2.9", 6: "2001:db8::9"}
OWN = {4: "192.0.2.1", 6: "2001:db8::1"}
PREFIX = {4: 24, 6: 64}


class Town:
    """A world that echoes by both families, and a box that holds connections to it."""

    def __init__(self, far, crowd):
        self.far, self.crowd = far, crowd
        for kind in ("tcp", "udp"):
            for address in WORLD.values():
                server = far.start(far.world, crowd, "serve", kind, address, str(PORT), "1", stdout=subprocess.PIPE, text=True)
                assert server.stdout.readline() == "listening\n"

    def hold(self, kind, family):
        held = self.far.start(self.far.box, self.crowd, "hold", kind, WORLD[family], str(PORT), "1", str(HELD), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
        assert held.stdout.readline() == f"holding {HELD}\n", self.far.drops()
        return held

    @staticmethod
    def again(held):
        """All say something; how many have an answer, when none waits for one any more."""
        held.process.stdin.write("\n")
        held.process.stdin.flush()
        return int(held.stdout.readline().split()[1].rstrip(","))

    def connects_at_once(self, family):
        said, seconds = self.far.python(self.far.box, CONNECT, WORLD[family], PORT).split()
        assert said == "connected" and float(seconds) < 1, (said, self.far.drops())


@pytest.fixture
def town(far, crowd):
    return lambda **more: Town(far(**more), crowd)


def move_to(space, family):
    """The host's address is another one from now on."""
    old, new = (f"{addresses[family]}/{PREFIX[family]}" for addresses in (OWN, OTHER))
    flags = ["nodad"] if family == 6 else []
    space.run("ip", "addr", "del", old, "dev", "host0")
    space.run("ip", "addr", "add", new, "dev", "host0", *flags)
    space.run("ip", f"-{family}", "route", "replace", "default", "via", WORLD[family])


@pytest.mark.asan
@pytest.mark.parametrize("family", [4, 6])
def test_connections_are_reset_when_the_hosts_address_is_another_and_new_ones_work(town, family):
    town = town()
    tcp, udp, other = town.hold("tcp", family), town.hold("udp", family), town.hold("tcp", 10 - family)
    move_to(town.far.host, family)
    town.connects_at_once(family)
    began = time.monotonic()
    assert town.again(tcp) == 0
    assert time.monotonic() - began < 10
    assert town.again(udp) == HELD and town.again(other) == HELD, town.far.drops()
    town.connects_at_once(family)


def test_connections_go_on_when_the_hosts_address_comes_back_at_once(town):
    town = town()
    tcp = town.hold("tcp", 4)
    move_to(town.far.host, 4)
    town.far.host.run("ip", "addr", "replace", f"{OWN[4]}/24", "dev", "host0")
    time.sleep(4)
    assert town.again(tcp) == HELD, town.far.drops()


def test_nothing_is_lost_while_guestwire_is_stopped(town, move):
    town = town()
    far = town.far
    tcp, udp = town.hold("tcp", 4), town.hold("udp", 4)
    taker = far.start(far.world, move, "take", "9100", str(MOVE), "7", stdout=subprocess.PIPE, text=True)
    assert taker.stdout.readline() == "listening\n"
    sender = far.start(far.box, move, "send", WORLD[4], "9100", str(MOVE), "7")
    time.sleep(0.1)
    os.kill(far.lab.pid, signal.SIGSTOP)
    time.sleep(STOP_S)
    assert sender.process.poll() is None, "it was over before it was stopped"
    os.kill(far.lab.pid, signal.SIGCONT)
    town.connects_at_once(4)
    assert town.again(tcp) == HELD and town.again(udp) == HELD, far.drops()
    assert sender.wait(60) == 0 and taker.stdout.read() == "right\n", far.drops()


def unreachable(far, address):
    """A packet that is lost costs a second; what a busy machine delays by less is asked again."""
    for _ in range(5):
        said, seconds = far.python(far.box, CONNECT, address, PORT).split()
        if not 0.1 <= float(seconds) < 0.8:
            break
    assert float(seconds) < 0.1, said
    return said


def test_without_ipv6_on_the_host_a_guest_is_told_so_at_once(far):
    assert unreachable(far(ip6=False), WORLD[6]) in ("ENETUNREACH", "EHOSTUNREACH")


def test_without_a_route_a_guest_is_told_so_at_once_and_gets_there_when_there_is_one(town):
    town = town()
    town.far.host.run("ip", "route", "del", "default")
    assert unreachable(town.far, "198.51.100.1") == "ENETUNREACH"
    town.far.world.run("ip", "addr", "add", "198.51.100.1/32", "dev", "lo")
    town.far.host.run("ip", "route", "add", "default", "via", WORLD[4])
    assert unreachable(town.far, "198.51.100.1") == "ECONNREFUSED"
