# SPDX-License-Identifier: MIT
"""`semu -n tap` as its manual and the seed's have it: by root, on a tap that the user owns, with a capability; and never a
guest with a dead card.

    semu's guest, 192.168.10.2 --- tap0, 192.168.10.1, in the namespace `host`"""
import os
import shutil
import subprocess

import pytest

from kit import eventually, missing, need
from kit.person import Person
from kit.semu import SEMU, Semu, guest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="taps are root's to hand out")


class Typist:
    """Words that a person types at the host, with semu and the guest's files in a folder that he may read."""

    def __init__(self, person):
        self.person = person
        self.files = tuple(shutil.copy(file, person.path(os.path.basename(file))) for file in guest())
        self.semu = shutil.copy(SEMU, person.path("semu"))

    def command(self, *words):
        return self.person.words(*words)

    def close(self):
        self.person.close()


@pytest.fixture
def typist(namespace, closing):
    def make(**more):
        return closing(Typist(Person(namespace(), **more)))
    return make


def give_address(space):
    eventually(lambda: space.run("ip", "link", "show", "tap0", check=False).returncode == 0, 30, what="tap0")
    space.run("ip", "addr", "add", "192.168.10.1/24", "dev", "tap0")
    space.run("ip", "link", "set", "tap0", "up")


def use_network(machine):
    """What the seed types in the guest."""
    machine.boot()
    machine.do("ip addr add 192.168.10.2/24 dev eth0")
    machine.do("ip link set eth0 up")
    machine.do("ip route add default via 192.168.10.1")
    assert "3 packets received, 0% packet loss" in machine.do("ping -c 3 192.168.10.1")
    assert machine.power_off() == 0


def start(closing, typist):
    return closing(Semu(typist, "-n", "tap", "-a", "console=ttyS0 quiet NET=off", files=typist.files, program=typist.semu))


def test_root_makes_a_tap(typist, closing):
    root = typist(ordinary=False)
    machine = start(closing, root)
    give_address(root.person.space)
    use_network(machine)
    assert root.person.space.run("ip", "link", "show", "tap0", check=False).returncode != 0


def test_a_user_takes_the_tap_that_is_his(typist, closing):
    user = typist()
    user.person.space.run("ip", "tuntap", "add", "dev", "tap0", "mode", "tap", "user", str(user.person.uid))
    give_address(user.person.space)
    use_network(start(closing, user))
    user.person.space.run("ip", "link", "show", "tap0")


def test_a_capability_does_in_roots_place(typist, closing):
    need("setcap")
    user = typist()
    if subprocess.run(["setcap", "cap_net_admin=eip", user.semu], capture_output=True).returncode:
        missing("a file system with capabilities")
    machine = start(closing, user)
    give_address(user.person.space)
    use_network(machine)


def refusal(user):
    """What semu says, with its own words (to be pasted) replaced by SEMU."""
    words = [user.semu, "-k", user.files[0], "-n", "tap"]
    done = subprocess.run(user.command(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    assert done.returncode == 1 and done.stdout == ""
    return done.stderr.replace(" ".join(words), "SEMU -n tap").replace(user.semu, "SEMU")


@pytest.mark.parametrize("tun, line", [
    ("yes", "semu: -n tap: tap0: Operation not permitted: `sudo SEMU -n tap`, or once `sudo setcap cap_net_admin=eip SEMU`, or once "
            "`sudo ip tuntap add dev tap0 mode tap user $USER`\n"),
    ("no", "semu: -n tap: /dev/net/tun: Permission denied: `sudo SEMU -n tap`, or after `sudo chmod 666 /dev/net/tun` once "
           "`sudo setcap cap_net_admin=eip SEMU`, or once `sudo ip tuntap add dev tap0 mode tap user $USER`\n"),
    ("missing", "semu: -n /dev/net/tun: this kernel has no taps, or the file is missing; try `sudo modprobe tun`\n"),
])
def test_whoever_may_not_is_told_what_to_do(typist, tun, line):
    assert refusal(typist(tun=tun)) == line
