# SPDX-License-Identifier: MIT
"""What the switch delivers to whom, seen by guests made of a socket and by the counters."""
import os

import pytest

from kit import eventually
from kit.frames import BROADCAST, StreamGuest, ethernet, mac_text

pytestmark = pytest.mark.asan


def packets(wire, name):
    return wire.port(name)["to_guest"]["frames"]


def port_of(wire, guest):
    return next(port["name"] for port in wire.show()["ports"] if mac_text(guest.mac) in port["macs"])


@pytest.fixture
def three(wire, closing):
    lab = wire("--uplink", "none,ipv6=off")  # no advertisement is among the frames that are counted
    guests = [closing(StreamGuest(lab.runtime("stream"))) for _ in range(3)]
    for guest in guests:
        guest.hello()
    eventually(lambda: sum(len(port["macs"]) for port in lab.show()["ports"] if port["kind"] == "stream") == 3, what="three addresses")
    for guest in guests * 2:  # the second time behind the others' broadcasts
        guest.heard_behind()
    return lab, guests


def test_unicast_reaches_only_its_port_after_learning(three):
    lab, (a, b, c) = three
    names = {guest: port_of(lab, guest) for guest in (a, b, c)}
    before = {guest: packets(lab, names[guest]) for guest in (b, c)}
    frame = ethernet(b.mac, a.mac, 0x88b5, os.urandom(100))
    for _ in range(10):
        a.send(frame)
    assert [b.receive(10.0) for _ in range(10)] == [frame] * 10
    assert packets(lab, names[b]) == before[b] + 10
    assert packets(lab, names[c]) == before[c]
    assert frame not in b.heard_behind() + c.heard_behind()


def test_an_unknown_address_floods(three):
    _, (a, b, c) = three
    frame = ethernet(b"\x52\x54\x00\xdd\xdd\xdd", a.mac, 0x88b5, os.urandom(100))
    a.send(frame)
    assert b.gets(frame) and c.gets(frame)


def test_a_guest_that_moves_to_another_port_is_found_again(three, closing):
    lab, (a, b, _) = three
    b.close()
    again = closing(StreamGuest(lab.runtime("stream"), mac=mac_text(b.mac)))
    again.hello()
    frame = ethernet(b.mac, a.mac, 0x88b5, os.urandom(100))
    eventually(lambda: (a.send(frame), frame in list(again.frames(0.2)))[1], what="the moved guest")


def test_a_guest_that_moves_while_its_old_port_is_silent_is_found_again(three, closing):
    lab, (a, b, _) = three
    again = closing(StreamGuest(lab.runtime("stream"), mac=mac_text(b.mac)))
    frame = ethernet(b.mac, a.mac, 0x88b5, os.urandom(100))

    def found():
        again.hello()
        a.send(frame)
        return frame in list(again.frames(0.2))
    eventually(found, seconds=6, what="the moved guest")
    assert "give one of them mac=" not in lab.errors()


def test_isolated_ports_reach_the_gateway_only(wire, closing, tmp_path):
    lab = wire("--uplink", "none", "--guest", f"stream,path={tmp_path}/i.sock,isolated=on", "--guest", f"stream,path={tmp_path}/o.sock")
    a, b = (closing(StreamGuest(f"{tmp_path}/i.sock")) for _ in range(2))
    free = closing(StreamGuest(f"{tmp_path}/o.sock"))
    for guest in (a, b, free):
        guest.dhcp()
        assert guest.ping()
    secret = ethernet(b.mac, a.mac, 0x88b5, b"secret" * 10)
    a.send(secret)
    a.send(ethernet(BROADCAST, a.mac, 0x88b5, b"secret" * 10))
    assert not any(b"secret" in frame for frame in b.heard_behind(a))
    assert lab.show()["drops"].get("destination-isolated", 0) == 1
    assert [frame for frame in free.heard_behind() if b"secret" in frame] == [ethernet(BROADCAST, a.mac, 0x88b5, b"secret" * 10)]
    # who is not isolated reaches them, and they him
    hello = ethernet(a.mac, free.mac, 0x88b5, b"hello" * 10)
    free.send(hello)
    assert a.gets(hello)
    back = ethernet(free.mac, a.mac, 0x88b5, b"back" * 15)
    a.send(back)
    assert free.gets(back)


def test_a_spoofed_source_is_dropped_and_counted(wire, closing, tmp_path):
    lab = wire("--uplink", "none", "--guest", f"stream,path={tmp_path}/l.sock,mac=52:54:00:00:00:77", "--guest", f"stream,path={tmp_path}/o.sock")
    honest = closing(StreamGuest(f"{tmp_path}/l.sock", mac="52:54:00:00:00:77"))
    other = closing(StreamGuest(f"{tmp_path}/o.sock"))
    other.hello()
    honest.dhcp()
    for _ in range(3):
        honest.send(ethernet(BROADCAST, b"\x52\x54\x00\x00\x00\x78", 0x88b5, b"spoof" * 10))
    own = ethernet(BROADCAST, honest.mac, 0x88b5, b"own" * 20)
    honest.send(own)
    heard = other.heard_behind(honest)
    assert own in heard and not any(b"spoof" in frame for frame in heard)
    assert lab.show()["drops"]["source-spoofed"] == 3


def test_counters_and_lease_come_back_with_the_address(wire, closing):
    lab = wire("--uplink", "none")
    guest = StreamGuest(lab.runtime("stream"), mac="52:54:00:00:00:55")
    address = guest.dhcp()
    sent = next(port for port in lab.show()["ports"] if "52:54:00:00:00:55" in port["macs"])["from_guest"]["frames"]
    guest.close()
    eventually(lambda: not any("52:54:00:00:00:55" in port["macs"] for port in lab.show()["ports"]), what="the guest left")
    again = closing(StreamGuest(lab.runtime("stream"), mac="52:54:00:00:00:55"))
    assert again.dhcp() == address
    assert next(port for port in lab.show()["ports"] if "52:54:00:00:00:55" in port["macs"])["from_guest"]["frames"] > sent


def test_an_address_is_kept_for_a_guest_that_reconnects_and_is_anothers_when_nobody_else_is_there(wire, closing):
    """Two addresses. One guest reconnects and says nothing of DHCP, as a machine does whose stream broke; the next asks for one."""
    lab = wire("--uplink", "none,dhcpend=10.0.2.16")
    away = lambda: sorted(lease["address"] for lease in lab.show()["leases"] if lease["away"])
    first, second = (StreamGuest(lab.runtime("stream")) for _ in range(2))
    assert [first.dhcp(), second.dhcp()] == ["10.0.2.15", "10.0.2.16"]
    assert away() == []
    first.close(), second.close()
    eventually(lambda: away() == ["10.0.2.15", "10.0.2.16"], what="both left")
    again = closing(StreamGuest(lab.runtime("stream"), mac=mac_text(first.mac)))
    again.hello()
    eventually(lambda: away() == ["10.0.2.16"], what="the first is back")
    third = closing(StreamGuest(lab.runtime("stream")))
    # nobody is told no: the second may be back at any moment
    assert not third._dhcp(1, 1, b"", 2, 0.5)
    again.close(), third.close()
    eventually(lambda: away() == ["10.0.2.15", "10.0.2.16"], what="all left")
    fourth = closing(StreamGuest(lab.runtime("stream")))
    assert fourth.dhcp() == "10.0.2.16"
    assert away() == ["10.0.2.15"]
    assert lab.show()["dhcp"] == {"leases_returned": 1, "leases_given_up": 1}
    eventually(lambda: f"10.0.2.16 given to another guest, was leased to {mac_text(second.mac)}" in lab.errors(), what="a line of the log")


def test_vlan_tags_pass_and_addresses_are_learned_for_each_vlan(three):
    _, (a, b, c) = three
    tag = lambda vlan, kind: b"\x81\x00" + vlan.to_bytes(2, "big") + kind.to_bytes(2, "big")
    first = BROADCAST + b.mac + tag(7, 0x88b5) + b"y" * 60
    b.send(first)
    assert a.gets(first) and c.gets(first)
    known = b.mac + a.mac + tag(7, 0x88b5) + b"z" * 60
    a.send(known)
    assert b.gets(known) and known not in c.heard_behind(a)
    other = b.mac + a.mac + tag(9, 0x88b5) + b"w" * 60
    a.send(other)
    assert b.gets(other) and c.gets(other)
