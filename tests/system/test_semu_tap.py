# SPDX-License-Identifier: MIT
"""A Linux in `semu -n tap`, as its manual and the seed's have it: by root, on a tap that the user owns, with a capability.

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
