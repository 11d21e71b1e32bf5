# SPDX-License-Identifier: MIT
"""Where NAT is measured: the host under test and the world behind a veth pair, each a namespace, made anew for each turn of
each contender; and how figures of several contenders are told."""
import glob
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))

from kit import eventually  # noqa: E402
from kit.namespace import Namespace  # noqa: E402

# What TCP keeps pace by in all three namespaces, so at the programs at both ends, too; the machine's own when it is not said.
# BBR at the ends sets a timer for each piece, which on a virtual machine costs more than all that lies between.
CONGESTION = os.environ.get("CONGESTION")
BUILD = os.path.abspath(os.environ.get("GUESTWIRE_BUILD", "build/release"))
ECHO = os.path.join(BUILD, "bench", "echo")
WORLD, PORT = "192.0.2.2", "7007"
OURS = "guestwire"


def ran_s(path):
    with open(path, encoding="utf8") as file:
        return int(file.read().split()[0]) / 1e9


class Place:
    """host --host0---world0-- world, whose echo server runs; box is for whom it helps."""

    def __init__(self):
        self.host, self.world, self.box = Namespace(), Namespace(), Namespace()
        self.folder = tempfile.mkdtemp()
        self.process = None  # the contender's
        self.front = None  # what stands between it and the box, and is none of it
        self.client = self.box
        self.closing = []
        self.host.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", self.world.holder.pid)
        for space, name, number in ((self.host, "host0", 1), (self.world, "world0", 2)):
            space.run("ip", "addr", "add", f"192.0.2.{number}/24", "dev", name)
            space.run("ip", "link", "set", name, "up")
        self.host.run("ip", "route", "add", "default", "via", WORLD)
        for space in (self.host, self.box):
            space.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
        for space in (self.host, self.world, self.box) if CONGESTION else ():
            space.run("sysctl", "-qw", f"net.ipv4.tcp_congestion_control={CONGESTION}")
        self.start(self.world, ECHO, "serve", WORLD, PORT)
        eventually(lambda: f":{PORT}" in self.world.run("ss", "-ltn").stdout, 5, what="echo serve")

    def start(self, space, *words, **more):
        more.setdefault("stdout", subprocess.DEVNULL)
        process = space.start(*words, **more)
        self.closing.append(lambda: (process.kill(), process.wait()))
        return process

    def answers(self):
        eventually(lambda: self.client.run(ECHO, "first", WORLD, check=False).returncode == 0, 10, what="a first answer")

    def busy_s(self):
        """CPU seconds of the contender so far."""
        if not self.process:
            return 0.0
        return ran_s(f"/proc/{self.process.pid}/schedstat")

    def busy(self):
        """CPU seconds of the contender and of its front end with all their threads, by what a column says of them."""
        return {who: sum(ran_s(path) for path in glob.glob(f"/proc/{process.pid}/task/*/schedstat"))
                for who, process in (("", self.process), (" of the front end", self.front)) if process}

    def private_bytes(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="utf8") as file:
            return sum(int(kb) for kb in re.findall(r"^Private_\w+:\s+(\d+) kB", file.read(), re.M)) * 1024

    def close(self):
        for thing in reversed(self.closing):
            thing()
        for space in (self.box, self.host, self.world):
            space.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def peer(name, program, start):
    """{name: start(program)}, or nothing and a line that says so."""
    found = shutil.which(program)
    if found:
        return {name: start(os.path.abspath(found))}
    print(f"{name} is not here ({program}); left out")
    return {}


def wanted(rows):
    names = os.environ.get("CONTENDERS", ",".join(rows)).split(",")
    return {name: start for name, start in rows.items() if name in names}


def keep(found, name, figures):
    for column, figure in figures.items():
        found.setdefault(column, {}).setdefault(name, []).append(figure)


def is_more_better(column):
    return "bit/s" in column or "pps" in column or "held" in column


def report(found, limit=None):
    """`limit` is not a peer, but what can be had at all; nor is another way of ours, guestwire-something."""
    for column, by_name in found.items():
        medians = {name: statistics.median(figures) for name, figures in by_name.items()}
        print(f"\n{column} (median of {max(map(len, by_name.values()))}, least … most)")
        for name, figures in by_name.items():
            print(f"  {name:16} {medians[name]:10.2f}  {min(figures):10.2f} … {max(figures):10.2f}")
        peers = {name: median for name, median in medians.items() if name != limit and not name.startswith(OURS)}
        if OURS not in medians or not peers:
            continue
        best = (max if is_more_better(column) else min)(peers, key=peers.get)
        text = [f"x{medians[OURS] / peers[best]:.2f} of the best peer, {best}"] if peers[best] else []
        if medians.get(limit):
            text.append(f"x{medians[OURS] / medians[limit]:.2f} of {limit}")
        print(f"  guestwire is {', '.join(text)}" if text else "")
