# SPDX-License-Identifier: MIT
# takes long
"""Real guests on one network.

  QEMU virtio --+                                  +-- User Mode Linux
                +- stream --- guestwire --- seqpacket
  QEMU rtl8139 -+                |
                               dgram --- QEMU virtio

They get addresses by DHCP and by autoconfiguration, ping each other, and move 64 MiB by TCP that arrives byte for byte."""
import re

import pytest

from kit import eventually, guests

MACS = {"virtio": "52:54:00:00:01:01", "rtl8139": "52:54:00:00:01:02", "uml": "52:54:00:00:01:03", "dgram": "52:54:00:00:01:04"}


def stream(wire):
    return f"stream,id=n0,server=off,addr.type=unix,addr.path={wire.runtime('stream')}"


@pytest.fixture
def machines(wire, tmp_path, closing):
    """Four guests with a shell, and the network they are on."""
    lab = wire()
    dgram = f"dgram,id=n0,local.type=unix,local.path={tmp_path}/d.sock,remote.type=unix,remote.path={lab.runtime('dgram')}"
    made = {
        "virtio": guests.qemu("virtio", tmp_path, stream(lab), mac=MACS["virtio"]),
        "rtl8139": guests.qemu("rtl8139", tmp_path, stream(lab), device="rtl8139", flavour="amd64", mac=MACS["rtl8139"]),
        "uml": guests.uml("uml", tmp_path, f"transport=bess,dst={lab.runtime('seqpacket')},depth=64", MACS["uml"]),
        "dgram": guests.qemu("dgram", tmp_path, dgram, mac=MACS["dgram"]),
    }
    for guest in made.values():
        closing(guest)
    for guest in made.values():
        guest.ready()
    return lab, made


def transfer(source, sink, address, seed):
    """64 MiB from one guest to another, each byte proved by the receiver."""
    sink.start(f"move take 9000 {64 << 20} {seed}")
    sink.expect("^listening", 30)
    source.run(f"move send {address} 9000 {64 << 20} {seed}", 300)
    status, text = sink.finish(60)
    assert status == 0 and "right" in text, text


def test_four_kinds_of_guests_get_addresses_ping_and_move_64_mib(machines):
    lab, made = machines
    four, six = {}, {}
    for name, guest in made.items():
        guest.start("udhcpc -i eth0 -f -q -n -t 30 -T 1 -O mtu -s /etc/udhcpc.sh")
    for name, guest in made.items():
        four[name] = re.search(r"DHCP ([\d.]+)/", guest.finish(60)[1])[1]
        lease = lab.lease_of(MACS[name])
        assert lease and lease["address"] == four[name] and lease["state"] == "bound"
    assert len(set(four.values())) == 4
    for name, guest in made.items():
        six[name] = guest.slaac("fd00:")
    names = list(made)
    for name in names:
        for other in names:
            if other != name:
                made[name].run(f"ping -c 1 -W 3 {four[other]}")
                made[name].run(f"ping -6 -c 1 -W 3 {six[other]}")
    for seed, (name, other) in enumerate(zip(names, names[1:] + names[:1])):
        transfer(made[name], made[other], (six if seed % 2 else four)[other], seed)


def test_two_guests_with_qemus_default_mac_are_named_and_the_first_goes_on(wire, tmp_path, closing):
    lab = wire()
    first = closing(guests.qemu("first", tmp_path, stream(lab)))
    first.ready()
    address = first.dhcp()
    second = closing(guests.qemu("second", tmp_path, stream(lab)))
    second.ready()
    second.run("udhcpc -i eth0 -f -q -n -t 2 -T 1 -s /etc/udhcpc.sh", check=False)
    line = eventually(lambda: next((line for line in lab.errors().splitlines() if "mac=" in line and "give one of them" in line), None),
                      what="the line about the conflict")
    ports = [port for port in lab.show()["ports"] if port["kind"] == "stream" and port["connected"]]
    assert len(ports) == 2 and all(port["name"] in line for port in ports)
    assert [port["conflict"] for port in ports].count(True) >= 1
    refused = [port["drops"].get("source-conflict", 0) for port in ports]
    assert sorted(refused)[0] == 0 and sorted(refused)[1] > 0
    first.run("ping -c 2 -W 2 10.0.2.2")
    assert lab.lease_of("52:54:00:12:34:56")["address"] == address
