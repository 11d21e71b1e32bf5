# SPDX-License-Identifier: MIT
"""Where semu's network cards lead, and what is said when they cannot: the machine's guest is a kernel of two instructions that
waits, so that only the host's side is looked at.

    semu -n tap  <->  tap0, in a namespace, as root, as a user whose tap it is, and with a capability
    semu -n network=t  <->  guestwire up t
"""
import os
import shutil
import signal
import struct
import subprocess

import pytest

from kit import PROGRAM, eventually, need
from kit.person import Person

SEMU = os.path.join(os.path.dirname(PROGRAM), "semu")
REFUSED = ("semu: -n tap: {device}: {reason}: `sudo {program} -k {kernel} -n tap`, or{first} once `sudo setcap cap_net_admin=eip {program}`, "
           "or once `sudo ip tuntap add dev tap0 mode tap user $USER`\n")


def write_kernel(path):
    """wfi, and back to it, behind the header of an Image."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IIQQQIIQ8s4sI", 0x10500073, 0xffdff06f, 0x200000, 4096, 0, 2, 0, 0, b"RISCV\0\0\0", b"RSC\5", 0))
    os.chmod(path, 0o644)
    return path


class Machine:
    """A semu that a person started."""

    def __init__(self, person, *words):
        self.errors = person.path(f"semu-{id(self)}.err")
        with open(self.errors, "w", encoding="utf8") as error:
            self.process = subprocess.Popen(person.words(person.path("semu"), "-v", "-k", person.path("Image"), *words), env=person.environment,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=error)

    def said(self):
        with open(self.errors, encoding="utf8") as file:
            return file.read()

    def leads_to(self):
        """What it says of its first card."""
        def line():
            assert self.process.poll() is None, "semu ended: " + self.said()
            return next((line for line in self.said().split("\n") if "eth0: " in line), None)
        return eventually(line, 20, what="semu's network").split(", ", 1)[1]

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        assert "Sanitizer" not in self.said() and "runtime error" not in self.said(), self.said()


@pytest.fixture
def person(namespace, closing):
    def maker(space=None, **more):
        there = closing(Person(space or namespace(), **more))
        shutil.copy(SEMU, there.path("semu"))
        write_kernel(there.path("Image"))
        return there
    return maker


def test_a_tap_that_is_refused_is_one_line_with_the_ways_out(person):
    for tun, device, reason, first in (("yes", "tap0", "Operation not permitted", ""),
                                       ("no", "/dev/net/tun", "Permission denied", " after `sudo chmod 666 /dev/net/tun`")):
        user = person(tun=tun)
        if tun == "no" and (not user.dropped or os.stat("/dev/net/tun").st_mode & 0o006):
            continue
        program, kernel = user.path("semu"), user.path("Image")
        done = subprocess.run(user.words(program, "-k", kernel, "-n", "tap"), env=user.environment, capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 1
        assert done.stderr == REFUSED.format(device=device, reason=reason, program=program, kernel=kernel, first=first)
        assert done.stdout == ""


def test_words_that_are_wrong_start_nothing(person):
    user = person()
    for words, code, says in (("bogus", 2, "bogus: no such network; user, tap, none and network=NAME are"),
                              ("vmnet", 1, "vmnet: it is macOS's; `-n user` needs no privilege"),
                              ("network=lab", 1, "network=lab: no network lab runs; `guestwire up lab` starts one"),
                              ("user,hostfwd=nonsense", 2, "nonsense"),
                              ("tap,ifname=lo", 2, "lo: "),
                              ("user,mac=nonsense", 2, "mac=nonsense")):
        done = subprocess.run(user.words(user.path("semu"), "-k", user.path("Image"), "-n", words), env=user.environment, capture_output=True,
                              text=True, timeout=30, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr.count("\n")) == (code, 1), (words, done.returncode, done.stderr)
        assert says in done.stderr and done.stderr.startswith("semu: -n "), done.stderr


def has_carrier(space, name):
    return "LOWER_UP" in space.run("ip", "link", "show", "dev", name, check=False).stdout


def test_root_gets_taps_of_its_own(person, namespace, closing):
    if os.geteuid() != 0:
        pytest.skip("is not root")
    space = namespace()
    root = person(space, ordinary=False)
    machines = [closing(Machine(root, "-n", "tap")) for _ in range(2)]
    names = {machine.leads_to() for machine in machines}
    assert names == {"interface tap0", "interface tap1"}
    assert has_carrier(space, "tap0") and has_carrier(space, "tap1")
    # what was made for the machine goes with it
    for machine in machines:
        machine.close()
    assert space.run("ip", "link", "show", "dev", "tap0", check=False).returncode != 0


def test_a_users_own_tap_is_found_by_its_user(person, namespace, closing):
    space = namespace()
    user = person(space)
    space.run("ip", "tuntap", "add", "dev", "tap0", "mode", "tap", "user", "1")
    space.run("ip", "tuntap", "add", "dev", "tap1", "mode", "tap", "user", str(user.uid))
    space.run("ip", "link", "set", "tap1", "up")
    if user.dropped:
        assert closing(Machine(user, "-n", "tap")).leads_to() == "interface tap1"
        assert has_carrier(space, "tap1")
    # by its name, and only once
    else:
        assert closing(Machine(user, "-n", "tap,ifname=tap1")).leads_to() == "interface tap1"
    second = subprocess.run(user.words(user.path("semu"), "-k", user.path("Image"), "-n", "tap,ifname=tap1"), env=user.environment,
                            capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert second.returncode == 1 and "tap1: another process uses it" in second.stderr


def test_a_capability_is_enough(person, namespace, closing):
    if os.geteuid() != 0:
        pytest.skip("is not root")
    need("setcap")
    space = namespace()
    user = person(space)
    subprocess.run(["setcap", "cap_net_admin=eip", user.path("semu")], check=True)
    assert closing(Machine(user, "-n", "tap")).leads_to() == "interface tap0"
    assert has_carrier(space, "tap0")


def test_two_machines_join_a_network_that_is_served_and_come_back_to_it(person, closing):
    user = person()

    def up():
        user.guestwire("up", "lab", "-d", check=True)
        closing(type("Network", (), {"close": lambda self: user.guestwire("down", "lab")})())

    def joined():
        return "2 of 1024" in user.guestwire("show", "lab").stdout
    up()
    machines = [closing(Machine(user, "-n", "network=lab")) for _ in range(2)]
    assert [machine.leads_to() for machine in machines] == ["network lab"] * 2
    macs = [machine.said().split("eth0: ", 1)[1].split(",")[0] for machine in machines]
    assert macs[0] != macs[1], "the same command twice has the same address twice"
    eventually(joined, 20, what="both machines on the network")
    user.guestwire("down", "lab", check=True)
    up()
    eventually(joined, 20, what="both machines on the network again")
    assert all(machine.process.poll() is None for machine in machines)
