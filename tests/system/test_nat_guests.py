# SPDX-License-Identifier: MIT
# takes long
"""Real guests behind uplink=user move much by TCP, and every byte of it is known to both ends.

  qemu        QEMU under TCG, virtio-net ----------------- stream --+
  uml-tap     User Mode Linux --tapu-- br0 --tap0 (in box)---- tap --+-- guestwire, in host --veth-- world: `move` listens
  uml-packet  User Mode Linux, bess ----------------- seqpacket --+
  namespace   box -------------------------------------------- tap --+

256 MiB go once for each kind of guest and direction. Families and MTUs are spread over them so that each pair of (kind,
direction, family, MTU) values is met; the MTU is the network's and the guest's. 64 flows of 4 MiB at once follow for each
kind, the other way. FULL=1 takes every row of the matrix.

  guest       MTU    256 MiB    64 x 4 MiB
  qemu        65520  up, IPv4   down, IPv6
  qemu         1500  down, IPv6
  uml-tap      1500  up, IPv6   down, IPv4
  uml-tap     65520  down, IPv4
  uml-packet   1500  up, IPv4
  uml-packet  65520  down, IPv6 up, IPv4
  namespace   65520  up, IPv6
  namespace    1500  down, IPv4 up, IPv6"""
import itertools
import os
import re
import subprocess

import pytest

from kit import guests, need
from kit.far import WORLD

FULL = bool(os.environ.get("FULL"))
MAC = "52:54:00:00:02:01"
ONE = (256 << 20, 1)
MANY = (4 << 20, 64)
KINDS = ["qemu", "uml-tap", "uml-packet", "namespace"]
TABLE = {
    ("qemu", 65520): [("up", 4, ONE), ("down", 6, MANY)],
    ("qemu", 1500): [("down", 6, ONE)],
    ("uml-tap", 1500): [("up", 6, ONE), ("down", 4, MANY)],
    ("uml-tap", 65520): [("down", 4, ONE)],
    ("uml-packet", 1500): [("up", 4, ONE)],
    ("uml-packet", 65520): [("down", 6, ONE), ("up", 4, MANY)],
    ("namespace", 65520): [("up", 6, ONE)],
    ("namespace", 1500): [("down", 4, ONE), ("up", 6, MANY)],
}
if FULL:
    TABLE = {place: list(itertools.product(("up", "down"), (4, 6), (ONE, MANY))) for place in itertools.product(KINDS, (1500, 65520))}


class Box:
    """The namespace at the tap as a guest with a shell."""

    def __init__(self, far, move):
        self.space, self.path = far.box, os.path.dirname(move)

    def run(self, command, seconds=30):
        return self.space.run("sh", "-c", f"PATH={self.path}:$PATH; {command}", timeout=seconds).stdout


def virtual(far, kind, folder, mtu):
    """The network and a virtual machine on it, started."""
    if kind == "qemu":
        lab = far(mtu=mtu, folder=folder)
        return lab, guests.qemu(kind, folder, f"stream,id=n0,server=off,addr.type=unix,addr.path={folder}/s.sock", mac=MAC)
    if kind == "uml-packet":
        lab = far(mtu=mtu, folder=folder, guests=[f"seqpacket,path={folder}/p.sock"])
        return lab, guests.uml(kind, folder, f"transport=bess,dst={folder}/p.sock,depth=128,gro=1,mtu={mtu}", MAC)
    lab = far(mtu=mtu, folder=folder)
    lab.box.run("sh", "-ec", f"ip addr flush dev tap0; ip link add br0 mtu {mtu} type bridge; ip tuntap add tapu mode tap vnet_hdr; "
                f"ip link set tapu mtu {mtu} master br0 up; ip link set tap0 master br0; ip link set br0 up")
    return lab, guests.uml(kind, folder, f"transport=tap,ifname=tapu,depth=128,gro=1,mtu={mtu}", MAC, inside=lab.box)


def joined(far, kind, folder, mtu, closing, move, families):
    """The network and a guest on it that has addresses of these families as a guest gets them."""
    if kind == "namespace":
        lab = far(mtu=mtu)
        return lab, Box(lab, move)
    lab, guest = virtual(far, kind, folder, mtu)
    closing(guest).ready()
    # Without the waiting that only many guests at once need (RFC 4861 6.3.7, RFC 4862 5.4.2).
    guest.run("cd /proc/sys/net/ipv6/conf/eth0; echo 0 >router_solicitation_delay; echo 0 >accept_dad; cd /; "
              f"ip link set eth0 down; ip link set eth0 mtu {mtu} up")
    if 4 in families:
        guest.dhcp()
    if 6 in families:
        guest.slaac("fd00:")
    return lab, guest


def moves(lab, guest, move, direction, family, job, seconds=300):
    """What the table's cell says: the world listens, the guest connects."""
    size, flows = job
    world, inside = ("take", "send") if direction == "up" else ("give", "fetch")
    far_end = lab.start(lab.world, move, world, 9000, size, 7, flows, stdout=subprocess.PIPE, text=True)
    assert far_end.stdout.readline() == "listening\n"
    said = guest.run(f"move {inside} {WORLD[family]} 9000 {size} 7 {flows}", seconds)
    assert far_end.wait() == 0, lab.drops()
    said += far_end.stdout.read()
    assert re.findall(r"\w+", said) == ["right"] * flows, (said, lab.drops())


@pytest.mark.parametrize("kind,mtu", TABLE)
def test_much_moves_by_tcp_and_is_what_was_sent(far, tmp_path, closing, move, kind, mtu):
    cells = TABLE[kind, mtu]

    def on_one_guest(folder):
        folder.mkdir()
        lab, guest = joined(far, kind, folder, mtu, closing, move, {family for _, family, _ in cells})
        for direction, family, job in cells:
            moves(lab, guest, move, direction, family, job)
    try:
        on_one_guest(tmp_path / "first")
    except guests.OwnFault:
        on_one_guest(tmp_path / "second")


@pytest.mark.parametrize("kind", ["uml-tap", "uml-packet"])
def test_8_mib_each_way_survive_loss_reordering_and_duplication(far, tmp_path, closing, move, kind):
    need("tc", "ethtool")
    lab, guest = joined(far, kind, tmp_path, 1500, closing, move, {4, 6})
    if kind == "uml-tap":
        lab.box.run("ethtool", "-K", "tapu", "tso", "off", "gso", "off", "gro", "off")
    guests.spoil(guest)
    for direction, family in (("up", 4), ("down", 6)) if not FULL else itertools.product(("up", "down"), (4, 6)):
        moves(lab, guest, move, direction, family, (8 << 20, 1))
    assert guests.spoiled(guest) > 20, "the wire was not spoiled"
