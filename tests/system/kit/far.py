# SPDX-License-Identifier: MIT
"""A guestwire whose uplink is `user`, between a box and a world.

    box (a namespace) --tap0--+
                              |  guestwire, in the namespace `host` --host0 ---- world0-- world (servers)
    other guests -------------+  10.0.2.0/24, fd00::/64              192.0.2.1   192.0.2.2
                                                                     2001:db8::1 2001:db8::2

Nothing leaves the machine: host and world know each other alone."""
import os
import signal
import subprocess
import sys

WORLD = {4: "192.0.2.2", 6: "2001:db8::2"}
HOST = {4: "10.0.2.2", 6: "fd00::2"}

# connect() to ADDRESS PORT: "connected", "timeout" or the errno's name, and after how many seconds
CONNECT = """
import errno, socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(5)
start = time.monotonic()
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    said = "connected"
except TimeoutError:
    said = "timeout"
except OSError as error:
    said = errno.errorcode[error.errno]
print(said, time.monotonic() - start)
"""


class Host:
    """The host's namespace with a resolv.conf of its own."""

    def __init__(self, space, resolv):
        self.space, self.resolv = space, resolv

    def command(self, *words):
        return self.space.command("unshare", "-m", "--propagation", "private", "sh", "-c",
                                  'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.resolv, *words)


class Far:
    """The namespaces and the guestwire between them. `guests` are more --guest arguments; `mtu` is the network's and the box's;
    `folder` keeps apart two of them in one test; `before` is called with it when guestwire is about to start."""

    def __init__(self, namespace, wire, closing, folder, options="", ip6=True, guests=(), mtu=1500, before=None):
        self.closing, self.folder, self.mtu = closing, folder, mtu
        self.host, self.world, self.box = namespace(), namespace(), namespace()
        self.host.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", str(self.world.holder.pid))
        self.link(self.host, "host0", 1, ip6)
        self.link(self.world, "world0", 2, ip6)
        self.host.run("ip", "route", "add", "default", "via", WORLD[4])
        if ip6:
            self.host.run("ip", "-6", "route", "add", "default", "via", WORLD[6])
        self.host.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
        self.resolv = os.path.join(folder, "resolv.conf")
        with open(self.resolv, "w", encoding="utf8") as file:
            file.write(f"nameserver {WORLD[4]}\n")
        if before:
            before(self)
        kinds = [f"tap,ifname=tap0,netns={self.box.path}", f"stream,path={folder}/s.sock", *guests]
        self.lab = wire("--uplink", f"user,mtu={mtu}{options}", *(word for kind in kinds for word in ("--guest", kind)),
                        inside=Host(self.host, self.resolv), folder=folder)
        self._box()

    @staticmethod
    def link(space, name, number, ip6=True):
        # the two know each other, since a question that is asked too early costs a second
        other = 3 - number
        space.run("ip", "link", "set", name, "address", f"02:00:00:00:00:0{number}")
        space.run("ip", "addr", "add", f"192.0.2.{number}/24", "dev", name)
        if ip6:
            space.run("ip", "addr", "add", f"2001:db8::{number}/64", "dev", name, "nodad")
        space.run("ip", "link", "set", name, "up")
        for address in (f"192.0.2.{other}", f"2001:db8::{other}"):
            space.run("ip", "neigh", "replace", address, "lladdr", f"02:00:00:00:00:0{other}", "nud", "permanent", "dev", name)

    def _box(self):
        self.box.run("sh", "-c", "ip addr add 10.0.2.15/24 dev tap0 && ip addr add fd00::15/64 dev tap0 nodad && ip link set tap0 up && "
                     "ip route add default via 10.0.2.2 && ip -6 route add default via fd00::2 metric 1")

    def start(self, space, *words, **more):
        """A process in a namespace, ended with the test."""
        return self.closing(Process(space.start(*words, start_new_session=True, **more)))

    def server(self, space, code, *words):
        """A Python server; returns when it says that it is ready."""
        process = self.start(space, sys.executable, "-c", code, *map(str, words), stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def python(self, space, code, *words, timeout=20):
        return space.run(sys.executable, "-c", code, *map(str, words), timeout=timeout).stdout.strip()

    def drops(self):
        return self.lab.drops()


class Process:
    def __init__(self, process):
        self.process, self.stdout = process, process.stdout

    def wait(self, seconds=30):
        return self.process.wait(seconds)

    def close(self):
        """With all that it started, where it leads a group: git's daemon is a process of its own."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()
        self.process.wait()
        if self.stdout:
            self.stdout.close()
