# SPDX-License-Identifier: MIT
# takes long
"""semu boots a stock Linux (Debian's riscv64 kernel) that uses its network as a person would.

    semu's guest --- 10.0.2.2, semu's own network with uplink user --- the namespace `host`: servers on its loopback
"""
import hashlib
import os
import re
import subprocess
import sys
import termios
import time

import pytest

from kit import eventually
from kit import guests
from kit.semu import Here, Semu
from kit.semu import guest as kit_guest

MIB = 1 << 20
BIG = 64 * MIB

# In the namespace: gives /big, takes what is posted, and answers with its sum.
SERVER = r"""
import hashlib, http.server, os, sys
big = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        self.answer(big if self.path == "/big" else b"a page\n")
    def do_POST(self):
        left, sum = int(self.headers["Content-Length"]), hashlib.sha1()
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 20))
            if not piece: break
            sum.update(piece); left -= len(piece)
        self.answer(sum.hexdigest().encode() + b"\n")
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
print("ready", flush=True)
Server(("127.0.0.1", 8000), Handler).serve_forever()
"""


@pytest.fixture
def host(namespace, tmp_path, closing):
    """A namespace with a web server on its loopback; host.sum is its big file's."""
    space = namespace()
    data = os.urandom(MIB).replace(b"\0", b"1") * (BIG // MIB)  # busybox's wget posts a file up to its first zero
    (tmp_path / "big").write_bytes(data)
    space.sum = hashlib.sha1(data).hexdigest()
    server = space.start(sys.executable, "-c", SERVER, str(tmp_path / "big"), stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    yield space
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.fixture
def semu(closing):
    return lambda *words, **more: closing(Semu(*words, **more))


@pytest.mark.parametrize("harts, memory", [(1, "256M"), (4, "2G")])
def test_a_stock_linux_boots_and_uses_its_network(semu, host, harts, memory):
    guest = semu(host, "-c", str(harts), "-m", memory, "-n", "user,guestfwd=tcp:10.0.2.100:80-cmd:tr a-z A-Z")
    guest.boot()
    assert guest.do("nproc").strip() == str(harts)
    kib = int(re.search(r"MemTotal:\s+(\d+)", guest.do("cat /proc/meminfo")).group(1))
    assert kib > int(memory[:-1]) * (1024 if memory[-1] == "M" else MIB) * 0.6
    assert "inet 10.0.2.15/24" in guest.do("ip address show dev eth0")
    eventually(lambda: re.search(r"inet6 fec0:\S+ scope (site|global) dynamic|inet6 f[de]\S+ scope (site|global)", guest.do("ip -6 address show dev eth0")), 10,
               what="an IPv6 address of the prefix")
    assert "3 packets received, 0% packet loss" in guest.do("ping -c 3 10.0.2.2")
    assert "Address" in guest.do("nslookup host.guestwire.internal 10.0.2.3")
    assert guest.do("wget -q -O - http://10.0.2.2:8000/") == "a page\n"
    assert guest.do("wget -q -O - http://10.0.2.2:8000/big | sha1sum", 120).split()[0] == host.sum
    guest.do("wget -q -O /tmp/big http://10.0.2.2:8000/big", 120)
    assert guest.do("wget -q -O - --post-file /tmp/big http://10.0.2.2:8000/", 120).strip() == host.sum
    assert guest.do("for i in 1 2; do echo to the host | nc 10.0.2.100 80; done") == 2 * "TO THE HOST\n"
    eventually(lambda: not guest.children(), 5, what="commands that are reaped when they end")
    guest.do("mkdir /tmp/pages; for i in $(seq 100); do wget -q -O /tmp/pages/$i http://10.0.2.2:8000/ & done; wait", 60)
    assert guest.do("cat /tmp/pages/* | sort | uniq -c").split() == ["100", "a", "page"]
    assert guest.power_off() == 0


def test_the_seeds_static_addresses_a_reboot_and_the_end(semu, host):
    """An idle guest costs nothing, Ctrl-a x gives the terminal back as it was."""
    guest = semu(host, "-n", "user", "-a", "console=ttyS0 quiet NET=off")
    guest.boot()
    guest.do("ip addr add 10.0.2.15/24 dev eth0")
    guest.do("ip link set eth0 up")
    guest.do("ip route add default via 10.0.2.2")
    assert "3 packets received" in guest.do("ping -c 3 10.0.2.2")
    time.sleep(1)
    before = guest.cpu_s()
    time.sleep(5)
    assert guest.cpu_s() - before < 0.02 * 5
    guest.type("reboot -f\n")
    guest.boot()
    assert "10.0.2.15" not in guest.do("ip address")
    assert termios.tcgetattr(guest.terminal) != guest.settings
    guest.type("\x01x")
    assert guest.wait() == 0
    assert termios.tcgetattr(guest.terminal) == guest.settings


def test_two_machines_at_once_have_each_a_network_of_its_own(semu, host):
    machines = [semu(host, "-n", "user") for _ in range(2)]
    for machine in machines:
        machine.boot()
        assert "inet 10.0.2.15/24" in machine.do("ip address show dev eth0")
    for machine in machines:
        assert machine.do("wget -q -O - http://10.0.2.2:8000/") == "a page\n"
        assert machine.power_off() == 0


def test_several_cards_and_a_device_tree_from_a_file(semu, host, tmp_path):
    """The tree is the one that the first machine gave its guest; it lacks the third card."""
    guest = semu(host, "-n", "user,mac=52:54:00:00:00:0a,mtu=1400", "-n", "user,net=10.0.3.0/24,mac=52:54:00:00:00:0b")
    guest.boot()
    for card, words in (("eth0", ("mtu 1400", "52:54:00:00:00:0a", "inet 10.0.2.15/24")), ("eth1", ("mtu 1500", "52:54:00:00:00:0b", "inet 10.0.3.15/24"))):
        text = guest.do(f"ip address show dev {card}")
        assert all(word in text for word in words), text
    assert "3 packets received" in guest.do("ping -c 3 -I eth1 10.0.3.2")
    tree = bytes.fromhex(guest.do("hexdump -v -e '64/1 \"%02x\" \"\\n\"' /sys/firmware/fdt").strip())
    assert guest.power_off() == 0
    (tmp_path / "minimal.dtb").write_bytes(tree)
    guest = semu(host, "-b", tmp_path / "minimal.dtb", "-n", "user", "-n", "user,net=10.0.3.0/24", "-n", "user,net=10.0.4.0/24", "-a", "console=ttyS0 quiet")
    guest.boot()
    for number in range(3):
        assert f"inet 10.0.{2 + number}.15/24" in guest.do(f"ip address show dev eth{number}")
    assert guest.power_off() == 0


def test_a_guest_that_panics_is_no_success(semu, host):
    guest = semu(host, "-n", "none", "-a", "console=ttyS0 quiet rdinit=/nothing init=/nothing panic=1", files=(kit_guest()[0], None))
    guest.expect("Kernel panic", 60)
    assert guest.wait() == 3


def test_machines_and_a_qemu_guest_share_a_network(semu, wire, tmp_path, closing):
    """Two semus and QEMU on one guestwire network: everybody reaches everybody."""
    network = wire("--uplink", "none")
    socket = network.runtime("stream")
    other = closing(guests.qemu("qemu", tmp_path, f"stream,id=n0,addr.type=unix,addr.path={socket}", mac="52:54:00:00:00:09")).ready()
    machines = [semu(Here(), "-n", f"network={network.name},mac=52:54:00:00:00:0{n}", environment=network.environment) for n in (1, 2)]
    for machine in machines:
        machine.boot()
    addresses = [re.search(r"inet (10\.[\d.]+)", machine.do("ip address show dev eth0")).group(1) for machine in machines]
    other.dhcp()
    for machine, address in zip(machines, reversed(addresses)):
        assert "3 packets received, 0% packet loss" in machine.do(f"ping -c 3 {address}")
        other.run(f"ping -c 3 {address}")


@pytest.mark.skipif(not os.environ.get("FULL"), reason="a kernel is built for it: FULL=1")
def test_the_machine_of_32_bits_boots_and_uses_its_network(semu, host):
    """Its userland is one program of our own, whose shell has no exit status: what fails says so."""
    def ask(command):
        guest.type(command + "\n")
        text = guest.expect(r"(?s)^(.*?)\n# $", 30).group(1)
        assert "(failed)" not in text, text
        return text
    guest = semu(host, "-n", "user", "-a", "console=ttyS0 quiet", files=kit_guest("--rv32"))
    assert guest.expect(r"eth0: 10\.0\.2\.15/24, gateway 10\.0\.2\.2", 60)
    guest.expect(r"guest: up after [0-9. ]+\n# $", 20)
    assert "riscv32 GNU/Linux" in ask("uname -a")
    assert "3 packets received, 0% packet loss" in ask("ping -c 3 10.0.2.2")
    assert "a page\n" in ask("wget http://10.0.2.2:8000/")
    guest.type("poweroff\n")
    assert guest.wait() == 0
