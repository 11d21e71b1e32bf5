# SPDX-License-Identifier: MIT
"""guestwire as a program of a machine with the distribution's own kernel, which is another than the one that these tests run
on, and may be an older one: Debian 12's knows no offset at which a TCP socket is peeked.

    a namespace --- guestwire netns --- d0, a QEMU guest's own address, where the peer listens"""
import json

import pytest

from kit import PROGRAM, guests, images

MIB = 1 << 20
ADDRESS = {4: "192.0.2.1", 6: "2001:db8::1"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("host"))
    guest = guests.qemu("host", folder, "user,id=n0,restrict=on", memory=512, processors=2,
                        image=images.debian_host("cloud-amd64", [PROGRAM], folder))
    try:
        guest.ready()
        guest.run("mkdir -p /run /root; mount -t tmpfs r /run; export HOME=/root; ip link add d0 type dummy; ip link set d0 up; "
                  f"ip addr add {ADDRESS[4]}/24 dev d0; /bin/ip -6 addr add {ADDRESS[6]}/64 dev d0 nodad; "
                  # a host without a way out by IPv6 gives its guests none
                  "/bin/ip -6 route add default dev d0; "
                  f"echo nameserver {ADDRESS[4]} > /etc/resolv.conf")
        yield guest
    finally:
        guest.close()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("inside, outside", [("send", "take"), ("fetch", "give")], ids=["up", "down"])
def test_what_brings_much_goes_on_in_the_kernel(machine, inside, outside, family):
    """Byte for byte, and handed over from the ring, too."""
    words = f"9000 {32 * MIB} 7"
    machine.run(f"move {outside} {words} > /tmp/outside & while ! grep -q listening /tmp/outside; do sleep 0.1; done")
    said = machine.run(f"guestwire netns --name n -- sh -c 'move {inside} {ADDRESS[family]} {words} && guestwire show n --json > /tmp/show'; "
                       "wait; cat /tmp/outside", 100)
    assert "right" in said
    nat = json.loads(machine.run("cat /tmp/show"))["nat"]
    assert nat["tcp_handed_over"] == nat["tcp_connects"] == 1


def test_it_may_be_left_out(machine):
    words = f"9000 {8 * MIB} 8"
    machine.run(f"move give {words} > /tmp/outside & while ! grep -q listening /tmp/outside; do sleep 0.1; done")
    said = machine.run(f"guestwire netns --name n --uplink user,splice=off -- sh -c 'move fetch {ADDRESS[4]} {words} && "
                       "guestwire show n --json > /tmp/show'; wait", 100)
    assert "right" in said
    assert json.loads(machine.run("cat /tmp/show"))["nat"]["tcp_handed_over"] == 0
