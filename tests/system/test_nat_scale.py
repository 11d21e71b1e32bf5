# SPDX-License-Identifier: MIT
# takes long
"""Many flows through uplink=user: thousands at once, thousands one after the other, and more than the table holds.

The topology is kit/far.py's: the box asks, the world echoes, 64 bytes of each connection's own. What ends is told at both
ends to keep few of its ports waiting (tcp_max_tw_buckets), so that these are not what is measured."""
import os
import resource
import subprocess

import pytest

from kit import SANITIZED, eventually, missing
from kit.far import WORLD

FLOWS = 10000
CONNECTIONS = 200000
PORTS = 16
FILES = 2 * FLOWS * 8 // 7 + 200  # guestwire has one for each flow, and keeps an eighth for the rest
FLOW_BYTES = 1024        # what a flow may cost in private memory, all in all


@pytest.fixture(scope="module")
def files():
    """Guestwire may have a descriptor for each: more than there are, if the test may say so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, FILES))
        except (ValueError, PermissionError):
            pass
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < FLOWS * 8 // 7 + 200:
        missing(f"a limit of {FILES} open files (ulimit -Hn)")


class Crowd:
    """A guestwire with a server of each kind behind it."""

    def __init__(self, far, crowd, options=""):
        self.far, self.crowd = far(options), crowd
        for space in (self.far.box, self.far.host, self.far.world):
            space.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65000", "net.ipv4.tcp_max_tw_buckets=100")
        for kind in ("tcp", "udp"):
            self.ready(self.start("world", "serve", kind, WORLD[4], 9000, PORTS), "listening")

    def start(self, where, *words):
        space = getattr(self.far, where)
        return self.far.closing(Member(space.start(self.crowd, *map(str, words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))

    def ready(self, member, wanted):
        said = member.process.stdout.readline().strip()
        assert said == wanted, (said, self.far.drops())

    def hold(self, kind, count, check=True):
        member = self.start("box", "hold", kind, WORLD[4], 9000, PORTS, count)
        said = member.process.stdout.readline().split()
        assert said[0] == "holding" and (not check or said[1] == str(count)), (said, self.far.drops())
        member.count = int(said[1])
        return member

    def again(self, member):
        """All say something again; how many have an answer."""
        member.process.stdin.write("\n")
        member.process.stdin.flush()
        return int(member.process.stdout.readline().split()[1].rstrip(","))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.far.lab.pid}/fd"))

    def private_bytes(self):
        with open(f"/proc/{self.far.lab.pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))

    def drops(self):
        return self.far.lab.show()["drops"]


class Member:
    def __init__(self, process):
        self.process, self.count = process, 0

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def crowded(far, crowd):
    return lambda options="": Crowd(far, crowd, options)


@pytest.mark.usefixtures("files")
def test_ten_thousand_tcp_and_ten_thousand_udp_flows_are_held_and_echo(crowded):
    town = crowded()
    descriptors, memory = town.descriptors(), town.private_bytes()
    tcp = town.hold("tcp", FLOWS)
    with_tcp = town.private_bytes()
    beside = min(FLOWS, town.far.lab.show()["nat"]["flows_max"] - FLOWS)  # where no more may be open, the rest when those of TCP have gone
    udp = town.hold("udp", beside)
    assert town.descriptors() >= descriptors + FLOWS + beside
    assert town.again(tcp) == FLOWS and town.again(udp) == beside, town.far.drops()
    print(f"private memory: {memory >> 10} KiB, {with_tcp >> 10} KiB with the TCP flows, {town.private_bytes() >> 10} KiB with {beside} of UDP")
    assert SANITIZED or with_tcp < 64 << 20
    assert SANITIZED or town.private_bytes() - memory < (FLOWS + beside) * FLOW_BYTES
    tcp.close()
    spare = 1  # the next connection's socket is made before it is wanted
    eventually(lambda: town.descriptors() <= descriptors + beside + spare, 20, what="the sockets of ended connections closed")
    rest = town.hold("udp", FLOWS - beside)
    assert town.again(rest) + town.again(udp) == FLOWS, town.far.drops()


def test_two_hundred_thousand_connections_in_a_row_leave_nothing(crowded):
    town = crowded()
    town.start("box", "churn", WORLD[4], 9000, PORTS, 1000, 64).process.wait(30)  # whatever is opened once is open by now
    descriptors = eventually(lambda: settled(town), 10, what="the first connections over")
    member = town.start("box", "churn", WORLD[4], 9000, PORTS, CONNECTIONS, 128)
    said = member.process.stdout.readline().strip()
    assert said == f"done {CONNECTIONS}, 0 failed", (said, town.far.drops())
    memory = town.private_bytes()
    eventually(lambda: town.descriptors() <= descriptors, 20, what="no descriptor left over")
    assert SANITIZED or memory < 64 << 20


def settled(town):
    before = town.descriptors()
    return before if before < 64 else 0


def test_a_full_table_drops_by_name_and_recovers(crowded):
    town = crowded(",flows=64")
    held = town.hold("tcp", 64)
    late = town.start("box", "hold", "tcp", WORLD[4], 9000, PORTS, 16)
    eventually(lambda: town.drops().get("nat-flows-full", 0) >= 16, what="nat-flows-full")
    assert town.again(held) == 64, town.far.drops()
    held.close()
    town.ready(late, "holding 16")


def udp_ports(town):
    """The host's UDP sockets, by port: one for each of a guest's."""
    return {line.split()[3].rsplit(":", 1)[1] for line in town.far.host.run("ss", "-Huan").stdout.splitlines()}


def test_in_a_full_table_the_udp_flow_that_was_idle_for_longest_makes_way(crowded):
    town = crowded(",flows=64")
    others = udp_ports(town)
    first = town.hold("udp", 32)
    firsts = udp_ports(town) - others
    second = town.hold("udp", 32)
    seconds = udp_ports(town) - firsts - others
    assert len(firsts) == len(seconds) == 32
    assert town.again(first) == 32, town.far.drops()
    third = town.hold("udp", 16)
    left = udp_ports(town)
    assert firsts < left and len(seconds & left) == 16, (firsts, seconds, left)
    assert town.again(third) == 16 and town.again(first) == 32 and town.again(second) == 32, town.far.drops()
    assert town.hold("tcp", 40).count == 40  # a connection is worth more than an idle mapping
    assert "nat-flows-full" not in town.drops()
